"""The analyses of many virtual trials: what is on record at a cut of the data, the test, the looks, the decision."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sim.planning.binomial import critical_counts
from sim.planning.boundaries import boundaries
from sim.planning.design import TrialDesign
from sim.planning.enrolment import Enrolment
from sim.planning.pool import Course
from sim.planning.statistics import difference, log_rank, one_sample_milestone, proportions, survival_at

__all__ = ["Decisions", "Record", "analyse", "at_cut", "full_information", "record_of", "responses"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Days by which a look follows the event that it waited for, which rounding must not leave out.
_AFTER = 1e-6


class Record(NamedTuple):
    """Courses of the patients of each trial: arrays of shape (trials, patients), the first arm before the second."""

    enrolment: Enrolment
    course: Course


class Decisions(NamedTuple):
    """What the trials came to; every array has shape (trials,).

    Attributes
    ----------
    first, second : ndarray of bool
        Whether the null hypothesis was rejected in favour of the first arm, or of the second (or of none, in one arm).
    early : ndarray of bool
        Whether the trial stopped before its last analysis, for whatever reason.
    duration : ndarray
        Days from the opening to the analysis that ended it.
    enrolled, analysed, events : ndarray
        Patients enrolled by then, and analysed; events of a time, or responses.
    """

    first: Bools
    second: Bools
    early: Bools
    duration: Floats
    enrolled: Ints
    analysed: Ints
    events: Ints


class _Look(NamedTuple):
    """One analysis of each trial."""

    cut: Floats
    statistic: Floats
    information: Ints
    analysed: Ints
    events: Ints


def record_of(enrolment: Enrolment, courses: tuple[Course, ...]) -> Record:
    """Give the patients of each trial the courses of their arm's pool."""
    size = enrolment.place.shape[1] // len(courses)
    parts = [
        [values[enrolment.place[:, arm * size : (arm + 1) * size]] for values in course]
        for arm, course in enumerate(courses)
    ]
    return Record(enrolment, Course(*(np.concatenate(both, axis=1) for both in zip(*parts, strict=True))))


def at_cut(record: Record, cut: Floats) -> tuple[Floats, Bools]:
    """Return times to event as they are on record when the data are cut.

    Parameters
    ----------
    record : Record
    cut : ndarray, shape (trials,)
        Day from the opening of the trial.

    Returns
    -------
    days : ndarray, shape (trials, patients)
        NaN for who is not analysed: outside the set, not yet enrolled or begun, or with an answer to treatment not yet asked for.
    event : ndarray of bool, shape (trials, patients)
    """
    entry, lost = record.enrolment.entry, record.enrolment.dropout
    course = record.course
    since = cut[:, None] - entry
    seen = np.minimum(since, lost)
    inside = course.counted & (since >= course.ready) & (seen >= course.start)
    answered = _answered(course, seen)
    happened = answered & (course.event <= seen)
    days = np.where(happened, course.event, np.minimum(seen, course.end)) - course.start
    days = np.where(inside, np.where(answered, days, 0.0), np.nan)
    return days, inside & (happened | ~answered)


def responses(record: Record, cut: Floats) -> tuple[Bools, Bools]:
    """Return who is analysed for a rate when the data are cut, and who has responded; who was lost before has not."""
    since = cut[:, None] - record.enrolment.entry
    course = record.course
    inside = course.counted & (since >= course.ready) & (record.enrolment.dropout >= course.start)
    return inside, inside & _answered(course, record.enrolment.dropout)


def _answered(course: Course, seen: Floats) -> Bools:
    """Return whose response is on record after so many days; nobody's who has none, however long he is followed."""
    return (course.response <= seen) & (course.response < np.inf)


def full_information(design: TrialDesign, record: Record) -> Ints:
    """Return events, or patients whose response is known, at the end of the follow-up, shape (trials,)."""
    return np.asarray((_due(design, record) <= _last_cut(design, record)[:, None]).sum(axis=1))


def analyse(design: TrialDesign, record: Record, planned: float, *, null: float | None = None) -> Decisions:
    """Analyse trials at every look of the design and decide.

    Parameters
    ----------
    design : TrialDesign
        Of one reading and analysis set.
    record : Record
    planned : float
        Information planned for the last analysis; what interim looks wait for is a share of it.
    null : float, optional
        In place of the design's null rate.

    Returns
    -------
    Decisions
    """
    if design.two_stage is not None:
        return _two_stages(design, record)
    last = _last_cut(design, record)
    due = np.sort(_due(design, record), axis=1)
    if design.events is not None:
        last = np.minimum(last, _reached(due, np.full(len(last), design.events)))
    needed = [max(1, round(share * planned)) for share in design.looks]
    cuts = [*(_reached(due, np.full(len(last), count)) for count in needed), last]
    looks = [_look(design, record, np.minimum(cut, last), null) for cut in cuts]
    final = looks[-1]
    # A look that comes no sooner than the last analysis, or with nothing new since the look before, does not take place.
    held: list[Bools] = []
    reached = np.zeros(len(last), dtype=np.int64)
    for look, cut in zip(looks[:-1], cuts[:-1], strict=True):
        takes_place = (cut < last) & (look.information > reached) & (look.information < final.information)
        reached = np.where(takes_place, look.information, reached)
        held.append(takes_place)
    held.append(np.ones(len(last), dtype=np.bool_))
    return _decide(design, looks, held, planned, record)


def _decide(
    design: TrialDesign, looks: list[_Look], held: list[Bools], planned: float, record: Record
) -> Decisions:
    """Stop each trial at the first look that crosses a boundary, or at the last."""
    bounds = _bounds(design, looks, held, planned)
    trials = len(held[0])
    stopped = np.zeros(trials, dtype=np.bool_)
    stop_at = np.full(trials, len(looks) - 1)
    first, second = np.zeros(trials, dtype=np.bool_), np.zeros(trials, dtype=np.bool_)
    for number, (look, took_place) in enumerate(zip(looks, held, strict=True)):
        going = took_place & ~stopped
        ups = going & (look.statistic > bounds[number])
        downs = going & (design.sides == 2) & (look.statistic < -bounds[number])
        ends = ups | downs
        if design.futility is not None and number < len(looks) - 1:
            ends |= going & (look.statistic < design.futility)
        first, second = first | ups, second | downs
        stop_at = np.where(ends, number, stop_at)
        stopped |= ends
    rows = np.arange(trials)
    at = {
        name: np.stack([getattr(look, name) for look in looks])[stop_at, rows]
        for name in ("cut", "analysed", "events")
    }
    enrolled = (record.enrolment.entry <= at["cut"][:, None]).sum(axis=1)
    return Decisions(
        first, second, stop_at < len(looks) - 1, at["cut"], enrolled, at["analysed"], at["events"]
    )


def _bounds(design: TrialDesign, looks: list[_Look], held: list[Bools], planned: float) -> Floats:
    """Return the boundary of each look in each trial, shape (looks, trials), by the information that it had."""
    if len(looks) == 1:
        fixed = -float(ndtri(design.alpha / design.sides)) if design.test != "binomial" else 0.0
        return np.full((1, len(held[0])), fixed)
    information = np.stack(
        [np.where(on, look.information, 0) for look, on in zip(looks, held, strict=True)], axis=1
    )
    distinct, which = np.unique(information, axis=0, return_inverse=True)
    found = np.full(distinct.shape, np.inf)
    for row, counts in enumerate(distinct):
        # The last analysis takes place whatever it has; with nothing on record its statistic is 0.
        on = np.append(counts[:-1] > 0, True)
        steps = tuple(float(max(count, 1)) for count in counts[on])
        found[row, on] = boundaries(
            steps, max(planned, 1.0), design.alpha, 2 if design.sides == 2 else 1, design.spending
        )
    return found[which.ravel()].T


def _look(design: TrialDesign, record: Record, cut: Floats, null: float | None) -> _Look:
    """Analyse every trial at a cut of its data."""
    size = record.course.start.shape[1] // len(design.arms)
    if design.rate:
        inside, responded = responses(record, cut)
        analysed, events = inside.sum(axis=1), responded.sum(axis=1)
        if len(design.arms) == 1:
            needed = critical_counts(size, float(design.null_rate or 0.0), design.alpha)
            return _Look(
                cut, (events - needed[analysed] + 0.5).astype(np.float64), analysed, analysed, events
            )
        sides = (slice(0, size), slice(size, None))
        counts = np.stack([responded[:, side].sum(axis=1) for side in sides])
        sizes = np.stack([inside[:, side].sum(axis=1) for side in sides])
        return _Look(cut, proportions(counts, sizes), analysed, analysed, events)
    days, event = at_cut(record, cut)
    analysed, events = (~np.isnan(days)).sum(axis=1), event.sum(axis=1)
    first = np.arange(days.shape[1]) < size
    if design.test == "log-rank":
        return _Look(cut, log_rank(days, event, first), events, analysed, events)
    at, mean = float(design.at or 0.0), design.test == "rmst"
    own = survival_at(days[:, first], event[:, first], at, restricted_mean=mean)
    if len(design.arms) == 1:
        statistic = one_sample_milestone(own, float(design.null_rate or 0.0) if null is None else null)
    else:
        statistic = difference(own, survival_at(days[:, ~first], event[:, ~first], at, restricted_mean=mean))
    return _Look(cut, statistic, analysed, analysed, events)


def _two_stages(design: TrialDesign, record: Record) -> Decisions:
    """Follow Simon's design: the patients of the first stage are the first to be enrolled, and the second waits for their responses."""
    stages = design.stages
    entry = record.enrolment.entry
    order = np.argsort(entry, axis=1, kind="stable")
    forever = np.full(len(entry), np.inf)
    inside, responded = responses(record, forever)
    responded = np.take_along_axis(responded, order, axis=1)
    known = np.take_along_axis(entry + np.where(inside, record.course.ready, 0.0), order, axis=1)
    early = responded[:, : stages.first].sum(axis=1) <= stages.stop
    rejects = ~early & (responded.sum(axis=1) > stages.fail)
    first_done = known[:, : stages.first].max(axis=1)
    # Enrolment rests until the first stage is known.
    begin = np.take_along_axis(entry, order, axis=1)[:, stages.first]
    rest = np.maximum(first_done - begin, 0.0)
    duration = np.where(early, first_done, known[:, stages.first :].max(axis=1) + rest)
    count = np.where(early, stages.first, stages.size)
    events = np.where(early, responded[:, : stages.first].sum(axis=1), responded.sum(axis=1))
    return Decisions(rejects, np.zeros_like(rejects), early, duration, count, count, events)


def _due(design: TrialDesign, record: Record) -> Floats:
    """Return the day, from the opening, on which each patient adds to the information; infinite for never."""
    entry, lost = record.enrolment.entry, record.enrolment.dropout
    course = record.course
    inside = course.counted & (lost >= course.start)
    if design.rate:
        return np.where(inside, entry + course.ready, np.inf)
    answered = _answered(course, lost)
    day = np.where(answered, np.where(course.event <= lost, course.event, np.inf), course.start)
    return np.where(inside, entry + np.maximum(np.maximum(day, course.ready), course.start), np.inf)


def _last_cut(design: TrialDesign, record: Record) -> Floats:
    """Return the day of the last analysis; that of a rate waits until the last response is known."""
    last: Floats = record.enrolment.entry.max(axis=1)
    if not design.rate:
        return last + design.follow_up
    ready = np.where(record.course.counted, record.enrolment.entry + record.course.ready, -np.inf)
    known: Floats = np.maximum(ready.max(axis=1), last)
    return known


def _reached(due: Floats, counts: Ints) -> Floats:
    """Return the day on which so many have come; infinite for never."""
    place = np.minimum(counts, due.shape[1]) - 1
    day = np.take_along_axis(due, place[:, None], axis=1)[:, 0]
    return np.where(counts <= due.shape[1], day + _AFTER, np.inf)
