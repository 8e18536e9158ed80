"""Whether chains have converged, how much their draws are worth, and whether the ranks of known points are uniform.

R-hat and effective sample sizes are those of split chains whose draws are replaced by the normal scores of their ranks, so that heavy tails
and any scale will do. Simulation-based calibration: draw a point from the prior, data from the point, and a posterior from the data; the rank of
the point among posterior draws is uniform if the inference is right.

References: Vehtari et al., Bayesian Anal. 16 (2021) 667 (R-hat, effective size); Talts et al., arXiv:1804.06788 (ranks); Saeilynoja, Buerkner
and Vehtari, Stat. Comput. 32 (2022) 32 (simultaneous bands of the ECDF).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import binom, rankdata

__all__ = ["effective_size", "rank_of", "rhat", "uniformity"]

Floats = NDArray[np.float64]


def rhat(draws: Floats) -> float:
    """Return R-hat of one number, the greater of that of its location and of its spread.

    Parameters
    ----------
    draws : ndarray, shape (chains, draws)
        At least four draws.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rhat(rng.standard_normal((4, 1000))) < 1.01, rhat(rng.standard_normal((4, 1000)) + np.arange(4.0)[:, None]) > 1.3
    (True, True)
    """
    split = _split(draws)
    folded = abs(split - np.median(split))
    return max(_rhat(_scores(split)), _rhat(_scores(folded)))


def effective_size(draws: Floats) -> float:
    """Return how many independent draws the draws of one number are worth for its location.

    Parameters
    ----------
    draws : ndarray, shape (chains, draws)

    Notes
    -----
    Autocorrelations are added up in pairs as long as the sum of a pair is positive, made monotone (Geyer).
    """
    chains = _scores(_split(draws))
    m, n = chains.shape
    centred = chains - chains.mean(axis=1, keepdims=True)
    transform = np.fft.rfft(centred, n=2 * n, axis=1)
    covariance = np.fft.irfft(abs(transform) ** 2, axis=1)[:, :n] / n
    within = float((covariance[:, 0] * n / (n - 1)).mean())
    if not within > 0.0:
        return float("nan")
    whole = within * (n - 1) / n + (float(chains.mean(axis=1).var(ddof=1)) if m > 1 else 0.0)
    rho = 1.0 - (within - covariance.mean(axis=0)) / whole
    rho[0] = 1.0
    pairs = rho[: 2 * (n // 2)].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0.0)
    kept = np.minimum.accumulate(pairs[: negative[0]] if len(negative) else pairs)
    time = max(2.0 * float(kept.sum()) - 1.0, 1.0 / np.log10(m * n))
    return float(m * n / time)


def rank_of(
    value: float, draws: Floats, weights: Floats, generator: np.random.Generator, among: int = 100
) -> int:
    """Return the rank of a value among so many draws that are resampled by their weights, from 0 to `among`."""
    chosen = generator.choice(draws, among, p=weights)
    return int(np.count_nonzero(chosen < value))


def uniformity(ranks: NDArray[np.int64], among: int, generator: np.random.Generator) -> float:
    """Return the p-value of the ranks' farthest excursion from uniform, judged point by point and simulated for all points at once.

    Parameters
    ----------
    ranks : ndarray, shape (n,)
        From 0 to `among`.
    among : int
    generator : numpy Generator

    Returns
    -------
    float
        Share of samples of uniform ranks, of the same size, whose most extreme pointwise p-value is as small.
    """
    n, places = len(ranks), np.arange(among)
    chances = (places + 1.0) / (among + 1.0)

    def extreme(sample: NDArray[np.int64]) -> float:
        below = np.searchsorted(np.sort(sample), places, side="right")
        upper, lower = binom.sf(below - 1, n, chances), binom.cdf(below, n, chances)
        return float(np.minimum(upper, lower).min())

    found = extreme(ranks)
    others = np.array([extreme(generator.integers(0, among + 1, n)) for _ in range(2000)])
    return float((np.count_nonzero(others <= found) + 1) / (len(others) + 1))


def _split(draws: Floats) -> Floats:
    """Return each chain as two."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, draws.shape[1] - half :]])


def _scores(draws: Floats) -> Floats:
    """Return the normal scores of the ranks."""
    ranks = rankdata(draws.ravel(), method="average").reshape(draws.shape)
    return np.asarray(ndtri((ranks - 0.375) / (draws.size + 0.25)))


def _rhat(chains: Floats) -> float:
    n = chains.shape[1]
    within, between = float(chains.var(axis=1, ddof=1).mean()), float(chains.mean(axis=1).var(ddof=1))
    return float(np.sqrt((n - 1) / n + between / within)) if within > 0.0 else float("nan")
