"""Document: what every kind of scenario file is, checked, frozen, copied with changes, and known by a hash of what changes numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ValidationError

from sim.errors import ScenarioError
from sim.trial.laws import ByBurden, Law, Number
from sim.trial.scenario_fields import Block, Names, Text
from sim.trial.scenario_messages import explain
from sim.trial.scenario_overrides import apply

__all__ = ["Document"]

# What tells a reader where numbers come from, but changes none.
_WORDS = frozenset(
    {"name", "title", "question", "answer", "source", "notes", "note", "label", "kind", "extends", "reported"}
)


class Document(Block):
    """A scenario of any kind.

    Attributes
    ----------
    schema_version : int
        1.
    name, title, question, source, notes : str
    extends : str, optional
        Name or path of the scenario on which this one builds; already merged.
    """

    schema_version: Literal[1]
    name: Names
    title: Text = ""
    question: Text = ""
    source: Text = ""
    notes: Text = ""
    extends: Text | None = None

    @classmethod
    def parse(cls, document: Mapping[str, Any], where: str = "") -> Self:
        """Check a document and return it as one of its kind.

        Parameters
        ----------
        document : mapping
            What a scenario file holds, or ``resolved()``.
        where : str
            Stands before each problem, for example a file name.

        Returns
        -------
        Scenario

        Raises
        ------
        ScenarioError
            One line per problem: place, value, rule, fix.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ScenarioError(*(problem.line(where) for problem in explain(error, cls))) from None

    def with_(self, changes: Mapping[str, Any]) -> Self:
        """Return a checked copy with some values changed.

        Parameters
        ----------
        changes : mapping of str to value
            Dotted paths such as ``"arms.higher.infusions.0.dose"``; values as in a file.

        Returns
        -------
        Document

        Raises
        ------
        ScenarioError
            For a path that does not exist (with a suggestion), or a value that is not valid.
        """
        return type(self).parse(apply(self.resolved(), changes))

    def resolved(self) -> dict[str, Any]:
        """Return everything, defaults included, as plain data in canonical units; ``parse`` reads it back."""
        return {key: _plain(getattr(self, key)) for key in type(self).model_fields}

    def numbers(self) -> dict[str, Any]:
        """Return all that changes numbers, as plain data; see `content_hash` for what does not count."""
        bare = {key: _plain(getattr(self, key), bare=True) for key in type(self).model_fields}
        numbers: dict[str, Any] = _numbers(bare)
        return numbers

    def content_hash(self) -> str:
        """Return the SHA-256 of all that changes numbers, as 64 hexadecimal digits.

        Names, titles, questions, citations, notes, kinds of evidence and reported outcomes do not count.
        """
        text = json.dumps(self.numbers(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any, *, bare: bool = False) -> Any:
    """Return blocks, laws and tuples as dictionaries and lists; numbers of the whole trial with their origin, or bare."""
    if isinstance(value, BaseModel):
        return {
            key: _plain(item, bare=bare) for key, item in value if not (bare and _unused(value, key, item))
        }
    if isinstance(value, Law | ByBurden):
        return value.form()
    if isinstance(value, Number):
        return float(value) if bare else value.law.form()
    if isinstance(value, Mapping):
        return {key: _plain(item, bare=bare) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item, bare=bare) for item in value]
    return value


def _unused(block: BaseModel, key: str, value: Any) -> bool:
    """Say whether a field came later and stands at what was there before it."""
    later = block.LATER if isinstance(block, Block) else frozenset()
    return key in later and value == type(block).model_fields[key].default


def _numbers(value: Any) -> Any:
    """Drop the words, and what is absent, so that a key that comes to the schema changes no hash; a zero has no sign."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items() if key not in _WORDS and item is not None}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value + 0.0 if isinstance(value, float) else value
