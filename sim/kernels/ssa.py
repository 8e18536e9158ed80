"""Kernel `ssa`: Gillespie's direct method, exact for any network of counts whose rates do not depend on time.

Rates come from the compiled hazards of the network; waiting times are exponential, the reaction is found by a linear search. Timed
events fall at their time exactly, since waiting is without memory; triggers are looked at after each reaction. Counts are whole
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
    STRUCTURE_TYPE,
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
    """Return the reaction at which the sum of rates reaches ``aim``, by a linear search."""
    chosen = 0
    for r in range(rate.shape[0]):
        if rate[r] > 0.0:
            chosen = r
            aim -= rate[r]
            if aim <= 0.0:
                break
    return chosen


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
def simulate_row(
    static, hazards, observe, event_times, conditions, effects, structure,
    t_save, x0, max_events, work, rate, stream, out, fired, statistics,
):  # fmt: skip
    """Simulate one row whose parameters stand in work.p; return its status.

    One long loop: what it keeps from event to event is in its locals, which every part would have to take and give back.
    """
    n, x = structure.n_species, work.x
    t, t_end, saves, saved = t_save[0], t_save[-1], t_save.shape[0], 0
    outcome = begin(x0, t, static, event_times, conditions, structure, work, fired)
    if outcome != OK:
        return outcome
    triggers = events.has_triggers(structure)
    look = True
    while True:
        if look or triggers:
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
            look = False
        while saved < saves and t_save[saved] <= t:
            observe(t_save[saved], x, work.p, work.a, out[saved])
            saved += 1
        if saved == saves:
            return OK
        total = propensities(t, x, structure, hazards, work, rate)
        statistics[3] += 1
        if total < 0.0:
            return NEGATIVE_PROPENSITY
        if not total < math.inf:
            return NON_FINITE
        target = min(t_end, events.next_time(structure, work))
        arrives = t + exponential(stream) / total if total > 0.0 else math.inf
        until = min(arrives, target)
        while saved < saves and t_save[saved] < until:
            observe(t_save[saved], x, work.p, work.a, out[saved])
            saved += 1
        if arrives >= target:
            t = target
            look = True
            if target == t_end and events.next_time(structure, work) > t_end:
                while saved < saves:
                    observe(t_save[saved], x, work.p, work.a, out[saved])
                    saved += 1
                return OK
            continue
        t = arrives
        statistics[2] += 1
        if statistics[2] > max_events:
            return EVENT_BUDGET
        outcome = change(choose_reaction(uniform(stream) * total, rate), x, structure)
        if outcome != OK:
            return outcome


_SIGNATURE = types.void(
    *FUNCTION_TYPES,
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


@jit_as(_SIGNATURE, allocating=True)
def simulate_events(
    static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, structure,
    t_save, parameters, initial, source, max_events, seed, patients, replicates, purpose,
    out, fired, statistics, status,
):  # fmt: skip
    """Simulate a chunk of rows; arguments as `sim.kernels.ode.simulate_ode`, then the key of each row's random stream."""
    work = allocate(structure)
    rate = np.zeros(structure.reaction.shape[0])
    stream = np.zeros(STATE_WORDS, np.uint64)
    for i in range(source.shape[0]):
        seed_stream(stream, seed, patients[i], replicates[i], purpose)
        for k in range(structure.n_parameters):
            work.p[k] = parameters[source[i], k]
        status[i] = simulate_row(
            static, hazards, observe, event_times, conditions, effects, structure,
            t_save, initial[source[i]], max_events, work, rate, stream, out[i], fired[i], statistics[i],
        )  # fmt: skip
