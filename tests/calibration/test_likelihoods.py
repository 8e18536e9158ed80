"""Likelihoods against SciPy's laws, and that of a censored median against trials drawn and analysed one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from calibration.likelihoods import MedianReport, band, censored_median, summary, unsure_binomial

MONTH = 30.4375
REPORT = MedianReport(11, 6 * MONTH, MONTH, (6 * MONTH, 9 * MONTH, 21 * MONTH), 24 * MONTH)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (27, 29), (1, 6)])
def test_counts_have_the_binomial_law_where_the_share_is_known(k: int, n: int) -> None:
    p = np.array([1e-3, 0.1, 0.5, 0.93])
    np.testing.assert_allclose(
        unsure_binomial(k, n, p, 1e8), stats.binom.logpmf(k, n, p), rtol=1e-4, atol=1e-5
    )


def test_what_nobody_did_is_unlikely_the_more_so_the_more_patients_there_were() -> None:
    found = unsure_binomial(1, 2, 0.0, np.array([0.0, 10.0, 1e3, 1e6]))
    assert (np.diff(found) < -1.0).all()
    assert np.isfinite(found).all()
    assert math.isnan(unsure_binomial(1, 2, math.nan, 10.0))


def test_a_range_is_95_percent_of_a_logit_normal_law() -> None:
    """Without a spread between trials the ends are at 1.96 SDs."""
    middle = expit(0.5 * (math.log(0.15 / 0.85) + math.log(0.45 / 0.55)))
    top = float(band(middle, 0.15, 0.45, 0.0))
    for end in (0.15, 0.45):
        assert top - float(band(end, 0.15, 0.45, 0.0)) == pytest.approx(0.5 * 1.959964**2, abs=1e-5)
    assert float(band(0.8, 0.15, 0.45, 1.0)) > float(band(0.8, 0.15, 0.45, 0.0))


def test_a_summary_is_log_normal() -> None:
    x = np.array([5.0, 9.3, 20.0])
    expected = stats.norm.logpdf(np.log(x), math.log(9.3), 0.2)
    np.testing.assert_allclose(summary(x, 9.3, 0.2), expected, rtol=1e-12)
    assert summary(0.0, 9.3, 0.2) == -math.inf


def kaplan_meier_median(days: np.ndarray, event: np.ndarray) -> float:
    """First day on which the curve is at or below one half, by its definition."""
    order = np.lexsort((~event, days))
    left, survival = len(days), 1.0
    for i in order:
        if event[i]:
            survival *= 1.0 - 1.0 / left
            if survival <= 0.5 + 1e-9:
                return float(days[i])
        left -= 1
    return math.inf


@pytest.mark.parametrize("mean", [4.0, 9.0])
def test_a_censored_median_is_as_likely_as_trials_show_it(mean: float) -> None:
    """Trials of eleven: three are followed for 6, 9 and 21 months and still free of the event, eight had it within 24 months.

    Of such trials, drawn with exponential durations, the median of some lies in the reported interval: 80,000 trials against the sum over
    the numbers of events. The bound is 5 standard errors (false alarm 6e-7); a sum that is wrong by a tenth would be found.
    """
    rng = np.random.default_rng(1)
    trials, events = 80_000, REPORT.of - len(REPORT.censored_at)
    so_far = 1.0 - np.exp(-np.array(REPORT.cuts) / (mean * MONTH))
    within = rng.uniform(0.0, so_far[2], (trials, events))
    days = np.concatenate(
        [-mean * MONTH * np.log1p(-within), np.tile(REPORT.censored_at, (trials, 1))], axis=1
    )
    event = np.arange(REPORT.of) < events
    low, high = REPORT.cuts[:2]
    hits = sum(low < kaplan_meier_median(row, event) <= high for row in days)
    condition = events * math.log(so_far[2]) + float(np.log1p(-so_far[3:]).sum())
    share = math.exp(float(censored_median(REPORT, so_far)) - condition)
    error = math.sqrt(trials * share * (1.0 - share))
    assert abs(hits - trials * share) < 5.0 * error
    assert abs(hits - 1.1 * trials * share) > 5.0 * error


def test_a_longer_and_a_shorter_course_are_less_likely_than_the_reported_one() -> None:
    means = np.array([1.0, 3.0, 9.0, 60.0])[:, None] * MONTH
    found = censored_median(REPORT, 1.0 - np.exp(-np.array(REPORT.cuts) / means))
    assert found.shape == (4,)
    assert found.argmax() in (1, 2)
    assert np.isfinite(found).all()
    assert censored_median(REPORT, np.ones(6)) == -math.inf


def test_a_share_known_from_few_patients_has_the_mean_likelihood_of_what_they_leave_open() -> None:
    """Beside the integral over the beta law, by 200,000 of its quantiles."""
    u = (np.arange(200_000) + 0.5) / 200_000
    for share, patients in ((0.2, 5.0), (0.9, 40.0), (0.0, 3.0)):
        p = stats.beta.ppf(u, share * patients + 0.5, (1.0 - share) * patients + 0.5)
        exact = np.log(np.mean(stats.binom.pmf(11, 15, p)))
        assert float(unsure_binomial(11, 15, share, patients)) == pytest.approx(exact, rel=1e-3)
