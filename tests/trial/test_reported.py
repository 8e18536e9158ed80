"""Reported rows beside simulated ones: predictive laws against enumeration, and every kind of row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from sim.trial.measures import measure, population
from sim.trial.outcomes import COLUMNS, Outcomes
from sim.trial.predictive import beta_binomial, count_predictive, km_medians, sample_predictive
from sim.trial.reported import Comparison, compare_reported
from sim.trial.scenario_reported import Reported
from sim.trial.survival import kaplan_meier

NAN = float("nan")
WORDS = ("arm", "relapse_phenotype", "best_response", "death_cause")


def endpoints(size: int, **columns: Any) -> Outcomes:
    """Rows of evaluable, infused patients followed for 400 days; the given columns on top."""
    table: dict[str, Any] = {name: np.full(size, "" if name in WORDS else NAN) for name in COLUMNS}
    table |= {
        "patient": np.arange(size),
        "replicate": np.zeros(size, dtype=np.int64),
        "status": np.zeros(size, dtype=np.int8),
        "infused": np.ones(size, dtype=np.bool_),
        "evaluable": np.ones(size, dtype=np.bool_),
        "last_followup_day": np.full(size, 400.0),
        "cr": np.ones(size),
        "cr_day": np.full(size, 28.0),
        "origin_day": np.zeros(size),
    }
    return Outcomes(table | {name: np.asarray(values) for name, values in columns.items()})


def responders(k: int, n: int, **columns: Any) -> Outcomes:
    return endpoints(n, cr=np.arange(n) < k, **columns)


def compare(row: dict[str, Any], outcomes: Outcomes | dict[str, Outcomes], **options: Any) -> Comparison:
    arms = outcomes if isinstance(outcomes, dict) else {"a": outcomes}
    return compare_reported(Reported(id="row", **row), arms, **options)  # type: ignore[arg-type]


class TestCounts:
    def test_law_is_scipys_beta_binomial_with_the_jeffreys_prior(self) -> None:
        law = beta_binomial(15, 60.0, 40.0)
        assert law == pytest.approx(stats.betabinom.pmf(np.arange(16), 15, 60.5, 40.5), abs=1e-12)

    def test_of_many_simulated_patients_is_binomial(self) -> None:
        law = beta_binomial(15, 6e8, 4e8)
        assert law == pytest.approx(stats.binom.pmf(np.arange(16), 15, 0.6), abs=1e-6)

    @pytest.mark.parametrize("share", [0.03, 0.3, 0.5, 0.93])
    @pytest.mark.parametrize("size", [1, 6, 15, 29])
    def test_interval_holds_the_counts_with_enough_tail(self, share: float, size: int) -> None:
        law = stats.binom.pmf(np.arange(size + 1), size, share)
        for events in range(size + 1):
            found = count_predictive(law, events)
            below, equal = law[:events].sum(), law[events]
            tail = 2 * min(below + equal / 2, 1 - below - equal / 2)
            assert found.tail == pytest.approx(min(1.0, tail))
            assert found.inside == (found.lower <= events <= found.upper) == (found.tail >= 0.05)

    def test_interval_covers_at_about_its_level(self) -> None:
        # Mid-p intervals miss 5 % on average, never far from it: exact sums, no sampling.
        for share in (0.1, 0.47, 0.6, 0.9):
            law = stats.binom.pmf(np.arange(16), 15, share)
            found = count_predictive(law, 7)
            covered = law[int(found.lower) : int(found.upper) + 1].sum()
            assert 0.92 < covered < 0.995

    @pytest.mark.parametrize(("simulated", "inside"), [(470, True), (900, False), (20, False)])
    def test_reported_count_is_inside_or_outside(self, simulated: int, inside: bool) -> None:
        found = compare({"endpoint": "cr", "arm": "a", "events": 7, "of": 15}, responders(simulated, 1000))
        assert found.inside is inside
        assert found.simulated.value == simulated / 1000
        assert found.reported_value == 7 / 15
        assert found.predictive is not None
        assert (found.predictive.tail >= 0.05) == inside

    def test_replicates_of_a_patient_count_once(self) -> None:
        one = responders(30, 100)
        twice = Outcomes({name: np.repeat(values, 2) for name, values in one.columns.items()})
        row = {"endpoint": "cr", "events": 3, "of": 10}
        assert compare(row, twice).predictive == compare(row, one).predictive
        assert compare(row, twice).simulated == compare(row, one).simulated

    def test_failed_rows_do_not_count(self) -> None:
        good = responders(30, 100)
        status = np.zeros(100, dtype=np.int8)
        status[:30] = 1
        found = compare({"endpoint": "cr", "events": 3, "of": 10}, responders(30, 100, status=status))
        assert (found.simulated.value, found.simulated_size) == (0.0, 70)
        assert compare({"endpoint": "cr", "events": 3, "of": 10}, good).simulated_size == 100

    def test_pooled_arms_stand_as_in_the_trial(self) -> None:
        arms = {"low": responders(1000, 1000), "high": responders(0, 1000)}
        row = {"endpoint": "cr", "arms": ("low", "high"), "events": 5, "of": 21}
        found = compare(row, arms, enrolled={"low": 6, "high": 15})
        assert found.simulated.value == pytest.approx(6 / 21)
        assert compare(row, arms).simulated.value == 0.5
        assert compare({"endpoint": "cr", "events": 5, "of": 21}, arms).arms == ("low", "high")

    def test_without_patients_says_so(self) -> None:
        found = compare(
            {"endpoint": "relapse", "among": "responders", "events": 1, "of": 2}, responders(0, 50)
        )
        assert found.inside is None
        assert found.simulated_size == 0
        assert np.isnan(found.simulated.value)


class TestMedians:
    DAYS = np.arange(1.0, 1001.0)
    EVENT = np.ones(1000, dtype=np.bool_)

    def test_competing_transplant_ends_no_remission(self) -> None:
        # One half relapses on day 100, the other had a transplant on day 50 after the response of day 28.
        early = np.arange(100) % 2 == 0
        found = endpoints(
            100,
            remission_days=np.full(100, 100.0),
            remission_event=np.ones(100),
            transplant_day=np.where(early, 50.0, NAN),
        )
        row = {"endpoint": "remission_days", "median": 100.0, "of": 11, "unit": "day"}
        medians = {
            rule: compare(row, found, transplant=rule) for rule in ("ignored", "censored", "competing")
        }
        assert [medians[rule].simulated.value for rule in ("ignored", "censored")] == [100.0, 100.0]
        # One half is never seen to relapse: the curve rests on one half, and of some trials of 11 it stays above.
        assert medians["competing"].simulated.value >= 100.0
        assert medians["competing"].predictive is not None
        assert np.isinf(medians["competing"].predictive.upper)
        assert medians["censored"].predictive is not None
        assert medians["censored"].predictive.upper == 100.0

    def test_resampled_medians_are_those_of_the_estimator(self) -> None:
        generator = np.random.default_rng(3)
        days = np.ceil(generator.exponential(10.0, 40))  # ties
        event = generator.random(40) < 0.7
        for size in (1, 2, 5, 11):
            # A sample of one trial, remade with the same draws, against the estimator.
            drawn = np.random.Generator(np.random.Philox(7)).integers(0, 40, (300, size))
            found = km_medians(days, event, size, (), 300, 7)
            for median, chosen in zip(found, drawn, strict=True):
                expected = kaplan_meier(days[chosen], event[chosen]).median().value
                assert (np.isinf(median) and np.isnan(expected)) or median == expected

    def test_censoring_is_one_of_the_documented_times(self) -> None:
        found = km_medians(np.full(10, 500.0), np.ones(10, dtype=np.bool_), 11, (100.0, 200.0), 200, 1)
        assert np.isinf(found).all()

    def test_median_of_eleven_covers_at_its_level(self) -> None:
        # The median of 11 of a uniform law on 1..1000 lies between its 2.5 and 97.5 % quantiles, Beta(6, 6).
        sample = km_medians(self.DAYS, self.EVENT, 11, (), 20_000, 5)
        for probability in (0.025, 0.5, 0.975):
            assert np.quantile(sample, probability) / 1000 == pytest.approx(
                stats.beta.ppf(probability, 6, 6), abs=0.012
            )

    @pytest.mark.parametrize(("median", "inside"), [(183, True), (20, False), (700, False)])
    def test_reported_median_is_inside_or_outside(self, median: float, inside: bool) -> None:
        outcomes = endpoints(1000, remission_days=np.linspace(1, 400, 1000), remission_event=np.ones(1000))
        row = {"endpoint": "remission_days", "median": median, "censored_at": (183, 274, 639), "of": 11}
        found = compare(row, outcomes)
        assert found.inside is inside
        assert found.simulated.value == pytest.approx(200.5, abs=1)
        assert "still free" in found.reported

    def test_is_the_same_again(self) -> None:
        outcomes = endpoints(100, remission_days=np.linspace(1, 400, 100), remission_event=np.ones(100))
        row = {"endpoint": "remission_days", "median": 150, "of": 11}
        assert compare(row, outcomes) == compare(row, outcomes)

    def test_of_fewer_simulated_patients_than_the_trial_had_is_not_judged(self) -> None:
        row = {"endpoint": "remission_days", "median": 150, "of": 11}
        for size, judged in ((0, False), (1, False), (10, False), (11, True)):
            days = np.linspace(200, 400, size)
            found = compare(row, endpoints(size, remission_days=days, remission_event=np.ones(size)))
            assert (found.predictive is not None) is judged, size
            assert (found.inside is not None) is judged, size

    def test_that_is_never_reached_is_above_everything(self) -> None:
        found = sample_predictive(np.full(100, np.inf), 183.0)
        assert not found.inside
        assert found.lower == np.inf

    def test_transplant_counts_as_the_criteria_say(self) -> None:
        outcomes = endpoints(
            100,
            remission_days=np.linspace(100, 400, 100),
            remission_event=np.ones(100),
            transplant_day=np.where(np.arange(100) < 70, 60.0, NAN),
        )
        row = {"endpoint": "remission_days", "median": 100, "of": 11}
        assert compare(row, outcomes, transplant="event").simulated.value == 32.0
        assert compare(row, outcomes, transplant="ignored").simulated.value == pytest.approx(250, abs=4)


class TestOtherRows:
    def test_band_of_a_number_is_about_the_median(self) -> None:
        outcomes = endpoints(101, relapse_day=np.full(101, 100.0), cd22_ratio=np.linspace(0.0, 0.4, 101))
        row = {"endpoint": "cd22_ratio", "among": "relapsed", "low": 0.1, "high": 0.6}
        found = compare(row, outcomes)
        assert found.simulated.value == pytest.approx(0.2)
        assert found.inside is True
        assert found.predictive is None
        assert compare(row | {"low": 0.3}, outcomes).inside is False

    def test_band_of_a_share_is_about_the_share(self) -> None:
        phenotype = np.array(["cd19-negative"] * 20 + ["positive"] * 30 + [""] * 50)
        day = np.where(np.arange(100) < 50, np.where(np.arange(100) < 10, 100.0, 300.0), NAN)
        outcomes = endpoints(100, relapse_day=day, relapse_phenotype=phenotype)
        row = {"endpoint": "cd19_negative_relapse", "among": "responders", "low": 0.07, "high": 0.5}
        assert compare(row, outcomes).simulated.value == pytest.approx(0.2)
        assert compare(row | {"at": 180.0}, outcomes).simulated.value == pytest.approx(0.1)

    @pytest.mark.parametrize(
        ("low", "high", "inside"),
        [
            pytest.param(100, 350, False, id="followed beyond it, and most are still alive"),
            pytest.param(100, 500, None, id="not followed to its end"),
        ],
    )
    def test_band_of_a_time_takes_the_censored_as_censored(
        self, low: float, high: float, inside: bool | None
    ) -> None:
        died = np.arange(100) < 40
        outcomes = endpoints(100, os_days=np.where(died, 120.0, 400.0), os_event=died.astype(float))
        found = compare({"endpoint": "os_days", "among": "infused", "low": low, "high": high}, outcomes)
        assert np.isnan(found.simulated.value)
        assert found.inside is inside

    def test_band_of_a_time_follows_the_rule_on_transplant(self) -> None:
        outcomes = endpoints(
            100,
            remission_days=np.linspace(100, 400, 100),
            remission_event=np.ones(100),
            transplant_day=np.where(np.arange(100) < 70, 60.0, NAN),
        )
        row = {"endpoint": "remission_days", "low": 20, "high": 40}
        assert compare(row, outcomes, transplant="event").inside is True
        assert compare(row, outcomes, transplant="ignored").inside is False

    def test_statement_is_passed_on(self) -> None:
        found = compare({"endpoint": "relapse", "text": "some relapsed"}, responders(5, 10))
        assert found.inside is None
        assert found.reported == "some relapsed"


class TestMeasures:
    def one(self, endpoint: str, at: float | None = None, **columns: Any) -> float:
        return float(
            measure(endpoints(1, **{name: [value] for name, value in columns.items()}), endpoint, at)[0]
        )

    @pytest.mark.parametrize(
        ("endpoint", "columns", "expected"),
        [
            ("cr", {}, 1),
            ("cr", {"cr": NAN}, NAN),
            ("mrd_negative", {"mrd_negative": 0.0}, 0),
            ("remission_after_reinfusion", {"rescued": 1.0}, 1),
            ("molecular_remission", {"best_response": "mrd-negative", "mrd_negative": 0.0}, 1),
            ("molecular_remission", {"best_response": "cr", "mrd_negative": 0.0}, 0),
            ("molecular_remission", {"best_response": "cr"}, NAN),
            ("in_remission", {}, 1),
            ("in_remission", {"relapse_day": 150.0}, 0),
            ("in_remission", {"relapse_day": 250.0}, 1),
            ("in_remission", {"death_day": 150.0}, 0),
            ("in_remission", {"cr": 0.0}, 0),
            ("in_remission", {"cr": NAN, "cr_day": NAN}, NAN),
            ("in_remission", {"cr": NAN, "cr_day": NAN, "death_day": 150.0}, NAN),
            ("in_remission", {"cr_day": 205.0}, 0),
            ("in_remission", {"last_followup_day": 150.0}, NAN),
            ("alive", {}, 1),
            ("alive", {"death_day": 150.0, "last_followup_day": 150.0}, 0),
            ("alive", {"death_day": 250.0}, 1),
            ("alive", {"last_followup_day": 150.0}, NAN),
            ("transplanted", {"transplant_day": 90.0}, 1),
            ("transplanted", {"transplant_day": 290.0}, 0),
            ("relapse", {"relapse_day": 150.0, "relapse_phenotype": "both"}, 1),
            ("relapse", {"relapse_day": 250.0, "relapse_phenotype": "both"}, 0),
            ("relapse", {"death_day": 150.0, "death_cause": "leukaemia"}, 1),
            ("relapse", {"death_day": 150.0, "death_cause": "infection"}, 0),
            ("relapse", {"last_followup_day": 150.0}, NAN),
            ("relapse", {"cr": 0.0, "cr_day": NAN}, 0),
            ("relapse", {"cr": NAN, "cr_day": NAN}, NAN),
            ("alive", {"cr": NAN, "cr_day": NAN}, 1),
            ("cd19_negative_relapse", {"relapse_day": 150.0, "relapse_phenotype": "both"}, 1),
            ("cd19_negative_relapse", {"relapse_day": 150.0, "relapse_phenotype": "switched"}, 1),
            ("cd19_negative_relapse", {"relapse_day": 150.0, "relapse_phenotype": "cd22-low"}, 0),
            ("cd22_low_relapse", {"relapse_day": 150.0, "relapse_phenotype": "cd22-low"}, 1),
            ("antigen_loss_relapse", {"relapse_day": 150.0, "relapse_phenotype": "both"}, 1),
            ("antigen_loss_relapse", {"relapse_day": 150.0, "relapse_phenotype": "positive"}, 0),
            ("cd22_ratio", {"cd22_ratio": 0.3}, 0.3),
        ],
    )
    def test_by_day_200(self, endpoint: str, columns: dict[str, Any], expected: float) -> None:
        assert self.one(endpoint, 200.0, **columns) == pytest.approx(expected, nan_ok=True)

    def test_failed_row_is_unknown(self) -> None:
        for endpoint in ("alive", "in_remission", "relapse", "transplanted", "molecular_remission"):
            assert np.isnan(self.one(endpoint, status=1))

    def test_populations(self) -> None:
        outcomes = endpoints(
            6,
            status=[0, 0, 0, 0, 0, 1],
            infused=[True, True, True, True, False, True],
            evaluable=[True, True, True, False, False, False],
            cr=[1, 1, 0, 0, 0, NAN],
            relapse_day=[100, NAN, NAN, NAN, NAN, NAN],
            reinfusion_day=[NAN, NAN, 42, NAN, NAN, NAN],
            transplant_day=[NAN, 80, NAN, NAN, NAN, NAN],
            cd19_negative_at_baseline=[1, 0, 1, 1, NAN, NAN],
        )
        expected = {
            "enrolled": [0, 1, 2, 3, 4],
            "infused": [0, 1, 2, 3],
            "evaluable": [0, 1, 2],
            "responders": [0, 1],
            "relapsed": [0],
            "reinfused": [2],
            "cd19_negative_at_baseline": [0, 2],
            "transplanted": [1],
        }
        for among, rows in expected.items():
            assert np.flatnonzero(population(outcomes, among)).tolist() == rows, among  # type: ignore[arg-type]


def test_statement_has_the_simulated_share_beside_it_and_no_judgement() -> None:
    found = compare({"endpoint": "cr", "text": "most respond"}, responders(3, 4))
    assert (found.reported, found.inside, found.predictive) == ("most respond", None, None)
    assert found.simulated.value == 0.75
