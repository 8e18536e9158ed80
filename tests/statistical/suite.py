"""The suite: every case by every method, one sample each, asked all that its law has; the level of a single question in one place."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from sim.errors import NumericalWarning
from sim.kernels.ssa import no_jumps
from sim.network import simulation
from sim.network.network import Network
from sim.network.simulation import simulate
from tests.statistical.cases import CASES, METHODS, TABLES, Case
from tests.statistical.checks import STATISTICS, Room, applicable

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


def walking_tables() -> AbstractContextManager[object]:
    """Let the direct method walk the tables, as it does where a network's own loop would be too long."""
    return patch.object(simulation, "_own_events", lambda compiled: (no_jumps, False))


def run(case: Case, method: str, rows: int, seed: int, net: Network | None = None) -> tuple[Floats, int]:
    """Return the observed species of the rows that are ok, shape (rows, times), and how many are not.

    Rows are replicates of a first patient, then as many of a second.
    """
    net = case.network if net is None else net
    first = net.all_species[0]
    with warnings.catch_warnings(), walking_tables() if method == TABLES else nullcontext():
        warnings.simplefilter("ignore", NumericalWarning)  # failures are counted here
        out = simulate(
            net,
            [0.0, *case.times],
            METHODS[method],
            n=rows // 2,
            seed=seed,
            initial={first.name: np.full(2, first.initial)},
            outputs=[case.observed],
            threads=1,
        )
    return case.whole(out[case.observed][out.ok, 1:]), int(np.sum(~out.ok))


def sample(case: Case, method: str, rows: int, seed: int) -> Floats:
    """Return the observed species, shape (rows, times), of rows that must all be ok."""
    x, failed = run(case, method, rows, seed)
    assert not failed, f"{failed} of {rows} rows failed"
    return x


@dataclass(frozen=True)
class Answer:
    question: Question
    p: float
    rows: int

    @property
    def alarm(self) -> bool:
        return self.p < level()


def answers(name: str, method: str, x: Floats, room: Room | None = None) -> Iterator[Answer]:
    """Ask a sample all that concerns its case."""
    case = CASES[name]
    room = case.methods[method] if room is None else room
    for k, t in enumerate(case.times):
        for statistic in asked(name, t):
            p = STATISTICS[statistic](x[:, k], case.law(t), room)
            yield Answer(Question(name, method, t, statistic), p, len(x))


def alarms(found: Iterable[Answer]) -> list[str]:
    return [f"{one.question} has p = {one.p:.1e} (n = {one.rows:,})" for one in found if one.alarm]
