"""Outcomes that a sensitivity analysis asks for, and their averages over the patients of each point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim.trial.measures import Among, measure, population
from sim.trial.outcomes import Outcomes

__all__ = ["FEWEST", "OUTCOMES", "Outcome", "averages"]

Floats = NDArray[np.float64]

FEWEST = 4
"""Patients whom an average must rest on."""
YEAR = 365.0


@dataclass(frozen=True)
class Outcome:
    """A figure of an arm.

    Attributes
    ----------
    label : str
    endpoint : str
        Of `sim.trial.measures`, or ``positive_relapse``.
    dated : bool
        Whether it counts up to a year, or the end of the course where that is sooner.
    among : str
        Whose; in an arm that gives nothing the infused are the enrolled.
    how : {"share", "log10 median"}
    """

    label: str
    endpoint: str
    dated: bool = False
    among: Among = "infused"
    how: Literal["share", "log10 median"] = "share"


OUTCOMES: Mapping[str, Outcome] = {
    "cr": Outcome("complete remission", "cr"),
    "mrd_negative": Outcome("MRD-negative remission", "mrd_negative"),
    "relapse": Outcome("relapse", "relapse", dated=True),
    "relapse_of_responders": Outcome("relapse of responders", "relapse", dated=True, among="responders"),
    "cd19_negative_relapse": Outcome("CD19-negative relapse", "cd19_negative_relapse", dated=True),
    "cd22_low_relapse": Outcome("CD22-low relapse", "cd22_low_relapse", dated=True),
    "positive_relapse": Outcome("antigen-positive relapse", "positive_relapse", dated=True),
    "alive": Outcome("alive", "alive", dated=True),
    "peak": Outcome("median peak of CAR T cells", "cmax", how="log10 median"),
}
"""What can be asked; relapses are shares of the infused but where that is said."""


def averages(rows: Outcomes, name: str, treated: bool, horizon: float, m: int) -> Floats:
    """Return an outcome of each point in two halves of its patients, shape (2, points).

    The halves are moved so that their mean is the outcome of all its patients: where they differ in how many are known, it would not be.
    """
    outcome = OUTCOMES[name]
    day = min(YEAR, horizon) if outcome.dated else None
    if outcome.endpoint == "positive_relapse":
        known = measure(rows, "relapse", day)
        has = (rows["relapse_phenotype"] == "positive") & (rows["relapse_day"] <= day)
        values = np.where(np.isnan(known), np.nan, has)
    else:
        values = measure(rows, outcome.endpoint, day)
    among = "enrolled" if outcome.among == "infused" and not treated else outcome.among
    values = np.where(population(rows, among), values, np.nan).reshape(-1, m)
    if outcome.how == "log10 median":
        # Below a thousandth of a cell per microlitre nothing is seen, and nothing is told apart.
        values = np.log10(np.maximum(values, 1e-3))
    average = _median if outcome.how == "log10 median" else _mean
    whole = average(values)
    whole[np.isfinite(values).sum(axis=1) < FEWEST] = np.nan
    halves = np.stack([average(values[:, ::2]), average(values[:, 1::2])])
    return np.asarray(halves + (whole - halves.mean(axis=0)))


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    found = np.full(len(values), np.nan)
    np.divide(sums, count, out=found, where=count > 0)
    return found


def _median(values: Floats) -> Floats:
    found = np.full(len(values), np.nan)
    for place, row in enumerate(values):
        own = row[np.isfinite(row)]
        if len(own):
            found[place] = float(np.median(own))
    return found
