"""The programs of a network that step several patients side by side, and where their rows stand.

`advance` is one step of Rodas4 (sim/kernels/rosenbrock.py has the method and its symbols): slopes, Jacobian and factors in one
program, so that no entry of the matrix is stored before it is final; then slopes and substitution for each stage; then the new state,
its error and what the driver asks of it. `watch` and `observe` compute conditions and outputs at a fraction of the step from the dense
output of the species that they need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sim.kernels import elimination, lanes, rosenbrock
from sim.kernels.course import TINY
from sim.network.assembly import Entry, TimeTerm
from sim.network.expression import Compare, Expression, Symbol
from sim.network.generator import Generator, as_number
from sim.network.lane_matrix import Matrix, add_terms, eliminate
from sim.network.lane_rows import Rows
from sim.network.program import Places
from sim.network.straight_line import Lines, Value

Leaf = Callable[[Expression], Value | None]

A = (
    (rosenbrock.A21,),
    (rosenbrock.A31, rosenbrock.A32),
    (rosenbrock.A41, rosenbrock.A42, rosenbrock.A43),
    (rosenbrock.A51, rosenbrock.A52, rosenbrock.A53, rosenbrock.A54),
)
C = (
    (rosenbrock.C21,),
    (rosenbrock.C31, rosenbrock.C32),
    (rosenbrock.C41, rosenbrock.C42, rosenbrock.C43),
    (rosenbrock.C51, rosenbrock.C52, rosenbrock.C53, rosenbrock.C54),
    (rosenbrock.C61, rosenbrock.C62, rosenbrock.C63, rosenbrock.C64, rosenbrock.C65),
)
D = (
    (rosenbrock.D21, rosenbrock.D22, rosenbrock.D23, rosenbrock.D24, rosenbrock.D25),
    (rosenbrock.D31, rosenbrock.D32, rosenbrock.D33, rosenbrock.D34, rosenbrock.D35),
)
TIMES = (rosenbrock.TIME2, rosenbrock.TIME3, rosenbrock.TIME4, 1.0, 1.0)
WEIGHTS = (rosenbrock.SLOPE2, rosenbrock.SLOPE3, rosenbrock.SLOPE4, 0.0, 0.0)

HEADER = '''"""Generated from a reaction network: its programs on rows of lanes. Do not edit."""

import numpy as math  # the same functions; with the compiler off they give inf and NaN where Python's would raise

from sim.kernels._jit import jit_as
from sim.kernels.course import maximum, minimum
from sim.kernels.lane_elimination import factorise_lanes, solve_lanes
from sim.kernels.lanes import PROGRAM
from sim.kernels.straight import straight
from sim.kernels.structure import STATIC
'''


class LanePrograms:
    """Writes the programs of one network, after its other texts: these decide what is hoisted."""

    def __init__(self, generator: Generator, n_static: int) -> None:
        self.generator, self.n_static = generator, n_static
        self.places: Places = replace(generator.places, hoisted=dict(generator.places.hoisted))
        self.rows = Rows.of(generator, n_static)
        self.n = len(self.places.species)
        self.straight = generator.assembly.order.operations <= elimination.STRAIGHT_LIMIT

    # -- text ------------------------------------------------------------------------------------------------------------

    def source(self, width: int) -> tuple[str, lanes.Layout]:
        """Return the whole text and the layout of the workspace.

        Parameters
        ----------
        width : int
            Lanes.
        """
        m, u = self.rows.unknowns, self.rows.u
        walks, text = self._walks()
        text += self._program(
            "begin", self._begin(), width, *walks[:1], *(walk.format(u) for walk in walks[1:])
        )
        text += self._program("stage_slopes", self._stage_slopes(), width)
        text += self._program(
            "substitute", self._substitute(), width, *(walk.format("base") for walk in walks[1:])
        )
        calls = ["begin(rows, 0)"]
        for i in range(1, 6):
            text += self._program(f"combine_{i}", self._combine(i), width)
            calls += [f"combine_{i}(rows, 0)", "stage_slopes(rows, 0)", f"substitute(rows, {u + i * m})"]
        text += self._program("finish", self._finish(), width)
        calls.append("finish(rows, 0)")
        text += self.generator.function("advance", "PROGRAM, as_written=True", "rows, base", calls)
        text += self._program("stand", self._stand(), width)
        calls = ["stand(rows, 0)", "stage_slopes(rows, 0)"]
        text += self.generator.function("slopes", "PROGRAM, as_written=True", "rows, base", calls)
        text += self._program("observe", self._observe(), width)
        text += self._program("watch", self._watch(), width)
        text += self._program("move", self._move(), width)
        more = dict(list(self.places.hoisted.items())[self.n_static :])
        text += self.generator.static_function(
            "more", {node: place - self.n_static for node, place in more.items()}
        )
        layout = self.rows.layout._replace(n_more=len(more), n_rows=self.rows.layout.more + len(more))
        return HEADER + text, layout

    def _walks(self) -> tuple[list[str], str]:
        """Return the calls that walk factorisation and substitution, and the tables that they take; none where both are straight lines."""
        if self.straight:
            return [], ""
        order, factors = self.generator.assembly.order, self.rows.factors
        lists = {"PIVOT": order.pivot, "ROW": order.row, "COLUMN": order.column, "UPDATE": order.update}
        text = "\n\n" + "".join(
            f"{name} = math.array({values.tolist()}, dtype=math.int64){shape}\n"
            for (name, values), shape in zip(lists.items(), (".reshape(-1, 3)", "", "", ""), strict=True)
        )
        sizes = f"{len(order.row)}, {len(order.column)}"
        return [
            f"factorise_lanes(rows, PIVOT, UPDATE, {factors}, {sizes})",
            f"solve_lanes(rows, {{}}, PIVOT, ROW, COLUMN, {factors})",
        ], text

    def _program(self, name: str, lines: Lines, width: int, *calls: str) -> str:
        text = f'\n\n{name.upper()} = straight(\n    """\\\n{lines.text()}""",\n    {width},\n)\n'
        return text + self.generator.function(
            name, "PROGRAM, as_written=True", "rows, base", [f"{name.upper()}(rows, base)", *calls]
        )

    # -- leaves ----------------------------------------------------------------------------------------------------------

    def _leaf(self, lines: Lines, species: Callable[[int], Value], time: int) -> Leaf:
        """Return what finds the nodes that are rows; `species` gives the value of a species, `time` is the row of the clock."""
        places, layout = self.places, self.rows.layout

        def leaf(node: Expression) -> Value | None:
            if isinstance(node, Compare):
                return None  # a row holds numbers, and the lanes choose by what is true or false
            if places.is_fixed(node):
                if isinstance(node, Symbol) and node.name in places.parameters:
                    return lines.load(layout.parameters + places.parameters[node.name])
                return lines.load(self._hoisted(node))
            if isinstance(node, Symbol):
                if node.name in places.species:
                    return species(places.species[node.name])
                if node.name == "time":
                    return lines.load(time)
            return None

        return leaf

    def _hoisted(self, node: Expression) -> int:
        """Return the row of an expression of parameters alone."""
        place = self.places.hoisted_place(node)
        if place < self.n_static:
            return self.rows.layout.static + place
        return self.rows.layout.more + place - self.n_static

    def _define(self, lines: Lines, expressions: Sequence[Expression], leaf: Leaf) -> None:
        """Write the definitions that expressions need, each after those that it uses: none is reached through another."""
        needed: set[str] = set()
        stack = [name for expression in expressions for name in expression.symbols]
        while stack:
            name = stack.pop()
            if name in self.places.definitions and name not in self.places.fixed and name not in needed:
                needed.add(name)
                stack.extend(self.places.definitions[name].symbols)
        for name in self.generator.order:
            if name in needed:
                lines.define(Symbol(name), lines.express(self.places.definitions[name], leaf))

    # -- one step --------------------------------------------------------------------------------------------------------

    def _stage_slopes(self) -> Lines:
        """Write the slopes of the state of a stage."""
        lines, slopes = Lines(), self.generator.slopes(masked=True)
        leaf = self._leaf(lines, lambda s: lines.load(self.rows.layout.stage + s), lanes.STAGE_TIME)
        self._define(lines, slopes, leaf)
        for s, slope in enumerate(slopes):
            lines.store(self.rows.layout.slope + s, lines.express(slope, leaf))
        return lines

    def _stand(self) -> Lines:
        """Make the state that of a stage."""
        lines, layout = Lines(), self.rows.layout
        lines.store(lanes.STAGE_TIME, lines.load(lanes.TIME))
        with lines.loop(self.n):
            lines.store(layout.stage, lines.line("each", layout.x), "keep")
        return lines

    def _begin(self) -> Lines:
        """Write slopes, checks of the rates, factors of the matrix, and the first stage."""
        lines, generator, layout = Lines(), self.generator, self.rows.layout
        leaf = self._leaf(lines, lambda s: lines.load(layout.x + s), lanes.TIME)
        values = [*generator.hazards, *generator.derivatives]
        slopes = generator.slopes(masked=True)
        self._define(lines, [*values, *slopes], leaf)
        check = lines.number(0.0)
        right: list[Value | None] = [None] * self.rows.unknowns
        for s, expression in enumerate(slopes):
            slope = lines.express(expression, leaf)
            right[s] = slope
            check = lines.line("fma", slope, lines.number(0.0), check)
        lines.store(lanes.SLOPE_CHECK, check)
        self._negative(lines, leaf)
        one = lines.number(1.0)
        inverse = lines.line("div", one, lines.load(lanes.STEP))
        lines.store(lanes.INVERSE_STEP, inverse)

        def term(one: Entry | TimeTerm) -> Value:
            value = lines.express(values[one.source], leaf)
            return value if one.factor == self.n else lines.multiply(value, lines.load(layout.x + one.factor))

        if generator.assembly.time_terms:
            weight = lines.multiply(lines.number(rosenbrock.SLOPE1), lines.load(lanes.STEP))
            for i in range(self.rows.unknowns):
                parts = [t for t in generator.assembly.time_terms if t.row == i]
                partial = add_terms(lines, [(part.coefficient, term(part)) for part in parts], None)
                partial = lines.number(0.0) if partial is None else partial
                lines.store(self.rows.partial + i, partial)
                added = lines.multiply(weight, partial)
                here = right[i]
                right[i] = added if here is None else lines.add(here, added)
        shift = lines.multiply(lines.number(1.0 / rosenbrock.GAMMA), inverse)
        matrix = Matrix(generator.assembly, self.n, lines, term, shift)
        if self.straight:
            matrix.factorise(self.rows.factors)
            eliminate(lines, generator.assembly.order, right, matrix.entry, self.rows.u, "store")
        else:
            matrix.assemble(self.rows.factors)
            self._keep_right(lines, right, self.rows.u, "store")
        return lines

    @staticmethod
    def _keep_right(lines: Lines, right: Sequence[Value | None], begin: int, operation: str) -> None:
        """Write a right-hand side, for an elimination that is walked."""
        for i, value in enumerate(right):
            lines.store(begin + i, lines.number(0.0) if value is None else value, operation)

    def _negative(self, lines: Lines, leaf: Leaf) -> None:
        """Note where a reaction that changes counts runs backwards by more than the tolerance of a step.

        Reactions of one reactant whose first change has one tolerance are held against it together, by the most negative rate.
        """
        generator, layout = self.generator, self.rows.layout
        hazards, zero = list(generator.hazards), lines.number(0.0)
        groups: dict[tuple[int, int], dict[int, None]] = {}
        for reaction in generator.assembly.reactions:
            if reaction.changes_count:
                key = (reaction.factor, generator.assembly.change_species[reaction.begin])
                groups.setdefault(key, {})[reaction.hazard] = None
        found = zero
        span, relative = lines.load(lanes.SPAN), lines.load(lanes.RELATIVE)
        for (factor, changed), group in groups.items():
            size = lines.number(1.0) if factor == self.n else lines.load(layout.x + factor)
            least = zero
            for hazard in group:
                rate = lines.multiply(lines.express(hazards[hazard], leaf), size)
                least = lines.choose("lt", rate, least, rate, least)
            floor = lines.add(
                lines.load(layout.absolute + changed), lines.multiply(relative, lines.line("abs", size))
            )
            backwards = lines.multiply(lines.line("neg", least), span)
            found = lines.choose("gt", backwards, floor, lines.number(1.0), found)
        lines.store(lanes.NEGATIVE, found)

    def _substitute(self) -> Lines:
        """Turn the rows from the base on, which hold the sum of c_ij u_j, into a stage, from the slopes of its state."""
        lines = Lines()
        inverse = lines.load(lanes.INVERSE_STEP)
        right: list[Value | None] = [None] * self.rows.unknowns
        for s in range(self.n):
            product = lines.multiply(inverse, lines.line("near", s))
            right[s] = lines.add(lines.load(self.rows.layout.slope + s), product)
        if self.generator.assembly.time_terms:
            weight = lines.load(lanes.STAGE_WEIGHT)
            for i in range(self.rows.unknowns):
                added = lines.multiply(weight, lines.load(self.rows.partial + i))
                here = right[i]
                right[i] = added if here is None else lines.add(here, added)
        if self.straight:
            order, factors = self.generator.assembly.order, self.rows.factors
            eliminate(lines, order, right, lambda place: lines.load(factors + place), 0, "put")
        else:
            self._keep_right(lines, right, 0, "put")
        return lines

    def _combine(self, i: int) -> Lines:
        """Write the state of stage i (counted from 0) and the sum of c_ij u_j; time and weight of its slopes."""
        lines, layout, m = Lines(), self.rows.layout, self.rows.unknowns
        time, step = lines.load(lanes.TIME), lines.load(lanes.STEP)
        lines.store(lanes.STAGE_TIME, lines.add(time, lines.multiply(lines.number(TIMES[i - 1]), step)))
        lines.store(lanes.STAGE_WEIGHT, lines.multiply(lines.number(WEIGHTS[i - 1]), step))
        with lines.loop(self.n):
            u = [lines.line("each", self.rows.u + j * m) for j in range(i)]
            if i < 5:
                state = self._weighted(lines, A[i - 1], u, lines.line("each", layout.x))
            else:
                state = lines.add(lines.line("each", layout.stage), u[4])
            lines.store(layout.stage, state, "keep")
            lines.store(self.rows.u + i * m, self._weighted(lines, C[i - 1], u, None), "keep")
        return lines

    @staticmethod
    def _weighted(lines: Lines, weights: Sequence[float], u: Sequence[Value], start: Value | None) -> Value:
        """Return start + sum of weights times stages."""
        products = [
            lines.multiply(lines.number(weight), value) for weight, value in zip(weights, u, strict=True)
        ]
        result = products[0] if start is None else lines.add(start, products[0])
        for product in products[1:]:
            result = lines.add(result, product)
        return result

    def _finish(self) -> Lines:
        """Write the new state, dense output, error in units of the tolerance, and whether all is finite and no count below zero."""
        lines = Lines()
        for row in (lanes.ERROR_SUM, lanes.ERROR_COUNT, lanes.STATE_CHECK, lanes.BELOW_ZERO):
            lines.store(row, lines.number(0.0))
        species = self.generator.network.all_species
        begin = 0
        while begin < self.n:
            counts = species[begin].kind == "count"
            end = begin
            while end < self.n and (species[end].kind == "count") == counts:
                end += 1
            with lines.loop(end - begin):
                self._finish_species(lines, begin, counts=counts)
            begin = end
        return lines

    def _finish_species(self, lines: Lines, s: int, *, counts: bool) -> None:
        """Write what `_finish` does for one species; see `scaled_error` of the kernel."""
        layout, m = self.rows.layout, self.rows.unknowns
        u = [lines.line("each", self.rows.u + j * m + s) for j in range(6)]
        x, zero, one = lines.line("each", layout.x + s), lines.number(0.0), lines.number(1.0)
        x_new = lines.add(lines.line("each", layout.stage + s), u[5])
        lines.store(layout.x_new + s, x_new, "keep")
        for k in (0, 1):
            lines.store(layout.dense + k * self.n + s, self._weighted(lines, D[k], u[:5], None), "keep")
        check = lines.line("fma", x_new, zero, lines.fresh(lanes.STATE_CHECK))
        lines.store(lanes.STATE_CHECK, check)
        before, after = lines.line("abs", x), lines.line("abs", x_new)
        size = lines.choose("gt", after, before, after, before)
        absolute = lines.line("each", layout.absolute + s)
        scale = lines.add(absolute, lines.multiply(lines.load(lanes.RELATIVE), size))
        error = lines.line("div", u[5], scale)
        # `not e <= 1e-3` holds for NaN too
        small = lines.line("le", lines.line("abs", error), lines.number(1e-3))
        absent = lines.line("and", lines.line("le", size, absolute), small)
        total, number = lines.fresh(lanes.ERROR_SUM), lines.fresh(lanes.ERROR_COUNT)
        lines.store(
            lanes.ERROR_SUM, lines.line("select", absent, total, lines.line("fma", error, error, total))
        )
        lines.store(lanes.ERROR_COUNT, lines.line("select", absent, number, lines.add(number, one)))
        if counts:
            below = lines.fresh(lanes.BELOW_ZERO)
            fallen = lines.line("gt", lines.line("neg", x_new), scale)
            lines.store(lanes.BELOW_ZERO, lines.line("select", fallen, one, below))

    # -- within and after a step -----------------------------------------------------------------------------------------

    def _between(self, lines: Lines) -> Callable[[int], Value]:
        """Return what gives a species at the fraction THETA of the step; exactly the state where that is 0."""
        layout, n = self.rows.layout, self.n
        theta, one = lines.load(lanes.THETA), lines.number(1.0)
        rest = lines.line("sub", one, theta)
        standing = lines.line("eq", theta, lines.number(0.0))

        def species(s: int) -> Value:
            x, x_new = lines.load(layout.x + s), lines.load(layout.x_new + s)
            bend = lines.add(
                lines.load(layout.dense + s), lines.multiply(theta, lines.load(layout.dense + n + s))
            )
            inner = lines.add(x_new, lines.multiply(rest, bend))
            moved = lines.add(lines.multiply(rest, x), lines.multiply(theta, inner))
            return lines.line("select", standing, x, moved)

        return species

    def _observe(self) -> Lines:
        """Write the outputs at the fraction THETA of the step, where the clock shows STAGE_TIME."""
        lines = Lines()
        leaf = self._leaf(lines, self._between(lines), lanes.STAGE_TIME)
        outputs = [Symbol(name) for name in self.generator.outputs]
        self._define(lines, outputs, leaf)
        for j, output in enumerate(outputs):
            lines.store(self.rows.layout.outputs + j, lines.express(output, leaf))
        return lines

    def _watch(self) -> Lines:
        """Write the conditions of the triggers, 1 where they hold, likewise."""
        lines = Lines()
        leaf = self._leaf(lines, self._between(lines), lanes.STAGE_TIME)
        conditions = {
            k: as_number(event.when)
            for k, event in enumerate(self.generator.network.all_events)
            if event.when is not None
        }
        self._define(lines, list(conditions.values()), leaf)
        for k, condition in conditions.items():
            lines.store(self.rows.layout.conditions + k, lines.express(condition, leaf))
        return lines

    def _move(self) -> Lines:
        """Make the new state the state where MOVES says so; what is tiny becomes zero."""
        lines, layout = Lines(), self.rows.layout
        goes = lines.line("gt", lines.load(lanes.MOVES), lines.number(0.5))
        with lines.loop(self.n):
            x, x_new = lines.line("each", layout.x), lines.line("each", layout.x_new)
            zero = lines.number(0.0)
            arrived = lines.choose("gt", lines.line("abs", x_new), lines.number(TINY), x_new, zero)
            lines.store(layout.x, lines.line("select", goes, arrived, x), "keep")
        return lines
