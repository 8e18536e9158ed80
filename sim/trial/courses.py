"""Courses of virtual patients: simulated by the scenario's kernel, saved on one grid of days, seen as the trial's assay sees them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError, NumericalWarning
from sim.models.handover import hand_over
from sim.network.agents import Agents
from sim.network.handover import HandingOver, simulate_handing_over
from sim.network.simulation import KERNELS, ODE, SSA, Hybrid, TauLeap, simulate
from sim.trial.cohort import Cohort, draw
from sim.trial.draws import Score
from sim.trial.observation import OUTPUTS, Observations, observe
from sim.trial.outcomes import Outcomes, assess
from sim.trial.regimen import course_start, design_of, schedule
from sim.trial.scenario import Scenario

if TYPE_CHECKING:
    from sim.network.trajectories import Trajectories

__all__ = [
    "CHUNK",
    "HYBRID",
    "Kernel",
    "look",
    "save_days",
    "simulate_cohort",
    "simulate_patients",
    "solver_of",
]

#: The hybrid kernel of a trial. A tenth of the tolerance, and thirty times the threshold, move what a trial reports by less than another
#: draw of the same patients' luck does (docs/tolerance.py, docs/model-behaviour.md).
HYBRID = Hybrid(tolerance=0.2, threshold=300.0)
#: Patients simulated at a time.
CHUNK = 512

Kernel = str | ODE | Hybrid | SSA | TauLeap | HandingOver
Progress = Callable[[int, int], None]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def save_days(scenario: Scenario) -> Floats:
    """Return the days saved of each course: daily to day 35, every second to day 60, then every two weeks.

    Days of infusions and visits and the horizon are added. The grid depends on the scenario alone, so that a patient
    replayed later passes through the same days.
    """
    start, end = course_start(scenario), scenario.engine.horizon
    days = [np.arange(start, 35.5), np.arange(36.0, 60.5, 2.0), np.arange(74.0, end + 0.5, 14.0)]
    days.append(np.asarray(scenario.assay.visits, dtype=np.float64))
    days += [np.array([plan.day for plan in schedule(scenario, arm).infusions]) for arm in scenario.arms]
    grid = np.unique(np.concatenate([*days, [end]]))
    return grid[(grid >= start) & (grid <= end)]


def solver_of(scenario: Scenario, kernel: object) -> Kernel:
    """Return what `simulate` takes: options given, options read back from a file, or the scenario's own kernel."""
    if isinstance(kernel, ODE | Hybrid | SSA | TauLeap | HandingOver):
        return kernel
    if isinstance(kernel, Mapping):
        return _read_back(kernel["name"], kernel["options"])
    name = str(kernel)
    if name == "agents":
        engine = scenario.engine
        around = HYBRID if engine.rtol is None else replace(HYBRID, rtol=engine.rtol)
        return HandingOver(below=engine.cells_below, agents=Agents(capacity=engine.room, surroundings=around))
    if name not in KERNELS:
        known = ", ".join((*KERNELS, "agents"))
        raise InputError(f"kernel: {name!r}; must be one of {known}; choose one of these")
    if name in ("ssa", "tau_leap"):
        return KERNELS[name]()
    kind = ODE() if name == "ode" else HYBRID
    return kind if scenario.engine.rtol is None else replace(kind, rtol=scenario.engine.rtol)


def _read_back(name: str, options: Mapping[str, Any]) -> Kernel:
    """Return a kernel's options as they stand in provenance (sim/trial/provenance.py)."""
    given: dict[str, Any] = {
        str(key): float("inf") if value == "inf" else value for key, value in options.items()
    }
    if name == "agents":
        cells = dict(given["agents"])
        cells["surroundings"] = _read_back("hybrid", cells["surroundings"])
        return HandingOver(**{**given, "agents": Agents(**cells)})
    return KERNELS[name](**given)


def simulate_cohort(
    scenario: Scenario, cohort: Cohort, seed: int, kernel: object, outputs: tuple[str, ...],
    threads: int | None, first_replicate: int = 0, progress: Progress | None = None,
) -> Trajectories:  # fmt: skip
    """Simulate patients that have been drawn.

    Parameters
    ----------
    scenario : Scenario
    cohort : Cohort
        Of one of its arms.
    seed : int
    kernel : str or kernel options
    outputs : tuple of str
        Species and definitions to save; single cells have no classes, and leave those out.
    threads : int or None
    first_replicate : int
    progress : callable(done, total), optional
    """
    solver = solver_of(scenario, kernel)
    common: dict[str, Any] = {
        "seed": seed,
        "parameters": cohort.parameters,
        "initial": cohort.initial,
        "threads": threads,
        "progress": progress,
        "patients": cohort.patients,
        "first_replicate": first_replicate,
    }
    if isinstance(solver, HandingOver):
        two_ways = hand_over(design_of(scenario))
        both = (
            two_ways.outputs()
        )  # a rerun asks for everything, classes included, which single cells have not
        shared = [name for name in outputs if name in both]
        return simulate_handing_over(two_ways, save_days(scenario), solver, outputs=shared, **common)
    return simulate(cohort.network, save_days(scenario), solver, outputs=outputs, **common)


def look(scenario: Scenario, cohort: Cohort, courses: Trajectories, seed: int) -> Observations:
    """Observe the courses of some patients of an arm."""
    return observe(
        courses,
        scenario.assay,
        seed=seed,
        patients=cohort.patients,
        arm=cohort.arm,
        treated=scenario.treats(cohort.arm),
        enrolment_day=cohort.covariates["enrolment_day"],
    )


def simulate_patients(
    scenario: Scenario,
    arm: str,
    seed: int,
    patients: Ints,
    scores: Mapping[str, Score] | None = None,
    threads: int | None = None,
) -> Outcomes:
    """Simulate some patients of one arm and judge them; nothing is written.

    Parameters
    ----------
    scenario : Scenario
    arm : str
    seed : int
    patients : ndarray of int64, shape (n,)
        Places within the arm.
    scores : mapping of str to Score, optional
        Quantities whose laws are moved (`sim.trial.draws`), in place of those that the scenario's posterior moves.
    threads : int, optional

    Returns
    -------
    Outcomes
        Rows that failed keep their status.
    """
    parts = []
    for begin in range(0, len(patients), CHUNK):
        numbers = patients[begin : begin + CHUNK]
        own = scores and {name: _of_chunk(score, begin, len(numbers)) for name, score in scores.items()}
        cohort = draw(scenario, arm, seed, numbers, own)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NumericalWarning)
            courses = simulate_cohort(scenario, cohort, seed, scenario.engine.kernel, OUTPUTS, threads)
        parts.append(
            Outcomes({**assess(look(scenario, cohort, courses, seed), scenario.criteria), "patient": numbers})
        )
    return Outcomes.concatenate(parts)


def _of_chunk(score: Score, begin: int, count: int) -> Score:
    """Return what of a score belongs to some of the patients."""
    return (
        score
        if np.ndim(score.shift) == 0
        else Score(np.asarray(score.shift)[begin : begin + count], score.scale)
    )
