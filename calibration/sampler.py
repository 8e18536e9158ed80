"""Elliptical slice sampling by ask and tell: exact for a likelihood of any shape under a standard normal prior, and nothing to tune.

A chain draws another point of the prior, which with its own spans an ellipse, and a level below its likelihood; points of the ellipse are
proposed from a bracket that shrinks towards the chain's own until one is above the level. All chains propose at once (`ask`), each is
told the log likelihood of its point (`tell`), and those that have found one go on to their next ellipse; none waits for another.

Reference: Murray, Adams and MacKay, AISTATS, JMLR W&CP 9 (2010) 541.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EllipticalSlice", "Whitening"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Whitening:
    """Numbers in which a posterior is nearly standard normal: point = mean + factor v.

    A chain on v with the log likelihood that `log_likelihood` returns has the same posterior for the points, whatever mean and factor are; near
    the posterior's own it needs few draws, where the posterior is narrow or stands on a ridge.

    Attributes
    ----------
    mean : ndarray, shape (dimension,)
    factor : ndarray, shape (dimension, dimension)
        Lower triangular.
    """

    mean: Floats
    factor: Floats

    @classmethod
    def of(cls, draws: Floats, breadth: float = 1.0) -> Whitening:
        """Return that of draws of a pilot, shape (n, dimension).

        Parameters
        ----------
        draws : ndarray
        breadth : float
            SDs of v's law over those of the draws. Where the posterior has heavier tails than a normal law a chain that is in them stays long,
            unless the law is broader.
        """
        factor = breadth * np.linalg.cholesky(np.cov(draws.T))
        return cls(draws.mean(axis=0), np.asarray(factor, dtype=np.float64))

    def points(self, v: Floats) -> Floats:
        """Return the points, shape (n, dimension)."""
        return np.asarray(self.mean + v @ self.factor.T)

    def numbers(self, points: Floats) -> Floats:
        """Return v of points, shape (n, dimension)."""
        return np.asarray(np.linalg.solve(self.factor, (points - self.mean).T).T, dtype=np.float64)

    def log_likelihood(self, v: Floats, of_points: Floats) -> Floats:
        """Return the log likelihood for chains on v, of that of the points under their standard normal prior."""
        points = self.points(v)
        return np.asarray(of_points - 0.5 * (points**2).sum(axis=1) + 0.5 * (v**2).sum(axis=1))

    def of_points(self, v: Floats, told: Floats) -> Floats:
        """Return the log likelihood of the points under their standard normal prior: what `log_likelihood` was given."""
        points = self.points(v)
        return np.asarray(told + 0.5 * (points**2).sum(axis=1) - 0.5 * (v**2).sum(axis=1))


class EllipticalSlice:
    """Chains.

    Parameters
    ----------
    starts : ndarray, shape (chains, dimension)
    log_likelihood : ndarray, shape (chains,)
        Of the starts; finite.
    seed : int
        Each chain has a stream of its own, so that what it does depends on no other.

    Examples
    --------
    >>> chains = EllipticalSlice(np.zeros((2, 1)), np.zeros(2), seed=1)
    >>> while chains.length < 5:
    ...     chains.tell(-0.5 * chains.ask()[:, 0] ** 2)
    >>> chains.draws().shape
    (2, 5, 1)
    """

    def __init__(self, starts: Floats, log_likelihood: Floats, seed: int) -> None:
        self._points = np.array(starts, dtype=np.float64)
        self._levels = np.array(log_likelihood, dtype=np.float64)
        if not np.isfinite(self._levels).all():
            raise ValueError(
                "starts: a log likelihood that is not finite; a chain begins where the data are possible; draw other starts"
            )
        chains, dimension = self._points.shape
        self._generators = [
            np.random.Generator(np.random.Philox(key=[seed, chain])) for chain in range(chains)
        ]
        self._others = np.zeros((chains, dimension))
        self._least = np.zeros(chains)
        self._angles = np.zeros((chains, 3))
        self._kept: list[list[Floats]] = [[] for _ in range(chains)]
        self._told: list[list[float]] = [[] for _ in range(chains)]
        for chain in range(chains):
            self._begin(chain)

    @property
    def length(self) -> int:
        """Draws that every chain has."""
        return min(len(kept) for kept in self._kept)

    def ask(self) -> Floats:
        """Return the point that each chain proposes, shape (chains, dimension)."""
        angle = self._angles[:, :1]
        return np.asarray(np.cos(angle) * self._points + np.sin(angle) * self._others)

    def tell(self, log_likelihood: Floats) -> None:
        """Go on, given the log likelihood of each proposed point; NaN counts as impossible."""
        proposed = self.ask()
        for chain, value in enumerate(log_likelihood):
            if value > self._least[chain]:
                self._points[chain], self._levels[chain] = proposed[chain], value
                self._kept[chain].append(proposed[chain].copy())
                self._told[chain].append(float(value))
                self._begin(chain)
            else:
                angle, low, high = self._angles[chain]
                low, high = (angle, high) if angle < 0.0 else (low, angle)
                self._angles[chain] = self._generators[chain].uniform(low, high), low, high

    def draws(self) -> Floats:
        """Return the draws that all chains have, shape (chains, draws, dimension)."""
        return np.stack([np.array(kept[: self.length]) for kept in self._kept])

    def log_likelihoods(self) -> Floats:
        """Return the log likelihoods of the draws, shape (chains, draws)."""
        return np.array([told[: self.length] for told in self._told])

    def state(self) -> dict[str, Any]:
        """Return everything that the chains go on from, as plain data: the same from here on, bit for bit."""
        return {
            "points": self._points.tolist(),
            "levels": self._levels.tolist(),
            "others": self._others.tolist(),
            "least": self._least.tolist(),
            "angles": self._angles.tolist(),
            "kept": [[point.tolist() for point in kept] for kept in self._kept],
            "told": self._told,
            "generators": [_plain(generator.bit_generator.state) for generator in self._generators],
        }

    @classmethod
    def resume(cls, state: dict[str, Any]) -> EllipticalSlice:
        """Return the chains that `state` described."""
        chains = cls(np.array(state["points"]), np.array(state["levels"]), seed=0)
        chains._others, chains._least = np.array(state["others"]), np.array(state["least"])
        chains._angles = np.array(state["angles"])
        chains._kept = [[np.array(point) for point in kept] for kept in state["kept"]]
        chains._told = [list(told) for told in state["told"]]
        for generator, saved in zip(chains._generators, state["generators"], strict=True):
            generator.bit_generator.state = _arrays(saved)
        return chains

    def _begin(self, chain: int) -> None:
        """Span the next ellipse of a chain."""
        generator = self._generators[chain]
        self._others[chain] = generator.standard_normal(self._points.shape[1])
        self._least[chain] = self._levels[chain] - generator.standard_exponential()
        angle = generator.uniform(0.0, 2.0 * math.pi)
        self._angles[chain] = angle, angle - 2.0 * math.pi, angle


def _plain(value: Any) -> Any:
    """Return a generator's state with lists for arrays."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def _arrays(value: dict[str, Any]) -> dict[str, Any]:
    """Return a generator's state with arrays for lists."""
    return {
        key: _arrays(item)
        if isinstance(item, dict)
        else np.array(item, np.uint64)
        if isinstance(item, list)
        else item
        for key, item in value.items()
    }
