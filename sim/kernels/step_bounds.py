"""How long a step of the hybrid kernel may be, for the sake of chance; the error of the ODE is controlled elsewhere.

Each function returns a shorter step or says what the one taken has done wrong. What is bounded: births and moves of the same cells, what one
standard deviation of a population, those who come to an empty one included, does to rates, to concentrations and to itself, hazards that
bend, and populations that leave where their rates are meant. What triggers ask of a step is in trigger_bounds.py.
"""

import math

from sim.kernels._jit import jit, jit_merged
from sim.kernels.course import ROUNDING, all_finite
from sim.kernels.feedback import change_of_course, change_of_numbers, change_of_rates, relax_probe
from sim.kernels.populations import ARRIVING, CONVERTING, HYSTERESIS, listed
from sim.kernels.returns import followed_step
from sim.kernels.rosenbrock import drift
from sim.kernels.structure import (
    BRANCHING,
    CHANGE_BEGIN,
    CHANGE_END,
    FACTOR,
    HAZARD,
    ROLE,
)

UNFELT = 1e-3
"""Expected newcomers of a step to an empty population below which nothing else feels whether they come."""
COUPLED = 0.1
"""Largest product of births and moves of a cell, in units of the tolerance, in the time for which its line is drawn as a whole."""
PARTS = 6.0
"""In a step there may be so many of these times."""
FREE_GROWTH = 0.5
"""E-folds of a population in a step from which on its spread is looked at again after the step has been shortened."""
E_FOLDS = 2.0
"""Largest growth of a discrete population in a step. The error of the ODE leaves these out, and its method has a pole at four e-folds, beyond
which the mean of newcomers, which others feel, is of any size and sign."""
STEEPER = 2.0
"""A step is bounded by what populations one standard deviation above themselves do. Those one below may do so many times as much: where rates are
smooth it is the same, and many times as much where one turns on or off within a few cells.
"""


@jit
def write_inflow(x, rates, structure, laws):
    """Write the newcomers per time of each discrete population into laws.inflow."""
    reaction = structure.reaction
    for s in range(structure.n_species):
        laws.inflow[s] = 0.0
    for row in (ARRIVING, CONVERTING):
        for r in listed(row, laws):
            rate = rates[reaction[r, HAZARD]] * x[reaction[r, FACTOR]]
            if rate > 0.0:
                for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                    j = structure.change_species[k]
                    if structure.change_amount[k] > 0.0 and laws.discrete[j] == 1:
                        laws.inflow[j] += structure.change_amount[k] * rate


@jit
def spread_of(s, h, x, laws):
    """Return the standard deviation of what the events of population s change in a step h, growth within it left out."""
    events_of_a_cell = laws.birth[s, 0] + laws.death[s, 0] + laws.leaving[s, 0]
    return math.sqrt((events_of_a_cell * x[s] + laws.inflow[s]) * h)


@jit
def probe_above(h, x, structure, work, laws):
    """Write into work.probe the present state with each discrete population one standard deviation above itself.

    Return whether any is, the largest growth in e-folds of one that is, and whether somebody may come to an empty one.
    """
    felt, grown, come = False, 0.0, False
    for s in range(structure.n_species):
        work.probe[s] = x[s]
        if laws.discrete[s] == 0 or structure.species[s, ROLE] != BRANCHING:
            continue
        growth = max(laws.birth[s, 0] - laws.death[s, 0] - laws.leaving[s, 0], 0.0) * h
        more = math.exp(growth)
        expected = laws.inflow[s] * h * more
        if x[s] > 0.0 or expected > UNFELT:
            work.probe[s] += spread_of(s, h, x, laws) * more
            felt, grown = True, max(grown, growth)
        if x[s] == 0.0 and expected > UNFELT:
            come = True
    return felt, grown, come


@jit
def probe_below(h, x, structure, work, laws):
    """Write into work.probe the present state with each discrete population one standard deviation below itself; tell whether any is."""
    felt = False
    for s in range(structure.n_species):
        work.probe[s] = x[s]
        if laws.discrete[s] == 1 and structure.species[s, ROLE] == BRANCHING:
            spread = spread_of(s, h, x, laws)
            if x[s] > 0.0 and spread > 0.0:
                work.probe[s] = max(x[s] - spread, 0.0)
                felt = True
    return felt


@jit
def chance_felt(t, h, tolerance, x, structure, slopes, factorise, solve, absolute, work, laws):
    """Return by how much the populations of the probe change what a step h holds: rates and numbers, what fades, continuous species."""
    drift(t, work.probe, work.p, work.a, work.d, laws.end, work.mask, structure, slopes, work.slope)
    change = change_of_course(h, False, x, absolute, structure, work, laws)
    if change > tolerance:
        relax_probe(h, absolute, structure, factorise, solve, work, laws)
        change = change_of_course(h, True, x, absolute, structure, work, laws)
        drift(t, work.probe, work.p, work.a, work.d, laws.end, work.mask, structure, slopes, work.slope)
    turnover, one = change_of_rates(h, structure.turnover, x, structure, work, laws)
    leaving, other = change_of_rates(h, listed(CONVERTING, laws), x, structure, work, laws)
    worst = max(
        turnover,
        leaving,
        change_of_numbers(h, listed(ARRIVING, laws), x, structure, work, laws),
        change_of_numbers(h, structure.maskable, x, structure, work, laws),
        change,
    )
    return worst, max(one, other), change


@jit
def bounded_step(t, h, x, structure, slopes, factorise, solve, absolute, tolerance, work, laws):
    """Shorten h so that what is drawn apart and the feedback of chance stay small (present hazards in laws.start, Jacobian in work).

    Return also by how much of themselves the continuous species feel chance in such a step.
    """
    n = structure.n_species
    write_inflow(x, laws.start, structure, laws)
    for s in range(n):
        if laws.discrete[s] == 1:
            both = laws.leaving[s, 0] * laws.birth[s, 0]
            if x[s] > 0.0 and both * h * h > PARTS * PARTS * COUPLED * tolerance:
                h = PARTS * math.sqrt(COUPLED * tolerance / both)
            growth = laws.birth[s, 0] - laws.death[s, 0] - laws.leaving[s, 0]
            if growth * h > E_FOLDS:
                h = E_FOLDS / growth
    h = followed_step(h, x, structure, laws)
    course = 0.0
    while True:
        felt, grown, come = probe_above(h, x, structure, work, laws)
        if come:
            course = tolerance  # whether somebody comes is chance too, and is to be felt
        if not felt:
            return h, course
        worst, fading, change = chance_felt(
            t, h, tolerance, x, structure, slopes, factorise, solve, absolute, work, laws
        )
        # The spread grows as the root of the step, so what it does grows as its power 3/2; what fades, as the step itself.
        shorter = (tolerance / worst) ** (2.0 / 3.0) if worst > tolerance else 1.0
        shorter = min(shorter, tolerance / max(fading, tolerance))
        if grown <= FREE_GROWTH or shorter == 1.0:
            h *= shorter
            course = max(course, change)
            break
        # Where cells multiply within the step the spread grows much faster than that: once more, after a smaller cut.
        h *= max(shorter, 0.5)
    while probe_below(h, x, structure, work, laws):
        worst, fading, change = chance_felt(
            t, h, tolerance, x, structure, slopes, factorise, solve, absolute, work, laws
        )
        worst = max(worst, fading)
        if not worst > STEEPER * tolerance:
            break
        course = max(course, change)
        h *= max((tolerance / worst) ** (2.0 / 3.0), 0.1)
    return h, course


@jit
def runs_backwards(r, x, structure, work, laws):
    """Tell whether reaction r (hazards in work.values) has a negative rate and changes a discrete population."""
    if work.values[structure.reaction[r, HAZARD]] * x[structure.reaction[r, FACTOR]] < -ROUNDING:
        for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
            if laws.discrete[structure.change_species[k]] == 1:
                return True
    return False


@jit_merged
def negative_discrete(x, structure, work, laws):
    """Tell whether a reaction of discrete populations (hazards in work.values) has a negative rate."""
    for r in structure.signed:
        if runs_backwards(r, x, structure, work, laws):
            return True
    return False


@jit
def within_error(t, x, relative, absolute, structure, hazards, work, laws):
    """Tell whether negative rates of discrete populations are each no more than what a continuous species may be off by.

    A rate such as B*(1 - C) turns negative by the error of C where C is 1. Its hazards stand in work.values again afterwards.
    """
    excused = True
    for r in structure.signed:
        hazards(t, x, work.p, work.a, work.d, work.values)
        if runs_backwards(r, x, structure, work, laws):
            excused = excused and is_error(r, t, x, relative, absolute, structure, hazards, work, laws)
    hazards(t, x, work.p, work.a, work.d, work.values)
    return excused


@jit
def is_error(r, t, x, relative, absolute, structure, hazards, work, laws):
    """Tell whether the error of one continuous species makes up for the negative rate of reaction r."""
    for s in range(structure.n_species):
        if laws.discrete[s] == 1:
            continue
        for side in (-1.0, 1.0):
            for other in range(structure.n_species):
                work.probe[other] = x[other]
            work.probe[s] += side * (absolute[s] + relative * abs(x[s]))
            hazards(t, work.probe, work.p, work.a, work.d, work.values)
            finite = all_finite(work.values, structure.n_hazards)
            if finite and not runs_backwards(r, x, structure, work, laws):
                return True
    return False


@jit_merged
def overshoots(t, h, relative, absolute, structure, hazards, work, laws):
    """Tell whether a draw put a population where a rate is negative, and where no single event from the present state leads.

    The new state stands in laws.after and laws.x_end. A negative rate after a single event is the network's own and is reported;
    one that several events of a step have reached together is the step's doing. One that is negative by the error of a concentration alone is
    neither.
    """
    for s in range(structure.n_species):
        work.spare[s] = laws.after[s] if laws.discrete[s] == 1 else laws.x_end[s]
    hazards(t + h, work.spare, work.p, work.a, work.d, work.values)
    if not negative_discrete(work.spare, structure, work, laws):
        return False
    if within_error(t + h, work.spare, relative, absolute, structure, hazards, work, laws):
        return False
    reaction = structure.reaction
    for r in range(reaction.shape[0]):
        if not laws.start[reaction[r, HAZARD]] * work.x[reaction[r, FACTOR]] > 0.0:
            continue
        for s in range(structure.n_species):
            work.probe[s] = work.x[s]
        for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
            s = structure.change_species[k]
            if laws.discrete[s] == 1:
                work.probe[s] += structure.change_amount[k]
        hazards(t, work.probe, work.p, work.a, work.d, work.values)
        if negative_discrete(work.probe, structure, work, laws):
            return False
    return True


@jit_merged
def entry(structure, threshold, work, laws):
    """Return the fraction of the step at which a continuous count has sunk to where it becomes discrete; 2 if none has.

    Without this a long step would carry a count from above the threshold to a few cells, or less than one, without chance.
    """
    first = 2.0
    level = 0.5 * HYSTERESIS * threshold
    for s in range(structure.n_species):
        if structure.is_count[s] == 0 or laws.discrete[s] == 1:
            continue
        if work.x[s] > level and work.x_new[s] < 0.5 * level:
            low, high = 0.0, 1.0
            for _ in range(12):
                theta = 0.5 * (low + high)
                value = (1.0 - theta) * work.x[s] + theta * (
                    work.x_new[s] + (1.0 - theta) * (work.dense[0, s] + theta * work.dense[1, s])
                )
                if value > level:
                    low = theta
                else:
                    high = theta
            first = min(first, high)
    return first


@jit
def bend(dt, structure, work, laws, x, x_end):
    """Return by how much interpolation by a straight line would miss the integrated hazards of a cell, or the newcomers."""
    worst = 0.0
    for s in range(structure.n_species):
        there = max(x[s], laws.x_middle[s], x_end[s])  # newcomers too
        if laws.discrete[s] == 1 and there > UNFELT and structure.species[s, ROLE] == BRANCHING:
            for table in (laws.birth, laws.death):
                worst = max(worst, abs(table[s, 1] - 0.5 * (table[s, 0] + table[s, 2])) * dt)
    reaction = structure.reaction
    for r in listed(CONVERTING, laws):
        q = reaction[r, HAZARD]
        s = reaction[r, FACTOR]
        if max(x[s], laws.x_middle[s], x_end[s]) > UNFELT:
            worst = max(worst, abs(laws.middle[q] - 0.5 * (laws.start[q] + laws.end[q])) * dt)
    for r in listed(ARRIVING, laws):
        s, q = reaction[r, FACTOR], reaction[r, HAZARD]
        a, b, c = laws.start[q] * x[s], laws.middle[q] * laws.x_middle[s], laws.end[q] * x_end[s]
        mean = dt * (a + 4.0 * b + c) / 6.0
        worst = max(worst, abs(b - 0.5 * (a + c)) * dt / (1.0 + max(mean, 0.0)))
    a, b, c = 0.0, 0.0, 0.0  # reactions that are counted: their rates by the cells of the moment
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            s, q = reaction[r, FACTOR], reaction[r, HAZARD]
            a, b, c = a + laws.start[q] * x[s], b + laws.middle[q] * x[s], c + laws.end[q] * x[s]
    mean = dt * (a + 4.0 * b + c) / 6.0
    return max(worst, abs(b - 0.5 * (a + c)) * dt / (1.0 + max(mean, 0.0)))
