"""What is wrong with a scenario, as data: a place, the value found there, the rule that it breaks and how to mend it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeAlias
from unicodedata import category

__all__ = ["Place", "Problem", "ProblemsError", "has_control_characters", "place_text", "show", "suggest"]

Place: TypeAlias = tuple[str | int, ...]
"""Keys and list positions that lead from the top of a scenario to a value."""

_LONGEST = 40


@dataclass(frozen=True)
class Problem:
    """One fault.

    Attributes
    ----------
    place : tuple of str and int
        Where it is, from the top of the scenario (or from the value under check).
    value : str
        What stands there, as a short text.
    rule, fix : str
        What should hold, and how to make it hold.
    """

    place: Place
    value: str
    rule: str
    fix: str

    def under(self, place: Sequence[str | int]) -> Problem:
        """Return the problem with `place` in front of its own."""
        return Problem((*place, *self.place), self.value, self.rule, self.fix)

    def line(self, where: str = "") -> str:
        """Return ``where: place: value; rule; fix``.

        >>> Problem(("arms", "a", "infusions", 0), "-1", "a dose is not negative", "give 0 or more").line("trial.yaml:3")
        'trial.yaml:3: arms.a.infusions.0: -1; a dose is not negative; give 0 or more'
        """
        parts = [where, place_text(self.place), f"{self.value}; {self.rule}; {self.fix}"]
        return ": ".join(part for part in parts if part)


@dataclass
class ProblemsError(ValueError):
    """Raised while a value is read; carries every problem found in it."""

    problems: list[Problem] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the first problem."""
        return self.problems[0].line() if self.problems else "not valid"


def place_text(place: Sequence[str | int]) -> str:
    """Write a place the way ``--set`` reads it.

    >>> place_text(("arms", "higher", "infusions", 0, "dose"))
    'arms.higher.infusions.0.dose'
    """
    return ".".join(str(part) for part in place)


def show(value: object) -> str:
    """Write a value short and on one line, as YAML would.

    >>> show(True), show(None), show("a b"), show(3e5), show({"a": 1, "b": 2})
    ('true', 'null', "'a b'", '300000.0', '{a, b}')
    """
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, float) and not math.isfinite(value):
        text = ".nan" if math.isnan(value) else (".inf" if value > 0 else "-.inf")
    elif isinstance(value, int) and abs(value) >= 10**_LONGEST:
        text = "a number of more than 40 digits"
    elif isinstance(value, str):
        text = repr(value[: 2 * _LONGEST])
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(str(key) for key in list(value)[:_LONGEST]) + "}"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(show(item) for item in value[:_LONGEST]) + "]"
    else:
        text = str(value)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def has_control_characters(text: str) -> bool:
    r"""Tell whether a text holds characters that would command the terminal that shows it; white space is none.

    >>> has_control_characters("a\nb"), has_control_characters("a\x1b[31mb")
    (False, True)
    """
    return any(category(letter) == "Cc" and not letter.isspace() for letter in text)


def suggest(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a fix for an unknown word: the nearest known one, or the list of them.

    >>> suggest("patient", ["patients", "arms"])
    "did you mean 'patients'?"
    >>> suggest("dual", ["dual-upfront", "untreated"])
    "did you mean 'dual-upfront'?"
    >>> suggest("zebra", ["patients", "arms"])
    'known: arms, patients'
    """
    names = sorted(set(known))
    near = get_close_matches(word.lower()[:80], names, n=1, cutoff=0.6)
    # The beginning of one name alone is what someone types who remembers half of it.
    near = near or [name for name in names if len(word) > 2 and name.startswith(word.lower())]
    if len(near) == 1:
        return f"did you mean '{near[0]}'?"
    if otherwise:
        return otherwise
    listed = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
    return f"known: {listed}" if names else "remove it"
