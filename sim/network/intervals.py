"""Interval arithmetic on expressions: where the value of an expression lies when its names lie between bounds.

The bounds are expressions themselves, so they are compiled with the rest. They are certain and not always the narrowest: a name that occurs
twice is taken for two. What cannot be bounded is None.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    Symbol,
)
from sim.network.nodes import postorder

__all__ = ["Interval", "bounds", "certainty"]

Interval = tuple[Expression, Expression]
UNBOUNDED = Number(1e300)
"""Stands for what a quotient by zero may be."""
MAYBE = Number(0.5)


def bounds(expression: Expression, names: Mapping[str, Interval | None]) -> Interval | None:
    """Return the least and the greatest value of an expression, None where there is no telling.

    Parameters
    ----------
    expression : Expression
        Without names of definitions, or with those among `names`.
    names : mapping of str to (Expression, Expression) or None
        Bounds of each name that moves, None where there are none; the others stand still.

    Examples
    --------
    >>> from sim.network.expression import parse
    >>> low, high = bounds(parse("X/(X + K)"), {"X": (parse("a"), parse("b"))})
    >>> str(low), str(high)
    ('where(a + K > 0, min(a/(a + K), a/(b + K)), where(b + K < 0, min(b/(a + K), b/(b + K)), -(1e300)))', \
'where(a + K > 0, max(b/(a + K), b/(b + K)), where(b + K < 0, max(a/(a + K), a/(b + K)), 1e300))')
    """
    found: dict[Expression, Interval | None] = {}
    for node in postorder([expression]):
        parts = [found[child] for child in node.children]
        if isinstance(node, Symbol):
            found[node] = names.get(node.name, (node, node))
        elif not node.symbols & names.keys():
            found[node] = (node, node)
        elif isinstance(node, Compare):
            found[node] = None
        else:
            # A comparison within `where` is not needed: either value may be taken.
            known = [
                part
                for part, child in zip(parts, node.children, strict=True)
                if not isinstance(child, Compare)
            ]
            found[node] = None if None in known else _combined(node, [part for part in known if part])
    return found[expression]


def _combined(node: Expression, parts: list[Interval]) -> Interval | None:
    """Return the bounds of an operation from those of its operands."""
    if isinstance(node, Call):
        return _called(node.function, parts)
    (a, b), (c, d) = parts[0], parts[-1]
    if isinstance(node, Negate):
        return Negate(b), Negate(a)
    if isinstance(node, Add):
        return Add(a, c), Add(b, d)
    if isinstance(node, Subtract):
        return Subtract(a, d), Subtract(b, c)
    if isinstance(node, Multiply):
        corners = tuple(dict.fromkeys(Multiply(x, y) for x in (a, b) for y in (c, d)))
        return Call("min", corners), Call("max", corners)
    if isinstance(node, Divide):
        return _quotient((a, b), (c, d))
    if isinstance(node, Power):
        return _power((a, b), (c, d))
    return None


def _quotient(over: Interval, under: Interval) -> Interval:
    (a, b), (c, d) = over, under
    if c is d:
        ends = (Divide(a, c), Divide(b, c))
        return Call("min", ends), Call("max", ends)
    nought = Number(0)

    def either(function: str, above: Expression, below: Expression, otherwise: Expression) -> Expression:
        # Of one sign, the denominator's ends give the extremes at the end of the numerator that is meant.
        positive = Call(function, (Divide(above, c), Divide(above, d)))
        negative = Call(function, (Divide(below, c), Divide(below, d)))
        inner = Call("where", (Compare("<", d, nought), negative, otherwise))
        return Call("where", (Compare(">", c, nought), positive, inner))

    return either("min", a, b, Negate(UNBOUNDED)), either("max", b, a, UNBOUNDED)


def _power(base: Interval, exponent: Interval) -> Interval | None:
    """Bounds where the exponent stands still: at the ends of the base if that is not negative, unbounded otherwise."""
    (a, b), (c, d) = base, exponent
    if c is not d:
        return None
    ends, nought = (Power(a, c), Power(b, c)), Number(0)

    def where_sound(value: Expression, otherwise: Expression) -> Expression:
        at_nought = _choice(Compare(">=", c, nought), value, otherwise)
        return _choice(
            Compare(">", a, nought), value, _choice(Compare(">=", a, nought), at_nought, otherwise)
        )

    return where_sound(Call("min", ends), Negate(UNBOUNDED)), where_sound(Call("max", ends), UNBOUNDED)


def _called(function: str, parts: list[Interval]) -> Interval | None:
    a, b = parts[0]
    if function in ("exp", "log", "sqrt", "tanh"):
        return Call(function, (a,)), Call(function, (b,))
    if function == "abs":
        ends = (Call("abs", (a,)), Call("abs", (b,)))
        crosses = Compare("<", Multiply(a, b), Number(0))
        return Call("where", (crosses, Number(0), Call("min", ends))), Call("max", ends)
    if function in ("min", "max"):
        return Call(function, tuple(low for low, _ in parts)), Call(
            function, tuple(high for _, high in parts)
        )
    if function == "where":
        return Call("min", tuple(low for low, _ in parts)), Call("max", tuple(high for _, high in parts))
    return None


def certainty(condition: Expression, names: Mapping[str, Interval | None]) -> Expression:
    """Return an expression that is 1 where a condition holds for certain, 0 where it does not, and a half where it may.

    A bound that is no number makes it a half.
    """
    if not isinstance(condition, Compare):
        return MAYBE
    left, right = bounds(condition.left, names), bounds(condition.right, names)
    if left is None or right is None:
        return MAYBE
    operator = condition.operator
    if operator in ("<", "<="):
        left, right, operator = right, left, {"<": ">", "<=": ">="}[operator]
    (a, b), (c, d) = left, right
    if operator in (">", ">="):
        never = Compare("<=" if operator == ">" else "<", b, c)
        return _choice(Compare(operator, a, d), Number(1), _choice(never, Number(0), MAYBE))
    apart = Number(0) if operator == "==" else Number(1)
    return _choice(Compare("<", b, c), apart, _choice(Compare(">", a, d), apart, MAYBE))


def _choice(condition: Compare, yes: Expression, no: Expression) -> Expression:
    return Call("where", (condition, yes, no))
