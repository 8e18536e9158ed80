"""When a trial looks at the marrow: at planned visits, and between them when overt disease shows by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sim.trial.scenario_schema import Assay

__all__ = ["Bools", "Examinations", "Floats", "Ints", "examine", "place_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Save times and visits are written by people in days; nearer than a second is the same time.
_SAME_TIME = 1e-5


@dataclass(frozen=True, eq=False)
class Examinations:
    """The days on which each patient was examined: planned visit, then what overt disease may prompt before the next, in turn.

    Attributes
    ----------
    planned : ndarray of bool, shape (k,)
        Whether each column is a planned visit.
    day : ndarray, shape (rows, k)
        NaN for an unplanned one that never took place.
    observed : ndarray of bool, shape (rows, k)
        Whether it took place: the patient was alive and followed.
    column : ndarray of int, shape (rows, k)
        Place among the save times, -1 for none.
    """

    planned: Bools
    day: Floats
    observed: Bools
    column: Ints

    def see(self, values: Floats) -> Floats:
        """Return an output, shape (rows, n_times), at the examinations; NaN where none took place."""
        row = np.arange(len(values))[:, None]
        return np.where(self.observed, values[row, np.maximum(self.column, 0)], np.nan)


def examine(t: Floats, blasts: Floats, assay: Assay, death_day: Floats, followup: Floats) -> Examinations:
    """Plan the examinations of every patient, and say which of them took place.

    Parameters
    ----------
    t : ndarray, shape (n_times,)
        Save times, days.
    blasts : ndarray, shape (rows, n_times)
        Marrow blast fraction.
    assay : Assay
        Its visits and ``overt_blasts``.
    death_day, followup : ndarray, shape (rows,)
        Day of death, NaN for never, and last day of the follow-up.

    Returns
    -------
    Examinations

    Raises
    ------
    ValueError
        If a visit is not a save time.
    """
    column, day, planned = _planned_and_prompted(t, blasts, assay.visits, assay.overt_blasts)
    # On the day of death nobody is examined; on the day on which a computation failed the value is still good.
    alive = ~(day >= np.where(np.isnan(death_day), np.inf, death_day)[:, None])
    return Examinations(planned, day, (column >= 0) & alive & (day <= followup[:, None]), column)


def place_of(t: Floats, days: Floats, name: str) -> Ints:
    """Return where ``days`` stand among the save times."""
    place = np.clip(np.searchsorted(t, days), 1, len(t) - 1)
    nearest = np.where(days - t[place - 1] < t[place] - days, place - 1, place)
    wrong = np.abs(t[nearest] - days) > _SAME_TIME
    if wrong.any():
        raise ValueError(
            f"{name}: {days[wrong][0]:g}; one of the save times {t[0]:g} to {t[-1]:g}; save the course on that day"
        )
    return nearest.astype(np.int64)


def _planned_and_prompted(
    t: Floats, fraction: Floats, planned_days: Sequence[float], overt_blasts: float | None
) -> tuple[Ints, Floats, Bools]:
    """Return save-time index (-1 for none) and day of each examination, planned and prompted in turn."""
    visits = place_of(t, np.asarray(planned_days, dtype=np.float64), "visits")
    rows, size = len(fraction), 2 * len(visits)
    column = np.full((rows, size), -1, dtype=np.int64)
    column[:, 0::2] = visits
    if overt_blasts is not None:
        ends = np.append(visits[1:], len(t))
        for place, (start, end) in enumerate(zip(visits, ends, strict=True)):
            overt = fraction[:, start:end] >= overt_blasts
            # Overt at the visit itself is already known; overt after it prompts one examination.
            prompted = ~overt[:, 0] & overt.any(axis=1)
            column[prompted, 2 * place + 1] = start + overt[prompted].argmax(axis=1)
    day = np.where(column >= 0, t[np.maximum(column, 0)], np.nan)
    planned = np.zeros(size, dtype=np.bool_)
    planned[0::2] = True
    return column, day, planned
