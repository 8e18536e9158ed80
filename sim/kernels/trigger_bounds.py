"""How long a step of the hybrid kernel may be for the sake of triggers, which are looked at after each step.

A step is as long as nothing else forbids where no condition can change in it, whatever chance does (`out_of_reach`); where one can, it becomes
so short that a population which crosses the threshold and returns is not passed over (`watchful_step`).
"""

import math

import numpy as np

from sim.kernels import events
from sim.kernels._jit import jit, jit_merged
from sim.kernels.populations import ARRIVING, CONVERTING, listed
from sim.kernels.structure import CHANGE_BEGIN, CHANGE_END, FACTOR, HAZARD, IN_TRIGGERS, TIMED

WIDE = 6.0
"""Standard deviations within which a population is looked for when a trigger waits for it."""
FINE = 1e-3
"""A trigger need not be timed more finely than such a share of a large population."""
UNBOUNDED = 30.0
"""E-folds of a population in a step from which on it may become of any size."""
ALONE = 0.1
"""Events of a cell, in units of the tolerance, in a step in which a trigger's condition could change."""


@jit
def expect_changes(x, structure, laws):
    """Write the events per time of each discrete population into laws.flux, and its mean change per time into laws.trend."""
    reaction = structure.reaction
    for s in range(structure.n_species):
        laws.trend[s] = (laws.birth[s, 0] - laws.death[s, 0] - laws.leaving[s, 0]) * x[s]
        laws.flux[s] = (laws.birth[s, 0] + laws.death[s, 0] + laws.leaving[s, 0]) * x[s]
    for r in structure.arrivals:
        rate = laws.start[reaction[r, HAZARD]] * x[reaction[r, FACTOR]]
        for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
            amount = structure.change_amount[k]
            if amount > 0.0:
                laws.trend[structure.change_species[k]] += amount * rate
                laws.flux[structure.change_species[k]] += amount * amount * rate


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
def flips(t, structure, conditions, work):
    """Tell whether a trigger's condition differs in the state of work.probe from what it is at present."""
    conditions(t, work.probe, work.p, work.a, work.condition)
    for k in range(structure.event.shape[0]):
        if structure.event[k, TIMED] == 0 and (work.condition[k] > 0.5) != (work.condition_before[k] > 0.5):
            return True
    return False


@jit
def most_newcomers(structure):
    """Return the most cells that one event brings to any population, at least one."""
    most = 1.0
    for r in structure.arrivals:
        for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
            most = max(most, structure.change_amount[k])
    return most


@jit
def fastest_growth(place, most, structure, laws):
    """Return the greatest rate at which cells multiply at one of the nodes: by births, and by moves that make several of one."""
    fastest = 0.0
    for s in range(structure.n_species):
        if laws.discrete[s] == 1:
            fastest = max(fastest, laws.birth[s, place] + most * laws.leaving[s, place])
    return fastest


@jit
def total_inflow(x, rates, structure, laws):
    """Return the newcomers per time of all discrete populations, and leave laws.inflow as it is."""
    reaction, total = structure.reaction, 0.0
    for row in (ARRIVING, CONVERTING):
        for r in listed(row, laws):
            rate = rates[reaction[r, HAZARD]] * x[reaction[r, FACTOR]]
            if rate > 0.0:
                for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                    if structure.change_amount[k] > 0.0:
                        total += structure.change_amount[k] * rate
    return total


@jit
def out_of_reach(t, h, x, structure, reach, work, laws):
    """Tell whether no trigger's condition can change in a step h, whatever chance makes of the discrete populations.

    Each may die out, or grow to what all of them together pass with a probability of some exp(-40): a line has a geometric law. Rates
    may rise within the step as far as `as_foreseen` allows, which is asked once the step is solved, and the continuous species may go twice as
    far as their slopes say, either way. What the conditions may be in this box is interval arithmetic, so none between the extremes is passed
    over.
    """
    n, most = structure.n_species, most_newcomers(structure)
    growth = 1.0 + 2.0 * fastest_growth(0, most, structure, laws) * h
    if not growth < UNBOUNDED:
        return False
    more = math.exp(growth)
    lines = 40.0 * most + 2.0 * total_inflow(x, laws.start, structure, laws) * h * more
    for s in range(n):
        if laws.discrete[s] == 1:
            lines += x[s]
    greatest = math.floor(more * (lines + 10.0 * math.sqrt(lines) * most + 40.0 * most))
    box = laws.x_middle
    for s in range(n):
        box[s], box[n + 1 + s] = x[s], x[s]
        if laws.discrete[s] == 1:
            box[s], box[n + 1 + s] = 0.0, greatest
        else:
            away = 2.0 * abs(work.slope_here[s]) * h
            box[s] -= away
            box[n + 1 + s] += away
            if structure.is_count[s] == 1:
                box[s] = max(box[s], 0.0)
    box[2 * n + 2] = t + h
    reach(t, box, work.p, work.a, work.condition)
    for k in range(structure.event.shape[0]):
        if structure.event[k, TIMED] == 0 and work.condition[k] != work.condition_before[k]:
            return False
    return True


@jit
def as_foreseen(h, x, structure, laws):
    """Tell whether rates rise in a step that has been solved no more than `out_of_reach` allows."""
    most = most_newcomers(structure)
    growth = 1.0 + 2.0 * fastest_growth(0, most, structure, laws) * h
    if max(fastest_growth(1, most, structure, laws), fastest_growth(2, most, structure, laws)) * h > growth:
        return False
    allowed = 20.0 * most + 2.0 * total_inflow(x, laws.start, structure, laws) * h * math.exp(growth)
    later = max(
        total_inflow(laws.x_middle, laws.middle, structure, laws),
        total_inflow(laws.x_end, laws.end, structure, laws),
    )
    return later * h <= allowed


@jit
def watchful_step(t, h, x, tolerance, structure, conditions, reach, work, laws):
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
    if out_of_reach(t, h, x, structure, reach, work, laws):
        return h, True
    expect_changes(x, structure, laws)
    for s in range(structure.n_species):
        if structure.species[s, IN_TRIGGERS] == 1 and laws.discrete[s] == 1:
            # Lines of cells have long tails; within a quarter of an event a cell none has had the time.
            own = laws.birth[s, 0] + laws.death[s, 0] + laws.leaving[s, 0]
            if own * h > 0.25:
                h = 0.25 / own
    for _ in range(60):
        coarse, flipped = False, False
        for pattern in range(4):  # all up, all down, and the two that alternate
            side = pattern < 2
            up = pattern % 2 == 0
            for s in range(structure.n_species):
                work.probe[s] = x[s]
                if structure.species[s, IN_TRIGGERS] == 0 or laws.discrete[s] == 0:
                    continue
                spread = WIDE * math.sqrt(max(laws.flux[s], 0.0) * h)
                own = laws.birth[s, 0] + laws.death[s, 0] + laws.leaving[s, 0]
                coarse = coarse or spread >= max(1.0, FINE * x[s]) or own * h > ALONE * tolerance
                spread = max(spread, largest_arrival(s, structure))
                drifted = laws.trend[s] * h
                if up:
                    work.probe[s] = np.floor(x[s] + max(drifted, 0.0) + spread)
                else:
                    work.probe[s] = max(np.ceil(x[s] + min(drifted, 0.0) - spread), 0.0)
                if not side:
                    up = not up
            flipped = flipped or flips(t, structure, conditions, work)
        if not (coarse and flipped):
            return h, False
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
