"""Endpoints by the names that scenarios use: for each patient a value, and whom a share is of."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim.trial.outcomes import Outcomes

__all__ = ["SHARES", "Among", "is_share", "measure", "population"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Among = Literal[
    "enrolled",
    "infused",
    "evaluable",
    "responders",
    "relapsed",
    "reinfused",
    "cd19_negative_at_baseline",
    "transplanted",
]

#: Endpoints that a patient has or has not; the others are numbers.
SHARES = frozenset(
    (
        *("cr", "mrd_negative", "molecular_remission", "remission_after_reinfusion", "in_remission"),
        *("relapse", "cd19_negative_relapse", "cd22_low_relapse", "antigen_loss_relapse"),
        *("alive", "transplanted"),
    )
)

# A switched relapse has left the lineage and with it both antigens.
_LACKS = {
    "relapse": ("positive", "cd19-negative", "cd22-low", "both", "switched"),
    "cd19_negative_relapse": ("cd19-negative", "both", "switched"),
    "cd22_low_relapse": ("cd22-low", "both", "switched"),
    "antigen_loss_relapse": ("cd19-negative", "cd22-low", "both", "switched"),
}


def is_share(endpoint: str) -> bool:
    """Return whether an endpoint is a share of patients rather than a number of each."""
    return endpoint in SHARES


def population(outcomes: Outcomes, among: Among) -> Bools:
    """Return the rows of which a share or a median is taken.

    Parameters
    ----------
    outcomes : Outcomes
        Rows of one arm or several.
    among : str
        An analysis set; or, of the evaluable, the responders, the relapsed, the re-infused, those whose leukaemia was
        CD19-negative at baseline by `criteria.antigen_negative_share`, or the transplanted.

    Returns
    -------
    ndarray of bool, shape (rows,)
        Rows that failed to compute are in none.
    """
    good = outcomes["status"] == 0
    if among == "enrolled":
        return np.asarray(good)
    if among == "infused":
        return np.asarray(good & outcomes["infused"])
    evaluable = good & outcomes["evaluable"]
    chosen = {
        "evaluable": evaluable,
        "responders": outcomes["cr"] == 1,
        "relapsed": np.isfinite(outcomes["relapse_day"]),
        "reinfused": np.isfinite(outcomes["reinfusion_day"]),
        "cd19_negative_at_baseline": outcomes["cd19_negative_at_baseline"] == 1,
        "transplanted": np.isfinite(outcomes["transplant_day"]),
    }[among]
    return np.asarray(evaluable & chosen)


def measure(outcomes: Outcomes, endpoint: str, at: float | None = None) -> Floats:
    """Return an endpoint of every row.

    Parameters
    ----------
    outcomes : Outcomes
        Rows of one arm or several.
    endpoint : str
        One of `SHARES`, or a numeric column of the outcomes.
    at : float, optional
        Day, from the first infusion, up to which events count or on which a state is asked for; by default the end
        of follow-up. A patient whose follow-up is shorter, and who had no event, is unknown.

    Returns
    -------
    ndarray, shape (rows,)
        1 or 0 for a share; NaN where it is unknown.
    """
    if endpoint not in SHARES:
        return np.asarray(outcomes[endpoint], dtype=np.float64)
    good = outcomes["status"] == 0
    day = np.inf if at is None else at
    dead = outcomes["death_day"] <= day
    followed = (outcomes["last_followup_day"] >= day) | np.isinf(day)
    relapsed = outcomes["relapse_day"] <= day
    responded, judged = outcomes["cr"] == 1, np.isfinite(outcomes["cr"])
    if endpoint in ("cr", "mrd_negative"):
        return np.asarray(outcomes[endpoint], dtype=np.float64)
    if endpoint == "remission_after_reinfusion":
        return np.asarray(outcomes["rescued"], dtype=np.float64)
    if endpoint == "molecular_remission":
        has, known = outcomes["best_response"] == "mrd-negative", np.isfinite(outcomes["mrd_negative"])
    elif endpoint == "in_remission":
        has = responded & (outcomes["cr_day"] <= day) & ~relapsed & ~dead
        known = judged & (followed | relapsed | dead | ~responded)
    elif endpoint == "alive":
        has, known = ~dead, followed | dead
    elif endpoint == "transplanted":
        has = outcomes["transplant_day"] <= day
        known = followed | has | dead
    else:
        # Death of leukaemia before anybody looked is a relapse too, of unknown phenotype.
        unseen = responded & ~relapsed & dead & (outcomes["death_cause"] == "leukaemia")
        has = relapsed & np.isin(outcomes["relapse_phenotype"], _LACKS[endpoint])
        has = has | unseen if endpoint == "relapse" else has
        # Where nobody can say whether there was a remission, nobody can say whether it ended.
        known = judged & (followed | relapsed | dead)
    return np.where(good & known, has.astype(np.float64), np.nan)
