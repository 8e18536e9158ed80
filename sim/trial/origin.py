"""Where the patients stand when the course begins: burden, antigen classes with their rare clones as integers, host.

CD19-negative cells are whole clones drawn from the two-hit law over the patient's history, never a fraction: whether there is one decides
the outcome. Without a history the leukaemia has grown once, from one cell to its burden. With one, it grew to ``diagnosis_cells``, each
remission cut it to ``remission_cells``, and it grew back. A CD19-directed drug given before (at the last remission of a history) spares
``cd19_clone_factor`` times more of the CD19-negative cells than of the others.

CD22 levels are those of the walk at rest. Cells that lost CD22 for good are left to the course: with the model's rate none are expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import bdtr, bdtrik, ndtri, pdtr, pdtrik

from sim.kernels.clones import two_hit_cohort
from sim.models.antigen import AntigenClass
from sim.trial.laws import Fixed, Law
from sim.trial.quantities import PURPOSES
from sim.trial.sheet import Columns, Floats, Sheet

__all__ = ["burden_cells", "cd19_negative_clones", "initial_state", "thin"]

DIAGNOSIS = Fixed(value=5e11, unit="cells", source="set by hand", note="a marrow half full in an adult")
REMISSION = Fixed(
    value=1e7, unit="cells", source="set by hand", note="1e-5 of the marrow: below what flow cytometry sees"
)
SLOWEST_GROWTH = 0.005
"""Net growth, 1/day, assumed, below which the past of a leukaemia is computed as if it had grown at this rate: it did grow."""

# Cells, and expected cells, above which the binomial law is replaced by its limits: arithmetic, not biology.
_EXACT = 1e6
_NORMAL = 1e4


def burden_cells(sheet: Sheet, start: float) -> Floats:
    """Return the leukaemia cells of each patient on the first day of the course, whole numbers."""
    capacity = sheet.parameter("marrow_cells_per_kg") * sheet.parameter("weight")
    cells = sheet.draws.value("burden", sheet.traits.burden) * capacity
    making = sheet.scenario.manufacturing
    if sheet.traits.burden_at == "enrolment" and making is not None:
        days = sheet.draws.value("manufacturing_days", making.days) + start
        cells = _grown(sheet, cells, np.maximum(days, 0.0))
    return np.floor(cells)


def _grown(sheet: Sheet, cells: Floats, days: Floats) -> Floats:
    """Cells after crowded growth, ``dL/dt = r L - b L^2/K_L``, in closed form."""
    growth = sheet.parameter("net_growth_rate")
    division = growth + sheet.parameter("blast_death_rate")
    capacity = sheet.parameter("leukaemia_cells_per_kg") * sheet.parameter("weight")
    gain = np.expm1(growth * days)
    still = growth == 0.0
    crowding = division * np.where(still, days, gain / np.where(still, 1.0, growth))
    return np.asarray(cells * (1.0 + gain) / (1.0 + crowding * cells / capacity))


def cd19_negative_clones(sheet: Sheet, cells: Floats, drugged: Floats) -> tuple[Floats, Floats]:
    """Return the CD19-negative cells (whole clones) and the expected one-copy cells of each patient.

    Parameters
    ----------
    sheet : Sheet
    cells : ndarray, shape (n,)
        Leukaemia cells at the end of the history.
    drugged : ndarray, shape (n,)
        1 for patients who had a CD19-directed drug before.

    Returns
    -------
    negative, one_copy : ndarray, shape (n,)
    """
    n = len(sheet.draws)
    growth = np.maximum(sheet.parameter("net_growth_rate"), SLOWEST_GROWTH)
    death = sheet.parameter("blast_death_rate")
    factor = np.where(drugged > 0.5, sheet.value("cd19_clone_factor", sheet.traits.cd19_clone_factor), 1.0)
    history = sheet.traits.history
    size = np.maximum(cells, 1.0)
    remissions = 0 if history is None else history.remissions
    sizes, survival = np.repeat(size[:, None], remissions + 1, axis=1), np.ones((n, remissions + 1))
    if history is not None and remissions > 0:
        largest = _of(sheet, "diagnosis_cells", history.diagnosis_cells, DIAGNOSIS)
        left = _of(sheet, "remission_cells", history.remission_cells, REMISSION)
        sizes[:, :-1] = np.maximum(largest, left)[:, None]
        survival[:, :-1] = (left / np.maximum(largest, left))[:, None]
    spared = survival.copy()
    # The end of the history is when the drug acted, unless a remission is known.
    last = max(remissions - 1, 0)
    spared[:, last] = np.minimum(survival[:, last] * factor, 1.0)
    out = np.zeros((n, 4))
    seed: Any = np.uint64(sheet.draws.seed)
    two_hit_cohort(
        seed,
        sheet.draws.patients,
        0,
        PURPOSES["clones"],
        growth + death,
        death,
        sheet.parameter("first_hit_rate"),
        sheet.parameter("second_hit_rate"),
        np.ones(n),
        sizes,
        survival,
        spared,
        out,
    )
    negative = out[:, 0]
    if remissions == 0:
        negative = np.floor(negative * factor)
    return negative, out[:, 2]


def _of(sheet: Sheet, quantity: str, law: Law | None, otherwise: Law) -> Floats:
    return sheet.draws.value(quantity, otherwise if law is None else law)


def initial_state(sheet: Sheet, cells: Floats, covariates: Columns) -> Columns:
    """Return the state on the first day, and note ``cd19_negative_cells`` among the covariates.

    Parameters
    ----------
    sheet : Sheet
    cells : ndarray, shape (n,)
        Leukaemia cells, whole numbers.
    covariates : dict of str to ndarray
        With ``burden``, ``prior_cd19_therapy`` and ``cd19_negative_at_baseline``; receives ``cd19_negative_cells``.

    Returns
    -------
    dict of str to ndarray, shape (n,)
    """
    negative, one = cd19_negative_clones(sheet, cells, covariates["prior_cd19_therapy"])
    share = sheet.value("cd19_negative_share", sheet.traits.cd19_negative_share)
    negative = np.where(covariates["cd19_negative_at_baseline"] > 0.5, np.floor(share * cells), negative)
    negative = np.minimum(negative, cells)
    one = np.minimum(np.floor(one), cells - negative)
    covariates["cd19_negative_cells"] = negative
    return {
        **_placed(sheet, {"two": cells - negative - one, "one": one, "none": negative}),
        **_host(sheet, covariates["burden"]),
    }


def _placed(sheet: Sheet, cells: Mapping[str, Floats]) -> Columns:
    """Spread the cells of each CD19 state over sites and CD22 levels, cell by cell where they are few."""
    design = sheet.design
    steps = design.grid.ladder.weights
    further = design.sites[1:]
    # Three CD19 states, and for each a number for every further site and every boundary between levels at every site.
    luck_of_sites = sheet.draws.several("sites_of_clones", 3 * max(len(further), 1))
    boundaries = len(steps) - 1
    luck_of_levels = sheet.draws.several("cd22_levels_of_clones", 3 * len(design.sites) * max(boundaries, 1))
    out: Columns = {}
    for i, (cd19, amount) in enumerate(cells.items()):
        left = amount
        at: dict[str, Floats] = {}
        for j, site in enumerate(further):
            at[site] = thin(luck_of_sites[:, i * len(further) + j], left, sheet.parameter(f"{site}_share"))
            left = left - at[site]
        at["marrow"] = left
        for j, site in enumerate(design.sites):
            first = (i * len(design.sites) + j) * boundaries
            for level, number in zip(
                design.grid.level_names, _levels(luck_of_levels[:, first:], at[site], steps), strict=True
            ):
                out[design.cells(site, AntigenClass(cd19, level))] = number
    return out


def _levels(luck: Floats, cells: Floats, weights: tuple[float, ...]) -> list[Floats]:
    """Draw a multinomial, level by level from the dimmest."""
    out: list[Floats] = []
    left, mass = cells, 1.0
    for i, weight in enumerate(weights[:-1]):
        here = thin(luck[:, i], left, np.full(len(cells), min(weight / mass, 1.0)))
        out.append(here)
        left, mass = left - here, mass - weight
    return [*out, left]


def thin(u: Floats, cells: Floats, share: Floats) -> Floats:
    """Return the quantile at `u` of the number of cells that a share picks: binomial, or its limits for many cells.

    Parameters
    ----------
    u : ndarray, shape (n,)
        In (0, 1).
    cells : ndarray, shape (n,)
        Whole numbers.
    share : ndarray, shape (n,)
        0 to 1.

    Returns
    -------
    ndarray, shape (n,)
        Whole numbers from 0 to `cells`.
    """
    rare = share <= 0.5
    p = np.where(rare, share, 1.0 - share)
    luck = np.where(rare, u, 1.0 - u)
    mean = cells * p
    some = mean > 0.0
    number = np.zeros_like(cells)
    for chosen, law in (
        (some & (cells <= _EXACT), _binomial),
        (some & (cells > _EXACT) & (mean < _NORMAL), _poisson),
        (some & (cells > _EXACT) & (mean >= _NORMAL), _normal),
    ):
        if chosen.any():
            number[chosen] = law(luck[chosen], cells[chosen], p[chosen])
    number = np.clip(number, 0.0, cells)
    return np.where(rare, number, cells - number)


def _binomial(u: Floats, size: Floats, p: Floats) -> Floats:
    k = np.clip(np.ceil(bdtrik(u, size, p)), 0.0, size)
    less = np.maximum(k - 1.0, 0.0)
    return np.asarray(np.where(bdtr(less, size.astype(np.int64), p) >= u, less, k))


def _poisson(u: Floats, size: Floats, p: Floats) -> Floats:
    k = np.ceil(pdtrik(u, size * p))
    less = np.maximum(k - 1.0, 0.0)
    return np.asarray(np.where(pdtr(less, size * p) >= u, less, k))


def _normal(u: Floats, size: Floats, p: Floats) -> Floats:
    return np.asarray(np.floor(size * p + np.sqrt(size * p * (1.0 - p)) * ndtri(u) + 0.5))


def _host(sheet: Sheet, burden: Floats) -> Columns:
    """B cells, lymphocytes, normal marrow and anti-CAR lymphocytes before treatment."""
    size = sheet.parameter("weight") / 70.0
    marrow = np.maximum(1.0 - burden, 0.0)
    share = sheet.value("b_cells", None)
    out = {
        "normal_marrow_fraction": marrow,
        "b_cells": np.floor(share * marrow * sheet.parameter("b_cells_healthy") * size),
        "host_lymphocytes": np.floor(sheet.parameter("host_lymphocytes_healthy") * size),
    }
    if sheet.design.products:
        out["il6"] = sheet.parameter("il6_baseline")
    starts = {s.name: float(s.initial) for s in sheet.network.all_species}
    for construct, products in sheet.design.constructs.items():
        name = f"anti_car_{construct}"
        factor = sheet.value("immunogenicity", sheet.products[products[0].name].immunogenicity)
        out[name] = np.floor(starts[name] * size * factor * sheet.value("anti_car", None))
    return out
