"""A whole calibration: the posterior, those that leave a trial out, what they say of themselves, and the tables that scenarios draw from.

The folder of a study holds what was computed on the way (patients, chains), so that the same command goes on where it was, and ``posterior/``
with the tables of populations and their notes. A calibration that misses what is asked of it says so in ``shortfalls``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sim
from calibration.inference import CHAINS, PARTS, Effort, Found, Inference, Posterior
from calibration.problem import Problem, Told
from calibration.reliability import confirm, fresh_figures, learned, noise_at, power_scaling, ridges
from calibration.tables import spaced, write_notes, write_table
from calibration.targets import FITTED, KINETICS, LEFT_OUT
from sim.trial.provenance import versions

__all__ = ["Study", "calibrate", "shortfalls"]

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

POPULATIONS = 400
"""Draws that are kept."""
POPULATIONS_WITHOUT = 200
FRESH = 50
"""Draws whose figures are confirmed by fresh patients."""
LEAST_RHAT, LEAST_EFFECTIVE, LEAST_PATIENTS, MOST_NOISE, MOST_SCATTER = 1.01, 400.0, 300.0, 1.0, 2.0
CONFIRMED = 1e-3
"""Chance at which right figures are taken for wrong ones, of all shares together."""


@dataclass(frozen=True, eq=False)
class Study:
    """What a calibration found.

    Attributes
    ----------
    posterior : Found
    problem : Problem
    without : mapping of str to Found
        By the trial that was left out.
    notes : dict
        What stands beside the tables.
    """

    posterior: Found
    problem: Problem
    without: dict[str, Found]
    notes: dict[str, Any]


def calibrate(
    folder: Path,
    seed: int = 0,
    effort: Effort | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    fresh: int = 400,
) -> Study:
    """Calibrate to what the trials reported, and write the tables.

    Parameters
    ----------
    folder : Path
        What is there is not computed again.
    seed : int
    effort : Effort, optional
    threads : int, optional
        Changes no byte.
    progress : callable(stage, done, total), optional
    fresh : int
        Fresh patients of each arm for each of the draws that are confirmed.

    Raises
    ------
    StorageError
        When the folder cannot be written.
    """
    inference = Inference(folder, seed, effort or Effort(), threads, progress)
    posterior, problem = inference.run()
    without = {trial: inference.without(trial, posterior, problem) for trial in problem.trials}
    kept = problem.points(spaced(posterior.draws, POPULATIONS))
    notes = {
        **_provenance(inference),
        **_said(posterior, problem, inference, fresh),
        "without": {trial: _checked(one, problem, inference, fresh, trial) for trial, one in without.items()},
    }
    notes["shortfalls"] = shortfalls(notes)
    place = folder / "posterior"
    write_table(place, kept)
    for trial, one in without.items():
        write_table(place, problem.points(spaced(one.draws, POPULATIONS_WITHOUT)), trial)
    write_notes(place, problem.trials, notes)
    return Study(posterior, problem, without, notes)


def _provenance(inference: Inference) -> dict[str, Any]:
    return {
        "version": sim.__version__,
        "versions": versions(),
        "seed": inference.seed,
        "effort": asdict(inference.effort),
        "chains": CHAINS,
        "parts": PARTS,
        "fitted": {name: list(rows) for name, rows in FITTED.items()},
        "left_out": {f"{scenario}, {row}": why for (scenario, row), why in LEFT_OUT.items()},
        "kinetics": [asdict(one) for one in KINETICS],
        "scenario_hashes": {name: one.content_hash() for name, one in inference.scenarios.items()},
    }


def _said(posterior: Found, problem: Problem, inference: Inference, fresh: int) -> dict[str, Any]:
    """Return what the posterior says of itself."""
    draws = posterior.draws.reshape(-1, posterior.draws.shape[2])
    levels = posterior.log_likelihoods.reshape(-1)
    names = posterior.names
    told = posterior.emulator.tell(problem.points(spaced(posterior.draws, POPULATIONS)))
    quantities = len(names) - 3 * (1 + len(problem.trials))
    return {
        **_checked(posterior, problem, inference, fresh),
        "power_scaling": [
            {**asdict(one), "reading": one.reading}
            for one in power_scaling(draws, levels, names[:quantities])
        ],
        "ridges": [list(pair) for pair in ridges(draws, names)],
        "figures": [
            {
                "target": target.name,
                "5 %": float(np.nanquantile(figure[:, 0], 0.05)),
                "median": float(np.nanmedian(figure[:, 0])),
                "95 %": float(np.nanquantile(figure[:, 0], 0.95)),
            }
            for target, figure in zip(problem.targets, told.figures, strict=True)
        ],
    }


def _checked(
    posterior: Found, problem: Problem, inference: Inference, fresh: int, leave_out: str | None = None
) -> dict[str, Any]:
    """Return whether chains and the figures that they read may be believed; of a trial that was left out no figure was read."""
    draws = posterior.draws.reshape(-1, posterior.draws.shape[2])
    some = problem.points(spaced(posterior.draws, POPULATIONS))
    told, weighed = posterior.emulator.tell(some), problem.tell(some, inference.threads)
    support, bank = (
        {arm: one for arm, one in _support(problem, found).items() if arm.split(", ")[0] != leave_out}
        for found in (told, weighed)
    )
    mode = draws[int(np.argmax(levels_under_prior(posterior, problem)))]
    checked = problem.points(some.values[:FRESH])
    seed = inference.seed + 1
    new = fresh_figures(problem, inference.scenarios, checked, fresh, seed, inference.threads)
    read = {problem.targets[k].name for k in problem.kept(leave_out)}
    return {
        "table": posterior.table(),
        "effective_patients": support,
        "bank_patients": bank,
        "noise_at_mode": noise_at(posterior.emulator, mode, inference.seed, problem.kept(leave_out)),
        "learned": [
            _finite(one._asdict()) for one in learned(posterior.emulator, some, weighed) if one.target in read
        ],
        "confirmation": [
            one._asdict() for one in confirm(posterior.emulator, checked, new) if one.target in read
        ],
    }


def _support(problem: Problem, told: Told) -> dict[str, dict[str, float]]:
    return {
        f"{name}, {arm}": {
            "least": float(column.min()),
            "5 %": float(np.quantile(column, 0.05)),
            "median": float(np.median(column)),
        }
        for (name, arm), column in zip(problem.arms, told.effective.T, strict=True)
    }


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in values.items()
    }


def levels_under_prior(posterior: Posterior, problem: Problem) -> Floats:
    """Return the log density of all draws up to a constant, shape (chains * draws,)."""
    draws = posterior.draws.reshape(-1, problem.dimension)
    return np.asarray(posterior.log_likelihoods.reshape(-1) - 0.5 * (draws**2).sum(axis=1))


def shortfalls(notes: dict[str, Any]) -> list[str]:
    """Return what was asked of a calibration and not reached, a line each."""
    of_others = [
        f"without {trial}: {line}" for trial, one in notes.get("without", {}).items() for line in _short(one)
    ]
    return _short(notes) + of_others


def _short(notes: dict[str, Any]) -> list[str]:
    from scipy.stats import chi2

    found = []
    worst = max(notes["table"], key=lambda row: row["rhat"])
    if not worst["rhat"] <= LEAST_RHAT:
        found.append(f"R-hat {worst['rhat']:.3f} of {worst['name']}; at most {LEAST_RHAT}")
    least = min(notes["table"], key=lambda row: row["effective"])
    if not least["effective"] >= LEAST_EFFECTIVE:
        found.append(
            f"effective draws {least['effective']:.0f} of {least['name']}; at least {LEAST_EFFECTIVE:.0f}"
        )
    for arm, numbers in notes["effective_patients"].items():
        if not numbers["5 %"] >= LEAST_PATIENTS:
            found.append(
                f"effective patients {numbers['5 %']:.0f} of {arm} under one draw in twenty; at least {LEAST_PATIENTS:.0f}"
            )
    noise = notes["noise_at_mode"]
    if not noise <= MOST_NOISE:
        found.append(f"SD of the log likelihood at the mode {noise:.2f}; at most {MOST_NOISE:.0f}")
    found += [
        f"{one['target']}: learned figures lie {one['scatter']:.1f} SDs from the bank's, {one['bias']:+.1f} in the mean; at most {MOST_SCATTER:.0f}"
        for one in notes["learned"]
        if one["scatter"] is not None and one["scatter"] > MOST_SCATTER
    ]
    tests = notes["confirmation"]
    found += [
        f"{one['target']}: figures of fresh patients part from the learned ones by {one['bias']:.3f} +- {one['error']:.3f} in the logarithm"
        for one in tests
        if chi2.sf(one["chi_square"], one["draws"]) < CONFIRMED / len(tests)
    ]
    return found
