"""The draw of discrete populations over a step: cells that are present, who leaves them, and whom they bring.

Cells of a population that are present at a moment of the step are followed to its end together. Births and deaths, and leaving for another
population as a kind of death, make what they are then: Kendall's law, exactly (sim/kernels/branching.py). Of those that are gone, who has
left and not died is a binomial number, for each is gone the one way or the other by its hazards at that moment. So cells are
conserved where none is born or dies, and all means are right, however long the step. Movers come to where they go each at a time of its own,
as do daughters of another kind, immigrants, and what continuous populations bring: newcomers (newcomers.py), who are followed
in the same way, and so on.

What is approximate: a line that is extinct has lost one cell, and the further losses of all lines are a Poisson number that follows what has
become of them in the mean alone, so variances of populations which divide and convert many times within a step are off (by up to 3 % at
tolerance 0.1, measured in tests/kernels/test_drawing.py); `bounded_step` keeps them from doing so. The time at which a cell leaves is drawn without
regard to what has become of its line.
"""

import math

from sim.kernels._jit import inline_jit, jit_merged
from sim.kernels.branching import (
    EXPONENT_LIMIT,
    grown,
    kendall_integrals,
    mean_events,
    short_exp,
    surviving_lines,
)
from sim.kernels.newcomers import FULL, POPULATION, add_newcomers, next_group
from sim.kernels.populations import ARRIVING, CONVERTING, span
from sim.kernels.rare import rare_binomial, rare_poisson
from sim.kernels.samplers import binomial_pair
from sim.kernels.structure import HAZARD

GROUPS = 20_000
"""Groups of cells that are followed in one step; where there are more the step is too long."""


@inline_jit
def early_share(rho, excess):
    """Return f in the mean presence n f + m (1 - f), as a share of the time, of a population that goes from n to m.

    f = 1/rho - 1/(exp(rho) - 1), with rho the integral of the net loss and ``excess`` = exp(rho) - 1: those who are lost are there for f
    of the time on average, those who stay for all of it.
    """
    if abs(rho) < 1e-2:
        return 0.5 - rho / 12.0 + rho**3 / 720.0
    return 1.0 / rho - 1.0 / excess


@inline_jit
def at(start, middle, end, u):
    """Return a rate at the fraction u of the step, quadratic through three values and never negative."""
    return max((1.0 - u) * ((1.0 - 2.0 * u) * start + 4.0 * u * middle) + u * (2.0 * u - 1.0) * end, 0.0)


@inline_jit
def from_then(start, middle, end, u):
    """Return a rate at the fraction u of the step, halfway from there to the step's end, and at its end."""
    first, second = max(start, 0.0), max(middle, 0.0)
    if u > 0.0:
        first, second = at(start, middle, end, u), at(start, middle, end, 0.5 * (1.0 + u))
    return first, second, max(end, 0.0)


@jit_merged
def move(s, movers, u, middle, end, left, tilt, waiting, structure, laws, stream):
    """Let the cells that leave population s after the fraction u of the step wait where its conversions lead.

    Of the weights of a rate that of its value then is 1, and ``middle`` and ``end`` those halfway to the end and there; ``left`` is what all
    conversions weigh, ``tilt`` as in newcomers.py. Return how many batches wait.
    """
    reaction = structure.reaction
    first, last = span(CONVERTING, s, laws)
    for place in range(first, last):
        r = laws.lists[CONVERTING, place]
        moving = movers
        if place < last - 1:
            q = reaction[r, HAZARD]
            h0, h1, h2 = from_then(laws.start[q], laws.middle[q], laws.end[q], u)
            share = min(h0 + middle * h1 + end * h2, left)
            moving = (
                binomial_pair(stream, movers, share / left, (left - share) / left) if share > 0.0 else 0.0
            )
            left -= share
        if moving > 0.0:
            movers -= moving
            waiting = add_newcomers(
                reaction[r], structure.change_species, structure.change_amount, laws.discrete, laws.batches, waiting,
                moving, u, tilt,
            )  # fmt: skip
    return waiting


@jit_merged
def bring(s, u, x0, x1, x2, ratio, tilt, waiting, structure, laws, stream):
    """Let newcomers wait that cells of species s bring after the fraction u of the step.

    The cells' numbers, times the weights of an integral over the rest of the step, are x0, x1, x2 at its start, in its middle and at its end,
    where there are ``ratio`` as many; ``tilt`` is for those of whom none is left. Return how many batches wait.
    """
    reaction = structure.reaction
    first, last = span(ARRIVING, s, laws)
    for place in range(first, last):
        r = laws.lists[ARRIVING, place]
        q = reaction[r, HAZARD]
        h0, h1, h2 = from_then(laws.start[q], laws.middle[q], laws.end[q], u)
        mean = h0 * x0 + h1 * x1 + h2 * x2
        if not mean > 0.0:
            continue
        number = rare_poisson(stream, laws.clock, mean)
        if number > 0.0:
            course = math.log(ratio * h2 / h0) if ratio > 0.0 and h0 > 0.0 and h2 > 0.0 else tilt
            waiting = add_newcomers(
                reaction[r], structure.change_species, structure.change_amount, laws.discrete, laws.batches, waiting,
                number, u, course,
            )  # fmt: skip
    return waiting


@jit_merged
def draw(dt, structure, laws, stream):
    """Replace discrete populations (laws.before) by a draw of their law after the step (laws.after).

    Return False when the step is too long to follow all newcomers.
    """
    n, birth, death, leaving = structure.n_species, laws.birth, laws.death, laws.leaving
    for s in range(n):
        laws.after[s] = 0.0
    source, waiting, groups = -1, 0, 0
    while True:
        if waiting > 0:
            s = int(laws.batches[waiting - 1, POPULATION])
            events = dt * (
                max(birth[s, 0] + death[s, 0] + leaving[s, 0], birth[s, 1] + death[s, 1] + leaving[s, 1],
                    birth[s, 2] + death[s, 2] + leaving[s, 2])
            )  # fmt: skip
            waiting, cells, u = next_group(laws.batches, waiting, events, stream)
            groups += 1
        else:
            source += 1
            if source > n:
                return True
            s, cells, u = source, laws.before[source], 0.0
        if waiting == FULL or groups > GROUPS:
            return False
        if not cells > 0.0:
            continue
        first, last = span(ARRIVING, s, laws)
        rest = dt * (1.0 - u)
        if s == n or laws.discrete[s] == 0:
            # Continuous cells, or none (rates without a factor): Simpson's rule.
            if last > first:
                scale = rest / 6.0
                x1, x2 = max(laws.x_middle[s], 0.0), max(laws.x_end[s], 0.0)
                x0, ratio = scale * cells, x2 / cells
                waiting = bring(
                    s, u, x0, 4.0 * scale * x1, scale * x2, ratio, 0.0, waiting, structure, laws, stream
                )
            continue
        b0, b1, b2 = from_then(birth[s, 0], birth[s, 1], birth[s, 2], u)
        m0, m1, m2 = from_then(leaving[s, 0], leaving[s, 1], leaving[s, 2], u)
        d0, d1, d2 = from_then(death[s, 0], death[s, 1], death[s, 2], u)
        d0, d1, d2 = d0 + m0, d1 + m1, d2 + m2
        death_odds, birth_odds = kendall_integrals(b0, b1, b2, d0, d1, d2, rest)
        lines = surviving_lines(stream, cells, death_odds)
        present = grown(stream, lines, death_odds, birth_odds)
        laws.after[s] += present
        moves = m0 + m1 + m2 > 0.0
        if not (moves or last > first):
            continue
        net0, net2 = d0 - b0, d2 - b2
        rho = rest * (net0 + 4.0 * (d1 - b1) + net2) / 6.0
        rho = min(max(rho, -EXPONENT_LIMIT), EXPONENT_LIMIT)
        early = early_share(rho, (death_odds - birth_odds) / (1.0 + birth_odds))
        if moves:
            bow = min(max(0.125 * rest * (net0 - net2), -30.0), 30.0)
            decay = (1.0 + birth_odds) / (1.0 + death_odds)
            middle = 4.0 * math.sqrt(decay) * short_exp(-bow)
            left, lost = m0 + middle * m1 + decay * m2, d0 + middle * d1 + decay * d2
            movers = rare_binomial(stream, laws.clock, cells - lines, left / lost)
            if b0 + b1 + b2 > 0.0:
                # Simpson's rule, where it is as good.
                losses = rest * lost / 6.0
                if abs(rho) > 0.5 or abs(bow) > 0.1:
                    losses = mean_events(b0, b1, b2, d0, d1, d2, rest)
                further = max(losses - death_odds / (1.0 + death_odds), 0.0)
                # A line that has grown has lost more on its way.
                seen = cells * early + present * (1.0 - early)
                expected = early + decay * (1.0 - early)
                movers += rare_poisson(stream, laws.clock, further * seen / expected * left / lost)
            if movers > 0.0:
                tilt = (math.log(m2 / m0) if m0 > 0.0 and m2 > 0.0 else 0.0) - rho
                waiting = move(s, movers, u, middle, decay, left, tilt, waiting, structure, laws, stream)
        if last > first:
            half = 0.5 * rest
            x0, x2 = half * cells * early, half * present * (1.0 - early)
            waiting = bring(s, u, x0, x0 + x2, x2, present / cells, -rho, waiting, structure, laws, stream)
