"""Estimators of sensitivity against closed forms, exact laws and another package; coverage and false alarms over repeated designs.

Bounds of repeated designs are binomial: with the claimed rate, each is passed with probability above 0.999.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata, sobol_indices

from calibration import sensitivity
from calibration.sensitivity import given_data, noise_share, pages, prcc, sobol

SINGLES = [[0], [1], [2]]


def ishigami(u):
    x = (2.0 * u - 1.0) * math.pi
    return np.sin(x[..., 0]) + 7.0 * np.sin(x[..., 1]) ** 2 + 0.1 * x[..., 2] ** 4 * np.sin(x[..., 0])


def ishigami_indices():
    a, b = 7.0, 0.1
    first = 0.5 * (1.0 + b * math.pi**4 / 5.0) ** 2, a**2 / 8.0, 0.0
    joint = 8.0 * b**2 * math.pi**8 / 225.0
    variance = sum(first) + joint
    total = first[0] + joint, first[1], joint
    return np.array(first) / variance, np.array(total) / variance


G = np.array([0.0, 1.0, 4.5, 9.0])


def g_function(u):
    return np.prod((abs(4.0 * u - 2.0) + G) / (1.0 + G), axis=-1)


def g_indices():
    partial = 1.0 / (3.0 * (1.0 + G) ** 2)
    variance = np.prod(1.0 + partial) - 1.0
    total = partial * np.array([np.prod(np.delete(1.0 + partial, j)) for j in range(4)])
    return partial / variance, total / variance


def at(function, design):
    return function(design.a), function(design.b), function(design.ab)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Coverage asks for many data sets, not for fine quantiles of each."""
    monkeypatch.setattr(sensitivity, "RESAMPLES", 100)


class TestSobol:
    @pytest.mark.parametrize(("function", "exact"), [(ishigami, ishigami_indices), (g_function, g_indices)])
    def test_indices_are_those_of_the_closed_forms(self, function, exact):
        first, total = exact()
        design = pages(4096, len(first), [[j] for j in range(len(first))], seed=1)
        found = sobol(*at(function, design), seed=1)
        assert found[0].value == pytest.approx(first, abs=0.03)
        assert found[1].value == pytest.approx(total, abs=0.03)

    def test_a_group_has_the_index_of_all_its_factors_known_together(self):
        """Of Ishigami, x1 and x3 explain all but the share of x2, with their interaction."""
        first, total = ishigami_indices()
        design = pages(4096, 3, [[0, 2], [1]], seed=1)
        found, _ = sobol(*at(ishigami, design), seed=1)
        assert found.value == pytest.approx([1.0 - first[1], first[1]], abs=0.03)
        assert abs(found.value[0] - first[0] - first[2]) > 0.1, (
            "the sum of its single indices is another number"
        )
        assert total[2] > 0.1

    def test_estimates_are_scipys(self):
        design = pages(64, 3, SINGLES, seed=1)
        f_a, f_b, f_ab = at(ishigami, design)
        peer = sobol_indices(func={"f_A": f_a[None], "f_B": f_b[None], "f_AB": f_ab[:, None]}, n=64)
        ours = sensitivity._saltelli(f_a, f_b, f_ab)
        assert ours[0] == pytest.approx(peer.first_order, rel=1e-12, abs=1e-14)
        assert ours[1] == pytest.approx(peer.total_order, rel=1e-12)
        assert sobol(f_a, f_b, f_ab, seed=1)[0].value == pytest.approx(peer.first_order, rel=1e-12)

    def test_intervals_hold_their_level(self):
        """200 scrambled designs of 128 rows: each index in at least 88 % (at 95 % chance of less below 1e-4), and not always."""
        exact = ishigami_indices()
        inside = np.zeros((2, 3))
        for seed in range(200):
            found = sobol(*at(ishigami, pages(128, 3, SINGLES, seed)), seed=seed)
            inside += [(one.low <= true) & (true <= one.high) for one, true in zip(found, exact, strict=True)]
        assert (inside >= 176).all(), inside
        assert inside.mean() < 199.0, "intervals so wide tell nothing"

    def test_a_dummy_has_no_index_at_all(self):
        design = pages(128, 4, [[3]], seed=1)
        for index in sobol(*at(ishigami, design), seed=1):
            assert (index.value[0], index.low[0], index.high[0]) == (0.0, 0.0, 0.0)

    def test_rows_that_are_not_whole_are_left_out(self):
        design = pages(64, 3, SINGLES, seed=1)
        f_a, f_b, f_ab = at(ishigami, design)
        f_ab[1, 5] = f_a[7] = np.nan
        kept = np.delete(np.arange(64), [5, 7])
        alone = sobol(f_a[kept], f_b[kept], f_ab[:, kept], seed=1)
        for one, other in zip(sobol(f_a, f_b, f_ab, seed=1), alone, strict=True):
            assert (one.value == other.value).all()
            assert np.isfinite(one.low).all()

    def test_what_does_not_vary_has_no_index(self):
        first, total = sobol(np.ones(8), np.ones(8), np.ones((2, 8)), seed=1)
        assert np.isnan(first.value).all()
        assert np.isnan(total.value).all()

    def test_the_first_pages_do_not_depend_on_the_groups(self):
        one, other = pages(16, 3, [], seed=1), pages(16, 3, SINGLES, seed=1)
        assert (one.a == other.a).all()
        assert (one.b == other.b).all()
        assert (pages(16, 3, [], seed=2).a != one.a).any()


def five_of_many(u):
    """Five of the factors decide, with a curve and an interaction; the others do nothing."""
    z = ndtri(u)
    return ndtr(1.5 * z[..., 3] + z[..., 17] * np.exp(0.7 * z[..., 30]) - z[..., 44] - 0.5 * z[..., 9] ** 2)


class TestManyFactors:
    """The size of a scenario: 74 factors, whose two pages have more columns than rows."""

    FACTORS = 74
    DECIDE = (3, 9, 17, 30, 44)

    def test_the_screen_has_its_false_alarm_rate(self):
        """60 designs of 256 points, 69 factors that do nothing: 1 to 7 in a hundred intervals miss 0, in no design more than 20."""
        idle = np.delete(np.arange(self.FACTORS), self.DECIDE)
        rates = []
        for seed in range(60):
            design = pages(128, self.FACTORS, [], seed)
            x = np.concatenate([design.a, design.b])
            found = prcc(x, five_of_many(x))
            rates.append(((found.low > 0.0) | (found.high < 0.0))[idle].mean())
            assert abs(found.value[3]) > 0.5
        assert 0.01 < np.mean(rates) < 0.07
        assert max(rates) < 0.2

    def test_indices_of_groups_have_no_bias_and_their_intervals_their_level(self):
        """60 designs of 128 rows beside 40,000 independent rows: of 60 intervals at least 51 hold (at 95 % fewer with probability 1e-3)."""
        groups = [
            [j for j in range(self.FACTORS) if j % 3],
            [j for j in range(self.FACTORS) if j % 3 == 0],
            [3],
        ]
        rng = np.random.default_rng(1)
        a, b = rng.random((2, 40_000, self.FACTORS))
        many = np.repeat(a[None], 3, axis=0)
        for page, group in zip(many, groups, strict=True):
            page[:, group] = b[:, group]
        exact = np.stack(sensitivity._saltelli(five_of_many(a), five_of_many(b), five_of_many(many)))
        errors, inside = [], np.zeros((2, 3))
        for seed in range(60):
            found = sobol(*at(five_of_many, pages(128, self.FACTORS, groups, seed)), seed=seed)
            errors.append([one.value - true for one, true in zip(found, exact, strict=True)])
            inside += [(one.low <= true) & (true <= one.high) for one, true in zip(found, exact, strict=True)]
        assert (inside >= 51).all(), inside
        assert np.sqrt(np.mean(np.square(errors), axis=0)).max() < 0.08
        assert abs(np.mean(errors, axis=0)).max() < 0.04


class TestPartialRankCorrelation:
    def test_is_that_of_what_two_regressions_leave(self):
        """Oracle: residuals of ranks from statsmodels, for each factor."""
        rng = np.random.default_rng(1)
        x = rng.random((120, 5))
        x[:, 1] += 0.7 * x[:, 0]
        y = np.exp(2.0 * x[:, 0]) - x[:, 2] ** 2 + 0.5 * rng.standard_normal(120)
        ranks, told = rankdata(x, axis=0), rankdata(y)
        expected = []
        for j in range(5):
            others = sm.add_constant(np.delete(ranks, j, axis=1))
            left = sm.OLS(ranks[:, j], others).fit().resid, sm.OLS(told, others).fit().resid
            expected.append(np.corrcoef(*left)[0, 1])
        assert prcc(x, y).value == pytest.approx(expected, abs=1e-10)

    def test_finds_known_partial_correlations(self):
        """A normal law with a chosen precision matrix: partial correlations 0.6, -0.4 and 0; ranks move them by a few hundredths."""
        precision = np.eye(4)
        for j, rho in enumerate((0.6, -0.4, 0.0)):
            precision[j, 3] = precision[3, j] = -rho
        draws = np.random.default_rng(1).multivariate_normal(np.zeros(4), np.linalg.inv(precision), 20_000)
        found = prcc(draws[:, :3], draws[:, 3])
        assert found.value == pytest.approx([0.6, -0.4, 0.0], abs=0.04)

    def test_intervals_hold_their_level(self):
        """500 designs of 80 points and 10 factors; at 95 % a factor is inside in fewer than 455 with probability below 1e-4."""
        rng = np.random.default_rng(1)

        def model(n):
            x = rng.random((n, 10))
            return x, 2.0 * x[:, 0] + x[:, 1] - 0.5 * x[:, 2] + 0.5 * rng.standard_normal(n)

        true = prcc(*model(100_000)).value
        inside = np.zeros(10)
        for _ in range(500):
            found = prcc(*model(80))
            inside += (found.low <= true) & (true <= found.high)
        assert (inside >= 455).all(), inside
        assert inside.mean() < 490, "intervals so wide tell nothing"

    def test_fishers_interval_is_as_wide_as_a_bootstrap(self):
        """Within a fifth, at 400 points and three factors; a bootstrap repeats points, so that it fails where factors are many."""
        rng = np.random.default_rng(1)
        x = rng.random((400, 3))
        y = x[:, 0] + 0.5 * x[:, 1] + 0.5 * rng.standard_normal(400)
        found = prcc(x, y)
        rows = (rng.integers(0, 400, 400) for _ in range(400))
        again = np.array([prcc(x[own], y[own]).value for own in rows])
        width = np.diff(np.quantile(again, [0.025, 0.975], axis=0), axis=0)[0]
        assert (found.high - found.low) / width == pytest.approx([1.0] * 3, abs=0.2)

    def test_a_monotone_change_of_the_outcome_changes_nothing(self):
        rng = np.random.default_rng(1)
        x = rng.random((60, 4))
        y = x @ [1.0, 2.0, 0.0, -1.0] + rng.random(60)
        assert (prcc(x, y).value == prcc(x, np.exp(y)).value).all()

    def test_too_few_points_and_a_constant_outcome_are_unknown(self):
        x = np.random.default_rng(1).random((6, 5))
        assert np.isnan(prcc(x, x[:, 0]).value).all()
        assert np.isnan(prcc(x[:, :1], np.ones(6)).value).all()


class TestGivenData:
    """y = b x + noise, x normal with correlation 0.6 between the first two: S_j = (C b)_j^2 / (b C b + 1) exactly."""

    B = np.array([1.0, 0.5, 0.0])
    C = np.array([[1.0, 0.6, 0.0], [0.6, 1.0, 0.0], [0.0, 0.0, 1.0]])

    def draws(self, rng, n):
        x = rng.standard_normal((n, 3)) @ np.linalg.cholesky(self.C).T
        return x, x @ self.B + rng.standard_normal(n)

    @property
    def exact(self):
        return (self.C @ self.B) ** 2 / (self.B @ self.C @ self.B + 1.0)

    def test_indices_of_correlated_draws_are_exact_in_the_linear_normal_case(self):
        x, y = self.draws(np.random.default_rng(1), 20_000)
        assert given_data(x, y, seed=1).value == pytest.approx(self.exact, abs=0.02)
        assert self.exact[1] > 0.4, "by its own slope alone, without what goes with it, it would be 0.09"

    def test_intervals_cover_and_the_correction_has_no_bias(self):
        """200 data sets of 400 draws. Bins miss 2-3 % of the strong shares, which costs coverage: at least 80 % there, 90 % of none."""
        rng = np.random.default_rng(1)
        inside, sums = np.zeros(3), np.zeros(3)
        for seed in range(200):
            found = given_data(*self.draws(rng, 400), seed=seed)
            inside += (found.low <= self.exact) & (self.exact <= found.high)
            sums += found.value
        assert (inside >= [160, 160, 180]).all(), inside
        mean = sums / 200.0
        assert mean[:2] == pytest.approx(self.exact[:2], rel=0.05)
        # The estimate without the correction has mean 19/399 here.
        assert abs(mean[2]) < 0.005

    def test_the_permutation_null_has_its_false_alarm_rate(self):
        """200 data sets in which nothing tells: Binomial(200, 0.05) alarms are 1 to 23 with probability above 0.999."""
        rng = np.random.default_rng(1)
        found = [
            given_data(rng.random((150, 1)), rng.standard_normal(150), seed=seed).null[0]
            for seed in range(200)
        ]
        assert 1 <= sum(p <= 0.05 for p in found) <= 23
        assert 60 <= sum(p <= 0.5 for p in found) <= 140

    def test_the_null_finds_a_curve_that_no_correlation_sees(self):
        rng = np.random.default_rng(1)
        x = rng.uniform(-1.0, 1.0, (400, 2))
        y = x[:, 0] ** 2 + 0.1 * rng.standard_normal(400)
        found = given_data(x, y, seed=1)
        assert found.null[0] < 0.01 < found.null[1]
        assert abs(prcc(x, y).value[0]) < 0.15

    def test_a_seed_gives_its_own_resampling(self):
        x, y = self.draws(np.random.default_rng(1), 100)
        one, same, other = (given_data(x, y, seed=seed) for seed in (1, 1, 2))
        assert (one.low == same.low).all()
        assert (one.low != other.low).any()

    def test_few_draws_and_a_constant_outcome_are_unknown(self):
        x = np.random.default_rng(1).random((7, 2))
        assert np.isnan(given_data(x, x[:, 0], seed=1).value).all()
        assert np.isnan(given_data(x, np.ones(7), seed=1, bins=2).value).all()


class TestNoiseShare:
    @pytest.mark.parametrize("noise", [0.0, 0.5, 2.0])
    def test_is_the_share_of_the_averaging_error(self, noise):
        """4,000 points: signal of variance 1, halves with independent errors, and the luck that all points share."""
        rng = np.random.default_rng(1)
        signal = rng.standard_normal(4000)
        halves = signal + noise * rng.standard_normal((2, 4000)) + np.array([[0.3], [-0.3]])
        error = noise**2 / 2.0
        assert noise_share(halves) == pytest.approx(error / (1.0 + error), abs=0.04)

    def test_what_does_not_vary_has_none(self):
        assert math.isnan(noise_share(np.ones((2, 5))))
        assert math.isnan(noise_share(np.full((2, 5), np.nan)))
