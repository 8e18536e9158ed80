"""The wells of a killing assay: cells are made, put together, and counted at the hours asked for.

Each well is one row of `sim.network.agents`: target cells and CAR T cells one by one, in a medium. Its luck is keyed by the seed, the place of
its condition (line, product, ratio) and its number, so that neither threads nor other wells change a byte.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product as combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.dish.assay import CONTROL, KillingAssay, design_of_dish, effectors_of
from sim.kernels.pausing import PAUSED
from sim.models.agents import agent_model
from sim.models.leukaemia import build
from sim.network.agent_model import AgentModel
from sim.network.agents import AgentRow, Agents
from sim.network.cells import Cells
from sim.network.crew import Crew
from sim.network.streams import PURPOSES, uniforms
from sim.network.t_cells import PHENOTYPES, TCells
from sim.network.workers import over_threads

__all__ = ["MOST_KILLS", "Condition", "Well", "conditions", "simulate_wells"]

Floats = NDArray[np.float64]
HOURS_A_DAY = 24.0
LN10 = math.log(10.0)
MOST_KILLS = 30
"""Kills of one CAR T cell are counted one by one up to here, and together from here on."""
OBSERVED = ("leukaemia_cells", "cd19_mean_density", "cd22_mean_density")


@dataclass(frozen=True)
class Condition:
    """What is the same in some wells: target line, product, and effectors for each target."""

    line: str
    product: str
    ratio: float


@dataclass(frozen=True, eq=False)
class Well:
    """What was seen of one well.

    Attributes
    ----------
    condition : Condition
    number : int
    status : int
    values : ndarray, shape (hours, 7)
        Target cells, their mean CD19 and CD22 (molecules/cell), memory cells, effectors, exhausted cells, mean division age; NaN after a failure.
    kills : ndarray of int, shape (MOST_KILLS + 1,)
        CAR T cells alive at the end, by the targets that they killed.
    """

    condition: Condition
    number: int
    status: int
    values: Floats
    kills: NDArray[np.int64]


def conditions(assay: KillingAssay) -> list[Condition]:
    """Return all conditions, wells without CAR T cells first of each line and product."""
    ratios = (CONTROL, *(float(ratio) for ratio in assay.dish.ratios))
    return [Condition(*one) for one in combinations(assay.lines, assay.products, ratios)]


def simulate_wells(
    assay: KillingAssay,
    seed: int,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Well]:
    """Simulate all wells of an assay.

    Parameters
    ----------
    assay : KillingAssay
    seed : int
    threads : int, optional
        Changes no number.
    progress : callable(done, total), optional
        Counts wells.

    Returns
    -------
    list of Well
        By condition, then number.
    """
    listed = conditions(assay)
    models = {name: _model(assay, name) for name in assay.products}
    wells = assay.dish.wells
    found: list[Well | None] = [None] * (len(listed) * wells)

    def work(i: int) -> int:
        place, number = divmod(i, wells)
        with np.errstate(all="ignore"):
            found[i] = _simulate(assay, models[listed[place].product], listed[place], (seed, place, number))
        return 1

    # What is loaded and compiled on the way adds to numba's table of types, which no other thread may read meanwhile.
    for product, model in models.items():
        _fill(assay, model, next(one for one in listed if one.product == product), (seed, 0, 0))
    over_threads(work, range(len(found)), len(found), threads, progress)
    return [well for well in found if well is not None]


def _model(assay: KillingAssay, product: str) -> AgentModel:
    design = design_of_dish(assay, product)
    return agent_model(design, build(design))


class _Filled(NamedTuple):
    """A well into which the cells have been put."""

    row: AgentRow
    cells: Cells
    t_cells: TCells
    sampled: NDArray[np.bool_]
    columns: int


def _fill(assay: KillingAssay, model: AgentModel, condition: Condition, key: tuple[int, int, int]) -> _Filled:
    """Put the cells into a well."""
    dish, product = assay.dish, condition.product
    killers = model.killers[0]
    seen = (*OBSERVED, *(f"{what}_{product}" for what in PHENOTYPES), killers.age)
    days = np.array(dish.sampled, dtype=np.float64) / HOURS_A_DAY
    # The course begins when the cells meet, whether or not they are looked at then.
    times = np.unique(np.concatenate([[0.0], days]))
    parameters = assay.values_of(condition.line, product)
    options = Agents(step=dish.step / HOURS_A_DAY, capacity=dish.room)
    t_cells, numbers = TCells(dish.room), _effectors(assay, condition)
    t_cells.add(0, numbers)
    initial = {f"{what}_{product}": float(n) for what, n in numbers.items()}
    initial["dish_cells"], initial[f"programme_{product}"] = float(dish.targets), assay.programme_of(product)
    known = {p.name for p in model.surroundings.all_parameters}
    own = {name: value for name, value in parameters.items() if name in known}
    row = AgentRow(model, options, times, seen, key, own, initial, t_cells)
    cells = Cells(dish.room)
    cells.fill(
        *_targets(
            dish.targets,
            dict(zip(row.surroundings.compiled.parameters, row.surroundings.p, strict=True)),
            key,
        )
    )
    return _Filled(row, cells, t_cells, np.isin(times, days), len(seen))


def _simulate(
    assay: KillingAssay, model: AgentModel, condition: Condition, key: tuple[int, int, int]
) -> Well:
    row, cells, t_cells, sampled, columns = _fill(assay, model, condition, key)
    outcome = row.live(cells, 0.0, Crew())
    if outcome == PAUSED:
        outcome = row.surroundings.advance(math.inf)
    kills = np.bincount(np.minimum(t_cells.gather()[1][1], MOST_KILLS), minlength=MOST_KILLS + 1)
    values = row.surroundings.out[sampled, :columns].copy()
    return Well(condition, key[2], outcome, values, kills.astype(np.int64))


def _effectors(assay: KillingAssay, condition: Condition) -> dict[str, int]:
    """Return the CAR T cells that are put into a well."""
    total = effectors_of(assay.dish, condition.ratio)
    memory = round(total * assay.dish.memory_fraction)
    return {"memory": memory, "effectors": total - memory, "exhausted": 0}


def _targets(
    n: int, p: Mapping[str, float], key: tuple[int, int, int]
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.int32]]:
    """Make target cells, each a line of its own, with two copies of CD19 and densities from their stationary law."""
    from scipy.special import ndtri

    from sim.kernels import agent_layout as kernel

    seed, condition, well = key
    luck: Any = uniforms(seed, [condition], PURPOSES["handing over"], replicate=well, count=2 * n)[0]
    values = np.zeros((kernel.VALUES, n), np.float32)
    for k, antigen in enumerate(("cd19", "cd22")):
        away = LN10 * p[f"{antigen}_spread"] * ndtri(luck[k * n : (k + 1) * n])
        values[kernel.LN19 + k] = math.log(p[f"{antigen}_density"]) + away
    marks = np.zeros((kernel.MARKS, n), np.uint8)
    marks[kernel.COPIES] = 2
    return values, marks, np.arange(n, dtype=np.int32)
