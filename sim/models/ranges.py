"""What parameters of the leukaemia model may be, where a sign does not say it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["DAUGHTERS", "SHARES", "Range"]


class Range(NamedTuple):
    """Bounds of a parameter, and whether each is excluded."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False


_SHARES = (
    "niche_share", "niche_access", "node_share", "node_access",
    "exhausted_activity", "antigen_only_division", "memory_fraction",
    "strength_cd19", "strength_cd22",
    "chemotherapy_host_survival", "chemotherapy_car_t_survival",
    "lymphodepletion_host_survival", "lymphodepletion_anti_car_survival", "lymphodepletion_car_t_survival",
    "lymphodepletion_marrow_survival", "lymphodepletion_leukaemia_survival",
    "transplant_host_survival", "transplant_marrow_survival",
    "receptor_clearance_share", "tocilizumab_effect", "steroid_effect",
)  # fmt: skip
SHARES: Mapping[str, Range] = MappingProxyType(
    # Blood would hold every cell, and the rate at which they enter it be infinite.
    dict.fromkeys(_SHARES, Range(0.0, 1.0)) | {"blood_share": Range(0.0, 1.0, open_high=True)}
)
"""Parameters that are a share of a whole, or relative to what is never exceeded, by their names without product and slot."""
DAUGHTERS: tuple[Mapping[str, float], ...] = (
    MappingProxyType({"first_hit_rate": 2.0, "cd22_loss_rate": 1.0, "lineage_switch_rate": 1.0}),
    MappingProxyType({"second_hit_rate": 1.0, "cd22_loss_rate": 1.0, "lineage_switch_rate": 1.0}),
)
"""What may befall one daughter of a mother with two copies of CD19, and with one: name and weight of chances that add up to 1 at most."""
