"""Differences with intervals against statsmodels and published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from sim.trial.difference import Spread, mean_difference, share_difference, two_sided_p


def independent(p: float, n: int, q: float, m: int) -> Spread:
    one, two = p * (1 - p) / n, q * (1 - q) / m
    return Spread(one, two, one + two, one + two, math.inf)


@pytest.mark.parametrize(
    ("x", "n", "y", "m"), [(56, 70, 48, 80), (9, 10, 3, 10), (10, 10, 0, 20), (0, 15, 0, 15)]
)
def test_independent_shares_have_newcombe_s_interval(x: int, n: int, y: int, m: int) -> None:
    found = share_difference(x / n, y / m, (n, m), independent(x / n, n, y / m, m))
    low, high = confint_proportions_2indep(x, n, y, m, method="newcomb", compare="diff")
    assert found == pytest.approx((x / n - y / m, low, high), abs=1e-12)


def test_paired_shares_have_newcombe_s_interval() -> None:
    """Newcombe's method 10 without its correction, from the formulas of the paper written out."""
    both, only_first, only_second, neither = 36, 12, 2, 0
    n = 50
    p, q = (both + only_first) / n, (both + only_second) / n
    phi = (both * neither - only_first * only_second) / math.sqrt(48 * 2 * 38 * 12)
    z = stats.norm.ppf(0.975)

    def wilson(share: float) -> tuple[float, float]:
        middle, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
        return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)

    (l1, u1), (l2, u2) = wilson(p), wilson(q)
    low = p - q - math.sqrt((p - l1) ** 2 - 2 * phi * (p - l1) * (u2 - q) + (u2 - q) ** 2)
    high = p - q + math.sqrt((u1 - p) ** 2 - 2 * phi * (u1 - p) * (q - l2) + (q - l2) ** 2)
    first = np.repeat([1.0, 1.0, 0.0, 0.0], [both, only_first, only_second, neither])
    second = np.repeat([1.0, 0.0, 1.0, 0.0], [both, only_first, only_second, neither])
    variances = [float(np.var(x)) / n for x in (first, second, first - second)]
    found = share_difference(p, q, (n, n), Spread(*variances, variances[2], math.inf))
    assert found == pytest.approx((p - q, low, high), abs=1e-12)


def test_student_s_interval_is_scipy_s() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(3, 2, 12), generator.normal(2, 1, 20)
    variances = [x.var(ddof=1) / 12, y.var(ddof=1) / 20]
    peer = stats.ttest_ind(x, y, equal_var=False)
    spread = Spread(*variances, sum(variances), sum(variances), float(peer.df))
    found = mean_difference(float(x.mean()), float(y.mean()), spread, 0.9)
    assert found[1:] == pytest.approx(tuple(peer.confidence_interval(0.9)))
    assert two_sided_p(found.value, spread.difference, spread.freedom) == pytest.approx(peer.pvalue)


def test_where_nobody_or_everybody_had_it_the_interval_has_a_width_within_the_possible() -> None:
    for value in (0.0, 1.0):
        found = share_difference(value, value, (30, 30), Spread(0.0, 0.0, 0.0, 0.0, 29.0))
        assert found.value == 0.0
        assert -0.2 < found.lower < -0.05 < 0.05 < found.upper < 0.2
    assert share_difference(1.0, 0.0, (3, 3), Spread(0.0, 0.0, 0.0, 0.0, 2.0)).upper == 1.0


def test_what_is_unknown_stays_unknown() -> None:
    unknown = Spread(*[math.nan] * 4, 10.0)
    assert np.isnan(share_difference(math.nan, 0.5, (10, 10), unknown)).all()
    assert np.isnan(mean_difference(math.nan, 0.5, unknown)).all()
    assert math.isnan(two_sided_p(1.0, 0.0, 10.0))
