"""Single-arm designs for a rate: the exact test in one stage, and Simon's two stages found by search.

References
----------
Simon R (1989). Controlled Clinical Trials 10:1-10. doi:10.1016/0197-2456(89)90015-9
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betainc, gammaln, xlog1py, xlogy

from sim.errors import InputError

__all__ = ["TwoStage", "critical_counts", "exact_power", "two_stage"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Criterion = Literal["optimal", "minimax"]

_LARGEST = 300
"""Patients in the largest two-stage design that is looked for."""


def critical_counts(largest: int, null_rate: float, alpha: float) -> Ints:
    """Return for each number of patients the fewest responses that reject a rate; one more than there are patients where none do.

    Parameters
    ----------
    largest : int
    null_rate : float
        Between 0 and 1.
    alpha : float
        One-sided.

    Returns
    -------
    ndarray of int64, shape (largest + 1,)

    Examples
    --------
    >>> critical_counts(25, 0.1, 0.05)[[0, 1, 25]].tolist()
    [1, 2, 6]
    """
    return np.array([_critical_count(size, null_rate, alpha) for size in range(largest + 1)], dtype=np.int64)


def exact_power(size: int, rate: float, null_rate: float, alpha: float) -> float:
    """Return the probability that the exact test rejects, of so many patients at a rate.

    Examples
    --------
    >>> round(exact_power(25, 0.3, 0.1, 0.05), 4)
    0.8065
    """
    needed = _critical_count(size, null_rate, alpha)
    return float(_at_least(np.array([needed]), size, rate)[0])


def _most_power(size: int, rate: float, null_rate: float, alpha: float) -> float:
    """Return the power of the most powerful test of that level on so many patients, randomised at its edge (Neyman and Pearson).

    No design that looks at these patients once or in stages has more.
    """
    needed = _critical_count(size, null_rate, alpha)
    here = np.array([needed - 1, needed])
    below, beyond = _at_least(here, size, null_rate)
    share = (alpha - beyond) / (below - beyond)
    below, beyond_target = _at_least(here, size, rate)
    return float(beyond_target + share * (below - beyond_target))


class TwoStage(NamedTuple):
    """A two-stage design: stop after ``first`` patients with at most ``stop`` responses; reject with more than ``fail`` of ``size``.

    Attributes
    ----------
    stop, first, fail, size : int
        r1, n1, r and n in Simon's notation.
    """

    stop: int
    first: int
    fail: int
    size: int

    def stops_early(self, rate: float) -> float:
        """Return the probability to stop after the first stage."""
        return float(bdtr(self.stop, self.first, rate))

    def expected_size(self, rate: float) -> float:
        """Return the expected number of patients."""
        return self.first + (1.0 - self.stops_early(rate)) * (self.size - self.first)

    def rejects(self, rate: float) -> float:
        """Return the probability to reject the null rate."""
        responses = np.arange(self.stop + 1, self.first + 1)
        further = _at_least(self.fail + 1 - responses, self.size - self.first, rate)
        return float((_probabilities(self.first, rate)[responses] * further).sum())


@lru_cache(maxsize=64)
def two_stage(
    null_rate: float, target_rate: float, alpha: float, power: float, criterion: Criterion
) -> TwoStage:
    """Return Simon's design: of all with the errors asked for, that of the fewest patients expected at the null rate, or at most.

    Parameters
    ----------
    null_rate, target_rate : float
        0 < null_rate < target_rate < 1.
    alpha, power : float
    criterion : {"optimal", "minimax"}
        Fewest expected; or the smallest largest number, and among these the fewest expected.

    Raises
    ------
    InputError
        When no design of at most 300 patients reaches the power.

    Examples
    --------
    >>> two_stage(0.1, 0.3, 0.05, 0.8, "optimal")
    TwoStage(stop=1, first=10, fail=5, size=29)
    """
    best: tuple[float, TwoStage] | None = None
    limit = _LARGEST
    size = 2
    while size <= limit:
        possible = _most_power(size, target_rate, null_rate, alpha) >= power
        found = _best_of_size(size, null_rate, target_rate, alpha, power) if possible else None
        if found is not None:
            if criterion == "minimax":
                return found[1]
            if best is None:
                # No optimal design in Simon's tables is twice as large as the smallest.
                limit = min(_LARGEST, 2 * size)
            best = found if best is None or found[0] < best[0] - 1e-12 else best
        size += 1
    if best is None:
        raise InputError(
            f"target_rate: {target_rate:g} against {null_rate:g}; needs more than {_LARGEST} patients; "
            "raise the target, or ask for less power"
        )
    return best[1]


def _best_of_size(
    size: int, null_rate: float, target_rate: float, alpha: float, power: float
) -> tuple[float, TwoStage] | None:
    """Return the design of so many patients with the fewest expected ones."""
    best: tuple[float, TwoStage] | None = None
    fails = np.arange(size)
    for first in range(1, size):
        responses = np.arange(first + 1)
        rejecting = []
        for rate in (null_rate, target_rate):
            further = _at_least(fails[:, None] + 1 - responses, size - first, rate)
            joint = _probabilities(first, rate) * further
            # Column r1: responses above r1 in the first stage.
            beyond = np.cumsum(joint[:, ::-1], axis=1)[:, ::-1]
            rejecting.append(np.concatenate((beyond[:, 1:], np.zeros((size, 1))), axis=1))
        good = (rejecting[0] <= alpha) & (rejecting[1] >= power)
        # The more may stop early, the fewer patients are expected.
        possible = good.any(axis=0)
        if not possible.any():
            continue
        stop = int(np.flatnonzero(possible)[-1])
        design = TwoStage(stop, first, int(good[:, stop].argmax()), size)
        expected = design.expected_size(null_rate)
        if best is None or expected < best[0] - 1e-12:
            best = (expected, design)
    return best


def _critical_count(size: int, null_rate: float, alpha: float) -> int:
    rejects = np.append(_at_least(np.arange(size + 1), size, null_rate) <= alpha, True)
    return int(rejects.argmax())


def _at_least(responses: Ints, size: int, rate: float) -> Floats:
    """Return P(X >= responses) of a binomial number; 1 for none and fewer, 0 for more than there are."""
    inner = np.clip(responses, 1, size)
    tail = betainc(inner, size - inner + 1, rate) if size else np.zeros(np.shape(responses))
    return np.asarray(np.where(responses <= 0, 1.0, np.where(responses > size, 0.0, tail)))


def _probabilities(size: int, rate: float) -> Floats:
    """Return P(X = k) for k from 0 to the size."""
    k = np.arange(size + 1)
    log_ways = gammaln(size + 1) - gammaln(k + 1) - gammaln(size - k + 1)
    return np.asarray(np.exp(log_ways + xlogy(k, rate) + xlog1py(size - k, -rate)))
