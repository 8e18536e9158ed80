"""What single cells tell their surroundings: sums over the cells of each site, and the composition of the whole.

Cells are looked at by the block (sim/kernels/agent_blocks.py), and each quantity is added up place by place of the block; only at the end of a
chunk are the places added together. So the order of a sum depends on the chunk alone, and not on threads.

What is told of a site: its cells, phi of each product, psi of each, the lesser psi of each pair, the hazard of being killed, and quiescent
cells. Then of all
cells: those without CD19, that lost CD22, switched, low in CD22, and the sums of the densities of CD19 and CD22.
"""

import numpy as np
from numba import types

from sim.kernels._jit import jit, jit_as
from sim.kernels.agent_blocks import (
    BLOCK,
    D19,
    D22,
    RECOGNISE,
    ask_for_run,
    law_of_densities,
    look,
    new_block,
    put_run,
    take_run,
)
from sim.kernels.agent_layout import (
    CD22,
    COPIES,
    FLAGS,
    HEAD,
    LAW,
    LOST,
    PAIRS,
    PRODUCTS,
    QUIESCENT,
    SITE,
    SITES,
    SWITCHED,
)  # fmt: skip

LOW_CD22 = 0.5
"""Share of the patient's median CD22 below which a cell counts as CD22-low; as in sim/models/observables.py."""
EVERYWHERE = -1
"""The one site of cells that have no other: none need be told apart."""
OF_A_SITE = 3
"""Sums of a site beside those of products and pairs: cells, hazard of being killed, quiescent cells."""
COMPOSITION = 6
"""Sums over all cells, after those of the sites."""


@jit
def add_where(n, at, site, found, places):
    """Add what was found of the cells of one site."""
    if at == EVERYWHERE:
        for j in range(n):
            places[j] += found[j]
    else:
        for j in range(n):
            places[j] += found[j] if site[j] == at else 0.0


@jit
def add_sites(n, layout, held, phi, psi, hazard, ones, lesser, asleep, places):
    """Add what the cells of a block tell of each site."""
    site, flags = held[SITE], held[FLAGS]
    for j in range(n):
        asleep[j] = 1.0 if flags[j] & QUIESCENT else 0.0
    products, pairs = layout[PRODUCTS], layout[PAIRS]
    width, head = OF_A_SITE + 2 * products + pairs, HEAD + 4 * products
    for s in range(layout[SITES]):
        at = EVERYWHERE if layout[SITES] == 1 else s
        rows = places[s * width : (s + 1) * width]
        add_where(n, at, site, ones, rows[0])
        for k in range(products):
            add_where(n, at, site, phi[k], rows[1 + k])
            add_where(n, at, site, psi[k], rows[1 + products + k])
        for k in range(pairs):
            one, other = psi[layout[head + 2 * k]], psi[layout[head + 2 * k + 1]]
            for j in range(n):
                lesser[j] = min(one[j], other[j])
            add_where(n, at, site, lesser, rows[1 + 2 * products + k])
        add_where(n, at, site, hazard, rows[width - 2])
        add_where(n, at, site, asleep, rows[width - 1])


@jit
def add_composition(n, low, table, held, places):
    """Add what the cells of a block tell of the whole; `low` is the density below which a cell is CD22-low."""
    copies, flags, d19, d22 = held[COPIES], held[FLAGS], table[D19], table[D22]
    without, lost, switched, dim = places[0], places[1], places[2], places[3]
    for j in range(n):
        without[j] += 1.0 if copies[j] == 0 else 0.0
        lost[j] += 1.0 if flags[j] & LOST else 0.0
        switched[j] += 1.0 if flags[j] & SWITCHED else 0.0
    sum19, sum22 = places[4], places[5]
    for j in range(n):
        dim[j] += 1.0 if d22[j] < low else 0.0
        sum19[j] += d19[j]
        sum22[j] += d22[j]


@jit
def add_chunk(
    number, now, y, law, layout, recognise, values, marks, lanes, block, ones, lesser, asleep, places
):
    """Bring the cells of a chunk to the day `now`, and add what they tell place by place of the block."""
    body, low = places.shape[0] - COMPOSITION, LOW_CD22 * y[CD22]
    for first in range(0, number, BLOCK):
        n = min(BLOCK, number - first)
        take_run(n, first, now, values, marks, block)
        ask_for_run(first + BLOCK, min(number, first + 2 * BLOCK), values, marks)
        rows = look(n, y, law, layout, recognise, lanes, block)
        put_run(n, rows, first, now, block, values)
        add_sites(
            n, layout, block.held, block.phi, block.psi, block.hazard, ones, lesser, asleep, places[:body]
        )
        add_composition(n, low, block.table, block.held, places[body:])


_sums = (
    types.float64,
    types.float64[::1],
    types.int64[::1],
    types.FunctionType(RECOGNISE),
    types.float32[:, :, ::1],
    types.uint8[:, :, ::1],
    types.int64[::1],
    types.uint64[:, :, ::1],
    types.int64,
    types.int64,
    types.float64[:, ::1],
)


@jit_as(types.void(*_sums), allocating=True)
def sum_cells(now, y, layout, recognise, values, marks, number, lanes, begin, end, sums):
    """Bring all cells of some chunks to the day `now` and add up what they tell.

    Parameters as in `sim.kernels.agents.step_cells`; ``sums`` (chunks, sites * (2 products + pairs + OF_A_SITE) + COMPOSITION) receives what the head of
    this file lists.
    """
    law, block = np.zeros(LAW), new_block(layout)
    ones, lesser, asleep = np.ones(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
    places = np.zeros((sums.shape[1], BLOCK))
    law_of_densities(y, law)
    for c in range(begin, end):
        places[:] = 0.0
        add_chunk(
            number[c],
            now,
            y,
            law,
            layout,
            recognise,
            values[c],
            marks[c],
            lanes[c],
            block,
            ones,
            lesser,
            asleep,
            places,
        )
        for k in range(sums.shape[1]):
            sums[c, k] = places[k].sum()
