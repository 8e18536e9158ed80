"""Change values of a scenario by dotted path: what ``Scenario.with_`` and ``--set`` have in common."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from sim.errors import ScenarioError
from sim.trial.laws import ByBurden, Law, Number
from sim.trial.problems import Problem, show, suggest

__all__ = ["apply"]

_OPEN = {"parameters", "products", "arms", "lines"}
"""Mappings at the top whose keys the author chooses."""

_WORDS = {"lymphodepletion", "transplant", "bridging", "consolidation", "node"}
"""Blocks of an arm that may be a word (inherit, none) instead."""


def apply(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a changed copy of a resolved scenario.

    Parameters
    ----------
    document : mapping
        ``Scenario.resolved()``: it holds every key, so that a path that is not there is a mistake.
    changes : mapping of str to value
        Dotted path to value. Laws and NumPy numbers are taken too.

    Returns
    -------
    dict
        To be checked by ``Scenario.parse``.

    Raises
    ------
    ScenarioError
        When a path does not exist, with a suggestion.

    Examples
    --------
    >>> apply({"patients": {"size": 1000}}, {"patients.size": 50})
    {'patients': {'size': 50}}
    """
    changed: dict[str, Any] = deepcopy(dict(document))
    made: set[str] = set()
    problems = []
    for path, value in changes.items():
        try:
            _set(changed, path, _plain(value), made)
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(*problems)
    return changed


def _set(document: dict[str, Any], path: str, value: object, made: set[str]) -> None:
    """Set one value; `made` holds the places of the blocks that were absent, whose keys only the schema knows."""
    parts = path.split(".")
    node: Any = document
    for i, part in enumerate(parts[:-1]):
        here, place = ".".join(parts[:i]), ".".join(parts[: i + 1])
        key = _key(node, part, path, here in made)
        child = node.get(key) if isinstance(node, dict) else node[key]
        if child is None:
            child = {}
            made.add(place)
        elif isinstance(child, str) and part in _WORDS and i > 0:
            # The arm followed the scenario; from here on it has a block of its own.
            child = deepcopy(document.get(part)) or ([] if part == "consolidation" else {})
            made.add(place)
        if not isinstance(child, dict | list):
            raise ScenarioError(
                Problem((path,), show(child), f"{place} has no parts", f"set {place} itself").line()
            )
        node[key] = child
        node = child
    open_ended = (
        ".".join(parts[:-1]) in made
        or (len(parts) == 2 and parts[0] in _OPEN)
        or (isinstance(node, dict) and "kind" in node)
    )
    node[_key(node, parts[-1], path, open_ended)] = value


def _key(node: dict[str, Any] | list[Any], part: str, path: str, open_ended: bool) -> Any:
    """Return the key or position that a part of a path names."""
    if isinstance(node, list):
        if part.isdecimal() and int(part[:9]) < len(node):
            return int(part)
        rule = f"the list has {len(node)} entries" if node else "the list is empty"
        fix = f"give a position from 0 to {len(node) - 1}" if node else "set the list itself"
        raise ScenarioError(Problem((path,), f"'{part}'", rule, fix).line())
    if part in node or open_ended:
        return part
    raise ScenarioError(
        Problem((path,), f"'{part}'", "no such path", suggest(part, [str(key) for key in node])).line()
    )


def _plain(value: Any) -> Any:
    """Return laws and NumPy numbers as what a file would hold."""
    if isinstance(value, Law | ByBurden):
        return value.form()
    if isinstance(value, Number):
        return value.law.form()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
