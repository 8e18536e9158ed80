"""Bulk disease as counts, residual disease as single cells: a row that changes between a network of classes and agents.

=====  ==============================================================================================================
order  what happens
=====  ==============================================================================================================
1      the classes go on as a network, by kernel `hybrid`, from one look at their total to the next
2      where they are few, each becomes a cell; all else, clocks and luck go on as they were
3      the cells live in their surroundings (sim/network/agents.py) until they are many, or gone
4      then they are counted by class, and the network goes on
=====  ==============================================================================================================

How many cells there are in each class is the same before and after either change, to the rounding of a fraction of a cell at random.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sim.errors import InputError
from sim.kernels.agent_layout import TOUCHED
from sim.kernels.pausing import PAUSED
from sim.network.agent_model import AgentModel
from sim.network.agents import AgentRow, Agents
from sim.network.arguments import read_flag, read_number, read_outputs, read_times, read_whole
from sim.network.batch import read_batch
from sim.network.cells import Cells
from sim.network.codegen import compile_network
from sim.network.crew import Crew
from sim.network.network import Network
from sim.network.paused_row import PausedRow
from sim.network.residual import Residual, describe_clones, shares_of
from sim.network.rows import Rows, warn_of_failures
from sim.network.streams import PURPOSES, uniforms
from sim.network.trajectories import Trajectories
from sim.network.workers import Progress, over_threads

__all__ = ["HandOver", "HandingOver", "simulate_handing_over"]

Floats = npt.NDArray[np.float64]
Values = Mapping[str, float]
CellArrays = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]
LUCK = 2
"""Uniform numbers that a cell is made of."""
SAMPLE = 2000
"""Cells made of counts to show how densities are distributed among them."""
AGAIN = 2.0
"""Cells become counts above so many times the number at which counts become cells, so that they do not at once turn back."""
LEAST_ROOM = 4
"""Room for so many times the number at which counts become cells, at least: twice the number above which cells are counts again."""


@dataclass(frozen=True)
class HandOver:
    """What becomes of classes that turn into cells, and of cells that turn into classes.

    Attributes
    ----------
    counts : Network
        With a species for each class.
    cells : AgentModel
        Its surroundings have the other species and the events of `counts`.
    classes : tuple of str
        Species of `counts`, each a class of cells at a site.
    to_cells : callable(numbers, luck, parameters) -> (values, marks)
        Makes cells of whole numbers of each class. ``luck`` are `LUCK` uniform numbers for each cell, shape (n, LUCK).
    to_counts : callable(values, marks, parameters) -> ndarray, shape (n_classes,)
        Counts cells by class.
    """

    counts: Network
    cells: AgentModel
    classes: tuple[str, ...]
    to_cells: Callable[[npt.NDArray[np.int64], Floats, Values], CellArrays]
    to_counts: Callable[[npt.NDArray[np.float32], npt.NDArray[np.uint8], Values], Floats]

    def outputs(self) -> frozenset[str]:
        """Return the species and definitions that both networks have: a row can save no others."""
        return _names(self.counts) & _names(self.cells.surroundings)


def _names(net: Network) -> frozenset[str]:
    return frozenset([*(s.name for s in net.all_species), *(d.name for d in net.all_definitions)])


@dataclass(frozen=True, kw_only=True)
class HandingOver:
    """When counts become cells.

    Parameters
    ----------
    below : int
        Cells at or below which each is simulated by itself; above twice as many they are counts again. A quarter of the capacity of
        `agents` at most, as the number of cells is asked for after each step alone, and they may grow within one.
    look : float
        Days between two looks at the counts, above 0.
    agents : Agents
        Options of the cells; their capacity bounds what may happen between two looks.

    Raises
    ------
    InputError
        When an option is out of its range.
    """

    below: int = 20_000
    look: float = 1.0
    agents: Agents = field(default_factory=lambda: Agents(capacity=200_000))
    name: ClassVar[str] = "agents"

    def __post_init__(self) -> None:
        below, room = read_whole(self.below, "HandingOver(below=)", 1), self.agents.capacity
        if room < LEAST_ROOM * below:
            raise InputError(
                f"HandingOver(below=): {below}; must be at most a quarter of the room for cells, Agents(capacity={room}); "
                f"choose a smaller one, or a capacity of at least {LEAST_ROOM * below}"
            )
        read_number(
            self.look, "HandingOver(look=)", "a finite number of days above 0", 0.0, 1e6, open_low=True
        )


class _Row:
    """One row in either form."""

    def __init__(
        self,
        described: HandOver,
        options: HandingOver,
        times: Floats,
        outputs: tuple[str, ...],
        key: tuple[int, int, int],
        parameters: Floats,
        initial: Floats,
        residual: Residual,
    ) -> None:
        self.described, self.options, self.key, self.times = described, options, key, times
        compiled = compile_network(described.counts, outputs)
        given = dict(zip(compiled.parameters, parameters, strict=True))
        start = dict(zip(compiled.species, initial, strict=True))
        self.counts = PausedRow(compiled, times, options.agents.surroundings, given, start, key)
        known = {p.name for p in described.cells.surroundings.all_parameters}
        shared = {name: value for name, value in given.items() if name in known}
        self.single = AgentRow(described.cells, options.agents, times, outputs, key, shared, {})
        self.cells = Cells(options.agents.capacity)
        self.places = [compiled.species.index(name) for name in described.classes]
        self.values = dict(
            zip(self.single.surroundings.compiled.parameters, self.single.surroundings.p, strict=True)
        )
        self.changes = 0
        self.seen = 0
        self.residual = residual

    def run(self) -> int:
        """Simulate; return the status."""
        now, end = float(self.times[0]), float(self.times[-1])
        while True:
            outcome = self.counts.advance(now)
            if outcome != PAUSED:
                return outcome
            if self._is_due(now):
                self._show(now, *self._sample())
            if now >= end:
                return self.counts.advance(math.inf)
            if 0.0 < self.total() <= self.options.below:
                self._become_cells(now)
                outcome = self.single.live(self.cells, now, Crew(), ends=self._ends)
                now = self.single.now
                self._ends(self.cells.total)  # the last save has no step after it
                if outcome == PAUSED and now >= end:
                    outcome = self.single.surroundings.advance(math.inf)
                self._become_counts()
                if outcome != PAUSED:
                    return outcome
            else:
                coming = self.times[self.times > now]
                now = min(now + self.options.look, float(coming[0])) if len(coming) else end

    def total(self) -> float:
        """Return the number of cells while they are counts."""
        return float(self.counts.x[self.places].sum())

    def _ends(self, total: int) -> bool:
        if self._is_due(self.single.now):
            values, marks, _ = self.cells.gather()
            self._show(self.single.now, values, marks)
        return total == 0 or total > AGAIN * self.options.below

    def _become_cells(self, now: float) -> None:
        numbers = self.counts.x[self.places]
        purpose = PURPOSES["handing over"] + self.changes
        luck = self._luck(purpose, len(numbers) + LUCK * int(numbers.sum() + len(numbers)))
        whole = np.floor(numbers + luck[: len(numbers)]).astype(np.int64)
        n = int(whole.sum())
        own = luck[len(numbers) : len(numbers) + LUCK * n].reshape(n, LUCK)
        values, marks = self.described.to_cells(whole, own, self.values)
        values[TOUCHED] = now  # their densities are those of this day
        self.cells.fill(values, marks, np.arange(n, dtype=np.int32))
        self.residual.clones[0, :2] = now, n
        self.single.surroundings.go_on_from(self.counts)
        self.changes += 1

    def _is_due(self, now: float) -> bool:
        """Tell whether densities are to be shown: at a save time, or at the end of the step in which it was."""
        return self.seen < len(self.times) and now >= self.times[self.seen]

    def _show(self, now: float, values: npt.NDArray[np.float32], marks: npt.NDArray[np.uint8]) -> None:
        shares = shares_of(values, marks)
        while self._is_due(now):
            self.residual.densities[0, self.seen] = shares
            self.seen += 1

    def _sample(self) -> CellArrays:
        """Make a sample of cells of the counts."""
        numbers = self.counts.x[self.places]
        total = numbers.sum()
        luck = self._luck(PURPOSES["looks at densities"] + self.seen, (1 + LUCK) * SAMPLE)
        if not total > 0.0:
            return self.described.to_cells(
                np.zeros(len(numbers), np.int64), luck[:0].reshape(0, LUCK), self.values
            )
        of = np.searchsorted(np.cumsum(numbers) / total, luck[:SAMPLE], side="right")
        chosen = np.bincount(np.minimum(of, len(numbers) - 1), minlength=len(numbers)).astype(np.int64)
        return self.described.to_cells(chosen, luck[SAMPLE:].reshape(SAMPLE, LUCK), self.values)

    def _luck(self, purpose: int, count: int) -> Floats:
        seed, patient, replicate = self.key
        luck: Floats = uniforms(seed, [patient], purpose, replicate=replicate, count=count)[0]
        return luck

    def _become_counts(self) -> None:
        values, marks, clone = self.cells.gather()
        self.residual.clones[0, 2] = self.single.now
        self.residual.clones[0, 3:] = describe_clones(values, marks, clone, self.values["cd22_density"])
        self.counts.go_on_from(self.single.surroundings)
        self.counts.x[self.places] = self.described.to_counts(values, marks, self.values)


def simulate_handing_over(
    described: HandOver,
    t: Sequence[float] | Floats,
    options: HandingOver | None = None,
    *,
    n: int = 1,
    seed: int = 0,
    parameters: Mapping[str, object] | None = None,
    initial: Mapping[str, object] | None = None,
    outputs: Sequence[str],
    threads: int | None = None,
    progress: bool | Progress | None = None,
    patients: npt.NDArray[np.int64] | None = None,
    first_replicate: int = 0,
) -> Trajectories:
    """Simulate classes that become cells where they are few.

    Parameters
    ----------
    described : HandOver
    t : sequence of float
        Save times, strictly increasing; the run starts at the first.
    options : HandingOver
    n, seed, parameters, initial, threads, progress, patients, first_replicate
        As in `sim.simulate`; names are those of the network of classes.
    outputs : sequence of str
        Species and definitions that both networks have.

    Returns
    -------
    Trajectories
        Events are those of the network of classes; statistics of its steps alone.

    Raises
    ------
    InputError
        As `sim.simulate`.
    """
    chosen, times = options or HandingOver(), read_times(t)
    count = read_whole(n, "n", 1)
    whole = read_whole(seed, "seed", 0, 2**64 - 1)
    first = read_whole(first_replicate, "first_replicate", 0)
    threads = None if threads is None else read_whole(threads, "threads", 1)
    read_flag(progress, "progress")
    names = read_outputs(outputs, described.counts)
    for name in names:
        if name not in described.outputs():
            raise InputError(
                f"outputs: {name!r}; not known while cells are simulated one by one; take one of {', '.join(sorted(described.outputs()))}"
            )
    compiled = compile_network(described.counts, names)
    batch = read_batch(compiled, parameters, initial, patients, count, first)
    rows = Rows.of(len(batch.source), len(times), compiled)
    rows.values[:] = np.nan
    residual = Residual.of(len(rows.status), len(times))

    def row_of(i: int) -> _Row:
        member = batch.source[i]
        key = (whole, int(batch.patients[i]), int(batch.replicates[i]))
        own = Residual(residual.densities[i : i + 1], residual.clones[i : i + 1])
        return _Row(
            described, chosen, times, names, key, batch.parameters[member], batch.initial[member], own
        )

    def work(i: int) -> int:
        row = row_of(i)
        with np.errstate(all="ignore"):
            rows.status[i] = row.run()
        rows.values[i], rows.fired[i], rows.statistics[i] = (
            row.counts.out,
            row.counts.fired,
            row.counts.statistics,
        )
        rows.end_where_no_number(slice(i, i + 1))
        return 1

    total = len(rows.status)
    # What is loaded and compiled on the way adds to numba's table of types, which no other thread may read meanwhile.
    row_of(0)
    over_threads(work, range(total), total, threads, progress)
    warn_of_failures(rows.status, batch, chosen.name)
    return replace(rows.as_trajectories(times, compiled, batch, chosen.name), residual=residual)
