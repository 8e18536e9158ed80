"""Values of expressions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.network.expression import (
    evaluate,
    parse,
)


def test_arrays_broadcast_and_numbers_give_floats() -> None:
    expression = parse("a*b + min(a, b, 2)")
    assert type(evaluate(expression, {"a": 1, "b": 2})) is float
    result = evaluate(expression, {"a": np.arange(3.0)[:, None], "b": np.arange(2.0)})
    assert isinstance(result, np.ndarray)
    assert result.tolist() == [[0, 0], [0, 2], [0, 3]]
    assert evaluate(parse("a > b", conditions=True), {"a": 1.0, "b": np.array([0.0, 2.0])}).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/x", math.inf),
        ("x/x", math.nan),
        ("log(x)", -math.inf),
        ("log(x - 1)", math.nan),
        ("sqrt(x - 1)", math.nan),
        ("(x - 8)**(1/3)", math.nan),
        ("exp(1e4 + x)", math.inf),
        ("10**(400 + x)", math.inf),
        ("min(x/x, 1)", math.nan),
        ("where(x > 1, 1/x, 2)", 2.0),
    ],
)
def test_evaluation_never_raises_for_numbers(text: str, value: float) -> None:
    result = evaluate(parse(text), {"x": 0.0})
    assert result == value or (math.isnan(value) and math.isnan(result))


def test_a_symbol_without_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="y"):
        evaluate(parse("x + y"), {"x": 1})
