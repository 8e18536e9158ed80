r"""The problem: from a point to its log density.

    point -> shifts of the laws in each trial -> weights of the bank's patients -> figures of the targets -> log likelihood

The prior of a point is standard normal in every number (`calibration.priors`), so that the log posterior is
:math:`-|u|^2/2 + \sum_t \ln L_t` up to a constant.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.bank import ArmBank
from calibration.population import COORDINATES, Points, Spread, dimension, log_weights, spread_of
from calibration.targets import Target, targets_of
from sim.trial.scenario import Scenario

__all__ = ["Problem", "Told", "problem_of"]

Floats = NDArray[np.float64]
Arm = tuple[str, str]

UNSEEN = {"cd19": "cd22_density", "cd22": "second_hit_rate"}
"""Target of all products -> the quantity that then decides nothing, and is not weighed."""


class Told(NamedTuple):
    """What the bank tells of points.

    Attributes
    ----------
    figures : list of ndarray, shape (points, numbers)
        By target.
    effective : ndarray, shape (points, arms)
        Effective number of patients, (sum w)^2 / sum w^2.
    """

    figures: list[Floats]
    effective: Floats


@dataclass(frozen=True, eq=False)
class Problem:
    """Targets, the patients that they ask, and the laws that points shift.

    Attributes
    ----------
    trials : tuple of str
        Scenarios that have effects of their own.
    arms : mapping of (scenario, arm) to ArmBank
    spreads : mapping of str to Spread
        By scenario.
    targets : tuple of Target
    weighed : mapping of str to ndarray of bool, shape (coordinates,)
        Quantities that decide something in a scenario.
    """

    trials: tuple[str, ...]
    arms: Mapping[Arm, ArmBank]
    spreads: Mapping[str, Spread]
    targets: tuple[Target, ...]
    weighed: Mapping[str, NDArray[np.bool_]]

    @cached_property
    def _columns(self) -> dict[Arm, Floats]:
        """Scores that are weighed, a row for each quantity."""
        return {
            arm: np.ascontiguousarray(bank.scores[:, self.weighed[arm[0]]].T)
            for arm, bank in self.arms.items()
        }

    @property
    def dimension(self) -> int:
        """Numbers of a point."""
        return dimension(len(self.trials))

    def points(self, values: Floats) -> Points:
        """Return points by their numbers, shape (n, dimension)."""
        return Points(np.atleast_2d(np.asarray(values, dtype=np.float64)), self.trials)

    def weights(self, points: Points, arm: Arm) -> Floats:
        """Return the weights of an arm's patients under each point, shape (points, patients); they add up to 1."""
        bank = self.arms[arm]
        shifts = points.shifts(arm[0], self.spreads[arm[0]])[:, self.weighed[arm[0]]]
        found = np.empty((len(shifts), len(bank.base)))
        for k, shift in enumerate(shifts):
            logs = log_weights(self._columns[arm], bank.base, shift)
            weights = np.exp(logs - logs.max())
            found[k] = weights / weights.sum()
        return found

    def tell(self, points: Points, threads: int | None = None) -> Told:
        """Return the figures of all targets, and how many patients they rest on.

        Parameters
        ----------
        points : Points
        threads : int, optional
            All cores by default. Each point is computed by itself, so that no byte depends on it, nor on the other points.
        """

        def one(k: int) -> tuple[list[Floats], Floats]:
            point = replace(points, values=points.values[k : k + 1])
            weights = {arm: self.weights(point, arm) for arm in self.arms}
            effective = [1.0 / float((w[0] ** 2).sum()) for w in weights.values()]
            return [target.figure(weights)[0] for target in self.targets], np.array(effective)

        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            told = list(pool.map(one, range(len(points.values))))
        figures = [np.array([figures[k] for figures, _ in told]) for k in range(len(self.targets))]
        return Told(figures, np.array([effective for _, effective in told]))

    def log_likelihood(self, told: Told, targets: Sequence[Target] | None = None) -> Floats:
        """Return the log likelihood of each target, shape (points, targets).

        Parameters
        ----------
        told : Told
        targets : sequence of Target, optional
            Replicates of the problem's own, in their order.
        """
        asked = self.targets if targets is None else targets
        return np.stack(
            [one.log_likelihood(figure) for one, figure in zip(asked, told.figures, strict=True)], axis=1
        )

    def log_density(self, values: Floats, leave_out: str | None = None) -> Floats:
        """Return the log posterior of points up to a constant, shape (n,).

        Parameters
        ----------
        values : ndarray, shape (n, dimension)
        leave_out : str, optional
            Trial whose targets are left out.
        """
        points = self.points(values)
        each = self.log_likelihood(self.tell(points))[:, self.kept(leave_out)].sum(axis=1)
        return np.asarray(each - 0.5 * (points.values**2).sum(axis=1))

    def kept(self, leave_out: str | None) -> list[int]:
        """Return the places of the targets that do not ask a trial."""
        return [k for k, target in enumerate(self.targets) if target.arms[0][0] != leave_out]


def problem_of(scenarios: Mapping[str, Scenario], arms: Mapping[Arm, ArmBank]) -> Problem:
    """Return the problem of some scenarios and the patients simulated for them."""
    weighed = {}
    for name, scenario in scenarios.items():
        seen = {
            target for product in scenario.used_products() for target in scenario.products[product].targets
        }
        idle = {UNSEEN[one] for one in seen} if len(seen) == 1 else set()
        weighed[name] = np.array([coordinate not in idle for coordinate in COORDINATES])
    spreads = {name: spread_of(scenario) for name, scenario in scenarios.items()}
    return Problem(tuple(scenarios), arms, spreads, tuple(targets_of(scenarios, arms)), weighed)
