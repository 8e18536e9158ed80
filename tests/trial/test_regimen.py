"""Regimens: how the arms of a scenario fill the slots of one network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.network.expression import evaluate
from sim.trial.cohort import draw
from sim.trial.regimen import course_start, design_of, schedule
from sim.trial.scenario import Scenario
from sim.trial.sheet import network_of

PRODUCTS = {"cd19": {"targets": ["cd19"]}, "cd22": {"targets": ["cd22"]}}


def trial(arms: Mapping[str, list[dict[str, Any]]], **blocks: Any) -> Scenario:
    """A small scenario with the given infusions in each arm."""
    document = {
        "schema_version": 1,
        "name": "small",
        "products": PRODUCTS,
        "patients": {"size": 10, "weight": 70, "burden": 0.3},
        "lymphodepletion": {"start": -4},
        "assay": {"visits": [28, 90]},
        **blocks,
        "arms": {name: {"infusions": infusions} for name, infusions in arms.items()},
    }
    return Scenario.parse(document)


def infusion(product: str = "cd19", day: float = 0, **more: Any) -> dict[str, Any]:
    """One infusion of 2e6 cells/kg."""
    return {"product": product, "day": day, "dose": 2e6, **more}


def test_one_network_has_the_union_of_what_the_arms_use() -> None:
    scenario = trial({"single": [infusion()], "both": [infusion(), infusion("cd22"), infusion(day=60)]})
    design = design_of(scenario)
    assert [(p.name, p.infusions, p.rules) for p in design.products] == [("cd19", 2, ()), ("cd22", 1, ())]
    # The second course of the second arm.
    assert design.lymphodepletions == 2
    assert (
        draw(scenario, "single", 0, np.arange(2)).network is draw(scenario, "both", 0, np.arange(2)).network
    )


def test_infusions_of_one_day_share_a_lymphodepletion() -> None:
    plan = schedule(trial({"a": [infusion(), infusion("cd22")]}), "a")
    assert [(course.slot, course.day) for course in plan.courses] == [("0", -4.0)]
    assert [i.slot for i in plan.infusions] == ["cd19_0", "cd22_0"]


@pytest.mark.parametrize(
    ("second", "place", "value"),
    [
        ({"fludarabine": False}, "lymphodepletion.fludarabine", "false"),
        ({"cyclophosphamide": False}, "lymphodepletion.cyclophosphamide", "false"),
        ({"depth": 0.1}, "lymphodepletion.depth", "0.1"),
        ({"log_kill": 0.5}, "lymphodepletion.log_kill", "0.5"),
        ({"start": -6, "depth": 0.1, "day": 2}, "lymphodepletion.depth", "0.1"),
    ],
)
def test_two_lymphodepletions_that_begin_on_one_day_are_refused(
    second: dict[str, Any], place: str, value: str
) -> None:
    day = second.pop("day", 0)
    arms = {"a": [infusion(), infusion("cd22", day=day, lymphodepletion=second)]}
    with pytest.raises(ScenarioError) as caught:
        trial(arms)
    (line,) = caught.value.problems
    assert line.startswith(f"arms.a.infusions.1.{place}: {value}")
    assert "that of infusions.0 has another" in line
    assert line.endswith("write the same, none here, or another start")


def test_an_inherited_lymphodepletion_beside_another_is_refused_where_it_is_inherited() -> None:
    arms = {"a": [infusion(lymphodepletion={"fludarabine": False}), infusion("cd22")]}
    with pytest.raises(
        ScenarioError, match=r"^arms\.a\.infusions\.1\.lymphodepletion: inherit; infusions share"
    ):
        trial(arms)


@pytest.mark.parametrize("second", ["none", {"note": "the same"}, {"start": -5, "fludarabine": False}])
def test_one_day_may_have_one_lymphodepletion_written_twice_or_two_of_other_days(second: Any) -> None:
    plan = schedule(trial({"a": [infusion(), infusion("cd22", lymphodepletion=second)]}), "a")
    days = [-4.0, -5.0] if isinstance(second, dict) and "start" in second else [-4.0]
    assert [course.day for course in plan.courses] == days


def test_parts_of_a_split_dose_take_slots_of_their_own_and_add_up() -> None:
    split = [{"day": 0, "fraction": 0.1}, {"day": 1, "fraction": 0.3}, {"day": 2, "fraction": 0.6}]
    scenario = trial({"a": [infusion(split=split)], "b": [infusion()]})
    plan = schedule(scenario, "a")
    assert [(i.slot, i.day, i.order) for i in plan.infusions] == [
        ("cd19_0", 0.0, 0),
        ("cd19_1", 1.0, 0),
        ("cd19_2", 2.0, 0),
    ]
    parts, whole = draw(scenario, "a", 1, np.arange(5)), draw(scenario, "b", 1, np.arange(5))
    total = sum(parts.parameters[f"infusion_cells_cd19_{i}"] for i in range(3))
    if scenario.patients.paired:
        np.testing.assert_allclose(total, whole.parameters["infusion_cells_cd19_0"], rtol=1e-6)
    # One product, one fitness.
    np.testing.assert_array_equal(parts.parameters["fitness_cd19_0"], parts.parameters["fitness_cd19_2"])


@pytest.mark.parametrize("rule", ["non_responder", "relapse", "cd19_negative_relapse"])
def test_rules_wait_with_their_lymphodepletion_before_the_infusion(rule: str) -> None:
    scenario = trial({"a": [infusion(), infusion(day=28, only_if=rule)]})
    waiting = schedule(scenario, "a").infusions[1]
    assert (waiting.slot, waiting.day, waiting.delay) == (f"cd19_{rule}_0", 28.0, 14.0)
    assert waiting.lymphodepletion_delay == pytest.approx(10.0)
    assert design_of(scenario).products[0].rules == (rule,)


def test_decision_moves_forward_when_the_infusion_would_come_before_its_lymphodepletion() -> None:
    scenario = trial({"a": [infusion(), infusion("cd22", day=60, only_if="remission", delay=0)]})
    waiting = schedule(scenario, "a").infusions[1]
    assert waiting.day == pytest.approx(56.0)
    assert waiting.day + waiting.delay == pytest.approx(60.0)
    assert 0.0 < waiting.lymphodepletion_delay < 0.01


@pytest.mark.parametrize("rule", ["remission", "non_responder", "relapse", "cd19_negative_relapse"])
def test_infusions_that_wait_for_one_decision_share_a_lymphodepletion(rule: str) -> None:
    """Two products at relapse would otherwise deplete twice: 4 % of 4 % of the lymphocytes would be left."""
    both = [
        infusion("cd19", day=28, only_if=rule, delay=14),
        infusion("cd22", day=28, only_if=rule, delay=14),
    ]
    plan = schedule(trial({"a": [infusion(), *both]}), "a")
    assert [course.slot for course in plan.courses] == ["0", f"cd19_{rule}_0"]
    assert [i.lymphodepletion_delay for i in plan.infusions[1:]] == [pytest.approx(10.0), math.inf]
    assert [i.delay for i in plan.infusions[1:]] == [14.0, 14.0]
    later = [both[0], infusion("cd22", day=29, only_if=rule, delay=14)]
    assert len(schedule(trial({"a": [infusion(), *later]}), "a").courses) == 3
    both[1]["lymphodepletion"] = {"fludarabine": False}
    with pytest.raises(ScenarioError, match=r"^arms\.a\.infusions\.2\.lymphodepletion\.fludarabine: false; "):
        trial({"a": [infusion(), *both]})


def test_rule_without_lymphodepletion_has_none() -> None:
    rule = infusion(day=28, only_if="relapse", lymphodepletion="none")
    waiting = schedule(trial({"a": [infusion(), rule]}), "a")
    assert math.isinf(waiting.infusions[1].lymphodepletion_delay)
    assert len(waiting.courses) == 1


def test_course_starts_a_day_before_anything_is_done_and_at_day_0_without_treatment() -> None:
    assert course_start(trial({"a": [infusion()]})) == -5.0
    assert course_start(trial({"a": [infusion()]}, lymphodepletion=None)) == 0.0
    bridging = {"day": {"distribution": "uniform", "low": -20.5, "high": -10}, "log_kill": 1}
    assert course_start(trial({"a": [infusion()]}, bridging=bridging)) == -22.0


def test_arm_leaves_the_slots_that_it_does_not_use_at_an_infinite_time() -> None:
    scenario = trial({"a": [infusion()], "b": [infusion("cd22")]})
    network = network_of(scenario)
    cohort = draw(scenario, "a", 0, np.arange(3))
    at = {p.name: p.value for p in network.all_parameters}
    at.update({name: column[0] for name, column in cohort.parameters.items()})
    times = {name: value for name, value in at.items() if name.startswith("infusion_time")}
    assert times == {"infusion_time_cd19_0": 0.0, "infusion_time_cd22_0": np.inf}


def test_dose_follows_weight_and_blasts() -> None:
    dose = {"low_burden": 2e6, "high_burden": 2e5, "threshold": 0.2}
    patients = {
        "size": 10,
        "weight": {"distribution": "uniform", "low": 40, "high": 90},
        "burden": {"mix": {0.1: 1, 0.5: 1}},
    }
    scenario = trial({"a": [{**infusion(), "dose": dose}]}, patients=patients)
    cohort = draw(scenario, "a", 3, np.arange(50))
    low = cohort.covariates["burden"] < 0.2
    assert 0 < low.sum() < 50
    np.testing.assert_array_equal(cohort.covariates["dose"], np.where(low, 2e6, 2e5))
    engrafting = cohort.parameters["infusion_cells_cd19_0"] / (
        cohort.covariates["dose"] * cohort.covariates["weight"]
    )
    assert np.all((engrafting > 0.0) & (engrafting <= 1.0))


def test_patients_whose_product_is_never_made_get_nothing() -> None:
    making = {"days": 20, "not_infused": 0.5}
    scenario = trial({"a": [infusion()]}, manufacturing=making)
    cohort = draw(scenario, "a", 3, np.arange(60))
    without = cohort.covariates["infused"] == 0.0
    assert 15 < without.sum() < 45
    for name in ("infusion_time_cd19_0", "lymphodepletion_time_0"):
        assert np.isinf(cohort.parameters[name][without]).all()
        assert np.isfinite(cohort.parameters[name][~without]).all()


def test_first_year_mortality_of_a_transplant_is_what_the_scenario_says() -> None:
    plan = {"probability": 1, "day": 90, "non_relapse_mortality": 0.2}
    cohort = draw(trial({"a": [infusion()]}, transplant=plan), "a", 1, np.arange(2))
    fading = next(p.value for p in cohort.network.all_parameters if p.name == "transplant_risk_time")
    days = np.linspace(0.0, 365.25, 20_001)
    hazard = np.trapezoid(cohort.parameters["transplant_hazard"][0] * np.exp(-days / fading), days)
    assert 1.0 - math.exp(-hazard) == pytest.approx(0.2, rel=1e-4)


def test_without_fludarabine_more_anti_car_lymphocytes_survive() -> None:
    both = draw(trial({"a": [infusion()]}), "a", 1, np.arange(20)).parameters
    without = draw(
        trial({"a": [infusion()]}, lymphodepletion={"fludarabine": False}), "a", 1, np.arange(20)
    ).parameters
    name = "lymphodepletion_anti_car_survival_0"
    assert np.all(without[name] > 2.0 * both[name])


def test_infusion_dilutes_the_division_age_of_the_effectors() -> None:
    network = network_of(trial({"a": [infusion()]}))
    event = next(e for e in network.all_events if e.name == "infusion_cd19_0")
    env = {p.name: p.value for p in network.all_parameters} | {s.name: s.initial for s in network.all_species}
    env |= {"size": 1.0, "effectors_cd19": 1e8, "division_age_cd19": 12.0, "programme_cd19": 10.0}
    env |= {"infusion_cells_cd19_0": 3e8, "memory_fraction_cd19": 0.0, "fitness_cd19_0": 14.0}
    assert evaluate(event.set["division_age_cd19"], env) == pytest.approx(3.0)
    assert evaluate(event.set["programme_cd19"], env) == pytest.approx(13.0)


def test_unknown_arm_is_refused() -> None:
    with pytest.raises(ScenarioError, match="singel"):
        schedule(trial({"single": [infusion()]}), "singel")
