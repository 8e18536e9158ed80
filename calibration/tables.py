"""The posterior as a table of populations, which `sim.trial.populations` reads, and the notes beside it.

Few of many draws are kept, evenly spaced along the chains and then dealt in turn from each, so that the first n of them are a fair sample for any n.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.files import write_whole
from calibration.population import BREADTHS, Points
from calibration.priors import BETWEEN_TRIALS, EFFECTS, QUANTITIES
from sim.trial.populations import NOTES, TABLE
from sim.trial.tables import write_parquet

__all__ = ["columns_of", "spaced", "write_notes", "write_table"]

Floats = NDArray[np.float64]


def spaced(draws: Floats, count: int) -> Floats:
    """Return so many draws of all chains, shape (count, dimension), in an order of which any begin is a fair sample.

    Parameters
    ----------
    draws : ndarray, shape (chains, draws, dimension)
    count : int
        A multiple of the number of chains.

    Examples
    --------
    >>> spaced(np.arange(8.0).reshape(2, 4, 1), 4)[:, 0].tolist()
    [1.0, 5.0, 3.0, 7.0]
    """
    chains, length, dimension = draws.shape
    each = count // chains
    places = ((np.arange(each) + 0.5) * length / each).astype(np.int64)
    # Bit by bit from the back, so that a begin of the list is spread along the chains.
    bits = max(1, math.ceil(math.log2(max(each, 2))))
    backwards = [int(format(i, f"0{bits}b")[::-1], 2) for i in range(2**bits)]
    order = [i for i in backwards if i < each]
    return np.asarray(draws[:, places[order]].transpose(1, 0, 2).reshape(each * chains, dimension))


def columns_of(points: Points) -> dict[str, Floats]:
    """Return populations as columns: medians in the model's units, SDs between trials, and effects of trials."""
    medians = np.exp(points.log_medians())
    first = len(QUANTITIES)
    between = BETWEEN_TRIALS * abs(points.values[:, first : first + len(EFFECTS)])
    found = {one.name: medians[:, k] for k, one in enumerate(QUANTITIES)}
    found |= {f"{one.name} between trials": between[:, k] for k, one in enumerate(EFFECTS)}
    for trial in points.trials:
        effects = points.effects(trial)
        found |= {f"{one.name} of {trial}": effects[:, k] for k, one in enumerate(EFFECTS)}
    return {name: np.ascontiguousarray(column) for name, column in found.items()}


def write_table(folder: Path, points: Points, left_out: str | None = None) -> None:
    """Write populations; those of a posterior that did not see a trial have none of its effects.

    Raises
    ------
    StorageError
        When the folder cannot be written.
    """
    columns = {
        name: column
        for name, column in columns_of(points).items()
        if left_out is None or not name.endswith(f" of {left_out}")
    }
    name = TABLE if left_out is None else f"without-{left_out}.parquet"
    write_whole(folder / name, lambda place: write_parquet(place, columns))


def write_notes(folder: Path, trials: tuple[str, ...], told: Mapping[str, Any]) -> None:
    """Write what a table means and where it comes from.

    Parameters
    ----------
    folder : Path
    trials : tuple of str
    told : mapping
        Provenance, diagnostics.
    """
    breadths = {
        name: [number for number in breadth if math.isfinite(number)] for name, breadth in BREADTHS.items()
    }
    notes = {
        "format": 1,
        "quantities": [one.name for one in QUANTITIES],
        "breadths": breadths,
        "effects": [one.name for one in EFFECTS],
        "trials": list(trials),
        **told,
    }
    text = json.dumps(notes, indent=1, sort_keys=False) + "\n"
    write_whole(folder / NOTES, lambda place: place.write_text(text, encoding="utf-8"))
