"""What each reaction and species is, structurally: found from the network, never declared.

A rate is taken apart as hazard times reactant, ``rate = h * X``, where X divides out of the rate. Reactions whose hazard does the
same to each cell of one species (a birth, a death, a conversion), or that only bring newcomers, make that species a linear
birth-death process given the rest: the hybrid kernel then has its exact law and needs no events. One reaction of another form
(dimerisation, births in batches) and the species is counted event by event. So is one that a comparison within a rate depends on: the rate
jumps as the count passes a number, and a draw from the law of a whole step would not see it jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.network.expression import Compare, Expression, divide_out, postorder, substitute
from sim.network.structure import definition_order, depends_on

if TYPE_CHECKING:
    from sim.network.network import Network, Reaction


@dataclass(frozen=True)
class Rate:
    """A rate as ``hazard * reactant``; `reactant` is None where no species divides out."""

    hazard: Expression
    reactant: str | None


@dataclass(frozen=True)
class Classification:
    """Roles in the order of declaration.

    Attributes
    ----------
    rates : tuple of Rate
        One a reaction.
    reactions : tuple of str
        drift_only, birth, death, conversion, arrival or exact.
    species : tuple of str
        concentration, branching or counted.
    """

    rates: tuple[Rate, ...]
    reactions: tuple[str, ...]
    species: tuple[str, ...]


def quotient(rate: Expression, name: str, definitions: dict[str, Expression]) -> Expression | None:
    """Return ``rate/name`` when the species is a factor, looking into definitions only as deep as needed.

    Parameters
    ----------
    rate : Expression
    name : str
        Species to divide out.
    definitions : dict
        Definition name -> expression.

    Returns
    -------
    Expression or None
    """
    while True:  # definitions have no circle: at last none is left
        result = divide_out(rate, name)
        if result is not None:
            return result
        inside = {symbol: definitions[symbol] for symbol in rate.symbols if symbol in definitions}
        if not inside:
            return None
        rate = substitute(rate, inside)


def _split(
    reaction: Reaction, counts: frozenset[str], names: frozenset[str], definitions: dict[str, Expression]
) -> Rate:
    changed = reaction.net
    consumed = [s for s, change in changed.items() if change < 0]
    made_once = [s for s, change in changed.items() if change == 1]
    rest = [*changed, *reaction.reactants, *sorted(names & reaction.rate.symbols)]
    order = dict.fromkeys([*consumed, *made_once, *rest])
    for name in sorted(order, key=lambda s: s not in counts):  # counts first; sorting is stable
        hazard = quotient(reaction.rate, name, definitions)
        if hazard is not None:
            return Rate(hazard, name)
    return Rate(reaction.rate, None)


def _role(reaction: Reaction, rate: Rate, counts: frozenset[str]) -> str:
    change = {s: c for s, c in reaction.net.items() if s in counts and c != 0}
    if not change:
        return "drift_only"
    lost = [s for s, c in change.items() if c < 0]
    if not lost:
        if rate.reactant not in change:
            return "arrival"
        return "birth" if change == {rate.reactant: 1} else "exact"
    if len(lost) > 1 or change[lost[0]] != -1 or rate.reactant != lost[0]:
        return "exact"
    return "death" if len(change) == 1 else "conversion"


def _compared(network: Network) -> set[str]:
    """Return the names that a comparison within a rate depends on."""
    rates = [reaction.rate for reaction in network.all_reactions]
    used = definition_order(network, sorted({name for rate in rates for name in rate.symbols}))
    nodes = postorder([*rates, *(definition.expression for definition in used)])
    return {name for node in nodes if isinstance(node, Compare) for name in depends_on(network, node)}


def classify(network: Network) -> Classification:
    """Find the role of every reaction and species.

    Parameters
    ----------
    network : Network
        A checked network.

    Returns
    -------
    Classification
    """
    definitions = {d.name: d.expression for d in network.all_definitions}
    names = frozenset(s.name for s in network.all_species)
    counts = frozenset(s.name for s in network.all_species if s.kind == "count")
    rates = [_split(r, counts, names, definitions) for r in network.all_reactions]
    roles = [_role(r, rate, counts) for r, rate in zip(network.all_reactions, rates, strict=True)]
    counted = _compared(network) & counts
    while True:
        before = len(counted)
        for i, reaction in enumerate(network.all_reactions):
            touched = {s for s, c in reaction.net.items() if s in counts and c != 0}
            if roles[i] == "exact" or touched & counted:
                roles[i] = "exact"
                counted |= touched
        if len(counted) == before:
            break
    species = tuple(
        "concentration" if s.name not in counts else "counted" if s.name in counted else "branching"
        for s in network.all_species
    )
    return Classification(tuple(rates), tuple(roles), species)
