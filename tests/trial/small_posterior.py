"""A posterior of five populations: one quantity that varies by default, one that does not, and one effect."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sim.trial.populations import NOTES, TABLE
from sim.trial.tables import write_parquet

__all__ = ["SIZE", "small_posterior"]

SIZE = 5


def small_posterior(folder: Path, trial: str) -> Path:
    """Write it, and the one that did not see the trial."""
    columns = {
        "net_growth_rate": np.linspace(0.08, 0.16, SIZE),
        "niche_access": np.linspace(0.05, 0.15, SIZE),
        "burden between trials": np.linspace(0.1, 0.5, SIZE),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(folder / f"without-{trial}.parquet", columns)
    write_parquet(folder / TABLE, {**columns, f"burden of {trial}": np.linspace(-0.4, 0.4, SIZE)})
    notes = {
        "quantities": ["net_growth_rate", "niche_access"],
        "breadths": {"niche_access": [0.3, 0.0, 1.0]},
        "effects": ["burden"],
        "trials": [trial],
    }
    (folder / NOTES).write_text(json.dumps(notes), encoding="utf-8")
    return folder
