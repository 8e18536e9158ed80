"""Events in all three kernels: when they fire, in which order, and what they do.

Without reactions every kernel must give the same, exact answer; `quiet` networks make most cases. Where something moves, the answer
is a closed form or a law, whose test says n and what it can see.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from sim.network.network import Network
from sim.network.simulation import ODE, Hybrid, simulate
from tests.kernels.laws import binomial_law, total_p

KERNELS = ("ode", "ssa", "tau_leap", "hybrid")
every_kernel = pytest.mark.parametrize("kernel", KERNELS)
with_concentrations = pytest.mark.parametrize(
    "kernel", [ODE(rtol=1e-9, atol=1e-9), Hybrid(rtol=1e-8, atol=1e-9)], ids=["ode", "hybrid"]
)


def quiet(**species: float) -> Network:
    net = Network("quiet")
    for name, start in species.items():
        net.species(name, start)
    net.parameter("none", 0.0)
    net.reaction("never", f"{next(iter(species))} -> 0", f"none*{next(iter(species))}")
    return net


def course(net: Network, t: Any, kernel: Any, name: str = "X") -> list[float]:
    out = simulate(net, t, kernel, seed=1)
    assert out.ok.all()
    return [float(value) for value in out[name][0]]


# -- when -------------------------------------------------------------------------------------------------------------------


@every_kernel
@pytest.mark.parametrize("moment", [1 / 3, 5.0, 1e-9, 7.123456789])
def test_a_timed_event_fires_at_its_time_to_the_last_bit(kernel: str, moment: float) -> None:
    net = quiet(X=10)
    net.event("dose", at=moment, add={"X": 5})
    out = simulate(net, [0, 10], kernel)
    assert out.fired["dose"][0] == moment
    assert out["X"][0, -1] == 15


@every_kernel
def test_two_moments_that_only_rounding_tells_apart_are_two_events(kernel: str) -> None:
    """The later sees what the earlier has done, and a net that moves is no farther by then."""
    later = np.nextafter(5, 9)
    net = quiet(X=10, Y=0)
    net.reaction("death", "Y -> 0", "0.1*Y")
    net.event("later", at=later, set={"Y": "X"})
    net.event("earlier", at=5, add={"X": 5})
    out = simulate(net, [0, 5, 6], kernel, seed=1)
    assert (out.fired["earlier"][0], out.fired["later"][0]) == (5, later)
    np.testing.assert_array_equal(out["X"][0], [10, 15, 15])
    assert out["Y"][0, 1] == 0
    assert 5 <= out["Y"][0, 2] <= 15


@every_kernel
def test_a_save_at_the_event_shows_the_state_after_it_and_its_neighbours_what_they_should(
    kernel: str,
) -> None:
    net = quiet(X=10)
    net.event("dose", at=5, add={"X": 5})
    saves = [0, np.nextafter(5, 0), 5, np.nextafter(5, 9), 6]
    assert course(net, saves, kernel) == [10, 10, 15, 15, 15]


@every_kernel
def test_events_before_the_run_are_past_and_one_at_its_start_fires(kernel: str) -> None:
    net = quiet(X=10)
    net.event("past", at=-3, add={"X": 100})
    net.event("now", at=-2, add={"X": 1})
    net.event("last", at=4, add={"X": 2})
    net.event("after", at=4.5, add={"X": 1000})
    out = simulate(net, [-2, 0, 4], kernel)
    np.testing.assert_array_equal(out["X"][0], [11, 11, 13])
    assert np.isnan(out.fired["past"][0])
    assert out.fired["now"][0] == -2
    assert np.isnan(out.fired["after"][0])


@every_kernel
def test_each_row_has_its_own_times(kernel: str) -> None:
    net = quiet(X=10)
    net.parameter("t_dose", 1.0)
    net.event("dose", at="2*t_dose", add={"X": "t_dose"})
    out = simulate(net, [0, 3, 5, 9], kernel, parameters={"t_dose": [1.0, 2.0, 4.0, np.inf]})
    np.testing.assert_array_equal(out["X"], [[10, 11, 11, 11], [10, 10, 12, 12], [10, 10, 10, 14], [10] * 4])
    np.testing.assert_array_equal(out.fired["dose"], [2, 4, 8, np.nan])


@with_concentrations
def test_a_timed_event_cuts_the_course_where_it_belongs(kernel: Any) -> None:
    """Decay at 0.3 with a dose at 10/3: a dose at another time would leave another amount."""
    net = Network("dose")
    net.species("C", 8.0, kind="concentration")
    net.reaction("decay", "C -> 0", "0.3*C")
    net.event("dose", at=10 / 3, add={"C": 5})
    out = simulate(net, [0, 3, 4, 10], kernel)
    t = np.array([0, 3, 4, 10.0])
    exact = 8 * np.exp(-0.3 * t) + np.where(t > 3.3, 5 * np.exp(-0.3 * (t - 10 / 3)), 0)
    np.testing.assert_allclose(out["C"][0], exact, rtol=1e-7)


@pytest.mark.many_draws
@pytest.mark.parametrize("kernel", ["ssa", "hybrid"])
def test_a_dose_into_dying_cells_leaves_the_law_of_both(kernel: str) -> None:
    """60 cells from day 0 and 40 from day 4/3: n = 20,000, bound 1e-8; a dose half a day late is off by 30 standard errors."""
    n = 20_000
    net = Network("dose")
    net.species("X", 60)
    net.reaction("death", "X -> 0", "0.4*X")
    net.event("dose", at=4 / 3, add={"X": 40})
    x = simulate(net, [0, 3], kernel, n=n, seed=1)["X"][:, 1]

    def two_sided(moment: float) -> float:
        p, q = np.exp(-1.2), np.exp(-0.4 * (3 - moment))
        mean, variance = 60 * p + 40 * q, 60 * p * (1 - p) + 40 * q * (1 - q)
        return float(2 * stats.norm.sf(abs(x.mean() - mean) / np.sqrt(variance / n)))

    assert two_sided(4 / 3) > 1e-8
    assert two_sided(4 / 3 + 0.5) < 1e-8
    p, q = np.exp(-1.2), np.exp(-0.4 * 5 / 3)
    assert abs(x.var() / (60 * p * (1 - p) + 40 * q * (1 - q)) - 1) < 5.8 * np.sqrt(2 / n)


@with_concentrations
def test_a_trigger_is_located_on_the_course_each_time_it_rises(kernel: Any) -> None:
    """Decay at 0.1 from 100, refilled to 50 below 20: at 10 ln 5 first, then each 10 ln 2.5."""
    net = Network("refill")
    net.species("C", 100.0, kind="concentration")
    net.species("last", 0.0, kind="concentration")
    net.species("number", 0.0, kind="concentration")
    net.reaction("decay", "C -> 0", "0.1*C")
    net.event("refill", when="C < 20", set={"C": 50, "last": "time"}, add={"number": 1})
    out = simulate(net, [0, 16, 17, 100], kernel)
    moments = 10 * np.log(5) + 10 * np.log(2.5) * np.arange(20)
    number = int((moments < 100).sum())
    np.testing.assert_array_equal(out["number"][0], [0, 0, 1, number])
    np.testing.assert_allclose(out.fired["refill"][0], moments[0], rtol=1e-6)
    np.testing.assert_allclose(out["last"][0, -1], moments[number - 1], rtol=1e-5)


@with_concentrations
def test_a_trigger_by_the_clock_is_timed(kernel: Any) -> None:
    net = Network("clock")
    net.species("C", 1.0, kind="concentration")
    net.reaction("decay", "C -> 0", "0.01*C")
    net.event("late", when="time > 3.7", set={"C": 9})
    out = simulate(net, [0, 3.6, 3.8, 20], kernel)
    assert out.fired["late"][0] == pytest.approx(3.7, abs=1e-9)
    assert out["C"][0, 1] < 1
    assert out["C"][0, 2] == pytest.approx(9 * np.exp(-0.001), rel=1e-6)


@with_concentrations
def test_of_two_triggers_within_a_step_the_first_fires_first(kernel: Any) -> None:
    """The earlier one puts the level back, so that the later one comes by so much later."""
    net = Network("two")
    net.species("C", 0.0, kind="concentration")
    net.reaction("rise", "0 -> C", "1")
    net.event("high", when="C > 5", stop=True)
    net.event("low", when="C > 4.9", set={"C": 1})
    net.event("again", when="C > 4.95", set={"C": 100})
    out = simulate(net, [0, 30], kernel)
    assert out.fired["low"][0] == pytest.approx(4.9, abs=1e-8)
    assert np.isnan(out.fired["high"][0])
    assert np.isnan(out.fired["again"][0])


# -- in which order ---------------------------------------------------------------------------------------------------------


@every_kernel
def test_events_of_one_moment_fire_as_declared_each_seeing_the_last(kernel: str) -> None:
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        effects = [{"set": {"X": "2*X"}}, {"add": {"X": 3}}, {"set": {"X": "X*X"}}]
        net, x = quiet(X=4), 4.0
        for k in order:
            net.event(f"e{k}", at=2, **effects[k])
            x = [2 * x, x + 3, x * x][k]
        assert course(net, [0, 2, 3], kernel) == [4, x, x]


@every_kernel
def test_a_trigger_that_an_event_raises_fires_at_once_and_sees_what_was_declared_between(kernel: str) -> None:
    net = quiet(X=1, Y=0)
    net.event("late reaction", when="X > 5", set={"Y": "X"})
    net.event("first", at=2, set={"X": 10})
    net.event("second", at=2, set={"X": 20})
    out = simulate(net, [0, 2, 3], kernel)
    # the trigger's turn comes again when both timed ones have had theirs
    np.testing.assert_array_equal(out["Y"][0], [0, 20, 20])
    assert out.fired["late reaction"][0] == 2


@every_kernel
def test_a_chain_of_triggers_runs_down_in_one_moment(kernel: str) -> None:
    net = quiet(**{f"S{k}": 0 for k in range(6)})
    for k in reversed(range(5)):  # each finds its cause only in the next visit
        net.event(f"from {k}", when=f"S{k} > 0", set={f"S{k + 1}": 1})
    net.event("start", at=1, set={"S0": 1})
    out = simulate(net, [0, 1], kernel)
    assert out["S5"][0, 1] == 1
    assert all(out.fired[f"from {k}"][0] == 1 for k in range(5))


@every_kernel
def test_within_an_event_all_values_are_of_the_state_before_it(kernel: str) -> None:
    net = quiet(X=3, Y=7)
    net.event("swap", at=1, set={"X": "Y", "Y": "X"})
    net.event("sum", at=2, add={"X": "Y", "Y": "X"})
    out = simulate(net, [0, 1, 2], kernel)
    np.testing.assert_array_equal(out["X"][0], [3, 7, 10])
    np.testing.assert_array_equal(out["Y"][0], [7, 3, 10])


@every_kernel
def test_surviving_setting_and_adding_in_one_event_take_no_notice_of_each_other(kernel: str) -> None:
    net = quiet(X=8, Y=6, Z=4)
    net.event("all", at=1, add={"X": "Y + Z"}, set={"Y": "X"}, survive={"Z": "where(X > 9, 1, 0)"})
    out = simulate(net, [0, 1], kernel)
    assert [out[name][0, 1] for name in "XYZ"] == [18, 8, 0]


# -- whether ----------------------------------------------------------------------------------------------------------------


@every_kernel
def test_if_is_asked_at_the_moment_and_a_moment_that_has_passed_does_not_come_back(kernel: str) -> None:
    net = quiet(X=10)
    net.event("not yet", at=1, add={"X": 100}, if_="X > 15")
    net.event("more", at=2, add={"X": 10})
    net.event("now", at=2, add={"X": 1}, if_="X > 15")
    net.event("not any more", when="X > 15", add={"X": 1000}, if_="X < 15")
    out = simulate(net, [0, 1, 2, 3], kernel)
    np.testing.assert_array_equal(out["X"][0], [10, 10, 21, 21])
    assert np.isnan(out.fired["not yet"][0])
    assert np.isnan(out.fired["not any more"][0])


@every_kernel
def test_if_sees_what_earlier_events_of_the_same_moment_did(kernel: str) -> None:
    net = quiet(X=10)
    net.event("lower", at=2, set={"X": 1})
    net.event("dose", at=2, add={"X": 7}, if_="X < 5")
    assert course(net, [0, 2], kernel) == [10, 8]


@every_kernel
def test_stop_holds_the_state_and_passes_over_what_is_declared_after_it(kernel: str) -> None:
    net = quiet(X=10)
    net.event("before", at=2, add={"X": 1})
    net.event("end", at=2, set={"X": "X + 5"}, stop=True)
    net.event("after", at=2, add={"X": 100})
    net.event("later", at=3, add={"X": 1000})
    out = simulate(net, [0, 1, 2, 3, 4], kernel)
    assert out.ok.all()
    np.testing.assert_array_equal(out["X"][0], [10, 10, 16, 16, 16])
    assert np.isnan(out.fired["after"][0])
    assert np.isnan(out.fired["later"][0])


@every_kernel
def test_a_stop_holds_what_moved(kernel: str) -> None:
    net = Network("held")
    net.species("X", 1000)
    net.define("clock", "X + time")
    net.reaction("death", "X -> 0", "0.1*X")
    net.event("end", at=2.5, stop=True)
    out = simulate(net, [0, 2.5, 5, 7], kernel, seed=1)
    assert np.all(out["X"][0, 1:] == out["X"][0, 1])
    assert 700 < out["X"][0, 1] < 850
    np.testing.assert_allclose(out["clock"][0], out["X"][0] + [0, 2.5, 5, 7])


@every_kernel
def test_an_event_at_the_start_that_stops_holds_all(kernel: str) -> None:
    net = quiet(X=10)
    net.event("end", at=0, set={"X": 3}, stop=True)
    assert course(net, [0, 1, 2], kernel) == [3, 3, 3]


@every_kernel
def test_a_trigger_true_at_the_start_waits_until_it_has_been_false(kernel: str) -> None:
    net = quiet(X=10, Y=0)
    net.event("high", when="X > 5", add={"Y": 1})
    net.event("down", at=2, set={"X": 0})
    net.event("up", at=3, set={"X": 9})
    net.event("further up", at=4, set={"X": 12})
    net.event("down again", at=5, set={"X": 1})
    net.event("up again", at=6, set={"X": 6})
    assert course(net, [0, 1, 2, 3, 4, 5, 6, 7], kernel, "Y") == [0, 0, 0, 1, 1, 1, 2, 2]


@every_kernel
def test_a_trigger_that_ends_its_own_cause_is_ready_again(kernel: str) -> None:
    net = quiet(X=1, Y=0)
    net.event("empty", when="X > 5", set={"X": 0}, add={"Y": 1})
    for k in range(1, 5):
        net.event(f"fill {k}", at=k, set={"X": 10})
    assert course(net, [0, 1.5, 2.5, 4.5], kernel, "Y") == [0, 1, 2, 4]


@every_kernel
def test_a_trigger_that_fell_and_rose_within_one_moment_fires_again(kernel: str) -> None:
    """10, emptied to 0, filled to 10 again at the same time: the condition has changed from false to true twice."""
    net = quiet(X=1, Y=0)
    net.event("fill", at=2, set={"X": 10})
    net.event("empty", when="X > 5", set={"X": 0}, add={"Y": 1})
    net.event("fill again", at=2, set={"X": 10})
    out = simulate(net, [0, 2, 3], kernel)
    assert out["Y"][0, -1] == 2
    assert out["X"][0, -1] == 0


@every_kernel
def test_only_the_first_time_is_told(kernel: str) -> None:
    net = quiet(X=1, Y=0)
    net.event("high", when="X > 5", set={"Y": "time"})
    for k, x in enumerate([9, 0, 9, 0, 9], start=1):
        net.event(f"set {k}", at=k, set={"X": x})
    out = simulate(net, [0, 10], kernel)
    assert out.fired["high"][0] == 1
    assert out["Y"][0, 1] == 5


# -- what they do to counts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["ssa", "hybrid"])
def test_amounts_of_counts_are_rounded_to_whole_cells(kernel: str) -> None:
    net = quiet(X=10, Y=10)
    net.event("dose", at=1, add={"X": 2.4}, set={"Y": 3.6})
    out = simulate(net, [0, 1], kernel)
    assert (out["X"][0, 1], out["Y"][0, 1]) == (12, 4)


def test_the_mean_field_takes_amounts_as_they_are() -> None:
    net = quiet(X=10, Y=10)
    net.event("dose", at=1, add={"X": 2.4}, survive={"Y": 0.25})
    out = simulate(net, [0, 1], "ode")
    np.testing.assert_allclose([out["X"][0, 1], out["Y"][0, 1]], [12.4, 2.5], rtol=1e-12)


@pytest.mark.many_draws
@pytest.mark.parametrize("kernel", ["ssa", "hybrid"])
@pytest.mark.parametrize(("cells", "share"), [(1, 0.5), (40, 1e-2), (10**6, 1e-6), (10**12, 3e-12)])
def test_survival_is_binomial_from_one_cell_to_all(kernel: str, cells: int, share: float) -> None:
    """n = 10,000; 8 laws, bound 1e-8 each; 13 % more survivors is off by 8 to 22 standard errors."""
    n = 10_000
    net = quiet(X=cells)
    net.event("chemo", at=1, survive={"X": share})
    x = simulate(net, [0, 1], kernel, n=n, seed=1)["X"][:, 1]
    assert total_p(x, binomial_law(cells, share, n)) > 1e-8
    assert total_p(x, binomial_law(cells, 1.13 * share, n)) < 1e-8


@every_kernel
@pytest.mark.parametrize(("share", "left"), [(0, 0), (1, 50)])
def test_none_and_all_survive_exactly(kernel: str, share: float, left: float) -> None:
    net = quiet(X=50)
    net.event("chemo", at=1, survive={"X": share})
    assert course(net, [0, 1], kernel) == [50, left]
