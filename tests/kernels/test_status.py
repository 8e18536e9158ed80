"""Every status, reached by every kernel that can reach it; what it leaves of the row, and that it touches no other.

Each case is a network with a parameter ``bad``; three rows are run with bad = 0, 1, 0, and again with 0, 0, 0. What fails at day 5
does so by a species ``S`` that an event sets to ``bad``, so that days 0 and 2.5 must be kept.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from sim.errors import NumericalWarning
from sim.kernels import status as codes
from sim.kernels._jit import DISABLED
from sim.network.network import Network
from sim.network.simulation import ODE, SSA, Hybrid, Kernel, TauLeap, simulate
from sim.network.trajectories import Trajectories

DAYS = np.array([0, 2.5, 5, 7.5, 10])
ALL: dict[str, Kernel] = {"ode": ODE(), "hybrid": Hybrid(), "ssa": SSA(), "tau_leap": TauLeap()}
CONTINUOUS = {name: ALL[name] for name in ("ode", "hybrid")}


class Case(NamedTuple):
    status: str
    network: Callable[[], Network]
    kernels: dict[str, Kernel]
    kept: int | None
    """Saves before the failure; None where that depends on the kernel's steps."""


def base(x: float = 20, kind: str = "count") -> Network:
    net = Network("status")
    net.species("X", x, kind=kind)
    net.parameter("bad", 0.0)
    return net


def switched(rate: str, x: float = 20, change: str = "X -> 2 X") -> Network:
    """The rate of X, which may depend on S: 0 before day 5, then ``bad``."""
    net = base(x)
    net.species("S", 0)
    net.species("Y", 0)
    net.reaction("growth", change, rate)
    net.event("switch", at=5, set={"S": "bad"})
    return net


def at_day_five(**effect: dict[str, str]) -> Callable[[], Network]:
    def build() -> Network:
        net = base()
        net.reaction("growth", "X -> 2 X", "0.05*X")
        net.event("dose", at=5, **effect)
        return net

    return build


def oscillator() -> Network:
    net = Network("oscillator")
    net.parameter("bad", 0.0)
    net.species("A", 1.0, kind="concentration")
    net.species("B", 0.0, kind="concentration")
    net.reaction("up", "0 -> A", "(0.1 + 1e4*bad)*B")
    net.reaction("down", "0 -> B", "-(0.1 + 1e4*bad)*A")
    return net


def feeding_triggers() -> Network:
    """Three triggers pass S on, 1 to 2 to 3 to 1, each seeing the others' work before its own turn."""
    net = switched("0.01*X", x=5)
    for now, following in ((3, 1), (2, 3), (1, 2)):
        net.event(f"from {now}", when=f"abs(S - {now}) < 0.5", set={"S": following})
    return net


def repeated_trigger() -> Network:
    net = Network("repeated")
    net.parameter("bad", 0.0)
    net.species("C", 0.0, kind="concentration")
    net.reaction("flow", "0 -> C", "0.1 + 100*bad")
    net.event("empty", when="C > 2", set={"C": 0})
    return net


def busy(change: str = "X -> 0", rate: str = "X") -> Network:
    net = base(5)
    net.reaction("arrival", "0 -> X", "0.1 + 1000*bad")
    net.reaction("departure", change, rate)
    return net


def busy_and_moving() -> Network:
    net = busy("2 X -> 0", "0.1*X*(X - 1)")
    net.species("C", 0.0, kind="concentration")
    net.reaction("flow", "0 -> C", "1 - C")
    return net


def late_event() -> Network:
    net = base()
    net.reaction("growth", "X -> 2 X", "0.05*X")
    net.event("never", at="log(0.5 - bad)", add={"X": 1})
    return net


def runaway() -> Network:
    """At eight cells the rate is no number any more."""
    net = base(5)
    net.reaction("growth", "X -> 2 X", "0.5*X/(1 - bad*(X - 5)/3)")
    return net


def two_large_rates() -> Network:
    """Pairs of X and pairs of Y, each at a rate that is finite, and both together at none."""
    net = base(2)
    net.species("Y", 2)
    net.species("S", 0)
    net.reaction("pair of X", "2 X -> 0", "S*0.8e308*X*(X - 1)/2")
    net.reaction("pair of Y", "2 Y -> 0", "S*1.1e308*Y*(Y - 1)/2")
    net.event("switch", at=5, set={"S": "bad"})
    return net


def full_of_it() -> Network:
    net = Network("full")
    net.parameter("bad", 0.0)
    net.species("C", 1.5e308, kind="concentration")
    net.species("D", 1.0, kind="concentration")
    net.reaction("clearance", "D -> 0", "0.1*D")
    net.event("dose", at=5, add={"C": "bad*1e308"})
    return net


FEW_EVENTS: dict[str, Kernel] = {
    "ssa": SSA(max_events=300),
    "tau_leap": TauLeap(max_events=300),
    "hybrid": Hybrid(max_events=300),
}
CASES = {
    "negative rate": Case("negative_propensity", lambda: switched("X*(0.1 - S)"), ALL, 3),
    "negative rate of very many": Case(
        "negative_propensity", lambda: switched("X*(0.1 - S)", x=1e6), CONTINUOUS, 3
    ),
    "negative rate of arrivals": Case(
        "negative_propensity", lambda: switched("2 - 3*S", change="0 -> X"), ALL, 3
    ),
    "negative rate of a conversion": Case(
        "negative_propensity", lambda: switched("X*(0.1 - S)", change="X -> Y"), ALL, 3
    ),
    "negative rate of what is counted": Case(
        "negative_propensity",
        lambda: switched("0.001*X*(X - 1)*(1 - 2*S)", change="2 X -> 0"),
        ALL,
        3,
    ),
    "more losses than there are": Case(
        "negative_propensity", lambda: switched("30*S", change="X -> 0"), ALL, None
    ),
    "more than can be counted": Case(
        "capacity", at_day_five(add={"X": "bad*2**53"}), {"ssa": SSA(), "tau_leap": TauLeap()}, 2
    ),
    "division by zero": Case("non_finite", lambda: switched("0.1*X/(1 - S)"), ALL, 3),
    "logarithm of what is negative": Case("non_finite", lambda: switched("0.1*X*log(2.7 - 3.7*S)"), ALL, 3),
    "overflow": Case("non_finite", lambda: switched("0.1*X*exp(1000*S)"), ALL, 3),
    "a rate that single reactions make infinite": Case(
        "non_finite", runaway, {"ssa": SSA(), "tau_leap": TauLeap()}, None
    ),
    "a sum of rates beyond all numbers": Case(
        "non_finite", two_large_rates, {name: ALL[name] for name in ("hybrid", "ssa", "tau_leap")}, 3
    ),
    "a dose to what is nearly the largest number": Case("invalid_event", full_of_it, CONTINUOUS, 2),
    "growth without bound": Case(
        "step_too_small", lambda: switched("0.1*X + S*X*X/1e6", x=1e6), CONTINUOUS, 3
    ),
    "a fast oscillator": Case(
        "max_steps", oscillator, {"ode": ODE(max_steps=300), "hybrid": Hybrid(max_steps=300)}, None
    ),
    "triggers that feed each other": Case("event_budget", feeding_triggers, ALL, 2),
    "a trigger that fires again and again": Case(
        "event_budget", repeated_trigger, {"ode": ODE(max_events=20), "hybrid": Hybrid(max_events=20)}, None
    ),
    "many reactions": Case("event_budget", busy, {"ssa": SSA(max_events=300)}, None),
    "many counted reactions": Case(
        "event_budget", lambda: busy("2 X -> 0", "0.1*X*(X - 1)"), FEW_EVENTS, None
    ),
    "many counted reactions while something moves": Case(
        "event_budget", busy_and_moving, {"hybrid": Hybrid(max_events=300)}, None
    ),
    "infinite rate of what is counted": Case(
        "non_finite", lambda: switched("0.1*X*(X - 1)*exp(1000*S)", change="2 X -> 0"), ALL, 3
    ),
    "more than all survive": Case("invalid_event", at_day_five(survive={"X": "1 + bad"}), ALL, 2),
    "fewer than none survive": Case("invalid_event", at_day_five(survive={"X": "0.5 - bad"}), ALL, 2),
    "survival that is no number": Case(
        "invalid_event", at_day_five(survive={"X": "sqrt(0.5 - bad)"}), ALL, 2
    ),
    "a count set below zero": Case("invalid_event", at_day_five(set={"X": "3 - 4*bad"}), ALL, 2),
    "more taken than there is": Case("invalid_event", at_day_five(add={"X": "-1e6*bad"}), ALL, 2),
    "an infinite dose": Case("invalid_event", at_day_five(add={"X": "exp(1000*bad)"}), ALL, 2),
    "a dose that is no number": Case("invalid_event", at_day_five(add={"X": "log(0.5 - bad)"}), ALL, 2),
    "an event at no time": Case("invalid_event", late_event, ALL, 0),
}
RUNS = [(name, kernel) for name, case in CASES.items() for kernel in case.kernels]


def three(case: Case, kernel: str, bad: list[float]) -> Trajectories:
    return simulate(case.network(), DAYS, case.kernels[kernel], seed=1, parameters={"bad": bad})


@pytest.mark.parametrize(("name", "kernel"), RUNS)
def test_a_failure_is_a_status_that_keeps_what_was_and_touches_no_other_row(name: str, kernel: str) -> None:
    case = CASES[name]
    well = three(case, kernel, [0, 0, 0])
    assert well.ok.all()
    begun = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = three(case, kernel, [0, 1, 0])
    took = time.process_time() - begun
    assert out.status_names.tolist() == ["ok", case.status, "ok"]
    (warning,) = caught
    assert issubclass(warning.category, NumericalWarning)
    text = str(warning.message)
    assert "1 of 3 rows failed" in text
    assert f"patient 1, replicate 0, {kernel}: {case.status}" in text
    assert out.values[[0, 2]].tobytes() == well.values[[0, 2]].tobytes()
    for event, times in out.fired.items():
        np.testing.assert_array_equal(times[[0, 2]], well.fired[event][[0, 2]])
    missing = np.isnan(out.values[1])
    assert np.all(missing.all(axis=1) == missing.any(axis=1)), "a save is whole or absent"
    there = int((~missing[:, 0]).sum())
    assert not missing[:there].any(), "what is kept comes first"
    assert there < len(DAYS)
    if case.kept is not None:
        assert there == case.kept
        before = int(np.searchsorted(DAYS, 5))
        np.testing.assert_array_equal(out.values[1, :before][:there], well.values[1, :before][:there])
    assert took < 1.0 or DISABLED


@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"initial": {"X": [20, np.nan, 20]}}, "non_finite"),
        ({"initial": {"X": [20, np.inf, 20]}}, "non_finite"),
        ({"initial": {"X": [20, -1, 20]}}, "negative_propensity"),
        ({"parameters": {"rate": [0.1, np.nan, 0.1]}}, "non_finite"),
    ],
    ids=["NaN", "infinite", "negative", "NaN parameter"],
)
def test_a_row_that_cannot_begin_keeps_nothing(
    kernel: str, wrong: dict[str, dict[str, list[float]]], status: str
) -> None:
    net = Network("start")
    net.species("X", 20)
    net.parameter("rate", 0.1)
    net.reaction("growth", "X -> 2 X", "rate*X")
    with pytest.warns(NumericalWarning, match=f"1 of 3 rows failed.*{status}"):
        out = simulate(net, DAYS, kernel, seed=1, **wrong)  # type: ignore[arg-type]
    assert out.status_names.tolist() == ["ok", status, "ok"]
    assert np.isnan(out["X"][1]).all()
    assert np.isfinite(out["X"][[0, 2]]).all()


@pytest.mark.parametrize("kernel", ["ssa", "tau_leap"])
def test_a_count_too_large_to_be_counted_does_not_begin(kernel: str) -> None:
    net = base()
    net.reaction("death", "X -> 0", "0*X")
    with pytest.warns(NumericalWarning, match="1 of 3 rows failed.*capacity"):
        out = simulate(net, DAYS, kernel, seed=1, initial={"X": [20, 2.0**53, 2.0**53 - 1]})
    assert out.status_names.tolist() == ["ok", "capacity", "ok"]
    assert np.isnan(out["X"][1]).all()
    assert (out["X"][2] == 2.0**53 - 1).all()


@pytest.mark.parametrize("kernel", ALL)
def test_many_failures_in_many_chunks_are_one_warning_that_names_the_first(kernel: str) -> None:
    bad = np.zeros(100)
    bad[[37, 70, 99]] = 1
    net = switched("X*(0.1 - S)")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = simulate(
            net, DAYS, kernel, n=2, seed=1, parameters={"bad": bad}, patients=1000 + np.arange(100)
        )
    assert len(caught) == 1
    assert "6 of 200 rows failed; the first: patient 1037, replicate 0" in str(caught[0].message)
    np.testing.assert_array_equal(out.ok, np.repeat(bad == 0, 2))


@pytest.mark.parametrize("kernel", ALL)
def test_a_count_is_never_taken_below_zero(kernel: str) -> None:
    """A rate that does not vanish with its reactant: 5 cells die, the sixth death is the network's fault."""
    net = base(5)
    net.reaction("harvest", "X -> 0", "10")
    with pytest.warns(NumericalWarning, match="negative_propensity"):
        out = simulate(net, [0, 20], kernel, seed=1)
    assert np.isnan(out["X"][0, 1])


@pytest.mark.parametrize("kernel", ["ssa", "hybrid"])
def test_the_cap_is_on_more_events_than_are_allowed(kernel: str) -> None:
    """Ten pairs leave by ten events: a cap of ten is kept, one of nine is not."""
    net = base(20)
    net.reaction("pairs", "2 X -> 0", "X*(X - 1)")
    make = {"ssa": SSA, "hybrid": Hybrid}[kernel]
    assert simulate(net, [0, 1e3], make(max_events=10), seed=1)["X"][0, -1] == 0
    with pytest.warns(NumericalWarning, match="event_budget"):
        simulate(net, [0, 1e3], make(max_events=9), seed=1)


def test_the_cap_on_steps_counts_those_that_were_refused() -> None:
    """A source that is opened and shut within a day, which long steps would pass over: some are refused."""
    net = base(20)
    net.reaction("division", "X -> 2 X", "0.3*X")
    net.reaction("death", "X -> 0", "X*(0.3 + 5*exp(-8*(time - 2)**2))")
    needed = simulate(net, [0, 4], Hybrid(), seed=1).statistics
    assert needed["rejections"][0] > 0
    most = int(needed["steps"][0] + needed["rejections"][0])
    for cap in range(1, most):
        with pytest.warns(NumericalWarning, match="max_steps"):
            out = simulate(net, [0, 4], Hybrid(max_steps=cap), seed=1)
        assert out.statistics["steps"][0] + out.statistics["rejections"][0] <= cap
        assert np.isnan(out["X"][0, 1])
    assert simulate(net, [0, 4], Hybrid(max_steps=most + 3), seed=1).ok.all()


def test_the_cap_on_events_counts_cells_that_are_followed_one_by_one() -> None:
    """Ten cells go to and fro a hundred times a day: a thousand moves, of which a cap of 20 allows few."""
    net = base(10)
    net.species("Y", 0)
    net.reaction("forth", "X -> Y", "100*X")
    net.reaction("back", "Y -> X", "100*Y")
    out = simulate(net, [0, 1], Hybrid(), seed=1)
    assert out["X"][0, 1] + out["Y"][0, 1] == 10
    with pytest.warns(NumericalWarning, match="event_budget"):
        out = simulate(net, [0, 1], Hybrid(max_events=20), seed=1)
    assert np.isnan(out["X"][0, 1])


def test_each_status_has_a_name_and_a_sentence_and_those_without_a_case_here_no_kernel_returns() -> None:
    values = {name: value for name, value in vars(codes).items() if isinstance(value, int)}
    assert sorted(values.values()) == list(range(len(codes.NAMES)))
    assert len(codes.SENTENCES) == len(codes.NAMES)
    assert all(codes.NAMES[value] == name.lower() for name, value in values.items())
    reached = {case.status for case in CASES.values()} | {"ok"}
    kernels = Path(codes.__file__).parent.glob("*.py")
    used = " ".join(path.read_text() for path in kernels if path.name != "status.py")
    for name in values:
        assert (name.lower() in reached) == (f" {name}" in used), name


def test_the_sentence_of_a_negative_rate_covers_chances_that_leave_one() -> None:
    """Where mutants are more than certain, what is left for a faithful daughter is below zero; single cells have no reaction of it."""
    sentence = codes.SENTENCES[codes.NEGATIVE_PROPENSITY]
    assert "negative rate or took a count below zero" in sentence
    assert "chances that add up to more than 1" in sentence
