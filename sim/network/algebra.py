"""Constructors that simplify as they build, and substitution.

The rules are those that a derivative needs to stay readable: 0 and 1 vanish, numbers fold and move to the front, signs
move outwards. A fold whose value is not finite is left as it stands. ``0*a`` is 0 whatever `a` may turn out to be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from sim.network.nodes import (
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
    postorder,
)

__all__ = [
    "add",
    "call",
    "compare",
    "divide",
    "multiply",
    "negate",
    "power",
    "rebuild",
    "substitute",
    "subtract",
    "total",
]

ZERO = Number(0)
ONE = Number(1)
TWO = Number(2)

_FOLDS: dict[str, Callable[..., Any]] = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
    "tanh": math.tanh,
    "min": min,
    "max": max,
}
_COMPARES: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def _fold(function: Callable[..., Any], *operands: Expression) -> Number | None:
    """Return the number that `function` makes of numbers, or None when it cannot or is not finite."""
    values = [operand.value for operand in operands if isinstance(operand, Number)]
    if len(values) < len(operands):
        return None
    try:
        value = function(*values)
    except (ArithmeticError, ValueError):
        return None
    # A negative base with a fractional exponent is complex for Python and not a number for us.
    return Number(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def negate(a: Expression) -> Expression:
    """Return ``-a``, simplified."""
    if isinstance(a, Number):
        return Number(-a.value)
    if isinstance(a, Negate):
        return a.operand
    if isinstance(a, Subtract):
        return Subtract(a.right, a.left)
    if isinstance(a, Multiply) and isinstance(a.left, Number):
        return multiply(negate(a.left), a.right)
    return Negate(a)


def add(a: Expression, b: Expression) -> Expression:
    """Return ``a + b``, simplified."""
    if a is ZERO:
        return b
    if b is ZERO:
        return a
    folded = _fold(lambda x, y: x + y, a, b)
    if folded is not None:
        return folded
    if isinstance(b, Negate):
        return subtract(a, b.operand)
    if isinstance(b, Number) and b.value < 0:
        return Subtract(a, Number(-b.value))
    if isinstance(a, Negate):
        return subtract(b, a.operand)
    return Add(a, b)


def subtract(a: Expression, b: Expression) -> Expression:
    """Return ``a - b``, simplified."""
    if b is ZERO:
        return a
    if a is ZERO:
        return negate(b)
    if a is b:
        return ZERO
    folded = _fold(lambda x, y: x - y, a, b)
    if folded is not None:
        return folded
    if isinstance(b, Negate):
        return add(a, b.operand)
    if isinstance(b, Number) and b.value < 0:
        return Add(a, Number(-b.value))
    return Subtract(a, b)


def multiply(a: Expression, b: Expression) -> Expression:
    """Return ``a*b``, simplified; a number moves to the front."""
    if a is ZERO or b is ZERO:
        return ZERO
    if a is ONE:
        return b
    if b is ONE:
        return a
    folded = _fold(lambda x, y: x * y, a, b)
    if folded is not None:
        return folded
    if isinstance(b, Number):
        a, b = b, a
    if isinstance(a, Number):
        if a.value == -1:
            return negate(b)
        if isinstance(b, Negate):
            return multiply(Number(-a.value), b.operand)
        if isinstance(b, Multiply) and isinstance(b.left, Number):
            merged = _fold(lambda x, y: x * y, a, b.left)
            if merged is not None:
                return multiply(merged, b.right)
        return Multiply(a, b)
    if isinstance(a, Negate):
        return negate(multiply(a.operand, b))
    if isinstance(b, Negate):
        return negate(multiply(a, b.operand))
    if isinstance(b, Multiply) and isinstance(b.left, Number):
        return multiply(b.left, multiply(a, b.right))
    return Multiply(a, b)


def divide(a: Expression, b: Expression) -> Expression:
    """Return ``a/b``, simplified; 0 divided by anything but 0 is 0."""
    if a is ZERO and b is not ZERO:
        return ZERO
    if b is ONE:
        return a
    folded = _fold(lambda x, y: x / y, a, b)
    if folded is not None:
        return folded
    if isinstance(a, Negate):
        return negate(divide(a.operand, b))
    if isinstance(b, Negate):
        return negate(divide(a, b.operand))
    return Divide(a, b)


def power(a: Expression, b: Expression) -> Expression:
    """Return ``a**b``, simplified."""
    if b is ZERO or a is ONE:
        return ONE
    if b is ONE:
        return a
    folded = _fold(lambda x, y: x**y, a, b)
    if folded is not None:
        return folded
    return Power(a, b)


def compare(operator: str, a: Expression, b: Expression) -> Compare:
    """Return the comparison of `a` and `b`."""
    return Compare(operator, a, b)


def call(function: str, *arguments: Expression) -> Expression:
    """Return the function of the arguments, simplified."""
    if function == "where":
        condition, yes, no = arguments
        if yes is no:
            return yes
        if isinstance(condition, Compare):
            left, right = condition.children
            if isinstance(left, Number) and isinstance(right, Number):
                return yes if _COMPARES[condition.operator](left.value, right.value) else no
        return Call("where", arguments)
    folded = _fold(_FOLDS[function], *arguments)
    return folded if folded is not None else Call(function, arguments)


def total(terms: list[Expression]) -> Expression:
    """Return the simplified sum of `terms`; 0 when there are none."""
    result: Expression = ZERO
    for term in terms:
        result = add(result, term)
    return result


_CONSTRUCTORS: dict[type[Expression], Callable[..., Expression]] = {
    Negate: negate,
    Add: add,
    Subtract: subtract,
    Multiply: multiply,
    Divide: divide,
    Power: power,
}


def rebuild(node: Expression, operands: tuple[Expression, ...]) -> Expression:
    """Return `node` with other operands, simplified when they are others."""
    if all(new is old for new, old in zip(operands, node.children, strict=True)):
        return node
    if isinstance(node, Call):
        return call(node.function, *operands)
    if isinstance(node, Compare):
        return Compare(node.operator, *operands)
    return _CONSTRUCTORS[type(node)](*operands)


def substitute(expression: Expression, replacements: Mapping[str, Expression]) -> Expression:
    """Return `expression` with names replaced, all at once.

    Parameters
    ----------
    expression : Expression
        Where to replace.
    replacements : mapping of str to Expression
        What stands for each name. Names within a replacement are not replaced again.

    Returns
    -------
    Expression
        Simplified where something changed, untouched elsewhere.
    """
    if expression.symbols.isdisjoint(replacements):
        return expression
    result: dict[Expression, Expression] = {}
    for node in postorder([expression]):
        if node.children:
            result[node] = rebuild(node, tuple(result[child] for child in node.children))
        else:
            result[node] = replacements.get(str(node.label), node) if not isinstance(node, Number) else node
    return result[expression]
