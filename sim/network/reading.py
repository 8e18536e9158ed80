"""What the user gives a network, read and refused at once: names, numbers, reactions, expressions."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from numbers import Real
from typing import NoReturn

from sim.errors import NetworkError
from sim.network.elements import Amount
from sim.network.nodes import Expression, Number
from sim.network.parsing import ExpressionError, is_name, parse

__all__ = [
    "read_choice",
    "read_expression",
    "read_initial",
    "read_line",
    "read_net_change",
    "read_number",
    "read_reaction_text",
    "refuse",
    "side_text",
]


def refuse(place: str, rule: str, fix: str) -> NoReturn:
    """Raise the NetworkError of a place, a broken rule and a fix."""
    raise NetworkError(f"{place}: {rule}; {fix}")


def read_line(role: str, name: object) -> str:
    """Return a title that fits on one line."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        refuse(f"{role} {name!r}", "a name is a line of text", "give one")
    return name


def read_choice(place: str, what: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a word that is not one of `known`."""
    if value not in known:
        refuse(place, f"{what} {value!r} is unknown", f"choose from {', '.join(known)}")


def _as_number(value: object) -> float | None:
    """Return a number of Python or NumPy as a float, None for anything else; a truth value is no number."""
    return None if isinstance(value, bool) or not isinstance(value, Real) else float(value)


def read_number(place: str, what: str, value: object) -> float:
    """Return a number; NaN is none."""
    number = _as_number(value)
    if number is None or math.isnan(number):
        refuse(place, f"{what} {value!r} is no number", "give one, and use define() for an expression")
    return number


def read_initial(place: str, value: object, kind: str) -> float:
    """Return an initial value of a species of this kind."""
    number = read_number(place, "initial", value)
    if not math.isfinite(number):
        refuse(place, f"initial {number} is not finite", "give a finite number")
    if kind == "count" and number < 0:
        rule = f"initial {value!r} of a count is negative"
        refuse(place, rule, "give 0 or more, or make it a concentration")
    return number


def read_expression(place: str, role: str, value: object, *, condition: bool = False) -> Expression:
    """Return the expression of a number or a text."""
    what = f"{role} " if role else ""
    if isinstance(value, str):
        try:
            return parse(value, conditions=condition)
        except ExpressionError as error:
            raise NetworkError(f"{place}: {what}{error}") from None
    if condition:
        refuse(place, f"{what}{value!r} is no condition", "give a comparison such as 'X > 10'")
    number = _as_number(value)
    if number is None:
        refuse(place, f"{what}{value!r} is no expression", "give a number or the text of an expression")
    if not math.isfinite(number):
        refuse(place, f"{what}{value} is not finite", "give a finite number, or the name of a parameter")
    return Number(number)


def side_text(side: Mapping[str, Amount]) -> str:
    """Return one side of a reaction as text."""
    return " + ".join(name if amount == 1 else f"{amount} {name}" for name, amount in side.items()) or "0"


_TERM = re.compile(
    r"(?:([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)\s*\*?\s*)?([A-Za-z_][A-Za-z0-9_]*)"
)


def _whole(value: float) -> Amount:
    """Return an int where the value is whole."""
    return int(value) if value.is_integer() else float(value)


def _side(text: str, reaction: str, place: str) -> dict[str, Amount]:
    """Return the coefficients of one side of a reaction."""
    side: dict[str, Amount] = {}
    if text.strip() == "0":
        return side
    for part in text.split("+"):
        term = part.strip()
        match = _TERM.fullmatch(term)
        if match is None or not is_name(match[2]):
            shown = f"{term!r} is no term" if term else "a term is missing"
            raise NetworkError(
                f"{place}: {reaction!r}; {shown}; write terms such as X or 2 X, and 0 for nothing"
            )
        coefficient = float(match[1] or 1)
        if not 0 < coefficient < math.inf:
            raise NetworkError(
                f"{place}: {reaction!r}; the coefficient of {match[2]!r} is not above 0; leave the term out"
            )
        side[match[2]] = _whole(side.get(match[2], 0) + coefficient)
    return side


def read_reaction_text(text: str, place: str) -> tuple[dict[str, Amount], dict[str, Amount]]:
    """Return reactants and products of a text such as ``"X + Y -> 2 Y"``.

    Parameters
    ----------
    text : str
        Two sides and an arrow; ``0`` is an empty side, a coefficient stands before its species.
    place : str
        What an error names, ``"reaction 'division'"`` for example.

    Raises
    ------
    NetworkError
        When the text is no reaction.

    Examples
    --------
    >>> read_reaction_text("X -> X + 2 Y", "reaction 'mutation'")
    ({'X': 1}, {'X': 1, 'Y': 2})
    """
    sides = text.split("->")
    if len(sides) != 2 or any(sign in text for sign in "<=→"):
        rule = "a reaction has one arrow, which goes to the right"
        raise NetworkError(
            f"{place}: {text!r}; {rule}; write 'X -> Y', and a second reaction for the way back"
        )
    left, right = (_side(side, text, place) for side in sides)
    return left, right


def read_net_change(change: Mapping[str, Amount], place: str) -> tuple[dict[str, Amount], dict[str, Amount]]:
    """Return losses and gains of a net change such as ``{"X": -1, "Y": +1}``, both as positive coefficients.

    Raises
    ------
    NetworkError
        When a coefficient is no finite number other than 0 or a name is none.
    """
    losses: dict[str, Amount] = {}
    gains: dict[str, Amount] = {}
    for name, value in change.items():
        if not is_name(name):
            refuse(place, f"{name!r} is no name of a species", "use letters, digits and underscores")
        number = _as_number(value)
        if number is None or not 0 < abs(number) < math.inf:
            refuse(place, f"the change of {name!r} is no number other than 0: {value!r}", "write +1 or -1")
        side = losses if number < 0 else gains
        side[name] = _whole(abs(number))
    return losses, gains
