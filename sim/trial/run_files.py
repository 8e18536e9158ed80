"""The files of a run directory: what is written, and how it is read back.

==========================  =====================================================================================
provenance.json             versions, platform, seed, hash, command; written first
scenario.yaml               the scenario as it was given, when it came from a file
scenario.resolved.json      every value after defaults and overrides, in canonical units; itself a scenario file
endpoints.parquet           a row per arm, patient and replicate
kinetics.parquet            quantiles of CAR T cells and blasts by arm and day
densities.parquet           antigen densities before infusion, at nadir and relapse; of kernel agents
clones.parquet              from which single cells each relapse comes; of kernel agents
summary.csv, reported.csv   each arm's outcomes; reported beside simulated
failures.csv                rows that failed, and what replays each
figures/                    PNG
run.log, timing.json        when, how long, how many threads: the only files that differ between equal runs
complete                    written last
==========================  =====================================================================================
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

import sim
from sim.errors import InputError, StorageError
from sim.trial.outcomes import COLUMNS, TRUTHS, WORDS, Outcomes
from sim.trial.provenance import collect
from sim.trial.quantiles import PROBABILITIES
from sim.trial.reported import COMPARISON_COLUMNS, comparison_record
from sim.trial.result import Result
from sim.trial.run_directory import COMPLETE, PROVENANCE, RunDirectory, read_digest
from sim.trial.scenario import Scenario
from sim.trial.summary import Row
from sim.trial.tables import Columns, read_parquet, write_parquet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "csv_text", "read_run", "renew_run", "reopen_run", "write_run", "write_timing"]

GIVEN = "scenario.yaml"
SCENARIO = "scenario.resolved.json"
ENDPOINTS = "endpoints.parquet"
KINETICS = "kinetics.parquet"
SINGLE_CELLS = {"densities": "densities.parquet", "clones": "clones.parquet"}

_DPI = 150
# Of 9: matplotlib's own takes a quarter longer for the figures of a run, and its files are no smaller.
_COMPRESSION = 3


def _one(draw: Callable[[Result], Axes]) -> Callable[[Result], list[Axes]]:
    return lambda result: [draw(result)]


#: Name of each figure and what draws it; one that has nothing to show raises InputError and is left out.
FIGURES: Mapping[str, Callable[[Result], list[Axes]]] = {
    "outcomes": lambda result: result.fates(),
    "event_free_survival": _one(lambda result: result.km("efs")),
    "remission": _one(lambda result: result.km("remission")),
    "kinetics": lambda result: result.kinetics(),
    "relapse_by_phenotype": lambda result: result.incidence("relapse", by="phenotype"),
    "reported_beside_simulated": lambda result: result.forest(),
    "antigen_densities": lambda result: result.densities(),
    "residual_clones": lambda result: result.clones(),
}


def write_run(directory: RunDirectory, result: Result, *, source: bytes = b"", figures: bool = True) -> None:
    """Write everything but the provenance, the timing and the mark of completion; what a run before left and this one lacks goes.

    Parameters
    ----------
    directory : RunDirectory
        Claimed and begun.
    result : Result
    source : bytes
        The scenario file as it was given.
    figures : bool

    Raises
    ------
    StorageError
        Something cannot be written.
    """
    if source:
        directory.write(GIVEN, lambda path: path.write_bytes(source))
    else:
        directory.remove(GIVEN)
    directory.write_json(SCENARIO, result.scenario.resolved())
    directory.write(ENDPOINTS, lambda path: write_parquet(path, result.outcomes, TRUTHS))
    directory.write(KINETICS, lambda path: write_parquet(path, result.courses))
    for name, file in SINGLE_CELLS.items():
        if table := result.single_cells.get(name):
            directory.write(file, partial(write_parquet, columns=table))
        else:
            directory.remove(file)
    directory.write_text("summary.csv", csv_text(Row._fields, result.rows))
    records = [comparison_record(found) for found in result.comparisons]
    directory.write_text(
        "reported.csv", csv_text(COMPARISON_COLUMNS, [list(record.values()) for record in records])
    )
    directory.write_text("failures.csv", csv_text(_FAILURE_NAMES, _failures(result)))
    drawn = _write_figures(directory, result) if figures else set()
    for name in set(FIGURES) - drawn:
        directory.remove(f"figures/{name}.png")


def write_timing(directory: RunDirectory, *, computing: float, writing: float, threads: int | None) -> None:
    """Write when the run took place and how long it took, seconds."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    timing = {
        "finished": now,
        "seconds_computing": round(computing, 3),
        "seconds_writing": round(writing, 3),
        "threads": threads,
    }
    directory.write_json("timing.json", timing)
    lines = [
        f"{now} computed in {computing:.2f} s, written in {writing:.2f} s, threads {threads or 'all cores'}"
    ]
    directory.write_text("run.log", "\n".join(lines) + "\n")


def read_run(path: Path) -> Result:
    """Read a complete run directory; see `sim.trial.result.open_run`."""
    if not path.is_dir():
        raise InputError(
            f"{path}: no such folder; a run directory is needed; give the folder that a run has written"
        )
    provenance = _read_json(path / PROVENANCE, path)
    if not (path / COMPLETE).is_file():
        raise InputError(
            f"{path}: the run was not completed; only a whole run can be read; run the same command again"
        )
    seed, kernel = provenance.get("seed"), provenance.get("kernel")
    named = isinstance(kernel, str) or (isinstance(kernel, dict) and {"name", "options"} <= set(kernel))
    if not isinstance(seed, int) or not named or read_digest(path) is None:
        raise _damaged(path / PROVENANCE, "lacks seed, kernel or hash")
    scenario = _read_scenario(path, provenance)
    endpoints = read_parquet(path / ENDPOINTS, TRUTHS)
    _check_columns(path / ENDPOINTS, endpoints, COLUMNS, WORDS)
    rows, patients = len(endpoints["patient"]), scenario.patients.size * len(scenario.arms)
    if rows == 0 or rows % patients:
        raise _damaged(path / ENDPOINTS, f"has {rows} rows for {patients} patients")
    _check_arms(path / ENDPOINTS, endpoints, scenario, every=True)
    keys = zip(*(endpoints[name].tolist() for name in ("arm", "patient", "replicate")), strict=True)
    if len(set(keys)) < rows:
        raise _damaged(path / ENDPOINTS, "has a patient twice in one arm and replicate")
    courses = read_parquet(path / KINETICS)
    _check_columns(path / KINETICS, courses, _COURSE_COLUMNS, frozenset(("arm", "quantity")))
    _check_arms(path / KINETICS, courses, scenario, every=False)
    cells = {
        name: read_parquet(path / file) if (path / file).exists() else {}
        for name, file in SINGLE_CELLS.items()
    }
    return Result(scenario, seed, kernel, Outcomes(endpoints), courses, provenance, path, cells)


def reopen_run(
    directory: RunDirectory,
    scenario: Scenario,
    *,
    source: bytes = b"",
    figures: bool = True,
    command: str = "",
) -> Result:
    """Read a complete run, and let its files say what the scenario says now.

    The hash of a run leaves out what changes no number: names, labels, sources and reported outcomes. Where these differ from the
    folder's, the endpoints stay and every file that shows such words is written again.

    Parameters
    ----------
    directory : RunDirectory
        Complete; its hash is that of the scenario.
    scenario : Scenario
    source, figures, command
        As for a new run, for the files that are written again.

    Returns
    -------
    Result

    Raises
    ------
    StorageError, BusyError
        The folder cannot be read, or has to be written to and cannot be.
    """
    found = read_run(directory.path)
    if found.scenario.resolved() == scenario.resolved():
        return found
    with directory.claim():
        return renew_run(directory, scenario, source=source, figures=figures, command=command)


def renew_run(
    directory: RunDirectory, scenario: Scenario, *, source: bytes, figures: bool, command: str
) -> Result:
    """Do what `reopen_run` does in a folder that is claimed."""
    found = read_run(directory.path)
    if found.scenario.resolved() == scenario.resolved():
        return found
    # What computed the endpoints stays as it was.
    computed = {name: found.provenance[name] for name in ("versions", "platform") if name in found.provenance}
    provenance = collect(scenario, found.seed, found.kernel, command) | computed
    renewed = replace(found, scenario=scenario, provenance=provenance)
    directory.begin(provenance)
    write_run(directory, renewed, source=source, figures=figures)
    directory.finish()
    return renewed


def _read_scenario(path: Path, provenance: Mapping[str, Any]) -> Scenario:
    """Read the scenario of a run, and refuse one whose numbers were changed since."""
    if not (path / SCENARIO).exists():
        raise _damaged(path / SCENARIO, "is missing")
    scenario = Scenario.parse(_read_json(path / SCENARIO, path), str(path / SCENARIO))
    versions = provenance.get("versions")
    # Another version may have other defaults for what a scenario leaves out, and with them another hash.
    comparable = isinstance(versions, dict) and versions.get("cartsim") == sim.__version__
    if comparable and provenance.get("scenario_hash") != scenario.content_hash():
        raise _damaged(path / SCENARIO, "is not the scenario of the run")
    return scenario


_COURSE_COLUMNS = ("arm", "quantity", "day", "n", *PROBABILITIES)


def _check_columns(path: Path, table: Columns, names: Iterable[str], words: frozenset[str]) -> None:
    """Refuse a table that lacks a column, or has text where numbers belong."""
    for name in names:
        if name not in table:
            raise _damaged(path, f"lacks the column {name}")
        if (table[name].dtype.kind in "biuf") == (name in words):
            raise _damaged(path, f"has other values in {name}")


def _check_arms(path: Path, table: Columns, scenario: Scenario, *, every: bool) -> None:
    """Refuse a table of other arms than the scenario's; without ``every`` some may be absent, as where all rows failed."""
    held, arms = set(table["arm"].tolist()), set(scenario.arms)
    if not held <= arms or (every and held < arms):
        raise _damaged(path, f"has other arms than the scenario: {', '.join(sorted(held)) or 'none'}")


def _damaged(path: Path, what: str = "is damaged") -> StorageError:
    return StorageError(f"{path}: {what}; a run directory must be whole; delete the folder and run it again")


def _read_json(path: Path, folder: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{folder}: has no {path.name}; a run directory has one; give the folder of a run"
        ) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise StorageError(
            f"{path}: {reason}; a run directory must be readable; check its permissions"
        ) from None
    except ValueError:
        raise _damaged(path) from None
    if not isinstance(value, dict):
        raise _damaged(path)
    return value


_FAILURE_NAMES = ("arm", "patient", "replicate", "status", "meaning", "replay")


def _failures(result: Result) -> list[tuple[Any, ...]]:
    """Return the failed rows with the reason and the command that replays each, from within the folder."""
    from sim.kernels import status as codes

    columns = result.outcomes
    rows = []
    for row in np.flatnonzero(columns["status"]):
        arm, patient, replicate = (
            str(columns["arm"][row]),
            int(columns["patient"][row]),
            int(columns["replicate"][row]),
        )
        code = int(columns["status"][row])
        replay = (
            f"python -c \"import sim, pandas; r = sim.open('.').rerun(arm='{arm}', patient={patient}, replicate={replicate});"
            ' print(pandas.DataFrame({name: r[name][0] for name in r.names}, index=r.t).to_csv())"'
        )
        rows.append((arm, patient, replicate, codes.NAMES[code], codes.SENTENCES[code], replay))
    return rows


def csv_text(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as CSV; numbers in full, what is unknown empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow(["" if _unknown(value) else value for value in row])
    return text.getvalue()


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def prepare_files(*, figures: bool) -> None:
    """Load what tables and figures need, so that they can be written at once later."""
    import pyarrow.parquet  # noqa: F401

    if not figures:
        return
    with suppress(ImportError):  # said where the figures are drawn
        import matplotlib.pyplot as plt

        import sim.plots  # noqa: F401

        plt.get_backend()


def _write_figures(directory: RunDirectory, result: Result) -> set[str]:
    """Draw the figures and return the names of those that have something to show."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    from sim.plot_style import GREY, TEXT

    # A figure is seen without the text beside it: it says which trial this is, and that nobody was treated.
    size = result.scenario.patients.size
    heading = f"{result.scenario.name}: simulated, {size} virtual patients per arm. For research, not for patient care."
    # No window opens, whatever the user's matplotlib is set to.
    drawn: set[str] = set()
    with plt.ioff():
        for name, draw in FIGURES.items():
            try:
                axes = draw(result)
            except InputError:
                continue
            figure = axes[0].get_figure()
            if not isinstance(figure, Figure):
                continue
            letters = int(figure.get_figwidth() * 72.0 / (0.55 * TEXT))
            lines = "\n".join(wrap(heading, letters))
            figure.suptitle(lines, x=0.01, ha="left", fontsize=TEXT, color=GREY)
            directory.write(f"figures/{name}.png", partial(_save, figure))
            plt.close(figure)
            drawn.add(name)
    return drawn


def _save(figure: Figure, path: Path) -> None:
    # Without its own version in the file, matplotlib writes equal bytes for equal figures.
    figure.savefig(path, dpi=_DPI, metadata={"Software": None}, pil_kwargs={"compress_level": _COMPRESSION})
