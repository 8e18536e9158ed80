"""The draw of discrete populations over a step: cells that are present, who leaves them, and whom they bring.

Cells of a population that are present at a moment of the step are followed to its end together. Births and deaths, and leaving for another
population as a kind of death, make what they are then: Kendall's law, exactly (sim/kernels/branching.py). Of those that are gone, who has
left and not died is a binomial number, for each is gone the one way or the other by its hazards at that moment. So cells are
conserved where none is born or dies, and means are right however long the step, as far as rates are a parabola in time within it. Movers come to
where they go each at a time of its own, as do daughters of another kind, immigrants, and what continuous populations bring: newcomers
(newcomers.py), who are followed in the same way, and so on.

What is approximate. A line that is extinct has lost one cell, and the further losses of all lines are a Poisson number that follows what has
become of them in the mean alone. So a group of cells that divide and move is followed in parts of a step, so short that hardly a line does both
in one (``coupling``). The time at which a cell leaves is drawn without regard to what has become of its line. Cells of different kinds that
one event brings come at times of their own, which loses their correlation within a step. Rates are seen at the start, in the middle and at the
end of a step: a pulse between them is not.
"""

import math

from sim.kernels._jit import inline_jit, jit_merged
from sim.kernels.branching import (
    EXPONENT_LIMIT,
    grown,
    kendall_integrals,
    short_exp,
    surviving_lines,
)
from sim.kernels.newcomers import FULL, POPULATION, add_batch, add_newcomers, next_group
from sim.kernels.populations import ARRIVING, CONVERTING, span
from sim.kernels.rare import rare_binomial, rare_poisson
from sim.kernels.samplers import binomial_pair
from sim.kernels.structure import HAZARD

BOW = 0.3
"""Largest departure of the exponent of growth from a straight line in the time for which movers and newcomers are counted at once."""
GROUPS = 20_000
"""Groups of cells that are followed in one step; where there are more the step is too long."""


@inline_jit
def at(start, middle, end, u):
    """Return a rate at the fraction u of the step, quadratic through three values and never negative."""
    return max((1.0 - u) * ((1.0 - 2.0 * u) * start + 4.0 * u * middle) + u * (2.0 * u - 1.0) * end, 0.0)


@inline_jit
def between(start, middle, end, u, v):
    """Return a rate at the fraction u of the step, halfway from there to the fraction v, and there."""
    first, second, third = max(start, 0.0), max(middle, 0.0), max(end, 0.0)
    if u > 0.0 or v < 1.0:
        first = at(start, middle, end, u)
        second = at(start, middle, end, 0.5 * (u + v))
        third = at(start, middle, end, v)
    return first, second, third


@inline_jit
def hazard(r, u, v, structure, laws):
    """Return the hazard of reaction r as `between` does."""
    q = structure.reaction[r, HAZARD]
    return between(laws.start[q], laws.middle[q], laws.end[q], u, v)


@inline_jit
def weights(rho, decay, bow):
    """Return the weights of a rate's values at start, middle and end in its integral with the mean number of cells, as a share of the time.

    The cells go from one to ``decay`` = exp(-rho). Simpson's rule where it is as good, else the exact weights of a quadratic; ``bow`` is what
    the exponent has in the middle above the straight line.
    """
    if abs(rho) <= 0.05:
        return 1.0 / 6.0, 2.0 / 3.0 * math.sqrt(decay) * short_exp(-bow), decay / 6.0
    total = (1.0 - decay) / rho
    first = (total - decay) / rho
    second = (2.0 * first - decay) / rho
    return total - 3.0 * first + 2.0 * second, 4.0 * (first - second) * short_exp(-bow), 2.0 * second - first


@inline_jit
def weights_of_lost(rho, decay, w0, w1, w2):
    """Return the same weights for the cells that are lost on the way: alpha(s) = (exp(-rho s) - decay)/(1 - decay) of them are there at s.

    From n cells that become m on average n alpha(s) + m (1 - alpha(s)) are there in between, whatever m is.
    """
    if abs(rho) <= 0.05:
        root = math.sqrt(decay)
        return 1.0 / 6.0, 2.0 / 3.0 * root / (1.0 + root), 0.0
    gone = 1.0 - decay
    return (w0 - decay / 6.0) / gone, (w1 - decay * 2.0 / 3.0) / gone, (w2 - decay / 6.0) / gone


@inline_jit
def tilt_of_lost(rho):
    """Return how many e-folds the number of the cells that are lost on the way rises in the step: alpha(s) as one exponential.

    With the mean time of alpha, to 0.015 of the step: a third of it where cells live long against the step, 1/rho where they do not.
    """
    return -(0.5 * rho + math.sqrt(0.25 * rho * rho + 4.62))


@jit_merged
def move(s, movers, u, v, w0, w1, w2, left, tilt, waiting, structure, laws, stream):
    """Let the cells that leave population s between the fractions u and v of the step wait where its conversions lead.

    A rate weighs by its values at u, halfway and at v; ``left`` is what all conversions weigh, ``tilt`` as in newcomers.py. Return how many
    batches wait.
    """
    first, last = span(CONVERTING, s, laws)
    for place in range(first, last):
        r = laws.lists[CONVERTING, place]
        moving = movers
        if place < last - 1:
            h0, h1, h2 = hazard(r, u, v, structure, laws)
            share = min(max(w0 * h0 + w1 * h1 + w2 * h2, 0.0), left)
            moving = 0.0
            if share > 0.0:
                moving = binomial_pair(stream, movers, share / left, (left - share) / left)
            left -= share
        if moving > 0.0:
            movers -= moving
            waiting = add_newcomers(r, moving, u, v, tilt, waiting, structure, laws)
    return waiting


@jit_merged
def bring(s, u, v, x0, x1, x2, ratio, tilt, waiting, structure, laws, stream):
    """Let newcomers wait that cells of species s bring between the fractions u and v of the step.

    The cells' numbers, times the weights of an integral over that time, are x0, x1, x2 at u, halfway and at v, where there are ``ratio`` as
    many; ``tilt`` is for those of whom none is left. Return how many batches wait.
    """
    first, last = span(ARRIVING, s, laws)
    for place in range(first, last):
        r = laws.lists[ARRIVING, place]
        h0, h1, h2 = hazard(r, u, v, structure, laws)
        mean = h0 * x0 + h1 * x1 + h2 * x2
        number = rare_poisson(stream, laws.clock, mean) if mean > 0.0 else 0.0
        if number > 0.0:
            course = math.log(ratio * h2 / h0) if ratio > 0.0 and h0 > 0.0 and h2 > 0.0 else tilt
            waiting = add_newcomers(r, number, u, v, course, waiting, structure, laws)
    return waiting


@inline_jit
def until(s, u, dt, coupling, brings, laws):
    """Return the fraction of the step up to which cells of population s that are there at u are followed at once.

    So short a time that a line hardly divides and moves in it, and that the net rate changes little where cells leave or bring others.
    """
    birth, death, leaving = laws.birth, laws.death, laws.leaving
    moves = max(leaving[s, 0], leaving[s, 1], leaving[s, 2])
    parts = 1.0
    if moves > 0.0 or brings:
        rest = dt * (1.0 - u)
        births = max(birth[s, 0], birth[s, 1], birth[s, 2])
        net_start = birth[s, 0] - death[s, 0] - leaving[s, 0]
        net_end = birth[s, 2] - death[s, 2] - leaving[s, 2]
        bow = 0.125 * rest * (1.0 - u) * abs(net_end - net_start)
        if births * moves * rest * rest > coupling or bow > BOW:
            parts = math.ceil(max(rest * math.sqrt(births * moves / coupling), math.sqrt(bow / BOW)))
    return u + (1.0 - u) / parts if parts > 1.0 else 1.0


@inline_jit
def further_losses(cells, present, early, decay, losses):
    """Return how many cells lines lose beyond the one of each that is extinct, given how many are present in the end.

    A line that has grown has lost more on its way; ``losses`` is the mean for each cell at the start, ``early`` the weight of those at the start
    in the mean presence.
    """
    seen = cells * early + present * (1.0 - early)
    return max(losses, 0.0) * seen / (early + decay * (1.0 - early))


@jit_merged
def draw(dt, coupling, structure, laws, stream):
    """Replace discrete populations (laws.before) by a draw of their law after the step (laws.after).

    ``coupling`` is the largest product of births and moves of a cell in the time for which its line is followed as a whole. Return whether all
    newcomers could be followed, else the step is too long, and the number of their groups.
    """
    n, birth, death, leaving = structure.n_species, laws.birth, laws.death, laws.leaving
    for s in range(n):
        laws.after[s] = 0.0
    source, waiting, groups = -1, 0, 0
    while True:
        if waiting > 0:
            s = int(laws.batches[waiting - 1, POPULATION])
            events = 0.0
            for node in range(3):
                events = max(events, dt * (birth[s, node] + death[s, node] + leaving[s, node]))
            waiting, cells, u = next_group(laws.batches, waiting, events, stream)
            groups += 1
        else:
            source += 1
            if source > n:
                return waiting != FULL, groups
            s, cells, u = source, laws.before[source], 0.0
        if waiting == FULL or groups > GROUPS:
            return False, groups
        if not cells > 0.0:
            continue
        first, last = span(ARRIVING, s, laws)
        if s == n or laws.discrete[s] == 0:
            # Continuous cells, or none (rates without a factor): Simpson's rule.
            if last > first:
                scale, x1, x2 = dt / 6.0, max(laws.x_middle[s], 0.0), max(laws.x_end[s], 0.0)
                x0, x1, ratio = scale * cells, 4.0 * scale * x1, x2 / cells
                waiting = bring(s, u, 1.0, x0, x1, scale * x2, ratio, 0.0, waiting, structure, laws, stream)
            continue
        v = until(s, u, dt, coupling, last > first, laws)
        rest = dt * (v - u)
        b0, b1, b2 = between(birth[s, 0], birth[s, 1], birth[s, 2], u, v)
        m0, m1, m2 = between(leaving[s, 0], leaving[s, 1], leaving[s, 2], u, v)
        d0, d1, d2 = between(death[s, 0], death[s, 1], death[s, 2], u, v)
        d0, d1, d2 = d0 + m0, d1 + m1, d2 + m2
        death_odds, birth_odds = kendall_integrals(b0, b1, b2, d0, d1, d2, rest)
        lines = surviving_lines(stream, cells, death_odds)
        present = grown(stream, lines, death_odds, birth_odds)
        if v == 1.0:
            laws.after[s] += present
        elif present > 0.0:
            waiting = add_batch(laws.batches, waiting, s, present, 1.0, v, v, 0.0)
        moves = m0 + m1 + m2 > 0.0
        if not (moves or last > first):
            continue
        net0, net2 = d0 - b0, d2 - b2
        rho = max(rest * (net0 + 4.0 * (d1 - b1) + net2) / 6.0, -EXPONENT_LIMIT)
        decay = (1.0 + birth_odds) / (1.0 + death_odds)
        bow = min(max(0.125 * rest * (net0 - net2), -30.0), 30.0)
        w0, w1, w2 = weights(rho, decay, bow)
        a0, a1, a2 = weights_of_lost(rho, decay, w0, w1, w2)
        if moves:
            left = max(w0 * m0 + w1 * m1 + w2 * m2, 0.0)
            lost = max(w0 * d0 + w1 * d1 + w2 * d2, left)
            share = left / lost if lost > 0.0 else 0.0
            movers = rare_binomial(stream, laws.clock, cells - lines, share)
            if b0 + b1 + b2 > 0.0:
                beyond = rest * lost - death_odds / (1.0 + death_odds)
                further = further_losses(cells, present, a0 + a1 + a2, decay, beyond)
                movers += rare_poisson(stream, laws.clock, further * share)
            if movers > 0.0:
                tilt = (math.log(m2 / m0) if m0 > 0.0 and m2 > 0.0 else 0.0) - rho
                waiting = move(s, movers, u, v, w0, w1, w2, left, tilt, waiting, structure, laws, stream)
        if last > first:
            x0 = rest * (cells * a0 + present * (1.0 / 6.0 - a0))
            x1 = rest * (cells * a1 + present * (2.0 / 3.0 - a1))
            x2 = rest * (cells * a2 + present * (1.0 / 6.0 - a2))
            waiting = bring(
                s, u, v, x0, x1, x2, present / cells, tilt_of_lost(rho), waiting, structure, laws, stream
            )
