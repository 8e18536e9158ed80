"""Expressions: text, tree, derivative, values and source.

The one place to import from; the parts live beside it: `nodes` (what an expression is), `parsing` (text to tree),
`algebra` (simplifying constructors, substitution), `derivative`, `printing` (text, LaTeX, Python source).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.network.algebra import (
    add,
    call,
    compare,
    divide,
    multiply,
    negate,
    power,
    rebuild,
    substitute,
    subtract,
    total,
)
from sim.network.derivative import differentiate, divide_out
from sim.network.nodes import (
    COMPARISONS,
    FUNCTIONS,
    Add,
    Binary,
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
    children,
    postorder,
)
from sim.network.parsing import MAXIMUM_DEPTH, MAXIMUM_LENGTH, ExpressionError, is_name, parse
from sim.network.printing import latex_name, node_source, number_text, to_latex, to_python, to_text

__all__ = [
    "COMPARISONS",
    "FUNCTIONS",
    "MAXIMUM_DEPTH",
    "MAXIMUM_LENGTH",
    "Add",
    "Binary",
    "Call",
    "Compare",
    "Divide",
    "Expression",
    "ExpressionError",
    "Multiply",
    "Negate",
    "Number",
    "Power",
    "Subtract",
    "Symbol",
    "add",
    "call",
    "children",
    "compare",
    "differentiate",
    "divide",
    "divide_out",
    "evaluate",
    "is_name",
    "latex_name",
    "multiply",
    "negate",
    "node_source",
    "number_text",
    "parse",
    "postorder",
    "power",
    "rebuild",
    "substitute",
    "subtract",
    "to_latex",
    "to_python",
    "to_text",
    "total",
]

_OPERATIONS: dict[type[Expression], Callable[..., Any]] = {
    Negate: np.negative,
    Add: np.add,
    Subtract: np.subtract,
    Multiply: np.multiply,
    Divide: np.divide,
    Power: np.power,
}
_CALLS: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "tanh": np.tanh,
    "where": np.where,
}
_COMPARES: dict[str, Callable[..., Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def evaluate(
    expression: Expression, values: Mapping[str, float | NDArray[np.float64]]
) -> float | NDArray[np.float64]:
    """Return the value of `expression`.

    Parameters
    ----------
    expression : Expression
        What to evaluate.
    values : mapping of str to float or ndarray
        Value of each symbol, in any shapes that broadcast together.

    Returns
    -------
    float or ndarray of float64
        A float when no symbol is an array. A comparison is 1 or 0. What is undefined is NaN or infinite: numbers
        never raise.

    Raises
    ------
    KeyError
        When a symbol has no value.

    Examples
    --------
    >>> evaluate(parse("where(X > 1, X, 1/X)"), {"X": np.array([4.0, 0.5, 0.0])})
    array([ 4.,  2., inf])
    """
    done: dict[Expression, Any] = {}
    with np.errstate(all="ignore"):
        for node in postorder([expression]):
            operands = [done[child] for child in node.children]
            if isinstance(node, Symbol):
                done[node] = np.asarray(values[node.name], dtype=np.float64)[()]
            elif isinstance(node, Number):
                done[node] = np.float64(node.value)
            elif isinstance(node, Compare):
                done[node] = _COMPARES[node.operator](*operands)
            elif isinstance(node, Call) and node.function in ("min", "max"):
                done[node] = _extreme(node.function, operands)
            elif isinstance(node, Call):
                done[node] = _CALLS[node.function](*operands)
            else:
                done[node] = _OPERATIONS[type(node)](*operands)
    result = np.asarray(done[expression], dtype=np.float64)
    return float(result) if result.ndim == 0 else result


def _extreme(function: str, operands: list[Any]) -> Any:
    """Return the least or greatest of the operands, NaN when one of them is."""
    choose = np.minimum if function == "min" else np.maximum
    result = operands[0]
    for operand in operands[1:]:
        result = choose(result, operand)
    return result
