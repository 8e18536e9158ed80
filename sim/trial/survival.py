"""Kaplan-Meier curves with bands, medians and milestones.

Arrays in, frozen dataclasses out; no data frames. Ties: see `sim.trial.estimates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from sim.trial.estimates import (
    Estimate,
    Floats,
    Ints,
    binomial_interval,
    check_level,
    checked_times,
    edge_interval,
    hazard_variance,
    risk_table,
    step_value,
)

__all__ = ["Band", "SurvivalCurve", "kaplan_meier"]

Band = Literal["log-log", "log", "plain"]

# Two values of a curve closer than this are one horizontal piece (the tolerance of R's quantile.survfit).
_FLAT = float(np.sqrt(np.finfo(np.float64).eps))


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    r"""The share free of an event over time with its pointwise band: a Kaplan-Meier estimate, or 1 - F where other causes compete.

    Attributes
    ----------
    time : ndarray, shape (m,)
        Distinct times at which somebody had the event or was censored, increasing, in the unit of the input.
    at_risk, events, censored : ndarray of int, shape (m,)
        Patients at risk just before each time, and what happened to them at it.
    competing : ndarray of int, shape (m,)
        Patients who had another cause at each time, after which the event cannot count; 0 in a Kaplan-Meier estimate.
    survival, variance, lower, upper : ndarray, shape (m,)
        S, its variance and the band just after each time.
    size : int
        Patients.
    level : float
        Confidence level of the band.
    """

    time: Floats
    at_risk: Ints
    events: Ints
    censored: Ints
    competing: Ints
    survival: Floats
    variance: Floats
    lower: Floats
    upper: Floats
    size: int
    level: float

    def at(self, times: ArrayLike) -> Floats:
        """Return S at ``times``: 1 before the first, NaN after the last follow-up unless nobody was left to follow."""
        return step_value(self.time, self.survival, times, before=1.0, after=self._beyond(self.survival))

    def milestone(self, time: float) -> Estimate:
        """Return the probability to be free of the event at ``time``, with the band there.

        At 0 and 1 the band has no width of its own: unless somebody was censored before, the interval is Wilson's.
        """
        found = Estimate(
            *(
                float(step_value(self.time, curve, time, before=1.0, after=self._beyond(curve)))
                for curve in (self.survival, self.lower, self.upper)
            )
        )
        censored = int(self.censored[self.time < time].sum())
        return edge_interval(found, censored, self.size, self.level)

    def number_at_risk(self, times: ArrayLike) -> Ints:
        """Return how many patients are still followed and free of the event just before each of ``times``."""
        start = np.searchsorted(self.time, np.asarray(times, dtype=np.float64), side="left")
        return np.append(self.at_risk, 0)[start].astype(np.int64)

    def quantile(self, probability: float = 0.5) -> Estimate:
        """Return the time by which a share ``probability`` had the event, with its interval.

        The value is the first time at which S <= 1 - probability; where S equals it over a piece of time, the
        middle of the piece. The interval (Brookmeyer and Crowley) holds the times at which the band
        contains 1 - probability.

        Raises
        ------
        ValueError
            If ``probability`` is not strictly between 0 and 1.

        References
        ----------
        Brookmeyer R, Crowley J (1982). Biometrics 38:29-41. doi:10.2307/2530286

        Examples
        --------
        >>> kaplan_meier([1, 2, 3, 4, 5], [1, 1, 1, 1, 1]).quantile(0.5).value
        3.0
        """
        if not 0.0 < probability < 1.0:
            raise ValueError(f"probability: {probability}; strictly between 0 and 1; give 0.5 for the median")
        level = 1.0 - probability
        return Estimate(
            _crossing(self.time, self.survival, level),
            _crossing(self.time, self.lower, level),
            _crossing(self.time, self.upper, level),
        )

    def median(self) -> Estimate:
        """Return the median with its interval; NaN for what the curve does not reach."""
        return self.quantile(0.5)

    def _beyond(self, curve: Floats) -> float:
        """Return what a curve is after the last time: known only when everybody had the event, or another cause."""
        ended = self.at_risk[-1] == self.events[-1] + self.competing[-1]
        return float(curve[-1]) if ended else float("nan")


def kaplan_meier(
    time: ArrayLike, event: ArrayLike, *, level: float = 0.95, band: Band = "log-log"
) -> SurvivalCurve:
    r"""Estimate a survival curve from times and whether they are events.

    .. math:: S(t) = \prod_{t_i \le t} (1 - d_i/n_i), \quad
              \operatorname{var} S(t) = S(t)^2 \sum_{t_i \le t} \frac{d_i}{n_i (n_i - d_i)}

    Parameters
    ----------
    time : array_like, shape (n,)
        Time of the event or of the end of follow-up, finite, in any unit.
    event : array_like of bool, shape (n,)
        True for an event, False for a censored time.
    level : float
        Confidence level of the pointwise band, strictly between 0 and 1.
    band : {"log-log", "log", "plain"}
        Scale on which the normal interval is taken: log(-log S), log S or S itself.

    Returns
    -------
    SurvivalCurve

    Raises
    ------
    ValueError
        If there is no patient, the lengths differ or a time is not finite.

    Notes
    -----
    Where S has come to 0 no scale has an interval; the lower end is 0 there and the upper end stays where
    it was, or is Wilson's where all had the event at once.

    References
    ----------
    Kaplan EL, Meier P (1958). J Am Stat Assoc 53:457-481. doi:10.1080/01621459.1958.10501452

    Examples
    --------
    >>> curve = kaplan_meier([6, 6, 6, 7, 10], [1, 1, 0, 1, 0])
    >>> curve.survival.round(3).tolist(), curve.at_risk.tolist()
    ([0.6, 0.3, 0.3], [5, 2, 1])
    """
    times, codes = checked_times(time, np.asarray(event).astype(bool))
    check_level(level)
    distinct, at_risk, counts = risk_table(times, codes, 1)
    events = counts[1]
    survival = np.cumprod(1.0 - events / at_risk)
    survival[at_risk == events] = 0.0
    log_variance = np.cumsum(hazard_variance(at_risk, events))
    lower, upper = _survival_band(survival, log_variance, level, band)
    if len(events) == 1 and survival[0] == 0.0:
        upper[0] = binomial_interval(0, len(times), level=level).upper
    return SurvivalCurve(
        time=distinct,
        at_risk=at_risk,
        events=events,
        censored=counts[0],
        competing=np.zeros_like(events),
        survival=survival,
        variance=survival**2 * log_variance,
        lower=lower,
        upper=upper,
        size=len(times),
        level=level,
    )


def _survival_band(survival: Floats, log_variance: Floats, level: float, band: Band) -> tuple[Floats, Floats]:
    """Pointwise interval of S from the variance of log S, on the chosen scale."""
    z = float(ndtri(0.5 + 0.5 * level))
    error = np.sqrt(log_variance)
    lower = survival.copy()
    upper = survival.copy()
    inner = (survival > 0.0) & (survival < 1.0)
    s, e = survival[inner], error[inner]
    if band == "plain":
        lower[inner], upper[inner] = s - z * s * e, s + z * s * e
    elif band == "log":
        lower[inner], upper[inner] = s * np.exp(-z * e), s * np.exp(z * e)
    elif band == "log-log":
        spread = np.exp(z * e / np.abs(np.log(s)))
        lower[inner], upper[inner] = s**spread, s ** (1.0 / spread)
    else:
        raise ValueError(f"band: {band!r}; log-log, log or plain; give one of them")
    lower, upper = np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)
    if survival[-1] == 0.0 and len(upper) > 1:
        upper[-1] = upper[-2]
    return lower, upper


def _crossing(time: Floats, curve: Floats, level: float) -> float:
    """First time at which a falling curve is at or below ``level``; the middle of a piece that lies on it."""
    below = np.flatnonzero(curve <= level + _FLAT)
    if len(below) == 0:
        return float("nan")
    first = below[0]
    if curve[first] < level - _FLAT:
        return float(time[first])
    further = np.flatnonzero(curve < level - _FLAT)
    end = time[further[0]] if len(further) else time[-1]
    return float(0.5 * (time[first] + end))
