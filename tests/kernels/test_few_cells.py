"""The hybrid kernel where a handful of cells decides, and chance acts within a step: daughters, counted reactions, triggers.

Every law is exact or that of the exact method. Statistical tests: n in each; 25 p-values, each bound 1e-6/25 = 4e-8; shares and means
elsewhere to five standard errors; seed 1.
With 10,000 runs a mean off by 6 standard errors is seen with probability 0.7, off by 7 with 0.95.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from sim.errors import NumericalWarning
from sim.network.network import Network
from sim.network.simulation import Hybrid, Kernel, simulate
from tests.kernels.laws import Law, distribution_p, negative_binomial_law, poisson_law, total_p
from tests.kernels.small_networks import network

pytestmark = pytest.mark.many_draws
FALSE_ALARM = 4e-8


def dying_parent(*, counted: bool, rate: float = 0.1) -> Network:
    """One parent that dies at 0.1 and has daughters at `rate`: their number is geometric."""
    net = Network("dying parent")
    net.species("X", 1)
    net.species("Y", 0)
    net.reaction("death", "X -> 0", "0.1*X")
    net.reaction("daughter", "X -> X + Y", f"{rate}*X")
    if counted:  # a form that makes Y be counted event by event, at no measurable rate
        net.reaction("pairs", "2 Y -> 0", "1e-9*Y*(Y - 1)")
    return net


@pytest.mark.parametrize("kernel", [Hybrid(), Hybrid(max_step=0.5)], ids=["long steps", "short steps"])
@pytest.mark.parametrize("counted", [False, True])
def test_the_daughters_of_a_dying_parent_are_geometric(counted: bool, kernel: Kernel) -> None:
    n = 10_000
    y = simulate(dying_parent(counted=counted), [0, 150], kernel, n=n, seed=1)["Y"][:, -1]
    law = negative_binomial_law(1, 1.0, n)
    assert total_p(y, law) > FALSE_ALARM
    assert distribution_p(y, law) > FALSE_ALARM
    wrong = negative_binomial_law(1, 1.15, n)
    assert min(total_p(y, wrong), distribution_p(y, wrong)) < FALSE_ALARM, "15 % more must fail"


def test_many_daughters_of_a_parent_are_geometric_too() -> None:
    """Ten in the mean: the parent's own life decides, not the Poisson number along a mean path."""
    n = 10_000
    y = simulate(dying_parent(counted=False, rate=1.0), [0, 150], "hybrid", n=n, seed=1)["Y"][:, -1]
    assert total_p(y, negative_binomial_law(1, 10.0, n)) > FALSE_ALARM
    assert abs(y.var() / 110 - 1) < 5.4 * np.sqrt(8 / n)
    assert y.var() > 5 * 10, "the variance of a Poisson number must fail"


def extinction_time(b: float, d: float) -> stats.rv_continuous:
    class Time(stats.rv_continuous):
        def _cdf(self, t: np.ndarray) -> np.ndarray:
            decay = np.exp(-(d - b) * t)
            return d * (1 - decay) / (d - b * decay)

    return Time(a=0)


def line() -> Network:
    net = Network("line")
    net.species("X", 1)
    net.reaction("division", "X -> 2 X", "0.1*X")
    net.reaction("death", "X -> 0", "0.3*X")
    net.event("extinct", when="X < 1", stop=True)
    return net


@pytest.mark.parametrize("kernel", ["ssa", "hybrid"])
def test_a_trigger_on_a_count_is_timed_within_a_save_interval(kernel: str) -> None:
    """Time of the death of the last cell: Kendall's law, by Kolmogorov-Smirnov; the only save is at the end.

    n = 5,000: distributions 0.042 apart are told apart; those of the control are 0.086 apart, power above 1 - 1e-10.
    """
    times = simulate(line(), [0, 500], kernel, n=5_000, seed=1).fired["extinct"]
    assert not np.isnan(times).any()
    assert stats.kstest(times, extinction_time(0.1, 0.3).cdf).pvalue > FALSE_ALARM
    assert stats.kstest(times, extinction_time(0.1, 0.24).cdf).pvalue < FALSE_ALARM, "20 % less must fail"


@pytest.mark.parametrize("kernel", ["ssa", pytest.param("hybrid", marks=pytest.mark.slow)])
def test_a_trigger_on_a_count_is_not_timed_by_the_grid_of_steps(kernel: str) -> None:
    """n = 20,000: distributions 0.021 apart are told apart; those of the control are 0.040 apart, power above 1 - 1e-8."""
    times = simulate(line(), [0, 500], kernel, n=20_000, seed=1).fired["extinct"]
    assert stats.kstest(times, extinction_time(0.1, 0.27).cdf).pvalue < FALSE_ALARM, "10 % less must fail"
    assert stats.kstest(times, extinction_time(0.1, 0.3).cdf).pvalue > FALSE_ALARM
    assert len(np.unique(times)) == len(times)


def rescued() -> Network:
    net = Network("rescue")
    net.species("X", 20)
    net.species("rescues", 0)
    net.reaction("division", "X -> 2 X", "0.1*X")
    net.reaction("death", "X -> 0", "0.2*X")
    net.event("rescue", when="X < 5", add={"X": 20, "rescues": 1})
    return net


@pytest.mark.parametrize(
    "saves", [[0, 50], pytest.param(list(range(51)), marks=pytest.mark.slow)], ids=["two saves", "daily"]
)
def test_how_often_a_trigger_fires_does_not_depend_on_the_saves(saves: list[float]) -> None:
    n = 4_000
    exact = simulate(rescued(), saves, "ssa", n=n, seed=1)["rescues"][:, -1]
    found = simulate(rescued(), saves, "hybrid", n=n, seed=1)["rescues"][:, -1]
    error = np.sqrt((exact.var() + found.var()) / n)
    assert abs(exact.mean() - found.mean()) < 5.5 * error
    assert exact.mean() > 2.5


def watched(limit: float, band: float = math.inf) -> Network:
    """Five cells that divide and die; they may pass a limit, or come into a band around it."""
    net = Network("watched")
    net.species("X", 5)
    net.reaction("division", "X -> 2 X", "0.3*X")
    net.reaction("death", "X -> 0", "0.2*X")
    when = f"X > {limit!r}" if band == math.inf else f"abs(X - {limit!r}) < {band!r}"
    net.event("many", when=when, stop=True)
    return net


def test_a_trigger_that_few_cells_cannot_reach_costs_no_steps() -> None:
    """Cells that may or may not pass a limit are looked at in short steps; those a million below it are not."""
    far, near = (
        simulate(watched(limit), [0, 20], Hybrid(tolerance=0.2), n=20, seed=1).statistics["steps"].mean()
        for limit in (1e6, 40.5)
    )
    assert near > 5 * far


def test_a_trigger_that_few_cells_may_reach_fires_as_often_as_it_should() -> None:
    """Share of 4,000 rows that pass 40 cells in twenty days, beside the direct method's: 5 standard errors and 0.01; 60 must fail."""
    n, bound = 4_000, 5 * np.sqrt(2 * 0.25 / 4_000) + 0.01
    exact, found, wrong = (
        np.isfinite(simulate(watched(limit), [0, 20], kernel, n=n, seed=1).fired["many"]).mean()
        for limit, kernel in ((40.5, "ssa"), (40.5, Hybrid(tolerance=0.2)), (60.5, Hybrid(tolerance=0.2)))
    )
    assert abs(found - exact) < bound
    assert abs(wrong - exact) > bound


def test_a_band_that_cells_pass_through_is_met() -> None:
    """Share of 4,000 rows that come within 3 of 40 cells, far from where they begin and end; the extremes of a step lie on either side."""
    n, bound = 4_000, 5 * np.sqrt(2 * 0.25 / 4_000) + 0.01
    exact, found = (
        np.isfinite(simulate(watched(40.0, 3.0), [0, 40], kernel, n=n, seed=1).fired["many"]).mean()
        for kernel in ("ssa", Hybrid(tolerance=0.2))
    )
    assert exact > 0.3
    assert abs(found - exact) < bound


def waiting(
    species: dict[str, float],
    reactions: list[tuple[str, str]],
    when: str,
    concentrations: tuple[str, ...] = (),
) -> Network:
    """Populations of which the first to meet a condition ends the row."""
    net = network(species, *reactions, concentrations=concentrations)
    net.event("met", when=when, stop=True)
    return net


def branching(*names: str, birth: float = 0.2, death: float = 0.2) -> list[tuple[str, str]]:
    return [
        pair for s in names for pair in ((f"{s} -> 2 {s}", f"{birth}*{s}"), (f"{s} -> 0", f"{death}*{s}"))
    ]


MET: dict[str, tuple[Network, float]] = {
    "a number": (waiting({"X": 5}, branching("X", birth=0.3), "X == 40"), 40.0),
    "a difference": (waiting({"X": 10, "Y": 20}, branching("X", "Y"), "abs(X - Y) < 0.5"), 20.0),
    "a sum": (waiting({"X": 5, "Y": 4}, branching("X", "Y"), "X + Y == 10"), 20.0),
    "signs of every kind": (
        waiting(
            dict.fromkeys("ABCD", 50), [pair for s in "ABCD" for pair in ((f"0 -> {s}", "5"), (f"{s} -> 0", f"0.1*{s}"))],
            "A + B - C - D > 30.5",
        ),
        50.0,
    ),
    "groups": (waiting({"X": 0}, [("0 -> 400 X", "0.2"), ("X -> 0", "X")], "X > 450.5"), 8.0),
}  # fmt: skip


@pytest.mark.parametrize("kernel", ["hybrid", "tau_leap"])
@pytest.mark.parametrize("name", MET)
def test_what_a_condition_waits_for_is_not_passed_over(name: str, kernel: str) -> None:
    """Share of 1,000 rows (200 of groups, which take many steps) that meet it, beside the direct method's: 5 standard errors.

    Where the extremes of a step alone are looked at, the share is off by 0.14 to 0.5.
    """
    (net, end), n = MET[name], 200 if name == "groups" else 1_000
    exact, found = (
        np.isfinite(simulate(net, [0, end], k, n=n, seed=1).fired["met"]).mean() for k in ("ssa", kernel)
    )
    assert abs(found - exact) < 5 * np.sqrt((exact * (1 - exact) + found * (1 - found)) / n)
    assert found > 0.1


IN_AND_OUT = [("0 -> X", "1"), ("X -> 0", "0.01*X")]


@pytest.mark.parametrize(
    "net",
    [
        waiting({"X": 100}, IN_AND_OUT, "X > 200 - 10*time"),
        waiting({"X": 100, "C": 200}, [*IN_AND_OUT, ("C -> 0", "10")], "X > C", ("C",)),
    ],
    ids=["with the time", "with a concentration"],
)
def test_a_threshold_that_moves_is_met_by_the_first_excursion(net: Network) -> None:
    """4,000 rows: mean and spread of the time, beside steps of a fiftieth of a day; where X is held within a step, 14 standard errors late."""
    short, found = (
        simulate(net, [0, 19], k, n=4_000, seed=1).fired["met"] for k in (Hybrid(max_step=0.02), "hybrid")
    )
    assert abs(found.mean() - short.mean()) < 5 * np.hypot(found.std(), short.std()) / np.sqrt(4_000)
    assert abs(found.std() / short.std() - 1) < 0.1


def test_a_population_that_is_gone_for_ever_is_not_waited_for() -> None:
    """Ten years in which nobody can come; the other population goes on."""
    net = waiting(
        {"X": 5, "Y": 1e6},
        [*branching("X", birth=0.1, death=0.3), ("Y -> 2 Y", "0.01*Y*(1 - Y/2e6)")],
        "X > 1000",
    )
    net.species("N", 0)
    net.event("extinct", when="X < 1", add={"N": 1})
    out = simulate(net, [0, 3650], "hybrid", n=20, seed=1)
    assert out.ok.all()
    assert (out["N"][:, -1] == 1).all()
    assert out.statistics["steps"].max() < 20_000


def test_a_visitor_who_brings_hundreds_ends_a_row_rather_than_pass_unseen() -> None:
    """One comes in 100 days and stays for a thousandth of one: `ssa` is the method for it. No row here says that nothing was to be seen."""
    visits = [("0 -> Z", "1e-2"), ("Z -> 0", "1000*Z"), ("Z -> Z + Y", "7e5*Z"), ("Y -> 0", "50*Y")]
    net = waiting({"Z": 0, "Y": 0}, visits, "Y > 400.5")
    exact = np.isfinite(simulate(net, [0, 100], "ssa", n=1_000, seed=1).fired["met"]).mean()
    assert 0.3 < exact < 0.6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        out = simulate(net, [0, 100], Hybrid(max_steps=5_000), n=10, seed=1)
    assert not (out.ok & ~np.isfinite(out.fired["met"])).any()


RISING: dict[str, tuple[dict[str, float], list[tuple[str, str]], str, list[float], Kernel | str]] = {
    "births": ({"X": 100}, [("0 -> X", "30"), ("X -> 0", "0.3*X"), ("X -> 2 X", "(0.001 + 0.05*time)*X")], "X > 1500.5", [0, 200], Hybrid(max_step=0.05)),
    "arrivals": ({"X": 0}, [("0 -> X", "0.01 + 20*time"), ("X -> 0", "0.3*X")], "X > 300.5", [0, 100], Hybrid(max_step=0.05)),
    "moves that make two of one": ({"X": 5, "Y": 5}, [("X -> 2 Y", "X"), ("Y -> 2 X", "Y")], "X + Y > 4000.5", [0, 30], "ssa"),
}  # fmt: skip


@pytest.mark.parametrize("name", RISING)
def test_a_threshold_is_met_where_rates_rise_within_a_long_step(name: str) -> None:
    """500 rows: mean time of a limit far above the cells of the start, to 5 standard errors of both; beside short steps or the direct method."""
    species, reactions, when, days, kernel = RISING[name]
    net = waiting(species, reactions, when)
    exact, found = (
        simulate(net, days, chosen, n=500, seed=1).fired["met"] for chosen in (kernel, Hybrid(tolerance=0.2))
    )
    assert np.isfinite(found).all()
    assert abs(found.mean() - exact.mean()) < 5 * np.hypot(found.std(), exact.std()) / np.sqrt(500)


def test_newcomers_of_a_source_that_opens_within_a_step_are_not_lost() -> None:
    net = Network("late")
    net.species("X", 0)
    net.reaction("arrival", "0 -> X", "where(time > 10, 1, 0)")
    x = simulate(net, [0, 20], "hybrid", n=4_000, seed=1)["X"][:, -1]
    assert distribution_p(x, poisson_law(10, 4_000)) > FALSE_ALARM
    assert distribution_p(x, poisson_law(9, 4_000)) < FALSE_ALARM


def test_newcomers_from_a_concentration_that_rises_from_nothing() -> None:
    """D comes from C by a linear chain: the mean number of cells is the integral of D."""
    net = Network("chain")
    net.species("C", 1.0, kind="concentration")
    net.species("D", 0.0, kind="concentration")
    net.species("X", 0)
    net.reaction("feed", "C -> D", "0.3*C")
    net.reaction("arrival", "0 -> X", "10*D")
    mean = 10 * (5 - (1 - np.exp(-1.5)) / 0.3)
    x = simulate(net, [0, 5], "hybrid", n=4_000, seed=1)["X"][:, -1]
    assert distribution_p(x, poisson_law(mean, 4_000)) > FALSE_ALARM


@pytest.mark.parametrize("amount", [1, 2, 3])
def test_groups_arrive_whole(amount: int) -> None:
    net = Network("groups")
    net.species("X", 0)
    net.reaction("arrival", "0 -> X" if amount == 1 else f"0 -> {amount} X", "0.7")
    x = simulate(net, [0, 4], "hybrid", n=4_000, seed=1)["X"][:, -1]
    assert np.all(x % amount == 0)
    assert distribution_p(x / amount, poisson_law(2.8, 4_000)) > FALSE_ALARM


def logistic(capacity: float = 20) -> Network:
    net = Network("logistic")
    net.species("X", 5)
    net.parameter("K", capacity)
    net.reaction("division", "X -> 2 X", "X*(1 - X/K)")
    net.reaction("death", "X -> 0", "0.1*X")
    return net


@pytest.mark.parametrize(
    ("tolerance", "bound"), [(0.02, 0.02), pytest.param(0.002, 0.006, marks=pytest.mark.slow)]
)
def test_a_rate_that_the_exact_method_never_meets_negative_fails_no_row(
    tolerance: float, bound: float
) -> None:
    """X stays at or below K = 20 event by event; a leap may not pass it. The law converges with the tolerance."""
    n = 4_000
    exact = simulate(logistic(), [0, 10], "ssa", n=n, seed=1)["X"][:, -1]
    out = simulate(logistic(), [0, 10], Hybrid(tolerance=tolerance), n=n, seed=1)
    assert out.ok.all()
    assert out["X"].max() <= 20
    assert abs(out["X"][:, -1].mean() / exact.mean() - 1) < bound
    assert np.abs(out["X"][:, -1].var() / exact.var() - 1) < 0.15


@pytest.mark.parametrize("kernel", ["ssa", "hybrid"])
def test_a_rate_that_a_single_event_makes_negative_is_a_status(kernel: str) -> None:
    """From 19 cells one division leads to 20, where the division rate is -0.5: the fault is the network's, in every kernel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        out = simulate(logistic(capacity=19.5), [0, 50], kernel, n=50, seed=1)
    assert np.mean(out.status_names == "negative_propensity") > 0.9
    assert np.isnan(out["X"][~out.ok, -1]).all()


def test_a_move_between_classes_within_a_counted_network_keeps_the_total() -> None:
    net = Network("closed")
    for name, start in {"A": 30, "B": 0, "C": 0}.items():
        net.species(name, start)
    net.reaction("forth", "A -> B", "0.4*A")
    net.reaction("back", "B -> A", "0.2*B")
    net.reaction("pair", "2 B -> 2 C", "0.01*B*(B - 1)")
    net.define("total", "A + B + C")
    out = simulate(net, np.linspace(0, 5, 6), "hybrid", n=500, seed=1)
    np.testing.assert_array_equal(out["total"], 30)


def test_conversion_into_two_doubles() -> None:
    """Activation M -> 2 E: 100 memory cells leave 2 Binomial(100, 1 - exp(-rate t)) effectors."""
    net = Network("activation")
    net.species("M", 100)
    net.species("E", 0)
    net.reaction("activation", "M -> 2 E", "0.05*M")
    out = simulate(net, [0, 10], "hybrid", n=4_000, seed=1)
    np.testing.assert_array_equal(out["E"][:, -1], 2 * (100 - out["M"][:, -1]))
    p = np.exp(-0.5)
    law = Law(stats.binom(100, p), stats.binom(400_000, p))
    assert total_p(out["M"][:, -1], law) > FALSE_ALARM
    assert distribution_p(out["M"][:, -1], law) > FALSE_ALARM
