"""The hybrid kernel where newcomers of a step act within it, exits compete, and chance feeds back: laws, with one save and with daily ones.

n in each test; a mean off by 5 standard errors fails, which chance does once in two million; seed 1. What these tests must catch was
wrong by tens of standard errors, up to many orders of magnitude, when a step was bounded by the state at its start alone.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.network.network import Network
from sim.network.simulation import Hybrid, simulate
from tests.kernels.small_networks import network

SAVES = {"one save": lambda end: [0.0, end], "daily": lambda end: list(np.arange(0.0, end + 0.5))}


def off(net: Network, name: str, exact: float, end: float, saves: str, n: int = 10_000) -> float:
    """Deviation of a mean at the end, in standard errors."""
    x = simulate(net, SAVES[saves](end), Hybrid(), n=n, seed=1)[name][:, -1]
    return float(abs(x.mean() - exact) / (x.std() / np.sqrt(n)))


pytestmark = pytest.mark.many_draws


def variance_off(x: np.ndarray, exact: float) -> float:
    """Deviation of a variance, in standard errors by the fourth moment."""
    squares = (x - x.mean()) ** 2
    return float(abs(squares.mean() - exact) / (squares.std() / np.sqrt(len(x))))


both = pytest.mark.parametrize("saves", list(SAVES))


@both
@pytest.mark.parametrize("backwards", [False, True])
def test_daughters_of_newcomers_do_not_depend_on_the_order_of_reactions(backwards: bool, saves: str) -> None:
    """Mean of D: 10 * 0.3 * 0.1 * (10/3 - (1 - exp(-30))/9) = 0.9667; a hundredth part more newcomers is not seen, a fifth more is."""
    reactions = [("W -> W + M", "0.3*W"), ("M -> M + D", "0.1*M"), ("M -> 0", "3*M")]
    net = network({"W": 10, "M": 0, "D": 0}, *(reversed(reactions) if backwards else reactions))
    exact = 10 * 0.3 * 0.1 * (10 / 3 - (1 - np.exp(-30.0)) / 9)
    assert off(net, "D", exact, 10.0, saves) < 5
    assert off(net, "D", 1.2 * exact, 10.0, saves) > 5


@both
@pytest.mark.parametrize("death", [10, 45])
def test_newcomers_that_die_at_once_bring_no_more_than_their_due(death: int, saves: str) -> None:
    """B hardly lives, and A grows by what it brings: 10 exp(0.3 * 0.1/d * 3) but for the start-up of B."""
    net = network(
        {"A": 10, "B": 0}, ("A -> A + B", "0.3*A"), ("B -> B + A", "0.1*B"), ("B -> 0", f"{death}*B")
    )
    assert off(net, "A", 10 * np.exp(0.09 / death), 3.0, saves) < 5


@both
@pytest.mark.parametrize(("death", "exact"), [(0.0, 28.5), (0.5, 23.04), (8.0, 5.94)])
def test_immigrants_convert_within_the_step(death: float, exact: float, saves: str) -> None:
    """D = 3 * 2/k * (t - (1 - exp(-k t))/k) with k = 2 + death."""
    net = network({"M": 0, "D": 0}, ("0 -> M", "3"), ("M -> D", "2*M"), ("M -> 0", f"{death}*M"))
    assert off(net, "D", exact, 10.0, saves) < 5
    assert off(net, "D", 1.1 * exact, 10.0, saves) > 5


@both
@pytest.mark.parametrize("rates", [(10, 10), (10, 1), (1, 10), (0.1, 0.1)])
def test_exits_of_one_population_share_its_cells_by_their_rates(
    rates: tuple[float, float], saves: str
) -> None:
    """100 cells, none left to speak of (or all but so): A takes its part, whichever exit is declared first."""
    first, second = rates
    net = network({"X": 100, "A": 0, "B": 0}, ("X -> A", f"{first}*X"), ("X -> B", f"{second}*X"))
    exact = 100 * first / (first + second) * (1 - np.exp(-(first + second) * 10))
    assert off(net, "A", exact, 10.0, saves) < 5
    assert off(net, "A", 1.05 * exact, 10.0, saves) > 5


@both
@pytest.mark.parametrize("death", [1.0, 100.0, 1e4])
def test_a_population_that_dies_at_once_takes_no_chance_from_the_one_it_comes_from(
    death: float, saves: str
) -> None:
    """X divides at 1.2 and leaves at 1; extinct by day 10 with (d (g - 1)/(b g - d))^5, g = exp(2); whatever becomes of Y."""
    net = network({"X": 5, "Y": 0}, ("X -> 2 X", "1.2*X"), ("X -> Y", "X"), ("Y -> 0", f"{death}*Y"))
    n, grown = 10_000, np.exp(2.0)
    exact = ((grown - 1) / (1.2 * grown - 1)) ** 5
    extinct = (simulate(net, SAVES[saves](10.0), Hybrid(), n=n, seed=1)["X"][:, -1] == 0).mean()
    error = np.sqrt(exact * (1 - exact) / n)
    assert abs(extinct - exact) < 5 * error
    assert abs(extinct - (exact + 0.05)) > 5 * error


@pytest.mark.slow
def test_fluctuations_of_a_population_that_limits_itself_have_their_size() -> None:
    """Birth 1, death X/200: variance of 10,000 runs against the linear-noise value 200 and its first correction; SE 1.4 %.

    The exact method gives 208 (n = 10,000, SE 3); an error of 15 % is seen with probability above 0.99. It was 25 %.
    """
    net = network({"X": 200}, ("X -> 2 X", "X"), ("X -> 0", "X*X/200"))
    x = simulate(net, [0, 20], Hybrid(), n=10_000, seed=1)["X"][:, -1]
    assert abs(x.var() / 208 - 1) < 0.07


@pytest.mark.parametrize("tolerance", [0.02, 0.1])
def test_a_concentration_feels_the_chance_of_the_cells_that_make_it(tolerance: float) -> None:
    """dB/dt = X/10 from ten critical cells, birth = death = 0.3: var B(20) = 0.01 * 0.6 * 10 * 20^3/3 = 160.

    The standard error of the variance is taken from the fourth moment, near 1 %. With the mean course of each step alone it was 144.
    """
    net = network(
        {"X": 10, "B": 0},
        ("X -> 2 X", "0.3*X"),
        ("X -> 0", "0.3*X"),
        ("0 -> B", "0.1*X"),
        concentrations=("B",),
    )
    b = simulate(net, [0, 20], Hybrid(tolerance=tolerance), n=40_000, seed=1)["B"][:, -1]
    assert variance_off(b, 160) < 5
    assert variance_off(b, 144) > 5


@pytest.mark.parametrize(
    "speed", [0.1, *(pytest.param(speed, marks=pytest.mark.slow) for speed in (10.0, 1e4))]
)
def test_a_fast_concentration_follows_the_cells_it_waits_for_and_no_more(speed: float) -> None:
    """dY/dt = k (X - Y) from critical cells: var Y(20) by the integral of exp(-k ...) over the covariance 6 min(s, u) of X.

    v = 6 k^2 * integral over s and u of exp(-k (2 T - s - u)) min(s, u) = 6 (T - (3 - 4 exp(-k T) + exp(-2 k T))/(2 k)).
    """
    net = network(
        {"X": 10, "Y": 10}, ("X -> 2 X", "0.3*X"), ("X -> 0", "0.3*X"), ("0 -> Y", f"{speed}*X"), ("Y -> 0", f"{speed}*Y"),
        concentrations=("Y",),
    )  # fmt: skip
    y = simulate(net, [0, 20], Hybrid(), n=20_000, seed=1)["Y"][:, -1]
    exact = 6 * (20 - (3 - 4 * np.exp(-speed * 20) + np.exp(-2 * speed * 20)) / (2 * speed))
    assert variance_off(y, exact) < 5
    assert y.min() >= 0.0


@pytest.mark.slow
def test_pairs_that_come_and_cells_that_meet() -> None:
    """0 -> 2 X at 3 and 2 X -> X at 0.05 X (X - 1): variance on day 20 by the matrix exponential of the chain, 8.144."""
    net = network({"X": 10}, ("2 X -> X", "0.05*X*(X - 1)"), ("0 -> 2 X", "3"))
    x = simulate(net, [0, 20], Hybrid(), n=10_000, seed=1)["X"][:, -1]
    error = 8.144 * np.sqrt(2 / 10_000)
    assert abs(x.var() - 8.144) < 5 * error
    assert abs(x.mean() - 11.088) < 5 * np.sqrt(8.144 / 10_000)


@pytest.mark.parametrize("days", [[0, 100], [0, 28, 56, 84, 100]], ids=["one save", "monthly"])
def test_rare_movers_found_their_lines_at_their_own_time(days: list[float]) -> None:
    """One of 1e5 moves a day, into a population that dies out: P(Y = 0) = 0.8463 by the backward equations; it was 0.797."""
    net = network(
        {"X": 1000, "Y": 0}, ("X -> 2 X", "0.1*X"), ("X -> 0", "0.1*X"), ("X -> Y", "1e-5*X"), ("Y -> 2 Y", "0.1*Y"),
        ("Y -> 0", "0.12*Y"),
    )  # fmt: skip
    n, exact = 20_000, 0.8463
    empty = (simulate(net, days, Hybrid(), n=n, seed=1)["Y"][:, -1] == 0).mean()
    error = np.sqrt(exact * (1 - exact) / n)
    assert abs(empty - exact) < 5 * error
    assert abs(empty - 0.82) > 5 * error


@both
def test_immigrants_that_seldom_convert_do_so_while_they_live(saves: str) -> None:
    """X comes at 100, dies at 5 and converts at 1e-3 into Y, which doubles: P(Y = 0) = 0.8905 on day 6."""
    net = network(
        {"X": 0, "Y": 0}, ("0 -> X", "100"), ("X -> 0", "5*X"), ("X -> Y", "1e-3*X"), ("Y -> 2 Y", "Y")
    )
    n, exact = 20_000, 0.8905
    empty = (simulate(net, SAVES[saves](6.0), Hybrid(), n=n, seed=1)["Y"][:, -1] == 0).mean()
    error = np.sqrt(exact * (1 - exact) / n)
    assert abs(empty - exact) < 5 * error
    assert abs(empty - 0.8705) > 5 * error


@pytest.mark.parametrize("death", [300.0, 1e3])
def test_immigrants_that_die_at_once_are_there_nonetheless(death: float) -> None:
    """A thousand on average, whatever the step; with 64 parts a step there was none."""
    net = network({"X": 0}, ("0 -> X", f"{1000 * death}"), ("X -> 0", f"{death}*X"))
    assert off(net, "X", 1000, 10.0, "one save", n=1000) < 5


def test_batches_arrive_at_one_time() -> None:
    """Four at once, birth 1, death 0.2: variance on day 5 by the moment equations, 40,572; it was 38,000 with a time for each."""
    net = network({"X": 0}, ("0 -> 4 X", "1"), ("X -> 2 X", "X"), ("X -> 0", "0.2*X"))
    x = simulate(net, [0, 5], Hybrid(), n=40_000, seed=1)["X"][:, -1]
    assert variance_off(x, 40_572) < 5


@pytest.mark.parametrize("tolerance", [0.1, 0.2])
def test_a_concentration_feels_whether_the_first_cell_has_come(tolerance: float) -> None:
    """X comes at 0.1 and dies at 0.1, C is its integral: var C(20) = 108.3; it was 89 where an empty population was not felt."""
    net = network(
        {"X": 0, "C": 0}, ("0 -> X", "0.1"), ("X -> 0", "0.1*X"), ("0 -> C", "X"), concentrations=("C",)
    )
    c = simulate(net, [0, 20], Hybrid(tolerance=tolerance), n=20_000, seed=1)["C"][:, -1]
    assert variance_off(c, 108.3) < 5
    assert variance_off(c, 95) > 5


@pytest.mark.parametrize("tolerance", [0.1, 0.2])
def test_no_row_fails_where_cells_and_their_growth_factor_feed_each_other(tolerance: float) -> None:
    """A saturating rate has a pole at negative concentrations; one row in a hundred was taken there by the probe."""
    net = network(
        {"X": 0, "C": 0}, ("0 -> X", "0.2"), ("X -> 2 X", "0.8*C/(2 + C)*X"), ("X -> 0", "0.3*X"), ("0 -> C", "X"),
        ("C -> 0", "0.5*C"), concentrations=("C",),
    )  # fmt: skip
    assert simulate(net, [0, 10], Hybrid(tolerance=tolerance), n=20_000, seed=1).ok.all()
