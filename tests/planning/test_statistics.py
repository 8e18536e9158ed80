"""The tests of many trials at once, each against the same test of one trial."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sim.planning.statistics import difference, log_rank, one_sample_milestone, proportions, survival_at
from sim.trial.survival import kaplan_meier

TRIALS, SIZE = 60, 24
FIRST = np.arange(2 * SIZE) < SIZE


@pytest.fixture(scope="module")
def trials():
    """Times in whole days, so that there are ties; three tenths censored; one in ten not analysed."""
    luck = np.random.default_rng(1)
    days = np.ceil(luck.exponential(10.0, (TRIALS, 2 * SIZE)))
    event = luck.random((TRIALS, 2 * SIZE)) < 0.7
    days[luck.random((TRIALS, 2 * SIZE)) < 0.1] = np.nan
    return days, event


def test_log_rank_is_scipys(trials) -> None:
    days, event = trials
    found = log_rank(days, event, FIRST)
    for z, own, happened in zip(found, days, event, strict=True):
        known = ~np.isnan(own)
        second, first = (
            stats.CensoredData(uncensored=own[arm & known & happened], right=own[arm & known & ~happened])
            for arm in (~FIRST, FIRST)
        )
        assert z == pytest.approx(stats.logrank(second, first).statistic, abs=1e-10)
    assert np.abs(found).max() > 1.0


@pytest.mark.parametrize("at", [5.0, 9.5, 200.0])
def test_survival_and_its_mean_are_those_of_the_curve(trials, at) -> None:
    days, event = trials
    value, mean = survival_at(days, event, at), survival_at(days, event, at, restricted_mean=True)
    for row, (own, happened) in enumerate(zip(days, event, strict=True)):
        known = ~np.isnan(own)
        curve = kaplan_meier(own[known], happened[known])
        last = np.searchsorted(curve.time, at, side="right") - 1
        assert value.value[row] == pytest.approx(curve.survival[last], abs=1e-12)
        assert value.variance[row] == pytest.approx(curve.variance[last], abs=1e-12)
        begin, height = (
            np.append(0.0, curve.time[curve.time <= at]),
            np.append(1.0, curve.survival[curve.time <= at]),
        )
        pieces = height * np.diff(np.append(begin, at))
        assert mean.value[row] == pytest.approx(pieces.sum(), abs=1e-9)
        rest = curve.at_risk * (curve.at_risk - curve.events)
        steps = np.divide(curve.events, rest, out=np.zeros(len(rest)), where=rest > 0)[: last + 1]
        after = np.array([pieces[k + 1 :].sum() for k in range(last + 1)])
        assert mean.variance[row] == pytest.approx((after**2 * steps).sum(), abs=1e-9)


def test_proportions_squared_is_the_chi_square_of_the_table() -> None:
    z = proportions(np.array([[15], [8]]), np.array([[20], [23]]))[0]
    assert z**2 == pytest.approx(stats.chi2_contingency([[15, 5], [8, 15]], correction=False).statistic)
    assert z > 0


def test_a_milestone_is_compared_on_the_scale_of_hazards() -> None:
    days, event = np.arange(1.0, 21.0)[None, :], np.ones((1, 20), bool)
    found = survival_at(days, event, 5.0)
    error = np.sqrt(found.variance[0]) / (0.75 * -np.log(0.75))
    wanted = (np.log(-np.log(0.5)) - np.log(-np.log(0.75))) / error
    assert one_sample_milestone(found, 0.5)[0] == pytest.approx(wanted)
    assert one_sample_milestone(survival_at(days, ~event, 5.0), 0.5)[0] == np.inf
    assert one_sample_milestone(survival_at(days, event, 30.0), 0.5)[0] == -np.inf


def test_a_difference_is_standardised_by_both_variances() -> None:
    days, event = np.array([[1.0, 2.0, 3.0, 4.0]]), np.ones((1, 4), bool)
    later = survival_at(days, event, 1.0)
    sooner = survival_at(days, event, 3.0)
    assert difference(later, sooner)[0] == pytest.approx(0.5 / np.sqrt(2 * 0.75 * 0.25 / 4))


class TestWithNothingToCompare:
    def test_an_empty_arm_rejects_nothing(self) -> None:
        days = np.full((1, 6), np.nan)
        days[0, 3:] = [1.0, 2.0, 3.0]
        first = np.arange(6) < 3
        assert log_rank(days, np.ones((1, 6), bool), first).tolist() == [0.0]
        both = [survival_at(days[:, side], np.ones((1, 3), bool), 2.0) for side in (first, ~first)]
        assert np.isnan(both[0].value[0])
        assert difference(*both).tolist() == [0.0]
        assert one_sample_milestone(both[0], 0.5).tolist() == [0.0]
        assert proportions(np.array([[0], [3]]), np.array([[0], [3]])).tolist() == [0.0]

    def test_no_event_rejects_nothing(self) -> None:
        assert log_rank(np.ones((1, 4)), np.zeros((1, 4), bool), np.arange(4) < 2).tolist() == [0.0]
        assert proportions(np.array([[3], [3]]), np.array([[3], [3]])).tolist() == [0.0]
