"""What kernel `ode` writes at the save times within its steps.

Where every output is a species its values come straight from the dense output of a lane's step; else the network computes them, in all
lanes at once. The first is merged into the loop: as calls it would copy the arrays that it is given, at half the cost of a step.
"""

from sim.kernels._jit import jit, jit_merged
from sim.kernels.lanes import STAGE_TIME, STEP, THETA, TIME, gather
from sim.kernels.status import OK


@jit_merged
def save_species(lanes, saved_species, structure, layout, t_save, knots, out):
    """Write what is to be saved before the end of the accepted steps, where outputs are species: a lane's saves one after the other.

    The dense output of a lane is taken from its rows once for all of them, in the order of the outputs (`knots`).
    """
    rows, n = lanes.rows, structure.n_species
    starts = (layout.x, layout.x_new, layout.dense, layout.dense + n)
    for lane in range(lanes.row.shape[0]):
        if not is_due(lane, lanes, t_save):
            continue
        for k in range(4):
            for j in range(saved_species.shape[0]):
                knots[k, j] = rows[starts[k] + saved_species[j], lane]
        values = out[lanes.row[lane]]
        while is_due(lane, lanes, t_save):
            theta = (t_save[lanes.saved[lane]] - rows[TIME, lane]) / rows[STEP, lane]
            between(theta, knots, saved_species.shape[0], values[lanes.saved[lane]])
            lanes.saved[lane] += 1


@jit_merged
def between(theta, knots, count, values):
    """Write the dense output at a fraction of the step."""
    for j in range(count):
        values[j] = (1.0 - theta) * knots[0, j] + theta * (
            knots[1, j] + (1.0 - theta) * (knots[2, j] + theta * knots[3, j])
        )


@jit
def save_within(lanes, observe, structure, layout, t_save, out):
    """Write what is to be saved before the end of the accepted steps, a save of each lane at a time."""
    rows = lanes.rows
    while True:
        waiting = False
        for lane in range(lanes.row.shape[0]):
            due = is_due(lane, lanes, t_save)
            if due:
                moment = t_save[lanes.saved[lane]]
                rows[THETA, lane] = (moment - rows[TIME, lane]) / rows[STEP, lane]
                rows[STAGE_TIME, lane] = moment
                waiting = True
        if not waiting:
            return
        observe(rows, 0)
        for lane in range(lanes.row.shape[0]):
            if is_due(lane, lanes, t_save):
                gather(
                    rows, layout.outputs, structure.n_outputs, lane, out[lanes.row[lane], lanes.saved[lane]]
                )
                lanes.saved[lane] += 1


@jit
def is_due(lane, lanes, t_save):
    """Tell whether a save lies within the accepted step of a lane."""
    return (
        lanes.outcome[lane] == OK
        and lanes.saved[lane] < t_save.shape[0]
        and t_save[lanes.saved[lane]] < lanes.reached[lane]
    )
