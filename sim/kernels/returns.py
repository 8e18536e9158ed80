"""Cells that go to and fro between populations, and how long a step may be for all their moves to be followed.

Each move of a cell within a step is followed (drawing.py), so a step must hold no more of them than there is room for. It must not be refused
for what was drawn in it instead: rows in which cells had settled early would pass, and the others would be drawn again, until they had
settled too. So the step is bounded beforehand by the moves that are to be expected; one in ten of what there is room for, since there are more
where cells divide. Populations without a way back need no bound: a cell passes each of them once.
"""

from sim.kernels._jit import jit, jit_merged
from sim.kernels.newcomers import PART
from sim.kernels.populations import ARRIVING, CONVERTING, listed
from sim.kernels.structure import CHANGE_BEGIN, CHANGE_END, FACTOR, HAZARD, RETURNS

MOVES = 2_000.0
"""Moves that may be expected of a step, where they are so frequent that they are followed one by one."""


@jit
def may_return(s, structure, laws):
    """Tell whether cells of s, a discrete population, may come back to it."""
    return structure.species[s, RETURNS] == 1 and laws.discrete[s] == 1


@jit
def expected_moves(h, x, structure, laws):
    """Return how many moves to and fro are to be expected in h, by those who are there and those who come from elsewhere."""
    moves = 0.0
    for s in range(structure.n_species):
        if may_return(s, structure, laws) and laws.leaving[s, 0] * h > PART:
            moves += x[s] * laws.leaving[s, 0] * h
    for row in (ARRIVING, CONVERTING):
        for r in listed(row, laws):
            source = structure.reaction[r, FACTOR]
            if row == CONVERTING and may_return(source, structure, laws):
                continue  # counted as it leaves
            come = laws.start[structure.reaction[r, HAZARD]] * x[source] * h
            for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
                s, amount = structure.change_species[k], structure.change_amount[k]
                if amount > 0.0 and may_return(s, structure, laws) and laws.leaving[s, 0] * h > PART:
                    moves += 0.5 * max(come, 0.0) * amount * laws.leaving[s, 0] * h
    return moves


@jit_merged
def followed_step(h, x, structure, laws):
    """Shorten h until the moves of cells that may return can all be followed."""
    most = 0.0
    for s in range(structure.n_species):
        if may_return(s, structure, laws):
            most = max(most, laws.leaving[s, 0])
    while most * h > PART and expected_moves(h, x, structure, laws) > MOVES:
        h *= 0.5
    return h
