r"""Whether a posterior may be believed, given how it was found: few patients behind a figure, a bank that is not the population, a prior that decides.

=======================  ==========================================================================================================
question                 answer
=======================  ==========================================================================================================
enough patients?         how many leave each arm's figures as uncertain as they are (`calibration.emulator`)
how noisy?               SD of the log likelihood at the mode from what is not known of the figures (`noise_at`)
are figures learned?     those that chains read beside those weighed from the bank, in standard errors (`learned`)
are figures right?       those that chains read beside those of fresh patients at some draws, in standard errors (`confirm`)
what does the prior do?  distance of the posterior from those with a prior or a likelihood of another power (`power_scaling`)
what is not told apart?  pairs of numbers whose draws are correlated (`ridges`)
=======================  ==========================================================================================================

Power scaling: Kallioinen et al., Stat. Comput. 34 (2024) 57; the distance is the square root of the cumulative Jensen-Shannon divergence of
Nguyen and Vreeken (2015), scaled to lie between 0 and 1; a gradient above 0.05 is taken as a dependence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.bank import COLUMNS, ArmBank
from calibration.emulator import Emulator
from calibration.population import COORDINATES, Points
from calibration.problem import Problem, Told
from calibration.targets import Duration, Middle, targets_of
from sim.trial.courses import simulate_patients
from sim.trial.draws import Score
from sim.trial.outcomes import Outcomes
from sim.trial.scenario import Scenario

__all__ = [
    "Confirmation",
    "Learned",
    "PowerScaling",
    "confirm",
    "fresh_figures",
    "learned",
    "noise_at",
    "power_scaling",
    "ridges",
]

Floats = NDArray[np.float64]
Arm = tuple[str, str]

POSSIBLE = 400
"""Figures drawn as they might be."""
FIRM = 1000.0
"""Effective patients of the bank from which its figures' own errors are trusted."""


def noise_at(emulator: Emulator, point: Floats, seed: int, kept: Sequence[int] | None = None) -> float:
    """Return the SD of the log likelihood at a point that comes from what is not known of its figures.

    Parameters
    ----------
    emulator : Emulator
    point : ndarray, shape (dimension,)
    seed : int
    kept : sequence of int, optional
        Places of the targets that count; all unless given.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, 3]))
    points = emulator.problem.points(np.tile(point, (POSSIBLE, 1)))
    each = emulator.problem.log_likelihood(emulator.sample(points, generator))
    levels = (each if kept is None else each[:, kept]).sum(axis=1)
    return float(np.std(levels, ddof=1))


class Learned(NamedTuple):
    """How learned figures of a target lie beside those weighed from the bank, at the same points.

    Attributes
    ----------
    target : str
    patients : float
        How many patients, in the middle of the points, would leave the figure as uncertain as it is when learned; NaN of a median.
    bias, scatter : float
        Mean and root mean square of their differences, in SDs of both errors together; near 0 and, since both rest on the same patients, below 1.
    points : int
        With at least `FIRM` effective patients in the bank.
    """

    target: str
    patients: float
    bias: float
    scatter: float
    points: int


def learned(emulator: Emulator, points: Points, told: Told) -> list[Learned]:
    """Set learned figures beside the bank's.

    Parameters
    ----------
    emulator : Emulator
    points : Points
    told : Told
        What the bank tells of them.
    """
    found = []
    problem, arms = emulator.problem, list(emulator.problem.arms)
    numbers, figures = emulator.numbers(points), emulator.tell(points).figures
    for k, target in enumerate(problem.targets):
        firm = told.effective[:, [arms.index(arm) for arm in target.arms]].min(axis=1) >= FIRM
        own, variance = numbers[k]
        bank, noise = target.numbers(told.figures[k])
        errors = ((own - bank) / np.sqrt(variance + noise))[firm]
        errors = errors[np.isfinite(errors)]
        patients = float("nan") if isinstance(target, Middle) else float(np.median(figures[k][:, -1]))
        scatter = float(np.sqrt(np.mean(errors**2))) if errors.size else float("nan")
        found.append(
            Learned(
                target.name,
                patients,
                float(errors.mean()) if errors.size else float("nan"),
                scatter,
                int(firm.sum()),
            )
        )
    return found


def fresh_figures(
    problem: Problem,
    scenarios: Mapping[str, Scenario],
    points: Points,
    patients: int,
    seed: int,
    threads: int | None = None,
) -> Told:
    """Return the figures of all targets from patients simulated for each point alone.

    Parameters
    ----------
    problem : Problem
    scenarios : mapping of str to Scenario
        From `calibration.population.with_laws`.
    points : Points, n of them
    patients : int
        Of an arm, for each point.
    seed : int
        Other than the bank's, whose patients have the same numbers.
    threads : int, optional
    """
    n = len(points.values)
    numbers = np.arange(n * patients, dtype=np.int64)
    weights, banks = {}, {}
    for name, arm in problem.arms:
        shifts = np.repeat(points.shifts(name, problem.spreads[name]), patients, axis=0)
        scores = {
            coordinate: Score(np.ascontiguousarray(shifts[:, k])) for k, coordinate in enumerate(COORDINATES)
        }
        found = simulate_patients(scenarios[name], arm, seed, numbers, scores, threads)
        outcomes = Outcomes({column: found[column] for column in COLUMNS})
        banks[name, arm] = ArmBank(outcomes, np.zeros((len(numbers), 0)), np.zeros(len(numbers)))
        weights[name, arm] = np.kron(np.eye(n), np.full(patients, 1.0 / patients))
    targets = targets_of(scenarios, banks)
    return Told([target.figure(weights) for target in targets], np.full((n, len(problem.arms)), patients))


class Confirmation(NamedTuple):
    """Learned figures of a target against those of fresh patients, in logits of shares and ratios and logarithms of times.

    Attributes
    ----------
    target : str
    bias : float
        Mean difference, learned less fresh.
    error : float
        Its standard error.
    chi_square : float
        Sum of the squared differences in standard errors, of `draws` independent draws; about as many when what was learned is right.
    draws : int
    """

    target: str
    bias: float
    error: float
    chi_square: float
    draws: int


def confirm(emulator: Emulator, points: Points, fresh: Told) -> list[Confirmation]:
    """Set learned figures of some points beside those of fresh patients; of durations the chance of an event by the end of the median's interval.

    Parameters
    ----------
    emulator : Emulator
    points : Points
    fresh : Told
        Of the same points.
    """
    found = []
    for target, (own, variance), new in zip(
        emulator.problem.targets, emulator.numbers(points), fresh.figures, strict=True
    ):
        k = 1 if isinstance(target, Duration) else 0
        seen, noise = (one[:, k] for one in target.numbers(new))
        difference, both = own[:, k] - seen, variance[:, k] + noise
        known = np.isfinite(difference) & np.isfinite(both)
        difference, both = difference[known], both[known]
        found.append(
            Confirmation(
                target.name,
                float(difference.sum() / max(1, len(both))),
                float(np.sqrt(both.sum()) / max(1, len(both))),
                float((difference**2 / both).sum()),
                len(both),
            )
        )
    return found


@dataclass(frozen=True)
class PowerScaling:
    """How far a number's posterior moves when prior or likelihood are raised to a power near 1, per doubling of the power."""

    name: str
    prior: float
    likelihood: float

    @property
    def reading(self) -> str:
        """What it says."""
        if self.prior > SENSITIVE and self.likelihood > SENSITIVE:
            return "prior and data disagree or both decide"
        if self.prior > SENSITIVE:
            return "the prior decides"
        return "the data decide" if self.likelihood > SENSITIVE else "neither moves it"


SENSITIVE = 0.05
_POWER = 1.25


def power_scaling(values: Floats, log_likelihoods: Floats, names: Sequence[str]) -> list[PowerScaling]:
    """Return how the marginal posteriors depend on the power of prior and likelihood, by weighing the draws anew.

    Parameters
    ----------
    values : ndarray, shape (n, dimension)
        Draws; standard normal a priori. A number's own prior is scaled.
    log_likelihoods : ndarray, shape (n,)
    names : sequence of str
        Of the first numbers.
    """
    found = []
    for k, name in enumerate(names):
        own = values[:, k]
        both = [
            0.5 * sum(_distance(own, (power - 1.0) * part) for power in (_POWER, 1.0 / _POWER))
            for part in (-0.5 * own**2, log_likelihoods)
        ]
        found.append(PowerScaling(name, *(one / np.log2(_POWER) for one in both)))
    return found


def _distance(values: Floats, log_weights: Floats) -> float:
    """Return the distance of draws from the same draws weighed: 0 to 1."""
    order = np.argsort(values)
    x, logs = values[order], log_weights[order]
    weights = np.exp(logs - logs.max())
    p = np.arange(1, len(x) + 1) / len(x)
    q = np.cumsum(weights) / weights.sum()
    width = np.diff(x)
    p, q = p[:-1], q[:-1]

    def divergence(a: Floats, b: Floats) -> float:
        middle = 0.5 * (a + b)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(a > 0.0, a * np.log2(a / middle), 0.0)
        return float((width * (terms + (0.5 / np.log(2.0)) * (b - a))).sum())

    both = divergence(p, q) + divergence(q, p) + divergence(1.0 - p, 1.0 - q) + divergence(1.0 - q, 1.0 - p)
    bound = float((width * (p + q)).sum()) + float((width * (2.0 - p - q)).sum())
    return float(np.sqrt(max(0.0, both) / bound)) if bound > 0.0 else 0.0


def ridges(values: Floats, names: Sequence[str], least: float = 0.3) -> list[tuple[str, str, float]]:
    """Return the pairs of numbers whose rank correlation is at least so large, the largest first.

    Parameters
    ----------
    values : ndarray, shape (n, dimension)
    names : sequence of str
    least : float
    """
    ranks = values.argsort(axis=0).argsort(axis=0).astype(np.float64)
    matrix = np.asarray(np.corrcoef(ranks.T)).reshape(len(names), len(names))
    pairs = [
        (names[i], names[j], float(matrix[i, j]))
        for i in range(len(names))
        for j in range(i)
        if abs(matrix[i, j]) >= least
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[2]))
