"""Kernel `tau_leap`: many reactions a step, of second order in the step, never below zero.

The weak trapezoidal rule of Anderson and Koyama: from the rates a(x) draw the firings of half a step, Poisson(a(x) tau/2); from the
state y that they lead to draw those of the second half, Poisson((2 a(y) - a(x)) tau/2), none where that is negative. Mean and
variance then have an error of second order.

=====  ===================================================================================================================
order  what happens in a step
=====  ===================================================================================================================
1      a reaction is critical when fewer than ten firings would use up a reactant; at most one of these fires in a step, at its time
2      the step is the longest in which no species that rates or triggers depend on is expected to change by more than epsilon/2 of
       itself, nor to fluctuate by more (Cao, Gillespie and Petzold); never less than one of its cells is asked for
3      where such a step would hold fewer than ten reactions, a hundred of them are drawn by the direct method instead
4      first half, rates in the middle, the moment of a critical reaction if there is one (the firings before it are
       thinned), second half; a count below zero rejects the step, which is tried again at half its length
=====  ===================================================================================================================

Timed events are met exactly; triggers are looked at after each step. Rates must not depend on time.

References: Anderson and Koyama, Multiscale Model. Simul. 10 (2012) 1493, doi:10.1137/110849699; Cao, Gillespie and Petzold, J. Chem. Phys.
124 (2006) 044109, doi:10.1063/1.2159468, and 123 (2005) 054104, doi:10.1063/1.1992473 (critical reactions). On failure the row keeps
what was saved; the rest is NaN.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import types

from sim.kernels import events
from sim.kernels._jit import jit, jit_allocating, jit_as
from sim.kernels.course import hold
from sim.kernels.random import STATE_WORDS, seed_stream, uniform
from sim.kernels.rosenbrock import allocate
from sim.kernels.samplers import binomial, exponential, poisson
from sim.kernels.ssa import begin, change, choose_reaction, is_countable, propensities
from sim.kernels.status import (
    CAPACITY,
    EVENT_BUDGET,
    MAX_STEPS,
    NEGATIVE_PROPENSITY,
    NON_FINITE,
    OK,
    STEP_TOO_SMALL,
)
from sim.kernels.structure import (
    CHANGE_BEGIN,
    CHANGE_END,
    FUNCTION_TYPES,
    STRUCTURE_TYPE,
    FloatArray,
    IntegerArray,
)

CRITICAL = 10.0
"""A reaction that can fire fewer times than this before a reactant is gone is critical."""
WORTHWHILE = 10.0
"""A step that holds fewer reactions is not worth a leap."""
BURST = 100
"""Reactions drawn one by one before a leap is considered again."""


class Leap(NamedTuple):
    """Arrays of the leap, allocated once a worker."""

    rate: FloatArray
    middle: FloatArray
    firings: FloatArray
    critical: IntegerArray
    drift: FloatArray
    variance: FloatArray
    state: FloatArray


@jit_allocating
def allocate_leap(structure):
    """Return the arrays of the leap."""
    n, reactions = structure.n_species, structure.reaction.shape[0]
    return Leap(
        np.zeros(reactions),
        np.zeros(reactions),
        np.zeros(reactions),
        np.zeros(reactions, np.int64),
        np.zeros(n),
        np.zeros(n),
        np.ones(n + 1),
    )


@jit
def mark_critical(x, structure, leap):
    """Mark the reactions that are few firings from using up a reactant."""
    reaction = structure.reaction
    for r in range(reaction.shape[0]):
        leap.critical[r] = 0
        if leap.rate[r] > 0.0:
            for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                amount = structure.change_amount[k]
                if amount < 0.0 and x[structure.change_species[k]] < -CRITICAL * amount:
                    leap.critical[r] = 1


@jit
def longest_leap(x, epsilon, felt, structure, leap):
    """Return the longest step in which rates stay what they are, up to epsilon (Cao, Gillespie and Petzold 2006)."""
    reaction = structure.reaction
    for s in range(structure.n_species):
        leap.drift[s] = 0.0
        leap.variance[s] = 0.0
    for r in range(reaction.shape[0]):
        if leap.critical[r] == 0 and leap.rate[r] > 0.0:
            for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                s, amount = structure.change_species[k], structure.change_amount[k]
                leap.drift[s] += amount * leap.rate[r]
                leap.variance[s] += amount * amount * leap.rate[r]
    longest = math.inf
    for s in range(structure.n_species):
        if felt[s] == 1 and leap.variance[s] > 0.0:
            allowed = max(0.5 * epsilon * x[s], 1.0)
            longest = min(longest, allowed * allowed / leap.variance[s])
            if leap.drift[s] != 0.0:
                longest = min(longest, allowed / abs(leap.drift[s]))
    return longest


@jit
def draw_firings(dt, extrapolate, structure, leap, stream):
    """Draw the firings of the reactions that are not critical in dt, and move leap.state; return their number, or -1.

    Their rates are those of the start, or extrapolated through those in the middle. -1: a count would fall below zero.
    """
    reaction = structure.reaction
    number = 0.0
    for r in range(reaction.shape[0]):
        leap.firings[r] = 0.0
        if leap.critical[r] == 1:
            continue
        rate = 2.0 * leap.middle[r] - leap.rate[r] if extrapolate else leap.rate[r]
        if rate > 0.0:
            firings = poisson(stream, rate * dt)
            leap.firings[r] = firings
            number += firings
    return number if move(structure, leap) else -1.0


@jit
def move(structure, leap):
    """Add the firings to leap.state; tell whether every count is still zero or more."""
    reaction = structure.reaction
    sound = True
    for r in range(reaction.shape[0]):
        if leap.firings[r] > 0.0:
            for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                leap.state[structure.change_species[k]] += structure.change_amount[k] * leap.firings[r]
    for s in range(structure.n_species):
        if leap.state[s] < 0.0:
            sound = False
    return sound


@jit
def copy_state(x, leap):
    """Set leap.state to x."""
    for s in range(leap.state.shape[0]):
        leap.state[s] = x[s]


@jit
def thin(share, structure, leap, stream):
    """Keep each firing with probability ``share`` and move leap.state; return their number, or -1 (`draw_firings`)."""
    number = 0.0
    for r in range(structure.reaction.shape[0]):
        if leap.firings[r] > 0.0:
            leap.firings[r] = binomial(stream, leap.firings[r], share)
            number += leap.firings[r]
    return number if move(structure, leap) else -1.0


@jit
def critical_rate(rate, leap):
    """Return the summed rate of the critical reactions."""
    total = 0.0
    for r in range(rate.shape[0]):
        if leap.critical[r] == 1:
            total += rate[r]
    return total


@jit
def try_leap(t, dt, need, x, structure, hazards, work, leap, stream):
    """Draw one step of the leap from x into leap.state.

    Returns
    -------
    outcome : int
        A status.
    number : float
        Firings; -1 when a count would fall below zero.
    theta : float
        Fraction of dt after which a critical reaction is due; 2 when none is.
    passed : float
        Integrated rate of the critical reactions.
    """
    copy_state(x, leap)
    first = draw_firings(0.5 * dt, False, structure, leap, stream)
    if first < 0.0:
        return OK, -1.0, 2.0, 0.0
    total = propensities(t + 0.5 * dt, leap.state, structure, hazards, work, leap.middle)
    if total < 0.0:
        return NEGATIVE_PROPENSITY, -1.0, 2.0, 0.0
    if not total < math.inf:
        return NON_FINITE, -1.0, 2.0, 0.0
    passed = dt * critical_rate(leap.middle, leap)
    theta = need / passed if need < passed else 2.0
    if theta <= 0.5:
        copy_state(x, leap)
        return OK, thin(2.0 * theta, structure, leap, stream), theta, passed
    second = draw_firings(dt * (min(theta, 1.0) - 0.5), True, structure, leap, stream)
    return OK, (first + second if second >= 0.0 else -1.0), theta, passed


@jit
def burst(t, target, most, x, structure, hazards, work, leap, stream):
    """Draw up to ``most`` reactions one by one, up to the time ``target``, the rates at x being known; return status, time, number."""
    number = 0
    total = 0.0
    for r in range(leap.rate.shape[0]):
        total += leap.rate[r]
    while True:
        t += exponential(stream) / total if total > 0.0 else math.inf
        if t >= target:
            return OK, target, number
        outcome = change(choose_reaction(uniform(stream) * total, leap.rate), x, structure)
        number += 1
        if outcome != OK or number == most:
            return outcome, t, number
        total = propensities(t, x, structure, hazards, work, leap.rate)
        if total < 0.0:
            return NEGATIVE_PROPENSITY, t, number
        if not total < math.inf:
            return NON_FINITE, t, number


@jit
def simulate_row(
    static, hazards, observe, event_times, conditions, effects, structure, felt,
    t_save, x0, epsilon, max_steps, max_events, work, leap, stream, out, fired, statistics,
):  # fmt: skip
    """Simulate one row whose parameters stand in work.p; return its status."""
    n, x = structure.n_species, work.x
    t, t_end, saves, saved = t_save[0], t_save[-1], t_save.shape[0], 0
    outcome = begin(x0, t, static, event_times, conditions, structure, work, fired)
    if outcome != OK:
        return outcome
    triggers = events.has_triggers(structure)
    single = 1 if triggers else BURST
    need, steps = exponential(stream), 0
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
        if not is_countable(x, n):
            return CAPACITY
        while saved < saves and t_save[saved] <= t:
            observe(t_save[saved], x, work.p, work.a, out[saved])
            saved += 1
        if saved == saves:
            return OK
        total = propensities(t, x, structure, hazards, work, leap.rate)
        statistics[3] += 1
        if total < 0.0:
            return NEGATIVE_PROPENSITY
        if not total < math.inf:
            return NON_FINITE
        target = min(t_end, events.next_time(structure, work), t_save[saved])
        if total == 0.0:
            t = target
            continue
        if steps >= max_steps:
            return MAX_STEPS
        mark_critical(x, structure, leap)
        dt = longest_leap(x, epsilon, felt, structure, leap)
        if min(dt, target - t) * total < WORTHWHILE:
            outcome, t, drawn = burst(t, target, single, x, structure, hazards, work, leap, stream)
            steps += max(drawn, 1)
            statistics[2] += drawn
            statistics[3] += drawn
            if outcome != OK:
                return outcome
            if statistics[2] > max_events:
                return EVENT_BUDGET
            continue
        dt = min(dt, target - t)
        while True:
            whole = dt == target - t
            outcome, firings, theta, passed = try_leap(t, dt, need, x, structure, hazards, work, leap, stream)
            steps += 1
            statistics[3] += 1
            if outcome != OK:
                return outcome
            if firings >= 0.0:
                break
            statistics[1] += 1
            if steps >= max_steps:
                return MAX_STEPS
            dt *= 0.5
            if dt <= 4e-16 * abs(t):
                return STEP_TOO_SMALL
        statistics[0] += 1
        for s in range(n):
            x[s] = leap.state[s]
        if theta > 1.0:
            t = target if whole else t + dt
            need -= passed
            continue
        t = min(t + theta * dt, target)
        need = exponential(stream)
        total = propensities(t, x, structure, hazards, work, leap.middle)
        if not 0.0 <= total < math.inf:
            return NEGATIVE_PROPENSITY if total < 0.0 else NON_FINITE
        for r in range(leap.middle.shape[0]):
            if leap.critical[r] == 0:
                leap.middle[r] = 0.0
        total = critical_rate(leap.middle, leap)
        if total > 0.0:
            outcome = change(choose_reaction(uniform(stream) * total, leap.middle), x, structure)
            statistics[2] += 1
            if outcome != OK:
                return outcome


_SIGNATURE = types.void(
    *FUNCTION_TYPES,
    STRUCTURE_TYPE,
    types.float64[::1],
    types.float64[:, ::1],
    types.float64[:, ::1],
    types.int64[::1],
    types.int64[::1],
    types.float64,
    types.int64,
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
def simulate_leaps(
    static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, structure,
    t_save, parameters, initial, source, felt, epsilon, max_steps, max_events, seed, patients, replicates, purpose,
    out, fired, statistics, status,
):  # fmt: skip
    """Simulate a chunk of rows; arguments as `sim.kernels.ssa.simulate_events`, and 1 in ``felt`` for species that rates or triggers depend on."""
    work = allocate(structure)
    leap = allocate_leap(structure)
    stream = np.zeros(STATE_WORDS, np.uint64)
    for i in range(source.shape[0]):
        seed_stream(stream, seed, patients[i], replicates[i], purpose)
        for k in range(structure.n_parameters):
            work.p[k] = parameters[source[i], k]
        status[i] = simulate_row(
            static, hazards, observe, event_times, conditions, effects, structure, felt,
            t_save, initial[source[i]], epsilon, max_steps, max_events, work, leap, stream, out[i], fired[i],
            statistics[i],
        )  # fmt: skip
