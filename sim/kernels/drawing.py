"""The draw of discrete populations over a step: cells that are present, who leaves them, and whom they bring.

Cells of a population that are present at a moment of the step are followed to its end together. Births and deaths, and leaving for another
population as a kind of death, make what they are then: Kendall's law, exactly (sim/kernels/branching.py). Of those that are gone, who has
left and not died is a binomial number, for each is gone the one way or the other by its hazards at that moment. So cells are
conserved where none is born or dies, and all means are right, however long the step. Movers come to where they go each at a time of its own,
as do daughters of another kind, immigrants, and what continuous populations bring: newcomers (newcomers.py), who are followed
in the same way, and so on.

What is approximate: a line that is extinct has lost one cell, and the further losses of all lines are a Poisson number, so that populations
which divide and convert at once many times a step have too little correlation; `bounded_step` sees to that. The time at which a cell
leaves is drawn without regard to what has become of its line.
"""

import math

from sim.kernels._jit import inline_jit, jit, jit_merged
from sim.kernels.branching import grown, kendall_integrals, mean_events, surviving_lines
from sim.kernels.newcomers import FULL, POPULATION, add_newcomers, next_group
from sim.kernels.populations import ARRIVING, CONVERTING, span
from sim.kernels.rare import rare_binomial, rare_poisson
from sim.kernels.samplers import binomial_pair
from sim.kernels.structure import HAZARD

GROUPS = 20_000
"""Groups of cells that are followed in one step; where there are more the step is too long."""


@jit
def early_share(rho):
    """Return f in the mean presence n f + m (1 - f), as a share of the time, of a population that goes from n to m.

    f = 1/rho - 1/(exp(rho) - 1), with rho the integral of the net loss: those who are lost are there for f of the time on average, those
    who stay for all of it.
    """
    if abs(rho) < 1e-2:
        return 0.5 - rho / 12.0 + rho**3 / 720.0
    rho = min(max(rho, -700.0), 700.0)
    return 1.0 / rho - 1.0 / math.expm1(rho)


@inline_jit
def at(start, middle, end, u):
    """Return a rate at the fraction u of the step, quadratic through three values and never negative."""
    return max((1.0 - u) * ((1.0 - 2.0 * u) * start + 4.0 * u * middle) + u * (2.0 * u - 1.0) * end, 0.0)


@jit_merged
def draw(dt, structure, laws, stream):
    """Replace discrete populations (laws.before) by a draw of their law after the step (laws.after).

    Return False when the step is too long to follow all newcomers.
    """
    n, reaction = structure.n_species, structure.reaction
    birth, death, leaving, batches, clock = laws.birth, laws.death, laws.leaving, laws.batches, laws.clock
    for s in range(n):
        laws.after[s] = 0.0
    source, waiting, groups = -1, 0, 0
    while True:
        if waiting > 0:
            s = int(batches[waiting - 1, POPULATION])
            events = dt * (
                max(birth[s, 0] + death[s, 0] + leaving[s, 0], birth[s, 1] + death[s, 1] + leaving[s, 1],
                    birth[s, 2] + death[s, 2] + leaving[s, 2])
            )  # fmt: skip
            waiting, cells, u = next_group(batches, waiting, events, stream)
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
        middle = 0.5 * (1.0 + u)
        if s < n and laws.discrete[s] == 1:
            b0, d0, m0 = birth[s, 0], death[s, 0], leaving[s, 0]
            b1, d1, m1 = birth[s, 1], death[s, 1], leaving[s, 1]
            b2, d2, m2 = birth[s, 2], death[s, 2], leaving[s, 2]
            if u > 0.0:
                b0, b1 = at(b0, b1, b2, u), at(b0, b1, b2, middle)
                d0, d1 = at(d0, d1, d2, u), at(d0, d1, d2, middle)
                m0, m1 = at(m0, m1, m2, u), at(m0, m1, m2, middle)
            d0, d1, d2 = d0 + m0, d1 + m1, d2 + m2
            death_odds, birth_odds = kendall_integrals(b0, b1, b2, d0, d1, d2, rest)
            lines = surviving_lines(stream, cells, death_odds)
            present = grown(stream, lines, death_odds, birth_odds)
            laws.after[s] += present
            rho = rest * (d0 - b0 + 4.0 * (d1 - b1) + d2 - b2) / 6.0
            if m0 + m1 + m2 > 0.0:
                decay = math.exp(-0.5 * min(max(rho, -600.0), 600.0))
                w1, w2 = 4.0 * decay, decay * decay
                left = m0 + w1 * m1 + w2 * m2
                share = left / (d0 + w1 * d1 + w2 * d2)
                movers = rare_binomial(stream, clock, cells - lines, share)
                if b0 + b1 + b2 > 0.0:
                    more = mean_events(b0, b1, b2, d0, d1, d2, rest) - death_odds / (1.0 + death_odds)
                    # A line that has grown has lost more on its way.
                    early = early_share(rho)
                    expected = early + decay * decay * (1.0 - early)
                    seen = cells * early + present * (1.0 - early)
                    movers += rare_poisson(stream, clock, max(more, 0.0) * seen / expected * share)
                if movers > 0.0:
                    tilt = (math.log(m2 / m0) if m0 > 0.0 and m2 > 0.0 else 0.0) - rho
                    begin, end = span(CONVERTING, s, laws)
                    for place in range(begin, end):
                        r = laws.lists[CONVERTING, place]
                        moving = movers
                        if place < end - 1:
                            q = reaction[r, HAZARD]
                            h0, h1, h2 = (
                                max(laws.start[q], 0.0),
                                max(laws.middle[q], 0.0),
                                max(laws.end[q], 0.0),
                            )
                            if u > 0.0:
                                h0, h1 = at(h0, h1, h2, u), at(h0, h1, h2, middle)
                            part = min(h0 + w1 * h1 + w2 * h2, left)
                            moving = 0.0
                            if part > 0.0:
                                moving = binomial_pair(stream, movers, part / left, (left - part) / left)
                            left -= part
                        if moving > 0.0:
                            movers -= moving
                            waiting = add_newcomers(
                                reaction[r], structure.change_species, structure.change_amount, laws.discrete, batches,
                                waiting, moving, u, tilt,
                            )  # fmt: skip
            if last > first:
                early = early_share(rho)
                x0, x2 = cells * early, present * (1.0 - early)
                x1, scale = x0 + x2, 0.5 * rest
                ratio = present / cells
                falling = -rho
        elif last > first:
            x0, x1, x2 = cells, 4.0 * max(laws.x_middle[s], 0.0), max(laws.x_end[s], 0.0)
            scale = rest / 6.0
            ratio = x2 / x0
            falling = 0.0
        for place in range(first, last):
            r = laws.lists[ARRIVING, place]
            q = reaction[r, HAZARD]
            h0, h1, h2 = laws.start[q], laws.middle[q], laws.end[q]
            if u > 0.0:
                h0, h1 = at(h0, h1, h2, u), at(h0, h1, h2, middle)
            mean = scale * (h0 * x0 + h1 * x1 + h2 * x2)
            if not mean > 0.0:
                continue
            number = rare_poisson(stream, clock, mean)
            if number > 0.0:
                tilt = falling
                if ratio > 0.0 and h0 > 0.0 and h2 > 0.0:
                    tilt = math.log(ratio * h2 / h0)
                waiting = add_newcomers(
                    reaction[r], structure.change_species, structure.change_amount, laws.discrete, batches, waiting,
                    number, u, tilt,
                )  # fmt: skip
