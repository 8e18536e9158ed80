"""The exact method against laws in closed form and against master equations.

Statistical tests: n = 20,000 and seed 1; some 30 p-values, each bound 3e-8, so 1e-6 together. A mean off by 5.5 standard errors is
just seen, one off by 7.5 with probability 0.97; each test's control is off by more, and says by how much.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from sim.errors import NumericalWarning
from sim.network.network import Network
from sim.network.simulation import SSA, simulate
from tests.kernels.laws import (
    Law,
    binomial_law,
    distribution_p,
    negative_binomial_law,
    poisson_law,
    total_p,
    variance_p,
)

pytestmark = pytest.mark.many_draws
N = 20_000
FALSE_ALARM = 3e-8


def least_p(values: np.ndarray, law: Law) -> float:
    """Return the least p-value of total, variance and distribution, times three."""
    return 3 * float(min(total_p(values, law), variance_p(values, law), distribution_p(values, law)))


def frequencies_p(values: np.ndarray, states: np.ndarray, law: np.ndarray) -> float:
    """Return the p-value of chi-square on the states, those that are rare together."""
    assert set(np.unique(values)) <= set(states)
    observed = np.array([(values == state).sum() for state in states], dtype=float)
    expected = law / law.sum() * len(values)
    common = expected >= 25
    observed, expected = (np.append(v[common], v[~common].sum()) for v in (observed, expected))
    keep = expected > 1e-9
    return float(stats.chisquare(observed[keep], expected[keep], sum_check=False).pvalue)


def one_species(x: float, **reactions: tuple[str, str]) -> Network:
    net = Network("one")
    net.species("X", x)
    for name, (change, rate) in reactions.items():
        net.reaction(name, change, rate)
    return net


def test_pure_death_leaves_a_binomial_number_at_every_save() -> None:
    net = one_species(50, death=("X -> 0", "0.2*X"))
    out = simulate(net, [0, 1, 4, 9], "ssa", n=N, seed=1)["X"]
    for j, t in enumerate([1, 4, 9], start=1):
        assert least_p(out[:, j], binomial_law(50, np.exp(-0.2 * t), N)) > FALSE_ALARM
        wrong = binomial_law(50, np.exp(-0.21 * t), N)  # at day 1 the mean is off by 15 standard errors
        assert least_p(out[:, j], wrong) < FALSE_ALARM, "5 % more deaths must fail"


def test_events_without_effect_do_not_disturb_the_waiting() -> None:
    """Waiting has no memory: what is broken off by a timed event is drawn anew."""
    net = one_species(50, death=("X -> 0", "0.2*X"))
    for k in range(40):
        net.event(f"nothing {k}", at=0.1 * k + 0.05, add={"X": 0})
    x = simulate(net, [0, 4], "ssa", n=N, seed=1)["X"][:, 1]
    assert least_p(x, binomial_law(50, np.exp(-0.8), N)) > FALSE_ALARM


def test_immigration_and_death_is_poisson_on_its_way_and_when_it_has_arrived() -> None:
    net = one_species(0, arrival=("0 -> X", "2"), death=("X -> 0", "0.5*X"))
    out = simulate(net, [0, 1, 30], "ssa", n=N, seed=1)["X"]
    for j, mean in ((1, 4 * (1 - np.exp(-0.5))), (2, 4.0)):
        assert least_p(out[:, j], poisson_law(mean, N)) > FALSE_ALARM
        assert least_p(out[:, j], poisson_law(1.08 * mean, N)) < FALSE_ALARM, "8 %: 7 to 11 standard errors"


def test_the_stationary_process_forgets_at_the_rate_of_death() -> None:
    """Correlation exp(-d s) between two moments; its standard error is (1 - r^2)/sqrt(n) and below 0.005."""
    net = one_species(4, arrival=("0 -> X", "2"), death=("X -> 0", "0.5*X"))
    out = simulate(net, [0, 20, 21, 23], "ssa", n=N, seed=1)["X"]
    for j, gap in ((2, 1.0), (3, 3.0)):
        found = np.corrcoef(out[:, 1], out[:, j])[0, 1]
        assert abs(found - np.exp(-0.5 * gap)) < 5.6 * 1.2 / np.sqrt(N)
        assert abs(found - np.exp(-0.65 * gap)) > 5.6 * 1.2 / np.sqrt(N), "a faster decay must fail"


def test_births_of_immigrants_are_negative_binomial() -> None:
    net = one_species(0, arrival=("0 -> X", "0.6"), division=("X -> 2 X", "0.3*X"))
    x = simulate(net, [0, 3], "ssa", n=N, seed=1)["X"][:, 1]
    assert least_p(x, negative_binomial_law(2, np.expm1(0.9), N)) > FALSE_ALARM
    assert least_p(x, negative_binomial_law(2, np.expm1(0.99), N)) < FALSE_ALARM, (
        "10 % faster: 16 standard errors"
    )


@pytest.mark.parametrize(("b", "d"), [(0.3, 0.1), (0.1, 0.3), (0.2, 0.2)])
def test_a_birth_death_line_has_kendalls_law(b: float, d: float) -> None:
    """From one cell: zero with alpha, then geometric with beta."""
    t = 6.0
    net = one_species(1, division=("X -> 2 X", f"{b}*X"), death=("X -> 0", f"{d}*X"))
    x = simulate(net, [0, t], "ssa", n=N, seed=1)["X"][:, 1]
    states = np.arange(0, 200)

    def law(b: float, d: float) -> np.ndarray:
        if b == d:
            alpha = beta = b * t / (1 + b * t)
        else:
            growth = np.exp((b - d) * t)
            alpha, beta = d * (growth - 1) / (b * growth - d), b * (growth - 1) / (b * growth - d)
        return np.where(states == 0, alpha, (1 - alpha) * (1 - beta) * beta ** np.maximum(states - 1.0, 0))

    assert frequencies_p(x, states, law(b, d)) > FALSE_ALARM
    assert frequencies_p(x, states, law(b, 1.25 * d)) < FALSE_ALARM, "a quarter more deaths must fail"


def reversible() -> Network:
    net = Network("reversible")
    for name, start in {"A": 8, "B": 6, "C": 0}.items():
        net.species(name, start)
    net.reaction("bind", "A + B -> C", "0.05*A*B")
    net.reaction("part", "C -> A + B", "0.4*C")
    return net


def reversible_law(t: float, bind: float = 0.05) -> np.ndarray:
    """Solve the master equation of the number of pairs, 0 to 6."""
    c = np.arange(7.0)
    up, down = bind * (8 - c) * (6 - c), 0.4 * c
    generator = np.diag(up[:-1], -1) + np.diag(down[1:], 1) - np.diag(up + down)
    return expm(generator * t)[:, 0]


@pytest.mark.parametrize("t", [0.3, 1.0, 20.0])
def test_a_bimolecular_reaction_and_its_reverse_obey_the_master_equation(t: float) -> None:
    out = simulate(reversible(), [0, t], "ssa", n=N, seed=1)
    c = out["C"][:, 1]
    np.testing.assert_array_equal(out["A"][:, 1] + c, 8)
    np.testing.assert_array_equal(out["B"][:, 1] + c, 6)
    assert frequencies_p(c, np.arange(7), reversible_law(t)) > FALSE_ALARM
    wrong = reversible_law(t, bind=0.055)  # the means differ by 8 standard errors and more
    assert frequencies_p(c, np.arange(7), wrong) < FALSE_ALARM, "10 % faster binding must fail"


def test_a_rate_that_is_no_polynomial_obeys_the_master_equation() -> None:
    """Saturated death beside arrivals: 60 states hold the whole law."""
    net = one_species(0, arrival=("0 -> X", "1"), death=("X -> 0", "3*X/(4 + X)"))
    x = simulate(net, [0, 5], "ssa", n=N, seed=1)["X"][:, 1]
    states = np.arange(60)

    def law(most: float) -> np.ndarray:
        up, down = np.ones(60), most * states / (4.0 + states)
        up[-1] = 0
        generator = np.diag(up[:-1], -1) + np.diag(down[1:], 1) - np.diag(up + down)
        return expm(generator * 5)[:, 0]

    assert frequencies_p(x, states, law(3)) > FALSE_ALARM
    assert frequencies_p(x, states, law(3.3)) < FALSE_ALARM, "10 % more must fail"


def test_reactions_are_chosen_in_proportion_to_their_rates() -> None:
    """Three independent Poisson numbers, the rarest 1 % of the sum: each by its law, and no two correlated."""
    net = Network("choice")
    rates = {"P": 0.1, "Q": 3.0, "R": 6.9}
    for name, rate in rates.items():
        net.species(name, 0)
        net.reaction(f"arrival {name}", f"0 -> {name}", f"{rate}")
    out = simulate(net, [0, 2], "ssa", n=N, seed=1)
    for name, rate in rates.items():
        assert least_p(out[name][:, 1], poisson_law(2 * rate, N)) > FALSE_ALARM
        assert least_p(out[name][:, 1], poisson_law(2.4 * rate, N)) < FALSE_ALARM, "20 % more must fail"
    for one, other in (("P", "Q"), ("Q", "R"), ("P", "R")):
        r = np.corrcoef(out[one][:, 1], out[other][:, 1])[0, 1]
        assert 2 * stats.norm.sf(abs(r) * np.sqrt(N)) > FALSE_ALARM


def test_the_first_event_comes_after_an_exponential_time() -> None:
    """Kolmogorov-Smirnov: distributions 0.021 apart are told apart; 10 % in the rate are 0.035."""
    net = one_species(40, death=("X -> 0", "0.05*X"))
    net.event("first", when="X < 40", stop=True)
    times = simulate(net, [0, 100], "ssa", n=N, seed=1).fired["first"]
    assert stats.kstest(times, stats.expon(scale=1 / 2).cdf).pvalue > FALSE_ALARM
    assert stats.kstest(times, stats.expon(scale=1 / 2.2).cdf).pvalue < FALSE_ALARM


def test_saves_do_not_change_the_course() -> None:
    few = simulate(reversible(), [0, 1, 4], "ssa", n=50, seed=1)
    many = simulate(reversible(), np.linspace(0, 4, 401), "ssa", n=50, seed=1)
    np.testing.assert_array_equal(few["C"], many["C"][:, [0, 100, 400]])


def test_a_save_shows_the_last_state_before_it() -> None:
    """Each path is a staircase: at every save it stands where the number of events so far puts it."""
    net = one_species(0, arrival=("0 -> X", "3"))
    out = simulate(net, np.linspace(0, 10, 1001), "ssa", n=20, seed=1)
    steps = np.diff(out["X"], axis=1)
    assert np.all(steps >= 0)
    np.testing.assert_array_equal(out["X"][:, -1], out.statistics["events"])


def test_counts_are_whole_and_exact_up_to_2_to_the_53rd() -> None:
    start = 2.0**53 - 1000
    net = one_species(start, arrival=("0 -> X", "30"))
    out = simulate(net, [0, 10], "ssa", n=20, seed=1)
    np.testing.assert_array_equal(out["X"][:, 1] - start, out.statistics["events"])


def test_a_count_of_2_to_the_53rd_ends_the_row_however_it_comes() -> None:
    """At the start, by a reaction or by a dose; one cell less is counted still."""
    net = one_species(0, arrival=("0 -> X", "rate"))
    net.parameter("rate", 0.0)
    net.parameter("dose", 0.0)
    net.event("infusion", at=5, add={"X": "dose"})
    full = 2.0**53
    start = [full - 1, full, 1e300, full - 1, full - 100, full - 100, 0]
    rate = [0.0, 0, 0, 30, 0, 0, 1]
    dose = [0.0, 0, 0, 0, 99, 100, 0]
    with pytest.warns(NumericalWarning, match=r"4 of 7 rows.*capacity.*2\*\*53"):
        out = simulate(net, [0, 1, 10], "ssa", parameters={"rate": rate, "dose": dose}, initial={"X": start})
    assert np.flatnonzero(out.status_names == "capacity").tolist() == [1, 2, 3, 5]
    kept = np.isfinite(out["X"]).sum(axis=1)
    assert kept.tolist() == [3, 0, 0, 1, 3, 2, 3]
    assert (out["X"][0] == full - 1).all()
    assert out["X"][4, -1] == full - 1


def test_nothing_happens_where_no_reaction_can() -> None:
    net = one_species(0, division=("X -> 2 X", "X"), death=("X -> 0", "X"))
    out = simulate(net, [0, 1, 1e6], "ssa", seed=1)
    assert out.ok.all()
    np.testing.assert_array_equal(out["X"][0], 0)
    assert out.statistics["events"][0] == 0


def test_a_rate_that_is_negative_by_rounding_alone_is_zero() -> None:
    """At 3 cells 0.3 - 0.1*3 is -5.6e-17: the population stays, and no row fails."""
    assert 0.3 - 0.1 * 3 < 0
    net = one_species(1, division=("X -> 2 X", "X*(0.3 - 0.1*X)"))
    out = simulate(net, [0, 200], "ssa", n=20, seed=1)
    assert out.ok.all()
    np.testing.assert_array_equal(out["X"][:, 1], 3)


def test_a_start_between_two_numbers_is_rounded() -> None:
    net = one_species(0, death=("X -> 0", "0*X"))
    out = simulate(net, [0, 1], "ssa", initial={"X": [2.4, 2.6]})
    np.testing.assert_array_equal(out["X"][:, 0], [2, 3])


def test_the_cap_on_events_is_met_where_the_rate_explodes() -> None:
    net = one_species(10, growth=("X -> 2 X", "X*X"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        out = simulate(net, [0, 1], SSA(max_events=1000), n=5, seed=1)
    assert set(out.status_names) == {"event_budget"}
    np.testing.assert_array_equal(out.statistics["events"], 1001)
