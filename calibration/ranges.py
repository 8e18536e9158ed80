"""Ranges of numbers of the model that are not estimated, where the literature or the model's design states one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.trial.law_base import Kind

__all__ = ["CONVENTION", "RANGES", "RIDGES", "Stated"]


@dataclass(frozen=True)
class Stated:
    """A stated range of a number.

    Attributes
    ----------
    low, high, at : float
        Range, and the model's value that it goes with, in the model's unit.
    source : str
    kind : str
        Evidence of the range.
    linear : bool
        Even on a linear scale instead of a logarithmic one.
    """

    low: float
    high: float
    at: float
    source: str
    kind: Kind = "assumed"
    linear: bool = False


RANGES: Mapping[str, Stated] = {
    "blast_death_rate": Stated(0.04, 0.15, 0.068, "Hirt 1997: 0.04 /day untreated; relapsed disease may turn over faster", "measured"),
    "cd19_density": Stated(5e3, 3e4, 11300.0, "depends on the method by tenfold"),
    "threshold_cd19": Stated(100.0, 1000.0, 160.0, "Majzner 2018, 2020: lysis from 100-1,000 molecules", "measured"),
    "cd22_spread": Stated(0.2, 0.35, 0.34, "set by hand", linear=True),
    "cd22_loss_rate": Stated(1e-16, 1e-12, 1e-14, "two hits of 1e-8 to 1e-6 at once"),
    "blood_share": Stated(0.01, 0.05, 0.03, "1-5 % of the CAR T cells"),
    "blood_volume": Stated(65e3, 75e3, 70e3, "textbook: 65-75 mL/kg", "measured", linear=True),
    "node_access": Stated(0.05, 0.3, 0.15, "set by hand"),
    "receptor_clearance_share": Stated(
        0.6, 0.9, 0.8, "set by hand; near 1 a block of the receptor would not lower the signal", linear=True
    ),
    "failure": Stated(0.04, 0.09, 0.06, "set by hand; 0.094 in the rough fit"),
    "lymphodepletion_depth": Stated(0.02, 0.10, 0.04, "90-98 % of the host lymphocytes removed"),
    "transplant_log_kill": Stated(2.0, 4.0, 3.0, "residual disease cut by 2-4 logs; contested", linear=True),
    "non_relapse_mortality": Stated(0.08, 0.25, 0.12, "8-25 % in the first year"),
}  # fmt: skip
"""Ranges that are stated; of all else the range is by convention."""
CONVENTION = 2.0
"""Factor up and down of a number of which no range is stated; assumed."""
RIDGES = {
    "first_hit_rate": "second_hit_rate",
    "killing_saturation": "killing_rate",
    "threshold_cd22": "cd22_density",
    "threshold_cd19": "cd19_density",
    "engraftment": "fitness",
}
"""Number -> the one with which it stands on a ridge: the data can tell little but their ratio or product (`calibration.priors`)."""
