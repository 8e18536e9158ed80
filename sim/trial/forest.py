"""Reported outcomes as rows of a figure: in words, in one unit a panel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.trial.measures import SHARES
from sim.trial.reported import Comparison
from sim.trial.result import Result
from sim.units import DAYS_PER_MONTH

__all__ = [
    "ENDPOINT_WORDS",
    "arm_words",
    "endpoint_label",
    "forest_columns",
    "interval_of",
    "outcome_label",
    "unit_of",
]

ENDPOINT_WORDS = {
    "cr": "complete remission",
    "mrd_negative": "MRD-negative remission",
    "molecular_remission": "molecular remission",
    "remission_after_reinfusion": "remission after re-infusion",
    "in_remission": "in remission",
    "relapse": "relapse",
    "cd19_negative_relapse": "CD19-negative relapse",
    "cd22_low_relapse": "CD22-low relapse",
    "antigen_loss_relapse": "relapse by antigen loss",
    "alive": "alive",
    "transplanted": "transplanted",
    "cd22_ratio": "CD22 at relapse, relative to before",
    "remission_days": "median duration of remission",
    "rfs_days": "median relapse-free survival",
    "efs_days": "median event-free survival",
    "os_days": "median overall survival",
    "b_cell_recovery_day": "median day of B-cell recovery",
    "tmax": "median day of the CAR T peak",
    "cmax": "median CAR T peak in blood",
    "auc_0_28": "median CAR T exposure to day 28",
    "il6_index": "median IL-6 signalling index",
}
# Whom a figure is of, where that is not everybody infused and the endpoint does not say it.
_AMONG_WORDS = {
    "enrolled": "of all enrolled",
    "evaluable": "of the evaluable",
    "responders": "of those in remission",
    "relapsed": "of those who relapsed",
    "reinfused": "of the re-infused",
    "cd19_negative_at_baseline": "of those CD19-negative before",
    "transplanted": "of the transplanted",
}
_SAID = {
    "remission_after_reinfusion": {"reinfused"},
    "remission_days": {"responders", "evaluable"},
    "rfs_days": {"responders", "evaluable"},
    "cd22_ratio": {"relapsed", "responders", "evaluable"},
}
# Endpoints that are asked for on a day.
_ON_A_DAY = frozenset(
    {
        *("in_remission", "relapse", "cd19_negative_relapse", "cd22_low_relapse", "antigen_loss_relapse"),
        *("alive", "transplanted"),
    }
)
_UNITS = {"day": "days", "days": "days", "d": "days"}


def outcome_label(result: Result, found: Comparison) -> str:
    """Return what a reported row is about: the endpoint, its day, whom it is of, and the arms where these are not all."""
    words = endpoint_label(result, found)
    if set(found.arms) == set(result.arms):
        return words
    return f"{words}, {', '.join(arm_words(result, arm) for arm in found.arms)}"


def arm_words(result: Result, arm: str) -> str:
    """Return an arm's label for use in a sentence: in quotes where it holds a comma of its own."""
    label = result.labels[arm]
    return f'"{label}"' if "," in label else label


def endpoint_label(result: Result, found: Comparison) -> str:
    """Return what a reported row is about without its arms: the endpoint, its day and whom it is of."""
    words = ENDPOINT_WORDS.get(found.endpoint, found.endpoint.replace("_", " "))
    row = next(row for row in result.scenario.reported if row.id == found.id)
    if row.at is not None and found.endpoint in _ON_A_DAY:
        words += f" at {row.at / DAYS_PER_MONTH:.0f} months" if row.at >= 60.0 else f" at day {row.at:g}"
    if row.among in _AMONG_WORDS and row.among not in _SAID.get(found.endpoint, ()):
        words += f" {_AMONG_WORDS[row.among]}"
    return words


def forest_columns(result: Result) -> dict[str, NDArray[Any]]:
    """Return the columns that `sim.plots.forest` draws; statements and other units than share, day and ratio stay out."""
    limits = {row.id: (row.low, row.high) for row in result.scenario.reported}
    records = []
    for found in result.comparisons:
        # A median that is not reached is no mark, but what trials of that size would see is shown.
        nobody = np.isnan(found.simulated.value) and found.predictive is None
        if found.kind == "qualitative" or nobody:
            continue
        unit = unit_of(found)
        if unit is None:
            continue
        low, high = limits[found.id] if found.kind == "range" else (None, None)
        # Only what trials of the reported size would see is drawn: the interval of the simulation is another thing.
        lower, upper = interval_of(found) if found.predictive is not None else (np.nan, np.nan)
        label = outcome_label(result, found)
        records.append(
            {
                "label": label[0].upper() + label[1:],
                "unit": unit,
                "reported": found.reported_value,
                "reported_low": np.nan if low is None else low,
                "reported_high": np.nan if high is None else high,
                "simulated": found.simulated.value,
                "lower": lower,
                "upper": upper,
                "inside": found.inside,
            }
        )
    names = (
        "label",
        "unit",
        "reported",
        "reported_low",
        "reported_high",
        "simulated",
        "lower",
        "upper",
        "inside",
    )
    return {name: np.array([record[name] for record in records]) for name in names}


def unit_of(found: Comparison) -> str | None:
    """Return "share", "days" or "ratio"; None for what has another unit."""
    if found.kind == "binomial" or found.endpoint in SHARES:
        return "share"
    if found.unit in _UNITS:
        return "days"
    return "ratio" if found.unit == "1" else None


def interval_of(found: Comparison) -> tuple[float, float]:
    """Return the predictive interval, or that of the simulation where no size was reported."""
    if found.predictive is not None:
        return found.predictive.lower, found.predictive.upper
    return found.simulated.lower, found.simulated.upper
