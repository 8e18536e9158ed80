"""Leukaemia cells from the classes of the grid, and back: what becomes of densities when counts become cells.

A class says how many copies of CD19 a cell has, and on which level of the ladder its CD22 lies. A cell drawn from it has a CD22 density from
the stationary law within the bin of the level, and a CD19 density from the stationary law within a patient. Back, a cell belongs to the
level in whose bin its CD22 lies. So the numbers of the classes are kept either way, and the law of the densities too, as far as it is the
stationary one within a bin. The way back forgets what else a cell was: its clone, its CD19 density, where in its bin its CD22 lay,
what contacts have taken for some days, and that it was quiescent. Where CD22 has no spread all cells that express it come back on the middle
level, whose density is that of any other then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sim.models.agents import agent_model
from sim.models.antigen import CD19_STATES, LOST, AntigenClass, AntigenGrid
from sim.models.design import Design
from sim.models.leukaemia import build
from sim.network.handover import HandOver

__all__ = ["hand_over"]

Floats = npt.NDArray[np.float64]
LN10 = math.log(10.0)
INSIDE = 1e-5
"""Share of a bin's cells that its ends are short of: a density kept in single precision must not fall into the next bin."""


@lru_cache(maxsize=32)
def hand_over(design: Design) -> HandOver:
    """Describe how the leukaemia of a design becomes cells and counts.

    Parameters
    ----------
    design : Design
        Of classes.

    Returns
    -------
    HandOver

    Examples
    --------
    >>> two_ways = hand_over(Design())
    >>> len(two_ways.classes)
    26
    """
    surroundings = build(replace(design, agents=True))
    places = [(site, c) for site in range(len(design.sites)) for c in design.grid.classes]
    grid = design.grid

    def to_cells(
        numbers: npt.NDArray[np.int64], luck: Floats, p: Mapping[str, float]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        return _draw(places, grid, numbers, luck, p)

    def to_counts(
        values: npt.NDArray[np.float32], marks: npt.NDArray[np.uint8], p: Mapping[str, float]
    ) -> Floats:
        return _count(places, grid, values, marks, p)

    return HandOver(
        counts=build(design),
        cells=agent_model(replace(design, agents=True), surroundings),
        classes=tuple(design.cells(design.sites[site], c) for site, c in places),
        to_cells=to_cells,
        to_counts=to_counts,
    )


def _edges(grid: AntigenGrid) -> Floats:
    """Boundaries of the ladder's bins, in stationary standard deviations, the outermost infinite."""
    return np.array([-math.inf, *grid.ladder.boundaries, math.inf])


def _draw(
    places: list[tuple[int, AntigenClass]],
    grid: AntigenGrid,
    numbers: npt.NDArray[np.int64],
    luck: Floats,
    p: Mapping[str, float],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Make cells of the numbers of each class."""
    from scipy.special import ndtr, ndtri

    from sim.kernels import agent_layout as kernel

    edges = _edges(grid)
    low, high = np.zeros(len(places)), np.ones(len(places))
    marks = np.zeros((kernel.MARKS, len(places)), np.uint8)
    for k, (site, c) in enumerate(places):
        marks[kernel.SITE, k] = site
        marks[kernel.COPIES, k] = len(CD19_STATES) - 1 - CD19_STATES.index(c.cd19)
        if c.cd22 == LOST:
            marks[kernel.FLAGS, k] = kernel.LOST | (kernel.SWITCHED if c.switched else 0)
        else:
            level = grid.level_names.index(c.cd22)
            low[k], high[k] = ndtr(edges[level]), ndtr(edges[level + 1])
    of = np.repeat(np.arange(len(places)), numbers)
    share = INSIDE + (1.0 - 2.0 * INSIDE) * luck[:, 0]
    cd22 = ndtri(low[of] + (high[of] - low[of]) * share)
    values = np.zeros((kernel.VALUES, len(of)), np.float32)
    values[kernel.LN19] = math.log(p["cd19_density"]) + LN10 * p["cd19_spread"] * ndtri(luck[:, 1])
    values[kernel.LN22] = math.log(p["cd22_density"]) + LN10 * p["cd22_spread"] * cd22
    return values, np.ascontiguousarray(marks[:, of])


def _count(
    places: list[tuple[int, AntigenClass]],
    grid: AntigenGrid,
    values: npt.NDArray[np.float32],
    marks: npt.NDArray[np.uint8],
    p: Mapping[str, float],
) -> Floats:
    """Count cells by class."""
    from sim.kernels import agent_layout as kernel

    spread = LN10 * p["cd22_spread"]
    away = values[kernel.LN22].astype(np.float64) - math.log(p["cd22_density"])
    level = np.searchsorted(_edges(grid)[1:-1], away / spread if spread > 0.0 else 0.0 * away)
    flags, site = marks[kernel.FLAGS], marks[kernel.SITE]
    lost, switched = (flags & kernel.LOST) > 0, (flags & kernel.SWITCHED) > 0
    out = np.zeros(len(places))
    for k, (at, c) in enumerate(places):
        here = (site == at) & (switched == c.switched)
        if not c.switched:
            here &= marks[kernel.COPIES] == len(CD19_STATES) - 1 - CD19_STATES.index(c.cd19)
            here &= lost if c.cd22 == LOST else ~lost & (level == grid.level_names.index(c.cd22))
        out[k] = np.count_nonzero(here)
    return out
