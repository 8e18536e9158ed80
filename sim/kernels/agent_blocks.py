"""Cells by the block: their densities brought to a day, how they are recognised, and the hazard of being killed.

A block is a table of up to `BLOCK` cells, a quantity a row, so that every loop runs over neighbours and becomes vector instructions. Cells are
copied into it (`take_cells`, `take_run`), looked at (`look`) and put back.

======================  ==============================================================================================
quantity                law
======================  ==============================================================================================
ln density of two       x + (mean - x) lost + walk sqrt(lost (2 - lost)) z,  lost = 1 - exp(-past/relaxation),  z normal:
copies, a walk          exact for any time past
ln of what contacts     shed exp(-past/recovery)
have left
density                 copies/2 exp(x19 + shed19), exp(x22 + shed22) unless lost
hazard                  access kappa sum_k phi_k E*_k/(load_k + sum_m phi_m E*_m)
======================  ==============================================================================================

Assumes densities whose logarithm is finite. Nothing fails: what is not finite shows in the sums.

Reference: exact steps of the walk: Gillespie, Phys. Rev. E 54 (1996) 2084, doi:10.1103/PhysRevE.54.2084.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types

from sim.kernels._jit import jit, jit_allocating
from sim.kernels.agent_layout import (
    CD19,
    CONTACT_LOSS,
    COPIES,
    DIVISION,
    FLAGS,
    HEAD,
    INHERITED,
    KILLING,
    LN19,
    LN22,
    LOST,
    MARKS,
    MEAN19,
    NOISE19,
    PRODUCTS,
    RECOVERY,
    RELAX19,
    RELAX22,
    SHED,
    SHED19,
    SHED22,
    SITE,
    SITE_AT,
    SITES,
    SPREAD19,
    TOUCHED,
    VALUES,
    WALK19,
)  # fmt: skip
from sim.kernels.elementary import exponential_of, lost_of
from sim.kernels.instructions import prefetch
from sim.kernels.normal_lanes import draw_normals

BLOCK = 128
"""Cells of a block: its table stays in the cache nearest to the processor. A multiple of the generators' lanes."""
LN10 = math.log(10.0)

PAST, NORMAL19, NORMAL22, D19, D22, TABLE = range(TOUCHED, TOUCHED + 6)
"""Rows of a block's table (float32) after those of `LN19` to `SHED22`: days since the last look, normal numbers, densities in molecules/cell."""
LINE = 64
"""Bytes that a processor brings to its cache at a time."""


class Block(NamedTuple):
    """A block of cells.

    Attributes
    ----------
    table, held : (TABLE, BLOCK) float32, (MARKS, BLOCK) uint8
    phi, psi : (products, BLOCK) float64
    hazard, rivals : (BLOCK,) float64
        Hazard of being killed, 1/day; CAR T cells that recognise the cell.
    words : (BLOCK,) uint64
        What normal numbers are made of.
    cells, days : (BLOCK,) int64, (BLOCK,) float64
        Where in the chunk cells that are looked at by themselves stand, and the day of the look.
    """

    table: Any
    held: Any
    phi: Any
    psi: Any
    hazard: Any
    rivals: Any
    words: Any
    cells: Any
    days: Any


_0, _HALF, _1, _2 = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)

RECOGNISE = types.void(
    types.int64,
    types.float32[::1],
    types.float32[::1],
    types.float64[::1],
    types.float64[:, ::1],
    types.float64[:, ::1],
)
"""recognise(n, d19, d22, y, phi, psi): phi and psi of every product (a row each) for n cells of such densities under the signals y."""


@jit_allocating
def new_block(layout):
    """Return an empty block."""
    products = max(1, layout[PRODUCTS])
    return Block(
        np.zeros((TABLE, BLOCK), np.float32),
        np.zeros((MARKS, BLOCK), np.uint8),
        np.zeros((products, BLOCK)),
        np.zeros((products, BLOCK)),
        np.zeros(BLOCK),
        np.zeros(BLOCK),
        np.zeros(BLOCK, np.uint64),
        np.zeros(BLOCK, np.int64),
        np.zeros(BLOCK),
    )


@jit
def law_of_densities(y, law):
    """Write the law of the densities that the signals tell."""
    for k in range(2):
        spread, relaxation = LN10 * y[SPREAD19 + k], y[RELAX19 + k]
        made = y[INHERITED] if relaxation < math.inf and y[DIVISION] > 0.0 else 0.0
        law[WALK19 + k] = spread * math.sqrt(1.0 - made)
        law[NOISE19 + k] = spread * math.sqrt(made / (relaxation * y[DIVISION])) if made > 0.0 else 0.0
        law[MEAN19 + k] = math.log(y[CD19 + k])
    law[SHED] = math.log1p(-y[CONTACT_LOSS]) if y[CONTACT_LOSS] < 1.0 else -100.0


@jit
def take_cells(n, values, marks, block):
    """Copy the n cells of a chunk that the block names into it, each to be looked at on its day."""
    table, held = block.table, block.held
    for j in range(n):
        i = block.cells[j]
        table[LN19, j], table[LN22, j] = values[LN19, i], values[LN22, i]
        table[SHED19, j], table[SHED22, j] = values[SHED19, i], values[SHED22, i]
        table[PAST, j] = max(block.days[j] - values[TOUCHED, i], 0.0)
        held[COPIES, j], held[FLAGS, j], held[SITE, j] = marks[COPIES, i], marks[FLAGS, i], marks[SITE, i]


@jit
def put_cells(n, rows, block, values):
    """Copy the densities of the n cells back, with the days on which they were looked at."""
    table = block.table
    for j in range(n):
        i = block.cells[j]
        for k in range(rows):
            values[k, i] = table[k, j]
        values[TOUCHED, i] = block.days[j]


@jit
def take_run(n, first, now, values, marks, block):
    """Copy the n cells of a chunk from the first on into a block, to be looked at now."""
    for k in range(TOUCHED):
        row, source = block.table[k], values[k, first : first + n]
        for j in range(n):
            row[j] = source[j]
    past, touched = block.table[PAST], values[TOUCHED, first : first + n]
    for j in range(n):
        past[j] = max(now - touched[j], 0.0)
    for k in range(MARKS):
        mark, kept = block.held[k], marks[k, first : first + n]
        for j in range(n):
            mark[j] = kept[j]


@jit
def ask_for_run(first, last, values, marks):
    """Have the records of a run of cells brought to the cache, line by line, while another is looked at."""
    for i in range(first, last, LINE // 4):
        for k in range(VALUES):
            prefetch(values, k, i)
    for i in range(first, last, LINE):
        for k in range(MARKS):
            prefetch(marks, k, i)


@jit
def put_run(n, rows, first, now, block, values):
    """Copy the densities of the n cells of a chunk from the first on back; they were looked at now."""
    for k in range(rows):
        row, target = block.table[k], values[k, first : first + n]
        for j in range(n):
            target[j] = row[j]
    values[TOUCHED, first : first + n] = now


@jit
def walk(n, mean, spread, relaxation, past, x, z):
    """Let logarithms of densities walk for the days past."""
    mean, spread, rate = np.float32(mean), np.float32(spread), np.float32(1.0 / relaxation)
    for j in range(n):
        lost = lost_of(past[j] * rate)
        x[j] += (mean - x[j]) * lost + spread * np.sqrt(lost * (_2 - lost)) * z[j]


@jit
def recover(n, recovery, past, shed):
    """Let cells make up for what contacts have taken, in the days past; return whether there is anything."""
    found, rate = False, np.float32(1.0 / recovery)
    for j in range(n):
        found |= shed[j] != _0
    if found:
        for j in range(n):
            shed[j] *= exponential_of(-past[j] * rate)
    return found


@jit
def densities(n, table, held):
    """Write the densities of CD19 and CD22."""
    x, shed, d, mark = table[LN19], table[SHED19], table[D19], held[COPIES]
    for j in range(n):
        d[j] = _HALF * np.float32(mark[j]) * exponential_of(x[j] + shed[j])
    x, shed, d, mark = table[LN22], table[SHED22], table[D22], held[FLAGS]
    for j in range(n):
        d[j] = _0 if mark[j] & LOST else exponential_of(x[j] + shed[j])


@jit
def hazard_of_killing(n, y, layout, block):
    """Write each cell's hazard of being killed where it is."""
    phi, rivals, hazard, site = block.phi, block.rivals, block.hazard, block.held[SITE]
    rivals[:n] = 0.0
    hazard[:n] = 0.0
    for k in range(layout[PRODUCTS]):
        active, seen = y[layout[HEAD + 4 * k]], phi[k]
        for j in range(n):
            rivals[j] += seen[j] * active
    for k in range(layout[PRODUCTS]):
        active, load, seen = y[layout[HEAD + 4 * k]], y[layout[HEAD + 4 * k + 1]], phi[k]
        greatest = y[KILLING] * active
        for j in range(n):
            share = greatest * seen[j] / (load + rivals[j])
            hazard[j] += share if seen[j] > 0.0 else 0.0
    for at in range(1, layout[SITES]):
        access = y[layout[SITE_AT] + 3 * (at - 1)]
        for j in range(n):
            hazard[j] *= access if site[j] == at else 1.0


@jit
def look(n, y, law, layout, recognise, lanes, block):
    """Bring the cells of a block to their days, and write densities, phi, psi and the hazard of being killed.

    Returns the number of rows that may have changed: what contacts have taken is seldom there, and then need not be copied back.
    """
    table, rows = block.table, SHED19
    past = table[PAST]
    if y[RELAX19] < math.inf or y[RELAX22] < math.inf:
        draw_normals(lanes, n, block.words, table[NORMAL19], table[NORMAL22])
    for k in range(2):
        if y[RELAX19 + k] < math.inf:
            walk(
                n,
                law[MEAN19 + k],
                law[WALK19 + k],
                y[RELAX19 + k],
                past,
                table[LN19 + k],
                table[NORMAL19 + k],
            )
        if recover(n, y[RECOVERY], past, table[SHED19 + k]):
            rows = TOUCHED
    densities(n, table, block.held)
    if layout[PRODUCTS] > 0:
        recognise(n, table[D19], table[D22], y, block.phi, block.psi)
    hazard_of_killing(n, y, layout, block)
    return rows
