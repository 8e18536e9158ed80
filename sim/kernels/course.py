"""What every kernel asks of the course of a row: is it finite, when does a trigger rise within a step, what is held after the end.

The functions allocate nothing and return plain numbers; the kernels turn them into a status.
"""

import math

from sim.kernels import events
from sim.kernels._jit import jit, jit_merged
from sim.kernels.rosenbrock import interpolate
from sim.kernels.structure import CHANGE_BEGIN, CHANGES_COUNT, FACTOR, HAZARD

TINY = 1e-200
"""Below this a value is flushed to zero: denormal arithmetic is a hundred times slower."""
ROUNDING = 1e-9
"""A rate that is negative by less, events in the unit of time, is zero but for rounding."""
BISECTIONS = 50
LOOKS = 4
"""A condition is looked at this many times in a step, so that a short visit above it is not missed."""


@jit
def minimum(a, b):
    """Return the smaller number, NaN when one is not a number: what compares false must not hide it."""
    return a if a < b or a != a else b


@jit
def maximum(a, b):
    """Return the larger number, NaN when one is not a number."""
    return a if a > b or a != a else b


@jit
def is_reached(t, target):
    """Tell whether nothing but rounding lies between t and the target."""
    return target - t <= 1e-13 * max(1.0, abs(t), abs(target))


@jit
def all_finite(x, n):
    """Tell whether the first n values are finite."""
    for s in range(n):
        if not abs(x[s]) < math.inf:
            return False
    return True


@jit
def any_nan(values):
    """Tell whether a value is not a number (infinite parameters are legal: an event that never comes)."""
    for value in values:
        if value != value:
            return True
    return False


@jit_merged
def negative_propensity(structure, work, h, relative, absolute):
    """Tell whether a reaction that changes counts runs backwards by more than the tolerance of a step."""
    reaction = structure.reaction
    for r in range(reaction.shape[0]):
        place = reaction[r, FACTOR]
        rate = work.values[reaction[r, HAZARD]] * work.x[place]
        if rate < 0.0 and reaction[r, CHANGES_COUNT] == 1:
            floor = absolute[structure.change_species[reaction[r, CHANGE_BEGIN]]]
            if -rate * h > floor + relative * abs(work.x[place]):
                return True
    return False


@jit
def state_within(theta, structure, work, held, y):
    """Write the state at fraction `theta` of the last step into `y`; what is held keeps its value."""
    interpolate(theta, structure, work, y)
    for s in range(structure.n_species):
        if held[s] == 1:
            y[s] = work.x[s]


@jit
def narrow(t, h, low, high, structure, conditions, work, held):
    """Return the fraction of the step, above `low`, at which a trigger rises that has risen at `high`; the state there is in work.probe."""
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        state_within(middle, structure, work, held, work.probe)
        conditions(t + middle * h, work.probe, work.p, work.a, work.condition)
        if events.rising(structure, work):
            high = middle
        else:
            low = middle
    state_within(high, structure, work, held, work.probe)
    return high


@jit_merged
def crossing(t, h, limit, structure, conditions, work, held):
    """Return the fraction of the step at which a trigger first rises, 2 if none does; the state there is in work.probe.

    Only the step up to the fraction `limit` is looked at: what happens beyond never comes to pass.
    """
    before = 0.0
    for look in range(1, LOOKS + 1):
        theta = limit * look / LOOKS
        state_within(theta, structure, work, held, work.probe)
        conditions(t + theta * h, work.probe, work.p, work.a, work.condition)
        if events.rising(structure, work):
            return narrow(t, h, before, theta, structure, conditions, work, held)
        for k in range(structure.event.shape[0]):  # a trigger that fell may rise again within the step
            if work.condition[k] < 0.5:
                work.condition_before[k] = 0.0
        before = theta
    return 2.0


@jit
def hold(first, t_save, x, observe, work, out):
    """Write the held state of a stopped row into the remaining saves."""
    for j in range(first, t_save.shape[0]):
        observe(t_save[j], x, work.p, work.a, out[j])
