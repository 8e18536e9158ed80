"""Small trials of which the tests of behaviour ask what they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.network.simulation import ODE, Hybrid, simulate
from sim.network.trajectories import Trajectories
from sim.trial.cohort import Cohort
from sim.trial.courses import HYBRID
from sim.trial.scenario import Scenario

SEED = 0
"""One seed for every cohort: never chosen for what it gives."""

THRESHOLD = {"cd19": 160.0, "cd22": 1500.0}
OVERT = {"distribution": "uniform", "low": 0.05, "high": 0.95}
VISITS = (28, 60, 90, 120, 150, 180, 240, 300, 365, 455, 545, 635, 730)


POPULATIONS: dict[str, Any] = {}
"""Block ``patients.posterior`` of every trial; empty takes the model's own laws. `measure` fills it, before anything is simulated."""


def populated(scenario: Scenario) -> Scenario:
    """Return a scenario whose patients come from the populations that are asked for."""
    return scenario.with_({"patients.posterior": POPULATIONS or None})


def product(*targets: str, **changes: Any) -> dict[str, Any]:
    """Return the block of a product with the thresholds of the shipped scenarios."""
    shape = {} if len(targets) == 1 else {"architecture": "tandem", "arm_strength": 0.8}
    threshold = {target: THRESHOLD[target] for target in targets}
    return {"targets": list(targets), "threshold": threshold, **shape, **changes}


def infusion(product_name: str, dose: float = 2e6, day: float = 0.0, **changes: Any) -> dict[str, Any]:
    """Return one infusion of an arm; the dose in cells/kg."""
    return {"product": product_name, "day": day, "dose": dose, **changes}


def trial(
    arms: Mapping[str, Any],
    *,
    products: Mapping[str, Any] | None = None,
    patients: Mapping[str, Any] | None = None,
    horizon: float = 730.0,
    **blocks: Any,
) -> Scenario:
    """Return a paired trial: every arm treats the same adults with overt disease, after lymphodepletion.

    An arm is a block, or the list of its infusions.
    """
    document = {
        "schema_version": 1,
        "name": "behaviour",
        "products": products
        if products is not None
        else {"cd19": product("cd19"), "cd22": product("cd22"), "tandem": product("cd19", "cd22")},
        "patients": {
            "size": 100,
            "paired": True,
            "weight": {"distribution": "lognormal", "median": 70, "log_sd": 0.25, "low": 20, "high": 160},
            "burden": OVERT,
            **(patients or {}),
        },
        "lymphodepletion": {
            "start": -4,
            "depth": {"distribution": "lognormal", "median": 0.04, "log_sd": 0.5, "low": 0.002, "high": 1},
        },
        "arms": {name: arm if isinstance(arm, Mapping) else {"infusions": arm} for name, arm in arms.items()},
        "assay": {"visits": [day for day in VISITS if day <= horizon]},
        "engine": {"horizon": horizon},
        **blocks,
    }
    return populated(Scenario.parse(document))


def courses(
    cohort: Cohort,
    days: NDArray[np.float64],
    outputs: tuple[str, ...],
    kernel: str | ODE | Hybrid = HYBRID,
    n: int = 1,
    threads: int = 1,
) -> Trajectories:
    """Simulate a cohort as a trial does, and save what it would not see."""
    return simulate(
        cohort.network,
        days,
        kernel,
        n=n,
        seed=SEED,
        parameters=cohort.parameters,
        initial=cohort.initial,
        outputs=outputs,
        patients=cohort.patients,
        threads=threads,
    )
