"""Enrolment: laws of accrual and loss against their exact means, trials that do not depend on each other, patients who are in one arm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.errors import InputError
from sim.planning.design import TrialDesign
from sim.planning.enrolment import DAYS_PER_MONTH, blocks_of, enrol
from sim.trial.uncertainty import Grouping
from tests.planning.made_pool import ARMS, responding

DESIGN = TrialDesign(arms=ARMS, sizes=(10,), endpoint="cr", accrual=5.0, dropout=0.2)
TRIALS = 20_000


@pytest.fixture(scope="module")
def pool():
    return responding({ARMS[0]: 0.5, ARMS[1]: 0.5}, 1000)


@pytest.fixture(scope="module")
def entered(pool):
    return enrol(DESIGN, 10, np.arange(TRIALS), 1, blocks_of(pool, 20))


def test_a_trial_does_not_depend_on_the_others(pool, entered) -> None:
    few = enrol(DESIGN, 10, np.array([17, 5]), 1, blocks_of(pool, 20))
    for name in few._fields:
        assert np.array_equal(getattr(few, name), getattr(entered, name)[[17, 5]])
    other = enrol(DESIGN, 10, np.array([17, 5]), 2, blocks_of(pool, 20))
    assert not np.array_equal(few.place, other.place)
    planning = enrol(DESIGN, 10, np.array([17, 5]), 1, blocks_of(pool, 20), pilot=True)
    assert not (few.entry == planning.entry).any()


def test_nobody_is_in_a_trial_twice_and_trials_of_two_blocks_share_nobody(entered) -> None:
    assert all(len(set(row)) == 20 for row in entered.place[:500].tolist())
    people = [set(entered.place[entered.block == block].ravel().tolist()) for block in (0, 1)]
    assert not people[0] & people[1]


def test_everybody_is_drawn_as_often() -> None:
    """Chi-square over 1,000 patients of a mean of 400 draws: without replacement its mean is below 999; 1,300 is 6.7 SD above."""
    pool = responding({ARMS[0]: 0.5, ARMS[1]: 0.5}, 1000)
    place = enrol(DESIGN, 10, np.arange(TRIALS), 1, blocks_of(pool, 20)).place
    drawn = np.bincount(place.ravel(), minlength=1000)
    assert ((drawn - 400.0) ** 2 / 400.0).sum() < 1300.0


def test_of_each_pair_one_goes_to_either_arm(entered) -> None:
    rank = np.argsort(np.argsort(entered.entry, axis=1), axis=1)
    pairs = np.sort(np.stack((rank[:, :10] // 2, rank[:, 10:] // 2)), axis=2)
    assert np.array_equal(pairs[0], pairs[1])
    first = (rank[:, :10] % 2 == 0).mean()
    # 200,000 fair coins: 5 SD are 0.0056, two-sided level 6e-7.
    assert first == pytest.approx(0.5, abs=0.0056)


def test_poisson_accrual_has_the_mean_and_variance_of_its_law(entered) -> None:
    """The last of 20 patients at 5 a month: gamma of shape 20; bounds are 5 SD of mean and variance (kurtosis 3 + 6/20) of 20,000."""
    last, gap = entered.entry.max(axis=1), DAYS_PER_MONTH / 5.0
    assert last.mean() == pytest.approx(20 * gap, abs=5 * gap * np.sqrt(20 / TRIALS))
    assert last.var() == pytest.approx(20 * gap**2, rel=5 * np.sqrt(2.3 / TRIALS))


def test_uniform_accrual_has_the_mean_and_variance_of_its_law(pool) -> None:
    """The k-th of 20 days uniform over 20 gaps is beta: mean k/21 of the time, for the first and the last."""
    uniform = replace(DESIGN, accrual_law="uniform", sides=2)
    days = np.sort(enrol(uniform, 10, np.arange(TRIALS), 1, blocks_of(pool, 20)).entry, axis=1)
    whole = 20 * DAYS_PER_MONTH / 5.0
    for k in (1, 20):
        variance = k * (21 - k) / (21**2 * 22) * whole**2
        assert days[:, k - 1].mean() == pytest.approx(k / 21 * whole, abs=5 * np.sqrt(variance / TRIALS))
    assert (days < whole).all()


def test_losses_are_exponential_with_the_share_of_a_year(entered) -> None:
    """400,000 patients, 20 % lost in a year and 36 % in two: 5 SD are 0.0032 and 0.0038."""
    lost = entered.dropout.ravel()
    assert (lost < 365.25).mean() == pytest.approx(0.2, abs=0.0032)
    assert (lost < 730.5).mean() == pytest.approx(0.36, abs=0.0038)
    nobody = enrol(
        replace(DESIGN, dropout=0.0),
        10,
        np.arange(3),
        1,
        blocks_of(responding(dict.fromkeys(ARMS, 0.5), 200), 20),
    )
    assert np.isinf(nobody.dropout).all()


def test_a_trial_of_a_posterior_has_patients_of_one_population_and_one_trial() -> None:
    grouping = Grouping(5, 4)
    pool = responding(dict.fromkeys(ARMS, 0.5), 5 * 4 * 25, grouping)
    blocks = blocks_of(pool, 20)
    entered = enrol(DESIGN, 10, np.arange(200), 1, blocks)
    for row, block in zip(entered.place, entered.block, strict=True):
        origin = grouping.origin(row)
        assert set(origin.population) == {blocks.cluster[block]}
        assert set(origin.trial) == {blocks.trial[block]}
    assert np.bincount(blocks.cluster[entered.block]).tolist() == [40] * 5


def test_a_pool_that_is_too_small_is_refused_with_the_number_it_takes() -> None:
    with pytest.raises(InputError, match="at least 80 per arm"):
        blocks_of(responding(dict.fromkeys(ARMS, 0.5), 79), 20)
    with pytest.raises(InputError, match="simulate 408 per arm"):
        blocks_of(responding(dict.fromkeys(ARMS, 0.5), 100, Grouping(5, 4)), 20)


def test_failed_patients_are_never_drawn() -> None:
    pool = responding(dict.fromkeys(ARMS, 0.5), 400)
    pool.outcomes[ARMS[1]]["status"][::3] = 1
    entered = enrol(DESIGN, 10, np.arange(500), 1, blocks_of(pool, 20))
    assert (entered.place % 3 != 0).all()
    assert pool.failed == 134
