from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from pydantic import ValidationError

from sim.errors import ScenarioError
from sim.trial.laws import Lognormal
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import load, scenario_names

NAMES = ("dual-upfront", "fry2018-cd22", "turtle2016-cd19", "untreated")


def small() -> dict:
    """A scenario of few words, to be broken in one place at a time."""
    return {
        "schema_version": 1,
        "name": "small",
        "products": {"cd19": {"targets": ["cd19"]}},
        "patients": {"weight": 70, "burden": 0.5},
        "arms": {"only": {"infusions": [{"product": "cd19", "day": 0, "dose": 1e6}]}},
        "assay": {"visits": [28, 90]},
    }


def broken(path: str, value: object) -> dict:
    document = small()
    node = document
    *parents, last = path.split(".")
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    if isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    return document


@pytest.fixture(scope="module")
def fry() -> Scenario:
    return load("fry2018-cd22")


def test_the_four_scenarios_of_the_first_release_ship():
    assert set(NAMES) <= set(scenario_names())


@pytest.mark.parametrize("name", scenario_names())
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
    assert fry.reported_arms(duration) == ("lowest", "higher")


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

    def test_the_unit_in_which_a_number_was_written_does_not_count(self):
        days, weeks = small(), small()
        days["manufacturing"] = {"days": 14}
        weeks["manufacturing"] = {"days": {"value": 2, "unit": "week"}}
        assert Scenario.parse(days).content_hash() == Scenario.parse(weeks).content_hash()

    def test_it_is_a_sha_256_in_hexadecimal(self, fry):
        assert len(fry.content_hash()) == 64
        assert int(fry.content_hash(), 16) >= 0


BAD = [
    ("weigth", 3, "weigth: 3; unknown key; "),
    ("patients.sise", 3, "patients.sise: 3; unknown key; did you mean 'size'?"),
    ("patients.size", "50", "patients.size: '50'; must be a whole number; remove the quotes"),
    ("patients.size", 50.0, "patients.size: 50.0; must be a whole number; write 50"),
    ("patients.size", True, "patients.size: true; must be a whole number"),
    ("patients.size", 0, "patients.size: 0; must be at least 1"),
    ("patients.paired", "no", "patients.paired: 'no'; must be true or false"),
    ("patients.burden", 1.5, "patients.burden: 1.5; must be at least 0 and at most 1"),
    ("patients.weight", {"value": 3, "unit": "stone"}, "patients.weight.unit: 'stone'; must be one of kg, g"),
    ("patients", [], "patients: []; must be a mapping"),
    ("patients", {"burden": 0.5}, "patients.weight: missing; is required; add weight: ..."),
    ("schema_version", 2, "schema_version: 2; must be 1; write 1"),
    ("name", "Two Words", "name: 'Two Words'; a name has small letters"),
    ("title", 3, "title: 3; must be text; put it in quotes"),
    ("arms", {}, "arms: {}; needs at least 1; add one"),
    ("arms.only.enrolled", 0, "arms.only.enrolled: 0; must be at least 1"),
    ("arms.Bad Name", {"infusions": []}, "arms.Bad Name: 'Bad Name'; a name has small letters"),
    ("arms.only.infusions", None, "arms.only.infusions: null; must be a list"),
    (
        "arms.only.infusions.0.product",
        "cd18",
        "infusions.0.product: 'cd18'; must be one of the products; did you mean 'cd19'?",
    ),
    ("arms.only.infusions.0.dose", -1, "infusions.0.dose: -1; must be at least 0 (cells/kg)"),
    ("arms.only.infusions.0.dose", float("nan"), "infusions.0.dose: .nan; must be a finite number"),
    (
        "arms.only.infusions.0.dose",
        1e12,
        "infusions.0.dose: 1000000000000.0; must be at most 1e+10 (cells/kg); check the unit",
    ),
    ("arms.only.infusions.0.day", 900, "infusions.0.day: day 900; must not be after the horizon (day 730)"),
    ("arms.only.infusions.0.day", -1, "infusions.0.day: -1; must be at least 0"),
    ("arms.only.infusions.0.delay", 3, "infusions.0.delay: 3.0; only a rule waits"),
    ("arms.only.infusions.0.only_if", "alway", "did you mean 'always'?"),
    (
        "arms.only.infusions.0.split",
        [{"day": 0, "fraction": 0.5}],
        "infusions.0.split: 0.5; the fractions add up to 1",
    ),
    (
        "arms.only.infusions.0.split",
        [{"day": 1, "fraction": 0.5}, {"day": 1, "fraction": 0.5}],
        "infusions.0.split.1.day: 1.0; days of a split dose ascend",
    ),
    ("arms.only.infusions.0.lymphodepletion", "nothing", "must be one of inherit, none"),
    (
        "arms.only.infusions.0.lymphodepletion",
        {"strat": -4},
        "infusions.0.lymphodepletion.strat: -4; unknown key; did you mean 'start'?",
    ),
    ("products.cd19.targets", [], "products.cd19.targets: []; needs at least 1"),
    ("products.cd19.targets", ["cd20"], "products.cd19.targets.0: 'cd20'; must be one of cd19, cd22"),
    (
        "products.cd19.targets",
        ["cd19", "cd19"],
        "products.cd19.targets: ['cd19', 'cd19']; names a target once",
    ),
    (
        "products.cd19.targets",
        ["cd19", "cd22"],
        "products.cd19.architecture: 'single'; two targets go with tandem or bicistronic",
    ),
    (
        "products.cd19.architecture",
        "tandem",
        "products.cd19.architecture: 'tandem'; one target goes with single",
    ),
    ("products.cd19.threshold", 0, "products.cd19.threshold: 0; must be more than 0 (molecules/cell)"),
    (
        "products.cd19.threshold",
        {"cd22": 5},
        "products.cd19.threshold.cd22: cd22; is no target of the product (cd19)",
    ),
    ("products.cd19.threshold", {"cd22": -5}, "products.cd19.threshold.cd22: -5; must be more than 0"),
    ("products.cd19.failure", 2, "products.cd19.failure: 2; a probability is between 0 and 1"),
    ("model.sites", ["node"], "model.sites: ['node']; starts with marrow"),
    ("model.node", {"access": 0.1}, "model.node: {...}; describes a site that the model does not have"),
    ("model.antigen_grid", {"cd22_levels": 13}, "model.antigen_grid.cd22_levels: 13; must be at most 12"),
    ("assay.visits", [90, 28], "assay.visits.1: 28.0; visits ascend, and the one before is 90"),
    ("assay.visits", [28, 800], "assay.visits.1: day 800; must not be after the horizon"),
    ("assay.visits", [-5, 28], "assay.visits.0: -5.0; a visit is on day 0 or later"),
    ("assay.visits", [90], "criteria.restaging: [21.0, 35.0]; holds at least one visit"),
    ("assay.visits", [], "assay.visits: []; needs at least 1"),
    ("criteria.restaging", [35, 21], "criteria.restaging: [35.0, 21.0]; goes from a day to a later one"),
    ("criteria.relapse_blasts", 0.01, "criteria.relapse_blasts: 0.01; is at least remission_blasts"),
    ("assay.overt_blasts", 0, "assay.overt_blasts: 0; must be more than 0"),
    (
        "assay.overt_blasts",
        {"value": 25, "unit": "kg"},
        "assay.overt_blasts.unit: 'kg'; must be one of fraction",
    ),
    ("assay.morphology_cells", 5, "assay.morphology_cells: 5; must be at least 20"),
    (
        "criteria.response_after_reinfusion",
        "yes",
        "criteria.response_after_reinfusion: 'yes'; must be true or false",
    ),
    ("schema_version", "1", "schema_version: '1'; must be 1; remove the quotes"),
    ("title", "a\x1b[31mb", r"title: 'a\x1b[31mb'; must be text without control characters; remove them"),
    ("engine.horizon", 60, "assay.visits.1: day 90; must not be after the horizon (day 60)"),
    ("engine.kernel", "ssa", "engine.kernel: 'ssa'; must be one of hybrid, ode"),
    ("transplant", {"probability": 1, "day": 800}, "transplant.day: day 800; must not be after the horizon"),
    (
        "arms.only.transplant",
        {"probability": 1, "day": 800},
        "arms.only.transplant.day: day 800; must not be after",
    ),
    (
        "patients.correlations",
        [{"between": ["weight", "burden"], "rho": 1}],
        "rho: 1; must be at least -0.999 and at most 0.999",
    ),
    (
        "patients.correlations",
        [{"between": ["weight", "weight"], "rho": 0.5}],
        "relates two different quantities",
    ),
    ("parameters", {"killing_rate": "fast"}, "parameters.killing_rate: 'fast'; must be a number"),
    ("parameters", {"killing_rate": {"value": 3, "unit": "1/dya"}}, "parameters.killing_rate.unit: '1/dya'"),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), BAD, ids=[f"{path}={value}"[:60] for path, value, _ in BAD]
)
def test_a_fault_is_named_with_place_value_rule_and_fix(path, value, message):
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(broken(path, value))
    matching = [line for line in caught.value.problems if message in line]
    assert matching, caught.value.problems
    assert matching[0].count("; ") >= 2
    assert "\n" not in matching[0]


REPORTED = {"id": "r", "endpoint": "cr", "events": 1, "of": 6}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arm": "onyl"}, "reported.0.arm: 'onyl'; must be one of the arms; did you mean 'only'?"),
        ({"arms": ["only", "x"]}, "reported.0.arms.1: 'x'; must be one of the arms"),
        ({"arm": "only", "arms": ["only"]}, "a row has arm or arms, not both"),
        ({"events": 7}, "reported.0.events: 7; must be at most of (6)"),
        ({"of": None}, "a binomial row needs events and of; add of"),
        ({"at": 900}, "reported.0.at: day 900; must not be after the horizon"),
        ({"endpoint": "crr"}, "did you mean 'cr'?"),
        ({"unit": "month"}, "reported.0.unit: 'month'; must be one of fraction"),
        ({"events": None, "of": None, "low": 2, "high": 1}, "reported.0.low: 2.0; must be at most high"),
        ({"events": None, "of": None, "low": 2}, "a range row needs low and high; add high"),
        ({"events": None, "of": None}, "a qualitative row needs text; add text"),
        ({"median": -3, "endpoint": "os_days", "unit": "month"}, "must be at least 0"),
    ],
)
def test_a_reported_row_must_be_whole_and_fit_the_trial(change, message):
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse({**small(), "reported": [{**REPORTED, **change}]})
    assert any(message in line for line in caught.value.problems), caught.value.problems


def test_reported_rows_have_ids_of_their_own():
    with pytest.raises(ScenarioError, match=r"reported\.1\.id: 'r'; is used by an earlier row"):
        Scenario.parse({**small(), "reported": [REPORTED, REPORTED]})


def test_a_row_without_an_arm_pools_all():
    scenario = Scenario.parse({**small(), "reported": [REPORTED]})
    assert scenario.reported_arms(scenario.reported[0]) == ("only",)


def test_correlations_must_be_possible_together():
    rows = [
        {"between": list(pair), "rho": rho}
        for pair, rho in ((("a", "b"), 0.9), (("b", "c"), 0.9), (("a", "c"), -0.9))
    ]
    with pytest.raises(ScenarioError, match="must be possible together"):
        Scenario.parse(broken("patients.correlations", rows))
    rows[2]["rho"] = 0.9
    assert len(Scenario.parse(broken("patients.correlations", rows)).patients.correlations) == 3


def test_a_pair_is_correlated_once():
    rows = [{"between": ["a", "b"], "rho": 0.5}, {"between": ["b", "a"], "rho": 0.5}]
    with pytest.raises(ScenarioError, match="a pair stands once"):
        Scenario.parse(broken("patients.correlations", rows))


def test_paired_arms_cannot_differ_in_their_patients():
    document = broken("patients.paired", True)
    document["arms"]["other"] = {"infusions": [], "patients": {"burden": 0.1}}
    with pytest.raises(ScenarioError, match=r"arms\.other\.patients: .*paired arms treat the same people"):
        Scenario.parse(document)


def test_several_faults_are_named_at_once():
    document = broken("arms.only.infusions.0.product", "cd18")
    document["assay"]["visits"] = [28, 900]
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(document, "trial.yaml")
    assert len(caught.value.problems) == 2
    assert all(line.startswith("trial.yaml: ") for line in caught.value.problems)


def test_products_in_use_are_those_that_an_arm_infuses():
    document = small()
    document["products"]["spare"] = {"targets": ["cd22"]}
    assert Scenario.parse(document).used_products() == ("cd19",)


def test_editors_get_a_json_schema():
    schema = Scenario.model_json_schema()
    assert "arms" in schema["properties"]
    assert schema["additionalProperties"] is False
    json.dumps(schema)
