"""Rates that turn within a few cells, jump with a count, or jump as a concentration passes one: `hybrid` beside the direct method or the exact mean.

Bounds are five standard errors and what is stated; each fault that is to be found is ten or more standard errors large.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.network.simulation import Hybrid, simulate
from tests.kernels.small_networks import network

pytestmark = pytest.mark.many_draws
DAYS = [0.0, 1.0, 3.0]


def means_agree(one: np.ndarray, other: np.ndarray, room: float = 0.0) -> None:
    error = np.sqrt(one.var(0) / len(one) + other.var(0) / len(other))
    assert (np.abs(one.mean(0) - other.mean(0)) < 5 * error + room * other.mean(0)).all()


@pytest.mark.parametrize("width", [4.0, 8.0])
def test_a_source_that_fades_within_a_few_cells_of_twenty(width: float) -> None:
    """Above twenty it is none, and only what the population would do below bounds the step: without that it ended at 11.5 cells for 18.7."""
    net = network({"X": 0}, ("0 -> X", f"60*max(min((20 - X)/{width}, 1), 0)"), ("X -> 0", "X"))
    exact = simulate(net, DAYS, "ssa", n=4000, seed=1)["X"][:, 1:]
    drawn = simulate(net, DAYS, "hybrid", n=1000, seed=2)["X"][:, 1:]
    means_agree(drawn, exact)


def test_growth_that_a_capacity_cuts_off() -> None:
    """A logistic birth that is none beyond ten cells, not negative: the mean was 2.4 % short, twelve standard errors."""
    net = network({"X": 3}, ("X -> 2 X", "2*X*max(0, 1 - X/10)"), ("X -> 0", "0.1*X"))
    exact = simulate(net, DAYS, "ssa", n=20_000, seed=1)["X"][:, 1:]
    means_agree(simulate(net, DAYS, "hybrid", n=10_000, seed=2)["X"][:, 1:], exact)


def test_a_rate_that_jumps_as_a_concentration_passes_a_count() -> None:
    """C rises, and X come while they are fewer than ten times C: 4 % were missing where the jump fell within a step."""
    net = network(
        {"C": 0.0, "X": 0},
        ("0 -> C", "2 - C"),
        ("0 -> X", "30*where(X < 10*C, 1, 0)"),
        ("X -> 0", "X"),
        concentrations=("C",),
    )
    usual = simulate(net, [0.0, 0.2, 0.4], "hybrid", n=12_000, seed=1)["X"][:, 1:]
    fine = simulate(net, [0.0, 0.2, 0.4], Hybrid(max_step=0.002), n=12_000, seed=2)["X"][:, 1:]
    means_agree(usual, fine)
    assert abs(fine[:, 0].mean() - 3.245) < 0.04, "2 (1 - exp(-t)) in steps of 1e-4 days, 40,000 rows"


def test_counted_events_are_no_steps() -> None:
    """A guard against 0/0 makes two populations counted: half a million of their events are within the default cap of events."""
    net = network(
        {"X": 1000, "Y": 1000},
        ("X -> 0", "X*0.5"), ("0 -> X", "500"), ("0 -> Y", "1000"),
        ("Y -> 0", "where(X + Y > 0, X*Y/(X + Y + 1), 0)"), ("Y -> 0", "0.5*Y"),
    )  # fmt: skip
    out = simulate(net, [0.0, 250.0], "hybrid", seed=1)
    assert out.ok.all()
    assert out.statistics["events"][0] > 500_000
