"""Partial derivatives, and division by a name that is a factor."""

from __future__ import annotations

from collections.abc import Callable

from sim.network.algebra import ONE, TWO, ZERO, add, call, divide, multiply, negate, power, subtract
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
    Symbol,
    postorder,
)

__all__ = ["differentiate", "divide_out"]


def differentiate(expression: Expression, name: str) -> Expression:
    """Return the partial derivative of `expression` by the symbol `name`, simplified.

    Parameters
    ----------
    expression : Expression
        What to differentiate. Every other symbol is held fixed, also one that stands for a definition: the chain rule
        through definitions is the caller's.
    name : str
        The variable.

    Returns
    -------
    Expression
        The derivative. At a corner the branch that `evaluate` takes is differentiated: `abs` counts as rising at 0,
        `min` and `max` follow the first of equal arguments, `where` the branch of its condition, whose own
        dependence on `name` has no derivative.

    Examples
    --------
    >>> from sim.network.expression import parse
    >>> print(differentiate(parse("birth*X*(1 - X/K)"), "X"))
    birth*(1 - X/K) - birth*X*(1/K)
    """
    if name not in expression.symbols:
        return ZERO
    slopes: dict[Expression, Expression] = {}
    for node in postorder([expression]):
        if isinstance(node, Symbol):
            slopes[node] = ONE if node.name == name else ZERO
        elif all(slopes[child] is ZERO for child in node.children):
            slopes[node] = ZERO
        elif isinstance(node, Call):
            slopes[node] = _of_call(node, [slopes[child] for child in node.children])
        else:
            slopes[node] = _OPERATORS[type(node)](node, *(slopes[child] for child in node.children))
    return slopes[expression]


def _of_product(node: Expression, da: Expression, db: Expression) -> Expression:
    a, b = node.children
    return add(multiply(da, b), multiply(a, db))


def _of_quotient(node: Expression, da: Expression, db: Expression) -> Expression:
    """Return (a' - (a/b) b')/b, which shares the quotient with the function itself and so costs one division."""
    b = node.children[1]
    if db is ZERO:
        return divide(da, b)
    if da is ZERO:
        return negate(divide(multiply(node, db), b))
    return divide(subtract(da, multiply(node, db)), b)


def _of_power(node: Expression, da: Expression, db: Expression) -> Expression:
    """Return b a^(b-1) a' + a^b ln(a) b', with 0 for the second term at a = 0."""
    a, b = node.children
    by_base = multiply(multiply(b, power(a, subtract(b, ONE))), da)
    if db is ZERO:
        return by_base
    logarithm = call("log", a)
    if not isinstance(a, Number):
        logarithm = call("where", Compare(">", a, ZERO), logarithm, ZERO)
    return add(by_base, multiply(multiply(node, logarithm), db))


def _of_call(node: Call, slopes: list[Expression]) -> Expression:
    if node.function == "where":
        return call("where", node.children[0], slopes[1], slopes[2])
    if node.function in ("min", "max"):
        return _of_extreme(node, slopes)
    return multiply(_OUTER[node.function](node, node.children[0]), slopes[0])


def _of_extreme(node: Call, slopes: list[Expression]) -> Expression:
    """Compare each argument with the extreme of those after it, from the last to the first."""
    sign = "<=" if node.function == "min" else ">="
    extreme, slope = node.children[-1], slopes[-1]
    for argument, its_slope in zip(node.children[-2::-1], slopes[-2::-1], strict=True):
        slope = call("where", Compare(sign, argument, extreme), its_slope, slope)
        extreme = call(node.function, argument, extreme)
    return slope


_OPERATORS: dict[type[Expression], Callable[..., Expression]] = {
    Negate: lambda node, da: negate(da),
    Add: lambda node, da, db: add(da, db),
    Subtract: lambda node, da, db: subtract(da, db),
    Multiply: _of_product,
    Divide: _of_quotient,
    Power: _of_power,
    # A condition is differentiated to nothing; the value only marks that it depends on the variable.
    Compare: lambda node, da, db: ONE,
}

# Function -> its derivative by the argument, from the call itself and the argument.
_OUTER: dict[str, Callable[[Call, Expression], Expression]] = {
    "exp": lambda node, a: node,
    "log": lambda node, a: divide(ONE, a),
    "sqrt": lambda node, a: divide(Number(0.5), node),
    "abs": lambda node, a: call("where", Compare("<", a, ZERO), Number(-1), ONE),
    "tanh": lambda node, a: subtract(ONE, power(node, TWO)),
}


def divide_out(expression: Expression, name: str) -> Expression | None:
    """Return ``expression/name`` when `name` is a factor, else None.

    Parameters
    ----------
    expression : Expression
        A rate, say.
    name : str
        The factor looked for.

    Returns
    -------
    Expression or None
        The quotient, found through products, numerators, powers from 1 up, signs, sums of which every term has the
        factor and both branches of a `where`. It is defined at ``name = 0``.

    Examples
    --------
    >>> from sim.network.expression import parse
    >>> print(divide_out(parse("(death + crowding*X)*X"), "X"))
    death + crowding*X
    >>> divide_out(parse("birth*X + influx"), "X") is None
    True
    """
    quotients: dict[Expression, Expression | None] = {}
    for node in postorder([expression]):
        if isinstance(node, Symbol):
            quotients[node] = ONE if node.name == name else None
        elif node is ZERO:
            quotients[node] = ZERO
        else:
            quotients[node] = _quotient(node, [quotients[child] for child in node.children])
    return quotients[expression]


def _quotient(node: Expression, parts: list[Expression | None]) -> Expression | None:
    """Return the quotient of `node`, given those of its operands."""
    first = parts[0] if parts else None
    second = parts[1] if len(parts) > 1 else None
    if isinstance(node, Negate) and first is not None:
        return negate(first)
    if isinstance(node, (Add, Subtract)) and first is not None and second is not None:
        return add(first, second) if isinstance(node, Add) else subtract(first, second)
    if isinstance(node, Multiply) and first is not None:
        return multiply(first, node.right)
    if isinstance(node, Multiply) and second is not None:
        return multiply(node.left, second)
    if isinstance(node, Divide) and first is not None and second is None:
        return divide(first, node.right)
    if (
        isinstance(node, Power)
        and first is not None
        and isinstance(node.right, Number)
        and node.right.value >= 1
    ):
        return multiply(first, power(node.left, subtract(node.right, ONE)))
    if isinstance(node, Call) and node.function == "where" and parts[1] is not None and parts[2] is not None:
        return call("where", node.children[0], parts[1], parts[2])
    return None
