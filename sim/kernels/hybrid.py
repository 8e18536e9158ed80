"""Kernel `hybrid`: the exact law of small populations beside the ODE of large ones.

A count is continuous above a threshold and discrete below half of it. Each step first solves the whole network as an ODE from the
present state, under error control; then every discrete population is replaced by a draw from its law along that solution:

=====  ===================================================================================================================
order  what happens in a step from t to t + dt
=====  ===================================================================================================================
1      Rodas4 step of all species; reactions that are counted event by event are masked out
2      the step is cut at the first trigger of an event and at the first counted reaction (its integrated rate meets a
       unit exponential)
3      hazards at start, middle and end of the step
4      the early conversions between discrete populations: binomial, in the order of declaration
5      births and deaths of each discrete population: Kendall's transition law (sim/kernels/branching.py)
6      newcomers (mutants, immigrants, conversions from continuous populations): Poisson, each at its own time, then
       their own lineages
7      the late conversions, in reverse order (the splitting is of second order)
8      continuous species take the ODE's value; the counted reaction of 2 fires
=====  ===================================================================================================================

The law is exact for births and deaths in a given environment. What a discrete population does to the environment within one step
follows its mean; a probe of one standard deviation bounds the step where that would matter. Where nothing continuous moves the
method is Gillespie's.

References: Kendall, Ann. Math. Stat. 19 (1948) 1, doi:10.1214/aoms/1177730285; Strang, SIAM J. Numer. Anal. 5 (1968) 506,
doi:10.1137/0705041. On failure the row keeps what was saved; the rest is NaN.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import types

from sim.kernels import events
from sim.kernels._jit import jit, jit_allocating, jit_as
from sim.kernels.branching import kendall_integrals, kendall_step, lineages
from sim.kernels.course import (
    ROUNDING,
    TINY,
    all_finite,
    any_nan,
    crossing,
    hold,
    is_reached,
    negative_propensity,
    state_within,
)
from sim.kernels.random import STATE_WORDS, seed_stream, uniform
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
from sim.kernels.samplers import binomial_pair, exponential, poisson, round_randomly
from sim.kernels.status import (
    EVENT_BUDGET,
    MAX_STEPS,
    NEGATIVE_PROPENSITY,
    NON_FINITE,
    OK,
    STEP_TOO_SMALL,
)
from sim.kernels.structure import (
    ARRIVAL,
    BIRTH,
    BRANCHING,
    CHANGE_BEGIN,
    CHANGE_END,
    CONCENTRATION,
    CONVERSION,
    DEATH,
    FACTOR,
    FUNCTION_TYPES,
    HAZARD,
    IN_HAZARDS,
    IN_TRIGGERS,
    ROLE,
    STRUCTURE_TYPE,
    TIMED,
    FloatArray,
    IntegerArray,
)

HYSTERESIS = 0.5
"""A continuous count becomes discrete below this share of the threshold."""
RARE = 0.1
"""Reactions that bring fewer newcomers a step than this share one draw: a sum of Poisson numbers is one."""
WIDE = 4.0
"""Standard deviations within which a population is looked for when a trigger waits for it."""
FINE = 1e-3
"""A trigger need not be timed more finely than such a share of a large population."""
MOST = 1e6
"""Counted reactions at one moment beyond which a rate has exploded."""
SINGLE = 1e-3
"""Events of a step below which no second one is to be expected."""
MISPLACED = 0.1
"""Largest share of a population that the splitting may send at the wrong moment in one step, in units of the tolerance."""


class Laws(NamedTuple):
    """Arrays of the discrete part, allocated once a worker."""

    discrete: IntegerArray
    watched: IntegerArray
    start: FloatArray
    middle: FloatArray
    end: FloatArray
    x_middle: FloatArray
    x_end: FloatArray
    birth: FloatArray
    death: FloatArray
    leaving: FloatArray
    rho: FloatArray
    before: FloatArray
    after: FloatArray
    arrivals: FloatArray
    tilt: FloatArray
    flux: FloatArray
    trend: FloatArray


@jit_allocating
def allocate_laws(structure):
    """Return the arrays of the discrete part."""
    n, hazards = structure.n_species, structure.n_hazards + structure.n_derivatives
    return Laws(
        np.zeros(n, np.int64),
        np.ones(n, np.int64),
        np.zeros(hazards),
        np.zeros(hazards),
        np.zeros(hazards),
        np.ones(n + 1),
        np.ones(n + 1),
        np.zeros((n, 3)),
        np.zeros((n, 3)),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n + 1),
        np.zeros(n + 1),
        np.zeros(structure.arrivals.shape[0]),
        np.zeros(structure.arrivals.shape[0]),
        np.zeros(n),
        np.zeros(n),
    )


@jit
def choose_modes(x, structure, threshold, work, laws, stream):
    """Decide which counts are discrete; make those whole, and mask the reactions that are counted event by event."""
    for s in range(structure.n_species):
        if structure.species[s, ROLE] == CONCENTRATION:
            continue
        limit = threshold if laws.discrete[s] == 1 else HYSTERESIS * threshold
        laws.discrete[s] = 1 if x[s] < limit else 0
        laws.watched[s] = 1 - laws.discrete[s]
        if laws.discrete[s] == 1 and x[s] != math.floor(x[s]):
            x[s] = round_randomly(stream, max(x[s], 0.0))
    reaction = structure.reaction
    for r in structure.maskable:
        work.mask[r] = 1.0
        for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
            if laws.discrete[structure.change_species[k]] == 1:
                work.mask[r] = 0.0


@jit
def into_discrete(r, structure, laws):
    """Tell whether reaction r brings newcomers to a discrete population."""
    for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
        if structure.change_amount[k] > 0.0 and laws.discrete[structure.change_species[k]] == 1:
            return True
    return False


@jit
def survey(x, depends_on_time, structure, work, laws):
    """Look at the present state (hazards in work.values).

    Returns
    -------
    moving : bool
        Something follows the ODE, or a branching population is present.
    stochastic : bool
        A discrete population is present or may receive newcomers, so saves must be met exactly.
    counted : float
        Total rate of the reactions that are counted event by event.
    """
    moving, stochastic, counted = False, False, 0.0
    for s in range(structure.n_species):
        laws.leaving[s] = 0.0
        if laws.discrete[s] == 1:
            if x[s] > 0.0:
                stochastic = True
                if structure.species[s, ROLE] == BRANCHING:
                    moving = True
        elif work.slope_here[s] != 0.0:
            moving = True
    reaction = structure.reaction
    gather(structure, work.values, 0, laws)
    for r in structure.conversions:
        laws.leaving[reaction[r, FACTOR]] += work.values[reaction[r, HAZARD]]
    for r in structure.arrivals:
        s = reaction[r, FACTOR]
        if not stochastic and (s == structure.n_species or laws.discrete[s] == 0):
            begins = moving or depends_on_time  # newcomers may come although there are none at this moment
            if (begins or work.values[reaction[r, HAZARD]] * x[s] > 0.0) and into_discrete(
                r, structure, laws
            ):
                stochastic = True
                moving = True
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            counted += work.values[reaction[r, HAZARD]] * x[reaction[r, FACTOR]]
    return moving, stochastic, counted


@jit
def early_share(contrast):
    """Return the share of a step's movers that leave at its start; the rest leaves at its end.

    With ``contrast`` d = integral over the step of (death - birth) in the population that is left, less that in the one that is
    entered, the share 1/d - 1/(exp(d) - 1) gives both populations their right mean at the end of the step, whatever their rates:
    it solves ``early exp(-a) + late = exp(-a)`` and ``early exp(-b) + late = integral of exp(-a s - b (1 - s))``, d = a - b, in
    units of the movers from a constant source, late = exp(-a) (1 - early). Without contrast it is Strang's half.
    """
    if abs(contrast) < 1e-2:
        return 0.5 - contrast / 12.0 + contrast**3 / 720.0
    contrast = min(max(contrast, -700.0), 700.0)
    return 1.0 / contrast - 1.0 / math.expm1(contrast)


@jit
def misplaced(h, left, entered, laws):
    """Return the harm of moving a cell at an end of the step, not within it.

    It is the chance of a further move, and, as far as the two populations differ in their fate, of a birth or a move before.
    """
    differ = h * (
        abs(laws.birth[left, 0] - laws.birth[entered, 0]) + abs(laws.death[left, 0] - laws.death[entered, 0])
    )
    active = laws.birth[left, 0] + laws.birth[entered, 0] + laws.leaving[left] + laws.leaving[entered]
    return h * (laws.leaving[entered] + min(differ, 1.0) * active) / 12.0


@jit
def bounded_step(t, h, x, structure, hazards, tolerance, work, laws):
    """Shorten h so that splitting and the feedback of chance stay small (hazards of the present state in laws.start)."""
    n = structure.n_species
    reaction = structure.reaction
    for r in structure.conversions:
        s = reaction[r, FACTOR]
        if laws.discrete[s] == 1 and x[s] > 0.0:
            moving = laws.start[reaction[r, HAZARD]] * h
            wrong = 0.0
            for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                j = structure.change_species[k]
                if structure.change_amount[k] > 0.0 and laws.discrete[j] == 1:
                    wrong += moving * misplaced(h, s, j, laws)
            if wrong > MISPLACED * tolerance:
                h *= math.sqrt(MISPLACED * tolerance / wrong)
    felt = False
    for s in range(n):
        work.probe[s] = x[s]
        if laws.discrete[s] == 1 and x[s] > 0.0 and structure.species[s, IN_HAZARDS] == 1:
            if structure.species[s, ROLE] == BRANCHING:
                events_of_a_cell = laws.birth[s, 0] + laws.death[s, 0] + laws.leaving[s]
                work.probe[s] += math.sqrt(events_of_a_cell * x[s] * h)
                felt = True
    if felt:
        hazards(t, work.probe, work.p, work.a, work.d, laws.end)
        worst = 0.0
        for r in range(reaction.shape[0]):
            s, q = reaction[r, FACTOR], reaction[r, HAZARD]
            role = structure.reaction_role[r]
            if role == BIRTH or role == DEATH or role == CONVERSION:
                if laws.discrete[s] == 1 and x[s] > 0.0:
                    worst = max(worst, abs(laws.end[q] - laws.start[q]) * h)
            elif work.mask[r] == 0.0 or (role == ARRIVAL and into_discrete(r, structure, laws)):
                expected = laws.start[q] * x[s] * h
                worst = max(worst, abs(laws.end[q] * work.probe[s] * h - expected) / (1.0 + expected))
        if worst > tolerance:
            h *= (tolerance / worst) ** (2.0 / 3.0)
    return h


@jit
def expect_changes(x, structure, laws):
    """Write the events per time of each discrete population into laws.flux, and its mean change per time into laws.trend."""
    reaction = structure.reaction
    for s in range(structure.n_species):
        laws.trend[s] = (laws.birth[s, 0] - laws.death[s, 0] - laws.leaving[s]) * x[s]
        laws.flux[s] = (laws.birth[s, 0] + laws.death[s, 0] + laws.leaving[s]) * x[s]
    for r in structure.arrivals:
        rate = laws.start[reaction[r, HAZARD]] * x[reaction[r, FACTOR]]
        for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
            amount = structure.change_amount[k]
            if amount > 0.0:
                laws.trend[structure.change_species[k]] += amount * rate
                laws.flux[structure.change_species[k]] += amount * amount * rate


@jit
def flips(t, structure, conditions, work):
    """Tell whether a trigger's condition differs in the state of work.probe from what it is at present."""
    conditions(t, work.probe, work.p, work.a, work.condition)
    for k in range(structure.event.shape[0]):
        if structure.event[k, TIMED] == 0 and (work.condition[k] > 0.5) != (work.condition_before[k] > 0.5):
            return True
    return False


@jit
def watchful_step(t, h, x, structure, conditions, work, laws):
    """Shorten h where chance could take a population across the threshold of a trigger and back unseen.

    Triggers are looked at after each step. So the step becomes so short near a threshold that it holds one event at most.
    """
    waits = False
    for s in range(structure.n_species):
        if structure.species[s, IN_TRIGGERS] == 1 and laws.discrete[s] == 1:
            waits = True
    if not waits:
        return h
    expect_changes(x, structure, laws)
    for _ in range(60):
        coarse, flipped = False, False
        for pattern in range(4):  # all up, all down, and the two that alternate
            side = pattern < 2
            up = pattern % 2 == 0
            for s in range(structure.n_species):
                work.probe[s] = x[s]
                if structure.species[s, IN_TRIGGERS] == 0 or laws.discrete[s] == 0:
                    continue
                spread = WIDE * math.sqrt(max(laws.flux[s], 0.0) * h)
                coarse = coarse or spread >= max(1.0, FINE * x[s])
                drifted = laws.trend[s] * h
                if up:
                    work.probe[s] = math.floor(x[s] + max(drifted, 0.0) + spread)
                else:
                    work.probe[s] = max(math.ceil(x[s] + min(drifted, 0.0) - spread), 0.0)
                if not side:
                    up = not up
            flipped = flipped or flips(t, structure, conditions, work)
        if not (coarse and flipped):
            return h
        h *= 0.5
    return h


@jit
def overshoots(t, h, structure, hazards, work, laws):
    """Tell whether a draw put a population where a rate is negative, in a step of so many events that one by one might not have.

    The new state stands in laws.after and laws.x_end. A negative rate after a single event is the network's own.
    """
    for s in range(structure.n_species):
        work.probe[s] = laws.after[s] if laws.discrete[s] == 1 else laws.x_end[s]
    hazards(t, work.probe, work.p, work.a, work.d, work.values)
    if not negative_discrete(work.probe, structure, work, laws):
        return False
    expect_changes(work.x, structure, laws)
    number = 0.0
    for s in range(structure.n_species):
        if laws.discrete[s] == 1:
            number += laws.flux[s] * h
    return number > SINGLE


@jit
def negative_discrete(x, structure, work, laws):
    """Tell whether a reaction of discrete populations (hazards in work.values) has a negative rate."""
    reaction = structure.reaction
    for r in structure.signed:
        s = reaction[r, FACTOR]
        if work.values[reaction[r, HAZARD]] * x[s] < -ROUNDING:
            for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                if laws.discrete[structure.change_species[k]] == 1:
                    return True
    return False


@jit
def any_masked(structure, work):
    """Tell whether a reaction is counted event by event at present."""
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            return True
    return False


@jit
def counted_rate(t, x, structure, hazards, work, values):
    """Return the total rate of counted reactions at a state; a discrete reactant counts as it stands in work.x."""
    hazards(t, x, work.p, work.a, work.d, values)
    total = 0.0
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            s = structure.reaction[r, FACTOR]
            total += values[structure.reaction[r, HAZARD]] * x[s]
    return total


@jit
def integral_of_parabola(a, b, c, theta):
    """Integrate the parabola through (0, a), (1/2, b), (1, c) from 0 to theta."""
    slope = -3.0 * a + 4.0 * b - c
    curvature = 2.0 * (a - 2.0 * b + c)
    return theta * (a + theta * (0.5 * slope + theta * curvature / 3.0))


@jit
def parabola(a, b, c, theta):
    """Return the value at theta of the parabola through (0, a), (1/2, b), (1, c)."""
    return a + theta * (-3.0 * a + 4.0 * b - c + 2.0 * theta * (a - 2.0 * b + c))


@jit
def time_of_counted(a, b, c, need):
    """Return the fraction of the step at which the integral of the rate (parabola, in step units) meets `need`; 2 if never."""
    if integral_of_parabola(a, b, c, 1.0) < need:
        return 2.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if integral_of_parabola(a, b, c, middle) < need:
            low = middle
        else:
            high = middle
    return high


@jit
def entry(structure, threshold, work, laws):
    """Return the fraction of the step at which a continuous count has sunk to where it becomes discrete; 2 if none has.

    Without this a long step would carry a count from above the threshold to a few cells, or less than one, without chance.
    """
    first = 2.0
    level = 0.5 * HYSTERESIS * threshold
    for s in range(structure.n_species):
        if structure.is_count[s] == 0 or laws.discrete[s] == 1:
            continue
        if work.x[s] > level and work.x_new[s] < 0.5 * level:
            low, high = 0.0, 1.0
            for _ in range(12):
                theta = 0.5 * (low + high)
                value = (1.0 - theta) * work.x[s] + theta * (
                    work.x_new[s] + (1.0 - theta) * (work.dense[0, s] + theta * work.dense[1, s])
                )
                if value > level:
                    low = theta
                else:
                    high = theta
            first = min(first, high)
    return first


@jit
def gather(structure, values, place, laws):
    """Sum birth and death hazards of the discrete populations at one of the three nodes.

    Between the states that are reached, where rates are not negative, a parabola may dip below zero: there it is zero.
    """
    reaction = structure.reaction
    for s in range(structure.n_species):
        laws.birth[s, place] = 0.0
        laws.death[s, place] = 0.0
    for r in structure.turnover:
        table = laws.birth if structure.reaction_role[r] == BIRTH else laws.death
        table[reaction[r, FACTOR], place] += max(values[reaction[r, HAZARD]], 0.0)


@jit
def bend(dt, structure, laws, x, x_end):
    """Return by how much interpolation by a straight line would miss the integrated hazards of a cell, or the newcomers."""
    worst = 0.0
    for s in range(structure.n_species):
        if laws.discrete[s] == 1 and x[s] > 0.0 and structure.species[s, ROLE] == BRANCHING:
            for table in (laws.birth, laws.death):
                worst = max(worst, abs(table[s, 1] - 0.5 * (table[s, 0] + table[s, 2])) * dt)
    reaction = structure.reaction
    for r in structure.arrivals:
        s, q = reaction[r, FACTOR], reaction[r, HAZARD]
        converts = structure.reaction_role[r] == CONVERSION
        if converts and laws.discrete[s] == 1:
            if x[s] > 0.0:
                worst = max(worst, abs(laws.middle[q] - 0.5 * (laws.start[q] + laws.end[q])) * dt)
        elif into_discrete(r, structure, laws):
            a, b, c = laws.start[q] * x[s], laws.middle[q] * laws.x_middle[s], laws.end[q] * x_end[s]
            mean = dt * (a + 4.0 * b + c) / 6.0
            worst = max(worst, abs(b - 0.5 * (a + c)) * dt / (1.0 + max(mean, 0.0)))
    return worst


@jit
def convert(r, dt, at_end, structure, laws, population, stream):
    """Move cells of a discrete population along conversion r: those that leave at the start or at the end of the step."""
    reaction = structure.reaction
    s = reaction[r, FACTOR]
    if laws.discrete[s] == 0 or population[s] <= 0.0:
        return
    contrast = 0.0
    for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
        j = structure.change_species[k]
        if structure.change_amount[k] > 0.0 and laws.discrete[j] == 1:
            contrast = laws.rho[s] - laws.rho[j]
    early = early_share(contrast)
    q = reaction[r, HAZARD]
    edge, weight = (laws.end[q], 1.0 - early) if at_end else (laws.start[q], early)
    exponent = min(0.5 * dt * (edge + laws.middle[q]) * weight, 700.0)
    moved = binomial_pair(stream, population[s], -math.expm1(-exponent), math.exp(-exponent))
    if moved <= 0.0:
        return
    population[s] -= moved
    for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
        j = structure.change_species[k]
        if structure.change_amount[k] > 0.0 and laws.discrete[j] == 1:
            population[j] += structure.change_amount[k] * moved


@jit
def lever(rho):
    """Integrate (1 - s) exp(-rho s) over 0 < s < 1.

    A population that goes from n to m within a step is present, on average over its possible paths, for
    ``n lever(rho) + m lever(-rho)`` of it, with rho the integral of death - birth: the mean is exact, for few cells too.
    """
    if abs(rho) < 1e-2:
        return 0.5 - rho / 6.0 + rho * rho / 24.0 - rho**3 / 120.0
    rho = min(max(rho, -700.0), 700.0)
    return (math.expm1(-rho) + rho) / (rho * rho)


@jit
def expected_arrivals(r, dt, structure, laws):
    """Return the mean number of arrivals of reaction r to discrete populations in the step, and how fast their rate grows."""
    s, q = structure.reaction[r, FACTOR], structure.reaction[r, HAZARD]
    converts = structure.reaction_role[r] == CONVERSION
    if (converts and laws.discrete[s] == 1) or not into_discrete(r, structure, laws):
        return 0.0, 0.0
    a, b, c = laws.start[q], laws.middle[q], laws.end[q]
    if s < structure.n_species and laws.discrete[s] == 1:
        rho = laws.rho[s]
        first, last = laws.before[s] * lever(rho), laws.after[s] * lever(-rho)
        mean = 0.5 * dt * ((a + b) * first + (b + c) * last)
        a, c = a * laws.before[s], c * laws.after[s]
        if not (a > 0.0 and c > 0.0):
            return mean, -rho / dt
    else:
        if s < structure.n_species:
            a, b, c = (
                a * max(laws.before[s], 0.0),
                b * max(laws.x_middle[s], 0.0),
                c * max(laws.x_end[s], 0.0),
            )
        mean = dt * (a + 4.0 * b + c) / 6.0
    return mean, math.log(c / a) / dt if a > 0.0 and c > 0.0 else 0.0


@jit
def add_newcomers(r, number, tilt, dt, structure, laws, stream):
    """Add to laws.after what the lineages of newcomers of reaction r are at the end of the step."""
    for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
        j, amount = structure.change_species[k], structure.change_amount[k]
        if amount > 0.0 and laws.discrete[j] == 1:
            laws.after[j] += lineages(
                stream, number * amount, tilt, laws.birth[j, 0], laws.birth[j, 1], laws.birth[j, 2],
                laws.death[j, 0], laws.death[j, 1], laws.death[j, 2], dt,
            )  # fmt: skip


@jit
def draw_newcomers(dt, structure, laws, stream):
    """Draw newcomers: rare arrivals of all reactions by one Poisson number and then their reaction, common ones each by its own."""
    rare = 0.0
    for m in range(structure.arrivals.shape[0]):
        r = structure.arrivals[m]
        mean, laws.tilt[m] = expected_arrivals(r, dt, structure, laws)
        laws.arrivals[m] = 0.0
        if not mean > 0.0:
            continue
        if mean < RARE:
            laws.arrivals[m] = mean
            rare += mean
        else:
            number = poisson(stream, mean)
            if number > 0.0:
                add_newcomers(r, number, laws.tilt[m], dt, structure, laws, stream)
    if not rare > 0.0:
        return
    number = poisson(stream, rare)
    while number > 0.0:
        number -= 1.0
        aim = uniform(stream) * rare
        chosen = -1
        for m in range(structure.arrivals.shape[0]):
            if laws.arrivals[m] > 0.0:
                chosen = m
                aim -= laws.arrivals[m]
                if aim <= 0.0:
                    break
        add_newcomers(structure.arrivals[chosen], 1.0, laws.tilt[chosen], dt, structure, laws, stream)


@jit
def draw(dt, structure, laws, stream):
    """Replace discrete populations (laws.before) by a draw of their law after the step (laws.after)."""
    for s in range(structure.n_species):
        net = 4.0 * (laws.death[s, 1] - laws.birth[s, 1])
        for place in (0, 2):
            net += laws.death[s, place] - laws.birth[s, place]
        laws.rho[s] = dt * net / 6.0
    for r in structure.conversions:
        convert(r, dt, False, structure, laws, laws.before, stream)
    for s in range(structure.n_species):
        laws.after[s] = laws.before[s]
        if laws.discrete[s] == 1 and laws.before[s] > 0.0 and structure.species[s, ROLE] == BRANCHING:
            death_odds, birth_odds = kendall_integrals(
                laws.birth[s, 0], laws.birth[s, 1], laws.birth[s, 2],
                laws.death[s, 0], laws.death[s, 1], laws.death[s, 2], dt,
            )  # fmt: skip
            laws.after[s] = kendall_step(stream, laws.before[s], death_odds, birth_odds)
    draw_newcomers(dt, structure, laws, stream)
    for r in structure.conversions[::-1]:
        convert(r, dt, True, structure, laws, laws.after, stream)


@jit
def fire_counted(t, structure, hazards, work, laws, stream):
    """Fire one of the counted reactions, chosen by its rate at the present state; False when none can fire."""
    total = counted_rate(t, work.x, structure, hazards, work, laws.end)
    if not total > 0.0:
        return False
    target = uniform(stream) * total
    reaction = structure.reaction
    chosen = -1
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            rate = laws.end[reaction[r, HAZARD]] * work.x[reaction[r, FACTOR]]
            if rate > 0.0:
                chosen = r
                target -= rate
                if target <= 0.0:
                    break
    for k in range(reaction[chosen, CHANGE_BEGIN], reaction[chosen, CHANGE_END]):
        work.x[structure.change_species[k]] += structure.change_amount[k]
    return True


@jit
def negative_counted(structure, work):
    """Tell whether a counted reaction has a negative rate or would take a count below zero."""
    reaction = structure.reaction
    for r in structure.maskable:
        if work.mask[r] == 0.0:
            rate = work.values[reaction[r, HAZARD]] * work.x[reaction[r, FACTOR]]
            if rate < -ROUNDING:
                return True
            if rate > ROUNDING:
                for k in range(reaction[r, CHANGE_BEGIN], reaction[r, CHANGE_END]):
                    s = structure.change_species[k]
                    if structure.is_count[s] == 1 and work.x[s] + structure.change_amount[k] < 0.0:
                        return True
    return False


@jit
def simulate_row(
    static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, structure,
    t_save, x0, relative, absolute, threshold, tolerance, max_step, max_steps, max_events, depends_on_time,
    work, laws, stream, out, fired, statistics,
):  # fmt: skip
    """Simulate one row whose parameters stand in work.p; return its status."""
    n = structure.n_species
    x = work.x
    for s in range(n):
        x[s] = x0[s]
        laws.discrete[s] = 0
        laws.watched[s] = 1
    for k in range(fired.shape[0]):
        fired[k] = math.nan
    static(work.p, work.a)
    t, t_end, saves = t_save[0], t_save[-1], t_save.shape[0]
    if not all_finite(x, n) or any_nan(work.p):
        return NON_FINITE
    for s in range(n):
        if structure.is_count[s] == 1 and x[s] < 0.0:
            return NEGATIVE_PROPENSITY
    choose_modes(x, structure, threshold, work, laws, stream)
    outcome = events.start(t, x, structure, event_times, conditions, work, fired)
    if outcome != OK:
        return outcome
    triggers = events.has_triggers(structure)
    saved, steps, h, restart = 0, 0, 0.0, True
    need = exponential(stream)
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
        restart = restart or number > 0
        while saved < saves and t_save[saved] <= t:
            observe(t, x, work.p, work.a, out[saved])
            saved += 1
        if saved == saves:
            return OK
        choose_modes(x, structure, threshold, work, laws, stream)
        drift(t, x, work.p, work.a, work.d, work.values, work.mask, structure, slopes, work.slope_here)
        statistics[3] += 1
        if not all_finite(work.slope_here, n):
            return NON_FINITE
        moving, stochastic, counted = survey(x, depends_on_time, structure, work, laws)
        if counted == math.inf:
            return NON_FINITE
        if negative_counted(structure, work) or negative_discrete(x, structure, work, laws):
            return NEGATIVE_PROPENSITY
        for q in range(structure.n_hazards):
            laws.start[q] = work.values[q]
        target = min(t_end, events.next_time(structure, work))
        if steps >= max_steps:
            return MAX_STEPS
        steps += 1
        if not moving and not depends_on_time:
            # Gillespie's method: nothing changes until the next counted reaction.
            wait = need / counted if counted > 0.0 else math.inf
            arrives = t + wait
            until = min(arrives, target)
            while saved < saves and t_save[saved] < until:
                observe(t_save[saved], x, work.p, work.a, out[saved])
                saved += 1
            if arrives < target:
                t = arrives
                need = exponential(stream)
                fire_counted(t, structure, hazards, work, laws, stream)
                statistics[2] += 1
                if statistics[2] >= max_events:
                    return EVENT_BUDGET
            else:
                need -= (target - t) * counted
                t = target
            continue
        if stochastic and saved < saves:
            target = min(target, t_save[saved])
        if is_reached(t, target):
            t = target
            continue
        if restart:
            h = first_step(t, target, structure, work, relative, absolute)
            restart = False
        if negative_propensity(structure, work, min(h, target - t), relative, absolute):
            return NEGATIVE_PROPENSITY
        if stochastic:
            bound = bounded_step(
                t, min(h, target - t, max_step), x, structure, hazards, tolerance, work, laws
            )
            if triggers:
                bound = watchful_step(t, bound, x, structure, conditions, work, laws)
        else:
            bound = max_step
        linearise(
            t,
            x,
            work.p,
            work.a,
            work.d,
            work.values,
            work.mask,
            structure,
            derivatives,
            work.jacobian,
            work.partial_time,
        )
        while True:
            limit = min(h, bound, max_step)
            whole = t + 1.0001 * limit >= target
            used = target - t if whole else limit
            if used <= 4e-16 * abs(t) or used <= 1e-300:
                return STEP_TOO_SMALL
            step(t, used, structure, slopes, factorise, solve, work)
            statistics[3] += 5
            error = scaled_error(structure, work, relative, absolute, laws.watched)
            accepted = error <= 1.0 and all_finite(work.x_new, n)
            factor = min(growth(error), 0.9) if not accepted else 1.0
            if accepted and stochastic:
                interpolate(0.5, structure, work, laws.x_middle)
                hazards(t + 0.5 * used, laws.x_middle, work.p, work.a, work.d, laws.middle)
                hazards(t + used, work.x_new, work.p, work.a, work.d, laws.end)
                gather(structure, laws.start, 0, laws)
                gather(structure, laws.middle, 1, laws)
                gather(structure, laws.end, 2, laws)
                if bend(used, structure, laws, x, work.x_new) > 2.0 * tolerance:
                    accepted = False
                    factor = 0.5
            if accepted:
                break
            statistics[1] += 1
            steps += 1
            if steps >= max_steps:
                return MAX_STEPS
            h = used * factor
        statistics[0] += 1
        for s in range(n):
            laws.x_end[s] = work.x_new[s]
        theta = min(1.0, entry(structure, threshold, work, laws))
        fires, rate_middle, rate_end, need_before = False, 0.0, 0.0, need
        if any_masked(structure, work):
            state_within(0.5, structure, work, laws.discrete, work.spare)
            rate_middle = counted_rate(t + 0.5 * used, work.spare, structure, hazards, work, work.values)
            state_within(1.0, structure, work, laws.discrete, work.spare)
            rate_end = counted_rate(t + used, work.spare, structure, hazards, work, work.values)
            met = time_of_counted(counted * used, rate_middle * used, rate_end * used, need)
            if met < theta:
                theta, fires = met, True
        if triggers:
            met = crossing(t, used, theta, structure, conditions, work, laws.discrete)
            if met < theta:
                theta, fires = met, False
        if fires:
            need = exponential(stream)
        else:
            need -= integral_of_parabola(counted * used, rate_middle * used, rate_end * used, theta)
        t_new = target if whole else t + used
        if theta < 1.0:
            t_new = min(t + theta * used, t_new)
            interpolate(theta, structure, work, laws.x_end)
        while saved < saves and t_save[saved] < t_new:
            interpolate((t_save[saved] - t) / used, structure, work, work.spare)
            for s in range(n):
                if laws.discrete[s] == 1:
                    work.spare[s] = x[s]
            observe(t_save[saved], work.spare, work.p, work.a, out[saved])
            saved += 1
        if stochastic:
            if theta < 1.0:
                interpolate(0.5 * theta, structure, work, laws.x_middle)
                hazards(t + 0.5 * theta * used, laws.x_middle, work.p, work.a, work.d, laws.middle)
                hazards(t_new, laws.x_end, work.p, work.a, work.d, laws.end)
                gather(structure, laws.middle, 1, laws)
                gather(structure, laws.end, 2, laws)
            for s in range(n):
                laws.before[s] = x[s]
            draw(theta * used, structure, laws, stream)
            if structure.signed.shape[0] > 0 and overshoots(
                t_new, theta * used, structure, hazards, work, laws
            ):
                statistics[1] += 1
                need, h = need_before, 0.5 * theta * used
                if triggers:
                    conditions(t, x, work.p, work.a, work.condition_before)
                continue
        for s in range(n):
            if laws.discrete[s] == 1:
                if stochastic:
                    x[s] = laws.after[s]
            else:
                x[s] = laws.x_end[s] if abs(laws.x_end[s]) > TINY else 0.0
        if not whole and bound >= h:
            h = used * growth(error)
        else:
            h = max(h, used * growth(error))
        t = t_new
        if fires:
            # It was timed with discrete reactants as they stood at the start: what they have become thins it, or adds to it.
            foreseen = parabola(counted, rate_middle, rate_end, theta)
            number = (
                counted_rate(t, x, structure, hazards, work, work.values) / foreseen
                if foreseen > 0.0
                else 1.0
            )
            for _ in range(int(round_randomly(stream, min(number, MOST)))):
                fire_counted(t, structure, hazards, work, laws, stream)
                statistics[2] += 1
            if statistics[2] >= max_events:
                return EVENT_BUDGET


_SIGNATURE = types.void(
    *FUNCTION_TYPES,
    STRUCTURE_TYPE,
    types.float64[::1],
    types.float64[:, ::1],
    types.float64[:, ::1],
    types.int64[::1],
    types.float64,
    types.float64[::1],
    types.float64,
    types.float64,
    types.float64,
    types.int64,
    types.int64,
    types.boolean,
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
def simulate_hybrid(
    static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, structure,
    t_save, parameters, initial, source, relative, absolute, threshold, tolerance, max_step, max_steps, max_events,
    depends_on_time, seed, patients, replicates, purpose, out, fired, statistics, status,
):  # fmt: skip
    """Simulate a chunk of rows; arguments as `sim.kernels.ode.simulate_ode`, then the key of each row's random stream."""
    work = allocate(structure)
    laws = allocate_laws(structure)
    stream = np.zeros(STATE_WORDS, np.uint64)
    for i in range(source.shape[0]):
        seed_stream(stream, seed, patients[i], replicates[i], purpose)
        for k in range(structure.n_parameters):
            work.p[k] = parameters[source[i], k]
        status[i] = simulate_row(
            static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects, structure,
            t_save, initial[source[i]], relative, absolute, threshold, tolerance, max_step, max_steps, max_events,
            depends_on_time, work, laws, stream, out[i], fired[i], statistics[i],
        )  # fmt: skip
