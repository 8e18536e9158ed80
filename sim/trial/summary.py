"""The summary of each arm: response, survival, relapse by phenotype, kinetics, deaths, each with its interval.

Intervals speak of the simulation alone: what more virtual patients would change. They say nothing about the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.trial.endpoints import Rule, endpoint_times, event_free, relapse_causes
from sim.trial.estimates import Estimate, binomial_interval
from sim.trial.incidence import CumulativeIncidence, cumulative_incidence
from sim.trial.outcomes import Outcomes
from sim.trial.response import PHENOTYPES
from sim.trial.survival import SurvivalCurve

__all__ = [
    "MILESTONES",
    "RELAPSES",
    "Row",
    "longest_follow_up",
    "relapse_incidence",
    "summarise",
    "survival_curve",
    "untold",
]

#: Days that are meant by 6, 12 and 24 months.
MILESTONES = {6: 182.0, 12: 365.0, 24: 730.0}

_SURVIVAL = {"efs": "event-free survival", "os": "overall survival"}
_BEFORE = {"efs": "no event before a transplant", "os": "no death before a transplant"}
#: What a relapse of each phenotype is called.
RELAPSES = {
    "positive": "antigen-positive relapse",
    "cd19-negative": "CD19-negative relapse",
    "cd22-low": "CD22-low relapse",
    "both": "CD19-negative, CD22-low relapse",
    "switched": "lineage-switched relapse",
}

_ALWAYS_TOLD = ("cmax_median", "tmax_median", "failed")

Floats = NDArray[np.float64]


class Row(NamedTuple):
    """One line of the summary.

    Attributes
    ----------
    arm, name, label : str
        Arm, the name of the quantity in code, and in words.
    unit : {"share", "days", "cells/uL", "rows"}
    value, lower, upper : float
        Estimate and 95 % interval; NaN where the data cannot say.
    n : int
        Patients behind it.
    """

    arm: str
    name: str
    label: str
    unit: str
    value: float
    lower: float
    upper: float
    n: int


def survival_curve(
    outcomes: Outcomes, endpoint: Literal["efs", "rfs", "remission", "os"], rule: Rule
) -> SurvivalCurve | None:
    """Return the curve of those free of an endpoint's event, `sim.trial.endpoints.event_free`; None where no row has it."""
    times = endpoint_times(outcomes, endpoint, transplant=rule)
    return event_free(times.days, times.cause) if len(times.days) else None


def relapse_incidence(
    outcomes: Outcomes, rule: Rule, by: Literal["phenotype"] | None = "phenotype"
) -> CumulativeIncidence | None:
    """Return the cumulative incidence of relapse among those who responded, in days since the first infusion.

    Parameters
    ----------
    outcomes : Outcomes
    rule : {"ignored", "censored", "event", "competing"}
        What a transplant does.
    by : {"phenotype"}, optional
        A cause for each phenotype, or one for all relapses.

    Returns
    -------
    CumulativeIncidence or None
        None where nobody responded. Causes that never happen are left out, but for the first.

    Notes
    -----
    The clock starts at infusion, as in reports of "relapse within six months", though only those who responded are
    counted: before their response nobody is at risk of anything.
    """
    times = relapse_causes(outcomes, by=by, transplant=rule)
    if not len(times.days):
        return None
    happened = [k for k in range(1, len(times.causes) + 1) if k == 1 or (times.cause == k).any()]
    code = np.zeros(len(times.causes) + 1, dtype=np.int64)
    code[happened] = np.arange(1, len(happened) + 1)
    since_infusion = times.days + outcomes["cr_day"][times.row]
    return cumulative_incidence(since_infusion, code[times.cause], [times.causes[k - 1] for k in happened])


def summarise(
    outcomes: Outcomes, arms: Sequence[str], rule: Rule = "ignored", *, horizon: float = np.inf
) -> list[Row]:
    """Summarise each arm.

    Parameters
    ----------
    outcomes : Outcomes
        Rows of all arms.
    arms : sequence of str
        Arms in the order wanted.
    rule : {"ignored", "censored", "event", "competing"}
        What a transplant does to a time.
    horizon : float
        Day on which follow-up ends, from the first infusion; a milestone after it is unknown.

    Returns
    -------
    list of Row
        The same names in the same order for each arm.
    """
    rows: list[Row] = []
    for arm in arms:
        own = outcomes.arm(arm)
        computed = own.analysis_set("enrolled")
        rows.extend(Row(arm, *line) for line in _response(computed))
        rows.extend(Row(arm, *line) for line in _survival(computed, rule, horizon))
        rows.extend(Row(arm, *line) for line in _relapse(computed, rule, horizon))
        rows.extend(Row(arm, *line) for line in _kinetics(computed))
        rows.extend(Row(arm, *line) for line in _deaths(computed))
        failed = own.rows - computed.rows
        rows.append(Row(arm, "failed", "failed rows", "rows", float(failed), np.nan, np.nan, own.rows))
    return rows


def untold(row: Row) -> Row:
    """Return a line without its figure, unless it is of the kinetics or counts failures."""
    if row.name in _ALWAYS_TOLD:
        return row
    return row._replace(value=np.nan, lower=np.nan, upper=np.nan, n=0)


def longest_follow_up(outcomes: Outcomes, horizon: float) -> float:
    """Return the longest time that can be seen since enrolment or infusion, when follow-up ends on the day ``horizon``."""
    origin = outcomes["origin_day"]
    return horizon - float(origin[np.isfinite(origin)].min(initial=0.0))


_Line = tuple[str, str, str, float, float, float, int]


def _response(outcomes: Outcomes) -> Iterator[_Line]:
    # As trials report it: of all who were infused, so that an early death is no response. Untreated arms count everybody.
    infused = outcomes.analysis_set("infused")
    counted = infused if infused.rows else outcomes
    for name, label in (("cr", "complete remission"), ("mrd_negative", "MRD-negative remission")):
        values = counted[name]
        known = values[~np.isnan(values)]
        yield name, label, "share", *binomial_interval(int(known.sum()), len(known)), len(known)


def _survival(outcomes: Outcomes, rule: Rule, horizon: float) -> Iterator[_Line]:
    remission = survival_curve(outcomes, "remission", rule)
    median = _unknown() if remission is None else remission.median()
    size = 0 if remission is None else remission.size
    competes = rule == "competing"
    label = "median remission, transplant competing" if competes else "median duration of remission"
    yield "remission_median", label, "days", *median, size
    until = longest_follow_up(outcomes, horizon)
    for endpoint, label in (_BEFORE if competes else _SURVIVAL).items():
        curve = survival_curve(outcomes, endpoint, rule)  # type: ignore[arg-type]
        for months, day in MILESTONES.items():
            found = _unknown() if curve is None or day > until else curve.milestone(day)
            size = 0 if curve is None else curve.size
            yield f"{endpoint}_{months}m", f"{label} at {months} months", "share", *found, size


def _relapse(outcomes: Outcomes, rule: Rule, horizon: float) -> Iterator[_Line]:
    curve = relapse_incidence(outcomes, rule)
    for phenotype in PHENOTYPES:
        name = f"{phenotype.replace('-', '_')}_relapse"
        for months, day in MILESTONES.items():
            size = 0 if curve is None else curve.size
            found = _unknown() if curve is None or day > horizon else _share_by(curve, phenotype, day)
            yield f"{name}_{months}m", f"{RELAPSES[phenotype]} by {months} months", "share", *found, size


def _share_by(curve: CumulativeIncidence, cause: str, day: float) -> Estimate:
    """Return the cumulative incidence at a day; where nobody had the event, 0 with the interval of 0 of n."""
    if np.isnan(curve.at(curve.causes[0], day)):
        return _unknown()
    found = curve.milestone(cause, day) if cause in curve.causes else Estimate(0.0, 0.0, 0.0)
    return binomial_interval(0, curve.size) if found.value == 0.0 else found


def _kinetics(outcomes: Outcomes) -> Iterator[_Line]:
    infused = outcomes.analysis_set("infused")
    for name, label, unit in (
        ("cmax", "peak of CAR T cells in blood, median", "cells/uL"),
        ("tmax", "day of the peak, median", "days"),
    ):
        values = infused[name]
        known = values[~np.isnan(values)]
        yield f"{name}_median", label, unit, *median_interval(known), len(known)


def _deaths(outcomes: Outcomes) -> Iterator[_Line]:
    causes = outcomes["death_cause"]
    for cause in ("leukaemia", "treatment", "infection", "transplant", "background"):
        found = binomial_interval(int((causes == cause).sum()), outcomes.rows)
        yield f"death_{cause}", f"deaths, {cause}", "share", *found, outcomes.rows


def median_interval(values: Floats) -> Estimate:
    """Return the median with its 95 % interval from order statistics; NaN without values.

    Notes
    -----
    The number of values below the true median is Binomial(n, 1/2); its normal quantiles give the ranks of the ends.

    Examples
    --------
    >>> median_interval(np.arange(1.0, 102.0))
    Estimate(value=51.0, lower=41.0, upper=61.0)
    """
    size = len(values)
    if size == 0:
        return _unknown()
    ordered = np.sort(values)
    half = 0.5 * 1.959963984540054 * size**0.5
    below = max(int(np.floor(0.5 * (size - 1) - half)), 0)
    above = min(int(np.ceil(0.5 * (size - 1) + half)), size - 1)
    return Estimate(float(np.median(ordered)), float(ordered[below]), float(ordered[above]))


def _unknown() -> Estimate:
    return Estimate(np.nan, np.nan, np.nan)


def as_columns(rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    """Return the lines as columns, for a table."""
    return {name: np.array([getattr(row, name) for row in rows]) for name in Row._fields}
