"""The pool: the patients of a run, each with his wait for the product."""

from __future__ import annotations

import numpy as np
import pytest

import sim
from sim.errors import InputError, ScenarioError
from sim.planning.plan import with_manufacturing_failure
from sim.planning.pool import pool_of, simulate_pool, without_transplant
from sim.trial import courses
from tests.trial.made_up import MadeUp


@pytest.fixture(autouse=True)
def made_up(monkeypatch):
    monkeypatch.setattr(courses, "simulate", MadeUp())


def test_has_the_patients_of_a_run_of_that_size() -> None:
    scenario = sim.load("fry2018-cd22").with_({"manufacturing": {"days": 21}})
    run = pool_of(sim.run(scenario, seed=3, patients=30), ("higher",))
    own = simulate_pool(scenario, ("higher",), 30, 3)
    for name in ("cr", "relapse_day", "death_day", "patient"):
        assert np.array_equal(
            own.outcomes["higher"][name], run.outcomes["higher"][name], equal_nan=name != "patient"
        )
    assert own.wait["higher"].tolist() == run.wait["higher"].tolist() == [21.0] * 30


def test_without_a_description_of_the_making_nobody_waits() -> None:
    scenario = sim.load("dual-upfront").with_({"manufacturing": None})
    assert not simulate_pool(scenario, ("cd19",), 5, 1).wait["cd19"].any()


def test_a_failure_of_manufacturing_replaces_that_of_the_scenario() -> None:
    scenario = sim.load("fry2018-cd22").with_({"manufacturing": {"days": 21, "not_infused": 0.5}})
    changed = with_manufacturing_failure(scenario, 0.0)
    assert simulate_pool(changed, ("higher",), 40, 1).outcomes["higher"]["infused"].all()
    assert simulate_pool(changed, ("higher",), 2, 1).wait["higher"].tolist() == [21.0, 21.0]
    assert not simulate_pool(scenario, ("higher",), 40, 1).outcomes["higher"]["infused"].all()


def test_an_arm_that_is_not_there_is_refused() -> None:
    with pytest.raises(ScenarioError, match="no such arm"):
        simulate_pool(sim.load("fry2018-cd22"), ("hihger",), 5, 1)


def test_a_scenario_without_transplant_has_none_in_any_arm() -> None:
    twin = without_transplant(sim.load("combination"))
    assert all(twin.transplant_of(arm) is None for arm in twin.arms)
    with pytest.raises(InputError, match="no transplant"):
        without_transplant(twin)
