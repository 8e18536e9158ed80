"""Check the names of a scenario's ``parameters`` against the model that it builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.models.leukaemia import build
from sim.trial.problems import Problem, show, suggest
from sim.trial.quantities import base_name
from sim.trial.regimen import design_of

if TYPE_CHECKING:
    from sim.trial.scenario import Scenario

__all__ = ["unknown_parameters"]


def unknown_parameters(scenario: Scenario) -> list[Problem]:
    """Return a problem for each name that the scenario's model does not have.

    Parameters
    ----------
    scenario : Scenario
        A name that ends without its product stands for all products.

    Returns
    -------
    list of Problem
    """
    products = scenario.used_products()
    full = {parameter.name for parameter in build(design_of(scenario)).all_parameters}
    known = full | {base_name(name, products) for name in full}
    return [
        Problem(
            ("parameters", name),
            show(law.median()),
            "names no parameter of the model",
            suggest(name, known, f"cartsim show {scenario.name} --parameters lists them"),
        )
        for name, law in scenario.parameters.items()
        if name not in known
    ]
