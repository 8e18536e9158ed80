"""Kinetics of CAR T cells in blood, from measured concentrations on the save grid.

Everything is read from the series as the assay gives it, that is with zeros below the limit of quantification, from
day 0 (the first infusion) to the end of follow-up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Kinetics", "kinetics"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Share of the peak from which growth is timed, and to which contraction is timed.
_GROWTH_FROM = 0.01
_CONTRACTION_TO = 0.1
# The slow phase begins well after contraction, whose half-life is 4 to 6 days.
_TERMINAL_FROM = 60.0
_AUC_UNTIL = 28.0
# A slope nearer to 0, per day, is the rounding of the regression.
_FLAT = 1e-9


@dataclass(frozen=True, eq=False)
class Kinetics:
    """Summary of each course, shape (rows,) each.

    Attributes
    ----------
    cmax : ndarray
        Highest concentration, cells/uL, 0 where nothing was ever measured.
    tmax : ndarray
        Its day, NaN where nothing was measured.
    auc_0_28 : ndarray
        Area under the curve from day 0 to 28, cells/uL x days, by trapezia; NaN where the follow-up is shorter.
    doubling_time : ndarray
        ln 2 over the mean growth rate from 1 % of the peak (or the lowest measured value before it, if higher) to
        the last save time at or below half of it.
    contraction_half_life : ndarray
        ln 2 over the mean rate of decline from the peak to the first measured value at or below a tenth of it.
    terminal_half_life : ndarray
        ln 2 over the slope of log concentration regressed on time from day 60 on, three values at least; NaN where it
        does not fall.
    last_detectable_day : ndarray
        Last day above the limit of quantification.
    """

    cmax: Floats
    tmax: Floats
    auc_0_28: Floats
    doubling_time: Floats
    contraction_half_life: Floats
    terminal_half_life: Floats
    last_detectable_day: Floats


def kinetics(t: Floats, blood: Floats) -> Kinetics:
    """Summarise concentrations of CAR T cells in blood.

    Parameters
    ----------
    t : ndarray, shape (n_times,)
        Days, increasing; times before 0 are left out.
    blood : ndarray, shape (rows, n_times)
        Measured cells/uL, 0 below the limit, NaN after the end of follow-up.

    Returns
    -------
    Kinetics

    Examples
    --------
    >>> t = np.arange(0.0, 61.0)
    >>> found = kinetics(t, np.where(t <= 10, 2.0 ** (t - 10), 0.5 ** ((t - 10) / 5))[None, :])
    >>> float(found.tmax[0]), round(float(found.doubling_time[0]), 6), round(float(found.contraction_half_life[0]), 6)
    (10.0, 1.0, 5.0)
    """
    from_start = t >= 0.0
    day, series = t[from_start], blood[:, from_start]
    rows = len(series)
    if day.size == 0:
        none = np.full(rows, np.nan)
        return Kinetics(none, none, none, none, none, none, none)
    level = np.where(np.isnan(series), 0.0, series)
    peak = level.argmax(axis=1)
    cmax = level[np.arange(rows), peak]
    measured = cmax > 0.0
    detected = level > 0.0
    last = len(day) - 1 - detected[:, ::-1].argmax(axis=1)
    return Kinetics(
        cmax=np.where(np.isnan(series).all(axis=1), np.nan, cmax),
        tmax=np.where(measured, day[peak], np.nan),
        auc_0_28=_area(day, series),
        doubling_time=_doubling(day, level, peak, cmax),
        contraction_half_life=_contraction(day, level, peak, cmax),
        terminal_half_life=_terminal(day, level),
        last_detectable_day=np.where(measured, day[last], np.nan),
    )


def _area(day: Floats, series: Floats) -> Floats:
    """Return the area from the first day to day 28, the last trapezium cut at 28."""
    if day[-1] < _AUC_UNTIL:
        return np.full(len(series), np.nan)
    inside = int(np.searchsorted(day, _AUC_UNTIL, side="right"))
    area = _sum(0.5 * (series[:, 1:inside] + series[:, : inside - 1]) * np.diff(day[:inside]))
    rest = _AUC_UNTIL - day[inside - 1]
    if rest > 0.0:
        slope = (series[:, inside] - series[:, inside - 1]) / (day[inside] - day[inside - 1])
        area = area + rest * (series[:, inside - 1] + 0.5 * rest * slope)
    return np.asarray(area, dtype=np.float64)


def _rate(
    day: Floats, level: Floats, start: NDArray[np.int64], end: NDArray[np.int64], valid: Bools
) -> Floats:
    """Return ln 2 x time / ln ratio between two columns of each row, NaN where it makes no sense."""
    row = np.arange(len(level))
    low, high = level[row, start], level[row, end]
    good = valid & (end != start) & (low > 0.0) & (high > low)
    logs = np.log(np.where(good, high, np.e) / np.where(good, low, 1.0))
    return np.where(good, np.log(2.0) * np.abs(day[end] - day[start]) / logs, np.nan)


def _doubling(day: Floats, level: Floats, peak: NDArray[np.int64], cmax: Floats) -> Floats:
    """Return the doubling time of the growth that leads to the peak."""
    column = np.arange(len(day))
    before = column <= peak[:, None]
    half = _last_true(before & (level <= 0.5 * cmax[:, None]))
    # Growth is timed from behind the last value under 1 % of the peak; or from the trough, if that is higher.
    under = _last_true((column <= half[:, None]) & (level < _GROWTH_FROM * cmax[:, None]))
    trough = np.where(column <= half[:, None], level, np.inf).argmin(axis=1)
    start = np.where(under >= 0, under + 1, trough)
    return _rate(day, level, start, np.maximum(half, 0), (half >= 0) & (start <= half) & (cmax > 0.0))


def _contraction(day: Floats, level: Floats, peak: NDArray[np.int64], cmax: Floats) -> Floats:
    """Return the half-life of the decline behind the peak."""
    after = np.arange(len(day)) > peak[:, None]
    low = after & (level > 0.0) & (level <= _CONTRACTION_TO * cmax[:, None])
    return _rate(day, level, low.argmax(axis=1), peak, np.asarray(low.any(axis=1)))


def _terminal(day: Floats, level: Floats) -> Floats:
    """Return the half-life of the slow phase by least squares on the logarithm."""
    used = (day >= _TERMINAL_FROM) & (level > 0.0)
    count = used.sum(axis=1)
    logs = np.log(np.where(used, level, 1.0))
    n = np.maximum(count, 1)
    x = np.where(used, day - ((used * day).sum(axis=1) / n)[:, None], 0.0)
    spread = (x**2).sum(axis=1)
    slope = np.divide((x * logs).sum(axis=1), spread, out=np.zeros(len(level)), where=spread > 0.0)
    falling = (count >= 3) & (slope < -_FLAT)
    return np.where(falling, np.log(2.0) / np.where(falling, -slope, 1.0), np.nan)


def _sum(values: Floats) -> Floats:
    """Return the sum of each row, added up in the order of the columns.

    The order in which `sum` adds depends on how the array lies in memory, and so on how many rows there are: a patient
    on his own would differ from himself among others by rounding.
    """
    added: Floats = np.cumsum(values, axis=1)[:, -1] if values.shape[1] else np.zeros(len(values))
    return added


def _last_true(where: Bools) -> NDArray[np.int64]:
    """Return the last true column of each row, -1 for none."""
    last = where.shape[1] - 1 - where[:, ::-1].argmax(axis=1)
    return np.where(where.any(axis=1), last, -1).astype(np.int64)
