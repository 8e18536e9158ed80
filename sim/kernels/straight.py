"""Straight-line programs on rows of lanes, written out as vector instructions.

A row holds one quantity of several patients side by side, a lane each. `straight` turns the text of a program into a function in which
each line is one vector instruction on all lanes; it emits LLVM instructions itself, since the analysis of some thousand Python statements
takes numba seconds. With the compiler off the same text is walked on NumPy rows.

What a lane gets depends on nothing but that lane: sums and products are joined where the text says `fma` and nowhere else, so that the
bytes are the same at any width. Functions that processors lack (`exp`, `log`, `pow`, `tanh`) are called lane by lane.

A line is an operation and its operands, the numbers of earlier lines counted from 0. `store 7 12` keeps line 12 in row 7. `near`
and `put` are load and store of rows counted from the second argument of the function; `each` and `keep` stand within a loop, and
their rows go on by one each time. ``loop 5 ... end`` repeats what stands between, whose lines are not used after it.

Assumes rows within the workspace, which no one checks. Nothing fails: what is undefined is NaN or infinite in its lane.

========================== =======================================
operation                  value
========================== =======================================
number c                   c in all lanes
load r, near r, each r     a row
add, sub, mul, div a b     a + b, a - b, a b, a / b
fma, fms, fnma a b c       a b + c, a b - c, c - a b, rounded once
neg, abs, sqrt a           -a, its size, its root
exp, log, tanh a, pow a b  these functions
min, max a b               NaN where one of them is
lt, le, gt, ge, eq, ne     comparisons, false for NaN but for `ne`
or, and a b                of comparisons
select c a b               a where c holds, else b
========================== =======================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sim.kernels._jit import DISABLED

Line = tuple[str, tuple[Any, ...]]

COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
LOADS = ("load", "near", "each")
STORES = ("store", "put", "keep")
CALLS = {"exp": "llvm.exp.f64", "log": "llvm.log.f64", "pow": "llvm.pow.f64", "tanh": "tanh"}
_DOUBLE, _INDEX = ir.DoubleType(), ir.IntType(64)


def straight(text: str, width: int) -> Callable[..., Any]:
    """Return program(rows, base) of a text, for use in compiled code.

    Parameters
    ----------
    text : str
        Lines as in the docstring of this file.
    width : int
        Lanes: length of a row.
    """
    lines = read(text)
    if DISABLED:
        return _walker(lines)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        _Emitter(builder, rows, arguments[1], width).emit(lines)
        return context.get_dummy_value()

    def typing(_: Any, rows: Any, base: Any) -> Any:
        return types.void(rows, base), emit

    return intrinsic(typing)  # type: ignore[no-any-return]


def read(text: str) -> list[Line]:
    """Return the lines of a text: the operation, and its operands as numbers."""
    lines: list[Line] = []
    for line in text.split("\n"):
        if not line:
            continue
        operation, *operands = line.split(" ")
        number = float if operation == "number" else int
        lines.append((operation, tuple(number(operand) for operand in operands)))
    return lines


class _Emitter:
    """Emits the instructions of a program at the place of a builder."""

    def __init__(self, builder: Any, rows: Any, base: Any, width: int) -> None:
        self.builder, self.rows, self.base, self.width = builder, rows, base, width
        self.vector = ir.VectorType(_DOUBLE, width)
        self.values: list[Any] = []
        self.counter: Any = None

    def emit(self, lines: list[Line]) -> None:
        """Emit all lines."""
        while len(self.values) < len(lines):
            operation, operands = lines[len(self.values)]
            if operation == "loop":
                self.values.append(None)
                with cgutils.for_range(self.builder, ir.Constant(_INDEX, operands[0])) as loop:
                    self.counter = loop.index
                    self.emit(lines[: lines.index(("end", ()), len(self.values))])
                self.values.append(None)
            else:
                self.values.append(self.line(operation, operands))

    def line(self, operation: str, operands: tuple[Any, ...]) -> Any:
        """Emit one line and return its value, None where it has none."""
        builder = self.builder
        if operation == "number":
            return self.number(operands[0])
        if operation in LOADS:
            return builder.load(self.row(operation, operands[0]), align=8)
        if operation in STORES:
            return builder.store(self.values[operands[1]], self.row(operation, operands[0]), align=8)
        given = [self.values[operand] for operand in operands]
        if operation in CALLS:
            return self.call(operation, given)
        if operation in COMPARISONS:
            compare = builder.fcmp_unordered if operation == "ne" else builder.fcmp_ordered
            return compare(COMPARISONS[operation], *given)
        return getattr(self, f"_{operation}")(*given)

    def number(self, value: float) -> Any:
        """Return a constant."""
        return ir.Constant(self.vector, [value] * self.width)

    def row(self, operation: str, row: int) -> Any:
        """Return the pointer to a row."""
        place = ir.Constant(_INDEX, row)
        shift = {"near": self.base, "put": self.base, "each": self.counter, "keep": self.counter}.get(
            operation
        )
        if shift is not None:
            place = self.builder.add(place, shift)
        scalar = self.builder.gep(
            self.rows, [self.builder.mul(place, ir.Constant(_INDEX, self.width))], inbounds=True
        )
        return self.builder.bitcast(scalar, self.vector.as_pointer())

    def call(self, operation: str, given: list[Any]) -> Any:
        """Call a function lane by lane."""
        builder = self.builder
        signature = ir.FunctionType(_DOUBLE, [_DOUBLE] * len(given))
        function = cgutils.insert_pure_function(builder.module, signature, CALLS[operation])
        result = ir.Constant(self.vector, ir.Undefined)
        for lane in range(self.width):
            place = ir.Constant(ir.IntType(32), lane)
            value = builder.call(function, [builder.extract_element(one, place) for one in given])
            result = builder.insert_element(result, value, place)
        return result

    def intrinsic(self, name: str, *given: Any) -> Any:
        """Apply a vector function that processors have."""
        signature = ir.FunctionType(self.vector, [self.vector] * len(given))
        name = f"llvm.{name}.v{self.width}f64"
        return self.builder.call(
            cgutils.insert_pure_function(self.builder.module, signature, name), list(given)
        )

    def _add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b)

    def _sub(self, a: Any, b: Any) -> Any:
        return self.builder.fsub(a, b)

    def _mul(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b)

    def _div(self, a: Any, b: Any) -> Any:
        return self.builder.fdiv(a, b)

    def _neg(self, a: Any) -> Any:
        return self.builder.fneg(a)

    def _fma(self, a: Any, b: Any, c: Any) -> Any:
        return self.intrinsic("fma", a, b, c)

    def _fms(self, a: Any, b: Any, c: Any) -> Any:
        return self.intrinsic("fma", a, b, self._neg(c))

    def _fnma(self, a: Any, b: Any, c: Any) -> Any:
        return self.intrinsic("fma", self._neg(a), b, c)

    def _abs(self, a: Any) -> Any:
        return self.intrinsic("fabs", a)

    def _sqrt(self, a: Any) -> Any:
        return self.intrinsic("sqrt", a)

    def _or(self, a: Any, b: Any) -> Any:
        return self.builder.or_(a, b)

    def _and(self, a: Any, b: Any) -> Any:
        return self.builder.and_(a, b)

    def _select(self, condition: Any, a: Any, b: Any) -> Any:
        return self.builder.select(condition, a, b)

    def _min(self, a: Any, b: Any) -> Any:
        return self._first_where("<", a, b)

    def _max(self, a: Any, b: Any) -> Any:
        return self._first_where(">", a, b)

    def _first_where(self, sign: str, a: Any, b: Any) -> Any:
        """Return a where it compares so or is no number, else b."""
        builder = self.builder
        holds = builder.or_(builder.fcmp_ordered(sign, a, b), builder.fcmp_unordered("uno", a, a))
        return builder.select(holds, a, b)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "fma": lambda a, b, c: a * b + c,
    "fms": lambda a, b, c: a * b - c,
    "fnma": lambda a, b, c: c - a * b,
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "pow": np.power,
    "min": np.minimum,
    "max": np.maximum,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "or": np.logical_or,
    "and": np.logical_and,
    "select": np.where,
}


def _walker(lines: list[Line]) -> Callable[..., Any]:
    """Return the program as a function that walks its lines."""

    def program(rows, base):
        values: list[Any] = [None] * len(lines)
        _walk(lines, values, 0, rows, base, 0)

    return program


def _walk(lines: list[Line], values: list[Any], at: int, rows: Any, base: int, counter: int) -> int:
    """Walk lines from one on, to the end of the loop that they stand in; return where that is."""
    while at < len(lines) and lines[at][0] != "end":
        operation, operands = lines[at]
        shift = base if operation in ("near", "put") else counter if operation in ("each", "keep") else 0
        if operation == "loop":
            begin = at + 1
            for number in range(operands[0]):
                at = _walk(lines, values, begin, rows, base, number)
        elif operation == "number":
            values[at] = np.float64(operands[0])
        elif operation in LOADS:
            values[at] = rows[operands[0] + shift].copy()
        elif operation in STORES:
            rows[operands[0] + shift] = values[operands[1]]
        else:
            values[at] = _OPERATIONS[operation](*(values[operand] for operand in operands))
        at += 1
    return at
