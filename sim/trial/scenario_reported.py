"""What a trial reported, as data: the rows that results stand beside and that calibration reads.

=============  =================================================  ============================================================
kind           given by                                           meaning
=============  =================================================  ============================================================
binomial       ``events``, ``of``                                 events among patients
survival       ``median``, ``censored_at``, ``of``                Kaplan-Meier median, and the times of those still event-free
range          ``low``, ``high``                                  a soft band, often with our own bounds
qualitative    ``text``                                           must come out; never fitted
=============  =================================================  ============================================================
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sim.errors import InputError
from sim.trial.problems import Problem, show
from sim.trial.scenario_fields import Block, Days, Integer, Names, Text, refuse
from sim.units import canonical_unit, convert

__all__ = ["ENDPOINT_DIMENSIONS", "Reported"]

Endpoint = Literal[
    "cr",
    "mrd_negative",
    "molecular_remission",
    "remission_after_reinfusion",
    "in_remission",
    "relapse",
    "cd19_negative_relapse",
    "cd22_low_relapse",
    "antigen_loss_relapse",
    "alive",
    "transplanted",
    "cd22_ratio",
    "remission_days",
    "rfs_days",
    "efs_days",
    "os_days",
    "b_cell_recovery_day",
    "tmax",
    "cmax",
    "auc_0_28",
    "il6_index",
]

ENDPOINT_DIMENSIONS: dict[str, str] = {
    "remission_days": "time",
    "rfs_days": "time",
    "efs_days": "time",
    "os_days": "time",
    "b_cell_recovery_day": "time",
    "tmax": "time",
    "cmax": "blood",
    "il6_index": "cytokine",
}
"""Dimension of the endpoints that are not shares or ratios."""

_SHAPE: dict[str, tuple[str, ...]] = {
    "binomial": ("events", "of"),
    "survival": ("median",),
    "range": ("low", "high"),
    "qualitative": ("text",),
}
_IN_UNITS = ("median", "low", "high")

Value = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0.0)]


class Reported(Block):
    """One reported outcome.

    Attributes
    ----------
    id : str
        Unique in the scenario.
    endpoint : str
        Which simulated endpoint it stands beside.
    kind : {"binomial", "survival", "range", "qualitative"}
        Follows from what is given.
    arm, arms : str, tuple of str
        The arm, or the arms that the trial pooled; all when neither is given.
    events, of : int
        Events among patients; `of` is also the number behind a median.
    median, low, high : float
        In `unit`, which after reading is the canonical one.
    censored_at : tuple of float
        Times of those still event-free, in `unit`.
    text : str
        The statement of a qualitative row.
    unit : str
        Unit of median, censored_at, low and high; days for times.
    at : float, optional
        Day to which the row refers.
    among : str
        Whom the share or time is of.
    source, note : str
    """

    id: Names
    endpoint: Endpoint
    kind: Literal["binomial", "survival", "range", "qualitative"]
    arm: Names | None = None
    arms: tuple[Names, ...] = ()
    events: Annotated[Integer, Field(ge=0)] | None = None
    of: Annotated[Integer, Field(ge=1)] | None = None
    median: Value | None = None
    censored_at: tuple[Value, ...] = ()
    low: Value | None = None
    high: Value | None = None
    text: Text = ""
    unit: Text = "1"
    at: Days | None = None
    among: Literal[
        "enrolled",
        "infused",
        "evaluable",
        "responders",
        "relapsed",
        "reinfused",
        "cd19_negative_at_baseline",
        "transplanted",
    ] = "evaluable"
    source: Text = ""
    note: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _canonical(cls, raw: Any) -> Any:
        """Find the kind, and convert times and concentrations to the canonical unit of the endpoint."""
        if not isinstance(raw, dict):
            return raw
        row = dict(raw)
        if row.get("kind") is None:
            row["kind"] = _kind_of(row)
        return _in_canonical_unit(row)

    @model_validator(mode="after")
    def _complete(self) -> Reported:
        """Check that the row holds what its kind needs."""
        problems = [
            Problem(
                (), f"'{self.id}'", f"a {self.kind} row needs {' and '.join(_SHAPE[self.kind])}", f"add {key}"
            )
            for key in _SHAPE[self.kind]
            if getattr(self, key) in {None, ""}
        ]
        if self.events is not None and self.of is not None and self.events > self.of:
            problems.append(
                Problem(
                    ("events",), str(self.events), f"must be at most of ({self.of})", "correct one of them"
                )
            )
        if self.low is not None and self.high is not None and self.low > self.high:
            problems.append(
                Problem(("low",), show(self.low), f"must be at most high ({self.high:g})", "swap them")
            )
        if self.arm is not None and self.arms:
            problems.append(
                Problem(("arms",), show(self.arms), "a row has arm or arms, not both", "remove arm")
            )
        if problems:
            refuse(problems)
        return self


def _kind_of(row: dict[str, Any]) -> str:
    """Return the kind that the keys of a row show."""
    for kind, keys in (("survival", ("median",)), ("binomial", ("events",)), ("range", ("low", "high"))):
        if any(row.get(key) is not None for key in keys):
            return kind
    return "qualitative"


def _in_canonical_unit(row: dict[str, Any]) -> dict[str, Any]:
    dimension = ENDPOINT_DIMENSIONS.get(str(row.get("endpoint")), "fraction")
    canonical = "1" if dimension == "fraction" else canonical_unit(dimension)
    unit = row.get("unit")
    if unit is None:
        return {**row, "unit": canonical}
    if not isinstance(unit, str):
        return row
    try:
        convert(1.0, unit, dimension)
    except InputError as error:
        _, rule, fix = str(error).split("; ", 2)
        refuse([Problem(("unit",), show(unit), rule, fix)])
    for key in _IN_UNITS:
        row[key] = _converted(row.get(key), unit, dimension)
    if isinstance(row.get("censored_at"), list | tuple):
        row["censored_at"] = [_converted(value, unit, dimension) for value in row["censored_at"]]
    return {**row, "unit": canonical}


def _converted(value: Any, unit: str, dimension: str) -> Any:
    """Convert what is a number; the schema refuses the rest."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return convert(value, unit, dimension)
    return value
