"""Biology of the patients and of their products: parameters of the model that a scenario sets, or that vary by default."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sim.errors import ScenarioError
from sim.models.mortality import causes
from sim.trial.laws import Law
from sim.trial.quantities import base_name, default_law
from sim.trial.scenario_parameters import parameter_problems
from sim.trial.scenario_schema import Product
from sim.trial.sheet import Floats, Sheet

__all__ = ["draw_biology", "failed", "fitness"]


def draw_biology(sheet: Sheet) -> None:
    """Fill the parameters of leukaemia, host and products, and the limits of the cumulative hazards.

    Raises
    ------
    ScenarioError
        When the scenario sets a parameter that the model does not have or cannot take.
    """
    wrong = parameter_problems(sheet.scenario, sheet.network.all_parameters)
    if wrong:
        raise ScenarioError(*(problem.line() for problem in wrong))
    laws = {**sheet.laws, **dict(_laws_of_scenario(sheet))}
    laws.setdefault("weight", sheet.traits.weight)
    if sheet.traits.growth is not None:
        laws["net_growth_rate"] = sheet.traits.growth
    for name, (value, unit) in sheet.defaults.items():
        base = base_name(name, tuple(sheet.products))
        law = laws.get(name)
        sheet.set(name, base, default_law(name, value, unit, tuple(sheet.products)) if law is None else law)
    for name, product in sheet.products.items():
        _draw_product(sheet, name, product)
    for cause in causes(sheet.design):
        # Time to death by a cause: its cumulative hazard passes an Exp(1) number.
        sheet.parameters[f"limit_{cause}"] = -np.log(sheet.draws.uniform(f"limit_{cause}"))


def _laws_of_scenario(sheet: Sheet) -> Iterator[tuple[str, Law]]:
    """Laws of the ``parameters`` block (a name without its product stands for all products) and of the node."""
    products = tuple(sheet.products)
    bases = {full: base_name(full, products) for full in sheet.defaults}
    for name, law in sheet.scenario.parameters.items():
        for full, base in bases.items():
            if name in (full, base):
                yield full, law
    node = sheet.scenario.node_of(sheet.arm)
    for what in ("access", "share", "exchange"):
        given = None if node is None else getattr(node, what)
        if given is not None:
            yield f"node_{what}", given


def _draw_product(sheet: Sheet, name: str, product: Product) -> None:
    """Fill the parameters that a product's block sets, and what failure and costimulation do to it."""
    sheet.set(f"stimulation_shift_{name}", "stimulation_shift", product.stimulation_shift)
    sheet.set(f"effector_division_rate_{name}", "effector_division_rate", product.expansion)
    sheet.set(f"memory_fraction_{name}", "memory_fraction", product.memory_fraction)
    for target in product.targets:
        sheet.set(f"threshold_{name}_{target}", f"threshold_{target}", product.threshold_of(target))
        sheet.set(f"strength_{name}_{target}", f"strength_{target}", product.arm_strength_of(target))
    death, rate = f"memory_death_rate_{name}", f"effector_division_rate_{name}"
    if product.memory_death is not None:
        sheet.set(death, "memory_death_rate", product.memory_death)
    elif product.costimulation == "cd28" and not {"memory_death_rate", death} & set(
        sheet.scenario.parameters
    ):
        sheet.parameters[death] = sheet.parameter(death) * sheet.value("cd28_memory_death_ratio", None)
    division = sheet.parameter(rate)
    left = sheet.value("failed_expansion", None)
    sheet.parameters[rate] = np.where(failed(sheet, product), left * division, division)


def failed(sheet: Sheet, product: Product) -> NDArray[np.bool_]:
    """Say whose product has a short programme; it is the same for all that are made from one patient."""
    return sheet.value("failure", product.failure) > 0.5


def fitness(sheet: Sheet, name: str, order: int) -> Floats:
    """Return the programme (e-folds) of the product infused at a place of the arm's list."""
    product = sheet.products[name]
    programme = sheet.draws.fitness(sheet.law("fitness", product.fitness), order) * np.exp(
        product.fitness_offset
    )
    left = sheet.value("failed_programme", None)
    if sheet.traits.t_cell_fitness is not None:
        programme = programme * sheet.draws.value("t_cell_fitness", sheet.traits.t_cell_fitness)
    out: Floats = np.where(failed(sheet, product), left * programme, programme)
    return out
