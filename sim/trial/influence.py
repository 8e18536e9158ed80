r"""What each patient contributes to the error of an estimate: shares, cumulative incidences, restricted means.

An estimate is its true value plus, to first order, a sum with a term of mean 0 for each patient. The variance of any combination of
estimates of the same patients follows from their terms: of a difference between two arms that treat the same people, of a mean over
groups of patients who belong together. With :math:`Y` at risk, :math:`d` events of any cause and S the share free of any,

.. math:: \hat F_k(t) - F_k(t) \approx \sum_i \int_0^t \frac{S(u-)}{Y(u)}\, dM_{ik}(u)
          - \int_0^t \frac{F_k(t) - F_k(u)}{Y(u) (1 - d(u)/Y(u))}\, dM_i(u)

where :math:`dM_i = dN_i - Y_i\, d/Y` and :math:`dM_{ik}` counts events of cause k alone. The squares of the terms add up to the variances of
Greenwood, and of Aalen and Johansen by the delta method, exactly; without censoring the terms are :math:`(1\{T_i \le t, \text{cause } k\} - F_k(t))/n`.

References
----------
Andersen PK, Borgan O, Gill RD, Keiding N (1993). Statistical Models Based on Counting Processes, section IV.4. Springer.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.trial.estimates import checked_times, risk_table

__all__ = ["Terms", "incidence_terms", "restricted_mean_terms", "share_terms"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Terms(NamedTuple):
    """An estimate, and what each patient contributes to its error.

    Attributes
    ----------
    value : float
        NaN where nobody was followed so long.
    error : ndarray, shape (n,)
        Sums to 0.
    """

    value: float
    error: Floats


def share_terms(values: ArrayLike) -> Terms:
    """Return a mean and its terms.

    Parameters
    ----------
    values : array_like, shape (n,)
        1 and 0, or any number; none NaN.

    Examples
    --------
    >>> share_terms([1, 0, 0, 1]).error.tolist()
    [0.125, -0.125, -0.125, 0.125]
    """
    known = np.asarray(values, dtype=np.float64)
    if not len(known):
        return Terms(float("nan"), known)
    value = float(known.mean())
    return Terms(value, (known - value) / len(known))


def incidence_terms(time: ArrayLike, cause: ArrayLike, wanted: Collection[int], at: float) -> Terms:
    """Return the share that had one of some causes by a time, and its terms.

    Parameters
    ----------
    time : array_like, shape (n,)
        Time of the first event or of the end of follow-up, finite.
    cause : array_like of int, shape (n,)
        0 for a censored time, k for the k-th cause.
    wanted : collection of int
        Causes that count; the others compete.
    at : float
        In the unit of the times.

    Returns
    -------
    Terms
        The value is the Aalen-Johansen estimate; one minus Kaplan and Meier's where nothing competes.

    Raises
    ------
    ValueError
        If there is no patient, the lengths differ or a time is not finite.

    Examples
    --------
    >>> found = incidence_terms([1, 2, 3, 4], [1, 2, 0, 1], [1], 4)
    >>> found.value, round(float((found.error**2).sum()), 6)
    (0.75, 0.046875)
    """
    table = _Table.of(time, cause, wanted)
    if table.unknown(at):
        return Terms(float("nan"), np.full(len(table.place), np.nan))
    value = table.step(at)
    before = (table.time <= at).astype(np.float64)
    return Terms(value, table.terms(table.free * before, (value - table.incidence) * before))


def restricted_mean_terms(time: ArrayLike, cause: ArrayLike, wanted: Collection[int], until: float) -> Terms:
    r"""Return the mean time free of some causes up to a limit, and its terms.

    .. math:: \mu(\tau) = \tau - \int_0^\tau F(t)\, dt

    The restricted mean survival time where nothing competes; otherwise the mean of :math:`\tau` less the time lost to the causes.

    Parameters
    ----------
    time, cause, wanted
        As in `incidence_terms`.
    until : float
        The limit :math:`\tau`, above 0.

    References
    ----------
    Royston P, Parmar MKB (2013). BMC Med Res Methodol 13:152. doi:10.1186/1471-2288-13-152
    Andersen PK (2013). Stat Med 32:5278-5285. doi:10.1002/sim.5903

    Examples
    --------
    >>> restricted_mean_terms([1, 2, 3, 4], [1, 1, 1, 1], [1], 4).value
    2.5
    """
    table = _Table.of(time, cause, wanted)
    if table.unknown(until):
        return Terms(float("nan"), np.full(len(table.place), np.nan))
    left = np.maximum(until - table.time, 0.0)
    # The integral of F from each time to the limit, from the last time backwards.
    widths = np.minimum(np.append(table.time[1:], np.inf), until) - np.minimum(table.time, until)
    area = np.cumsum((widths * table.incidence)[::-1])[::-1]
    lost = float(area[0]) if len(area) else 0.0
    error = -table.terms(table.free * left, area - table.incidence * left)
    return Terms(until - lost, error)


class _Table(NamedTuple):
    """Distinct times, who is at risk at each, and where each patient's time is among them; the wanted causes are one."""

    time: Floats
    at_risk: Floats
    own: Floats
    total: Floats
    free: Floats
    """Share free of any event just before each time."""
    incidence: Floats
    place: Ints
    code: Ints
    """0 censored, 1 a wanted cause, 2 another."""

    @classmethod
    def of(cls, time: ArrayLike, cause: ArrayLike, wanted: Collection[int]) -> _Table:
        times, causes = checked_times(time, np.asarray(cause))
        codes = np.where(causes == 0, 0, np.where(np.isin(causes, list(wanted)), 1, 2))
        distinct, at_risk, counts = risk_table(times, codes, 2)
        own, total = counts[1].astype(np.float64), (counts[1] + counts[2]).astype(np.float64)
        left = np.cumprod(1.0 - total / at_risk)
        left[at_risk == total] = 0.0
        free = np.concatenate(([1.0], left[:-1]))
        incidence = np.cumsum(free * own / at_risk)
        place = np.searchsorted(distinct, times)
        return cls(distinct, at_risk.astype(np.float64), own, total, free, incidence, place, codes)

    def unknown(self, at: float) -> bool:
        """Tell whether a time lies behind the last follow-up, with somebody left to follow."""
        return bool(at > self.time[-1] and self.at_risk[-1] > self.total[-1])

    def step(self, at: float) -> float:
        """Return F at a time."""
        place = int(np.searchsorted(self.time, at, side="right"))
        return float(self.incidence[place - 1]) if place else 0.0

    def terms(self, own: Floats, other: Floats) -> Floats:
        """Return the sum over time of own dM_k / Y - other dM / (Y (1 - d/Y)) for each patient."""
        rest = self.at_risk - self.total
        first = own / self.at_risk
        # Where everybody left had the event nothing is left to vary.
        second = np.divide(other, rest, out=np.zeros_like(other), where=rest > 0.0)
        hazard = np.cumsum((first * self.own - second * self.total) / self.at_risk)
        jump = np.where(self.code == 1, first[self.place], 0.0) - np.where(
            self.code > 0, second[self.place], 0.0
        )
        return np.asarray(jump - hazard[self.place], dtype=np.float64)
