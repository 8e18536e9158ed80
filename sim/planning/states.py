"""The multi-state reading: what share of an arm's patients is in which state on which day, transplant told apart from none.

A patient enters at the infusion (or at enrolment, with the analysis set "enrolled"), not in remission; remission, transplant in remission, relapse and
death follow. Every simulated course is known until its end, so that the shares are those of the patients themselves and nothing is estimated from
censored ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.planning.pool import Pool
from sim.trial.estimates import binomial_interval
from sim.trial.outcomes import AnalysisSet

__all__ = ["STATES", "Occupation", "occupation", "states_at"]

Floats = NDArray[np.float64]

STATES = ("not in remission", "in remission", "in remission after transplant", "relapsed", "dead")
"""In the order of a course; every patient is in one of them on every day."""

_STEP = 30.0


class Occupation(NamedTuple):
    """A share of patients in a state.

    Attributes
    ----------
    arm, analysis : str
    day : float
        From the infusion, or from enrolment with the analysis set "enrolled".
    state : str
        One of `STATES`.
    share, lower, upper : float
        With the 95 % interval (Wilson) for the number of simulated patients.
    patients : int
    """

    arm: str
    analysis: str
    day: float
    state: str
    share: float
    lower: float
    upper: float
    patients: int


def states_at(pool: Pool, arm: str, analysis: AnalysisSet, day: float) -> NDArray[np.int64]:
    """Return the number of the state of each patient of an analysis set on a day, of `STATES`.

    Parameters
    ----------
    pool : Pool
    arm : str
    analysis : {"enrolled", "infused", "evaluable"}
    day : float
        From the infusion, or from enrolment with the analysis set "enrolled".
    """
    outcomes, wait = pool.outcomes[arm], pool.wait[arm]
    everybody = analysis == "enrolled" or (analysis == "infused" and not pool.scenario.treats(arm))
    member = (outcomes["status"] == 0) & (
        np.ones(len(wait), np.bool_) if everybody else outcomes[analysis] == 1
    )
    own = outcomes.select(member)
    at = day - wait[member] if analysis == "enrolled" else np.full(own.rows, day)
    responded = (own["cr"] == 1) & (own["cr_day"] <= at)
    transplanted = responded & (own["transplant_day"] <= at)
    conditions = [own["death_day"] <= at, own["relapse_day"] <= at, transplanted, responded]
    return np.select(conditions, [4, 3, 2, 1], 0).astype(np.int64)


def occupation(pool: Pool, arms: tuple[str, ...], analysis: AnalysisSet) -> list[Occupation]:
    """Return the shares of all states every 30 days until the last day that is simulated."""
    horizon = pool.scenario.engine.horizon
    found = []
    for arm in arms:
        for day in np.append(np.arange(0.0, horizon, _STEP), horizon):
            states = states_at(pool, arm, analysis, float(day))
            counts = np.bincount(states, minlength=len(STATES))
            for state, count in zip(STATES, counts.tolist(), strict=True):
                found.append(
                    Occupation(
                        arm, analysis, float(day), state, *binomial_interval(count, len(states)), len(states)
                    )
                )
    return found
