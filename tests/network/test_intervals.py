"""Interval arithmetic on expressions: what is said to bound a value bounds it, and what is said to be certain is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.network.expression import evaluate, parse
from sim.network.intervals import bounds, certainty

TEXTS = [
    "X + Y - 3*X",
    "X*Y - Y*2",
    "-X*Y",
    "X/(X + K)",
    "Y/X",
    "X/Y/(K - X)",
    "X**2",
    "X**K",
    "(X + 1)**(-K)",
    "Y**2",
    "abs(Y)",
    "abs(Y - X)*X",
    "exp(-X) + log(X + 1)",
    "sqrt(X)*tanh(Y)",
    "min(X, Y, 3)",
    "max(X - Y, K*Y)",
    "where(X < Y, X, -K)",
    "where(K > 1, X, Y)",
]


def boxes(count: int) -> list[dict[str, float]]:
    """Bounds of X (not negative, often from zero) and Y, and a value of K, some of them degenerate."""
    draws = np.random.default_rng(1)
    out = []
    for _ in range(count):
        x = np.sort(draws.uniform(0.0, 4.0, 2)) * draws.integers(0, 2, 2).cumsum().clip(0, 1)
        y = np.sort(draws.uniform(-3.0, 3.0, 2))
        out.append({"x0": x.min(), "x1": x.max(), "y0": y[0], "y1": y[1], "K": draws.uniform(0.2, 5.0)})
    return out


NAMES = {"X": (parse("x0"), parse("x1")), "Y": (parse("y0"), parse("y1"))}


def within(box: dict[str, float], draws: np.random.Generator) -> dict[str, float]:
    share = draws.choice([0.0, 1.0, draws.uniform()], 2)
    return {
        "X": box["x0"] + share[0] * (box["x1"] - box["x0"]),
        "Y": box["y0"] + share[1] * (box["y1"] - box["y0"]),
        "K": box["K"],
    }


@pytest.mark.parametrize("text", TEXTS)
def test_a_value_lies_between_its_bounds(text: str) -> None:
    """100 values in each of 50 boxes; a bound that is no number claims nothing, one of 1e300 that there is none."""
    expression, draws = parse(text), np.random.default_rng(2)
    ends = bounds(expression, NAMES)
    assert ends is not None
    useful = 0
    for box in boxes(50):
        with np.errstate(all="ignore"):
            low, high = (evaluate(end, box) for end in ends)
        low, high = (math.copysign(math.inf, end) if abs(end) > 1e299 else end for end in (low, high))
        if math.isnan(low) or math.isnan(high):
            continue
        useful += math.isfinite(low) and math.isfinite(high)
        for _ in range(100):
            with np.errstate(all="ignore"):
                value = evaluate(expression, within(box, draws))
            assert math.isnan(value) or low - 1e-9 <= value <= high + 1e-9, (box, low, value, high)
    assert useful > 0, "bounds of nothing bound everything"


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize("sides", [("X", "2"), ("X*Y", "K"), ("abs(X - 2)", "0.5"), ("K", "X + Y")])
def test_what_is_certain_is_so_all_over_the_box(operator: str, sides: tuple[str, str]) -> None:
    condition = parse(f"{sides[0]} {operator} {sides[1]}", conditions=True)
    found, draws = certainty(condition, NAMES), np.random.default_rng(3)
    seen = set()
    for box in boxes(100):
        told = evaluate(found, box)
        seen.add(told)
        assert told in (0.0, 0.5, 1.0)
        if told != 0.5:
            for _ in range(30):
                point = within(box, draws)
                left, right = (evaluate(side, point) for side in (condition.left, condition.right))  # type: ignore[attr-defined]
                held = {
                    "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right, "==": left == right,
                    "!=": left != right,
                }[operator]  # fmt: skip
                assert held == (told == 1.0)
    assert 0.5 in seen
    assert len(seen) > 1, "never certain of anything"


def test_a_band_between_the_ends_of_a_box_is_not_passed_over() -> None:
    box = {"x0": 0.0, "x1": 300.0, "y0": 0.0, "y1": 0.0}
    assert evaluate(certainty(parse("abs(X - 20) < 3", conditions=True), NAMES), box) == 0.5
    assert evaluate(certainty(parse("abs(X - 400) < 3", conditions=True), NAMES), box) == 0.0


def test_what_cannot_be_bounded_may_be_anything() -> None:
    condition = parse("2**X > 3", conditions=True)
    assert evaluate(certainty(condition, NAMES), {}) == 0.5
    assert evaluate(certainty(parse("D > 3", conditions=True), {**NAMES, "D": None}), {}) == 0.5
    nowhere = {"x0": math.nan, "x1": math.nan, "y0": 0.0, "y1": 0.0}
    assert evaluate(certainty(parse("X > 3", conditions=True), NAMES), nowhere) == 0.5
