"""The draw of discrete populations at the end of a step: early conversions, births and deaths, newcomers, late conversions."""

from sim.kernels._jit import jit_merged
from sim.kernels.branching import kendall_integrals, kendall_step
from sim.kernels.conversions import convert
from sim.kernels.newcomers import draw_newcomers
from sim.kernels.populations import CONVERTING, listed
from sim.kernels.samplers import exponential
from sim.kernels.structure import BRANCHING, ROLE


@jit_merged
def draw(dt, structure, laws, stream):
    """Replace discrete populations (laws.before) by a draw of their law after the step (laws.after)."""
    for s in range(structure.n_species):
        net = 4.0 * (laws.death[s, 1] - laws.birth[s, 1])
        for place in (0, 2):
            net += laws.death[s, place] - laws.birth[s, place]
        laws.rho[s] = dt * net / 6.0
        laws.coming[s] = 0.0
        laws.arrived[s] = 0.0
    clock = exponential(stream)
    for r in listed(CONVERTING, laws):
        clock = convert(r, dt, False, clock, structure, laws, laws.before, stream)
    number = 0.0
    for s in range(structure.n_species):
        number += laws.coming[s]
    for s in range(structure.n_species):
        laws.after[s] = laws.before[s]
        if laws.discrete[s] == 1 and laws.before[s] > 0.0 and structure.species[s, ROLE] == BRANCHING:
            death_odds, birth_odds = kendall_integrals(
                laws.birth[s, 0], laws.birth[s, 1], laws.birth[s, 2],
                laws.death[s, 0], laws.death[s, 1], laws.death[s, 2], dt,
            )  # fmt: skip
            laws.after[s] = kendall_step(stream, laws.before[s], death_odds, birth_odds)
    draw_newcomers(dt, number, structure, laws, stream)
    for r in listed(CONVERTING, laws)[::-1]:
        clock = convert(r, dt, True, clock, structure, laws, laws.after, stream)
