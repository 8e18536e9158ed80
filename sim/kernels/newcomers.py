"""Newcomers of a step: mutants, immigrants and what continuous populations bring, and what these bring in turn.

Their number is Poisson, each comes at a time of its own, and its line goes on by Kendall's law (sim/kernels/branching.py).
"""

import math

from sim.kernels._jit import jit, jit_merged
from sim.kernels.conversions import moves_rarely
from sim.kernels.populations import ARRIVING, CONVERTING, lineages_of, listed
from sim.kernels.random import uniform
from sim.kernels.samplers import binomial_pair, poisson
from sim.kernels.structure import CHANGE_BEGIN, CHANGE_END, FACTOR, HAZARD

RISING = 2.15
"""Exponent of a density on (0, 1) with the mean of one that rises linearly from nothing, 2/3."""
RARE = 0.1
"""Reactions that bring fewer newcomers a step than this share one draw: a sum of Poisson numbers is one."""


@jit
def early_share(contrast):
    """Return f in the mean presence n f + m (1 - f), as a share of a step, of a population that goes from n to m cells.

    f = 1/d - 1/(exp(d) - 1), with ``contrast`` d the integral of the net loss of a cell: those who are lost are present for f of the step
    on average, those who stay for all of it. Without loss or growth it is a half.
    """
    if abs(contrast) < 1e-2:
        return 0.5 - contrast / 12.0 + contrast**3 / 720.0
    contrast = min(max(contrast, -700.0), 700.0)
    return 1.0 / contrast - 1.0 / math.expm1(contrast)


@jit
def presence_of_newcomer(rho):
    """Integrate (1 - u) exp(-rho u) over 0 < u < 1: the mean part of a step that the line of one newcomer is present."""
    if abs(rho) < 1e-2:
        return 0.5 - rho / 6.0 + rho * rho / 24.0 - rho**3 / 120.0
    rho = min(max(rho, -700.0), 700.0)
    return (math.expm1(-rho) + rho) / (rho * rho)


@jit
def expected_arrivals(r, dt, structure, laws):
    """Return the mean number of arrivals of reaction r to discrete populations in the step, but for those due to newcomers.

    A discrete source that goes from n to m is present for ``n f + m (1 - f)`` of the step, f = 1/rho - 1/(exp(rho) - 1) with rho
    the integral of death - birth: those who die live f of it on average, those who stay all of it.
    """
    s, q = structure.reaction[r, FACTOR], structure.reaction[r, HAZARD]
    a, b, c = laws.start[q], laws.middle[q], laws.end[q]
    if s < structure.n_species and laws.discrete[s] == 1:
        if laws.before[s] == 0.0:
            return 0.0
        share = early_share(laws.rho[s])
        first, last = laws.before[s] * share, laws.after[s] * (1.0 - share)
        return 0.5 * dt * ((a + b) * first + (b + c) * last)
    if s < structure.n_species:
        a, b, c = (
            a * max(laws.before[s], 0.0),
            b * max(laws.x_middle[s], 0.0),
            c * max(laws.x_end[s], 0.0),
        )
    return dt * (a + 4.0 * b + c) / 6.0


@jit
def arrival_tilt(r, dt, structure, laws):
    """Return how fast the rate of the arrivals of reaction r grows along the step, per time."""
    s, q = structure.reaction[r, FACTOR], structure.reaction[r, HAZARD]
    a, c = laws.start[q] * laws.before[s], laws.end[q]
    if s < structure.n_species and laws.discrete[s] == 1:
        c *= laws.after[s]
        if not (a > 0.0 and c > 0.0):
            return -laws.rho[s] / dt
    elif s < structure.n_species:
        c *= laws.x_end[s]
    return math.log(c / a) / dt if a > 0.0 and c > 0.0 else 0.0


@jit
def add_newcomers(r, number, tilt, dt, structure, laws, stream):
    """Let newcomers of reaction r come: what their lines are at the end of the step goes to laws.arrived."""
    for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
        j, amount = structure.change_species[k], structure.change_amount[k]
        if amount > 0.0 and laws.discrete[j] == 1:
            laws.coming[j] += number * amount
            laws.arrived[j] += lineages_of(j, number, amount, tilt, dt, laws, stream)


@jit
def rising(rho):
    """Return the exponent, per step, of the density of what newcomers bring: (1 - exp(-rho s))/rho, from a line to nearly even."""
    return RISING / (1.0 + rho / 3.0) if rho > 0.0 else RISING - rho


@jit
def draw_later_generations(dt, structure, laws, stream):
    """Draw what newcomers of the step bring by arrivals and rare conversions of their own, generation by generation; return how many came.

    A newcomer came at any time of the step, so its daughters come late in it, at a density that rises from nothing.
    """
    number = 0.0
    for s in range(structure.n_species):
        laws.fresh[s] = laws.coming[s]
        laws.coming[s] = 0.0
    for row in (ARRIVING, CONVERTING):
        for r in listed(row, laws):
            s, q = structure.reaction[r, FACTOR], structure.reaction[r, HAZARD]
            if s == structure.n_species or laws.discrete[s] == 0 or not laws.fresh[s] > 0.0:
                continue
            if row == CONVERTING and not moves_rarely(r, dt, structure, laws):
                continue
            hazard = dt * (laws.start[q] + 4.0 * laws.middle[q] + laws.end[q]) / 6.0
            more = poisson(stream, laws.fresh[s] * hazard * presence_of_newcomer(laws.rho[s]))
            if not more > 0.0:
                continue
            number += more
            if row == CONVERTING:
                # Who moves is gone, as far as it would still be there, a third of the step later.
                left = min(math.exp(-laws.rho[s] / 3.0), 1.0)
                laws.arrived[s] = max(laws.arrived[s] - binomial_pair(stream, more, left, 1.0 - left), 0.0)
            add_newcomers(r, more, rising(laws.rho[s]) / dt, dt, structure, laws, stream)
    return number


@jit_merged
def draw_newcomers(dt, number, structure, laws, stream):
    """Draw newcomers: rare arrivals of all reactions by one Poisson number and then their reaction, common ones each by its own.

    What they are at the end of the step is kept apart from those who were there before, so that no order matters. ``number`` have come
    already, by conversions of the start.
    """
    rare, reactions = 0.0, listed(ARRIVING, laws)
    for m in range(reactions.shape[0]):
        r = reactions[m]
        mean = expected_arrivals(r, dt, structure, laws)
        laws.arrivals[m] = 0.0
        if not mean > 0.0:
            continue
        if mean < RARE:
            laws.arrivals[m] = mean
            rare += mean
        else:
            several = poisson(stream, mean)
            if several > 0.0:
                number += several
                add_newcomers(r, several, arrival_tilt(r, dt, structure, laws), dt, structure, laws, stream)
    left = poisson(stream, rare) if rare > 0.0 else 0.0
    number += left
    while left > 0.0:
        left -= 1.0
        aim = uniform(stream) * rare
        chosen = -1
        for m in range(reactions.shape[0]):
            if laws.arrivals[m] > 0.0:
                chosen = m
                aim -= laws.arrivals[m]
                if aim <= 0.0:
                    break
        r = reactions[chosen]
        add_newcomers(r, 1.0, arrival_tilt(r, dt, structure, laws), dt, structure, laws, stream)
    if not number > 0.0:
        return
    while draw_later_generations(dt, structure, laws, stream) > 0.0:
        pass  # `bounded_step` keeps a newcomer's own daughters within the step few, so this ends
    for s in range(structure.n_species):
        laws.after[s] += laws.arrived[s]
