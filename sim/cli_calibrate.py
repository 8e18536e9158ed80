"""``cartsim calibrate``: from the reported outcomes to a posterior, in a folder in which an interrupted calibration goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli_common import JsonOption, SeedOption, ThreadsOption, whole
from sim.cli_output import print_json, print_table, say

__all__ = ["command"]

SHORT = 1


def command(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder of the calibration; what is there is not computed again.",
        ),
    ] = Path("runs/calibration"),
    patients: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=whole("--patients", 200, 5_000_000, 65536),
            help="Patients of each arm in each of the three parts of the bank.",
        ),
    ] = 65_536,
    draws: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=whole("--draws", 50, 1_000_000, 4000),
            help="Draws of each of the eight chains.",
        ),
    ] = 4000,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the laws of the patients to what the trials reported; exit 1 when the posterior falls short of what is asked of it.

    Simulates a bank of patients, samples the posterior by chains, and for each trial that of the others; writes posterior/ with tables
    of populations and provenance.json. Scenarios draw from it by --set patients.posterior.folder=DIR/posterior. The same command goes on
    where it was interrupted, to the same bytes.

    \b
    Examples:
      cartsim calibrate
      cartsim calibrate --out runs/small --patients 2000 --draws 200
    """  # noqa: D301 - click ends a paragraph of its own lines with \b
    from calibration.inference import Effort
    from calibration.study import calibrate

    with _stages() as progress:
        study = calibrate(out, seed, Effort.of(patients, draws), threads, progress)
    if as_json:
        print_json({"folder": str(out / "posterior"), **study.notes})
    else:
        _tell(study.notes)
        say(f"posterior in {out / 'posterior'}")
    if study.notes["shortfalls"]:
        raise typer.Exit(SHORT)


@contextmanager
def _stages() -> Iterator[Callable[[str, int, int], None]]:
    """Yield report(stage, done, total): one bar after another."""
    from sim.cli_progress import supervised

    stage = ""
    report: Callable[[int, int], None] | None = None
    with ExitStack() as bars:

        def advance(name: str, done: int, total: int) -> None:
            nonlocal stage, report
            if report is None or name != stage:
                bars.close()
                counted = "patients" if name.startswith("patients") else "draws of each chain"
                stage, report = name, bars.enter_context(supervised(name, counted, figures=False))
            report(done, total)

        yield advance


def _tell(notes: dict[str, Any]) -> None:
    """Print what is known of each number, the figures that were fitted, and what falls short."""
    rows = [
        [
            row["name"],
            f"{row['mean']:.2f}",
            f"{row['sd']:.2f}",
            f"{max(0.0, row['contraction']):.2f}",
            f"{row['rhat']:.3f}",
            f"{row['effective']:.0f}",
        ]
        for row in notes["table"]
    ]
    columns = ("number (0 +- 1 a priori)", "mean", "SD", "contraction", "R-hat", "effective draws")
    print_table("", columns, rows)
    figures = [
        [one["target"], f"{one['median']:.3g}", f"{one['5 %']:.3g} to {one['95 %']:.3g}"]
        for one in notes["figures"]
    ]
    print()
    print_table("", ("target", "median", "90 %"), figures)
    print()
    for line in notes["shortfalls"] or ["all that is asked of a calibration was reached"]:
        print(line)
