"""Response, remission and relapse as a trial's criteria judge the record of examinations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.trial.observation import Bools, Floats, Observations

if TYPE_CHECKING:
    from sim.trial.scenario_schema import Criteria

__all__ = ["PHENOTYPES", "Judged", "judge"]

_Scalar = TypeVar("_Scalar", np.float64, np.bool_)

#: Antigen phenotypes of a relapse, in the order of reports.
PHENOTYPES = ("positive", "cd19-negative", "cd22-low", "both", "switched")


@dataclass(frozen=True, eq=False)
class Judged:
    """What the criteria made of the record; every array has shape (rows,), NaN where it does not apply.

    Attributes
    ----------
    judged : ndarray of bool
        The criteria apply: disease at baseline, or residual disease that is measured.
    evaluable : ndarray of bool
        Also, at least one examination took place between the first restaging and the last day of response.
    cr, mrd_negative : ndarray of bool
        Response, and a negative residual-disease test at the first restaging.
    cr_day, best_day : ndarray
        Day of the examination that found the response, and the best level of it.
    best : ndarray of str
        ``mrd-negative``, ``cr`` or ``none``, up to the last day of response.
    relapse_day, relapse_low : ndarray
        Day of detection, and of the last examination before it: the relapse began between the two.
    phenotype : ndarray of str
        One of `PHENOTYPES`, empty without a relapse.
    car_t_persisting : ndarray
        1 where CAR T cells were above their limit at relapse, else 0.
    cd22_ratio, cd22_lost_share : ndarray
        At relapse: mean CD22 density relative to that before treatment; share of the blasts without CD22.
    rescued : ndarray
        Of those re-infused by a rule for want of a response, for a relapse or by what a visit found, 1 where an examination after it, within
        the time of response counted from it, found remission; 0 also where nobody looked. The rule acts on the true marrow, on the day on which it
        passes ``relapse_blasts``, so that a relapse counts whether or not an examination had seen it.
    b_cell_aplasia : ndarray of bool
        Two consecutive planned visits below the threshold.
    b_cell_recovery_day : ndarray
        First of two consecutive planned visits at or above the threshold, after such an aplasia.
    last_day : ndarray
        Last examination.
    """

    judged: Bools
    evaluable: Bools
    cr: Bools
    mrd_negative: Bools
    cr_day: Floats
    best: NDArray[np.str_]
    best_day: Floats
    relapse_day: Floats
    relapse_low: Floats
    phenotype: NDArray[np.str_]
    car_t_persisting: Floats
    cd22_ratio: Floats
    cd22_lost_share: Floats
    rescued: Floats
    b_cell_aplasia: Bools
    b_cell_recovery_day: Floats
    last_day: Floats


def judge(seen: Observations, criteria: Criteria) -> Judged:
    """Apply the criteria to every row.

    Parameters
    ----------
    seen : Observations
        The record.
    criteria : Criteria
        The rules.

    Returns
    -------
    Judged

    Raises
    ------
    ValueError
        If no planned visit falls into the time of first restaging.

    Notes
    -----
    With disease at baseline (blasts at or above ``remission_blasts``, or ``extramedullary_cells`` outside the marrow) remission is
    morphologic: blasts below ``remission_blasts`` and fewer cells outside; blood counts are not modelled, so this is CR or CRi.
    Without it the patient has nothing to clear but residual disease, and remission asks for a negative test as well;
    one whose residual disease is not measured cannot be judged then.

    A response is remission at the first restaging, or remission first seen later, up to ``best_by``, that further
    examinations find unbroken until at least ``hold`` days on. What is first seen after a re-infusion that a rule gave for
    want of a response, or by what a visit found, counts only with ``response_after_reinfusion``; one that consolidates a remission takes nothing away.
    Where the arm gives a product, one who never had it has no response, and no relapse.
    """
    diseased = (seen.baseline_blasts >= criteria.remission_blasts) | (
        seen.baseline_extramedullary >= criteria.extramedullary_cells
    )
    remission = _remission(seen, criteria, diseased)
    restaged = _first_true(_restaging(seen, criteria))
    own = _to_treatment(seen, criteria)
    at_restaging = _pick(remission & own, restaged, fill=False)
    confirmed = _first_true(_confirmed(seen, criteria, remission) & own)
    response = np.where(_treated(seen), np.where(at_restaging, restaged, confirmed), -1)
    cr = response >= 0
    cr_day = _pick(seen.day, response, fill=np.nan)
    best, best_day = _best(seen, criteria, remission, cr_day)
    relapse = _relapse(seen, criteria, cr_day)
    in_time = (seen.day >= criteria.restaging[0]) & (seen.day <= criteria.best_by)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = _pick(seen.cd22_density, relapse, fill=np.nan) / seen.baseline_cd22_density
    ratio = np.where(seen.baseline_cd22_density > 0.0, ratio, np.nan)
    aplasia, recovery = _b_cells(seen, criteria)
    relapse_day = _pick(seen.day, relapse, fill=np.nan)
    before = seen.observed & (seen.day < relapse_day[:, None])
    return Judged(
        evaluable=np.asarray((seen.observed & in_time).any(axis=1)) & (diseased | seen.mrd_measured),
        judged=diseased | seen.mrd_measured,
        cr=cr,
        mrd_negative=_pick(seen.mrd_negative, restaged, fill=False),
        cr_day=cr_day,
        best=best,
        best_day=best_day,
        relapse_day=relapse_day,
        relapse_low=_latest(seen.day, before),
        phenotype=_phenotype(seen, criteria, relapse, ratio),
        car_t_persisting=np.where(
            relapse >= 0, (_pick(seen.car_t, relapse, fill=0.0) > 0.0).astype(np.float64), np.nan
        ),
        cd22_ratio=ratio,
        cd22_lost_share=_pick(seen.cd22_lost_share, relapse, fill=np.nan),
        rescued=_rescued(seen, criteria, remission),
        b_cell_aplasia=aplasia,
        b_cell_recovery_day=recovery,
        last_day=_latest(seen.day, seen.observed),
    )


def _treated(seen: Observations) -> Bools:
    """Return who had what his arm gives; in one that gives nothing, everybody."""
    return seen.infused if seen.treated else np.ones_like(seen.infused)


def _remission(seen: Observations, criteria: Criteria, diseased: Bools) -> Bools:
    """Return where an examination found remission, shape (rows, k)."""
    clear = (seen.blasts < criteria.remission_blasts) & (seen.extramedullary < criteria.extramedullary_cells)
    return clear & (diseased[:, None] | seen.mrd_negative)


def _restaging(seen: Observations, criteria: Criteria) -> Bools:
    """Return the examinations that may serve as first restaging."""
    first, last = criteria.restaging
    planned = np.asarray(seen.assay.visits)
    if not ((planned >= first) & (planned <= last)).any():
        raise ValueError(
            f"visits: {seen.assay.visits}; one between day {first:g} and {last:g}; plan the first restaging"
        )
    return seen.observed & seen.planned & (seen.day >= first) & (seen.day <= last)


def _to_treatment(seen: Observations, criteria: Criteria) -> Bools:
    """Return the examinations whose remission is a response to the treatment and not to a rescue."""
    rescued = seen.day > seen.rescue_day[:, None]
    return np.full_like(rescued, True) if criteria.response_after_reinfusion else ~rescued


def _confirmed(seen: Observations, criteria: Criteria, remission: Bools) -> Bools:
    """Return the examinations in the time of response whose remission later ones confirm unbroken."""
    in_time = (seen.day >= criteria.restaging[0]) & (seen.day <= criteria.best_by)
    found = np.zeros_like(remission)
    broken = np.full(len(remission), np.inf)
    for column in reversed(range(remission.shape[1])):
        lost = seen.observed[:, column] & ~remission[:, column]
        broken = np.where(lost, seen.day[:, column], broken)
        until = seen.day[:, column] + criteria.hold
        held = remission & (seen.day >= until[:, None]) & (seen.day < broken[:, None])
        found[:, column] = remission[:, column] & in_time[:, column] & held.any(axis=1)
    return found


def _best(
    seen: Observations, criteria: Criteria, remission: Bools, cr_day: Floats
) -> tuple[NDArray[np.str_], Floats]:
    """Return the best level of a response up to the last day on which it counts, and the day it was found."""
    counts = remission & (seen.day >= cr_day[:, None]) & (seen.day <= criteria.best_by)
    negative = _first_true(counts & seen.mrd_negative)
    level = np.where(np.isnan(cr_day), "none", np.where(negative >= 0, "mrd-negative", "cr"))
    return level, np.where(negative >= 0, _pick(seen.day, negative, fill=np.nan), cr_day)


def _relapse(seen: Observations, criteria: Criteria, cr_day: Floats) -> NDArray[np.int64]:
    """Return the column in which relapse was found, -1 for none."""
    after = seen.observed & (seen.day > cr_day[:, None])
    disease = (seen.blasts >= criteria.relapse_blasts) | (
        seen.extramedullary >= criteria.extramedullary_cells
    )
    if criteria.relapse == "molecular":
        negative = seen.mrd_negative & (seen.day >= cr_day[:, None])
        cleared = np.logical_or.accumulate(negative, axis=1)
        disease |= cleared & seen.mrd_positive
    return _first_true(after & disease)


def _phenotype(
    seen: Observations, criteria: Criteria, relapse: NDArray[np.int64], ratio: Floats
) -> NDArray[np.str_]:
    """Name the antigens that the blasts of a relapse have lost.

    CD19-negative cells include the switched ones, which have left the lineage with both antigens; so that word goes
    first.
    """
    switched = _pick(seen.switched_share, relapse, fill=0.0) >= criteria.antigen_negative_share
    negative = _pick(seen.cd19_negative_share, relapse, fill=0.0) >= criteria.antigen_negative_share
    low = ratio < criteria.cd22_low_fold
    name = np.select(
        [relapse < 0, switched, negative & low, negative, low],
        ["", "switched", "both", "cd19-negative", "cd22-low"],
        "positive",
    )
    return name.astype("U16")


def _rescued(seen: Observations, criteria: Criteria, remission: Bools) -> Floats:
    """Return the response to a re-infusion that was given for want of a response, for a relapse or by what a visit found."""
    given = seen.rescue_day[:, None]
    after = (seen.day >= given + criteria.restaging[0]) & (seen.day <= given + criteria.best_by)
    found = (remission & after).any(axis=1).astype(np.float64)
    return np.where(np.isnan(seen.rescue_day), np.nan, found)


def _b_cells(seen: Observations, criteria: Criteria) -> tuple[Bools, Floats]:
    """Return whether there was aplasia, and the day on which it was over."""
    used = seen.planned & (np.repeat(seen.assay.visits, 2) > 0.0)
    if not used.any():
        return np.zeros(len(seen.day), dtype=np.bool_), np.full(len(seen.day), np.nan)
    day, observed = seen.day[:, used], seen.observed[:, used]
    enough = observed & (seen.b_cells[:, used] >= criteria.b_cell_aplasia)
    lacking = observed & ~enough
    # One visit may be chance: both aplasia and recovery take two in a row.
    aplastic = np.zeros_like(enough)
    aplastic[:, 1:] = np.logical_or.accumulate(lacking[:, :-1] & lacking[:, 1:], axis=1)
    twice = np.zeros_like(enough)
    twice[:, :-1] = enough[:, :-1] & enough[:, 1:] & aplastic[:, :-1]
    return aplastic[:, -1], _pick(day, _first_true(twice), fill=np.nan)


def _first_true(where: Bools) -> NDArray[np.int64]:
    """Return the first true column of each row, -1 for none."""
    return np.where(where.any(axis=1), where.argmax(axis=1), -1).astype(np.int64)


def _pick(values: NDArray[_Scalar], column: NDArray[np.int64], *, fill: float) -> NDArray[_Scalar]:
    """Return the value of each row in its column, ``fill`` where the column is -1."""
    found = np.take_along_axis(values, np.maximum(column, 0)[:, None], axis=1)[:, 0]
    return np.where(column >= 0, found, values.dtype.type(fill))


def _latest(day: Floats, where: Bools) -> Floats:
    """Return the last day of each row that is chosen, NaN for none."""
    latest = np.where(where, day, -np.inf).max(axis=1)
    return np.where(np.isfinite(latest), latest, np.nan)
