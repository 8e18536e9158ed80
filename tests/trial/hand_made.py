"""Courses written by hand, each output a list of (from day, value) steps, and what a trial makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.trial.observation import OUTPUTS, observe
from sim.trial.outcomes import Outcomes, assess
from sim.trial.scenario_schema import Assay, Criteria

Steps = Sequence[tuple[float, float]]

# Visits of those who are judged.
VISITS = (28, 60, 90, 180, 270, 365)

START = -7.0
# Disease before treatment, gone for every test from day 10 on.
CLEARED: Steps = ((START, 0.6), (10.0, 1e-9))

DEFAULTS: dict[str, Steps] = {
    "marrow_blast_fraction": CLEARED,
    "leukaemia_cells": ((START, 1e11),),
    "cd19_mean_density": ((START, 10_000.0),),
    "cd22_mean_density": ((START, 3000.0),),
    "b_cell_fraction": ((START, 0.0),),
}


@dataclass
class HandMade:
    """A course as `observe` reads it."""

    t: NDArray[np.float64]
    values: dict[str, NDArray[np.float64]]
    status: NDArray[np.int8]
    fired: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.values[name]

    @property
    def rows(self) -> int:
        return len(self.status)


def patient(
    blasts: Steps = CLEARED,
    *,
    events: dict[str, float] | None = None,
    failed: float | None = None,
    **outputs: Steps,
) -> dict[str, Any]:
    """One row: blasts in the marrow, other outputs by name, days of events, and from when it is not computed."""
    return {"blasts": blasts, "events": events or {}, "failed": failed, "outputs": outputs}


def course(*patients: dict[str, Any], until: float = 400.0) -> HandMade:
    """Daily values of the patients from a week before the infusion."""
    t = np.arange(START, until + 1.0)
    values = {name: np.zeros((len(patients), len(t))) for name in OUTPUTS}
    names = dict.fromkeys(name for row in patients for name in row["events"])
    fired = {name: np.full(len(patients), np.nan) for name in ("infusion_cd19_0", *names)}
    status = np.zeros(len(patients), dtype=np.int8)
    for number, row in enumerate(patients):
        steps = DEFAULTS | {"marrow_blast_fraction": row["blasts"]} | row["outputs"]
        for name, pieces in steps.items():
            for day, value in pieces:
                values[name][number, t >= day] = value
        fired["infusion_cd19_0"][number] = 0.0
        for name, day in row["events"].items():
            fired[name][number] = day
        if row["failed"] is not None:
            status[number] = 1
            for series in values.values():
                series[number, t > row["failed"]] = np.nan
    return HandMade(t, values, status, fired)


def judged(
    *patients: dict[str, Any],
    visits: tuple[float, ...] = VISITS,
    assay: dict[str, Any] | None = None,
    observed: dict[str, Any] | None = None,
    until: float = 400.0,
    **criteria: Any,
) -> Outcomes:
    """Outcomes of hand-made patients; the options of each layer by name."""
    seen = observe(
        course(*patients, until=until),
        Assay(visits=visits, **({"overt_blasts": None} | (assay or {}))),
        **({"seed": 1, "patients": np.arange(len(patients))} | (observed or {})),
    )
    return assess(seen, Criteria(**criteria))


def value(outcomes: Outcomes, name: str, row: int = 0) -> Any:
    return outcomes[name][row].item()


def relapsing(day: float, level: float = 0.3, **options: Any) -> dict[str, Any]:
    return patient(blasts=((START, 0.6), (10, 1e-9), (day, level)), **options)
