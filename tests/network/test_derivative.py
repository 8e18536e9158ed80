"""Simplifying, derivatives and factors against exact cases, SymPy and finite differences."""

from __future__ import annotations

import operator
import re

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim.network.expression import (
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
    differentiate,
    divide_out,
    evaluate,
    parse,
    postorder,
    substitute,
)
from tests.network.trees import assume_tame, intermediates, tame_tree


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ("0 + x", "x"),
        ("x + 0", "x"),
        ("x - 0", "x"),
        ("0 - x", "-x"),
        ("x - x", "0"),
        ("x*0", "0"),
        ("1*x", "x"),
        ("x*1", "x"),
        ("x*-1", "-x"),
        ("x*2", "2*x"),
        ("2*(3*x)", "6*x"),
        ("x*(3*y)", "3*(x*y)"),
        ("x/1", "x"),
        ("0/x", "0"),
        ("x**0", "1"),
        ("x**1", "x"),
        ("1**x", "1"),
        ("x + -y", "x - y"),
        ("-x + y", "y - x"),
        ("x - -y", "x + y"),
        ("x + -2", "x - 2"),
        ("x - -2", "x + 2"),
        ("-(-x)", "x"),
        ("-(x - y)", "y - x"),
        ("-x*y", "-(x*y)"),
        ("x*-y", "-(x*y)"),
        ("2*-x", "-2*x"),
        ("-x/y", "-(x/y)"),
        ("x/-y", "-(x/y)"),
        ("-(2*x)", "-2*x"),
        ("where(x < 2, y, y)", "y"),
    ],
)
def test_constructors_simplify(text: str, simple: str) -> None:
    # Substituting rebuilds every node above the name, which is how the constructors are reached.
    result = substitute(parse(text), {"x": Symbol("z")})
    assert result is parse(re.sub(r"\bx\b", "z", simple))


@pytest.mark.parametrize(
    ("text", "x", "result"),
    [
        ("x + 2", 1, "3"),
        ("x**3", 2, "8"),
        ("exp(x)", 0, "1"),
        ("min(x, 2, 4)", 3, "2"),
        ("abs(x)", -3, "3"),
        ("where(x < 2, y, z)", 1, "y"),
        ("where(x >= 2, y, z)", 1, "z"),
        # What has no finite value stays as it is written.
        ("x/0", 1, "1/0"),
        ("x/x", 0, "0/0"),
        ("log(x)", 0, "log(0)"),
        ("sqrt(x)", -1, "sqrt(-1)"),
        ("x**0.5", -8, "(-8)**0.5"),
        ("x**-1", 0, "0**-1"),
        ("exp(x)", 1000, "exp(1000)"),
        ("x*1e300", 1e300, "1e300*1e300"),
    ],
)
def test_numbers_fold_where_the_result_is_finite(text: str, x: float, result: str) -> None:
    assert substitute(parse(text), {"x": Number(x)}) is parse(result)


@settings(max_examples=200)
@given(tame_tree, st.floats(0.5, 3), st.floats(0.5, 3))
def test_simplifying_keeps_the_value(expression: Expression, x: float, y: float) -> None:
    values = {"x": x, "y": y}
    assume_tame(expression, values)
    renamed = substitute(expression, {"x": Symbol("u"), "y": Symbol("v")})
    assert evaluate(renamed, {"u": x, "v": y}) == pytest.approx(
        evaluate(expression, values), rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize(
    ("text", "slope"),
    [
        ("y", "0"),
        ("x", "1"),
        ("3*x + y", "3"),
        ("x*y", "y"),
        ("x*x", "x + x"),
        ("x/y", "1/y"),
        ("y/x", "-(y/x/x)"),
        ("x/(k + x)", "(1 - x/(k + x))/(k + x)"),
        ("x**2", "2*x"),
        ("x**-1", "-x**-2"),
        ("x**n", "n*x**(n - 1)"),
        ("2**x", "0.6931471805599453*2**x"),
        ("exp(2*x)", "2*exp(2*x)"),
        ("log(x)", "1/x"),
        ("sqrt(x)", "0.5/sqrt(x)"),
        ("tanh(x)", "1 - tanh(x)**2"),
        ("abs(x)", "where(x < 0, -1, 1)"),
        ("min(x, y)", "where(x <= y, 1, 0)"),
        ("max(x, y, 2*x)", "where(x >= max(y, 2*x), 1, where(y >= 2*x, 0, 2))"),
        ("where(x < y, x, 3*x)", "where(x < y, 1, 3)"),
        ("where(x < y, 1, 2)", "0"),
        ("where(x < y, 2*x, x*2 + y)", "2"),
    ],
)
def test_derivatives_by_hand(text: str, slope: str) -> None:
    assert differentiate(parse(text), "x") is parse(slope)


def test_names_of_definitions_are_held_fixed() -> None:
    assert differentiate(parse("total*x"), "x") is Symbol("total")


@pytest.mark.parametrize("power", ["x**n", "x**(n*x)", "x**2", "x**1.5"])
def test_a_power_above_one_has_slope_zero_at_zero(power: str) -> None:
    values = {"x": 0.0, "n": 3.0}
    if power != "x**(n*x)":
        assert evaluate(differentiate(parse(power), "x"), values) == 0
    assert evaluate(differentiate(parse("x**n"), "n"), values) == 0


OPERATORS = {Add: operator.add, Subtract: operator.sub, Multiply: operator.mul, Divide: operator.truediv}


def _to_sympy(expression: Expression) -> sympy.Expr:
    functions = {
        "exp": sympy.exp,
        "log": sympy.log,
        "sqrt": sympy.sqrt,
        "abs": sympy.Abs,
        "tanh": sympy.tanh,
        "min": sympy.Min,
        "max": sympy.Max,
    }
    relations = {"<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge, "==": sympy.Eq, "!=": sympy.Ne}
    made: dict[Expression, sympy.Basic] = {}
    for node in postorder([expression]):
        operands = [made[child] for child in node.children]
        if isinstance(node, Number):
            made[node] = sympy.Float(node.value, 30)
        elif isinstance(node, Symbol):
            made[node] = sympy.Symbol(node.name, real=True)
        elif isinstance(node, Compare):
            made[node] = relations[node.operator](*operands)
        elif isinstance(node, Call) and node.function == "where":
            made[node] = sympy.Piecewise((operands[1], operands[0]), (operands[2], True))
        elif isinstance(node, Call):
            made[node] = functions[node.function](*operands)
        elif isinstance(node, Negate):
            made[node] = -operands[0]
        elif isinstance(node, Power):
            made[node] = operands[0] ** operands[1]
        else:
            assert isinstance(node, Binary)
            made[node] = OPERATORS[type(node)](*operands)
    return made[expression]


@pytest.mark.parametrize(
    "text",
    [
        "kappa*phi*(E + x*X)*L/(K + R*L + phi*(E + x*X))",
        "D**h/(D**h + K**h)",
        "r*L*(1 - (L/K)**m) - d*L",
        "1/(1 + (A/A0)**6)",
        "exp(-x**2/(2*s**2))*tanh(x*y)",
        "log(1 + exp(x - y))/sqrt(x**2 + y**2)",
        "(x + y)**(x*y)",
        "x**y**0.5",
        "abs(x - y)*x",
        "min(x*y, x + y, 3)",
        "max(x**2, y, x*y)",
        "where(x > y, x**3, y*x**2)",
        "-x**-2*(-y)",
        "2**(x*y)/7",
    ],
)
def test_derivatives_agree_with_sympy(text: str) -> None:
    expression = parse(text)
    generator = np.random.default_rng(7)
    oracle = _to_sympy(expression)
    for name in sorted(expression.symbols):
        slope = differentiate(expression, name)
        exact = sympy.diff(oracle, sympy.Symbol(name, real=True))
        for _ in range(3):
            values = {one: float(generator.uniform(0.6, 2.5)) for one in sorted(expression.symbols)}
            at = {sympy.Symbol(one, real=True): sympy.Float(value, 30) for one, value in values.items()}
            expected = float(exact.subs(at).doit().evalf(20))
            assert evaluate(slope, values) == pytest.approx(expected, rel=1e-11, abs=1e-13)


@settings(max_examples=300)
@given(tame_tree, st.floats(0.5, 3), st.floats(0.5, 3))
def test_derivatives_agree_with_finite_differences(expression: Expression, x: float, y: float) -> None:
    step = 1e-5
    points = [{"x": x + k * step, "y": y} for k in (-2, -1, 0, 1, 2)]
    for values in points:
        assume_tame(expression, values)
    f = [float(evaluate(expression, values)) for values in points]
    coarse, fine = (f[4] - f[0]) / (4 * step), (f[3] - f[1]) / (2 * step)
    one_sided = (f[2] - f[1]) / step
    scale = max(1.0, abs(fine), *(abs(value) for value in intermediates(expression, points[2])))
    # Where the two differences disagree there is a corner, or the function bends too fast to be differenced.
    assume(abs(coarse - fine) < 1e-6 * scale and abs(one_sided - fine) < 1e-2 * scale)
    assert evaluate(differentiate(expression, "x"), points[2]) == pytest.approx(
        fine, rel=1e-4, abs=1e-4 * scale
    )


@pytest.mark.parametrize(
    ("text", "quotient"),
    [
        ("x", "1"),
        ("0", "0"),
        ("a*x", "a"),
        ("x*a", "a"),
        ("a*x*b", "a*b"),
        ("a*(b*x)", "a*b"),
        ("a*x/(b + x)", "a/(b + x)"),
        ("-x*a", "-a"),
        ("-(x*a)", "-a"),
        ("a*x + b*x", "a + b"),
        ("a*x - b*x*c", "a - b*c"),
        ("(a + b*x)*x", "a + b*x"),
        ("x**2", "x"),
        ("x**3*a", "x**2*a"),
        ("(a*x)**2", "a*(a*x)"),
        ("where(x > 3, a*x, 0)", "where(x > 3, a, 0)"),
        ("where(x > 3, a*x, b*x)", "where(x > 3, a, b)"),
        ("a*x + 0", "a"),
    ],
)
def test_a_factor_is_divided_out(text: str, quotient: str) -> None:
    assert divide_out(parse(text), "x") is parse(quotient)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a + x",
        "a*x + b",
        "a/x",
        "x/x",
        "exp(x)",
        "x**0.5",
        "x**a",
        "x**-1",
        "where(x > 3, a*x, b)",
        "min(x, x*a)",
        "abs(x)",
    ],
)
def test_what_is_no_factor_is_not_divided_out(text: str) -> None:
    assert divide_out(parse(text), "x") is None


@settings(max_examples=200)
@given(tame_tree, st.floats(0.5, 3), st.floats(0.5, 3))
def test_the_quotient_times_the_factor_is_the_expression(expression: Expression, x: float, y: float) -> None:
    values = {"x": x, "y": y}
    assume_tame(expression, values)
    product = Multiply(expression, Symbol("x"))
    quotient = divide_out(product, "x")
    assert quotient is not None
    assert evaluate(quotient, values) * x == pytest.approx(evaluate(product, values), rel=1e-6, abs=1e-6)
