"""One step of Rodas4, a stiffly accurate Rosenbrock method of order 4(3), for a network.

Six stages share one sparse factorisation of ``1/(gamma h) - J``; each costs one right-hand side and one pair of triangular
solves. The method is L-stable, so fast cytokines do not limit the step, and its third-order dense output serves save times
and crossings.

Reference: Hairer and Wanner, Solving Ordinary Differential Equations II, 2nd ed. (1996), section IV.10, method RODAS.
Assumes a smooth right-hand side within the step. On failure the error is not finite; nothing else is promised.

======== =================================== ===============================
symbol   name                                shape
======== =================================== ===============================
x        state, then 1 for "no reactant"     (n_species + 1,)
p, a     parameters, values made of them     (n_parameters,), (n_static,)
d        named sums of the state             (n_definitions,)
values   hazards h, then derivatives g       (n_hazards + n_derivatives,)
u        stages                              (6, n_species + n_definitions)
======== =================================== ===============================
"""

import math
from typing import NamedTuple

import numpy as np

from sim.kernels._jit import jit, jit_allocating, jit_merged
from sim.kernels.structure import (
    CHANGE_BEGIN,
    CHANGE_END,
    FACTOR,
    HAZARD,
    MULTIPLIER,
    PLACE,
    REACTION,
    SOURCE,
    FloatArray,
)

GAMMA = 0.25
A21 = 1.544
A31, A32 = 0.9466785280815826, 0.2557011698983284
A41, A42, A43 = 3.314825187068521, 2.896124015972201, 0.9986419139977817
A51, A52, A53, A54 = 1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950
C21 = -5.6688
C31, C32 = -2.430093356833875, -0.2063599157091915
C41, C42, C43 = -0.1073529058151375, -9.594562251023355, -20.47028614809616
C51, C52, C53, C54 = 7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160
C61, C62, C63, C64, C65 = (
    8.083246795921522,
    -7.981132988064893,
    -31.52159432874371,
    16.31930543123136,
    -6.058818238834054,
)
TIME2, TIME3, TIME4 = 0.386, 0.21, 0.63  # stage times; stages 5 and 6 stand at the end of the step
SLOPE1, SLOPE2, SLOPE3, SLOPE4 = 0.25, -0.1043, 0.1035, -0.0362  # weights of the partial derivative by time
D21, D22, D23, D24, D25 = (
    10.12623508344586,
    -7.487995877610167,
    -34.80091861555747,
    -7.992771707568823,
    1.025137723295662,
)
D31, D32, D33, D34, D35 = (
    -0.6762803392801253,
    6.087714651680015,
    16.43084320892478,
    24.76722511418386,
    -6.594389125716872,
)

SAFETY, SHRINK_MOST, GROW_MOST = 0.9, 0.2, 6.0


class Work(NamedTuple):
    """Arrays of one worker, allocated once."""

    x: FloatArray
    x_new: FloatArray
    probe: FloatArray
    spare: FloatArray
    p: FloatArray
    a: FloatArray
    d: FloatArray
    values: FloatArray
    slope: FloatArray
    slope_here: FloatArray
    jacobian: FloatArray
    factors: FloatArray
    u: FloatArray
    dense: FloatArray
    partial_time: FloatArray
    mask: FloatArray
    event_time: FloatArray
    condition: FloatArray
    condition_before: FloatArray
    effect: FloatArray
    history: FloatArray


@jit_allocating
def allocate(structure):
    """Return the work arrays of a network."""
    n, sums = structure.n_species, structure.n_definitions
    unknowns, reactions, events = n + sums, structure.reaction.shape[0], structure.event.shape[0]
    state = np.ones((4, n + 1))
    return Work(
        state[0],
        state[1],
        state[2],
        state[3],
        np.zeros(structure.n_parameters),
        np.zeros(structure.n_static),
        np.zeros(sums),
        np.zeros(structure.n_hazards + structure.n_derivatives),
        np.zeros(n),
        np.zeros(n),
        np.zeros(structure.n_slots),
        np.zeros(structure.n_slots),
        np.zeros((6, unknowns)),
        np.zeros((2, n)),
        np.zeros(unknowns),
        np.ones(reactions + 1),  # the last is of named sums, which are never masked
        np.zeros(events),
        np.zeros(2 * events),
        np.zeros(2 * events),
        np.zeros(structure.effect.shape[0]),
        np.zeros((events, 4)),
    )


@jit
def drift(t, x, p, a, d, values, mask, structure, slopes, slope):
    """Write dx/dt into `slope`, named sums into `d` and hazards into `values`; masked reactions take no part."""
    slopes(t, x, p, a, d, values, slope)
    reaction = structure.reaction
    for m in range(structure.maskable.shape[0]):
        r = structure.maskable[m]
        rate = mask[r] * values[reaction[r, HAZARD]] * x[reaction[r, FACTOR]]
        for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
            slope[structure.change_species[k]] += structure.change_amount[k] * rate


@jit_merged
def linearise(t, structure, derivatives, work):
    """Write minus the bordered Jacobian at (t, work.x) into its slots, and the partial derivatives by time into work.partial_time."""
    values, jacobian = work.values, work.jacobian
    derivatives(t, work.x, work.p, work.a, work.d, values[structure.n_hazards :])
    for s in range(jacobian.shape[0]):
        jacobian[s] = 0.0
    for k in range(structure.unit_slots.shape[0]):
        jacobian[structure.unit_slots[k]] = 1.0
    table = structure.assembly
    for k in range(table.shape[0]):
        jacobian[table[k, PLACE]] += (
            structure.assembly_coefficient[k]
            * values[table[k, SOURCE]]
            * work.x[table[k, MULTIPLIER]]
            * work.mask[table[k, REACTION]]
        )
    for i in range(work.partial_time.shape[0]):
        work.partial_time[i] = 0.0
    table = structure.time_terms
    for k in range(table.shape[0]):
        work.partial_time[table[k, PLACE]] += (
            structure.time_coefficient[k]
            * values[table[k, SOURCE]]
            * work.x[table[k, MULTIPLIER]]
            * work.mask[table[k, REACTION]]
        )


@jit
def stage(i, slope_weight, h, structure, solve, work):
    """Turn u[i], which holds the sum of c_ij u_j, into stage i; its state stands in `work.probe`, slopes in `work.slope`."""
    n = structure.n_species
    right = work.u[i]
    inverse = 1.0 / h
    for s in range(n):
        right[s] = work.slope[s] + inverse * right[s]
    for s in range(n, right.shape[0]):
        right[s] = 0.0
    if slope_weight != 0.0 and structure.time_terms.shape[0] > 0:
        for s in range(right.shape[0]):
            right[s] += slope_weight * h * work.partial_time[s]
    solve(work.factors, right)


@jit
def stage_slope(t, structure, slopes, work):
    """Write the slopes of the stage's state."""
    drift(t, work.probe, work.p, work.a, work.d, work.values, work.mask, structure, slopes, work.slope)


@jit_merged
def step(t, h, structure, slopes, factorise, solve, work):
    """Try a step from (t, work.x), where `linearise` was done and work.slope_here holds the slope; write work.x_new.

    Stage 6 stays in ``work.u[5]``: it is the estimate of the local error. Coefficients of the dense output go into work.dense.
    """
    n = structure.n_species
    x, y, u = work.x, work.probe, work.u
    factorise(1.0 / (GAMMA * h), work.jacobian, work.factors)
    for s in range(n):
        work.slope[s] = work.slope_here[s]
        u[0, s] = 0.0
    stage(0, SLOPE1, h, structure, solve, work)
    for s in range(n):
        y[s] = x[s] + A21 * u[0, s]
        u[1, s] = C21 * u[0, s]
    stage_slope(t + TIME2 * h, structure, slopes, work)
    stage(1, SLOPE2, h, structure, solve, work)
    for s in range(n):
        y[s] = x[s] + A31 * u[0, s] + A32 * u[1, s]
        u[2, s] = C31 * u[0, s] + C32 * u[1, s]
    stage_slope(t + TIME3 * h, structure, slopes, work)
    stage(2, SLOPE3, h, structure, solve, work)
    for s in range(n):
        y[s] = x[s] + A41 * u[0, s] + A42 * u[1, s] + A43 * u[2, s]
        u[3, s] = C41 * u[0, s] + C42 * u[1, s] + C43 * u[2, s]
    stage_slope(t + TIME4 * h, structure, slopes, work)
    stage(3, SLOPE4, h, structure, solve, work)
    for s in range(n):
        y[s] = x[s] + A51 * u[0, s] + A52 * u[1, s] + A53 * u[2, s] + A54 * u[3, s]
        u[4, s] = C51 * u[0, s] + C52 * u[1, s] + C53 * u[2, s] + C54 * u[3, s]
    stage_slope(t + h, structure, slopes, work)
    stage(4, 0.0, h, structure, solve, work)
    for s in range(n):
        y[s] += u[4, s]
        u[5, s] = C61 * u[0, s] + C62 * u[1, s] + C63 * u[2, s] + C64 * u[3, s] + C65 * u[4, s]
    stage_slope(t + h, structure, slopes, work)
    stage(5, 0.0, h, structure, solve, work)
    for s in range(n):
        work.x_new[s] = y[s] + u[5, s]
        work.dense[0, s] = D21 * u[0, s] + D22 * u[1, s] + D23 * u[2, s] + D24 * u[3, s] + D25 * u[4, s]
        work.dense[1, s] = D31 * u[0, s] + D32 * u[1, s] + D33 * u[2, s] + D34 * u[3, s] + D35 * u[4, s]


@jit
def is_beyond_pole(structure, work):
    """Tell whether something grows by more e-folds in the step than the method can tell from a decay (1/GAMMA = 4).

    The method's rational function has a pole there, and beyond it growth comes out as a fall, to zero where it is fast, and so does the estimate
    of its error. The determinant of 1/(GAMMA h) - J, positive for short steps, is negative beyond; reciprocal pivots are the last of the factors.
    """
    last = structure.n_slots
    negative = False
    for k in range(last - structure.n_species - structure.n_definitions, last):
        if work.factors[k] < 0.0:
            negative = not negative
    return negative


@jit
def scaled_error(structure, work, relative, absolute, watched):
    """Root mean square of the error over the watched species that matter, in units of the tolerance; infinite beyond the method's pole."""
    if is_beyond_pole(structure, work):
        return math.inf
    total, counted = 0.0, 0
    for s in range(structure.n_species):
        if watched[s] == 0:
            continue
        size = max(abs(work.x[s]), abs(work.x_new[s]))
        e = work.u[5, s] / (absolute[s] + relative * size)
        if size > absolute[s] or abs(e) > 1e-3 or e != e:
            total += e * e
            counted += 1
    return math.sqrt(total / max(counted, 1))


@jit
def growth(error):
    """Factor from this step to the next."""
    if not error < 1e12:  # NaN and inf land here
        return SHRINK_MOST
    return min(max(SAFETY / math.sqrt(math.sqrt(error + 1e-12)), SHRINK_MOST), GROW_MOST)


@jit
def interpolate(theta, structure, work, y):
    """Write the state at fraction `theta` of the last step into `y`."""
    for s in range(structure.n_species):
        y[s] = (1.0 - theta) * work.x[s] + theta * (
            work.x_new[s] + (1.0 - theta) * (work.dense[0, s] + theta * work.dense[1, s])
        )


@jit
def first_step(t, t_end, structure, work, relative, absolute):
    """Return a first step from the state and its slope (work.slope_here): a rejection costs less than many small steps."""
    size, speed = 0.0, 0.0
    for s in range(structure.n_species):
        scale = absolute[s] + relative * abs(work.x[s])
        size = max(size, abs(work.x[s]) / scale)
        speed = max(speed, abs(work.slope_here[s]) / scale)
    span = t_end - t
    if not speed > 0.0 or not size > 0.0:
        return 1e-3 * span
    return min(max(0.3 * size / speed, 1e-9 * span), 0.1 * span)
