"""Operating characteristics against exact ones: binomial power, Schoenfeld's formula, type-I error, the interval, a posterior's mixture.

Bounds are five standard errors (two-sided level 6e-7) of the trials that the spread of the blocks says a pool is worth, plus what is stated.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from sim.errors import InputError
from sim.planning.binomial import exact_power, two_stage
from sim.planning.characteristics import characteristics, clustered_interval
from sim.planning.design import TrialDesign
from sim.planning.statistics import proportions
from sim.trial.estimates import binomial_interval
from sim.trial.uncertainty import Grouping
from tests.planning.made_pool import ARMS, exponential, responding

LARGE = 100_000


def one(design, pool, **options):
    (row,) = characteristics(design, pool, seed=1, **options)
    return row


def error(row):
    return 5.0 * np.sqrt(row.power * (1.0 - row.power) / row.pool)


def exact_of_proportions(size, rates):
    """Power of the two-sided score test by counting every pair of responses."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(size + 1), np.arange(size + 1), indexing="ij"))
    z = proportions(np.stack((x, y)), np.full((2, len(x)), size))
    likely = binom.pmf(x, size, rates[0]) * binom.pmf(y, size, rates[1])
    return likely[np.abs(z) > norm.isf(0.025)].sum()


class TestOfRates:
    def test_power_of_one_arm_is_that_of_the_exact_test(self) -> None:
        row = one(
            TrialDesign(arms=ARMS[:1], sizes=(25,), endpoint="cr", null_rate=0.1),
            responding({ARMS[0]: 0.3}, LARGE),
            trials=5000,
        )
        exact = exact_power(25, 0.3, 0.1, 0.05)
        assert error(row) < 0.04
        assert row.power == pytest.approx(exact, abs=error(row))
        assert row.type_one == pytest.approx(binom.sf(5, 25, 0.1))
        # The same bound rejects the power at a rate of 0.35.
        assert abs(row.power - exact_power(25, 0.35, 0.1, 0.05)) > error(row)

    def test_a_two_stage_design_keeps_its_operating_characteristics(self) -> None:
        design = TrialDesign(
            arms=ARMS[:1], endpoint="cr", null_rate=0.1, target_rate=0.3, two_stage="optimal"
        )
        row = one(design, responding({ARMS[0]: 0.3}, LARGE), trials=5000)
        stages = two_stage(0.1, 0.3, 0.05, 0.8, "optimal")
        assert row.power == pytest.approx(stages.rejects(0.3), abs=error(row))
        # Expected size and early stops follow each other; 19 patients more or not.
        assert row.enrolled == pytest.approx(29 - 19 * row.stopped_early)
        assert row.stopped_early == pytest.approx(stages.stops_early(0.3), abs=0.04)

    def test_power_and_error_of_two_arms_are_those_of_every_table(self) -> None:
        row = one(
            TrialDesign(arms=ARMS, sizes=(20,), endpoint="cr"),
            responding({ARMS[0]: 0.8, ARMS[1]: 0.4}, LARGE),
            trials=5000,
        )
        assert row.power == pytest.approx(exact_of_proportions(20, (0.8, 0.4)), abs=error(row))
        null = exact_of_proportions(20, (0.4, 0.4))
        assert row.type_one == pytest.approx(null, abs=5.0 * np.sqrt(null * (1 - null) / 2500))
        assert row.effect_first == pytest.approx(0.8, abs=0.01)


class TestOfTimes:
    def test_power_of_the_log_rank_test_is_schoenfelds(self) -> None:
        r"""Phi(sqrt(d)/2 |ln HR| - z), with d the events; an approximation, to which 0.02 is allowed."""
        row = one(
            TrialDesign(arms=ARMS, sizes=(60,), endpoint="os", events=80, follow_up=20_000.0),
            exponential({ARMS[0]: 0.0011, ARMS[1]: 0.002}, LARGE), trials=5000,
        )  # fmt: skip
        assert row.events == 80.0
        expected = norm.cdf(np.sqrt(80) / 2 * np.log(0.002 / 0.0011) - norm.isf(0.025))
        assert error(row) < 0.06
        assert row.power == pytest.approx(expected, abs=error(row) + 0.02)
        other = norm.cdf(np.sqrt(80) / 2 * np.log(0.002 / 0.0013) - norm.isf(0.025))
        assert abs(row.power - other) > error(row) + 0.02, "a hazard ratio of 0.65 is told from 0.55"

    @pytest.mark.parametrize(
        "changes",
        [{}, {"looks": (0.4, 0.7)}, {"looks": (0.3, 0.5, 0.8), "spending": "pocock"}, {"sides": 1}, {"test": "milestone"}, {"test": "rmst", "at": 500.0}],
        ids=["log-rank", "obrien-fleming", "pocock", "one-sided", "milestone", "rmst"],
    )  # fmt: skip
    def test_type_one_error_is_nominal(self, changes) -> None:
        """4,000 trials of 60 an arm with losses: 5 SD are 0.017, and 0.008 for what is asymptotic in the tests; no boundary at all would give 0.11."""
        design = TrialDesign(arms=ARMS, sizes=(60,), endpoint="os", dropout=0.1, follow_up=540.0, **changes)
        row = one(design, exponential({ARMS[0]: 0.001, ARMS[1]: 0.002}, 20_000), trials=4000)
        assert row.type_one == pytest.approx(0.05, abs=0.017 + 0.008)

    def test_a_milestone_of_one_arm_rejects_its_own_value_as_often_as_the_error(self) -> None:
        design = TrialDesign(
            arms=ARMS[:1], sizes=(80,), endpoint="os", null_rate=0.4, at=365.0, follow_up=400.0
        )
        row = one(design, exponential({ARMS[0]: 0.0015}, 40_000), trials=4000)
        assert row.effect_first == pytest.approx(np.exp(-0.0015 * 365), abs=0.013)
        # Discrete: with 80 patients the next value of the curve moves the error by up to 0.02.
        assert row.type_one == pytest.approx(0.05, abs=0.017 + 0.02)


def test_trials_do_not_depend_on_how_many_there_are() -> None:
    from sim.planning.enrolment import blocks_of, enrol

    design = TrialDesign(arms=ARMS, sizes=(20,), endpoint="cr")
    blocks = blocks_of(responding(dict.fromkeys(ARMS, 0.5), 2000), 40)
    few, many = (enrol(design, 20, np.arange(count), 1, blocks) for count in (30, 3000))
    assert np.array_equal(few.place, many.place[:30])
    assert np.array_equal(few.entry, many.entry[:30])


@pytest.mark.slow
def test_the_interval_covers_the_power_where_that_of_the_trials_alone_does_not() -> None:
    """Of 60 pools of 640 patients each: nominal 95 % cover; fewer than 47 has probability 5e-7. Independent trials would claim far too much."""
    design = TrialDesign(arms=ARMS[:1], sizes=(20,), endpoint="cr", null_rate=0.3)
    exact = exact_power(20, 0.5, 0.3, 0.05)
    covered, naive = 0, 0
    for seed in range(60):
        row = one(design, responding({ARMS[0]: 0.5}, 640, seed=100 + seed), trials=1000)
        covered += row.power_lower <= exact <= row.power_upper
        _, lower, upper = binomial_interval(row.power * 1000, 1000)
        naive += lower <= exact <= upper
    assert covered >= 47
    assert naive < 40


def test_power_of_a_posterior_is_the_mixture_over_its_populations() -> None:
    grouping = Grouping(10, 4)
    rates = np.linspace(0.2, 0.65, 10)
    size = 10 * 4 * 500
    row = one(
        TrialDesign(arms=ARMS[:1], sizes=(20,), endpoint="cr", null_rate=0.3),
        responding({ARMS[0]: rates[np.arange(size) % 10]}, size, grouping), trials=8000,
    )  # fmt: skip
    powers = np.array([exact_power(20, rate, 0.3, 0.05) for rate in rates])
    # Each population's power has an SE of about 0.06 of its own, their mean of 0.02 and their SD of 0.03.
    assert row.power == pytest.approx(powers.mean(), abs=0.08)
    assert row.population_sd == pytest.approx(powers.std(ddof=1), abs=0.12)
    assert row.population_lower < 0.15
    assert row.population_upper > 0.85
    assert row.power_upper - row.power_lower > 0.25, "ten populations tell little of others"


def test_one_population_has_no_spread_between_populations() -> None:
    size = 10 * 4 * 200
    row = one(
        TrialDesign(arms=ARMS[:1], sizes=(20,), endpoint="cr", null_rate=0.3),
        responding({ARMS[0]: 0.5}, size, Grouping(10, 4)), trials=4000,
    )  # fmt: skip
    assert row.population_sd < 0.1


class TestTheInterval:
    def test_of_independent_values_is_wilsons(self) -> None:
        values = (np.arange(4000) % 4 == 0).astype(float)
        found, worth = clustered_interval(values, np.arange(4000) // 20 % 200)
        assert worth == 4000
        assert found == pytest.approx(binomial_interval(1000, 4000))

    def test_of_values_that_all_agree_is_that_of_the_clusters(self) -> None:
        found, worth = clustered_interval(np.ones(1000), np.arange(1000) % 16)
        assert worth == 16
        assert found == pytest.approx(binomial_interval(16, 16))


def test_an_endpoint_that_nobody_has_is_refused() -> None:
    with pytest.raises(InputError, match="nobody has rfs"):
        one(TrialDesign(arms=ARMS, sizes=(20,), endpoint="rfs"), responding(dict.fromkeys(ARMS, 0.0), 400))
