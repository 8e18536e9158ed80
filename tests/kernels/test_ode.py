"""The mean-field kernel: order, closed forms, stiffness, dense output, crossings."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sim.errors import NumericalWarning
from sim.models.design import Design, ProductDesign
from sim.models.leukaemia import build
from sim.network.network import Network
from sim.network.simulation import ODE, simulate


def test_the_order_is_four_with_named_sums_and_time_in_a_rate() -> None:
    net = Network("predator and prey")
    net.species("X", 10.0, kind="concentration")
    net.species("Y", 5.0, kind="concentration")
    net.define("all", "X + 2*Y")
    net.reaction("growth", "X -> 2 X", "1.1*X")
    net.reaction("prey", "X + Y -> 2 Y", "0.4*X*Y*(1 + 0.1*all/(5 + all))")
    net.reaction("death", "Y -> 0", "(0.4 + 0.1*exp(-time))*Y")
    reference = simulate(net, [0, 10], ODE(rtol=1e-11, atol=1e-11))["X"][0, -1]
    errors = [
        abs(simulate(net, [0, 10], ODE(rtol=0.5, atol=1e3, max_step=h))["X"][0, -1] - reference)
        for h in (0.1, 0.05, 0.025)
    ]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 4) < 0.3), orders


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
def test_closed_forms_are_met_to_the_tolerance(rtol: float) -> None:
    net = Network("closed forms")
    for name, start in {"L": 1.0, "G": 1.0, "A": 1.0, "B": 0.0}.items():
        net.species(name, start, kind="concentration")
    net.reaction("logistic", "0 -> L", "0.5*L*(1 - L/100)")
    net.reaction("gompertz", "0 -> G", "-0.3*G*log(G/50)")
    net.reaction("decay", "A -> B", "0.7*A")
    net.reaction("clearance", "B -> 0", "0.2*B")
    t = np.linspace(0, 30, 61)
    out = simulate(net, t, ODE(rtol=rtol, atol=rtol * 1e-3))
    exact = {
        "L": 100 / (1 + 99 * np.exp(-0.5 * t)),
        "G": 50 * np.exp(np.log(1 / 50) * np.exp(-0.3 * t)),
        "A": np.exp(-0.7 * t),
        "B": 0.7 / 0.5 * (np.exp(-0.2 * t) - np.exp(-0.7 * t)),
    }
    for name, values in exact.items():
        np.testing.assert_allclose(out[name][0], values, rtol=50 * rtol, atol=50 * rtol)


def test_robertsons_stiff_kinetics_to_1e11() -> None:
    net = Network("ROBER")
    for name, start in {"A": 1.0, "B": 0.0, "C": 0.0}.items():
        net.species(name, start, kind="concentration")
    net.reaction("slow", "A -> B", "0.04*A")
    net.reaction("fast", "2 B -> B + C", "3e7*B*B")
    net.reaction("medium", "B + C -> A + C", "1e4*B*C")
    out = simulate(net, [0, 1e11], ODE(rtol=1e-6, atol=1e-14))
    # Hairer and Wanner, Solving ODEs II, reference solution at 1e11
    exact = {"A": 0.2083340149701255e-7, "B": 0.8333360770334713e-13, "C": 0.9999999791665050}
    for name, value in exact.items():
        assert out[name][0, -1] == pytest.approx(value, rel=10**-4.5)


def test_a_crossing_is_located_in_time() -> None:
    net = Network("crossing")
    net.species("X", 100.0, kind="concentration")
    net.reaction("decay", "X -> 0", "0.1*X")
    net.event("low", when="X < 20", set={"X": 50})
    out = simulate(net, [0, 100], ODE(rtol=1e-9))
    assert out.fired["low"][0] == pytest.approx(10 * np.log(5), abs=1e-6)


def test_saves_do_not_change_the_course() -> None:
    net = Network("saves")
    net.species("X", 1.0, kind="concentration")
    net.reaction("growth", "X -> 2 X", "X*sin_free")
    net.parameter("sin_free", 0.3)
    few, many = simulate(net, [0, 10]), simulate(net, np.linspace(0, 10, 1001))
    assert few["X"][0, -1] == many["X"][0, -1]


def loss(rate: str, x: float, kind: str = "count") -> Network:
    net = Network("loss")
    net.species("X", x, kind=kind)
    net.species("Y", 0)
    net.parameter("k", 1.0)
    net.reaction("loss", "X -> Y", rate)
    return net


@pytest.mark.parametrize("x", [5.0, 1e4, 1e10])
@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-10])
def test_a_loss_that_does_not_vanish_with_its_count_ends_the_row_where_none_is_left(
    x: float, rtol: float
) -> None:
    """Gone after five days whatever is lost a day; the saves until then are the exact straight line, those after it are NaN."""
    t = np.linspace(0, 10, 42)  # without day 5 itself, which rounding may put on either side
    net = loss("k", x)
    with pytest.warns(NumericalWarning, match="2 of 3 rows.*took a count below zero"):
        out = simulate(net, t, ODE(rtol=rtol), parameters={"k": [x / 5, x / 20, x / 5]})
    assert out.status_names.tolist() == ["negative_propensity", "ok", "negative_propensity"]
    np.testing.assert_allclose(out["X"][0, t <= 5], x * (1 - t[t <= 5] / 5), rtol=1e-9, atol=1e-5 * x)
    assert np.isnan(out.values[0, t > 5]).all()
    np.testing.assert_allclose(out["X"][1], x * (1 - t / 20), rtol=1e-9)
    assert out.statistics["steps"][0] + out.statistics["rejections"][0] < 3000


def test_a_concentration_may_be_taken_below_zero() -> None:
    out = simulate(loss("k", 5.0, "concentration"), [0, 10])
    assert out["X"][0, -1] == pytest.approx(-5)


def test_an_event_that_comes_before_zero_saves_the_row() -> None:
    net = loss("k", 5.0)
    net.event("refill", when="X < 0.5", set={"X": 5})
    out = simulate(net, [0, 4.6, 100])
    assert out["X"][0].tolist() == pytest.approx([5, 4.9, 5 - 100 % 4.5], rel=1e-4)


@pytest.mark.parametrize(
    ("K", "atol", "most"),
    [(1.0, 1e-2, 0.0), (1e-3, 1e-4, 0.0), (1e-6, 1e-7, 0.05), (1e-3, 1e-3, 0.25), (1e-4, 1e-4, 0.25)],
)
def test_a_loss_that_saturates_steeply_is_followed_to_nothing(K: float, atol: float, most: float) -> None:
    """10 X/(K + X), whose solution is X + K log X = start - 10 t: where K is no larger than the tolerance, a step may land below zero by more,
    beyond the pole at -K; one row in seven then ends there, as a status, and of those ten times as wide none or few do."""
    t = np.array([0, 0.25, 0.45, 3])
    start = 5.0 * np.linspace(0.999, 1.001, 200)
    net = loss(f"10*X/({K} + X)", 5.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = simulate(net, t, ODE(atol=atol), initial={"X": start})
    assert np.mean(~out.ok) <= most
    assert set(out.status_names[~out.ok]) <= {"negative_propensity"}
    x = out["X"][out.ok]
    followed = x + K * np.log(np.abs(x) / start[out.ok, None])
    np.testing.assert_allclose(followed[:, :-1], start[out.ok, None] - 10 * t[:-1], atol=2e-3)
    assert (np.abs(x[:, -1]) < atol).all()


@pytest.mark.parametrize("rtol", [1e-2, 1e-3, 1e-6, 1e-9])
def test_a_stiff_decay_to_nothing_is_no_failure(rtol: float) -> None:
    """The control: 25 rates over twelve decades, down to where numbers end; an undershoot stays within the tolerance."""
    net = loss("k*X", 1e10)
    net.reaction("loss of Y", "Y -> 0", "3*k*Y")
    k = np.logspace(-3, 9, 25)
    out = simulate(net, [0, *np.geomspace(1e-6, 1e6, 61)], ODE(rtol=rtol), parameters={"k": k})
    assert out.ok.all()
    assert np.all(np.abs(out["X"][:, -1]) < 1e-9)
    assert out.values.min() < 0, "some rows do pass below zero"
    assert out.values.min() > -1e-6 - rtol * 1e10


def test_a_decay_is_followed_to_the_smallest_numbers_and_then_is_zero() -> None:
    out = simulate(loss("k*X", 5.0), [0, 400, 690, 1000], ODE(max_step=1.0))
    assert out.ok.all()
    assert np.log(out["X"][0, 1]) == pytest.approx(np.log(5) - 400, rel=2e-3)
    assert out["X"][0, 2:].tolist() == [0, 0]


def test_growth_from_less_than_the_tolerance_is_no_decay_in_a_long_step() -> None:
    """From 1e-9 at 200 a day beside what hardly moves: a first step of twenty e-folds shows no error in what is so
    small, but the method tells no more than four from a decay, and would take it to nothing. To 0.5 % of the
    e-folds."""
    net = Network("unseen")
    net.species("A", 1e6, kind="concentration")
    net.species("B", 1e-9, kind="concentration")
    net.reaction("clearance", "A -> 0", "0.01*A")
    net.reaction("growth", "B -> 2 B", "200*B")
    t = np.array([0, 0.2, 0.4, 1.0])
    out = simulate(net, t, ODE(rtol=1e-4))
    assert out.ok.all()
    assert out.statistics["rejections"][0] > 0, "the test has such a step"
    np.testing.assert_allclose(np.log(out["B"][0] / 1e-9), 200 * t, rtol=5e-3)
    np.testing.assert_allclose(out["A"][0], 1e6 * np.exp(-0.01 * t), rtol=1e-4)


def test_the_leukaemia_model_agrees_with_scipy() -> None:
    """Twenty random parameter sets over sixty days, against LSODA of the network's own drift at 1e-9."""
    net = build(Design(products=(ProductDesign("cd19", ("cd19",)),)))
    drift = net.drift()
    names = [s.name for s in net.all_species]
    random = np.random.default_rng(1)
    from sim.network.expression import evaluate

    definitions = {d.name: d.expression for d in net.definition_order()}
    start = {"marrow_two_level1": 3e11, "b_cells": 1e10, "host_lymphocytes": 2e10, "memory_cd19": 5e5,
             "blood_effectors_cd19": 2e6, "il7_15": 4.0, "normal_marrow_fraction": 0.3}  # fmt: skip
    start = {name: value for name, value in start.items() if name in names}
    x0 = np.array([start.get(s.name, s.initial) for s in net.all_species])
    for _ in range(3):
        p = {q.name: q.value for q in net.all_parameters}
        for name in ("killing_rate", "death_rate", "exhaustion_rate", "memory_formation_rate"):
            if name in p:
                p[name] *= float(np.exp(0.3 * random.standard_normal()))

        def slope(t: float, x: np.ndarray, p: dict[str, float] = p) -> np.ndarray:
            values = {**p, **dict(zip(names, x, strict=True)), "time": t}
            for name, expression in definitions.items():
                values[name] = evaluate(expression, values)
            return np.array([evaluate(drift[name], values) for name in names])

        reference = solve_ivp(slope, (0, 20), x0, "LSODA", t_eval=[5, 10, 20], rtol=1e-8, atol=1e-3).y
        out = simulate(net, [0, 5, 10, 20], ODE(rtol=1e-8, atol=1e-6), parameters=p, initial=start)
        for i, name in enumerate(names):
            np.testing.assert_allclose(out[name][0, 1:], reference[i], rtol=2e-4, atol=2.0, err_msg=name)
