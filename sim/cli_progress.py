"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere; and a word when the compiler begins."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sim.cli_output import say
from sim.errors import NumericalWarning

__all__ = ["reporting", "supervised"]

Report = Callable[[int, int], None]

# Seconds between two plain lines.
_EVERY = 10.0


@contextmanager
def supervised(name: str, counted: str = "patients", *, figures: bool) -> Iterator[Report]:
    """Yield report(done, total) for a command's work: the compiler is announced, and what the command says itself is not said twice.

    Parameters
    ----------
    name : str
        What is run; named in the lines.
    counted : str
        What is counted.
    figures : bool
        Whether figures will be drawn.
    """
    if figures:
        # No display is needed, and none is looked for.
        os.environ.setdefault("MPLBACKEND", "Agg")
        # Where it keeps its fonts is no matter of the user's, who has no home folder to write to.
        logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with warnings.catch_warnings(), reporting(name, counted) as report, _telling_of_the_compiler():
        # The command counts failed rows itself, in one line.
        warnings.simplefilter("ignore", NumericalWarning)
        yield report


@contextmanager
def reporting(title: str, counted: str = "patients") -> Iterator[Report]:
    """Yield report(done, total): a bar when stderr is a terminal, else a line every ten seconds."""
    if not sys.stderr.isatty():
        yield _plain(title, counted)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(counted))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _plain(title: str, counted: str) -> Report:
    begun = last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY:
            last = now
            print(
                f"{title}: {done} of {total} {counted} after {now - begun:.0f} s", file=sys.stderr, flush=True
            )

    return report


@contextmanager
def _telling_of_the_compiler() -> Iterator[None]:
    """Say once that a compilation has begun, lest a first run be taken for one that hangs."""
    from numba.core import event

    from sim.kernels import cache

    cold = cache.is_cold()

    class Told(event.Listener):  # type: ignore[misc]
        told = False

        def on_start(self, _event: object) -> None:
            if not self.told:
                self.told = True
                folder = cache.folder()
                what = "compiling the kernels, which takes one to two minutes"
                if not cold:
                    what = "compiling what earlier runs did not need, which takes some seconds"
                kept = (
                    "the next run starts at once"
                    if folder is not None and cache.can_be_written(folder)
                    else "see cartsim doctor, as they cannot be kept"
                )
                say(f"{what}; {kept}")

        def on_end(self, _event: object) -> None:
            """Nothing to tell."""

    listener = Told()
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)
