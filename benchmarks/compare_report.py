"""The table of peers as text and Markdown, and the figure of work and precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.compare import Line

__all__ = [
    "markdown_table",
    "print_table",
    "replace_between",
    "write_figure",
    "write_markdown",
    "write_summary",
]

BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
COLUMNS = ("work", "peer", "theirs/s", "ours/s", "ratio", "target", "their error", "our error", "note")
WIDTHS = (28, 32, 10, 10, 8, 7, 12, 10, 0)


def cells(line: Mapping[str, Any]) -> list[str]:
    """Return a line's cells as text.

    Parameters
    ----------
    line : mapping
        Fields of a `Line`.
    """

    def shown(name: str, form: str) -> str:
        value = line[name]
        return "" if value is None else format(value, form)

    ratio, least = line["ratio"], line["least"]
    missed = ratio is not None and least is not None and ratio < least
    return [
        line["work"],
        line["peer"],
        shown("theirs", ".3g"),
        shown("ours", ".3g"),
        shown("ratio", ".3g"),
        shown("least", "g") + (" missed" if missed else ""),
        shown("their_error", ".1e"),
        shown("our_error", ".1e"),
        line["note"],
    ]


def print_table(lines: Sequence[Line], header: bool = True) -> None:
    """Print lines, at first with the names of the columns."""
    rows = [list(COLUMNS)] if header else []
    for row in [*rows, *(cells(vars(line)) for line in lines)]:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, WIDTHS, strict=True)).rstrip(),
            flush=True,
        )


def markdown_table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return a Markdown table.

    Parameters
    ----------
    lines : sequence of mapping
        Fields of `Line`.
    """
    rows = [list(COLUMNS), ["---"] * len(COLUMNS), *(cells(line) for line in lines)]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def replace_between(text: str, begin: str, end: str, content: str) -> str:
    """Return a text with what stands between two markers replaced; they are added at its end where they are missing.

    Examples
    --------
    >>> replace_between("a <b> old <e> c", "<b>", "<e>", " new ")
    'a <b> new <e> c'
    """
    if begin not in text or end not in text:
        return f"{text}{begin}{content}{end}\n"
    head, rest = text.split(begin, 1)
    return f"{head}{begin}{content}{end}{rest.split(end, 1)[1]}"


def write_markdown(content: Mapping[str, Any], document: Path) -> None:
    """Put the table and what it was measured with between the markers of a document.

    Parameters
    ----------
    content : mapping
        What ``peers.json`` holds.
    document : Path
        Made when it is missing.
    """
    clock = "time on the wall" if content["clock"] == "seconds" else "processor time (two cores: on the wall)"
    versions = ", ".join(f"{name} {version}" for name, version in content["versions"].items())
    text = f"\n{markdown_table(content['lines'])}\n"
    text += f"Medians of {content['repeats']} repeats in turn, {clock}; {content['processor']}; {versions}.\n"
    if content["reference_error"] is not None:
        text += f"Error of the reference itself: {content['reference_error']:.0e}.\n"
    before = document.read_text() if document.exists() else "# Performance\n\n"
    document.write_text(replace_between(before, BEGIN, END, text))


SUMMARY = ("<!-- peers in short: begin -->\n", "<!-- peers in short: end -->")


def short_table(content: Mapping[str, Any]) -> str:
    """Return a short table in Markdown: equations at the peer's own error, events by a network's own loop, leaps.

    Parameters
    ----------
    content : mapping
        What ``peers.json`` holds.
    """
    rows = [
        f"| {line['work']} | {line['peer']} | {line['ratio']:.3g} |\n"
        for line in content["lines"]
        if line["ratio"] is not None
        and ("at the peer" in line["work"] or "own loop" in line["work"] or line["work"].startswith("leap"))
    ]
    return "| work | beside | times as fast |\n|---|---|---|\n" + "".join(rows)


def write_summary(content: Mapping[str, Any], document: Path) -> None:
    """Put the short table between its markers in a document."""
    document.write_text(replace_between(document.read_text(), *SUMMARY, short_table(content)))


def write_figure(curves: Mapping[str, Sequence[tuple[float, float]]], file: Path) -> None:
    """Draw trajectories a second against error, a line a program.

    Parameters
    ----------
    curves : mapping of str to sequence of (rate, error)
    file : Path
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for name, points in curves.items():
        ordered = sorted(points, key=lambda point: point[1])
        ours = name == "cartsim"
        axes.loglog(
            [error for _, error in ordered],
            [rate for rate, _ in ordered],
            marker="o",
            markersize=3 if ours else 4,
            linewidth=2.2 if ours else 1.2,
            label=name,
        )
    axes.invert_xaxis()
    axes.set_xlabel("error: median over patients of the largest relative error")
    axes.set_ylabel("trajectories per second, one core")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(file, dpi=150)
