from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from pydantic import ValidationError

from sim.errors import ScenarioError
from sim.trial.laws import Lognormal
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import find, load, scenario_names
from sim.trial.yaml_reader import read_text
from tests.trial.small_scenario import broken, small

NAMES = ("dual-upfront", "fry2018-cd22", "turtle2016-cd19", "untreated")


@pytest.fixture(scope="module")
def fry() -> Scenario:
    return load("fry2018-cd22")


def test_the_four_scenarios_of_the_first_release_ship():
    assert set(NAMES) <= set(scenario_names())


@pytest.mark.parametrize("name", scenario_names("trial"))
class TestShipped:
    def test_is_named_like_its_file_and_says_what_it_asks(self, name):
        scenario = load(name)
        assert scenario.name == name
        assert scenario.title
        assert scenario.question.endswith("?")
        assert scenario.source

    def test_resolved_reads_back_as_the_same_scenario_also_through_json(self, name):
        scenario = load(name)
        again = Scenario.parse(json.loads(json.dumps(scenario.resolved())))
        assert again == scenario
        assert again.content_hash() == scenario.content_hash()

    def test_numbers_that_were_reported_name_their_source(self, name):
        def walk(value):
            if isinstance(value, dict):
                if value.get("kind") == "reported":
                    assert value["source"], value
                for item in value.values():
                    walk(item)
            elif isinstance(value, list):
                for item in value:
                    walk(item)

        walk(load(name).resolved())

    def test_every_law_has_a_unit_a_kind_and_a_source_or_the_reason_in_its_file(self, name):
        forms = {"value", "distribution", "mix", "strata", "probability"}

        def walk(value, place):
            if isinstance(value, dict):
                if forms & set(value) and "day" not in value:
                    assert {"unit", "kind"} <= set(value), place
                    assert value.get("source") or value.get("note"), place
                for key, item in value.items():
                    walk(item, f"{place}.{key}")
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    walk(item, f"{place}.{i}")

        path = find(name)
        walk(read_text(path.read_text(encoding="utf-8"), path.name).data, name)

    def test_every_reported_row_cites_a_source_and_nothing_is_called_calibrated(self, name):
        scenario = load(name)
        assert all(row.source for row in scenario.reported)
        assert "fitted" not in json.dumps(scenario.resolved())

    def test_a_notebook_shows_its_arms(self, name):
        scenario = load(name)
        text = scenario._repr_markdown_()
        assert all(f"| {arm} |" in text for arm in scenario.arms)


def test_the_reported_outcomes_of_the_dose_escalation_are_those_of_the_paper(fry):
    rows = {row.id: row for row in fry.reported}
    low, high, duration = rows["cr-lowest-dose"], rows["cr-higher-dose"], rows["remission-duration"]
    assert (low.events, low.of, fry.arms["lowest"].enrolled) == (1, 6, 6)
    assert (high.events, high.of, fry.arms["higher"].enrolled) == (11, 15, 15)
    assert duration.kind == "survival"
    assert duration.unit == "day"
    assert (duration.median, duration.of) == (6 * 30.4375, 11)
    assert duration.censored_at == (6 * 30.4375, 9 * 30.4375, 21 * 30.4375)
    assert rows["rescue"].kind == "qualitative"
    assert duration.arms == ("lowest", "higher")


def test_the_split_of_the_higher_doses_is_not_called_reported(fry):
    dose = fry.arms["higher"].infusions[0].dose
    assert (dose.values, dose.weights) == ((1e6, 3e6), (13.0, 2.0))
    assert dose.kind == "assumed"
    assert "split" in dose.note
    assert fry.arms["lowest"].infusions[0].dose.kind == "reported"


def test_the_escalation_treats_different_people_and_the_dual_trial_the_same(fry):
    assert not fry.patients.paired
    assert load("dual-upfront").patients.paired
    assert tuple(load("dual-upfront").arms) == ("cd19", "cd22", "coinfused", "tandem", "sequential")


def test_a_rule_waits_two_weeks_unless_told_otherwise():
    rule = {"product": "cd19", "only_if": "relapse", "day": 28, "dose": 1e6}
    assert Scenario.parse(broken("arms.only.infusions.0", rule)).arms["only"].infusions[0].delay == 14.0
    assert Scenario.parse(small()).arms["only"].infusions[0].delay == 0.0


def test_arms_inherit_override_or_refuse_the_course_of_the_scenario():
    document = small()
    infusion = document["arms"]["only"]["infusions"][0]
    document["lymphodepletion"] = {"start": -5}
    document["arms"]["none"] = {"infusions": [infusion], "lymphodepletion": "none"}
    document["arms"]["own"] = {
        "infusions": [{**infusion, "lymphodepletion": {"start": -3}}],
        "patients": {"burden": 0.1},
    }
    scenario = Scenario.parse(document)
    assert scenario.lymphodepletion_of("only").start == -5.0
    assert scenario.lymphodepletion_of("none") is None
    assert scenario.lymphodepletion_of("own", scenario.arms["own"].infusions[0]).start == -3.0
    assert scenario.lymphodepletion_of("own").start == -5.0
    assert scenario.transplant_of("own") is None
    assert scenario.bridging_of("own") is None
    assert scenario.patients_of("own").burden.median() == 0.1
    assert scenario.patients_of("own").weight == scenario.patients.weight
    assert scenario.patients_of("only") == scenario.patients


def test_what_prompts_an_examination_and_what_counts_as_response_are_fields(fry):
    assert (fry.assay.overt_blasts, fry.assay.morphology_cells) == (0.25, None)
    assert not fry.criteria.response_after_reinfusion
    changed = fry.with_(
        {
            "assay.overt_blasts": {"value": 40, "unit": "percent"},
            "assay.morphology_cells": 200,
            "criteria.response_after_reinfusion": True,
        }
    )
    assert (changed.assay.overt_blasts, changed.assay.morphology_cells) == (0.4, 200)
    assert changed.content_hash() != fry.content_hash()
    assert fry.with_({"assay.overt_blasts": None}).assay.overt_blasts is None


@pytest.mark.parametrize(("method", "limit"), [("flow", 1e-4), ("pcr", 1e-5), ("sequencing", 1e-6)])
def test_residual_disease_has_the_limit_of_its_method_unless_another_is_given(fry, method, limit):
    assay = {"visits": [28, 90], "method": method, "cells_analysed": 1_000_000}
    assert Scenario.parse({**small(), "assay": assay}).assay.mrd_limit == limit
    assert Scenario.parse({**small(), "assay": {**assay, "mrd_limit": 1e-5}}).assay.mrd_limit == 1e-5
    changes = {"assay.method": method, "assay.mrd_limit": None, "assay.cells_analysed": 1_000_000}
    assert fry.with_(changes).assay.mrd_limit == limit


def test_another_method_does_not_quietly_keep_the_limit_of_the_first(fry):
    with pytest.raises(ScenarioError, match=r"assay\.cells_analysed: 500000; one positive cell .* \(1e-6\)"):
        fry.with_({"assay.method": "sequencing"})
    deeper = fry.with_({"assay.method": "sequencing", "assay.cells_analysed": 2_000_000})
    assert deeper.assay.mrd_limit == 1e-6
    assert fry.with_({"assay.method": "sequencing", "assay.mrd_limit": 1e-4}).assay.mrd_limit == 1e-4
    assert fry.with_({"assay.method": "flow"}).assay.mrd_limit == fry.assay.mrd_limit


def test_an_unknown_arm_gets_a_suggestion(fry):
    with pytest.raises(ScenarioError, match="did you mean 'higher'"):
        fry.patients_of("hihger")


def test_a_threshold_per_target_is_found_by_target():
    tandem = load("dual-upfront").products["tandem"]
    assert tandem.threshold_of("cd22").median() == 1500.0
    assert tandem.threshold_of("cd19").median() == 160.0
    assert load("fry2018-cd22").products["cd22"].threshold_of("cd22").unit == "molecules/cell"
    assert tandem.arm_strength_of("cd19").median() == 0.8
    assert Scenario.parse(small()).products["cd19"].threshold_of("cd19") is None


class TestNumbersOfTheWholeTrial:
    LONG = {"value": 0.01, "unit": "percent", "kind": "reported", "source": "the protocol", "note": "by flow"}  # noqa: RUF012

    def given(self):
        document = broken("assay.mrd_limit", self.LONG)
        document["assay"]["visits"] = [
            {"value": 4, "unit": "week", "kind": "reported", "source": "the protocol"},
            90,
        ]
        return Scenario.parse(document)

    def test_are_floats_that_keep_unit_kind_source_and_note(self):
        scenario = self.given()
        assert isinstance(scenario.assay.mrd_limit, float)
        assert scenario.assay.mrd_limit == pytest.approx(1e-4)
        resolved = scenario.resolved()["assay"]
        value = resolved["mrd_limit"].pop("value")
        assert value == scenario.assay.mrd_limit
        words = {"kind": "reported", "source": "the protocol", "note": "by flow"}
        assert resolved["mrd_limit"] == {"unit": "fraction", **words}
        assert resolved["visits"][0]["source"] == "the protocol"
        assert resolved["visits"][0]["value"] == 28.0
        assert resolved["visits"][1] == 90.0
        assert "reported: the protocol" in scenario._repr_markdown_()

    def test_keep_it_through_json_copies_and_changes_elsewhere(self):
        scenario = self.given()
        held = scenario.resolved()["assay"]["mrd_limit"]
        others = (
            Scenario.parse(json.loads(json.dumps(scenario.resolved()))),
            copy.deepcopy(scenario),
            scenario.with_({"patients.size": 5}),
            Scenario.parse(small()).with_({"assay.mrd_limit": scenario.assay.mrd_limit}),
        )
        for other in others:
            assert other.resolved()["assay"]["mrd_limit"] == held
        with pytest.raises(TypeError, match="with_"):
            scenario.assay.mrd_limit.law = None

    def test_another_number_does_not_inherit_where_the_first_came_from(self):
        assert self.given().with_({"assay.mrd_limit": 1e-3}).resolved()["assay"]["mrd_limit"] == 1e-3

    def test_count_by_their_value_alone(self):
        short, long = small(), small()
        short["engine"] = {"horizon": 364}
        long["engine"] = {
            "horizon": {"value": 52, "unit": "week", "kind": "reported", "source": "the protocol"}
        }
        assert Scenario.parse(short).content_hash() == Scenario.parse(long).content_hash()


class TestFrozen:
    def test_fields_and_mappings_do_not_change(self, fry):
        with pytest.raises(ValidationError):
            fry.name = "other"
        with pytest.raises(TypeError, match="with_"):
            fry.arms["new"] = fry.arms["higher"]
        with pytest.raises(TypeError):
            fry.products.clear()

    def test_a_copy_is_equal_and_as_frozen(self, fry):
        twin = copy.deepcopy(fry)
        assert twin == fry
        with pytest.raises(TypeError):
            twin.arms.clear()


class TestChanges:
    def test_a_change_is_made_in_a_copy(self, fry):
        changed = fry.with_({"patients.size": 500, "arms.higher.infusions.0.dose": 3e6})
        assert changed.patients.size == 500
        assert changed.arms["higher"].infusions[0].dose.median() == 3e6
        assert fry.patients.size == 1000

    def test_laws_and_numpy_numbers_are_values(self, fry):
        law = Lognormal(centre=20.0, log_sd=0.1, unit="kg")
        changed = fry.with_(
            {"patients.weight": law, "patients.size": np.int64(7), "engine.horizon": np.float64(800.0)}
        )
        assert (changed.patients.weight, changed.patients.size, changed.engine.horizon) == (law, 7, 800.0)

    def test_a_part_of_a_law_is_a_path(self, fry):
        assert fry.with_({"patients.weight.log_sd": 0.2}).patients.weight.log_sd == 0.2
        assert fry.with_({"patients.weight.source": "x"}).patients.weight.source == "x"

    def test_a_block_that_was_absent_is_made(self, fry):
        changed = fry.with_(
            {"transplant.probability": 0.5, "transplant.day": 80, "parameters.killing_rate": 9}
        )
        assert changed.transplant.probability.probability == 0.5
        assert changed.parameters["killing_rate"].median() == 9.0

    def test_an_arm_that_followed_the_scenario_gets_its_own_block(self, fry):
        changed = fry.with_({"arms.higher.lymphodepletion.start": -6})
        assert changed.lymphodepletion_of("higher").start == -6.0
        assert changed.lymphodepletion_of("higher").depth == fry.lymphodepletion.depth
        assert changed.lymphodepletion_of("lowest").start == -4.0

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("patient.size", "patient.size: 'patient'; no such path; did you mean 'patients'?"),
            ("patients.sizes", "did you mean 'size'?"),
            ("arms.hihger.infusions.0.dose", "did you mean 'higher'?"),
            ("arms.higher.infusions.1.dose", "'1'; the list has 1 entries; give a position from 0 to 0"),
            ("arms.higher.infusions.first.dose", "'first'; the list has 1 entries"),
            ("patients.correlations.0.rho", "the list is empty"),
            ("patients.size.value", "patients.size has no parts"),
            ("", "no such path"),
        ],
    )
    def test_a_path_that_does_not_exist_gets_a_suggestion(self, fry, path, message):
        with pytest.raises(ScenarioError) as caught:
            fry.with_({path: 1})
        assert message in str(caught.value)

    def test_every_bad_path_is_named(self, fry):
        with pytest.raises(ScenarioError) as caught:
            fry.with_({"a": 1, "b": 2})
        assert len(caught.value.problems) == 2

    def test_a_bad_value_is_refused_with_its_path(self, fry):
        with pytest.raises(ScenarioError, match=r"^patients.size: 0; must be at least 1; "):
            fry.with_({"patients.size": 0})


class TestHash:
    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("title", "another"),
            ("name", "another"),
            ("arms.higher.label", "another"),
            ("patients.weight.source", "another"),
            ("patients.weight.kind", "measured"),
            ("reported", []),
            ("products.cd22.note", "another"),
        ],
    )
    def test_words_do_not_count(self, fry, path, value):
        assert fry.with_({path: value}).content_hash() == fry.content_hash()

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("patients.size", 999),
            ("patients.weight.log_sd", 0.41),
            ("engine.kernel", "ode"),
            ("products.cd22.recognition", "or"),
            ("assay.visits", [28, 60]),
            ("parameters.killing_rate", 9),
        ],
    )
    def test_numbers_and_choices_do(self, fry, path, value):
        assert fry.with_({path: value}).content_hash() != fry.content_hash()

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("arms.higher.node", "none"),
            ("arms.higher.patients", {"t_cell_fitness": 0.5}),
            ("patients.t_cell_fitness", 0.5),
            ("arms.higher.infusions.0.only_if", "cd19_negative_relapse"),
        ],
    )
    def test_what_parts_two_arms_counts_where_it_is_said(self, fry, path, value):
        assert fry.with_({path: value}).content_hash() != fry.content_hash()

    def test_the_figure_that_answers_the_question_is_a_word(self, fry):
        assert fry.with_({"answer": "outcomes"}).content_hash() == fry.content_hash()

    def test_the_unit_in_which_a_number_was_written_does_not_count(self):
        days, weeks = small(), small()
        days["manufacturing"] = {"days": 14}
        weeks["manufacturing"] = {"days": {"value": 2, "unit": "week"}}
        assert Scenario.parse(days).content_hash() == Scenario.parse(weeks).content_hash()

    def test_it_is_a_sha_256_in_hexadecimal(self, fry):
        assert len(fry.content_hash()) == 64
        assert int(fry.content_hash(), 16) >= 0


def test_products_in_use_are_those_that_an_arm_infuses():
    document = small()
    document["products"]["spare"] = {"targets": ["cd22"]}
    assert Scenario.parse(document).used_products() == ("cd19",)


def test_editors_get_a_json_schema():
    schema = Scenario.model_json_schema()
    assert "arms" in schema["properties"]
    assert schema["additionalProperties"] is False
    json.dumps(schema)
