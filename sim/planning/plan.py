"""Plan a trial: simulate or take a pool of patients, run the virtual trials, keep what came out with the design that it is of."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError
from sim.planning.characteristics import Characteristics, characteristics
from sim.planning.design import TrialDesign
from sim.planning.enrolment import usual_patients
from sim.planning.pool import Pool, pool_of, simulate_pool, without_transplant
from sim.planning.states import Occupation, occupation
from sim.trial.populations import grouping_of
from sim.trial.provenance import run_hash
from sim.trial.result import Result, open_run
from sim.trial.run_directory import PROVENANCE
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["TrialPlan", "carry_out", "plan_trial", "pool_source", "with_manufacturing_failure"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class TrialPlan:
    """Operating characteristics of a design.

    Attributes
    ----------
    design : TrialDesign
    scenario : Scenario
    labels : mapping of str to str
        What figures call the arms.
    rows : list of Characteristics
    states : list of Occupation
        The multi-state reading of the first analysis set.
    patients : int
        Simulated patients of each arm.
    failed : int
        Of these, rows of all arms that failed to compute.
    trials, seed : int
    settings : mapping
        All that changes numbers.
    """

    design: TrialDesign
    scenario: Scenario
    labels: Mapping[str, str]
    rows: list[Characteristics]
    states: list[Occupation]
    patients: int
    failed: int
    trials: int
    seed: int
    settings: Mapping[str, Any]

    def table(self) -> pd.DataFrame:
        """Return a row for each size, analysis set and reading; columns as in `Characteristics`."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def occupation(self) -> pd.DataFrame:
        """Return the multi-state reading: columns as in `sim.planning.states.Occupation`."""
        import pandas as pd

        return pd.DataFrame(self.states)

    def power(self, *, ax: Axes | None = None) -> Axes:
        """Draw power and type-I error over the number of patients, a line each reading and analysis set."""
        from sim import planning_plots

        return planning_plots.power(self.rows, self.design.alpha, ax=ax)

    def multi_state(self) -> list[Axes]:
        """Draw the shares of patients in each state over time, a panel an arm."""
        from sim import planning_plots

        return planning_plots.multi_state(self.states, self.labels)


def plan_trial(
    source: Scenario | Result | str | os.PathLike[str],
    *,
    arms: tuple[str, ...] | str,
    n: tuple[int, ...] | int = (),
    trials: int = 2000,
    seed: int = 0,
    patients: int | None = None,
    manufacturing_failure: float | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    **design: Any,
) -> TrialPlan:
    """Return power, type-I error, size and duration of a trial of simulated patients.

    Parameters
    ----------
    source : Scenario, Result, str or path
        A scenario, or the name or path of one; or a run that exists, or its folder, whose patients are taken as they are.
    arms : str or tuple of str
        One arm, or the new one and its control.
    n : int or tuple of int
        Patients enrolled in each arm.
    trials : int
        Virtual trials of each size.
    seed : int
        Of the patients that are simulated, and of the trials.
    patients : int, optional
        Simulated patients per arm; enough for sixteen independent pairs of the largest trial unless given.
    manufacturing_failure : float, optional
        Probability that a patient's product is never made, in place of the scenario's; these patients are simulated without an infusion.
    threads : int, optional
    progress : callable(done, total), optional
        Counts simulated patients.
    **design
        Fields of `TrialDesign`: endpoint, test, at, alpha, null_rate, looks, accrual, dropout, follow_up, readings, analyses and others.

    Returns
    -------
    TrialPlan

    Raises
    ------
    InputError
        A part of the design does not fit the scenario, or there are too few patients.

    Examples
    --------
    >>> import sim
    >>> plan = sim.plan_trial("dual-upfront", arms=("coinfused", "cd19"), n=(20, 40))   # doctest: +SKIP
    >>> plan.table()[["n", "power", "type_one"]]                                        # doctest: +SKIP
    """
    named = (arms,) if isinstance(arms, str) else tuple(arms)
    sizes = (n,) if isinstance(n, int) else tuple(n)
    known = set(TrialDesign.__dataclass_fields__)
    for word in design:
        if word not in known:
            from sim.trial.problems import suggest

            raise InputError(
                f"{word}: not a part of a design; must be a field of TrialDesign; {suggest(word, known)}"
            )
    asked = TrialDesign(arms=named, sizes=sizes, **design)
    return carry_out(
        pool_source(source, manufacturing_failure), asked, trials=trials, seed=seed, patients=patients,
        threads=threads, progress=progress,
    )  # fmt: skip


def pool_source(
    source: Scenario | Result | str | os.PathLike[str], manufacturing_failure: float | None = None
) -> Scenario | Result:
    """Return the scenario whose patients are to be simulated, or the run that holds them."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        source = open_run(path) if (path / PROVENANCE).is_file() else load(source)
    if manufacturing_failure is None:
        return source
    if isinstance(source, Result):
        raise InputError(
            "manufacturing_failure: given with a run; its patients were simulated with the scenario's own; run the scenario with it"
        )
    return with_manufacturing_failure(source, manufacturing_failure)


def with_manufacturing_failure(scenario: Scenario, probability: float) -> Scenario:
    """Return the scenario with another probability that a patient's product is never made.

    Raises
    ------
    InputError
        It is no probability.
    """
    if not (math.isfinite(probability) and 0.0 <= probability <= 1.0):
        raise InputError(f"manufacturing_failure: {probability:g}; must be from 0 to 1; give a probability")
    failure = {
        "probability": probability,
        "unit": "fraction",
        "kind": "assumed",
        "note": "set for the plan of a trial",
    }
    if scenario.manufacturing is None:
        at_once = {
            "value": 0,
            "unit": "day",
            "kind": "assumed",
            "note": "the scenario describes no making of the product",
        }
        return scenario.with_({"manufacturing": {"days": at_once, "not_infused": failure}})
    return scenario.with_({"manufacturing.not_infused": failure})


def carry_out(
    source: Scenario | Result, design: TrialDesign, *, trials: int, seed: int, patients: int | None = None,
    threads: int | None = None, progress: Progress | None = None,
) -> TrialPlan:  # fmt: skip
    """Simulate the pool where it is not there yet, and run the virtual trials; see `plan_trial`."""
    count = plan_patients(source, design, patients)
    absent: Pool | None = None
    if isinstance(source, Result):
        pool = pool_of(source, design.arms)
        if "absent" in design.readings:
            raise InputError(
                "transplant: 'absent'; a run holds patients with their transplants; name the scenario, so that they are simulated without too"
            )
    else:
        twin = without_transplant(source) if "absent" in design.readings else None
        parts = 1 if twin is None else 2
        pool = simulate_pool(source, design.arms, count, seed, threads, _part(progress, 0, parts))
        if twin is not None:
            absent = simulate_pool(twin, design.arms, count, seed, threads, _part(progress, 1, parts))
    rows = characteristics(design, pool, absent=absent, trials=trials, seed=seed)
    labels = {name: pool.scenario.arms[name].label or name for name in design.arms}
    states = occupation(pool, design.arms, design.analyses[0])
    failed = pool.failed + (0 if absent is None else absent.failed)
    return TrialPlan(
        design, pool.scenario, labels, rows, states, pool.patients, failed, trials, seed,
        settings_of(source, design, trials=trials, seed=seed, patients=count),
    )  # fmt: skip


def plan_patients(source: Scenario | Result, design: TrialDesign, patients: int | None) -> int:
    """Return how many patients of each arm the pool has.

    Raises
    ------
    ScenarioError
        There is no such arm.
    InputError
        A run has its own number, or an arm is there for its kinetics alone.
    """
    scenario = source.scenario if isinstance(source, Result) else source
    for arm in design.arms:
        if scenario.arm(arm).kinetics_only:
            raise InputError(
                f"arms: {arm}; is there for the kinetics of its cells alone; no outcome of it is told; name another"
            )
    if isinstance(source, Result):
        if patients is not None:
            raise InputError("patients: given with a run; it has its own; leave it out")
        return int(min(source.outcomes.arm(arm).rows for arm in design.arms))
    if patients is not None:
        return patients
    dealt = grouping_of(scenario)
    return usual_patients(
        max(design.sizes) * len(design.arms), 0 if dealt is None else dealt.populations * dealt.trials
    )


def settings_of(
    source: Scenario | Result, design: TrialDesign, *, trials: int, seed: int, patients: int
) -> dict[str, Any]:
    """Return all that changes the numbers of a plan, and their hash."""
    if isinstance(source, Result):
        whose = {"scenario": source.scenario.name, "run": source.hash}
    else:
        whose = {
            "scenario": source.name,
            "run": run_hash(source.with_({"patients.size": patients}), seed, source.engine.kernel),
        }
    told: dict[str, Any] = {
        **whose,
        "patients": patients,
        "trials": trials,
        "seed": seed,
        "design": asdict(design),
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return {**told, "hash": digest}


def _part(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """Return a report of one of several equal parts of the work."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, parts * total)
