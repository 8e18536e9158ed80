"""Counts that a test of so many cells gives: quantile functions of the Poisson and the binomial law."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, bdtrik, pdtr, pdtrik

__all__ = ["binomial_quantile", "poisson_quantile"]

Floats = NDArray[np.float64]


def poisson_quantile(u: ArrayLike, mean: ArrayLike) -> Floats:
    """Return the smallest k with P(K <= k) >= u for a Poisson variable K; NaN where the mean is NaN.

    Parameters
    ----------
    u : array_like
        Probabilities strictly between 0 and 1.
    mean : array_like
        Means, 0 or more.

    Examples
    --------
    >>> poisson_quantile([0.01, 0.5, 0.99], 2.0).tolist()
    [0.0, 2.0, 6.0]
    """
    probability, m = np.broadcast_arrays(np.asarray(u, dtype=np.float64), np.asarray(mean, dtype=np.float64))
    usable = m > 0.0
    safe = np.where(usable, m, 1.0)
    k = np.ceil(pdtrik(probability, safe))
    # The inverse of the incomplete gamma function may land one above the answer.
    less = np.maximum(k - 1.0, 0.0)
    k = np.where(pdtr(less, safe) >= probability, less, k)
    return np.where(usable, k, np.where(np.isnan(m), np.nan, 0.0))


def binomial_quantile(u: ArrayLike, size: int, share: ArrayLike) -> Floats:
    """Return the smallest k with P(K <= k) >= u for a binomial variable K; NaN where the share is NaN.

    Examples
    --------
    >>> binomial_quantile([0.01, 0.5, 0.99], 200, 0.05).tolist()
    [4.0, 10.0, 18.0]
    """
    probability, p = np.broadcast_arrays(np.asarray(u, dtype=np.float64), np.asarray(share, dtype=np.float64))
    usable = (p > 0.0) & (p < 1.0)
    safe = np.where(usable, p, 0.5)
    k = np.clip(np.ceil(bdtrik(probability, size, safe)), 0.0, size)
    less = np.maximum(k - 1.0, 0.0)
    k = np.where(bdtr(less, size, safe) >= probability, less, k)
    edge = np.where(np.isnan(p), np.nan, np.where(p >= 1.0, float(size), 0.0))
    return np.where(usable, k, edge)
