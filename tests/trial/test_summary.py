"""What a transplant does to the milestones of a summary, under each of its four rules: four patients, shares counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.trial.endpoints import Rule
from sim.trial.estimates import binomial_interval
from sim.trial.observation import observe
from sim.trial.outcomes import Outcomes, assess
from sim.trial.scenario_schema import Assay, Criteria
from sim.trial.summary import Row, summarise, survival_curve
from tests.trial.hand_made import START, course, patient


def arm() -> Outcomes:
    """Remission in all, transplant on day 100 in the first and third; relapse on day 180 and death on day 300 in the first two."""
    relapse = ((START, 0.6), (10, 1e-9), (170, 0.3))
    dies = {"death_leukaemia": 300.0}
    rows: list[dict[str, Any]] = [
        patient(blasts=relapse, events=dies | {"transplant": 100.0}),
        patient(blasts=relapse, events=dies),
        patient(events={"transplant": 100.0}),
        patient(),
    ]
    seen = observe(
        course(*rows), Assay(visits=(28, 90, 180, 365), overt_blasts=None), seed=1, patients=range(4)
    )
    return assess(seen, Criteria())


def lines(rule: Rule) -> dict[str, Row]:
    """Lines of the summary by name."""
    return {row.name: row for row in summarise(arm(), [""], rule)}


@pytest.mark.parametrize(
    ("rule", "efs", "os"),
    [
        # Two of four relapse, and two of four die.
        pytest.param("ignored", 0.5, 0.5, id="ignored: whatever came before"),
        # One of the two who are left without a transplant does.
        pytest.param("censored", 0.5, 0.5, id="censored: as if nobody had one"),
        pytest.param("event", 0.25, 0.25, id="event: only the fourth has neither"),
        # One of four does so without a transplant before.
        pytest.param("competing", 0.75, 0.75, id="competing: not before a transplant"),
    ],
)
def test_milestones_are_those_of_the_rule(rule: Rule, efs: float, os: float) -> None:
    found = lines(rule)
    assert found["efs_12m"].value == pytest.approx(efs)
    assert found["os_12m"].value == pytest.approx(os)


def test_competing_curve_is_one_minus_the_incidence_and_the_band_holds_it() -> None:
    curve = survival_curve(arm(), "efs", "competing")
    assert curve is not None
    assert curve.at([99, 100, 180, 365]) == pytest.approx([1.0, 1.0, 0.75, 0.75])
    assert curve.competing.tolist() == [2, 0, 0]
    assert curve.number_at_risk([100, 101]).tolist() == [4, 2]
    # Of four patients one: Greenwood's variance without censoring is that of a binomial.
    assert curve.variance[1] == pytest.approx(0.75 * 0.25 / 4)
    assert (curve.lower <= curve.survival).all()
    assert (curve.survival <= curve.upper).all()


def test_labels_say_that_a_transplant_competes() -> None:
    usual, found = lines("censored"), lines("competing")
    assert usual["efs_12m"].label == "event-free survival at 12 months"
    assert found["efs_12m"].label == "no event before a transplant at 12 months"
    assert found["os_12m"].label == "no death before a transplant at 12 months"
    assert "competing" in found["remission_median"].label


def test_median_of_a_remission_that_transplants_end_is_not_reached() -> None:
    assert lines("censored")["remission_median"].value == pytest.approx(0.5 * (152.0 + 337.0))
    assert np.isnan(lines("competing")["remission_median"].value)


def test_transplant_that_nobody_had_changes_nothing() -> None:
    outcomes = arm()
    without = outcomes.select(np.isnan(outcomes["transplant_day"]))
    ignored, competing = (summarise(without, [""], rule) for rule in ("ignored", "competing"))
    for one, other in zip(ignored, competing, strict=True):
        assert other[4:] == pytest.approx(one[4:], nan_ok=True)


def test_no_milestone_lies_after_the_end_of_follow_up() -> None:
    found = {row.name: row for row in summarise(arm(), [""], horizon=365.0)}
    for name in ("efs_24m", "os_24m", "positive_relapse_24m"):
        assert np.isnan([found[name].value, found[name].lower, found[name].upper]).all()
    assert found["efs_12m"].value == pytest.approx(0.5)
    assert not np.isnan(found["positive_relapse_12m"].value)


def test_all_who_fail_on_the_first_day_have_an_interval_of_their_number() -> None:
    outcomes = arm()
    size = outcomes.rows
    failed = Outcomes({**outcomes, "efs_days": np.zeros(size), "efs_event": np.ones(size)})
    found = {row.name: row for row in summarise(failed, [""], horizon=365.0)}
    assert found["efs_6m"][4:7] == found["efs_12m"][4:7] == binomial_interval(0, size)
    assert np.isnan(found["efs_24m"].value)
