"""Times to events, analysis sets and the table of endpoints, one hand-made patient a rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.trial.endpoints import endpoint_times
from sim.trial.measures import population
from sim.trial.outcomes import COLUMNS, Outcomes
from tests.trial.hand_made import CLEARED, START, judged, patient, relapsing, value

NAN = float("nan")


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


def test_leukaemia_is_called_cd19_negative_before_treatment_as_a_relapse_is_after_it() -> None:
    """Shares of 1e11 blasts without CD19; where there is no leukaemia, or the row failed, nothing is called."""
    shares = (0.0, 0.29, 0.3, 0.5, 1.0)
    rows = [patient(cd19_negative_cells=((START, share * 1e11),)) for share in shares]
    rows.append(patient(leukaemia_cells=((START, 0.0),)))
    for criterion, expected in ((0.5, [0, 0, 0, 1, 1, NAN]), (0.3, [0, 0, 1, 1, 1, NAN])):
        found = judged(*rows, antigen_negative_share=criterion)
        np.testing.assert_array_equal(found["cd19_negative_at_baseline"], expected)
        chosen = population(found, "cd19_negative_at_baseline")
        np.testing.assert_array_equal(chosen, [one == 1 for one in expected])


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


class TestTable:
    def test_has_the_columns_of_the_contract_in_order(self) -> None:
        frame = judged(patient()).frame()
        assert " ".join(frame.columns[:22]) == (
            "arm patient replicate status cr mrd_negative relapse_day relapse_phenotype efs_days efs_event rfs_days "
            "rfs_event remission_days remission_event os_days os_event cd22_ratio b_cell_recovery_day cmax tmax "
            "auc_0_28 il6_index"
        )
        assert list(frame.columns) == list(COLUMNS)

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
