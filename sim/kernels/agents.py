"""Leukaemia cells one by one: each has densities, copies of CD19, a clone and a site; sites are well mixed.

Within a step the surroundings hold still (the caller takes them from its middle), and each cell lives its own life in continuous time.
Candidates for anything to happen come to every cell at one rate, the greatest that a cell can have; what happens at a candidate is
decided by the cell as it is at that moment (thinning), so no cell is looked at to whom nothing may happen:

=====  ========================================  ===========================================================================
order  at a candidate                            hazard
=====  ========================================  ===========================================================================
1      densities walk from the last look to now  exact law of the mean-reverting walk; losses at contacts are made up for
2      division, unless quiescent                DIVISION; both inherit with noise, and the daughter may be a mutant
3      death                                     DEATH
4      move between marrow and another site      entry or exit rate of the site
5      falling asleep, or awakening              QUIESCENCE, AWAKENING
6      killing                                   access * kappa * sum_k phi_k E*_k/(load_k + sum_m phi_m E*_m)
7      contact that is survived                  CONTACTS times killing: the antigens that the killer sees are lost in part
8      nothing                                   what is left of the greatest rate
=====  ========================================  ===========================================================================

Daughters live through the rest of the step in the same way. Candidates wait in a queue, in which a cell stands once; the latest are taken by
the block (sim/kernels/agent_blocks.py), so that what is computed of a cell is vector instructions. So the law of numbers, clones and densities in held surroundings is exact at
any step; only the hold is an approximation, of second order in the step.

Cells lie in chunks, each with a stream of its own for every decision: when a candidate comes, what happens at it, who survives an event of the
step, what daughters inherit, and whether they are mutants; lanes are for the walk: neither the number of threads nor what another chunk does changes a byte. The record of a cell has 27 bytes.

Reference: thinning: Lewis and Shedler, Nav. Res. Logist. Q. 26 (1979) 403, doi:10.1002/nav.3800260304.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types

from sim.kernels._jit import jit, jit_as, jit_merged
from sim.kernels.agent_blocks import (
    BLOCK,
    RECOGNISE,
    law_of_densities,
    look,
    new_block,
    put_cells,
    take_cells,
)  # fmt: skip
from sim.kernels.agent_layout import (
    AWAKENING,
    CD22_LOSS,
    CHOICES,
    CONTACTS,
    COPIES,
    DEAD,
    DEATH,
    DENSITIES,
    DIVISION,
    FIRST_HIT,
    FLAGS,
    HEAD,
    KILLING,
    LAW,
    LN19,
    LOST,
    MARKS,
    MUTATIONS,
    NOISE19,
    PRODUCTS,
    QUIESCENCE,
    QUIESCENT,
    SECOND_HIT,
    SHED,
    SHED19,
    SITE,
    SITE_AT,
    SITES,
    SURVIVORS,
    SWITCH,
    SWITCHED,
    VALUES,
    WAITS,
)  # fmt: skip
from sim.kernels.instructions import prefetch
from sim.kernels.random import uniform
from sim.kernels.samplers import exponential, normal
from sim.kernels.status import CAPACITY, EVENT_BUDGET, NEGATIVE_PROPENSITY, NON_FINITE, OK

QUEUE = 64 * BLOCK
"""Candidates that wait at most. The latest come first, so that a line is followed to its end: a block and what comes of it wait, and no more
than a block for each further generation within a step."""
FULL = -1
CANDIDATES = 2e7
"""Candidates that a chunk may expect in a step, some seconds' work; a row that would have more has used up its budget of events."""


class Chunk(NamedTuple):
    """One chunk's cells and what its luck comes from, as `step_cells` takes them of all chunks."""

    values: Any
    marks: Any
    clone: Any
    streams: Any
    lanes: Any
    kills: Any


class Queue(NamedTuple):
    """Cells whose next candidate falls into the step, its day, and the places of cells that have died in it."""

    cells: Any
    days: Any
    graves: Any


@jit
def greatest_rate(y, layout):
    """Return a rate that no cell's hazards together exceed."""
    sites, products, at = layout[SITES], layout[PRODUCTS], layout[SITE_AT]
    access, leaving, away = 1.0, 0.0, 0.0
    for site in range(1, sites):
        access = max(access, y[at + 3 * (site - 1)])
        away += y[at + 3 * (site - 1) + 1]
        leaving = max(leaving, y[at + 3 * (site - 1) + 2])
    killing = 0.0
    for k in range(products):
        active = y[layout[HEAD + 4 * k]]
        if active > 0.0:
            killing += active / (y[layout[HEAD + 4 * k + 1]] + active)
    if products > 0:
        killing *= access * y[KILLING] * (1.0 + y[CONTACTS])
    return y[DIVISION] + y[DEATH] + max(away, leaving) + max(y[QUIESCENCE], y[AWAKENING]) + killing


@jit
def chances(y):
    """Tell whether what may befall a daughter are chances: none below 0, and 1 together at most, whatever her mother is."""
    first, second, others = 2.0 * y[FIRST_HIT], y[SECOND_HIT], y[CD22_LOSS] + y[SWITCH]
    least = min(first, second, y[CD22_LOSS], y[SWITCH])
    return least >= 0.0 and first + others <= 1.0 and second + others <= 1.0


@jit_merged
def divide(i, n, y, law, chunk):
    """Let cell i divide; its daughter is cell n."""
    values, marks, clone, streams = chunk.values, chunk.marks, chunk.clone, chunk.streams
    for k in range(VALUES):
        values[k, n] = values[k, i]
    for k in range(MARKS):
        marks[k, n] = marks[k, i]
    clone[n] = clone[i]
    for k in range(2):
        if law[NOISE19 + k] > 0.0:
            more = law[NOISE19 + k] * normal(streams[DENSITIES])
            values[LN19 + k, i] += more
            values[LN19 + k, n] -= more
    u = uniform(streams[MUTATIONS])
    hit = 0.0
    if marks[COPIES, i] == 2:
        hit = 2.0 * y[FIRST_HIT]
    elif marks[COPIES, i] == 1:
        hit = y[SECOND_HIT]
    if u < hit:
        marks[COPIES, n] -= 1
        return
    u -= hit
    if not marks[FLAGS, i] & LOST:
        if u < y[CD22_LOSS]:
            marks[FLAGS, n] |= LOST
            return
        u -= y[CD22_LOSS]
    if not marks[FLAGS, i] & SWITCHED and u < y[SWITCH]:
        marks[COPIES, n] = 0
        marks[FLAGS, n] |= LOST | SWITCHED


@jit_merged
def act(i, j, n, u, y, law, layout, chunk, block):
    """Decide what happens to cell i, column j of its block, at a candidate; return the number of cells, one more after a division.

    `u` is uniform between 0 and the greatest rate.
    """
    marks = chunk.marks
    site, asleep = marks[SITE, i], marks[FLAGS, i] & QUIESCENT
    if not asleep:
        if u < y[DIVISION]:
            divide(i, n, y, law, chunk)
            return n + 1
        u -= y[DIVISION]
    if u < y[DEATH]:
        marks[FLAGS, i] |= DEAD
        return n
    u -= y[DEATH]
    at = layout[SITE_AT]
    if site == 0:
        for other in range(1, layout[SITES]):
            rate = y[at + 3 * (other - 1) + 1]
            if u < rate:
                marks[SITE, i] = other
                return n
            u -= rate
    else:
        rate = y[at + 3 * (site - 1) + 2]
        if u < rate:
            marks[SITE, i] = 0
            return n
        u -= rate
    rate = y[AWAKENING] if asleep else y[QUIESCENCE]
    if u < rate:
        marks[FLAGS, i] ^= QUIESCENT
        return n
    u -= rate
    killing = block.hazard[j]
    if u < killing:
        marks[FLAGS, i] |= DEAD
        chunk.kills[killer_of(j, u / killing, y, layout, block.phi)] += 1.0
        return n
    u -= killing
    if u < killing * y[CONTACTS]:
        product = killer_of(j, u / (killing * y[CONTACTS]), y, layout, block.phi)
        lose(i, product, law, layout, chunk.values)
    return n


@jit
def killer_of(j, u, y, layout, phi):
    """Return the product that meets the cell in column j, by u in [0, 1) and each product's share of the hazard of being killed."""
    products, rivals, total = layout[PRODUCTS], 0.0, 0.0
    for k in range(products):
        rivals += phi[k, j] * y[layout[HEAD + 4 * k]]
    for k in range(products):
        total += phi[k, j] * y[layout[HEAD + 4 * k]] / (y[layout[HEAD + 4 * k + 1]] + rivals)
    u *= total
    for k in range(products - 1):
        u -= phi[k, j] * y[layout[HEAD + 4 * k]] / (y[layout[HEAD + 4 * k + 1]] + rivals)
        if u < 0.0:
            return k
    return products - 1


@jit_merged
def lose(i, product, law, layout, values):
    """Take from cell i a part of the antigens that a product sees."""
    for antigen in range(2):
        if layout[HEAD + 4 * product + 2 + antigen] == 1:
            values[SHED19 + antigen, i] += law[SHED]


@jit
def close_up(n, dead, chunk, queue):
    """Fill the places of dead cells from the end; return the number of cells."""
    values, marks, clone = chunk.values, chunk.marks, chunk.clone
    for k in range(dead):
        while n > 0 and marks[FLAGS, n - 1] & DEAD:
            n -= 1
        i = queue.graves[k]
        if i < n:
            n -= 1
            for row in range(VALUES):
                values[row, i] = values[row, n]
            for row in range(MARKS):
                marks[row, i] = marks[row, n]
            clone[i] = clone[n]
    return n


@jit_merged
def ask_for(i, chunk):
    """Have the record of a cell brought to the cache: it is read a block later, from eight places."""
    for k in range(VALUES):
        prefetch(chunk.values, k, i)
    for k in range(MARKS):
        prefetch(chunk.marks, k, i)


@jit_merged
def call_up(cell, number, now, dt, per_step, waiting, chunk, queue):
    """Let cells wait whose first candidate falls into the step, until a block is full; return the next cell, and how many wait.

    Time runs through one cell's step after the other, with `per_step` candidates a step; what is left of a step after its first is drawn anew.
    """
    while waiting < BLOCK and cell < number:
        steps = exponential(chunk.streams[WAITS]) / per_step if per_step > 0.0 else math.inf
        if not steps < number - cell:
            return number, waiting
        passed = int(steps)
        queue.cells[waiting], queue.days[waiting] = cell + passed, now + (steps - passed) * dt
        ask_for(cell + passed, chunk)
        waiting += 1
        cell += passed + 1
    return cell, waiting


@jit_merged
def wait_again(i, day, end, idle, stream, waiting, queue):
    """Let cell i wait for its next candidate, after `idle` days on average, if that falls into the step; return how many wait."""
    day += exponential(stream) * idle
    if day < end:
        queue.cells[waiting], queue.days[waiting] = i, day
        waiting += 1
    return waiting


@jit_merged
def live(n, dead, waiting, end, bound, y, law, layout, recognise, chunk, queue, block):
    """Take the last block of candidates that wait, and decide what happens at each; return the numbers of cells, of dead ones, and of those waiting.

    The number of cells is `FULL` where there is no room.
    """
    m = min(waiting, BLOCK)
    waiting -= m
    for j in range(m):
        block.cells[j], block.days[j] = queue.cells[waiting + j], queue.days[waiting + j]
    take_cells(m, chunk.values, chunk.marks, block)
    rows = look(m, y, law, layout, recognise, chunk.lanes, block)
    put_cells(m, rows, block, chunk.values)
    idle, waits, choices = 1.0 / bound, chunk.streams[WAITS], chunk.streams[CHOICES]
    for j in range(m):
        i, before = block.cells[j], n
        if n >= chunk.clone.shape[0] or waiting > QUEUE - 2:
            return FULL, dead, waiting
        n = act(i, j, n, uniform(choices) * bound, y, law, layout, chunk, block)
        if chunk.marks[FLAGS, i] & DEAD:
            queue.graves[dead] = i
            dead += 1
        else:
            waiting = wait_again(i, block.days[j], end, idle, waits, waiting, queue)
        if n > before:
            waiting = wait_again(before, block.days[j], end, idle, waits, waiting, queue)
    return n, dead, waiting


@jit
def spare(n, dead, site, share, chunk, queue):
    """Let each cell of a site survive the step's events with this chance; return the number of dead cells."""
    marks = chunk.marks
    for i in range(n):
        if (
            marks[SITE, i] == site
            and not marks[FLAGS, i] & DEAD
            and uniform(chunk.streams[SURVIVORS]) >= share
        ):
            marks[FLAGS, i] |= DEAD
            queue.graves[dead] = i
            dead += 1
    return dead


@jit
def live_through(number, now, dt, bound, y, law, layout, recognise, spared, chunk, queue, block):
    """Let the cells of a chunk live for `dt` days, and take away the dead; return the number of cells, `FULL` where there is no room."""
    n, cell, waiting, dead = number, 0, 0, 0
    while n != FULL and (waiting > 0 or cell < number):
        cell, waiting = call_up(cell, number, now, dt, bound * dt, waiting, chunk, queue)
        if waiting > 0:
            n, dead, waiting = live(
                n, dead, waiting, now + dt, bound, y, law, layout, recognise, chunk, queue, block
            )
    if n == FULL:
        return FULL
    for site in range(layout[SITES]):
        if spared[site] < 1.0:
            dead = spare(n, dead, site, spared[site], chunk, queue)
    return close_up(n, dead, chunk, queue)


_chunk = (
    types.float64,
    types.float64,
    types.float64[::1],
    types.int64[::1],
    types.FunctionType(RECOGNISE),
    types.float64[::1],
    types.float32[:, :, ::1],
    types.uint8[:, :, ::1],
    types.int32[:, ::1],
    types.int64[::1],
    types.uint64[:, :, ::1],
    types.uint64[:, :, ::1],
    types.float64[:, ::1],
    types.int64,
    types.int64,
)


@jit_as(types.int64(*_chunk), allocating=True)
def step_cells(
    now, dt, y, layout, recognise, spared, values, marks, clone, number, streams, lanes, kills, begin, end
):
    """Let the cells of some chunks live from the day `now` for `dt` days, then spare a share of them at each site.

    Parameters
    ----------
    now, dt : float
        Days.
    y : float64 (signals,)
        What the cells are told, of the middle of the step.
    layout : int64
        As `HEAD` says.
    recognise : `RECOGNISE`
    spared : float64 (sites,)
        Shares that events of the step have left.
    values, marks, clone : (chunks, VALUES, capacity) float32, (chunks, MARKS, capacity) uint8, (chunks, capacity) int32
    number : int64 (chunks,)
    streams, lanes : uint64 (chunks, STREAMS, words), (chunks, WORDS, LANES)
        Of each chunk; lanes as in sim/kernels/normal_lanes.py.
    kills : float64 (chunks, products)
        Cells that each product has killed are added.
    begin, end : int
        First chunk, and one after the last.

    Returns
    -------
    int
        OK; CAPACITY when a chunk has no room; EVENT_BUDGET above `CANDIDATES`; NON_FINITE or NEGATIVE_PROPENSITY for a signal that is no
        number, or neither rate nor chance.
    """
    law, block = np.zeros(LAW), new_block(layout)
    queue = Queue(np.zeros(QUEUE, np.int64), np.zeros(QUEUE), np.empty(clone.shape[1], np.int32))
    # Of a chunk: rows of `kills` share a cache line with those of other threads.
    killed = np.zeros(kills.shape[1])
    law_of_densities(y, law)
    bound = greatest_rate(y, layout)
    if not bound < math.inf:
        return NON_FINITE
    if y[DIVISION] < 0.0 or y[DEATH] < 0.0 or y[QUIESCENCE] < 0.0 or y[AWAKENING] < 0.0 or bound < 0.0:
        return NEGATIVE_PROPENSITY
    if not chances(y):
        return NEGATIVE_PROPENSITY
    for c in range(begin, end):
        if number[c] * bound * dt > CANDIDATES:
            return EVENT_BUDGET
        chunk = Chunk(values[c], marks[c], clone[c], streams[c], lanes[c], killed)
        killed[:] = 0.0
        n = live_through(number[c], now, dt, bound, y, law, layout, recognise, spared, chunk, queue, block)
        if n == FULL:
            return CAPACITY
        kills[c] += killed
        number[c] = n
    return OK
