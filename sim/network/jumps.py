"""Network -> the text of its own loop of exact events: rates in local variables, updated along the dependency graph.

After a reaction only what its change touches is computed again, in the order named sums, hazards, rates; the next reaction is found by
halving the list of cumulated rates. The loop ends where the condition of a trigger changes. It takes for granted that what rates are made of
is not below zero, and hands a row where a parameter is to the loop that walks the tables (sim/kernels/ssa.py). That one draws the same
numbers in the same order and adds the rates in the same order, so both give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from sim.network.expression import Expression, Number, Symbol
from sim.network.generator import Generator, as_number
from sim.network.program import write_program

__all__ = ["LONGEST", "jumps_source"]

LONGEST = 2000
"""Assignments that a text may have; beyond, tables are walked: compiling would take longer than most runs."""

HEADER = '''"""Generated from a reaction network: its exact events. Places in arrays, no names. Do not edit."""

import numpy as math  # the same functions; with the compiler off they give inf and NaN where Python's would raise

from sim.kernels._jit import jit_as
from sim.kernels.course import ROUNDING, maximum, minimum
from sim.kernels.random import uniform
from sim.kernels.samplers import exponential
from sim.kernels.status import CAPACITY, NEGATIVE_PROPENSITY, NON_FINITE, OK
from sim.kernels.structure import COUNTS_BELOW, JUMPS, UNSUITED


@jit_as(JUMPS)
def jumps(t, target, x, p, a, stream, most, clock):
'''


def jumps_source(generator: Generator, signed: Iterable[int]) -> str | None:
    """Return the text of a network's loop of events; None when it would be longer than `LONGEST`.

    Parameters
    ----------
    generator : Generator
        After its `sources`, which decides what is hoisted.
    signed : iterable of int
        Reactions whose rate may be negative.
    """
    return _Writer(generator).source(set(signed))


class _Writer:
    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.species = generator.places.species
        self.rates = generator.classification.rates
        self.changes = [
            {self.species[name]: change for name, change in reaction.net.items() if change != 0}
            for reaction in generator.network.all_reactions
        ]
        self.sums_read = {
            name: self._read(generator.places.definitions[name]) for name in generator.places.sums
        }
        self.hazards_read = {hazard: self._read(hazard) for hazard in generator.hazards}
        self.conditions = [as_number(e.when) for e in generator.network.all_events if e.when is not None]
        self.conditions_read = [self._read(condition) for condition in self.conditions]
        self.fixed: dict[str, None] = {}
        """Places of parameters, and of what is made of them alone, that the loop reads."""

    def _read(self, expression: Expression) -> set[int]:
        """Return the species that an expression depends on, with definitions opened."""
        return {
            self.species[name]
            for name in self.generator.network.depends_on(expression)
            if name in self.species
        }

    def _leaf(self, node: Expression) -> str | None:
        places = self.generator.places
        if isinstance(node, Number):
            return repr(node.value)
        if isinstance(node, Symbol):
            if node.name in places.species:
                return f"x{places.species[node.name]}"
            if node.name in places.parameters:
                return self._fixed(f"p[{places.parameters[node.name]}]")
            if node.name in places.fixed:
                return self._fixed(places.hoist(node))
            return f"d{places.sums[node.name]}"
        return self._fixed(places.hoist(node)) if places.is_fixed(node) else None

    def _fixed(self, place: str) -> str:
        self.fixed[place] = None
        return place

    def _update(self, touched: set[int]) -> list[str]:
        """Write again what depends on the species that a reaction has changed."""
        generator = self.generator
        sums = [
            (f"d{place}", generator.places.definitions[name])
            for name, place in generator.places.sums.items()
            if self.sums_read[name] & touched
        ]
        stale = {hazard for hazard, read in self.hazards_read.items() if read & touched}
        hazards = [(f"h{place}", hazard) for hazard, place in generator.hazards.items() if hazard in stale]
        lines = write_program([*sums, *hazards], self._leaf)
        for r, rate in enumerate(self.rates):
            reactant = None if rate.reactant is None else self.species[rate.reactant]
            if rate.hazard in stale or reactant in touched:
                factor = "" if reactant is None else f"*x{reactant}"
                lines.append(f"r{r} = h{generator.hazards[rate.hazard]}{factor}")
        watched = [
            (f"w{k}", condition)
            for k, condition in enumerate(self.conditions)
            if self.conditions_read[k] & touched
        ]
        return [*lines, *write_program(watched, self._leaf)]

    def _first(self) -> list[str]:
        """Write everything once."""
        generator = self.generator
        sums = [
            (f"d{place}", generator.places.definitions[name]) for name, place in generator.places.sums.items()
        ]
        hazards = [(f"h{place}", hazard) for hazard, place in generator.hazards.items()]
        lines = [f"x{i} = x[{i}]" for i in self.species.values()]
        lines += write_program([*sums, *hazards], self._leaf)
        for r, rate in enumerate(self.rates):
            factor = "" if rate.reactant is None else f"*x{self.species[rate.reactant]}"
            lines.append(f"r{r} = h{generator.hazards[rate.hazard]}{factor}")
        conditions = [(f"b{k}", condition) for k, condition in enumerate(self.conditions)]
        lines += write_program(conditions, self._leaf)
        return [*lines, *(f"w{k} = b{k}" for k in range(len(conditions)))]

    def _fire(self, r: int) -> list[str]:
        """Write what reaction r does."""
        lines = [f"x{s} += {float(change)!r}" for s, change in self.changes[r].items()]
        low = " or ".join(f"x{s} < 0.0" for s, change in self.changes[r].items() if change < 0)
        high = " or ".join(f"x{s} >= COUNTS_BELOW" for s, change in self.changes[r].items() if change > 0)
        for condition, status in ((low, "NEGATIVE_PROPENSITY"), (high, "CAPACITY")):
            if condition:
                lines += [f"if {condition}:", f"    status = {status}", "    break"]
        return [*lines, *self._update(set(self.changes[r]))] or ["pass"]

    def _choose(self, low: int, high: int) -> list[str]:
        """Write the search among the reactions from low to high."""
        if low == high:
            return self._fire(low)
        middle = (low + high) // 2
        return [
            f"if aim < c{middle}:",
            *_indented(self._choose(low, middle)),
            "else:",
            *_indented(self._choose(middle + 1, high)),
        ]

    def source(self, signed: set[int]) -> str | None:
        reactions = len(self.rates)
        if reactions == 0 or sum(len(self._update(set(change))) for change in self.changes) > LONGEST:
            return None
        loop: list[str] = []
        for r in sorted(signed):
            loop += [
                f"if r{r} < 0.0:",
                f"    if r{r} < -ROUNDING:",
                "        status = NEGATIVE_PROPENSITY",
                "        break",
                f"    r{r} = 0.0",
            ]
        loop.append("c0 = r0")
        loop += [f"c{r} = c{r - 1} + r{r}" for r in range(1, reactions)]
        last = f"c{reactions - 1}"
        loop += [
            f"if not {last} < math.inf:",
            "    status = NON_FINITE",
            "    break",
            f"if {last} == 0.0:",
            "    t = target",
            "    break",
            f"arrives = t + need/{last}",
            "if arrives >= target:",
            f"    need = max(need - (target - t)*{last}, 0.0)",
            "    t = target",
            "    break",
            "t = arrives",
            "need = exponential(stream)",
            "number += 1",
            f"aim = uniform(stream)*{last}",
            f"if aim >= {last}:",
            "    aim = 0.0  # rounded up to the end",
            *self._choose(0, reactions - 1),
            " or ".join(["if number == most", *(f"w{k} != b{k}" for k in range(len(self.conditions)))]) + ":",
            "    break",
        ]
        end = [f"x[{i}] = x{i}" for i in self.species.values()]
        first = self._first()
        below = " or ".join(f"{place} < 0.0" for place in self.fixed)
        body = [
            *([f"if {below}:", "    return UNSUITED"] if below else []),
            *first,
            "number = 0",
            "need = clock[2]",
            "status = OK",
            "while True:",
            *_indented(loop),
            *end,
            "clock[0] = t",
            "clock[1] = number",
            "clock[2] = need",
            "return status",
        ]
        return HEADER + "\n".join(_indented(body)) + "\n"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]
