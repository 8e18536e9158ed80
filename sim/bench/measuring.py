"""Times of cases, in multiply-adds of this machine, beside a stored baseline.

For each case, its repeats in turn: the rate of multiply-adds, then the case. The cost of a case is the median of time x rate / rows: how many
multiply-adds one row is worth. A faster machine does both faster, and one that others use does both more slowly, so that costs of two
machines differ by far less than times do: by what caches, division and the number of cores (a trial takes all of them) make of it. Ratios
within a quarter of 1 say nothing between machines; on one machine left alone, within a tenth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from sim.bench.cases import Case
from sim.errors import InputError

__all__ = ["Figure", "compare", "measure", "multiply_add_rate", "read_baseline", "record"]

BASELINE = Path(__file__).with_name("baseline.json")
REPEATS = 5
FORMAT = 1
_ROUNDS = 4_000_000
_CHAIN = (0.999999, 1e-6)


@dataclass(frozen=True)
class Figure:
    """What was measured of one case.

    Attributes
    ----------
    name : str
    seconds : float
        Median of the repeats, for all rows.
    rate : float
        Rows per second.
    cost : float
        Multiply-adds that take as long as one row, in millions.
    """

    name: str
    seconds: float
    rate: float
    cost: float


def multiply_add_rate() -> float:
    """Return how many multiply-adds one core does in a second, eight chains at a time."""
    from sim.kernels.calibration import CHAINS, multiply_adds

    multiply_adds(1, *_CHAIN)
    begun = time.perf_counter()
    multiply_adds(_ROUNDS, *_CHAIN)
    return CHAINS * _ROUNDS / (time.perf_counter() - begun)


def measure(
    cases: Sequence[Case], repeats: int = REPEATS, told: Callable[[str], object] = lambda name: None
) -> list[Figure]:
    """Measure the cases, after a first run of each that is not counted: it compiles or loads.

    Parameters
    ----------
    cases : sequence of Case
    repeats : int
        1 or more.
    told : callable(name)
        Hears of each case before it begins.

    Raises
    ------
    CartsimError
        A case came to a wrong result.
    """
    figures = []
    for case in cases:
        told(case.name)
        case.run()
        seconds, costs = [], []
        for _ in range(repeats):
            rate = multiply_add_rate()
            begun = time.perf_counter()
            case.run()
            took = time.perf_counter() - begun
            seconds.append(took)
            costs.append(took * rate / case.rows)
        middle = median(seconds)
        figures.append(Figure(case.name, middle, case.rows / middle, median(costs) / 1e6))
    return figures


def record(figures: Sequence[Figure], repeats: int) -> dict[str, Any]:
    """Return the figures as a baseline holds them."""
    from sim.trial.provenance import processor, versions

    return {
        "format": FORMAT,
        "processor": processor(),
        "versions": {name: versions()[name] for name in ("cartsim", "python", "numpy", "numba")},
        "repeats": repeats,
        "cases": {
            one.name: {"seconds": float(f"{one.seconds:.4g}"), "cost": float(f"{one.cost:.4g}")}
            for one in figures
        },
    }


def read_baseline(path: Path | None = None) -> dict[str, Any]:
    """Return a baseline, the shipped one by default.

    Raises
    ------
    InputError
        The file cannot be read, or is no baseline.
    """
    path = BASELINE if path is None else path
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: {type(error).__name__}; must be a baseline; write one with cartsim bench --save FILE"
        ) from None
    if not (
        isinstance(found, dict) and found.get("format") == FORMAT and isinstance(found.get("cases"), dict)
    ):
        raise InputError(
            f"{path}: other content; must be a baseline; write one with cartsim bench --save FILE"
        )
    for name, case in found["cases"].items():
        cost = case.get("cost") if isinstance(case, dict) else None
        if not isinstance(cost, int | float) or not 0.0 < cost < float("inf"):
            raise InputError(f"{path}, {name}: cost {cost!r}; must be above 0; write the baseline anew")
    return found


def compare(figures: Sequence[Figure], baseline: Mapping[str, Any]) -> list[float | None]:
    """Return cost / baseline cost of each figure, below 1 where it is faster now; None for a case that the baseline lacks."""
    known = baseline["cases"]
    return [one.cost / known[one.name]["cost"] if one.name in known else None for one in figures]
