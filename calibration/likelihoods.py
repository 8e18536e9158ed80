r"""Likelihoods of what trials report, each a function of what the simulation says of one patient. All logarithms are natural.

======================  ======================================================================================================
reported                log likelihood
======================  ======================================================================================================
k of n                  ln of the mean of C(n, k) p^k (1 - p)^(n - k) over what the patients leave unknown of p (`unsure_binomial`)
median of n durations   sum over the numbers of events before, at and after the median that give it (`censored_median`)
range low to high       ln N(logit x; m, s^2 + tau^2), m and s from the ends of the range, tau between trials (`band`)
summary of kinetics     ln N(ln x; ln reported, s^2)
======================  ======================================================================================================

Arrays broadcast; nothing fails: what cannot be is minus infinity, what is NaN stays NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, gammaln, logit

__all__ = [
    "TWO_SIDED",
    "MedianReport",
    "band",
    "censored_median",
    "summary",
    "unsure_binomial",
]

Floats = NDArray[np.float64]

TWO_SIDED = 1.959963984540054
"""Standard normal quantile at 97.5 %: a range is read as 95 % of a law."""


def unsure_binomial(events: int, of: int, share: ArrayLike, patients: ArrayLike) -> Floats:
    """Return the log of the mean likelihood of so many events among so many, where their probability is known from few simulated patients.

    The mean is over what those patients leave unknown, a beta law with Jeffreys' prior. Without it the noise of a share is an advantage:
    points at which few patients happen to agree with the report would be taken for good ones.

    Parameters
    ----------
    events, of : int
    share : array_like
        Of the simulated patients.
    patients : array_like
        Effective number of them.

    Examples
    --------
    >>> round(float(np.exp(unsure_binomial(1, 2, 0.5, 1e7))), 6), round(float(np.exp(unsure_binomial(1, 2, 0.5, 0.0))), 6)
    (0.5, 0.25)
    """
    p, n = np.asarray(share, dtype=np.float64), np.asarray(patients, dtype=np.float64)
    a, b = p * n + 0.5, (1.0 - p) * n + 0.5
    ways = gammaln(of + 1.0) - gammaln(events + 1.0) - gammaln(of - events + 1.0)
    return np.asarray(ways + betaln(events + a, of - events + b) - betaln(a, b), dtype=np.float64)


def band(x: ArrayLike, low: float, high: float, between: ArrayLike) -> Floats:
    """Return the log likelihood of a share or ratio of which a range was given.

    Parameters
    ----------
    x : array_like
        What the simulation says, between 0 and 1.
    low, high : float
        Ends of the range, read as 95 % of a logit-normal law.
    between : array_like
        SD of the logit between trials, which the range leaves out, with that of x itself.

    Examples
    --------
    >>> bool(band(0.3, 0.15, 0.45, 0.3) > band(0.7, 0.15, 0.45, 0.3))
    True
    """
    ends = logit(np.array([low, high]))
    middle, sd = float(ends.mean()), float(ends[1] - ends[0]) / (2.0 * TWO_SIDED)
    return _normal(logit(np.asarray(x, dtype=np.float64)), middle, np.hypot(sd, between))


def summary(x: ArrayLike, reported: float, log_sd: ArrayLike) -> Floats:
    """Return the log likelihood of a summary of kinetics, log-normal around what was reported.

    Parameters
    ----------
    x : array_like
        What the simulation says; above 0.
    reported : float
        In the same unit.
    log_sd : array_like
        SD of the natural logarithm, with that of x itself.
    """
    with np.errstate(divide="ignore"):
        return _normal(np.log(np.asarray(x, dtype=np.float64)), math.log(reported), np.asarray(log_sd))


def _normal(x: Floats, mean: float, sd: ArrayLike) -> Floats:
    own = np.asarray(sd, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        found = -0.5 * ((x - mean) / own) ** 2 - np.log(own * math.sqrt(2.0 * math.pi))
    return np.asarray(found, dtype=np.float64)


class MedianReport(NamedTuple):
    """A Kaplan-Meier median with the follow-up of those who had no event; days.

    Attributes
    ----------
    of : int
        Patients.
    median : float
    width : float
        Days around the median that the report rounds to it.
    censored_at : tuple of float
        Follow-up of those still free of the event, none before the median's interval; all others had it.
    until : float
        Day up to which events could have been seen.
    """

    of: int
    median: float
    width: float
    censored_at: tuple[float, ...]
    until: float

    @property
    def cuts(self) -> tuple[float, ...]:
        """Days at which the probability of an event so far is asked: begin and end of the median's interval, the end, and the censorings."""
        half = 0.5 * self.width
        return (self.median - half, self.median + half, self.until, *self.censored_at)


def censored_median(report: MedianReport, so_far: ArrayLike) -> Floats:
    r"""Return the log likelihood of a median with censored times.

    Of n patients c are free of the event, at times :math:`t_1 \ldots t_c`; the others had it, i before the interval of the median, j in it,
    and k = n - c - i - j after it. The report is the sum over all i and j with which the Kaplan-Meier curve falls to one half in the interval,

    .. math:: L = \prod_l S(t_l) \sum_{i,j} \frac{(n-c)!}{i!\,j!\,k!} F_a^i (F_b - F_a)^j (F_u - F_b)^k

    up to a factor that does not depend on the simulation. Nobody is censored before the interval, so that the curve is
    1 - events/n there; it falls to one half in the interval when fewer than n/2 events come before it and at least n/2 by its end.

    Parameters
    ----------
    report : MedianReport
    so_far : array_like, shape (..., 3 + c)
        Probability of an event up to each of `report.cuts`.

    Returns
    -------
    ndarray, shape (...)
    """
    cumulative = np.asarray(so_far, dtype=np.float64)
    begin, end, until = (cumulative[..., k] for k in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        free = np.log1p(-cumulative[..., 3:]).sum(axis=-1)
        logs = np.stack(
            [np.log(begin), np.log(np.maximum(end - begin, 0.0)), np.log(np.maximum(until - end, 0.0))]
        )
    terms = [_multinomial(counts, logs) for counts in _ways(report)]
    with np.errstate(invalid="ignore"):
        return np.asarray(free + np.logaddexp.reduce(np.stack(terms), axis=0), dtype=np.float64)


def _ways(report: MedianReport) -> list[tuple[int, int, int]]:
    """Return the numbers of events before, in and after the interval that give the median."""
    events = report.of - len(report.censored_at)
    half = report.of / 2.0
    return [
        (i, j, events - i - j) for i in range(events + 1) for j in range(events - i + 1) if i < half <= i + j
    ]


def _multinomial(counts: Sequence[int], logs: Floats) -> Floats:
    """Return the log probability of counts in cells whose log probabilities are rows; no event needs no probability."""
    found = np.full(logs.shape[1:], gammaln(sum(counts) + 1.0) - sum(gammaln(n + 1.0) for n in counts))
    for n, log in zip(counts, logs, strict=True):
        if n:
            found = found + n * log
    return found
