"""Discrete populations: which counts they are, their hazards along a step, and the draw of what they have become at its end.

Between births and deaths, whose law is exact (sim/kernels/branching.py), stand the conversions: half of a step's movers leaves
at its start and half at its end, and so many of them arrive that both populations have their right mean. The chance that nobody moves is found
for all conversions at once: each cell that might move runs down one exponential clock, and only where it ends somebody does.
"""

import math
from typing import NamedTuple

import numpy as np

from sim.kernels._jit import inline_jit, jit, jit_allocating, jit_merged
from sim.kernels.branching import kendall_integrals, kendall_step, lineages
from sim.kernels.random import uniform
from sim.kernels.samplers import binomial_pair, exponential, poisson, round_randomly
from sim.kernels.structure import (
    BIRTH,
    BRANCHING,
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
"""Rows of Laws.lists: a number, then so many reactions. They change with the modes, which is rare."""
FAIR = 0.02
"""Exponents of leaving up to which exits may be drawn one after the other: the order then matters by a part in 1e4."""
RARE_MOVE = 0.01
"""Up to this chance of a cell to move in a step, movers arrive each at its own time; above, they move at the ends of the step."""
RISING = 2.15
"""Exponent of a density on (0, 1) with the mean of one that rises linearly from nothing, 2/3."""
RARE = 0.1
"""Reactions that bring fewer newcomers a step than this share one draw: a sum of Poisson numbers is one."""


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
    rho: FloatArray
    before: FloatArray
    after: FloatArray
    arrived: FloatArray
    fresh: FloatArray
    inflow: FloatArray
    coming: FloatArray
    arrivals: FloatArray
    flux: FloatArray
    trend: FloatArray


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
        np.ones(n + 1),
        np.ones(n + 1),
        np.zeros((n, 3)),
        np.zeros((n, 3)),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n + 1),
        np.zeros(n + 1),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(structure.arrivals.shape[0]),
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
    lists[CONVERTING, 0] = 0
    lists[ARRIVING, 0] = 0
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


@jit
def gather(structure, values, place, laws):
    """Sum birth and death hazards of the discrete populations at one of the three nodes.

    Between the states that are reached, where rates are not negative, a parabola may dip below zero: there it is zero.
    """
    reaction = structure.reaction
    for s in range(structure.n_species):
        laws.birth[s, place] = 0.0
        laws.death[s, place] = 0.0
    for r in structure.turnover:
        table = laws.birth if structure.reaction_role[r] == BIRTH else laws.death
        table[reaction[r, FACTOR], place] += max(values[reaction[r, HAZARD]], 0.0)


@jit
def early_share(contrast):
    """Return the share of a step's movers that leave at its start; the rest leaves at its end.

    With ``contrast`` d = integral over the step of (death - birth) in the population that is left, less that in the one that is
    entered, the share 1/d - 1/(exp(d) - 1) gives both populations their right mean at the end of the step, whatever their rates:
    it solves ``early exp(-a) + late = exp(-a)`` and ``early exp(-b) + late = integral of exp(-a s - b (1 - s))``, d = a - b, in
    units of the movers from a constant source, late = exp(-a) (1 - early). Without contrast it is Strang's half.
    """
    if abs(contrast) < 1e-2:
        return 0.5 - contrast / 12.0 + contrast**3 / 720.0
    contrast = min(max(contrast, -700.0), 700.0)
    return 1.0 / contrast - 1.0 / math.expm1(contrast)


@jit
def exponent_of(r, dt, at_end, structure, laws):
    """Return minus the log of the chance that a cell does not leave along conversion r at this end of the step."""
    q = structure.reaction[r, HAZARD]
    edge = laws.end[q] if at_end else laws.start[q]
    return min(0.25 * dt * (edge + laws.middle[q]), 700.0)


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
def lineages_of(j, number, amount, tilt, dt, laws, stream):
    """Return the cells of population j at the end of the step that stem from so many arrivals of ``amount`` cells each."""
    return lineages(
        stream, number, amount, tilt, laws.birth[j, 0], laws.birth[j, 1], laws.birth[j, 2],
        laws.death[j, 0], laws.death[j, 1], laws.death[j, 2], dt,
    )  # fmt: skip


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
def moves_rarely(r, dt, structure, laws):
    """Tell whether a cell moves along conversion r so rarely in the step that each mover has a time of its own."""
    q = structure.reaction[r, HAZARD]
    return 0.25 * dt * (laws.start[q] + 2.0 * laws.middle[q] + laws.end[q]) <= RARE_MOVE


@jit
def convert(r, dt, at_end, clock, structure, laws, population, stream):
    """Move cells of a discrete population along conversion r: those that leave at the start or at the end of the step.

    ``clock`` is what is left of a unit exponential. The cells run it down one after the other, each by the exponent of its own
    survival; where it ends is the first that moves, and those after it are free (a binomial number). Return what is then left.
    Rare movers (`moves_rarely`) arrive within the step, as newcomers do: a mover that is placed at its end would be sure to live to see
    it, and founders of a new population decide by that. Those of the start go to laws.arrived.
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
        if amount > 0.0 and laws.discrete[j] == 1 and rare:
            share = passing_share(laws.rho[s])
            number = binomial_pair(stream, moved, share, 1.0 - share)
            if number > 0.0:
                lines = lineages_of(j, number, amount, -laws.rho[s] / dt, dt, laws, stream)
                if at_end:
                    population[j] += lines
                else:
                    laws.coming[j] += number * amount
                    laws.arrived[j] += lines
        elif amount > 0.0 and laws.discrete[j] == 1:
            contrast = laws.rho[s] - laws.rho[j]
            share = passing_share(contrast)
            if new > 0.0:
                share += new * (passing_share_of_newcomers(laws.rho[s], laws.rho[j]) - share)
            if share > 1.0:
                bonus = min((share - 1.0) / max(new, 1e-12), 1.0)
                population[j] += amount * (
                    moved + binomial_pair(stream, candidates - moved, bonus, 1.0 - bonus)
                )
            elif contrast > 0.0:
                population[j] += amount * binomial_pair(stream, moved, share, 1.0 - share)
            else:
                population[j] += binomial_pair(stream, amount * moved, share, 1.0 - share)
    return exponential(stream)


@jit
def presence_of_newcomer(rho):
    """Integrate (1 - u) exp(-rho u) over 0 < u < 1: the mean part of a step that the line of one newcomer is present."""
    if abs(rho) < 1e-2:
        return 0.5 - rho / 6.0 + rho * rho / 24.0 - rho**3 / 120.0
    rho = min(max(rho, -700.0), 700.0)
    return (math.expm1(-rho) + rho) / (rho * rho)


@jit
def expected_arrivals(r, dt, structure, laws):
    """Return the mean number of arrivals of reaction r to discrete populations in the step, but for those due to newcomers.

    A discrete source that goes from n to m is present for ``n f + m (1 - f)`` of the step, f = 1/rho - 1/(exp(rho) - 1) with rho
    the integral of death - birth: those who die live f of it on average, those who stay all of it.
    """
    s, q = structure.reaction[r, FACTOR], structure.reaction[r, HAZARD]
    a, b, c = laws.start[q], laws.middle[q], laws.end[q]
    if s < structure.n_species and laws.discrete[s] == 1:
        if laws.before[s] == 0.0:
            return 0.0
        share = early_share(laws.rho[s])
        first, last = laws.before[s] * share, laws.after[s] * (1.0 - share)
        return 0.5 * dt * ((a + b) * first + (b + c) * last)
    if s < structure.n_species:
        a, b, c = (
            a * max(laws.before[s], 0.0),
            b * max(laws.x_middle[s], 0.0),
            c * max(laws.x_end[s], 0.0),
        )
    return dt * (a + 4.0 * b + c) / 6.0


@jit
def arrival_tilt(r, dt, structure, laws):
    """Return how fast the rate of the arrivals of reaction r grows along the step, per time."""
    s, q = structure.reaction[r, FACTOR], structure.reaction[r, HAZARD]
    a, c = laws.start[q] * laws.before[s], laws.end[q]
    if s < structure.n_species and laws.discrete[s] == 1:
        c *= laws.after[s]
        if not (a > 0.0 and c > 0.0):
            return -laws.rho[s] / dt
    elif s < structure.n_species:
        c *= laws.x_end[s]
    return math.log(c / a) / dt if a > 0.0 and c > 0.0 else 0.0


@jit
def add_newcomers(r, number, tilt, dt, structure, laws, stream):
    """Let newcomers of reaction r come: what their lines are at the end of the step goes to laws.arrived."""
    for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
        j, amount = structure.change_species[k], structure.change_amount[k]
        if amount > 0.0 and laws.discrete[j] == 1:
            laws.coming[j] += number * amount
            laws.arrived[j] += lineages_of(j, number, amount, tilt, dt, laws, stream)


@jit
def rising(rho):
    """Return the exponent, per step, of the density of what newcomers bring: (1 - exp(-rho s))/rho, from a line to nearly even."""
    return RISING / (1.0 + rho / 3.0) if rho > 0.0 else RISING - rho


@jit
def draw_later_generations(dt, structure, laws, stream):
    """Draw what newcomers of the step bring by arrival reactions of their own, generation by generation; return how many came.

    A newcomer came at any time of the step, so its daughters come late in it, at a density that rises from nothing.
    """
    number = 0.0
    for s in range(structure.n_species):
        laws.fresh[s] = laws.coming[s]
        laws.coming[s] = 0.0
    for r in listed(ARRIVING, laws):
        s, q = structure.reaction[r, FACTOR], structure.reaction[r, HAZARD]
        if s == structure.n_species or laws.discrete[s] == 0 or not laws.fresh[s] > 0.0:
            continue
        hazard = dt * (laws.start[q] + 4.0 * laws.middle[q] + laws.end[q]) / 6.0
        more = poisson(stream, laws.fresh[s] * hazard * presence_of_newcomer(laws.rho[s]))
        if more > 0.0:
            number += more
            add_newcomers(r, more, rising(laws.rho[s]) / dt, dt, structure, laws, stream)
    for r in listed(CONVERTING, laws):
        s, q = structure.reaction[r, FACTOR], structure.reaction[r, HAZARD]
        if not laws.fresh[s] > 0.0 or not moves_rarely(r, dt, structure, laws):
            continue
        hazard = dt * (laws.start[q] + 4.0 * laws.middle[q] + laws.end[q]) / 6.0
        more = poisson(stream, laws.fresh[s] * hazard * presence_of_newcomer(laws.rho[s]))
        if more > 0.0:
            number += more
            left = min(
                math.exp(-laws.rho[s] / 3.0), 1.0
            )  # who would be there still, a third of the step later
            laws.arrived[s] = max(laws.arrived[s] - binomial_pair(stream, more, left, 1.0 - left), 0.0)
            add_newcomers(r, more, rising(laws.rho[s]) / dt, dt, structure, laws, stream)
    return number


@jit_merged
def draw_newcomers(dt, number, structure, laws, stream):
    """Draw newcomers: rare arrivals of all reactions by one Poisson number and then their reaction, common ones each by its own.

    What they are at the end of the step is kept apart from those who were there before, so that no order matters. ``number`` have come
    already, by conversions of the start.
    """
    rare, reactions = 0.0, listed(ARRIVING, laws)
    for m in range(reactions.shape[0]):
        r = reactions[m]
        mean = expected_arrivals(r, dt, structure, laws)
        laws.arrivals[m] = 0.0
        if not mean > 0.0:
            continue
        if mean < RARE:
            laws.arrivals[m] = mean
            rare += mean
        else:
            several = poisson(stream, mean)
            if several > 0.0:
                number += several
                add_newcomers(r, several, arrival_tilt(r, dt, structure, laws), dt, structure, laws, stream)
    left = poisson(stream, rare) if rare > 0.0 else 0.0
    number += left
    while left > 0.0:
        left -= 1.0
        aim = uniform(stream) * rare
        chosen = -1
        for m in range(reactions.shape[0]):
            if laws.arrivals[m] > 0.0:
                chosen = m
                aim -= laws.arrivals[m]
                if aim <= 0.0:
                    break
        r = reactions[chosen]
        add_newcomers(r, 1.0, arrival_tilt(r, dt, structure, laws), dt, structure, laws, stream)
    if not number > 0.0:
        return
    while draw_later_generations(dt, structure, laws, stream) > 0.0:
        pass  # `bounded_step` keeps a newcomer's own daughters within the step few, so this ends
    for s in range(structure.n_species):
        laws.after[s] += laws.arrived[s]


@jit_merged
def draw(dt, structure, laws, stream):
    """Replace discrete populations (laws.before) by a draw of their law after the step (laws.after)."""
    for s in range(structure.n_species):
        net = 4.0 * (laws.death[s, 1] - laws.birth[s, 1])
        for place in (0, 2):
            net += laws.death[s, place] - laws.birth[s, place]
        laws.rho[s] = dt * net / 6.0
        laws.coming[s] = 0.0
        laws.arrived[s] = 0.0
    clock = exponential(stream)
    for r in listed(CONVERTING, laws):
        clock = convert(r, dt, False, clock, structure, laws, laws.before, stream)
    number = 0.0
    for s in range(structure.n_species):
        number += laws.coming[s]
    for s in range(structure.n_species):
        laws.after[s] = laws.before[s]
        if laws.discrete[s] == 1 and laws.before[s] > 0.0 and structure.species[s, ROLE] == BRANCHING:
            death_odds, birth_odds = kendall_integrals(
                laws.birth[s, 0], laws.birth[s, 1], laws.birth[s, 2],
                laws.death[s, 0], laws.death[s, 1], laws.death[s, 2], dt,
            )  # fmt: skip
            laws.after[s] = kendall_step(stream, laws.before[s], death_odds, birth_odds)
    draw_newcomers(dt, number, structure, laws, stream)
    for r in listed(CONVERTING, laws)[::-1]:
        clock = convert(r, dt, True, clock, structure, laws, laws.after, stream)
