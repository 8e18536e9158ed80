"""Virtual patients of one arm: parameters and initial state of each, drawn by keyed streams.

A patient is a number. What he draws depends on the seed, his number and the quantity, never on the arm, the dose or who else is drawn. In
a paired scenario the arms treat the same people; otherwise each arm has numbers of its own, offset by its place among the arms.

The course begins at `sim.trial.regimen.course_start`: the last whole day at least a day before anything is done to anybody. A burden "at
infusion" is the share of marrow blasts on that day; a burden "at enrolment" is that when the making of the product begins, and has grown
since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.network.network import Network
from sim.trial.biology import draw_biology
from sim.trial.draws import Draws, Score
from sim.trial.laws import Law
from sim.trial.origin import burden_cells, initial_state
from sim.trial.populations import moved
from sim.trial.regimen import course_start
from sim.trial.scenario import Scenario
from sim.trial.sheet import Columns, Floats, Sheet, network_of
from sim.trial.treatment import dose_of, draw_treatment

__all__ = ["ARM_OFFSET", "Cohort", "draw", "network_of", "patient_numbers"]

ARM_OFFSET = 100_000_000
"""Distance between the patient numbers of two arms that treat different people; no cohort is larger."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """Virtual patients of one arm.

    Attributes
    ----------
    arm : str
    patients : ndarray of int64, shape (n,)
        Numbers that key every random stream of the patients, the dynamics included.
    network : Network
        The same for all arms of the scenario.
    parameters : dict of str to ndarray, shape (n,)
        Parameters that the scenario sets or that vary; the others keep the network's values.
    initial : dict of str to ndarray, shape (n,)
        State at `start`; species left out start as in the network.
    covariates : dict of str to ndarray, shape (n,)
        What a trial would tabulate: weight (kg), age (years, when the scenario gives it), burden (marrow blast fraction), burden_cells,
        dose (cells/kg of the first infusion), infused, enrolment_day (when the making of the product begins, in every arm; 0
        where none is described), prior_transplant, prior_cd19_therapy, cd19_negative_at_baseline (0 or 1), cd19_negative_cells.
    start : float
        First day of the course.
    """

    arm: str
    patients: NDArray[np.int64]
    network: Network
    parameters: Columns
    initial: Columns
    covariates: Columns
    start: float


def patient_numbers(scenario: Scenario, arm: str, patients: NDArray[Any]) -> NDArray[np.int64]:
    """Return the numbers that key the streams of an arm's patients 0, 1, ...

    Parameters
    ----------
    scenario : Scenario
    arm : str
    patients : array_like of int
        Places within the arm.

    Returns
    -------
    ndarray of int64
        The same as `patients` when the arms are paired, else offset by the place of the arm.

    Raises
    ------
    ScenarioError
        When there is no such arm.
    """
    scenario.arm(arm)
    places = np.asarray(patients, dtype=np.int64)
    return places + (0 if scenario.patients.paired else list(scenario.arms).index(arm) * ARM_OFFSET)


def draw(
    scenario: Scenario,
    arm: str,
    seed: int,
    patients: NDArray[Any],
    scores: Mapping[str, Score] | None = None,
) -> Cohort:
    """Draw virtual patients of an arm.

    Parameters
    ----------
    scenario : Scenario
    arm : str
    seed : int
        0 to 2**64 - 1.
    patients : array_like of int, shape (n,)
        Places within the arm, 0, 1, ..., in any order.
    scores : mapping of str to Score, optional
        Quantities whose laws are moved, in place of those that the scenario's posterior moves.

    Returns
    -------
    Cohort

    Raises
    ------
    ScenarioError
        When the arm or a parameter does not exist, or the correlations name unknown quantities.
    StorageError
        When the scenario's posterior cannot be read.
    """
    numbers = patient_numbers(scenario, arm, patients)
    pairs = [(row.between[0], row.between[1], row.rho) for row in scenario.patients.correlations]
    laws: dict[str, Law] = {}
    if scores is None:
        laws, scores = moved(scenario, arm, seed, np.asarray(patients, dtype=np.int64))
    sheet = Sheet(scenario, arm, Draws(seed, numbers, pairs, scores), laws)
    draw_biology(sheet)
    start = course_start(scenario)
    cells = burden_cells(sheet, start)
    covariates = _covariates(sheet, cells)
    draw_treatment(sheet, covariates["burden"], covariates["infused"])
    initial = initial_state(sheet, cells, covariates)
    return Cohort(arm, numbers, sheet.network, sheet.parameters, initial, covariates, start)


def _covariates(sheet: Sheet, cells: Floats) -> Columns:
    """Tabulate the patients before treatment."""
    traits, draws = sheet.traits, sheet.draws
    weight = sheet.parameter("weight")
    out = {
        "weight": weight,
        "burden": np.minimum(cells / (sheet.parameter("marrow_cells_per_kg") * weight), 1.0),
        "burden_cells": cells,
        "prior_transplant": draws.value("prior_transplant", traits.prior_transplant),
        "prior_cd19_therapy": draws.value("prior_cd19_therapy", traits.prior_cd19_therapy),
        "cd19_negative_at_baseline": draws.value(
            "cd19_negative_at_baseline", traits.cd19_negative_at_baseline
        ),
    }
    if traits.age is not None:
        out["age"] = draws.value("age", traits.age)
    out["infused"] = sheet.constant(1.0 if sheet.plan.infusions else 0.0)
    making = sheet.scenario.manufacturing
    out["enrolment_day"] = sheet.constant(0.0)
    if making is not None:
        out["enrolment_day"] = 0.0 - draws.value("manufacturing_days", making.days)
    if making is not None and sheet.plan.infusions:
        out["infused"] = 1.0 - draws.value("not_infused", making.not_infused)
    out["dose"] = sheet.constant(0.0)
    if sheet.plan.infusions:
        dose = dose_of(sheet, sheet.plan.infusions[0], out["burden"])
        out["dose"] = np.where(out["infused"] > 0.0, dose, 0.0)
    return out
