"""A scenario of few words, and copies of it that are broken in one place."""

from __future__ import annotations

from typing import Any


def small() -> dict[str, Any]:
    """The least that a scenario must say."""
    return {
        "schema_version": 1,
        "name": "small",
        "products": {"cd19": {"targets": ["cd19"]}},
        "patients": {"weight": 70, "burden": 0.5},
        "arms": {"only": {"infusions": [{"product": "cd19", "day": 0, "dose": 1e6}]}},
        "assay": {"visits": [28, 90]},
    }


def broken(path: str, value: object) -> dict[str, Any]:
    """The same with one value, by its path, replaced or added."""
    document = small()
    node: Any = document
    *parents, last = path.split(".")
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    if isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    return document
