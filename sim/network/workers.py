"""Tasks over threads, and the report of how far they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, TypeVar

__all__ = ["Progress", "over_threads"]

Task = TypeVar("Task")
Progress = Callable[[int, int], None]
"""Takes the rows that are done, and all of them."""


def over_threads(
    work: Callable[[Task], int],
    tasks: Sequence[Task],
    total: int,
    threads: int | None,
    progress: bool | Progress | None,
) -> None:
    """Run the tasks in a pool; an interrupt waits for running tasks only.

    Parameters
    ----------
    work : callable(task) -> int
        Does a task and returns the rows of it.
    tasks : sequence
    total : int
        Rows of all tasks.
    threads : int or None
        Worker threads; None for all cores.
    progress : bool, callable(done, total) or None
        True shows a bar.
    """
    count = threads or os.cpu_count() or 1
    with _Reporting(progress, total) as report:
        done = 0
        if count == 1 or len(tasks) == 1:
            for task in tasks:
                done += work(task)
                report(done, total)
            return
        pool = ThreadPoolExecutor(min(count, len(tasks) or 1))
        try:
            for future in as_completed([pool.submit(work, task) for task in tasks]):
                done += future.result()
                report(done, total)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Reporting:
    """A context that yields report(done, total): a bar of rich, the caller's function, or nothing."""

    def __init__(self, progress: bool | Progress | None, total: int) -> None:
        self.progress = progress
        self.total = total
        self.bar: Any = None

    def __enter__(self) -> Progress:
        if callable(self.progress):
            return self.progress
        if not self.progress:
            return lambda done, total: None
        from rich.console import Console
        from rich.progress import Progress as Bar

        self.bar = Bar(transient=True, console=Console(stderr=True))
        self.bar.start()
        task = self.bar.add_task("simulating", total=self.total)
        return lambda done, total: self.bar.update(task, completed=done)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
