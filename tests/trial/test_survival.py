"""Survival estimates against hand-worked cases, SciPy and statsmodels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import CensoredData
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight
from statsmodels.stats.proportion import proportion_confint

from sim.trial.estimates import binomial_interval
from sim.trial.incidence import cumulative_incidence
from sim.trial.survival import kaplan_meier

# 6-mercaptopurine, Freireich et al. 1963 (weeks of remission): the textbook case.
REMISSION = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35])
RELAPSED = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0])


def censored_sample(seed: int, size: int, causes: int = 1) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Times on a coarse grid, so that events tie with events and with censorings."""
    generator = np.random.default_rng(seed)
    event = generator.exponential(20.0, size)
    censor = generator.exponential(30.0, size)
    cause = np.where(event <= censor, generator.integers(1, causes + 1, size), 0)
    return np.ceil(np.minimum(event, censor) / 3.0), cause


class TestKaplanMeier:
    def test_matches_the_textbook_remission_data(self) -> None:
        curve = kaplan_meier(REMISSION, RELAPSED)
        at = curve.at([6, 7, 10, 13, 16, 22, 23])
        assert at == pytest.approx([0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482], abs=5e-5)
        assert np.sqrt(curve.variance[curve.time == 23])[0] == pytest.approx(0.1346, abs=5e-5)
        assert curve.median().value == 23.0

    @pytest.mark.parametrize("seed", range(8))
    def test_equals_scipy_and_statsmodels_with_ties(self, seed: int) -> None:
        time, event = censored_sample(seed, 60 + 40 * seed)
        curve = kaplan_meier(time, event)
        peer = SurvfuncRight(time, event)
        here = curve.events > 0
        assert curve.time[here].tolist() == peer.surv_times.tolist()
        assert curve.at_risk[here].tolist() == peer.n_risk.tolist()
        assert curve.survival[here] == pytest.approx(peer.surv_prob, abs=1e-12)
        left = np.isfinite(peer.surv_prob_se)
        assert np.sqrt(curve.variance[here])[left] == pytest.approx(peer.surv_prob_se[left], abs=1e-12)
        data = CensoredData(uncensored=time[event == 1], right=time[event == 0])
        ecdf = stats.ecdf(data).sf
        assert curve.at(ecdf.quantiles) == pytest.approx(ecdf.probabilities, abs=1e-12)

    @pytest.mark.parametrize("band", ["log-log", "plain"])
    def test_band_equals_scipy(self, band: str) -> None:
        time, event = censored_sample(3, 80)
        curve = kaplan_meier(time, event, level=0.9, band=band)  # type: ignore[arg-type]
        data = CensoredData(uncensored=time[event == 1], right=time[event == 0])
        method = {"log-log": "log-log", "plain": "linear"}[band]
        with np.errstate(all="ignore"), warnings.catch_warnings():  # SciPy warns where the curve ends
            warnings.simplefilter("ignore")
            peer = stats.ecdf(data).sf.confidence_interval(0.9, method=method)
        inner = (curve.survival > 0) & (curve.survival < 1)
        assert curve.lower[inner] == pytest.approx(peer.low.evaluate(curve.time[inner]), abs=1e-12)
        assert curve.upper[inner] == pytest.approx(peer.high.evaluate(curve.time[inner]), abs=1e-12)

    def test_log_band_is_symmetric_in_log_survival(self) -> None:
        curve = kaplan_meier(REMISSION, RELAPSED, band="log")
        # R: summary(survfit(Surv(t, e) ~ 1)) at 23 weeks gives 0.249 to 0.807.
        found = curve.milestone(23)
        assert (found.lower, found.upper) == (pytest.approx(0.249, abs=6e-4), pytest.approx(0.807, abs=6e-4))

    def test_without_censoring_it_is_the_empirical_share(self) -> None:
        curve = kaplan_meier([1, 2, 2, 5], np.ones(4))
        assert curve.survival.tolist() == [0.75, 0.25, 0.0]
        n, s = 4, np.array([0.75, 0.25])
        assert curve.variance[:2] == pytest.approx(s * (1 - s) / n)

    def test_censored_at_the_time_of_an_event_was_at_risk(self) -> None:
        curve = kaplan_meier([5, 5], [1, 0])
        assert curve.at_risk.tolist() == [2]
        assert curve.survival.tolist() == [0.5]

    def test_events_at_day_zero_are_a_step_at_zero(self) -> None:
        curve = kaplan_meier([0, 0, 10, 20], [1, 1, 1, 0])
        assert curve.at([-1, 0, 9, 10]).tolist() == [1.0, 0.5, 0.5, 0.25]

    def test_nothing_is_claimed_after_the_follow_up(self) -> None:
        assert np.isnan(kaplan_meier([1, 2], [1, 0]).at(3.0))
        assert kaplan_meier([1, 2], [1, 1]).at(3.0) == 0.0
        assert np.isnan(kaplan_meier([1, 2], [1, 0]).milestone(3.0)).all()

    def test_nobody_with_an_event_leaves_the_curve_at_one_and_claims_no_interval(self) -> None:
        curve = kaplan_meier([3, 1, 2, 2], np.zeros(4))
        assert curve.survival.tolist() == [1.0, 1.0, 1.0]
        assert curve.at_risk.tolist() == [4, 3, 1]
        assert (curve.censored.tolist(), curve.events.tolist()) == ([1, 2, 1], [0, 0, 0])
        assert (curve.variance == 0.0).all()
        assert np.isnan(curve.median()).all()
        assert stats.ecdf(CensoredData(right=[3, 1, 2, 2])).sf.evaluate(2.5) == curve.at(2.5) == 1.0

    @pytest.mark.parametrize(("event", "after"), [(True, 0.0), (False, np.nan)])
    def test_one_patient_is_a_curve(self, event: bool, after: float) -> None:
        curve = kaplan_meier([5.0], [event])
        assert curve.at([4.9, 5.0]).tolist() == [1.0, 0.0 if event else 1.0]
        assert float(curve.at(6.0)) == pytest.approx(after, nan_ok=True)
        assert (curve.lower[0], curve.upper[0]) == (
            (0.0, binomial_interval(0, 1).upper) if event else (1.0, 1.0)
        )
        assert curve.median().value == pytest.approx(5.0 if event else np.nan, nan_ok=True)
        assert curve.number_at_risk([5.0, 5.1]).tolist() == [1, 0]

    def test_after_everybody_had_the_event_the_band_stays_what_it_was(self) -> None:
        curve = kaplan_meier([1, 2], [1, 1])
        assert curve.upper[1] == curve.upper[0] > 0.5
        censored = kaplan_meier([1, 2, 3], [1, 0, 1])
        assert censored.milestone(9.0) == censored.milestone(3.0) == (0.0, 0.0, censored.upper[0])

    @pytest.mark.parametrize("times", [[0.0] * 300, np.arange(300.0)])
    def test_milestone_of_none_left_is_wilson_s_unless_somebody_was_censored(self, times) -> None:
        curve = kaplan_meier(times, np.ones(300))
        assert curve.milestone(300.0) == binomial_interval(0, 300)
        assert curve.milestone(300.0).upper < 0.02
        assert kaplan_meier([0.0] * 300, np.ones(300)).upper.tolist() == [binomial_interval(0, 300).upper]

    def test_milestone_of_all_left_is_wilson_s_unless_somebody_was_censored(self) -> None:
        curve = kaplan_meier([5.0, 9.0, 9.0], np.zeros(3), level=0.9)
        assert curve.milestone(1.0) == curve.milestone(5.0) == binomial_interval(3, 3, level=0.9)
        assert curve.milestone(9.0) == (1.0, 1.0, 1.0)

    def test_all_events_at_one_time_are_one_step_to_zero(self) -> None:
        curve = kaplan_meier([7, 7, 7], [1, 1, 1])
        assert (curve.survival.tolist(), curve.variance.tolist()) == ([0.0], [0.0])
        assert curve.median().value == 7.0
        assert SurvfuncRight(np.full(3, 7.0), np.ones(3)).surv_prob.tolist() == [0.0]

    @pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
    def test_band_widens_with_its_level_and_stays_in_the_unit_interval(self, level: float) -> None:
        time, event = censored_sample(2, 90)
        wide, narrow = kaplan_meier(time, event, level=level), kaplan_meier(time, event, level=0.5)
        inner = (wide.survival > 0) & (wide.survival < 1)
        assert (wide.lower[inner] < narrow.lower[inner]).all()
        assert (wide.upper[inner] > narrow.upper[inner]).all()
        assert ((wide.lower >= 0) & (wide.upper <= 1)).all()

    def test_number_at_risk_counts_those_with_time_at_or_after(self) -> None:
        curve = kaplan_meier([1, 2, 2, 5], [1, 0, 1, 1])
        assert curve.number_at_risk([0, 1, 1.5, 2, 2.1, 5, 6]).tolist() == [4, 4, 3, 3, 1, 1, 0]

    def test_median_on_a_flat_piece_is_its_middle(self) -> None:
        assert kaplan_meier([1, 2, 3, 4], np.ones(4)).median().value == 2.5
        assert kaplan_meier([1, 2, 3, 9], [1, 1, 0, 0]).median().value == 5.5

    def test_median_that_is_not_reached_is_nan(self) -> None:
        found = kaplan_meier([1, 2, 3, 4], [1, 0, 0, 0]).median()
        assert np.isnan(found.value)

    def test_median_interval_equals_statsmodels(self) -> None:
        time, event = censored_sample(5, 150)
        found = kaplan_meier(time, event).median()
        peer = SurvfuncRight(time, event)
        assert found.value == peer.quantile(0.5)
        with np.errstate(all="ignore"):  # statsmodels takes log(0) where its curve ends
            low, high = peer.quantile_ci(0.5, method="cloglog")
        # Ends are times of events; the two programs differ on whether the end belongs to the interval.
        assert found.lower == pytest.approx(low, abs=1.0)
        assert found.upper == pytest.approx(high, abs=1.0)

    def test_median_interval_covers_at_its_level(self) -> None:
        # 2,000 trials of 40: below 0.93 or above 0.975 has probability under 1e-4 at a true coverage of 0.95.
        generator = np.random.default_rng(20)
        truth, inside, narrow = 10.0 * np.log(2.0), 0, 0
        for _ in range(2000):
            event, censor = generator.exponential(10.0, 40), generator.exponential(25.0, 40)
            curve = kaplan_meier(np.minimum(event, censor), event <= censor)
            _, low, high = curve.median()
            inside += low <= truth and not high < truth
            middle = 0.5 * (low + high)
            narrow += abs(middle - truth) <= 0.25 * (high - low)
        assert 0.93 < inside / 2000 < 0.975
        assert narrow / 2000 < 0.93  # half as wide, the interval must fail the same test


class TestCumulativeIncidence:
    @pytest.mark.parametrize("seed", range(6))
    def test_equals_statsmodels_with_ties(self, seed: int) -> None:
        time, cause = censored_sample(seed, 200, causes=3)
        last = time.argmax()
        time, cause = np.append(time, time[last] + 1), np.append(cause, 0)
        found = cumulative_incidence(time, cause, ["a", "b", "c"])
        peer = CumIncidenceRight(time, cause)
        for row in range(3):
            assert found.incidence[row] == pytest.approx(peer.cinc[row], abs=1e-12)
            assert np.sqrt(found.variance[row]) == pytest.approx(peer.cinc_se[row], abs=1e-10)
        assert found.event_free + found.incidence.sum(axis=0) == pytest.approx(np.ones(len(found.time)))

    def test_example_worked_by_hand(self) -> None:
        # At risk 6, 5, 3, 2, 1. Relapse at 1, 3, 4; death at 2, tied with a censoring; the last is censored at 5.
        # F = S before x events/at risk: relapse 1/6, then 4/6 x 1/3, then 4/9 x 1/2; death 5/6 x 1/5. S = 5/6, 4/6, 4/9, 2/9.
        found = cumulative_incidence([1, 2, 2, 3, 4, 5], [1, 2, 0, 1, 1, 0], ["relapse", "death"])
        assert found.at_risk.tolist() == [6, 5, 3, 2, 1]
        assert found.incidence[0] == pytest.approx([1 / 6, 1 / 6, 7 / 18, 11 / 18, 11 / 18])
        assert found.incidence[1] == pytest.approx([0, 1 / 6, 1 / 6, 1 / 6, 1 / 6])
        assert found.event_free == pytest.approx([5 / 6, 4 / 6, 4 / 9, 2 / 9, 2 / 9])
        # Censoring the deaths instead answers another question: 1 - 5/6 x 2/3 x 1/2.
        naive = kaplan_meier([1, 2, 2, 3, 4, 5], [1, 0, 0, 1, 1, 0])
        assert 1 - naive.at(4) == pytest.approx(13 / 18)

    def test_two_causes_at_one_time_share_the_step(self) -> None:
        found = cumulative_incidence([2, 2, 2, 2], [1, 2, 0, 1], ["relapse", "death"])
        assert (found.incidence[:, 0].tolist(), found.event_free.tolist()) == ([0.5, 0.25], [0.25])

    def test_nobody_with_an_event_and_one_patient(self) -> None:
        nobody = cumulative_incidence([1, 2], [0, 0], ["relapse"])
        assert (nobody.incidence.tolist(), nobody.variance.tolist()) == ([[0.0, 0.0]], [[0.0, 0.0]])
        assert np.isnan(nobody.at("relapse", 3))
        one = cumulative_incidence([4], [2], ["relapse", "death"])
        assert one.incidence.tolist() == [[0.0], [1.0]]
        assert one.at("death", [3.9, 4, 9]).tolist() == [0.0, 1.0, 1.0]

    def test_share_that_has_come_to_one_is_wilson_s_unless_somebody_was_censored(self) -> None:
        for time in ([4.0], [4.0, 4.0], [2.0, 4.0]):
            size = len(time)
            found = cumulative_incidence(time, [1] * size, ["relapse"])
            assert found.milestone("relapse", 4.0) == binomial_interval(size, size)
            assert found.milestone("relapse", 9.0) == binomial_interval(size, size)
        assert found.lower[0, 1] == found.lower[0, 0]
        censored = cumulative_incidence([2.0, 3.0, 4.0], [1, 0, 1], ["relapse"])
        assert censored.milestone("relapse", 9.0) == (1.0, censored.lower[0, 0], 1.0)

    @pytest.mark.parametrize("size", [5, 10, 28, 30])
    def test_cause_that_takes_everybody_one_by_one_comes_to_one_exactly(self, size: int) -> None:
        # The steps of 1/size add up to 1 but for rounding, on either side; of the log there nothing was left.
        found = cumulative_incidence(np.arange(size) + 1.0, np.ones(size, dtype=np.int64), ["relapse"])
        assert found.incidence[0, -1] == found.upper[0, -1] == 1.0
        assert found.lower[0, -1] == found.lower[0, -2] < 1.0

    def test_one_cause_is_one_minus_kaplan_meier_with_greenwood(self) -> None:
        found = cumulative_incidence(REMISSION, RELAPSED, ["relapse"])
        curve = kaplan_meier(REMISSION, RELAPSED)
        assert found.incidence[0] == pytest.approx(1 - curve.survival, abs=1e-14)
        assert found.variance[0] == pytest.approx(curve.variance, abs=1e-14)

    def test_is_below_one_minus_kaplan_meier_when_causes_compete(self) -> None:
        time, cause = censored_sample(1, 200, causes=2)
        found = cumulative_incidence(time, cause, ["relapse", "death"])
        naive = kaplan_meier(time, cause == 1)
        assert found.at("relapse", 20.0) < 1 - naive.at(20.0) - 0.02

    def test_without_censoring_it_is_the_share_with_binomial_variance(self) -> None:
        found = cumulative_incidence([1, 2, 2, 3, 4], [1, 2, 1, 2, 1], ["relapse", "death"])
        assert found.at("relapse", [0, 1, 2, 3, 4, 9]) == pytest.approx([0, 0.2, 0.4, 0.4, 0.6, 0.6])
        assert found.at("death", [0, 2, 3]) == pytest.approx([0, 0.2, 0.4])
        share = found.incidence
        assert found.variance == pytest.approx(share * (1 - share) / 5)

    def test_cause_that_never_happens_stays_at_zero(self) -> None:
        found = cumulative_incidence([1, 2, 3], [1, 0, 1], ["relapse", "death"])
        assert found.milestone("death", 3.0) == (0.0, 0.0, 0.0)

    def test_band_brackets_and_stays_in_the_unit_interval(self) -> None:
        time, cause = censored_sample(2, 100, causes=2)
        found = cumulative_incidence(time, cause, ["relapse", "death"])
        assert (found.lower >= 0).all()
        assert (found.lower <= found.incidence).all()
        assert (found.incidence <= found.upper).all()
        assert (found.upper <= 1).all()
        assert found.number_at_risk([0, 1e9]).tolist() == [100, 0]

    def test_refuses_a_cause_without_a_name(self) -> None:
        with pytest.raises(ValueError, match="cause"):
            cumulative_incidence([1, 2], [1, 3], ["relapse", "death"])


class TestBinomialInterval:
    @pytest.mark.parametrize(("events", "size"), [(0, 5), (1, 6), (11, 15), (27, 29), (5, 5)])
    @pytest.mark.parametrize(("method", "peer"), [("wilson", "wilson"), ("clopper-pearson", "beta")])
    def test_equals_statsmodels(self, events: int, size: int, method: str, peer: str) -> None:
        found = binomial_interval(events, size, method=method, level=0.9)  # type: ignore[arg-type]
        low, high = proportion_confint(events, size, alpha=0.1, method=peer)
        assert found == pytest.approx((events / size, low, high), abs=1e-12)

    def test_is_unknown_for_nobody(self) -> None:
        assert np.isnan(binomial_interval(0, 0)).all()

    def test_refuses_more_events_than_patients(self) -> None:
        with pytest.raises(ValueError, match="events"):
            binomial_interval(3, 2)


@pytest.mark.parametrize(
    ("time", "event", "word"),
    [([], [], "empty"), ([1.0], [1, 0], "shapes"), ([np.nan], [1], "finite"), ([np.inf], [1], "finite")],
)
def test_says_what_is_wrong_with_the_data(time: list[float], event: list[int], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        kaplan_meier(time, event)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_refuses_a_level_outside_the_unit_interval(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        kaplan_meier([1.0], [1], level=level)
