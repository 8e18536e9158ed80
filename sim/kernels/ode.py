"""Kernel `ode`: the mean field of a network by Rodas4, eight rows side by side, with events located on its dense output.

Each row starts at t_save[0], steps under error control, stops exactly at timed events, and locates a trigger by bisection of its
condition on the dense output. Rows are integrated in the lanes of vector instructions (sim/kernels/lanes.py): every lane has a clock, a
step, a next event and a save of its own, and one whose row ends takes the next row of the chunk. What a lane computes depends on that
lane alone, so that a row gives the same bytes in any company. Extinction is not a matter of the ODE: only denormal values are flushed to
zero. A count that falls below zero by more than its tolerance, however short the step, has a rate that does not vanish with it, and ends the
row. On failure the row keeps what was saved before; the rest is NaN and the status says why.

One round is: the length of each lane's step, one step of all (`advance` of the network), what came of it in each lane, triggers that
rise within it, saves within it, the move to the new state, and what happens there.
"""

import math

import numpy as np
from numba import types

from sim.kernels import events
from sim.kernels._jit import jit, jit_as
from sim.kernels.course import LOOKS, TINY, all_finite, any_nan, hold, is_reached, narrow
from sim.kernels.lanes import (
    BELOW_ZERO,
    ERROR_COUNT,
    ERROR_SUM,
    LAYOUT_TYPE,
    MOVES,
    NEGATIVE,
    POLE,
    PROGRAM,
    SLOPE_CHECK,
    SPAN,
    STAGE_TIME,
    STATE_CHECK,
    STEP,
    THETA,
    TIME,
    allocate_lanes,
    gather,
    recall,
    scatter,
)
from sim.kernels.random import STATE_WORDS
from sim.kernels.rosenbrock import allocate, first_step, growth, interpolate
from sim.kernels.saves import save_species, save_within
from sim.kernels.status import (
    MAX_STEPS,
    NEGATIVE_PROPENSITY,
    NON_FINITE,
    OK,
    STEP_TOO_SMALL,
)
from sim.kernels.structure import (
    EFFECTS,
    OBSERVE,
    STATIC,
    STRUCTURE_TYPE,
    TIMED,
)

RUNNING = -2
"""Not a status: the row goes on."""
REFUSED = -3
"""Not a status: the row goes on, and its step is tried again, shorter."""


@jit
def begin(static, more, event_times, conditions, structure, t, x0, parameters, work, extra, fired):
    """Put a row's parameters and state into `work`; return OK or the failure with which it ends at once."""
    x = work.x
    for k in range(structure.n_parameters):
        work.p[k] = parameters[k]
    for s in range(structure.n_species):
        x[s] = x0[s]
    for k in range(fired.shape[0]):
        fired[k] = math.nan
    static(work.p, work.a)
    more(work.p, extra)
    if not all_finite(x, structure.n_species) or any_nan(work.p):
        return NON_FINITE
    for s in range(structure.n_species):
        if structure.is_count[s] == 1 and x[s] < 0.0:
            return NEGATIVE_PROPENSITY
    return events.start(t, x, structure, event_times, conditions, work, fired)


@jit
def settle(
    lane, t, lanes, observe, conditions, effects, structure, t_save, max_events, work, stream, out, fired, statistics
):  # fmt: skip
    """Fire what is due where a lane has arrived (its row is in `work`) and write what is to be saved there; find the next target.

    Return RUNNING, or the status with which the row ends.
    """
    x, saved, saves = work.x, lanes.saved[lane], t_save.shape[0]
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
            lanes.restart[lane] = 1
        while saved < saves and t_save[saved] <= t:
            observe(t, x, work.p, work.a, out[saved])
            saved += 1
        if saved == saves:
            return OK
        target = min(t_save[-1], events.next_time(structure, work))
        if not is_reached(t, target):
            break
        t = target
    lanes.saved[lane] = saved
    lanes.target[lane] = target
    lanes.rows[TIME, lane] = t
    lanes.soon[lane] = events.next_may_come(t, structure, work)
    for k in range(structure.event.shape[0]):
        for column in range(work.history.shape[1]):
            lanes.history[lane, k, column] = work.history[k, column]
        lanes.event_time[lane, k] = work.event_time[k]
        lanes.before[lane, k] = work.condition_before[k]
    return RUNNING


@jit
def fill(
    lane, following, lanes, static, more, observe, event_times, conditions, effects, structure, layout, t_save,
    parameters, initial, source, max_events, work, extra, stream, out, fired, statistics, status,
):  # fmt: skip
    """Give a lane the next row that does not end where it begins; return the row after it."""
    while following < source.shape[0]:
        i = following
        following += 1
        member = source[i]
        lanes.saved[lane] = 0
        outcome = begin(
            static, more, event_times, conditions, structure, t_save[0], initial[member], parameters[member],
            work, extra, fired[i],
        )  # fmt: skip
        if outcome == OK:
            outcome = settle(
                lane, t_save[0], lanes, observe, conditions, effects, structure, t_save, max_events, work, stream,
                out[i], fired[i], statistics[i],
            )  # fmt: skip
        if outcome == RUNNING:
            lanes.row[lane] = i
            lanes.steps[lane] = 0
            lanes.length[lane] = 0.0
            lanes.fresh[lane] = lanes.restart[lane] = 1
            scatter(work.x, structure.n_species, lanes.rows, layout.x, lane)
            scatter(work.p, structure.n_parameters, lanes.rows, layout.parameters, lane)
            scatter(work.a, structure.n_static, lanes.rows, layout.static, lane)
            scatter(extra, layout.n_more, lanes.rows, layout.more, lane)
            return following
        status[i] = outcome
    lanes.row[lane] = -1
    lanes.restart[lane] = 0
    lanes.rows[STEP, lane] = lanes.rows[SPAN, lane] = 1.0
    return following


@jit
def choose_steps(lanes, slopes, structure, layout, relative, absolute, max_step, work):
    """Write the length of each lane's step."""
    rows, n = lanes.rows, structure.n_species
    begins = False
    for lane in range(lanes.row.shape[0]):
        begins = begins or lanes.restart[lane] == 1
    if begins:
        slopes(rows, 0)
    for lane in range(lanes.row.shape[0]):
        if lanes.row[lane] < 0:
            continue
        t, target = rows[TIME, lane], lanes.target[lane]
        if lanes.restart[lane] == 1:
            gather(rows, layout.x, n, lane, work.x)
            gather(rows, layout.slope, n, lane, work.slope_here)
            lanes.length[lane] = min(
                first_step(t, target, structure, work, relative, absolute), lanes.soon[lane]
            )
            lanes.restart[lane] = 0
        h = lanes.length[lane]
        rows[SPAN, lane] = min(h, target - t)
        h = min(h, max_step)
        whole = t + 1.0001 * h >= target
        lanes.length[lane] = h
        lanes.whole[lane] = 1 if whole else 0
        rows[STEP, lane] = target - t if whole else h


@jit
def judge(lane, lanes, max_steps, statistics):
    """Return what came of a lane's step: OK, REFUSED or the failure of its row."""
    rows = lanes.rows
    if lanes.fresh[lane] == 1:
        lanes.fresh[lane] = lanes.falls[lane] = 0
        statistics[3] += 1
        if rows[SLOPE_CHECK, lane] != 0.0:
            return NON_FINITE
        if rows[NEGATIVE, lane] > 0.5:
            return NEGATIVE_PROPENSITY
    if lanes.steps[lane] >= max_steps:
        return MAX_STEPS
    lanes.steps[lane] += 1
    used = rows[STEP, lane]
    if used <= 4e-16 * abs(rows[TIME, lane]) or used <= 1e-300:
        return NEGATIVE_PROPENSITY if lanes.falls[lane] == 1 else STEP_TOO_SMALL
    statistics[3] += 5
    error = math.inf
    if rows[POLE, lane] > 0.0:
        error = math.sqrt(rows[ERROR_SUM, lane] / max(rows[ERROR_COUNT, lane], 1.0))
    accurate = error <= 1.0 and rows[STATE_CHECK, lane] == 0.0
    falls = accurate and rows[BELOW_ZERO, lane] > 0.5
    lanes.falls[lane] = 1 if falls else 0
    if not accurate or falls:
        statistics[1] += 1
        # A rate that vanishes with its count, however steeply, is resolved by shorter steps; another one by none.
        lanes.length[lane] = 0.5 * used if falls else used * min(growth(error), 0.9)
        return REFUSED
    statistics[0] += 1
    lanes.reached[lane] = lanes.target[lane] if lanes.whole[lane] == 1 else rows[TIME, lane] + used
    longer = used * growth(error)
    # A step cut short by an event or the end says little about the next.
    lanes.length[lane] = max(lanes.length[lane], longer) if lanes.whole[lane] == 1 else longer
    return OK


@jit
def rises(lane, lanes, structure, layout):
    """Tell whether a trigger that was false holds in the rows of conditions."""
    for k in range(structure.event.shape[0]):
        if structure.event[k, TIMED] == 0:
            if lanes.rows[layout.conditions + k, lane] > 0.5 and lanes.before[lane, k] < 0.5:
                return True
    return False


@jit
def seems_to_fall(lane, lanes, structure, layout):
    """Tell whether a trigger that was true does not hold in the rows of conditions, which may be off by rounding."""
    for k in range(structure.event.shape[0]):
        if structure.event[k, TIMED] == 0:
            if lanes.rows[layout.conditions + k, lane] < 0.5 and lanes.before[lane, k] > 0.5:
                return True
    return False


@jit
def recall_step(lane, lanes, structure, layout, work):
    """Copy a lane's row and its last step into `work`."""
    n = structure.n_species
    recall(lane, lanes, structure, layout, work)
    gather(lanes.rows, layout.x_new, n, lane, work.x_new)
    gather(lanes.rows, layout.dense, n, lane, work.dense[0])
    gather(lanes.rows, layout.dense + n, n, lane, work.dense[1])


@jit
def let_fall(lane, lanes, theta, conditions, structure, layout, work):
    """Note the triggers that no longer hold at a fraction of a lane's step: they may rise again. The same conditions decide as on events."""
    recall_step(lane, lanes, structure, layout, work)
    interpolate(theta, structure, work, work.probe)
    t = lanes.rows[TIME, lane] + theta * lanes.rows[STEP, lane]
    conditions(t, work.probe, work.p, work.a, work.condition)
    for k in range(structure.event.shape[0]):
        if structure.event[k, TIMED] == 0 and work.condition[k] < 0.5:
            lanes.before[lane, k] = 0.0


@jit
def look_within(lanes, watch, conditions, structure, layout, work, held):
    """End the steps within which a trigger rises where it does; the state there goes into lanes.arrived."""
    rows, n = lanes.rows, structure.n_species
    for look in range(1, LOOKS + 1):
        theta = look / LOOKS
        for lane in range(lanes.row.shape[0]):
            rows[THETA, lane] = theta
            rows[STAGE_TIME, lane] = rows[TIME, lane] + theta * rows[STEP, lane]
        watch(rows, 0)
        for lane in range(lanes.row.shape[0]):
            # A lane that is cut short does not move to the end of its step, and is not looked at again.
            if rows[MOVES, lane] < 0.5:
                continue
            if not rises(lane, lanes, structure, layout):
                if seems_to_fall(lane, lanes, structure, layout):
                    let_fall(lane, lanes, theta, conditions, structure, layout, work)
                continue
            t, used = rows[TIME, lane], rows[STEP, lane]
            recall_step(lane, lanes, structure, layout, work)
            cut = narrow(t, used, (look - 1) / LOOKS, theta, structure, conditions, work, held)
            lanes.reached[lane] = min(t + cut * used, lanes.reached[lane])
            for s in range(n):
                lanes.arrived[lane, s] = work.probe[s] if abs(work.probe[s]) > TINY else 0.0
            rows[MOVES, lane] = 0.0


@jit
def go(lanes, move, watch, structure, layout, triggers):
    """Take the lanes whose step is accepted to where it ends, and look at the conditions there."""
    rows = lanes.rows
    move(rows, 0)
    for lane in range(lanes.row.shape[0]):
        if lanes.outcome[lane] == OK:
            rows[TIME, lane] = lanes.reached[lane]
            if rows[MOVES, lane] < 0.5:
                scatter(lanes.arrived[lane], structure.n_species, rows, layout.x, lane)
        rows[THETA, lane] = 0.0
        rows[STAGE_TIME, lane] = rows[TIME, lane]
    if triggers:
        watch(rows, 0)


@jit
def is_quiet(lane, lanes, structure, layout, t_save):
    """Tell whether nothing happens where a lane has arrived: no event, no save, no target."""
    t = lanes.rows[TIME, lane]
    if lanes.rows[MOVES, lane] < 0.5 or t_save[lanes.saved[lane]] <= t or is_reached(t, lanes.target[lane]):
        return False
    return not (rises(lane, lanes, structure, layout) or seems_to_fall(lane, lanes, structure, layout))


_SIGNATURE = types.void(
    *map(types.FunctionType, (STATIC, OBSERVE, OBSERVE, OBSERVE, EFFECTS, STATIC, *[PROGRAM] * 5)),
    STRUCTURE_TYPE,
    LAYOUT_TYPE,
    types.int64,
    types.float64[::1],  # save times
    types.float64[:, ::1],  # parameters, a row each
    types.float64[:, ::1],  # initial states
    types.int64[::1],  # row of the parameters and initial states
    types.int64[::1],  # species that the outputs are
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
    static, observe, event_times, conditions, effects, more, advance, slopes, observe_lanes, watch, move,
    structure, layout, width, t_save, parameters, initial, source, saved_species, relative, absolute, max_step, max_steps, max_events,
    out, fired, statistics, status,
):  # fmt: skip
    """Integrate a chunk of rows.

    Parameters
    ----------
    static ... effects : compiled functions of the course of a row
    more ... move : compiled programs of the network's lanes
    structure, layout : Structure, Layout
    width : int
        Lanes of the programs.
    t_save : ndarray, shape (n_times,)
    parameters, initial : ndarray, shape (batch, n_parameters) and (batch, n_species)
    source : ndarray of int, shape (rows,)
        Which row of the batch each row takes.
    saved_species : ndarray of int, shape (n_outputs,)
        The species that an output is, -1 for one that is computed.
    relative, absolute : float, ndarray of shape (n_species,)
        Tolerance of the local error.
    max_step, max_steps, max_events : float, int, int
    out, fired, statistics, status : ndarray
        Outputs (rows, n_times, n_outputs), preset to NaN; time of first firing (rows, n_events); counts (rows, 4); (rows,).
    """
    work = allocate(structure)
    lanes = allocate_lanes(structure, layout, width, relative, absolute)
    extra = np.zeros(layout.n_more)
    stream = np.zeros(STATE_WORDS, np.uint64)
    held = np.zeros(structure.n_species, np.int64)
    triggers = events.has_triggers(structure)
    all_species = True
    for j in range(saved_species.shape[0]):
        all_species = all_species and saved_species[j] >= 0
    knots = np.zeros((4, saved_species.shape[0]))
    following, running = 0, 0
    for lane in range(width):
        following = fill(
            lane, following, lanes, static, more, observe, event_times, conditions, effects, structure, layout, t_save,
            parameters, initial, source, max_events, work, extra, stream, out, fired, statistics, status,
        )  # fmt: skip
        if lanes.row[lane] >= 0:
            running += 1
    while running > 0:
        choose_steps(lanes, slopes, structure, layout, relative, absolute, max_step, work)
        advance(lanes.rows, 0)
        for lane in range(width):
            i = lanes.row[lane]
            lanes.outcome[lane] = judge(lane, lanes, max_steps, statistics[i]) if i >= 0 else REFUSED
            lanes.rows[MOVES, lane] = 1.0 if lanes.outcome[lane] == OK else 0.0
        if triggers:
            look_within(lanes, watch, conditions, structure, layout, work, held)
        if all_species:
            save_species(lanes, saved_species, structure, layout, t_save, knots, out)
        else:
            save_within(lanes, observe_lanes, structure, layout, t_save, out)
        go(lanes, move, watch, structure, layout, triggers)
        for lane in range(width):
            i, outcome = lanes.row[lane], lanes.outcome[lane]
            if outcome == REFUSED:
                continue
            if outcome == OK:
                lanes.fresh[lane] = 1
                if is_quiet(lane, lanes, structure, layout, t_save):
                    continue
                recall(lane, lanes, structure, layout, work)
                outcome = settle(
                    lane, lanes.rows[TIME, lane], lanes, observe, conditions, effects, structure, t_save, max_events,
                    work, stream, out[i], fired[i], statistics[i],
                )  # fmt: skip
                if outcome == RUNNING:
                    scatter(work.x, structure.n_species, lanes.rows, layout.x, lane)
                    continue
            status[i] = outcome
            following = fill(
                lane, following, lanes, static, more, observe, event_times, conditions, effects, structure, layout, t_save,
                parameters, initial, source, max_events, work, extra, stream, out, fired, statistics, status,
            )  # fmt: skip
            if lanes.row[lane] < 0:
                running -= 1
