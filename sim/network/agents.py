"""simulate_agents(): cells one by one in their surroundings, a network. Which cells and which network, the caller describes.

A step of length h, from t:

=====  ==============================================================================================================
order  what happens
=====  ==============================================================================================================
1      the agents tell the network how many they are, and what they look like on average: as it will be at t + h/2, if it
       goes on to change as in the last step (in the first step: as it is)
2      the network goes from t to t + h/2 by kernel `hybrid`; the agents' numbers follow their mean hazards meanwhile
3      the agents are told the hazards of that moment
4      the network goes on to t + h, the events of that time included
5      the agents live from t to t + h, and share what events did to them; CAR T cells after leukaemia cells, where they are
       agents too (sim/network/t_cells.py)
=====  ==============================================================================================================

The surroundings see the agents' mean within a step and their number after it, the agents see the surroundings of its middle: the split is of
second order in h. Chance in the agents' number comes back to them through the surroundings a step late: where few cells keep each other's
killers busy, the variance that this makes is of first order. Steps end at timed events; beside one that a trigger fires within a step the
mean is of first order. So it is of CAR T cells as agents where what they do depends on the single cell: between two counts their numbers
follow the fade of the mean age, and exhaustion at a constant hazard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.errors import InputError
from sim.kernels import status as codes
from sim.kernels.agent_layout import SITE, STREAMS, TOUCHED
from sim.kernels.cache import load_generated
from sim.kernels.normal_lanes import LANES, WORDS, seed_lanes
from sim.kernels.pausing import PAUSED
from sim.kernels.random import STATE_WORDS, seed_stream
from sim.network.agent_model import AgentModel
from sim.network.arguments import read_number, read_times, read_whole
from sim.network.cells import CHUNKS, Cells
from sim.network.codegen import compile_network
from sim.network.crew import Crew
from sim.network.expression import Expression, Number, Power, Symbol, parse
from sim.network.options import Hybrid
from sim.network.paused_row import PausedRow
from sim.network.program import source_of, write_program
from sim.network.streams import PURPOSES
from sim.network.t_cells import TCellLife, TCells

__all__ = ["AgentRow", "Agents", "simulate_agents"]

Floats = npt.NDArray[np.float64]


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
    t_cells: TCells | None = None,
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
    t_cells : TCells, optional
        The CAR T cells at the start, and at the end afterwards, where the model has them as agents.

    Returns
    -------
    values : ndarray, shape (n_times, n_outputs)
        NaN after a failure.
    status : int
    """
    seed, threads = read_whole(seed, "seed", 0, 2**64 - 1), read_whole(threads, "threads", 1)
    key = (seed, patient, replicate)
    chosen = options or Agents()
    _check_cells(model, cells, chosen)
    row = AgentRow(model, chosen, read_times(t), tuple(outputs), key, parameters, initial, t_cells)
    cells.values[:, TOUCHED] = row.times[0]  # their densities are those of the start
    with np.errstate(all="ignore"), Crew(threads) as crew:
        outcome = row.live(cells, float(row.times[0]), crew)
        if outcome == PAUSED:
            outcome = row.surroundings.advance(math.inf)
    return row.surroundings.out[:, : len(outputs)].copy(), outcome


def _check_cells(model: AgentModel, cells: Cells, options: Agents) -> None:
    """Refuse more cells than there is room for, and cells at a site that the model has not."""
    if cells.total > options.capacity:
        raise InputError(
            f"cells: {cells.total}; Agents(capacity={options.capacity}) has no room for them; give fewer, or more room"
        )
    if cells.total:
        site = int(cells.gather()[1][SITE].max())
        if site >= len(model.sites):
            raise InputError(
                f"cells: site {site}; the model has {len(model.sites)}, numbered from 0; correct the number"
            )


class AgentRow:
    """One row of cells in their surroundings: the loop of the table above, which may begin and end at any time.

    Parameters
    ----------
    model, options : AgentModel, Agents
    times : ndarray
    outputs : tuple of str
        Come first among those of the surroundings.
    key : tuple of int
        Seed, patient, replicate.
    parameters, initial : mapping of str to float
    t_cells : TCells, optional
    """

    def __init__(
        self,
        model: AgentModel,
        options: Agents,
        times: Floats,
        outputs: tuple[str, ...],
        key: tuple[int, int, int],
        parameters: Mapping[str, float],
        initial: Mapping[str, float],
        t_cells: TCells | None = None,
    ) -> None:
        from sim.kernels import agent_sums, agents

        self.model, self.options, self.times = model, options, times
        self._kernel, self._sums = agents, agent_sums
        net = model.surroundings
        known = {p.name for p in net.all_parameters}
        signals = (*model.signals, *(name for killers in model.killers for name in killers.told))
        computed = tuple(dict.fromkeys(name for name in signals if name not in known))
        compiled = compile_network(net, (*outputs, *computed))
        self.surroundings = PausedRow(compiled, times, options.surroundings, parameters, initial, key)
        places = {name: i for i, name in enumerate(compiled.parameters)}
        self._told_at = np.array([places[name] for name in model.told], np.int64)
        self._signal_from = [
            (False, len(outputs) + computed.index(name)) if name in computed else (True, places[name])
            for name in signals
        ]
        self._layout = layout_of(model)
        species = {name: i for i, name in enumerate(compiled.species)}
        self._cells_at = [species[site.cells] for site in model.sites]
        self._spared_at = [species[site.spared] for site in model.sites]
        self._t_cells = None
        if model.killers:
            if t_cells is None:
                raise InputError("t_cells: none; the model's CAR T cells are agents; give TCells(room)")
            at_species = [
                tuple(species[name] for name in (k.memory, k.effectors, k.exhausted, k.age))
                for k in model.killers
            ]
            self._t_cells = TCellLife(t_cells, at_species, key)
        self._kills = np.zeros((CHUNKS, len(model.products)))
        self._recognise = recogniser_of(model.signals, model.lysis, model.stimulation)
        self._width = agent_sums.OF_A_SITE + 2 * len(model.products) + len(model.pairs)
        self._streams, self._lanes = chunk_streams(*key)
        self._told_before: tuple[float, Floats, Floats] | None = None

    def live(
        self,
        cells: Cells,
        now: float,
        crew: Crew,
        ends: Callable[[int], bool] = lambda total: False,
    ) -> int:
        """Go on from `now` until the last save time, or until so many cells end it.

        Parameters
        ----------
        cells : Cells
        now : float
        crew : Crew
            Its threads change no number.
        ends : callable(total) -> bool
            Asked after each step.

        Returns
        -------
        int
            `PAUSED`, or the status with which the row has ended. `self.now` says when.
        """
        begin, end, n = now, float(self.times[-1]), 0
        self.now = now
        self._told_before = None
        # Once more, since how busy the killers are depends on what the cells tell.
        for _ in range(2):
            if (outcome := self._tell(cells, now, 0.0, crew)) != codes.OK:
                return self._failed(outcome, now)
        while self.now < end and not (n > 0 and ends(cells.total)):
            n += 1
            now, later, event = self.now, self._next(begin), self.surroundings.next_event(self.now)
            outcome = self.surroundings.advance(0.5 * (now + later))
            if outcome != PAUSED:
                return outcome
            signals = self._signals(0.5 * (now + later))
            outcome = self.surroundings.advance(later)
            if outcome != PAUSED:
                return outcome
            spared = self.surroundings.x[self._spared_at].copy()
            if later == event or (spared < 1.0).any():
                self._told_before = None  # what an event has changed is no trend
            outcome = self._live(cells, now, later - now, signals, spared, crew)
            self.now = later
            if outcome == codes.OK and cells.total > self.options.capacity:
                outcome = codes.CAPACITY
            if outcome == codes.OK and self._t_cells is not None:
                outcome = self._live_t_cells(self._t_cells, later - now, signals, crew)
            if outcome == codes.OK:
                outcome = self._tell(cells, later, 0.5 * (self._next(begin) - later), crew)
            if outcome != codes.OK:
                return self._failed(outcome, later)
        return PAUSED

    def _next(self, begin: float) -> float:
        """Return the end of the step that begins now: of the grid from `begin` on, or where a timed event or the last save comes first."""
        h = self.options.step
        after = begin + (math.floor((self.now - begin) / h * (1.0 + 1e-12) + 1e-9) + 1) * h
        return min(after, float(self.times[-1]), self.surroundings.next_event(self.now))

    def _failed(self, outcome: int, now: float) -> int:
        self.surroundings.out[self.times >= now] = np.nan
        return outcome

    def _live(self, cells: Cells, now: float, h: float, y: Floats, spared: Floats, crew: Crew) -> int:
        cells.level()
        self._kills[:] = 0.0
        several = (
            cells.values,
            cells.marks,
            cells.clone,
            cells.number,
            self._streams,
            self._lanes,
            self._kills,
        )
        found = crew.deal(
            cells.total,
            lambda begin, end: self._kernel.step_cells(
                now, h, y, self._layout, self._recognise, spared, *several, begin, end
            ),
        )
        return int(max(found))

    def _live_t_cells(self, life: TCellLife, h: float, y: Floats, crew: Crew) -> int:
        told = y[len(self.model.signals) :].reshape(len(self.model.killers), -1)
        kills = self._kills.sum(axis=0)
        outcome = life.live(h, told, kills, crew)
        if outcome == codes.OK and life.cells.total > life.cells.room:
            return codes.CAPACITY
        return outcome

    def _tell(self, cells: Cells, now: float, ahead: float, crew: Crew) -> int:
        """Write into the surroundings what the cells will look like so many days ahead, and how many they are."""
        sites, width, row = len(self.model.sites), self._width, self.surroundings
        sums = np.zeros((CHUNKS, sites * width + self._sums.COMPOSITION))
        y = self._signals(now)
        crew.deal(
            cells.total,
            lambda begin, end: self._sums.sum_cells(
                now, y, self._layout, self._recognise, cells.values, cells.marks, cells.number,
                self._lanes, begin, end, sums,
            ),
        )  # fmt: skip
        whole = sums.sum(axis=0)
        by_site = whole[: sites * width].reshape(sites, width)
        number = by_site[:, 0]
        row.x[self._cells_at], row.x[self._spared_at] = number, 1.0
        means = by_site[:, 1:] / np.maximum(number, 1.0)[:, None]
        composition = whole[sites * width :] / max(number.sum(), 1.0)
        row.p[self._told_at] = [*self._foreseen(now, ahead, number, means).ravel(), *composition]
        self._told_before = now, number, means
        if self._t_cells is not None:
            self._t_cells.tell(row.x)
        return codes.OK if np.isfinite(whole).all() else codes.NON_FINITE

    def _foreseen(self, now: float, ahead: float, number: Floats, means: Floats) -> Floats:
        """Return the means so many days ahead, if they go on to change as since they were last told."""
        if self._told_before is None or not now > self._told_before[0]:
            return means
        then, before, old = self._told_before
        both = ((number > 0.0) & (before > 0.0))[:, None]
        most = np.ones(self._width - 1)
        most[-2] = math.inf  # a hazard; the others are shares
        # A step that an event has cut short says too little to look farther ahead than it was long.
        share = min(ahead / (now - then), 1.0)
        return np.clip(means + np.where(both, (means - old) * share, 0.0), 0.0, most)

    def _signals(self, now: float) -> Floats:
        """Return what the cells are told in the present state."""
        values = self.surroundings.observe(now)
        return np.array([self.surroundings.p[k] if fixed else values[k] for fixed, k in self._signal_from])


def layout_of(model: AgentModel) -> npt.NDArray[np.int64]:
    """Return where the kernels find sites, products and pairs (`HEAD` in sim/kernels/agent_layout.py)."""
    at = {name: i for i, name in enumerate(model.signals)}
    layout = [len(model.sites), len(model.products), len(model.pairs), model.site_at]
    for active, load, cd19, cd22 in model.products:
        layout += [at[active], at[load], int(cd19), int(cd22)]
    layout += [number for pair in model.pairs for number in pair]
    return np.array(layout, np.int64)


def chunk_streams(
    seed: int, patient: int, replicate: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return the streams and the lanes of all chunks, each keyed by a purpose of its own."""
    streams = np.zeros((CHUNKS, STREAMS, STATE_WORDS), np.uint64)
    # A row that no lane uses keeps the words of two threads off one cache line.
    lanes = np.zeros((CHUNKS, WORDS + 1, LANES), np.uint64)
    whole: Any = np.uint64(seed)
    for c in range(CHUNKS):
        for k in range(STREAMS):
            seed_stream(streams[c, k], whole, patient, replicate, PURPOSES["agents"] + c * STREAMS + k)
        first = PURPOSES["agents"] + CHUNKS * STREAMS + c * LANES
        seed_lanes(lanes[c], streams[c, 0].copy(), whole, patient, replicate, first)
    return streams, lanes


@lru_cache(maxsize=16)
def recogniser_of(signals: tuple[str, ...], lysis: tuple[str, ...], stimulation: tuple[str, ...]) -> Any:
    places = {name: f"s{i}" for i, name in enumerate(signals)} | {"d19": "d19", "d22": "d22"}

    def leaf(node: Expression) -> str | None:
        if isinstance(node, Number):
            return repr(node.value)
        return places[node.name] if isinstance(node, Symbol) else None

    rows = [f"{name}{k}" for name in ("phi", "psi") for k in range(len(lysis))]
    parsed = [parse(text) for text in (*lysis, *stimulation)]
    read = sorted({places[one] for expression in parsed for one in expression.symbols} - {"d19", "d22"})
    lines = [f"{row} = {row[:3]}[{row[3:]}]" for row in rows] + [
        f"{place} = y[{place[1:]}]" for place in read
    ]
    # What a loop writes must not be what it reads: the signals are in names of their own.
    targets = [(f"{row}[j]", expression) for row, expression in zip(rows, parsed, strict=True)]
    within = ["d19, d22 = float(all19[j]), float(all22[j])", *write_program(targets, leaf, _vector_source)]
    lines += ["for j in range(n):", *(f"    {line}" for line in within)]
    return load_generated(HEADER + "".join(f"    {line}\n" for line in lines)).recognise


def _vector_source(node: Expression, operands: list[str]) -> str:
    """Return the source of a node, a power of any exponent by what becomes vector instructions."""
    if isinstance(node, Power) and not isinstance(node.right, Number):
        return f"power_of({operands[0]}, {operands[1]})"
    return source_of(node, operands)


HEADER = '''"""Generated from the recognition of a network's products, for single cells. Do not edit."""

import numpy as math

from sim.kernels._jit import jit_as
from sim.kernels.agent_blocks import RECOGNISE
from sim.kernels.course import maximum, minimum
from sim.kernels.elementary import power_of


@jit_as(RECOGNISE)
def recognise(n, all19, all22, y, phi, psi):
'''
