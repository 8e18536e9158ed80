"""Text to expression: an own tokenizer and an operator-precedence parser.

The parser is Pratt's, with the operators that wait for their right-hand side on a list instead of on Python's stack, so
that no text can exhaust it. Nothing is evaluated and no name is looked up: what the grammar does not know is refused.

From the loosest to the tightest: ``< <= > >= == !=`` (no chains), ``+ -``, ``* /``, unary minus and plus, ``**`` (to the
right). So ``-x**2`` is ``-(x**2)`` and ``2**-3`` is allowed. Names are ASCII letters, digits and underscores, do not
begin with a digit nor with two underscores; other letters are refused, since two that look alike may differ.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from sim.errors import InputError
from sim.network.nodes import (
    COMPARISONS,
    FUNCTIONS,
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

__all__ = ["MAXIMUM_DEPTH", "MAXIMUM_LENGTH", "ExpressionError", "is_name", "parse"]

MAXIMUM_LENGTH = 100_000
"""Longest text, in characters."""
MAXIMUM_DEPTH = 200
"""Most brackets, signs and exponents that may be open at once."""


class ExpressionError(InputError):
    """A text is not an expression; the line holds the text, the place and the rule."""


_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|[-+*/<>(),])"
)
_NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")

_BINARY: dict[str, type[Add | Subtract | Multiply | Divide | Power]] = {
    "+": Add,
    "-": Subtract,
    "*": Multiply,
    "/": Divide,
    "**": Power,
}
_COMPARE_LEVEL, _UNARY_LEVEL, _POWER_LEVEL = 1, 4, 5
_LEVEL = {"+": 2, "-": 2, "*": 3, "/": 3, "**": _POWER_LEVEL} | dict.fromkeys(COMPARISONS, _COMPARE_LEVEL)
_HINTS = {
    "^": "write ** for a power",
    "=": "write == to compare",
    "&": "only one comparison is possible; use where() or min()",
    "|": "only one comparison is possible; use where() or max()",
    "[": "there are no indices",
    "{": "there are no braces",
    ".": "there are no attributes",
}


def is_name(text: object) -> bool:
    """Tell whether `text` can name a species, parameter or definition."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


@dataclass
class _Token:
    kind: str  # "number", "name", "sign" or "end"
    text: str
    place: int


@dataclass
class _Open:
    """Something that waits for what follows: a sign, an operator with its left-hand side, a bracket or a call."""

    kind: str  # "unary", "binary", "bracket" or "call"
    text: str
    place: int
    level: int = 0
    left: Expression | None = None
    literal: bool = False  # a minus directly before a number makes a negative number
    arguments: list[Expression] = field(default_factory=list)


class _Parser:
    """One reading of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.open: list[_Open] = []
        self.depth = 0

    def fail(self, place: int, rule: str) -> ExpressionError:
        """Return the error for a place in the text."""
        text = self.text
        if len(text) > 60:
            start = max(0, place - 30)
            text = (
                ("..." if start else "")
                + text[start : start + 60]
                + ("..." if start + 60 < len(text) else "")
            )
        where = f"character {place + 1}" if place < len(self.text) else "the end"
        return ExpressionError(f"{text!r}: at {where}: {rule}")

    def tokens(self) -> list[_Token]:
        """Cut the text."""
        found: list[_Token] = []
        place = 0
        while place < len(self.text):
            match = _TOKEN.match(self.text, place)
            if match is None:
                sign = self.text[place]
                raise self.fail(place, _HINTS.get(sign, f"{sign!r} has no meaning here"))
            kind = match.lastgroup or ""
            if kind in ("name", "number") and found and found[-1].kind == "number":
                last = found[-1]
                if last.place + len(last.text) == place:
                    raise self.fail(
                        place, f"{match.group()!r} follows a number directly; write * between them"
                    )
            if kind == "name" and not is_name(match.group()):
                raise self.fail(place, f"the name {match.group()!r} begins with two underscores")
            if kind != "space":
                found.append(_Token(kind, match.group(), place))
            place = match.end()
        found.append(_Token("end", "", place))
        return found

    def read(self) -> Expression:
        """Return the expression of the whole text."""
        tokens = self.tokens()
        i = 0
        while True:
            value, i = self.operand(tokens, i)
            finished = False
            while not finished:
                token = tokens[i]
                i += 1
                if token.kind == "end":
                    value = self.reduce(value, 0)
                    if self.open:
                        raise self.fail(self.open[-1].place, "this bracket is never closed")
                    return value
                if token.text == ")" and token.kind == "sign":
                    value = self.close(value, token)
                else:
                    self.extend(value, token)
                    finished = True

    def operand(self, tokens: list[_Token], i: int) -> tuple[Expression, int]:
        """Read signs, brackets and calls up to the first number or name; return it and the place after it."""
        while True:
            token, i = tokens[i], i + 1
            if token.kind == "number":
                return self.number(token), i
            if token.kind == "name":
                if tokens[i].text != "(":
                    return Symbol(token.text), i
                if token.text not in FUNCTIONS:
                    known = " ".join(FUNCTIONS)
                    raise self.fail(token.place, f"there is no function {token.text!r}; there are {known}")
                self.push(_Open("call", token.text, token.place))
                i += 1
                if tokens[i].text == ")":
                    raise self.fail(tokens[i].place, f"{token.text} needs an argument")
            elif token.text == "(":
                self.push(_Open("bracket", "(", token.place))
            elif token.text in ("-", "+"):
                literal = tokens[i].kind == "number"
                self.push(_Open("unary", token.text, token.place, _UNARY_LEVEL, literal=literal))
            else:
                raise self.fail(token.place, "a number, a name or a bracket is missing")

    def number(self, token: _Token) -> Number:
        """Return the number of a token."""
        value = float(token.text)
        if not math.isfinite(value):
            raise self.fail(token.place, f"the number {token.text} is too large")
        return Number(value)

    def push(self, item: _Open) -> None:
        """Put something that nests on the list."""
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise self.fail(
                item.place, f"nested deeper than {MAXIMUM_DEPTH} levels; define a part under its own name"
            )
        self.open.append(item)

    def reduce(self, value: Expression, level: int) -> Expression:
        """Finish what waits and binds tighter than `level`, or as tight and to the left."""
        while self.open:
            item = self.open[-1]
            if item.level < max(level, 1) or (item.level == level == _POWER_LEVEL):
                break
            self.open.pop()
            if item.level == _COMPARE_LEVEL and isinstance(item.left, Compare):
                raise self.fail(item.place, "comparisons do not chain; nest two where() instead")
            if isinstance(value, Compare) or isinstance(item.left, Compare):
                raise self.fail(item.place, "a comparison is no number; use where(comparison, value, other)")
            if item.level >= _UNARY_LEVEL:
                self.depth -= 1
            if item.left is None:
                value = self.signed(item, value)
            elif item.level == _COMPARE_LEVEL:
                value = Compare(item.text, item.left, value)
            else:
                value = _BINARY[item.text](item.left, value)
        return value

    @staticmethod
    def signed(item: _Open, value: Expression) -> Expression:
        """Apply a unary sign."""
        if item.text == "+":
            return value
        return Number(-value.value) if item.literal and isinstance(value, Number) else Negate(value)

    def extend(self, value: Expression, token: _Token) -> None:
        """Let `value` be the left-hand side of an operator or an argument before a comma."""
        if token.text == ",":
            value = self.reduce(value, 0)
            if not self.open or self.open[-1].kind != "call":
                raise self.fail(token.place, "a comma separates arguments of a function only")
            self.argument(self.open[-1], value, token)
            return
        level = _LEVEL.get(token.text)
        if level is None:
            raise self.fail(token.place, "an operator is missing")
        value = self.reduce(value, level)
        item = _Open("binary", token.text, token.place, level, left=value)
        if level == _POWER_LEVEL:
            self.push(item)
        else:
            self.open.append(item)

    def close(self, value: Expression, token: _Token) -> Expression:
        """Finish a bracket or a call."""
        value = self.reduce(value, 0)
        if not self.open:
            raise self.fail(token.place, "this bracket was never opened")
        item = self.open.pop()
        self.depth -= 1
        if item.kind == "bracket":
            return value
        self.argument(item, value, token)
        least, greatest = FUNCTIONS[item.text]
        if not least <= len(item.arguments) <= greatest:
            expected = str(least) if least == greatest else f"{least} to {greatest}"
            given = len(item.arguments)
            plural = "" if expected == "1" else "s"
            raise self.fail(item.place, f"{item.text} takes {expected} argument{plural}, not {given}")
        return Call(item.text, item.arguments)

    def argument(self, item: _Open, value: Expression, token: _Token) -> None:
        """Add an argument to a call, minding where a comparison belongs."""
        condition = item.text == "where" and not item.arguments
        if condition and not isinstance(value, Compare):
            raise self.fail(item.place, "the first argument of where is a comparison such as X > 10")
        if not condition and isinstance(value, Compare):
            raise self.fail(token.place, "a comparison is no number; use where(comparison, value, other)")
        item.arguments.append(value)


def parse(text: str, *, conditions: bool = False) -> Expression:
    """Return the expression of a text.

    Parameters
    ----------
    text : str
        An expression: numbers, names, ``+ - * / **``, brackets, and calls of exp, log, sqrt, abs, tanh (one argument),
        min, max (two or more) and where (a comparison and two values). A name that is not followed by a bracket is a
        symbol, so that a species may be called `exp` or `min`.
    conditions : bool
        Whether the text is a condition, ``X < 5`` say, instead of a value.

    Returns
    -------
    Expression
        The tree as written; nothing is simplified, except that a minus directly before a number is part of the number.

    Raises
    ------
    ExpressionError
        When the text is no expression, longer than `MAXIMUM_LENGTH` or deeper than `MAXIMUM_DEPTH`.

    Examples
    --------
    >>> parse("birth*X")
    <Multiply birth*X>
    >>> parse("birth*")
    Traceback (most recent call last):
        ...
    sim.network.parsing.ExpressionError: 'birth*': at the end: a number, a name or a bracket is missing
    """
    if not isinstance(text, str):
        raise ExpressionError(f"{text!r}: an expression is a text")
    if len(text) > MAXIMUM_LENGTH:
        start = text[:40]
        raise ExpressionError(
            f"{start!r}...: {len(text)} characters, at most {MAXIMUM_LENGTH}; define parts by name"
        )
    parser = _Parser(text)
    value = parser.read()
    if conditions and not isinstance(value, Compare):
        raise ExpressionError(f"{text!r}: a condition is a comparison such as X > 10")
    if not conditions and isinstance(value, Compare):
        raise ExpressionError(f"{text!r}: a comparison is no value; use where(comparison, value, other)")
    return value
