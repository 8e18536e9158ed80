"""Kernel `ode`: the mean field of a network by Rodas4, with events located on its dense output.

Each row starts at t_save[0], steps under error control, stops exactly at timed events, and locates a trigger by bisection of its
condition on the dense output. Extinction is not a matter of the ODE: only denormal values are flushed to zero. On failure the
row keeps what was saved before; the rest is NaN and the status says why.
"""

import math

import numpy as np
from numba import types

from sim.kernels import events
from sim.kernels._jit import jit, jit_as
from sim.kernels.random import STATE_WORDS
from sim.kernels.rosenbrock import (
    allocate,
    drift,
    first_step,
    growth,
    interpolate,
    linearise,
    scaled_error,
    step,
)
from sim.kernels.status import (
    MAX_STEPS,
    NEGATIVE_PROPENSITY,
    NON_FINITE,
    OK,
    STEP_TOO_SMALL,
)
from sim.kernels.structure import CHANGE_BEGIN, CHANGES_COUNT, FACTOR, FUNCTION_TYPES, HAZARD, STRUCTURE_TYPE

TINY = 1e-200
"""Below this a value is flushed to zero: denormal arithmetic is a hundred times slower."""
STATISTICS = 4
"""Columns of the statistics of a row: steps accepted, steps rejected, events fired, right-hand sides."""
BISECTIONS = 50
LOOKS = 4
"""A condition is looked at this many times in a step, so that a short visit above it is not missed."""


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


@jit
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
def crossing(t, h, structure, conditions, work, held):
    """Return the fraction of the step at which a trigger first rises, 2 if none does; the state there is in work.probe."""
    before = 0.0
    for look in range(1, LOOKS + 1):
        theta = look / LOOKS
        state_within(theta, structure, work, held, work.probe)
        conditions(t + theta * h, work.probe, work.p, work.a, work.condition)
        if events.rising(structure, work):
            low, high = before, theta
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


@jit
def solve_row(
    static, hazards, slopes, derivatives, observe, event_times, conditions, effects, structure,
    t_save, x0, relative, absolute, max_step, max_steps, max_events, work, stream, watched, held, out, fired, statistics,
):  # fmt: skip
    """Integrate one row whose parameters stand in work.p; return its status."""
    n = structure.n_species
    x = work.x
    for s in range(n):
        x[s] = x0[s]
    for k in range(fired.shape[0]):
        fired[k] = math.nan
    static(work.p, work.a)
    t, t_end, saves = t_save[0], t_save[-1], t_save.shape[0]
    if not all_finite(x, n) or any_nan(work.p):
        return NON_FINITE
    outcome = events.start(t, x, structure, event_times, conditions, work, fired)
    if outcome != OK:
        return outcome
    triggers = events.has_triggers(structure)
    saved, steps, h, restart = 0, 0, 0.0, True
    while True:
        outcome, number = events.settle(
            t, x, structure, conditions, effects, work, fired, False, stream, max_events - statistics[2]
        )
        statistics[2] += number
        if outcome == events.STOPPED:
            hold(saved, t_save, x, observe, work, out)
            return OK
        if outcome != OK:
            return outcome
        if number > 0:
            restart = True
        while saved < saves and t_save[saved] <= t:
            observe(t, x, work.p, work.a, out[saved])
            saved += 1
        if saved == saves:
            return OK
        target = min(t_end, events.next_time(structure, work))
        drift(t, x, work.p, work.a, work.d, work.values, work.mask, structure, slopes, work.slope_here)
        statistics[3] += 1
        if not all_finite(work.slope_here, n):
            return NON_FINITE
        if restart:
            h = first_step(t, target, structure, work, relative, absolute)
            restart = False
        if negative_propensity(structure, work, min(h, target - t), relative, absolute):
            return NEGATIVE_PROPENSITY
        linearise(t, x, work.p, work.a, work.d, work.values, work.mask, structure, derivatives, work.jacobian, work.partial_time)
        while True:
            if steps >= max_steps:
                return MAX_STEPS
            steps += 1
            h = min(h, max_step)
            whole = t + 1.0001 * h >= target
            used = target - t if whole else h
            if used <= 4e-16 * max(abs(t), abs(target)):
                return STEP_TOO_SMALL
            step(t, used, structure, slopes, work)
            statistics[3] += 5
            error = scaled_error(structure, work, relative, absolute, watched)
            if error <= 1.0 and all_finite(work.x_new, n):
                break
            statistics[1] += 1
            h = used * min(growth(error), 0.9)
        statistics[0] += 1
        theta = crossing(t, used, structure, conditions, work, held) if triggers else 2.0
        t_new = target if whole else t + used
        if theta <= 1.0:
            t_new = min(t + theta * used, t_new)
        while saved < saves and t_save[saved] < t_new:
            interpolate((t_save[saved] - t) / used, structure, work, work.spare)
            observe(t_save[saved], work.spare, work.p, work.a, out[saved])
            saved += 1
        arrived = work.probe if theta <= 1.0 else work.x_new
        for s in range(n):
            x[s] = arrived[s] if abs(arrived[s]) > TINY else 0.0
        if not whole:
            h = used * growth(error)
        else:  # a step cut short by an event or the end says little about the next
            h = max(h, used * growth(error))
        t = t_new


_SIGNATURE = types.void(
    *FUNCTION_TYPES,
    STRUCTURE_TYPE,
    types.float64[::1],  # save times
    types.float64[:, ::1],  # parameters, a row each
    types.float64[:, ::1],  # initial states
    types.int64[::1],  # row of the parameters and initial states
    types.float64,
    types.float64[::1],
    types.float64,
    types.int64,
    types.int64,
    types.float64[:, :, ::1],
    types.float64[:, ::1],
    types.int64[:, ::1],
    types.int64[::1],
)


@jit_as(_SIGNATURE, allocating=True)
def solve(
    static, hazards, slopes, derivatives, observe, event_times, conditions, effects, structure,
    t_save, parameters, initial, source, relative, absolute, max_step, max_steps, max_events,
    out, fired, statistics, status,
):  # fmt: skip
    """Integrate a chunk of rows.

    Parameters
    ----------
    static ... effects : compiled functions of the network
    structure : Structure
    t_save : ndarray, shape (n_times,)
    parameters, initial : ndarray, shape (batch, n_parameters) and (batch, n_species)
    source : ndarray of int, shape (rows,)
        Which row of the batch each row takes.
    relative, absolute : float, ndarray of shape (n_species,)
        Tolerance of the local error.
    max_step, max_steps, max_events : float, int, int
    out, fired, statistics, status : ndarray
        Outputs (rows, n_times, n_outputs), preset to NaN; time of first firing (rows, n_events); counts (rows, 4); (rows,).
    """
    work = allocate(structure)
    stream = np.zeros(STATE_WORDS, np.uint64)
    watched = np.ones(structure.n_species, np.int64)
    held = np.zeros(structure.n_species, np.int64)
    for i in range(source.shape[0]):
        for k in range(structure.n_parameters):
            work.p[k] = parameters[source[i], k]
        status[i] = solve_row(
            static, hazards, slopes, derivatives, observe, event_times, conditions, effects, structure,
            t_save, initial[source[i]], relative, absolute, max_step, max_steps, max_events,
            work, stream, watched, held, out[i], fired[i], statistics[i],
        )  # fmt: skip
