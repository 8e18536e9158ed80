"""``cartsim check``: reported outcomes against simulated ones; the exit code says whether one falls outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli_common import (
    JsonOption,
    PatientsOption,
    SeedOption,
    SetOption,
    ThreadsOption,
    read_scenario,
)
from sim.cli_output import print_json, terminal_width
from sim.errors import InputError

if TYPE_CHECKING:
    from sim.trial.result import Result
    from sim.trial.scenario import Scenario

__all__ = ["command"]

OUTSIDE = 1
FAILED_ROWS = 3

# Enough to place a share within 2.5 percentage points, and quick.
_PATIENTS = 400
# Forty of each of a hundred populations, so that a median of a trial can be drawn from one.
_PATIENTS_OF_POSTERIOR = 4000


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE|DIR", help="A scenario, or the folder of a run.", show_default=False
        ),
    ],
    assignments: SetOption = [],  # noqa: B006 - typer copies it
    patients: PatientsOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare reported outcomes with simulated ones; exit 1 when one falls outside.

    A scenario is simulated with 400 patients per arm, or as many as it has; 4,000 where they come from a posterior, and as many again
    from the posterior that did not see the trial, where it was fitted. Nothing is written.

    \b
    Examples:
      cartsim check fry2018-cd22
      cartsim check runs/fry2018-cd22-1a2b3c4d --json
    """  # noqa: D301 - click ends a paragraph of its own lines with \b
    if Path(name).is_dir():
        if assignments or patients is not None or seed:
            raise InputError(
                f"{name}: a run that was made; its numbers stand; leave out --set, --patients and --seed"
            )
        from sim.trial.result import open_run

        result, predicted = open_run(Path(name)), None
    else:
        scenario = _scenario(name, assignments, patients)
        result = _simulate(scenario, scenario.name, seed, threads)
        unseen = _without_its_own(scenario)
        predicted = None if unseen is None else _simulate(unseen, f"{scenario.name}, unseen", seed, threads)
    _tell(result, predicted, as_json)
    if result.failed:
        raise typer.Exit(FAILED_ROWS)
    if any(found.inside is False for found in result.comparisons):
        raise typer.Exit(OUTSIDE)


def _scenario(name: str, assignments: list[str], patients: int | None) -> Scenario:
    scenario = read_scenario(name, assignments)
    usual = _PATIENTS if scenario.patients.posterior is None else _PATIENTS_OF_POSTERIOR
    size = usual if scenario.patients.posterior is not None else min(scenario.patients.size, usual)
    return scenario.with_({"patients.size": size if patients is None else patients})


def _without_its_own(scenario: Scenario) -> Scenario | None:
    """Return the scenario with the populations of the other trials; None where it was not fitted."""
    chosen = scenario.patients.posterior
    if chosen is None or chosen.trial == "new" or chosen.without is not None:
        return None
    return scenario.with_({"patients.posterior.without": chosen.trial, "patients.posterior.trial": "new"})


def _simulate(scenario: Scenario, title: str, seed: int, threads: int | None) -> Result:
    from sim.cli_progress import supervised

    with supervised(title, figures=False) as progress:
        from sim.trial.run import execute

        return execute(scenario, seed=seed, kernel=scenario.engine.kernel, threads=threads, progress=progress)


def _tell(result: Result, predicted: Result | None, as_json: bool) -> None:
    from sim.trial.story import WIDTH, record, reported_text

    if as_json:
        keys = ("scenario", "seed", "hash", "patients_per_arm", "failed", "reported")
        told = record(result)
        shown = {key: told[key] for key in keys}
        shown["predicted_without_it"] = None if predicted is None else record(predicted)["reported"]
        print_json(shown)
        return
    print(
        f"{result.scenario.title}: {result.scenario.patients.size} virtual patients per arm, seed {result.seed}\n"
    )
    print(reported_text(result, max(60, min(WIDTH, terminal_width())), predicted))
    if result.failed:
        typer.echo(f"{result.failed} of {result.outcomes.rows} rows failed; they are in no outcome", err=True)
