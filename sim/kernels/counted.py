"""Reactions that the hybrid kernel counts one by one: when the next fires within a step, and which.

Their integrated rate, a parabola through three values within the step, meets a unit exponential (Gillespie, J. Phys. Chem. 81
(1977) 2340, doi:10.1021/j100540a008, for rates that change with time).
"""

from sim.kernels._jit import jit, jit_merged
from sim.kernels.course import ROUNDING
from sim.kernels.random import uniform
from sim.kernels.samplers import round_randomly
from sim.kernels.structure import CHANGE_BEGIN, CHANGE_END, FACTOR, HAZARD

MOST = 1e6
"""Counted reactions at one moment beyond which a rate has exploded."""


@jit
def any_masked(structure, work):
    """Tell whether a reaction is counted event by event at present."""
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            return True
    return False


@jit
def counted_rate(t, x, structure, hazards, work, values):
    """Return the total rate of counted reactions at a state; a discrete reactant counts as it stands in work.x."""
    hazards(t, x, work.p, work.a, work.d, values)
    total = 0.0
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            s = structure.reaction[r, FACTOR]
            total += values[structure.reaction[r, HAZARD]] * x[s]
    return total


@jit
def integral_of_parabola(a, b, c, theta):
    """Integrate the parabola through (0, a), (1/2, b), (1, c) from 0 to theta."""
    slope = -3.0 * a + 4.0 * b - c
    curvature = 2.0 * (a - 2.0 * b + c)
    return theta * (a + theta * (0.5 * slope + theta * curvature / 3.0))


@jit
def parabola(a, b, c, theta):
    """Return the value at theta of the parabola through (0, a), (1/2, b), (1, c)."""
    return a + theta * (-3.0 * a + 4.0 * b - c + 2.0 * theta * (a - 2.0 * b + c))


@jit
def time_of_counted(a, b, c, need):
    """Return the fraction of the step at which the integral of the rate (parabola, in step units) meets `need`; 2 if never."""
    if integral_of_parabola(a, b, c, 1.0) < need:
        return 2.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if integral_of_parabola(a, b, c, middle) < need:
            low = middle
        else:
            high = middle
    return high


@jit
def fire_counted(t, structure, hazards, work, laws, stream):
    """Fire one of the counted reactions, chosen by its rate at the present state; False when none can fire."""
    total = counted_rate(t, work.x, structure, hazards, work, laws.end)
    if not total > 0.0:
        return False
    target = uniform(stream) * total
    reaction = structure.reaction
    chosen = -1
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            rate = laws.end[reaction[r, HAZARD]] * work.x[reaction[r, FACTOR]]
            if rate > 0.0:
                chosen = r
                target -= rate
                if target <= 0.0:
                    break
    for k in range(reaction[chosen, CHANGE_BEGIN], reaction[chosen, CHANGE_END]):
        work.x[structure.change_species[k]] += structure.change_amount[k]
    return True


@jit
def fire_due(t, foreseen, structure, hazards, work, laws, stream):
    """Fire the counted reaction whose time has come; return how many fired.

    It was timed with discrete reactants as they stood at the start of the step, at the rate ``foreseen``: what they have become
    thins it, or adds to it.
    """
    number = 1.0
    if foreseen > 0.0:
        number = counted_rate(t, work.x, structure, hazards, work, work.values) / foreseen
    number = round_randomly(stream, min(number, MOST))
    for _ in range(int(number)):
        fire_counted(t, structure, hazards, work, laws, stream)
    return int(number)


@jit_merged
def negative_counted(structure, work):
    """Tell whether a counted reaction has a negative rate or would take a count below zero."""
    reaction = structure.reaction
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            rate = work.values[reaction[r, HAZARD]] * work.x[reaction[r, FACTOR]]
            if rate < -ROUNDING:
                return True
            if rate > ROUNDING:
                for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                    s = structure.change_species[k]
                    if structure.is_count[s] == 1 and work.x[s] + structure.change_amount[k] < 0.0:
                        return True
    return False
