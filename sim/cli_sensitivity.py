"""``cartsim sensitivity``: which unknown numbers decide a scenario's outcomes, and on what evidence they rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli_common import (
    JsonOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    ThreadsOption,
    read_scenario,
    whole,
)
from sim.cli_output import print_json
from sim.cli_sensitivity_story import factor_rows, missing, outcome_rows, record, text
from sim.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from calibration.sensitivity_study import Effort, Study
    from sim.trial.run_directory import RunDirectory
    from sim.trial.scenario import Scenario

__all__ = ["command"]

FAILED_ROWS = 3
_RESULTS, _STORY = "results.json", "summary.txt"


def _points(text: str | int) -> int:
    """Return a power of two, which keeps the balance of the points."""
    number = whole("--points", 64, 65536, 256)(str(text))
    if number & (number - 1):
        raise InputError(f"--points: {number}; must be a power of two; give {2 ** number.bit_length()}")
    return number


def command(
    name: ScenarioArgument,
    outcome: Annotated[
        list[str],
        typer.Option(
            "--outcome",
            metavar="NAME",
            help="An outcome; may be repeated. All by default.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - typer copies it
    points: Annotated[
        int,
        typer.Option(metavar="N", parser=_points, help="Points of the screen, a power of two."),
    ] = 256,
    patients: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=whole("--patients", 8, 100_000, 32),
            help="Patients per arm at each point.",
        ),
    ] = 32,
    single: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=whole("--single", 0, 1000, 8),
            help="Factors with Sobol indices of their own, the strongest of the screen.",
        ),
    ] = 8,
    draws: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Parquet of draws of a posterior, a column for each factor, for indices from given data; by default the "
            "posterior from which the scenario's patients come.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", help="Folder; runs/<scenario>-sensitivity-<hash> by default."
        ),
    ] = None,
    assignments: SetOption = [],  # noqa: B006
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Write no figures.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask which unknown numbers decide a scenario's outcomes, and which conclusions rest on assumed ones.

    Every biological number without a settled value is moved over its prior or range, all at once. Partial rank correlations (PRCC) rank all
    of them; Sobol indices say what share of an outcome's variance goes with the strongest, and with all measured or all assumed ones together.

    \b
    Outcomes: cr, mrd_negative, relapse, relapse_of_responders,
      cd19_negative_relapse, cd22_low_relapse, positive_relapse, alive, peak.

    Relapses count up to a year, and are shares of the infused unless said otherwise. Correlations, indices and their intervals are written as
    tables, and drawn as tornado figures coloured by kind of evidence. With the defaults an arm takes 49,000 simulated patients: about 100 s of
    processor time, shared by the cores.

    \b
    Examples:
      cartsim sensitivity turtle2016-cd19
      cartsim sensitivity fry2018-cd22 --outcome cr --outcome peak --seed 1
      cartsim sensitivity dual-upfront --points 128 --patients 16 -o sensitivity
    """  # noqa: D301 - click ends a paragraph of its own lines with \b
    from calibration.factors import factors_of
    from calibration.sensitivity_study import Effort, analyse
    from sim.cli_progress import supervised
    from sim.trial.run_directory import RunDirectory, default_path

    asked = _asked(name, outcome)
    scenario = read_scenario(name, assignments)
    effort = Effort(points, patients, single)
    given = _of_posterior(scenario) if draws is None else _read_draws(draws)
    settings = _settings(scenario, seed, effort, asked, given)
    digest = _digest(settings)
    folder = RunDirectory(out or default_path(f"{scenario.name}-sensitivity", digest), digest)
    if folder.state() == "complete":
        typer.echo(f"{folder.path}: this analysis is complete; showing it", err=True)
        _tell(folder.path, as_json)
        return
    opened = factors_of(scenario)
    with folder.claim(), supervised(scenario.name, figures=not no_figures) as progress:
        study = analyse(opened, seed, effort, asked, given, threads, progress)
        folder.begin(settings)
        _write(folder, study, seed, figures=not no_figures)
        folder.finish()
    _tell(folder.path, as_json)


def _asked(name: str, outcome: list[str]) -> tuple[str, ...]:
    """Return the outcomes that are asked of a trial, all by default; refuse others, and what is no trial."""
    from calibration.outcomes import OUTCOMES
    from sim.trial.scenario_io import kind_of

    if kind_of(name) != "trial":
        raise InputError(
            f"{name}: a killing assay; sensitivities are those of a trial's outcomes; name a trial"
        )
    wrong = [one for one in outcome if one not in OUTCOMES]
    if wrong:
        from sim.trial.problems import suggest

        raise InputError(f"--outcome: '{wrong[0]}'; must be an outcome; {suggest(wrong[0], OUTCOMES)}")
    return tuple(dict.fromkeys(outcome)) or tuple(OUTCOMES)


def _settings(
    scenario: Scenario,
    seed: int,
    effort: Effort,
    asked: tuple[str, ...],
    given: Mapping[str, NDArray[np.float64]],
) -> dict[str, Any]:
    """Return all that changes numbers."""
    import hashlib

    from sim import __version__

    columns = {name: hashlib.sha256(values.tobytes()).hexdigest()[:16] for name, values in given.items()}
    return {
        "scenario": scenario.name,
        "scenario_hash": scenario.content_hash(),
        "seed": seed,
        **vars(effort),
        "outcomes": list(asked),
        "draws": columns,
        "version": __version__,
    }


def _digest(settings: Mapping[str, Any]) -> str:
    import hashlib
    import json

    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _of_posterior(scenario: Scenario) -> dict[str, NDArray[np.float64]]:
    """Return the medians of the populations from which a scenario's patients come; none where it names no posterior."""
    from sim.trial.populations import populations_of

    known = populations_of(scenario)
    return {} if known is None else dict(known.medians)


def _read_draws(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns of a file of draws."""
    import numpy as np

    from sim.errors import StorageError
    from sim.trial.tables import read_parquet

    try:
        columns = read_parquet(path)
    except StorageError:
        raise InputError(
            f"{path}: cannot be read; must be a Parquet file of numbers; give one with a column for each factor"
        ) from None
    bad = [
        name
        for name, values in columns.items()
        if values.dtype.kind not in "fi" or not np.isfinite(values).all()
    ]
    if bad or any((values <= 0.0).any() for values in columns.values()):
        raise InputError(
            f"{path}: {bad[0] if bad else 'a median'}; must be above 0 in every draw; leave it out"
        )
    return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}


def _write(folder: RunDirectory, study: Study, seed: int, *, figures: bool) -> None:
    """Write the tables, and the figures of each outcome."""
    import numpy as np

    from calibration.sensitivity_study import Estimate
    from sim.trial.tables import write_parquet

    columns = {name: np.array([getattr(one, name) for one in study.estimates]) for name in Estimate._fields}
    folder.write("estimates.parquet", lambda path: write_parquet(path, columns))
    folder.write_text("estimates.csv", _csv([one._asdict() for one in study.estimates]))
    folder.write_text("factors.csv", _csv(factor_rows(study)))
    folder.write_text("outcomes.csv", _csv(outcome_rows(study)))
    folder.write_json(_RESULTS, record(study, seed))
    folder.write_text(_STORY, text(study, seed))
    if figures:
        _draw(folder, study)


def _csv(rows: list[dict[str, Any]]) -> str:
    """Return rows as CSV; numbers keep all their digits, NaN is empty."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0] if rows else ())
    for row in rows:
        writer.writerow(["" if missing(value) else value for value in row.values()])
    return text.getvalue()


def _draw(folder: RunDirectory, study: Study) -> None:
    """Draw for each outcome the tornado of PRCC, and that of total Sobol indices."""
    from calibration.outcomes import OUTCOMES
    from sim.tornado import Bar, tornado

    labels = {"prcc": "Partial rank correlation, 95 %", "sobol_total": "Total Sobol index, 95 %"}
    for outcome in dict.fromkeys(name for _, name in study.asked):
        for method, xlabel in labels.items():
            panels = {}
            for arm, _ in (one for one in study.asked if one[1] == outcome):
                found = [one for one in study.find(arm, outcome, method) if one.known]  # type: ignore[arg-type]
                if found:
                    panels[arm] = [
                        Bar(
                            f"all {one.kind}" if one.together else one.factor,
                            one.kind,
                            one.value,
                            one.low,
                            one.high,
                        )
                        for one in found
                    ]
            if panels:
                axes = tornado(
                    panels, xlabel=xlabel, title=f"{study.opened.scenario.name}: {OUTCOMES[outcome].label}"
                )
                figure = axes[0].get_figure()
                folder.write(f"figures/{outcome}-{method.replace('_', '-')}.png", partial(_save, figure))


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    # Without the version and the day, so that the same numbers give the same bytes.
    figure.savefig(path, dpi=150, metadata={"Software": None})
    plt.close(figure)


def _tell(folder: Path, as_json: bool) -> None:
    """Print what came out, and end with the code for failed rows when there are any."""
    import json

    try:
        found = json.loads((folder / _RESULTS).read_text(encoding="utf-8"))
        story = (folder / _STORY).read_text(encoding="utf-8")
    except (OSError, ValueError):
        from sim.errors import StorageError

        raise StorageError(
            f"{folder}: a result cannot be read; a complete analysis has {_RESULTS} and {_STORY}; delete the folder and run it again"
        ) from None
    if as_json:
        print_json({**found, "path": str(folder)})
    else:
        print(f"{story}\nTables and figures: {folder}")
    if found["failed"]:
        typer.echo(
            f"{found['failed']} of {found['rows']} rows failed; they are in no average; {found['points_left_out']} of "
            f"{found['points_of_arms']} points of an arm left out, as more than a tenth of their rows failed",
            err=True,
        )
        raise typer.Exit(FAILED_ROWS)
