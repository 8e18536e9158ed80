"""Kernel `ode`: the mean field of a network by Rodas4, with events located on its dense output.

Each row starts at t_save[0], steps under error control, stops exactly at timed events, and locates a trigger by bisection of its
condition on the dense output. Extinction is not a matter of the ODE: only denormal values are flushed to zero. A count that falls
below zero by more than its tolerance, however short the step, has a rate that does not vanish with it, and ends the row. On failure the row
keeps what was saved before; the rest is NaN and the status says why.
"""

import math

import numpy as np
from numba import types

from sim.kernels import events
from sim.kernels._jit import jit, jit_as
from sim.kernels.course import TINY, all_finite, any_nan, crossing, hold, is_reached, negative_propensity
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
from sim.kernels.structure import FUNCTION_TYPES, STRUCTURE_TYPE


@jit
def below_zero(structure, work, relative, absolute):
    """Tell whether the step took a count below zero by more than its tolerance."""
    for s in range(structure.n_species):
        x = work.x_new[s]
        if x < 0.0 and structure.is_count[s] == 1:
            if -x > absolute[s] + relative * max(abs(work.x[s]), -x):
                return True
    return False


@jit
def solve_row(
    static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, structure,
    t_save, x0, relative, absolute, max_step, max_steps, max_events, work, stream, watched, held, out, fired, statistics,
):  # fmt: skip
    """Integrate one row whose parameters stand in work.p; return its status.

    One long loop: what it keeps from step to step is in its locals, which every part would have to take and give back.
    """
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
    for s in range(n):
        if structure.is_count[s] == 1 and x[s] < 0.0:
            return NEGATIVE_PROPENSITY
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
        if is_reached(t, target):
            t = target
            continue
        drift(t, x, work.p, work.a, work.d, work.values, work.mask, structure, slopes, work.slope_here)
        statistics[3] += 1
        if not all_finite(work.slope_here, n):
            return NON_FINITE
        if restart:
            h = min(
                first_step(t, target, structure, work, relative, absolute),
                events.next_may_come(t, structure, work),
            )
            restart = False
        if negative_propensity(structure, work, min(h, target - t), relative, absolute):
            return NEGATIVE_PROPENSITY
        linearise(t, structure, derivatives, work)
        falls = False
        while True:
            if steps >= max_steps:
                return MAX_STEPS
            steps += 1
            h = min(h, max_step)
            whole = t + 1.0001 * h >= target
            used = target - t if whole else h
            if used <= 4e-16 * abs(t) or used <= 1e-300:
                return NEGATIVE_PROPENSITY if falls else STEP_TOO_SMALL
            step(t, used, structure, slopes, factorise, solve, work)
            statistics[3] += 5
            error = scaled_error(structure, work, relative, absolute, watched)
            accurate = error <= 1.0 and all_finite(work.x_new, n)
            falls = accurate and below_zero(structure, work, relative, absolute)
            if accurate and not falls:
                break
            statistics[1] += 1
            # A rate that vanishes with its count, however steeply, is resolved by shorter steps; another one by none.
            h = 0.5 * used if falls else used * min(growth(error), 0.9)
        statistics[0] += 1
        theta = crossing(t, used, 1.0, structure, conditions, work, held) if triggers else 2.0
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
def simulate_ode(
    static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, structure,
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
            static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, structure,
            t_save, initial[source[i]], relative, absolute, max_step, max_steps, max_events,
            work, stream, watched, held, out[i], fired[i], statistics[i],
        )  # fmt: skip
