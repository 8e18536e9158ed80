"""What single cells show of a row: how antigen densities are distributed at the save times, and which clone came through."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["ANTIGENS", "BIN_EDGES", "CLONES", "Residual", "describe_clones", "shares_of"]

Floats = npt.NDArray[np.float64]
ANTIGENS = ("cd19", "cd22")
BIN_EDGES: Floats = np.linspace(0.0, 5.5, 56)
"""Edges of the bins of log10 density (molecules/cell); the bin before them holds cells without the antigen, the outer ones all beyond."""
CLONES = (
    "cells_day",
    "founders",
    "counts_day",
    "cells",
    "clones",
    "largest_share",
    "cd19_copies",
    "cd22_lost",
    "cd22_log_fold",
)
"""What is told of clones: day of the last change to single cells, cells then; day of the change back (or the end), cells then, founders that have
descendants, share of the largest clone, its copies of CD19, whether it has lost CD22, and ln of its median CD22 over the patient's median."""


class Residual(NamedTuple):
    """Single cells of some rows.

    Attributes
    ----------
    densities : ndarray of float32, shape (rows, n_times, 2, bins + 1)
        Shares of the cells by antigen; first those without it. NaN where there is no cell.
    clones : ndarray, shape (rows, len(CLONES))
        NaN for a row that never was single cells.
    """

    densities: npt.NDArray[np.float32]
    clones: Floats

    @classmethod
    def of(cls, rows: int, times: int) -> Residual:
        """Return a record of nothing yet."""
        shape = (rows, times, len(ANTIGENS), len(BIN_EDGES))
        return cls(np.full(shape, np.nan, np.float32), np.full((rows, len(CLONES)), np.nan))


def shares_of(values: npt.NDArray[np.float32], marks: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return shares of cells by density, shape (2, bins + 1); cells in the layout of sim/kernels/agent_layout.py."""
    from sim.kernels import agent_layout as at

    out = np.full((len(ANTIGENS), len(BIN_EDGES)), np.nan, np.float32)
    cells = values.shape[1]
    if cells == 0:
        return out
    copies = marks[at.COPIES]
    with np.errstate(divide="ignore"):
        log19 = values[at.LN19] + values[at.SHED19] + np.log(0.5 * copies)
    log22 = values[at.LN22] + values[at.SHED22]
    for k, (logs, without) in enumerate(((log19, copies == 0), (log22, (marks[at.FLAGS] & at.LOST) > 0))):
        inside = np.clip(logs[~without] / np.log(10.0), BIN_EDGES[0], BIN_EDGES[-1] - 1e-6)
        out[k, 0] = np.count_nonzero(without) / cells
        out[k, 1:] = np.histogram(inside, BIN_EDGES)[0] / cells
    return out


def describe_clones(
    values: npt.NDArray[np.float32],
    marks: npt.NDArray[np.uint8],
    clone: npt.NDArray[np.int32],
    median_cd22: float,
) -> tuple[float, ...]:
    """Return cells, clones, and the largest clone's share, copies of CD19, loss of CD22 and ln fold of CD22: `CLONES` from the fourth on."""
    from sim.kernels import agent_layout as at

    if len(clone) == 0:
        return (0.0, 0.0, *[float("nan")] * 4)
    sizes = np.bincount(clone)
    own = clone == int(np.argmax(sizes))
    lost = (marks[at.FLAGS][own] & at.LOST) > 0
    away = float(np.median(values[at.LN22][own])) - float(np.log(median_cd22))
    return (
        float(len(clone)),
        float(np.count_nonzero(sizes)),
        float(sizes.max() / len(clone)),
        float(np.median(marks[at.COPIES][own])),
        float(np.median(lost)),
        float("nan") if np.median(lost) > 0.5 else away,
    )
