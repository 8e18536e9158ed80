"""What the commands do with a killing assay in place of a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sim.cli_output import print_json, print_table
from sim.errors import InputError

if TYPE_CHECKING:
    from sim.cli_show import Views
    from sim.dish.assay import KillingAssay
    from sim.dish.result import AssayResult

__all__ = ["read_assay", "run_killing_assay", "views_of_assay"]

FAILED_ROWS = 3


def read_assay(name: str, assignments: list[str]) -> KillingAssay:
    """Return an assay with the values of ``--set`` in place."""
    from sim.dish.reading import load_assay
    from sim.trial.scenario_io import read_assignments

    return load_assay(name, read_assignments(assignments))


def views_of_assay(assay: KillingAssay) -> Views:
    """Return what can be shown of an assay; the equations are those of its wells by product, of numbers by class, whose means single cells follow."""
    from sim.cli_show import Views, parameter_row
    from sim.dish.assay import design_of_dish, dish_parameters
    from sim.dish.view import sections
    from sim.models.leukaemia import build

    return Views(
        assay,
        "assay",
        lambda: {
            name: build(design_of_dish(assay, name, agents=False)).equations() for name in assay.products
        },
        lambda: [
            parameter_row(parameter, assay.parameters.get(parameter.name), "assay")
            for parameter in dish_parameters(assay).values()
        ],
        lambda: sections(assay),
    )


def run_killing_assay(
    name: str,
    out: Path | None,
    assignments: list[str],
    seed: int,
    threads: int | None,
    refused: Mapping[str, object],
    *,
    figures: bool,
    as_json: bool,
) -> None:
    """Simulate an assay, tell what came out, and write the run directory.

    Parameters
    ----------
    refused : dict
        Options of a trial that were given; an assay has no use for them.
    """
    for option, value in refused.items():
        if value is not None:
            raise InputError(
                f"{option}: {value}; {name} is a killing assay, whose cells are simulated one by one; leave it out, or --set dish.wells"
            )
    from sim.cli_progress import supervised
    from sim.dish.run import assay_hash, run_assay
    from sim.trial.run_directory import RunDirectory, default_path

    assay = read_assay(name, assignments)
    digest = assay_hash(assay, seed)
    folder = out or default_path(assay.name, digest)
    if RunDirectory(folder, digest).state() == "complete":
        typer.echo(f"{folder}: this run is complete; showing it", err=True)
        _tell(run_assay(assay, seed, out=folder, figures=figures), as_json)
        return
    with supervised(assay.name, "wells", figures=figures) as progress:
        result = run_assay(
            assay, seed, threads, progress, folder, figures, command=_command(name, assignments, seed)
        )
    _tell(result, as_json)


def _tell(result: AssayResult, as_json: bool) -> None:
    """Print the result, and end with the code for failed rows when there are any."""
    rows = result.rows()
    if as_json:
        print_json(
            {
                "assay": result.assay.name,
                "seed": result.seed,
                "hash": str(result.provenance.get("hash", "")),
                "failed": result.failed,
                # JSON has no NaN: what a condition has not is null.
                "conditions": [{key: _told(value) for key, value in row.items()} for row in rows],
            }
        )
    else:
        from sim.dish.view import conditions_table

        columns, cells = conditions_table(result)
        hours = result.assay.dish.hours
        print_table(f"{result.assay.title}: after {hours:g} h, seed {result.seed}", columns, cells)
        print(
            "Lysis: targets fewer than in wells without CAR T cells, +- SD between wells. Research only; nothing here is calibrated."
        )
        if result.path is not None:
            print(f"Tables, provenance and figure: {result.path}")
    if result.failed:
        typer.echo(f"{result.failed} wells failed; wells.parquet has the status of each", err=True)
        raise typer.Exit(FAILED_ROWS)


def _told(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _command(name: str, assignments: list[str], seed: int) -> str:
    """Return the command that gives the same numbers."""
    from shlex import join

    words = ["cartsim", "run", name]
    for assignment in assignments:
        words += ["--set", assignment]
    return join([*words, *(["--seed", str(seed)] if seed else [])])
