"""What a kernel is told of a network: tables of integers, and the columns' names.

The generator of sim/network writes one `Structure` a network. Rate of reaction r = hazard * reactant: ``h[HAZARD] * x[FACTOR]``,
where place n_species of x holds 1 for rates without such a factor. Many reactions share a hazard, so the compiled function of a
network computes few numbers, and drift and Jacobian are put together from them by walking the tables.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

IntegerArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

COUNTS_BELOW = 2.0**53
"""From here on a float64 cannot tell one cell more from none."""

# columns of Structure.reaction
HAZARD, FACTOR, CHANGES_COUNT, CHANGE_BEGIN, CHANGE_END = range(5)
# columns of Structure.assembly and .time_terms: where (slot or row), which value of [hazards, derivatives], factor, reaction
PLACE, SOURCE, MULTIPLIER, REACTION = range(4)
# columns of Structure.event
TIMED, STOP, HAS_IF, EFFECT_BEGIN, EFFECT_END = range(5)
# operations of Structure.effect, in the order in which an event applies them
SURVIVE, SET, ADD = range(3)
# what a reaction does, for the hybrid kernel
DRIFT_ONLY, BIRTH, DEATH, CONVERSION, ARRIVAL, EXACT = range(6)
# columns of Structure.species
ROLE, IN_TRIGGERS, RETURNS = range(3)
# what a species is, for the hybrid kernel: its role
CONCENTRATION, BRANCHING, COUNTED = range(3)


class Structure(NamedTuple):
    """Tables of one network; shapes in the generator's docstring.

    With two arrays more than these, kernels ran at a third of their speed: past some size the compiler keeps the tuple in memory.
    What belongs together is therefore one table.
    """

    n_species: int
    n_parameters: int
    n_static: int
    n_definitions: int
    n_hazards: int
    n_derivatives: int
    n_outputs: int
    n_slots: int
    reaction: IntegerArray
    change_species: IntegerArray
    change_amount: FloatArray
    assembly: IntegerArray
    assembly_coefficient: FloatArray
    unit_slots: IntegerArray
    diagonal: IntegerArray
    time_terms: IntegerArray
    time_coefficient: FloatArray
    event: IntegerArray
    effect: IntegerArray
    is_count: IntegerArray
    species: IntegerArray
    reaction_role: IntegerArray
    maskable: IntegerArray
    turnover: IntegerArray
    arrivals: IntegerArray
    signed: IntegerArray


_integer, _float = types.int64, types.float64
_vector = types.Array(_float, 1, "C")
_integers = types.Array(_integer, 1, "C")
_table = types.Array(_integer, 2, "C")

STATIC = types.void(_vector, _vector)
"""static(p, a): definitions and subexpressions made of parameters alone."""
HAZARDS = types.void(_float, _vector, _vector, _vector, _vector, _vector)
"""hazards(t, x, p, a, d, h): named sums d and hazards h of the state."""
SLOPES = types.void(_float, _vector, _vector, _vector, _vector, _vector, _vector)
"""slopes(t, x, p, a, d, h, dx): the same, and dx/dt from all reactions but those that a kernel may count."""
DERIVATIVES = HAZARDS
"""derivatives(t, x, p, a, d, g): partial derivatives of d and h by species, sums and time."""
FACTORISE = types.void(_float, _vector, _vector)
"""factorise(shift, jacobian, factors): factors of shift (on the diagonal of the species) + jacobian."""
SOLVE = types.void(_vector, _vector)
"""solve(factors, b): overwrites b by the solution."""
OBSERVE = types.void(_float, _vector, _vector, _vector, _vector)
"""observe(t, x, p, a, y): the outputs. The same shape serves event_times and conditions."""
EFFECTS = types.void(_integer, _float, _vector, _vector, _vector, _vector)
"""effects(event, t, x, p, a, values)."""
JUMPS = types.int64(
    _float, _float, _vector, _vector, _vector, types.Array(types.uint64, 1, "C"), _integer, _vector
)
"""jumps(t, target, x, p, a, stream, most, clock): exact events from t to the target or so many; returns a status, takes what is left
of the waiting from clock, and writes time, number and that into it."""
UNSUITED = -1
"""What jumps returns, with nothing done, where a parameter is below zero, which its text takes for granted not to be."""

STRUCTURE_TYPE = types.NamedTuple(
    (_integer,) * 8
    + (
        _table,  # reaction
        _integers,
        _vector,  # changes
        _table,
        _vector,  # assembly
        _integers,
        _integers,  # unit slots, diagonal
        _table,
        _vector,  # time terms
        _table,
        _table,  # events
        _integers,  # counts
        _table,  # species
        _integers,
        _integers,
        _integers,
        _integers,
        _integers,  # reactions: roles, lists by role, those that may run backwards
    ),
    Structure,
)
FUNCTION_TYPES = (
    types.FunctionType(STATIC),
    types.FunctionType(HAZARDS),
    types.FunctionType(SLOPES),
    types.FunctionType(DERIVATIVES),
    types.FunctionType(FACTORISE),
    types.FunctionType(SOLVE),
    types.FunctionType(OBSERVE),
    types.FunctionType(OBSERVE),
    types.FunctionType(OBSERVE),
    types.FunctionType(EFFECTS),
)
"""static, hazards, slopes, derivatives, factorise, solve, observe, event_times, conditions, effects: first in every driver."""
