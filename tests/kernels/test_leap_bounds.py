"""What bounds a leap: derivatives through named sums, the critical reactions, and the pace of relaxation, on a network done by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.kernels import leap_bounds
from sim.kernels.rosenbrock import allocate
from sim.kernels.ssa import propensities
from sim.network.codegen import compile_network
from sim.network.network import Network

FUNCTIONS = ("static", "hazards", "slopes", "derivatives")


class Stand:
    """A network, its work arrays, and the rates and derivatives at a state."""

    def __init__(self, net: Network, x: list[float]) -> None:
        compiled = compile_network(net, list(compiled_names(net)))
        functions = dict(zip(FUNCTIONS, compiled.functions, strict=False))
        self.structure, self.hazards = compiled.structure, functions["hazards"]
        self.work: Any = allocate(self.structure)
        self.leap: Any = leap_bounds.allocate_leap(
            self.structure, compiled.felt, compiled.partials, compiled.terms
        )
        self.n = len(x)
        self.x = np.array([*x, 1.0])
        self.work.p[:] = compiled.defaults
        functions["static"](self.work.p, self.work.a)
        self.rates_at(self.x, self.leap.rate)
        leap_bounds.differentiate(0.0, self.x, self.structure, functions["derivatives"], self.work, self.leap)

    def rates_at(self, x: np.ndarray, rate: np.ndarray) -> None:
        propensities(0.0, x, self.structure, self.hazards, self.work, rate)

    def mark(self, epsilon: float) -> list[int]:
        leap_bounds.weigh_changes(self.x, epsilon, self.structure, self.leap)
        leap_bounds.mark_critical(self.x, self.structure, self.leap)
        return list(self.leap.critical.tolist())


def compiled_names(net: Network) -> list[str]:
    return [s.name for s in net.all_species]


def crowded(x: float) -> Stand:
    net = Network("crowded")
    net.species("X", x)
    net.reaction("division", "X -> 2 X", "X*(1 - X/2000)")
    net.reaction("death", "X -> 0", "0.1*X")
    return Stand(net, [x])


def test_a_change_of_the_species_is_carried_to_the_rates_through_sums_of_sums() -> None:
    net = Network("sums")
    for name in "ABC":
        net.species(name, 1)
    net.parameter("k", 0.3)
    net.define("all", "A + 2*B")
    net.define("share", "all/(50 + all + C)")
    net.reaction("division", "A -> 2 A", "k*A*(1 - share)")
    net.reaction("pair", "A + B -> C", "k*A*B/(1 + C)")
    net.reaction("twins", "2 B -> C", "0.01*B*(B - 1)")
    net.reaction("arrival", "0 -> C", "5 + share*all")
    here = Stand(net, [40, 70, 30])
    rates = here.n + here.structure.n_definitions
    other = np.zeros_like(here.leap.rate)
    for s in range(3):
        quantity = np.zeros_like(here.leap.flow)
        quantity[s] = 1.0
        leap_bounds.carry(quantity, here.n, here.leap.partials, here.leap.gradient)
        moved = here.x.copy()
        moved[s] += 1e-5
        here.rates_at(moved, other)
        np.testing.assert_allclose(quantity[rates:], (other - here.leap.rate) / 1e-5, rtol=1e-4, atol=1e-4)


def test_a_reaction_is_critical_close_to_its_own_capacity_and_with_few_cells() -> None:
    assert crowded(1000).mark(0.03) == [0, 0]
    assert crowded(1985).mark(0.03) == [0, 0]
    assert crowded(1995).mark(0.03) == [1, 0], "ten divisions more and there is no place"
    assert crowded(10).mark(0.03) == [0, 0]
    assert crowded(9).mark(0.03) == [1, 1], "few cells divide and die singly"


def test_a_single_firing_that_changes_more_than_a_step_may_is_critical() -> None:
    net = Network("batches")
    net.species("X", 0)
    net.reaction("batch", "0 -> 100 X", "10")
    net.reaction("death", "X -> 0", "X")
    assert Stand(net, [3000]).mark(0.03) == [1, 0]
    assert Stand(net, [4000]).mark(0.03) == [0, 0]


def test_the_longest_leap_is_that_of_the_rate_that_changes_most() -> None:
    """At 1900 of 2000 divisions are 95, deaths 190, their difference 95; a cell more means 0.9 divisions less."""
    here = crowded(1900)
    here.mark(0.03)
    mean, spread, slope = 95.0, np.sqrt(285.0), 0.9
    allowed = 0.03 * 95
    expected = min(allowed / (slope * mean), (allowed / (slope * spread)) ** 2)
    assert leap_bounds.longest_leap(here.x, 0.03, here.structure, here.leap) == pytest.approx(expected)


def test_the_pace_of_relaxation_is_the_largest_eigenvalue() -> None:
    """A to B at 2, B to A at 1, and a slower species beside them: deviations fade at 3, 0.5 and not at all."""
    net = Network("exchange")
    for name in "ABC":
        net.species(name, 1)
    net.reaction("forth", "A -> B", "2*A")
    net.reaction("back", "B -> A", "B")
    net.reaction("arrival", "0 -> C", "500")
    net.reaction("death", "C -> 0", "0.5*C")
    here = Stand(net, [1000, 2000, 1000])
    here.mark(0.03)
    leap_bounds.scatter(here.x, 1.0, here.leap)
    pace = [leap_bounds.fastest_pace(here.x, here.structure, here.leap) for _ in range(12)]
    assert pace[-1] == pytest.approx(3, rel=0.05)


def test_a_derivative_that_is_not_finite_bounds_nothing() -> None:
    net = Network("root")
    net.species("X", 0)
    net.reaction("feed", "0 -> X", "100")
    net.reaction("drain", "X -> 0", "sqrt(abs(X - 50))")
    with np.errstate(all="ignore"):  # matters with the compiler off only
        here = Stand(net, [50])
    assert here.mark(0.03) == [0, 0]
    assert leap_bounds.longest_leap(here.x, 0.03, here.structure, here.leap) == pytest.approx(0.015)
