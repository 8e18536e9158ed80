"""Networks with a known law, and what each method may be off by on them.

A method has no room where it is exact: `ssa` everywhere, on its own loop of a network and on the tables; `tau_leap` where all are so few
that each reaction is drawn on its own; `hybrid` where every population is a branching process in an environment of its own course, or counted
event by event. Elsewhere it has what it is off by by its nature, as far as that was measured (100,000 rows; `make verify` prints it), and never more
than is documented of it, `PROMISED`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from sim.network.network import Network
from sim.network.simulation import SSA, Hybrid, Kernel, TauLeap
from tests.statistical import oracles
from tests.statistical.checks import NO_ROOM, Room
from tests.statistical.oracles import Complex, Floats, Law, Master

PROMISED = 0.02
"""What `tau_leap` and `hybrid` promise at their default epsilon and tolerance, and the most that any case may have."""
EXACT = NO_ROOM
LEAP = Room(0.001)
"""For leaps of many: as `TauLeap` states it."""
INTERACTING = Room(0.001, 0.02)
"""For discrete populations that act on each other within a step of `hybrid`: what they do in it follows their mean."""
DRIVEN = Room(0.0, 0.05)
"""For a concentration that a population drives: within a step of `hybrid` that leaves its mean along a straight line, and what it does besides is
not seen. At the default tolerance the variance is 3.7 +- 0.4 % short, at a tenth of it 0.5 %."""
BENT = Room(0.015)
"""For hazards that rise and fall within few steps of `hybrid`, which takes them for parabolas: the mean is 1.1 +- 0.1 % short behind a wave of
births at the default tolerance of 0.02, and right within 0.2 % at a quarter of it."""
LOST = Room(0.0, 0.02)
"""For a population that passes a threshold of `hybrid`: it has no chance above, a share of the variance as large as the population's of
half the threshold when it falls, or as the start's of the threshold when it grows. Measured: 1.2 +- 0.6 %."""
LOW = 1000.0
"""A threshold of `hybrid` that populations of its cases pass."""
METHODS: dict[str, Kernel] = {
    "ssa": SSA(),
    "ssa by tables": SSA(),
    "tau_leap": TauLeap(),
    "hybrid": Hybrid(),
    "hybrid, low threshold": Hybrid(threshold=LOW),
}
"""All that a case may be asked by; `ssa by tables` walks the tables, as networks do whose own loop would be too long."""
TABLES = "ssa by tables"


def by(
    tau_leap: Room | None = LEAP,
    hybrid: Room | None = EXACT,
    low: Room | None = None,
    exactly: bool = True,
) -> dict[str, Room]:
    """Return the methods of a case with their room; None leaves one out."""
    given = dict.fromkeys(("ssa", TABLES), EXACT if exactly else None)
    given |= {"tau_leap": tau_leap, "hybrid": hybrid, "hybrid, low threshold": low}
    return {name: room for name, room in given.items() if room is not None}


def hybrid_alone(room: Room = EXACT) -> dict[str, Room]:
    """For concentrations and rates that depend on time, which the direct method and the leap refuse."""
    return by(None, room, exactly=False)


@dataclass(frozen=True)
class Case:
    """A network, the species and times that are looked at, its law at a time, and the methods with their room."""

    network: Network
    observed: str
    times: tuple[float, ...]
    law_at: Callable[[float], Law]
    methods: Mapping[str, Room]
    linear: bool = False
    """Whether rates are linear, so that `ode` gives the mean."""
    only: tuple[str, ...] = ()
    """What alone is asked, where the law is not that of all values."""
    costly: tuple[str, ...] = ()
    """Methods that take more than a second or two for the rows of `make test`; `make verify` has them."""
    unit: float | None = None
    """For values that are not whole: they are looked at in steps of so much, rounded to the nearest."""

    def law(self, t: float) -> Law:
        return _law(self, t)

    def whole(self, x: Floats) -> Floats:
        """Return values as the whole numbers that the law is about."""
        return x if self.unit is None else np.floor(x / self.unit + 0.5)

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
    """Effectors E that divide where targets are, and kill T, with saturation in both."""
    return Master(
        (
            ((1, 0), lambda e, t: 0.7 * e * t / (20.0 + e + t)),
            ((-1, 0), lambda e, t: 0.3 * e),
            ((0, 1), lambda e, t: 0.4 * t),
            ((0, -1), lambda e, t: 1.8 * e * t / (20.0 + e + t)),
        ),
        (8, 30),
        (70, 330),
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


def predators() -> Network:
    """With a named sum and parameters, as models are written."""
    net = Network("predation")
    net.species("X", 50)
    net.species("Y", 40)
    net.parameter("meeting_rate", 0.02)
    net.parameter("death_rate", 0.8)
    net.define("meetings", "meeting_rate*X*Y")
    net.reaction("prey", "X -> 2 X", "X")
    net.reaction("meal", "X + Y -> 2 Y", "meetings")
    net.reaction("death", "Y -> 0", "death_rate*Y")
    return net


def killers() -> Network:
    """Likewise; the sum does not divide out of a rate, so it is kept and has to be renewed."""
    net = Network("killing")
    net.species("E", 8)
    net.species("T", 30)
    for name, value in (("division_rate", 0.7), ("kill_rate", 1.8), ("saturation", 20.0)):
        net.parameter(name, value)
    net.define("crowd", "saturation + E + T")
    net.reaction("division", "E -> 2 E", "division_rate*E*T/crowd")
    net.reaction("loss", "E -> 0", "0.3*E")
    net.reaction("growth", "T -> 2 T", "0.4*T")
    net.reaction("kill", "T -> 0", "kill_rate*E*T/crowd")
    return net


PREDATION = predators()
KILLING = killers()
MANY = 1e7
"""Wild cells whose chance is nothing beside that of the few mutants: a share of 3e-4. They make 1.5e9 events a row, a minute each by `ssa`."""


def in_time() -> Network:
    """A wave of births, and deaths that wane."""
    return network(
        "rates in time",
        {"X": 30},
        ("X -> 2 X", "(0.5 + 2*exp(-5*(time - 1)*(time - 1)))*X"),
        ("X -> 0", "(0.6 + exp(-0.7*time))*X"),
    )


def in_time_law(t: float) -> Law:
    one = oracles.line_in_time(
        lambda s: 0.5 + 2.0 * np.exp(-5.0 * (s - 1.0) ** 2), lambda s: 0.6 + np.exp(-0.7 * s), t
    )
    return oracles.from_generating(lambda z: one(z) ** 30, 1024)


def waning() -> Network:
    """A concentration that fades brings cells and makes them divide; they do nothing to it."""
    net = Network("waning growth factor")
    net.species("C", 1.0, kind="concentration")
    net.species("X", 10)
    net.reaction("fading", "C -> 0", "0.6*C")
    net.reaction("immigration", "0 -> X", "5*C")
    net.reaction("birth", "X -> 2 X", "1.5*C*X")
    net.reaction("death", "X -> 0", "0.8*X")
    return net


def waning_law(t: float) -> Law:
    """The same as immigrants and Kendall's law in time."""
    factor = lambda s: np.exp(-0.6 * s)  # noqa: E731
    ages, weights = oracles.nodes(t)

    def function(z: Complex) -> Complex:
        total = 10.0 * np.log(oracles.line_in_time(lambda s: 1.5 * factor(s), lambda _: 0.8, t)(z))
        for age, weight in zip(ages, weights, strict=True):
            begin = t - age
            since = oracles.line_in_time(lambda s, u=begin: 1.5 * factor(u + s), lambda _: 0.8, age)
            total = total + weight * 5.0 * factor(begin) * (since(z) - 1.0)
        return np.exp(total)

    return oracles.from_generating(function, 512)


SIGNAL = 2000
"""Cells that make a concentration, near balance: what it feels of their chance is what is asked."""


def signal() -> Network:
    """A population that makes a concentration, whose share brings other cells."""
    net = Network("signal")
    net.species("X", SIGNAL)
    net.species("C", 0.0, kind="concentration")
    net.species("M", 0)
    net.reaction("birth", "X -> 2 X", "X")
    net.reaction("death", "X -> 0", "1.1*X")
    net.reaction("secretion", "0 -> C", f"X/{SIGNAL}")
    net.reaction("decay", "C -> 0", "C")
    net.reaction("call", "0 -> M", "40*C")
    net.reaction("birth of M", "M -> 2 M", "0.3*M")
    net.reaction("death of M", "M -> 0", "0.9*M")
    return net


def signal_law(t: float) -> Law:
    """The concentration is the integral of exp(-age) X/SIGNAL, so its characteristic function is that of a weight on the life of a cell."""

    def function(u: Floats) -> Complex:
        def slope(age: float, f: Sequence[Complex]) -> list[Complex]:
            weight = 1j * u * np.exp(-age) / SIGNAL
            return [f[0] * f[0] + 1.1 - 2.1 * f[0] + weight * f[0]]

        return oracles.lines(slope, [np.ones_like(u)], t)[0] ** SIGNAL

    return oracles.from_characteristic(function, SIGNAL_UNIT, 4096)


SIGNAL_UNIT = 5e-4


def called_law(t: float) -> Law:
    """Those whom the concentration brings: each cell counts for what its secretion, fading, will have brought (the second component)."""

    def function(z: Complex) -> Complex:
        def slope(age: float, f: Sequence[Complex]) -> list[Complex]:
            brought = 40.0 / SIGNAL * (oracles.line(0.3, 0.9, age)(z) - 1.0) - f[1]
            return [f[0] * f[0] + 1.1 - 2.1 * f[0] + f[1] * f[0], brought]

        return oracles.lines(slope, [np.ones_like(z), np.zeros_like(z)], t)[0] ** SIGNAL

    return oracles.from_generating(function, 256, rounding=oracles.SOLVED)


def beside(other: str) -> Network:
    """Dimers, which are counted one by one, beside what moves and has nothing to do with them."""
    net = dimerisation(12, 0.05, 0.2)
    if other == "population":
        net.species("X", 300)
        net.reaction("birth", "X -> 2 X", "X")
        net.reaction("death", "X -> 0", "1.3*X")
    else:
        net.species("C", 0.0, kind="concentration")
        net.reaction("making", "0 -> C", "1")
        net.reaction("decay", "C -> 0", "C")
    return net


BESIDE = beside("population")


def pairing(forward: float, back: float) -> Master:
    """Twelve molecules, of which pairs form or part."""
    return dimers(12, forward, back)


def catalysed() -> Network:
    """Dimers at the rate of a population that falls."""
    net = dimerisation(12, 0.0, 0.2)
    net.species("X", 12)
    net.reaction("catalysis", "2 M -> D", "0.006*X*M*(M - 1)/2")
    net.reaction("birth", "X -> 2 X", "0.5*X")
    net.reaction("death", "X -> 0", "1.5*X")
    return net


@cache
def catalysis() -> Master:
    return Master(
        (
            ((1, 0), lambda d, x: 0.003 * x * (12.0 - 2.0 * d) * (11.0 - 2.0 * d)),
            ((-1, 0), lambda d, x: 0.2 * d),
            ((0, 1), lambda d, x: 0.5 * x),
            ((0, -1), lambda d, x: 1.5 * x),
        ),
        (0, 12),
        (7, 90),
    )


def triplets() -> Network:
    """Cells that a falling population brings now and then, and that divide in three: they are counted one by one.

    Newcomers are few, so that the population is another one when the next is due.
    """
    return network(
        "triplets",
        {"W": 3000, "Z": 0},
        ("W -> 0", "1.5*W"),
        ("W -> W + Z", "0.001*W"),
        ("Z -> 3 Z", "0.1*Z"),
        ("Z -> 0", "0.3*Z"),
    )


def triplets_law(t: float) -> Law:
    def function(z: Complex) -> Complex:
        def slope(_: float, f: Sequence[Complex]) -> list[Complex]:
            return [1.5 - 1.5 * f[0] + 0.001 * f[0] * (f[1] - 1.0), 0.1 * f[1] ** 3 + 0.3 - 0.4 * f[1]]

        return oracles.lines(slope, [np.ones_like(z), z], t)[0] ** 3000

    return oracles.from_generating(function, 128, rounding=oracles.SOLVED)


def classes(a: tuple[float, float], b: tuple[float, float], start: tuple[int, int]) -> Network:
    """Two classes that cells change, with births and deaths of their own."""
    net = network(
        "classes",
        {"A": start[0], "B": start[1]},
        ("A -> 2 A", f"{a[0]}*A"),
        ("A -> 0", f"{a[1]}*A"),
        ("B -> 2 B", f"{b[0]}*B"),
        ("B -> 0", f"{b[1]}*B"),
        ("A -> B", "0.9*A"),
        ("B -> A", "0.5*B"),
    )
    net.define("total", "A + B")
    return net


def classes_law(t: float) -> Law:
    """Those of class B where one class grows and the other dies out."""

    def function(z: Complex) -> Complex:
        def slope(_: float, f: Sequence[Complex]) -> list[Complex]:
            a, b = f
            return [1.4 * a * a + 0.5 + 0.9 * b - 2.8 * a, 0.2 * b * b + 1.2 + 0.5 * a - 1.9 * b]

        one, other = oracles.lines(slope, [np.ones_like(z), z], t)
        return one**8 * other**3

    return oracles.from_generating(function, 1024, rounding=oracles.SOLVED)


def treated() -> Network:
    """A dose of 20 cells at 1, and a day on which three of ten survive."""
    net = birth_death(30, 1.0, 1.2)
    net.event("dose", at=1.0, add={"X": 20})
    net.event("treatment", at=1.5, survive={"X": 0.3})
    return net


def treated_law(t: float) -> Law:
    def function(z: Complex) -> Complex:
        thinned = 0.7 + 0.3 * oracles.line(1.0, 1.2, t - 1.5)(z)
        return oracles.line(1.0, 1.2, 1.5)(thinned) ** 30 * oracles.line(1.0, 1.2, 0.5)(thinned) ** 20

    return oracles.from_generating(function, 512)


def half_a_cell(t: float) -> Law:
    """From two cells or three, each half the time."""
    one = oracles.line(1.0, 1.2, t)
    return oracles.from_generating(lambda z: 0.5 * (one(z) ** 2 + one(z) ** 3), 256)


RARE = network(
    "rare beside many",
    {"W": 3000, "M": 0},
    ("W -> 2 W", "0.3*W"),
    ("W -> 0", "0.3*W"),
    ("0 -> M", "0.9"),
    ("M -> 2 M", "M"),
    ("M -> 0", "0.8*M"),
)
FALLING = network(
    "falling beside few",
    {"X": 4000, "Y": 0},
    ("X -> 0", "X"),
    ("0 -> Y", "30"),
    ("Y -> 0", "5*Y"),
)
LIMIT = Master(
    (((1,), lambda x: 1.0 * x * np.maximum(1.0 - x / 6.0, 0.0)), ((-1,), lambda x: 0.2 * x)),
    (2,),
    (7,),
)

STOPPING_SOURCE = Master(
    (((1,), lambda x: np.where(x < 20, 60.0, 0.0)), ((-1,), lambda x: x)),
    (0,),
    (21,),
)
STOPPING_GROWTH = Master(
    (((1,), lambda x: np.where(x < 50, 2.0 * x, 0.0)), ((-1,), lambda x: 0.3 * x)),
    (3,),
    (51,),
)

CASES: dict[str, Case] = {
    "birth-death, few": Case(
        birth_death(10, 1.0, 1.2),
        "X",
        (0.5, 2.0),
        lambda t: oracles.birth_death(1.0, 1.2, 10, t, 512),
        by(EXACT),
        linear=True,
    ),
    "birth-death, many": Case(
        birth_death(3000, 1.0, 1.3),
        "X",
        (0.4, 1.5),
        lambda t: oracles.birth_death(1.0, 1.3, 3000, t, 8192),
        by(),
        linear=True,
        costly=("ssa", TABLES),
    ),
    "birth-death, extinct for ever": Case(
        until_many(), "X", (80.0,), absorbed, by(EXACT), only=("none",), costly=("hybrid",)
    ),
    "immigration-birth-death": Case(
        network("immigration", {"X": 0}, ("0 -> X", "4"), ("X -> 2 X", "0.6*X"), ("X -> 0", "0.8*X")),
        "X",
        (1.0, 6.0),
        lambda t: oracles.immigration_birth_death(4.0, 0.6, 0.8, t, 1024),
        by(EXACT),
        linear=True,
    ),
    "immigration within a step": Case(
        network("immigration of few", {"X": 0}, ("0 -> X", "1.4"), ("X -> 0", "0.02*X")),
        "X",
        (1.0, 4.0),
        lambda t: oracles.newcomers(lambda _: 1.4, 1, 0.0, 0.02, t, 128),
        by(EXACT),
        linear=True,
    ),
    "batch immigration": Case(
        network("batches", {"X": 0}, ("0 -> 20 X", "1.5"), ("X -> 2 X", "0.3*X"), ("X -> 0", "0.8*X")),
        "X",
        (0.7, 4.0),
        lambda t: oracles.newcomers(lambda _: 1.5, 20, 0.3, 0.8, t, 1024),
        by(),
        linear=True,
    ),
    "batch immigration, many": Case(
        network("many batches", {"X": 0}, ("0 -> 20 X", "100"), ("X -> 0", "X")),
        "X",
        (0.5, 3.0),
        lambda t: oracles.newcomers(lambda _: 100.0, 20, 0.0, 1.0, t, 8192),
        by(),
        linear=True,
        costly=(TABLES,),
    ),
    "dimerisation, few": Case(
        dimerisation(13, 0.05, 0.2), "D", (1.0, 5.0), lambda t: dimers(13, 0.05, 0.2).at(t), by(EXACT)
    ),
    "dimerisation, many": Case(
        dimerisation(2000, 1e-3, 0.5),
        "D",
        (0.3, 2.0),
        lambda t: dimers(2000, 1e-3, 0.5).at(t),
        by(),
        costly=("hybrid",),
    ),
    "mutants of a clone": Case(
        clone(20, 0.01, 0.0),
        "M",
        (2.5,),
        lambda t: oracles.mutants((1.0, 0.0), 0.01, (1.0, 0.0), 20, t, 1024),
        by(EXACT),
        linear=True,
    ),
    "mutants of a dying clone": Case(
        treated_clone(),
        "M",
        (2.0, 5.0),
        lambda t: oracles.mutants((0.5, 0.9), 0.004, (0.8, 0.3), 200, t, 1024),
        by(),
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
        by(EXACT),
        linear=True,
    ),
    "Luria-Delbrueck": Case(
        clone(MANY, 2e-9, 0.0),
        "M",
        (5.0,),
        lambda t: oracles.newcomers(lambda s: 2e-9 * MANY * np.exp(s), 1, 1.0, 0.0, t, 2048, 1e-7),
        by(exactly=False),
    ),
    "Luria-Delbrueck with death": Case(
        clone(MANY, 6e-9, 0.6),
        "M",
        (5.0,),
        lambda t: oracles.newcomers(lambda s: 6e-9 * MANY * np.exp(s), 1, 1.0, 0.6, t, 1024),
        by(exactly=False),
    ),
    "Lotka-Volterra, prey": Case(
        PREDATION,
        "X",
        (1.0,),
        lambda t: predation().at(t, 0),
        by(EXACT, INTERACTING),
    ),
    "Lotka-Volterra, predators": Case(
        PREDATION,
        "Y",
        (1.0,),
        lambda t: predation().at(t, 1),
        by(EXACT, INTERACTING),
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
        by(),
        costly=("ssa", TABLES, "tau_leap", "hybrid"),
    ),
    "killing, targets": Case(
        KILLING,
        "T",
        (1.0, 3.0),
        lambda t: killing().at(t, 1),
        by(EXACT, INTERACTING),
    ),
    "killing, effectors": Case(
        KILLING,
        "E",
        (1.0, 3.0),
        lambda t: killing().at(t, 0),
        by(EXACT, INTERACTING),
    ),
    "self-limiting growth": Case(
        network("crowding", {"X": 100}, ("X -> 2 X", "2*X"), ("2 X -> X", "0.002*X*(X - 1)")),
        "X",
        (1.0, 3.0),
        CROWDING.at,
        by(hybrid=INTERACTING),
        costly=("ssa", TABLES, "hybrid"),
    ),
    "growth to a capacity": Case(
        network("capacity", {"X": 200}, ("X -> 2 X", "X*(1 - X/1000)"), ("X -> 0", "0.2*X")),
        "X",
        (1.0, 6.0),
        CAPACITY.at,
        by(hybrid=INTERACTING),
        costly=(TABLES, "hybrid"),
    ),
    "supercritical birth-death": Case(
        birth_death(5, 1.0, 0.6),
        "X",
        (1.0, 4.0),
        lambda t: oracles.birth_death(1.0, 0.6, 5, t, 1024),
        by(EXACT),
        linear=True,
    ),
    "a dose and a treatment": Case(treated(), "X", (2.0, 3.0), treated_law, by(EXACT), linear=True),
    "rates in time": Case(in_time(), "X", (1.0, 3.0), in_time_law, hybrid_alone(BENT), linear=True),
    "a count driven by a concentration": Case(
        waning(), "X", (0.8, 3.0), waning_law, hybrid_alone(), linear=True
    ),
    "a concentration driven by a count": Case(
        signal(), "C", (1.0, 3.0), signal_law, hybrid_alone(DRIVEN), linear=True, unit=SIGNAL_UNIT
    ),
    "a count driven by a count through a concentration": Case(
        signal(), "M", (1.0, 3.0), called_law, hybrid_alone(INTERACTING), linear=True
    ),
    "dimers beside a moving population": Case(
        BESIDE, "D", (1.0, 5.0), lambda t: pairing(0.05, 0.2).at(t), by()
    ),
    "a population beside dimers": Case(
        BESIDE, "X", (0.5, 3.0), lambda t: oracles.birth_death(1.0, 1.3, 300, t, 1024), by()
    ),
    "dimers beside a moving concentration": Case(
        beside("concentration"), "D", (1.0, 5.0), lambda t: pairing(0.05, 0.2).at(t), hybrid_alone()
    ),
    "dimers at a rate that wanes": Case(
        network(
            "waning dimerisation",
            {"M": 12, "D": 0},
            ("2 M -> D", "0.2*exp(-time)*M*(M - 1)/2"),
            ("D -> 2 M", "0.2*D"),
        ),
        "D",
        (0.5, 3.0),
        lambda t: oracles.driven(
            [(pairing(0.2, 0.0), lambda s: np.exp(-s)), (pairing(0.0, 0.2), lambda _: 1.0)], t
        ),
        hybrid_alone(),
    ),
    "dimers at the rate of a population": Case(
        catalysed(), "D", (0.5, 2.0), lambda t: catalysis().at(t), by(EXACT, INTERACTING)
    ),
    "triplets of a falling population": Case(
        triplets(), "Z", (0.5, 2.5), triplets_law, by(hybrid=INTERACTING), linear=True
    ),
    "classes alike": Case(
        classes((1.0, 1.1), (1.0, 1.1), (200, 100)),
        "total",
        (1.0, 3.0),
        lambda t: oracles.birth_death(1.0, 1.1, 300, t, 1024),
        by(),
        linear=True,
        costly=(TABLES,),
    ),
    "classes of different fate": Case(
        classes((1.4, 0.5), (0.2, 1.2), (8, 3)), "B", (0.5, 2.5), classes_law, by(EXACT), linear=True
    ),
    "from half a cell": Case(
        birth_death(2.5, 1.0, 1.2), "X", (0.5, 2.0), half_a_cell, hybrid_alone(), linear=True
    ),
    "growth to a limit of six": Case(
        network("limit", {"X": 2}, ("X -> 2 X", "X*(1 - X/6)"), ("X -> 0", "0.2*X")),
        "X",
        (1.0, 5.0),
        LIMIT.at,
        by(EXACT, INTERACTING),
    ),
    "falling to extinction from many": Case(
        birth_death(1e6, 0.5, 1.5),
        "X",
        (11.0, 14.0),
        lambda t: oracles.birth_death(0.5, 1.5, 10**6, t, 512),
        by(exactly=False),
        linear=True,
    ),
    "falling through a threshold": Case(
        birth_death(3000, 0.5, 1.5),
        "X",
        (7.0, 8.7),
        lambda t: oracles.birth_death(0.5, 1.5, 3000, t, 256),
        by(low=LOST),
        linear=True,
        costly=("ssa", TABLES),
    ),
    "growing through a threshold": Case(
        birth_death(10, 1.0, 0.5),
        "X",
        (4.0, 10.0),
        lambda t: oracles.birth_death(1.0, 0.5, 10, t, 32768),
        by(low=LOST),
        linear=True,
        costly=("ssa", TABLES),
        unit=1.0,
    ),
    "rare beside many": Case(
        RARE,
        "M",
        (5.0,),
        lambda t: oracles.immigration_birth_death(0.9, 1.0, 0.8, t, 1024),
        by(),
        linear=True,
        costly=("ssa", TABLES),
    ),
    "a large population that dies": Case(
        network("dying", {"X": 4500}, ("X -> 0", "X")),
        "X",
        (1.0, 2.5),
        lambda t: oracles.birth_death(0.0, 1.0, 4500, t, 4096),
        by(),
        linear=True,
    ),
    "falling beside few": Case(
        FALLING,
        "X",
        (0.7, 2.0),
        lambda t: oracles.birth_death(0.0, 1.0, 4000, t, 4096),
        by(),
        linear=True,
    ),
    "few beside falling": Case(
        FALLING,
        "Y",
        (0.7, 2.0),
        lambda t: oracles.newcomers(lambda _: 30.0, 1, 0.0, 5.0, t, 128),
        by(),
        linear=True,
        costly=(TABLES,),
    ),
    "a source that stops at twenty": Case(
        network("full", {"X": 0}, ("0 -> X", "where(X < 20, 60, 0)"), ("X -> 0", "X")),
        "X",
        (0.2, 2.0),
        STOPPING_SOURCE.at,
        by(EXACT),
    ),
    "growth that stops at fifty": Case(
        network("stopping", {"X": 3}, ("X -> 2 X", "2*X*where(X < 50, 1, 0)"), ("X -> 0", "0.3*X")),
        "X",
        (0.7, 1.5),
        STOPPING_GROWTH.at,
        by(EXACT),
    ),
}
