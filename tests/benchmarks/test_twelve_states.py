"""The model that solvers are compared on: the equations that peers get, and our solution of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from benchmarks import twelve_states
from benchmarks.peers.protocol import Problem, in_place, make_function, right_hand_side
from benchmarks.problems import problem_of, trajectory_errors
from sim.network.options import ODE
from sim.network.simulation import simulate


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of(twelve_states.build, twelve_states.SAVES, *twelve_states.patients(2))


def slopes_by_hand(y: np.ndarray, p: dict[str, float]) -> list[float]:
    """The equations as they would be written in a paper, state by state."""
    Eb, Em, M, X, C, L, B1, B2, B3, B4, N, Pb = y
    signal = B1 + p["f22"] * B2 + p["flo"] * B3 + N
    stimulus, blood = signal / (p["KA"] + signal), Pb / (p["hb"] + Pb)
    help_ = C**2 / (p["Kc"] ** 2 + C**2)
    kill = p["kk"] * Em / (p["hK"] + B1 + p["e2"] * B2 + p["e3"] * B3 + N)
    room = 1 - (B1 + B2 + B3 + B4) / p["KB"]
    T = Eb + Em + M
    grow = p["rho"] * stimulus * (1 + p["aH"] * help_)
    rest = p["mdiff"] * (1 - stimulus)
    return [
        p["kmb"] * Em - (p["kbm"] + p["muB"]) * Eb + p["rho"] * blood * Eb,
        p["kbm"] * Eb
        + (grow - p["kmb"] - p["muE"] - p["eps"] * stimulus - rest) * Em
        + p["theta"] * stimulus * M,
        rest * Em + (p["rM"] * help_ * (1 - M / p["KM"]) - p["theta"] * stimulus - p["muM"]) * M,
        p["eps"] * stimulus * Em - p["muX"] * X,
        p["sC"] * p["KL"] / (p["KL"] + L) - p["dC"] * C - p["uC"] * C * T / (p["KT"] + T),
        p["rL"] * L * (1 - L / p["Lmax"]),
        (p["g1"] * room - p["sw"] - p["sw3"] - kill) * B1 + p["sw"] * B2 + p["sw3"] * B3,
        (p["g2"] * room - p["sw"] - p["e2"] * kill) * B2 + p["sw"] * B1,
        (p["g3"] * room - p["sw3"] - p["e3"] * kill) * B3 + p["sw3"] * B1,
        (p["g4"] * room - p["e4"] * kill) * B4 + p["sw"] * B2,
        p["sN"] + (p["rN"] * (1 - N / p["KN"]) - kill) * N,
        p["kout"] * (B1 + B2 + B3 + B4) - (p["kin"] + p["kb"] * Eb / (p["hb"] + Pb)) * Pb,
    ]


def test_peers_get_the_equations_of_the_model(problem: Problem) -> None:
    slopes = make_function(right_hand_side(problem, "slopes(t, y, dy, p)", in_place), "slopes")
    generator = np.random.default_rng(1)
    for _ in range(5):
        y, dy = 10.0 ** generator.uniform(0, 11, 12), np.empty(12)
        slopes(0.0, y, dy, problem.parameter_values[1])
        expected = slopes_by_hand(
            y, dict(zip(problem.parameters, problem.parameter_values[1].tolist(), strict=True))
        )
        scale = np.abs(expected) + 1e-9 * y.max()
        assert np.all(np.abs(dy - expected) < 1e-9 * scale)


def test_our_solution_is_scipys(problem: Problem) -> None:
    """Until past the second infusion, at tight tolerances, which leave 1e-5 of a hundredfold growth."""
    slopes = make_function(right_hand_side(problem, "slopes(t, y, dy, p)", in_place), "slopes")

    def field(t: float, y: np.ndarray) -> np.ndarray:
        dy = np.empty(12)
        slopes(t, y.tolist(), dy, problem.parameter_values[0].tolist())
        return dy

    saves = np.array([0.0, 10.0, 90.0, 100.0])
    options = {"method": "LSODA", "rtol": 1e-10, "atol": 1e-6}
    first = solve_ivp(field, (0, 90), problem.initial[0], t_eval=saves[:3], **options)
    state = first.y[:, -1].copy()
    problem.add_to(state)
    second = solve_ivp(field, (90, 100), state, t_eval=saves[2:], **options)
    expected = np.concatenate([first.y.T[:2], second.y.T])
    parameters, initial = twelve_states.patients(1)
    ours = simulate(
        twelve_states.build(),
        saves,
        ODE(rtol=1e-9, atol=1e-6),
        parameters=dict(zip(problem.parameters, problem.parameter_values[:1].T, strict=True)),
        initial=dict(zip(problem.species, problem.initial[:1].T, strict=True)),
        outputs=problem.species,
    )
    assert set(parameters) == set(problem.parameters)
    assert set(initial) == set(problem.species)
    assert trajectory_errors(ours.values, expected[None], twelve_states.ERROR_FLOOR)[0] < 1e-5
    expected[2, 0] -= twelve_states.SECOND_DOSE
    assert trajectory_errors(ours.values, expected[None], twelve_states.ERROR_FLOOR)[0] > 1e-2
