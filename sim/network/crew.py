"""Crew: the threads of one row, to which the chunks of its cells are dealt."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from sim.network.cells import CHUNKS

__all__ = ["Crew"]

THREADS_FROM = 50_000
"""Cells from which on chunks are dealt to threads."""
CELLS_A_TASK = 50_000
"""Cells that a thread is given at a time, about: a call takes 12 us to begin with, and the slower of two cores gets less to do."""


class Crew:
    """Threads that take chunks until none is left; the thread that deals is one of them, and no byte depends on how many there are.

    Were there one more than cores, to wait for the others, they would take turns: with two threads that cost a tenth of a step.

    Parameters
    ----------
    threads : int
        At least 1.

    Examples
    --------
    >>> with Crew(2) as crew:
    ...     sum(crew.deal(10**6, lambda begin, end: end - begin))
    16
    """

    def __init__(self, threads: int = 1) -> None:
        self._others = threads - 1
        self._pool = ThreadPoolExecutor(self._others) if self._others else None

    def __enter__(self) -> Crew:
        """Return the crew."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the other threads, and end them."""
        if self._pool is not None:
            self._pool.shutdown()

    def tasks(self, cells: int) -> list[tuple[int, int]]:
        """Return the first chunk of each task, and one after its last.

        Parameters
        ----------
        cells : int
            Of all chunks.
        """
        if cells < THREADS_FROM:
            return [(0, CHUNKS)]
        each = min(-(-CELLS_A_TASK * CHUNKS // cells), CHUNKS // 2)
        return [(begin, min(begin + each, CHUNKS)) for begin in range(0, CHUNKS, each)]

    def deal(self, cells: int, work: Callable[[int, int], int | None]) -> list[int]:
        """Do the work of all chunks.

        Parameters
        ----------
        cells : int
            Of all chunks.
        work : callable(begin, end)
            Does the work of these chunks; returns a status, or None for 0.

        Returns
        -------
        list of int
            In no order.
        """
        tasks = self.tasks(cells)
        left = iter(tasks)

        def take() -> list[int]:
            return [work(begin, end) or 0 for begin, end in left]

        if self._pool is None or len(tasks) == 1:
            return take()
        others = [self._pool.submit(take) for _ in range(min(self._others, len(tasks) - 1))]
        return take() + [status for other in others for status in other.result()]
