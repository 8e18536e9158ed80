"""``cartsim bench``: how fast this installation is, beside a stored baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli_common import JsonOption
from sim.cli_output import print_json, say, terminal_width
from sim.errors import InputError, StorageError

if TYPE_CHECKING:
    from sim.bench import Figure

__all__ = ["command"]


def command(
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A baseline that --save wrote; the shipped one by default.",
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what was measured as a baseline.", show_default=False),
    ] = None,
    only: Annotated[
        str,
        typer.Option(
            metavar="WORD",
            help="Measure only what has this word in its name, such as hybrid.",
            show_default=False,
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Measure kernels, a trial and starting up, in about a minute, and compare with a stored baseline.

    Machines differ, so each time is divided by that of a multiply-add, measured next to it: the cost is the number of multiply-adds that
    take as long as one patient. The ratio compares costs; below 1 is faster than the baseline. Between machines a quarter means nothing.
    Exit code 0 however fast; 70 where a result is wrong.

    \b
    Examples:
      cartsim bench
      cartsim bench --only hybrid --json
      cartsim bench --save before.json      # then, after a change:
      cartsim bench --against before.json
    """  # noqa: D301 - click ends a paragraph of its own lines with \b
    import os

    from sim.bench import all_cases, compare, measure, read_baseline
    from sim.bench.measuring import REPEATS, multiply_add_rate, record

    baseline = read_baseline(against)
    cases = [case for case in all_cases() if only in case.name]
    if not cases:
        raise InputError(
            f"--only: '{only}'; must be part of a name; one of {', '.join(case.name for case in all_cases())}"
        )
    say(
        f"measuring {len(cases)} cases, each {REPEATS} times after a first that is not counted; other work on this machine blurs it"
    )
    figures = measure(cases)
    ratios = compare(figures, baseline)
    content = record(figures, REPEATS)
    if save is not None:
        _save(save, content)
    if as_json:
        for name, figure, ratio in zip((one.name for one in figures), figures, ratios, strict=True):
            content["cases"][name] |= {"rows_per_second": float(f"{figure.rate:.4g}"), "ratio": ratio}
        print_json({**content, "baseline": {key: baseline.get(key) for key in ("processor", "versions")}})
        return
    _tell(figures, ratios)
    print(
        f"\nHere: {content['processor']}, {os.cpu_count()} cores, {multiply_add_rate() / 1e9:.1f} billion multiply-adds a second on one."
    )
    print(
        f"Baseline: {baseline.get('processor', 'unknown')}, cartsim {baseline.get('versions', {}).get('cartsim', 'unknown')}."
    )
    print(
        "Cost: million multiply-adds that take as long as one row; ratio: cost here / in the baseline, below 1 is faster."
    )


def _tell(figures: Sequence[Figure], ratios: Sequence[float | None]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Median times, a row being a patient or a process", title_justify="left")
    table.add_column("what")
    for heading in ("seconds", "rows a second", "cost", "ratio"):
        table.add_column(heading, justify="right")
    for one, ratio in zip(figures, ratios, strict=True):
        shown = "new" if ratio is None else f"{ratio:.2f}"
        table.add_row(one.name, f"{one.seconds:.3f}", f"{one.rate:,.1f}", f"{one.cost:.4g}", shown)
    Console(width=max(72, min(100, terminal_width()))).print(table)


def _save(path: Path, content: object) -> None:
    import json

    try:
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise StorageError(f"{path}: {reason}; must be a file that can be written; choose another") from None
