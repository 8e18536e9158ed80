"""Cumulative incidence with competing causes: the Aalen-Johansen estimate, its variance and band.

One minus a Kaplan-Meier curve that censors the other causes answers a question about a world without them,
and is too high in this one; shares of patients are read from these curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from sim.trial.estimates import (
    Estimate,
    Floats,
    Ints,
    check_level,
    checked_times,
    edge_interval,
    hazard_variance,
    risk_table,
    step_value,
)

__all__ = ["CumulativeIncidence", "cumulative_incidence"]

# A cause that left even one of a million patients stays further below 1 than this.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """The Aalen-Johansen estimate: for each cause, the share that had it by then, first of all causes.

    Attributes
    ----------
    time : ndarray, shape (m,)
        Distinct times of events and censorings, increasing.
    at_risk, censored : ndarray of int, shape (m,)
        Patients at risk just before each time; those censored at it.
    events : ndarray of int, shape (causes, m)
        Events of each cause at each time.
    incidence, variance, lower, upper : ndarray, shape (causes, m)
        F of each cause just after each time, its variance and the complementary log-log band.
    event_free : ndarray, shape (m,)
        Share free of any event: 1 minus the sum of the incidences.
    causes : tuple of str
        Names of the causes, in the order of the rows.
    size : int
        Patients.
    level : float
        Confidence level of the band.
    """

    time: Floats
    at_risk: Ints
    censored: Ints
    events: Ints
    incidence: Floats
    variance: Floats
    lower: Floats
    upper: Floats
    event_free: Floats
    causes: tuple[str, ...]
    size: int
    level: float

    def at(self, cause: str, times: ArrayLike) -> Floats:
        """Return F of one cause at ``times``; NaN after the last follow-up unless everybody had an event."""
        row = self.causes.index(cause)
        return step_value(
            self.time, self.incidence[row], times, before=0.0, after=self._beyond(self.incidence[row])
        )

    def milestone(self, cause: str, time: float) -> Estimate:
        """Return the share that had ``cause`` by ``time``, with the band there.

        At 0 and 1 the band has no width of its own: unless somebody was censored before, the interval is Wilson's.
        """
        row = self.causes.index(cause)
        found = [
            float(step_value(self.time, curve[row], time, before=0.0, after=self._beyond(curve[row])))
            for curve in (self.incidence, self.lower, self.upper)
        ]
        censored = int(self.censored[self.time < time].sum())
        return edge_interval(Estimate(*found), censored, self.size, self.level)

    def number_at_risk(self, times: ArrayLike) -> Ints:
        """Return how many patients are still followed and free of any event just before each of ``times``."""
        start = np.searchsorted(self.time, np.asarray(times, dtype=np.float64), side="left")
        return np.append(self.at_risk, 0)[start].astype(np.int64)

    def _beyond(self, curve: Floats) -> float:
        """Return what a curve is after the last time: known only when everybody had an event."""
        return float(curve[-1]) if self.at_risk[-1] == self.events[:, -1].sum() else float("nan")


def cumulative_incidence(
    time: ArrayLike, cause: ArrayLike, causes: Sequence[str], *, level: float = 0.95
) -> CumulativeIncidence:
    r"""Estimate the cumulative incidence of each of several competing causes.

    .. math:: F_k(t) = \sum_{t_i \le t} S(t_{i-1}) \, d_{ik}/n_i

    with the delta-method variance, in which S is just before :math:`t_i`,

    .. math:: \sum_{t_i \le t} \frac{(F_k(t) - F_k(t_i))^2 d_i}{n_i (n_i - d_i)}
              + \frac{S^2 d_{ik} (n_i - d_{ik})}{n_i^3}
              - 2 \frac{(F_k(t) - F_k(t_i)) S d_{ik}}{n_i^2}

    which is Greenwood's where there is a single cause.

    Parameters
    ----------
    time : array_like, shape (n,)
        Time of the first event or of the end of follow-up, finite.
    cause : array_like of int, shape (n,)
        0 for a censored time, k for the k-th of ``causes``.
    causes : sequence of str
        Names of the causes.
    level : float
        Confidence level of the pointwise band (complementary log-log scale).

    Returns
    -------
    CumulativeIncidence

    Raises
    ------
    ValueError
        If there is no patient, the lengths differ, a time is not finite or a cause has no name.

    References
    ----------
    Aalen OO, Johansen S (1978). Scand J Stat 5:141-150.
    Choudhury JB (2002). Stat Med 21:1129-1144. doi:10.1002/sim.1070

    Examples
    --------
    >>> found = cumulative_incidence([1, 2, 3, 4], [1, 2, 0, 1], ["relapse", "death"])
    >>> found.incidence.tolist()
    [[0.25, 0.25, 0.25, 0.75], [0.0, 0.25, 0.25, 0.25]]
    """
    times, codes = checked_times(time, np.asarray(cause))
    check_level(level)
    if codes.min() < 0 or codes.max() > len(causes):
        raise ValueError(
            f"cause: {codes.min()} to {codes.max()}; 0 or the number of one of {tuple(causes)}; recode"
        )
    distinct, at_risk, counts = risk_table(times, codes, len(causes))
    events = counts[1:]
    total = events.sum(axis=0)
    event_free = np.cumprod(1.0 - total / at_risk)
    event_free[at_risk == total] = 0.0
    before = np.concatenate(([1.0], event_free[:-1]))
    incidence = np.cumsum(before * events / at_risk, axis=1)
    # A cause that took everybody, but for rounding.
    incidence[incidence > 1.0 - _ROUNDING] = 1.0
    variance = _incidence_variance(incidence, before, at_risk, events, total)
    lower, upper = _incidence_band(incidence, variance, level)
    return CumulativeIncidence(
        time=distinct,
        at_risk=at_risk,
        censored=counts[0],
        events=events,
        incidence=incidence,
        variance=variance,
        lower=lower,
        upper=upper,
        event_free=event_free,
        causes=tuple(causes),
        size=len(times),
        level=level,
    )


def _incidence_variance(
    incidence: Floats, before: Floats, at_risk: Ints, events: Ints, total: Ints
) -> Floats:
    """Delta-method variance of each F, written with running sums so that the cost is linear in the times."""
    any_cause = hazard_variance(at_risk, total)
    own = before**2 * events * (at_risk - events) / at_risk.astype(np.float64) ** 3
    cross = before * events / at_risk.astype(np.float64) ** 2
    variance = (
        incidence**2 * np.cumsum(any_cause)
        - 2.0 * incidence * np.cumsum(incidence * any_cause, axis=1)
        + np.cumsum(incidence**2 * any_cause, axis=1)
        + np.cumsum(own, axis=1)
        - 2.0 * incidence * np.cumsum(cross, axis=1)
        + 2.0 * np.cumsum(incidence * cross, axis=1)
    )
    # The sums cancel to about 1e-16 where the variance is 0.
    return np.maximum(variance, 0.0)


def _incidence_band(incidence: Floats, variance: Floats, level: float) -> tuple[Floats, Floats]:
    """Pointwise interval of F on the scale log(-log F); where F has come to 1 the lower end stays where it was."""
    z = float(ndtri(0.5 + 0.5 * level))
    lower, upper = incidence.copy(), incidence.copy()
    inner = (incidence > 0.0) & (incidence < 1.0)
    f = incidence[inner]
    spread = np.exp(z * np.sqrt(variance[inner]) / (f * np.abs(np.log(f))))
    lower[inner], upper[inner] = f**spread, f ** (1.0 / spread)
    full = incidence[:, -1] == 1.0
    lower[full, -1] = lower[full, -2] if lower.shape[1] > 1 else 0.0
    return lower, upper
