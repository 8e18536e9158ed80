"""What bounds a step of the hybrid kernel, and what refuses one or excuses a rate, by hand and by laws that show
where a bound is missed.

The statistical tests state n and what they see; bounds are five standard errors, seed 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.errors import NumericalWarning
from sim.kernels import feedback, random, returns, step_bounds
from sim.kernels.populations import allocate_laws, choose_modes, forget_modes, gather
from sim.kernels.rosenbrock import allocate, drift, linearise
from sim.network.codegen import compile_network
from sim.network.network import Network
from sim.network.simulation import Hybrid, simulate
from tests.kernels.small_networks import network

FUNCTIONS = ("static", "hazards", "slopes", "derivatives", "factorise", "solve")


class Stand:
    """A network with a state, its hazards there and at the start of a step, and which populations are discrete."""

    def __init__(self, net: Network, *x: float) -> None:
        names = [s.name for s in net.all_species]
        compiled = compile_network(net, names)
        self.functions = functions = dict(zip(FUNCTIONS, compiled.functions, strict=False))
        self.structure, self.hazards = compiled.structure, functions["hazards"]
        self.work: Any = allocate(self.structure)
        self.laws: Any = allocate_laws(self.structure)
        self.stream = np.zeros(random.STATE_WORDS, dtype=np.uint64)
        random.seed_stream(self.stream, np.uint64(1), 0, 0, 0)
        self.x = self.work.x
        self.x[: len(x)] = x
        self.work.p[:] = compiled.defaults
        functions["static"](self.work.p, self.work.a)
        forget_modes(self.laws)
        choose_modes(self.x, self.structure, 1e4, self.work, self.laws, self.stream)
        self.hazards(0.0, self.x, self.work.p, self.work.a, self.work.d, self.work.values)
        self.laws.start[:] = self.work.values[: len(self.laws.start)]
        gather(self.structure, self.work.values, 0, self.laws)


# -- moves to and fro --------------------------------------------------------------------------------------------------


def exchange(a: float, b: float, c: float) -> Stand:
    """A and B exchange at 4 and 1, immigrants come to A at 10, and each C becomes two A at 0.3 and never again a C."""
    net = network(
        {"A": 0, "B": 0, "C": 0},
        ("A -> B", "4*A"),
        ("B -> A", "B"),
        ("0 -> A", "10"),
        ("C -> 2 A", "0.3*C"),
    )
    return Stand(net, a, b, c)


def test_expected_moves_are_those_of_present_cells_and_half_of_those_of_newcomers() -> None:
    """In a day 4 moves of each A and 1 of each B; who comes does so in the middle, 10 from elsewhere and 2 * 0.3 of
    each C.

    One move of B in a day is too few to be followed one by one, and so is half a move of A in an eighth of a day.
    """
    for a, b, c, h, moves in (
        (100, 0, 0, 1.0, 400 + 20),
        (100, 30, 0, 1.0, 400 + 20),
        (100, 30, 0, 2.0, 800 + 60 + 80),
        (0, 0, 30, 1.0, 20 + 0.5 * 18 * 4),
        (100, 30, 30, 0.125, 0),
    ):
        here = exchange(a, b, c)
        found = returns.expected_moves(h, here.x, here.structure, here.laws)
        # where B moves at all in the step, newcomers from A are not counted anew
        assert found == pytest.approx(moves), (a, b, c, h)


def test_a_step_is_halved_until_its_moves_can_be_followed() -> None:
    """4 h of each of 1000 A and 20 h^2 of those who come: 2000 at most, unless there is hardly one of each cell."""
    here = exchange(1000, 0, 0)

    def followed(h: float) -> float:
        return float(returns.followed_step(h, here.x, here.structure, here.laws))

    assert followed(0.4) == 0.4
    assert followed(0.6) == 0.3, "2407 moves are too many, and 1202 in half of the time are not"
    assert followed(4.0) == 0.25
    crowd = exchange(4000, 0, 0)
    assert returns.followed_step(1.0, crowd.x, crowd.structure, crowd.laws) == 0.25, (
        "a move of each cell need not be followed one by one"
    )


def test_who_is_lost_for_good_needs_no_bound() -> None:
    one_way = Stand(network({"A": 0, "B": 0}, ("A -> B", "1e6*A")), 4000, 0)
    assert returns.followed_step(10.0, one_way.x, one_way.structure, one_way.laws) == 10


# -- rates below zero --------------------------------------------------------------------------------------------------


def filling(capacity: float, jumps: float = 0.0) -> Network:
    net = Network("filling")
    net.species("X", 0)
    net.species("C", 1.0, kind="concentration")
    net.parameter("K", capacity)
    net.parameter("k", jumps)
    net.reaction("waste", "0 -> C", "1 + 0*X")
    net.reaction("jump", "0 -> 3 X + C", "k")
    net.reaction("division", "X -> 2 X", "X*(1 - (X + where(C > 1.7, 3, 0))/K)")
    return net


@pytest.mark.parametrize(
    ("x", "after", "jumps", "expected"),
    [
        (17, 19, 0.0, False),
        (17, 20, 0.0, True),
        (19, 20, 0.0, False),
        (17, 20, 0.5, False),
        (16, 20, 0.5, True),
    ],
    ids=["within", "beyond by many", "beyond by one", "beyond by a jump", "beyond what a jump can"],
)
def test_a_draw_overshoots_where_no_single_event_leads(
    x: float, after: float, jumps: float, expected: bool
) -> None:
    """A capacity of 19.5: 20 cells divide at a rate below zero. From 19 one division leads there, from 17 one jump,
    if jumps there are.

    What one firing adds to a concentration counts for none: waste takes the places of three beyond 1.7, and a firing
    adds 1.
    """
    here = Stand(filling(19.5, jumps), x, 1.0)
    here.laws.after[:] = [after, 0.0]
    here.laws.x_end[:2] = [0.0, 1.5]
    found = step_bounds.overshoots(
        0.0, 0.5, 1e-3, np.full(2, 1e-6), here.structure, here.hazards, here.work, here.laws
    )
    assert found is expected
    assert here.x[:2].tolist() == [x, 1.0]


def test_a_rate_is_excused_by_the_error_of_a_concentration_and_no_more() -> None:
    """Deaths at 0.5 (1 - C), C being 1 and so much more; 1e-3 of C and 1e-6 are its tolerance."""
    net = network(
        {"Z": 0, "C": 1.0, "Y": 0}, ("Z -> 0", "0.5*Z*(1 - C)"), ("0 -> Y", "1"), concentrations=("C",)
    )
    absolute = np.full(3, 1e-6)
    for beyond, excused in ((1e-7, True), (9e-4, True), (1.1e-3, False), (0.5, False)):
        here = Stand(net, 10, 1.0 + beyond, 0)
        structure, hazards, work, laws = here.structure, here.hazards, here.work, here.laws
        assert step_bounds.negative_discrete(here.x, structure, work, laws)
        before = work.values.copy()
        assert (
            step_bounds.within_error(0.0, here.x, 1e-3, absolute, structure, hazards, work, laws) is excused
        )
        np.testing.assert_array_equal(work.values, before)


def test_a_row_goes_on_where_a_rate_is_negative_by_an_error_and_ends_where_by_more() -> None:
    net = network(
        {"Z": 10, "C": 1.0, "Y": 0}, ("Z -> 0", "0.5*Z*(1 - C)"), ("0 -> Y", "1"), concentrations=("C",)
    )
    with pytest.warns(NumericalWarning, match="1 of 3 rows.*negative_propensity"):
        out = simulate(net, [0, 1, 5], Hybrid(), seed=1, initial={"C": [1.0, 1.0 + 1e-5, 1.1]})
    assert out.status_names.tolist() == ["ok", "ok", "negative_propensity"]
    assert (out["Z"][:2] == 10).all(), "nobody dies at such a rate"


# -- what a step may hold ----------------------------------------------------------------------------------------------


def test_cells_that_only_divide_have_their_law_over_steps_of_two_e_folds() -> None:
    """From one cell, at 0.5 for 20 days: geometric with mean exp(10), so below it with 1 - exp(-1). n = 200: 0.17 is
    seen."""
    net = network({"X": 1}, ("X -> 2 X", "0.5*X"))
    out = simulate(net, [0, 20], Hybrid(threshold=1e9), n=200, seed=1)
    x, mean = out["X"][:, -1], np.exp(10)
    assert x.mean() == pytest.approx(mean, abs=5 * mean / np.sqrt(200))
    below = 1 - np.exp(-1)
    assert (x <= mean).mean() == pytest.approx(below, abs=5 * np.sqrt(below * (1 - below) / 200))
    assert (out.statistics["steps"] >= 20 * 0.5 / step_bounds.E_FOLDS).all(), "no step holds more"
    assert not out.statistics["rejections"].any(), "or is tried that holds more"
    assert (out.statistics["steps"] < 20).all(), "and few hold much less"


@pytest.mark.parametrize("trigger", [False, True])
def test_a_capacity_is_kept_to_by_long_steps_that_are_drawn_again(trigger: bool) -> None:
    """Divisions end at 20 cells; a step that passes them is refused, and what waits for the clock fires at its time
    nonetheless.

    A condition that has been true from the start never becomes so, though it ends in a step that is refused.
    """
    net = network({"X": 15, "K": 0}, ("X -> 2 X", "X*(1 - X/20)"), ("X -> 0", "0.2*X"))
    if trigger:
        net.event("late", when="time > 4.8", add={"K": 1})
        net.event("no more", when="time < 7", add={"K": 100})
    out = simulate(net, [0, 10], Hybrid(tolerance=3.0), n=20, seed=1)
    assert out.ok.all()
    assert out["X"].max() <= 20
    assert out.statistics["rejections"].sum() > 0, "the test has a step to refuse"
    if trigger:
        assert (out["K"][:, -1] == 1).all()
        assert out.fired["late"] == pytest.approx(4.8, abs=1e-6)


def test_a_probe_takes_what_it_consumes_to_its_balance_and_not_below_zero() -> None:
    """C = 0.5 goes at 2 X C: in a step h three times the two cells take 4/(1/h + 4) more of it, and not more than
    there is."""
    net = Network("consumed")
    net.species("X", 2)
    net.species("C", 0.5, kind="concentration")
    net.define("uptake", "2*X")
    net.reaction("division", "X -> 2 X", "0.3*X")
    net.reaction("consumption", "C -> 0", "uptake*C")
    absolute = np.full(2, 1e-6)
    for h, left in ((0.1, 0.5 - 4 / 14), (0.01, 0.5 - 4 / 104), (1.0, 0.0)):
        here = Stand(net, 2, 0.5)
        structure, work, laws, functions = here.structure, here.work, here.laws, here.functions
        slopes = functions["slopes"]
        drift(0.0, here.x, work.p, work.a, work.d, work.values, work.mask, structure, slopes, work.slope_here)
        linearise(0.0, structure, functions["derivatives"], work)
        work.probe[:] = [6, 0.5, 1]
        drift(0.0, work.probe, work.p, work.a, work.d, laws.end, work.mask, structure, slopes, work.slope)
        work.u[:] = np.nan  # what stood there before is not to matter
        feedback.relax_probe(h, absolute, structure, functions["factorise"], functions["solve"], work, laws)
        assert work.probe[:2] == pytest.approx([6, left], abs=1e-12)


# -- who leaves --------------------------------------------------------------------------------------------------------


def test_exits_share_who_leaves_and_one_that_is_shut_takes_nobody() -> None:
    """Four exits at 0, 0.1, 0.2 and 0.1 of 100 cells, a share 1 - exp(-2) of which leave in five days; n = 60, 5
    standard errors."""
    rates = {"A": "shut", "B": "0.1", "C": "0.2", "D": "0.1"}
    net = network(
        {"X": 100, "A": 0, "B": 0, "C": 0, "D": 0},
        *((f"X -> {name}", f"{rate}*X") for name, rate in rates.items()),
    )
    net.parameter("shut", 0.0)
    out = simulate(net, [0, 5], Hybrid(), n=60, seed=1)
    np.testing.assert_array_equal(sum(out[name] for name in "XABCD"), 100)
    assert (out["A"] == 0).all()
    gone = 1 - np.exp(-2)
    for name, p in (("B", gone / 4), ("C", gone / 2), ("D", gone / 4), ("X", 1 - gone)):
        error = np.sqrt(100 * p * (1 - p) / 60)
        assert out[name][:, -1].mean() == pytest.approx(100 * p, abs=5 * error), name
