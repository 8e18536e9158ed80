"""Network -> the tables that kernels walk (sim/kernels/structure.py)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from sim.kernels import structure as names
from sim.kernels.structure import Structure
from sim.network.expression import Call, Expression, Negate, Subtract, Symbol, postorder
from sim.network.generator import Generator

Integers = npt.NDArray[np.int64]

REACTION_ROLES = {
    "drift_only": names.DRIFT_ONLY,
    "birth": names.BIRTH,
    "death": names.DEATH,
    "conversion": names.CONVERSION,
    "arrival": names.ARRIVAL,
    "exact": names.EXACT,
}
SPECIES_ROLES = {
    "concentration": names.CONCENTRATION,
    "branching": names.BRANCHING,
    "counted": names.COUNTED,
}


def structure_of(generator: Generator) -> Structure:
    """Return the tables of a network whose text has been written: the text decides how many values are hoisted.

    Parameters
    ----------
    generator : Generator
        After its `sources`.
    """
    network, places, assembly = generator.network, generator.places, generator.assembly
    n, sums = len(places.species), len(places.sums)
    slots = assembly.order.slots
    events, effects = _events(generator)
    species = zip(
        (SPECIES_ROLES[role] for role in generator.classification.species),
        _in_triggers(generator),
        _returns(generator),
        strict=True,
    )
    roles = generator.classification.reactions
    return Structure(
        n_species=n,
        n_parameters=len(places.parameters),
        n_static=len(places.hoisted),
        n_definitions=sums,
        n_hazards=len(generator.hazards),
        n_derivatives=len(generator.derivatives),
        n_outputs=len(generator.outputs),
        n_slots=len(slots),
        reaction=_table(assembly.reactions, 5),
        change_species=_list(assembly.change_species),
        change_amount=np.array(assembly.change_amount, dtype=np.float64),
        assembly=_table(
            [(slots[e.row, e.column], e.source, e.factor, e.reaction) for e in assembly.entries], 4
        ),
        assembly_coefficient=np.array([e.coefficient for e in assembly.entries], dtype=np.float64),
        unit_slots=_list(slots[n + k, n + k] for k in range(sums)),
        diagonal=_list(slots[i, i] for i in range(n)),
        time_terms=_table([(term.row, *term[2:]) for term in assembly.time_terms], 4),
        time_coefficient=np.array([term.coefficient for term in assembly.time_terms], dtype=np.float64),
        event=_table(events, 5),
        effect=_table(effects, 2),
        is_count=_list(int(s.kind == "count") for s in network.all_species),
        species=_table(list(species), 3),
        reaction_role=_list(REACTION_ROLES[role] for role in roles),
        maskable=_places(roles, "exact"),
        turnover=_places(roles, "birth", "death"),
        arrivals=_by_source(_places(roles, "arrival", "conversion"), assembly.reactions),
        signed=_signed_reactions(generator),
    )


def slopes_of(generator: Generator) -> tuple[Integers, Integers]:
    """Return which quantity has a derivative by which, and the terms that make it up, as the leap takes them.

    Quantities are the species, then the named sums, then the rates. The first table has a row for each derivative: of what, by
    what, a named sum before all that use it. The second has a row for each term: place in the first, value, multiplier.

    Parameters
    ----------
    generator : Generator
    """
    places, rates = generator.places, generator.classification.rates
    n, sums, hazards = len(places.species), len(places.sums), len(generator.hazards)
    quantity = {**places.species, **{name: n + k for name, k in places.sums.items()}}
    parts: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for name, place in places.sums.items():
        for variable, index in generator.sum_gradient[name].items():
            if variable != "time":
                parts.setdefault((n + place, quantity[variable]), []).append((hazards + index, n))
    for r, rate in enumerate(rates):
        owner, factor = n + sums + r, n if rate.reactant is None else places.species[rate.reactant]
        if rate.reactant is not None:
            parts.setdefault((owner, factor), []).append((generator.hazards[rate.hazard], n))
        for variable, index in generator.hazard_gradient[rate.hazard].items():
            if variable != "time":
                parts.setdefault((owner, quantity[variable]), []).append((hazards + index, factor))
    terms = [(k, *part) for k, group in enumerate(parts.values()) for part in group]
    return _table(list(parts), 2), _table(terms, 3)


def _table(rows: Sequence[Sequence[int]], width: int) -> Integers:
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)


def _list(values: Iterable[int]) -> Integers:
    return np.array(list(values), dtype=np.int64)


def _places(roles: Sequence[str], *wanted: str) -> Integers:
    """Return the places of the reactions that have one of the roles."""
    return _list(r for r, role in enumerate(roles) if role in wanted)


def _by_source(places: Integers, reactions: Sequence[Sequence[int]]) -> Integers:
    """Sort reactions by the species whose cells bring them about."""
    return _list(sorted(places.tolist(), key=lambda r: reactions[r][names.FACTOR]))


def _events(generator: Generator) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Return the events, and what each does to which species in the order in which it is applied."""
    events: list[tuple[int, ...]] = []
    effects: list[tuple[int, ...]] = []
    for event in generator.network.all_events:
        begin = len(effects)
        for operation, group in (
            (names.SURVIVE, event.survive),
            (names.SET, event.set),
            (names.ADD, event.add),
        ):
            effects.extend((generator.places.species[name], operation) for name in group)
        flags = (event.at is not None, event.stop, event.if_ is not None)
        events.append((*map(int, flags), begin, len(effects)))
    return events, effects


def _in_triggers(generator: Generator) -> list[int]:
    """Return 1 for each species that the condition of a trigger depends on."""
    found: set[str] = set()
    for event in generator.network.all_events:
        if event.when is not None:
            found |= generator.network.depends_on(event.when)
    return [int(name in found) for name in generator.places.species]


def _returns(generator: Generator) -> list[int]:
    """Return 1 for each species whose cells may come back to it by conversions."""
    ways: dict[str, set[str]] = {name: set() for name in generator.places.species}
    classification = generator.classification
    for reaction, rate, role in zip(
        generator.network.all_reactions, classification.rates, classification.reactions, strict=True
    ):
        if role == "conversion" and rate.reactant is not None:
            ways[rate.reactant] |= {name for name, change in reaction.net.items() if change > 0}
    reached = {name: set(targets) for name, targets in ways.items()}
    for _ in ways:
        for targets in reached.values():
            targets |= {further for target in targets for further in ways[target]}
    return [int(name in reached[name]) for name in ways]


def _signed_reactions(generator: Generator) -> Integers:
    """Return the places of the reactions of counts whose hazard has a sign that is not plain from its form."""
    network = generator.network
    counts = {s.name for s in network.all_species if s.kind == "count"}
    triples = enumerate(zip(network.all_reactions, generator.classification.rates, strict=True))
    return _list(
        r
        for r, (reaction, rate) in triples
        if any(name in counts for name in reaction.net) and _may_be_negative(rate.hazard, generator)
    )


def _may_be_negative(expression: Expression, generator: Generator) -> bool:
    """Tell whether an expression of the state subtracts, or calls what may be negative, with definitions opened."""
    places = generator.places
    seen: set[str] = set()
    roots = [expression]
    while roots:
        for node in postorder([roots.pop()]):
            if isinstance(node, Symbol) and node.name in places.sums and node.name not in seen:
                seen.add(node.name)
                roots.append(places.definitions[node.name])
            elif places.is_fixed(node):
                continue
            elif isinstance(node, Subtract | Negate) or (isinstance(node, Call) and node.function == "log"):
                return True
    return False
