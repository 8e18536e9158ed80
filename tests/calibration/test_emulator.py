"""Figures learned from a bank, where the law of the figure is known exactly.

A patient with scores z has the event with probability Phi(c + a.z); scores are standard normal around the shifts d of a point, so that the share is
Phi((c + a.d) / sqrt(1 + a.a)) exactly. Statistical statements are about 200 points and three banks of 32,768 patients, seeds 0 to 2; nothing was chosen by its outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.special import expit, logit, ndtr

from calibration import emulator as emulators
from calibration.bank import ArmBank
from calibration.emulator import BREADTHS, Emulator, fit_emulator, points_around
from calibration.population import COORDINATES, Proposal, base_log_weights, dimension, spread_of, with_laws
from calibration.problem import Problem
from calibration.reliability import learned, noise_at
from calibration.targets import Share
from sim.trial.scenario_io import load

TRIAL = "turtle2016-cd19"
ARM = (TRIAL, "cd19")
EFFECTS = 0.4 * np.cos(1.0 + 2.0 * np.arange(len(COORDINATES)))
INTERCEPT = 0.4
PATIENTS = 32_768


@dataclass(frozen=True)
class Events:
    """Stands for the outcomes of a bank: who had the event."""

    had: np.ndarray

    def select(self, kept: np.ndarray) -> Events:
        return replace(self, had=self.had[kept])


def problem_of(_: object, arms: dict) -> Problem:
    had = arms[ARM].outcomes.had
    share = Share("event", (ARM,), (np.arange(len(had)),), (had.astype(float),), (1.0,), (12, 20))
    weighed = {TRIAL: np.ones(len(COORDINATES), dtype=bool)}
    return Problem((TRIAL,), arms, {TRIAL: spread_of(with_laws(load(TRIAL)))}, (share,), weighed)


@pytest.fixture(scope="module")
def draws() -> np.ndarray:
    """Draws of a posterior half as wide as the prior."""
    return 0.5 * np.random.default_rng(7).standard_normal((600, dimension(1)))


def bank_of(draws: np.ndarray, seed: int) -> Problem:
    """Patients around some of the draws, half of them a little further off."""
    generator = np.random.default_rng(seed)
    spread = spread_of(with_laws(load(TRIAL)))
    shifts = (
        problem_of(None, {ARM: ArmBank(Events(np.zeros(1)), np.zeros((1, 1)), np.zeros(1))})
        .points(draws)
        .shifts(TRIAL, spread)
    )
    law = Proposal(shifts[:256], np.full(len(COORDINATES), 1.2))
    own = law.means[np.arange(PATIENTS) % 256]
    z = own + law.sd * generator.standard_normal((PATIENTS, len(COORDINATES)))
    had = generator.random(PATIENTS) < ndtr(INTERCEPT + z @ EFFECTS)
    return problem_of(None, {ARM: ArmBank(Events(had), z, base_log_weights(z, [law], [PATIENTS]))})  # type: ignore[arg-type]


def exact(problem: Problem, values: np.ndarray) -> np.ndarray:
    shifts = problem.points(values).shifts(TRIAL, problem.spreads[TRIAL])
    return ndtr((INTERCEPT + shifts @ EFFECTS) / np.sqrt(1.0 + EFFECTS @ EFFECTS))


@pytest.fixture(scope="module")
def emulated(draws) -> list[Emulator]:
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emulators, "problem_of", problem_of)
        for seed in range(3):
            problem = bank_of(draws, seed)
            found.append(fit_emulator(problem, {}, points_around(problem, draws)))
    return found


def errors(found: list[Emulator], values: np.ndarray) -> np.ndarray:
    """Errors in SDs of what the emulators say of themselves, shape (banks, points)."""
    rows = []
    for one in found:
        number, variance = one.numbers(one.problem.points(values))[0]
        rows.append((number[:, 0] - logit(exact(one.problem, values))) / np.sqrt(variance[:, 0]))
    return np.array(rows)


def test_learned_shares_are_as_near_to_the_exact_ones_as_they_say(emulated, draws) -> None:
    """At new points; the same with a tenth of the error that they state is found to be wrong."""
    new = 0.5 * np.random.default_rng(8).standard_normal((200, dimension(1)))
    off = errors(emulated, new)
    assert 0.3 < np.sqrt(np.mean(off**2)) < 2.0
    bold = [
        replace(
            one,
            surfaces=[
                [replace(s, base=0.01 * s.base, growth=0.01 * s.growth) for s in own] for own in one.surfaces
            ],
        )
        for one in emulated
    ]
    assert np.sqrt(np.mean(errors(bold, new) ** 2)) > 2.0


def test_where_the_bank_is_thin_they_are_nearer_than_what_is_weighed(emulated) -> None:
    """Points 1.8 times as far out as the draws, those with fewer than 300 effective patients."""
    new = 0.9 * np.random.default_rng(8).standard_normal((200, dimension(1)))
    learned_, weighed = [], []
    for one in emulated:
        points = one.problem.points(new)
        told = one.problem.tell(points, 1)
        thin = told.effective[:, 0] < 300.0
        assert thin.sum() > 20
        right = logit(exact(one.problem, new))
        learned_.append((one.numbers(points)[0][0][:, 0] - right)[thin])
        weighed.append((one.problem.targets[0].numbers(told.figures[0])[0][:, 0] - right)[thin])
    assert np.mean(np.concatenate(learned_) ** 2) < 0.25 * np.mean(np.concatenate(weighed) ** 2)


def test_figures_that_were_learned_of_other_patients_are_seen_to_be_wrong(emulated, draws) -> None:
    """The bank's shares of the events' contrary, beside what was learned of the events."""
    one = emulated[0]
    points = one.problem.points(draws[:150])
    (right,) = learned(one, points, one.problem.tell(points, 1))
    assert right.points > 50
    assert right.scatter < 2.0
    turned = problem_of(
        None, {ARM: replace(one.problem.arms[ARM], outcomes=Events(~one.problem.arms[ARM].outcomes.had))}
    )
    (wrong,) = learned(one, points, turned.tell(points, 1))
    assert wrong.scatter > 2.0


def test_the_likelihood_moves_by_what_is_not_known(emulated, draws) -> None:
    """Twice the error of the figure, about twice the SD of the log likelihood, whose slope is what the binomial law says."""
    one = emulated[0]
    surface = one.surfaces[0][0]
    variance = float(one.numbers(one.problem.points(draws[:1]))[0][1][0, 0])
    wide = replace(one, surfaces=[[replace(surface, base=4.0 * variance, growth=0.0)]])
    first, second = noise_at(one, draws[0], 1), noise_at(wide, draws[0], 1)
    assert second == pytest.approx(2.0 * first, rel=0.1)
    p = float(one.tell(one.problem.points(draws[:1])).figures[0][0, 0])
    assert first == pytest.approx(abs(12.0 - 20.0 * p) * np.sqrt(variance), rel=0.3)


def test_what_is_kept_is_what_was_learned(emulated, draws) -> None:
    one = emulated[0]
    again = Emulator.of_state(one.problem, one.state())
    points = one.problem.points(draws[:5])
    np.testing.assert_array_equal(again.tell(points).figures[0], one.tell(points).figures[0])


def test_neither_threads_nor_neighbours_change_a_byte(emulated, draws, monkeypatch) -> None:
    monkeypatch.setattr(emulators, "problem_of", problem_of)
    problem = emulated[0].problem
    again = fit_emulator(problem, {}, points_around(problem, draws), threads=3)
    assert again.state() == emulated[0].state()
    one, many = again.tell(problem.points(draws[3:4])), again.tell(problem.points(draws[:9]))
    assert one.figures[0][0].tobytes() == many.figures[0][3].tobytes()


def test_points_lie_around_the_draws(draws, emulated) -> None:
    points = points_around(emulated[0].problem, draws)
    middle = draws.mean(axis=0)
    for k, breadth in enumerate(BREADTHS):
        np.testing.assert_allclose(points.values[k::3] - middle, breadth * (draws[k::3] - middle))


def test_least_squares_are_those_of_linear_algebra() -> None:
    generator = np.random.default_rng(1)
    x, weights = generator.standard_normal((300, 40)), generator.uniform(0.1, 3.0, 300)
    y = generator.standard_normal(300)
    right = np.linalg.lstsq(x * np.sqrt(weights)[:, None], y * np.sqrt(weights), rcond=None)[0]
    np.testing.assert_allclose(emulators._solve(x, weights, y), right, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("missed", [0.0, 0.05, 0.3])
def test_what_a_polynomial_misses_is_found_beside_the_noise(missed: float) -> None:
    """2,000 points, noise of 0.02 to 0.2, one in fifty wrong by ten of them: the SD within a quarter, or a hundredth where there is none."""
    generator = np.random.default_rng(2)
    terms = emulators._terms(generator.standard_normal((2000, 6)))
    beta = generator.standard_normal(terms.shape[1])
    sd = generator.uniform(0.02, 0.2, 2000)
    y = terms @ beta + sd * generator.standard_normal(2000) + missed * generator.standard_normal(2000)
    y[::50] += 10.0 * np.hypot(sd[::50], missed)
    y[7] = np.nan
    found, squared, variance = emulators._least_squares(terms, y, sd**2)
    said = emulators._missed(squared, variance)
    assert said == pytest.approx(missed, rel=0.25, abs=0.02)
    assert np.sqrt(np.mean((terms @ (found - beta)) ** 2)) < 0.25 * np.hypot(0.1, missed)


def test_too_few_points_say_that_they_know_little() -> None:
    terms = emulators._terms(np.random.default_rng(1).standard_normal((30, 12)))
    found = emulators._least_squares(terms, np.full(30, 0.7), np.full(30, 1e-4))
    assert found.coefficients[0] == pytest.approx(0.7)
    assert emulators._missed(found.squared, found.variance) >= 1.0
    none = emulators._least_squares(terms, np.full(30, np.nan), np.ones(30))
    assert emulators._missed(none.squared, none.variance) > 1.0


def test_far_from_the_draws_a_likelihood_is_still_a_number(emulated) -> None:
    one = emulated[0]
    far = one.tell(one.problem.points(np.full((1, dimension(1)), 400.0)))
    assert np.isfinite(far.figures[0]).all()
    assert np.isfinite(one.problem.log_likelihood(far)).all()


@pytest.mark.parametrize("rare", [0.0, 0.002])
def test_what_hardly_happens_is_as_rare_where_few_patients_say_so(rare: float) -> None:
    """900 points of 3 to 3,000 patients: among few, half an event more would make of one in five hundred a sixth."""
    generator = np.random.default_rng(3)
    terms = emulators._terms(generator.standard_normal((900, 5)))
    patients = 10.0 ** generator.uniform(0.5, 3.5, 900)
    shares = generator.binomial(patients.astype(int), rare) / patients
    share = Share("rare", (ARM,), (), (), (1.0,), (1, 20))
    (fit,) = emulators._surfaces(share, np.stack([shares, patients], axis=1), terms)
    found = expit(terms @ fit.coefficients)
    assert np.median(found) < max(2.0 * rare, 0.001)
    assert np.median(found) > 0.5 * rare
    assert np.quantile(found, 0.99) < 0.02
