"""What the assay sees: visits, limits, counts, and that luck belongs to the patient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import pdtr

from sim.trial.counting import binomial_quantile, poisson_quantile
from sim.trial.observation import Observations, observe
from sim.trial.scenario_schema import Assay
from tests.trial.hand_made import START, HandMade, course, patient

ASSAY = Assay(visits=(28, 60, 90, 180), mrd_limit=1e-4, cells_analysed=500_000)
SEEN = ("observed", "blasts", "mrd_count", "mrd_negative", "b_cells", "car_t", "cd22_density")


def look(made: HandMade, assay: Assay = ASSAY, **options: Any) -> Observations:
    options = {"seed": 1, "patients": np.arange(made.rows)} | options
    return observe(made, assay, **options)


def same_course(rows: int, fraction: float) -> HandMade:
    """Many rows of one constant marrow."""
    one = course(patient(blasts=((START, fraction),)), until=28.0)
    values = {name: np.repeat(value, rows, axis=0) for name, value in one.values.items()}
    return HandMade(one.t, values, np.zeros(rows, dtype=np.int8), {})


class TestResidualDisease:
    # 20,000 tests with a mean of 3 positive cells. The mean has a standard error of 0.0122 and the variance one of
    # 0.0324 (Poisson: var + 2 mean^2); 5 of them is a false alarm in 1e-6, and a mean that is 4 % off is found with
    # probability 0.9999. The chi-square over 0 to 9+ uses the same false alarm.
    SIZE, MEAN = 20_000, 3.0

    def counts(self, seed: int, mean: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        assay = Assay(visits=(28,), mrd_limit=1e-4, cells_analysed=500_000)
        seen = look(same_course(self.SIZE, mean / 500_000), assay, seed=seed)
        return seen.mrd_count[:, 0]

    def deviations(self, counts: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float, float]:
        n, mean = len(counts), self.MEAN
        expected = np.append(stats.poisson.pmf(np.arange(9), mean), stats.poisson.sf(8, mean)) * n
        found = np.bincount(np.minimum(counts, 9).astype(int), minlength=10)
        return (
            float(abs(counts.mean() - mean) / np.sqrt(mean / n)),
            float(abs(counts.var() - mean) / np.sqrt((mean + 2 * mean**2) / n)),
            float(stats.chisquare(found, expected).pvalue),
        )

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_positive_cells_are_poisson(self, seed: int) -> None:
        mean, variance, p = self.deviations(self.counts(seed, self.MEAN))
        assert mean < 5
        assert variance < 5
        assert p > 1e-6

    def test_the_same_test_finds_four_per_cent_more_cells(self) -> None:
        assert self.deviations(self.counts(0, 1.04 * self.MEAN))[0] > 5

    def test_the_same_test_finds_counts_without_noise(self) -> None:
        assert self.deviations(np.full(self.SIZE, 3.0))[1] > 5

    def test_negative_is_below_the_event_threshold(self) -> None:
        # 1e-4 of 500,000 cells: 50 positive cells are the threshold, and the mean of the counts here.
        seen = look(same_course(4000, 1e-4), ASSAY.model_copy(update={"visits": (28.0,)}))
        assert (seen.mrd_negative == (seen.mrd_count < 50))[:, 0].all()
        assert (seen.mrd_positive != seen.mrd_negative)[:, 0].all()
        share = seen.mrd_negative[:, 0].mean()
        expected = stats.poisson.cdf(49, 50)
        assert abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / 4000)

    @pytest.mark.parametrize(
        ("limit", "cells", "threshold"), [(1e-4, 1_000_000, 100), (1e-6, 500_000, 1), (1e-5, 1_000_000, 10)]
    )
    def test_threshold_is_limit_times_cells_and_at_least_one(
        self, limit: float, cells: int, threshold: int
    ) -> None:
        fractions = (threshold + np.array([-0.5, 0.5]) * threshold) / cells
        assay = Assay(visits=(28,), mrd_limit=limit, cells_analysed=cells)
        seen = look(course(*(patient(blasts=((START, f),)) for f in np.repeat(fractions, 200))), assay)
        assert (seen.mrd_negative[:, 0] == (seen.mrd_count[:, 0] < threshold)).all()
        assert seen.mrd_negative[:200, 0].any()
        assert seen.mrd_positive[200:, 0].any()

    def test_no_leukaemia_is_negative_and_full_marrow_positive(self) -> None:
        seen = look(course(patient(blasts=((START, 0.0),)), patient(blasts=((START, 1.0),))))
        assert seen.mrd_negative[0, 0]
        assert seen.mrd_positive[1, 0]

    def test_some_patients_are_not_measured_where_the_trial_says_so(self) -> None:
        assay = ASSAY.model_copy(update={"evaluable": 0.7})
        seen = look(same_course(4000, 0.01), assay.model_copy(update={"visits": (28.0,)}))
        assert abs(seen.mrd_measured.mean() - 0.7) < 5 * np.sqrt(0.21 / 4000)
        left_out = ~seen.mrd_measured
        assert np.isnan(seen.mrd_count[left_out]).all()
        assert not (seen.mrd_negative | seen.mrd_positive)[left_out].any()


class TestLuck:
    def test_is_the_patients_own_whoever_else_is_there(self) -> None:
        fractions = np.geomspace(1e-6, 1e-2, 12)
        rows = [patient(blasts=((START, f),)) for f in fractions]
        whole = look(course(*rows))
        order = np.random.default_rng(0).permutation(12)[:7]
        part = look(course(*(rows[i] for i in order)), patients=order)
        for name in SEEN:
            assert np.array_equal(getattr(whole, name)[order], getattr(part, name), equal_nan=True), name

    def test_is_the_same_again_and_other_with_another_key(self) -> None:
        made = same_course(200, 1e-4)
        assay = Assay(visits=(28,))
        first = look(made, assay).mrd_count
        assert np.array_equal(first, look(made, assay).mrd_count, equal_nan=True)
        assert not np.array_equal(first, look(made, assay, seed=2).mrd_count, equal_nan=True)
        assert not np.array_equal(first, look(made, assay, replicates=1).mrd_count, equal_nan=True)

    def test_of_a_replicate_does_not_depend_on_the_others(self) -> None:
        rows = same_course(6, 1e-4)
        assay = Assay(visits=(28,))
        mixed = look(rows, assay, patients=np.repeat([3, 8], 3), replicates=np.tile([0, 1, 2], 2)).mrd_count
        alone = look(same_course(2, 1e-4), assay, patients=[3, 8], replicates=2).mrd_count
        assert mixed[[2, 5], 0].tolist() == alone[:, 0].tolist()

    def test_of_early_visits_does_not_depend_on_later_ones(self) -> None:
        made = course(*(patient(blasts=((START, f),)) for f in np.geomspace(1e-5, 1e-3, 20)))
        short, long = look(made, Assay(visits=(28, 60))), look(made)
        assert np.array_equal(short.mrd_count, long.mrd_count[:, :4], equal_nan=True)


class TestExaminations:
    def test_planned_visits_are_seen_and_others_are_not_made(self) -> None:
        seen = look(course(patient()))
        assert seen.day[0, seen.planned].tolist() == [28, 60, 90, 180]
        assert seen.observed[0].tolist() == [True, False] * 4

    def test_nobody_is_examined_on_the_day_of_death_or_later(self) -> None:
        seen = look(
            course(patient(events={"death_infection": 60.0}), patient(events={"death_infection": 60.5}))
        )
        assert seen.observed[:, seen.planned].tolist() == [
            [True, False, False, False],
            [True, True, False, False],
        ]
        assert np.isnan(seen.blasts[0, 2])
        assert seen.death_cause.tolist() == ["infection", "infection"]
        assert seen.followup_day.tolist() == [60.0, 60.5]

    def test_first_death_counts_when_events_tie_in_the_list(self) -> None:
        seen = look(course(patient(events={"death_background": 90.0, "death_leukaemia": 61.0})))
        assert (seen.death_day[0], seen.death_cause[0]) == (61.0, "leukaemia")

    def test_nothing_is_seen_after_a_computation_failed(self) -> None:
        seen = look(course(patient(failed=60.0)))
        assert seen.observed[0, seen.planned].tolist() == [True, True, False, False]
        assert seen.followup_day[0] == 60.0
        assert np.isnan(seen.blood[0, seen.t > 60]).all()

    def test_overt_disease_prompts_an_examination_on_its_day(self) -> None:
        made = course(patient(blasts=((START, 0.6), (10, 1e-9), (120, 0.1), (131, 0.3))))
        seen = look(made)
        assert seen.day[0][seen.observed[0]].tolist() == [28, 60, 90, 131, 180]
        assert seen.blasts[0, 5] == 0.3
        planned = look(made, ASSAY.model_copy(update={"overt_blasts": None}))
        assert planned.day[0][planned.observed[0]].tolist() == [28, 60, 90, 180]

    def test_disease_that_is_overt_at_a_visit_prompts_nothing_more(self) -> None:
        seen = look(course(patient(blasts=((START, 0.6),))))
        assert not seen.observed[:, ~seen.planned].any()

    def test_baseline_is_the_first_day_or_the_chosen_one(self) -> None:
        made = course(patient(blasts=((START, 0.6), (-1, 0.2), (10, 0.0))))
        assert look(made).baseline_blasts[0] == 0.6
        assert look(made, baseline=-1.0).baseline_blasts[0] == 0.2

    def test_visit_that_was_not_saved_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"visits: 28\.5"):
            look(course(patient()), Assay(visits=(28.5,)))
        with pytest.raises(ValueError, match="visits: 500"):
            look(course(patient()), Assay(visits=(28, 500)))

    def test_missing_output_is_named(self) -> None:
        made = course(patient())
        del made.values["b_cell_fraction"]
        with pytest.raises(ValueError, match="b_cell_fraction"):
            look(made)

    def test_rows_must_agree(self) -> None:
        with pytest.raises(ValueError, match="patients"):
            look(course(patient()), patients=[1, 2])


class TestMeasures:
    def test_car_t_cells_below_the_limit_are_none(self) -> None:
        seen = look(course(patient(car_t_blood=((0, 20.0), (50, 0.11), (80, 0.09)))))
        assert seen.car_t[0, seen.planned].tolist() == [20.0, 0.11, 0.0, 0.0]
        assert seen.blood[0, seen.t == 80][0] == 0.0

    def test_shares_are_of_the_leukaemia_cells(self) -> None:
        seen = look(
            course(
                patient(leukaemia_cells=((START, 1e6),), cd19_negative_cells=((START, 2.5e5),)),
                patient(leukaemia_cells=((START, 0.0),)),
            )
        )
        assert seen.cd19_negative_share[0, 0] == 0.25
        assert np.isnan(seen.cd19_negative_share[1, 0])
        assert seen.baseline_cd19_negative_share[0] == 0.25

    def test_infused_are_those_with_an_infusion_unless_told(self) -> None:
        made = course(patient(), patient())
        made.fired["infusion_cd19_0"][1] = np.nan
        assert look(made).infused.tolist() == [True, False]
        assert look(made, infused=False).infused.tolist() == [False, False]

    def test_arm_treats_if_it_can_infuse_unless_told(self) -> None:
        made = course(patient())
        assert look(made).treated
        assert not look(made, treated=False).treated
        made.fired.clear()
        assert not look(made).treated

    def test_microscope_counts_are_binomial(self) -> None:
        # 20,000 counts of 200 cells at 5 %: the standard error of the mean share is 1.1e-4, so 5 of them is 5.4e-4.
        seen = look(same_course(20_000, 0.05), Assay(visits=(28,), morphology_cells=200))
        share = seen.blasts[:, 0]
        assert abs(share.mean() - 0.05) < 5.4e-4
        assert share.var() == pytest.approx(0.05 * 0.95 / 200, rel=0.06)
        assert share * 200 == pytest.approx(np.round(share * 200))

    def test_exact_fraction_without_a_count(self) -> None:
        assert look(course(patient(blasts=((START, 0.0371),)))).blasts[0, 0] == 0.0371


class TestQuantiles:
    U = np.concatenate([np.geomspace(1e-15, 0.5, 60), 1 - np.geomspace(1e-15, 0.5, 60)])

    @pytest.mark.parametrize("mean", [1e-9, 1e-3, 0.3, 1.0, 7.5, 50.0, 999.0, 1001.0])
    def test_poisson_equals_scipy(self, mean: float) -> None:
        assert poisson_quantile(self.U, mean).tolist() == stats.poisson.ppf(self.U, mean).tolist()

    @pytest.mark.parametrize("mean", [1e-3, 7.5, 1e3, 1001.0, 4.9e5, 1e8])
    def test_poisson_is_the_smallest_count_that_reaches_the_probability(self, mean: float) -> None:
        # By definition, since SciPy's own quantile is too high in the far upper tail of large means.
        k = poisson_quantile(self.U, mean)
        assert (pdtr(k, mean) >= self.U).all()
        assert ((k == 0) | (pdtr(np.maximum(k - 1, 0), mean) < self.U)).all()

    @pytest.mark.parametrize("share", [1e-5, 1e-3, 0.05, 0.5, 0.97])
    def test_binomial_equals_scipy(self, share: float) -> None:
        assert binomial_quantile(self.U, 200, share).tolist() == stats.binom.ppf(self.U, 200, share).tolist()

    def test_edges(self) -> None:
        assert poisson_quantile(0.5, 0.0) == 0.0
        assert np.isnan(poisson_quantile(0.5, np.nan))
        assert binomial_quantile([0.1, 0.9], 200, [0.0, 1.0]).tolist() == [0.0, 200.0]
        assert np.isnan(binomial_quantile(0.5, 200, np.nan))
