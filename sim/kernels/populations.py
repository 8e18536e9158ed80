"""Discrete populations: which counts they are, which reactions move them, and their hazards along a step.

What they have become at its end is drawn in sim/kernels/drawing.py.
"""

from typing import NamedTuple

import numpy as np

from sim.kernels._jit import inline_jit, jit, jit_allocating
from sim.kernels.newcomers import BATCHES
from sim.kernels.samplers import round_randomly
from sim.kernels.structure import (
    BIRTH,
    CHANGE_BEGIN,
    CHANGE_END,
    CONCENTRATION,
    CONVERSION,
    FACTOR,
    HAZARD,
    ROLE,
    FloatArray,
    IntegerArray,
)

HYSTERESIS = 0.5
"""A continuous count becomes discrete below this share of the threshold."""
CONVERTING, ARRIVING = range(2)
"""Rows of Laws.lists: a number, then so many reactions, in the order of their source (`span`). They change with the modes, which is rare."""


class Laws(NamedTuple):
    """Arrays of the discrete part, allocated once a worker."""

    discrete: IntegerArray
    watched: IntegerArray
    lists: IntegerArray
    start: FloatArray
    middle: FloatArray
    end: FloatArray
    x_middle: FloatArray
    x_end: FloatArray
    birth: FloatArray
    death: FloatArray
    leaving: FloatArray
    before: FloatArray
    after: FloatArray
    inflow: FloatArray
    batches: FloatArray
    clock: FloatArray
    spans: IntegerArray
    flux: FloatArray
    trend: FloatArray
    pace: FloatArray


@jit_allocating
def allocate_laws(structure):
    """Return the arrays of the discrete part."""
    n, hazards = structure.n_species, structure.n_hazards + structure.n_derivatives
    return Laws(
        np.zeros(n, np.int64),
        np.ones(n, np.int64),
        np.zeros((2, 1 + structure.arrivals.shape[0]), np.int64),
        np.zeros(hazards),
        np.zeros(hazards),
        np.zeros(hazards),
        np.ones(2 * n + 3),  # it holds two states, and a time, for trigger_bounds.py
        np.ones(n + 1),
        np.zeros((n, 3)),
        np.zeros((n, 3)),
        np.zeros((n, 3)),
        np.ones(n + 1),
        np.zeros(n),
        np.zeros(n),
        np.zeros((BATCHES + structure.change_species.shape[0], 6)),
        np.zeros(1),
        np.zeros((2, n + 2), np.int64),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
    )


@jit
def forget_modes(laws):
    """Take all species for continuous, before a row begins."""
    for s in range(laws.discrete.shape[0]):
        laws.discrete[s] = 0
        laws.watched[s] = 1
    laws.lists[CONVERTING, 0] = -1


@jit
def choose_modes(x, structure, threshold, work, laws, stream):
    """Decide which counts are discrete; make those whole, and mask the reactions that are counted event by event."""
    changed = laws.lists[CONVERTING, 0] < 0
    for s in range(structure.n_species):
        if structure.species[s, ROLE] == CONCENTRATION:
            continue
        limit = threshold if laws.discrete[s] == 1 else HYSTERESIS * threshold
        now = 1 if x[s] < limit else 0
        if now != laws.discrete[s]:
            changed = True
            laws.discrete[s] = now
            laws.watched[s] = 1 - now
        if now == 1 and x[s] != np.floor(x[s]):
            x[s] = round_randomly(stream, max(x[s], 0.0))
    if not changed:
        return
    reaction, lists = structure.reaction, laws.lists
    for r in structure.maskable:
        work.mask[r] = 1.0
        for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
            if laws.discrete[structure.change_species[k]] == 1:
                work.mask[r] = 0.0
    for row in range(2):
        lists[row, 0] = 0
        for s in range(structure.n_species + 2):
            laws.spans[row, s] = 0
    for r in structure.arrivals:
        s = reaction[r, FACTOR]
        if structure.reaction_role[r] == CONVERSION and laws.discrete[s] == 1:
            row = CONVERTING
        elif into_discrete(r, structure, laws):
            row = ARRIVING
        else:
            continue
        lists[row, 0] += 1
        lists[row, lists[row, 0]] = r
        laws.spans[row, s + 1] = lists[row, 0]
    for row in range(2):
        for s in range(1, structure.n_species + 2):
            laws.spans[row, s] = max(laws.spans[row, s], laws.spans[row, s - 1])


@jit
def into_discrete(r, structure, laws):
    """Tell whether reaction r brings newcomers to a discrete population."""
    for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
        if structure.change_amount[k] > 0.0 and laws.discrete[structure.change_species[k]] == 1:
            return True
    return False


@inline_jit
def listed(row, laws):
    """Return the reactions that convert from a discrete population (CONVERTING), or bring newcomers to one (ARRIVING)."""
    return laws.lists[row, 1 : 1 + laws.lists[row, 0]]


@inline_jit
def span(row, s, laws):
    """Return where in a row of Laws.lists the reactions of cells of species s begin, and where they end."""
    return 1 + laws.spans[row, s], 1 + laws.spans[row, s + 1]


@jit
def gather(structure, values, place, laws):
    """Sum hazards of birth, death and leaving of the discrete populations at one of the three nodes.

    Between the states that are reached, where rates are not negative, a parabola may dip below zero: there it is zero.
    """
    reaction = structure.reaction
    for s in range(structure.n_species):
        laws.birth[s, place] = 0.0
        laws.death[s, place] = 0.0
        laws.leaving[s, place] = 0.0
    for r in structure.turnover:
        table = laws.birth if structure.reaction_role[r] == BIRTH else laws.death
        table[reaction[r, FACTOR], place] += max(values[reaction[r, HAZARD]], 0.0)
    for r in listed(CONVERTING, laws):
        laws.leaving[reaction[r, FACTOR], place] += max(values[reaction[r, HAZARD]], 0.0)
