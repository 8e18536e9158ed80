"""Moved normal scores: laws shift and widen as they say, and what is not moved stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.trial import courses
from sim.trial.cohort import draw
from sim.trial.draws import Draws, Score
from sim.trial.laws import Lognormal
from sim.trial.scenario_io import load
from tests.trial.made_up import MadeUp

PATIENTS = np.arange(4000)
LAW = Lognormal(centre=2.0, log_sd=0.5)


def test_a_shift_moves_the_median_by_so_many_sds() -> None:
    plain, moved = Draws(1, PATIENTS), Draws(1, PATIENTS, scores={"killing_rate": Score(0.6)})
    ratio = moved.value("killing_rate", LAW) / plain.value("killing_rate", LAW)
    np.testing.assert_allclose(ratio, np.exp(0.6 * 0.5), rtol=1e-9)
    np.testing.assert_array_equal(moved.value("weight", LAW), plain.value("weight", LAW))


def test_a_scale_widens_and_each_patient_may_have_a_shift_of_his_own() -> None:
    shift = np.linspace(-1.0, 1.0, len(PATIENTS))
    plain, moved = Draws(1, PATIENTS), Draws(1, PATIENTS, scores={"burden": Score(shift, 2.0)})
    z = np.log(plain.value("burden", LAW) / 2.0) / 0.5
    expected = shift + 2.0 * z
    near = abs(expected) < 5.0  # farther out probabilities are 1 to the last digits
    found = np.log(moved.value("burden", LAW) / 2.0) / 0.5
    np.testing.assert_allclose(found[near], expected[near], atol=1e-7)
    np.testing.assert_allclose(moved.score("burden"), expected, atol=1e-9)


def test_the_fitness_of_each_product_of_a_patient_is_moved_alike() -> None:
    plain, moved = Draws(1, PATIENTS), Draws(1, PATIENTS, scores={"fitness": Score(-0.5)})
    for order in (0, 1):
        ratio = moved.fitness(LAW, order) / plain.fitness(LAW, order)
        np.testing.assert_allclose(ratio, np.exp(-0.25), rtol=1e-9)
    assert 0.6 < np.corrcoef(moved.score("fitness", 0), moved.score("fitness", 1))[0, 1] < 0.8


def test_no_scores_are_the_bytes_of_before() -> None:
    """A score of no shift is the same to rounding; none at all takes no detour."""
    scenario = load("fry2018-cd22", {"patients.posterior": None})
    plain, none = draw(scenario, "higher", 1, PATIENTS[:50]), draw(scenario, "higher", 1, PATIENTS[:50], {})
    for name, values in plain.parameters.items():
        assert none.parameters[name].tobytes() == values.tobytes()


def test_an_unknown_quantity_is_one_line() -> None:
    with pytest.raises(ScenarioError, match="scores: 'kiling_rate'; names a quantity that varies; "):
        Draws(1, PATIENTS, scores={"kiling_rate": Score(1.0)})


def test_patients_by_the_chunk_get_the_scores_that_are_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same endpoints whole and in chunks of seven, with a shift for each patient."""
    monkeypatch.setattr(courses, "simulate", MadeUp())
    scenario = load("untreated")
    arm = next(iter(scenario.arms))
    shifts = {"net_growth_rate": Score(np.linspace(-1.0, 1.0, 20))}
    whole = courses.simulate_patients(scenario, arm, 1, PATIENTS[:20], shifts)
    seen: list[float] = []
    original = courses.draw

    def spy(*given: object) -> object:
        cohort = original(*given)  # type: ignore[arg-type]
        seen.extend(cohort.parameters["net_growth_rate"].tolist())
        return cohort

    monkeypatch.setattr(courses, "draw", spy)
    monkeypatch.setattr(courses, "CHUNK", 7)
    parts = courses.simulate_patients(scenario, arm, 1, PATIENTS[:20], shifts)
    np.testing.assert_array_equal(whole["patient"], parts["patient"])
    np.testing.assert_allclose(
        seen, draw(scenario, arm, 1, PATIENTS[:20], shifts).parameters["net_growth_rate"]
    )
