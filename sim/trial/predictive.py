"""What a trial of its own size would have seen, had the simulated patients been treated in it.

A reported figure comes from few patients. It is set against the distribution of the same figure in trials of that size
drawn from the simulated ones: exactly for counts, by resampling for medians.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, gammaln

__all__ = ["Predictive", "beta_binomial", "count_predictive", "km_medians", "sample_predictive"]

Floats = NDArray[np.float64]

# Two values of a curve closer than this are equal.
_FLAT = 1e-9


class Predictive(NamedTuple):
    """A predictive interval and where the reported figure falls.

    Attributes
    ----------
    lower, upper : float
        Ends of the interval: all figures whose two-sided mid-p is at least 1 - level. Infinite for a median that
        is not reached.
    tail : float
        Two-sided mid-p of the reported figure: twice the smaller of P(below) and P(above), each with half of P(equal).
    inside : bool
        Whether the figure is in the interval.
    """

    lower: float
    upper: float
    tail: float
    inside: bool


def beta_binomial(size: int, successes: float, failures: float, prior: float = 0.5) -> Floats:
    r"""Return the law of a count in a new trial, given what the simulated patients did.

    With the Jeffreys prior of 1/2, a = successes + prior, b = failures + prior,
    :math:`P(k) = \binom{n}{k} B(k + a, n - k + b) / B(a, b)`: binomial, widened by what so many simulated patients leave
    unknown of the probability.

    Parameters
    ----------
    size : int
        Patients of the new trial.
    successes, failures : float
        Simulated patients with and without the event; fractions where a patient was simulated several times.
    prior : float
        Of each; 0 where the two are the parameters of a beta law.

    Returns
    -------
    ndarray, shape (size + 1,)
        Probabilities of 0 to ``size`` events.

    Examples
    --------
    >>> beta_binomial(1, 1e9, 1e9).round(6).tolist()
    [0.5, 0.5]
    """
    a, b = successes + prior, failures + prior
    k = np.arange(size + 1.0)
    ways = gammaln(size + 1.0) - gammaln(k + 1.0) - gammaln(size - k + 1.0)
    law = np.exp(ways + betaln(k + a, size - k + b) - betaln(a, b))
    return np.asarray(law / law.sum(), dtype=np.float64)


def count_predictive(law: Floats, events: int, level: float = 0.95) -> Predictive:
    """Set a reported count against its predictive law.

    Parameters
    ----------
    law : ndarray, shape (size + 1,)
        Probabilities of 0, 1, 2, ... events.
    events : int
        The reported count.
    level : float
        Of the interval.

    Returns
    -------
    Predictive
        In counts.
    """
    tails = _mid_p(law)
    within = np.flatnonzero(tails >= 1.0 - level)
    tail = float(tails[events])
    return Predictive(float(within[0]), float(within[-1]), tail, tail >= 1.0 - level)


def sample_predictive(sample: ArrayLike, value: float, level: float = 0.95) -> Predictive:
    """Set a reported number against a sample of the same figure from resampled trials.

    Parameters
    ----------
    sample : array_like, shape (n,)
        Figures of resampled trials; infinite for a median that is not reached.
    value : float
        The reported figure.
    level : float
        Of the interval.

    Returns
    -------
    Predictive
    """
    figures, counts = np.unique(np.asarray(sample, dtype=np.float64), return_counts=True)
    law = counts / counts.sum()
    within = np.flatnonzero(_mid_p(law) >= 1.0 - level)
    below, equal = float(law[figures < value].sum()), float(law[figures == value].sum())
    tail = min(1.0, 2.0 * min(below + 0.5 * equal, 1.0 - below - 0.5 * equal))
    lower, upper = float(figures[within[0]]), float(figures[within[-1]])
    # A value between two figures of the sample is judged by the interval that they span.
    return Predictive(lower, upper, tail, lower <= value <= upper)


def km_medians(
    days: Floats,
    event: NDArray[np.bool_],
    size: int,
    censored_at: Sequence[float],
    resamples: int,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> Floats:
    """Return Kaplan-Meier medians of trials of ``size`` patients, resampled from simulated ones.

    Parameters
    ----------
    days : ndarray, shape (n,)
        Simulated times.
    event : ndarray of bool, shape (n,)
        Whether each is an event.
    size : int
        Patients of a trial.
    censored_at : sequence of float
        Follow-up times that the trial documented for those still free of the event. Each resampled patient is followed
        for one of them, drawn with equal chances; empty follows everybody as long as the simulation did.
    resamples : int
        Trials.
    seed : int
        Of the resampling.
    groups : ndarray of int64, shape (n,), optional
        Populations; the patients of a trial come from one, drawn with equal chances. All are one by default.

    Returns
    -------
    ndarray, shape (resamples,)
        Infinite where the curve stays above one half.

    Notes
    -----
    The follow-up of those who had an event is not reported; to follow them as the others is an assumption, and the
    cautious one, since it censors most.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    if groups is None:
        drawn = generator.integers(0, len(days), (resamples, size))
    else:
        order = np.argsort(groups, kind="stable")
        _, begin, count = np.unique(groups[order], return_index=True, return_counts=True)
        one = generator.integers(0, len(begin), resamples)
        luck = generator.random((resamples, size))
        drawn = order[begin[one][:, None] + (luck * count[one][:, None]).astype(np.int64)]
    time, happened = days[drawn], event[drawn]
    if censored_at:
        limit = np.asarray(censored_at, dtype=np.float64)[
            generator.integers(0, len(censored_at), (resamples, size))
        ]
        happened = happened & (time <= limit)
        time = np.minimum(time, limit)
    return _medians(time, happened)


def _medians(time: Floats, happened: NDArray[np.bool_]) -> Floats:
    """Return the Kaplan-Meier median of each row, by the rules of `SurvivalCurve.quantile`."""
    # Events before censorings of the same time; tied events one by one give the same product as together.
    order = np.lexsort((~happened, time), axis=1)
    time = np.take_along_axis(time, order, axis=1)
    happened = np.take_along_axis(happened, order, axis=1)
    size = time.shape[1]
    survival = np.cumprod(1.0 - happened / np.arange(size, 0.0, -1.0), axis=1)
    reached, below = survival <= 0.5 + _FLAT, survival < 0.5 - _FLAT
    row = np.arange(len(time))
    start = time[row, reached.argmax(axis=1)]
    end = np.where(below.any(axis=1), time[row, below.argmax(axis=1)], time[:, -1])
    return np.where(reached.any(axis=1), 0.5 * (start + end), np.inf)


def _mid_p(law: Floats) -> Floats:
    """Return the two-sided mid-p of every value of an ordered law."""
    below = np.cumsum(law) - 0.5 * law
    return np.asarray(np.minimum(1.0, 2.0 * np.minimum(below, 1.0 - below)), dtype=np.float64)
