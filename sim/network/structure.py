"""What follows from a network's form: order of the definitions and who depends on whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sim.errors import NetworkError
from sim.network.algebra import multiply, total
from sim.network.elements import Definition
from sim.network.nodes import Expression, Number

if TYPE_CHECKING:
    from sim.network.network import Network

__all__ = ["definition_order", "depends_on", "drift", "find_cycle", "reaction_graph"]


def _visit(definitions: dict[str, Definition], roots: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the definitions that `roots` need, each after those it uses, and a cycle, empty when there is none."""
    finished: dict[str, bool] = {}  # absent: not seen; False: being visited; True: done
    order: list[str] = []
    for root in roots:
        if root in finished or root not in definitions:
            continue
        finished[root] = False
        stack = [(root, iter(sorted(definitions[root].expression.symbols)))]
        while stack:
            name, rest = stack[-1]
            for used in rest:
                if used not in definitions or finished.get(used):
                    continue
                if used in finished:
                    path = [entry[0] for entry in stack]
                    return order, [*path[path.index(used) :], used]
                finished[used] = False
                stack.append((used, iter(sorted(definitions[used].expression.symbols))))
                break
            else:
                finished[name] = True
                order.append(name)
                stack.pop()
    return order, []


def find_cycle(network: Network) -> list[str]:
    """Return names of definitions that use each other in a circle, the first repeated at the end, or an empty list."""
    definitions = {definition.name: definition for definition in network.all_definitions}
    return _visit(definitions, definitions)[1]


def definition_order(network: Network, roots: Iterable[str] | None = None) -> tuple[Definition, ...]:
    """Return the definitions, each after those it uses.

    Parameters
    ----------
    network : Network
        Where to look.
    roots : iterable of str, optional
        Names; only the definitions that these need (themselves included) are returned. Default: all.

    Raises
    ------
    NetworkError
        When definitions use each other in a circle.
    """
    definitions = {definition.name: definition for definition in network.all_definitions}
    order, cycle = _visit(definitions, definitions if roots is None else roots)
    if cycle:
        raise NetworkError(cycle_problem(network, cycle))
    return tuple(definitions[name] for name in order)


def cycle_problem(network: Network, cycle: list[str]) -> str:
    """Return the line that says that definitions use each other in a circle."""
    path = " -> ".join(cycle)
    return f"network {network.name!r}, definition {cycle[0]!r}: {path}; it is defined by itself; break the circle"


def depends_on(network: Network, expression: Expression) -> frozenset[str]:
    """Return the species, parameters and `time` that `expression` depends on, also through definitions."""
    needed = definition_order(network, sorted(expression.symbols))
    names = set(expression.symbols)
    for definition in needed:
        names |= definition.expression.symbols
    return frozenset(names - {definition.name for definition in needed})


def drift(network: Network) -> dict[str, Expression]:
    """Return the time derivative of each species, in order of declaration; definitions stay names."""
    terms: dict[str, list[Expression]] = {species.name: [] for species in network.all_species}
    for reaction in network.all_reactions:
        for name, change in reaction.net.items():
            terms[name].append(multiply(Number(change), reaction.rate))
    return {name: total(parts) for name, parts in terms.items()}


def reaction_graph(network: Network) -> dict[str, tuple[str, ...]]:
    """Return for each reaction the reactions whose rate its firing changes."""
    reads = {reaction.name: depends_on(network, reaction.rate) for reaction in network.all_reactions}
    return {
        reaction.name: tuple(name for name, read in reads.items() if not read.isdisjoint(reaction.net))
        for reaction in network.all_reactions
    }
