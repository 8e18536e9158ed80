"""Read one YAML 1.2 document into plain data, with the line of every entry, and refuse what a scenario has no use for.

Only the scanner and parser of ruamel.yaml are used: values are built here from its events, which bounds the work before it is done. Tags,
merge keys, doubled keys, several documents, deep nesting and large expansions of aliases are refused. Plain words are read by the core
schema of YAML 1.2: ``1e-3`` is a number and ``no`` a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from sim.errors import ScenarioError
from sim.trial.problems import Place, Problem, show

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Document", "decode", "read_text", "read_value"]

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 20_000

_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


@dataclass
class Document:
    """Data of a file, and the line (from 1) on which each entry stands.

    Attributes
    ----------
    data : mapping, sequence or scalar
    lines : dict of place to int
    """

    data: Any
    lines: dict[Place, int] = field(default_factory=dict)


def decode(raw: bytes, name: str) -> str:
    """Return the text of a file.

    Raises
    ------
    ScenarioError
        When it is too large, not UTF-8, or holds a NUL.
    """
    if len(raw) > MAX_BYTES:
        raise _error(name, None, f"more than {MAX_BYTES} bytes", "a scenario is at most 1 MiB", "shorten it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _error(
            name, line, f"byte 0x{raw[error.start]:02x}", "must be UTF-8 text", "save it as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _error(name, line, "a NUL character", "must be text", "remove it")
    return text


def read_text(text: str, name: str) -> Document:
    """Read a document.

    Parameters
    ----------
    text : str
        YAML 1.2.
    name : str
        What to call it in messages, for example a file name.

    Returns
    -------
    Document

    Raises
    ------
    ScenarioError
        When it is not one well-formed YAML document within the limits.

    Examples
    --------
    >>> read_text("a: [1e-3, no]", "example").data
    {'a': [0.001, 'no']}
    """
    return _Reader(name).read(text)


def read_value(text: str, name: str) -> Any:
    """Read a scalar or flow value, as it follows ``--set PATH=``.

    Raises
    ------
    ScenarioError
        When it is not one.
    """
    return read_text(text, name).data


class _Reader:
    """Builds data from events; one object a document."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Place, int] = {}
        self.anchors: dict[str, tuple[Any, int, int]] = {}
        self.nodes = 0
        self.line = 1

    def read(self, text: str) -> Document:
        try:
            return Document(self._document(self._events(text)), self.lines)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = self.line if mark is None else mark.line + 1
            reason = " ".join(str(error.problem or error.context or "syntax error").split())
            ended = mark is not None and mark.index >= len(text.rstrip())
            fix = "the text ends too early; complete it" if ended else "correct it there, or just before"
            raise _error(self.name, line, f"not YAML ({reason})", "must be valid YAML 1.2", fix) from None
        except YAMLError as error:
            reason = " ".join(str(error).split())[:80]
            raise _error(
                self.name, self.line, f"not YAML ({reason})", "must be valid YAML 1.2", "correct it"
            ) from None

    def _events(self, text: str) -> Iterator[Any]:
        for event in YAML(typ="safe", pure=True).parse(text):
            self.line = event.start_mark.line + 1 if event.start_mark is not None else self.line
            yield event

    def _document(self, events: Iterator[Any]) -> Any:
        data, seen = None, False
        for event in events:
            if isinstance(event, DocumentStartEvent):
                if seen:
                    raise self._refuse(
                        (), "a second document", "a file holds one document", "remove what follows ---"
                    )
                if event.version is not None and tuple(event.version) != (1, 2):
                    raise self._refuse(
                        (), f"%YAML {event.version}", "must be YAML 1.2", "remove the directive"
                    )
                data, _, _ = self._value(next(events), events, (), 0)
                seen = True
            elif not isinstance(event, DocumentEndEvent | StreamEndEvent) and seen:
                raise self._refuse((), "more text", "a file holds one document", "remove it")
        return data

    def _value(self, event: Any, events: Iterator[Any], place: Place, depth: int) -> tuple[Any, int, int]:
        """Return a value, the number of its nodes and its depth."""
        self.lines.setdefault(place, self.line)
        self._count(1, depth, place)
        if isinstance(event, AliasEvent):
            return self._alias(event, place, depth)
        if getattr(event, "tag", None) is not None:
            raise self._refuse(
                place, f"tag {show(str(event.tag))}", "a scenario has no tags", "remove the tag"
            )
        if isinstance(event, ScalarEvent):
            result: tuple[Any, int, int] = (self._scalar(event, place), 1, 0)
        elif isinstance(event, SequenceStartEvent):
            result = self._sequence(events, place, depth)
        elif isinstance(event, MappingStartEvent):
            result = self._mapping(events, place, depth)
        else:
            raise self._refuse(place, "an unexpected end", "must be valid YAML 1.2", "complete the text")
        if event.anchor is not None:
            self.anchors[event.anchor] = result
        return result

    def _alias(self, event: Any, place: Place, depth: int) -> tuple[Any, int, int]:
        if event.anchor not in self.anchors:
            raise self._refuse(
                place, f"*{event.anchor}", "an alias follows its anchor", f"define &{event.anchor} before"
            )
        value, size, height = self.anchors[event.anchor]
        self._count(size - 1, depth + height, place)
        return deepcopy(value), size, height

    def _sequence(self, events: Iterator[Any], place: Place, depth: int) -> tuple[Any, int, int]:
        items: list[Any] = []
        size, height = 1, 0
        for event in events:
            if isinstance(event, CollectionEndEvent):
                break
            value, inner, below = self._value(event, events, (*place, len(items)), depth + 1)
            items.append(value)
            size, height = size + inner, max(height, below + 1)
        return items, size, height

    def _mapping(self, events: Iterator[Any], place: Place, depth: int) -> tuple[Any, int, int]:
        items: dict[Any, Any] = {}
        size, height = 1, 0
        for event in events:
            if isinstance(event, CollectionEndEvent):
                break
            key = self._key(event, place)
            here = (*place, str(key))
            if key in items:
                first = self.lines[here]
                raise self._refuse(
                    here,
                    f"'{key}' again",
                    f"a key stands once, and it is on line {first}",
                    "remove one of them",
                )
            self.lines[here] = self.line
            value, inner, below = self._value(next(events), events, here, depth + 1)
            items[key] = value
            size, height = size + inner + 1, max(height, below + 1)
        return items, size, height

    def _key(self, event: Any, place: Place) -> str | int | float:
        key = self._scalar(event, place) if isinstance(event, ScalarEvent) and event.tag is None else None
        if key is None or isinstance(key, bool):
            raise self._refuse(
                place, "a key that is no word or number", "a key is a word or a number", "write it as a word"
            )
        if key == "<<":
            raise self._refuse(
                place, "'<<'", "YAML 1.2 has no merge keys", "repeat the entries, or use extends"
            )
        self._count(1, 0, place)
        return key  # type: ignore[no-any-return]

    def _scalar(self, event: ScalarEvent, place: Place) -> Any:
        text = event.value
        if not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        try:
            for pattern, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
                if pattern.fullmatch(text):
                    return int(text.replace("0o", "") if base == 8 else text, base)
        except ValueError:
            raise self._refuse(place, show(text), "a number has at most 4300 digits", "shorten it") from None
        if _FLOAT.fullmatch(text):
            return float(text)
        infinite = _INFINITY.fullmatch(text)
        return float(f"{infinite[1]}inf") if infinite else text

    def _count(self, nodes: int, depth: int, place: Place) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise self._refuse(
                place,
                f"more than {MAX_NODES} entries",
                "a scenario, aliases expanded, has fewer",
                "shorten it",
            )
        if depth > MAX_DEPTH:
            raise self._refuse(
                place[:4], f"more than {MAX_DEPTH} levels", "a scenario is nested less deeply", "flatten it"
            )

    def _refuse(self, place: Place, value: str, rule: str, fix: str) -> ScenarioError:
        return ScenarioError(Problem(place, value, rule, fix).line(f"{self.name}:{self.line}"))


def _error(name: str, line: int | None, value: str, rule: str, fix: str) -> ScenarioError:
    where = name if line is None else f"{name}:{line}"
    return ScenarioError(f"{where}: {value}; {rule}; {fix}")
