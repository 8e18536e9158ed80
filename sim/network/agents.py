"""simulate_agents(): cells one by one in their surroundings, a network. Which cells and which network, the caller describes.

A step of length h, from t:

=====  ==============================================================================================================
order  what happens
=====  ==============================================================================================================
1      the agents tell the network what they look like on average, and how many they are
2      the network goes from t to t + h/2 by kernel `hybrid`; the agents' numbers follow their mean hazards meanwhile
3      the agents are told the hazards of that moment
4      the network goes on to t + h, the events of that time included
5      the agents live from t to t + h, and share what events did to them
=====  ==============================================================================================================

The surroundings see the agents' mean within a step and their number after it, the agents see the surroundings of its middle: the split is of
second order in h.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.errors import InputError
from sim.kernels import status as codes
from sim.kernels.cache import load_generated
from sim.network.agent_model import AgentModel
from sim.network.arguments import read_number, read_times, read_whole
from sim.network.codegen import compile_network
from sim.network.expression import Expression, Number, Symbol, parse
from sim.network.options import Hybrid, absolute_tolerances
from sim.network.program import write_program
from sim.network.streams import PURPOSES

__all__ = ["Agents", "Cells", "simulate_agents"]

Floats = npt.NDArray[np.float64]
CHUNKS = 16
"""Chunks of a population. Fixed: each has streams of its own."""
THREADS_FROM = 50_000
"""Cells from which on chunks are dealt to threads; no byte depends on it."""
STREAM_WORDS = 16


@dataclass(frozen=True, kw_only=True)
class Agents:
    """Single cells beside the hybrid kernel's surroundings.

    Parameters
    ----------
    step : float
        Step of the split between cells and surroundings, above 0; results converge with its square.
    capacity : int
        Cells for which there is room; a row that needs more has the status ``capacity``.
    surroundings : Hybrid
        Options of the surroundings.

    Raises
    ------
    InputError
        When an option is out of its range.
    """

    step: float = 0.25
    capacity: int = 1_000_000
    surroundings: Hybrid = field(default_factory=lambda: Hybrid(tolerance=0.2, threshold=300.0))

    def __post_init__(self) -> None:
        read_number(self.step, "Agents(step=)", "a finite number of days above 0", 0.0, 1e6, open_low=True)
        read_whole(self.capacity, "Agents(capacity=)", 1)


class Cells:
    """Cells by chunks, in the layout of sim/kernels/agents.py.

    Parameters
    ----------
    room : int
        Cells for which there is room in all.
    """

    def __init__(self, room: int) -> None:
        from sim.kernels import agents as kernel

        # A line that grows from one cell lies in one chunk until chunks are levelled; so each has room to spare.
        each = 2 * -(-room // CHUNKS) + 256
        self.values = np.zeros((CHUNKS, kernel.VALUES, each), np.float32)
        self.marks = np.zeros((CHUNKS, kernel.MARKS, each), np.uint8)
        self.clone = np.zeros((CHUNKS, each), np.int32)
        self.number = np.zeros(CHUNKS, np.int64)

    @property
    def total(self) -> int:
        """Number of cells."""
        return int(self.number.sum())

    def fill(self, values: npt.NDArray[Any], marks: npt.NDArray[Any], clone: npt.NDArray[Any]) -> None:
        """Deal cells to the chunks.

        Parameters
        ----------
        values : ndarray, shape (VALUES, n)
        marks : ndarray, shape (MARKS, n)
        clone : ndarray, shape (n,)
        """
        for c in range(CHUNKS):
            part = slice(c, None, CHUNKS)
            n = len(clone[part])
            self.values[c, :, :n] = values[:, part]
            self.marks[c, :, :n] = marks[:, part]
            self.clone[c, :n] = clone[part]
            self.number[c] = n

    def gather(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """Return the values, marks and clones of all cells."""
        parts = [(c, int(n)) for c, n in enumerate(self.number)]
        return (
            np.concatenate([self.values[c, :, :n] for c, n in parts], axis=1),
            np.concatenate([self.marks[c, :, :n] for c, n in parts], axis=1),
            np.concatenate([self.clone[c, :n] for c, n in parts]),
        )

    def level(self) -> None:
        """Deal the cells anew where one chunk has more than twice its share."""
        if self.number.max() > 2 * (self.total // CHUNKS) + 64:
            self.fill(*self.gather())


def simulate_agents(
    model: AgentModel,
    t: Any,
    cells: Cells,
    parameters: Mapping[str, float],
    initial: Mapping[str, float],
    outputs: Sequence[str],
    options: Agents | None = None,
    seed: int = 0,
    patient: int = 0,
    replicate: int = 0,
    threads: int = 1,
) -> tuple[Floats, int]:
    """Simulate one row.

    Parameters
    ----------
    model : AgentModel
    t : sequence of float
        Save times, days, strictly increasing; the run starts at the first.
    cells : Cells
        The cells at the start; they are those at the end afterwards.
    parameters, initial : mapping of str to float
        Of the surroundings, where they differ from its own.
    outputs : sequence of str
        Species and definitions to save.
    options : Agents
    seed, patient, replicate : int
        Key of the random streams.
    threads : int
        Changes no number.

    Returns
    -------
    values : ndarray, shape (n_times, n_outputs)
        NaN after a failure.
    status : int
    """
    return _Row(model, options or Agents(), read_times(t), tuple(outputs)).run(
        cells, parameters, initial, (seed, patient, replicate), threads
    )


class _Row:
    """One row: the surroundings' arrays, the cells' arrays, and the loop of the table above."""

    def __init__(self, model: AgentModel, options: Agents, times: Floats, outputs: tuple[str, ...]) -> None:
        from sim.kernels import agents as kernel

        self.model, self.options, self.times, self.outputs = model, options, times, outputs
        net = model.surroundings
        known = {p.name for p in net.all_parameters}
        computed = tuple(name for name in model.signals if name not in known)
        self.compiled = compile_network(net, (*outputs, *computed))
        places = {name: i for i, name in enumerate(self.compiled.parameters)}
        self.told_at = np.array([places[name] for name in model.told], np.int64)
        self.signal_from = [
            (False, len(outputs) + computed.index(name)) if name in computed else (True, places[name])
            for name in model.signals
        ]
        at = {name: i for i, name in enumerate(model.signals)}
        layout = [len(model.sites), len(model.products), len(model.pairs), model.site_at]
        for active, load, cd19, cd22 in model.products:
            layout += [at[active], at[load], int(cd19), int(cd22)]
        layout += [number for pair in model.pairs for number in pair]
        self.layout = np.array(layout, np.int64)
        species = {name: i for i, name in enumerate(self.compiled.species)}
        self.cells_at = [species[site.cells] for site in model.sites]
        self.spared_at = [species[site.spared] for site in model.sites]
        self.lysis, self.stimulation = _recognisers(model)
        self.width = 2 + 2 * len(model.products) + len(model.pairs)
        self.kernel = kernel

    def run(
        self, cells: Cells, parameters: Mapping[str, float], initial: Mapping[str, float], key: tuple[int, int, int],
        threads: int,
    ) -> tuple[Floats, int]:  # fmt: skip
        """Simulate; see `simulate_agents`."""
        state = _State(self, parameters, initial, key)
        now, end, h = float(self.times[0]), float(self.times[-1]), self.options.step
        n = 0
        with ThreadPoolExecutor(threads) as pool:
            if (outcome := self._tell(state, cells, now, pool)) != codes.OK:
                return state.saved(self, outcome)
            while True:
                n += 1
                later = min(float(self.times[0]) + n * h, end)
                outcome = state.advance(self, 0.5 * (now + later))
                if outcome != PAUSED:
                    return state.saved(self, outcome)
                signals = state.signals(self, 0.5 * (now + later))
                outcome = state.advance(self, later)
                if outcome != PAUSED:
                    return state.saved(self, outcome)
                spared = state.x[self.spared_at].copy()
                outcome = self._live(state, cells, now, later - now, signals, spared, pool)
                now = later
                if outcome == codes.OK and cells.total > self.options.capacity:
                    outcome = codes.CAPACITY
                if outcome != codes.OK:
                    return state.saved(self, outcome, now)
                self._tell(state, cells, now, pool)
                if now >= end:
                    return state.saved(self, state.advance(self, math.inf))

    def _live(
        self, state: _State, cells: Cells, now: float, h: float, y: Floats, spared: Floats, pool: ThreadPoolExecutor
    ) -> int:  # fmt: skip
        cells.level()
        several = (cells.values, cells.marks, cells.clone, cells.number, state.streams)
        found = _deal(
            pool,
            cells.total,
            lambda begin, end: self.kernel.step_cells(
                now, h, y, self.layout, self.lysis, spared, *several, begin, end
            ),
        )
        return int(max(found))

    def _tell(self, state: _State, cells: Cells, now: float, pool: ThreadPoolExecutor) -> int:
        """Write into the surroundings what the cells look like and how many they are."""
        sites, width = len(self.model.sites), self.width
        sums = np.zeros((CHUNKS, sites * width + 6))
        y = state.signals(self, now)
        _deal(
            pool,
            cells.total,
            lambda begin, end: self.kernel.sum_cells(
                now, y, self.layout, self.lysis, self.stimulation, cells.values, cells.marks, cells.number,
                state.streams, begin, end, sums,
            ),
        )  # fmt: skip
        whole = sums.sum(axis=0)
        told: list[float] = []
        for site in range(sites):
            number = whole[site * width]
            state.x[self.cells_at[site]], state.x[self.spared_at[site]] = number, 1.0
            told += list(whole[site * width + 1 : (site + 1) * width] / max(number, 1.0))
        told += list(whole[sites * width :] / max(whole[0 : sites * width : width].sum(), 1.0))
        state.p[self.told_at] = told
        return codes.OK if np.isfinite(whole).all() else codes.NON_FINITE


PAUSED = -2


class _State:
    """What of the surroundings is carried from call to call."""

    def __init__(
        self, row: _Row, parameters: Mapping[str, float], initial: Mapping[str, float], key: tuple[int, int, int]
    ) -> None:  # fmt: skip
        from sim.kernels.pausing import STATE, length
        from sim.kernels.random import seed_stream

        compiled = row.compiled
        n, events = len(compiled.species), len(compiled.events)
        self.key = key
        self.p = _filled(compiled.parameters, compiled.defaults, parameters, "parameters")
        self.start = _filled(compiled.species, compiled.initial, initial, "initial")
        self.carried = np.zeros((1, length(n, events)))
        self.carried[0, STATE : STATE + n] = self.start
        self.x = self.carried[0, STATE : STATE + n]
        self.stream = np.zeros((1, STREAM_WORDS), np.uint64)
        self.a = np.zeros(max(1, compiled.structure.n_static))
        self.y = np.zeros(len(compiled.outputs))
        self.out = np.full((1, len(row.times), len(compiled.outputs)), np.nan)
        self.fired, self.statistics = np.full((1, events), np.nan), np.zeros((1, 4), np.int64)
        self.status = np.zeros(1, np.int64)
        self.streams = np.zeros((CHUNKS, row.kernel.STREAMS, STREAM_WORDS), np.uint64)
        seed: Any = np.uint64(key[0])
        for c in range(CHUNKS):
            for k in range(row.kernel.STREAMS):
                purpose = PURPOSES["agents"] + c * row.kernel.STREAMS + k
                seed_stream(self.streams[c, k], seed, key[1], key[2], purpose)

    def advance(self, row: _Row, until: float) -> int:
        """Take the surroundings to a time; return PAUSED, or a status when the row ended before."""
        from sim.kernels.hybrid import simulate_hybrid

        drive: Any = simulate_hybrid
        compiled, options = row.compiled, row.options.surroundings
        absolute = absolute_tolerances(options, compiled.species, compiled.is_count)
        drive(
            *compiled.functions, compiled.reach, compiled.structure, row.times, self.p[None], self._beginning(), np.zeros(1, np.int64),
            float(options.rtol), absolute, float(options.threshold), float(options.tolerance), float(options.max_step),
            int(options.max_steps), int(options.max_events), compiled.depends_on_time, np.uint64(self.key[0]),
            np.array([self.key[1]]), np.array([self.key[2]]), PURPOSES["dynamics"], until, self.carried, self.stream,
            self.out, self.fired, self.statistics, self.status,
        )  # fmt: skip
        return int(self.status[0])

    def _beginning(self) -> Floats:
        return np.ascontiguousarray(self.x)[None] if self.carried[0, 0] == 0.0 else self.start[None]

    def signals(self, row: _Row, now: float) -> Floats:
        """Return what the cells are told in the present state."""
        compiled = row.compiled
        static, observe = compiled.functions[0], compiled.functions[6]
        static(self.p, self.a)
        observe(now, np.append(self.x, 1.0), self.p, self.a, self.y)
        return np.array([self.p[k] if fixed else self.y[k] for fixed, k in row.signal_from])

    def saved(self, row: _Row, outcome: int, since: float | None = None) -> tuple[Floats, int]:
        """Return the saves and the status."""
        values = self.out[0, :, : len(row.outputs)].copy()
        if since is not None:
            values[row.times >= since] = np.nan
        return values, outcome


def _deal(pool: ThreadPoolExecutor, total: int, work: Any) -> list[Any]:
    """Do the work of all chunks, on threads where it is worth the while."""
    if total < THREADS_FROM:
        return [work(0, CHUNKS)]
    return list(pool.map(lambda c: work(c, c + 1), range(CHUNKS)))


def _filled(names: tuple[str, ...], values: Floats, given: Mapping[str, float], place: str) -> Floats:
    """Return values with those given in their places."""
    out = np.array(values, dtype=np.float64)
    for name, value in given.items():
        if name not in names:
            raise InputError(f"{place}: {name!r}; not of the surroundings; correct the name")
        out[names.index(name)] = float(value)
    return out


@lru_cache(maxsize=16)
def _recognisers_of(signals: tuple[str, ...], texts: tuple[tuple[str, ...], ...]) -> tuple[Any, ...]:
    places = {name: f"y[{i}]" for i, name in enumerate(signals)} | {"d19": "d19", "d22": "d22"}

    def leaf(node: Expression) -> str | None:
        if isinstance(node, Number):
            return repr(node.value)
        return places[node.name] if isinstance(node, Symbol) else None

    lines = [HEADER]
    for name, expressions in zip(("lysis", "stimulation"), texts, strict=True):
        targets = [(f"out[{k}]", parse(text)) for k, text in enumerate(expressions)]
        body = "".join(f"    {line}\n" for line in write_program(targets, leaf) or ["pass"])
        lines.append(f"\n\n@jit_as(RECOGNISE)\ndef {name}(d19, d22, y, out):\n{body}")
    module = load_generated("".join(lines))
    return module.lysis, module.stimulation


HEADER = '''"""Generated from the recognition of a network's products, for single cells. Do not edit."""

import numpy as math

from sim.kernels._jit import jit_as
from sim.kernels.agents import RECOGNISE
from sim.kernels.course import maximum, minimum
'''


def _recognisers(model: AgentModel) -> tuple[Any, ...]:
    """Return the compiled recognition of the model's products."""
    return _recognisers_of(model.signals, (model.lysis, model.stimulation))
