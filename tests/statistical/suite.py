"""The suite: every case by every method, one sample each, asked all that its law has; the level of a single question in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.network.network import Network
from sim.network.simulation import Kernel, simulate
from tests.statistical.cases import CASES, Case
from tests.statistical.checks import STATISTICS, applicable

Floats = NDArray[np.float64]

FAMILY = 1e-6
"""Chance that any question of a whole run of the suite raises a false alarm."""
ROWS = 10_000
"""Rows of a sample in `make test`."""
MORE_ROWS = 100_000
"""Rows of a sample in `make verify`."""


@dataclass(frozen=True)
class Question:
    case: str
    method: str
    t: float
    statistic: str

    def __str__(self) -> str:
        return f"{self.case}, {self.method}, t = {self.t:g}: {self.statistic}"


@cache
def questions() -> tuple[Question, ...]:
    """All that the suite asks."""
    return tuple(
        Question(name, method, t, statistic)
        for name, case in CASES.items()
        for method in case.methods
        for t in case.times
        for statistic in asked(name, t)
    )


def asked(name: str, t: float) -> tuple[str, ...]:
    return CASES[name].only or applicable(CASES[name].law(t))


@cache
def level() -> float:
    """False-alarm rate of one question."""
    return FAMILY / len(questions())


def sample(case: Case, method: str | Kernel, rows: int, seed: int, net: Network | None = None) -> Floats:
    """Return the observed species, shape (rows, times): replicates of a first patient, then as many of a second."""
    net = case.network if net is None else net
    first = net.all_species[0]
    out = simulate(
        net,
        [0.0, *case.times],
        method,
        n=rows // 2,
        seed=seed,
        initial={first.name: np.full(2, first.initial)},
        outputs=[case.observed],
        threads=1,
    )
    assert out.ok.all()
    return out[case.observed][:, 1:]


@dataclass(frozen=True)
class Answer:
    question: Question
    p: float
    rows: int

    @property
    def alarm(self) -> bool:
        return self.p < level()


def answers(name: str, method: str, x: Floats, allowance: float | None = None) -> Iterator[Answer]:
    """Ask a sample all that concerns its case."""
    case = CASES[name]
    allowance = case.methods[method] if allowance is None else allowance
    for k, t in enumerate(case.times):
        for statistic in asked(name, t):
            p = STATISTICS[statistic](x[:, k], case.law(t), allowance)
            yield Answer(Question(name, method, t, statistic), p, len(x))


def alarms(found: Iterable[Answer]) -> list[str]:
    return [f"{one.question} has p = {one.p:.1e} (n = {one.rows:,})" for one in found if one.alarm]
