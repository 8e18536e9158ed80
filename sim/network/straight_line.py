"""Expressions -> the lines of a straight-line program on rows of lanes (sim/kernels/straight.py has the language).

Each shared subexpression is one line. A product that is added or subtracted joins its sum, rounded once: where that happens stands in
the text, so that it is the same at any number of lanes. What no one stores is left out at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from sim.network.expression import (
    Add,
    Call,
    Compare,
    Divide,
    Expression,
    Multiply,
    Negate,
    Number,
    Power,
    Subtract,
)

Line = tuple[str, tuple[float, ...]]
Value = int
"""Number of a line."""

_BINARY: dict[type[Expression], str] = {Add: "add", Subtract: "sub", Multiply: "mul", Divide: "div"}
_COMPARES = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
_STORES = ("store", "put", "keep")
_FIXED = ("number", "load", "near", "each", "loop", "end")
"""Operations whose operands are no lines."""


class Lines:
    """Collects the lines of one program."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._known: dict[Line, Value] = {}
        self._written: dict[Expression, Value] = {}

    # -- lines -----------------------------------------------------------------------------------------------------------

    def line(self, operation: str, *operands: float) -> Value:
        """Return the line of an operation, writing it where there is none yet."""
        line = (operation, operands)
        if line not in self._known:
            self._known[line] = self._append(line)
        return self._known[line]

    def _append(self, line: Line) -> Value:
        self._lines.append(line)
        return len(self._lines) - 1

    def number(self, value: float) -> Value:
        """Return a constant."""
        return self.line("number", float(value))

    def load(self, row: int) -> Value:
        """Return a row as it was when it was first asked for."""
        return self.line("load", row)

    def fresh(self, row: int) -> Value:
        """Return a row as it is now: one that the program itself writes."""
        return self._append(("load", (row,)))

    def store(self, row: int, value: Value, operation: str = "store") -> None:
        """Keep a value in a row."""
        self._append((operation, (row, value)))

    @contextmanager
    def loop(self, count: int) -> Iterator[None]:
        """Repeat what is written within; what was found there is not known after it."""
        known, written = dict(self._known), dict(self._written)
        self._append(("loop", (count,)))
        yield
        self._append(("end", ()))
        self._known, self._written = known, written

    def add(self, a: Value, b: Value) -> Value:
        """Return a + b."""
        for one, other in ((a, b), (b, a)):
            operation, operands = self._lines[one]
            if operation == "mul":
                return self.line("fma", *operands, other)
        return self.line("add", a, b)

    def subtract(self, a: Value, b: Value) -> Value:
        """Return a - b."""
        operation, operands = self._lines[a]
        if operation == "mul":
            return self.line("fms", *operands, b)
        operation, operands = self._lines[b]
        return self.line("fnma", *operands, a) if operation == "mul" else self.line("sub", a, b)

    def multiply(self, a: Value, b: Value) -> Value:
        """Return a b; what is one for sure is left out."""
        one = ("number", (1.0,))
        if self._lines[a] == one:
            return b
        return a if self._lines[b] == one else self.line("mul", a, b)

    def choose(self, comparison: str, a: Value, b: Value, yes: Value, no: Value) -> Value:
        """Return `yes` where a compares so with b, else `no`."""
        return self.line("select", self.line(comparison, a, b), yes, no)

    # -- expressions -----------------------------------------------------------------------------------------------------

    def define(self, name: Expression, value: Value) -> None:
        """Say what an expression stands for from now on."""
        self._written[name] = value

    def express(self, expression: Expression, leaf: Callable[[Expression], Value | None]) -> Value:
        """Return the value of an expression.

        Parameters
        ----------
        expression : Expression
        leaf : callable
            The value of a node that is not computed here (a row), None for the others.
        """
        stack = [expression]
        while stack:
            node = stack[-1]
            if node in self._written:
                stack.pop()
                continue
            known = self.number(node.value) if isinstance(node, Number) else leaf(node)
            if known is None:
                missing = [child for child in node.children if child not in self._written]
                if missing:
                    stack.extend(reversed(missing))
                    continue
                known = self._node(node, [self._written[child] for child in node.children])
            self._written[node] = known
        return self._written[expression]

    def _node(self, node: Expression, given: list[Value]) -> Value:
        if isinstance(node, Add):
            return self.add(*given)
        if isinstance(node, Subtract):
            return self.subtract(*given)
        if isinstance(node, Multiply):
            return self.multiply(*given)
        if isinstance(node, Divide):
            return self.line("div", *given)
        if isinstance(node, Negate):
            return self.line("neg", *given)
        if isinstance(node, Compare):
            return self.line(_COMPARES[node.operator], *given)
        if isinstance(node, Power):
            return self._power(node, *given)
        if isinstance(node, Call) and node.function == "where":
            return self.line("select", *given)
        if isinstance(node, Call) and node.function in ("min", "max"):
            result = given[0]
            for other in given[1:]:
                result = self.line(node.function, result, other)
            return result
        return self.line(str(node.label), *given)

    def _power(self, node: Power, base: Value, exponent: Value) -> Value:
        """Return a power; small whole ones are products, as in `sim.network.printing.node_source`."""
        number = node.right.value if isinstance(node.right, Number) else None
        if number == 0.5:
            return self.line("sqrt", base)
        if number is None or not number.is_integer() or not 1 <= abs(number) <= 4:
            return self.line("pow", base, exponent)
        result = base
        for _ in range(int(abs(number)) - 1):
            result = self.multiply(result, base)
        return result if number > 0 else self.line("div", self.number(1.0), result)

    # -- text ------------------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """Return the program, without lines that nothing needs."""
        needed = [operation in (*_STORES, "loop", "end") for operation, _ in self._lines]
        for place in range(len(self._lines) - 1, -1, -1):
            if needed[place]:
                for operand in _used(self._lines[place]):
                    needed[operand] = True
        number: dict[int, int] = {}
        written: list[str] = []
        for place, (operation, operands) in enumerate(self._lines):
            if not needed[place]:
                continue
            number[place] = len(number)
            if operation in _FIXED:
                said = list(operands)
            else:  # rows stay, lines have new numbers
                said = (
                    [*operands[:1], number[int(operands[1])]]
                    if operation in _STORES
                    else [number[int(i)] for i in operands]
                )
            written.append(" ".join([operation, *map(repr, said)]))
        return "\n".join(written) + "\n"


def _used(line: Line) -> Iterable[int]:
    """Return the lines that a line needs."""
    operation, operands = line
    if operation in _FIXED:
        return ()
    return (int(operands[1]),) if operation in _STORES else (int(operand) for operand in operands)
