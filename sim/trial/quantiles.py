"""Quantiles over patients of what is drawn of a course: CAR T cells in blood, blasts in marrow."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.trial.tables import Columns

__all__ = ["PROBABILITIES", "CourseQuantiles"]

#: Outputs of which quantiles are kept.
QUANTITIES = ("car_t_blood", "marrow_blast_fraction")
PROBABILITIES = {"q05": 0.05, "q25": 0.25, "q50": 0.50, "q75": 0.75, "q95": 0.95}

# Enough for a smooth 5 % quantile; a larger run would only need more memory.
_MOST = 2048

Floats = NDArray[np.float64]


class _Courses(Protocol):
    def __getitem__(self, name: str) -> Floats: ...


class CourseQuantiles:
    """Collects courses of the first 2,048 patients of each arm, and gives their quantiles by day.

    Parameters
    ----------
    days : ndarray, shape (n_times,)
    """

    def __init__(self, days: Floats) -> None:
        self._days = days
        self._kept: dict[tuple[str, str], list[Floats]] = {}

    def add(self, arm: str, numbers: NDArray[np.int64], courses: _Courses, followup: Floats) -> None:
        """Keep the rows of some patients; days after the end of their follow-up count no more.

        Parameters
        ----------
        arm : str
        numbers : ndarray of int, shape (rows,)
            Patients within the arm, from 0.
        courses : Trajectories
        followup : ndarray, shape (rows,)
            Last day on which each was alive and computed.
        """
        wanted = numbers < _MOST
        if not wanted.any():
            return
        gone = self._days[None, :] > followup[wanted, None]
        for quantity in QUANTITIES:
            values = courses[quantity][wanted].copy()
            values[gone] = np.nan
            self._kept.setdefault((arm, quantity), []).append(values)

    def columns(self) -> Columns:
        """Return columns arm, quantity, day, n (patients alive), q05, q25, q50, q75, q95."""
        tables: list[dict[str, NDArray[Any]]] = []
        size = len(self._days)
        for (arm, quantity), parts in self._kept.items():
            ordered = np.sort(np.concatenate(parts), axis=0)  # NaN last
            alive = np.count_nonzero(~np.isnan(ordered), axis=0)
            table: dict[str, NDArray[Any]] = {
                "arm": np.full(size, arm),
                "quantity": np.full(size, quantity),
                "day": self._days,
                "n": alive.astype(np.int64),
            }
            table |= {name: _quantile(ordered, alive, share) for name, share in PROBABILITIES.items()}
            tables.append(table)
        return (
            {name: np.concatenate([table[name] for table in tables]) for name in tables[0]} if tables else {}
        )


def _quantile(ordered: Floats, counts: NDArray[np.int64], probability: float) -> Floats:
    """Return a quantile of each column by linear interpolation of its first ``counts`` rows; NaN where there are none."""
    place = probability * np.maximum(counts - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(counts - 1, 0))
    column = np.arange(ordered.shape[1])
    found = ordered[low, column] + (place - low) * (ordered[high, column] - ordered[low, column])
    return np.where(counts > 0, found, np.nan)
