"""Who belongs with whom, and whether intervals of differences cover: pairs, strangers, populations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sim.trial.difference import mean_difference, share_difference
from sim.trial.influence import incidence_terms, restricted_mean_terms, share_terms
from sim.trial.pairing import Side, pair
from sim.trial.uncertainty import Grouping
from tests.trial.two_arms import rows

POPULATIONS = Grouping(40, 1)


def sides(first, second, *, paired=True, grouping=None):
    digest = "" if grouping is None else "x"
    return pair(Side(first, 0, 1, grouping, digest), Side(second, 0 if paired else 100, 1, grouping, digest))


class TestPair:
    def test_same_numbers_and_seed_make_a_pair_of_one_run_or_two(self):
        one = rows(3)
        assert pair(Side(one, 0, 1), Side(one, 0, 1)).paired
        assert not pair(Side(one, 0, 1), Side(one, 0, 2)).paired
        assert not pair(Side(one, 0, 1), Side(one, 100, 1)).paired

    def test_failed_rows_and_their_partners_are_left_out_and_counted(self):
        first = rows(5, status=np.array([0, 1, 0, 0, 1]))
        second = rows(5, status=np.array([0, 0, 1, 0, 1]))
        found = sides(first, second)
        assert found.first["patient"].tolist() == found.second["patient"].tolist() == [0, 3]
        assert (found.failed, found.left_out) == ((2, 2), 2)
        apart = sides(first, second, paired=False)
        assert (apart.first["patient"].tolist(), apart.second["patient"].tolist()) == ([0, 2, 3], [0, 1, 3])
        assert (apart.failed, apart.left_out) == ((2, 2), 0)

    def test_replicates_fail_one_by_one_and_count_as_one_patient(self):
        columns = {"patient": np.array([0, 0, 1, 1]), "replicate": np.array([0, 1, 0, 1])}
        first, second = rows(4, status=np.array([0, 1, 0, 0]), **columns), rows(4, **columns)
        found = sides(first, second)
        assert found.left_out == 1
        assert len(found.places) == 2
        assert found.units[0].tolist() == found.units[1].tolist() == [0, 1, 1]

    def test_cohorts_of_two_sizes_pair_as_far_as_they_go(self):
        found = sides(rows(3), rows(5))
        assert found.paired
        assert len(found.places) == 5

    def test_other_populations_are_other_people(self):
        first = Side(rows(20), 0, 1, Grouping(5, 1), "a")
        for other in (Side(rows(20), 0, 1, Grouping(5, 1), "b"), Side(rows(20), 0, 1)):
            found = pair(first, other)
            assert not found.paired
            assert found.shared is None
        assert found.own == (Grouping(5, 1), None)
        assert (found.clusters(0), found.clusters(1)) == (5, 20)


class TestSpread:
    def test_pairs_have_the_variance_of_their_differences(self):
        generator = np.random.default_rng(1)
        x = generator.normal(size=30)
        y = x + 0.1 * generator.normal(size=30)
        one, two = share_terms(x).error, share_terms(y).error
        found = sides(rows(30), rows(30)).spread(one, two)
        assert found.difference == pytest.approx(np.var(x - y, ddof=1) / 30)
        assert (found.first, found.second) == pytest.approx((np.var(x, ddof=1) / 30, np.var(y, ddof=1) / 30))
        assert found.correlation == pytest.approx(np.corrcoef(x, y)[0, 1])
        assert found.freedom == 29

    def test_strangers_have_the_sum_of_their_variances_and_welch_s_freedom(self):
        generator = np.random.default_rng(2)
        x, y = generator.normal(size=12), 3.0 * generator.normal(size=20)
        found = sides(rows(12), rows(20), paired=False).spread(share_terms(x).error, share_terms(y).error)
        a, b = np.var(x, ddof=1) / 12, np.var(y, ddof=1) / 20
        assert found.difference == pytest.approx(a + b)
        assert found.correlation == pytest.approx(0.0, abs=1e-12)
        assert found.freedom == pytest.approx((a + b) ** 2 / (a**2 / 11 + b**2 / 19))

    def test_populations_belong_together_and_their_spread_is_in_the_variance(self):
        # Two populations whose members are all alike: nothing is known but from two draws.
        place = np.arange(40)
        x, y = (place % 2).astype(float), np.zeros(40)
        found = sides(rows(40), rows(40), grouping=Grouping(2, 1)).spread(
            share_terms(x).error, share_terms(y).error
        )
        # Means 0 and 1: variance 1/2 between them, and half of that for the mean of two. Of one degree of freedom, so that it may as well be
        # more: the mean of a normal law around 0.5 with SD 0.5 sqrt(2), cut at 0.
        assert found.simulation == pytest.approx(0.25)
        between = stats.truncnorm.mean(-(0.5**0.5), np.inf, loc=0.5, scale=0.5**0.5)
        assert found.difference == pytest.approx(0.25 + between)
        assert found.freedom == 1

    def test_one_population_alone_says_nothing(self):
        found = sides(rows(8), rows(8), grouping=Grouping(1, 1)).spread(np.ones(8), np.zeros(8))
        assert np.isnan(found.difference)


class TestCoverage:
    """2,000 comparisons each; at a true coverage of 0.945 to 0.955 a share outside 0.92 to 0.975 has probability under 2e-6, and a true
    coverage of 0.90 or 0.99 is found with 0.998 and more.
    """

    TRIALS, LOW, HIGH = 2000, 0.92, 0.975

    def test_paired_milestones_and_mean_times_cover_and_without_pairing_they_would_not(self):
        generator = np.random.default_rng(1)
        size, at = 60, 1.0
        truth = np.exp(-at) - np.exp(-1.6 * at)
        mean = (1 - np.exp(-at)) - (1 - np.exp(-1.6 * at)) / 1.6
        inside = np.zeros(3)
        pairing, apart = sides(rows(size), rows(size)), sides(rows(size), rows(size), paired=False)
        for _ in range(self.TRIALS):
            # The same luck in three of four; censored alike.
            shared, end = generator.exponential(size=size), generator.uniform(0.8, 3.0, size)
            own = np.where(generator.random(size) < 0.75, shared, generator.exponential(size=size))
            times = [(np.minimum(t, end), (t <= end).astype(int)) for t in (shared, own / 1.6)]
            one, two = (incidence_terms(*time, [1], at) for time in times)
            spread = pairing.spread(one.error, two.error)
            found = share_difference(two.value, one.value, (size, size), spread)
            inside[0] += found.lower <= truth <= found.upper
            loose = share_difference(two.value, one.value, (size, size), apart.spread(one.error, two.error))
            inside[2] += loose.lower <= truth <= loose.upper
            one, two = (restricted_mean_terms(*time, [1], at) for time in times)
            found = mean_difference(one.value, two.value, pairing.spread(one.error, two.error))
            inside[1] += found.lower <= mean <= found.upper
        share = inside / self.TRIALS
        assert self.LOW < share[0] < self.HIGH
        assert self.LOW < share[1] < self.HIGH
        assert share[2] > self.HIGH  # negative control

    def test_incidence_with_a_competing_cause_covers_between_strangers(self):
        generator = np.random.default_rng(1)
        sizes, at = (50, 80), 1.0
        truth = (1 - np.exp(-1.5 * at)) * (1.0 / 1.5 - 0.5 / 1.5)
        inside = 0
        pairing = sides(rows(sizes[0]), rows(sizes[1]), paired=False)
        for _ in range(self.TRIALS):
            found = []
            for size, own in zip(sizes, (1.0, 0.5), strict=True):
                time, end = generator.exponential(1 / 1.5, size), generator.uniform(0.5, 4.0, size)
                cause = np.where(generator.random(size) < own / 1.5, 1, 2)
                found.append(incidence_terms(np.minimum(time, end), np.where(time <= end, cause, 0), [1], at))
            spread = pairing.spread(found[0].error, found[1].error)
            ends = share_difference(found[0].value, found[1].value, sizes, spread)
            inside += ends.lower <= truth <= ends.upper
        assert self.LOW < inside / self.TRIALS < self.HIGH

    def test_interval_covers_the_difference_in_another_population_and_one_without_populations_does_not(self):
        """1,000 comparisons; at a true coverage of 0.94 to 0.955 a share outside 0.90 to 0.985 has probability under 1e-6."""
        generator = np.random.default_rng(1)
        trials, per, inside, naive = 1000, 25, 0, 0
        size = POPULATIONS.populations * per
        together = sides(rows(size), rows(size), grouping=POPULATIONS)
        alone = sides(rows(size), rows(size))
        population = np.arange(size) % POPULATIONS.populations
        for _ in range(trials):
            # Share of the first arm 0.5, of the second 0.5 less an effect that differs between populations.
            effect = 0.15 + 0.08 * generator.normal(size=POPULATIONS.populations + 1)
            luck = generator.random(size)
            one, two = share_terms(luck < 0.5), share_terms(luck < 0.5 - effect[population])
            new = effect[-1]
            for count, pairing in enumerate((together, alone)):
                found = share_difference(one.value, two.value, (40, 40), pairing.spread(one.error, two.error))
                hit = found.lower <= new <= found.upper
                inside, naive = (inside + hit, naive) if count == 0 else (inside, naive + hit)
        assert 0.90 < inside / trials < 0.985
        assert naive / trials < 0.7  # negative control

    def test_where_populations_do_not_differ_the_interval_is_wider_than_it_need_be_and_never_shorter(self):
        # 200 comparisons: what few patients of each population cannot exclude stays in the interval.
        generator = np.random.default_rng(1)
        size, inside, widths = 1000, 0, []
        together = sides(rows(size), rows(size), grouping=POPULATIONS)
        for _ in range(200):
            luck = generator.random(size)
            one, two = share_terms(luck < 0.5), share_terms(luck < 0.35)
            found = share_difference(one.value, two.value, (40, 40), together.spread(one.error, two.error))
            inside += found.lower <= 0.15 <= found.upper
            widths.append(found.upper - found.lower)
        assert inside / 200 > 0.95
        assert np.mean(widths) < 0.25
