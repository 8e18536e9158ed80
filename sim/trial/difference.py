r"""The difference of two estimates with its interval, where the two may be correlated.

Shares: each has Wilson's interval for the number of patients that would give its variance, :math:`n = p(1-p)/\operatorname{var} p` (Rothman), and the two
intervals are put together so that the ends keep their own lengths (Newcombe; Zou and Donner):

.. math:: L = p_1 - p_2 - \sqrt{a^2 - 2 r a b + b^2}, \quad a = p_1 - l_1, \quad b = u_2 - p_2

with r the correlation of the estimates; the upper end likewise. So the interval stays within -1 and 1 and has a width where nobody, or everybody, had the event.
Other quantities: Student's interval.

References
----------
Rothman KJ (1978). J Chronic Dis 31:557-560. doi:10.1016/0021-9681(78)90043-7
Newcombe RG (1998). Stat Med 17:873-890 and 17:2635-2650.
Zou GY, Donner A (2008). Stat Med 27:1693-1702. doi:10.1002/sim.3095
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from sim.trial.estimates import Estimate, binomial_interval, check_level

__all__ = ["Spread", "mean_difference", "share_difference", "two_sided_p"]

# Beyond so many degrees of freedom Student's law is the normal one.
_MANY = 1e8


class Spread(NamedTuple):
    """Variances of two estimates and of their difference.

    Attributes
    ----------
    first, second, difference : float
        With what is not known of parameters and trials.
    simulation : float
        Of the difference, by the number of virtual patients alone.
    freedom : float
        Degrees of freedom of the Student law that the difference over its SD has.
    """

    first: float
    second: float
    difference: float
    simulation: float
    freedom: float

    @property
    def correlation(self) -> float:
        """Correlation of the two estimates; 0 where one does not vary."""
        scale = (self.first * self.second) ** 0.5
        if not scale > 0.0:
            return 0.0
        return float(np.clip((self.first + self.second - self.difference) / (2.0 * scale), -1.0, 1.0))


def mean_difference(first: float, second: float, spread: Spread, level: float = 0.95) -> Estimate:
    """Return first less second with Student's interval.

    Examples
    --------
    >>> [round(x, 2) for x in mean_difference(3.0, 1.0, Spread(1.0, 1.0, 4.0, 4.0, float("inf")))]
    [2.0, -1.92, 5.92]
    """
    check_level(level)
    half = _quantile(level, spread.freedom) * spread.difference**0.5
    value = first - second
    return Estimate(value, value - half, value + half)


def share_difference(
    first: float, second: float, sizes: tuple[float, float], spread: Spread, level: float = 0.95
) -> Estimate:
    """Return the difference of two shares.

    Parameters
    ----------
    first, second : float
        Between 0 and 1.
    sizes : tuple of float
        Patients, or groups of patients who belong together, behind each; used where a share is 0 or 1 and its variance says nothing.
    spread : Spread
    level : float

    Examples
    --------
    >>> independent = Spread(0.8 * 0.2 / 70, 0.6 * 0.4 / 80, 0.8 * 0.2 / 70 + 0.6 * 0.4 / 80, 0.0, float("inf"))
    >>> [round(x, 4) for x in share_difference(0.8, 0.6, (70, 80), independent)]
    [0.2, 0.0524, 0.3339]
    """
    check_level(level)
    if np.isnan(first) or np.isnan(second):
        return Estimate(float("nan"), float("nan"), float("nan"))
    # The level at which a normal quantile is Student's.
    wider = 2.0 * float(ndtr(_quantile(level, spread.freedom))) - 1.0
    one, two = (
        _wilson(value, variance, size, wider)
        for value, variance, size in zip((first, second), (spread.first, spread.second), sizes, strict=True)
    )
    r = spread.correlation
    value = first - second
    below = _combined(first - one.lower, two.upper - second, r)
    above = _combined(one.upper - first, second - two.lower, r)
    return Estimate(value, max(value - below, -1.0), min(value + above, 1.0))


def two_sided_p(value: float, variance: float, freedom: float) -> float:
    """Return the probability of a value at least so far from 0, by Student's law; NaN where the variance is 0."""
    if not variance > 0.0:
        return float("nan")
    far = -abs(value) / variance**0.5
    return 2.0 * float(ndtr(far) if freedom > _MANY else stdtr(freedom, far))


def _quantile(level: float, freedom: float) -> float:
    """Return how many SDs Student's interval reaches on either side."""
    upper = 0.5 + 0.5 * level
    return float(ndtri(upper) if freedom > _MANY else stdtrit(freedom, upper))


def _wilson(value: float, variance: float, size: float, level: float) -> Estimate:
    """Return Wilson's interval for the number of patients that has this variance."""
    inner = value * (1.0 - value)
    patients = inner / variance if inner > 0.0 and variance > 0.0 else size
    return binomial_interval(value * patients, patients, level=level)


def _combined(one: float, two: float, r: float) -> float:
    return float(max(one**2 - 2.0 * r * one * two + two**2, 0.0) ** 0.5)
