"""Run a killing assay, and keep it in a run directory.

==========================  =====================================================================================
provenance.json             versions, platform, seed, hash, command; written first
assay.resolved.json         every value after defaults and overrides
wells.parquet               a row for each well and hour
kills.parquet               a row for each well and number of kills of single CAR T cells
summary.csv                 the end of the assay by condition
figures/killing.png         lysis over time, kills of single cells
complete                    written last
==========================  =====================================================================================
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import sim
from sim.dish.assay import KillingAssay
from sim.dish.reading import load_assay
from sim.dish.result import WORDS, AssayResult, kill_columns, well_columns
from sim.dish.wells import simulate_wells
from sim.errors import InputError, NumericalWarning, StorageError
from sim.kernels import status as codes
from sim.network.arguments import read_whole
from sim.trial.provenance import platform_facts, versions
from sim.trial.run_directory import COMPLETE, PROVENANCE, RunDirectory
from sim.trial.tables import read_parquet, write_parquet

__all__ = ["assay_hash", "open_assay", "run_assay"]

Progress = Callable[[int, int], None]
ASSAY, WELLS, KILLS, FIGURE = "assay.resolved.json", "wells.parquet", "kills.parquet", "figures/killing.png"
_DPI = 150


def assay_hash(assay: KillingAssay, seed: int) -> str:
    """Return the SHA-256 of all that changes the numbers of a run, as 64 hexadecimal digits."""
    content = {
        "assay": assay.content_hash(),
        "lines": list(assay.lines),
        "products": list(assay.products),
        "seed": seed,
    }
    return hashlib.sha256(
        json.dumps({**content, "version": sim.__version__}, sort_keys=True).encode()
    ).hexdigest()


def run_assay(
    assay: KillingAssay | str | os.PathLike[str],
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    out: str | os.PathLike[str] | None = None,
    figures: bool = True,
    command: str = "",
) -> AssayResult:
    """Simulate a killing assay.

    Parameters
    ----------
    assay : KillingAssay, str or path
        An assay, or the name or path of one.
    seed : int
        0 to 2**64 - 1.
    threads : int, optional
        Worker threads; all cores by default. Changes no number.
    progress : callable(done, total), optional
        Counts wells.
    out : path, optional
        Folder for the run directory; nothing is written without it. One that holds this very run, complete, is read and returned.
    figures : bool
        Whether the figure is written to it.
    command : str
        What to record as the command that gives these numbers.

    Returns
    -------
    AssayResult

    Raises
    ------
    InputError
        The assay, another argument or the folder is wrong.
    StorageError, BusyError
        The folder cannot be written, or another process writes to it.

    Warns
    -----
    NumericalWarning
        Once, when wells failed; they keep their status, and what was not computed is NaN.

    Examples
    --------
    >>> import sim
    >>> result = sim.run_assay("killing-assay")            # doctest: +SKIP
    >>> result.summary()                                   # doctest: +SKIP
    """
    chosen = assay if isinstance(assay, KillingAssay) else load_assay(assay)
    read_whole(seed, "seed", 0, 2**64 - 1)
    if threads is not None:
        read_whole(threads, "threads", 1)
    provenance = _provenance(chosen, seed, command)
    if out is None:
        return _compute(chosen, seed, threads, progress, provenance)
    directory = RunDirectory(Path(out), provenance["hash"])
    if directory.state() == "complete":
        return _renewed(directory, chosen, provenance, figures)
    with directory.claim():
        # Another process may have finished between the look and the claim.
        if directory.state() == "complete":
            return open_assay(directory.path)
        directory.begin(provenance)
        result = replace(_compute(chosen, seed, threads, progress, provenance), path=directory.path)
        _write(directory, result, figures)
        directory.finish()
    return result


def _renewed(
    directory: RunDirectory, assay: KillingAssay, provenance: dict[str, Any], figures: bool
) -> AssayResult:
    """Read a complete run; where labels or sources have changed, which change no number, let its files say so."""
    found = open_assay(directory.path)
    if found.assay.resolved() == assay.resolved():
        return found
    renewed = replace(found, assay=assay)
    with directory.claim():
        directory.begin(provenance)
        _write(directory, renewed, figures)
        directory.finish()
    return renewed


def _compute(
    assay: KillingAssay, seed: int, threads: int | None, progress: Progress | None, provenance: dict[str, Any]
) -> AssayResult:
    wells = simulate_wells(assay, seed, threads, progress)
    result = AssayResult(assay, seed, well_columns(assay, wells), kill_columns(wells), provenance)
    if result.failed:
        warnings.warn(
            f"{result.failed} of {len(wells)} wells failed; see their status", NumericalWarning, stacklevel=3
        )
    return result


def _provenance(assay: KillingAssay, seed: int, command: str) -> dict[str, Any]:
    return {
        "format": 1,
        "kind": "killing assay",
        "assay": assay.name,
        "title": assay.title,
        "seed": seed,
        "hash": assay_hash(assay, seed),
        "assay_hash": assay.content_hash(),
        "command": command,
        "versions": versions(),
        "platform": platform_facts(),
    }


def _write(directory: RunDirectory, result: AssayResult, figures: bool) -> None:
    directory.write_json(ASSAY, result.assay.resolved())
    directory.write(WELLS, lambda path: write_parquet(path, result.wells))
    directory.write(KILLS, lambda path: write_parquet(path, result.kills))
    text, rows = io.StringIO(), result.rows()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    directory.write_text("summary.csv", text.getvalue())
    directory.remove(FIGURE)
    if figures and (result.wells["status"] == codes.OK).any():
        import matplotlib.pyplot as plt

        result.killing()
        figure = plt.gcf()
        directory.write(FIGURE, lambda path: figure.savefig(path, dpi=_DPI, metadata={"Software": None}))
        plt.close(figure)


def open_assay(folder: str | os.PathLike[str]) -> AssayResult:
    """Read the run directory of a killing assay.

    Parameters
    ----------
    folder : path

    Raises
    ------
    InputError
        The folder is no such run, or it was not completed.
    StorageError
        A file of it is missing or damaged.
    """
    path = Path(folder)
    try:
        provenance = json.loads((path / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        provenance = {}
    if provenance.get("kind") != "killing assay":
        raise InputError(
            f"{path}: no run of a killing assay; give the folder that `cartsim run` has written for one"
        )
    if not (path / COMPLETE).is_file():
        raise InputError(
            f"{path}: the run was not completed; only a whole run can be read; run the same command again"
        )
    try:
        document = json.loads((path / ASSAY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StorageError(
            f"{path / ASSAY}: is missing or damaged; run the same command into another folder"
        ) from None
    assay = KillingAssay.parse(document, str(path / ASSAY))
    wells, kills = read_parquet(path / WELLS), read_parquet(path / KILLS)
    for name, table, own in (
        (WELLS, wells, ("line", "hour", "status", "lysis")),
        (KILLS, kills, ("line", "kills", "cells")),
    ):
        if not set(own) <= set(table) or any((table[c].dtype.kind in "biuf") == (c in WORDS) for c in own):
            raise StorageError(f"{path / name}: is damaged; run the same command into another folder")
    return AssayResult(assay, int(provenance["seed"]), wells, kills, provenance, path)
