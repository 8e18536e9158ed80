"""Network -> the text of its compiled functions.

What is written as source is small: hazards and named sums, their partial derivatives, outputs, events. Names become places in
arrays, so networks of one shape share one text and its compiled code. Expressions of parameters alone are hoisted into `a`,
evaluated once a row; a shared subexpression is computed once a call. The order of elimination stands in the text as numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sim.network.algebra import add, multiply, total
from sim.network.assembly import assemble
from sim.network.classification import classify
from sim.network.expression import Call, Compare, Expression, Number, Symbol, differentiate
from sim.network.intervals import Interval, bounds, certainty
from sim.network.program import Places, write_program

if TYPE_CHECKING:
    from sim.network.network import Network

HEADER = '''"""Generated from a reaction network; places in arrays, no names. Do not edit."""

import numpy as math  # the same functions; with the compiler off they give inf and NaN where Python's would raise

from sim.kernels._jit import jit_as
from sim.kernels.course import maximum, minimum
from sim.kernels.elimination import factoriser, solver
from sim.kernels.structure import DERIVATIVES, EFFECTS, FACTORISE, HAZARDS, OBSERVE, SLOPES, SOLVE, STATIC
'''


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


class Sources(NamedTuple):
    """The texts of a network: what every kernel needs, and what those need that walk tables. Each is compiled when it is asked for."""

    course: str
    rates: str


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
        self.sum_gradient = {name: self._gradient(definitions[name]) for name in self.places.sums}
        self.hazard_gradient = {h: self._gradient(h) for h in self.hazards}
        self.assembly = assemble(
            network, self.classification, self.places, self.hazards, self.hazard_gradient, self.sum_gradient
        )

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
        return self.function(name, type_name, arguments, write_program([*sums, *targets], self._leaf(None)))

    @staticmethod
    def function(name: str, type_name: str, arguments: str, lines: list[str]) -> str:
        """Write a compiled function of some lines."""
        body = "\n".join(f"    {line}" for line in lines or ["pass"])
        return f"\n\n@jit_as({type_name})\ndef {name}({arguments}):\n{body}\n"

    def _kernel_functions(self) -> list[str]:
        sums = [(f"d[{k}]", self.places.definitions[name]) for name, k in self.places.sums.items()]
        hazards = [(f"h[{q}]", hazard) for hazard, q in self.hazards.items()]
        derivatives = [(f"g[{m}]", derivative) for m, derivative in enumerate(self.derivatives)]
        leaf = self._leaf("d")
        slopes = [(f"dx[{i}]", slope) for i, slope in enumerate(self.slopes(masked=False))]
        return [
            self.function("hazards", "HAZARDS", "t, x, p, a, d, h", write_program([*sums, *hazards], leaf)),
            self.function(
                "slopes", "SLOPES", "t, x, p, a, d, h, dx", write_program([*sums, *hazards, *slopes], leaf)
            ),
            self.function("derivatives", "DERIVATIVES", "t, x, p, a, d, g", write_program(derivatives, leaf)),
        ]

    def slopes(self, *, masked: bool) -> list[Expression]:
        """Return dx/dt of each species, with or without the reactions that a kernel may mask."""
        terms: dict[str, list[Expression]] = {name: [] for name in self.places.species}
        own: dict[str, list[Expression]] = {name: [] for name in self.places.species}
        triples = zip(
            self.network.all_reactions, self.classification.rates, self.classification.reactions, strict=True
        )
        for reaction, rate, role in triples:
            if role == "exact" and not masked:
                continue
            for name, change in reaction.net.items():
                # hazards per cell are collected first: one product a class instead of one a reaction
                term = multiply(Number(change), rate.hazard)
                if rate.reactant is not None and rate.reactant != name:
                    term = multiply(term, Symbol(rate.reactant))
                elif rate.reactant == name:
                    own[name].append(term)
                    continue
                terms[name].append(term)
        return [add(total(rest), multiply(total(own[name]), Symbol(name))) for name, rest in terms.items()]

    def _elimination(self) -> str:
        """Write the order of elimination, and the functions that follow it."""
        order, slots = self.assembly.order, self.assembly.order.slots
        diagonal = [slots[i, i] for i in range(len(self.places.species))]
        lists = {
            "PIVOT": [tuple(pivot) for pivot in order.pivot.tolist()],
            "ROW": order.row.tolist(),
            "COLUMN": order.column.tolist(),
            "UPDATE": order.update.tolist(),
            "DIAGONAL": diagonal,
        }
        text = "\n\n" + "".join(f"{name} = {values}\n" for name, values in lists.items())
        text += "eliminate = factoriser(PIVOT, ROW, COLUMN, UPDATE, DIAGONAL)\n"
        text += "substitute = solver(PIVOT, ROW, COLUMN)\n"
        text += self.function(
            "factorise", "FACTORISE", "shift, jacobian, factors", ["eliminate(shift, jacobian, factors)"]
        )
        return text + self.function("solve", "SOLVE", "factors, b", ["substitute(factors, b)"])

    def _event_functions(self) -> list[str]:
        events = self.network.all_events
        times = [(f"y[{k}]", e.at) for k, e in enumerate(events) if e.at is not None]
        conditions: list[tuple[str, Expression]] = []
        for k, event in enumerate(events):
            for place, condition in ((k, event.when), (len(events) + k, event.if_)):
                if condition is not None:
                    conditions.append((f"y[{place}]", as_number(condition)))
        texts = [
            self._state_function("event_times", "OBSERVE", "t, x, p, a, y", times),
            self._state_function("conditions", "OBSERVE", "t, x, p, a, y", conditions),
        ]
        texts.append(self._reach_function())
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
        texts.append(self.function("effects", "EFFECTS", "event, t, x, p, a, values", branches))
        return texts

    def _reach_function(self) -> str:
        """Write what a trigger's condition may become: 1 or 0 for certain, else a half, where each species lies between two values.

        Places of `x`: the lower values, a 1, the upper values, a 1, and the later time.
        """
        places, n = self.places, len(self.places.species)

        def ends(name: str) -> tuple[Symbol, Symbol]:
            return Symbol(f"{name} lower"), Symbol(f"{name} upper")

        names: dict[str, Interval | None] = {name: ends(name) for name in (*places.species, "time")}
        at = {ends(name)[0].name: f"x[{i}]" for name, i in places.species.items()}
        at |= {ends(name)[1].name: f"x[{n + 1 + i}]" for name, i in places.species.items()}
        at |= {"time lower": "t", "time upper": f"x[{2 * n + 2}]"}

        def leaf(node: Expression) -> str | None:
            if isinstance(node, Number):
                return repr(node.value)
            if isinstance(node, Symbol):
                if node.name in places.parameters:
                    return f"p[{places.parameters[node.name]}]"
                return at.get(node.name) or places.hoist(node)
            return places.hoist(node) if places.is_fixed(node) else None

        for name in self.order:
            if name not in places.fixed:
                names[name] = bounds(places.definitions[name], names)
        triggers = [(k, event.when) for k, event in enumerate(self.network.all_events)]
        targets = [(f"y[{k}]", certainty(when, names)) for k, when in triggers if when is not None]
        return self.function("reach", "OBSERVE", "t, x, p, a, y", write_program(targets, leaf))

    def static_function(self, name: str, hoisted: Mapping[Expression, int]) -> str:
        """Write a function that computes what is hoisted; call after all others, since they decide what that is."""
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
        stack = [s for e in hoisted for s in e.symbols]
        while stack:
            symbol = stack.pop()
            if symbol in places.definitions and symbol not in needed:
                needed.add(symbol)
                stack.extend(places.definitions[symbol].symbols)
        targets = [(f"sum_{self.order.index(n)}", places.definitions[n]) for n in in_static if n in needed]
        targets += [(f"a[{k}]", e) for e, k in hoisted.items()]
        return self.function(name, "STATIC", "p, a", write_program(targets, leaf))

    def sources(self) -> Sources:
        """Return the generated texts."""
        outputs: list[tuple[str, Expression]] = [
            (f"y[{j}]", Symbol(name)) for j, name in enumerate(self.outputs)
        ]
        rates = HEADER + "".join([*self._kernel_functions(), self._elimination()])
        course = [
            self._state_function("observe", "OBSERVE", "t, x, p, a, y", outputs),
            *self._event_functions(),
        ]
        course.insert(0, self.static_function("static", self.places.hoisted))
        return Sources(HEADER + "".join(course), rates)


def as_number(condition: Expression) -> Expression:
    """Return 1 where a condition holds and 0 elsewhere."""
    return Call("where", (condition, Number(1), Number(0))) if isinstance(condition, Compare) else condition
