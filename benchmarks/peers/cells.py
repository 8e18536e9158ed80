"""The law of the cells that `cartsim_cells.py`, `numpy_cells.py` and `mesa_cells.py` simulate, and what they answer. Needs NumPy alone.

Leukaemia cells in surroundings that hold still, one site, one product that sees CD22, all that the model of `sim/models/agents.py` has in force
by default:

======================  ==========================================================================================
what                    law
======================  ==========================================================================================
ln CD19, ln CD22        mean-reverting walk with stationary spread; a share of its variance is made at divisions, where one
                        daughter gets as much more as the other gets less
CD19 of a cell          copies/2 times that density; none once CD22 is lost, for CD22
division, death         at constant rates
a daughter              loses a copy of CD19, or CD22, with small chances
killing                 kappa phi E/(load + phi E),  phi = D^2/(D^2 + K^2) of its CD22
clone                   handed on
======================  ==========================================================================================

After every step all cells tell: their number, the sums of phi, of psi (phi with the threshold of stimulation) and of the hazard of being killed, how
many lack CD19, lost CD22, or have less than half the median of it, and the sums of both densities.

An answer has a row of numbers in the order of `TOLD`, then the mean and the variance of the lines' sizes: each cell of the start begins a line of
its own, so that the variance of the number of cells is that of a line times the cells of the start.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

TOLD = ("cells", "phi", "psi", "killing", "without CD19", "without CD22", "low CD22", "CD19", "CD22")
LINES = ("mean size of a line", "variance of a line's size")


@dataclass(frozen=True)
class Law:
    """Rates a day, times in days, densities in molecules/cell, spreads of ln density."""

    division: float = 0.183
    death: float = 0.068
    first_hit: float = 1.5e-7
    second_hit: float = 1.5e-7
    cd22_loss: float = 1e-14
    median: tuple[float, float] = (11300.0, 3000.0)
    spread: tuple[float, float] = (0.2 * 2.302585092994046, 0.34 * 2.302585092994046)
    relaxation: float = 300.0
    inherited: float = 0.2
    kappa: float = 16.0
    active: float = 8.0e6
    load: float = 2.48e8
    threshold: float = 1500.0
    shift: float = 2.0
    step: float = 0.25

    def write(self, folder: Path) -> None:
        """Write the law into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cells.json").write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, folder: Path) -> Law:
        """Return the law that `write` left in a folder."""
        known = json.loads((folder / "cells.json").read_text())
        return cls(**{name: tuple(one) if isinstance(one, list) else one for name, one in known.items()})

    def start(self, n: int, seed: int) -> np.ndarray:
        """Return ln CD19 and ln CD22 of n cells of the stationary law, shape (2, n), float32."""
        z = np.random.default_rng(seed).standard_normal((2, n), dtype=np.float32)
        return (
            z * np.array(self.spread, np.float32)[:, None]
            + np.log(np.array(self.median, np.float32))[:, None]
        )


def timed_steps(steps: int, advance: Callable[[int], Any], count: Callable[[], int]) -> dict[str, float]:
    """Advance step by step and return seconds for each cell and step.

    Parameters
    ----------
    steps : int
    advance : callable(k)
        Makes step k, the telling included.
    count : callable
        Returns the number of cells.
    """
    updates, begin, processor = 0, time.perf_counter(), time.process_time()
    for k in range(steps):
        updates += count()
        advance(k)
    return {
        "seconds": (time.perf_counter() - begin) / max(updates, 1),
        "processor_seconds": (time.process_time() - processor) / max(updates, 1),
        "updates": updates,
    }


def answer(told: Any, clones: np.ndarray, n: int) -> np.ndarray:
    """Return what the last step told, and mean and variance of the sizes of n lines."""
    sizes = np.bincount(clones, minlength=n)
    return np.array([*told, sizes.mean(), sizes.var()])
