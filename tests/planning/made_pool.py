"""Pools of patients whose law is known, without the kernels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.network.streams import uniforms
from sim.planning.pool import Pool
from sim.trial.outcomes import COLUMNS, TRUTHS, WORDS, Outcomes
from sim.trial.scenario_io import load
from sim.trial.uncertainty import Grouping

ARMS = ("coinfused", "cd19")
PURPOSE = 77


def outcomes(arm: str, size: int, **columns: Any) -> Outcomes:
    """Patients who were infused and evaluable, alive and followed for two years, with nothing else known unless given."""
    table: dict[str, Any] = {
        name: np.full(size, "") if name in WORDS else np.full(size, np.nan) for name in COLUMNS
    }
    table |= {
        "arm": np.full(size, arm),
        "patient": np.arange(size),
        "replicate": np.zeros(size, np.int64),
        "status": np.zeros(size, np.int8),
        "infused": np.ones(size),
        "evaluable": np.ones(size),
        "last_followup_day": np.full(size, 730.0),
        "last_assessment_day": np.full(size, 730.0),
    }
    for name, values in columns.items():
        kind = np.float64 if name in TRUTHS else None
        table[name] = np.broadcast_to(np.asarray(values, dtype=kind), (size,)).copy()
    return Outcomes(table)


def pool(
    parts: Mapping[str, Outcomes],
    wait: float = 0.0,
    grouping: Grouping | None = None,
    scenario: str = "dual-upfront",
) -> Pool:
    waits = {arm: np.full(one.rows, wait) for arm, one in parts.items()}
    return Pool(load(scenario), 1, parts, waits, grouping)


def exponential(hazards: Mapping[str, float], size: int) -> Pool:
    """Patients who die at constant hazards, 1/day, and are followed for 100 years."""
    parts = {}
    for number, (arm, hazard) in enumerate(hazards.items()):
        day = -np.log(uniforms(number + 1, np.arange(size), PURPOSE)[:, 0]) / hazard
        parts[arm] = outcomes(arm, size, death_day=day, last_followup_day=day)
    return pool(parts)


def responding(rates: Mapping[str, Any], size: int, grouping: Grouping | None = None, seed: int = 1) -> Pool:
    """Patients who respond on day 28 with a probability, or each with his own."""
    parts = {}
    for number, (arm, rate) in enumerate(rates.items()):
        responds = uniforms(seed + number, np.arange(size), PURPOSE)[:, 0] < rate
        parts[arm] = outcomes(arm, size, cr=responds, cr_day=np.where(responds, 28.0, np.nan))
    return pool(parts, grouping=grouping)
