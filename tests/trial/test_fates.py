"""What became of patients, hand-made one by one, and the bar and marks that are drawn of it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import matplotlib as mpl
import numpy as np
import pytest

from sim.errors import InputError
from sim.trial.fates import FATES, ArmFates, fates, shares
from sim.trial.run_files import FIGURES
from sim.trial.scenario import Figure
from tests.trial.hand_made import START, judged, patient, relapsing

mpl.use("Agg")
import matplotlib.pyplot as plt

from sim import outcome_plots

ILL = ((START, 0.6),)
DAYS = np.arange(-7.0, 401.0)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("one", "fate"),
    [
        (patient(), "in remission"),
        (patient(events={"transplant": 90.0}), "in remission"),
        (patient(events={"death_infection": 100.0}), "death in remission"),
        (patient(events={"death_leukaemia": 100.0}), "unclassified"),
        (relapsing(200), "positive"),
        (relapsing(200, events={"death_leukaemia": 300.0}), "positive"),
        (relapsing(200, cd19_negative_cells=((START, 0.0), (100, 1e11))), "cd19-negative"),
        (relapsing(200, cd22_mean_density=((START, 3000.0), (100, 300.0))), "cd22-low"),
        (patient(ILL), "no remission"),
        (patient(ILL, events={"death_treatment": 9.0}), "no remission"),
        (patient(extramedullary_cells=((START, 1e10),)), "no remission, marrow clear"),
        (
            patient(
                ((START, 0.6), (10, 1e-9), (170, 0.3), (220, 1e-9)),
                events={"reinfusion_cd22_cd19_negative_relapse_0": 200.0},
            ),
            "remission after re-infusion",
        ),
        (relapsing(170, events={"reinfusion_cd22_cd19_negative_relapse_0": 200.0}), "positive"),
        (
            patient(((START, 0.6), (60, 1e-9)), events={"reinfusion_cd19_non_responder_0": 42.0}),
            "remission after re-infusion",
        ),
    ],
)
def test_everybody_has_the_fate_that_his_course_says(one, fate):
    assert fates(judged(one)).tolist() == [fate]
    assert fate in FATES


def test_shares_are_those_of_the_infused_who_can_be_judged():
    people = (patient(), patient(), relapsing(200), patient(ILL))
    found = shares(judged(*people, observed={"infused": [True, True, True, False]}), DAYS)
    assert found.size == 3
    assert {name: share for name, share in found.shares.items() if share} == {
        "in remission": pytest.approx(2 / 3),
        "positive": pytest.approx(1 / 3),
    }
    assert tuple(found.shares) == FATES
    untreated = shares(judged(patient(ILL), observed={"infused": False, "treated": False}), DAYS)
    assert (untreated.size, untreated.peak, untreated.lasting) == (1, None, None)
    assert untreated.shares["no remission"] == 1.0


def test_cells_that_are_still_seen_at_the_last_look_or_at_death_have_not_gone():
    def cells(until: float, peak: float = 10.0, **events: float):
        return patient(events=events, car_t_blood=((START, 0.0), (1, peak), (until, 0.0)))

    # Gone from day 51, 101 and 201 on; one still there on day 400, one dead with them on day 30.
    people = [
        cells(51),
        cells(101, 20.0),
        cells(201, 30.0),
        cells(500, 40.0),
        cells(500, 50.0, death_infection=30.0),
    ]
    found = shares(judged(*people), DAYS)
    # The death leaves four at risk: a quarter is gone by day 50, half by day 100, three quarters by day 200. A quarter exactly is a
    # level piece of the curve, of which the middle counts.
    assert found.lasting.tolist() == [75.0, 150.0, 300.0]
    assert found.peak.tolist() == np.quantile([10, 20, 30, 40, 50], [0.05, 0.25, 0.5, 0.75, 0.95]).tolist()
    # Never seen: gone from the start.
    assert shares(judged(cells(1.5, 0.0)), DAYS).lasting.tolist() == [0.0, 0.0, 0.0]


def test_bars_marks_and_legend_say_what_the_summary_says():
    told = dict.fromkeys(FATES, 0.0) | {"in remission": 0.6, "cd19-negative": 0.37, "no remission": 0.03}
    peak = np.array([1.0, 5.0, 40.0, 80.0, 150.0])
    arms = {
        "one": ArmFates(100, told, peak, np.array([100.0, np.nan, np.nan])),
        "kinetics": ArmFates(50, {}, 2 * peak, np.array([np.nan, np.nan, np.nan])),
    }
    bars, peaks, lasting = outcome_plots.outcomes(arms, until=730.0)
    widths = [patch.get_width() for patch in bars.patches]
    assert widths == pytest.approx([0.6, 0.37, 0.03])
    assert [text.get_text() for text in bars.texts] == ["60", "37", "shown for its kinetics alone"]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["one (n = 100)", "kinetics (n = 50)"]
    legend = [text.get_text() for text in bars.get_figure().legends[0].get_texts()]
    assert legend == ["in remission", "relapse, CD19-negative", "no remission"]
    medians = [line.get_xdata()[0] for line in peaks.lines if line.get_marker() == "o"]
    assert medians == [40.0, 80.0]
    # A quarter is reached, the half is not: the line leaves through the right edge; of the other arm no quarter is.
    assert [line.get_marker() for line in lasting.lines] == ["None", ">"]
    assert [text.get_text() for text in lasting.texts] == ["not reached"]


def test_untreated_arm_has_bars_alone():
    told = dict.fromkeys(FATES, 0.0) | {"no remission": 1.0}
    assert len(outcome_plots.outcomes({"untreated": ArmFates(9, told, None, None)}, until=365.0)) == 1


def test_a_scenario_may_name_any_figure_that_is_drawn_and_no_other():
    assert set(get_args(Figure)) == set(FIGURES)


class TestKineticsOnly:
    @pytest.fixture
    def twin(self, result):
        changes = {"arms.lowest.kinetics_only": True, "reported": []}
        return replace(result, scenario=result.scenario.with_(changes))

    def test_no_outcome_of_the_arm_is_told_and_its_kinetics_are(self, result, twin):
        lines = {(row.arm, row.name): row for row in twin.rows}
        before = {(row.arm, row.name): row for row in result.rows}
        assert set(lines) == set(before)
        for (arm, name), row in lines.items():
            if arm == "higher" or name in {"cmax_median", "tmax_median", "failed"}:
                np.testing.assert_equal(tuple(row), tuple(before[arm, name]))
            else:
                assert np.isnan([row.value, row.lower, row.upper]).all()
                assert row.n == 0

    def test_no_curve_of_the_arm_is_drawn(self, result, twin):
        assert {line.get_label() for line in result.km().lines} >= set(result.labels.values())
        assert result.labels["lowest"] not in {line.get_label() for line in twin.km().lines}
        assert len(twin.incidence(by="phenotype")) == 1
        bars = twin.fates()[0]
        assert [text.get_text() for text in bars.texts if "alone" in text.get_text()] == [
            "shown for its kinetics alone"
        ]

    def test_a_reported_row_of_no_arm_is_of_the_others(self, twin):
        row = {"id": "cr", "endpoint": "cr", "events": 1, "of": 2}
        (found,) = replace(twin, scenario=twin.scenario.with_({"reported": [row]})).comparisons
        assert found.arms == ("higher",)


def test_figure_of_nobody_is_refused(result):
    nobody = replace(result, outcomes=result.outcomes.select(np.zeros(result.outcomes.rows, dtype=np.bool_)))
    with pytest.raises(InputError, match=r"^outcomes: no patient was computed"):
        nobody.fates()
