"""Kernel `ssa`: Gillespie's direct method, exact for any network of counts whose rates do not depend on time.

Waiting times are exponential, and each reaction has its chance by its rate. A network of moderate size has a loop of its own, which computes
only the rates that a reaction has changed (sim/network/jumps.py); for others the tables are walked (`walk`), with the same numbers. Timed
events fall at their time exactly; triggers are looked at after each reaction that could change them. Counts are whole
float64 numbers, exact below 2^53; a row ends where one is larger, since it would miss events without a trace.

Reference: Gillespie, J. Phys. Chem. 81 (1977) 2340, doi:10.1021/j100540a008. On failure (a negative rate, a rate that is not
finite, a count of 2^53, the event budget) the row keeps what was saved; the rest is NaN.
"""

import math

import numpy as np
from numba import types

from sim.kernels import events
from sim.kernels._jit import jit, jit_as
from sim.kernels.course import ROUNDING, all_finite, any_nan, hold
from sim.kernels.random import STATE_WORDS, seed_stream, uniform
from sim.kernels.rosenbrock import allocate
from sim.kernels.samplers import exponential
from sim.kernels.status import CAPACITY, EVENT_BUDGET, NEGATIVE_PROPENSITY, NON_FINITE, OK
from sim.kernels.structure import (
    CHANGE_BEGIN,
    CHANGE_END,
    COUNTS_BELOW,
    FACTOR,
    FUNCTION_TYPES,
    HAZARD,
    JUMPS,
    STRUCTURE_TYPE,
    UNSUITED,
)


@jit
def propensities(t, x, structure, hazards, work, rate):
    """Write the rate of every reaction; return their sum, -1 when one is negative, NaN when one is not a number."""
    hazards(t, x, work.p, work.a, work.d, work.values)
    reaction = structure.reaction
    total = 0.0
    for r in range(reaction.shape[0]):
        rate[r] = work.values[reaction[r, HAZARD]] * x[reaction[r, FACTOR]]
        if rate[r] < 0.0:
            if rate[r] < -ROUNDING:
                return -1.0
            rate[r] = 0.0
        total += rate[r]
    return total


@jit
def is_countable(x, n):
    """Tell whether every count is below 2^53."""
    for s in range(n):
        if x[s] >= COUNTS_BELOW:
            return False
    return True


@jit
def choose_reaction(aim, rate):
    """Return the reaction with which the sum of rates exceeds ``aim``, by a linear search."""
    reached = 0.0
    for r in range(rate.shape[0]):
        reached += rate[r]
        if aim < reached:
            return r
    return rate.shape[0] - 1


@jit
def change(r, x, structure):
    """Fire reaction r once; return a status."""
    for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
        s = structure.change_species[k]
        x[s] += structure.change_amount[k]
        if x[s] < 0.0:
            return NEGATIVE_PROPENSITY
        if x[s] >= COUNTS_BELOW:
            return CAPACITY
    return OK


@jit
def begin(x0, t, static, event_times, conditions, structure, work, fired):
    """Set the state of a row to whole numbers, and its events; return a status."""
    x, n = work.x, structure.n_species
    for s in range(n):
        x[s] = x0[s]
        if x[s] < 0.0:
            return NEGATIVE_PROPENSITY
    for k in range(fired.shape[0]):
        fired[k] = math.nan
    static(work.p, work.a)
    if not all_finite(x, n) or any_nan(work.p):
        return NON_FINITE
    for s in range(n):
        whole = np.floor(x[s])  # the sum of a large whole number and a half is rounded itself
        x[s] = whole if x[s] - whole < 0.5 else whole + 1.0
    if not is_countable(x, n):
        return CAPACITY
    return events.start(t, x, structure, event_times, conditions, work, fired)


@jit
def walk(t, target, hazards, structure, work, rate, stream, most, clock):
    """Let exact events happen from t to the target, or so many, by walking the tables; return a status.

    The same as the loop that sim/network/jumps.py writes for a network, number by number; every rate is computed anew after each event.
    """
    status, number, need = OK, 0, clock[2]
    while True:
        total = propensities(t, work.x, structure, hazards, work, rate)
        if total < 0.0:
            status = NEGATIVE_PROPENSITY
            break
        if not total < math.inf:
            status = NON_FINITE
            break
        if total == 0.0:
            t = target
            break
        arrives = t + need / total
        if arrives >= target:
            need = max(need - (target - t) * total, 0.0)
            t = target
            break
        t = arrives
        need = exponential(stream)
        number += 1
        aim = uniform(stream) * total
        if aim >= total:
            aim = 0.0  # rounded up to the end
        status = change(choose_reaction(aim, rate), work.x, structure)
        if status != OK or number == most:
            break
    clock[0], clock[1], clock[2] = t, number, need
    return status


@jit
def simulate_row(
    static, hazards, observe, event_times, conditions, effects, jumps, own, structure,
    t_save, x0, max_events, work, rate, clock, stream, out, fired, statistics,
):  # fmt: skip
    """Simulate one row whose parameters stand in work.p; return its status.

    ``clock`` has the time, the number of events, and what is left of the waiting for the next, in units of its mean: it is kept over saves
    and timed events, so that these do not change the course.
    """
    n, x = structure.n_species, work.x
    t, t_end, saves, saved = t_save[0], t_save[-1], t_save.shape[0], 0
    outcome = begin(x0, t, static, event_times, conditions, structure, work, fired)
    if outcome != OK:
        return outcome
    triggers = events.has_triggers(structure)
    clock[2] = exponential(stream)
    while True:
        outcome, number = events.settle(
            t, x, structure, conditions, effects, work, fired, True, stream, max_events - statistics[2]
        )
        statistics[2] += number
        if outcome == events.STOPPED:
            hold(saved, t_save, x, observe, work, out)
            return OK
        if outcome != OK:
            return outcome
        if number > 0 and not is_countable(x, n):
            return CAPACITY
        while saved < saves and t_save[saved] <= t:
            observe(t_save[saved], x, work.p, work.a, out[saved])
            saved += 1
        if saved == saves:
            return OK
        target = min(t_end, t_save[saved], events.next_time(structure, work))
        most = max_events - statistics[2] + 1
        outcome = jumps(t, target, x, work.p, work.a, stream, most, clock) if own else UNSUITED
        if outcome == UNSUITED:
            own = False
            outcome = walk(t, target, hazards, structure, work, rate, stream, 1 if triggers else most, clock)
        t = clock[0]
        statistics[2] += int(clock[1])
        statistics[3] += int(clock[1]) + 1
        if outcome != OK:
            return outcome
        if statistics[2] > max_events:
            return EVENT_BUDGET


_SIGNATURE = types.void(
    *FUNCTION_TYPES,
    types.FunctionType(JUMPS),
    types.boolean,
    STRUCTURE_TYPE,
    types.float64[::1],
    types.float64[:, ::1],
    types.float64[:, ::1],
    types.int64[::1],
    types.int64,
    types.uint64,
    types.int64[::1],
    types.int64[::1],
    types.int64,
    types.float64[:, :, ::1],
    types.float64[:, ::1],
    types.int64[:, ::1],
    types.int64[::1],
)


@jit_as(JUMPS)
def no_jumps(t, target, x, p, a, stream, most, clock):
    """Stand where a network has no loop of its own."""
    return OK


@jit_as(_SIGNATURE, allocating=True)
def simulate_events(
    static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, jumps, own, structure,
    t_save, parameters, initial, source, max_events, seed, patients, replicates, purpose,
    out, fired, statistics, status,
):  # fmt: skip
    """Simulate a chunk of rows; arguments as `sim.kernels.ode.simulate_ode`, then the key of each row's random stream.

    ``jumps`` is the network's own loop of events where ``own`` says that it has one.
    """
    work = allocate(structure)
    rate = np.zeros(structure.reaction.shape[0])
    clock = np.zeros(3)
    stream = np.zeros(STATE_WORDS, np.uint64)
    for i in range(source.shape[0]):
        seed_stream(stream, seed, patients[i], replicates[i], purpose)
        for k in range(structure.n_parameters):
            work.p[k] = parameters[source[i], k]
        status[i] = simulate_row(
            static, hazards, observe, event_times, conditions, effects, jumps, own, structure,
            t_save, initial[source[i]], max_events, work, rate, clock, stream, out[i], fired[i], statistics[i],
        )  # fmt: skip
