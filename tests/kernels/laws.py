"""Tests of samples against a law, with false-alarm rates that are exact or stated."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Law:
    """A SciPy distribution and that of the sum of n independent draws from it."""

    one: Any
    total: Any
    discrete: bool = True


def poisson_law(mean, n):
    return Law(stats.poisson(mean), stats.poisson(mean * n))


def binomial_law(trials, p, n):
    return Law(stats.binom(trials, p), stats.binom(trials * n, p))


def negative_binomial_law(size, odds, n):
    p = 1.0 / (1.0 + odds)
    return Law(stats.nbinom(size, p), stats.nbinom(size * n, p))


def gamma_law(shape, n):
    return Law(stats.gamma(shape), stats.gamma(shape * n), discrete=False)


def normal_law(n):
    return Law(stats.norm(), stats.norm(scale=np.sqrt(n)), discrete=False)


def two_sided(law, value):
    return min(1.0, 2.0 * min(law.cdf(value), law.sf(value - (1 if law.dist.name in DISCRETE else 0))))


DISCRETE = {"poisson", "binom", "nbinom"}


def total_p(values, law):
    """Return the p-value of the sum, under its own law: valid however rare the events are."""
    if law.total.std() > 1e4:
        # Far from zero and many: the normal is exact enough, and SciPy's distribution functions are not needed at 1e18.
        n = values.size
        centre = law.one.mean()
        return 2.0 * stats.norm.sf(abs((values - centre).sum()) / (law.one.std() * np.sqrt(n)))
    return two_sided(law.total, values.sum())


def variance_p(values, law):
    """Return the p-value of the sample variance by its standard error from the law's fourth moment (1 when events are rare)."""
    mean, variance, _, excess = (float(m) for m in law.one.stats(moments="mvsk"))
    if not np.isfinite(excess) or values.size < 2e4 * max(excess, 0.0):
        return 1.0  # the normal approximation of the variance does not hold; the bins of `distribution_p` test these laws
    error = variance * np.sqrt((excess + 2.0) / values.size)
    return 2.0 * stats.norm.sf(abs(np.mean((values - mean) ** 2) - variance) / error)


def bin_edges(law, bins, tail):
    """Return whole numbers that part the law into bins of near-equal probability, and its two tails."""
    levels = np.concatenate(([tail], np.linspace(0.0, 1.0, bins + 1)[1:-1], [1.0 - tail]))
    if law.one.std() > 1e3:
        # Any fixed edges will do, and SciPy finds no quantiles of counts near 1e12.
        return np.unique(np.floor(law.one.mean() + law.one.std() * stats.norm.ppf(levels)))
    return np.unique(law.one.ppf(levels))


def distribution_p(values, law, bins=40, least=25.0):
    """Return the p-value of the whole distribution: Kolmogorov-Smirnov, or chi-square on bins of near-equal probability."""
    if not law.discrete:
        return stats.kstest(values, law.one.cdf).pvalue
    edges = bin_edges(law, bins, least / values.size)
    cumulative = np.concatenate(([0.0], law.one.cdf(edges), [1.0]))
    expected = values.size * np.diff(cumulative)
    observed = np.histogram(values, np.concatenate(([-np.inf], edges + 0.5, [np.inf])))[0].astype(float)
    merged_expected, merged_observed = [0.0], [0.0]
    for e, o in zip(expected, observed, strict=True):
        if merged_expected[-1] >= least:
            merged_expected.append(0.0)
            merged_observed.append(0.0)
        merged_expected[-1] += e
        merged_observed[-1] += o
    if merged_expected[-1] < least and len(merged_expected) > 1:
        rest, seen = merged_expected.pop(), merged_observed.pop()
        merged_expected[-1] += rest
        merged_observed[-1] += seen
    if len(merged_expected) < 2:
        return 1.0
    return stats.chisquare(merged_observed, merged_expected, sum_check=False).pvalue


def neighbours_p(values):
    """Return the p-value of the correlation of successive draws (1 where hardly any differ)."""
    if np.count_nonzero(values != np.median(values)) < 1000:
        return 1.0
    return 2.0 * stats.norm.sf(abs(np.corrcoef(values[:-1], values[1:])[0, 1]) * np.sqrt(values.size))


def p_values(values, law):
    """Return the four p-values of a sample: sum, variance, distribution, correlation of neighbours."""
    return np.array(
        [total_p(values, law), variance_p(values, law), distribution_p(values, law), neighbours_p(values)]
    )
