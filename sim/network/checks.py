"""Is a network well formed? Each problem is one line that names what is at fault, the reason and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from sim.network.elements import Amount, Event, Reaction
from sim.network.nodes import Expression, Number
from sim.network.structure import cycle_problem, find_cycle

if TYPE_CHECKING:
    from sim.network.network import Network

__all__ = ["problems", "suggestion"]


def suggestion(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return ``did you mean 'x'?`` for the nearest known name, or `otherwise` when none is near."""
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise


def problems(network: Network) -> list[str]:
    """Return everything that is wrong with `network` as a whole, in the order of declaration; empty when it is sound."""
    found: list[str] = []
    if not network.all_species:
        found.append(f"network {network.name!r}: it has no species; declare one with species()")
    for definition in network.all_definitions:
        place = network.place("definition", definition.name)
        found.extend(_unknown_names(network, place, "", definition.expression))
    cycle = find_cycle(network)
    if cycle:
        found.append(cycle_problem(network, cycle))
    for reaction in network.all_reactions:
        found.extend(_reaction_problems(network, reaction))
    for event in network.all_events:
        found.extend(_event_problems(network, event))
    return found


def _unknown_names(network: Network, place: str, role: str, expression: Expression) -> Iterator[str]:
    """Report the names that nothing declares."""
    known = network.names()
    what = f"{role} " if role else ""
    for name in sorted(expression.symbols.difference(known)):
        fix = suggestion(name, known, "declare it with species(), parameter() or define()")
        yield f"{place}: {what}{_short(expression)!r}; {name!r} is no species, parameter or definition; {fix}"


def _unknown_species(network: Network, place: str, names: Iterable[str]) -> Iterator[str]:
    """Report the names that are not species."""
    species = [one.name for one in network.all_species]
    for name in names:
        if name not in species:
            other = network.role(name)
            rule = f"{name!r} is a {other}, not a species" if other else f"there is no species {name!r}"
            yield f"{place}: {rule}; {suggestion(name, species, 'declare it with species()')}"


def _reaction_problems(network: Network, reaction: Reaction) -> Iterator[str]:
    place = network.place("reaction", reaction.name)
    sides: dict[str, Amount] = reaction.reactants | reaction.products
    yield from _unknown_species(network, place, sides)
    yield from _unknown_names(network, place, "rate", reaction.rate)
    named = sides.keys() | reaction.net.keys()
    # In the order of declaration, as everywhere; most species take no part.
    for species in (one for one in network.all_species if one.name in named):
        for change in (reaction.net, reaction.reactants, reaction.products):
            amount = change.get(species.name, 0)
            if species.kind == "count" and not float(amount).is_integer():
                rule = f"{species.name!r} is a count and changes by whole numbers, not {amount}"
                yield f"{place}: {reaction.text!r}; {rule}; make it a concentration or change the coefficient"
                break


def _event_problems(network: Network, event: Event) -> Iterator[str]:
    place = network.place("event", event.name)
    for role, condition in (("at", event.at), ("when", event.when), ("if_", event.if_)):
        if condition is not None:
            yield from _unknown_names(network, place, role, condition)
    for role, change in (("add", event.add), ("set", event.set), ("survive", event.survive)):
        yield from _unknown_species(network, place, change)
        for name, amount in change.items():
            yield from _unknown_names(network, place, f"{role} {name}", amount)
    for name, probability in event.survive.items():
        if isinstance(probability, Number) and not 0 <= probability.value <= 1:
            rule = f"survive of {name!r} is a probability, not {probability}"
            yield f"{place}: {rule}; give a number from 0 to 1"


def _short(expression: Expression) -> str:
    """Return the text of an expression, cut to a part of a line."""
    text = str(expression)
    return text if len(text) <= 60 else text[:57] + "..."
