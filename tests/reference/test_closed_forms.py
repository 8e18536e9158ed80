"""The mean field against closed forms at several tolerances, and the order of the method by two measures."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import lambertw

from sim.network.network import Network
from sim.network.simulation import ODE, simulate

Floats = NDArray[np.float64]
T = np.linspace(0.0, 30.0, 61)


def network() -> Network:
    net = Network("closed forms")
    for name, start in {"L": 1.0, "G": 1.0, "A": 1.0, "B": 0.0, "S": 5.0, "P": 1.0, "W": 1.0}.items():
        net.species(name, start, kind="concentration")
    net.reaction("logistic growth", "0 -> L", "0.5*L*(1 - L/100)")
    net.reaction("gompertz growth", "0 -> G", "-0.3*G*log(G/50)")
    net.reaction("decay", "A -> B", "0.7*A")
    net.reaction("clearance", "B -> 0", "0.2*B")
    net.reaction("michaelis-menten", "S -> 0", "0.4*S/(1.5 + S)")
    net.reaction("growth in seasons", "P -> 2 P", "0.2*season*P")
    net.define("season", "2*exp(-time)*(1 + time)")
    net.reaction("second order", "2 W -> W", "0.3*W*W")
    return net


def exact(t: Floats) -> dict[str, Floats]:
    """P: the integral of 0.4 exp(-s) (1 + s) is 0.4 (2 - exp(-t) (2 + t)). S: K W(S0/K exp((S0 - V t)/K)) (Schnell and Mendoza 1997)."""
    return {
        "L": 100.0 / (1.0 + 99.0 * np.exp(-0.5 * t)),
        "G": 50.0 * np.exp(np.log(1.0 / 50.0) * np.exp(-0.3 * t)),
        "A": np.exp(-0.7 * t),
        "B": 0.7 / 0.5 * (np.exp(-0.2 * t) - np.exp(-0.7 * t)),
        "S": 1.5 * lambertw(5.0 / 1.5 * np.exp((5.0 - 0.4 * t) / 1.5)).real,
        "P": np.exp(0.4 * (2.0 - np.exp(-t) * (2.0 + t))),
        "W": 1.0 / (1.0 + 0.3 * t),
    }


def worst(options: ODE, t: Floats = T) -> dict[str, float]:
    """Largest error of each species, in units of itself and of a thousandth."""
    out = simulate(network(), t, options, threads=1)
    return {
        name: float(np.max(np.abs(out[name][0] - values) / (np.abs(values) + 1e-3)))
        for name, values in exact(t).items()
    }


@pytest.mark.parametrize("rtol", [1e-3, 1e-5, 1e-7, 1e-9, 1e-11])
def test_closed_forms_have_the_digits_that_are_asked_for(rtol: float) -> None:
    errors = worst(ODE(rtol=rtol, atol=rtol * 1e-3))
    assert max(errors.values()) < 10**1.5 * rtol, errors


def test_a_wrong_constant_is_seen() -> None:
    """The control: a capacity of 100.001."""
    net = network().with_(rates={"logistic growth": "0.5*L*(1 - L/100.001)"})
    out = simulate(net, T, ODE(rtol=1e-7, atol=1e-10), threads=1)
    assert np.abs(out["L"][0] / exact(T)["L"] - 1.0).max() > 10**1.5 * 1e-7


@pytest.mark.parametrize(
    ("name", "longest"), [("L", 0.2), ("G", 0.2), ("B", 0.2), ("S", 0.2), ("P", 0.05), ("W", 0.2)]
)
def test_halving_a_fixed_step_leaves_a_sixteenth_of_the_error(name: str, longest: float) -> None:
    """Steps held by max_step, their error control loosened: the order is four, with time in a rate (P) and without.

    The error of P changes its sign near a step of 0.2, so its steps begin below.
    """
    t = np.array([0.0, 8.0])
    errors = [
        worst(ODE(rtol=0.5, atol=1e3, max_step=h), t)[name] for h in (longest, longest / 2, longest / 4)
    ]
    orders = [np.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert min(orders) > 3.5, orders
    assert max(orders) < 5.5, orders


def test_the_error_follows_the_tolerance() -> None:
    """Over eight decades of rtol the slope of the logarithms is one within a quarter."""
    tolerances = np.array([1e-3, 1e-5, 1e-7, 1e-9, 1e-11])
    errors = [max(worst(ODE(rtol=r, atol=r * 1e-3)).values()) for r in tolerances]
    slope = np.polyfit(np.log10(tolerances), np.log10(errors), 1)[0]
    assert abs(slope - 1.0) < 0.25, errors
