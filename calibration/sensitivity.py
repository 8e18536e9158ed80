r"""How outcomes depend on factors: designs and estimators, on arrays alone.

With y the outcome of a point x of n factors that are independent a priori:

==============  ==========================================================================================================================
`prcc`          correlation of the ranks of x_j and y, each without what the ranks of all other factors tell of it linearly (PRCC)
`sobol`         :math:`S_j = V[E(y|x_j)]/V[y]` and :math:`T_j = 1 - V[E(y|x_{-j})]/V[y]`; x_j may be a group of factors, which is then known together
`given_data`    :math:`V[E(y|x_j)]/V[y]` from any draws, correlated ones too: what x_j tells of y, through others that go with it as well
`noise_share`   share of V[y] that is the error of averages over few patients
==============  ==========================================================================================================================

References
----------
Marino S et al. (2008). J Theor Biol 254:178-196. doi:10.1016/j.jtbi.2008.04.011 (PRCC)
Saltelli A et al. (2010). Comput Phys Commun 181:259-270. doi:10.1016/j.cpc.2009.09.018
Plischke E, Borgonovo E, Smith CL (2013). Eur J Oper Res 226:536-550. doi:10.1016/j.ejor.2012.11.047 (indices from given data)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc, rankdata, sobol_indices

__all__ = ["Index", "Pages", "given_data", "noise_share", "pages", "prcc", "sobol"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLES = 1000
"""Bootstrap resamples, and permutations of a null law."""
RANK_VARIANCE = 1.06
"""Variance of Fisher's z of a correlation of ranks over that of values (Fieller, Hartley and Pearson 1957)."""


@dataclass(frozen=True, eq=False)
class Index:
    """Estimates for some factors, each with its interval.

    Attributes
    ----------
    value, low, high : ndarray, shape (factors,)
        NaN where the data cannot say.
    null : ndarray, shape (factors,), optional
        Probability of a value as high by chance, where it was asked.
    """

    value: Floats
    low: Floats
    high: Floats
    null: Floats | None = None


def prcc(x: Floats, y: Floats, level: float = 0.95) -> Index:
    r"""Return the partial rank correlation of each factor with an outcome.

    With b the slopes of the regression of the ranks of y on those R of all factors (centred), and e what is left,
    :math:`\rho_j = b_j/\sqrt{b_j^2 + |e|^2 (R^T R)^{-1}_{jj}}`, which is the correlation of what is left of the ranks of x_j and y after
    regression of each on the others'.

    Parameters
    ----------
    x : ndarray, shape (points, factors)
        No factor constant, more points than factors by five at least.
    y : ndarray, shape (points,)
    level : float
        Of the intervals: Fisher's z, with variance 1.06/(points - others - 3).

    Returns
    -------
    Index
        NaN throughout where y does not vary or the points are too few.

    Examples
    --------
    >>> x = np.random.default_rng(1).random((200, 2))
    >>> [round(float(one), 2) for one in prcc(x, x[:, 0] ** 3).value[:1]]
    [1.0]
    """
    points, factors = x.shape
    free = points - (factors - 1) - 3
    if free < 1 or np.ptp(y) == 0.0:
        unknown = np.full(factors, np.nan)
        return Index(unknown, unknown, unknown)
    ranks = rankdata(x, axis=0)
    ranks -= ranks.mean(axis=0)
    told = rankdata(y) - 0.5 * (points + 1)
    inverse = np.linalg.inv(ranks.T @ ranks)
    slopes = inverse @ (ranks.T @ told)
    left = told - ranks @ slopes
    value = slopes / np.sqrt(slopes**2 + float(left @ left) * np.diag(inverse))
    half = ndtri(0.5 + level / 2.0) * np.sqrt(RANK_VARIANCE / free)
    z = np.arctanh(np.clip(value, -1.0 + 1e-12, 1.0 - 1e-12))
    return Index(value, np.tanh(z - half), np.tanh(z + half))


@dataclass(frozen=True, eq=False)
class Pages:
    """Points of a Sobol' analysis: two independent designs, and for each group of factors the first with that group from the second.

    Attributes
    ----------
    a, b : ndarray, shape (n, factors)
        Numbers in (0, 1).
    ab : ndarray, shape (groups, n, factors)
    """

    a: Floats
    b: Floats
    ab: Floats


def pages(n: int, factors: int, groups: Sequence[Sequence[int]], seed: int) -> Pages:
    """Return a scrambled Sobol' design; the first two pages do not depend on the groups.

    Parameters
    ----------
    n : int
        A power of two keeps the balance of the sequence.
    factors : int
    groups : sequence of sequences of int
        Places of the factors that are exchanged together.
    seed : int
        Of the scrambling.

    Examples
    --------
    >>> found = pages(8, 3, [[0], [1, 2]], seed=1)
    >>> bool((found.ab[1][:, 1:] == found.b[:, 1:]).all() and (found.ab[1][:, 0] == found.a[:, 0]).all())
    True
    """
    rng = np.random.default_rng([seed, 0])
    points = np.clip(qmc.Sobol(2 * factors, scramble=True, seed=rng).random(n), 2.0**-40, 1.0 - 2.0**-40)
    a, b = points[:, :factors].copy(), points[:, factors:].copy()
    ab = np.repeat(a[None], len(groups), axis=0)
    for page, group in zip(ab, groups, strict=True):
        page[:, list(group)] = b[:, list(group)]
    return Pages(a, b, ab)


def sobol(f_a: Floats, f_b: Floats, f_ab: Floats, seed: int, level: float = 0.95) -> tuple[Index, Index]:
    """Return first-order and total indices of groups of factors with intervals from resampled rows.

    By SciPy where the rows are a power of two, otherwise by the same formulas. Rows in which a value is NaN are left out. Rows of a scrambled design are more even than independent ones, so that intervals are rather too wide.

    Parameters
    ----------
    f_a, f_b : ndarray, shape (n,)
        An outcome at `Pages.a` and `Pages.b`.
    f_ab : ndarray, shape (groups, n)
        At `Pages.ab`.
    seed : int
        Of the resampling.
    level : float

    Returns
    -------
    first, total : Index
        NaN where the outcome does not vary or fewer than four rows are whole.

    Examples
    --------
    >>> design = pages(256, 2, [[0], [1]], seed=1)
    >>> first, total = sobol(*(page @ np.array([2.0, 1.0]) for page in (design.a, design.b, design.ab)), seed=1)
    >>> bool(abs(first.value[0] - 0.8) < 0.05 and abs(total.value[1] - 0.2) < 0.05)
    True
    """
    whole = np.isfinite(f_a) & np.isfinite(f_b) & np.isfinite(f_ab).all(axis=0)
    f_a, f_b, f_ab = f_a[whole], f_b[whole], f_ab[:, whole]
    n, groups = len(f_a), len(f_ab)
    if n < 4 or np.ptp(np.concatenate([f_a, f_b])) == 0.0:
        unknown = np.full(groups, np.nan)
        return Index(unknown, unknown, unknown), Index(unknown, unknown, unknown)

    value = _saltelli(f_a, f_b, f_ab)
    if n & (n - 1) == 0:
        # Twice, since SciPy cannot take one outcome of one group.
        told: dict[Literal["f_A", "f_B", "f_AB"], Floats] = {
            "f_A": np.stack([f_a, f_a]),
            "f_B": np.stack([f_b, f_b]),
            "f_AB": np.stack([f_ab, f_ab], axis=1),
        }
        found = sobol_indices(func=told, n=n)
        value = found.first_order.reshape(2, groups)[0], found.total_order.reshape(2, groups)[0]
    rows = np.random.default_rng([seed, 1]).integers(0, n, (RESAMPLES, n))
    again = np.stack(_saltelli(f_a[rows], f_b[rows], f_ab[:, rows]))
    low, high = np.quantile(again, [0.5 - level / 2.0, 0.5 + level / 2.0], axis=2)
    return Index(value[0], low[0], high[0]), Index(value[1], low[1], high[1])


def _saltelli(f_a: Floats, f_b: Floats, f_ab: Floats) -> tuple[Floats, Floats]:
    """Return SciPy's estimates of both indices (method saltelli_2010), which it gives for a power of two of rows alone.

    Parameters
    ----------
    f_a, f_b : ndarray, shape (..., n)
    f_ab : ndarray, shape (groups, ..., n)

    Returns
    -------
    first, total : ndarray, shape (groups, ...)
        0 where the outcome does not vary, as there.
    """
    both = np.concatenate([f_a, f_b], axis=-1)
    variance = both.var(axis=-1)
    scale = np.divide(1.0, variance, out=np.zeros_like(variance), where=variance > 0.0)
    first = ((f_b - both.mean(axis=-1, keepdims=True)) * (f_ab - f_a)).mean(axis=-1) * scale
    return first, 0.5 * ((f_a - f_ab) ** 2).mean(axis=-1) * scale


def given_data(x: Floats, y: Floats, seed: int, bins: int | None = None, level: float = 0.95) -> Index:
    r"""Return first-order indices from draws of any law, correlated ones too.

    The draws are cut by each factor into bins of equal numbers. With sums of squares between and within bins,

    .. math:: \hat S_j = \frac{SS_{between} - (B-1)\,SS_{within}/(n-B)}{SS_{total}},

    which has mean 0 to order 1/n where x_j tells nothing (:math:`\epsilon^2` of the analysis of variance); what a factor varies within its bins is
    missed, some hundredths of its share with 16 bins of a normal law.

    Parameters
    ----------
    x : ndarray, shape (draws, factors)
        Independent of each other as draws: thin a chain first.
    y : ndarray, shape (draws,)
    seed : int
        Of resampling and permutations.
    bins : int, optional
        The square root of the draws by default, from 4 to 64.
    level : float
        Of the intervals, which come from resampled draws by their deviations from the estimate without correction.

    Returns
    -------
    Index
        With `null` from permutations of the outcome. NaN where y does not vary or draws are fewer than two a bin.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.standard_normal((2000, 2))
    >>> found = given_data(x, x[:, 0] + rng.standard_normal(2000), seed=1)
    >>> bool(abs(found.value[0] - 0.5) < 0.06 and abs(found.value[1]) < 0.03)
    True
    """
    n, factors = x.shape
    count = int(np.clip(round(n**0.5), 4, 64)) if bins is None else bins
    if n < 2 * count or np.ptp(y) == 0.0:
        unknown = np.full(factors, np.nan)
        return Index(unknown, unknown, unknown, unknown)
    place = ((rankdata(x, method="ordinal", axis=0) - 1) * count // n).astype(np.int64)
    raw, value = _between(place, y, count)
    rng = np.random.default_rng([seed, 2])
    higher = np.zeros(factors)
    moved = np.empty((RESAMPLES, factors))
    for k in range(RESAMPLES):
        higher += _between(place, rng.permutation(y), count)[1] >= value
        rows = rng.integers(0, n, n)
        moved[k] = _between(place[rows], y[rows], count)[1] - raw
    low, high = np.quantile(moved, [0.5 - level / 2.0, 0.5 + level / 2.0], axis=0)
    return Index(value, value - high, value - low, (1.0 + higher) / (1.0 + RESAMPLES))


def _between(place: Ints, y: Floats, count: int) -> tuple[Floats, Floats]:
    """Return the share of the variance between bins, as it is and corrected, for each factor's bins, shape (factors,)."""
    n, factors = place.shape
    centred = y - y.mean()
    total = float(centred @ centred)
    if total == 0.0:
        return np.zeros(factors), np.zeros(factors)
    flat = (place + count * np.arange(factors)).ravel()
    sizes = np.bincount(flat, minlength=count * factors)
    sums = np.bincount(flat, weights=np.repeat(centred, factors), minlength=count * factors)
    squares = np.divide(sums**2, sizes, out=np.zeros(len(sums)), where=sizes > 0).reshape(factors, count)
    raw = squares.sum(axis=1) / total
    return raw, raw - (count - 1) * (1.0 - raw) / (n - count)


def noise_share(halves: Floats) -> float:
    r"""Return the share of an outcome's variance over points that comes from averaging few patients.

    With the averages of two halves of the same patients at each point, :math:`V[(y_1 - y_2)/2]/V[(y_1 + y_2)/2]`: what both halves share, the luck
    that is common to all points, cancels.

    Parameters
    ----------
    halves : ndarray, shape (2, points)

    Returns
    -------
    float
        NaN where the outcome does not vary.

    Examples
    --------
    >>> noise_share(np.array([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]]))
    0.0
    """
    known = halves[:, np.isfinite(halves).all(axis=0)]
    if known.shape[1] < 2 or np.ptp(known.sum(axis=0)) == 0.0:
        return float("nan")
    return float((known[0] - known[1]).var() / (known[0] + known[1]).var())
