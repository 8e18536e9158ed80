"""How long a step of the hybrid kernel may be for the sake of triggers, which are looked at after each step.

What every species and the clock may be within a step is a box, and what a condition may be in a box is interval arithmetic
(sim/network/intervals.py), so that nothing between the extremes is passed over. A step is as long as nothing else forbids where no
condition can change, whatever chance does (`out_of_reach`); where one can, it becomes so short that a population which crosses the
threshold and returns is not passed over (`watchful_step`).
"""

import math

import numpy as np

from sim.kernels import events
from sim.kernels._jit import jit, jit_merged
from sim.kernels.populations import ARRIVING, listed
from sim.kernels.structure import CHANGE_BEGIN, CHANGE_END, FACTOR, HAZARD, IN_TRIGGERS, TIMED

WIDE = 6.0
"""Standard deviations within which a population is looked for when a trigger waits for it."""
FINE = 1e-3
"""A trigger need not be timed more finely than such a share of a large population."""
ALONE = 0.1
"""Events of a cell, in units of the tolerance, in a step in which a trigger's condition could change."""
FARTHEST = 15.0
"""E-folds of a population in the longest step for which is asked whether thresholds are out of its reach."""
SHORTER = 7
"""Steps for which that is asked, each half of the one before."""


@jit
def settled(t, box, reach, structure, work):
    """Tell whether every trigger's condition is for certain what it is at present, in a box and from time t to the time that the box holds."""
    reach(t, box, work.p, work.a, work.condition)
    for k in range(structure.event.shape[0]):
        if structure.event[k, TIMED] == 0 and work.condition[k] != work.condition_before[k]:
            return False
    return True


@jit
def write_continuous(t, h, x, box, structure, work, laws):
    """Write into the box the time, and continuous species: they may go twice as far as their slopes say, either way."""
    n = structure.n_species
    box[2 * n + 2] = t + h
    for s in range(n):
        if laws.discrete[s] == 0:
            away = 2.0 * abs(work.slope_here[s]) * h
            box[s], box[n + 1 + s] = x[s] - away, x[s] + away
            if structure.is_count[s] == 1:
                box[s] = max(box[s], 0.0)


@jit
def largest_arrival(s, structure):
    """Return the most cells that one event brings to population s, at least one."""
    most = 1.0
    for r in structure.arrivals:
        for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
            if structure.change_species[k] == s:
                most = max(most, structure.change_amount[k])
    return most


@jit
def most_newcomers(structure):
    """Return the most cells that one event brings to any population, at least one."""
    most = 1.0
    for r in structure.arrivals:
        for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
            most = max(most, structure.change_amount[k])
    return most


@jit
def has_discrete_parent(r, structure, laws):
    """Tell whether cells of a discrete population bring the newcomers of reaction r."""
    parent = structure.reaction[r, FACTOR]
    return parent < structure.n_species and laws.discrete[parent] == 1


@jit
def brought(r, structure):
    """Return how many cells an event of reaction r brings."""
    cells = 0.0
    for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
        cells += max(structure.change_amount[k], 0.0)
    return cells


@jit
def fastest_growth(place, rates, most, structure, laws):
    """Return the greatest rate at which cells multiply at one of the nodes: by births, by moves that make several of one, by what they bring."""
    fastest = 0.0
    for s in range(structure.n_species):
        if laws.discrete[s] == 1:
            fastest = max(fastest, laws.birth[s, place] + most * laws.leaving[s, place])
    for r in listed(ARRIVING, laws):
        if has_discrete_parent(r, structure, laws):
            fastest += brought(r, structure) * max(rates[structure.reaction[r, HAZARD]], 0.0)
    return fastest


@jit
def total_inflow(x, rates, structure, laws):
    """Return the newcomers per time to all discrete populations from what is none."""
    total = 0.0
    for r in listed(ARRIVING, laws):
        if not has_discrete_parent(r, structure, laws):
            rate = rates[structure.reaction[r, HAZARD]] * x[structure.reaction[r, FACTOR]]
            total += brought(r, structure) * max(rate, 0.0)
    return total


@jit
def out_of_reach(t, h, x, reach, structure, work, laws):
    """Return a step, no longer than h, in which no trigger's condition can change whatever chance makes of the discrete populations, or 0.

    Each may die out, or grow to what all of them together pass with a probability of some exp(-40): a line has a geometric law. Rates
    may rise within the step as far as `as_foreseen` allows, which is asked once the step is solved.
    """
    n, most = structure.n_species, most_newcomers(structure)
    fastest = fastest_growth(0, laws.start, most, structure, laws)
    inflow = total_inflow(x, laws.start, structure, laws)
    present = 0.0
    for s in range(n):
        if laws.discrete[s] == 1:
            present += x[s]
    if fastest * h > FARTHEST:
        h = FARTHEST / fastest
    box = laws.x_middle
    for _ in range(SHORTER):
        greatest = 0.0
        if present > 0.0 or inflow > 0.0:
            more = math.exp(1.0 + 2.0 * fastest * h)
            lines = 40.0 * most + present + 2.0 * inflow * h * more
            greatest = math.floor(more * (lines + 10.0 * math.sqrt(lines) * most + 40.0 * most))
        for s in range(n):
            if laws.discrete[s] == 1:
                box[s], box[n + 1 + s] = 0.0, greatest
        write_continuous(t, h, x, box, structure, work, laws)
        if settled(t, box, reach, structure, work):
            return h
        h *= 0.5
    return 0.0


@jit
def as_foreseen(h, x, structure, laws):
    """Tell whether rates rise in a step that has been solved no more than `out_of_reach` allows."""
    most = most_newcomers(structure)
    growth = 1.0 + 2.0 * fastest_growth(0, laws.start, most, structure, laws) * h
    later = max(
        fastest_growth(1, laws.middle, most, structure, laws),
        fastest_growth(2, laws.end, most, structure, laws),
    )
    if later * h > growth:
        return False
    allowed = 20.0 * most + 2.0 * total_inflow(x, laws.start, structure, laws) * h * math.exp(growth)
    newcomers = max(
        total_inflow(laws.x_middle, laws.middle, structure, laws),
        total_inflow(laws.x_end, laws.end, structure, laws),
    )
    return newcomers * h <= allowed


@jit
def expect_changes(x, structure, laws):
    """Write what happens to each discrete population per time: the mean change (laws.trend), its variance (laws.flux), the events (laws.pace)."""
    reaction = structure.reaction
    for s in range(structure.n_species):
        own = (laws.birth[s, 0] + laws.death[s, 0] + laws.leaving[s, 0]) * x[s]
        laws.trend[s] = (laws.birth[s, 0] - laws.death[s, 0] - laws.leaving[s, 0]) * x[s]
        laws.flux[s] = own
        laws.pace[s] = own
    for r in structure.arrivals:
        rate = max(laws.start[reaction[r, HAZARD]] * x[reaction[r, FACTOR]], 0.0)
        for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
            amount = structure.change_amount[k]
            if amount > 0.0:
                laws.trend[structure.change_species[k]] += amount * rate
                laws.flux[structure.change_species[k]] += amount * amount * rate
                laws.pace[structure.change_species[k]] += rate


@jit
def farthest_up(s, h, structure, laws):
    """Return how much larger a population may become in a step, by its drift and six standard deviations, or by one event."""
    if laws.flux[s] == 0.0:
        return 0.0
    return max(laws.trend[s] * h, 0.0) + max(
        WIDE * math.sqrt(laws.flux[s] * h), largest_arrival(s, structure)
    )


@jit
def write_likely(t, h, x, box, structure, work, laws):
    """Write into the box where species are within a step, after `expect_changes`.

    Parents are taken for as many as they may become; the newcomers whom those beyond the present ones bring go into work.probe too.
    """
    n, reaction, likely, beyond = structure.n_species, structure.reaction, work.spare, work.probe
    for s in range(n):
        beyond[s] = 0.0
        likely[s] = farthest_up(s, h, structure, laws) if laws.discrete[s] == 1 else 0.0
    for s in range(n):
        if laws.discrete[s] == 1:
            low = x[s]
            if laws.flux[s] > 0.0:
                low += min(laws.trend[s] * h, 0.0) - max(WIDE * math.sqrt(laws.flux[s] * h), 1.0)
            box[s], box[n + 1 + s] = max(np.ceil(low), 0.0), x[s] + likely[s]
    for r in listed(ARRIVING, laws):
        if has_discrete_parent(r, structure, laws):
            more = laws.start[reaction[r, HAZARD]] * likely[reaction[r, FACTOR]] * h
            if more > 0.0:
                for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                    s = structure.change_species[k]
                    if structure.change_amount[k] > 0.0 and laws.discrete[s] == 1:
                        box[n + 1 + s] += structure.change_amount[k] * (more + WIDE * math.sqrt(more) + 1.0)
                        beyond[s] += more
    for s in range(n):
        if laws.discrete[s] == 1:
            box[n + 1 + s] = np.floor(box[n + 1 + s])
    write_continuous(t, h, x, box, structure, work, laws)


@jit
def holds_several(h, x, tolerance, structure, work, laws):
    """Tell whether a step may hold two events of a population that a trigger waits for, or a newcomer and his end; after `write_likely`."""
    for s in range(structure.n_species):
        if structure.species[s, IN_TRIGGERS] == 1 and laws.discrete[s] == 1:
            number, own = laws.pace[s] * h + work.probe[s], 0.0
            if number > 0.0:
                own = laws.birth[s, 0] + laws.death[s, 0] + laws.leaving[s, 0]
            spread = WIDE * math.sqrt(laws.flux[s] * h) + WIDE * work.probe[s]
            if (WIDE * WIDE * number >= 1.0 and spread >= FINE * x[s]) or own * h > ALONE * tolerance:
                return True
    return False


@jit
def watchful_step(t, h, x, tolerance, structure, reach, work, laws):
    """Shorten h where chance could take a population across the threshold of a trigger and back unseen.

    Triggers are looked at after each step. So the step becomes so short where one event could change a condition that it hardly holds two
    events, nor a newcomer and his end. Tell also whether it may be long because the thresholds are out of reach (`as_foreseen` is to be asked).
    """
    waits = False
    for s in range(structure.n_species):
        if structure.species[s, IN_TRIGGERS] == 1 and laws.discrete[s] == 1:
            waits = True
    if not waits:
        return h, False
    free = out_of_reach(t, h, x, reach, structure, work, laws)
    if free > 0.0:
        return free, True
    expect_changes(x, structure, laws)
    for s in range(structure.n_species):
        if structure.species[s, IN_TRIGGERS] == 1 and laws.discrete[s] == 1 and laws.flux[s] > 0.0:
            # Lines of cells have long tails; within a quarter of an event a cell none has had the time.
            own = laws.birth[s, 0] + laws.death[s, 0] + laws.leaving[s, 0]
            if own * h > 0.25:
                h = 0.25 / own
    for _ in range(60):
        write_likely(t, h, x, laws.x_middle, structure, work, laws)
        if settled(t, laws.x_middle, reach, structure, work) or not holds_several(
            h, x, tolerance, structure, work, laws
        ):
            break
        h *= 0.5
    return h, False


@jit_merged
def chance_triggers(t, structure, conditions, work, laws):
    """Tell whether a trigger is true in the state drawn for time t (laws.after and laws.x_end) that waits for a discrete count."""
    waits = False
    for s in range(structure.n_species):
        work.probe[s] = laws.after[s] if laws.discrete[s] == 1 else laws.x_end[s]
        waits = waits or (structure.species[s, IN_TRIGGERS] == 1 and laws.discrete[s] == 1)
    if not waits:
        return False
    conditions(t, work.probe, work.p, work.a, work.condition)
    return events.rising(structure, work)
