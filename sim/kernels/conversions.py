"""Conversions between discrete populations within a step: who moves, and what of them arrives.

Half of a step's movers leaves at its start and half at its end, and so many of them arrive that both populations have their right
mean where cells move one way. Where they move back, or on, within a step, the mean is missed by the square of the step: at the default tolerance
by 2 to 3 % (moves at 1 and 0.5 a day; immigrants that move or die within hours), and a class of a hundredth of a cell by half. Rare movers arrive each at its own time, as newcomers do. The chance that nobody moves is found for all conversions at once: each
cell that might move runs down one exponential clock, and only where it ends somebody does.
"""

import math

import numpy as np

from sim.kernels._jit import jit
from sim.kernels.populations import CONVERTING, lineages_of, listed
from sim.kernels.samplers import binomial_pair, exponential
from sim.kernels.structure import CHANGE_BEGIN, CHANGE_END, FACTOR, HAZARD

FAIR = 0.02
"""Exponents of leaving up to which exits may be drawn one after the other: the order then matters by a part in 1e4."""
RARE_MOVE = 0.01
"""Up to this chance of a cell to move in a step, movers arrive each at its own time; above, they move at the ends of the step."""


@jit
def exponent_of(r, dt, at_end, structure, laws):
    """Return minus the log of the chance that a cell does not leave along conversion r at this end of the step."""
    q = structure.reaction[r, HAZARD]
    edge = laws.end[q] if at_end else laws.start[q]
    return min(0.25 * dt * (edge + laws.middle[q]), 700.0)


@jit
def moves_rarely(r, dt, structure, laws):
    """Tell whether a cell moves along conversion r so rarely in the step that each mover has a time of its own."""
    q = structure.reaction[r, HAZARD]
    return 0.25 * dt * (laws.start[q] + 2.0 * laws.middle[q] + laws.end[q]) <= RARE_MOVE


@jit
def passing_share(contrast):
    """Return the share of a step's movers that arrive, where half leaves at its start and half at its end.

    With ``contrast`` d = integral over the step of (death - birth) in the population that is left, less that in the one that is
    entered, the share tanh(d/2)/(d/2) gives the population that is entered its right mean, whatever the rates: movers from a constant
    source leave (exp(-a) + exp(-b))/2 descendants when they move at the ends, and (exp(-b) - exp(-a))/(a - b) when they move
    evenly within the step; d = a - b. Those who are missing have died before they left (d > 0) or after they came (d < 0).
    """
    if abs(contrast) < 1e-3:
        return 1.0 - contrast * contrast / 12.0
    return math.tanh(0.5 * contrast) / (0.5 * contrast)


@jit
def passing_share_of_newcomers(left, entered):
    """Return the share of movers that arrive, of cells that have come in the step and leave with half the step's hazard at its end.

    ``left`` and ``entered`` are the integrals a and b of death - birth in the two populations. Newcomers at an even rate, who move
    evenly while they live, bring [f(b) - exp(-b) f(a - b)] / [a f(a)], f(z) = (1 - exp(-z))/z, for each that is there at the end. The share is
    twice that; it exceeds one where newcomers die before the end, some of whom have moved before.
    """
    if abs(left) < 1e-2 and abs(entered) < 1e-2:
        return 1.0 + left / 6.0 - entered / 3.0
    a, b = min(max(left, -300.0), 300.0), min(max(entered, -300.0), 300.0)
    if abs(a) < 1e-4:
        a = 1e-4
    brought = mean_of_decay(b) - math.exp(-b) * mean_of_decay(a - b)
    return 2.0 * brought / (a * mean_of_decay(a))


@jit
def mean_of_decay(z):
    """Integrate exp(-z u) over 0 < u < 1."""
    return -math.expm1(-z) / z if abs(z) > 1e-8 else 1.0 - 0.5 * z


@jit
def among_rivals(r, exponent, dt, at_end, structure, laws):
    """Return the exponent for those whom no conversion before r in the list has taken, such that all exits compete fairly.

    Of the cells that leave, each exit gets its part of the sum of exponents, in whatever order they are drawn.
    """
    s = structure.reaction[r, FACTOR]
    total, before, passed = 0.0, 0.0, False
    for other in listed(CONVERTING, laws):
        if structure.reaction[other, FACTOR] == s:
            part = exponent if other == r else exponent_of(other, dt, at_end, structure, laws)
            passed = passed or other == r
            total += part
            if other != r and passed == at_end:  # at the end of a step the list is gone through backwards
                before += part
    if not total > exponent:
        return exponent
    leaving = -math.expm1(-total) / total
    chance = exponent * leaving / (1.0 - before * leaving)
    return min(-math.log1p(-min(chance, 1.0)), 700.0) if chance < 1.0 else 700.0


@jit
def arrive_within(s, j, amount, moved, dt, at_end, laws, population, stream):
    """Let rare movers from population s to j arrive, each at its own time; those of the start go to laws.arrived."""
    share = passing_share(laws.rho[s])
    number = binomial_pair(stream, moved, share, 1.0 - share)
    if not number > 0.0:
        return
    lines = lineages_of(j, number, amount, -laws.rho[s] / dt, dt, laws, stream)
    if at_end:
        population[j] += lines
    else:
        laws.coming[j] += number * amount
        laws.arrived[j] += lines


@jit
def arriving(s, j, amount, moved, candidates, new, laws, stream):
    """Return the cells that arrive in population j, of movers from s at an end of the step (``candidates``, ``new``: see `convert`)."""
    contrast = laws.rho[s] - laws.rho[j]
    share = passing_share(contrast)
    if new > 0.0:
        share += new * (passing_share_of_newcomers(laws.rho[s], laws.rho[j]) - share)
    if share > 1.0:
        bonus = min((share - 1.0) / max(new, 1e-12), 1.0)
        return amount * (moved + binomial_pair(stream, candidates - moved, bonus, 1.0 - bonus))
    if contrast > 0.0:
        return amount * binomial_pair(stream, moved, share, 1.0 - share)
    return binomial_pair(stream, amount * moved, share, 1.0 - share)


@jit
def convert(r, dt, at_end, clock, structure, laws, population, stream):
    """Move cells of a discrete population along conversion r: those that leave at the start or at the end of the step.

    ``clock`` is what is left of a unit exponential. The cells run it down one after the other, each by the exponent of its own
    survival; where it ends is the first that moves, and those after it are free (a binomial number). Return what is then left.
    Rare movers (`moves_rarely`) arrive within the step, as newcomers do: a mover that is placed at its end would be sure to live to see
    it, and founders of a new population decide by that.
    Of cells that have come in the step (share ``new``) up to twice as many are taken, as candidates: those who are not removed stand for
    newcomers who have moved before they died.
    """
    reaction = structure.reaction
    s = reaction[r, FACTOR]
    if population[s] <= 0.0:
        return clock
    exponent = exponent_of(r, dt, at_end, structure, laws)
    if exponent > FAIR or laws.leaving[s] * dt > FAIR:
        exponent = among_rivals(r, exponent, dt, at_end, structure, laws)
    rare = moves_rarely(r, dt, structure, laws)
    cells, new = population[s], 0.0
    if at_end and laws.arrived[s] > 0.0:
        if rare:
            cells = max(cells - laws.arrived[s], 0.0)  # `draw_later_generations` has moved newcomers
        else:
            new = min(laws.arrived[s] / cells, 1.0)
            exponent *= 1.0 + new
    if cells * exponent <= clock:
        return clock - max(cells * exponent, 0.0)
    behind = max(cells - np.floor(clock / exponent) - 1.0, 0.0)
    candidates = 1.0 + binomial_pair(stream, behind, -math.expm1(-exponent), math.exp(-exponent))
    moved = candidates
    if new > 0.0:
        moved = binomial_pair(stream, candidates, 1.0 / (1.0 + new), new / (1.0 + new))
    population[s] -= moved
    for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
        j, amount = structure.change_species[k], structure.change_amount[k]
        if amount > 0.0 and laws.discrete[j] == 1:
            if rare:
                arrive_within(s, j, amount, moved, dt, at_end, laws, population, stream)
            else:
                population[j] += arriving(s, j, amount, moved, candidates, new, laws, stream)
    return exponential(stream)
