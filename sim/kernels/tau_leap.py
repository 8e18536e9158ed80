"""Kernel `tau_leap`: many reactions a step, of second order in the step, never below zero.

The weak trapezoidal rule of Anderson and Koyama: from the rates a(x) draw the firings of half a step, Poisson(a(x) tau/2); from the
state y that they lead to draw those of the second half, Poisson((2 a(y) - a(x)) tau/2), none where that is negative. Mean and
variance then have an error of second order.

=====  ===================================================================================================================
order  what happens in a step
=====  ===================================================================================================================
1      a reaction is critical when ten firings would use up a reactant or take a rate below zero, when it changes a species of few
       cells, or when one would change more than a step may; at most one of these fires in a step, at its time
2      the step is the longest in which no rate is expected to change by more than epsilon of itself, nor to fluctuate by more, and
       that stays within the time of relaxation, and close to the threshold of a trigger within what could cross it
       (sim/kernels/leap_bounds.py)
3      where such a step would hold fewer than ten reactions, a hundred of them are drawn by the direct method instead
4      the step ends where by the rates at its start a critical reaction is due, and is of second order up to there
5      first half, rates in the middle, the moment of that reaction by these (the firings after it are thinned away), second half,
       rates at the end; a count or a rate below zero, or a rate that is not finite, refuses the step, which is tried again at half its
       length, and at last as single reactions: what these lead to is the network's own, and a status
=====  ===================================================================================================================

At the default epsilon, 0.03, in 100,000 runs of each of the 37 cases of tests/statistical with an exact mean that this kernel can run, one mean
is off beyond its standard error's reach, growth to a capacity by 0.039 +- 0.006 %; where that error is below 0.05 % no other is off by more than
0.15 %, and variances are within three standard errors (0.4 % and more). The error of the mean falls as the square of epsilon: in an exchange of
20,000 cells (there at 1 a day, back at 2) the lesser number after a day is off by 0.220, 0.086, 0.036 and 0.006 % at 0.05, 0.03, 0.015 and 0.0075, each
+- 0.007 %. Above 0.05 the relaxation bounds some steps alone, and the error of these grows no more.

Timed events are met exactly; triggers are looked at after each step, to one cell or a thousandth of a large population. Rates must not
depend on time. A step takes as long as the fastest reaction of a large population needs: where such reactions are at balance, the
implicit methods of kernel `hybrid` serve better.

References: Anderson and Koyama, Multiscale Model. Simul. 10 (2012) 1493, doi:10.1137/110849699; the bounds have theirs in
sim/kernels/leap_bounds.py. On failure the row keeps what was saved; the rest is NaN.
"""

import math

import numpy as np
from numba import types

from sim.kernels import events
from sim.kernels._jit import jit, jit_as, jit_merged
from sim.kernels.course import hold
from sim.kernels.leap_bounds import (
    MEMORY,
    RELAXATION,
    RELAXATION_MOST,
    ROUNDING,
    allocate_leap,
    differentiate,
    fastest_pace,
    longest_leap,
    mark_critical,
    scatter,
    watchful_leap,
    weigh_changes,
)
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
)
from sim.kernels.structure import (
    CHANGE_BEGIN,
    CHANGE_END,
    FUNCTION_TYPES,
    OBSERVE,
    STRUCTURE_TYPE,
)

WORTHWHILE = 10.0
"""A step that holds fewer reactions is not worth a leap."""
BURST = 100
"""Reactions drawn one by one before a leap is considered again."""
LOOKS = 8
"""Looks at the pace of relaxation before the first leap of a row; each later step has one."""


@jit_merged
def draw_firings(dt, extrapolate, structure, leap, stream):
    """Draw the firings of the reactions that are not critical in dt, and move leap.state; tell whether no count falls below zero.

    Their rates are those of the start, or extrapolated through those in the middle.
    """
    for r in range(structure.reaction.shape[0]):
        leap.firings[r] = 0.0
        if leap.critical[r] == 0:
            rate = 2.0 * leap.middle[r] - leap.rate[r] if extrapolate else leap.rate[r]
            if rate > 0.0:
                leap.firings[r] = poisson(stream, rate * dt)
    return move(structure, leap)


@jit_merged
def thin(share, structure, leap, stream):
    """Keep each firing with probability ``share`` and move leap.state; tell whether no count falls below zero."""
    for r in range(structure.reaction.shape[0]):
        if leap.firings[r] > 0.0:
            leap.firings[r] = binomial(stream, leap.firings[r], share)
    return move(structure, leap)


@jit_merged
def move(structure, leap):
    """Add the firings to leap.state; tell whether every count is still zero or more."""
    reaction = structure.reaction
    for r in range(reaction.shape[0]):
        if leap.firings[r] > 0.0:
            for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                leap.state[structure.change_species[k]] += structure.change_amount[k] * leap.firings[r]
    for s in range(structure.n_species):
        if leap.state[s] < 0.0:
            return False
    return True


@jit_merged
def copy_state(x, leap):
    """Set leap.state to x."""
    for s in range(leap.state.shape[0]):
        leap.state[s] = x[s]


@jit
def critical_rate(rate, critical):
    """Return the summed rate of the critical reactions."""
    total = 0.0
    for r in range(rate.shape[0]):
        if critical[r] == 1:
            total += rate[r]
    return total


@jit_merged
def is_worthwhile(dt, total, leap):
    """Tell whether a leap of dt, or to the next critical reaction, holds enough reactions; ``total`` is their summed rate."""
    critical = critical_rate(leap.rate, leap.critical)
    if critical > 0.0:
        dt = min(dt, 1.0 / critical)
    return dt * total >= WORTHWHILE


@jit_merged
def try_leap(t, dt, need, x, structure, hazards, work, leap, stream):
    """Draw one step of the leap from x into leap.state, and the rates there into leap.end.

    A count or a rate below zero, and a rate that is not finite, refuse the step: a single reaction may lead there as well, but
    then it is that one which reports it.

    Returns
    -------
    total : float
        Summed rate at the end; -1 when the step is refused.
    theta : float
        Fraction of dt after which a critical reaction is due, and where the step ends; 2 when none is.
    passed : float
        Integrated rate of the critical reactions.
    """
    copy_state(x, leap)
    if not draw_firings(0.5 * dt, False, structure, leap, stream):
        return -1.0, 2.0, 0.0
    total = propensities(t, leap.state, structure, hazards, work, leap.middle)
    if not 0.0 <= total < math.inf:
        return -1.0, 2.0, 0.0
    passed = dt * critical_rate(leap.middle, leap.critical)
    theta = min(need / passed, 1.0) if need <= ROUNDING * passed else 2.0
    if theta <= 0.5:
        copy_state(x, leap)
        sound = thin(2.0 * theta, structure, leap, stream)
    else:
        sound = draw_firings(dt * (min(theta, 1.0) - 0.5), True, structure, leap, stream)
    total = propensities(t, leap.state, structure, hazards, work, leap.end) if sound else -1.0
    return total if 0.0 <= total < math.inf else -1.0, theta, passed


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


@jit_merged
def fire_critical(x, structure, leap, stream):
    """Fire one of the critical reactions, if any can fire at x; return a status and how many fired."""
    for r in range(leap.rate.shape[0]):
        leap.middle[r] = leap.rate[r] if leap.critical[r] == 1 else 0.0
    total = critical_rate(leap.middle, leap.critical)
    if total == 0.0:
        return OK, 0
    return change(choose_reaction(uniform(stream) * total, leap.middle), x, structure), 1


@jit
def simulate_row(
    static, hazards, derivatives, observe, event_times, conditions, effects, reach, structure,
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
    need, steps, left, stale, total = exponential(stream), 0, 0, True, 0.0
    pace, looks = 0.0, LOOKS
    for s in range(n):
        leap.direction[s] = 0.0
    scatter(x, 1.0, leap)
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
        if number > 0:
            left, stale = 0, True
        if not is_countable(x, n):
            return CAPACITY
        while saved < saves and t_save[saved] <= t:
            observe(t_save[saved], x, work.p, work.a, out[saved])
            saved += 1
        if saved == saves:
            return OK
        if stale:
            total = propensities(t, x, structure, hazards, work, leap.rate)
            statistics[3] += 1
            if total < 0.0:
                return NEGATIVE_PROPENSITY
            if not total < math.inf:
                return NON_FINITE
            stale = False
        target = min(t_end, events.next_time(structure, work), t_save[saved])
        if total == 0.0:
            t = target
            continue
        dt = target - t
        if left == 0:
            differentiate(t, x, structure, derivatives, work, leap)
            weigh_changes(x, epsilon, structure, leap)
            mark_critical(x, structure, leap)
            dt = min(dt, longest_leap(x, epsilon, structure, leap))
            for _ in range(looks):
                pace = max(fastest_pace(x, structure, leap), MEMORY * pace)
            looks = 1
            if pace > 0.0:
                dt = min(dt, min(RELAXATION * epsilon, RELAXATION_MOST) / pace)
            if triggers:
                dt = watchful_leap(t, dt, x, structure, reach, work, leap)
            if not is_worthwhile(dt, total, leap):
                left = BURST
        theta, passed = 2.0, 0.0
        bound, critical = dt, critical_rate(leap.rate, leap.critical)
        if critical > 0.0:
            dt = min(dt, need / critical)
        whole = dt == target - t
        while left == 0:
            if steps >= max_steps:
                return MAX_STEPS
            steps += 1
            total_end, theta, passed = try_leap(t, dt, need, x, structure, hazards, work, leap, stream)
            statistics[3] += 2
            if total_end >= 0.0:
                break
            statistics[1] += 1
            bound, dt = 0.5 * bound, 0.5 * dt
            whole = False
            # by the bound: to draw singly because the next critical reaction is near would be to forget that it is
            if not is_worthwhile(bound, total, leap):
                left, stale = BURST, True
        if left > 0:
            outcome, t, drawn = burst(t, target, min(single, left), x, structure, hazards, work, leap, stream)
            left -= drawn
            stale = True
            statistics[2] += drawn
            statistics[3] += drawn
            if outcome != OK:
                return outcome
            if statistics[2] > max_events:
                return EVENT_BUDGET
            continue
        statistics[0] += 1
        total = total_end
        for s in range(n):
            x[s] = leap.state[s]
        for r in range(leap.rate.shape[0]):
            leap.rate[r] = leap.end[r]
        if theta > 1.0:
            t = target if whole else t + dt
            need -= passed
            continue
        t = min(t + theta * dt, target)
        need = exponential(stream)
        outcome, number = fire_critical(x, structure, leap, stream)
        stale = True
        statistics[2] += number
        if outcome != OK:
            return outcome
        if statistics[2] > max_events:
            return EVENT_BUDGET


_SIGNATURE = types.void(
    *FUNCTION_TYPES,
    types.FunctionType(OBSERVE),
    STRUCTURE_TYPE,
    types.float64[::1],
    types.float64[:, ::1],
    types.float64[:, ::1],
    types.int64[::1],
    types.int64[::1],
    types.int64[:, ::1],
    types.int64[:, ::1],
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
    static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, reach, structure,
    t_save, parameters, initial, source, felt, partials, terms, epsilon, max_steps, max_events, seed, patients,
    replicates, purpose, out, fired, statistics, status,
):  # fmt: skip
    """Simulate a chunk of rows; arguments as `sim.kernels.ssa.simulate_events`, ``reach`` as in `simulate_hybrid`, and ``felt``, ``partials``, ``terms`` as in `Leap`."""
    work = allocate(structure)
    leap = allocate_leap(structure, felt, partials, terms)
    stream = np.zeros(STATE_WORDS, np.uint64)
    for i in range(source.shape[0]):
        seed_stream(stream, seed, patients[i], replicates[i], purpose)
        for k in range(structure.n_parameters):
            work.p[k] = parameters[source[i], k]
        status[i] = simulate_row(
            static, hazards, derivatives, observe, event_times, conditions, effects, reach, structure,
            t_save, initial[source[i]], epsilon, max_steps, max_events, work, leap, stream, out[i], fired[i],
            statistics[i],
        )  # fmt: skip
