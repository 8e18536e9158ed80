"""CAR T cells one by one in a dish: each has a product, a phenotype, a programme of divisions, and the targets that it has killed.

Within a step the surroundings hold still, and each cell lives its own life in continuous time, as the leukaemia cells do (agents.py):
candidates come at the greatest rate that a cell of its phenotype can have, and what happens at one is decided by the cell as it is then (thinning).

=====  ==========================  ====================================================================================================
order  at a candidate              hazard of a cell, 1/day
=====  ==========================  ====================================================================================================
1      division of an effector     DIVISION/(1 + (age/PROGRAMME)^PROGRAMME_POWER): age is half its divisions, which is its e-folds in the mean
2      memory formation            MEMORY_FORMATION
3      exhaustion                  EXHAUSTION k (xi S)^(k-1), k = EXHAUSTION_ORDER: by the stimulation S that it has had
4      death of an effector        EFFECTOR_LOSS
5      division of a memory cell   MEMORY_DIVISION
6      its activation              RECRUITMENT: two effectors at the beginning of their programme
7      its death                   MEMORY_LOSS
8      death of an exhausted cell  EXHAUSTED_LOSS
9      nothing                     what is left of the greatest rate
=====  ==========================  ====================================================================================================

Who has killed: the targets killed in a step by a product are dealt to its cells at the beginning of the step, each in proportion to its
activity (1 for an effector, EXHAUSTED_ACTIVITY for an exhausted cell), as the killing hazard adds them up. With k = 1 exhaustion is that of
the network. The record of a cell has 10 bytes.
"""

import math

import numpy as np
from numba import types

from sim.kernels._jit import jit, jit_as
from sim.kernels.random import uniform
from sim.kernels.samplers import binomial, exponential
from sim.kernels.status import CAPACITY, EVENT_BUDGET, NON_FINITE, OK

(
    DIVISION, MEMORY_FORMATION, EXHAUSTION, EFFECTOR_LOSS, MEMORY_DIVISION, RECRUITMENT, MEMORY_LOSS, EXHAUSTED_LOSS, SIGNAL,
    PROGRAMME, PROGRAMME_POWER, EXHAUSTION_RATE, EXHAUSTION_ORDER, EXHAUSTED_ACTIVITY, HAZARDS,
) = range(15)  # fmt: skip
"""Places of what the cells of a product are told (sim/models/agents.py)."""
MEMORY, EFFECTOR, EXHAUSTED, DEAD = range(4)
"""Phenotypes."""
PRODUCT, PHENOTYPE, MARKS = range(3)
"""Rows of a chunk's marks (uint8)."""
DIVISIONS, KILLS, COUNTS = range(3)
"""Rows of a chunk's counts (uint16)."""
WAITS, CHOICES, STREAMS = range(3)
"""Rows of a chunk's streams: when a candidate comes, and what happens at it."""
FULL, TOO_MANY = -1, -2
CANDIDATES = 2e7
"""Candidates of a chunk in a step, some seconds' work; a row that has more has used up its budget of events."""
MOST = 65535
"""Greatest count that is kept."""
SUMS = 5
"""Of a product: memory cells, effectors, exhausted cells, sum of the effectors' ages, and of all cells' kills."""


@jit
def fade(divisions, z):
    """Return the share of its division that the programme leaves to an effector."""
    return 1.0 / (1.0 + (0.5 * divisions / z[PROGRAMME]) ** z[PROGRAMME_POWER])


@jit
def exhaustion_of(stimulation, z):
    """Return the hazard of exhaustion of a cell that has had such stimulation, days of full signal."""
    order = z[EXHAUSTION_ORDER]
    if order == 1.0:
        return z[EXHAUSTION]
    return z[EXHAUSTION] * order * (z[EXHAUSTION_RATE] * stimulation) ** (order - 1.0)


@jit
def greatest_rate(phenotype, most_stimulation, z):
    """Return a rate that the hazards of a cell of a phenotype do not exceed together, up to such stimulation."""
    if phenotype == EFFECTOR:
        return z[DIVISION] + z[MEMORY_FORMATION] + exhaustion_of(most_stimulation, z) + z[EFFECTOR_LOSS]
    if phenotype == MEMORY:
        return z[MEMORY_DIVISION] + z[RECRUITMENT] + z[MEMORY_LOSS]
    return z[EXHAUSTED_LOSS]


@jit
def bear(i, n, divisions, z, now, marks, counts, stimulation, since):
    """Let cell n be the daughter of cell i, at the time `now` of the step; both have so many divisions behind them."""
    marks[PRODUCT, n], marks[PHENOTYPE, n] = marks[PRODUCT, i], marks[PHENOTYPE, i]
    counts[DIVISIONS, i] = counts[DIVISIONS, n] = min(divisions, MOST)
    counts[KILLS, n] = 0
    stimulation[n] = stimulation[i] + z[SIGNAL] * (now - since[i])
    since[n] = now


@jit
def live(i, n, now, u, z, marks, counts, stimulation, since):
    """Decide what happens to cell i at a candidate of the time `now` of the step, by u below the greatest rate; return the number of cells."""
    phenotype = marks[PHENOTYPE, i]
    if phenotype == EFFECTOR:
        rate = z[DIVISION] * fade(counts[DIVISIONS, i], z)
        if u < rate:
            bear(i, n, counts[DIVISIONS, i] + 1, z, now, marks, counts, stimulation, since)
            return n + 1
        u -= rate
        if u < z[MEMORY_FORMATION]:
            marks[PHENOTYPE, i] = MEMORY
            return n
        u -= z[MEMORY_FORMATION]
        rate = exhaustion_of(stimulation[i] + z[SIGNAL] * (now - since[i]), z)
        if u < rate:
            marks[PHENOTYPE, i] = EXHAUSTED
        elif u < rate + z[EFFECTOR_LOSS]:
            marks[PHENOTYPE, i] = DEAD
    elif phenotype == MEMORY:
        if u < z[MEMORY_DIVISION]:
            bear(i, n, counts[DIVISIONS, i], z, now, marks, counts, stimulation, since)
            return n + 1
        u -= z[MEMORY_DIVISION]
        if u < z[RECRUITMENT]:
            # What it and its mothers have gone through is forgotten: a recruit begins anew.
            marks[PHENOTYPE, i], stimulation[i], since[i] = EFFECTOR, 0.0, now
            bear(i, n, 0, z, now, marks, counts, stimulation, since)
            return n + 1
        if u < z[RECRUITMENT] + z[MEMORY_LOSS]:
            marks[PHENOTYPE, i] = DEAD
    elif u < z[EXHAUSTED_LOSS]:
        marks[PHENOTYPE, i] = DEAD
    return n


@jit
def close_up(n, marks, counts, stimulation):
    """Fill the places of dead cells from the end; return the number of cells."""
    i = 0
    while i < n:
        if marks[PHENOTYPE, i] == DEAD:
            n -= 1
            for k in range(MARKS):
                marks[k, i] = marks[k, n]
            for k in range(COUNTS):
                counts[k, i] = counts[k, n]
            stimulation[i] = stimulation[n]
        else:
            i += 1
    return n


@jit
def live_chunk(n, dt, z, marks, counts, stimulation, since, streams):
    """Let the cells of one chunk live for `dt` days; return their number, dead ones among them, `FULL` or `TOO_MANY`."""
    for i in range(n):
        since[i] = 0.0
    i, left = 0, CANDIDATES
    while i < n:  # daughters come last, and are followed in their turn
        own, now = z[marks[PRODUCT, i]], float(since[i])
        while marks[PHENOTYPE, i] != DEAD:
            # Of the phenotype that it has now; what it may have had to the end of the step bounds what it may do until then.
            most = stimulation[i] + own[SIGNAL] * (dt - since[i])
            bound = greatest_rate(marks[PHENOTYPE, i], most, own)
            now += exponential(streams[WAITS]) / bound if bound > 0.0 else math.inf
            if not now < dt:
                break
            if n >= stimulation.shape[0]:
                return FULL
            left -= 1.0
            if left < 0.0:
                return TOO_MANY
            n = live(i, n, now, uniform(streams[CHOICES]) * bound, own, marks, counts, stimulation, since)
        stimulation[i] += own[SIGNAL] * (dt - since[i])
        i += 1
    return n


_chunk = (
    types.float64,
    types.float64[:, ::1],
    types.uint8[:, :, ::1],
    types.uint16[:, :, ::1],
    types.float32[:, ::1],
    types.int64[::1],
    types.uint64[:, :, ::1],
    types.int64,
    types.int64,
)


@jit_as(types.int64(*_chunk), allocating=True)
def step_t_cells(dt, z, marks, counts, stimulation, number, streams, begin, end):
    """Let the CAR T cells of some chunks live for `dt` days.

    Parameters
    ----------
    dt : float
        Days.
    z : float64 (products, HAZARDS)
        What the cells of each product are told, of the middle of the step.
    marks, counts, stimulation : (chunks, MARKS, capacity) uint8, (chunks, COUNTS, capacity) uint16, (chunks, capacity) float32
    number : int64 (chunks,)
    streams : uint64 (chunks, STREAMS, words)
    begin, end : int
        First chunk, and one after the last.

    Returns
    -------
    int
        OK; CAPACITY when a chunk has no room; EVENT_BUDGET above `CANDIDATES`; NON_FINITE when something told is no number.
    """
    for k in range(z.shape[0]):
        for j in range(HAZARDS):
            if not math.isfinite(z[k, j]):
                return NON_FINITE
    since = np.zeros(stimulation.shape[1], np.float32)
    for c in range(begin, end):
        n = live_chunk(number[c], dt, z, marks[c], counts[c], stimulation[c], since, streams[c])
        if n == FULL:
            return CAPACITY
        if n == TOO_MANY:
            return EVENT_BUDGET
        number[c] = close_up(n, marks[c], counts[c], stimulation[c])
    return OK


@jit
def activity(product, phenotype, k, z):
    """Return how much a cell takes part in the killing of product k."""
    if product != k:
        return 0.0
    return 1.0 if phenotype == EFFECTOR else z[k, EXHAUSTED_ACTIVITY] if phenotype == EXHAUSTED else 0.0


_deal = (
    types.float64[::1],
    types.float64[:, ::1],
    types.uint8[:, :, ::1],
    types.uint16[:, :, ::1],
    types.int64[::1],
    types.uint64[::1],
)


@jit_as(types.void(*_deal))
def credit_kills(kills, z, marks, counts, number, stream):
    """Deal the kills of each product to its cells, in proportion to their activity; `kills` keeps those for which there is no cell.

    Parameters
    ----------
    kills : float64 (products,)
        Whole numbers.
    z, marks, counts, number
        As in `step_t_cells`.
    stream : uint64 (words,)
    """
    for k in range(kills.shape[0]):
        left = 0.0
        for c in range(number.shape[0]):
            for i in range(number[c]):
                left += activity(marks[c, PRODUCT, i], marks[c, PHENOTYPE, i], k, z)
        for c in range(number.shape[0]):
            for i in range(number[c]):
                own = activity(marks[c, PRODUCT, i], marks[c, PHENOTYPE, i], k, z)
                if own > 0.0 and kills[k] > 0.0:
                    got = kills[k] if own >= left else binomial(stream, kills[k], own / left)
                    counts[c, KILLS, i] = min(counts[c, KILLS, i] + int(got), MOST)
                    kills[k] -= got
                    left -= own


_add = (
    types.uint8[:, :, ::1],
    types.uint16[:, :, ::1],
    types.int64[::1],
    types.float64[:, ::1],
)


@jit_as(types.void(*_add))
def sum_t_cells(marks, counts, number, sums):
    """Write `SUMS` of each product; arrays as in `step_t_cells`, ``sums`` (products, SUMS)."""
    sums[:] = 0.0
    for c in range(number.shape[0]):
        for i in range(number[c]):
            k, phenotype = marks[c, PRODUCT, i], marks[c, PHENOTYPE, i]
            sums[k, phenotype] += 1.0
            if phenotype == EFFECTOR:
                sums[k, 3] += 0.5 * counts[c, DIVISIONS, i]
            sums[k, 4] += counts[c, KILLS, i]
