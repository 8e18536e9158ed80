"""Operating characteristics of a design: power and type-I error with their intervals, sizes, events and duration.

    pool -> blocks -> for each size: enrol -> for each reading and analysis set: record -> analyse (and again under the null) -> one row

The interval of a power is Wilson's for the trials that the pool is worth: trials that share patients agree more than independent ones, which the
means of blocks that share none tell (Korn EL, Graubard BI (1998). Survey Methodology 24:193-201). Of patients of a posterior the blocks are its
populations, so that the interval is that of the assurance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from sim.errors import InputError
from sim.network.arguments import read_whole
from sim.planning.analysis import Decisions, analyse, at_cut, full_information, record_of, responses
from sim.planning.binomial import exact_power
from sim.planning.design import ESTIMANDS, TrialDesign
from sim.planning.enrolment import Blocks, Enrolment, blocks_of, enrol
from sim.planning.pool import Course, Pool
from sim.planning.statistics import survival_at
from sim.trial.estimates import Estimate, binomial_interval
from sim.trial.uncertainty import Origin, components

__all__ = ["PILOT_TRIALS", "Characteristics", "characteristics", "clustered_interval"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

PILOT_TRIALS = 200
"""Trials, besides those that are counted, whose mean information is what interim looks are planned by."""
# Random numbers at a time: some tens of megabytes.
_AT_A_TIME = 2_000_000
_LEVEL = 0.95


class Characteristics(NamedTuple):
    """What a design does at one size, under one reading and in one analysis set.

    Attributes
    ----------
    n : int
        Patients enrolled in each arm.
    analysis, transplant, estimand : str
        Set, reading of a transplant, and the latter's strategy in the words of ICH E9(R1).
    effect_first, effect_second : float
        In the whole pool: the rate, or the share free of the event at `at` (365 days where the design names none), or the restricted mean in days; NaN
        for the second of one arm.
    power, power_lower, power_upper : float
        Share of trials that reject the null hypothesis in a direction that the test looks at, with its 95 % interval.
    favours_first, favours_second : float
        Shares of trials that reject in favour of either arm.
    type_one, type_one_lower, type_one_upper : float
        Rejections when both arms are the second; of one arm exact for a rate at the null rate, else at the pool's own milestone as null value.
    stopped_early : float
        Share of trials that end at an interim look or after the first stage.
    enrolled, analysed, events : float
        Means over the trials, all arms together, at the analysis that ended them; events are responses of a rate.
    duration : float
        Mean days from the opening to that analysis.
    population_sd, population_lower, population_upper : float
        Of patients of a posterior: SD of the power between its populations, and 5 and 95 % of the populations' powers (which chance among the trials of
        each widens); NaN otherwise.
    trials, pool : int
        Virtual trials, and independent ones that their spread is worth.
    """

    n: int
    analysis: str
    transplant: str
    estimand: str
    effect_first: float
    effect_second: float
    power: float
    power_lower: float
    power_upper: float
    favours_first: float
    favours_second: float
    type_one: float
    type_one_lower: float
    type_one_upper: float
    stopped_early: float
    enrolled: float
    analysed: float
    events: float
    duration: float
    population_sd: float
    population_lower: float
    population_upper: float
    trials: int
    pool: int


@dataclass(frozen=True, eq=False)
class _Trials:
    """Trials of one size: who is in them, and the pilot that plans their looks."""

    numbers: Ints
    blocks: Blocks
    parts: Sequence[Enrolment]
    pilot: Enrolment


def characteristics(
    design: TrialDesign, pool: Pool, *, absent: Pool | None = None, trials: int = 2000, seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Characteristics]:  # fmt: skip
    """Return the operating characteristics of a design, a row for each size, analysis set and reading.

    Parameters
    ----------
    design : TrialDesign
    pool : Pool
        With the arms of the design.
    absent : Pool, optional
        The same patients simulated without transplant; needed by the reading "absent".
    trials : int
        Virtual trials of each size.
    seed : int
        Of the virtual trials.
    progress : callable(done, total), optional
        Counts rows.

    Raises
    ------
    InputError
        The pool is too small for the largest trial, or nobody in it has the endpoint.
    """
    read_whole(trials, "trials", 10, 10_000_000)
    read_whole(seed, "seed", 0, 2**64 - 1)
    rows: list[Characteristics] = []
    total = len(design.sizes) * len(design.analyses) * len(design.readings)
    for size in design.sizes:
        entered = _enter(design, pool, size, trials, seed)
        for analysis in design.analyses:
            for reading in design.readings:
                own = absent if reading == "absent" else pool
                if own is None:
                    raise InputError(
                        "transplant: 'absent'; asks for patients simulated without transplant; give them"
                    )
                rows.append(_row(design.of(reading, analysis), own, size, entered))
                if progress is not None:
                    progress(len(rows), total)
    return rows


def clustered_interval(values: Floats, cluster: Ints) -> tuple[Estimate, int]:
    """Return the mean of 0s and 1s with its interval, and the number of independent ones that it is worth.

    Wilson's interval for p (1 - p) / SE^2 observations, SE that of the mean of cluster means, times (z/t)^2 for as many clusters; at least as many
    as there are clusters and at most as there are values.

    Parameters
    ----------
    values : ndarray, shape (n,)
    cluster : ndarray of int, shape (n,)
        Independent of each other; two or more.

    Examples
    --------
    >>> estimate, worth = clustered_interval(np.repeat([0.0, 1.0], 50), np.repeat(np.arange(10), 10))
    >>> estimate.value, worth
    (0.5, 10)
    """
    _, place = np.unique(cluster, return_inverse=True)
    means = np.bincount(place, weights=values) / np.bincount(place)
    value, count = float(values.mean()), len(means)
    spread = float(means.var(ddof=1)) / count
    narrower = float(ndtri(0.5 + _LEVEL / 2.0) / stdtrit(count - 1, 0.5 + _LEVEL / 2.0)) ** 2
    # Where all trials agree, no spread tells what they are worth.
    worth = float(len(values) if 0.0 < value < 1.0 else count)
    if spread > 0.0:
        worth = value * (1.0 - value) / spread * narrower
    worth = min(max(worth, count), len(values))
    estimate = binomial_interval(value * worth, worth, level=_LEVEL)
    return Estimate(value, estimate.lower, estimate.upper), int(worth)


def _enter(design: TrialDesign, pool: Pool, size: int, trials: int, seed: int) -> _Trials:
    """Enrol the patients of all trials of one size, which every reading shares."""
    blocks = blocks_of(pool, size * len(design.arms))
    numbers = np.arange(trials, dtype=np.int64)
    chunk = max(1, _AT_A_TIME // blocks.places.shape[1])
    parts = [
        enrol(design, size, numbers[begin : begin + chunk], seed, blocks) for begin in range(0, trials, chunk)
    ]
    pilot = enrol(design, size, np.arange(PILOT_TRIALS, dtype=np.int64), seed, blocks, pilot=True)
    return _Trials(numbers, blocks, parts, pilot)


def _row(design: TrialDesign, pool: Pool, size: int, entered: _Trials) -> Characteristics:
    courses = tuple(pool.course(arm, design) for arm in design.arms)
    for arm, course in zip(design.arms, courses, strict=True):
        if not course.counted.any():
            raise InputError(
                f"{arm}: nobody has {design.endpoint} in the analysis set {design.analyses[0]}; a trial needs some who have; choose another"
            )
    effects = [_effect(design, course) for course in courses]
    found = _run(design, entered, courses)
    rejects = (found.first | found.second).astype(np.float64)
    block = entered.numbers % len(entered.blocks.places)
    cluster = entered.blocks.cluster[block]
    power, worth = clustered_interval(rejects, cluster)
    sd, lower, upper = np.nan, np.nan, np.nan
    if pool.grouping is not None:
        _, place = np.unique(cluster, return_inverse=True)
        own = np.bincount(place, weights=rejects) / np.bincount(place)
        lower, upper = (float(edge) for edge in np.quantile(own, [0.05, 0.95]))
        sd = components(rejects, Origin(cluster, entered.blocks.trial[block])).populations ** 0.5
    first_kind = _type_one(design, size, entered, courses, effects[0], cluster)
    return Characteristics(
        size,
        design.analyses[0],
        design.readings[0],
        ESTIMANDS[design.readings[0]],
        effects[0],
        effects[1] if len(effects) == 2 else np.nan,
        *power,
        float(found.first.mean()),
        float(found.second.mean()),
        *first_kind,
        float(found.early.mean()),
        float(found.enrolled.mean()),
        float(found.analysed.mean()),
        float(found.events.mean()),
        float(found.duration.mean()),
        sd,
        lower,
        upper,
        len(rejects),
        worth,
    )


def _run(
    design: TrialDesign, entered: _Trials, courses: tuple[Course, ...], null: float | None = None
) -> Decisions:
    """Analyse all trials of one size."""
    planned = float(design.events or 0)
    if design.looks and not planned:
        planned = float(full_information(design, record_of(entered.pilot, courses)).mean())
    parts = [analyse(design, record_of(part, courses), planned, null=null) for part in entered.parts]
    return Decisions(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _type_one(
    design: TrialDesign,
    size: int,
    entered: _Trials,
    courses: tuple[Course, ...],
    effect: float,
    cluster: Ints,
) -> Estimate:
    """Return how often the null hypothesis is rejected where it holds."""
    if design.two_stage is not None:
        exact = design.stages.rejects(float(design.null_rate or 0.0))
        return Estimate(exact, exact, exact)
    if design.test == "binomial":
        rate = float(design.null_rate or 0.0)
        exact = exact_power(size, rate, rate, design.alpha)
        return Estimate(exact, exact, exact)
    if len(courses) == 1:
        if not 0.0 < effect < 1.0:
            return Estimate(np.nan, np.nan, np.nan)
        found = _run(design, entered, courses, null=effect)
    else:
        found = _run(design, entered, (courses[1], courses[1]))
    return clustered_interval((found.first | found.second).astype(np.float64), cluster)[0]


def _effect(design: TrialDesign, course: Course) -> float:
    """Return what a trial of the whole arm would find, with nobody lost and every course followed to its end."""
    everybody = np.arange(len(course.counted))[None, :]
    still = np.zeros(everybody.shape)
    record = record_of(
        Enrolment(np.zeros(1, np.int64), everybody, still, np.full(still.shape, np.inf)), (course,)
    )
    cut = np.array([1e9])
    if design.rate:
        inside, responded = responses(record, cut)
        return float(responded.sum() / inside.sum())
    days, event = at_cut(record, cut)
    found = survival_at(days, event, design.at or 365.0, restricted_mean=design.test == "rmst")
    return float(found.value[0])
