"""Sparse elimination written out as straight lines of machine code: no loops, no tables, no indices at run time.

A network's matrix keeps one pattern for ever, and sim/network/linear_algebra.py has found the order of elimination. `factoriser`
and `solver` turn that order into one function each, in which every entry is a register or a fixed place. They emit LLVM
instructions themselves, since the analysis of a thousand Python statements takes numba seconds. Machine code much longer than
the processor's caches gains nothing and takes long to make: beyond `STRAIGHT_LIMIT` operations the same order is walked in loops.

Assumes that no pivot vanishes: ``1/(gamma h) - J`` of a step that can be taken. A vanishing one gives inf or NaN, which the
error estimate of the step sees.

Entries lie in one flat array: multipliers of the elimination, rows right of the diagonal, diagonal, each in the order of the
pivots. Factors have the same places; reciprocal pivots stay on the diagonal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from sim.kernels._jit import DISABLED, jit

STRAIGHT_LIMIT = 20_000
"""Multiply-adds of a factorisation beyond which loops are compiled instead."""
CONTRACT = ("contract",)
"""A product and a sum may become one instruction, as everywhere in the kernels."""

Pivots = Sequence[tuple[int, int, int]]
"""In the order of elimination: unknown, end of its multipliers, end of its row (sim/network/linear_algebra.py)."""


def factoriser(
    pivot: Pivots, row: Sequence[int], column: Sequence[int], update: Sequence[int], diagonal: Sequence[int]
) -> Callable[..., Any]:
    """Return factorise(shift, entries, factors) for use in compiled code.

    Parameters
    ----------
    pivot, row, column, update : sequences
        Fields of `sim.network.linear_algebra.Factorisation`.
    diagonal : sequence of int
        Places of the diagonal entries to which the shift is added.
    """
    if DISABLED or len(row) + len(update) > STRAIGHT_LIMIT:
        return _factorise_in_loops(pivot, row, column, update, diagonal)
    first_row = len(row)
    first_diagonal = first_row + len(column)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        shift = arguments[0]
        entries, factors = (_data(context, builder, signature, arguments, place) for place in (1, 2))
        value = [_load(builder, entries, place) for place in range(first_diagonal + len(pivot))]
        for place in diagonal:
            value[place] = builder.fadd(value[place], shift)
        e, begin, q = 0, first_row, 0
        for k, (_, rows_end, columns_end) in enumerate(pivot):
            inverse = builder.fdiv(ir.Constant(ir.DoubleType(), 1.0), value[first_diagonal + k])
            value[first_diagonal + k] = inverse
            end = first_row + columns_end
            while e < rows_end:
                value[e] = builder.fmul(value[e], inverse)
                for entry in range(begin, end):
                    value[update[q]] = _less_product(builder, value[update[q]], value[e], value[entry])
                    q += 1
                e += 1
            begin = end
        for place, result in enumerate(value):
            builder.store(result, _place(builder, factors, place))
        return context.get_dummy_value()

    def typing(_: Any, shift: Any, entries: Any, factors: Any) -> Any:
        return types.void(shift, entries, factors), emit

    return intrinsic(typing)  # type: ignore[no-any-return]


def solver(pivot: Pivots, row: Sequence[int], column: Sequence[int]) -> Callable[..., Any]:
    """Return solve(factors, b), which overwrites b by the solution, for use in compiled code; arguments as `factoriser`."""
    if DISABLED or len(row) > STRAIGHT_LIMIT:
        return _solve_in_loops(pivot, row, column)
    first_row = len(row)
    first_diagonal = first_row + len(column)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        factors, b = (_data(context, builder, signature, arguments, place) for place in (0, 1))
        value = [_load(builder, b, place) for place in range(len(pivot))]
        begin = 0
        for unknown, end, _ in pivot:
            for e in range(begin, end):
                factor = _load(builder, factors, e)
                value[row[e]] = _less_product(builder, value[row[e]], factor, value[unknown])
            begin = end
        end = len(column)
        for k in range(len(pivot) - 1, -1, -1):
            unknown = pivot[k][0]
            begin = pivot[k - 1][2] if k > 0 else 0
            for e in range(begin, end):
                factor = _load(builder, factors, first_row + e)
                value[unknown] = _less_product(builder, value[unknown], factor, value[column[e]])
            value[unknown] = builder.fmul(value[unknown], _load(builder, factors, first_diagonal + k))
            end = begin
        for place, result in enumerate(value):
            builder.store(result, _place(builder, b, place))
        return context.get_dummy_value()

    def typing(_: Any, factors: Any, b: Any) -> Any:
        return types.void(factors, b), emit

    return intrinsic(typing)  # type: ignore[no-any-return]


def _data(context: Any, builder: Any, signature: Any, arguments: Any, place: int) -> Any:
    """Return the pointer to the values of an array argument."""
    return context.make_array(signature.args[place])(context, builder, arguments[place]).data


def _place(builder: Any, pointer: Any, place: int) -> Any:
    return builder.gep(pointer, [ir.Constant(ir.IntType(64), place)], inbounds=True)


def _load(builder: Any, pointer: Any, place: int) -> Any:
    return builder.load(_place(builder, pointer, place))


def _less_product(builder: Any, value: Any, a: Any, b: Any) -> Any:
    """Return value - a b."""
    return builder.fsub(value, builder.fmul(a, b, flags=CONTRACT), flags=CONTRACT)


def _factorise_in_loops(
    pivot: Pivots, row: Sequence[int], column: Sequence[int], update: Sequence[int], diagonal: Sequence[int]
) -> Callable[..., Any]:
    pivots, updates, shifted = _table(pivot), _list(update), _list(diagonal)
    first_row, first_diagonal = len(row), len(row) + len(column)

    @jit
    def factorise(shift, entries, factors):
        for place in range(entries.shape[0]):
            factors[place] = entries[place]
        for place in shifted:
            factors[place] += shift
        e, begin, q = 0, first_row, 0
        for k in range(pivots.shape[0]):
            inverse = 1.0 / factors[first_diagonal + k]
            factors[first_diagonal + k] = inverse
            end = first_row + pivots[k, 2]
            while e < pivots[k, 1]:
                multiplier = factors[e] * inverse
                factors[e] = multiplier
                for entry in range(begin, end):
                    factors[updates[q]] -= multiplier * factors[entry]
                    q += 1
                e += 1
            begin = end

    return factorise


def _solve_in_loops(pivot: Pivots, row: Sequence[int], column: Sequence[int]) -> Callable[..., Any]:
    pivots, rows, columns = _table(pivot), _list(row), _list(column)
    first_row, first_diagonal = len(row), len(row) + len(column)

    @jit
    def solve(factors, b):
        begin = 0
        for k in range(pivots.shape[0]):
            value = b[pivots[k, 0]]
            end = pivots[k, 1]
            for e in range(begin, end):
                b[rows[e]] -= factors[e] * value
            begin = end
        end = columns.shape[0]
        for k in range(pivots.shape[0] - 1, -1, -1):
            value = b[pivots[k, 0]]
            begin = pivots[k - 1, 2] if k > 0 else 0
            for e in range(begin, end):
                value -= factors[first_row + e] * b[columns[e]]
            b[pivots[k, 0]] = value * factors[first_diagonal + k]
            end = begin

    return solve


def _table(rows: Pivots) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(rows, dtype=np.int64).reshape(len(rows), 3)


def _list(values: Sequence[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)
