"""The patients that virtual trials draw from: simulated once, and read for each endpoint, analysis set and transplant afterwards.

Days of a pool are counted from each patient's enrolment, as a trial's calendar needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.planning.design import TrialDesign
from sim.trial.cohort import draw
from sim.trial.courses import CHUNK, simulate_patients
from sim.trial.endpoints import Rule, apply_transplant_rule
from sim.trial.outcomes import Outcomes
from sim.trial.populations import grouping_of
from sim.trial.scenario import Scenario
from sim.trial.uncertainty import Grouping

if TYPE_CHECKING:
    from sim.trial.result import Result

__all__ = ["Course", "Pool", "pool_of", "simulate_pool", "without_transplant"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Progress = Callable[[int, int], None]


class Course(NamedTuple):
    """What a trial can come to know of each patient of an arm; every array has shape (patients,), days are from enrolment.

    Attributes
    ----------
    counted : ndarray of bool
        Whether the patient belongs to the analysis set and has the endpoint.
    start : ndarray
        Day from which the endpoint is counted.
    event : ndarray
        Day of the event; infinite for none before the end.
    end : ndarray
        Day on which the observation ends without an event.
    ready : ndarray
        Day after which a patient's answer to treatment is on record, so that the same wait is asked of who responded and who did not.
    response : ndarray
        Day of the response that the endpoint asks for; infinite for none, minus infinity where it asks for none. Without one a rate is 0 and a
        time ends at its start.
    """

    counted: Bools
    start: Floats
    event: Floats
    end: Floats
    ready: Floats
    response: Floats


@dataclass(frozen=True, eq=False)
class Pool:
    """Simulated patients of some arms.

    Attributes
    ----------
    scenario : Scenario
    seed : int
    outcomes : mapping of str to Outcomes
        Of each arm; the rows are the places 0, 1, ... within it.
    wait : mapping of str to ndarray, shape (patients,)
        Days from enrolment to day 0, the planned infusion.
    grouping : Grouping or None
        How patients are dealt to the populations of a posterior.
    """

    scenario: Scenario
    seed: int
    outcomes: Mapping[str, Outcomes]
    wait: Mapping[str, Floats]
    grouping: Grouping | None

    @property
    def patients(self) -> int:
        """Patients of an arm, failed ones included."""
        return min(one.rows for one in self.outcomes.values())

    @property
    def failed(self) -> int:
        """Rows that failed to compute; no trial draws them."""
        return sum(int(np.count_nonzero(one["status"])) for one in self.outcomes.values())

    def usable(self) -> Ints:
        """Return the places that were computed in every arm."""
        size = self.patients
        good = np.logical_and.reduce([one["status"][:size] == 0 for one in self.outcomes.values()])
        return np.flatnonzero(good)

    def course(self, arm: str, design: TrialDesign) -> Course:
        """Return what is known of an arm's patients under the first reading and analysis set of a design."""
        outcomes, wait, size = self.outcomes[arm], self.wait[arm], self.patients
        outcomes = outcomes.select(np.arange(outcomes.rows) < size)
        wait, analysis = wait[:size], design.analyses[0]
        # An arm that gives no product has nobody infused, and everybody treated.
        everybody = analysis == "enrolled" or (analysis == "infused" and not self.scenario.treats(arm))
        member = np.ones(size, dtype=np.bool_) if everybody else outcomes[analysis] == 1
        member = member & (outcomes["status"] == 0)
        zero = np.zeros(size) if analysis == "enrolled" else wait
        if design.rate:
            return self._rate(outcomes, wait, zero, member, design)
        return self._time(outcomes, wait, zero, member, design)

    def _rate(
        self, outcomes: Outcomes, wait: Floats, zero: Floats, member: Bools, design: TrialDesign
    ) -> Course:
        criteria = self.scenario.criteria
        value = outcomes[design.endpoint]
        known = criteria.best_by if design.endpoint == "cr" else criteria.restaging[1]
        day = outcomes["cr_day"] if design.endpoint == "cr" else np.full(len(wait), known)
        # Who is lost before the first restaging cannot be evaluated.
        start = wait + criteria.restaging[0] if design.analyses[0] == "evaluable" else zero
        never = np.full(len(wait), np.inf)
        return Course(
            member & ~np.isnan(value),
            start,
            never,
            never,
            wait + known,
            np.where(value == 1, wait + day, np.inf),
        )

    def _time(
        self, outcomes: Outcomes, wait: Floats, zero: Floats, member: Bools, design: TrialDesign
    ) -> Course:
        name, size = design.endpoint, len(wait)
        responded = outcomes["cr"] == 1
        none, cr_day = np.full(size, -np.inf), outcomes["cr_day"]
        if name == "os":
            counted, start, ready, response = member, zero, np.zeros(size), none
            died = np.isfinite(outcomes["death_day"])
            ends = np.where(died, outcomes["death_day"], outcomes["last_followup_day"])
            happened = died
        elif name == "efs":
            counted, start, response = (
                member & ~np.isnan(outcomes["cr"]),
                zero,
                np.where(responded, wait + cr_day, np.inf),
            )
            ready = wait + self.scenario.criteria.best_by
            ends, happened = cr_day + outcomes["rfs_days"], outcomes["rfs_event"] == 1
        else:
            counted, start, ready, response = member & responded, wait + cr_day, np.zeros(size), none
            ends, happened = cr_day + outcomes[f"{name}_days"], outcomes[f"{name}_event"] == 1
        reading = design.readings[0]
        rule: Rule = "ignored" if reading == "absent" else reading
        begin = np.where(np.isfinite(start), start, 0.0)
        # Who dies before day 0 of a scenario that describes no waiting dies on it.
        length = np.maximum(np.where(np.isfinite(ends), wait + ends - begin, 0.0), 0.0)
        days, cause = apply_transplant_rule(
            length, happened.astype(np.int64), wait + outcomes["transplant_day"] - begin, rule
        )
        end = np.where(cause == 0, begin + days, np.inf)
        # Where a transplant competes the event never counts, and the patient stays among those free of it to the end of the course.
        end = np.where(cause == 2, wait + self.scenario.engine.horizon, end)
        return Course(counted, start, np.where(cause == 1, begin + days, np.inf), end, ready, response)


def simulate_pool(
    scenario: Scenario, arms: Sequence[str], patients: int, seed: int, threads: int | None = None,
    progress: Progress | None = None,
) -> Pool:  # fmt: skip
    """Simulate patients of some arms, the same as `sim.trial.run.run` of that size.

    Parameters
    ----------
    scenario : Scenario
    arms : sequence of str
    patients : int
        Of each arm.
    seed : int
    threads : int, optional
    progress : callable(done, total), optional
        Counts patients of all arms.

    Raises
    ------
    ScenarioError
        There is no such arm.
    """
    for arm in arms:
        scenario.arm(arm)
    outcomes: dict[str, Outcomes] = {}
    total, done = patients * len(arms), 0
    for arm in arms:
        parts = []
        for begin in range(0, patients, CHUNK):
            places = np.arange(begin, min(begin + CHUNK, patients), dtype=np.int64)
            parts.append(simulate_patients(scenario, arm, seed, places, threads=threads))
            done += len(places)
            if progress is not None:
                progress(done, total)
        outcomes[arm] = Outcomes.concatenate(parts)
    return _pool(scenario, seed, outcomes, grouping_of(scenario))


def pool_of(result: Result, arms: Sequence[str]) -> Pool:
    """Return the patients of some arms of a run.

    Raises
    ------
    ScenarioError
        There is no such arm.
    InputError
        The run has several replicates of a patient.
    """
    for arm in arms:
        result.scenario.arm(arm)
    if result.outcomes["replicate"].any():
        raise InputError(
            "replicates: more than one of a patient; a trial enrols everybody once; run it without replicates"
        )
    outcomes = {arm: result.outcomes.arm(arm) for arm in arms}
    return _pool(result.scenario, result.seed, outcomes, result.grouping)


def without_transplant(scenario: Scenario) -> Scenario:
    """Return the same scenario in which nobody is transplanted.

    Raises
    ------
    InputError
        Nobody is transplanted in it anyway.
    """
    if all(scenario.transplant_of(arm) is None for arm in scenario.arms):
        raise InputError(
            f"transplant: 'absent'; {scenario.name} has no transplant that could be left out; leave this reading out"
        )
    changes: dict[str, object] = {f"arms.{name}.transplant": "none" for name in scenario.arms}
    return scenario.with_(changes)


def _pool(scenario: Scenario, seed: int, outcomes: Mapping[str, Outcomes], grouping: Grouping | None) -> Pool:
    """Add how long each patient waited for the infusion, which no outcome tells."""
    wait = {}
    for arm, own in outcomes.items():
        days = np.zeros(own.rows)
        if scenario.manufacturing is not None:
            days = -draw(scenario, arm, seed, own["patient"]).covariates["enrolment_day"]
        wait[arm] = days
    return Pool(scenario, seed, outcomes, wait, grouping)
