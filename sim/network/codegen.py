"""Network -> compiled functions and tables.

What is written as source is small: hazards and named sums, their partial derivatives, outputs, events. Names become places in
arrays, so networks of one shape share one text and its compiled code. Expressions of parameters alone are hoisted into `a`,
evaluated once a row; a shared subexpression is computed once a call. Drift, Jacobian and factorisation walk the tables
(sim/kernels/rosenbrock.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from sim.kernels import structure as tables
from sim.kernels.cache import load_generated
from sim.network.algebra import add, multiply, total
from sim.network.classification import Classification, classify
from sim.network.expression import (
    Call,
    Compare,
    Expression,
    Negate,
    Number,
    Power,
    Subtract,
    Symbol,
    differentiate,
    node_source,
    postorder,
)
from sim.network.linear_algebra import factorise

if TYPE_CHECKING:
    from sim.network.network import Network

REACTION_ROLES = {
    "drift_only": tables.DRIFT_ONLY,
    "birth": tables.BIRTH,
    "death": tables.DEATH,
    "conversion": tables.CONVERSION,
    "arrival": tables.ARRIVAL,
    "exact": tables.EXACT,
}
SPECIES_ROLES = {
    "concentration": tables.CONCENTRATION,
    "branching": tables.BRANCHING,
    "counted": tables.COUNTED,
}
INLINE_LENGTH = 300
"""A subexpression used once is written in place up to this many characters; longer ones get a name of their own."""

HEADER = '''"""Generated from a reaction network; places in arrays, no names. Do not edit."""

import numpy as math  # the same functions; with the compiler off they give inf and NaN where Python's would raise

from sim.kernels._jit import jit_as
from sim.kernels.course import maximum, minimum
from sim.kernels.structure import DERIVATIVES, EFFECTS, HAZARDS, OBSERVE, SLOPES, STATIC
'''


@dataclass
class Places:
    """Where each name of a network lives: x, p, d (named sums that hazards need), a (made of parameters alone)."""

    species: dict[str, int]
    parameters: dict[str, int]
    definitions: dict[str, Expression]
    fixed: frozenset[str]
    sums: dict[str, int]
    hoisted: dict[Expression, int] = field(default_factory=dict)

    def is_fixed(self, node: Expression) -> bool:
        """Tell whether a node is made of parameters alone."""
        return node.symbols <= self.fixed

    def hoist(self, node: Expression) -> str:
        """Return the place in `a` of an expression of parameters alone."""
        return f"a[{self.hoisted.setdefault(node, len(self.hoisted))}]"


def write_program(
    targets: Sequence[tuple[str, Expression]], leaf: Callable[[Expression], str | None]
) -> list[str]:
    """Write assignments that compute the targets, each shared subexpression once.

    Parameters
    ----------
    targets : sequence of (left-hand side, Expression)
        In the order in which they are assigned.
    leaf : callable
        Text of a node that is not computed here (a number, a place), None for the others.

    Returns
    -------
    list of str
        Lines of Python without indentation.
    """
    lines: list[str] = []
    text: dict[Expression, str] = {}
    order: list[tuple[Expression, str | None]] = []
    users: dict[Expression, int] = {}
    seen: set[Expression] = set()
    for left, root in targets:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append((node, None))
            elif node not in seen:
                seen.add(node)
                known = leaf(node)
                if known is not None:
                    text[node] = known
                    continue
                stack.append((node, True))
                uses = 2 if isinstance(node, Power) else 1  # a power is written as a product
                for child in node.children:
                    users[child] = users.get(child, 0) + uses
                stack.extend((child, False) for child in reversed(node.children))
        users[root] = users.get(root, 0) + 1
        order.append((root, left))
    for node, target in order:
        if target is not None:
            lines.append(f"{target} = {text[node]}")
            continue
        source = _source(node, [text[child] for child in node.children])
        if isinstance(node, Compare) or (users[node] == 1 and len(source) <= INLINE_LENGTH):
            text[node] = source
        else:
            text[node] = f"v{len(lines)}"
            lines.append(f"{text[node]} = {source}")
    return lines


def _source(node: Expression, operands: list[str]) -> str:
    """Return the source of a node; least and greatest of numbers are NaN when one of them is, as in `evaluate`."""
    if isinstance(node, Call) and node.function in ("min", "max"):
        name = "minimum" if node.function == "min" else "maximum"
        source = operands[0]
        for operand in operands[1:]:
            source = f"{name}({source}, {operand})"
        return source
    return node_source(node, operands)


@dataclass(frozen=True)
class CompiledNetwork:
    """A network as kernels take it.

    Attributes
    ----------
    functions : tuple of callables
        static, hazards, slopes, derivatives, observe, event_times, conditions, effects.
    structure : Structure
    species, parameters, outputs, events : tuple of str
    initial, defaults : ndarray
        Initial state and parameter values.
    classification : Classification
    source : str
        The generated text.
    """

    functions: tuple[Any, ...]
    structure: tables.Structure
    species: tuple[str, ...]
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    events: tuple[str, ...]
    is_count: np.ndarray[Any, np.dtype[np.int64]]
    initial: np.ndarray[Any, np.dtype[np.float64]]
    defaults: np.ndarray[Any, np.dtype[np.float64]]
    classification: Classification
    source: str
    depends_on_time: bool


def _definition_order(definitions: dict[str, Expression]) -> list[str]:
    """Return definition names such that each comes after those that it uses."""
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        stack = [(name, iter(sorted(definitions[name].symbols & definitions.keys())))]
        while stack:
            current, rest = stack[-1]
            following = next((n for n in rest if n not in done), None)
            if following is None:
                done[current] = None
                stack.pop()
            else:
                stack.append((following, iter(sorted(definitions[following].symbols & definitions.keys()))))

    for name in definitions:
        if name not in done:
            visit(name)
    return list(done)


class Generator:
    """Writes the source and the tables of one network."""

    def __init__(self, network: Network, outputs: Sequence[str]) -> None:
        self.network = network
        self.outputs = tuple(outputs)
        definitions = {d.name: d.expression for d in network.all_definitions}
        self.order = _definition_order(definitions)
        fixed = {p.name for p in network.all_parameters}
        for name in self.order:
            if definitions[name].symbols <= fixed:
                fixed.add(name)
        self.classification = classify(network)
        wanted: set[str] = set()
        stack = [s for rate in self.classification.rates for s in rate.hazard.symbols]
        while stack:
            name = stack.pop()
            if name in definitions and name not in fixed and name not in wanted:
                wanted.add(name)
                stack.extend(definitions[name].symbols)
        self.places = Places(
            species={s.name: i for i, s in enumerate(network.all_species)},
            parameters={p.name: i for i, p in enumerate(network.all_parameters)},
            definitions=definitions,
            fixed=frozenset(fixed),
            sums={name: k for k, name in enumerate(n for n in self.order if n in wanted)},
        )
        self.hazards: dict[Expression, int] = {}
        for rate in self.classification.rates:
            self.hazards.setdefault(rate.hazard, len(self.hazards))
        self.derivatives: list[Expression] = []
        self._own: dict[str, list[Expression]] = {}
        self.sum_gradient = {name: self._gradient(definitions[name]) for name in self.places.sums}
        self.hazard_gradient = {h: self._gradient(h) for h in self.hazards}

    def _gradient(self, expression: Expression) -> dict[str, int]:
        """Return name -> index of the derivative, for species, named sums and time."""
        result: dict[str, int] = {}
        for name in sorted(expression.symbols):
            if name == "time" or name in self.places.species or name in self.places.sums:
                derivative = differentiate(expression, name)
                if not (isinstance(derivative, Number) and derivative.value == 0.0):
                    result[name] = len(self.derivatives)
                    self.derivatives.append(derivative)
        return result

    # -- source -------------------------------------------------------------------------------------------------------

    def _leaf(self, sums_in: str | None) -> Callable[[Expression], str | None]:
        """Text of leaves in a function of the state; `sums_in` names the array that holds the named sums."""
        places = self.places

        def leaf(node: Expression) -> str | None:
            if isinstance(node, Number):
                return repr(node.value)
            if isinstance(node, Symbol):
                name = node.name
                if name in places.species:
                    return f"x[{places.species[name]}]"
                if name in places.parameters:
                    return f"p[{places.parameters[name]}]"
                if name == "time":
                    return "t"
                if name in places.fixed:
                    return places.hoist(node)
                if sums_in is not None and name in places.sums:
                    return f"{sums_in}[{places.sums[name]}]"
                return f"sum_{self.order.index(name)}"
            return places.hoist(node) if places.is_fixed(node) else None

        return leaf

    def _state_function(
        self, name: str, type_name: str, arguments: str, targets: list[tuple[str, Expression]]
    ) -> str:
        """Write a function of the state that computes its own named sums."""
        needed: set[str] = set()
        stack = [s for _, e in targets for s in e.symbols]
        while stack:
            symbol = stack.pop()
            if symbol in self.places.definitions and symbol not in self.places.fixed and symbol not in needed:
                needed.add(symbol)
                stack.extend(self.places.definitions[symbol].symbols)
        sums = [(f"sum_{self.order.index(n)}", self.places.definitions[n]) for n in self.order if n in needed]
        return self._function(name, type_name, arguments, write_program([*sums, *targets], self._leaf(None)))

    @staticmethod
    def _function(name: str, type_name: str, arguments: str, lines: list[str]) -> str:
        body = "\n".join(f"    {line}" for line in lines or ["pass"])
        return f"\n\n@jit_as({type_name})\ndef {name}({arguments}):\n{body}\n"

    def _kernel_functions(self) -> list[str]:
        sums = [(f"d[{k}]", self.places.definitions[name]) for name, k in self.places.sums.items()]
        hazards = [(f"h[{q}]", hazard) for hazard, q in self.hazards.items()]
        derivatives = [(f"g[{m}]", derivative) for m, derivative in enumerate(self.derivatives)]
        leaf = self._leaf("d")
        slopes = [(f"dx[{i}]", slope) for i, slope in enumerate(self._slopes())]
        return [
            self._function("hazards", "HAZARDS", "t, x, p, a, d, h", write_program([*sums, *hazards], leaf)),
            self._function(
                "slopes", "SLOPES", "t, x, p, a, d, h, dx", write_program([*sums, *hazards, *slopes], leaf)
            ),
            self._function(
                "derivatives", "DERIVATIVES", "t, x, p, a, d, g", write_program(derivatives, leaf)
            ),
        ]

    def _slopes(self) -> list[Expression]:
        """Return dx/dt of each species from the reactions that no kernel ever masks."""
        terms: dict[str, list[Expression]] = {name: [] for name in self.places.species}
        triples = zip(
            self.network.all_reactions, self.classification.rates, self.classification.reactions, strict=True
        )
        for reaction, rate, role in triples:
            if role == "exact":
                continue
            for name, change in reaction.net.items():
                # hazards per cell are collected first: one product a class instead of one a reaction
                term = multiply(Number(change), rate.hazard)
                if rate.reactant is not None and rate.reactant != name:
                    term = multiply(term, Symbol(rate.reactant))
                elif rate.reactant == name:
                    self_terms = self._own.setdefault(name, [])
                    self_terms.append(term)
                    continue
                terms[name].append(term)
        return [
            add(total(rest), multiply(total(self._own.get(name, [])), Symbol(name)))
            for name, rest in terms.items()
        ]

    def _event_functions(self) -> list[str]:
        events = self.network.all_events
        times = [(f"y[{k}]", e.at) for k, e in enumerate(events) if e.at is not None]
        one, zero = Number(1), Number(0)
        conditions: list[tuple[str, Expression]] = []
        for k, event in enumerate(events):
            for place, condition in ((k, event.when), (len(events) + k, event.if_)):
                if condition is not None:
                    conditions.append((f"y[{place}]", _as_number(condition, one, zero)))
        texts = [
            self._state_function("event_times", "OBSERVE", "t, x, p, a, y", times),
            self._state_function("conditions", "OBSERVE", "t, x, p, a, y", conditions),
        ]
        branches: list[str] = []
        place = 0
        for k, event in enumerate(events):
            targets: list[tuple[str, Expression]] = []
            for group in (event.survive, event.set, event.add):
                for value in group.values():
                    targets.append((f"values[{place}]", value))
                    place += 1
            if targets:
                name = f"effects_{k}"
                texts.append(self._state_function(name, "OBSERVE", "t, x, p, a, values", targets))
                branches.append(f"if event == {k}:\n        {name}(t, x, p, a, values)")
        texts.append(self._function("effects", "EFFECTS", "event, t, x, p, a, values", branches))
        return texts

    def _static_function(self) -> str:
        """Write what is hoisted; call after all others, since they decide what that is."""
        places = self.places
        in_static = [n for n in self.order if n in places.fixed]

        def leaf(node: Expression) -> str | None:
            if isinstance(node, Number):
                return repr(node.value)
            if isinstance(node, Symbol):
                if node.name in places.parameters:
                    return f"p[{places.parameters[node.name]}]"
                return f"sum_{self.order.index(node.name)}"
            return None

        needed: set[str] = set()
        stack = [s for e in places.hoisted for s in e.symbols]
        while stack:
            symbol = stack.pop()
            if symbol in places.definitions and symbol not in needed:
                needed.add(symbol)
                stack.extend(places.definitions[symbol].symbols)
        targets = [(f"sum_{self.order.index(n)}", places.definitions[n]) for n in in_static if n in needed]
        targets += [(f"a[{k}]", e) for e, k in places.hoisted.items()]
        return self._function("static", "STATIC", "p, a", write_program(targets, leaf))

    def source(self) -> str:
        """Return the whole generated text."""
        outputs: list[tuple[str, Expression]] = [
            (f"y[{j}]", Symbol(name)) for j, name in enumerate(self.outputs)
        ]
        texts = self._kernel_functions()
        texts.append(self._state_function("observe", "OBSERVE", "t, x, p, a, y", outputs))
        texts += self._event_functions()
        return HEADER + "".join([self._static_function(), *texts])

    # -- tables -------------------------------------------------------------------------------------------------------

    def structure(self) -> tables.Structure:
        """Return the tables; call after `source`."""
        network, places = self.network, self.places
        n, sums, hazards = len(places.species), len(places.sums), len(self.hazards)
        reactions: list[tuple[int, ...]] = []
        change_species: list[int] = []
        change_amount: list[float] = []
        entries: list[
            tuple[int, int, float, int, int, int]
        ] = []  # row, column, coefficient, source, factor, reaction
        time_terms: list[tuple[int, float, int, int, int]] = []
        counts = {s.name for s in network.all_species if s.kind == "count"}
        unmasked = len(network.all_reactions)

        def column(name: str) -> int:
            return places.species[name] if name in places.species else n + places.sums[name]

        for r, (reaction, rate) in enumerate(
            zip(network.all_reactions, self.classification.rates, strict=True)
        ):
            hazard = self.hazards[rate.hazard]
            factor = n if rate.reactant is None else places.species[rate.reactant]
            begin = len(change_species)
            for name, change in reaction.net.items():
                if change == 0:
                    continue
                row = places.species[name]
                change_species.append(row)
                change_amount.append(float(change))
                if rate.reactant is not None:
                    entries.append((row, factor, -float(change), hazard, n, r))
                for variable, index in self.hazard_gradient[rate.hazard].items():
                    if variable == "time":
                        time_terms.append((row, float(change), hazards + index, factor, r))
                    else:
                        entries.append((row, column(variable), -float(change), hazards + index, factor, r))
            changes_count = int(any(s in counts and c != 0 for s, c in reaction.net.items()))
            reactions.append((hazard, factor, changes_count, begin, len(change_species)))
        for name, k in places.sums.items():
            for variable, index in self.sum_gradient[name].items():
                if variable == "time":
                    time_terms.append((n + k, 1.0, hazards + index, n, unmasked))
                else:
                    entries.append((n + k, column(variable), -1.0, hazards + index, n, unmasked))

        factorisation = factorise(n + sums, {(row, col) for row, col, *_ in entries})
        slots = factorisation.slots
        effects: list[tuple[int, ...]] = []
        events: list[tuple[int, ...]] = []
        for event in network.all_events:
            begin = len(effects)
            for operation, group in (
                (tables.SURVIVE, event.survive),
                (tables.SET, event.set),
                (tables.ADD, event.add),
            ):
                effects.extend((places.species[name], operation) for name in group)
            events.append(
                (int(event.at is not None), int(event.stop), int(event.if_ is not None), begin, len(effects))
            )
        species_table = zip(
            (SPECIES_ROLES[role] for role in self.classification.species),
            self._species_in_hazards(),
            self._species_in_triggers(),
            strict=True,
        )

        def integers(rows: Sequence[Sequence[int]], width: int) -> Any:
            return np.array(rows, dtype=np.int64).reshape(len(rows), width)

        return tables.Structure(
            n_species=n,
            n_parameters=len(places.parameters),
            n_static=len(places.hoisted),
            n_definitions=sums,
            n_hazards=hazards,
            n_derivatives=len(self.derivatives),
            n_outputs=len(self.outputs),
            n_slots=len(slots),
            reaction=integers(reactions, 5),
            change_species=np.array(change_species, dtype=np.int64),
            change_amount=np.array(change_amount, dtype=np.float64),
            assembly=integers([(slots[row, col], src, f, r) for row, col, _, src, f, r in entries], 4),
            assembly_coefficient=np.array([e[2] for e in entries], dtype=np.float64),
            unit_slots=np.array([slots[n + k, n + k] for k in range(sums)], dtype=np.int64),
            diagonal=np.array([slots[i, i] for i in range(n)], dtype=np.int64),
            time_terms=integers([(row, src, f, r) for row, _, src, f, r in time_terms], 4),
            time_coefficient=np.array([term[1] for term in time_terms], dtype=np.float64),
            pivot=factorisation.pivot,
            row=factorisation.row,
            column=factorisation.column,
            update=factorisation.update,
            event=integers(events, 5),
            effect=integers(effects, 2),
            is_count=np.array([int(s.kind == "count") for s in network.all_species], dtype=np.int64),
            species=integers(list(species_table), 3),
            reaction_role=np.array(
                [REACTION_ROLES[r] for r in self.classification.reactions], dtype=np.int64
            ),
            maskable=self._reactions("exact"),
            turnover=self._reactions("birth", "death"),
            conversions=self._reactions("conversion"),
            arrivals=self._reactions("arrival", "conversion"),
            signed=self._signed_reactions(counts),
        )

    def _reactions(self, *roles: str) -> Any:
        """Return the places of the reactions that have one of the roles."""
        return np.array(
            [r for r, role in enumerate(self.classification.reactions) if role in roles], dtype=np.int64
        )

    def _species_in_hazards(self) -> list[int]:
        """Return 1 for each species that a hazard, a count of arrivals or a counted reaction depends on."""
        names: set[str] = set()
        for expression in (*self.hazards, *(self.places.definitions[n] for n in self.places.sums)):
            names |= expression.symbols
        for rate, role in zip(self.classification.rates, self.classification.reactions, strict=True):
            if role in ("arrival", "exact") and rate.reactant is not None:
                names.add(rate.reactant)
        return self._flags(names)

    def _species_in_triggers(self) -> list[int]:
        """Return 1 for each species that the condition of a trigger depends on."""
        names: set[str] = set()
        for event in self.network.all_events:
            if event.when is not None:
                names |= self.network.depends_on(event.when)
        return self._flags(names)

    def _flags(self, names: set[str]) -> list[int]:
        return [int(s in names) for s in self.places.species]

    def _signed_reactions(self, counts: set[str]) -> Any:
        """Return the places of the reactions of counts whose hazard has a sign that is not plain from its form."""
        result = []
        for r, (reaction, rate) in enumerate(
            zip(self.network.all_reactions, self.classification.rates, strict=True)
        ):
            if any(s in counts for s in reaction.net) and self._may_be_negative(rate.hazard):
                result.append(r)
        return np.array(result, dtype=np.int64)

    def _may_be_negative(self, expression: Expression) -> bool:
        """Tell whether an expression of the state subtracts, or calls what may be negative, with definitions opened."""
        seen: set[str] = set()
        roots = [expression]
        while roots:
            for node in postorder([roots.pop()]):
                if isinstance(node, Symbol) and node.name in self.places.sums and node.name not in seen:
                    seen.add(node.name)
                    roots.append(self.places.definitions[node.name])
                elif self.places.is_fixed(node):
                    continue
                elif isinstance(node, (Subtract, Negate)) or (
                    isinstance(node, Call) and node.function == "log"
                ):
                    return True
        return False


def _as_number(condition: Expression, one: Number, zero: Number) -> Expression:
    """Return 1 where a condition holds and 0 elsewhere."""
    return Call("where", (condition, one, zero)) if isinstance(condition, Compare) else condition


def compile_network(network: Network, outputs: Sequence[str]) -> CompiledNetwork:
    """Return the compiled functions and tables of a network.

    Parameters
    ----------
    network : Network
        Is checked.
    outputs : sequence of str
        Species and definitions that a simulation saves.

    Returns
    -------
    CompiledNetwork
    """
    content = (
        network.all_species, network.all_parameters, network.all_definitions, network.all_reactions, network.all_events,
        tuple(outputs),
    )  # fmt: skip
    known = _COMPILED.get(network)
    if known is not None and known[0] == content:
        return known[1]
    compiled = _compile(network, outputs)
    _COMPILED[network] = (content, compiled)
    return compiled


_COMPILED: WeakKeyDictionary[Network, tuple[Any, CompiledNetwork]] = WeakKeyDictionary()
"""The last compilation of each living network, with what it was then: records are compared, since a network can grow."""


def _compile(network: Network, outputs: Sequence[str]) -> CompiledNetwork:
    network.check()
    generator = Generator(network, outputs)
    source = generator.source()
    functions = _functions(source)
    depends_on_time = any("time" in e.symbols for e in generator.hazards) or any(
        "time" in network_definition.expression.symbols
        for network_definition in network.all_definitions
        if network_definition.name in generator.places.sums
    )
    triggers = [e.when for e in network.all_events if e.when is not None]
    depends_on_time = depends_on_time or any("time" in network.depends_on(when) for when in triggers)
    return CompiledNetwork(
        functions=functions,
        structure=generator.structure(),
        species=tuple(generator.places.species),
        parameters=tuple(generator.places.parameters),
        outputs=generator.outputs,
        events=tuple(e.name for e in network.all_events),
        is_count=np.array([int(s.kind == "count") for s in network.all_species], dtype=np.int64),
        initial=np.array([float(s.initial) for s in network.all_species], dtype=np.float64),
        defaults=np.array([float(p.value) for p in network.all_parameters], dtype=np.float64),
        classification=generator.classification,
        source=source,
        depends_on_time=depends_on_time,
    )


@lru_cache(maxsize=64)
def _functions(source: str) -> tuple[Any, ...]:
    module = load_generated(source)
    names = ("static", "hazards", "slopes", "derivatives", "observe", "event_times", "conditions", "effects")
    return tuple(getattr(module, name) for name in names)
