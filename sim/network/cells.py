"""Cells: single cells in chunks, in the layout of sim/kernels/agent_layout.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.errors import InputError

__all__ = ["CHUNKS", "Cells"]

CHUNKS = 16
"""Chunks of a population. Fixed: each has streams of its own."""


class Cells:
    """Cells by chunks, in the layout of sim/kernels/agent_layout.py.

    Parameters
    ----------
    room : int
        Cells for which there is room in all.
    """

    def __init__(self, room: int) -> None:
        from sim.kernels import agent_layout as kernel

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

        Raises
        ------
        InputError
            When there is no room for them.
        """
        if len(clone) > CHUNKS * self.clone.shape[1]:
            raise InputError(
                f"cells: {len(clone)}; there is room for {CHUNKS * self.clone.shape[1]}; give fewer, or more room"
            )
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
