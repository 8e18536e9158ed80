"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere; and what can be loaded meanwhile."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from sim.errors import NumericalWarning

if TYPE_CHECKING:
    from sim.trial.scenario import Scenario

__all__ = ["reporting", "warming_up"]

Report = Callable[[int, int], None]

# Seconds between two plain lines.
_EVERY = 10.0


@contextmanager
def warming_up(scenario: Scenario, *, figures: bool) -> Iterator[Report]:
    """Yield report(done, total) while the figures' library loads beside the kernels.

    Parameters
    ----------
    scenario : Scenario
        What is run; named in the lines.
    figures : bool
        Whether figures will be drawn.
    """
    if figures:
        # No display is needed, and none is looked for.
        os.environ.setdefault("MPLBACKEND", "Agg")
        threading.Thread(target=_load, args=(("matplotlib.pyplot", "pyarrow.parquet"),), daemon=True).start()
    _log_to_stderr()
    with warnings.catch_warnings(), reporting(scenario.name) as report:
        # The command counts failed rows itself, in one line.
        warnings.simplefilter("ignore", NumericalWarning)
        yield report


@contextmanager
def reporting(title: str) -> Iterator[Report]:
    """Yield report(done, total): a bar when stderr is a terminal, else a line every ten seconds."""
    if not sys.stderr.isatty():
        yield _plain(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("patients"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _plain(title: str) -> Report:
    begun = last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY:
            last = now
            print(
                f"{title}: {done} of {total} patients after {now - begun:.0f} s", file=sys.stderr, flush=True
            )

    return report


def _log_to_stderr() -> None:
    """Show what the library logs, such as that it compiles for the first time."""
    logger = logging.getLogger("cartsim")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)


def _load(modules: tuple[str, ...]) -> None:
    for name in modules:
        import_module(name)
