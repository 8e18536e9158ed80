"""What parameters of the leukaemia model may be, where a sign does not say it."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["Range"]


class Range(NamedTuple):
    """Bounds of a parameter, and whether the lower one is excluded."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
