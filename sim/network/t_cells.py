"""CAR T cells as agents: their record, in the layout of sim/kernels/t_cells.py, and their life beside leukaemia cells in surroundings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.errors import InputError
from sim.kernels.random import STATE_WORDS, seed_stream
from sim.network.arguments import read_whole
from sim.network.cells import CHUNKS
from sim.network.crew import Crew
from sim.network.streams import PURPOSES

__all__ = ["PHENOTYPES", "TCellLife", "TCells"]

Floats = npt.NDArray[np.float64]
PHENOTYPES = ("memory", "effectors", "exhausted")


def _kernel() -> Any:
    """Return the kernel, compiled or loaded when it is first asked for."""
    from sim.kernels import t_cells

    return t_cells


class TCells:
    """CAR T cells in chunks.

    Parameters
    ----------
    room : int
        Cells for which there is room in all.

    Attributes
    ----------
    marks : ndarray of uint8, shape (chunks, 2, capacity)
        Product and phenotype.
    counts : ndarray of uint16, shape (chunks, 2, capacity)
        Divisions since the start of the programme, and targets killed.
    stimulation : ndarray of float32, shape (chunks, capacity)
        Days of full signal that the cell and its mothers have had.
    number : ndarray of int, shape (chunks,)
    """

    def __init__(self, room: int) -> None:
        kernel = _kernel()
        each = 2 * -(-read_whole(room, "TCells(room=)", 1) // CHUNKS) + 256
        self.marks = np.zeros((CHUNKS, kernel.MARKS, each), np.uint8)
        self.counts = np.zeros((CHUNKS, kernel.COUNTS, each), np.uint16)
        self.stimulation = np.zeros((CHUNKS, each), np.float32)
        self.number = np.zeros(CHUNKS, np.int64)
        self.room = room

    @property
    def total(self) -> int:
        """Number of cells."""
        return int(self.number.sum())

    def add(self, product: int, numbers: Mapping[str, int]) -> None:
        """Add cells without divisions, kills or stimulation.

        Parameters
        ----------
        product : int
            Place among the model's products.
        numbers : mapping of str to int
            Of `PHENOTYPES`.

        Raises
        ------
        InputError
            When a phenotype is unknown, a number is none, or there is no room.
        """
        for name in numbers:
            if name not in PHENOTYPES:
                raise InputError(
                    f"phenotype: {name!r}; must be one of {', '.join(PHENOTYPES)}; correct the name"
                )
        new = np.concatenate(
            [np.full(read_whole(n, name, 0), PHENOTYPES.index(name), np.uint8) for name, n in numbers.items()]
            or [np.zeros(0, np.uint8)]
        )
        if self.total + len(new) > self.room:
            raise InputError(
                f"CAR T cells: {self.total + len(new)}; there is room for {self.room}; give fewer, or more room"
            )
        read_whole(product, "product", 0, 255)
        kernel = _kernel()
        for c in range(CHUNKS):
            part = new[c::CHUNKS]
            begin = int(self.number[c])
            here = slice(begin, begin + len(part))
            self.marks[c, kernel.PRODUCT, here], self.marks[c, kernel.PHENOTYPE, here] = product, part
            self.counts[c, :, here], self.stimulation[c, here] = 0, 0.0
            self.number[c] += len(part)

    def gather(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16], npt.NDArray[np.float32]]:
        """Return the marks, counts and stimulation of all cells."""
        parts = [(c, int(n)) for c, n in enumerate(self.number)]
        return (
            np.concatenate([self.marks[c, :, :n] for c, n in parts], axis=1),
            np.concatenate([self.counts[c, :, :n] for c, n in parts], axis=1),
            np.concatenate([self.stimulation[c, :n] for c, n in parts]),
        )

    def level(self) -> None:
        """Deal the cells anew where one chunk has more than twice its share."""
        if self.number.max() <= 2 * (self.total // CHUNKS) + 64:
            return
        marks, counts, stimulation = self.gather()
        for c in range(CHUNKS):
            part = slice(c, None, CHUNKS)
            n = len(stimulation[part])
            self.marks[c, :, :n], self.counts[c, :, :n] = marks[:, part], counts[:, part]
            self.stimulation[c, :n], self.number[c] = stimulation[part], n


class TCellLife:
    """How CAR T cells live in the surroundings of a row.

    Parameters
    ----------
    cells : TCells
    species : sequence of tuple of int
        For each product, places of memory, effectors, exhausted cells and mean division age in the state of the surroundings.
    key : tuple of int
        Seed, patient, replicate.
    """

    def __init__(self, cells: TCells, species: Sequence[tuple[int, ...]], key: tuple[int, int, int]) -> None:
        listed = cells.gather()[0]
        if listed.size and int(listed[0].max()) >= len(species):
            raise InputError(
                f"CAR T cells: product {int(listed[0].max())}; the model has {len(species)}, numbered from 0; correct the number"
            )
        self.cells, self._species = cells, species
        several = _kernel().STREAMS
        self._streams = np.zeros((CHUNKS, several, STATE_WORDS), np.uint64)
        self._credits = np.zeros(STATE_WORDS, np.uint64)
        seed: Any = np.uint64(key[0])
        own = [*self._streams.reshape(-1, STATE_WORDS), self._credits]
        for k, stream in enumerate(own):
            seed_stream(stream, seed, key[1], key[2], PURPOSES["CAR T agents"] + k)

    def live(self, h: float, told: Floats, kills: Floats, crew: Crew) -> int:
        """Credit the kills of a step, then let the cells live through it; return a status.

        Parameters
        ----------
        h : float
            Days.
        told : ndarray, shape (products, kernel.HAZARDS)
            Of the middle of the step.
        kills : ndarray, shape (products,)
            Afterwards those for which there is no cell.
        crew : Crew
            Changes no number.
        """
        cells, kernel = self.cells, _kernel()
        cells.level()
        kernel.credit_kills(kills, told, cells.marks, cells.counts, cells.number, self._credits)
        several = (cells.marks, cells.counts, cells.stimulation, cells.number, self._streams)
        return max(
            crew.deal(cells.total, lambda begin, end: int(kernel.step_t_cells(h, told, *several, begin, end)))
        )

    def tell(self, x: Floats) -> None:
        """Write numbers by phenotype and mean division ages into the state of the surroundings."""
        kernel = _kernel()
        sums = np.zeros((len(self._species), kernel.SUMS))
        kernel.sum_t_cells(self.cells.marks, self.cells.counts, self.cells.number, sums)
        for places, (memory, effectors, exhausted, ages, _) in zip(self._species, sums, strict=True):
            x[list(places)] = memory, effectors, exhausted, ages / max(effectors, 1.0)
