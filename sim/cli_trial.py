"""``cartsim trial``: power, type-I error, size and duration of a trial of simulated patients."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli_common import JsonOption, SeedOption, SetOption, ThreadsOption, read_scenario, whole
from sim.cli_output import print_json
from sim.cli_trial_story import csv_text, record, text
from sim.errors import InputError, StorageError

if TYPE_CHECKING:
    from sim.planning.plan import TrialPlan
    from sim.trial.result import Result
    from sim.trial.run_directory import RunDirectory
    from sim.trial.scenario import Scenario

__all__ = ["command"]

FAILED_ROWS = 3
_RESULTS, _STORY = "results.json", "summary.txt"


def _listed(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _sizes(value: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(whole("--n", 2, 100_000, 40)(word) for word in _listed(value)))


def _shares(value: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in _listed(value))
    except ValueError:
        raise InputError(
            f"--looks: '{value[:40]}'; must be shares of the planned information; write for example --looks 0.5,0.75"
        ) from None


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE|DIR",
            help="A shipped scenario's name, a file, or the folder of a run whose patients are taken.",
            show_default=False,
        ),
    ],
    arms: Annotated[
        str,
        typer.Option(
            "--arms",
            "--arm",
            metavar="A,B",
            help="The new arm and its control, or one arm.",
            show_default=False,
        ),
    ],
    sizes: Annotated[
        str, typer.Option("--n", metavar="N,..", help="Patients enrolled in each arm.", show_default=False)
    ] = "",
    trials: Annotated[
        int,
        typer.Option(
            metavar="N", parser=whole("--trials", 10, 10_000_000, 2000), help="Virtual trials of each size."
        ),
    ] = 2000,
    endpoint: Annotated[
        str, typer.Option(metavar="E", help="efs, os, rfs, remission, cr or mrd_negative.")
    ] = "efs",
    test: Annotated[
        str,
        typer.Option(
            metavar="T",
            help="log-rank, milestone or rmst of times; by default what fits the endpoint and the arms.",
            show_default=False,
        ),
    ] = "",
    at: Annotated[
        float | None,
        typer.Option(
            metavar="DAY", help="Day of the milestone, or end of the restricted mean.", show_default=False
        ),
    ] = None,
    alpha: Annotated[float, typer.Option(metavar="P", help="Type-I error of all looks and sides.")] = 0.05,
    sides: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=whole("--sides", 0, 2, 2),
            help="1 or 2; by default as many as arms.",
            show_default=False,
        ),
    ] = 0,
    null_rate: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Rate, or share free of the event, that one arm is to exceed.",
            show_default=False,
        ),
    ] = None,
    two_stage: Annotated[
        str | None,
        typer.Option(
            metavar="C", help="Simon's design, optimal or minimax, in place of --n.", show_default=False
        ),
    ] = None,
    target_rate: Annotated[
        float | None,
        typer.Option(metavar="P", help="Rate at which Simon's design has --power.", show_default=False),
    ] = None,
    power: Annotated[float, typer.Option(metavar="P", help="Power of Simon's design.")] = 0.8,
    looks: Annotated[
        str,
        typer.Option(
            metavar="F,..", help="Interim looks, as shares of the planned information.", show_default=False
        ),
    ] = "",
    spending: Annotated[str, typer.Option(metavar="S", help="obrien-fleming or pocock.")] = "obrien-fleming",
    futility: Annotated[
        float | None,
        typer.Option(metavar="Z", help="Stop at a look with a statistic below it.", show_default=False),
    ] = None,
    events: Annotated[
        int | None,
        typer.Option(metavar="N", help="Events at the last log-rank analysis.", show_default=False),
    ] = None,
    accrual: Annotated[float, typer.Option(metavar="R", help="Patients a month, all arms together.")] = 4.0,
    accrual_law: Annotated[str, typer.Option(metavar="L", help="poisson or uniform.")] = "poisson",
    dropout: Annotated[float, typer.Option(metavar="P", help="Share lost to follow-up in a year.")] = 0.0,
    manufacturing_failure: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Probability that a product is never made; the scenario's by default.",
            show_default=False,
        ),
    ] = None,
    follow_up: Annotated[
        float, typer.Option(metavar="DAYS", help="From the last enrolment to the last analysis.")
    ] = 365.0,
    transplant: Annotated[
        str,
        typer.Option(
            metavar="R,..", help="ignored, event, censored, competing, absent: readings of a transplant."
        ),
    ] = "ignored",
    analysis: Annotated[str, typer.Option(metavar="S,..", help="enrolled, infused, evaluable.")] = "enrolled",
    patients: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=whole("--patients", 1, 100_000_000, 4000),
            help="Simulated patients per arm; enough by default.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder for tables and figures; none by default.",
            show_default=False,
        ),
    ] = None,
    assignments: SetOption = [],  # noqa: B006 - typer copies it
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Write no figures.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask what a trial of the simulated patients would show: power, type-I error, size, events and duration.

    Patients are simulated once; virtual trials draw from them, enrol them over time, lose some, and are analysed when the design says. How a
    transplant counts and who is analysed is chosen afterwards, several ways at once where they are listed.

    \b
    Examples:
      cartsim trial dual-upfront --arms tandem,cd19 --n 20,40,60 -o plan
      cartsim trial dual-upfront --arms tandem,cd19 --n 60 --looks 0.5,0.75
      cartsim trial turtle2016-cd19 --arm cd19 --endpoint cr --null-rate 0.3 --n 20
      cartsim run combination -o pool --patients 4000
      cartsim trial pool --arms transplant,alone --n 60 --transplant ignored,censored
    """  # noqa: D301 - click ends a paragraph of its own lines with \b
    from sim.cli_progress import supervised
    from sim.planning.design import TrialDesign
    from sim.planning.plan import carry_out, plan_patients, settings_of
    from sim.trial.run_directory import RunDirectory

    design = TrialDesign(
        arms=_listed(arms), sizes=_sizes(sizes), endpoint=endpoint, test=test, at=at, alpha=alpha, sides=sides,  # type: ignore[arg-type]
        null_rate=null_rate, two_stage=two_stage, target_rate=target_rate, power=power, looks=_shares(looks),  # type: ignore[arg-type]
        spending=spending, futility=futility, events=events, accrual=accrual, accrual_law=accrual_law,  # type: ignore[arg-type]
        dropout=dropout, follow_up=follow_up, readings=_listed(transplant), analyses=_listed(analysis),  # type: ignore[arg-type]
    )  # fmt: skip
    source = _source(name, assignments, manufacturing_failure)
    count = plan_patients(source, design, patients)
    settings = settings_of(source, design, trials=trials, seed=seed, patients=count)
    folder = None if out is None else RunDirectory(out, settings["hash"])
    if folder is not None and folder.state() == "complete":
        typer.echo(f"{folder.path}: this plan is complete; showing it", err=True)
        _show(folder.path, as_json)
        return

    def plan() -> TrialPlan:
        with supervised(name, figures=folder is not None and not no_figures) as progress:
            return carry_out(
                source,
                design,
                trials=trials,
                seed=seed,
                patients=patients,
                threads=threads,
                progress=progress,
            )

    if folder is None:
        _tell(plan(), as_json)
        return
    with folder.claim():
        found = plan()
        folder.begin(settings)
        _write(folder, found, figures=not no_figures)
        folder.finish()
    _tell(found, as_json)


def _source(name: str, assignments: list[str], manufacturing_failure: float | None) -> Scenario | Result:
    """Return the scenario with its overrides, or the run of a folder."""
    from sim.planning.plan import pool_source
    from sim.trial.run_directory import PROVENANCE

    path = Path(name)
    if not (path / PROVENANCE).is_file():
        from sim.trial.scenario_io import kind_of

        if kind_of(name) != "trial":
            raise InputError(f"{name}: a killing assay; a plan is that of a trial; name a trial")
        return pool_source(read_scenario(name, assignments), manufacturing_failure)
    if assignments:
        raise InputError(
            f"--set: given with the run {name}; its patients are simulated already; name the scenario, or leave it out"
        )
    return pool_source(path, manufacturing_failure)


def _write(folder: RunDirectory, found: TrialPlan, *, figures: bool) -> None:
    """Write the tables, the story and the figures."""
    import numpy as np

    from sim.planning.characteristics import Characteristics
    from sim.planning.states import Occupation
    from sim.trial.tables import write_parquet

    tables: dict[str, tuple[Any, tuple[str, ...]]] = {
        "characteristics": (found.rows, Characteristics._fields),
        "states": (found.states, Occupation._fields),
    }
    for name, (rows, fields) in tables.items():
        columns = {field: np.array([getattr(row, field) for row in rows]) for field in fields}
        folder.write(f"{name}.parquet", partial(write_parquet, columns=columns))
        folder.write_text(f"{name}.csv", csv_text([row._asdict() for row in rows]))
    folder.write_json(_RESULTS, record(found))
    folder.write_text(_STORY, text(found))
    if figures:
        power, states = found.power().get_figure(), found.multi_state()[0].get_figure()
        folder.write("figures/power.png", partial(_save, power))
        folder.write("figures/states.png", partial(_save, states))


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    # Without the version and the day, so that the same numbers give the same bytes.
    figure.savefig(path, dpi=150, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)


def _show(folder: Path, as_json: bool) -> None:
    """Print a plan that is complete."""
    import json

    try:
        found = json.loads((folder / _RESULTS).read_text(encoding="utf-8"))
        story = (folder / _STORY).read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise StorageError(
            f"{folder}: a result cannot be read; a complete plan has {_RESULTS} and {_STORY}; delete the folder and run it again"
        ) from None
    _end(found, story, as_json)


def _tell(found: TrialPlan, as_json: bool) -> None:
    _end(record(found), text(found), as_json)


def _end(found: dict[str, Any], story: str, as_json: bool) -> None:
    """Print, and end with the code for failed rows when there are any."""
    if as_json:
        print_json(found)
    else:
        print(story, end="")
    if found["failed"]:
        typer.echo(f"{found['failed']} simulated rows failed; no trial enrols them", err=True)
        raise typer.Exit(FAILED_ROWS)
