r"""Tests of many trials at once: a row a trial, a column a patient; patients who are not analysed have NaN days.

Everything follows from the table at risk of each row, sorted once. Ties are one step, and who is censored at the time of an event was at risk for
it (`sim.trial.estimates`). Where an arm has nobody, or nothing varies, the statistic is 0: such a trial rejects nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Survival", "difference", "log_rank", "one_sample_milestone", "proportions", "survival_at"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Survival(NamedTuple):
    """A value of a curve in each trial, and its variance by Greenwood; NaN where nobody is analysed.

    Attributes
    ----------
    value, variance : ndarray, shape (trials,)
    """

    value: Floats
    variance: Floats


class _Table(NamedTuple):
    """Patients of each trial in the order of their times; tied ones share what is counted of their time.

    Attributes
    ----------
    order : ndarray of int, shape (trials, n)
    days : ndarray, shape (trials, n)
        Sorted; infinite for those not analysed.
    event : ndarray of bool, shape (trials, n)
    first : ndarray of bool, shape (trials, n)
        Whether a patient is the first of his time.
    begin : ndarray of int, shape (trials, n)
        Place of the first of his time.
    at_risk, deaths : ndarray, shape (trials, n)
        At risk just before his time, and events at it.
    """

    order: Ints
    days: Floats
    event: Bools
    first: Bools
    begin: Ints
    at_risk: Ints
    deaths: Ints


def log_rank(days: Floats, event: Bools, treated: Bools) -> Floats:
    r"""Return the log-rank statistic of each trial.

    .. math:: Z = \frac{\sum_i (e_i - d_i)}{\sqrt{\sum_i V_i}}, \quad e_i = \frac{d_{i+} n_i}{n_{i+}}, \quad
              V_i = d_{i+} \frac{n_i}{n_{i+}} \left(1 - \frac{n_i}{n_{i+}}\right) \frac{n_{i+} - d_{i+}}{n_{i+} - 1}

    at each time i, with n_i at risk and d_i events in the treated arm, and n_{i+}, d_{i+} in both.

    Parameters
    ----------
    days : ndarray, shape (trials, n)
        Time to the event or the censoring; NaN for a patient who is not analysed.
    event : ndarray of bool, shape (trials, n)
    treated : ndarray of bool, shape (n,)
        Columns of the first arm.

    Returns
    -------
    ndarray, shape (trials,)
        Above 0 where the first arm has fewer events than expected.

    Examples
    --------
    >>> days = np.array([[6.0, 13.0, 21.0, 9.0, 4.0, 5.0]])
    >>> treated = np.array([True, True, True, False, False, False])
    >>> log_rank(days, np.ones((1, 6), bool), treated).round(3).tolist()
    [1.599]
    """
    table = _table(days, event)
    mine = np.broadcast_to(treated, days.shape)
    mine = np.take_along_axis(mine & ~np.isnan(days), table.order, axis=1)
    left = np.cumsum(mine[:, ::-1], axis=1)[:, ::-1]
    own = np.take_along_axis(left, table.begin, axis=1)
    share = own / np.maximum(table.at_risk, 1)
    spread = share * (1.0 - share) * (table.at_risk - table.deaths) / np.maximum(table.at_risk - 1, 1)
    excess = np.where(table.event, share - mine, 0.0).sum(axis=1)
    variance = np.where(table.event, spread, 0.0).sum(axis=1)
    return _ratio(excess, variance)


def survival_at(days: Floats, event: Bools, at: float, *, restricted_mean: bool = False) -> Survival:
    """Return the Kaplan-Meier estimate of each trial at a day, or the mean time free of the event up to it.

    Parameters
    ----------
    days : ndarray, shape (trials, n)
    event : ndarray of bool, shape (trials, n)
    at : float
        Where a follow-up ends before it, the curve stays where it was.
    restricted_mean : bool
        Whether to return the area under the curve from 0 to ``at``, in days, in place of its value.

    Examples
    --------
    >>> days, event = np.array([[6.0, 6.0, 6.0, 7.0, 10.0]]), np.array([[True, True, False, True, False]])
    >>> survival_at(days, event, 8.0).value.round(3).tolist()
    [0.3]
    >>> survival_at(days, event, 8.0, restricted_mean=True).value.round(3).tolist()
    [6.9]
    """
    table = _table(days, event)
    counted = table.first & (table.deaths > 0) & (table.days <= at)
    at_risk = np.maximum(table.at_risk, 1)
    factor = np.where(counted, 1.0 - table.deaths / at_risk, 1.0)
    curve = np.cumprod(factor, axis=1)
    rest = at_risk * (at_risk - table.deaths)
    greenwood = np.where(counted & (rest > 0), table.deaths / np.maximum(rest, 1), 0.0)
    nobody = np.isnan(days).all(axis=1)
    if not restricted_mean:
        last = curve[:, -1]
        value, variance = last, last**2 * greenwood.sum(axis=1)
    else:
        ends = np.minimum(np.concatenate((table.days[:, 1:], np.full((len(days), 1), at)), axis=1), at)
        pieces = curve * np.maximum(ends - np.minimum(table.days, at), 0.0)
        start = np.minimum(table.days[:, 0], at)
        after = np.cumsum(pieces[:, ::-1], axis=1)[:, ::-1]
        value = start + pieces.sum(axis=1)
        # All tied at a time leave the area after it, which is what the last of them stands before.
        variance = (_at_end_of_tie(after, table) ** 2 * greenwood).sum(axis=1)
    return Survival(np.where(nobody, np.nan, value), np.where(nobody, np.nan, variance))


def difference(first: Survival, second: Survival) -> Floats:
    """Return the standardised difference of two estimates, above 0 where the first is larger."""
    variance = first.variance + second.variance
    return _ratio(np.nan_to_num(first.value - second.value), np.nan_to_num(variance))


def one_sample_milestone(found: Survival, null: float) -> Floats:
    r"""Return the standardised distance of a curve from a fixed value, on the scale log(-log S), above 0 where it is larger.

    .. math:: Z = \frac{\ln(-\ln S_0) - \ln(-\ln S)}{\sigma / |\ln S|}, \quad \sigma^2 = \operatorname{var}(S) / S^2

    A curve at 1 rejects a smaller value, one at 0 does not: the statistic is infinite, with the sign of the difference.

    Parameters
    ----------
    found : Survival
    null : float
        Strictly between 0 and 1.
    """
    inner = (found.value > 0.0) & (found.value < 1.0)
    value = np.where(inner, found.value, 0.5)
    hazard = -np.log(value)
    error = np.sqrt(np.where(inner, found.variance, 1.0)) / (value * hazard)
    z = (np.log(-np.log(null)) - np.log(hazard)) / np.where(error > 0.0, error, np.inf)
    edge = np.where(found.value >= 1.0, np.inf, -np.inf)
    return np.where(np.isnan(found.value), 0.0, np.where(inner, z, edge))


def proportions(responses: Ints, sizes: Ints) -> Floats:
    """Return the score statistic of two proportions with a common variance, above 0 where the first is larger.

    Parameters
    ----------
    responses, sizes : ndarray of int, shape (2, trials)

    Examples
    --------
    >>> proportions(np.array([[15], [8]]), np.array([[20], [20]])).round(3).tolist()
    [2.239]
    """
    some = np.maximum(sizes, 1)
    shares = responses / some
    common = responses.sum(axis=0) / some.sum(axis=0)
    variance = common * (1.0 - common) * (1.0 / some).sum(axis=0)
    return _ratio(np.where((sizes > 0).all(axis=0), shares[0] - shares[1], 0.0), variance)


def _table(days: Floats, event: Bools) -> _Table:
    """Sort each trial by time, and count at each time who is at risk and who has the event."""
    analysed = ~np.isnan(days)
    order = np.argsort(np.where(analysed, days, np.inf), axis=1, kind="stable")
    sorted_days = np.take_along_axis(np.where(analysed, days, np.inf), order, axis=1)
    happened = np.take_along_axis(event & analysed, order, axis=1)
    trials, n = days.shape
    places = np.broadcast_to(np.arange(n), (trials, n))
    first = np.ones((trials, n), dtype=np.bool_)
    first[:, 1:] = sorted_days[:, 1:] != sorted_days[:, :-1]
    begin = np.maximum.accumulate(np.where(first, places, 0), axis=1)
    at_risk = analysed.sum(axis=1)[:, None] - begin
    until = np.cumsum(happened, axis=1)
    before: Ints = np.take_along_axis(until - happened, begin, axis=1)
    deaths: Ints = np.take_along_axis(until, _ends(first), axis=1) - before
    return _Table(order, sorted_days, happened, first, begin, np.maximum(at_risk, 0), deaths)


def _ends(first: Bools) -> Ints:
    """Return for each patient the place of the last of his time."""
    trials, n = first.shape
    last = np.ones((trials, n), dtype=np.bool_)
    last[:, :-1] = first[:, 1:]
    places = np.where(last, np.arange(n), n)
    found: Ints = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
    return found


def _at_end_of_tie(values: Floats, table: _Table) -> Floats:
    return np.asarray(np.take_along_axis(values, _ends(table.first), axis=1))


def _ratio(value: Floats, variance: Floats) -> Floats:
    """Return value / sqrt(variance), 0 where there is no variance."""
    good = variance > 1e-300
    return np.where(good, value / np.sqrt(np.where(good, variance, 1.0)), 0.0)
