"""Rivals of the model, each calibrated as it is: what must fit worse, and what might do as well.

A rival is the same model with something changed in every scenario. Each is fitted in a folder of its own, with the same effort, so that its quantities
go where they serve it best; then the log likelihoods are compared. A negative control takes away a mechanism without which the reports cannot
come about: it must fit worse. A structural rival explains the same reports otherwise: where it does as well, the reports cannot tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calibration.inference import Effort, Inference
from calibration.reliability import noise_at
from calibration.study import levels_under_prior
from calibration.tables import spaced, write_notes, write_table

__all__ = ["RIVALS", "Fit", "Rival", "fit"]

Progress = Callable[[str, int, int], None]


POPULATIONS = 200
"""Draws that are kept of each."""


@dataclass(frozen=True)
class Rival:
    """A form of the model.

    Attributes
    ----------
    name, meaning : str
    changes : mapping of str to value
        By dotted path of a scenario.
    control : bool
        Whether it must fit worse.
    """

    name: str
    meaning: str
    changes: Mapping[str, Any]
    control: bool


RIVALS = (
    Rival("as shipped", "two hits, additive recognition, whole numbers of cells", {}, control=False),
    Rival(
        "no antigen loss",
        "neither CD19 nor CD22 is ever lost, and all cells of a patient have the same CD22",
        {
            "parameters.first_hit_rate": 0.0,
            "parameters.second_hit_rate": 0.0,
            "parameters.cd22_loss_rate": 0.0,
            "parameters.cd22_spread": 0.02,
        },
        control=True,
    ),
    Rival(
        "mean field",
        "an ODE, in which no population ever ends",
        {"engine.kernel": "ode"},
        control=True,
    ),
    Rival(
        "no lymphodepletion", "the host's lymphocytes are there at infusion", {"lymphodepletion": None}, control=True
    ),
    Rival(
        "expanded clone",
        "every patient's CD19-negative clone was multiplied about a hundredfold before, as by an earlier drug",
        {
            "patients.prior_cd19_therapy": 1.0,
            "patients.cd19_clone_factor": {"distribution": "lognormal", "median": 100.0, "log_sd": 1.0},
        },
        control=False,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """How well a rival fits.

    Attributes
    ----------
    rival : Rival
    best, mean, sd : float
        Log likelihood of the draw of the greatest density, and over the draws.
    noise : float
        SD of the log likelihood at that draw, from what is not known of its figures.
    each : mapping of str to float
        Mean log likelihood of each target.
    rhat, effective : float
        Greatest and least of all numbers of its chains.
    """

    rival: Rival
    best: float
    mean: float
    sd: float
    noise: float
    each: Mapping[str, float]
    rhat: float
    effective: float

    def worse_than(self, shipped: Fit) -> bool:
        """Say whether it fits worse than the model as it ships, by more than twice what is not known of both."""
        return shipped.mean - self.mean > 2.0 * math.hypot(self.noise, shipped.noise)


def fit(
    rival: Rival, folder: Path, effort: Effort, seed: int = 0, threads: int | None = None, progress: Progress | None = None
) -> Fit:  # fmt: skip
    """Calibrate a rival.

    Parameters
    ----------
    rival : Rival
    folder : Path
        Of this rival alone.
    effort : Effort
    seed : int
    threads : int, optional
    progress : callable(stage, done, total), optional
    """
    inference = Inference(folder, seed, effort, threads, progress, rival.changes)
    posterior, problem = inference.run()
    write_table(folder / "posterior", problem.points(spaced(posterior.draws, POPULATIONS)))
    write_notes(folder / "posterior", problem.trials, {"rival": rival.name, "seed": seed})
    levels = posterior.log_likelihoods.reshape(-1)
    draws = posterior.draws.reshape(-1, problem.dimension)
    mode = int(np.argmax(levels_under_prior(posterior, problem)))
    some = problem.points(draws[:: max(1, len(draws) // 200)])
    each = problem.log_likelihood(posterior.emulator.tell(some)).mean(axis=0)
    return Fit(
        rival,
        float(levels[mode]),
        float(levels.mean()),
        float(levels.std()),
        noise_at(posterior.emulator, draws[mode], seed),
        {target.name: float(one) for target, one in zip(problem.targets, each, strict=True)},
        max(row["rhat"] for row in posterior.table()),
        min(row["effective"] for row in posterior.table()),
    )
