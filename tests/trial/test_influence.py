"""Terms of estimates against the variances of Greenwood and of Aalen and Johansen, leave-one-out, and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from sim.trial.incidence import cumulative_incidence
from sim.trial.influence import incidence_terms, restricted_mean_terms, share_terms
from sim.trial.survival import kaplan_meier
from tests.trial.test_survival import RELAPSED, REMISSION, censored_sample


@pytest.mark.parametrize("seed", range(4))
def test_squares_of_the_terms_add_up_to_the_variance_of_aalen_and_johansen(seed: int) -> None:
    time, cause = censored_sample(seed, 150, causes=3)
    curve = cumulative_incidence(time, cause, ["a", "b", "c"])
    for row in range(3):
        for place, day in enumerate(curve.time):
            found = incidence_terms(time, cause, [row + 1], float(day))
            assert found.value == pytest.approx(curve.incidence[row, place], abs=1e-13)
            assert (found.error**2).sum() == pytest.approx(curve.variance[row, place], abs=1e-13)
            assert found.error.sum() == pytest.approx(0.0, abs=1e-13)


def test_causes_together_have_the_terms_of_their_sum() -> None:
    time, cause = censored_sample(5, 120, causes=3)
    one, two, both = (incidence_terms(time, cause, wanted, 9.0) for wanted in ([1], [3], [1, 3]))
    assert both.value == pytest.approx(one.value + two.value)
    assert both.error == pytest.approx(one.error + two.error, abs=1e-14)


def test_without_competition_it_is_one_minus_kaplan_meier_as_statsmodels_has_it() -> None:
    peer = SurvfuncRight(REMISSION, RELAPSED)
    for day, share, se in zip(peer.surv_times, peer.surv_prob, peer.surv_prob_se, strict=True):
        found = incidence_terms(REMISSION, RELAPSED, [1], float(day))
        assert 1.0 - found.value == pytest.approx(share, abs=1e-12)
        assert (found.error**2).sum() ** 0.5 == pytest.approx(se, abs=1e-12)


def test_without_censoring_a_term_is_the_patient_s_own_deviation() -> None:
    time, cause = np.array([1, 2, 2, 3, 5]), np.array([1, 2, 1, 1, 2])
    found = incidence_terms(time, cause, [1], 2.0)
    assert found.error == pytest.approx((((time <= 2) & (cause == 1)) - 0.4) / 5)
    assert restricted_mean_terms(time, np.ones(5), [1], 4.0).error == pytest.approx(
        (np.minimum(time, 4) - 2.4) / 5
    )


def test_restricted_mean_is_the_area_under_the_curve_with_its_variance() -> None:
    # Area, and its variance: the sum over events of (area to the right)^2 d / (Y (Y - d)).
    curve = kaplan_meier(REMISSION, RELAPSED)
    until, before = 20.0, curve.time < 20.0
    edges = np.concatenate(([0.0], curve.time[before], [until]))
    pieces = np.diff(edges) * np.concatenate(([1.0], curve.survival[before]))
    right = np.array([pieces[k + 1 :].sum() for k in range(before.sum())])
    events, at_risk = curve.events[before], curve.at_risk[before]
    found = restricted_mean_terms(REMISSION, RELAPSED, [1], until)
    assert found.value == pytest.approx(pieces.sum())
    assert (found.error**2).sum() == pytest.approx((right**2 * events / (at_risk * (at_risk - events))).sum())


@pytest.mark.parametrize("competing", [1, 2])
def test_terms_are_what_leaving_a_patient_out_changes(competing: int) -> None:
    time, cause = censored_sample(7, 200, causes=competing)
    for estimate in (incidence_terms, restricted_mean_terms):
        found = estimate(time, cause, [1], 8.0)
        without = [estimate(np.delete(time, k), np.delete(cause, k), [1], 8.0).value for k in range(200)]
        assert found.value - np.array(without) == pytest.approx(found.error, rel=0.03, abs=2e-5 * 8)


def test_nothing_is_said_behind_the_follow_up() -> None:
    assert np.isnan(incidence_terms([1, 2], [1, 0], [1], 3.0).value)
    assert np.isnan(restricted_mean_terms([1, 2], [1, 0], [1], 3.0).error).all()
    assert incidence_terms([1, 2], [1, 1], [1], 3.0).value == 1.0
    assert restricted_mean_terms([1, 2], [1, 1], [1], 3.0).value == 1.5
    assert incidence_terms([4, 5], [1, 0], [1], 3.0).value == 0.0


def test_share_of_nobody_is_unknown() -> None:
    assert np.isnan(share_terms([]).value)
