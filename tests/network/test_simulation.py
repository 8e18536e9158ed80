"""The contract of simulate(): every sentence that outside code relies on.

Statistical tests: n is said in each; bounds are 5 standard errors, a false alarm in 1.7 million each; seed 1.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from sim.errors import InputError, NetworkError, NumericalWarning
from sim.network.network import Network
from sim.network.simulation import ODE, SSA, Hybrid, TauLeap, simulate

KERNELS = ("ode", "ssa", "tau_leap", "hybrid")


def birth_death(x: float = 100) -> Network:
    net = Network("birth-death", time_unit="day")
    net.species("X", x)
    net.parameter("birth", 0.10, unit="1/day", source="Kendall 1948")
    net.parameter("death", 0.11, unit="1/day")
    net.define("total_birth", "birth*X")
    net.reaction("division", "X -> 2 X", "total_birth")
    net.reaction("death", "X -> 0", "death*X")
    return net


def counter(kind: str = "count") -> Network:
    """X stays as it is but for events."""
    net = Network("counter")
    net.species("X", 10, kind=kind)
    net.parameter("none", 0.0)
    net.reaction("never", "X -> 0", "none*X")
    return net


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_example_of_the_contract_has_the_mean_of_a_birth_death_process(kernel: str) -> None:
    """n = 4000: a mean off by 2.6 % is seen."""
    n = 1 if kernel == "ode" else 4000
    out = simulate(birth_death(), t=range(51), kernel=kernel, n=n, seed=1)
    assert out["X"].shape == (n, 51)
    assert out["X"].dtype == np.float64
    assert out.ok.all()
    mean = 100 * np.exp(-0.5)
    variance = 100 * 0.21 / 0.01 * np.exp(-0.5) * (1 - np.exp(-0.5))
    bound = 1e-4 * mean if kernel == "ode" else 5 * np.sqrt(variance / n)
    assert abs(out["X"][:, -1].mean() - mean) < bound
    np.testing.assert_allclose(out["total_birth"], 0.1 * out["X"])


@pytest.mark.parametrize("kernel", ["ssa", "hybrid"])
def test_the_variance_is_that_of_a_birth_death_process(kernel: str) -> None:
    """n = 4000: the variance of a variance is about 2 v^2 / n, so 11 % is seen; the ODE's variance 0 must fail."""
    out = simulate(birth_death(), t=[0, 50], kernel=kernel, n=4000, seed=1)
    variance = 100 * 0.21 / 0.01 * np.exp(-0.5) * (1 - np.exp(-0.5))
    assert abs(out["X"][:, -1].var() / variance - 1) < 5 * np.sqrt(2.4 / 4000)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_batch_is_row_major_with_replicates_inside(kernel: str) -> None:
    births = np.array([0.0, 0.1, 0.3])
    out = simulate(
        birth_death(),
        t=[0, 10],
        kernel=kernel,
        n=2,
        parameters={"birth": births},
        initial={"X": [50, 60, 70]},
    )
    assert len(out) == 6
    np.testing.assert_array_equal(out["X"][:, 0], [50, 50, 60, 60, 70, 70])
    np.testing.assert_allclose(out["total_birth"][:, 1], np.repeat(births, 2) * out["X"][:, 1])


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_same_seed_gives_the_same_bytes_for_any_threads_and_order(kernel: str) -> None:
    ids = np.arange(80)
    births = np.linspace(0.05, 0.2, 80)
    one = simulate(birth_death(), t=range(20), kernel=kernel, parameters={"birth": births}, threads=1)
    two = simulate(birth_death(), t=range(20), kernel=kernel, parameters={"birth": births}, threads=2)
    assert one.values.tobytes() == two.values.tobytes()
    order = np.random.default_rng(0).permutation(ids)
    shuffled = simulate(
        birth_death(), t=range(20), kernel=kernel, parameters={"birth": births[order]}, patients=ids[order]
    )
    assert shuffled.values.tobytes() == one.values[order].tobytes()


@pytest.mark.parametrize("kernel", ["ssa", "hybrid"])
def test_the_seed_defaults_to_zero_and_replicates_continue(kernel: str) -> None:
    whole = simulate(birth_death(), t=[0, 30], kernel=kernel, n=6, seed=0)
    later = simulate(birth_death(), t=[0, 30], kernel=kernel, n=2, first_replicate=4)
    np.testing.assert_array_equal(whole["X"][4:], later["X"])
    other = simulate(birth_death(), t=[0, 30], kernel=kernel, n=6, seed=2)
    assert not np.array_equal(whole["X"], other["X"])


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_save_at_an_event_shows_the_state_after_it_and_ties_fire_as_declared(kernel: str) -> None:
    net = counter()
    net.event("double", at=5, set={"X": "2*X"})
    net.event("add", at=5, add={"X": 3})
    net.event("early", at=-1, add={"X": 1})
    out = simulate(net, t=[-2, 0, 5, 6], kernel=kernel)
    np.testing.assert_allclose(out["X"][0], [10, 11, 25, 25])
    assert out.fired["double"][0] == 5
    assert out.fired["early"][0] == -1


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_trigger_fires_at_each_rise_and_not_at_the_start(kernel: str) -> None:
    net = counter()
    net.event("high at the start", when="X > 5", add={"X": 100})
    net.event("fall", at=2, set={"X": 1})
    net.event("rise", at=4, set={"X": 7})
    net.event("fall again", at=6, set={"X": 1})
    net.event("rise again", at=8, set={"X": 7})
    out = simulate(net, t=[0, 1, 3, 5, 7, 9], kernel=kernel)
    np.testing.assert_allclose(out["X"][0], [10, 10, 1, 107, 1, 107])
    assert out.fired["high at the start"][0] == 4


@pytest.mark.parametrize("kernel", KERNELS)
def test_conditions_and_amounts_are_expressions_of_parameters_and_state(kernel: str) -> None:
    net = counter()
    net.parameter("t_dose", 3.0)
    net.event("dose", at="t_dose + 1", add={"X": "2*X"}, if_="X > 9")
    net.event("not", at="t_dose", add={"X": 50}, if_="X > 10")
    out = simulate(net, t=[0, 3.5, 4], kernel=kernel)
    np.testing.assert_allclose(out["X"][0], [10, 10, 30])
    assert np.isnan(out.fired["not"][0])


@pytest.mark.parametrize("kernel", ["ssa", "hybrid"])
def test_survival_of_counts_is_binomial(kernel: str) -> None:
    """n = 4000 of Binomial(1000, 0.3): mean to 0.11, variance to 11 %."""
    net = counter()
    net.event("chemo", at=1, survive={"X": "10**-0.5"})
    out = simulate(net, t=[0, 1], kernel=kernel, n=4000, seed=1, initial={"X": 1000})
    x, p = out["X"][:, 1], 10**-0.5
    assert np.all(x == np.floor(x))
    assert abs(x.mean() - 1000 * p) < 5 * np.sqrt(1000 * p * (1 - p) / 4000)
    assert abs(x.var() / (1000 * p * (1 - p)) - 1) < 5 * np.sqrt(2 / 4000)


def test_only_time_is_reserved() -> None:
    names = (
        "inf",
        "t",
        "e",
        "E",
        "S",
        "N",
        "I",
        "pi",
        "in",
        "x",
        "p",
        "a",
        "d",
        "h",
        "y",
        "values",
        "math",
        "exp",
    )
    net = Network("names")
    for name in names:
        net.species(name, 1.0)
    net.parameter("lambda", 0.5)
    for name in names:
        net.reaction(f"death of {name}", f"{name} -> 0", f"lambda*{name}*exp(0)")
    out = simulate(net, t=[0, 2])
    for name in names:
        np.testing.assert_allclose(out[name][0, 1], np.exp(-1), rtol=1e-5)
    with pytest.raises(NetworkError, match="time"):
        Network("no").species("time", 1)


@pytest.mark.parametrize("kernel", ["ode", "hybrid"])
def test_concentrations_may_have_rates_of_either_sign(kernel: str) -> None:
    net = Network("signed")
    net.species("C", 1.0, kind="concentration")
    net.reaction("relax", "0 -> C", "5 - C")
    out = simulate(net, t=[0, 1, 20], kernel=kernel)
    np.testing.assert_allclose(out["C"][0], [1, 5 - 4 * np.exp(-1), 5], rtol=2e-3)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_negative_rate_of_counts_is_a_status_and_never_a_clamp(kernel: str) -> None:
    net = Network("negative")
    net.species("X", 100)
    net.reaction("wrong", "X -> 2 X", "X*(10 - X)")
    with pytest.warns(NumericalWarning, match="negative_propensity"):
        out = simulate(net, t=[0, 1, 2], kernel=kernel)
    assert out.status_names[0] == "negative_propensity"
    assert np.isnan(out["X"][0, 1:]).all()


def test_ssa_refuses_concentrations_and_time_in_a_rate() -> None:
    net = birth_death()
    net.species("C", 1.0, kind="concentration")
    with pytest.raises(NetworkError, match=r"C.*use kernel hybrid"):
        simulate(net, t=[0, 1], kernel="ssa")
    net = Network("time")
    net.species("X", 1)
    net.reaction("waning", "X -> 0", "exp(-time)*X")
    with pytest.raises(NetworkError, match=r"waning.*time"):
        simulate(net, t=[0, 1], kernel="ssa")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("rate", "initial"), [("k*X", {}), ("X*X", {"X": 1e6}), ("X/(X - 100)", {}), ("X*log(X - 200)", {})]
)
def test_numbers_never_raise(kernel: str, rate: str, initial: dict[str, float]) -> None:
    net = Network("bad")
    net.species("X", 100)
    net.parameter("k", 1.0)
    net.reaction("grow", "X -> 2 X", rate)
    options = {
        "ode": ODE(),
        "ssa": SSA(max_events=10_000),
        "tau_leap": TauLeap(max_events=10_000, max_steps=10_000),
        "hybrid": Hybrid(max_events=10_000, max_steps=10_000),
    }
    parameters = {"k": np.array([np.nan])} if rate == "k*X" else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = simulate(net, t=[0, 1, 5], kernel=options[kernel], parameters=parameters, initial=initial)
    assert not out.ok[0]
    assert np.isnan(out["X"][0, -1])
    assert len([w for w in caught if issubclass(w.category, NumericalWarning)]) == 1


def test_a_hazard_with_an_exponential_threshold_gives_the_survival_law() -> None:
    """n = 4000 deaths at a constant hazard 0.1: mean of min(T, 20) to 4 standard errors."""
    net = Network("mortality")
    net.species("A", 0.0, kind="concentration")
    net.parameter("hazard", 0.1)
    net.parameter("fate", 1.0)
    net.reaction("risk", "0 -> A", "hazard")
    net.event("death", when="A >= fate", stop=True)
    fate = -np.log(np.random.default_rng(1).random(4000))
    out = simulate(net, t=[0, 200], parameters={"fate": fate})
    np.testing.assert_allclose(out.fired["death"][fate < 20], fate[fate < 20] / 0.1, rtol=1e-9)
    np.testing.assert_allclose(out["A"][fate < 20, -1], fate[fate < 20], rtol=1e-9)


def test_statistics_outputs_and_names() -> None:
    out = simulate(birth_death(), t=[0, 5], outputs=["total_birth"])
    assert out.names == ("total_birth",)
    with pytest.raises(InputError, match="not saved"):
        out["X"]
    assert out.statistics["steps"][0] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"t": []}, "at least one"),
        ({"t": [0, 0]}, "strictly increasing"),
        ({"kernel": "rk4"}, "ode, ssa, tau_leap, hybrid"),
        ({"parameters": {"brith": 1.0}}, "did you mean 'birth'"),
        ({"initial": {"Y": 1.0}}, "not in the network"),
        ({"parameters": {"birth": [1.0, 2.0], "death": [1.0]}}, "make them equal"),
        ({"n": 0}, "at least 1"),
        ({"seed": -1}, "at least 0"),
        ({"seed": 2**64}, "below"),
        ({"outputs": ["nothing"]}, "neither a species nor a definition"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"t": [0, 1], **arguments}
    with pytest.raises(InputError, match=words) as caught:
        simulate(birth_death(), **given)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_malformed_network_names_the_reaction_and_why() -> None:
    net = birth_death()
    net.reaction("murder", "X -> 0", "kill*X")
    with pytest.raises(NetworkError, match=r"murder.*kill"):
        simulate(net, t=[0, 1])


def test_a_variant_simulates_and_leaves_the_original() -> None:
    net = birth_death()
    variant = net.with_(parameters={"birth": 0.0})
    assert simulate(variant, t=[0, 10])["X"][0, -1] == pytest.approx(100 * np.exp(-1.1), rel=1e-4)
    assert simulate(net, t=[0, 10])["X"][0, -1] == pytest.approx(100 * np.exp(-0.1), rel=1e-4)
