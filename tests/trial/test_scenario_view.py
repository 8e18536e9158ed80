"""What of a trial is shown to people."""

from __future__ import annotations

import pytest

from sim.trial.scenario_io import load, scenario_names
from sim.trial.scenario_view import Row, Section, markdown, sections


def rows(found: list[Section], title: str) -> dict[str, Row]:
    return {row[0]: row for row in dict(found).get(title, [])}


def test_products_are_shown_with_the_numbers_of_their_own():
    shown = rows(sections(load("cd22-dimming")), "Products")
    assert shown["lasting"][1] == "CD22 CAR: cd22, single, 4-1bb"
    assert shown["rejected: immunogenicity"][1:] == ("100", "assumed, rejected within weeks by everybody")
    assert shown["lasting: threshold"][1] == "1500 molecules/cell"
    assert "rough fit" in shown["lasting: threshold"][2]
    assert not any("engraftment" in name for name in shown), "the model's own"


def test_numbers_by_target_have_a_row_each():
    changes = {"products.tandem.fitness_offset": -0.5, "products.tandem.failure": 0.25}
    shown = rows(sections(load("dual-upfront", changes)), "Products")
    assert shown["tandem"][1].endswith("cd19, cd22, tandem, additive, 4-1bb")
    assert shown["tandem: threshold cd19"][1] == "160 molecules/cell"
    assert shown["tandem: arm strength cd22"][1] == "0.8"
    assert shown["tandem: fitness offset"][1] == "-0.5"
    assert shown["tandem: failure"][1] == "probability 0.25"


def test_what_parts_the_arms_is_shown_with_its_evidence():
    scenario = load(
        "marrow-against-node",
        {"model.node": {"exchange": 0.01}, "arms.all.kinetics_only": True, "reported": []},
    )
    shown = rows(sections(scenario), "Arms")
    assert shown["all"][1].endswith("shown for its kinetics alone")
    assert shown["all: node"][1] == "no disease there"
    assert shown["cll-access: node access"][1] == "0.05"
    assert shown["cll-access: node share"][2].startswith("assumed, set by hand")
    assert shown["cll-fitness: t cell fitness"][1] == "0.7"
    assert rows(sections(scenario), "Sites")["sites"][1] == "marrow, node"
    assert rows(sections(scenario), "Sites")["node: exchange"][1] == "0.01 1/day"
    rescue = rows(sections(load("cd22-rescue")), "Arms")["cd22-rescue"][1]
    assert "cd22 (cd19-negative-relapse from day 28, 14 days later)" in rescue


def test_parameters_that_a_scenario_sets_are_shown_with_law_and_evidence():
    shown = rows(sections(load("cd22-dimming", {"parameters.killing_rate": 9})), "Parameters")
    assert shown["cd22_relaxation_time"][1] == "40 day"
    assert shown["cd22_relaxation_time"][2].startswith("assumed, within the days to weeks")
    assert shown["killing_rate"] == ("killing_rate", "9", "assumed")
    assert not rows(sections(load("untreated")), "Parameters")


@pytest.mark.parametrize(("kernel", "said"), [("agents", True), ("hybrid", False), ("ode", False)])
def test_cells_below_and_their_room_are_shown_of_kernel_agents(kernel, said):
    changes = {"engine.kernel": kernel, "engine.cells_below": 300, "engine.rtol": 1e-4}
    shown = rows(sections(load("untreated", changes)), "Engine")
    assert shown["kernel"][1] == kernel
    assert shown["relative tolerance"][1] == "1e-4"
    assert ("single cells" in shown) == said
    if said:
        assert shown["single cells"][1] == "at 300 or fewer, room for 3000"


def test_arms_show_who_is_infused_again_or_transplanted_by_what_a_visit_finds():
    shown = rows(sections(load("day-28-decision")), "Arms")
    assert (
        "cd19 (if residual disease is found on day 28, 14 days later): 1e7 cells/kg" in shown["again_mrd"][1]
    )
    assert shown["transplant_all: transplant"][1].endswith("day, in remission")
    chosen = "in remission, if B-cell recovery is found on day 28"
    assert shown["transplant_b_cells: transplant"][1].endswith(chosen)
    graft = shown["transplant_mrd: transplant: graft versus leukaemia"]
    assert graft[1:] == (
        "lognormal (median 0.1, log_sd 0.5) 1/day",
        "assumed, the model's own; contested benefit, of the order of net growth",
    )
    assert not any(name.startswith("watch: ") for name in shown)


def test_arms_show_chemotherapy_of_their_own_and_what_it_leaves():
    sparing = load("combination", {"arms.all.consolidation.0.car_t_survival": 0.9})
    shown = dict(sections(sparing))["Arms"]
    cut = "normal (mean 1, sd 0.5, low 0, high 3) log10"
    assert ("bridging: bridging", f"(day -14): {cut}, left of host 0.3", "assumed") in shown
    own = [row[1] for row in shown if row[0] == "all: consolidation"]
    assert own == [
        f"(day 60, in remission): {cut}, left of host 0.3, left of CAR T cells 0.9",
        f"(day 88, in remission): {cut}, left of host 0.3",
    ]


def test_arms_show_what_they_leave_out_of_the_scenario():
    left = {"lymphodepletion": "none", "transplant": "none"}
    changes = {f"arms.cd19.{what}": word for what, word in left.items()}
    shown = rows(sections(load("brentjens2013-bridge-to-transplant", changes)), "Arms")
    assert "; no lymphodepletion; no transplant; 5 enrolled" in shown["cd19"][1]


@pytest.mark.parametrize("name", scenario_names("trial"))
def test_a_notebook_shows_the_same(name):
    scenario = load(name)
    text = markdown(scenario)
    assert all(f"| {row[0]} |" in text for _, found in sections(scenario) for row in found)
