"""Networks with a known law, and what each method may be off by on them.

The allowance is what the method documents, as a share of the mean (`tests.statistical.checks`): none for `ssa`; 2 % for `tau_leap` at its
default epsilon; for `hybrid` none where each population is a branching process in an environment of its own course, or counted event
by event, and its `tolerance`, 2 %, where discrete populations act on each other within a step. An allowance is not a finding: what is
measured is far less on most networks, and `make verify` prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from sim.network.network import Network
from tests.statistical import oracles
from tests.statistical.oracles import Law, Master

EXACT, LEAP, TOLERANCE = 0.0, 0.02, 0.02
ALL_EXACT = {"ssa": EXACT, "tau_leap": LEAP, "hybrid": EXACT}
INTERACTING = {"ssa": EXACT, "tau_leap": LEAP, "hybrid": TOLERANCE}


@dataclass(frozen=True)
class Case:
    """A network, the species and times that are looked at, its law at a time, and the methods with their allowances."""

    network: Network
    observed: str
    times: tuple[float, ...]
    law_at: Callable[[float], Law]
    methods: Mapping[str, float]
    linear: bool = False
    """Whether rates are linear, so that `ode` gives the mean."""
    only: tuple[str, ...] = ()
    """What alone is asked, where the law is not that of all values."""
    costly: tuple[str, ...] = ()
    """Methods that take more than two seconds for the rows of `make test`; `make verify` has them."""

    def law(self, t: float) -> Law:
        return _law(self, t)

    def __hash__(self) -> int:
        return id(self)


@cache
def _law(case: Case, t: float) -> Law:
    return case.law_at(t)


def network(name: str, initial: Mapping[str, float], *reactions: tuple[str, str]) -> Network:
    net = Network(name)
    for species, number in initial.items():
        net.species(species, number)
    for number, (change, rate) in enumerate(reactions):
        net.reaction(f"{number}: {change}", change, rate)
    return net


def birth_death(start: int, birth: float, death: float) -> Network:
    return network("birth and death", {"X": start}, ("X -> 2 X", f"{birth}*X"), ("X -> 0", f"{death}*X"))


def until_many() -> Network:
    """Extinction for ever: from 60 cells on it has a chance of 1e-11, and the run ends."""
    net = birth_death(4, 1.0, 0.65)
    net.event("established", when="X >= 60", stop=True)
    return net


def absorbed(_t: float) -> Law:
    """None, with the chance of extinction for ever; all else is 60 (a step of a leap may pass it, so only none is looked at)."""
    p = np.zeros(61)
    p[0] = oracles.extinct(1.0, 0.65, 4)
    p[60] = 1.0 - p[0]
    return Law(p)


@cache
def killing() -> Master:
    """Effectors E that divide where targets are, and kill T with saturation."""
    return Master(
        (
            ((1, 0), lambda e, t: 0.5 * e * t / (20.0 + t)),
            ((-1, 0), lambda e, t: 0.3 * e),
            ((0, 1), lambda e, t: 0.4 * t),
            ((0, -1), lambda e, t: 1.5 * e * t / (20.0 + t)),
        ),
        (8, 30),
        (50, 260),
    )


@cache
def predation() -> Master:
    return Master(
        (
            ((1, 0), lambda x, y: 1.0 * x),
            ((-1, 1), lambda x, y: 0.02 * x * y),
            ((0, -1), lambda x, y: 0.8 * y),
        ),
        (50, 40),
        (170, 130),
    )


def dimers(molecules: int, forward: float, back: float) -> Master:
    pairs = molecules // 2
    return Master(
        (
            ((1,), lambda d: 0.5 * forward * (molecules - 2 * d) * (molecules - 2 * d - 1)),
            ((-1,), lambda d: back * d),
        ),
        (0,),
        (pairs + 1,),
    )


def dimerisation(molecules: int, forward: float, back: float) -> Network:
    """The rate of a pair is forward for each of the M (M - 1)/2 pairs."""
    return network(
        "dimerisation",
        {"M": molecules, "D": 0},
        ("2 M -> D", f"{forward}*M*(M - 1)/2"),
        ("D -> 2 M", f"{back}*D"),
    )


SCHLOEGL = Master(
    (
        ((1,), lambda x: 0.03 * x * (x - 1.0) / 2.0),
        ((-1,), lambda x: 1e-4 * x * (x - 1.0) * (x - 2.0) / 6.0),
        ((1,), lambda x: 200.0 + 0.0 * x),
        ((-1,), lambda x: 3.5 * x),
    ),
    (250,),
    (1000,),
)
CROWDING = Master(
    (((1,), lambda x: 2.0 * x), ((-1,), lambda x: 0.002 * x * (x - 1.0))),
    (100,),
    (1500,),
)
CAPACITY = Master(
    (((1,), lambda x: 1.0 * x * np.maximum(1.0 - x / 1000.0, 0.0)), ((-1,), lambda x: 0.2 * x)),
    (200,),
    (1001,),
)


def clone(start: float, rate: float, mutant_death: float) -> Network:
    """Wild cells W that divide and throw off mutants M."""
    return network(
        "mutants of a clone",
        {"W": start, "M": 0},
        ("W -> 2 W", "W"),
        ("W -> W + M", f"{rate}*W"),
        ("M -> 2 M", "M"),
        ("M -> 0", f"{mutant_death}*M"),
    )


def treated_clone() -> Network:
    return network(
        "mutants of a dying clone",
        {"W": 200, "M": 0},
        ("W -> 2 W", "0.5*W"),
        ("W -> 0", "0.9*W"),
        ("W -> W + M", "0.004*W"),
        ("M -> 2 M", "0.8*M"),
        ("M -> 0", "0.3*M"),
    )


PREDATION = network(
    "predation", {"X": 50, "Y": 40}, ("X -> 2 X", "X"), ("X + Y -> 2 Y", "0.02*X*Y"), ("Y -> 0", "0.8*Y")
)
KILLING = network(
    "killing",
    {"E": 8, "T": 30},
    ("E -> 2 E", "0.5*E*T/(20 + T)"),
    ("E -> 0", "0.3*E"),
    ("T -> 2 T", "0.4*T"),
    ("T -> 0", "1.5*E*T/(20 + T)"),
)
MANY = 1e7
"""Wild cells whose chance is nothing beside that of the few mutants: a share of 3e-4."""

CASES: dict[str, Case] = {
    "birth-death, few": Case(
        birth_death(10, 1.0, 1.2),
        "X",
        (0.5, 2.0),
        lambda t: oracles.birth_death(1.0, 1.2, 10, t, 512),
        ALL_EXACT,
        linear=True,
    ),
    "birth-death, many": Case(
        birth_death(3000, 1.0, 1.3),
        "X",
        (0.4, 1.5),
        lambda t: oracles.birth_death(1.0, 1.3, 3000, t, 8192),
        ALL_EXACT,
        linear=True,
        costly=("ssa",),
    ),
    "birth-death, extinct for ever": Case(
        until_many(), "X", (80.0,), absorbed, ALL_EXACT, only=("none",), costly=("hybrid",)
    ),
    "immigration-birth-death": Case(
        network("immigration", {"X": 0}, ("0 -> X", "4"), ("X -> 2 X", "0.6*X"), ("X -> 0", "0.8*X")),
        "X",
        (1.0, 6.0),
        lambda t: oracles.immigration_birth_death(4.0, 0.6, 0.8, t, 1024),
        ALL_EXACT,
        linear=True,
    ),
    "immigration within a step": Case(
        network("immigration of few", {"X": 0}, ("0 -> X", "1.4"), ("X -> 0", "0.02*X")),
        "X",
        (1.0, 4.0),
        lambda t: oracles.newcomers(lambda _: 1.4, 1, 0.0, 0.02, t, 128),
        ALL_EXACT,
        linear=True,
    ),
    "batch immigration": Case(
        network("batches", {"X": 0}, ("0 -> 20 X", "1.5"), ("X -> 2 X", "0.3*X"), ("X -> 0", "0.8*X")),
        "X",
        (0.7, 4.0),
        lambda t: oracles.newcomers(lambda _: 1.5, 20, 0.3, 0.8, t, 1024),
        ALL_EXACT,
        linear=True,
    ),
    "batch immigration, many": Case(
        network("many batches", {"X": 0}, ("0 -> 20 X", "100"), ("X -> 0", "X")),
        "X",
        (0.5, 3.0),
        lambda t: oracles.newcomers(lambda _: 100.0, 20, 0.0, 1.0, t, 8192),
        ALL_EXACT,
        linear=True,
    ),
    "dimerisation, few": Case(
        dimerisation(13, 0.05, 0.2), "D", (1.0, 5.0), lambda t: dimers(13, 0.05, 0.2).at(t), ALL_EXACT
    ),
    "dimerisation, many": Case(
        dimerisation(2000, 1e-3, 0.5),
        "D",
        (0.3, 2.0),
        lambda t: dimers(2000, 1e-3, 0.5).at(t),
        ALL_EXACT,
        costly=("hybrid",),
    ),
    "mutants of a clone": Case(
        clone(20, 0.01, 0.0),
        "M",
        (2.5,),
        lambda t: oracles.mutants((1.0, 0.0), 0.01, (1.0, 0.0), 20, t, 1024),
        ALL_EXACT,
    ),
    "mutants of a dying clone": Case(
        treated_clone(),
        "M",
        (2.0, 5.0),
        lambda t: oracles.mutants((0.5, 0.9), 0.004, (0.8, 0.3), 200, t, 1024),
        ALL_EXACT,
        linear=True,
    ),
    "frequent mutants": Case(
        network(
            "frequent mutants",
            {"W": 10, "M": 0},
            ("W -> 2 W", "0.5*W"),
            ("W -> 0", "0.4*W"),
            ("W -> W + M", "0.3*W"),
            ("M -> 2 M", "0.2*M"),
            ("M -> 0", "0.6*M"),
        ),
        "M",
        (0.5, 2.0),
        lambda t: oracles.mutants((0.5, 0.4), 0.3, (0.2, 0.6), 10, t, 256),
        ALL_EXACT,
        linear=True,
    ),
    "Luria-Delbrueck": Case(
        clone(MANY, 2e-9, 0.0),
        "M",
        (5.0,),
        lambda t: oracles.newcomers(lambda s: 2e-9 * MANY * np.exp(s), 1, 1.0, 0.0, t, 2048, 1e-7),
        {"tau_leap": LEAP, "hybrid": EXACT},
    ),
    "Luria-Delbrueck with death": Case(
        clone(MANY, 6e-9, 0.6),
        "M",
        (5.0,),
        lambda t: oracles.newcomers(lambda s: 6e-9 * MANY * np.exp(s), 1, 1.0, 0.6, t, 1024),
        {"tau_leap": LEAP, "hybrid": EXACT},
    ),
    "Lotka-Volterra, prey": Case(
        PREDATION,
        "X",
        (1.0,),
        lambda t: predation().at(t, 0),
        INTERACTING,
    ),
    "Lotka-Volterra, predators": Case(
        PREDATION,
        "Y",
        (1.0,),
        lambda t: predation().at(t, 1),
        INTERACTING,
    ),
    "Schloegl": Case(
        network(
            "Schloegl",
            {"X": 250},
            ("2 X -> 3 X", "0.03*X*(X - 1)/2"),
            ("3 X -> 2 X", "1e-4*X*(X - 1)*(X - 2)/6"),
            ("0 -> X", "200"),
            ("X -> 0", "3.5*X"),
        ),
        "X",
        (1.0, 4.0),
        SCHLOEGL.at,
        ALL_EXACT,
        costly=("ssa", "hybrid"),
    ),
    "killing, targets": Case(
        KILLING,
        "T",
        (1.0, 3.0),
        lambda t: killing().at(t, 1),
        INTERACTING,
    ),
    "killing, effectors": Case(
        KILLING,
        "E",
        (1.0, 3.0),
        lambda t: killing().at(t, 0),
        INTERACTING,
    ),
    "self-limiting growth": Case(
        network("crowding", {"X": 100}, ("X -> 2 X", "2*X"), ("2 X -> X", "0.002*X*(X - 1)")),
        "X",
        (1.0, 3.0),
        CROWDING.at,
        INTERACTING,
        costly=("hybrid",),
    ),
    "growth to a capacity": Case(
        network("capacity", {"X": 200}, ("X -> 2 X", "X*(1 - X/1000)"), ("X -> 0", "0.2*X")),
        "X",
        (1.0, 6.0),
        CAPACITY.at,
        INTERACTING,
        costly=("hybrid",),
    ),
}
