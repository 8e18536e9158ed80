"""Counts that a test of so many cells gives: quantile functions of the Poisson and the binomial law."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, bdtrik, ndtri, pdtr, pdtrik

__all__ = ["binomial_quantile", "poisson_quantile"]

Floats = NDArray[np.float64]

# Above this mean the inverse of the incomplete gamma function is slow, and a normal expansion is within a count or two.
_LARGE = 1e3


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
    k = np.where(np.isnan(m), np.nan, 0.0)
    small, large = (m > 0.0) & (m <= _LARGE), m > _LARGE
    start = np.ceil(pdtrik(probability[small], m[small]))
    # The inverse of the incomplete gamma function may land one above the answer.
    less = np.maximum(start - 1.0, 0.0)
    k[small] = np.where(pdtr(less, m[small]) >= probability[small], less, start)
    k[large] = _from_expansion(probability[large], m[large])
    return k


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


def _from_expansion(probability: Floats, mean: Floats) -> Floats:
    """Return Poisson quantiles of large means: a Cornish-Fisher expansion, then steps of one to the exact count."""
    z = ndtri(probability)
    sigma = np.sqrt(mean)
    k = np.floor(mean + sigma * z + (z**2 - 1.0) / 6.0 + (z - z**3) / (72.0 * sigma))
    while True:
        up = pdtr(k, mean) < probability
        down = ~up & (pdtr(k - 1.0, mean) >= probability)
        if not (up | down).any():
            return np.asarray(k, dtype=np.float64)
        k = k + up - down
