"""Text, LaTeX and source: read back, by hand, and run."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim.network.expression import (
    Expression,
    Symbol,
    evaluate,
    latex_name,
    node_source,
    parse,
    postorder,
    to_latex,
    to_python,
    to_text,
)
from tests.network.trees import any_tree, assume_tame, tame_tree


@pytest.mark.parametrize(
    "text",
    [
        "a + b - c",
        "a - (b + c)",
        "a*b/c",
        "a/(b*c)",
        "a*(b/c)",
        "(a + b)*c",
        "-a*b",
        "-(a*b)",
        "-a**b",
        "(-a)**b",
        "a**-b",
        "a**b**c",
        "(a**b)**c",
        "a + (-b)",
        "a*(-2)",
        "-(-a)",
        "-2*a",
        "-(2)",
        "(-2)**a",
        "a**-2",
        "where(a < b + 1, c, -d)",
        "min(a, b, c)",
        "1e-7*a + 0.5 + 123456.5 - 0.001 + 2.5e-4 - 1e9 + 2.5e22 - 123456789",
    ],
)
def test_text_has_the_fewest_brackets(text: str) -> None:
    assert to_text(parse(text)) == text


@settings(max_examples=500)
@given(any_tree)
def test_text_is_read_back_as_the_same_object(expression: Expression) -> None:
    assert parse(to_text(expression)) is expression


@pytest.mark.parametrize("text", ["-x", "x", "where(a < b, c, d)"])
def test_a_long_expression_is_shortened_by_repr_only(text: str) -> None:
    assert repr(parse(text)).endswith(f" {text}>")
    long = parse("+".join([text] * 100))
    assert len(repr(long)) < 100
    assert parse(str(long)) is long


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("r_L*L", r"r_{L} \, L"),
        ("a/(b + c)", r"\frac{a}{b + c}"),
        ("(a + b)**2", r"\left(a + b\right)^{2}"),
        ("(a/b)**2", r"\left(\frac{a}{b}\right)^{2}"),
        ("(a**b)**c", r"\left(a^{b}\right)^{c}"),
        ("x**0.5", r"\sqrt{x}"),
        ("(x**0.5)**3", r"\left(\sqrt{x}\right)^{3}"),
        ("a*(b + c)", r"a \, \left(b + c\right)"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("a + (-b)", r"a + \left(-b\right)"),
        ("-(a + b)", r"-\left(a + b\right)"),
        ("-(-a)", r"-\left(-a\right)"),
        ("a*2", r"a \cdot 2"),
        ("2*3**x", r"2 \cdot 3^{x}"),
        ("1e-7*a", r"10^{-7} \, a"),
        ("2.5e-7**2", r"\left(2.5 \times 10^{-7}\right)^{2}"),
        ("-1e-7", r"-10^{-7}"),
        ("exp(-x)", r"\exp\left(-x\right)"),
        ("log(x) + sqrt(y) + abs(z)", r"\ln\left(x\right) + \sqrt{y} + \left|z\right|"),
        ("min(a, b)", r"\min\left(a, b\right)"),
        ("where(a <= b, c, d)", r"\begin{cases} c & \text{if } a \le b \\ d & \text{otherwise} \end{cases}"),
    ],
)
def test_latex(text: str, latex: str) -> None:
    assert to_latex(parse(text)) == latex


def test_latex_takes_names_of_the_caller() -> None:
    assert to_latex(parse("a*b"), {"a": r"\bar{a}"}) == r"\bar{a} \, b"


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("r_L", "r_{L}"),
        ("k1", "k_{1}"),
        ("k1_max", r"k_{1, \mathrm{max}}"),
        ("mu", r"\mu"),
        ("lambda_0", r"\lambda_{0}"),
        ("d_alpha", r"d_{\alpha}"),
        ("total_birth", r"\mathrm{total\_birth}"),
        ("birth", r"\mathrm{birth}"),
        ("_x", r"\mathrm{\_x}"),
        ("x_", r"\mathrm{x\_}"),
        ("b_cells", r"\mathrm{b\_cells}"),
        ("k_in_max_out", r"\mathrm{k\_in\_max\_out}"),
        ("cd19_two", r"\mathrm{cd19\_two}"),
        ("r_12345", "r_{12345}"),
    ],
)
def test_names_in_latex(name: str, latex: str) -> None:
    assert latex_name(name) == latex


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("2", "2.0"),
        ("-2*x", "((-2.0)*x)"),
        ("a + b*c", "(a + (b*c))"),
        ("x**2", "(x*x)"),
        ("x**4", "(x*x*x*x)"),
        ("x**-2", "(1.0/(x*x))"),
        ("x**5", "(x**5.0)"),
        ("x**1.5", "(x**1.5)"),
        ("x**0.5", "math.sqrt(x)"),
        ("(a + b)**2", "((a + b)**2)"),
        ("(a + b)**0.5", "math.sqrt((a + b))"),
        ("(a + b)**-3", "(1.0/((a + b)**3))"),
        ("(-x)**n", "((-x)**n)"),
        ("-x**n", "(-(x**n))"),
        ("x**(a + b)", "(x**(a + b))"),
        ("min(a, b, c)", "min(a, min(b, c))"),
        ("max(a, b)", "max(a, b)"),
        ("abs(x)", "abs(x)"),
        ("exp(x)*tanh(y)", "(math.exp(x)*math.tanh(y))"),
        ("where(a < b, c, d)", "(c if (a < b) else d)"),
    ],
)
def test_python_source(text: str, source: str) -> None:
    assert to_python(parse(text), lambda name: name) == source


def test_python_source_renders_names_as_the_caller_says() -> None:
    slots = {"lambda": "x[0]", "in": "p[3]"}
    assert to_python(parse("lambda*in**2"), slots.__getitem__) == "(x[0]*(p[3]*p[3]))"


def test_powers_of_powers_do_not_blow_up_the_source() -> None:
    assert len(to_python(parse("(" * 50 + "x" + "**4)" * 50), lambda name: name)) < 1000


def _by_source(expression: Expression, values: dict[str, float]) -> float:
    """Evaluate through `to_python`, with Python as compiler."""
    return eval(to_python(expression, lambda name: f"v[{name!r}]"), {"math": math, "v": values})


def _by_temporaries(expression: Expression, values: dict[str, float]) -> float:
    """Evaluate through `node_source`, one temporary a node, as the generator does."""
    names: dict[Expression, str] = {}
    lines: list[str] = []
    for i, node in enumerate(postorder([expression])):
        names[node] = f"t{i}"
        operands = [names[child] for child in node.children]
        source = f"v[{node.name!r}]" if isinstance(node, Symbol) else node_source(node, operands)
        lines.append(f"t{i} = {source}")
    scope: dict[str, object] = {"math": math, "v": values}
    exec("\n".join(lines), scope)
    return scope[names[expression]]


@settings(max_examples=300)
@given(tame_tree, st.floats(0.5, 3), st.floats(0.5, 3))
def test_the_generated_source_computes_what_evaluate_does(expression: Expression, x: float, y: float) -> None:
    values = {"x": x, "y": y}
    assume_tame(expression, values)
    expected = evaluate(expression, values)
    assert _by_source(expression, values) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    # The branches that are not taken are computed too, and may be undefined.
    try:
        by_temporaries = _by_temporaries(expression, values)
    except ArithmeticError:
        assume(False)
    assert by_temporaries == pytest.approx(expected, rel=1e-6, abs=1e-6)
