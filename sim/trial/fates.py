"""What became of the patients of an arm, in one bar; beside it how far their CAR T cells grew and how long they stayed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.trial.outcomes import Outcomes
from sim.trial.response import PHENOTYPES
from sim.trial.survival import kaplan_meier

__all__ = ["FATES", "ArmFates", "fates", "shares"]

Floats = NDArray[np.float64]

#: Every patient has one of these, in the order of the bar.
FATES = (
    *("in remission", "remission after re-infusion", "death in remission"),
    *PHENOTYPES,
    *("unclassified", "no remission, marrow clear", "no remission"),
)

_PEAKS = (0.05, 0.25, 0.5, 0.75, 0.95)
_LASTING = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class ArmFates:
    """One arm.

    Attributes
    ----------
    size : int
        Patients infused (in an arm that infuses nobody, all), and judged by the criteria.
    shares : dict of str to float
        `FATES` and the share of each; empty where the arm is there for its kinetics alone.
    peak : ndarray, shape (5,), or None
        5, 25, 50, 75 and 95 % of the peaks of CAR T cells in blood, cells/uL, 0 where none were seen; None without infusions.
    lasting : ndarray, shape (3,), or None
        Days by which CAR T cells had gone from the blood for good in 25, 50 and 75 %; NaN where fewer lost them within the follow-up.
    """

    size: int
    shares: dict[str, float]
    peak: Floats | None
    lasting: Floats | None


def fates(outcomes: Outcomes) -> NDArray[np.str_]:
    """Name what became of each patient by the end of follow-up.

    Parameters
    ----------
    outcomes : Outcomes
        Rows that were computed and judged, of one arm.

    Returns
    -------
    ndarray of str, shape (rows,)
        One of `FATES`. "remission after re-infusion" is what a re-infusion that answered disease brought about, whatever came after it, and
        goes before the relapse that was answered. Death of leukaemia before an examination found the relapse is "unclassified". Without a
        remission the marrow may be clear: then the disease that is left sits elsewhere. A transplant changes no fate.
    """
    responded = outcomes["cr"] == 1
    relapsed = np.isfinite(outcomes["relapse_day"])
    cause = outcomes["death_cause"]
    lost = relapsed | ~responded
    conditions = {
        "remission after re-infusion": lost & (outcomes["rescued"] == 1),
        **{name: relapsed & (outcomes["relapse_phenotype"] == name) for name in PHENOTYPES},
        "unclassified": responded & (cause == "leukaemia"),
        "death in remission": responded & (cause != ""),
        "in remission": responded,
        "no remission, marrow clear": outcomes["mrd_negative"] == 1,
    }
    return np.select(list(conditions.values()), list(conditions), "no remission").astype("U32")


def shares(outcomes: Outcomes, days: Floats, *, kinetics_only: bool = False) -> ArmFates:
    """Summarise an arm.

    Parameters
    ----------
    outcomes : Outcomes
        Rows of the arm.
    days : ndarray
        Days on which its courses were saved.
    kinetics_only : bool
        Whether to leave its outcomes out.
    """
    infused = outcomes.analysis_set("infused")
    counted = infused if infused.rows else outcomes.analysis_set("enrolled")
    judged = counted.select(np.isfinite(counted["cr"]))
    found = fates(judged)
    bar = {} if kinetics_only or not judged.rows else {name: float((found == name).mean()) for name in FATES}
    if not infused.rows:
        return ArmFates(judged.rows, bar, None, None)
    return ArmFates(judged.rows, bar, np.quantile(infused["cmax"], _PEAKS), _lasting(infused, days))


def _lasting(infused: Outcomes, days: Floats) -> Floats:
    """Return Kaplan and Meier's quantiles of the last day with CAR T cells in blood; a death with them ends the observation."""
    grid = np.unique(days)
    seen = grid[np.maximum(np.searchsorted(grid, infused["last_followup_day"], side="right") - 1, 0)]
    last = infused["last_detectable_day"]
    gone = ~(last >= seen)
    curve = kaplan_meier(np.where(np.isnan(last), 0.0, last), gone)
    return np.array([curve.quantile(share).value for share in _LASTING])
