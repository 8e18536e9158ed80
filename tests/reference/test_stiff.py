"""Stiff problems of the literature: at least -log10(rtol) - 1.5 correct digits in every component, at every tolerance.

The published solutions come from tests/reference/stiff.py, whose own integration by SciPy agrees with them to eleven digits.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.network.network import Network
from sim.network.simulation import ODE, simulate
from tests.reference.stiff import POLLU_REACTIONS, PROBLEMS, solve

FORMULAS = {
    "HIRES": (
        "-1.71*y1 + 0.43*y2 + 8.32*y3 + 0.0007",
        "1.71*y1 - 8.75*y2",
        "-10.03*y3 + 0.43*y4 + 0.035*y5",
        "8.32*y2 + 1.71*y3 - 1.12*y4",
        "-1.745*y5 + 0.43*y6 + 0.43*y7",
        "-280*y6*y8 + 0.69*y4 + 1.71*y5 - 0.43*y6 + 0.69*y7",
        "280*y6*y8 - 1.81*y7",
        "-280*y6*y8 + 1.81*y7",
    ),
    "VDPOL": ("y2", "((1 - y1*y1)*y2 - y1)*1e6"),
    "OREGO": (
        "77.27*(y2 + y1*(1 - 8.375e-6*y1 - y2))",
        "(y3 - (1 + y1)*y2)/77.27",
        "0.161*(y1 - y3)",
    ),
}
REACTIONS = {
    "ROBER": ((0.04, (1,), (2,)), (3e7, (2, 2), (2, 3)), (1e4, (2, 3), (1, 3))),
    "POLLU": POLLU_REACTIONS,
}


def side(numbers: tuple[int, ...]) -> str:
    counted = {one: numbers.count(one) for one in numbers}
    return " + ".join(f"{times} y{one}" for one, times in counted.items()) or "0"


def network(name: str) -> Network:
    """Write the problem as the kernel reads it: mass action where it is chemistry, signed sources where it is not."""
    net = Network(name)
    for i, value in enumerate(PROBLEMS[name].start, 1):
        net.species(f"y{i}", value, kind="concentration")
    for i, formula in enumerate(FORMULAS.get(name, ()), 1):
        net.reaction(f"slope {i}", f"0 -> y{i}", formula)
    for i, (constant, used, made) in enumerate(REACTIONS.get(name, ()), 1):
        rate = "*".join([repr(constant), *(f"y{one}" for one in used)])
        net.reaction(f"reaction {i}", f"{side(used)} -> {side(made)}", rate)
    return net


def correct_digits(name: str, rtol: float) -> float:
    problem = PROBLEMS[name]
    out = simulate(
        network(name), [0.0, problem.end], ODE(rtol=rtol, atol=rtol * problem.least * 1e8), threads=1
    )
    assert out.ok.all()
    found = np.array([out[f"y{i}"][0, -1] for i in range(1, len(problem.start) + 1)])
    return float(-np.log10(np.abs(found / np.array(problem.published) - 1.0).max()))


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-10])
@pytest.mark.parametrize("name", PROBLEMS)
def test_stiff_problems_have_the_digits_that_are_asked_for(name: str, rtol: float) -> None:
    assert correct_digits(name, rtol) >= -np.log10(rtol) - 1.5


def test_digits_are_lost_where_a_constant_is_wrong() -> None:
    """The control: 77.28 for 77.27."""
    net = network("OREGO").with_(rates={"slope 2": "(y3 - (1 + y1)*y2)/77.28"})
    out = simulate(net, [0.0, 360.0], ODE(rtol=1e-8, atol=1e-12), threads=1)
    assert -np.log10(abs(out["y2"][0, -1] / PROBLEMS["OREGO"].published[1] - 1.0)) < 4


@pytest.mark.verify
@pytest.mark.parametrize("name", PROBLEMS)
def test_scipy_agrees_with_what_was_published(name: str) -> None:
    np.testing.assert_allclose(solve(name), PROBLEMS[name].published, rtol=1e-11)
