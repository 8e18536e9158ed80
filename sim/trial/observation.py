"""What a trial sees of a course: marrow at visits, residual disease by counting cells, blood above a limit.

The course itself knows every cell on every day. A trial looks at the marrow on a few days, counts a finite number of
cells, and cannot measure below the limits of its assays. Everything here is a function of the course, the assay and
random numbers keyed by seed, patient, replicate and visit, so that a patient's assay results do not depend on which
other patients are simulated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.trial.counting import binomial_quantile, poisson_quantile
from sim.trial.examinations import Bools, Floats, Ints, examine, place_of
from sim.trial.findings import chances, positive_from

if TYPE_CHECKING:
    from sim.trial.scenario_schema import Assay

__all__ = ["OUTPUTS", "Bools", "Course", "Floats", "Observations", "observe"]

#: What `observe` reads of a course; ask a simulation for these and no more.
OUTPUTS = (
    "marrow_blast_fraction",
    "leukaemia_cells",
    "extramedullary_cells",
    "cd19_negative_cells",
    "cd22_lost_cells",
    "switched_cells",
    "cd19_mean_density",
    "cd22_mean_density",
    "car_t_blood",
    "b_cell_fraction",
    "il6_index",
)

# Slots of the rules that answer disease, or a sign of it; that of the rule "remission" consolidates.
_RESCUE = re.compile(r"reinfusion_.+_(non_responder|relapse|finding)_\d+$")


class Course(Protocol):
    """What is read of simulated courses; `sim.network.trajectories.Trajectories` is one."""

    @property
    def t(self) -> Floats:
        """Save times in days, shape (n_times,)."""

    @property
    def status(self) -> NDArray[np.integer]:
        """0 for a row that ended well, shape (rows,)."""

    @property
    def fired(self) -> Mapping[str, Floats]:
        """Day on which each event first fired in each row, NaN for never, shape (rows,)."""

    def __getitem__(self, name: str) -> Floats:
        """Return an output, shape (rows, n_times)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Observations:
    """The record of a trial arm: one row a patient and replicate, one column an examination.

    Columns alternate: planned visit, then the examination between it and the next that overt disease may prompt.

    Attributes
    ----------
    arm : str
    patient, replicate : ndarray of int, shape (rows,)
    status : ndarray of int8, shape (rows,)
        0, or why the course was not computed to its end.
    assay : Assay
    planned : ndarray of bool, shape (k,)
        Whether each column is a planned visit.
    day : ndarray, shape (rows, k)
        Day of each examination; NaN for an unplanned one that never took place.
    observed : ndarray of bool, shape (rows, k)
        Whether it took place: the patient was alive and followed, and the course was computed. Other measures are
        NaN or False where it did not.
    blasts : ndarray, shape (rows, k)
        Marrow blast fraction by morphology.
    extramedullary : ndarray, shape (rows, k)
        Leukaemia cells outside the marrow.
    mrd_measured : ndarray of bool, shape (rows,)
        Whether the patient's residual disease is measured at all.
    mrd_count : ndarray, shape (rows, k)
        Positive cells of the residual-disease test, NaN where it is not done.
    mrd_negative, mrd_positive : ndarray of bool, shape (rows, k)
        Fewer than the test's threshold, or as many and more; both False where it is not done.
    cd19_negative_share, cd22_lost_share, switched_share : ndarray, shape (rows, k)
        Shares of the leukaemia cells.
    cd19_density, cd22_density : ndarray, shape (rows, k)
        Mean over the leukaemia cells, molecules per cell.
    b_cells : ndarray, shape (rows, k)
        Normal B cells as a fraction of the healthy number.
    car_t : ndarray, shape (rows, k)
        CAR T cells in blood, cells/uL, 0 below the limit of quantification.
    baseline_blasts, baseline_extramedullary, baseline_cd19_negative_share : ndarray, shape (rows,)
    baseline_cd19_density, baseline_cd22_density : ndarray, shape (rows,)
        The same before treatment; the blast fraction is exact.
    t : ndarray, shape (n_times,)
        The save times.
    blood, il6 : ndarray, shape (rows, n_times)
        CAR T cells in blood as measured (0 below the limit) and the IL-6 signalling index; NaN when not followed.
    death_day, transplant_day, reinfusion_day, followup_day : ndarray, shape (rows,)
        Days, NaN for never; the follow-up ends with death, with the course, or where its computation failed.
    rescue_day : ndarray, shape (rows,)
        Day of the first re-infusion that a rule gave for want of a response, for a relapse or by what a visit found, NaN for never.
    death_cause : ndarray of str, shape (rows,)
        What follows ``death_`` in the event's name; empty while alive.
    treated : bool
        Whether the arm plans a product for everybody.
    infused : ndarray of bool, shape (rows,)
        Whether a product was given.
    enrolment_day : ndarray, shape (rows,)
    """

    arm: str
    patient: Ints
    replicate: Ints
    status: NDArray[np.int8]
    assay: Assay
    planned: Bools
    day: Floats
    observed: Bools
    blasts: Floats
    extramedullary: Floats
    mrd_measured: Bools
    mrd_count: Floats
    mrd_negative: Bools
    mrd_positive: Bools
    cd19_negative_share: Floats
    cd22_lost_share: Floats
    switched_share: Floats
    cd19_density: Floats
    cd22_density: Floats
    b_cells: Floats
    car_t: Floats
    baseline_blasts: Floats
    baseline_cd19_density: Floats
    baseline_cd22_density: Floats
    baseline_extramedullary: Floats
    baseline_cd19_negative_share: Floats
    t: Floats
    blood: Floats
    il6: Floats
    death_day: Floats
    death_cause: NDArray[np.str_]
    transplant_day: Floats
    reinfusion_day: Floats
    rescue_day: Floats
    followup_day: Floats
    treated: bool
    infused: Bools
    enrolment_day: Floats


def observe(
    course: Course,
    assay: Assay,
    *,
    seed: int,
    patients: ArrayLike,
    replicates: ArrayLike = 0,
    arm: str = "",
    treated: bool | None = None,
    infused: ArrayLike | None = None,
    enrolment_day: ArrayLike = 0.0,
    baseline: float | None = None,
) -> Observations:
    """Look at simulated courses as a trial does.

    Parameters
    ----------
    course : Course
        Courses with the outputs of `OUTPUTS`. Events named ``death_CAUSE`` end a patient's follow-up, ``transplant``
        and ``reinfusion_PRODUCT_RULE_NUMBER`` are noted, ``infusion_*`` mark who was treated.
    assay : Assay
        Its visits must be among the save times. Its ``overt_blasts`` prompt examinations between them, and its
        ``morphology_cells`` are counted under the microscope.
    seed : int
        Seed of the trial, 64 bit.
    patients : array_like of int, shape (rows,)
        Patient of each row, the key of the random numbers.
    replicates : array_like of int, shape () or (rows,)
        Replicate of each row.
    arm : str
        Name, carried along.
    treated : bool, optional
        Whether the arm plans a product for everybody; by default whether the network has an ``infusion_*`` event, which the
        arms of a scenario share. It decides about those never infused: dropouts in an arm that treats, everybody in one
        that does not.
    infused : array_like of bool, optional
        Who received a product; by default those with an ``infusion_*`` event.
    enrolment_day : array_like, shape () or (rows,)
        Day of enrolment, 0 or before.
    baseline : float, optional
        Day of the examination before treatment, a save time; by default the first.

    Returns
    -------
    Observations

    Raises
    ------
    ValueError
        If a visit is not a save time, an output is missing or the numbers of rows differ.

    Notes
    -----
    Positive cells of the residual-disease test are Poisson with mean fraction x cells analysed; a test with fewer
    than ``mrd_limit`` x cells analysed (at least one) is negative. With a count under the microscope the blasts are
    binomial. Each takes one uniform of the stream ``assay`` through its quantile function: the first decides whether
    the patient's residual disease is measured, the later ones belong to the examinations in order.
    """
    t = np.asarray(course.t, dtype=np.float64)
    status = np.asarray(course.status, dtype=np.int8)
    rows = len(status)
    patient = _per_row(patients, rows, "patients").astype(np.int64)
    replicate = _per_row(replicates, rows, "replicates").astype(np.int64)
    out = {name: _output(course, name, (rows, len(t))) for name in OUTPUTS}
    death_day, death_cause = _deaths(course.fired, rows)
    followup = _followup(t, status, out["marrow_blast_fraction"], death_day)
    looks = examine(t, out["marrow_blast_fraction"], assay, death_day, followup)
    seen = {name: looks.see(values) for name, values in out.items()}
    chance, draws = _draws(seed, patient, replicate, len(looks.planned))
    measured = chance < assay.evaluable
    count = _positive_cells(seen["marrow_blast_fraction"], draws[:, :, 0], assay, measured)
    threshold = positive_from(assay)
    first = 0 if baseline is None else int(place_of(t, np.array([baseline]), "baseline")[0])
    before = {name: values[:, first].copy() for name, values in out.items()}
    followed = (t <= followup[:, None]) & np.isfinite(out["car_t_blood"])
    return Observations(
        arm=arm,
        patient=patient,
        replicate=replicate,
        status=status,
        assay=assay,
        planned=looks.planned,
        day=looks.day,
        observed=looks.observed,
        blasts=_microscope(seen["marrow_blast_fraction"], draws[:, :, 1], assay.morphology_cells),
        extramedullary=seen["extramedullary_cells"],
        mrd_measured=measured,
        mrd_count=count,
        mrd_negative=count < threshold,
        mrd_positive=count >= threshold,
        cd19_negative_share=_share(seen["cd19_negative_cells"], seen["leukaemia_cells"]),
        cd22_lost_share=_share(seen["cd22_lost_cells"], seen["leukaemia_cells"]),
        switched_share=_share(seen["switched_cells"], seen["leukaemia_cells"]),
        cd19_density=seen["cd19_mean_density"],
        cd22_density=seen["cd22_mean_density"],
        b_cells=seen["b_cell_fraction"],
        car_t=_quantified(seen["car_t_blood"], assay),
        baseline_blasts=before["marrow_blast_fraction"],
        baseline_cd19_density=before["cd19_mean_density"],
        baseline_cd22_density=before["cd22_mean_density"],
        baseline_extramedullary=before["extramedullary_cells"],
        baseline_cd19_negative_share=_share(before["cd19_negative_cells"], before["leukaemia_cells"]),
        t=t,
        blood=np.where(followed, _quantified(out["car_t_blood"], assay), np.nan),
        il6=np.where(followed, out["il6_index"], np.nan),
        death_day=death_day,
        death_cause=death_cause,
        transplant_day=_first(course.fired, "transplant", rows),
        reinfusion_day=_first(course.fired, "reinfusion_", rows),
        rescue_day=_first({name: day for name, day in course.fired.items() if _RESCUE.match(name)}, "", rows),
        followup_day=followup,
        treated=any(name.startswith("infusion_") for name in course.fired) if treated is None else treated,
        infused=np.isfinite(_first(course.fired, "infusion_", rows))
        if infused is None
        else _per_row(infused, rows, "infused").astype(np.bool_),
        enrolment_day=_per_row(enrolment_day, rows, "enrolment_day").astype(np.float64),
    )


def _positive_cells(fraction: Floats, u: Floats, assay: Assay, measured: Bools) -> Floats:
    """Return the positive cells of the residual-disease test, NaN where it is not done."""
    count = poisson_quantile(u, np.clip(fraction, 0.0, 1.0) * assay.cells_analysed)
    count[~measured] = np.nan
    return count


def _quantified(cells: Floats, assay: Assay) -> Floats:
    """Return CAR T cells in blood as the assay gives them: 0 below its limit, NaN where nobody looked."""
    return np.where(cells < assay.car_t_limit, 0.0, cells)


def _per_row(values: ArrayLike, rows: int, name: str) -> NDArray[np.generic]:
    """Return one value a row."""
    array = np.asarray(values)
    if array.ndim > 1 or (array.ndim == 1 and len(array) != rows):
        raise ValueError(f"{name}: shape {array.shape}; one value or {rows}; repeat it for every row")
    return np.broadcast_to(array, (rows,))


def _output(course: Course, name: str, shape: tuple[int, int]) -> Floats:
    """Return one output, checked."""
    try:
        values = np.asarray(course[name], dtype=np.float64)
    except KeyError:
        raise ValueError(f"{name}: missing; an output of the course; simulate with outputs=OUTPUTS") from None
    if values.shape != shape:
        raise ValueError(f"{name}: shape {values.shape}; {shape}; give rows by times")
    return values


def _first(fired: Mapping[str, Floats], prefix: str, rows: int) -> Floats:
    """Return the first day of any event whose name begins with ``prefix``, NaN for never."""
    days = [np.asarray(day, dtype=np.float64) for name, day in fired.items() if name.startswith(prefix)]
    if not days:
        return np.full(rows, np.nan)
    found: Floats = np.fmin.reduce(days)
    return found


def _deaths(fired: Mapping[str, Floats], rows: int) -> tuple[Floats, NDArray[np.str_]]:
    """Return day and cause of death; the first declared cause wins a tie."""
    day = np.full(rows, np.nan)
    cause = np.full(rows, "", dtype="U32")
    for name, when in fired.items():
        if name.startswith("death_"):
            earlier = ~np.isnan(when) & ~(day <= when)
            day[earlier] = when[earlier]
            cause[earlier] = name.removeprefix("death_")
    return day, cause


def _followup(t: Floats, status: NDArray[np.int8], values: Floats, death_day: Floats) -> Floats:
    """Return the day on which each follow-up ends: death, end of the course, or the last value before a failure."""
    finite = np.isfinite(values)
    last = np.where(finite.all(axis=1), len(t) - 1, finite.argmin(axis=1) - 1)
    end = np.where(status == 0, t[-1], np.where(last >= 0, t[np.maximum(last, 0)], -np.inf))
    return np.fmin(end, death_day)


def _draws(seed: int, patient: Ints, replicate: Ints, columns: int) -> tuple[Floats, Floats]:
    """Return one uniform for each row, and two for each examination, shape (rows, columns, 2)."""
    measured, each = np.empty(len(patient)), np.empty((len(patient), columns, 2))
    for number in np.unique(replicate):
        here = replicate == number
        measured[here], each[here] = chances(seed, patient[here], columns, int(number))
    return measured, each


def _microscope(fraction: Floats, u: Floats, counted: int | None) -> Floats:
    """Return the blast fraction by morphology."""
    return fraction if counted is None else binomial_quantile(u, counted, fraction) / counted


def _share(part: Floats, whole: Floats) -> Floats:
    """Return part / whole, NaN where there is nothing to share."""
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0.0)
