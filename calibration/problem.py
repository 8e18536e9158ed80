r"""The problem: from a point to its log density.

    point -> shifts of the laws in each trial -> weights of the bank's patients -> figures of the targets -> log likelihood

The prior of a point is standard normal in every number (`calibration.priors`), so that the log posterior is
:math:`-|u|^2/2 + \sum_t \ln L_t` up to a constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
AT_ONCE = 16
"""Points whose weights are held at a time: some hundred megabytes."""


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

    @property
    def dimension(self) -> int:
        """Numbers of a point."""
        return dimension(len(self.trials))

    def points(self, values: Floats) -> Points:
        """Return points by their numbers, shape (n, dimension)."""
        return Points(np.atleast_2d(np.asarray(values, dtype=np.float64)), self.trials)

    def weights(self, points: Points, arm: Arm) -> Floats:
        """Return the weights of an arm's patients, shape (points, patients); they add up to 1."""
        bank, chosen = self.arms[arm], self.weighed[arm[0]]
        shifts = points.shifts(arm[0], self.spreads[arm[0]])[:, chosen]
        logs = log_weights(bank.scores[:, chosen], bank.base, shifts)
        logs -= logs.max(axis=1, keepdims=True)
        np.exp(logs, out=logs)
        logs /= logs.sum(axis=1, keepdims=True)
        return logs

    def tell(self, points: Points) -> Told:
        """Return the figures of all targets, and how many patients they rest on."""
        figures: list[list[Floats]] = [[] for _ in self.targets]
        effective = []
        for begin in range(0, len(points.values), AT_ONCE):
            some = replace(points, values=points.values[begin : begin + AT_ONCE])
            weights = {arm: self.weights(some, arm) for arm in self.arms}
            for kept, target in zip(figures, self.targets, strict=True):
                kept.append(target.figure(weights))
            effective.append(np.stack([1.0 / (w**2).sum(axis=1) for w in weights.values()], axis=1))
        return Told([np.concatenate(one) for one in figures], np.concatenate(effective))

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
        each = self.log_likelihood(self.tell(points))
        kept = [
            k for k, target in enumerate(self.targets) if leave_out is None or target.arms[0][0] != leave_out
        ]
        return np.asarray(each[:, kept].sum(axis=1) - 0.5 * (points.values**2).sum(axis=1))


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
