"""What a scenario file may not say: each fault is named with its place, value, rule and fix."""

from __future__ import annotations

import pytest

from sim.errors import ScenarioError
from sim.trial.scenario import Scenario
from tests.trial.small_scenario import broken, small

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
    (
        "products.cd19.threshold",
        1e10,
        "products.cd19.threshold: 10000000000.0; must be at most 1e+09 (molecules/cell)",
    ),
    ("products.cd19.threshold", {"cd22": -5}, "products.cd19.threshold.cd22: -5; must be more than 0"),
    ("products.cd19.failure", 2, "products.cd19.failure: 2; a probability is between 0 and 1"),
    ("model.sites", ["node"], "model.sites: ['node']; starts with marrow"),
    ("model.sites", ["dish"], "model.sites.0: 'dish'; must be one of marrow, node"),
    ("model.node", {"access": 0.1}, "model.node: {...}; describes a site that the model does not have"),
    (
        "arms.only.node",
        {"share": 0.5},
        "arms.only.node: {...}; describes a site that the model does not have; add",
    ),
    ("arms.only.node", "nowhere", "arms.only.node: 'nowhere'; must be one of none"),
    ("arms.only.node", {"acess": 0.5}, "arms.only.node.acess: 0.5; unknown key; did you mean 'access'?"),
    (
        "arms.only.patients",
        {"t_cell_fitness": -1},
        "arms.only.patients.t_cell_fitness: -1; must be at least 0",
    ),
    ("answer", "outcome", "answer: 'outcome'; must be one of outcomes, event_free_survival"),
    ("model.antigen_grid", {"cd22_levels": 13}, "model.antigen_grid.cd22_levels: 13; must be at most 12"),
    ("assay.visits", [90, 28], "assay.visits.1: 28.0; visits ascend, and the one before is 90"),
    ("assay.visits", [28, 800], "assay.visits.1: day 800; must not be after the horizon"),
    ("assay.visits", [-5, 28], "assay.visits.0: -5.0; a visit is on day 0 or later"),
    ("assay.visits", [90], "criteria.restaging: [21.0, 35.0]; holds at least one visit"),
    ("assay.visits", [], "assay.visits: []; needs at least 1"),
    ("criteria.restaging", [35, 21], "criteria.restaging: [35.0, 21.0]; goes from a day to a later one"),
    ("criteria.relapse_blasts", 0.01, "criteria.relapse_blasts: 0.01; is at least remission_blasts"),
    (
        "criteria.efs_from",
        "enrolment",
        "criteria.efs_from: 'enrolment'; enrolment is when the making of the product begins",
    ),
    ("patients.burden_at", "enrolment", "patients.burden_at: 'enrolment'; enrolment is when the making of"),
    ("criteria.antigen_negative_share", 0, "antigen_negative_share: 0; must be more than 0 and at most 1"),
    ("criteria.extramedullary_cells", 0, "criteria.extramedullary_cells: 0; must be more than 0 (cells)"),
    ("criteria.remission_blasts", 0, "criteria.remission_blasts: 0; must be more than 0 and at most 1"),
    (
        "assay",
        {"visits": [28], "mrd_limit": 1e-6, "cells_analysed": 2_000_000},
        "assay.mrd_limit: 1e-6; flow finds about 1e-4, and a limit is not below a tenth of that",
    ),
    (
        "assay",
        {"visits": [28], "method": "sequencing"},
        "assay.cells_analysed: 500000; one positive cell must not lie above the limit (1e-6); analyse at least 1000000",
    ),
    ("assay.method", "magic", "assay.method: 'magic'; must be one of flow, pcr, sequencing"),
    ("criteria.best_by", 10, "criteria.best_by: 10.0; is not before the end of the first restaging (day 35)"),
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
    ("engine.kernel", "ssa", "engine.kernel: 'ssa'; must be one of hybrid, ode, agents"),
    (
        "engine.cells_below",
        20000.7,
        "engine.cells_below: 20000.7; must be a whole number; give a whole number",
    ),
    ("engine.cells_below", 2e4, "engine.cells_below: 20000.0; must be a whole number; write 20000"),
    (
        "engine.cells_room",
        79_999,
        "engine.cells_room: 79999; must be at least 4 times cells_below (20000); give at least 80000, or a smaller cells_below",
    ),
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
    places = [line.partition(": ")[0] for line in caught.value.problems]
    for i, place in enumerate(places):
        within = [other for other in places[:i] + places[i + 1 :] if (other + ".").startswith(place + ".")]
        assert not within, "one thing is said of a place"


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


def test_an_arm_shown_for_its_kinetics_has_no_outcome_to_set_beside():
    document = small()
    document["arms"]["only"]["kinetics_only"] = True
    row = {"id": "cr", "endpoint": "cr", "arm": "only", "events": 1, "of": 2}
    document["reported"] = [row]
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(document)
    (line,) = caught.value.problems
    assert line == (
        "reported.0.arm: 'only'; is there for its kinetics alone, and cr is an outcome; "
        "leave it out, or take kinetics_only from the arm"
    )
    document["reported"] = [{"id": "peak", "endpoint": "tmax", "arm": "only", "median": 9}]
    assert Scenario.parse(document).reported[0].endpoint == "tmax"


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
