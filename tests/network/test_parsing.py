"""The grammar: what is read, and what is refused with which words."""

from __future__ import annotations

import math

import pytest

from sim.errors import InputError
from sim.network.expression import (
    Call,
    Compare,
    ExpressionError,
    Multiply,
    Negate,
    Number,
    Power,
    Subtract,
    Symbol,
    differentiate,
    evaluate,
    parse,
)
from tests.network.trees import ODD_NAMES


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2*3", 7),
        ("2*3 - 4/8", 5.5),
        ("10 - 4 - 3", 3),
        ("16/4/2", 2),
        ("2**3**2", 512),
        ("-2**2", -4),
        ("(-2)**2", 4),
        ("2**-1", 0.5),
        ("2**-1**2", 0.5),
        ("2*-3", -6),
        ("--3", 3),
        ("+3 - +2", 1),
        ("-(2 + 3)*2", -10),
        (".5 + 1. + 1e-3 + 2E+2", 201.501),
        ("exp(0) + log(1) + sqrt(9) + abs(-2) + tanh(0)", 6),
        ("min(3, 1, 2) + max(1, 3, 2)", 4),
        ("where(2 > 1, 5, 6) + where(2 <= 1, 5, 6)", 11),
        ("where((1 != 1), 1, where(2 == 2, 3, 4))", 3),
        ("where(1 + 1 < 1 + 2, 1, 0)", 1),
        (" 1\n+\t1 ", 2),
    ],
)
def test_arithmetic_follows_the_usual_precedence(text: str, value: float) -> None:
    assert evaluate(parse(text), {}) == pytest.approx(value, rel=1e-15)


def test_the_tree_is_as_written() -> None:
    x, y = Symbol("x"), Symbol("y")
    assert parse("-x**2") is Negate(Power(x, Number(2)))
    assert parse("-x*y") is Multiply(Negate(x), y)
    assert parse("x - y - x") is Subtract(Subtract(x, y), x)
    assert parse("x**y**x") is Power(x, Power(y, x))
    assert parse("x**-y*x") is Multiply(Power(x, Negate(y)), x)
    assert parse("x*-2") is Multiply(x, Number(-2))
    assert parse("-(2)") is Negate(Number(2))
    assert parse("-2**2") is Negate(Power(Number(2), Number(2)))
    assert parse("where(x < y, 1, 0)") is Call("where", [Compare("<", x, y), Number(1), Number(0)])
    assert parse("x >= 2", conditions=True) is Compare(">=", x, Number(2))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_that_mean_something_elsewhere_are_plain_symbols(name: str) -> None:
    expression = parse(f"2*{name} + exp({name})")
    assert expression.symbols == {name}
    assert evaluate(expression, {name: 1.0}) == pytest.approx(2 + math.e)
    assert evaluate(differentiate(expression, name), {name: 0.0}) == 3


def test_a_function_name_without_bracket_is_a_symbol() -> None:
    assert parse("exp*exp(exp)") is Multiply(Symbol("exp"), Call("exp", [Symbol("exp")]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'': at the end: a number, a name or a bracket is missing"),
        ("birth*", "'birth*': at the end: a number, a name or a bracket is missing"),
        ("*a", "'*a': at character 1: a number, a name or a bracket is missing"),
        ("(a", "'(a': at character 1: this bracket is never closed"),
        ("exp(a", "'exp(a': at character 1: this bracket is never closed"),
        ("a)", "'a)': at character 2: this bracket was never opened"),
        ("()", "'()': at character 2: a number, a name or a bracket is missing"),
        ("a b", "'a b': at character 3: an operator is missing"),
        ("2X", "'2X': at character 2: 'X' follows a number directly; write * between them"),
        ("1.2.3", "'1.2.3': at character 4: '.3' follows a number directly; write * between them"),
        ("1e", "'1e': at character 2: 'e' follows a number directly; write * between them"),
        ("1e999", "'1e999': at character 1: the number 1e999 is too large"),
        ("exp()", "'exp()': at character 5: exp needs an argument"),
        ("exp(a, b)", "'exp(a, b)': at character 1: exp takes 1 argument, not 2"),
        ("min(a)", "'min(a)': at character 1: min takes 2 to 100 arguments, not 1"),
        ("where(a < b, 1)", "'where(a < b, 1)': at character 1: where takes 3 arguments, not 2"),
        ("a, b", "'a, b': at character 2: a comma separates arguments of a function only"),
        ("(a, b)", "'(a, b)': at character 3: a comma separates arguments of a function only"),
        ("a^2", "'a^2': at character 2: write ** for a power"),
        ("a = b", "'a = b': at character 3: write == to compare"),
        ("é", "'é': at character 1: 'é' has no meaning here"),
        ("μ*X", "'μ*X': at character 1: 'μ' has no meaning here"),
        (
            "where(a, 1, 2)",
            "'where(a, 1, 2)': at character 1: the first argument of where is a comparison such as X > 10",
        ),
        ("a < b", "'a < b': a comparison is no value; use where(comparison, value, other)"),
        (
            "(a < b) + 1",
            "'(a < b) + 1': at character 9: a comparison is no number; use where(comparison, value, other)",
        ),
        (
            "a < b < c",
            "'a < b < c': at character 7: comparisons do not chain; nest two where() instead",
        ),
        (
            "-(a < b)",
            "'-(a < b)': at character 1: a comparison is no number; use where(comparison, value, other)",
        ),
        (
            "exp(a < b)",
            "'exp(a < b)': at character 10: a comparison is no number; use where(comparison, value, other)",
        ),
        ("where(a < b, c < d, 1)", "a comparison is no number; use where(comparison, value, other)"),
    ],
)
def test_a_text_that_is_no_expression_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert isinstance(caught.value, InputError)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "__import__",
        "x.__class__",
        "x.y",
        "x[0]",
        "{x}",
        "'a'",
        '"a"',
        "lambda: 3",
        "lambda x: x",
        "a; b",
        "a := b",
        "[x for x in y]",
        "eval(x)",
        "open(x)",
        "math.exp(x)",
        "x if y else z",
        "x and y",
        "not x",
        "x // y",
        "x % y",
        "x @ y",
        "~x",
        "x\\y",
        "# x",
        "f'{x}'",
        "`x`",
        "1_000",
        "0x10",
        "1j",
        "x\0y",
        "ｘ",
        "x¹",
    ],
)
def test_what_the_grammar_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_a_condition_must_be_a_comparison() -> None:
    with pytest.raises(ExpressionError, match="a condition is a comparison such as X > 10"):
        parse("X", conditions=True)


def test_brackets_nest_to_200_levels_and_no_deeper() -> None:
    assert parse("(" * 200 + "x" + ")" * 200) is Symbol("x")
    assert parse("exp(1 + (" * 100 + "x" + "))" * 100).symbols == {"x"}
    for opening, closing in [("(", ")"), ("exp(", ")"), ("-", ""), ("+", ""), ("2**", ""), ("1+(", ")")]:
        with pytest.raises(ExpressionError, match="nested deeper than 200 levels"):
            parse(opening * 201 + "x" + closing * 201)
    assert parse("+".join(["(x)"] * 1000)).symbols == {"x"}, "brackets side by side do not nest"


def test_the_depth_is_given_back_by_what_is_finished() -> None:
    assert parse("*".join(["-x**2"] * 500)).symbols == {"x"}


def test_a_text_beyond_the_length_limit_is_refused() -> None:
    assert parse("x" * 100_000).symbols == {"x" * 100_000}
    with pytest.raises(ExpressionError, match="100001 characters, at most 100000"):
        parse("x" * 100_001)


def test_an_error_in_a_long_text_shows_a_part_of_it() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("a+" * 1000 + "?" + "+a" * 1000)
    assert len(str(caught.value)) < 150
    assert "at character 2001" in str(caught.value)
