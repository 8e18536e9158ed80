"""What a paused row of the hybrid kernel goes on from, in one array of numbers, so that something else may change its state meanwhile.

=================  =========================  ==================================================================
from               length                     meaning
=================  =========================  ==================================================================
0                  `PAUSE`                    whether it has begun, clock, waiting, step, and what has been done
`PAUSE`            1                          exponential clock of rare events
`PAUSE` + 1        n_species                  state
then               n_species                  1 where a population is discrete
then               events                     times of timed events
then               2 x events                 conditions as they were
then               4 x events                 history of triggers
=================  =========================  ==================================================================
"""

import numpy as np
import numpy.typing as npt

from sim.kernels._jit import jit
from sim.kernels.populations import forget_modes

BEGUN, NOW, NEED, STEP, SAVED, STEPS, GROUPS, PAUSE = range(8)
"""Places of what the loop keeps in its locals, and their number."""
STATE = PAUSE + 1
PAUSED = -2
"""Not a status: the row has come to the time at which it was to pause."""


def length(n_species: int, n_events: int) -> int:
    """Return how many numbers a row has."""
    return STATE + 2 * n_species + 7 * n_events


def views(
    carry: npt.NDArray[np.float64], n_species: int, n_events: int
) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, npt.NDArray[np.float64]]]:
    """Return views of a row's parts: of its species (state, discrete), and of its events (event_time, condition, history)."""
    species, events = {"state": 1, "discrete": 1}, {"event_time": 1, "condition": 2, "history": 4}
    at, parts = STATE, []
    for widths, count in ((species, n_species), (events, n_events)):
        mine = {}
        for name, width in widths.items():
            mine[name] = carry[at : at + width * count].reshape(count, width)
            at += width * count
        parts.append(mine)
    return parts[0], parts[1]


@jit
def keep(carry, pause, structure, work, laws):
    """Write a paused row into `carry`."""
    n, events = structure.n_species, structure.event.shape[0]
    for k in range(PAUSE):
        carry[k] = pause[k]
    carry[PAUSE] = laws.clock[0]
    at = STATE
    for s in range(n):
        carry[at + s] = work.x[s]
        carry[at + n + s] = laws.discrete[s]
    at += 2 * n
    for k in range(events):
        carry[at + k] = work.event_time[k]
        carry[at + events + 2 * k] = work.condition_before[2 * k]
        carry[at + events + 2 * k + 1] = work.condition_before[2 * k + 1]
        for m in range(4):
            carry[at + 3 * events + 4 * k + m] = work.history[k, m]


@jit
def take_up(carry, pause, structure, static, work, laws):
    """Read a paused row from `carry`; its parameters stand in work.p and may have changed."""
    n, events = structure.n_species, structure.event.shape[0]
    for k in range(PAUSE):
        pause[k] = carry[k]
    laws.clock[0] = carry[PAUSE]
    forget_modes(laws)
    at = STATE
    for s in range(n):
        work.x[s] = carry[at + s]
        laws.discrete[s] = 1 if carry[at + n + s] > 0.5 else 0
        laws.watched[s] = 1 - laws.discrete[s]
    at += 2 * n
    for k in range(events):
        work.event_time[k] = carry[at + k]
        work.condition_before[2 * k] = carry[at + events + 2 * k]
        work.condition_before[2 * k + 1] = carry[at + events + 2 * k + 1]
        for m in range(4):
            work.history[k, m] = carry[at + 3 * events + 4 * k + m]
    static(work.p, work.a)
