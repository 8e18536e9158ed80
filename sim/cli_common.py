"""What the commands share: their options, and reading a scenario with its ``--set``.

Nothing heavy is imported at the top: every command pays for this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from sim.errors import InputError

if TYPE_CHECKING:
    from sim.trial.scenario import Scenario

__all__ = [
    "JsonOption",
    "PatientsOption",
    "ScenarioArgument",
    "SeedOption",
    "SetOption",
    "ThreadsOption",
    "read_scenario",
    "whole",
]

ScenarioArgument = Annotated[
    str, typer.Argument(metavar="NAME|FILE", help="A shipped scenario's name, or a file.", show_default=False)
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change one value, e.g. patients.size=50. May be repeated.",
        show_default=False,
    ),
]


def whole(option: str, low: int, high: int, example: int) -> Callable[[str], int]:
    """Return a reader of whole numbers that refuses others in the words of every other problem."""

    def read(text: str | int) -> int:
        # A default passes through here as well.
        text = str(text).strip()
        shown = f"'{' '.join(text.split())[:40]}'"
        if not re.fullmatch(r"[+-]?[0-9]{1,60}", text):
            raise InputError(
                f"{option}: {shown}; must be a whole number; write for example {option} {example}"
            )
        if not low <= int(text) <= high:
            raise InputError(
                f"{option}: {int(text)}; must be from {low} to {high}; write for example {option} {example}"
            )
        return int(text)

    return read


PatientsOption = Annotated[
    int | None,
    typer.Option(
        "--patients",
        metavar="N",
        parser=whole("--patients", 1, 100_000_000, 1000),
        help="Virtual patients per arm; those of the scenario by default.",
        show_default=False,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        parser=whole("--seed", 0, 2**64 - 1, 1),
        help="Seed of all chance; 0 by default.",
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        parser=whole("--threads", 1, 4096, 2),
        help="Worker threads, all cores by default; changes no number.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]


def read_scenario(name: str, assignments: Iterable[str] = ()) -> Scenario:
    """Return a scenario with the values of ``--set`` in place.

    Raises
    ------
    ScenarioError
        When the scenario or an assignment is not valid.
    """
    from sim.trial.scenario_io import load, read_assignments

    changes = read_assignments(assignments)
    return load(name, changes)
