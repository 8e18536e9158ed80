"""Reported outcomes beside simulated ones: the simulated figure, what a trial of that size may see, and whether they part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from sim.trial.endpoints import Endpoint, Rule, endpoint_times, event_free
from sim.trial.estimates import Estimate, binomial_interval
from sim.trial.measures import is_share, measure, population
from sim.trial.outcomes import Outcomes
from sim.trial.predictive import (
    Predictive,
    beta_binomial,
    count_predictive,
    km_medians,
    sample_predictive,
)
from sim.trial.uncertainty import Components, Grouping, components

if TYPE_CHECKING:
    from sim.trial.scenario_reported import Reported

__all__ = ["COMPARISON_COLUMNS", "Comparison", "compare_reported", "comparison_record"]

Floats = NDArray[np.float64]

_NOTHING = Estimate(float("nan"), float("nan"), float("nan"))
_TIMES: dict[str, Endpoint] = {
    "remission_days": "remission",
    "rfs_days": "rfs",
    "efs_days": "efs",
    "os_days": "os",
}


@dataclass(frozen=True)
class Comparison:
    """One reported row beside the simulation.

    Attributes
    ----------
    id, endpoint, kind : str
        Of the row.
    arms : tuple of str
        Arms that it pools.
    reported : str
        The reported figure in words.
    reported_value : float
        The same as a number: a share, a median; NaN for a band or a statement.
    simulated : Estimate
        The simulated figure with its Monte Carlo interval.
    predictive : Predictive or None
        What trials of the reported size would see, shares for counts; None where no size is reported.
    inside : bool or None
        Whether the reported figure agrees: inside the predictive interval, or the simulated figure inside the reported
        band. None where nothing can be judged.
    size : int or None
        Patients behind the reported figure.
    simulated_size : int
        Simulated patients behind the simulated one.
    unit : str
        Of a figure that is no share.
    apart : Components or None
        What the simulated share varies by, where the patients come from a posterior.
    """

    id: str
    endpoint: str
    kind: Literal["binomial", "survival", "range", "qualitative"]
    arms: tuple[str, ...]
    reported: str
    reported_value: float
    simulated: Estimate
    predictive: Predictive | None
    inside: bool | None
    size: int | None
    simulated_size: int
    unit: str
    apart: Components | None = None


def compare_reported(
    row: Reported,
    outcomes: Mapping[str, Outcomes],
    *,
    enrolled: Mapping[str, int | None] | None = None,
    transplant: Rule = "ignored",
    level: float = 0.95,
    resamples: int = 4000,
    seed: int = 0,
    grouping: Grouping | None = None,
) -> Comparison:
    """Set one reported row beside the simulated arms.

    Parameters
    ----------
    row : Reported
        The row.
    outcomes : mapping of str to Outcomes
        Each arm's rows.
    enrolled : mapping of str to int, optional
        The trial's patients in each arm, for rows that pool arms; where one is unknown all count alike.
    transplant : {"ignored", "censored", "event", "competing"}
        What a transplant does to a time to event.
    level : float
        Of the intervals.
    resamples : int
        Trials drawn for the predictive interval of a median.
    seed : int
        Of that drawing.
    grouping : Grouping, optional
        How the patients are dealt to populations of a posterior; predictive intervals then hold what is not known of
        parameters and trials.

    Returns
    -------
    Comparison

    Notes
    -----
    Where a row pools arms, so many simulated patients of each are taken that the arms stand as they did in the trial.
    Counts: beta-binomial from the simulated patients (a patient simulated several times counts once, with his
    mean), wider by what varies between populations and trials. Medians: trials of n resampled from the simulated patients and followed as documented
    (`sim.trial.predictive.km_medians`), where at least n were simulated; each trial from one population, where its patients are as many. Bands: the simulated share or median, times by
    Kaplan and Meier, either lies in the band or not. A statement gets the simulated share beside it, and no judgement.
    """
    names = (row.arm,) if row.arm is not None else (row.arms or tuple(outcomes))
    pooled = _in_proportion([outcomes[name] for name in names], names, enrolled or {})
    parts = [part.select(population(part, row.among)) for part in pooled]
    beside = _Beside(float("nan"), _NOTHING, None, None)
    apart = _apart(parts, row, grouping)
    if row.kind == "binomial" and row.events is not None and row.of is not None:
        beside = _count(row.events, row.of, _counts(parts, row), level, apart)
    elif row.kind == "survival" and row.median is not None:
        times = _times(row, parts, transplant)
        whose = None if grouping is None else _populations(row, parts, transplant, grouping)
        beside = _duration(row, row.median, times, level, (resamples, seed), whose)
    elif row.kind == "range" and row.low is not None and row.high is not None:
        beside = _band(row, (row.low, row.high), parts, transplant, level)
        if apart is not None:
            beside = beside._replace(predictive=_of_share(_counts(parts, row), apart, beside.inside, level))
    elif row.kind == "qualitative" and is_share(row.endpoint):
        beside = beside._replace(simulated=_share(parts, row, level))
    return Comparison(
        id=row.id,
        endpoint=row.endpoint,
        kind=row.kind,
        arms=names,
        reported=_in_words(row),
        reported_value=beside.value,
        simulated=beside.simulated,
        predictive=beside.predictive,
        inside=beside.inside,
        size=row.of,
        simulated_size=sum(len(np.unique(part["patient"])) for part in parts),
        unit=row.unit,
        apart=apart,
    )


#: Columns of the table of reported outcomes beside simulated ones.
COMPARISON_COLUMNS = (
    *("id", "endpoint", "arms", "kind", "reported", "reported_value"),
    *("simulated", "simulated_lower", "simulated_upper", "predictive_lower", "predictive_upper"),
    *("unit", "size", "simulated_size", "inside"),
    *("mid_p", "populations_sd", "trials_sd", "patients_sd"),
)


def comparison_record(found: Comparison) -> dict[str, Any]:
    """Return a comparison as a flat record of plain values, under the names of `COMPARISON_COLUMNS`."""
    predictive = found.predictive
    return {
        "id": found.id,
        "endpoint": found.endpoint,
        "arms": ", ".join(found.arms),
        "kind": found.kind,
        "reported": found.reported,
        "reported_value": found.reported_value,
        "simulated": found.simulated.value,
        "simulated_lower": found.simulated.lower,
        "simulated_upper": found.simulated.upper,
        "predictive_lower": np.nan if predictive is None else predictive.lower,
        "predictive_upper": np.nan if predictive is None else predictive.upper,
        "unit": found.unit,
        "size": found.size,
        "simulated_size": found.simulated_size,
        "inside": found.inside,
        "mid_p": np.nan if predictive is None else predictive.tail,
        **_spreads(found),
    }


def _spreads(found: Comparison) -> dict[str, float]:
    """Return the SDs of a share between populations, between trials, and between trials of that size by chance of the patients alone."""
    apart = found.apart
    if apart is None:
        return dict.fromkeys(("populations_sd", "trials_sd", "patients_sd"), np.nan)
    chance = apart.patients / found.size if found.size else np.nan
    return {
        "populations_sd": float(np.sqrt(apart.populations)),
        "trials_sd": float(np.sqrt(apart.trials)),
        "patients_sd": float(np.sqrt(chance)),
    }


class _Beside(NamedTuple):
    """The reported figure as a number, and what stands beside it; the fields are those of `Comparison`."""

    value: float
    simulated: Estimate
    predictive: Predictive | None
    inside: bool | None


def _count(
    events: int, of: int, counts: tuple[float, float], level: float, apart: Components | None
) -> _Beside:
    """Set a count beside its beta-binomial law; as shares."""
    simulated = binomial_interval(counts[0], sum(counts), level=level)
    if not sum(counts):
        return _Beside(events / of, simulated, None, None)
    if apart is None:
        law = beta_binomial(of, *counts)
    else:
        law = beta_binomial(of, *_beta(counts, apart.populations + apart.trials), prior=0.0)
    found = count_predictive(law, events, level)
    found = found._replace(lower=found.lower / of, upper=found.upper / of)
    return _Beside(events / of, simulated, found, found.inside)


def _beta(counts: tuple[float, float], variance: float) -> tuple[float, float]:
    """Return the parameters of the beta law that has the variance of the counts' own, with Jeffreys' prior, and another beside it."""
    a, b = counts[0] + 0.5, counts[1] + 0.5
    share = a / (a + b)
    whole = variance + share * (1.0 - share) / (a + b + 1.0)
    size = max(share * (1.0 - share) / whole - 1.0, 1e-3)
    return share * size, (1.0 - share) * size


def _of_share(
    counts: tuple[float, float], apart: Components, inside: bool | None, level: float
) -> Predictive:
    """Return the interval of a share itself, of no number of patients."""
    tails = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
    lower, upper = betaincinv(*_beta(counts, apart.populations + apart.trials), tails)
    return Predictive(float(lower), float(upper), float("nan"), bool(inside))


def _apart(parts: Sequence[Outcomes], row: Reported, grouping: Grouping | None) -> Components | None:
    """Return what a share varies by."""
    if grouping is None or not is_share(row.endpoint):
        return None
    values = np.concatenate([measure(part, row.endpoint, row.at) for part in parts])
    patients = np.concatenate([np.asarray(part["patient"], dtype=np.int64) for part in parts])
    known = np.isfinite(values)
    return components(values[known], grouping.origin(patients[known])) if known.any() else None


def _duration(
    row: Reported, median: float, times: tuple[Floats, NDArray[np.int64]], level: float, resampling: tuple[int, int],
    whose: NDArray[np.int64] | None,
) -> _Beside:  # fmt: skip
    """Set a median beside those of resampled trials."""
    days, cause = times
    simulated = _median(days, cause, level)
    # A trial of more patients than were simulated would meet the same few again and again.
    if row.of is None or len(days) < row.of:
        return _Beside(median, simulated, None, None)
    # Whom a competing transplant took never has the event: he stays at risk as long as anybody was followed.
    kept = np.where(cause == 2, days.max(), days)
    enough = whose is not None and np.median(np.unique(whose, return_counts=True)[1]) >= row.of
    sample = km_medians(kept, cause == 1, row.of, row.censored_at, *resampling, whose if enough else None)
    found = sample_predictive(sample, median, level)
    return _Beside(median, simulated, found, found.inside)


def _band(
    row: Reported, limits: tuple[float, float], parts: Sequence[Outcomes], transplant: Rule, level: float
) -> _Beside:
    """Say whether the simulated share or median lies in a reported band."""
    low, high = limits
    unreached = False
    if is_share(row.endpoint):
        simulated = _share(parts, row, level)
    else:
        days, cause = _times(row, parts, transplant)
        simulated = _median(days, cause, level)
        # A median that is not reached lies behind all that was followed.
        unreached = bool(np.isnan(simulated.value) and len(days) and days.max() >= high)
    inside = None if np.isnan(simulated.value) else bool(low <= simulated.value <= high)
    return _Beside(float("nan"), simulated, None, False if unreached else inside)


def _in_proportion(
    outcomes: Sequence[Outcomes], names: Sequence[str], enrolled: Mapping[str, int | None]
) -> list[Outcomes]:
    """Keep so many patients of each arm, the first ones, that the arms stand in the proportion of the trial."""
    sizes = [enrolled.get(name) for name in names]
    known = [float(size) for size in sizes if size is not None]
    wanted = np.array(known if len(known) == len(names) else [1.0] * len(names))
    patients = [np.unique(part["patient"]) for part in outcomes]
    scale = min(len(ids) / share for ids, share in zip(patients, wanted, strict=True))
    kept = []
    for part, ids, share in zip(outcomes, patients, wanted, strict=True):
        # Rounding keeps a full arm full.
        count = max(1, round(scale * share))
        kept.append(part.select(np.isin(part["patient"], ids[:count])))
    return kept


def _counts(parts: Sequence[Outcomes], row: Reported) -> tuple[float, float]:
    """Return simulated patients with and without the event, replicates of a patient averaged."""
    with_, without = 0.0, 0.0
    for part in parts:
        values = measure(part, row.endpoint, row.at)
        known = np.isfinite(values)
        if known.any():
            _, place = np.unique(part["patient"][known], return_inverse=True)
            share = np.bincount(place, weights=values[known]) / np.bincount(place)
            with_ += float(share.sum())
            without += float((1.0 - share).sum())
    return with_, without


def _share(parts: Sequence[Outcomes], row: Reported, level: float) -> Estimate:
    """Return the simulated share with Wilson's interval."""
    events, others = _counts(parts, row)
    return binomial_interval(events, events + others, level=level)


def _times(row: Reported, parts: Sequence[Outcomes], transplant: Rule) -> tuple[Floats, NDArray[np.int64]]:
    """Return the simulated times, and the cause of each: 0 censored, 1 the event, 2 a competing transplant."""
    endpoint = _TIMES.get(row.endpoint)
    if endpoint is None:
        return _numbers(row, parts)
    times = [endpoint_times(part, endpoint, transplant=transplant) for part in parts]
    days = np.concatenate([time.days for time in times])
    return days, np.concatenate([time.cause for time in times])


def _numbers(row: Reported, parts: Sequence[Outcomes]) -> tuple[Floats, NDArray[np.int64]]:
    """Return the simulated numbers that are known, all of them complete."""
    numbers = np.concatenate([measure(part, row.endpoint, row.at) for part in parts])
    numbers = numbers[np.isfinite(numbers)]
    return numbers, np.ones(len(numbers), dtype=np.int64)


def _populations(
    row: Reported, parts: Sequence[Outcomes], transplant: Rule, grouping: Grouping
) -> NDArray[np.int64]:
    """Return the population of each of the simulated times."""
    endpoint, found = _TIMES.get(row.endpoint), []
    for part in parts:
        patients = np.asarray(part["patient"], dtype=np.int64)
        if endpoint is None:
            patients = patients[np.isfinite(measure(part, row.endpoint, row.at))]
        else:
            patients = patients[endpoint_times(part, endpoint, transplant=transplant).row]
        found.append(grouping.origin(patients).population)
    return np.concatenate(found)


def _median(values: Floats, cause: NDArray[np.int64], level: float) -> Estimate:
    """Return the median of all simulated patients with its interval."""
    return event_free(values, cause, level=level).median() if len(values) else _NOTHING


def _in_words(row: Reported) -> str:
    """Return the reported figure as a report writes it."""
    unit = "" if row.unit == "1" else f" {row.unit}"
    if row.kind == "binomial":
        return f"{row.events} of {row.of}"
    if row.kind == "survival":
        free = f", {len(row.censored_at)} still free of the event" if row.censored_at else ""
        return f"median {row.median:g}{unit}" + (f" of {row.of}{free}" if row.of else "")
    if row.kind == "range":
        return f"{row.low:g} to {row.high:g}{unit}"
    return row.text
