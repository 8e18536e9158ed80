r"""A point of the calibration as a population: how far the law of each quantity is shifted, and how much a simulated patient weighs under it.

Patients differ by normal scores (`sim.trial.draws`): a quantity is a quantile of its law at Phi(z), z standard normal. A law whose log median is
shifted is the same law at z + d, d in SDs of the logarithm. So a population is a vector of shifts d. A patient whose scores z came from a
density q weighs under it, with p_0 standard normal,

.. math:: w = \frac{p_0(z - d)}{q(z)} = \frac{p_0(z)}{q(z)} \exp(z \cdot d - |d|^2/2),

whatever the law is of which z is the score. `Proposal` is such a q: a mixture of normal laws, so that no likely point is far from all patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.priors import BETWEEN_TRIALS, EFFECTS, QUANTITIES
from sim.trial.draws import Draws, Score
from sim.trial.populations import Breadth, middle_and_sd
from sim.trial.quantities import base_name
from sim.trial.scenario import Scenario
from sim.trial.sheet import network_of

__all__ = [
    "BREADTHS",
    "COORDINATES",
    "Points",
    "Proposal",
    "Spread",
    "base_log_weights",
    "dimension",
    "log_weights",
    "prior_proposal",
    "scores_of",
    "spread_of",
    "with_laws",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COORDINATES = tuple(dict.fromkeys((*(one.name for one in QUANTITIES), *(one.name for one in EFFECTS))))
"""Quantities whose scores are weighed, in the order of every array of scores or shifts."""
_N, _K = len(QUANTITIES), len(EFFECTS)
_AFFECTED = [COORDINATES.index(one.name) for one in EFFECTS]
_BOUNDS = {"stimulation_shift": (1.0, math.inf), "niche_access": (0.0, 1.0)}
# The model asks where a law is cut.
BREADTHS: Mapping[str, Breadth] = {
    one.name: Breadth(one.between, *_BOUNDS.get(one.name, ()))
    for one in QUANTITIES
    if one.between is not None
}
"""How quantities that do not vary by default differ between patients."""


@dataclass(frozen=True)
class Spread:
    """Log median and SD of the logarithm of each quantity's law between the patients of a scenario, shape (coordinates,).

    Of the law before it is cut to its bounds; the burden's median stands for nothing, since only effects shift it.
    """

    log_median: Floats
    log_sd: Floats


def with_laws(scenario: Scenario) -> Scenario:
    """Return a scenario whose patients differ in all that is estimated, around the model's own values, and come from no posterior.

    Parameters
    ----------
    scenario : Scenario

    Examples
    --------
    >>> from sim.trial.scenario_io import load
    >>> with_laws(load("turtle2016-cd19")).parameters["effector_death_rate"].describe()
    'lognormal (median 0.2, log_sd 0.2) 1/day'
    """
    products = scenario.used_products()
    known = {base_name(one.name, products): one for one in network_of(scenario).all_parameters}
    laws = {
        f"parameters.{name}": breadth.around(float(known[name].value), known[name].unit).form()
        for name, breadth in BREADTHS.items()
    }
    return scenario.with_({"patients.posterior": None, **laws})


def spread_of(scenario: Scenario) -> Spread:
    """Return the laws between patients that a point shifts.

    Parameters
    ----------
    scenario : Scenario
        From `with_laws`; sets none of these laws itself otherwise, but that of the burden.

    Examples
    --------
    >>> from sim.trial.scenario_io import load
    >>> float(spread_of(with_laws(load("turtle2016-cd19"))).log_sd[0])
    0.4
    """
    table = np.array([middle_and_sd(scenario, name, BREADTHS) for name in COORDINATES])
    return Spread(table[:, 0], table[:, 1])


@dataclass(frozen=True)
class Points:
    """Points of the calibration: standard normal numbers a priori.

    Parameters
    ----------
    values : ndarray, shape (n, quantities + effects + trials * effects)
    trials : tuple of str
        Scenarios that have effects of their own.
    """

    values: Floats
    trials: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each number."""
        return (
            *(one.name for one in QUANTITIES),
            *(f"{one.name} between trials" for one in EFFECTS),
            *(f"{one.name} of {trial}" for trial in self.trials for one in EFFECTS),
        )

    def log_medians(self) -> Floats:
        """Return the log medians of the laws of the quantities, shape (n, quantities)."""
        middle = np.log([one.median for one in QUANTITIES])
        return np.asarray(middle + np.array([one.log_sd for one in QUANTITIES]) * self.values[:, :_N])

    def effects(self, trial: str, sd: float | None = None) -> Floats:
        """Return the effects of a trial, in logarithms, shape (n, effects).

        Parameters
        ----------
        trial : str
        sd : float, optional
            SD between trials in place of the points' own.
        """
        between = BETWEEN_TRIALS * abs(self.values[:, _N : _N + _K]) if sd is None else sd
        begin = _N + _K + self.trials.index(trial) * _K
        return np.asarray(between * self.values[:, begin : begin + _K])

    def shifts(self, trial: str, spread: Spread, sd: float | None = None) -> Floats:
        """Return the shifts of the scores of all coordinates in a trial, in SDs, shape (n, coordinates)."""
        moved = np.zeros((len(self.values), len(COORDINATES)))
        moved[:, :_N] = self.log_medians() - spread.log_median[:_N]
        moved[:, _AFFECTED] += self.effects(trial, sd)
        return np.asarray(moved / spread.log_sd)


def dimension(trials: int) -> int:
    """Return how many numbers a point has.

    >>> dimension(3) == len(QUANTITIES) + 4 * len(EFFECTS)
    True
    """
    return _N + _K + trials * _K


@dataclass(frozen=True, eq=False)
class Proposal:
    """Law from which the scores of a part of the bank are drawn: a mixture of independent normal laws in equal shares.

    Patients take the laws of the mixture in turn, by their numbers.

    Attributes
    ----------
    means : ndarray, shape (laws, coordinates)
    sd : ndarray, shape (coordinates,)
    """

    means: Floats
    sd: Floats

    def scores(self, patients: Ints) -> dict[str, Score]:
        """Return what to draw patients with.

        Parameters
        ----------
        patients : ndarray of int, shape (n,)
            Their places within the arm.
        """
        own = self.means[patients % len(self.means)]
        return {
            name: Score(np.ascontiguousarray(own[:, k]), float(self.sd[k]))
            for k, name in enumerate(COORDINATES)
        }

    def log_density(self, z: Floats) -> Floats:
        """Return the log density at scores, shape (n, coordinates), up to the constant of the standard normal law's."""
        scaled, means = z / self.sd, self.means / self.sd
        both = np.einsum("ij,kj->ik", scaled, means) - 0.5 * (means**2).sum(axis=1)
        shared = -0.5 * (scaled**2).sum(axis=1) - np.log(self.sd).sum() - np.log(len(means))
        return np.asarray(shared + np.logaddexp.reduce(both, axis=1))


def prior_proposal(spread: Spread) -> Proposal:
    """Return the law of the scores over patients and prior together: the centre and breadth of all that is believed before."""
    mean, variance = np.zeros(len(COORDINATES)), np.zeros(len(COORDINATES))
    mean[:_N] = np.log([one.median for one in QUANTITIES]) - spread.log_median[:_N]
    variance[:_N] = np.array([one.log_sd for one in QUANTITIES]) ** 2
    variance[_AFFECTED] += (1.5 * BETWEEN_TRIALS) ** 2
    return Proposal((mean / spread.log_sd)[None], np.sqrt(1.0 + variance / spread.log_sd**2))


def scores_of(scenario: Scenario, arm: str, seed: int, patients: Ints, proposal: Proposal) -> Floats:
    """Return the scores of patients of a bank, shape (n, coordinates); that of fitness is the first infusion's."""
    from sim.trial.cohort import patient_numbers

    draws = Draws(seed, patient_numbers(scenario, arm, patients), scores=proposal.scores(patients))
    return np.stack([draws.score(name) for name in COORDINATES], axis=1)


def base_log_weights(z: Floats, proposals: Sequence[Proposal], sizes: Sequence[int]) -> Floats:
    """Return the log weights of patients under no shift, when parts of the bank came from several laws, shape (n,).

    All of them are weighed by the mixture of those laws, so that no patient weighs much because his own law made him rare.
    """
    shares = np.log(np.array(sizes) / sum(sizes))
    mixture = np.logaddexp.reduce(
        [share + one.log_density(z) for share, one in zip(shares, proposals, strict=True)]
    )
    return np.asarray(-0.5 * (z**2).sum(axis=1) - mixture)


def log_weights(columns: Floats, base: Floats, shift: Floats) -> Floats:
    """Return the log weights of patients under a population, shape (n,).

    Parameters
    ----------
    columns : ndarray, shape (coordinates, n)
        Scores of the patients.
    base : ndarray, shape (n,)
        From `base_log_weights`.
    shift : ndarray, shape (coordinates,)
        One point at a time, and not by the library of linear algebra: the bytes depend on no other point and on no number of threads.
    """
    return np.asarray(base + np.einsum("ji,j->i", columns, shift) - 0.5 * float((shift * shift).sum()))
