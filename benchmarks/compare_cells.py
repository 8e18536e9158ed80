"""Single cells beside NumPy and Mesa: the same law and step, the telling of the sums included; rates are cells times steps a second.

A peer is measured at our step, and at one so short that its numbers are within `TOLERANCE` of the exact law: there rates are cells times our
steps, so that both programs get as far. Each program begins with cells of the stationary law, in turn with ours. Errors come from the same run: how far the mean size of a
line (the number of cells over that of the start), its variance, and the mean densities are from those of ours. Ours has the exact law at any step
(tests/kernels/test_agents.py), so that what is beyond chance is the other program's error of a step in which one thing happens at most.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.peers.cells import LINES, TOLD, Law
from benchmarks.workers import Timings, Worker, interleave

__all__ = [
    "CELL_PEERS",
    "SHORTER",
    "CellPeer",
    "compare_cell_memory",
    "compare_cell_peer",
    "compare_cell_threads",
]

Floats = npt.NDArray[np.float64]
Fields = dict[str, Any]
OURS = "cartsim_cells"
CELLS, DAYS, STEP = 1_000_000, 2.0, 0.25
"""Cells at the start of a run, its days, and our step."""
SHORTER = 8
"""So many steps of a peer for one of ours make its law close enough."""
MANY = 10_000_000
SAMPLES = 4
"""Runs of ours whose means are compared with."""
BYTES = 40.0
MANY_GB = 2.0
TOLERANCE = 0.005
"""Relative difference of means, and a fifth of that of the variance, that passes as the same law, four standard errors added."""


@dataclass(frozen=True)
class CellPeer:
    """A program: script, environment, cells of a run, of a sample of its law, and least ratio."""

    name: str
    script: str
    environment: str
    cells: int
    samples: int
    least: float


CELL_PEERS = (
    CellPeer("NumPy, whole arrays", "numpy_cells", "mesa", CELLS, 4, 4.5),
    CellPeer("Mesa, AgentSet.do", "mesa_cells", "mesa", 20_000, 10, 130.0),
)


def request(cells: int, seed: int = 1, **more: Any) -> Fields:
    """Return the request of a run."""
    return {"cells": cells, "days": DAYS, "seed": seed, **more}


def law_of(worker: Worker, cells: int, samples: int) -> Floats:
    """Return mean size of a line, mean CD19, mean CD22, mean phi and variance of a line's size, and their standard errors, shape (2, 5)."""
    found = []
    for seed in range(samples):
        with_names = dict(zip((*TOLD, *LINES), worker.values(request(cells, 100 + seed)), strict=True))
        n = with_names["cells"]
        means = [with_names[name] / n for name in ("CD19", "CD22", "phi")]
        found.append([n / cells, *means, with_names[LINES[1]]])
    several = np.array(found)
    return np.stack([several.mean(axis=0), several.std(axis=0, ddof=1) / np.sqrt(samples)])


def compare_cell_peer(
    peer: CellPeer, root: Path, shorter: int, repeats: int, clock: str, core: int
) -> tuple[Fields, dict[str, str]]:
    """Measure one program in turn with ours, and how far its law is from ours; return a line's fields and versions.

    Parameters
    ----------
    shorter : int
        Steps of the program for one of ours.
    """
    Law(step=STEP).write(root / "ours")
    Law(step=STEP / shorter).write(root / "theirs")
    with (
        Worker(OURS, None, root / "ours", [core]) as ours,
        Worker(peer.script, peer.environment, root / "theirs", [core]) as worker,
    ):
        exact, sample = law_of(ours, CELLS, SAMPLES), law_of(worker, peer.cells, peer.samples)
        off, error = sample[0] / exact[0] - 1.0, np.hypot(sample[1], exact[1]) / exact[0]
        runs: list[Callable[[], Fields]] = [
            lambda: ours.ask(request(CELLS)),
            lambda: worker.ask(request(peer.cells)),
        ]
        timings: Timings = interleave(runs, repeats, clock)
        versions = {**ours.versions, **worker.versions}
    same = (abs(off) <= TOLERANCE * np.array([1.0, 1.0, 1.0, 1.0, 5.0]) + 4.0 * error).all()
    verdict = "same law" if same else "beyond the tolerance"
    note = (
        f"{verdict}: number {off[0]:+.2%} (s.e. {error[0]:.2%}), its variance {off[4]:+.1%}, CD19 {off[1]:+.2%}, CD22 {off[2]:+.2%}, "
        f"phi {off[3]:+.2%}; theirs {peer.cells:.0e} cells"
    )
    kind = f"step {STEP:g} d" if shorter == 1 else f"at our error, their step {STEP / shorter:.3g} d"
    fields = {
        "work": f"cells, {kind}", "peer": peer.name, "theirs": timings.rate(1, 1.0 / shorter), "ours": timings.rate(0, 1.0),
        "ratio": timings.ratio(0, 1.0, 1, 1.0 / shorter), "least": peer.least, "their_error": float(abs(off[0])), "note": note,
    }  # fmt: skip
    return fields, versions


def compare_cell_threads(folder: Path, repeats: int) -> Fields:
    """Measure two threads against one, by the wall's clock, and what the machine gives to two programs that share nothing."""
    Law(step=STEP).write(folder)
    with (
        Worker(OURS, None, folder, [0, 1]) as ours,
        Worker(OURS, None, folder, [0]) as one,
        Worker(OURS, None, folder, [1]) as other,
        ThreadPoolExecutor(2) as pool,
    ):

        def apart() -> Fields:
            """Have both programs run at once, and return the mean of their seconds."""
            found = list(pool.map(lambda worker: worker.ask(request(CELLS))["seconds"], (one, other)))
            return {"seconds": sum(found) / 4.0}

        runs: list[Callable[[], Fields]] = [
            lambda: ours.ask(request(CELLS)),
            lambda: ours.ask(request(CELLS, threads=2)),
            apart,
        ]
        timings = interleave(runs, repeats)
    note = f"two programs at once, one on each core: {timings.ratio(2, 1.0, 0, 1.0):.2f} times one alone"
    return {
        "work": "cells, ours on 2 cores", "peer": "ours on one", "theirs": timings.rate(0, 1.0), "ours": timings.rate(1, 1.0),
        "ratio": timings.ratio(1, 1.0, 0, 1.0), "least": 1.8, "note": note,
    }  # fmt: skip


def compare_cell_memory(folder: Path, core: int) -> Fields:
    """Measure the bytes of a cell's record, and the memory that a process of many cells takes at most."""
    Law(step=STEP).write(folder)
    with Worker(OURS, None, folder, [core]) as ours:
        little = ours.ask(request(1000))
    with Worker(OURS, None, folder, [core]) as ours:
        found = ours.ask({**request(MANY), "days": 2 * STEP})
    each = (found["peak_bytes"] - little["peak_bytes"]) / MANY
    return {
        "work": f"cells, memory of {MANY:.0e}", "peer": f"{BYTES:.0f} bytes a cell, {MANY_GB:g} GB", "ratio": MANY_GB * 1e9 / found["peak_bytes"],
        "least": 1.0, "note": f"record {found['record_bytes']:.0f} bytes; process at most {found['peak_bytes'] / 1e9:.2f} GB, of it {each:.0f} "
        "bytes a cell with what makes the cells at the start",
    }  # fmt: skip
