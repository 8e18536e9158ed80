"""Kernel `agents` in a scenario: leukaemia that has become small is simulated cell by cell."""

from __future__ import annotations

import numpy as np
import pytest

import sim
from sim.errors import NumericalWarning, ScenarioError
from sim.kernels._jit import DISABLED
from sim.network.agents import Agents
from sim.network.handover import HandingOver
from sim.network.simulation import Hybrid
from sim.trial.courses import solver_of
from sim.trial.outcomes import COLUMNS
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import load
from tests.trial.small_scenario import small

pytestmark = pytest.mark.skipif(DISABLED, reason="whole trials; the kernels have tests of their own")
PATIENTS = 6
BELOW = 50_000


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    document = small()
    document["patients"] |= {"size": PATIENTS, "burden": 1e-6}
    document["engine"] = {"kernel": "agents", "horizon": 120, "cells_below": BELOW}
    return Scenario.parse(document)


@pytest.fixture(scope="module")
def result(scenario):
    return sim.run(scenario, seed=1, threads=1)


def test_no_row_fails_and_some_become_cells_before_the_end(result):
    """The course of a patient has passed through single cells where its densities leave the levels of the grid."""
    assert result.failed == 0
    course = result.rerun(arm="only", patient=0)
    assert "marrow_two_level1" not in course.names, "single cells have no classes"
    courses = [result.rerun(arm="only", patient=k) for k in range(PATIENTS)]
    assert min(one["leukaemia_cells"].min() for one in courses) < BELOW
    # Classes have the densities of their levels, by twos: 11300 and half of it; only cells are in between.
    few = [
        one for one in courses if one["leukaemia_cells"].min() < BELOW and one["leukaemia_cells"].min() > 0
    ]
    at = int(np.argmin(few[0]["leukaemia_cells"][0]))
    assert abs(few[0]["cd19_mean_density"][0, at] / 11300.0 - 1.0) > 1e-3


def test_threads_change_no_number(scenario, result):
    again = sim.run(scenario, seed=1, threads=2)
    for name in COLUMNS:
        np.testing.assert_array_equal(result.outcomes[name], again.outcomes[name], err_msg=name)


def test_one_patient_is_run_again_bit_for_bit(scenario):
    """Of one patient the quantiles of the courses are his course."""
    alone = sim.run(scenario.with_({"patients.size": 1}), seed=1)
    course = alone.rerun(arm="only", patient=0)
    drawn = alone.courses
    blood = drawn["quantity"] == "car_t_blood"
    assert np.count_nonzero(blood) > 20
    days = drawn["day"][blood]
    at = np.searchsorted(course.t, days)
    np.testing.assert_array_equal(course.t[at], days)
    np.testing.assert_array_equal(course["car_t_blood"][0, at], drawn["q50"][blood])


def test_options_are_read_back_from_a_run_directory(scenario, tmp_path):
    options = HandingOver(
        below=500, agents=Agents(capacity=5000, step=0.5, surroundings=Hybrid(threshold=200.0))
    )
    first = sim.run(
        scenario.with_({"patients.size": 2}), seed=1, kernel=options, out=tmp_path / "run", figures=False
    )
    kept = sim.open(tmp_path / "run")
    was, now = (one.rerun(arm="only", patient=1) for one in (first, kept))
    np.testing.assert_array_equal(was.values, now.values)


def test_room_for_cells_is_what_the_scenario_gives_or_ten_times_as_many_as_become_cells(scenario):
    assert solver_of(scenario, "agents").agents.capacity == 10 * BELOW
    for room in (4 * BELOW, 20 * BELOW):
        given = scenario.with_({"engine.cells_room": room})
        assert solver_of(given, "agents").agents.capacity == room
        assert solver_of(given, "agents").below == BELOW
        assert given.content_hash() != scenario.content_hash(), "it decides which rows have a status"


def test_what_single_cells_have_and_classes_have_not_is_a_parameter_of_this_kernel_alone(scenario, tmp_path):
    """Contacts that do not kill take antigen: with many of them fewer cells are seen by the CAR T cells, and more are left."""
    document = small() | {"parameters": {"contact_ratio": 5.0}}
    file = tmp_path / "small.yaml"
    file.write_text(sim.trial.scenario_io.to_yaml(Scenario.parse(document)))
    with pytest.raises(
        ScenarioError, match=r"contact_ratio: 5.0; is of single cells, which kernel hybrid has not; remove it"
    ):
        load(file)
    few = scenario.with_({"patients.size": 1})
    changed = few.with_({"parameters.contact_ratio": 5.0, "parameters.contact_loss": 0.9})
    plain, shed = (
        sim.run(one, seed=1).rerun(arm="only", patient=0)["cd19_mean_density"] for one in (few, changed)
    )
    assert not np.array_equal(plain, shed)


def test_cells_that_outgrow_their_room_end_the_row_with_that_status_and_its_data(scenario):
    """Cells that are looked at too late to become counts again: one look in sixty days, of ten thousand that grow by 0.4 a day."""
    options = HandingOver(below=BELOW, agents=Agents(capacity=4 * BELOW, step=60.0))
    grown = scenario.with_({"parameters.net_growth_rate": 0.4, "patients.burden": 1e-8})
    with pytest.warns(NumericalWarning, match="capacity .*single cells outgrew"):
        found = sim.run(grown, seed=1, kernel=options)
    rows = found.outcomes
    assert 6 in rows["status"]
    with pytest.warns(NumericalWarning, match="capacity"):
        course = found.rerun(arm="only", patient=int(np.flatnonzero(rows["status"] == 6)[0]))
    assert course.status_names[0] == "capacity"
    assert np.isfinite(course.values[0, 0]).all()
    assert np.isnan(course.values[0, -1]).all()
