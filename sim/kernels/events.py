"""Events of a network: what fires when, and what it does. Shared by all kernels.

An event is either timed (``event_time``) or triggered (its condition changes from false to true). Order at one moment: the events
are visited in the order of declaration, each seeing the state that the last one left; visiting is repeated until nothing fires.
A trigger does not fire at the start of a run, and an event whose ``if_`` is false when its moment comes is passed over.

Within one event all values are computed from the state before it, then survival, setting and adding happen in this order.
Counts in a stochastic run survive binomially and amounts are rounded to whole cells.

A trigger that fires at intervals that shrink without end (a ball that comes to rest by ever lower bounces) has a moment beyond which no
course is defined. A row that comes as close to it as `CLOSE` ends there: what was stepped over it would fall through the ground. It is told by
twenty intervals, so it is missed where bounces come to nothing before (each a twentieth of the last, say, and nothing puts the ball back), and a
course that would have come to rest by itself after more than twenty is ended too.
"""

import math

import numpy as np

from sim.kernels._jit import jit
from sim.kernels.samplers import binomial
from sim.kernels.status import EVENT_BUDGET, INVALID_EVENT, OK
from sim.kernels.structure import ADD, EFFECT_BEGIN, EFFECT_END, HAS_IF, SET, STOP, SURVIVE, TIMED

CASCADE = 10_000
"""So many events at one moment feed each other and will not end."""
SHRINKING = 20
"""Intervals in a row each of which is shorter than the last, before a trigger may be called one that piles up. By chance alone they are once in
20 factorial, 2e18."""
CLOSE = 1e-7
"""Such an interval, as a share of the time since they began to shrink, tells that they will not end."""
SOON = 0.1
"""A first step after a trigger has fired, as a share of the time since it last did, or since the start."""
LEAST = 1e-15
"""And no shorter than such a share of the time itself: two triggers may fire a rounding apart."""
LAST, INTERVAL, NUMBER, BEGUN = 0, 1, 2, 3
"""Columns of work.history, a row an event: last firing (at first the start), interval before it, intervals that have shrunk in a row, when they began."""
STOPPED = -1
"""Not a failure: an event with ``stop`` fired; the state is held from then on."""


@jit
def apply(event, t, x, structure, effects, work, stochastic, stream):
    """Apply the effects of one event to `x`; return OK or INVALID_EVENT."""
    effects(event, t, x, work.p, work.a, work.effect)
    table = structure.effect
    for k in range(structure.event[event, EFFECT_BEGIN], structure.event[event, EFFECT_END]):
        s, operation, value = table[k, 0], table[k, 1], work.effect[k]
        if not abs(value) < math.inf:
            return INVALID_EVENT
        whole = stochastic and structure.is_count[s] == 1
        if operation == SURVIVE:
            if not (value >= 0.0 and value <= 1.0):
                return INVALID_EVENT
            x[s] = binomial(stream, np.floor(x[s] + 0.5), value) if whole else x[s] * value
        elif operation == SET:
            x[s] = np.floor(value + 0.5) if whole else value
        elif operation == ADD:
            x[s] += np.floor(value + 0.5) if whole else value
        if not abs(x[s]) < math.inf:
            return INVALID_EVENT
        if structure.is_count[s] == 1 and x[s] < 0.0:
            return INVALID_EVENT
    return OK


@jit
def start(t, x, structure, event_times, conditions, work, fired):
    """Evaluate times and conditions at the start of a row; return OK or INVALID_EVENT (a time that is not a number)."""
    events = structure.event.shape[0]
    if events == 0:
        return OK
    event_times(t, x, work.p, work.a, work.event_time)
    conditions(t, x, work.p, work.a, work.condition_before)
    for k in range(events):
        fired[k] = math.nan
        work.history[k, LAST] = t
        work.history[k, INTERVAL] = math.inf
        work.history[k, NUMBER] = 0.0
        work.history[k, BEGUN] = t
        if structure.event[k, TIMED] == 0:
            work.event_time[k] = math.inf
        elif work.event_time[k] != work.event_time[k]:
            return INVALID_EVENT
        elif work.event_time[k] < t:
            work.event_time[k] = math.inf  # its moment was before the run
    return OK


@jit
def next_time(structure, work):
    """Return the time of the next timed event, inf without one."""
    earliest = math.inf
    for k in range(structure.event.shape[0]):
        earliest = min(earliest, work.event_time[k])
    return earliest


@jit
def rising(structure, work):
    """Tell whether a trigger is true in work.condition and was false in work.condition_before."""
    for k in range(structure.event.shape[0]):
        if structure.event[k, TIMED] == 0 and work.condition[k] > 0.5 and work.condition_before[k] < 0.5:
            return True
    return False


@jit
def has_triggers(structure):
    """Tell whether any event waits for a condition."""
    for k in range(structure.event.shape[0]):
        if structure.event[k, TIMED] == 0:
            return True
    return False


@jit
def piles_up(t, history):
    """Note that a trigger fires at `t` in its row of work.history; tell whether its intervals shrink to nothing."""
    interval = t - history[LAST]
    if interval == 0.0:
        return False  # the same moment once more: `settle` has a cap of its own for that
    if interval < history[INTERVAL]:
        history[NUMBER] += 1.0
    else:
        history[NUMBER] = 0.0
        history[BEGUN] = t
    history[INTERVAL] = interval
    history[LAST] = t
    return history[NUMBER] >= SHRINKING and interval <= CLOSE * (t - history[BEGUN])


@jit
def next_may_come(t, structure, work):
    """Return a step after the events of time `t` that does not pass over the next of them, as far as the last interval tells."""
    step = math.inf
    for k in range(structure.event.shape[0]):
        if structure.event[k, TIMED] == 0 and work.history[k, LAST] == t and work.history[k, INTERVAL] > 0.0:
            step = min(step, max(SOON * work.history[k, INTERVAL], LEAST * max(1.0, abs(t))))
    return step


@jit
def settle(t, x, structure, conditions, effects, work, fired, stochastic, stream, budget):
    """Fire all that is due at `t`; return (OK, STOPPED or a failure, number fired)."""
    table = structure.event
    events = table.shape[0]
    number = 0
    again = events > 0
    stale = True
    while again:
        again = False
        for k in range(events):
            if stale:  # the state has changed since the conditions were looked at
                conditions(t, x, work.p, work.a, work.condition)
                stale = False
                for j in range(events):
                    if work.condition[j] < 0.5:
                        work.condition_before[j] = 0.0  # what has fallen may rise again at this very moment
            due = False
            if table[k, TIMED] == 1:
                if work.event_time[k] <= t:
                    due = True
                    work.event_time[k] = math.inf
            else:
                due = work.condition[k] > 0.5 and work.condition_before[k] < 0.5
                work.condition_before[k] = work.condition[k]
            if not due or (table[k, HAS_IF] == 1 and work.condition[events + k] < 0.5):
                continue
            number += 1
            if number > min(budget, CASCADE) or (table[k, TIMED] == 0 and piles_up(t, work.history[k])):
                return EVENT_BUDGET, number
            stale = True
            outcome = apply(k, t, x, structure, effects, work, stochastic, stream)
            if outcome != OK:
                return outcome, number
            if fired[k] != fired[k]:
                fired[k] = t
            if table[k, STOP] == 1:
                return STOPPED, number
            again = True
    return OK, number
