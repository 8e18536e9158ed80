"""What is done to the patients of an arm: times, doses and depths of every slot of the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.models.design import AT_RELAPSE
from sim.trial.biology import fitness
from sim.trial.findings import positive_limit
from sim.trial.laws import ByBurden, Law, Lognormal
from sim.trial.quantities import DEFAULTS
from sim.trial.regimen import PlannedInfusion, chemotherapies
from sim.trial.scenario_schema import Bridging, Consolidation, Drug, Lymphodepletion, Transplant
from sim.trial.sheet import Floats, Sheet

__all__ = ["dose_of", "draw_treatment"]

NEVER = np.inf


class Depth(NamedTuple):
    """Shares left by a lymphodepletion; kind ``assumed``, set by hand.

    Attributes
    ----------
    host : float
        Of host lymphocytes and B cells: the median over patients.
    anti_car : float
        Of lymphocytes against the receptor, at the median depth.
    car_t : float
        Of CAR T cells.
    marrow : float
        Of normal marrow.
    """

    host: float
    anti_car: float
    car_t: float
    marrow: float


DEPTH = {
    (True, True): Depth(host=0.04, anti_car=0.04, car_t=0.2, marrow=0.5),
    (True, False): Depth(host=0.08, anti_car=0.06, car_t=0.3, marrow=0.7),
    (False, True): Depth(host=0.15, anti_car=0.4, car_t=0.4, marrow=0.6),
    (False, False): Depth(host=1.0, anti_car=1.0, car_t=1.0, marrow=1.0),
}
"""Depth by fludarabine and cyclophosphamide: both together remove 90-98 % of the lymphocytes; without fludarabine the anti-CAR response is spared."""
DEPTH_SPREAD = 0.5
"""SD of ln(share of host lymphocytes left) between patients; assumed, set by hand."""
YEAR = 365.25
"""Days."""


def dose_of(sheet: Sheet, infusion: PlannedInfusion, blasts: Floats) -> Floats:
    """Return the whole dose of an infusion, cells/kg."""
    u = sheet.draws.uniform("dose")
    dose = infusion.dose
    drawn = dose.quantile(u, blasts) if isinstance(dose, ByBurden) else dose.quantile(u)
    return np.asarray(drawn, dtype=np.float64)


def draw_treatment(sheet: Sheet, blasts: Floats, infused: Floats) -> None:
    """Fill times, doses and depths of all that is done in the arm.

    Parameters
    ----------
    sheet : Sheet
        With the biology filled in.
    blasts : ndarray, shape (n,)
        Marrow blast fraction at the start.
    infused : ndarray, shape (n,)
        1 for patients who receive their product, 0 for those whose product is never made.
    """
    for infusion in sheet.plan.infusions:
        _infuse(sheet, infusion, blasts, infused)
    for course in sheet.plan.courses:
        if course.day is not None:
            sheet.parameters[f"lymphodepletion_time_{course.slot}"] = np.where(
                infused > 0.0, course.day, NEVER
            )
        _deplete(sheet, course.slot, course.given)
    for slot, chemotherapy in enumerate(chemotherapies(sheet.scenario, sheet.arm)):
        _treat(sheet, slot, chemotherapy, infused)
    transplant = sheet.scenario.transplant_of(sheet.arm)
    if transplant is not None:
        _transplant(sheet, transplant)
    if sheet.design.supportive and sheet.design.products:
        _support(sheet, "tocilizumab", sheet.scenario.supportive.tocilizumab)
        _support(sheet, "steroid", sheet.scenario.supportive.steroids)


def _treat(sheet: Sheet, slot: int, given: Bridging | Consolidation, infused: Floats) -> None:
    """Fill one chemotherapy; how far it reaches is a trait that all courses of a patient share."""
    sheet.set(f"chemotherapy_log_kill_{slot}", "chemotherapy_log_kill", given.log_kill)
    host = f"chemotherapy_host_survival_{slot}"
    sheet.set(host, "chemotherapy_host_survival", given.host_survival)
    car_t = f"chemotherapy_car_t_survival_{slot}"
    sheet.parameters[car_t] = sheet.parameter(host)
    if isinstance(given, Bridging):
        sheet.parameters[f"chemotherapy_time_{slot}"] = sheet.draws.value("bridging_day", given.day)
        return
    day = sheet.draws.value("consolidation_day", given.day)
    # What consolidates an infusion does not come without one; an arm without products is treated as written.
    sheet.parameters[f"chemotherapy_time_{slot}"] = np.where(
        (infused > 0.0) | (not sheet.plan.infusions), day, NEVER
    )
    sheet.set(car_t, "chemotherapy_car_t_survival", given.car_t_survival)
    limit = sheet.scenario.criteria.remission_blasts if given.only_in_remission else np.inf
    sheet.parameters[f"chemotherapy_blast_limit_{slot}"] = sheet.constant(limit)


def _infuse(sheet: Sheet, infusion: PlannedInfusion, blasts: Floats, infused: Floats) -> None:
    slot, product = infusion.slot, sheet.products[infusion.product]
    day = np.where(infused > 0.0, infusion.day, NEVER)
    engrafting = sheet.value("engraftment", product.engraftment)
    cells = dose_of(sheet, infusion, blasts) * sheet.parameter("weight") * engrafting * infusion.fraction
    sheet.parameters[f"infusion_cells_{slot}"] = np.floor(cells)
    sheet.parameters[f"fitness_{slot}"] = fitness(sheet, infusion.product, infusion.order)
    if infusion.rule is None:
        sheet.parameters[f"infusion_time_{slot}"] = day
        return
    sheet.parameters[f"decision_time_{slot}"] = day
    if infusion.rule == "finding":
        _read_visit(sheet, slot, infusion.day, infusion.any_of)
    else:
        criteria = sheet.scenario.criteria
        limit = criteria.relapse_blasts if infusion.rule in AT_RELAPSE else criteria.remission_blasts
        sheet.parameters[f"decision_blasts_{slot}"] = sheet.constant(limit)
        if infusion.rule == "cd19_negative_relapse":
            sheet.parameters[f"decision_share_{slot}"] = sheet.constant(criteria.antigen_negative_share)
    sheet.parameters[f"infusion_delay_{slot}"] = sheet.constant(infusion.delay)
    sheet.parameters[f"lymphodepletion_delay_{slot}"] = sheet.constant(infusion.lymphodepletion_delay)


def _read_visit(sheet: Sheet, slot: str, visit: float, any_of: Sequence[str]) -> None:
    """Fill from what on a visit finds what a decision asks for; a finding that it does not ask for is never made."""
    blasts, b_cells = sheet.constant(NEVER), sheet.constant(NEVER)
    if "mrd_positive" in any_of:
        blasts = positive_limit(sheet.scenario.assay, visit, sheet.draws.seed, sheet.draws.patients)
    if "b_cell_recovery" in any_of:
        b_cells = sheet.constant(sheet.scenario.criteria.b_cell_aplasia)
    sheet.parameters[f"finding_blasts_{slot}"] = blasts
    sheet.parameters[f"finding_b_cells_{slot}"] = b_cells


def _deplete(sheet: Sheet, slot: str, given: Lymphodepletion) -> None:
    """Fill the survival under one course; the depth on lymphocytes is a trait that all courses share."""
    usual = DEPTH[given.fludarabine, given.cyclophosphamide]
    depth: Law = Lognormal(centre=usual.host, log_sd=DEPTH_SPREAD, high=1.0, unit="fraction")
    depth = depth if given.depth is None else given.depth
    left = sheet.draws.value("lymphodepletion_depth", depth)
    # A deeper course spares fewer anti-CAR lymphocytes too.
    anti_car_left = np.minimum(usual.anti_car * left / usual.host, 1.0)
    log_kill = given.log_kill or DEFAULTS["lymphodepletion_log_kill"]
    columns = {
        "host": left,
        "anti_car": anti_car_left,
        "car_t": sheet.constant(usual.car_t),
        "marrow": sheet.constant(usual.marrow),
        "leukaemia": 10.0 ** -sheet.draws.value("lymphodepletion_log_kill", log_kill),
    }
    if given.log_kill is None and usual.host == 1.0:
        columns["leukaemia"] = sheet.constant(1.0)
    for what, column in columns.items():
        sheet.parameters[f"lymphodepletion_{what}_survival_{slot}"] = column


def _transplant(sheet: Sheet, plan: Transplant) -> None:
    planned = sheet.draws.value("transplant", plan.probability) > 0.5
    day = sheet.draws.value("transplant_day", plan.day)
    sheet.parameters["transplant_time"] = np.where(planned, day, NEVER)
    limit = sheet.scenario.criteria.remission_blasts if plan.only_in_remission else np.inf
    sheet.parameters["transplant_blast_limit"] = sheet.constant(limit)
    if plan.decision is not None:
        sheet.parameters["decision_time_transplant"] = sheet.constant(plan.decision.visit)
        _read_visit(sheet, "transplant", plan.decision.visit, plan.decision.any_of)
    log_kill = plan.conditioning_log_kill or DEFAULTS["transplant_log_kill"]
    sheet.set("transplant_log_kill", "transplant_log_kill", log_kill)
    sheet.set("graft_versus_leukaemia", "graft_versus_leukaemia", plan.graft_versus_leukaemia)
    if plan.non_relapse_mortality is not None or "transplant_hazard" not in sheet.scenario.parameters:
        # The hazard fades as exp(-t/tau): its size gives the mortality of the first year.
        dead = sheet.value("non_relapse_mortality", plan.non_relapse_mortality)
        fading = sheet.parameter("transplant_risk_time")
        exposure = -fading * np.expm1(-YEAR / fading)
        sheet.parameters["transplant_hazard"] = -np.log1p(-np.minimum(dead, 1.0 - 1e-12)) / exposure


def _support(sheet: Sheet, name: str, drug: Drug | None) -> None:
    """Fill when a drug is given, and how much it blocks; None means never."""
    threshold = f"{name}_threshold"
    if drug is None:
        sheet.parameters[threshold] = sheet.constant(NEVER)
        return
    sheet.parameters[threshold] = sheet.value(threshold, drug.threshold)
    sheet.set(f"{name}_effect", f"{name}_effect", drug.effect)
