"""``cartsim compare``: two arms of a run, or of two runs, beside each other."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli_common import JsonOption
from sim.cli_output import print_json, terminal_width
from sim.errors import InputError

if TYPE_CHECKING:
    from sim.trial.contrast import Contrast
    from sim.trial.result import Result

__all__ = ["command"]

_FORM = "give DIR ARM_A ARM_B, or DIR_A:ARM DIR_B:ARM"


def command(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR ARM_A ARM_B | DIR_A:ARM DIR_B:ARM",
            help="Two arms of a run, or of two runs.",
            show_default=False,
        ),
    ],
    on: Annotated[
        list[str],
        typer.Option(
            "--on",
            metavar="ENDPOINT",
            help="cr, mrd_negative, efs, os, relapse, rfs, remission or relapse_of_responders; may be repeated. The first five by default.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - typer copies it
    at: Annotated[float, typer.Option(metavar="DAY", help="Day of the milestones.")] = 365.0,
    until: Annotated[
        float | None,
        typer.Option(
            metavar="DAY",
            help="Day up to which mean times and curves go; --at by default.",
            show_default=False,
        ),
    ] = None,
    transplant: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="What a transplant does to a time: ignored, censored, event or competing; the scenario's rule by default.",
            show_default=False,
        ),
    ] = None,
    level: Annotated[float, typer.Option(metavar="SHARE", help="Level of the intervals.")] = 0.95,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder for table, data and figure; without it the figure goes to the figures of the run, and of two runs nothing is written.",
            show_default=False,
        ),
    ] = None,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Write no figures.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two arms: differences with intervals, patient by patient where the arms treat the same people.

    Response, survival at a day and mean time up to one, relapse by phenotype with death and no remission competing; a hazard ratio only where
    hazards pass for proportional. Rows that failed are in no estimate, nor are their partners.

    \b
    Examples:
      cartsim compare runs/dual-upfront-1a2b3c4d tandem cd19
      cartsim compare runs/dual-upfront-1a2b3c4d tandem cd19 --on efs --at 182 --until 730
      cartsim compare runs/fry2018-cd22-1a2b3c4d:higher runs/fry2018-cd22-5e6f7a8b:higher -o compared
    """  # noqa: D301 - click ends a paragraph of its own lines with \b
    first, second = _sides(places)
    from sim.trial.contrast import contrast
    from sim.trial.result import open_run

    opened = {path: open_run(path) for path in dict.fromkeys((first[0], second[0]))}
    sides = (
        (opened[first[0]], _arm(opened[first[0]], first[1])),
        (opened[second[0]], _arm(opened[second[0]], second[1])),
    )
    found = contrast(*sides, on or None, at=at, until=until, transplant=transplant, level=level)  # type: ignore[arg-type]
    _tell(found, as_json)
    # Of two runs neither owns the figure.
    own = sides[0][0].path if sides[0][0] is sides[1][0] else None
    name = f"compare-{sides[0][1]}-{sides[1][1]}"
    written = _write(found, out, own, name, figures=not no_figures)
    if written and not as_json:
        print("\n".join(f"{what}: {path}" for what, path in written.items()))


def _sides(places: list[str]) -> tuple[tuple[Path, str | None], tuple[Path, str | None]]:
    """Read the two ways of naming two arms."""
    if len(places) == 3:
        return (Path(places[0]), places[1]), (Path(places[0]), places[2])
    if len(places) != 2:
        raise InputError(f"compare: {len(places)} given; two arms are compared; {_FORM}")
    found = []
    for place in places:
        # A folder may have a colon in its name; an arm has none.
        whole = Path(place)
        folder, colon, arm = place.rpartition(":")
        found.append((whole, None) if whole.is_dir() or not colon else (Path(folder), arm))
    return found[0], found[1]


def _arm(result: Result, arm: str | None) -> str:
    """Return the arm that was named, or the only one."""
    if arm is not None:
        return arm
    if len(result.arms) > 1:
        raise InputError(f"{result.path}: no arm named; it has {', '.join(result.arms)}; {_FORM}")
    return result.arms[0]


def _tell(found: Contrast, as_json: bool) -> None:
    from sim.trial.contrast_view import record, text
    from sim.trial.story import WIDTH

    if as_json:
        print_json(record(found))
    else:
        print(text(found, max(60, min(WIDTH, terminal_width()))))


def _write(
    found: Contrast, out: Path | None, own: Path | None, name: str, *, figures: bool
) -> dict[str, Path]:
    """Write what was asked for, and return what is where."""
    from sim.trial.contrast_view import record
    from sim.trial.run_directory import RunDirectory
    from sim.trial.run_files import csv_text

    target = out or own
    if target is None:
        return {}
    if target.is_file():
        raise InputError(f"{target}: is a file; the output must be a folder; name another")
    directory, written = RunDirectory(target, ""), {}
    if out is not None:
        lines = [list(line) for line in found.lines]
        written["Table"] = directory.write_text(f"{name}.csv", csv_text(found.lines[0]._fields, lines))
        written["Data"] = directory.write_json(f"{name}.json", record(found))
    if figures and found.curves:
        place = f"{name}.png" if out is not None else f"figures/{name}.png"
        written["Figure"] = directory.write(place, partial(_draw, found))
    return written


def _draw(found: Contrast, path: Path) -> Any:
    import os

    # No display is needed, and none is looked for.
    os.environ.setdefault("MPLBACKEND", "Agg")
    import matplotlib.pyplot as plt

    from sim.plot_style import GREY, TEXT

    with plt.ioff():
        figure = found.plot()[0].get_figure()
        # A figure is seen without the text beside it.
        figure.suptitle(  # type: ignore[union-attr]
            "Simulated, virtual patients. For research, not for patient care.",
            x=0.01,
            ha="left",
            fontsize=TEXT,
            color=GREY,
        )
        # Without the version and the day, so that the same numbers give the same bytes.
        figure.savefig(path, dpi=150, metadata={"Software": None})  # type: ignore[union-attr]
        plt.close(figure)  # type: ignore[arg-type]
