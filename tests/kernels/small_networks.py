"""Small networks that take a kernel through all its parts in little time, for runs with the compiler off."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from sim.network.network import Network
from sim.network.simulation import ODE, Hybrid, TauLeap, simulate
from sim.network.trajectories import Trajectories


def network(
    initial: dict[str, float], *reactions: tuple[str, str], concentrations: tuple[str, ...] = ()
) -> Network:
    """Return a network of species and (change, rate) pairs."""
    net = Network("chain")
    for name, value in initial.items():
        net.species(name, value, kind="concentration" if name in concentrations else "count")
    for number, (change, rate) in enumerate(reactions):
        net.reaction(f"reaction {number}", change, rate)
    return net


def competition(*, large: bool = True) -> Network:
    """A population that falls from millions to nothing under an environment that follows the ODE."""
    net = Network("competition")
    net.species("C", 0.4, kind="concentration")
    net.species("B", 1e6 if large else 40)
    net.species("M", 0)
    net.define("all", "B + M")
    net.reaction("CAR T cells", "0 -> C", "-0.3*C*log(C/20)")
    net.reaction("killing of C", "C -> 0", "1e-3*C*all/(1 + all)")
    net.reaction("division", "B -> 2 B", "0.2*B")
    net.reaction("death", "B -> 0", "1.5*B*C/(4 + C)")
    net.reaction("mutation", "B -> B + M", "1e-2*B")
    net.reaction("escape", "B -> M", "2e-2*B")
    net.reaction("mutant division", "M -> 2 M", "0.2*M")
    net.reaction("mutant death", "M -> 0", "0.1*M + 0.2*M*C/(4 + C)")
    net.event("chemo", at=2.5, survive={"B": 0.3, "M": 0.5})
    net.event("relapse", when="M > 30", survive={"M": 0.2}, if_="time > 1")
    net.event("gone", when="B < 0.5", stop=True, if_="time > 19")
    return net


def counted() -> Network:
    """Pairs that form event by event while the environment moves."""
    net = Network("counted")
    net.species("C", 1.0, kind="concentration")
    net.species("A", 3)
    net.species("D", 0)
    net.parameter("feed", 4.0)
    net.reaction("decay", "C -> 0", "0.2*C*(1 + exp(-time))")
    net.reaction("arrival", "0 -> A", "feed*C")
    net.reaction("pair", "2 A -> D", "0.3*A*(A - 1)")
    net.reaction("part", "D -> 2 A", "0.1*D")
    net.reaction("loss", "D -> 0", "0.05*D")
    net.event("dose", at=4, set={"C": 2.0}, add={"A": 6})
    net.event("empty", when="A < 1", add={"A": 2})
    return net


def still() -> Network:
    """Nothing continuous: the hybrid method is the exact one, and the exact one can run it too."""
    net = Network("still")
    net.species("A", 12)
    net.species("B", 0)
    net.reaction("bind", "2 A -> B", "0.05*A*(A - 1)")
    net.reaction("part", "B -> 2 A", "0.2*B")
    net.event("dose", at=3, add={"A": 4})
    net.event("few", when="A < 3", add={"A": 5})
    return net


def crowded() -> Network:
    """A rate that is zero at 20: leaps must not pass it."""
    net = Network("crowded")
    net.species("X", 15)
    net.reaction("division", "X -> 2 X", "X*(1 - X/20)")
    net.reaction("death", "X -> 0", "0.2*X")
    return net


def groups() -> Network:
    """Newcomers in twos, rare ones, and classes that differ in their fate."""
    net = Network("groups")
    net.species("P", 6)
    net.species("Q", 0)
    net.species("R", 0)
    net.reaction("twins", "0 -> 2 P", "1.5")
    net.reaction("rare", "0 -> R", "0.02")
    net.reaction("forth", "P -> Q", "0.4*P")
    net.reaction("back", "Q -> P", "0.1*Q")
    net.reaction("division", "P -> 2 P", "0.3*P")
    net.reaction("death P", "P -> 0", "0.2*P")
    net.reaction("death Q", "Q -> 0", "1.4*Q")
    net.reaction("double", "Q -> 2 R", "0.3*Q")
    net.event("many", when="P > 14", survive={"P": 0.3})
    return net


def oscillating() -> Network:
    net = Network("oscillating")
    net.species("X", 10.0, kind="concentration")
    net.species("Y", 5.0, kind="concentration")
    net.define("all", "X + 2*Y")
    net.reaction("growth", "X -> 2 X", "1.1*X")
    net.reaction("prey", "X + Y -> 2 Y", "0.4*X*Y*(1 + 0.1*all/(5 + all))")
    net.reaction("death", "Y -> 0", "(0.4 + 0.1*exp(-time))*Y")
    net.event("rescue", when="X < 0.3", add={"X": 0.2})
    net.event("dose", at=10 / 3, survive={"Y": 0.5})
    return net


def falling() -> Network:
    """A large population that dies fast: a long step must not carry it from many to less than one."""
    net = Network("falling")
    net.species("X", 1e5)
    net.reaction("death", "X -> 0", "2*X")
    net.reaction("arrival", "0 -> X", "exp(-time)")
    return net


def pulsed() -> Network:
    """An environment that changes within a step, which straight lines would miss; triggers that wait for it alone."""
    net = Network("pulsed")
    net.species("X", 20)
    net.species("Y", 0)
    net.species("C", 0.0, kind="concentration")
    net.reaction("flow", "0 -> C", "1 - C")
    net.reaction("division", "X -> 2 X", "0.3*X")
    net.reaction("death", "X -> 0", "X*(0.3 + 5*exp(-8*(time - 7)**2))")
    net.reaction("daughters", "X -> X + Y", "0.2*X")
    net.reaction("ageing", "Y -> 0", "0.5*Y")
    net.event("high", when="C > 0.9", add={"X": 10})
    return net


def nursery() -> Network:
    """So many newcomers, and so short-lived, that a step is parted for them."""
    net = Network("nursery")
    net.species("X", 0)
    net.reaction("arrival", "0 -> X", "3000*exp(-time/9)")
    net.reaction("division", "X -> 2 X", "2*X")
    net.reaction("death", "X -> 0", "5*X")
    return net


def draining() -> Network:
    """A slope that is no number beyond zero: steps across it are refused."""
    net = Network("draining")
    net.species("C", 1.0, kind="concentration")
    net.reaction("drain", "0 -> C", "-sqrt(C)")
    net.event("empty", when="C < 1e-6", stop=True)
    return net


def following() -> Network:
    """A fast concentration that waits for few cells, and goes no farther than to its balance with them."""
    net = Network("following")
    net.species("X", 10)
    net.species("Y", 10.0, kind="concentration")
    net.reaction("division", "X -> 2 X", "0.3*X")
    net.reaction("death", "X -> 0", "0.3*X")
    net.reaction("secretion", "0 -> Y", "1e3*X")
    net.reaction("clearance", "Y -> 0", "1e3*Y")
    return net


def generations() -> Network:
    """Newcomers that bring newcomers within the step: by daughters, by rare moves, and by moves of all."""
    net = Network("generations")
    for name, number in {"W": 10, "M": 0, "D": 0, "E": 0, "F": 0}.items():
        net.species(name, number)
    net.reaction("mutation", "W -> W + M", "0.3*W")
    net.reaction("daughters", "M -> M + D", "0.1*M")
    net.reaction("death M", "M -> 0", "3*M")
    net.reaction("maturation", "M -> E", "2*M")
    net.reaction("slow escape", "M -> F", "0.02*M")
    net.reaction("death E", "E -> 0", "0.4*E")
    net.reaction("last move", "E -> F", "0.3*E")
    net.reaction("immigration", "0 -> M", "5")
    return net


def awaited() -> Network:
    """A trigger that waits for a chance in two populations."""
    net = Network("awaited")
    net.species("X", 8)
    net.species("C", 1.0, kind="concentration")
    net.reaction("division", "X -> 2 X", "0.5*X*C")
    net.reaction("death", "X -> 0", "0.5*X")
    net.reaction("clearance", "C -> 0", "0.01*C")
    net.event("many", when="X > 12", survive={"X": 0.5})
    net.event("none", when="X < 1", add={"X": 4})
    return net


def leaping() -> Network:
    """Many cells, few cells that turn up at their time among them, and two that die out together."""
    net = Network("leaping")
    for name, number in {"X": 300_000, "A": 2000, "B": 1500, "S": 9, "R": 0}.items():
        net.species(name, number)
    net.reaction("division", "X -> 2 X", "0.3*X")
    net.reaction("death", "X -> 0", "0.4*X")
    net.reaction("pair", "A + B -> 0", "1e-3*A*B")
    net.reaction("rescue", "S -> R", "1e-6*S*X")
    net.reaction("return", "R -> S", "0.5*R")
    net.event("dose", at=4, survive={"X": 0.5})
    return net


def watched() -> Network:
    """Leaps that a trigger looks at, until it ends the run; a loss that takes no heed of what is left."""
    net = Network("watched")
    net.species("X", 1000)
    net.species("Y", 5000)
    net.reaction("division", "X -> 2 X", "0.5*X")
    net.reaction("loss", "Y -> 0", "400")
    net.event("empty", when="Y < 500", add={"Y": 4000})
    net.event("full", when="X > 1e6", stop=True)
    return net


def foreseen() -> Network:
    """Arrivals and births that rise within a step, below a limit that the cells of the start could not reach."""
    net = network(
        {"X": 0, "Y": 3}, ("0 -> X", "0.01 + 100*time"), ("X -> 0", "0.3*X"), ("Y -> 2 Y", "(0.001 + 0.05*time)*Y"), ("Y -> 0", "0.05*Y")
    )  # fmt: skip
    net.event("crowd", when="X > 1500.5", survive={"X": 0.1})
    net.event("litter", when="Y > 5000.5", survive={"Y": 0.01})
    return net


CASES: dict[str, tuple[Callable[[], Network], Any]] = {
    "competition, ode": (competition, "ode"),
    "oscillating, ode": (oscillating, ODE(rtol=1e-8)),
    "oscillating, hybrid": (oscillating, Hybrid()),
    "competition, hybrid": (competition, Hybrid()),
    "few cells, hybrid": (lambda: competition(large=False), Hybrid(max_step=1.0)),
    "low threshold, hybrid": (competition, Hybrid(threshold=100.0)),
    "counted, hybrid": (counted, Hybrid()),
    "still, hybrid": (still, Hybrid()),
    "still, ssa": (still, "ssa"),
    "crowded, hybrid": (crowded, Hybrid()),
    "crowded in long steps, hybrid": (crowded, Hybrid(tolerance=1.0)),
    "crowded, ssa": (crowded, "ssa"),
    "falling, hybrid": (falling, Hybrid(rtol=0.1)),
    "pulsed, hybrid": (pulsed, Hybrid()),
    "nursery, hybrid": (nursery, Hybrid(tolerance=0.5)),
    "draining, ode": (draining, "ode"),
    "following, hybrid": (following, Hybrid()),
    "generations, hybrid": (generations, Hybrid(tolerance=0.5)),
    "awaited, hybrid": (awaited, Hybrid()),
    "groups, hybrid": (groups, Hybrid()),
    "foreseen, hybrid": (foreseen, Hybrid(tolerance=0.5, threshold=1e5)),
    "groups, ssa": (groups, "ssa"),
    "still, tau_leap": (still, "tau_leap"),
    "groups, tau_leap": (groups, "tau_leap"),
    "leaping, tau_leap": (leaping, "tau_leap"),
    "leaping far, tau_leap": (leaping, TauLeap(epsilon=0.5)),
    "watched, tau_leap": (watched, "tau_leap"),
}
ROWS = 3


def run(name: str) -> Trajectories:
    build, kernel = CASES[name]
    return simulate(build(), np.linspace(0, 20, 9), kernel, n=ROWS, seed=1, threads=1)


if __name__ == "__main__":
    found = {}
    for case in CASES:
        out = run(case)
        found[case] = [
            out.values.tolist(),
            out.statistics["steps"].tolist(),
            out.statistics["events"].tolist(),
        ]
    json.dump(found, sys.stdout)
