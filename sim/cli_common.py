"""What the commands share: reading a scenario with its ``--set``, and the way to stdout and stderr.

stdout is data, stderr is log. Nothing heavy is imported at the top: every command pays for this file.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.errors import InputError

if TYPE_CHECKING:
    from sim.trial.scenario import Scenario

__all__ = [
    "MAX_LINES",
    "JsonOption",
    "PatientsOption",
    "ScenarioArgument",
    "SeedOption",
    "SetOption",
    "ThreadsOption",
    "print_json",
    "print_table",
    "problem_lines",
    "read_scenario",
    "say",
    "terminal_width",
]

MAX_LINES = 3
"""Lines of one failure; what is left is counted."""

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


def _whole(option: str, low: int, high: int, example: int) -> Callable[[str], int]:
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
        parser=_whole("--patients", 1, 100_000_000, 1000),
        help="Virtual patients per arm; those of the scenario by default.",
        show_default=False,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        parser=_whole("--seed", 0, 2**64 - 1, 1),
        help="Seed of all chance; 0 by default.",
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        parser=_whole("--threads", 1, 4096, 2),
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


def problem_lines(problems: Sequence[str]) -> list[str]:
    """Return at most three lines for any number of problems, the last with the count of those left out.

    >>> problem_lines(["a", "b", "c", "d", "e"])
    ['a', 'b', 'c; and 2 more']
    """
    shown = [" ".join(problem.split()) for problem in problems[:MAX_LINES]]
    rest = len(problems) - len(shown)
    if rest > 0:
        shown[-1] = f"{shown[-1]}; and {rest} more"
    return shown


def print_problems(error: InputError | Exception) -> None:
    """Write an error's lines to stderr."""
    problems = error.problems if isinstance(error, InputError) else [str(error) or type(error).__name__]
    for line in problem_lines(problems):
        say(line)


def say(line: str) -> None:
    """Write a line to stderr; where it cannot be written nobody reads it, and the exit code must still be the right one."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Write a value to stdout as JSON; what JSON cannot hold must not be in it."""
    # Where stdout cannot hold every letter, escapes can.
    plain = not (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    print(json.dumps(value, indent=2, ensure_ascii=plain, allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table to stdout: aligned, and on a terminal as wide as it is.

    The widest columns wrap; into a file or a pipe a row is one line. Plain text, because the import of a table library is a tenth of the time
    that these commands may take.
    """
    table = (
        [list(columns), *([str(cell) for cell in row] for row in rows)]
        if any(columns)
        else [list(row) for row in rows]
    )
    if title:
        print(title)
    if not table:
        print()
        return
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    while sys.stdout.isatty() and sum(widths) + 2 * len(widths) > terminal_width() and max(widths) > 20:
        widths[widths.index(max(widths))] -= 1
    for n, row in enumerate(table):
        for line in _wrapped(row, widths):
            print(
                (
                    "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
                ).rstrip()
            )
        if n == 0 and any(columns):
            print("  " + "  ".join("-" * width for width in widths))
    print()


def terminal_width() -> int:
    """Return the columns of the terminal, or of the terminal that nobody sees where stdout is none."""
    from shutil import get_terminal_size

    return get_terminal_size((125, 50)).columns if sys.stdout.isatty() else 125


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterable[Sequence[str]]:
    """Return the lines of one row."""
    from itertools import zip_longest
    from textwrap import wrap

    cells = [
        [cell] if len(cell) <= width else wrap(cell, width) for cell, width in zip(row, widths, strict=True)
    ]
    return [list(line) for line in zip_longest(*cells, fillvalue="")]
