"""Rows of the workspace in which several patients are integrated side by side.

A row holds one quantity, a lane each: what a program reads and writes is contiguous, and all of it is one array, in which the places of a
network's programs (sim/network/lane_programs.py) stand as numbers. `Layout` says to the driver where its blocks of rows begin.
"""

from typing import NamedTuple

import numpy as np
from numba import types

from sim.kernels._jit import jit, jit_allocating
from sim.kernels.structure import FloatArray, IntegerArray

WIDTH = 8
"""Lanes. Half as many took 1.4 to 1.6 times as long, twice as many 1.2 times: there are 32 vector registers."""
ALIGNMENT = 64
"""Bytes; a row of eight lanes is one line of the cache when it begins at a multiple of this."""

# Rows that every network has.
(
    TIME,  # of the state
    STEP,  # length of the step that is tried
    INVERSE_STEP,
    SPAN,  # what a rate below zero is looked at for
    STAGE_TIME,  # time of a stage, of a save or of a look at the conditions
    STAGE_WEIGHT,  # step times the weight of the partial derivatives by time
    THETA,  # fraction of the step at which outputs or conditions are asked for
    RELATIVE,  # tolerance
    SLOPE_CHECK,  # 0, NaN when a slope is not finite
    NEGATIVE,  # 1 when a reaction that changes counts runs backwards
    POLE,  # -1 beyond the method's pole, else 1
    ERROR_SUM,
    ERROR_COUNT,
    STATE_CHECK,  # 0, NaN when the new state is not finite
    BELOW_ZERO,  # 1 when a count fell below zero by more than its tolerance
    MOVES,  # 1 where the state becomes the new one
    FIRST_BLOCK,
) = range(17)

PROGRAM = types.void(types.Array(types.float64, 2, "C"), types.int64)
"""program(rows, base): rows of the workspace are read and written; some are counted from base."""


class Layout(NamedTuple):
    """First row of each block, and how long those are that a `Structure` does not tell."""

    x: int
    x_new: int
    stage: int
    slope: int
    absolute: int
    dense: int
    parameters: int
    static: int
    more: int
    conditions: int
    outputs: int
    n_more: int
    n_rows: int


LAYOUT_TYPE = types.NamedUniTuple(types.int64, len(Layout._fields), Layout)


@jit_allocating
def allocate_rows(count, width):
    """Return rows of ones (harmless in every rate), the first of which begins at a line of the cache."""
    spare = ALIGNMENT // 8
    flat = np.ones(count * width + spare)
    begin = (-(flat.ctypes.data // 8)) % spare
    return flat[begin : begin + count * width].reshape((count, width))


@jit
def gather(rows, begin, count, lane, values):
    """Copy a lane of some rows into an array."""
    for s in range(count):
        values[s] = rows[begin + s, lane]


@jit
def scatter(values, count, rows, begin, lane):
    """Copy an array into a lane of some rows."""
    for s in range(count):
        rows[begin + s, lane] = values[s]


class Lanes(NamedTuple):
    """What each lane keeps from step to step.

    Attributes
    ----------
    rows : ndarray, shape (layout.n_rows, width)
        The workspace of the programs.
    row : ndarray of int
        Row of the chunk that a lane integrates, -1 when there is none left for it.
    saved, steps : ndarray of int
        Saves written and steps tried.
    fresh, restart, falls, whole : ndarray of int
        1 when: the slope is of a new state; the length of the step is unknown; the last refusal was of a count below zero; the
        step ends at the target.
    outcome : ndarray of int
        What came of the last step (sim/kernels/ode.py).
    length, target : ndarray
        Of the next step where nothing cuts it short; where to stop next.
    reached : ndarray
        Where an accepted step ends.
    arrived : ndarray, shape (width, n_species)
        The state there, when a trigger ends the step.
    soon : ndarray
        Longest first step after events, as far as the history of triggers bounds it.
    event_time, before : ndarray, shape (width, n_events) and (width, 2 n_events)
        Times and last conditions of the events.
    history : ndarray, shape (width, n_events, 4)
        What triggers have done (sim/kernels/events.py).
    """

    rows: FloatArray
    row: IntegerArray
    saved: IntegerArray
    steps: IntegerArray
    fresh: IntegerArray
    restart: IntegerArray
    falls: IntegerArray
    whole: IntegerArray
    outcome: IntegerArray
    length: FloatArray
    target: FloatArray
    reached: FloatArray
    arrived: FloatArray
    soon: FloatArray
    event_time: FloatArray
    before: FloatArray
    history: FloatArray


@jit_allocating
def allocate_lanes(structure, layout, width, relative, absolute):
    """Return lanes without rows."""
    n_events = structure.event.shape[0]
    numbers = np.zeros((8, width), np.int64)
    numbers[0] = -1
    times = np.zeros((4, width))
    lanes = Lanes(
        allocate_rows(layout.n_rows, width),
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        numbers[5],
        numbers[6],
        numbers[7],
        times[0],
        times[1],
        times[2],
        np.zeros((width, structure.n_species)),
        times[3],
        np.zeros((width, n_events)),
        np.zeros((width, 2 * n_events)),
        np.zeros((width, n_events, 4)),
    )
    lanes.rows[RELATIVE] = relative
    for s in range(structure.n_species):
        lanes.rows[layout.absolute + s] = absolute[s]
    return lanes


@jit
def recall(lane, lanes, structure, layout, work):
    """Copy a lane's row into `work`."""
    gather(lanes.rows, layout.x, structure.n_species, lane, work.x)
    gather(lanes.rows, layout.parameters, structure.n_parameters, lane, work.p)
    gather(lanes.rows, layout.static, structure.n_static, lane, work.a)
    for k in range(structure.event.shape[0]):
        work.event_time[k] = lanes.event_time[lane, k]
        work.condition_before[k] = lanes.before[lane, k]
        for column in range(work.history.shape[1]):
            work.history[k, column] = lanes.history[lane, k, column]
