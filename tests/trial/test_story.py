"""The story of a result: what a newcomer is told, and that it stays true whatever was simulated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import sim
from sim.network.simulation import ODE
from sim.trial import courses, story
from sim.trial.estimates import Estimate
from sim.trial.outcomes import Outcomes
from sim.trial.predictive import Predictive
from tests.trial.made_up import MadeUp, median_row, told_with
from tests.trial.test_reported import endpoints


class TestStory:
    def test_says_what_was_simulated_what_was_reported_and_where_they_part(self, result):
        told = story.text(result)
        for words in ("60 virtual patients per arm", "3e5 cells/kg", "trial: 15 patients", "11 of 15 (73 %)",
                      "median duration of remission", "Where the two part", "Research only",
                      "not for individual patients"):  # fmt: skip
            assert words.lower() in " ".join(told.lower().split()), words
        verdicts = [found.inside for found in result.comparisons if found.inside is not None]
        beside = told.partition("Reported beside simulated")[2].partition("Also stated")[0]
        assert sum(line.endswith("   OUTSIDE") for line in beside.splitlines()) == verdicts.count(False)
        assert max(map(len, told.splitlines())) <= 130

    @pytest.mark.parametrize("width", [60, 80, 125])
    def test_keeps_to_the_width_of_the_terminal(self, result, width):
        longest = max(map(len, story.text(result, width).splitlines()))
        # A line of a table holds its label and one column at least.
        assert longest <= max(width, 90)

    def test_a_parting_names_figure_direction_and_interval(self, result):
        outside = [found for found in result.comparisons if found.inside is False]
        lines = story.partings(result)
        if outside:
            assert len(lines) == len(outside)
            assert all("come out" in told or "the sources give" in told for told in lines)
        else:
            assert lines[0].startswith("Nowhere")

    @pytest.mark.parametrize(
        ("value", "unit", "text"),
        [
            (0.734, "share", "73 %"),
            (183.0, "days", "6.0 months"),
            (14.0, "days", "14 d"),
            (float("inf"), "days", "not reached"),
            (float("nan"), "share", "-"),
            (0.214, "ratio", "0.21"),
        ],
    )
    def test_figures_are_written_for_people(self, value, unit, text):
        assert story.figure_text(value, unit) == text

    def test_median_that_is_not_reached_is_higher_than_the_reported_one(self, result):
        unreached = Estimate(np.nan, 200.0, np.nan)
        row = median_row(result, unreached, Predictive(250.0, np.inf, 0.01, False))
        told = story.partings(told_with(result, row))
        assert "the simulated patients come out higher, not reached" in " ".join(told)

    @pytest.mark.parametrize(
        ("value", "interval", "apart"),
        [
            (183.0, (270.0, 200.0, np.nan), True),
            (350.0, (270.0, 200.0, np.nan), False),
            (350.0, (270.0, 200.0, 300.0), True),
            (350.0, (np.nan, np.nan, np.nan), True),
        ],
    )
    def test_end_of_an_interval_that_is_not_reached_lies_above_everything(
        self, result, value, interval, apart
    ):
        found = median_row(result, Estimate(*interval), Predictive(10.0, np.inf, 0.9, True))
        lines = story.partings(told_with(result, replace(found, reported_value=value)))
        assert len(lines) == 1 + apart

    def test_nobody_to_take_a_figure_from_is_not_a_median_not_reached(self, result):
        nobody = replace(median_row(result, Estimate(np.nan, np.nan, np.nan), None), inside=None)
        assert "not reached" not in story.reported_text(told_with(result, replace(nobody, simulated_size=0)))
        assert "not reached" in story.reported_text(told_with(result, replace(nobody, simulated_size=9)))

    def test_counts_agree_with_their_nouns(self, result, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp())
        assert "1 virtual patient per arm," in story.text(sim.run("fry2018-cd22", patients=1))
        inside = median_row(result, Estimate(183.0, 100.0, 300.0), Predictive(100.0, 300.0, 0.9, True))
        assert story.partings(told_with(result, inside))[0] == (
            "Nowhere beyond the chance of so few patients: the one figure that can be judged lies inside. A trial of 11 "
            "patients allows much, so this is weak support."
        )
        several = story.partings(told_with(result, inside, replace(inside, size=6)))
        assert (
            "all 2 figures that can be judged lie inside. Trials of 6 to 11 patients allow much" in several[0]
        )

    @pytest.mark.parametrize("kernel", ["ode", ODE(rtol=1e-5), {"name": "ode", "options": {"rtol": 1e-5}}])
    def test_names_the_kernel_that_computed_it(self, result, kernel):
        assert "(ode, seed 1)" in story.text(replace(result, kernel=kernel))

    def test_notebook_view_escapes_what_a_file_says(self, result):
        scenario = result.scenario.with_({"title": "<script>alert(1)</script>"})
        view = sim.Result(scenario, 1, "hybrid", result.outcomes, result.courses)._repr_html_()
        assert "<script>" not in view
        assert "&lt;script&gt;" in view
        assert "complete remission" in view

    def test_says_who_gets_how_much_of_what_when(self, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp())
        told = " ".join(story.text(sim.run("turtle2016-cd19", patients=20)).split())
        assert (
            "CD19 CAR on day 0, with less than 20 % blasts 2e6 (93 %) or 2e7 (7 %) cells/kg, with more 2e5"
            in told
        )
        assert "CD19 CAR to non-responders on day 42, 2e7 cells/kg [trial: 29 patients]" in told

    def test_reported_figure_names_whom_and_when_it_is_of(self, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp())
        row = {"id": "alive", "endpoint": "alive", "among": "infused", "at": 365, "events": 3, "of": 9}
        scenario = sim.load("turtle2016-cd19")
        told = story.text(
            sim.run(scenario.with_({"reported": [*scenario.resolved()["reported"], row]}), patients=20)
        )
        assert "MRD-negative remission of the evaluable " in told
        assert "CD19-negative relapse of those in remission " in told
        assert "alive at 12 months " in told

    @pytest.mark.parametrize(
        ("reported", "ends", "inside", "verdict"),
        [
            (1 / 6, (1 / 6, 5 / 6), True, "inside, at the edge"),
            (5 / 6, (1 / 6, 5 / 6), True, "inside, at the edge"),
            (2 / 6, (1 / 6, 5 / 6), True, "inside"),
            (0.0, (1 / 6, 5 / 6), False, "OUTSIDE"),
        ],
    )
    def test_figure_at_an_end_of_the_interval_is_inside_at_the_edge(
        self, result, reported, ends, inside, verdict
    ):
        found = next(found for found in result.comparisons if found.id == "cr-lowest-dose")
        found = replace(
            found, reported_value=reported, predictive=Predictive(*ends, 0.1, inside), inside=inside
        )
        told = story.reported_text(told_with(result, found)).splitlines()
        assert told[2].endswith(f"   {verdict}")

    def test_statement_about_several_arms_has_the_figure_of_each(self):
        phenotypes = {
            "coinfused": ["cd19-negative", "positive", "positive", ""],
            "tandem": ["positive", "positive", "", ""],
            "sequential": ["both", "cd22-low", "switched", "positive"],
        }
        scenario = sim.load("dual-upfront")
        parts = [
            endpoints(
                4,
                arm=[arm] * 4,
                relapse_phenotype=phenotypes.get(arm, [""] * 4),
                relapse_day=[100.0 if lost else np.nan for lost in phenotypes.get(arm, [""] * 4)],
            )
            for arm in scenario.arms
        ]
        empty = {"arm": np.array([], dtype=np.str_)}
        made = sim.Result(scenario, 1, "hybrid", Outcomes.concatenate(parts), empty)
        assert (
            '(simulated: relapse by antigen loss of those in remission; "CD19 and CD22, infused together": 25 %; '
            'tandem receptor: 0 %; "CD19, then CD22": 75 %)'
        ) in " ".join(story.text(made).split())

    def test_arm_label_with_a_comma_stands_in_quotes(self, result):
        scenario = result.scenario.with_({"arms.lowest.label": "a, then b"})
        labelled = sim.Result(scenario, 1, "hybrid", result.outcomes, result.courses)
        assert 'complete remission, "a, then b" ' in story.reported_text(labelled)

    def test_says_how_many_were_infused_where_some_were_not(self, result):
        infused = result.outcomes["infused"].copy()
        infused[np.flatnonzero(result.outcomes["arm"] == "higher")[:2]] = 0
        outcomes = Outcomes({**result.outcomes, "infused": infused})
        told = story.text(replace(result, outcomes=outcomes)).splitlines()
        assert [line.split()[0] for line in told if "[infused" in line] == ["at"]
        assert sum(line.endswith("[infused 58 of 60]") for line in told) == 1
        assert "[infused" not in story.text(result)

    def test_says_how_many_a_rule_and_a_transplant_reached(self, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp())
        found = sim.run("day-28-decision", patients=20)
        days = {"infused": np.ones(found.outcomes.rows)}
        for name, arm, number in (
            ("reinfusion_day", "again_mrd", 3),
            ("transplant_day", "transplant_mrd", 4),
        ):
            days[name] = np.full(found.outcomes.rows, np.nan)
            days[name][np.flatnonzero(found.outcomes["arm"] == arm)[:number]] = 42.0
        told = story.text(replace(found, outcomes=Outcomes({**found.outcomes, **days})), 200)
        again = "CD19 CAR if residual disease is found on day 28, 14 days later, 1e7 cells/kg   [infused again 3 of 20]"
        assert again in told
        lines = [line for line in told.splitlines() if "[transplanted" in line]
        assert [line.rpartition("[")[2] for line in lines] == [
            f"transplanted {number} of 20]" for number in (0, 4, 0, 0, 0)
        ]

    def test_where_no_cells_are_given_on_day_zero_days_are_counted_from_it(self, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp())
        found = sim.run("earlier-use", patients=20)
        told = story.text(found, 200)
        assert "of those who reached remission, since day 0" in told
        assert "CD19 CAR to those who relapse from day 42, 2e6 cells/kg   [infused 0 of 20]" in told
        assert found.km("os").get_xlabel() == "Months since day 0"
        assert found.incidence("relapse")[0].get_xlabel() == "Months since day 0"
        assert found.kinetics()[-1].get_xlabel() == "Days since day 0 (square-root scale)"
        assert [sim.load(name).day_zero for name in ("untreated", "fry2018-cd22")] == ["first infusion"] * 2

    def test_untreated_arm_has_a_story_too(self, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp())
        told = story.text(sim.run("untreated", patients=20))
        assert "no infusion" in told
        assert "virtually incurable" in told
