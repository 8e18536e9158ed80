"""The way to stdout and stderr: stdout is data, stderr is log. Every command pays for this file, so it imports next to nothing."""

from __future__ import annotations

import sys

from sim import TYPE_CHECKING
from sim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

__all__ = [
    "MAX_LINES",
    "print_json",
    "print_problems",
    "print_table",
    "problem_lines",
    "say",
    "terminal_width",
]

MAX_LINES = 3
"""Lines of one failure; what is left is counted."""


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
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        return


def print_json(value: Any) -> None:
    """Write a value to stdout as JSON; what JSON cannot hold must not be in it."""
    import json

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
