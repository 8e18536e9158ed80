"""Weights against fresh draws: patients of a broad law, weighed, are the patients of the law they are weighed to."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibration.population import (
    COORDINATES,
    Points,
    Proposal,
    base_log_weights,
    dimension,
    log_weights,
    prior_proposal,
    scores_of,
    spread_of,
    with_laws,
)
from calibration.priors import BETWEEN_TRIALS, EFFECTS, QUANTITIES
from sim.trial.cohort import draw
from sim.trial.draws import Score
from sim.trial.scenario_io import load

TRIALS = ("fry2018-cd22", "turtle2016-cd19")


@pytest.fixture(scope="module")
def trial():
    return with_laws(load("turtle2016-cd19"))


def point(**numbers: float) -> Points:
    values = np.zeros((1, dimension(len(TRIALS))))
    found = Points(values, TRIALS)
    for name, number in numbers.items():
        values[0, found.names.index(name.replace("__", " "))] = number
    return found


def test_a_point_says_medians_and_effects() -> None:
    values = np.zeros((1, dimension(2)))
    points = Points(values, TRIALS)
    names = points.names
    assert len(names) == dimension(2) == len(QUANTITIES) + 3 * len(EFFECTS)
    values[0, names.index("killing_rate")] = 1.0
    values[0, names.index("burden between trials")] = -2.0
    values[0, names.index("burden of turtle2016-cd19")] = 0.5
    rate = QUANTITIES[[one.name for one in QUANTITIES].index("killing_rate")]
    assert math.exp(points.log_medians()[0, COORDINATES.index("killing_rate")]) == pytest.approx(
        rate.median * math.exp(rate.log_sd)
    )
    burden = [one.name for one in EFFECTS].index("burden")
    assert points.effects("turtle2016-cd19")[0, burden] == pytest.approx(BETWEEN_TRIALS * 2.0 * 0.5)
    assert points.effects("turtle2016-cd19", sd=0.6)[0, burden] == pytest.approx(0.3)
    assert points.effects("fry2018-cd22")[0, burden] == 0.0


def test_shifted_scores_give_patients_of_the_points_medians(trial) -> None:
    """The cohort that is drawn with a point's shifts has its medians, where no bound cuts the law."""
    spread = spread_of(trial)
    values = np.zeros((1, dimension(2)))
    points = Points(values, TRIALS)
    values[0, points.names.index("effector_death_rate")] = 1.5
    shift = points.shifts("turtle2016-cd19", spread)[0]
    scores = {name: Score(float(one)) for name, one in zip(COORDINATES, shift, strict=True)}
    cohort = draw(trial, "cd19", 1, np.arange(4000), scores)
    for name in ("effector_death_rate", "killing_rate"):
        expected = math.exp(points.log_medians()[0, COORDINATES.index(name)])
        assert float(np.median(cohort.parameters[name])) == pytest.approx(expected, rel=0.03)


def test_weighed_patients_of_a_broad_law_are_those_of_a_point(trial) -> None:
    """Mean of each score under the weights is the shift, and its variance 1, within 5 standard errors of the effective patients."""
    spread = spread_of(trial)
    points = Points(0.4 * np.random.default_rng(1).standard_normal((3, dimension(2))), TRIALS)
    proposal = prior_proposal(spread)
    z = scores_of(trial, "cd19", 1, np.arange(200_000), proposal)
    shifts = points.shifts("turtle2016-cd19", spread)
    base = base_log_weights(z, [proposal], [len(z)])
    for shift in shifts:
        logs = log_weights(np.ascontiguousarray(z.T), base, shift)
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        error = np.sqrt((weights**2) @ (z - shift) ** 2)
        assert (abs(weights @ z - shift) < 5.0 * error).all()
        assert (abs(weights @ z) > 5.0 * error).any(), "no shift at all would be found"


def test_parts_from_several_laws_are_weighed_as_their_mixture() -> None:
    """Half of the patients from a narrow law far away change no figure: within 5 standard errors."""
    rng = np.random.default_rng(1)
    n, k = 100_000, 2
    broad, far = Proposal(np.zeros((1, k)), np.full(k, 2.0)), Proposal(np.full((1, k), 1.5), np.full(k, 0.7))
    z = np.concatenate([2.0 * rng.standard_normal((n, k)), 1.5 + 0.7 * rng.standard_normal((n, k))])
    base = base_log_weights(z, [broad, far], [n, n])
    logs = log_weights(np.ascontiguousarray(z.T), base, np.array([0.5, 1.0]))
    w = np.exp(logs - logs.max())
    w /= w.sum()
    error = np.sqrt((w**2) @ (z - [0.5, 1.0]) ** 2)
    assert (abs(w @ z - [0.5, 1.0]) < 5.0 * error).all()
    alone = np.exp(
        log_weights(np.ascontiguousarray(z.T), base_log_weights(z, [broad], [2 * n]), np.array([0.5, 1.0]))
    )
    assert (abs(alone @ z / alone.sum() - [0.5, 1.0]) > 5.0 * error).any(), (
        "weighed as if all came from the broad law it would be wrong"
    )


def test_a_mixture_has_the_density_of_its_laws_and_patients_take_them_in_turn() -> None:
    """Weighed back to no shift, 60,000 scores from three laws have mean 0 and SD 1 within 5 standard errors of their effective number."""
    k, n = len(COORDINATES), 60_000
    means = np.zeros((3, k))
    means[1, 0], means[2, 1] = 1.0, -1.0
    mixed = Proposal(means, np.full(k, 1.1))
    z = np.random.default_rng(1).standard_normal((n, k)) * 1.1 + means[np.arange(n) % 3]
    exact = np.log(np.mean([np.exp(-0.5 * (((z[:50] - m) / 1.1) ** 2).sum(axis=1)) for m in means], axis=0))
    np.testing.assert_allclose(mixed.log_density(z[:50]), exact - k * np.log(1.1), rtol=1e-9)
    logs = base_log_weights(z, [mixed], [n])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    effective = 1.0 / (weights**2).sum()
    assert effective > 1000
    assert (abs(weights @ z) < 5.0 / np.sqrt(effective)).all()
    assert (abs(weights @ z**2 - 1.0) < 5.0 * np.sqrt(2.0 / effective)).all()
    shifts = mixed.scores(np.arange(4))[COORDINATES[0]].shift
    np.testing.assert_array_equal(shifts, [0.0, 1.0, 0.0, 0.0])
