"""How long a step of the leap may be, and which reactions are not to be leapt over.

A leap takes every rate for what it is at the start and in the middle. So what is bounded is the change of the rates themselves,
by drift and by chance, found from the network's own derivatives: near a capacity a rate may vanish while no species changes
much. Quantities are the species, then the named sums, then the rates; ``partials`` lists the derivative of one by another,
each sum before what uses it, so one pass carries a change of the species through to the rates, and one pass back carries what
is to be asked of the rates to the species.

==============  ==========================================================================================================
bound           a step is no longer than
==============  ==========================================================================================================
rates           the mean change and the standard deviation of each rate stay within epsilon of it, or within what the least
                telling cell does to it (Cao, Gillespie and Petzold 2006)
species         likewise those of each species that a rate or a trigger depends on: what a product of two empty species will
                be, its derivatives do not tell
losses          what a species loses stays below what there is, by six standard deviations
relaxation      ten epsilon, one half at most, of the time in which the fastest deviation fades or grows: at balance nothing
                drifts, and without this bound a leap would be as long as it likes and throw the state far off
triggers        where chance or drift could change the condition of a trigger, six standard deviations and the drift stay below one
                cell, or a thousandth of a large population: triggers are looked at between steps
==============  ==========================================================================================================

A reaction is critical, and then fires singly and at its time, when ten firings would use up a reactant or take a rate below zero;
when it changes a species that rates depend on and of which there are fewer than ten firings' worth, so that few cells have their exact law
beside many; and when a single firing changes a rate or a species by more than a step may: no step could hold two of it. The variance of a rate is
taken from the standard deviations of what it depends on, added up, which is never too little. A derivative that is not finite
bounds nothing; the bound on the species remains.

References: Cao, Gillespie and Petzold, J. Chem. Phys. 124 (2006) 044109, doi:10.1063/1.2159468, and 123 (2005) 054104,
doi:10.1063/1.1992473 (critical reactions); Rathinam, Petzold, Cao and Gillespie, J. Chem. Phys. 119 (2003) 12784,
doi:10.1063/1.1627296 (leaps longer than the relaxation time are unstable).
"""

import math
from typing import NamedTuple

import numpy as np

from sim.kernels._jit import jit, jit_allocating, jit_merged
from sim.kernels.structure import CHANGE_BEGIN, CHANGE_END, IN_TRIGGERS, FloatArray, IntegerArray
from sim.kernels.trigger_bounds import FINE, WIDE, settled

CRITICAL = 10.0
"""A reaction that can fire fewer times than this before a reactant is gone, or a rate is zero, is critical; likewise one that changes a
species of fewer firings than this."""
SPARE = 6.0
"""Standard deviations of the losses of a step that a species must have left."""
RELAXATION, RELAXATION_MOST = 10.0, 0.5
"""Longest step in units of the fastest relaxation time: so many epsilon, and at most. A step of z such times makes the variance at
balance wrong by z^3/8."""
MEMORY = 0.8
"""Share of the fastest pace that is believed one step later, where a new look shows less."""
SEED = 0.01
"""Share of the starting direction that is mixed into the direction of fastest change, so that none is ever lost."""
ROUNDING = 1.0 + 1e-9

# columns of Leap.partials and Leap.terms
OWNER, VARIABLE = range(2)
PARTIAL, VALUE, TIMES = range(3)


class Leap(NamedTuple):
    """Arrays of the leap, allocated once a worker; n species, r reactions, q quantities (species, named sums, rates).

    ======== =========================================================== =========
    name     meaning                                                     shape
    ======== =========================================================== =========
    rate     rates at the start of a step; ``middle``, ``end`` likewise  (r,)
    firings  firings of the half step drawn last                         (r,)
    critical 1 for reactions that are not to be leapt over               (r,)
    state    state in the middle and at the end of a step                (n + 1,)
    felt     1 for species that a rate or a trigger depends on           (n,)
    partials quantity, and what it is differentiated by                  (k, 2)
    terms    partial, value, multiplier: its parts                       (m, 3)
    gradient the derivatives                                             (k,)
    flow     mean change per time of a quantity                          (q,)
    spread   its standard deviation after the unit of time               (q,)
    cell     least change that one cell makes                            (q,)
    rising   share of a rate that is lost if the quantity rises by one   (q,)
    falling  likewise if it falls                                        (q,)
    reach    change by one, in units of what a step may change           (q,)
    pull     a direction of the species, carried through to the rates    (q,)
    loss     losses per time of a species, and their variance            (2, n)
    ======== =========================================================== =========

    ``direction`` (n,) is the change of the species that fades or grows fastest, as far as it is known; ``box`` (2 n + 3,) holds least and
    largest values of the species, and a time, as `reach` takes them.
    """

    rate: FloatArray
    middle: FloatArray
    end: FloatArray
    firings: FloatArray
    critical: IntegerArray
    state: FloatArray
    felt: IntegerArray
    partials: IntegerArray
    terms: IntegerArray
    gradient: FloatArray
    flow: FloatArray
    spread: FloatArray
    cell: FloatArray
    rising: FloatArray
    falling: FloatArray
    reach: FloatArray
    pull: FloatArray
    loss: FloatArray
    direction: FloatArray
    box: FloatArray


@jit_allocating
def allocate_leap(structure, felt, partials, terms):
    """Return the arrays of the leap."""
    n, reactions = structure.n_species, structure.reaction.shape[0]
    quantities = n + structure.n_definitions + reactions
    return Leap(
        np.zeros(reactions),
        np.zeros(reactions),
        np.zeros(reactions),
        np.zeros(reactions),
        np.zeros(reactions, np.int64),
        np.ones(n + 1),
        felt,
        partials,
        terms,
        np.zeros(partials.shape[0]),
        np.zeros(quantities),
        np.zeros(quantities),
        np.zeros(quantities),
        np.zeros(quantities),
        np.zeros(quantities),
        np.zeros(quantities),
        np.zeros(quantities),
        np.zeros((2, n)),
        np.zeros(n),
        np.ones(2 * n + 3),
    )


@jit_merged
def differentiate(t, x, structure, derivatives, work, leap):
    """Write the derivatives of named sums and rates at x, where the hazards were evaluated last."""
    derivatives(t, x, work.p, work.a, work.d, work.values[structure.n_hazards :])
    gradient, terms = leap.gradient, leap.terms
    for k in range(gradient.shape[0]):
        gradient[k] = 0.0
    for k in range(terms.shape[0]):
        gradient[terms[k, PARTIAL]] += work.values[terms[k, VALUE]] * x[terms[k, TIMES]]
    for k in range(gradient.shape[0]):
        if not abs(gradient[k]) < math.inf:
            gradient[k] = 0.0


@jit
def carry(quantity, n, partials, gradient):
    """Carry a change of the species through to named sums and rates."""
    for q in range(n, quantity.shape[0]):
        quantity[q] = 0.0
    for k in range(partials.shape[0]):
        quantity[partials[k, OWNER]] += gradient[k] * quantity[partials[k, VARIABLE]]


@jit
def carry_sizes(quantity, n, partials, gradient):
    """Carry sizes of changes through, as if all went the same way."""
    for q in range(n, quantity.shape[0]):
        quantity[q] = 0.0
    for k in range(partials.shape[0]):
        quantity[partials[k, OWNER]] += abs(gradient[k]) * quantity[partials[k, VARIABLE]]


@jit
def carry_cells(cell, n, partials, gradient):
    """Write the least change of each quantity that one cell makes, 0 where none makes any."""
    for q in range(cell.shape[0]):
        cell[q] = 1.0 if q < n else 0.0
    for k in range(partials.shape[0]):
        size = abs(gradient[k]) * cell[partials[k, VARIABLE]]
        owner = partials[k, OWNER]
        if size > 0.0 and (cell[owner] == 0.0 or size < cell[owner]):
            cell[owner] = size


@jit_merged
def weigh_changes(x, epsilon, structure, leap):
    """Write what a change of each quantity by one does: to the share that is left of a rate, and to what a step may change."""
    n, rates = structure.n_species, structure.n_species + structure.n_definitions
    partials, gradient = leap.partials, leap.gradient
    carry_cells(leap.cell, n, partials, gradient)
    for q in range(leap.reach.shape[0]):
        leap.rising[q], leap.falling[q], leap.reach[q] = 0.0, 0.0, 0.0
    for s in range(n):
        if leap.felt[s] == 1:
            leap.reach[s] = 1.0 / max(epsilon * x[s], 1.0)
    for r in range(leap.rate.shape[0]):
        rate, allowed = leap.rate[r], max(epsilon * leap.rate[r], leap.cell[rates + r])
        leap.falling[rates + r] = 1.0 / rate if rate > 0.0 else math.inf
        leap.reach[rates + r] = 1.0 / allowed if allowed > 0.0 else 0.0
    for k in range(partials.shape[0] - 1, -1, -1):
        owner, variable, slope = partials[k, OWNER], partials[k, VARIABLE], gradient[k]
        if slope == 0.0:
            continue
        up, down = leap.rising[owner], leap.falling[owner]
        if slope < 0.0:
            slope, up, down = -slope, down, up
        leap.rising[variable] = max(leap.rising[variable], slope * up)
        leap.falling[variable] = max(leap.falling[variable], slope * down)
        leap.reach[variable] = max(leap.reach[variable], slope * leap.reach[owner])


@jit_merged
def mark_critical(x, structure, leap):
    """Mark the reactions that are not to be leapt over, once changes are weighed."""
    reaction = structure.reaction
    for r in range(reaction.shape[0]):
        lost, largest, short = 0.0, 0.0, False
        for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
            s, amount = structure.change_species[k], structure.change_amount[k]
            few = x[s] < CRITICAL * abs(amount)
            short = short or (few and (amount < 0.0 or leap.felt[s] == 1))
            if amount < 0.0:
                lost -= amount * leap.falling[s]
            else:
                lost += amount * leap.rising[s]
            largest = max(largest, abs(amount) * leap.reach[s])
        leap.critical[r] = 1 if short or CRITICAL * lost > ROUNDING or largest > ROUNDING else 0


@jit_merged
def longest_leap(x, epsilon, structure, leap):
    """Return the longest step by the bounds on rates, species and losses."""
    n, rates, reaction = (
        structure.n_species,
        structure.n_species + structure.n_definitions,
        structure.reaction,
    )
    flow, spread, loss = leap.flow, leap.spread, leap.loss
    for s in range(n):
        flow[s], spread[s], loss[0, s], loss[1, s] = 0.0, 0.0, 0.0, 0.0
    for r in range(reaction.shape[0]):
        if leap.critical[r] == 0 and leap.rate[r] > 0.0:
            for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                s, mean = structure.change_species[k], structure.change_amount[k] * leap.rate[r]
                flow[s] += mean
                spread[s] += structure.change_amount[k] * mean
                if mean < 0.0:
                    loss[0, s] -= mean
                    loss[1, s] += structure.change_amount[k] * mean
    longest = math.inf
    for s in range(n):
        if loss[0, s] > 0.0:  # mean + SPARE standard deviations = x, solved for the root of the step
            width = SPARE * math.sqrt(loss[1, s])
            root = 2.0 * x[s] / (width + math.sqrt(width * width + 4.0 * loss[0, s] * x[s]))
            longest = min(longest, root * root)
        spread[s] = math.sqrt(spread[s])
        if leap.felt[s] == 1:
            longest = min(longest, time_within(max(epsilon * x[s], 1.0), flow[s], spread[s]))
    carry(flow, n, leap.partials, leap.gradient)
    carry_sizes(spread, n, leap.partials, leap.gradient)
    for r in range(reaction.shape[0]):
        allowed = max(epsilon * leap.rate[r], leap.cell[rates + r])
        longest = min(longest, time_within(allowed, flow[rates + r], spread[rates + r]))
    return longest


@jit_merged
def watchful_leap(t, dt, x, structure, reach, work, leap):
    """Shorten dt where the condition of a trigger could change within it, after `longest_leap` has found flow and spread."""
    n, box = structure.n_species, leap.box
    for _ in range(60):
        coarse = False
        box[2 * n + 2] = t + dt
        for s in range(n):
            drift, spread = leap.flow[s] * dt, WIDE * leap.spread[s] * math.sqrt(dt)
            if structure.species[s, IN_TRIGGERS] == 1:
                coarse = coarse or abs(drift) + spread >= max(1.0, FINE * x[s])
            box[s] = max(np.ceil(x[s] + min(drift, 0.0) - spread), 0.0)
            box[n + 1 + s] = np.floor(x[s] + max(drift, 0.0) + spread)
        if not coarse or settled(t, box, reach, structure, work):
            return dt
        dt *= 0.5
    return dt


@jit
def time_within(allowed, flow, spread):
    """Return the time in which neither the mean change nor its standard deviation is larger than allowed."""
    longest = math.inf
    if spread > 0.0:
        root = allowed / spread
        longest = root * root
    if flow != 0.0:
        longest = min(longest, allowed / abs(flow))
    return longest


@jit_merged
def scatter(x, share, leap):
    """Add to leap.direction, in units of each species, a direction that has a part in any other."""
    for s in range(leap.direction.shape[0]):
        sign = 1.0 if s % 2 == 0 else -1.0
        leap.direction[s] += sign * share * (1.0 + 0.6180339887 * s % 1.0) * max(x[s], 1.0)


@jit_merged
def length(x, leap):
    """Return the largest part of leap.direction, in units of each species that is felt."""
    largest = 0.0
    for s in range(leap.direction.shape[0]):
        part = abs(leap.direction[s]) / max(x[s], 1.0)
        if leap.felt[s] == 1 and not part <= largest:
            largest = part
    return largest


@jit_merged
def fastest_pace(x, structure, leap):
    """Return how fast the deviation leap.direction fades or grows, per time, and turn it to the fastest one (power iteration).

    Critical reactions take no part: none of their firings is leapt over.
    """
    n, rates, reaction = (
        structure.n_species,
        structure.n_species + structure.n_definitions,
        structure.reaction,
    )
    before = length(x, leap)
    for s in range(n):
        leap.pull[s] = leap.direction[s]
        leap.direction[s] = 0.0
    carry(leap.pull, n, leap.partials, leap.gradient)
    for r in range(reaction.shape[0]):
        if leap.critical[r] == 0:
            for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                leap.direction[structure.change_species[k]] += (
                    structure.change_amount[k] * leap.pull[rates + r]
                )
    after = length(x, leap)
    known = before > 0.0 and after > 0.0 and after < math.inf
    for s in range(n):
        leap.direction[s] = leap.direction[s] / after if known else 0.0
    scatter(x, SEED if known else 1.0, leap)
    return after / before if known else 0.0
