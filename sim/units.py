"""Units of the quantities that a scenario may hold, and their conversion to the canonical unit of each dimension.

Everything inside is in canonical units: days, cells of the whole body, cells/kg for doses, molecules/cell for densities, fractions
instead of percentages. A unit is a factor and nothing else; offsets (temperatures) do not occur.

>>> convert(2.0, "week", "time")
14.0
>>> convert(30.0, "percent", "fraction")
0.3
"""

from __future__ import annotations

import math
from difflib import get_close_matches

from sim.errors import InputError

__all__ = ["DAYS_PER_MONTH", "canonical_unit", "convert", "dimension_of", "dimensions", "most", "units_of"]

DAYS_PER_MONTH = 30.4375
"""A twelfth of a year of 365.25 days; reported months are calendar months of no particular length."""

# Dimension -> unit -> factor to the canonical unit, which comes first. Spellings of one unit stand side by side.
_TABLE: dict[str, dict[str, float]] = {
    "time": {
        "day": 1.0,
        "days": 1.0,
        "d": 1.0,
        "hour": 1.0 / 24.0,
        "hours": 1.0 / 24.0,
        "h": 1.0 / 24.0,
        "week": 7.0,
        "weeks": 7.0,
        "month": DAYS_PER_MONTH,
        "months": DAYS_PER_MONTH,
        "year": 365.25,
        "years": 365.25,
    },
    "rate": {
        "1/day": 1.0,
        "/day": 1.0,
        "1/d": 1.0,
        "1/hour": 24.0,
        "1/h": 24.0,
        "1/week": 1.0 / 7.0,
        "1/month": 1.0 / DAYS_PER_MONTH,
        "1/year": 1.0 / 365.25,
    },
    "age": {"year": 1.0, "years": 1.0, "month": 1.0 / 12.0, "months": 1.0 / 12.0},
    "cells": {"cells": 1.0, "cell": 1.0},
    "dose": {"cells/kg": 1.0, "1e6 cells/kg": 1e6},
    "mass": {"kg": 1.0, "g": 1e-3},
    "density": {"molecules/cell": 1.0, "sites/cell": 1.0},
    "fraction": {"fraction": 1.0, "1": 1.0, "percent": 0.01, "%": 0.01},
    "number": {"1": 1.0, "fold": 1.0, "ratio": 1.0},
    "log": {"log10": 1.0},
    "hit": {"1/division": 1.0, "/division": 1.0},
    "blood": {"cells/uL": 1.0, "cells/mL": 1e-3, "cells/L": 1e-6},
    "cytokine": {"pg/mL": 1.0, "ng/mL": 1e3, "ng/L": 1.0},
    "release": {"pg/mL/day": 1.0},
    "volume": {"uL/kg": 1.0, "mL/kg": 1e3},
    "size": {"cells/70 kg": 1.0},
    "supply": {"cells/day/70 kg": 1.0, "cells/day": 1.0},
    "contact": {"70 kg/cell/day": 1.0},
    "programme": {"e-folds": 1.0},
}


_MOST = {"density": 1e9}
"""Dimension -> beyond what a value is a slip of the unit. The surface of a cell has no room for a billion molecules."""


def dimensions() -> tuple[str, ...]:
    """Return the names of all dimensions."""
    return tuple(_TABLE)


def canonical_unit(dimension: str) -> str:
    """Return the unit in which values of a dimension are kept.

    >>> canonical_unit("density")
    'molecules/cell'
    """
    return next(iter(_units(dimension)))


def units_of(dimension: str) -> tuple[str, ...]:
    """Return the spellings that a dimension allows, the canonical one first."""
    return tuple(_units(dimension))


def most(dimension: str | None) -> float:
    """Return beyond what a value of a dimension is a slip of the unit, in the canonical unit; infinity where nothing is known.

    >>> most("density"), most("time"), most(None)
    (1000000000.0, inf, inf)
    """
    return math.inf if dimension is None else _MOST.get(dimension, math.inf)


def dimension_of(unit: str) -> str | None:
    """Return the first dimension that knows a unit, or None.

    >>> dimension_of("1/week"), dimension_of("furlong")
    ('rate', None)
    """
    return next((dimension for dimension, units in _TABLE.items() if unit in units), None)


def convert(value: float, unit: str, dimension: str) -> float:
    """Convert a value to the canonical unit of its dimension.

    Parameters
    ----------
    value : float
        The number as given.
    unit : str
        One of ``units_of(dimension)``.
    dimension : str
        One of ``dimensions()``.

    Returns
    -------
    float
        The value in ``canonical_unit(dimension)``.

    Raises
    ------
    InputError
        When the dimension has no such unit; the message names those it has.

    Examples
    --------
    >>> convert(6, "month", "time")
    182.625
    """
    units = _units(dimension)
    factor = units.get(unit)
    if factor is None:
        near = get_close_matches(unit, units, n=1, cutoff=0.6)
        fix = f"did you mean '{near[0]}'?" if near else f"give it in '{canonical_unit(dimension)}'"
        raise InputError(f"unit: '{unit}'; must be one of {', '.join(units)}; {fix}")
    return value * factor


def _units(dimension: str) -> dict[str, float]:
    try:
        return _TABLE[dimension]
    except KeyError:
        raise InputError(
            f"dimension: '{dimension}'; must be one of {', '.join(_TABLE)}; choose one"
        ) from None
