"""How drift and Jacobian are put together from hazards and their derivatives: terms, places and the order of elimination.

Unknowns are the species followed by the named sums (a bordered system, see sim/network/linear_algebra.py). The matrix is minus
the Jacobian; named sums s = f(x, s) give the rows ``s - f``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sim.network.classification import Classification
from sim.network.expression import Expression
from sim.network.linear_algebra import Factorisation, factorise

if TYPE_CHECKING:
    from sim.network.network import Network
    from sim.network.program import Places

Gradient = Mapping[str, int]
"""Name of a species, a named sum or time -> which of the derivatives."""


class Entry(NamedTuple):
    """A term of the matrix: coefficient * value[source] * x[factor], unless its reaction is masked."""

    row: int
    column: int
    coefficient: float
    source: int
    factor: int
    reaction: int


class TimeTerm(NamedTuple):
    """A term of the partial derivative by time, likewise."""

    row: int
    coefficient: float
    source: int
    factor: int
    reaction: int


class ReactionRow(NamedTuple):
    """Hazard, reactant, whether a count changes, and where its changes stand."""

    hazard: int
    factor: int
    changes_count: int
    begin: int
    end: int


@dataclass(frozen=True)
class Assembly:
    """Terms of one network; `order` has their places in the factorised matrix."""

    reactions: tuple[ReactionRow, ...]
    change_species: tuple[int, ...]
    change_amount: tuple[float, ...]
    entries: tuple[Entry, ...]
    time_terms: tuple[TimeTerm, ...]
    order: Factorisation


def assemble(
    network: Network,
    classification: Classification,
    places: Places,
    hazards: Mapping[Expression, int],
    hazard_gradient: Mapping[Expression, Gradient],
    sum_gradient: Mapping[str, Gradient],
) -> Assembly:
    """Write down the terms of a network's drift and Jacobian.

    Parameters
    ----------
    network : Network
    classification : Classification
        Of that network: rate = hazard * reactant.
    places : Places
    hazards : mapping
        Hazard -> its number.
    hazard_gradient, sum_gradient : mapping
        Partial derivatives of each hazard and of each named sum.
    """
    n, sums, n_hazards = len(places.species), len(places.sums), len(hazards)
    unmasked = len(network.all_reactions)
    counts = {s.name for s in network.all_species if s.kind == "count"}
    reactions: list[ReactionRow] = []
    change_species: list[int] = []
    change_amount: list[float] = []
    entries: list[Entry] = []
    time_terms: list[TimeTerm] = []

    def column(name: str) -> int:
        return places.species[name] if name in places.species else n + places.sums[name]

    for r, (reaction, rate) in enumerate(zip(network.all_reactions, classification.rates, strict=True)):
        hazard = hazards[rate.hazard]
        factor = n if rate.reactant is None else places.species[rate.reactant]
        begin = len(change_species)
        for name, change in reaction.net.items():
            if change == 0:
                continue
            row, amount = places.species[name], float(change)
            change_species.append(row)
            change_amount.append(amount)
            if rate.reactant is not None:
                entries.append(Entry(row, factor, -amount, hazard, n, r))
            for variable, index in hazard_gradient[rate.hazard].items():
                if variable == "time":
                    time_terms.append(TimeTerm(row, amount, n_hazards + index, factor, r))
                else:
                    entries.append(Entry(row, column(variable), -amount, n_hazards + index, factor, r))
        changes_count = int(any(s in counts and c != 0 for s, c in reaction.net.items()))
        reactions.append(ReactionRow(hazard, factor, changes_count, begin, len(change_species)))
    for name, k in places.sums.items():
        for variable, index in sum_gradient[name].items():
            if variable == "time":
                time_terms.append(TimeTerm(n + k, 1.0, n_hazards + index, n, unmasked))
            else:
                entries.append(Entry(n + k, column(variable), -1.0, n_hazards + index, n, unmasked))
    order = factorise(n + sums, {(entry.row, entry.column) for entry in entries})
    return Assembly(
        tuple(reactions),
        tuple(change_species),
        tuple(change_amount),
        tuple(entries),
        tuple(time_terms),
        order,
    )
