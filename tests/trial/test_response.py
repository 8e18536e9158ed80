"""Response, remission, relapse and rescue by their definitions, one hand-made patient a rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.trial.hand_made import START, judged, patient, relapsing, value

NAN = float("nan")


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

    def test_of_those_never_infused_is_none_whatever_the_marrow_shows(self) -> None:
        # Bridging brought a remission, and it was lost again; the product was never given.
        row = relapsing(100, events={"infusion_cd19_0": NAN})
        found = judged(row)
        assert value(found, "cr") == 0
        assert value(found, "best_response") == "none"
        assert value(found, "relapse_phenotype") == ""
        for name in ("cr_day", "best_response_day", "relapse_day", "relapse_low_day", "cd22_ratio"):
            assert np.isnan(value(found, name)), name
        treated_as_planned = judged(row, observed={"treated": False})
        assert value(treated_as_planned, "relapse_day") == 180

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

    def test_to_a_reinfusion_before_the_first_restaging_is_a_rescue_too(self) -> None:
        early = patient(blasts=((START, 0.6), (25, 1e-9)), events={"reinfusion_cd19_non_responder_0": 20.0})
        found = judged(early)
        assert (value(found, "cr"), value(found, "rescued")) == (0, 1)
        assert value(judged(early, response_after_reinfusion=True), "cr_day") == 28

    def test_that_is_consolidated_before_anybody_saw_it_is_a_response(self) -> None:
        late = patient(blasts=((START, 0.6), (35, 1e-9)), events={"reinfusion_cd19_remission_0": 40.0})
        found = judged(late)
        assert (value(found, "cr"), value(found, "cr_day")) == (1, 60)
        assert np.isnan(value(found, "rescued"))

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
