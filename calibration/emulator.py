r"""Figures as smooth functions of a point, learned from the bank: what the likelihood of the chains reads.

Figures weighed from a bank are noisy where few patients of it weigh much, which in fourteen quantities is so under some draws of any posterior however
large the bank is; chains then stay where the noise agrees with the reports. But a figure is a mean over a population, and populations that lie near each other
have figures that lie near each other. So each figure, on a scale without bounds, is written as a polynomial of the second degree in the shifts d of the trial's
laws (`calibration.population`),

.. math:: y(d) = a + \sum_i b_i d_i + \sum_{i \le j} c_{ij} d_i d_j,

fitted to the bank's figures at some thousand points around the posterior: medians by weighted least squares, shares by logistic regression, that is by least
squares on a response and weights that follow the fit, so that a point with few patients says little whatever its share. The weight of a point is one over the variance
that its patients leave plus that of what a polynomial misses (tau^2, found with it); a point further off than normal errors are counts less, as with errors
of Student's law with five degrees of freedom.

What a figure is uncertain by is the sum of tau^2 and of the variance that comes from the patients all points share, which is a quarter of the mean square difference
between the polynomials of two halves of the bank. It grows with the mean square q of a point's standardised shifts: tau^2 and differences are found among the points
near the middle and among those furthest out, and the line through both is taken. Likelihoods are means over it, as they are over what few patients leave unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.bank import ArmBank
from calibration.population import Points, Spread
from calibration.problem import Problem, Told, problem_of
from calibration.targets import Middle, Target
from sim.trial.scenario import Scenario

__all__ = ["Emulator", "Surface", "fit_emulator", "points_around"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BREADTHS = (1.0, 1.4, 1.8)
"""How much further from their mean than draws of the posterior the points lie to which figures are fitted: a third of them each."""
FREEDOM = 5.0
ROUNDS = 20
LEAST_VARIANCE = 1e-8
"""Of a figure, on its scale without bounds: medians of numbers that are rounded have none by themselves."""
UNKNOWN = 10.0
"""SD of a number of which no point says anything."""
FAR = 20.0
"""Logit or logarithm beyond which a polynomial is not followed: a share nearer to 0 or 1 is that to every trial."""
CHI_SQUARE_MEDIAN = 0.45493642
HALVES_OF = 256
"""Patients in a row that go to the same half of the bank: a multiple of the laws of each of its parts."""


@dataclass(frozen=True)
class Surface:
    """One number of a figure as a polynomial in standardised shifts.

    Attributes
    ----------
    coefficients : ndarray, shape (terms,)
    base, growth : float
        What it is uncertain by: the variance at q = 0, and how much more there is for each unit of q.
    """

    coefficients: Floats
    base: float
    growth: float

    def at(self, terms: Floats, q: Floats) -> tuple[Floats, Floats]:
        """Return the number and its variance at points, shape (points,)."""
        number = np.clip(np.einsum("ij,j->i", terms, self.coefficients), -FAR, FAR)
        return number, np.maximum(LEAST_VARIANCE, self.base + self.growth * q)


@dataclass(frozen=True, eq=False)
class Emulator:
    """Figures of all targets under any point near those from which they were learned.

    Attributes
    ----------
    problem : Problem
        Whose figures they are.
    centre, scale : mapping of str to ndarray
        By trial; of the shifts.
    surfaces : sequence of sequence of Surface
        By target, for each number of its figure.
    """

    problem: Problem
    centre: Mapping[str, Floats]
    scale: Mapping[str, Floats]
    surfaces: Sequence[Sequence[Surface]]

    def tell(self, points: Points) -> Told:
        """Return the figures of all targets, and for each arm how many patients would leave its least certain share as uncertain as it is."""
        return self._told(
            [
                target.figure_of(*own)
                for target, own in zip(self.problem.targets, self.numbers(points), strict=True)
            ]
        )

    def sample(self, points: Points, generator: np.random.Generator) -> Told:
        """Return figures as they might be, each then known for certain; all numbers of a figure are wrong together."""
        figures = []
        for target, (numbers, variances) in zip(self.problem.targets, self.numbers(points), strict=True):
            wrong = generator.standard_normal((len(numbers), 1)) * np.sqrt(variances)
            figures.append(target.figure_of(numbers + wrong, np.full(numbers.shape, LEAST_VARIANCE)))
        return self._told(figures)

    def numbers(self, points: Points) -> list[tuple[Floats, Floats]]:
        """Return for each target the numbers of its figure on their scale without bounds, and their variances; shape (points, numbers)."""
        known = {trial: self._terms(points, trial) for trial in self.problem.trials}
        found = []
        for target, surfaces in zip(self.problem.targets, self.surfaces, strict=True):
            each = [one.at(*known[target.arms[0][0]]) for one in surfaces]
            numbers, variances = (np.stack(column, axis=1) for column in zip(*each, strict=True))
            found.append((numbers, variances))
        return found

    def _told(self, figures: list[Floats]) -> Told:
        worth = np.full((len(figures[0]), len(self.problem.arms)), np.inf)
        for k, arm in enumerate(self.problem.arms):
            for target, figure in zip(self.problem.targets, figures, strict=True):
                if arm in target.arms and not isinstance(target, Middle):
                    worth[:, k] = np.minimum(worth[:, k], figure[:, -1])
        return Told(figures, worth)

    def _terms(self, points: Points, trial: str) -> tuple[Floats, Floats]:
        standardised = (_shifts(self.problem, points, trial) - self.centre[trial]) / self.scale[trial]
        return _terms(standardised), (standardised**2).mean(axis=1)

    def state(self) -> dict[str, Any]:
        """Return what a file holds of it; floats in full."""
        return {
            "centre": {trial: own.tolist() for trial, own in self.centre.items()},
            "scale": {trial: own.tolist() for trial, own in self.scale.items()},
            "surfaces": [[[one.coefficients.tolist(), one.base, one.growth] for one in own] for own in self.surfaces],
        }  # fmt: skip

    @classmethod
    def of_state(cls, problem: Problem, state: Mapping[str, Any]) -> Emulator:
        """Return one that was kept."""
        centre, scale = (
            {trial: np.array(own) for trial, own in state[key].items()} for key in ("centre", "scale")
        )
        surfaces = [[Surface(np.array(a), b, c) for a, b, c in own] for own in state["surfaces"]]
        return cls(problem, centre, scale, surfaces)  # fmt: skip


def points_around(problem: Problem, draws: Floats) -> Points:
    """Return points around draws, shape (n, dimension), of a posterior: further from their mean than they are, by `BREADTHS` in turn."""
    middle = draws.mean(axis=0)
    breadth = np.array(BREADTHS)[np.arange(len(draws)) % len(BREADTHS)]
    return problem.points(middle + breadth[:, None] * (draws - middle))


def fit_emulator(
    problem: Problem,
    scenarios: Mapping[str, Scenario],
    points: Points,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Emulator:
    """Learn the figures of all targets from the bank.

    Parameters
    ----------
    problem : Problem
    scenarios : mapping of str to Scenario
    points : Points
        More than there are terms; see `points_around`.
    threads : int, optional
        Changes no byte.
    progress : callable(done, total), optional
    """
    shifts = {trial: _shifts(problem, points, trial) for trial in problem.trials}
    centre = {trial: own.mean(axis=0) for trial, own in shifts.items()}
    scale = {trial: np.maximum(own.std(axis=0), 1e-9) for trial, own in shifts.items()}
    standardised = {trial: (own - centre[trial]) / scale[trial] for trial, own in shifts.items()}
    terms = {trial: _terms(own) for trial, own in standardised.items()}
    whole = _learn(problem, points, terms, threads, progress)
    halves = []
    for half in range(2):
        arms = {arm: _half(bank, half) for arm, bank in problem.arms.items()}
        halves.append(_learn(problem_of(scenarios, arms), points, terms, threads))
    surfaces = []
    for target, all_, first, second in zip(problem.targets, whole, *halves, strict=True):
        trial = target.arms[0][0]
        q = (standardised[trial] ** 2).mean(axis=1)
        surfaces.append(
            [
                Surface(one.coefficients, *_uncertain(one, terms[trial], q, a.coefficients - b.coefficients))
                for one, a, b in zip(all_, first, second, strict=True)
            ]
        )
    return Emulator(problem, centre, scale, surfaces)


def _uncertain(found: _Fit, terms: Floats, q: Floats, difference: Floats) -> tuple[float, float]:
    """Return the variance of a number at q = 0 and its growth with q, from the points near the middle and those furthest out."""
    shared = 0.25 * np.einsum("ij,j->i", terms, difference) ** 2
    breadth = np.arange(len(q)) % len(BREADTHS)
    places, variances = [], []
    for part in (breadth == 0, breadth == len(BREADTHS) - 1):
        missed = _missed(found.squared[part], found.variance[part])
        places.append(float(q[part].mean()))
        variances.append(missed**2 + float(shared[part].mean()))
    growth = max(0.0, (variances[1] - variances[0]) / (places[1] - places[0]))
    return max(0.0, variances[0] - growth * places[0]), growth


def _shifts(problem: Problem, points: Points, trial: str) -> Floats:
    spread: Spread = problem.spreads[trial]
    return points.shifts(trial, spread)[:, problem.weighed[trial]]


def _terms(shifts: Floats) -> Floats:
    """Return 1, all shifts, and all products of two, shape (n, terms)."""
    pairs = combinations_with_replacement(range(shifts.shape[1]), 2)
    products = [shifts[:, i] * shifts[:, j] for i, j in pairs]
    return np.stack([np.ones(len(shifts)), *shifts.T, *products], axis=1)


def _half(bank: ArmBank, half: int) -> ArmBank:
    kept = np.arange(len(bank.base)) // HALVES_OF % 2 == half
    return ArmBank(bank.outcomes.select(kept), bank.scores[kept], bank.base[kept])


def _learn(
    problem: Problem,
    points: Points,
    terms: Mapping[str, Floats],
    threads: int | None,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[_Fit]]:
    """Return what was fitted to each number of each target."""
    figures: list[list[Floats]] = [[] for _ in problem.targets]
    n = len(points.values)
    for begin in range(0, n, 64):
        some = problem.points(points.values[begin : begin + 64])
        for own, figure in zip(figures, problem.tell(some, threads).figures, strict=True):
            own.append(figure)
        if progress is not None:
            progress(min(begin + 64, n), n)
    return [
        _surfaces(target, np.concatenate(own), terms[target.arms[0][0]])
        for target, own in zip(problem.targets, figures, strict=True)
    ]


class _Fit(NamedTuple):
    """Coefficients, and the squared errors of points with the variance that their patients leave; NaN of a point that says nothing."""

    coefficients: Floats
    squared: Floats
    variance: Floats


def _surfaces(target: Target, figure: Floats, terms: Floats) -> list[_Fit]:
    numbers, variances = target.numbers(figure)
    if isinstance(target, Middle):
        return [_least_squares(terms, numbers[:, k], variances[:, k]) for k in range(numbers.shape[1])]
    shares, patients = figure[:, :-1], figure[:, -1]
    return [
        _least_squares(terms, numbers[:, k], variances[:, k], (shares[:, k], patients))
        for k in range(numbers.shape[1])
    ]


def _least_squares(
    terms: Floats, y: Floats, variance: Floats, counted: tuple[Floats, Floats] | None = None
) -> _Fit:
    """Fit a polynomial, with what it misses such that half of the squared errors are below their law's median.

    Parameters
    ----------
    terms : ndarray, shape (points, terms)
    y, variance : ndarray, shape (points,)
        NaN where a point says nothing.
    counted : (shares, patients), optional
        Of what `y` is the logit; response and variance then follow the fit.
    """
    known = np.isfinite(y) & np.isfinite(variance)
    x, y, v = terms[known], y[known], np.maximum(variance[known], LEAST_VARIANCE)
    coefficients, squared, missed = np.zeros(terms.shape[1]), np.full(len(y), 1.0), 0.0
    robust = np.ones(len(y))
    if len(y) <= terms.shape[1]:
        # Too few points know the number: their mean, and an uncertainty that says so.
        coefficients[0] = float(y.mean()) if len(y) else 0.0
        squared = squared + (y - coefficients[0]) ** 2
    else:
        for _ in range(ROUNDS):
            coefficients = _solve(x, robust / (v + missed**2), y)
            if counted is not None:
                y, v = _working(np.einsum("ij,j->i", x, coefficients), *(one[known] for one in counted))
            squared = (y - np.einsum("ij,j->i", x, coefficients)) ** 2
            missed = _missed(squared, v)
            robust = (FREEDOM + 1.0) / (FREEDOM + squared / (v + missed**2))
    of_all = np.full((2, len(terms)), np.nan)
    of_all[:, known] = squared, v
    return _Fit(coefficients, *of_all)


def _working(fitted: Floats, shares: Floats, patients: Floats) -> tuple[Floats, Floats]:
    """Return response and variance of a logistic regression near a fit, which is not followed beyond half an event among the most patients."""
    least = np.log(2.0 * patients.max() + 1.0)
    eta = np.clip(fitted, -least, least)
    p = 1.0 / (1.0 + np.exp(-eta))
    slope = p * (1.0 - p)
    return eta + (np.clip(shares, 0.0, 1.0) - p) / slope, 1.0 / (np.maximum(patients, 1e-3) * slope)


def _missed(squared: Floats, v: Floats) -> float:
    """Return the SD which, added to what is known of each error, has half of the standardised squares below a chi-square's median."""
    known = np.isfinite(squared)
    if not known.any():
        return UNKNOWN
    squared, v = squared[known], v[known]
    low, high = 0.0, float(np.sqrt(squared.max())) + 1e-12
    if np.median(squared / v) <= CHI_SQUARE_MEDIAN:
        return 0.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (
            (middle, high) if np.median(squared / (v + middle**2)) > CHI_SQUARE_MEDIAN else (low, middle)
        )
    return high


def _solve(x: Floats, weights: Floats, y: Floats) -> Floats:
    """Return weighted least squares by normal equations and Cholesky's factor; not by a library of linear algebra, whose bytes depend on its threads."""
    weighed = x * weights[:, None]
    normal = np.einsum("ij,ik->jk", weighed, x)
    normal[np.diag_indices_from(normal)] *= 1.0 + 1e-10
    right: Floats = np.asarray(np.einsum("ij,i->j", weighed, y))
    n = len(right)
    factor = np.zeros((n, n))
    for k in range(n):
        row = factor[k, :k]
        factor[k, k] = np.sqrt(max(normal[k, k] - float((row * row).sum()), 1e-300))
        factor[k + 1 :, k] = (normal[k + 1 :, k] - np.einsum("ij,j->i", factor[k + 1 :, :k], row)) / factor[
            k, k
        ]
    for k in range(n):
        right[k] = (right[k] - float((factor[k, :k] * right[:k]).sum())) / factor[k, k]
    for k in range(n - 1, -1, -1):
        right[k] = (right[k] - float((factor[k + 1 :, k] * right[k + 1 :]).sum())) / factor[k, k]
    return right
