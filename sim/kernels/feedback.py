"""What chance in the discrete populations does to the rest of a network, within one step of the hybrid kernel.

The functions `change_of_...` say how much it would be, for one standard deviation of each population at once (the probe): they bound
the step. `correct_course` then gives the continuous species what the draw has done to them.
"""

from sim.kernels._jit import jit
from sim.kernels.rosenbrock import GAMMA, drift
from sim.kernels.structure import ARRIVAL, FACTOR, HAZARD


@jit
def change_of_rates(h, reactions, x, structure, work, laws):
    """Return by how much the hazards of cells differ between the present state (laws.start) and a probe (laws.end), times h.

    Return also what fades: where a population acts on itself, its fluctuations fade at the rate of that action, and a step must be short
    against it.
    """
    worst, fading = 0.0, 0.0
    for r in reactions:
        s, q = structure.reaction[r, FACTOR], structure.reaction[r, HAZARD]
        if laws.discrete[s] == 1 and work.probe[s] > 0.0:
            change, spread = abs(laws.end[q] - laws.start[q]) * h, abs(work.probe[s] - x[s])
            worst = max(worst, change)
            if spread > 0.0:
                fading = max(fading, change * x[s] / spread)
    return worst, fading


@jit
def change_of_numbers(h, reactions, x, structure, work, laws):
    """Return by how much the expected arrivals and counted reactions of a step differ between the present state and a probe."""
    worst = 0.0
    for r in reactions:
        if structure.reaction_role[r] == ARRIVAL or work.mask[r] == 0.0:
            s, q = structure.reaction[r, FACTOR], structure.reaction[r, HAZARD]
            expected = laws.start[q] * x[s] * h
            worst = max(worst, abs(laws.end[q] * work.probe[s] * h - expected) / (1.0 + expected))
    return worst


@jit
def change_of_course(h, relaxed, x, absolute, structure, work, laws):
    """Return by how much of themselves the continuous species go elsewhere in a step h for the sake of the probe.

    ``relaxed`` says that the probe holds where they go (`relax_probe`); else it is taken from the slopes.
    """
    worst = 0.0
    for s in range(structure.n_species):
        if laws.discrete[s] == 0:
            size = abs(x[s]) + abs(work.slope_here[s]) * h + absolute[s]
            change = work.probe[s] - x[s] if relaxed else (work.slope[s] - work.slope_here[s]) * h
            worst = max(worst, abs(change) / size)
    return worst


@jit
def relax_probe(h, absolute, structure, factorise, solve, work, laws):
    """Let the continuous species of the probe go where the discrete ones would take them (slopes in work.slope) in a step h.

    A fast species goes no farther than to its balance: what moves it is divided by 1/h - J, the Jacobian being `linearise`'s. Where
    the network grows faster than 1/h that has no meaning, so no species goes farther than by its own size: the step is then
    cut anyway, and the probe stays where rates are defined.
    """
    n = structure.n_species
    right = work.u[0]
    for s in range(n):
        right[s] = work.slope[s] - work.slope_here[s] if laws.discrete[s] == 0 else 0.0
    for s in range(n, right.shape[0]):
        right[s] = 0.0
    factorise(1.0 / h, work.jacobian, work.factors)
    solve(work.factors, right)
    for s in range(n):
        if laws.discrete[s] == 0:
            size = abs(work.x[s]) + absolute[s]
            work.probe[s] += min(max(right[s], -size), size)
            if work.probe[s] < 0.0 and work.x[s] >= 0.0:
                work.probe[s] = 0.0


@jit
def correct_course(t, h, share, structure, slopes, solve, work, laws):
    """Let the continuous species (laws.x_end) follow the populations that were drawn (laws.after), not their mean.

    Let a drawn population leave its mean along a straight line. A species whose slope then differs by f at the end of the step, and that
    relaxes by its Jacobian J, differs by [1 - (1 - exp(-z))/z]/z h f, z = -J h: h f/2 when it is slow, all that it can when it is
    fast. With the step's factors, s = 1/(1 + z/4), that is (s + s^2) h f/4 up to z^2/48 and in the limit of large z.

    ``h`` is the step of the factors, ``share`` of it was taken, up to the time ``t``.
    """
    n = structure.n_species
    right = work.u[0]
    drift(t, laws.x_end, work.p, work.a, work.d, work.values, work.mask, structure, slopes, work.slope)
    for s in range(n):
        right[s] = work.slope[s]
        work.probe[s] = laws.after[s] if laws.discrete[s] == 1 else laws.x_end[s]
    drift(t, work.probe, work.p, work.a, work.d, work.values, work.mask, structure, slopes, work.slope)
    for s in range(n):
        right[s] = share * (work.slope[s] - right[s]) if laws.discrete[s] == 0 else 0.0
    for s in range(n, right.shape[0]):
        right[s] = 0.0
    solve(work.factors, right)
    inverse = 1.0 / (GAMMA * h)
    again = work.u[1]
    for s in range(right.shape[0]):
        again[s] = inverse * right[s] if s < n else 0.0
    solve(work.factors, again)
    for s in range(n):
        if laws.discrete[s] == 0:
            moved = laws.x_end[s] + right[s] + again[s]
            laws.x_end[s] = moved if moved >= 0.0 or laws.x_end[s] < 0.0 else 0.0
