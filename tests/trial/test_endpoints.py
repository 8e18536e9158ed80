"""What a transplant or a re-infusion does to a time, and which causes compete."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.trial.endpoints import apply_transplant_rule, endpoint_times, relapse_causes
from sim.trial.incidence import cumulative_incidence
from tests.trial.hand_made import START, judged, patient, relapsing

NAN = float("nan")


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
