"""Tables and prose for a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import fill

__all__ = ["html_table", "table_text", "wrapped_text"]

_PROSE = 100


def table_text(title: str, head: Sequence[str], lines: Sequence[Sequence[str]], width: int) -> str:
    """Align a table under a title; columns that do not fit beside each other follow below, with the first repeated."""
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    blocks: list[list[int]] = [[0]]
    for column in range(1, len(head)):
        wide = sum(widths[one] + 3 for one in [*blocks[-1], column])
        if wide > width and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(column)
    rows = []
    for columns in blocks:
        for line in [head, *lines]:
            cells = [line[one].ljust(widths[one]) for one in columns]
            rows.append("  " + "   ".join(cells).rstrip())
        rows.append("")
    return "\n".join([title, *rows[:-1]])


def html_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table for a notebook."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def wrapped_text(line: str, width: int) -> str:
    """Break a line of prose, indented; one that begins with a dash hangs from it."""
    # A number and its per cent sign stay together.
    text = fill(
        line.replace(" %", "\0%"),
        min(width, _PROSE),
        initial_indent="  ",
        subsequent_indent="    " if line.startswith("- ") else "  ",
    )
    return text.replace("\0%", " %")
