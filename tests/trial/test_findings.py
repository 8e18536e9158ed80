"""Decisions by what a visit finds: they agree with the record of the trial, patient by patient, and see nothing behind it.

The courses are those of shipped arms, with a smaller dose so that more patients have something to find; all share one network.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import poisson

from sim.errors import ScenarioError
from sim.models.design import Design
from sim.network.trajectories import Trajectories
from sim.trial.cohort import draw
from sim.trial.counting import poisson_quantile
from sim.trial.courses import look, simulate_cohort
from sim.trial.findings import chances, positive_from, positive_limit
from sim.trial.observation import OUTPUTS, Observations
from sim.trial.outcomes import assess
from sim.trial.regimen import design_of, schedule
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import load, read_assignments
from sim.trial.scenario_schema import Assay
from tests.trial.small_scenario import broken, small

SIZE = 150
FEW_CELLS = {
    "assay.cells_analysed": 2_000_000,
    "assay.mrd_limit": 5e-7,
    **{f"arms.{arm}.infusions.0.dose": 3e5 for arm in load("day-28-decision").arms},
}
"""A dose that leaves residual disease in more patients, and a test that one cell in two million makes positive."""


class Seen(NamedTuple):
    """An arm: its courses and its record."""

    courses: Trajectories
    record: Observations
    scenario: Scenario

    def at(self, day: float) -> int:
        """Column of a visit."""
        return 2 * self.scenario.assay.visits.index(day)

    def blasts(self, day: float) -> NDArray[np.float64]:
        """True marrow blast fraction on a day."""
        return self.courses["marrow_blast_fraction"][:, np.flatnonzero(self.courses.t == day)[0]]


@cache
def seen(arm: str, **more: Any) -> Seen:
    """Simulate an arm of day-28-decision; `more` holds changes with ``__`` for dots."""
    changes = {name.replace("__", "."): value for name, value in more.items()}
    scenario = load("day-28-decision", {**FEW_CELLS, **changes})
    cohort = draw(scenario, arm, 1, np.arange(SIZE))
    courses = simulate_cohort(scenario, cohort, 1, "hybrid", OUTPUTS, threads=None)
    return Seen(courses, look(scenario, cohort, courses, 1), scenario)


def decided(one: Seen, slot: str) -> NDArray[np.bool_]:
    """Say for whom a decision was taken."""
    return np.isfinite(one.courses.fired[f"decision_{slot}"])


def assay(**more: Any) -> Assay:
    """An assay with two visits."""
    return Assay.model_validate({"visits": [28.0, 90.0], "method": "flow", "cells_analysed": 500_000, **more})


# The limit of a test.


@pytest.mark.parametrize("limit", [1e-5, 1e-4, 1e-3])
def test_count_passes_its_threshold_exactly_above_the_limit_of_the_patient(limit):
    test, patients = assay(mrd_limit=limit), np.arange(2000)
    for place, visit in enumerate(test.visits):
        least = positive_limit(test, visit, 5, patients)
        u = chances(5, patients, 4)[1][:, 2 * place, 0]
        for factor, positive in ((1.0 - 1e-9, False), (1.0 + 1e-9, True)):
            count = poisson_quantile(u, factor * least * test.cells_analysed)
            assert ((count >= positive_from(test)) == positive).all()


def test_share_of_limits_below_a_fraction_is_the_chance_of_a_positive_test():
    """20,000 patients: a share has an SE of at most 0.0035, and 5 SE are allowed (false alarms 6e-7 each)."""
    test = assay(mrd_limit=1e-5)
    limits = positive_limit(test, 28.0, 1, np.arange(20_000))
    for fraction in (2e-6, 1e-5, 2e-5):
        chance = poisson.sf(positive_from(test) - 1, fraction * test.cells_analysed)
        share = (limits <= fraction).mean()
        assert abs(share - chance) < 5.0 * np.sqrt(chance * (1.0 - chance) / len(limits))
    # The luck of one visit says nothing about another's: 20,000 pairs, correlation of SE 0.007.
    other = positive_limit(test, 90.0, 1, np.arange(20_000))
    assert abs(np.corrcoef(limits, other)[0, 1]) < 5.0 * 0.0071


def test_test_that_is_not_done_is_not_positive():
    patients = np.arange(400)
    limits = positive_limit(assay(evaluable=0.5), 28.0, 1, patients)
    measured = chances(1, patients, 4)[0] < 0.5
    assert np.isinf(limits[~measured]).all()
    np.testing.assert_array_equal(
        limits[measured], positive_limit(assay(), 28.0, 1, patients)[measured], "the same luck where it is"
    )


# The rule and the record.


def test_transplant_is_decided_for_those_alone_whose_test_of_the_visit_is_positive():
    """150 patients, of whom at least 20 have a positive and 20 a negative test on day 90."""
    one = seen("wait_mrd")
    column = one.at(90.0)
    positive, taken = one.record.mrd_positive[:, column], decided(one, "transplant")
    assert positive.sum() >= 20
    assert one.record.mrd_negative[:, column].sum() >= 20
    np.testing.assert_array_equal(taken, positive)
    given = np.isfinite(one.record.transplant_day)
    assert given.sum() >= 5
    assert not (given & ~taken).any()


def test_decision_follows_the_count_where_it_and_the_truth_differ():
    """150 patients; a false result is needed each way for the test to tell anything, and the scatter of single cells gives some."""
    one = seen("wait_mrd")
    column, truth = one.at(90.0), one.blasts(90.0) >= one.scenario.assay.mrd_limit
    looked = one.record.observed[:, column]
    taken = decided(one, "transplant")
    assert (looked & taken & ~truth).any()
    assert (looked & ~taken & truth).any()


def test_no_one_is_chosen_by_residual_disease_that_is_not_measured():
    """150 patients, half of them not measured, more than 10 of these with disease."""
    one = seen("wait_mrd", assay__evaluable=0.5)
    unmeasured = ~one.record.mrd_measured
    assert (unmeasured & (one.blasts(90.0) > 1e-3)).sum() >= 10
    assert not (unmeasured & decided(one, "transplant")).any()
    assert decided(one, "transplant").any()


def test_b_cells_decide_whether_residual_disease_is_measured_or_not():
    """150 patients, of whom at least 10 have B cells back on day 28 and 10 have not."""
    one = seen("again_b_cells", assay__evaluable=0.5)
    column = one.at(28.0)
    back = one.record.b_cells[:, column] >= one.scenario.criteria.b_cell_aplasia
    taken = decided(one, "cd19_finding_0")
    assert back.sum() >= 10
    assert (one.record.observed[:, column] & ~back).sum() >= 10
    np.testing.assert_array_equal(taken, back)
    assert (taken & ~one.record.mrd_measured).any()
    again = one.record.reinfusion_day[np.isfinite(one.record.reinfusion_day)]
    assert len(again) >= 10
    np.testing.assert_allclose(again, 42.0)


def test_either_of_two_findings_is_enough():
    both = seen("again_mrd", arms__again_mrd__infusions__1__any_of=("mrd_positive", "b_cell_recovery"))
    alone = seen("again_mrd"), seen("again_b_cells")
    slot = "cd19_finding_0"
    # Until the decision the courses are the same, patient by patient.
    np.testing.assert_array_equal(decided(both, slot), decided(alone[0], slot) | decided(alone[1], slot))
    assert (decided(both, slot) & ~decided(alone[0], slot)).any()
    assert (decided(both, slot) & ~decided(alone[1], slot)).any()


def test_arms_are_alike_until_a_policy_acts():
    watch, policy = seen("watch"), seen("wait_mrd")
    # The visit of the decision cuts a step short, so that rounding differs in the weeks before it.
    before = watch.courses.t <= 60.0
    for name in ("marrow_blast_fraction", "car_t_blood", "b_cell_fraction"):
        np.testing.assert_array_equal(watch.courses[name][:, before], policy.courses[name][:, before])
    assert not decided(watch, "transplant").any()


def test_arm_without_a_decision_waits_for_none_beside_one_that_has():
    one = seen("transplant_all")
    assert not decided(one, "transplant").any()
    assert np.isfinite(one.record.transplant_day).sum() > 0.3 * SIZE


def test_response_after_a_reinfusion_by_finding_is_a_rescue_unless_the_criteria_count_it():
    one = seen("again_mrd")
    strict = one.scenario.criteria.model_copy(update={"response_after_reinfusion": False})
    counted, rescue = assess(one.record, one.scenario.criteria), assess(one.record, strict)
    late = np.isfinite(counted["cr_day"]) & (counted["cr_day"] > one.record.rescue_day)
    assert not (late & (rescue["cr"] == 1.0)).any()
    np.testing.assert_array_equal(counted["cr"][~late], rescue["cr"][~late])
    assert np.isfinite(one.record.rescue_day).sum() >= 20


# What a file may ask, and what is said of it.

RULE = {"product": "cd19", "day": 28, "dose": 1e6, "only_if": "finding", "any_of": ["mrd_positive"]}
PLAN = {"probability": 1, "day": 60, "decision": {"visit": 28, "any_of": ["b_cell_recovery"]}}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("arms.only.infusions", [{**RULE, "day": 30}], r"infusions\.0\.day: day 30; .*none on that day"),
        ("arms.only.infusions", [{**RULE, "any_of": []}], r"any_of: \[\]; .*names findings"),
        ("arms.only.infusions", [{**RULE, "only_if": "relapse"}], r"no other rule does; write only_if"),
        ("arms.only.infusions", [{**RULE, "any_of": ["mrd"]}], r"any_of\.0: 'mrd'"),
        ("transplant", {**PLAN, "decision": {"visit": 30, "any_of": ["mrd_positive"]}}, r"decision\.visit: "),
        ("transplant", {**PLAN, "decision": {"visit": 28, "any_of": []}}, r"decision\.any_of: "),
        ("transplant", {**PLAN, "day": 28}, r"transplant\.day: 28 day; .*comes after it \(day 28\)"),
        ("arms.only.transplant", {**PLAN, "day": 20}, r"arms\.only\.transplant\.day: 20 day; "),
    ],
)
def test_wrong_decisions_are_refused_in_one_line(path, value, said):
    with pytest.raises(ScenarioError, match=said) as error:
        Scenario.parse(broken(path, value))
    assert len(str(error.value).splitlines()) == 1


def test_decision_is_taken_on_its_day_and_the_infusion_waits_for_its_lymphodepletion():
    document = {**small(), "lymphodepletion": {"start": -4}}
    document["arms"] = {"only": {"infusions": [{**RULE, "delay": 1}]}}
    plan = schedule(Scenario.parse(document), "only")
    assert (plan.infusions[0].day, plan.infusions[0].delay) == (28.0, 4.0)
    document["arms"]["only"]["infusions"][0].pop("delay")
    assert schedule(Scenario.parse(document), "only").infusions[0].delay == 14.0


def test_infusions_by_different_findings_have_a_lymphodepletion_each():
    other = {**RULE, "any_of": ["b_cell_recovery"]}
    document = {**small(), "lymphodepletion": {"start": -4}}
    waits = []
    for rules in ([RULE, RULE], [RULE, other]):
        document["arms"] = {"only": {"infusions": rules}}
        plan = schedule(Scenario.parse(document), "only")
        waits.append([bool(np.isfinite(infusion.lymphodepletion_delay)) for infusion in plan.infusions])
    assert waits == [[True, False], [True, True]]


def test_network_has_a_decision_where_an_arm_asks_for_one():
    assert design_of(load("day-28-decision")).transplant_decision
    assert not design_of(load("combination")).transplant_decision
    assert Design(transplant=True) == Design(transplant=True, transplant_decision=False)


def test_field_that_came_later_leaves_the_hash_of_a_file_without_it():
    plain = Scenario.parse(small())
    written = Scenario.parse(broken("arms.only.infusions.0.any_of", []))
    asked = Scenario.parse(broken("arms.only.infusions", [RULE]))
    other = asked.with_(read_assignments(["arms.only.infusions.0.any_of=[b_cell_recovery]"]))
    assert plain.content_hash() == written.content_hash()
    assert len({plain.content_hash(), asked.content_hash(), other.content_hash()}) == 3
