"""The hybrid kernel against exact laws.

Each bound is stated in standard errors at the n of the test; seed 1, chosen by nobody. The ODE, which knows no extinction, and a
wrong exact value are the negative controls.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from sim.network.network import Network
from sim.network.simulation import Hybrid, simulate

pytestmark = pytest.mark.many_draws
KIMMEL_EXTINCTION = {0.05: 0.9963, 0.08: 0.9415, 0.10: 0.7248, 0.11: 0.4913, 0.13: 0.0410}
"""Birth rate -> exact extinction by day 400 (Kendall's formula along the paper's equations)."""


def kimmel() -> Network:
    """Competition of normal and CAR T cells with a tumour: Kimmel, Locke and Altrock, Proc. R. Soc. B 288 (2021) 20210229."""
    net = Network("kimmel2021")
    net.species("N", 6.0, kind="concentration", unit="cells/uL")
    net.species("C", 0.36, kind="concentration", unit="cells/uL")
    net.species("B", 9.486e10, unit="cells")
    values = {
        "KN": 500.0, "KC": 139.0, "rN": 0.17, "rhoC": 0.0251, "a": 0.423, "b": 0.525, "rB": 0.1, "gB": 1.15, "kB": 4.05,
    }  # fmt: skip
    for name, value in values.items():
        net.parameter(name, value)
    net.define("T", "N + C")
    net.define("rC", "rhoC + b*(T - KN)**2/(a*T**2 + (T - KN)**2)")
    net.reaction("normal T cells", "0 -> N", "-rN*N*log(T/KN)")
    net.reaction("CAR T cells", "0 -> C", "-rC*C*log(T/KC)")
    net.reaction("division", "B -> 2 B", "rB*B")
    net.reaction("death", "B -> 0", "gB*B*C/(kB + C)")
    return net


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"threshold": 1e3},
        {"threshold": 1e6},
        pytest.param({"max_step": 2.0}, marks=pytest.mark.slow),
        {"tolerance": 0.1},
        {"rtol": 1e-5},
    ],
    ids=["default", "low threshold", "high threshold", "short steps", "coarse", "tight"],
)
def test_extinction_of_kimmels_tumour_is_exact_whatever_step_and_threshold(options: dict[str, float]) -> None:
    """10,000 runs a birth rate, four binomial standard errors: 0.02 is seen at the middle one; 30 comparisons, 0.2 % false alarms."""
    rates = np.array(list(KIMMEL_EXTINCTION))
    out = simulate(
        kimmel(), [0, 400], Hybrid(**options), n=10_000, seed=1, parameters={"rB": rates}, outputs=["B"]
    )
    assert out.ok.all()
    extinct = (out["B"][:, -1] == 0).reshape(len(rates), -1).mean(axis=1)
    exact = np.array(list(KIMMEL_EXTINCTION.values()))
    error = np.sqrt(exact * (1 - exact) / 10_000)
    assert np.all(np.abs(extinct - exact) < 4 * error), (extinct - exact) / error
    assert abs(extinct[2] - (exact[2] + 0.03)) > 4 * error[2], "a wrong value must fail"


def test_the_ode_never_ends_extinct_where_the_hybrid_does() -> None:
    ode = simulate(kimmel(), [0, 400], "ode", parameters={"rB": [0.05, 0.1]})
    assert (ode["B"][:, -1] > 0).all()


def switching(birth: float, death_a: float, death_b: float, to_b: float, to_a: float) -> Network:
    net = Network("switching")
    net.species("A", 1)
    net.species("B", 0)
    for name, value in {"b": birth, "da": death_a, "db": death_b, "ab": to_b, "ba": to_a}.items():
        net.parameter(name, value)
    net.define("total", "A + B")
    for s, d, move, other in (("A", "da", "ab", "B"), ("B", "db", "ba", "A")):
        net.reaction(f"division {s}", f"{s} -> 2 {s}", f"b*{s}")
        net.reaction(f"death {s}", f"{s} -> 0", f"{d}*{s}")
        net.reaction(f"move {s}", f"{s} -> {other}", f"{move}*{s}")
    return net


def exact_switching(
    b: float, da: float, db: float, ab: float, ba: float, t: float
) -> tuple[float, np.ndarray]:
    """Extinction from one A cell by the backward equations, and the mean numbers by the matrix exponential."""

    def backward(_: float, q: np.ndarray) -> list[float]:
        return [
            da + ab * q[1] + b * q[0] ** 2 - (b + da + ab) * q[0],
            db + ba * q[0] + b * q[1] ** 2 - (b + db + ba) * q[1],
        ]

    q = solve_ivp(backward, (0, t), [0, 0], rtol=1e-10, atol=1e-12).y[0, -1]
    mean = expm(np.array([[b - da - ab, ba], [ab, b - db - ba]]) * t) @ np.array([1.0, 0.0])
    return float(q), mean


@pytest.mark.parametrize("options", [{}, {"max_step": 0.5}], ids=["default", "short steps"])
@pytest.mark.parametrize(
    "rates", [(0.3, 0.1, 0.1, 0.5, 0.5), (0.3, 0.1, 0.6, 0.3, 0.2), (0.3, 0.05, 2.0, 0.2, 0.1)]
)
def test_switching_classes_have_exact_extinction_and_means(
    rates: tuple[float, ...], options: dict[str, float]
) -> None:
    """n = 40,000, 5 standard errors: 0.012 in the extinction, 5 % in a mean. Treating moves as death and arrival gives 0.43 for 0.377."""
    out = simulate(switching(*rates), [0, 10], Hybrid(**options), n=40_000, seed=1)
    a, b = out["A"][:, -1], out["B"][:, -1]
    extinction, mean = exact_switching(*rates, 10.0)
    assert abs((a + b == 0).mean() - extinction) < 5 * np.sqrt(extinction * (1 - extinction) / 40_000)
    for x, m in ((a, mean[0]), (b, mean[1])):
        assert abs(x.mean() - m) < 5 * x.std() / np.sqrt(40_000)


def test_the_total_of_two_equal_classes_obeys_kendall() -> None:
    """n = 40,000: zero and the geometric tail of Kendall's law at P(N > k), 5 standard errors each."""
    b, d, t = 0.3, 0.1, 10.0
    out = simulate(switching(b, d, d, 0.5, 0.5), [0, t], "hybrid", n=40_000, seed=1)
    total = out["total"][:, -1]
    growth = np.exp((b - d) * t)
    alpha, beta = d * (growth - 1) / (b * growth - d), b * (growth - 1) / (b * growth - d)
    for k in (0, 2, 5, 10, 20):
        exact = (1 - alpha) * beta**k
        assert abs((total > k).mean() - exact) < 5 * np.sqrt(exact * (1 - exact) / 40_000), k


def test_mutants_have_the_law_of_the_exact_method() -> None:
    """Two-type branching with mutation: no-mutant share and means of 20,000 hybrid and 5,000 exact runs, 5 standard errors."""
    net = Network("mutation")
    net.species("W", 20)
    net.species("M", 0)
    net.reaction("division", "W -> 2 W", "0.3*W")
    net.reaction("death", "W -> 0", "0.1*W")
    net.reaction("mutation", "W -> W + M", "0.01*W")
    net.reaction("mutant division", "M -> 2 M", "0.3*M")
    net.reaction("mutant death", "M -> 0", "0.1*M")
    hybrid = simulate(net, [0, 8], "hybrid", n=20_000, seed=1)["M"][:, -1]
    exact = simulate(net, [0, 8], "ssa", n=5_000, seed=1)["M"][:, -1]
    for x, y in ((hybrid == 0, exact == 0), (hybrid, exact), (hybrid > 5, exact > 5)):
        error = np.sqrt(x.var() / 20_000 + y.var() / 5_000)
        assert abs(x.mean() - y.mean()) < 5 * error
    mean = 20 * 0.01 * 8 * np.exp(0.2 * 8)
    assert abs(hybrid.mean() - mean) < 5 * hybrid.std() / np.sqrt(20_000)


def test_immigration_has_its_stationary_negative_binomial_mean_and_variance() -> None:
    """n = 10,000: mean nu/(d-b), variance mean/(1 - b/d)."""
    net = Network("immigration")
    net.species("X", 0)
    net.reaction("arrival", "0 -> X", "2")
    net.reaction("division", "X -> 2 X", "0.5*X")
    net.reaction("death", "X -> 0", "1.0*X")
    x = simulate(net, [0, 40], "hybrid", n=10_000, seed=1)["X"][:, -1]
    assert abs(x.mean() - 4) < 5 * np.sqrt(8 / 10_000)
    assert abs(x.var() / 8 - 1) < 5 * np.sqrt(4 / 10_000)


def test_a_species_that_does_not_qualify_is_counted_event_by_event() -> None:
    """Dimerisation from 20 molecules against the master equation (11 states): mean at n = 10,000 to 5 standard errors."""
    net = Network("dimerisation")
    net.species("A", 20)
    net.reaction("dimerise", "2 A -> 0", "0.02*A*(A - 1)")
    out = simulate(net, [0, 1.5], "hybrid", n=10_000, seed=1)["A"][:, -1]
    states = np.arange(20, -1, -2)
    rates = 0.02 * states * (states - 1.0)
    q = np.diag(-rates) + np.diag(rates[:-1], -1)
    law = expm(q * 1.5) @ np.eye(len(states))[0]
    mean = law @ states
    assert abs(out.mean() - mean) < 5 * np.sqrt((law @ states**2 - mean**2) / 10_000)
    assert set(np.unique(out)) <= set(states)


def test_the_mean_approaches_the_ode_for_large_populations() -> None:
    net = Network("logistic")
    net.species("X", 1e6)
    net.reaction("division", "X -> 2 X", "0.5*X")
    net.reaction("death", "X -> 0", "0.1*X + 0.4*X*X/1e8")
    hybrid = simulate(net, [0, 5, 10, 40], Hybrid(rtol=1e-5), n=20, seed=1)["X"].mean(axis=0)
    ode = simulate(net, [0, 5, 10, 40], "ode")["X"][0]
    np.testing.assert_allclose(hybrid, ode, rtol=1e-3)


def test_an_event_thins_a_large_continuous_count_to_a_few_whole_cells() -> None:
    """n = 4000: 1e12 cells survive with 1e-12 each: Poisson, so mean and variance are 1."""
    net = Network("thinning")
    net.species("X", 1e12)
    net.reaction("division", "X -> 2 X", "1e-9*X")
    net.event("chemo", at=1, survive={"X": "1e-12"})
    x = simulate(net, [0, 1], "hybrid", n=4000, seed=1)["X"][:, -1]
    assert np.all(x == np.floor(x))
    assert abs(x.mean() - 1) < 5 / np.sqrt(4000)
    assert abs(x.var() - 1) < 5 * np.sqrt(3 / 4000)
