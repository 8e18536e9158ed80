"""Proof that the inference is right before its result is believed: simulation-based calibration on synthetic trials.

    for each of n synthetic sets of trials
        draw a point from the prior
        simulate fresh patients of every arm at that point, and what the trials would have reported of them
        weigh many draws of the prior by the likelihood of that report, as the chains of a calibration read it: on figures learned from the bank
        rank the point's numbers, and its log likelihood, among draws taken by their weights

If bank, weights, learned figures and likelihoods are right, all ranks are uniform. The patients of a synthetic trial come from the simulator and not from the
bank, so that what the bank gets wrong shows. Weighing needs no chain; the chains of the calibration are held against it on some of the sets: their
means are those of the weighed draws within the error of both.

Reference: Talts et al., arXiv:1804.06788.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.diagnostics import effective_size, uniformity
from calibration.population import Points
from calibration.problem import Problem, Told
from calibration.reliability import fresh_figures
from calibration.sampler import EllipticalSlice, Whitening
from calibration.targets import Target
from sim.trial.scenario import Scenario

__all__ = ["Agreement", "Proof", "Ranks", "Synthetic", "chains_agree", "prove", "synthetic_trials"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AMONG = 100
"""Draws among which a point is ranked."""
CHAINS = 8
LEVEL = 0.01
"""Chance of any alarm over all numbers, when the inference is right."""


class Synthetic(NamedTuple):
    """Points from the prior, and what trials at each would report.

    Attributes
    ----------
    points : Points
    figures : Told
        Of fresh patients.
    reports : list of list of Target
        For each point the problem's targets with a report of their own.
    """

    points: Points
    figures: Told
    reports: list[list[Target]]


def synthetic_trials(
    problem: Problem,
    scenarios: Mapping[str, Scenario],
    count: int,
    patients: int,
    seed: int,
    threads: int | None = None,
) -> Synthetic:
    """Return synthetic trials, but those of which something cannot be reported, since none of the fresh patients is one of whom it is asked.

    Parameters
    ----------
    problem : Problem
    scenarios : mapping of str to Scenario
    count : int
    patients : int
        Simulated for each arm of each; the reports are drawn from their figures.
    seed : int
    threads : int, optional
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, 1]))
    points = problem.points(generator.standard_normal((count, problem.dimension)))
    figures = fresh_figures(problem, scenarios, points, patients, seed, threads)
    whole = np.all([np.isfinite(figure).all(axis=1) for figure in figures.figures], axis=0)
    points = problem.points(points.values[whole])
    figures = Told([figure[whole] for figure in figures.figures], figures.effective[whole])
    reports = [
        [
            target.replicate(figure[k], generator)
            for target, figure in zip(problem.targets, figures.figures, strict=True)
        ]
        for k in range(len(points.values))
    ]
    return Synthetic(points, figures, reports)


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of the true numbers among draws.

    Attributes
    ----------
    names : tuple of str
        Numbers of a point, and "log likelihood".
    ranks : ndarray of int, shape (sets, names)
        0 to `AMONG`.
    """

    names: tuple[str, ...]
    ranks: Ints

    def p_values(self, seed: int = 1) -> dict[str, float]:
        """Return the p-value of uniformity of each; an alarm is one below `LEVEL` over their number."""
        generator = np.random.Generator(np.random.Philox(key=[seed, 2]))
        return {name: uniformity(self.ranks[:, k], AMONG, generator) for k, name in enumerate(self.names)}

    def alarms(self, seed: int = 1) -> list[str]:
        """Return the names whose ranks are not uniform."""
        return [name for name, p in self.p_values(seed).items() if p < LEVEL / len(self.names)]


@dataclass(frozen=True, eq=False)
class Proof:
    """What came out.

    Attributes
    ----------
    ranks : Ranks
    effective : ndarray, shape (sets,)
        Effective number of the weighed draws.
    recovered : ndarray, shape (sets, dimension, 3)
        True number, posterior mean and SD.
    """

    ranks: Ranks
    effective: Floats
    recovered: Floats

    def coverage(self, share: float = 0.9) -> Floats:
        """Return for each number the share of sets whose central interval holds the truth."""
        ranks = self.ranks.ranks[:, :-1]
        return np.asarray((abs(2 * ranks - AMONG) <= share * (AMONG + 1)).mean(axis=0))


def prove(
    problem: Problem,
    synthetic: Synthetic,
    prior: Floats,
    told: Told,
    seed: int,
    spoil: Callable[[Floats], Floats] | None = None,
    tell: Callable[[Points], Told] | None = None,
) -> Proof:
    """Rank the points of synthetic trials.

    Parameters
    ----------
    problem : Problem
    synthetic : Synthetic
    prior : ndarray, shape (m, dimension)
        Draws of the law that the points came from; ten thousand and more.
    told : Told
        Their figures.
    seed : int
    spoil : callable, optional
        Changes the log likelihoods: a negative control.
    tell : callable(points), optional
        What told them; the bank unless given.
    """
    sets = len(synthetic.reports)
    names = (*synthetic.points.names, "log likelihood")
    ranks = np.zeros((sets, len(names)), np.int64)
    effective, recovered = np.zeros(sets), np.zeros((sets, problem.dimension, 3))
    of_truth = (tell or problem.tell)(synthetic.points)
    for k, reports in enumerate(synthetic.reports):
        generator = np.random.Generator(np.random.Philox(key=[seed, 1000 + k]))
        truth = synthetic.points.values[k]
        at_truth = problem.log_likelihood(_one(of_truth, k), reports).sum(axis=1)
        logs = problem.log_likelihood(told, reports).sum(axis=1)
        if spoil is not None:
            logs, at_truth = spoil(logs), spoil(at_truth)
        weights = _weights(logs)
        effective[k] = 1.0 / float((weights**2).sum())
        chosen = generator.choice(len(prior), AMONG, p=weights)
        ranks[k] = _ranks(prior[chosen], logs[chosen], truth, float(at_truth[0]), generator)
        mean = weights @ prior
        recovered[k] = np.stack([truth, mean, np.sqrt(weights @ (prior - mean) ** 2)], axis=1)
    return Proof(Ranks(names, ranks), effective, recovered)


class Agreement(NamedTuple):
    """Means by chains less means by weights, in standard errors of both, and how much the chains were worth; shape (dimension,)."""

    difference: Floats
    effective: Floats


def chains_agree(
    problem: Problem, reports: Sequence[Target], prior: Floats, told: Told, draws: int, seed: int,
    tell: Callable[[Points], Told] | None = None,
) -> Agreement:  # fmt: skip
    """Sample one synthetic set by chains, and set their means beside those of the weighed draws.

    Parameters
    ----------
    problem : Problem
    reports : sequence of Target
    prior, told, tell
        As for `prove`.
    draws : int
        Of each of eight chains.
    seed : int
    """
    logs = problem.log_likelihood(told, reports).sum(axis=1)
    weights = _weights(logs)
    whitening = _whitening(prior, weights)
    generator = np.random.Generator(np.random.Philox(key=[seed, 3]))
    starts = prior[generator.choice(len(prior), CHAINS, p=weights)]

    def levels_of(v: Floats) -> Floats:
        points = problem.points(whitening.points(v))
        each = problem.log_likelihood((tell or problem.tell)(points), reports).sum(axis=1)
        return whitening.log_likelihood(v, each)

    v = whitening.numbers(starts)
    chains = EllipticalSlice(v, levels_of(v), seed)
    while chains.length < draws:
        chains.tell(levels_of(chains.ask()))
    numbers = chains.draws()[:, :draws]
    points = whitening.points(numbers.reshape(-1, problem.dimension)).reshape(numbers.shape)
    worth = np.array([effective_size(points[:, :, k]) for k in range(problem.dimension)])
    mean = weights @ prior
    # Self-normalised weights: the variance of their mean is that of the weighed deviations.
    error = np.sqrt(points.var(axis=(0, 1)) / worth + (weights**2) @ (prior - mean) ** 2)
    return Agreement(np.asarray((points.mean(axis=(0, 1)) - mean) / error), worth)


def _one(told: Told, k: int) -> Told:
    return Told([figure[k : k + 1] for figure in told.figures], told.effective[k : k + 1])


def _weights(logs: Floats) -> Floats:
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _whitening(draws: Floats, weights: Floats) -> Whitening:
    """Return the numbers of the weighed draws, a third of the prior's breadth mixed in where they are few."""
    mean = weights @ draws
    spread = (draws - mean) * np.sqrt(weights)[:, None]
    own = 1.0 / float((weights**2).sum())
    share = own / (own + 4.0 * draws.shape[1])
    covariance = share * (spread.T @ spread) + (1.0 - share) * np.eye(draws.shape[1])
    return Whitening(mean, np.asarray(np.linalg.cholesky(covariance)))


def _ranks(
    draws: Floats, levels: Floats, truth: Floats, at_truth: float, generator: np.random.Generator
) -> Ints:
    """Return the ranks of the numbers and of the log likelihood; among equals by lot."""
    columns = np.concatenate([draws, levels[:, None]], axis=1)
    values = np.append(truth, at_truth)
    below, equal = (columns < values).sum(axis=0), (columns == values).sum(axis=0)
    return np.asarray(below + generator.integers(0, equal + 1), dtype=np.int64)
