"""Every definition of an outcome, one hand-made patient a rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.trial.endpoints import apply_transplant_rule, endpoint_times, relapse_causes
from sim.trial.incidence import cumulative_incidence
from sim.trial.observation import observe
from sim.trial.outcomes import COLUMNS, Outcomes, assess
from sim.trial.scenario_schema import Assay, Criteria
from tests.trial.hand_made import CLEARED, START, course, patient

NAN = float("nan")
VISITS = (28, 60, 90, 180, 270, 365)


def judged(
    *patients: dict[str, Any],
    visits: tuple[float, ...] = VISITS,
    assay: dict[str, Any] | None = None,
    observed: dict[str, Any] | None = None,
    until: float = 400.0,
    **criteria: Any,
) -> Outcomes:
    """Outcomes of hand-made patients; the options of each layer by name."""
    seen = observe(
        course(*patients, until=until),
        Assay(visits=visits, **({"overt_blasts": None} | (assay or {}))),
        **({"seed": 1, "patients": np.arange(len(patients))} | (observed or {})),
    )
    return assess(seen, Criteria(**criteria))


def value(outcomes: Outcomes, name: str, row: int = 0) -> Any:
    return outcomes[name][row].item()


def relapsing(day: float, level: float = 0.3, **options: Any) -> dict[str, Any]:
    return patient(blasts=((START, 0.6), (10, 1e-9), (day, level)), **options)


class TestResponse:
    @pytest.mark.parametrize(
        ("blasts", "cr", "day"),
        [
            pytest.param(((START, 0.6), (10, 1e-9)), 1, 28.0, id="clear at the first restaging"),
            pytest.param(((START, 0.6), (10, 0.049)), 1, 28.0, id="under 5 per cent is enough"),
            pytest.param(((START, 0.6), (10, 0.05)), 0, NAN, id="5 per cent is not"),
            pytest.param(((START, 0.6), (28, 0.01), (29, 0.5)), 1, 28.0, id="at restaging it need not hold"),
            pytest.param(((START, 0.6), (50, 0.01)), 1, 60.0, id="found later and held"),
            pytest.param(((START, 0.6), (50, 0.01), (80, 0.2)), 0, NAN, id="found later and lost"),
            pytest.param(((START, 0.6), (80, 0.01)), 1, 90.0, id="found on the last day, confirmed after it"),
            pytest.param(((START, 0.6), (91, 0.01)), 0, NAN, id="found after 3 months"),
            pytest.param(((START, 0.6), (10, 0.01), (20, 0.5)), 0, NAN, id="remission that no visit saw"),
        ],
    )
    def test_is_remission_at_restaging_or_held(self, blasts: Any, cr: int, day: float) -> None:
        found = judged(patient(blasts=blasts))
        assert value(found, "cr") == cr
        assert value(found, "cr_day") == pytest.approx(day, nan_ok=True)

    def test_is_not_confirmed_before_the_hold_is_over(self) -> None:
        late = patient(blasts=((START, 0.6), (50, 0.01)))
        assert value(judged(late, visits=(28, 60, 87), until=100), "cr") == 0
        assert value(judged(late, visits=(28, 60, 88), until=100), "cr") == 1

    def test_is_not_confirmed_by_a_patient_who_died(self) -> None:
        found = judged(patient(blasts=((START, 0.6), (50, 0.01)), events={"death_infection": 70.0}))
        assert value(found, "cr") == 0

    def test_asks_for_no_disease_outside_the_marrow(self) -> None:
        outside = ((START, 1e10), (40, 1e3))
        found = judged(patient(extramedullary_cells=outside), patient(extramedullary_cells=((START, 9e8),)))
        assert found["cr"].tolist() == [1, 1]
        assert found["cr_day"].tolist() == [60, 28]

    def test_counts_the_first_restaging_within_its_window(self) -> None:
        found = judged(patient(blasts=((START, 0.6), (30, 0.01), (40, 0.3))), visits=(21, 32, 60, 90))
        assert value(found, "cr") == 0

    def test_needs_a_visit_in_the_window(self) -> None:
        with pytest.raises(ValueError, match="first restaging"):
            judged(patient(), visits=(14, 60))

    def test_of_minimal_disease_is_a_negative_test(self) -> None:
        found = judged(
            patient(blasts=((START, 0.01), (10, 1e-9))),
            patient(blasts=((START, 0.01), (10, 0.002))),
            patient(blasts=((START, 0.01), (50, 1e-9))),
        )
        assert found["cr"].tolist() == [1, 0, 1]
        assert found["cr_day"][[0, 2]].tolist() == [28, 60]
        assert found["mrd_negative"].tolist() == [1, 0, 0]

    def test_of_a_mass_outside_the_marrow_is_morphologic(self) -> None:
        found = judged(patient(blasts=((START, 0.01),), extramedullary_cells=((START, 1e10), (20, 0.0))))
        assert value(found, "cr") == 1
        assert value(found, "mrd_negative") == 0

    def test_of_minimal_disease_that_is_not_measured_is_unknown(self) -> None:
        found = judged(patient(blasts=((START, 0.01), (10, 0.0))), patient(), assay={"evaluable": 0.0})
        assert np.isnan(found["cr"][0])
        assert np.isnan(found["efs_days"][0])
        assert found["evaluable"].tolist() == [False, True]
        assert np.isnan(found["mrd_negative"]).all()
        assert found["cr"][1] == 1

    def test_best_level_and_its_day(self) -> None:
        found = judged(
            patient(blasts=((START, 0.6), (10, 0.01), (50, 1e-9))),
            patient(blasts=((START, 0.6), (10, 0.01))),
            patient(blasts=((START, 0.6),)),
        )
        assert found["best_response"].tolist() == ["mrd-negative", "cr", "none"]
        assert found["best_response_day"] == pytest.approx([60, 28, NAN], nan_ok=True)
        assert found["mrd_negative"].tolist() == [0, 0, 0]

    def test_to_a_reinfusion_is_a_rescue_and_not_a_response(self) -> None:
        again = {"reinfusion_cd19_non_responder_0": 42.0}
        rescued = patient(blasts=((START, 0.6), (60, 1e-9)), events=again)
        failed = patient(blasts=((START, 0.6),), events=again)
        consolidated = patient(events={"reinfusion_cd19_remission_0": 42.0})
        found = judged(rescued, failed, consolidated, patient())
        assert found["cr"].tolist() == [0, 0, 1, 1]
        assert found["rescued"] == pytest.approx([1, 0, NAN, NAN], nan_ok=True)
        assert value(judged(rescued, response_after_reinfusion=True), "cr") == 1

    def test_reinfusion_after_relapse_can_rescue(self) -> None:
        steps = ((START, 0.6), (10, 1e-9), (80, 0.3), (110, 1e-9))
        found = judged(patient(blasts=steps, events={"reinfusion_cd19_relapse_0": 95.0}))
        assert (value(found, "relapse_day"), value(found, "rescued")) == (90, 1)

    def test_reinfusion_at_a_relapse_that_no_visit_saw_rescues_or_not(self) -> None:
        unseen = {"reinfusion_cd19_relapse_0": 109.0}
        steps = ((START, 0.6), (10, 1e-9), (95, 0.06))
        found = judged(
            patient(blasts=(*steps, (115, 1e-9)), events=unseen),
            patient(blasts=steps, events=unseen),
            patient(blasts=steps, events=unseen | {"death_leukaemia": 120.0}),
            patient(blasts=steps, events={"reinfusion_cd19_relapse_0": 395.0}),
        )
        assert found["relapse_day"] == pytest.approx([NAN, 180, NAN, 180], nan_ok=True)
        assert found["rescued"] == pytest.approx([1, 0, 0, 0])

    def test_rescue_counts_from_the_reinfusion_that_answers_disease(self) -> None:
        steps = ((START, 0.6), (10, 1e-9), (150, 0.3), (240, 1e-9))
        events = {"reinfusion_cd22_remission_0": 60.0, "reinfusion_cd22_relapse_0": 200.0}
        found = judged(patient(blasts=steps, events=events))
        assert (value(found, "reinfusion_day"), value(found, "rescued")) == (60, 1)
        assert value(judged(patient(blasts=steps[:3], events=events)), "rescued") == 0


class TestRelapse:
    def test_is_dated_when_seen_and_lies_in_an_interval(self) -> None:
        found = judged(relapsing(100))
        assert (value(found, "relapse_low_day"), value(found, "relapse_day")) == (90, 180)

    def test_is_dated_by_overt_disease_between_visits(self) -> None:
        found = judged(relapsing(100), assay={"overt_blasts": 0.25})
        assert (value(found, "relapse_low_day"), value(found, "relapse_day")) == (90, 100)

    @pytest.mark.parametrize(("level", "relapse"), [(0.049, False), (0.05, True)])
    def test_is_at_least_five_per_cent(self, level: float, relapse: bool) -> None:
        assert np.isfinite(value(judged(relapsing(100, level)), "relapse_day")) == relapse

    def test_outside_the_marrow_counts(self) -> None:
        found = judged(patient(extramedullary_cells=((100, 2e9),)))
        assert value(found, "relapse_day") == 180

    def test_molecular_is_a_positive_test_after_a_negative_one(self) -> None:
        back = relapsing(100, 0.001)
        never = patient(blasts=((START, 0.6), (10, 0.01)))
        assert np.isnan(judged(back)["relapse_day"]).all()
        found = judged(back, never, relapse="molecular")
        assert found["relapse_day"] == pytest.approx([180, NAN], nan_ok=True)

    def test_without_a_response_is_no_relapse(self) -> None:
        assert np.isnan(value(judged(patient(blasts=((START, 0.6),))), "relapse_day"))

    @pytest.mark.parametrize(
        ("outputs", "phenotype"),
        [
            pytest.param({}, "positive", id="nothing lost"),
            pytest.param(
                {"cd19_negative_cells": ((START, 6e10),)}, "cd19-negative", id="most blasts without CD19"
            ),
            pytest.param({"cd19_negative_cells": ((START, 4e10),)}, "positive", id="a minority without CD19"),
            pytest.param(
                {"cd22_mean_density": ((START, 3000), (50, 1400))}, "cd22-low", id="CD22 under half"
            ),
            pytest.param({"cd22_mean_density": ((START, 3000), (50, 1600))}, "positive", id="CD22 over half"),
            pytest.param(
                {"cd19_negative_cells": ((START, 1e11),), "cd22_mean_density": ((START, 3000), (50, 100))},
                "both",
                id="both antigens",
            ),
            pytest.param(
                {
                    "switched_cells": ((START, 1e11),),
                    "cd19_negative_cells": ((START, 1e11),),
                    "cd22_mean_density": ((START, 3000), (50, 0)),
                },
                "switched",
                id="another lineage",
            ),
        ],
    )
    def test_phenotype_is_that_of_the_blasts(self, outputs: Any, phenotype: str) -> None:
        assert value(judged(relapsing(100, **outputs)), "relapse_phenotype") == phenotype

    def test_phenotype_is_read_on_the_day_of_detection(self) -> None:
        changing = relapsing(100, cd22_mean_density=((START, 3000), (100, 600), (181, 2900)))
        found = judged(changing)
        assert value(found, "cd22_ratio") == pytest.approx(0.2)
        assert value(found, "relapse_phenotype") == "cd22-low"

    def test_thresholds_are_those_of_the_criteria(self) -> None:
        dim = relapsing(100, cd22_mean_density=((START, 3000), (50, 1400)))
        assert value(judged(dim, cd22_low_fold=0.4), "relapse_phenotype") == "positive"
        mixed = relapsing(100, cd19_negative_cells=((START, 4e10),))
        assert value(judged(mixed, antigen_negative_share=0.3), "relapse_phenotype") == "cd19-negative"

    def test_tells_whether_car_t_cells_persist(self) -> None:
        found = judged(
            relapsing(100, car_t_blood=((0, 5.0),)),
            relapsing(100, car_t_blood=((0, 5.0), (120, 0.05))),
            patient(),
        )
        assert found["relapse_car_t_persisting"] == pytest.approx([1, 0, NAN], nan_ok=True)

    def test_without_cd22_before_there_is_no_ratio(self) -> None:
        found = judged(relapsing(100, cd22_mean_density=((START, 0.0),)))
        assert np.isnan(value(found, "cd22_ratio"))
        assert value(found, "relapse_phenotype") == "positive"


TIMES = (
    "efs_days",
    "efs_event",
    "rfs_days",
    "rfs_event",
    "remission_days",
    "remission_event",
    "os_days",
    "os_event",
)


class TestTimes:
    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            pytest.param(patient(), (365, 0, 337, 0, 337, 0, 400, 0), id="in remission at the end"),
            pytest.param(
                patient(blasts=((START, 0.6),)),
                (0, 1, NAN, NAN, NAN, NAN, 400, 0),
                id="no response: event on day 0",
            ),
            pytest.param(relapsing(100), (180, 1, 152, 1, 152, 1, 400, 0), id="relapse"),
            pytest.param(
                relapsing(100, events={"death_leukaemia": 200.0}),
                (180, 1, 152, 1, 152, 1, 200, 1),
                id="relapse, then death",
            ),
            pytest.param(
                relapsing(100, events={"death_leukaemia": 150.0}),
                (150, 1, 122, 1, 122, 1, 150, 1),
                id="death of leukaemia before anybody looked",
            ),
            pytest.param(
                patient(events={"death_infection": 150.0}),
                (150, 1, 122, 1, 122, 0, 150, 1),
                id="death in remission ends the duration unseen",
            ),
            pytest.param(
                patient(events={"death_transplant": 380.0}),
                (380, 1, 352, 1, 352, 0, 380, 1),
                id="death after the last visit",
            ),
            pytest.param(
                patient(events={"death_treatment": 12.0}),
                (0, 1, NAN, NAN, NAN, NAN, 12, 1),
                id="early death: no response",
            ),
        ],
    )
    def test_start_and_end_by_definition(self, row: Any, expected: tuple[float, ...]) -> None:
        found = judged(row)
        assert [value(found, name) for name in TIMES] == pytest.approx(expected, nan_ok=True)

    def test_from_enrolment_count_the_wait(self) -> None:
        found = judged(relapsing(100), observed={"enrolment_day": -6.0}, efs_from="enrolment")
        assert (value(found, "efs_days"), value(found, "os_days")) == (186, 406)
        assert value(found, "rfs_days") == 152

    def test_of_those_never_infused(self) -> None:
        rows = (patient(), patient(blasts=((START, 0.6),)))
        given = {"infused": [True, False], "enrolment_day": -6.0}
        from_infusion = judged(*rows, observed=given)
        assert np.isnan(from_infusion["efs_days"][1])
        assert np.isnan(from_infusion["os_days"][1])
        assert from_infusion["cr"].tolist() == [1, 0]
        from_enrolment = judged(*rows, observed=given, efs_from="enrolment")
        assert (value(from_enrolment, "efs_days", 1), value(from_enrolment, "efs_event", 1)) == (0, 1)
        assert value(from_enrolment, "os_days", 1) == 406

    def test_in_an_arm_without_infusions_start_on_day_zero(self) -> None:
        found = judged(
            patient(blasts=((START, 0.6),), events={"death_leukaemia": 40.0}),
            observed={"infused": False, "treated": False},
        )
        assert (value(found, "os_days"), value(found, "os_event")) == (40, 1)
        assert found.analysis_set("evaluable").rows == 1
        assert found.analysis_set("infused").rows == 0


class TestAnalysisSets:
    def test_evaluable_were_examined_in_time(self) -> None:
        found = judged(
            patient(),
            patient(events={"death_treatment": 12.0}),
            patient(failed=100.0),
            patient(),
            observed={"infused": [True, True, True, False]},
        )
        assert found.analysis_set("enrolled")["patient"].tolist() == [0, 1, 3]
        assert found.analysis_set("infused")["patient"].tolist() == [0, 1]
        assert found.analysis_set("evaluable")["patient"].tolist() == [0]

    def test_failed_row_is_never_a_success_nor_a_failure(self) -> None:
        found = judged(patient(failed=100.0), relapsing(50, failed=200.0), patient())
        row = {name: found[name][0] for name in COLUMNS}
        kept = {"arm", "patient", "replicate", "status", "infused", "evaluable"}
        for name in set(COLUMNS) - kept:
            empty = row[name] == "" if isinstance(row[name], str) else np.isnan(row[name])
            assert empty, name
        assert not row["evaluable"]
        assert np.nanmean(found["cr"]) == 1.0
        assert len(endpoint_times(found, "efs").days) == 1
        frame = found.frame()
        assert frame["cr"].isna().tolist() == [True, True, False]
        assert frame["cr"].sum() == 1


class TestOtherMeasures:
    @pytest.mark.parametrize(
        ("steps", "aplasia", "recovery"),
        [
            pytest.param(((START, 0.5), (0, 0.0)), 1, NAN, id="lasting"),
            pytest.param(((START, 0.5), (0, 0.0), (80, 0.2)), 1, 90.0, id="recovered: first of two visits"),
            pytest.param(
                ((START, 0.5), (0, 0.0), (80, 0.2), (100, 0.0), (200, 0.2)), 1, 270.0, id="once is not enough"
            ),
            pytest.param(((START, 0.5), (0, 0.0), (300, 0.2)), 1, NAN, id="seen once at the end"),
            pytest.param(((START, 0.5),), 0, NAN, id="never without B cells"),
            pytest.param(((START, 0.5), (0, 0.029), (70, 0.03)), 1, 90.0, id="threshold"),
            pytest.param(((START, 0.5), (0, 0.0), (50, 0.2)), 0, NAN, id="seen once without B cells"),
            pytest.param(
                ((START, 0.5), (0, 0.0), (40, 0.2), (70, 0.0), (100, 0.2)),
                0,
                NAN,
                id="twice, but not in a row",
            ),
            pytest.param(((START, 0.5), (200, 0.0)), 1, NAN, id="late"),
        ],
    )
    def test_b_cell_aplasia_is_two_visits_and_recovery_the_first_of_two(
        self, steps: Any, aplasia: int, recovery: float
    ) -> None:
        found = judged(patient(b_cell_fraction=steps))
        assert value(found, "b_cell_aplasia") == aplasia
        assert value(found, "b_cell_recovery_day") == pytest.approx(recovery, nan_ok=True)

    def test_b_cells_before_treatment_do_not_count(self) -> None:
        found = judged(patient(b_cell_fraction=((START, 0.0), (-1, 0.5))), visits=(-5, 28, 60))
        assert value(found, "b_cell_aplasia") == 0

    def test_il6_index_is_the_peak_while_followed(self) -> None:
        steps = ((START, 0.0), (5, 80.0), (9, 3.0), (20, 900.0))
        found = judged(patient(il6_index=steps, events={"death_treatment": 15.0}))
        assert value(found, "il6_index") == 80

    def test_transplant_and_reinfusion_days_are_kept(self) -> None:
        found = judged(patient(events={"transplant": 75.0, "reinfusion_a": 200.0, "reinfusion_b": 150.0}))
        assert (value(found, "transplant_day"), value(found, "reinfusion_day")) == (75, 150)
        assert value(found, "efs_event") == 0


class TestTransplantRules:
    @pytest.mark.parametrize(
        ("rule", "days", "cause"),
        [
            ("ignored", [200, 50, 90, 300], [1, 1, 1, 0]),
            ("censored", [90, 50, 90, 90], [0, 1, 1, 0]),
            ("event", [90, 50, 90, 90], [1, 1, 1, 1]),
            ("competing", [90, 50, 90, 90], [2, 1, 1, 2]),
        ],
    )
    def test_apply_to_a_therapy_before_the_end(self, rule: Any, days: list[float], cause: list[int]) -> None:
        # Therapy before the event, after it, on its day, and before a censoring.
        times = np.array([200.0, 50.0, 90.0, 300.0])
        got = apply_transplant_rule(times, np.array([1, 1, 1, 0]), np.full(4, 90.0), rule)
        assert (got[0].tolist(), got[1].tolist()) == (days, cause)

    def test_without_therapy_change_nothing(self) -> None:
        got = apply_transplant_rule(np.array([200.0]), np.array([1]), np.array([NAN]), "event")
        assert (got[0].tolist(), got[1].tolist()) == ([200], [1])

    def test_unknown_is_refused(self) -> None:
        with pytest.raises(ValueError, match="competing"):
            apply_transplant_rule(np.ones(1), np.ones(1, dtype=np.int64), np.ones(1), "ignore")  # type: ignore[arg-type]

    def test_count_from_the_start_of_each_endpoint(self) -> None:
        found = judged(relapsing(200, events={"transplant": 100.0}))
        assert endpoint_times(found, "efs", transplant="censored").days.tolist() == [100]
        assert endpoint_times(found, "rfs", transplant="censored").days.tolist() == [72]
        assert endpoint_times(found, "remission", transplant="event").cause.tolist() == [1]
        assert endpoint_times(found, "remission").days.tolist() == [242]

    def test_earlier_of_two_therapies_decides(self) -> None:
        found = judged(patient(events={"transplant": 100.0, "reinfusion_a": 50.0}))
        for first, second, days, cause in (("censored", "event", 50, 1), ("event", "censored", 50, 0)):
            times = endpoint_times(found, "efs", transplant=first, next_therapy=second)  # type: ignore[arg-type]
            assert (times.days.tolist(), times.cause.tolist()) == ([days], [cause])

    def test_failure_to_respond_stays_on_day_zero(self) -> None:
        found = judged(patient(blasts=((START, 0.6),), events={"transplant": 40.0}))
        times = endpoint_times(found, "efs", transplant="censored")
        assert (times.days.tolist(), times.cause.tolist()) == ([0], [1])


class TestCompetingCauses:
    ROWS = (
        relapsing(100),
        relapsing(100, cd19_negative_cells=((START, 1e11),)),
        relapsing(100, events={"death_leukaemia": 150.0}),
        patient(events={"death_infection": 150.0}),
        patient(events={"transplant": 80.0}),
        patient(blasts=((START, 0.6),)),
    )

    def test_relapse_and_death_in_remission(self) -> None:
        found = relapse_causes(judged(*self.ROWS))
        assert found.causes == ("relapse", "death in remission")
        assert found.cause.tolist() == [1, 1, 1, 2, 0]
        assert found.days.tolist() == [152, 152, 122, 122, 337]
        assert found.row.tolist() == [0, 1, 2, 3, 4]

    def test_by_phenotype(self) -> None:
        found = relapse_causes(judged(*self.ROWS), by="phenotype")
        words = ["", *found.causes]
        assert [words[code] for code in found.cause] == [
            "positive",
            "cd19-negative",
            "unclassified",
            "death in remission",
            "",
        ]

    def test_transplant_competes_when_asked(self) -> None:
        found = relapse_causes(judged(*self.ROWS), by="phenotype", transplant="competing")
        assert found.causes[found.cause[4] - 1] == "transplant or next therapy"
        assert found.days[4] == 52

    def test_goes_into_the_cumulative_incidence(self) -> None:
        found = relapse_causes(judged(*self.ROWS))
        curve = cumulative_incidence(found.days, found.cause, found.causes)
        assert curve.at("relapse", 200) == pytest.approx(0.6)
        assert curve.at("death in remission", 200) == pytest.approx(0.2)


class TestTable:
    def test_has_the_columns_of_the_contract_in_order(self) -> None:
        frame = judged(patient()).frame()
        assert " ".join(frame.columns[:22]) == (
            "arm patient replicate status cr mrd_negative relapse_day relapse_phenotype efs_days efs_event rfs_days "
            "rfs_event remission_days remission_event os_days os_event cd22_ratio b_cell_recovery_day cmax tmax "
            "auc_0_28 il6_index"
        )
        assert list(frame.columns) == list(COLUMNS)

    def test_comes_back_from_parquet(self, tmp_path: Any) -> None:
        pandas = pytest.importorskip("pandas")
        found = judged(relapsing(100), patient(failed=50.0), patient(events={"death_infection": 150.0}))
        found.frame().to_parquet(tmp_path / "endpoints.parquet")
        back = Outcomes.from_frame(pandas.read_parquet(tmp_path / "endpoints.parquet"))
        for name in COLUMNS:
            if found[name].dtype.kind == "f":
                assert np.array_equal(found[name], back[name], equal_nan=True), name
            else:
                assert found[name].tolist() == back[name].tolist(), name
            assert found[name].dtype.kind == back[name].dtype.kind, name

    def test_arms_stand_one_after_the_other(self) -> None:
        one = judged(patient(), observed={"arm": "a"})
        two = judged(relapsing(100), patient(), observed={"arm": "bb"})
        both = Outcomes.concatenate([one, two])
        assert both["arm"].tolist() == ["a", "bb", "bb"]
        assert both.arm("bb")["relapse_day"] == pytest.approx([180, NAN], nan_ok=True)

    def test_order_of_patients_changes_nothing(self) -> None:
        rows = [relapsing(100), patient(), patient(blasts=CLEARED, events={"death_infection": 99.0})]
        one = judged(*rows, observed={"patients": [0, 1, 2]})
        other = judged(*rows[::-1], observed={"patients": [2, 1, 0]})
        for name in ("cr", "efs_days", "os_days", "mrd_negative"):
            assert one[name].tolist() == other[name][::-1].tolist()
