"""Rows of two arms from arrays, for comparisons: what is not given did not happen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.trial.outcomes import COLUMNS, WORDS, Outcomes

Floats = NDArray[np.float64]


def rows(size: int, arm: str = "a", **columns: Any) -> Outcomes:
    """One row a patient, computed, infused, evaluable and in remission from day 28 unless told otherwise."""
    table: dict[str, Any] = {
        name: np.full(size, "" if name in WORDS else np.nan, dtype="U16" if name in WORDS else np.float64)
        for name in COLUMNS
    }
    table |= {
        "arm": np.full(size, arm),
        "patient": np.arange(size, dtype=np.int64),
        "replicate": np.zeros(size, dtype=np.int64),
        "status": np.zeros(size, dtype=np.int8),
        "infused": np.ones(size, dtype=np.bool_),
        "evaluable": np.ones(size, dtype=np.bool_),
        "cr": np.ones(size),
        "cr_day": np.full(size, 28.0),
        "mrd_negative": np.ones(size),
        "origin_day": np.zeros(size),
    }
    return Outcomes(table | {name: np.asarray(values) for name, values in columns.items()})


def followed(days: Floats, until: float = 730.0) -> dict[str, Floats]:
    """Overall survival with everybody followed to a day."""
    return {"os_days": np.minimum(days, until), "os_event": (days <= until).astype(np.float64)}
