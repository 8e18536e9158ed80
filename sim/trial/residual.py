"""Residual disease cell by cell, over the patients of an arm: antigen densities before infusion, at the nadir and at relapse; who relapsed from which clone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.network.residual import ANTIGENS, BIN_EDGES, CLONES
from sim.network.trajectories import Trajectories
from sim.trial.outcomes import Outcomes
from sim.trial.tables import Columns

__all__ = ["WHEN", "ResidualDisease"]

Floats = NDArray[np.float64]
WHEN = ("before", "nadir", "relapse")
"""Last save before or on day 0; fewest leukaemia cells, above none, after it; first save at or after the relapse."""


class ResidualDisease:
    """Collects what single cells show, and gives it as two tables."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], tuple[Floats, int]] = {}
        self._clones: list[dict[str, NDArray[Any]]] = []

    def add(self, arm: str, numbers: NDArray[np.int64], courses: Trajectories, outcomes: Outcomes) -> None:
        """Take up the rows of some patients of an arm; only those who relapse count, so that the three looks are at the same people.

        Parameters
        ----------
        arm : str
        numbers : ndarray of int, shape (rows,)
        courses : Trajectories
            Of kernel ``agents``; of another nothing is taken.
        outcomes : Outcomes
            Of these rows.
        """
        if courses.residual is None:
            return
        relapse = outcomes["relapse_day"]
        fine = np.isfinite(relapse) & courses.ok
        for row in np.flatnonzero(fine):
            for when, place in _places(courses, int(row), float(relapse[row])).items():
                shares = courses.residual.densities[row, place].astype(np.float64)
                if np.isfinite(shares).all():
                    total, n = self._sums.get((arm, when), (np.zeros(shares.shape), 0))
                    self._sums[arm, when] = total + shares, n + 1
        clones = np.where(courses.ok[:, np.newaxis], courses.residual.clones, np.nan)
        table: dict[str, NDArray[Any]] = {
            "arm": np.full(len(numbers), arm),
            "patient": numbers,
            "relapse_day": np.where(fine, relapse, np.nan),
            "relapse_phenotype": np.where(fine, outcomes["relapse_phenotype"], ""),
        }
        self._clones.append(table | {name: clones[:, k] for k, name in enumerate(CLONES)})

    def densities(self) -> Columns:
        """Return columns arm, when, antigen, low, high (log10 molecules/cell), share, patients; a row with low NaN is cells without it."""
        rows: list[tuple[Any, ...]] = []
        low, high = [np.nan, *BIN_EDGES[:-1]], [np.nan, *BIN_EDGES[1:]]
        for (arm, when), (total, n) in self._sums.items():
            for k, antigen in enumerate(ANTIGENS):
                rows += [
                    (arm, when, antigen, a, b, share, n)
                    for a, b, share in zip(low, high, total[k] / n, strict=True)
                ]
        names = ("arm", "when", "antigen", "low", "high", "share", "patients")
        return (
            {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
            if rows
            else {}
        )

    def clones(self) -> Columns:
        """Return a row for each patient: arm, patient, relapse_day, relapse_phenotype, and `sim.network.residual.CLONES`.

        Values of a row that failed are NaN, whatever had been seen of it.
        """
        if not self._clones:
            return {}
        return {name: np.concatenate([table[name] for table in self._clones]) for name in self._clones[0]}


def _places(courses: Trajectories, row: int, relapse: float) -> dict[str, int]:
    """Return the save of each of `WHEN`."""
    t, cells = courses.t, courses["leukaemia_cells"][row]
    after = (t > 0.0) & (t <= relapse) & (cells > 0.0)
    if not after.any():
        return {}
    return {
        "before": int(np.searchsorted(t, 0.0, side="right")) - 1,
        "nadir": int(np.argmin(np.where(after, cells, np.inf))),
        "relapse": min(int(np.searchsorted(t, relapse)), len(t) - 1),
    }
