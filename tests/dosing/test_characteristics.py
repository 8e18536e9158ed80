"""Operating characteristics as a user meets them, in Python and on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

import sim
from sim import cli
from sim.dosing.characteristics import dose_finding
from sim.dosing.efficacy import remission_by_dose
from sim.dosing.view import record, text
from sim.errors import InputError
from sim.trial import courses
from tests.trial.made_up import MadeUp

TOXICITY = (0.05, 0.1, 0.25, 0.4)


@pytest.fixture
def call(capsys, monkeypatch):
    monkeypatch.setattr(courses, "simulate", MadeUp())

    def invoke(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main(["dose-finding", *(str(argument) for argument in arguments)])
        out, err = capsys.readouterr()
        return caught.value.code, out, err

    return invoke


class TestFigures:
    def test_rows_and_summary_are_those_of_the_trials(self):
        found = sim.dose_finding(TOXICITY, trials=500, seed=1, doses=("a", "b", "c", "d"))
        rows = found.rows()
        assert [row["dose"] for row in rows] == ["a", "b", "c", "d", "none"]
        assert sum(row["selected"] for row in rows) == pytest.approx(1.0)
        assert rows[2]["selected"] == (found.trials.selected == 2).mean() == found.summary()["correct"]
        assert rows[2]["selected_lower"] < rows[2]["selected"] < rows[2]["selected_upper"]
        above = found.trials.patients[:, 3]
        assert found.summary()["treated_above"] == pytest.approx(above.sum() / found.size.sum())
        assert found.summary()["trials_overdosed"] == (above / found.size > 0.6).mean()
        assert found.table()["patients"].sum() == pytest.approx(found.summary()["patients_mean"])

    def test_first_trials_stay_where_there_are_more_and_chunks_change_nothing(self, monkeypatch):
        few = dose_finding(TOXICITY, trials=30, seed=4)
        monkeypatch.setattr("sim.dosing.characteristics._CHUNK", 7)
        more = dose_finding(TOXICITY, trials=50, seed=4)
        for one, two in zip(few.trials, more.trials, strict=True):
            assert one.tobytes() == two[:30].tobytes()

    def test_wanted_is_the_nearest_dose_and_of_two_the_lower(self):
        assert dose_finding((0.2, 0.4), trials=1).wanted == 0
        assert dose_finding((0.1, 0.2, 0.35), trials=1).wanted == 2

    def test_boin_finds_the_wanted_dose_more_often_than_three_plus_three(self):
        """4,000 trials of each: a difference in the share of correct selections of 0.1, six SDs, is expected to be 0.18."""
        boin, classic = (
            dose_finding(TOXICITY, design=design, trials=4000, seed=1) for design in ("boin", "3+3")
        )
        assert boin.summary()["correct"] > classic.summary()["correct"] + 0.1

    def test_remission_of_the_selected_dose_is_weighed_by_selection(self):
        efficacy = {
            str(k + 1): sim.trial.estimates.Estimate(share, 0.0, 1.0)
            for k, share in enumerate((0.1, 0.2, 0.5, 0.6))
        }
        found = dose_finding(TOXICITY, trials=300, seed=1, efficacy=efficacy)
        shares = [row["selected"] for row in found.rows()]
        assert found.summary()["remission_of_selected"] == pytest.approx(
            np.dot(shares, [0.1, 0.2, 0.5, 0.6, 0.0])
        )

    def test_remission_by_dose_is_that_of_the_runs(self, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp())
        scenario = sim.load("fry2018-cd22").with_({"patients.size": 30})
        found = remission_by_dose(scenario, "arms.higher.infusions.0.dose", [1e6, 3e6], seed=1)
        rows = sim.run(scenario.with_({"arms.higher.infusions.0.dose": 3e6}), seed=1).outcomes.arm("higher")
        infused = rows.analysis_set("infused")["cr"]
        assert found["3000000.0"].value == pytest.approx(np.nanmean(infused))
        assert list(found) == ["1000000.0", "3000000.0"]
        with pytest.raises(InputError, match=r"dose path: 'patients.size'; must be the dose of an arm"):
            remission_by_dose(scenario, "patients.size", [1.0, 2.0])


class TestErrors:
    @pytest.mark.parametrize(
        ("toxicity", "options", "words"),
        [
            ((), {}, "toxicity: 0 given; a probability of toxicity"),
            ((0.2,), {}, "toxicity: 1 given"),
            ((0.1, 1.2), {}, "probabilities are from 0 to 1"),
            ((0.1, float("nan")), {}, "probabilities are from 0 to 1"),
            ((0.2, 0.1), {}, "a higher dose is not less toxic"),
            (TOXICITY, {"design": "crm"}, "design: 'crm'; must be one of boin, keyboard, 3[+]3"),
            (TOXICITY, {"target": 0.9}, "target: 0.9; must be from 0.05"),
            (TOXICITY, {"start": 5}, "start: 5"),
            (TOXICITY, {"trials": 0}, "trials: 0"),
            (TOXICITY, {"gap": -1.0}, "gap: -1; must be from 0"),
            (TOXICITY, {"doses": (1, 2)}, "doses: 2 for 4 toxicities"),
        ],
    )
    def test_say_what_to_do(self, toxicity, options, words):
        with pytest.raises(InputError, match=words):
            dose_finding(toxicity, **options)


class TestCommand:
    def test_without_a_toxicity_it_refuses_because_the_model_has_none(self, call):
        code, out, err = call("--target", 0.3)
        assert (code, out) == (2, "")
        assert "--toxicity: none given; the model has no calibrated toxicity" in err
        assert err.count("\n") == 1

    def test_text_shows_doses_boundaries_and_what_it_is_not(self, call):
        code, out, err = call("--toxicity", "0.05,0.1,0.25,0.4", "--trials", 200)
        assert (code, err) == (0, "")
        for words in (
            "BOIN, target 0.3, at most 10 cohorts of 3: 200 virtual trials",
            "eliminate from",
            "was given, not simulated",
        ):
            assert words in out

    def test_json_has_the_same_figures_as_python(self, call):
        _, out, _ = call(
            "--toxicity", "0.05,0.1,0.25,0.4", "--trials", 200, "--seed", 3, "--design", "3+3", "--json"
        )
        found = dose_finding(TOXICITY, design="3+3", trials=200, seed=3)
        assert json.loads(out) == json.loads(json.dumps(record(found)))
        assert json.loads(out)["boundaries"] is None
        assert "eliminate" not in text(found)

    def test_remission_of_a_scenario_stands_beside(self, call):
        code, out, _ = call(
            *("--toxicity", "0.1,0.3", "--trials", 100, "--scenario", "fry2018-cd22", "--patients", 20),
            *("--dose-path", "arms.higher.infusions.0.dose", "--doses", "1e6,3e6", "--json"),
        )
        told = json.loads(out)
        assert code == 0
        assert [row["dose"] for row in told["doses"]] == ["1e6", "3e6", "none"]
        assert 0.0 < told["doses"][0]["remission"] <= 1.0
        assert told["summary"]["remission_of_selected"] > 0.0

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--toxicity", "0.1;0.2"), "--toxicity: '0.1;0.2'; must be numbers with commas"),
            (
                ("--toxicity", "0.1,0.2", "--scenario", "fry2018-cd22"),
                "needs --scenario, --dose-path and --doses",
            ),
            (("--toxicity", "0.1,0.2", "--cohort", "x"), "--cohort: 'x'; must be a whole number"),
        ],
    )
    def test_mistakes_end_in_2_with_one_line(self, call, arguments, words):
        code, out, err = call(*arguments)
        assert (code, out) == (2, "")
        assert words in err
        assert err.count("\n") == 1
