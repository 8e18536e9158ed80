"""One patient's uniform numbers by quantity, with a Gaussian copula for the correlations that a scenario names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from sim.errors import ScenarioError
from sim.network.streams import uniforms
from sim.trial.laws import Law
from sim.trial.problems import suggest
from sim.trial.quantities import FITNESS_CORRELATION, PURPOSES

__all__ = ["Draws", "Score"]

Floats = NDArray[np.float64]


class Score(NamedTuple):
    """How the normal score of a quantity is moved before its law is asked: ``shift + scale*z``.

    A law is a quantile of a uniform number, and the normal score of that number is standard normal. Where the law is log-normal, a shift of d
    moves its median by d SDs of the logarithm.

    Attributes
    ----------
    shift : float or ndarray, shape (n,)
        In SDs; one for each patient where it is an array.
    scale : float
        Above 0.
    """

    shift: float | Floats = 0.0
    scale: float = 1.0


class Draws:
    """The luck of a set of patients.

    Parameters
    ----------
    seed : int
    patients : ndarray of int, shape (n,)
        Their numbers, which key the streams.
    correlations : sequence of (str, str, float)
        Pairs of quantities with the correlation of their normal scores.
    scores : mapping of str to Score
        Quantities whose laws are moved: where they lie in a posterior, or a broad law to draw a bank of patients from.

    Raises
    ------
    ScenarioError
        When a pair names a quantity that does not exist, or the correlations are impossible together.
    """

    def __init__(
        self,
        seed: int,
        patients: NDArray[Any],
        correlations: Sequence[tuple[str, str, float]] = (),
        scores: Mapping[str, Score] | None = None,
    ) -> None:
        self.seed = seed
        self.patients = patients
        self.scores = dict(scores or {})
        self._known: dict[str, Floats] = {}
        for name in self.scores:
            if name not in PURPOSES:
                raise ScenarioError(
                    f"scores: '{name}'; names a quantity that varies; {suggest(name, PURPOSES)}"
                )
        if correlations:
            self._correlate(correlations)

    def __len__(self) -> int:
        """Return the number of patients."""
        return len(self.patients)

    def uniform(self, quantity: str) -> Floats:
        """Return one number in (0, 1) for each patient, the same at every call."""
        if quantity not in self._known:
            self._known[quantity] = self.several(quantity, 1)[:, 0]
        return self._known[quantity]

    def several(self, quantity: str, count: int) -> Floats:
        """Return `count` independent numbers for each patient, shape (n, count); correlations do not touch them."""
        return uniforms(self.seed, self.patients, PURPOSES[quantity], count=count)

    def score(self, quantity: str, order: int = 0) -> Floats:
        """Return the patients' normal scores of a quantity, moved where it is among `scores`, shape (n,).

        Parameters
        ----------
        quantity : str
        order : int
            Of "fitness", which each product of a patient has its own of, correlated: the place of the infusion in the arm's list.
        """
        score = np.asarray(ndtri(self.uniform(quantity)), dtype=np.float64)
        if quantity == "fitness":
            own = ndtri(self.several("fitness_of_infusion", order + 1)[:, order])
            score = np.sqrt(FITNESS_CORRELATION) * score + np.sqrt(1.0 - FITNESS_CORRELATION) * own
        moved = self.scores.get(quantity)
        return score if moved is None else moved.shift + moved.scale * score

    def value(self, quantity: str, law: Law) -> Floats:
        """Return the patients' values of a quantity under a law, shape (n,)."""
        moved = quantity in self.scores
        u = _inside(ndtr(self.score(quantity))) if moved else self.uniform(quantity)
        return np.asarray(law.quantile(u), dtype=np.float64)

    def fitness(self, law: Law, order: int) -> Floats:
        """Return the fitness of the product infused at a place of the arm's list, correlated with the patient's others."""
        return np.asarray(law.quantile(_inside(ndtr(self.score("fitness", order)))), dtype=np.float64)

    def _correlate(self, correlations: Sequence[tuple[str, str, float]]) -> None:
        names = {name for first, second, _ in correlations for name in (first, second)}
        for name in names:
            if name not in PURPOSES:
                raise ScenarioError(
                    f"patients.correlations: '{name}'; names a quantity that varies; {suggest(name, PURPOSES)}"
                )
        # By number, so that the order in the file is of no consequence.
        order = sorted(names, key=PURPOSES.__getitem__)
        matrix = np.eye(len(order))
        for first, second, rho in correlations:
            i, j = order.index(first), order.index(second)
            matrix[i, j] = matrix[j, i] = rho
        try:
            factor = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            raise ScenarioError(
                "patients.correlations: impossible together; their matrix is positive definite; bring them nearer to 0"
            ) from None
        scores = np.stack([ndtri(self.several(name, 1)[:, 0]) for name in order])
        for name, row in zip(order, factor, strict=True):
            # A sum row by row, so that a patient's number does not depend on who else is drawn.
            mixed = np.zeros(len(self))
            for weight, score in zip(row, scores, strict=True):
                mixed += weight * score
            self._known[name] = _inside(ndtr(mixed))


def _inside(u: Floats) -> Floats:
    """Keep probabilities away from 0 and 1."""
    return np.clip(u, 2.0**-53, 1.0 - 2.0**-53)
