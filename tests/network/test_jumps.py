"""A network's own loop of exact events against the tables: the same bytes, and only what a reaction changes is computed again."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest

from sim.kernels import random, ssa
from sim.kernels import status as codes
from sim.kernels.rosenbrock import allocate
from sim.kernels.ssa import no_jumps
from sim.network import simulation
from sim.network.codegen import compile_network
from sim.network.network import Network
from sim.network.simulation import SSA, simulate
from sim.network.trajectories import Trajectories


def killing() -> Network:
    """Targets, effectors that they stimulate through a shared sum, and a product that is made in batches."""
    net = Network("killing")
    net.species("T", 300)
    net.species("E", 20)
    net.species("P", 0)
    net.parameter("k", 0.02)
    net.define("engaged", "E*T/(50 + T + E)")
    net.reaction("division", "T -> 2 T", "0.3*T*(1 - T/2000)")
    net.reaction("kill", "T -> 0", "k*engaged*10")
    net.reaction("expand", "E -> 2 E", "engaged/(1 + P/100)")
    net.reaction("loss", "E -> 0", "where(T > 50, 0.1, 0.4)*E")
    net.reaction("secrete", "0 -> 7 P", "k*E")
    net.reaction("clear", "P -> 0", "P")
    return net


def with_events() -> Network:
    net = killing()
    net.event("dose", at=2.5, add={"E": 30})
    net.event("rescue", when="T < 100", survive={"E": 0.5})
    return net


def emptied() -> Network:
    """A rate that turns negative, by chance, in some rows."""
    net = Network("emptied")
    net.species("X", 8)
    net.reaction("up", "0 -> X", "2*(10 - X)")
    net.reaction("jump", "0 -> 3 X", "0.5")
    return net


def still() -> Network:
    net = Network("still")
    net.species("X", 3)
    net.reaction("death", "X -> 0", "2*X")
    return net


def by_tables(monkeypatch: pytest.MonkeyPatch, *arguments: object, **options: object) -> Trajectories:
    with monkeypatch.context() as patch:
        patch.setattr(simulation, "_own_events", lambda compiled: (no_jumps, False))
        return simulate(*arguments, **options)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::sim.errors.NumericalWarning")
@pytest.mark.parametrize("build", [killing, with_events, emptied, still])
def test_own_loop_and_tables_give_the_same_bytes(build: object, monkeypatch: pytest.MonkeyPatch) -> None:
    net = build()  # type: ignore[operator]
    arguments = (net, np.linspace(0, 6, 13), SSA(max_events=20_000))
    one = simulate(*arguments, n=40, seed=3)
    other = by_tables(monkeypatch, *arguments, n=40, seed=3)
    assert one.values.tobytes() == other.values.tobytes()
    assert one.status.tolist() == other.status.tolist()
    assert one.statistics["events"].tolist() == other.statistics["events"].tolist()
    assert len(np.unique(one.values[:, 1])) > 1, "rows must differ, or the test could not fail"


ENDS = {
    "negative by rounding alone": (5.0, "X -> 2 X", "X*(0.7 - 0.1*X)", "ok", 7.0),
    "infinite": (5.0, "X -> 2 X", "X/(8 - X)", "non_finite", np.nan),
    "more than can be counted": (2.0**53 - 3, "0 -> X", "4", "capacity", np.nan),
    "more losses than there are": (5.0, "X -> 0", "4", "negative_propensity", np.nan),
}


@pytest.mark.filterwarnings("ignore::sim.errors.NumericalWarning")
@pytest.mark.parametrize("name", ENDS)
def test_a_row_ends_on_the_tables_as_in_its_own_loop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By day 100 at rates of one and more a day; 0.7 - 0.1*7 is -1.1e-16, which is no failure."""
    x, change, rate, status, last = ENDS[name]
    net = Network("ends")
    net.species("X", x)
    net.reaction("the one", change, rate)
    own = simulate(net, [0, 1, 100], SSA(), n=5, seed=1)
    tables = by_tables(monkeypatch, net, [0, 1, 100], SSA(), n=5, seed=1)
    for out in (own, tables):
        assert set(out.status_names) == {status}
        np.testing.assert_array_equal(out["X"][:, -1], last)
    assert own.values.tobytes() == tables.values.tobytes()
    assert own.statistics["events"].tolist() == tables.statistics["events"].tolist()


def test_the_reaction_chosen_is_the_one_in_whose_share_of_the_sum_the_draw_falls() -> None:
    """Rates 1, 0 and 2: the first up to 1, the last from there on; a draw that rounding has put at the end is the
    last's."""
    rate = np.array([1.0, 0.0, 2.0])
    found = [ssa.choose_reaction(aim, rate) for aim in (0.0, 0.5, np.nextafter(1, 0), 1.0, 2.9, 3.0)]
    assert found == [0, 0, 0, 2, 2, 2]


def test_a_draw_that_is_rounded_up_to_the_sum_of_rates_fires_no_reaction_of_rate_zero() -> None:
    """The smallest rate there is times a number above a half is that rate; the last reaction has none, and would take
    Y below zero."""
    net = Network("smallest")
    net.species("X", 0)
    net.species("Y", 0)
    net.reaction("arrival", "0 -> X", "5e-324")
    net.reaction("death", "Y -> 0", "Y")
    compiled = compile_network(net, ["X", "Y"])
    static, hazards = compiled.functions[:2]
    work = allocate(compiled.structure)
    work.p[:] = compiled.defaults
    static(work.p, work.a)
    work.x[:2] = 0.0
    stream, rate, clock = np.zeros(random.STATE_WORDS, np.uint64), np.zeros(2), np.zeros(3)
    random.seed_stream(stream, np.uint64(1), 0, 0, 0)
    for number in range(1, 21):
        clock[2] = 0.0  # due now
        status = ssa.walk(0.0, 1.0, hazards, compiled.structure, work, rate, stream, 1, clock)
        assert status == codes.OK
        assert clock[:2].tolist() == [0.0, 1.0]
        assert work.x[:2].tolist() == [number, 0.0]


def test_only_what_a_reaction_changes_is_computed_again() -> None:
    """A chain A to B to C to D: the step of B changes the rates of B and C, and no other."""
    net = Network("chain")
    names = "ABCD"
    for name in names:
        net.species(name, 5)
    for one, other in pairwise(names):
        net.reaction(f"{one} to {other}", f"{one} -> {other}", f"0.5*{one}")
    source = compile_network(net, ["A"]).jumps_source
    assert source is not None
    lines = [line.strip() for line in source.splitlines()]
    begin = lines.index("x2 += 1.0")
    end = next(k for k in range(begin, len(lines)) if lines[k] in ("else:", "if number == most:"))
    updated = {line.split(" = ")[0] for line in lines[begin:end] if line.startswith("r")}
    assert updated == {"r1", "r2"}


def test_a_network_whose_loop_would_be_long_walks_the_tables() -> None:
    """60 species that all feel their total; the mean of a pure death is right there too (SE 0.5 %)."""
    net = Network("many")
    names = [f"X{i}" for i in range(60)]
    for name in names:
        net.species(name, 10)
    net.define("total", " + ".join(names))
    for name in names:
        net.reaction(f"death {name}", f"{name} -> 0", f"{name}*(0.5 + 0*total)")
        net.reaction(f"crowded {name}", f"{name} -> 0", f"1e-9*{name}*total")
    assert compile_network(net, names).jumps_source is None
    out = simulate(net, [0.0, 1.0], "ssa", n=100, seed=1)
    left = np.sum([out[name][:, -1] for name in names], axis=0)
    mean = 600 * np.exp(-0.5)
    error = np.sqrt(600 * np.exp(-0.5) * (1 - np.exp(-0.5)) / 100)
    assert abs(left.mean() - mean) < 6 * error


NEGATIVE = {
    "death": (("X -> 0", "k*X"),),
    "death beside births": (("X -> 0", "k*X"), ("X -> 2 X", "2*X")),
    "arrival": (("X -> 0", "X"), ("0 -> X", "k")),
    "inside a sum that stays above zero": (("X -> 0", "X*(2 + k)"), ("0 -> X", "3")),
}


@pytest.mark.parametrize("name", NEGATIVE)
def test_a_parameter_below_zero_makes_no_other_numbers_than_the_tables(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    net = Network("negative")
    net.species("X", 100)
    net.parameter("k", 1.0)
    for change, rate in NEGATIVE[name]:
        net.reaction(change, change, rate)
    arguments, options = (net, [0.0, 1.0, 5.0], SSA()), {"seed": 1, "parameters": {"k": [-0.5, 0.5]}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own, tables = simulate(*arguments, **options), by_tables(monkeypatch, *arguments, **options)
    fails = name != "inside a sum that stays above zero"
    assert own.status_names.tolist() == ["negative_propensity" if fails else "ok", "ok"]
    assert own.values.tobytes() == tables.values.tobytes()


def test_a_trigger_ends_the_loop_where_its_condition_changes_and_nowhere_else() -> None:
    """10,000 events and some thirty cuts: the text breaks off at a change alone, so the loop is entered as often as there are cuts."""
    net = Network("cut")
    net.species("X", 100)
    net.species("K", 0)
    net.reaction("birth", "X -> 2 X", "X")
    net.reaction("death", "X -> 0", "0.2*X")
    net.event("cut", when="X >= 400", survive={"X": 0.1}, add={"K": 1})
    source = compile_network(net, ["X"]).jumps_source
    assert source is not None
    assert "w0 != b0" in source
    out = simulate(net, np.linspace(0, 60, 61), SSA(), n=20, seed=1)
    assert out.ok.all()
    assert out["X"].max() < 400
    assert out["K"][:, -1].min() > 10
