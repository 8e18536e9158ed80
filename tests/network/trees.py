"""Random expressions for the tests of this folder."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st

from sim.network import nodes
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
    evaluate,
    postorder,
)

ODD_NAMES = [
    "inf",
    "t",
    "e",
    "E",
    "S",
    "N",
    "I",
    "pi",
    "lambda",
    "in",
    "exp",
    "min",
    "where",
    "if",
    "nan",
    "_x",
    "None",
]


def trees(names: list[str], numbers: st.SearchStrategy[float], exponents: st.SearchStrategy[float]):
    """Trees of all node kinds as a user could write them, not simplified."""
    leaves = st.one_of(st.sampled_from(names).map(Symbol), numbers.map(Number))

    def extend(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        compares = st.builds(Compare, st.sampled_from(nodes.COMPARISONS), inner, inner)
        return st.one_of(
            st.builds(Negate, inner),
            *(st.builds(kind, inner, inner) for kind in (Add, Subtract, Multiply, Divide)),
            st.builds(Power, inner, exponents.map(Number)),
            st.builds(Power, inner, inner),
            st.builds(
                lambda f, a: Call(f, [a]), st.sampled_from(["exp", "log", "sqrt", "abs", "tanh"]), inner
            ),
            st.builds(
                Call,
                st.sampled_from(["min", "max"]),
                st.lists(inner, min_size=2, max_size=4),
            ),
            st.builds(lambda c, a, b: Call("where", [c, a, b]), compares, inner, inner),
        )

    return st.recursive(leaves, extend, max_leaves=15)


any_tree = trees(ODD_NAMES, st.floats(allow_nan=False, allow_infinity=False), st.integers(-5, 5).map(float))
tame_tree = trees(
    ["x", "y"],
    st.floats(0.5, 3).map(lambda v: round(v, 2)),
    st.sampled_from([-2.0, -1.0, 0.5, 2.0, 3.0, 4.0, 1.5]),
)


def intermediates(expression: Expression, values: dict[str, float]) -> list[float]:
    return [float(evaluate(node, values)) for node in postorder([expression])]


def assume_tame(expression: Expression, values: dict[str, float]) -> None:
    """Skip what is undefined, and what cancels or grows so far that rounding decides."""
    sizes = [abs(value) for value in intermediates(expression, values)]
    assume(all(1e-6 < size < 1e6 or size == 0 for size in sizes))
