"""Turn pydantic's errors into problems: place, value, rule and fix in the words of a scenario's author."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from sim.trial.problems import Place, Problem, show, suggest

__all__ = ["explain"]

_NAME_RULES = {
    r"^[a-z][a-z0-9_]{0,39}$": "a name has small letters, digits and _, starts with a letter, and is at most 40 long",
    r"^[a-z0-9][a-z0-9_-]{0,63}$": "a name has small letters, digits, - and _, and is at most 64 long",
}
_SHAPES = {
    "model_type": ("must be a mapping", "write key: value pairs"),
    "model_attributes_type": ("must be a mapping", "write key: value pairs"),
    "dict_type": ("must be a mapping", "write key: value pairs"),
    "tuple_type": ("must be a list", "write [ ... ]"),
    "list_type": ("must be a list", "write [ ... ]"),
    "bool_type": ("must be true or false", "write true or false"),
    "finite_number": ("must be a finite number", "give a finite number"),
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def explain(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return the problems behind a validation error.

    Parameters
    ----------
    error : ValidationError
    model : type of BaseModel
        Against which schema.

    Returns
    -------
    list of Problem
        At least one, in pydantic's order: by field, unknown keys of a block last.
    """
    problems = []
    items = [(item, _place(item["loc"])) for item in error.errors(include_url=False)]
    for item, place in items:
        # Of a list or mapping those entries alone are counted that could be read: with one that could not, its length says nothing.
        if item["type"] == "too_short" and any(other[: len(place)] == place != other for _, other in items):
            continue
        if item["type"] == "problems":
            problems += [problem.under(place) for problem in item["ctx"]["problems"]]
        else:
            problems.append(_problem(dict(item), place, model))
    return problems


def _place(location: tuple[str | int, ...]) -> Place:
    """Return a place of pydantic's without the words by which it tells alternatives and keys apart."""
    return tuple(part for part in location if part not in {"<word>", "<block>", "[key]"})


def _problem(item: dict[str, Any], place: Place, model: type[BaseModel]) -> Problem:
    kind, given, context = item["type"], item["input"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(
            place, show(given), "unknown key", suggest(str(place[-1]), _known_keys(model, place[:-1]))
        )
    if kind == "missing":
        return Problem(place, "missing", "is required", f"add {place[-1]}: ..." if place else "add it")
    if kind == "literal_error" and context["expected"].isdecimal():
        only = context["expected"]
        fix = "remove the quotes" if given == only else f"write {only}"
        return Problem(place, show(given), f"must be {only}", fix)
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        return Problem(
            place,
            show(given),
            f"must be one of {', '.join(words)}",
            suggest(str(given), words, "choose one of them"),
        )
    if kind == "string_pattern_mismatch":
        return Problem(place, show(given), _NAME_RULES.get(context["pattern"], item["msg"]), "rename it")
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return Problem(place, show(given), f"must be {word} {context[key]:g}", "give a number in that range")
    if kind in {"too_short", "too_long"}:
        word, key = ("at least", "min_length") if kind == "too_short" else ("at most", "max_length")
        fix = "add one" if kind == "too_short" else "remove some"
        return Problem(place, show(given), f"needs {word} {context[key]}", fix)
    if kind in {"int_type", "float_type"}:
        return _not_a_number(kind, given, place)
    if kind == "string_type":
        fix = "put it in quotes" if isinstance(given, int | float) else "write text"
        return Problem(place, show(given), "must be text", fix)
    if kind == "string_too_long":
        return Problem(
            place, show(given), f"must be at most {context['max_length']} characters", "shorten it"
        )
    if kind == "invalid_key":
        return Problem(place, show(given), "is no key of a scenario", "remove it")
    rule, fix = _SHAPES.get(kind, (item["msg"].lower(), "correct it"))
    return Problem(place, show(given), rule, fix)


def _not_a_number(kind: str, given: object, place: Place) -> Problem:
    rule = "must be a whole number" if kind == "int_type" else "must be a number"
    if isinstance(given, float) and given == given // 1 and math.isfinite(given):
        return Problem(place, show(given), rule, f"write {int(given)}")
    if isinstance(given, str) and re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?", given):
        return Problem(place, show(given), rule, "remove the quotes")
    return Problem(place, show(given), rule, "give a whole number" if kind == "int_type" else "give a number")


def _known_keys(model: type[BaseModel], place: Place) -> list[str]:
    """Keys of the block at a place of the schema."""
    found: list[Any] = [model]
    for part in place:
        found = [inner for annotation in found for inner in _step(annotation, part)]
    return [key for block in found if _is_block(block) for key in block.model_fields]


def _step(annotation: Any, part: str | int) -> Iterator[Any]:
    if _is_block(annotation):
        if part in annotation.model_fields:
            yield from _alternatives(annotation.model_fields[str(part)].annotation)
    elif get_origin(annotation) is dict:
        yield from _alternatives(get_args(annotation)[1])
    elif get_origin(annotation) is tuple:
        yield from _alternatives(get_args(annotation)[0])


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Members of a union, without annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in {Union, UnionType}:
        for inner in get_args(annotation):
            yield from _alternatives(inner)
    else:
        yield annotation


def _is_block(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
