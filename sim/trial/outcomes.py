"""Endpoints of a trial, one row a patient and replicate: from what was seen, by the trial's criteria."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sim.trial.kinetics import kinetics
from sim.trial.observation import Bools, Floats, Observations
from sim.trial.response import Judged, judge

if TYPE_CHECKING:
    import pandas as pd

    from sim.trial.scenario_schema import Criteria

__all__ = ["COLUMNS", "TRUTHS", "WORDS", "AnalysisSet", "Outcomes", "assess"]

Column = NDArray[Any]
AnalysisSet = Literal["enrolled", "infused", "evaluable"]

#: Columns in the order of the table; the first line identifies a row, the next four are the contract of the
#: notebook interface, the others explain them.
COLUMNS = (
    *("arm", "patient", "replicate", "status"),
    *(
        "cr",
        "mrd_negative",
        "relapse_day",
        "relapse_phenotype",
        "efs_days",
        "efs_event",
        "rfs_days",
        "rfs_event",
    ),
    *("remission_days", "remission_event", "os_days", "os_event", "cd22_ratio", "b_cell_recovery_day"),
    *("cmax", "tmax", "auc_0_28", "il6_index"),
    *("infused", "evaluable", "best_response", "cr_day", "best_response_day", "rescued"),
    *("relapse_low_day", "relapse_car_t_persisting", "cd22_lost_share"),
    *(
        "death_day",
        "death_cause",
        "transplant_day",
        "reinfusion_day",
        "last_assessment_day",
        "last_followup_day",
    ),
    *("baseline_blasts", "baseline_cd19_negative_share", "cd19_negative_at_baseline", "b_cell_aplasia"),
    *("doubling_time", "contraction_half_life", "terminal_half_life"),
    *("last_detectable_day", "origin_day"),
)

#: Columns of truth values: kept as 1, 0 and NaN in arrays, where NaN is "cannot be evaluated", and nullable booleans in
#: a table, so that no sum or mean can count a failed row as a success or as a failure.
TRUTHS = frozenset(
    (
        *("cr", "mrd_negative", "efs_event", "rfs_event", "remission_event", "os_event"),
        *("rescued", "relapse_car_t_persisting", "b_cell_aplasia", "cd19_negative_at_baseline"),
    )
)
#: Columns of text.
WORDS = frozenset(("arm", "relapse_phenotype", "best_response", "death_cause"))


@dataclass(frozen=True, eq=False)
class Outcomes(Mapping[str, Column]):
    """Endpoints of one or several arms: a mapping from the names of `COLUMNS` to arrays of shape (rows,).

    Days are counted from the first infusion (day 0), durations from where the endpoint starts. NaN, and an empty word,
    stand for what did not happen or does not apply; in rows whose status is not 0 every endpoint is NaN.

    Attributes
    ----------
    columns : mapping of str to ndarray
        The arrays.
    """

    columns: Mapping[str, Column]

    def __getitem__(self, name: str) -> Column:
        """Return one column."""
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the columns."""
        return iter(self.columns)

    def __len__(self) -> int:
        """Return the number of columns; `rows` is that of the rows."""
        return len(self.columns)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns["patient"])

    def select(self, where: Bools) -> Outcomes:
        """Return the rows that are chosen by a boolean array."""
        return Outcomes({name: values[where] for name, values in self.columns.items()})

    def arm(self, name: str) -> Outcomes:
        """Return the rows of one arm."""
        return self.select(self.columns["arm"] == name)

    def analysis_set(self, name: AnalysisSet) -> Outcomes:
        """Return the rows that an analysis counts; rows that failed to compute are in none.

        Parameters
        ----------
        name : {"enrolled", "infused", "evaluable"}
            Everybody; those given a product; of these, those examined at least once when a response counts. In an arm
            that gives no product the evaluable are all who were examined.
        """
        chosen = self.columns["status"] == 0
        if name != "enrolled":
            chosen = chosen & (self.columns[name] == 1)
        return self.select(chosen)

    def frame(self) -> pd.DataFrame:
        """Return a pandas table with the columns of `COLUMNS`: truth values nullable, words as text."""
        import pandas as pd

        table: dict[str, Any] = {}
        for name in COLUMNS:
            values = self.columns[name]
            if name in TRUTHS:
                table[name] = pd.array(
                    np.where(np.isnan(values), False, values).astype(np.bool_), dtype="boolean"
                )
                table[name][np.isnan(values)] = pd.NA
            elif name in WORDS:
                table[name] = pd.array([str(value) for value in values], dtype="str")
            else:
                table[name] = values
        return pd.DataFrame(table)

    @classmethod
    def concatenate(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """Return the rows of all parts, one after the other."""
        return cls({name: np.concatenate([part[name] for part in parts]) for name in COLUMNS})


def assess(seen: Observations, criteria: Criteria) -> Outcomes:
    """Judge a record by a trial's criteria.

    Parameters
    ----------
    seen : Observations
        What the trial saw of one arm.
    criteria : Criteria
        Its definitions.

    Returns
    -------
    Outcomes

    Raises
    ------
    ValueError
        If no planned visit falls into the time of first restaging.

    Notes
    -----
    ==================  ==================================================================================
    endpoint            from, to (censored at)
    ==================  ==================================================================================
    ``efs``             infusion (or enrolment), to no response (at 0), relapse or any death (last examination)
    ``rfs``             response, to relapse or any death (last examination)
    ``remission``       response, to relapse or death of leukaemia (another death, last examination)
    ``os``              infusion (or enrolment), to any death (end of follow-up)
    ==================  ==================================================================================

    Relapse is dated when it is seen; ``relapse_low_day`` to ``relapse_day`` is the interval in which it began. A re-infusion at relapse
    follows the true one, which may be days or weeks earlier; ``rescued`` is the response to it, seen before or not. Transplant
    and re-infusion are ignored here: `sim.trial.endpoints` treats them afterwards.

    Patients who were not infused in an arm that infuses have no response, and no time from infusion.
    """
    found = judge(seen, criteria)
    good = seen.status == 0
    given = seen.infused if seen.treated else np.ones_like(seen.infused)
    columns: dict[str, Column] = {
        "arm": np.full(len(good), seen.arm),
        "patient": seen.patient,
        "replicate": seen.replicate,
        "status": seen.status,
        "infused": seen.infused,
        "evaluable": found.evaluable & good & given,
        "best_response": np.where(good, found.best, ""),
        "relapse_phenotype": np.where(good, found.phenotype, ""),
        "death_cause": seen.death_cause,
    }
    truths = {
        "cr": np.where(found.judged, found.cr & given, np.nan),
        "mrd_negative": np.where(seen.mrd_measured, found.mrd_negative & given, np.nan),
        "b_cell_aplasia": found.b_cell_aplasia.astype(np.float64),
        # Called negative before treatment as a relapse is afterwards; without leukaemia there is nothing to call.
        "cd19_negative_at_baseline": np.where(
            np.isfinite(seen.baseline_cd19_negative_share),
            seen.baseline_cd19_negative_share >= criteria.antigen_negative_share,
            np.nan,
        ),
    }
    numbers = {
        "relapse_day": found.relapse_day,
        "relapse_low_day": found.relapse_low,
        "relapse_car_t_persisting": found.car_t_persisting,
        "cd22_ratio": found.cd22_ratio,
        "cd22_lost_share": found.cd22_lost_share,
        "b_cell_recovery_day": found.b_cell_recovery_day,
        "il6_index": _highest(seen.il6),
        "cr_day": found.cr_day,
        "best_response_day": found.best_day,
        "rescued": found.rescued,
        "last_assessment_day": found.last_day,
        "last_followup_day": seen.followup_day,
        "baseline_blasts": seen.baseline_blasts,
        "baseline_cd19_negative_share": seen.baseline_cd19_negative_share,
    }
    computed = truths | numbers | _times(seen, criteria, found, given) | vars(kinetics(seen.t, seen.blood))
    columns |= {name: np.where(good, values, np.nan) for name, values in computed.items()}
    # Days of events that happened before a failure are facts of the course and explain it.
    columns |= {
        "death_day": seen.death_day,
        "transplant_day": seen.transplant_day,
        "reinfusion_day": seen.reinfusion_day,
    }
    return Outcomes({name: columns[name] for name in COLUMNS})


def _times(seen: Observations, criteria: Criteria, found: Judged, given: Bools) -> dict[str, Floats]:
    """Return durations and whether each ended in its event."""
    origin = seen.enrolment_day if criteria.efs_from == "enrolment" else np.zeros(len(given))
    counted = given | (criteria.efs_from == "enrolment")
    leukaemic = np.where(seen.death_cause == "leukaemia", seen.death_day, np.nan)
    failure = np.fmin(found.relapse_day, seen.death_day)
    progression = np.fmin(found.relapse_day, leukaemic)
    responded = found.cr & given
    efs_days, efs_event = _until(failure, found.last_day, origin)
    rfs_days, rfs_event = _until(failure, found.last_day, found.cr_day)
    # A death of another cause ends the observation of a remission.
    watched = np.where(np.isnan(seen.death_day), found.last_day, seen.death_day)
    remission_days, remission_event = _until(progression, watched, found.cr_day)
    os_days, os_event = _until(seen.death_day, seen.followup_day, origin)
    times = {
        "efs_days": np.where(responded, efs_days, 0.0),
        "efs_event": np.where(responded, efs_event, 1.0),
        "os_days": os_days,
        "os_event": os_event,
    }
    times = {name: np.where(counted, values, np.nan) for name, values in times.items()}
    for name in ("efs_days", "efs_event"):
        times[name] = np.where(found.judged, times[name], np.nan)
    remissions = {
        "rfs_days": rfs_days,
        "rfs_event": rfs_event,
        "remission_days": remission_days,
        "remission_event": remission_event,
    }
    times |= {name: np.where(responded, values, np.nan) for name, values in remissions.items()}
    return times | {"origin_day": origin}


def _until(event: Floats, censored: Floats, start: Floats) -> tuple[Floats, Floats]:
    """Return the time from ``start`` to the event, or to the censoring where there is none, and which it is."""
    happened = ~np.isnan(event)
    return np.where(happened, event, censored) - start, happened.astype(np.float64)


def _highest(values: Floats) -> Floats:
    """Return the highest value of each row, NaN where there is none."""
    peak = np.where(np.isnan(values), -np.inf, values).max(axis=1)
    return np.where(np.isfinite(peak), peak, np.nan)
