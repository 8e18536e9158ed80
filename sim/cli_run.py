"""``cartsim run``: simulate a scenario, tell what came out beside what was reported, and write the run directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli_common import (
    JsonOption,
    PatientsOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    ThreadsOption,
    read_scenario,
)
from sim.cli_output import print_json, terminal_width

if TYPE_CHECKING:
    from sim.trial.result import Result

__all__ = ["command"]

FAILED_ROWS = 3


def command(
    name: ScenarioArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Run directory; runs/<scenario>-<hash> by default."),
    ] = None,
    assignments: SetOption = [],  # noqa: B006 - typer copies it
    patients: PatientsOption = None,
    seed: SeedOption = 0,
    kernel: Annotated[
        str | None,
        typer.Option(
            metavar="K", help="hybrid, ode or agents; the scenario's by default.", show_default=False
        ),
    ] = None,
    threads: ThreadsOption = None,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Write no figures.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate a trial and set it beside the reported one, or a killing assay.

    \b
    Examples:
      cartsim run fry2018-cd22
      cartsim run dual-upfront --patients 200 --seed 1
      cartsim run my-trial.yaml -o results --set patients.size=500
      cartsim run killing-assay --set dish.wells=12
    """  # noqa: D301 - click ends a paragraph of its own lines with \b
    from sim.cli_progress import supervised
    from sim.trial.provenance import run_hash
    from sim.trial.run_directory import RunDirectory, default_path
    from sim.trial.scenario_io import find, kind_of

    if kind_of(name) == "killing assay":
        from sim.cli_assay import run_killing_assay

        refused = {"--patients": patients, "--kernel": kernel}
        run_killing_assay(
            name, out, assignments, seed, threads, refused, figures=not no_figures, as_json=as_json
        )
        return
    scenario = read_scenario(name, assignments)
    changes = {"patients.size": patients, "engine.kernel": kernel}
    given = {path: value for path, value in changes.items() if value is not None}
    scenario = scenario.with_(given) if given else scenario
    digest = run_hash(scenario, seed, scenario.engine.kernel)
    folder = out or default_path(scenario.name, digest)
    if RunDirectory(folder, digest).state() == "complete":
        from sim.trial.run_files import reopen_run

        typer.echo(f"{folder}: this run is complete; showing it", err=True)
        kept = reopen_run(
            RunDirectory(folder, digest),
            scenario,
            source=find(name).read_bytes(),
            figures=not no_figures,
            command=_command(name, assignments, patients, seed, kernel),
        )
        _tell(kept, as_json)
        return
    with supervised(scenario.name, figures=not no_figures) as progress:
        from sim.trial.run import execute

        result = execute(
            scenario,
            seed=seed,
            kernel=scenario.engine.kernel,
            threads=threads,
            progress=progress,
            out=folder,
            source=find(name).read_bytes(),
            figures=not no_figures,
            command=_command(name, assignments, patients, seed, kernel),
        )
    _tell(result, as_json)


def _tell(result: Result, as_json: bool) -> None:
    """Print the result, and end with the code for failed rows when there are any."""
    from sim.trial.story import WIDTH, record, text

    if as_json:
        print_json(record(result))
    else:
        print(text(result, max(60, min(WIDTH, terminal_width()))), end="")
        if result.path is not None:
            figures = result.path / "figures"
            print(f"\nTables and provenance: {result.path}")
            if figures.is_dir():
                drawn = sorted(file.stem for file in figures.glob("*.png"))
                print(f"Figures: {figures} ({', '.join(drawn)})")
                if result.scenario.answer in drawn:
                    print(f"The question is answered by: {figures / f'{result.scenario.answer}.png'}")
    if result.failed:
        typer.echo(
            f"{result.failed} of {result.outcomes.rows} rows failed; they are in no outcome; "
            f"{result.path}/failures.csv has the reason and the replay of each",
            err=True,
        )
        raise typer.Exit(FAILED_ROWS)


def _command(name: str, assignments: list[str], patients: int | None, seed: int, kernel: str | None) -> str:
    """Return the command that gives the same numbers, without what changes none."""
    from shlex import join

    words = ["cartsim", "run", name]
    for assignment in assignments:
        words += ["--set", assignment]
    for option, value in (("--patients", patients), ("--seed", seed or None), ("--kernel", kernel)):
        words += [option, str(value)] if value is not None else []
    return join(words)
