"""Check a scenario's ``parameters`` against the model that it builds: their names, units and signs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from sim.models.agents import RANGES, SINGLE_CELL_PARAMETERS
from sim.models.leukaemia import build
from sim.trial.problems import Problem, show, suggest
from sim.trial.quantities import base_name
from sim.trial.regimen import design_of

if TYPE_CHECKING:
    from sim.network.elements import Parameter
    from sim.trial.laws import Law
    from sim.trial.scenario import Scenario

__all__ = ["parameter_problems", "range_problems", "value_problems"]

# Spellings of "no unit" in models and scenarios.
_PLAIN = frozenset({"", "1", "fraction", "healthy = 1"})


def parameter_problems(scenario: Scenario, parameters: Iterable[Parameter] | None = None) -> list[Problem]:
    """Return a problem for each parameter that the scenario's model does not have or cannot take.

    Parameters
    ----------
    scenario : Scenario
        A name that ends without its product stands for all products.
    parameters : iterable of Parameter, optional
        Those of the scenario's network, where it has been built already.

    Returns
    -------
    list of Problem
    """
    products = scenario.used_products()
    declared = build(design_of(scenario)).all_parameters if parameters is None else parameters
    own = {parameter.name: parameter for parameter in declared}
    known = {base_name(name, products): parameter for name, parameter in own.items()} | own
    problems = []
    for name, law in scenario.parameters.items():
        place = ("parameters", name)
        if name in known:
            problems += [problem.under(place) for problem in value_problems(law, known[name])]
            if scenario.engine.kernel == "agents":
                problems += [problem.under(place) for problem in range_problems(law, known[name], RANGES)]
        elif name in SINGLE_CELL_PARAMETERS:
            rule = f"is of single cells, which kernel {scenario.engine.kernel} has not"
            problems.append(
                Problem(place, show(law.median()), rule, "remove it, or take engine.kernel: agents")
            )
        else:
            fix = suggest(name, known, f"cartsim show {scenario.name} --parameters lists them")
            problems.append(Problem(place, show(law.median()), "names no parameter of the model", fix))
    return problems


def range_problems(
    law: Law, parameter: Parameter, ranges: Mapping[str, tuple[float, float, bool]]
) -> Iterator[Problem]:
    """Yield what is wrong with a law beside the bounds of a parameter: lower, upper, and whether the lower one is excluded."""
    low, high, open_low = ranges.get(parameter.name, (-math.inf, math.inf, False))
    least, most = law.support()
    if least < low or most > high or (open_low and least <= low):
        above = "more than" if open_low else "at least"
        rule = (
            f"must be {above} {low:g}"
            if high == math.inf
            else f"must be {above} {low:g} and at most {high:g}"
        )
        # A law that reaches its bound with no probability, as a log-normal one does, is no fault.
        if not (open_low and law.varies and least == low and most <= high):
            yield Problem(
                (), law.describe() if law.varies else show(law.median()), rule, "give a number in that range"
            )


def value_problems(law: Law, parameter: Parameter) -> Iterator[Problem]:
    """Yield what is wrong with a law: its unit, or a sign that no rate, time or amount of the model has."""
    same = law.unit == parameter.unit or {law.unit, parameter.unit} <= _PLAIN
    # A number without a unit is in the model's.
    if not same and law.unit != "1":
        unit = parameter.unit or "1"
        yield Problem(
            ("unit",), f"'{law.unit}'", f"must be a unit of the model's {unit}", f"give it in '{unit}'"
        )
    low = law.support()[0]
    if low < 0.0 <= parameter.value:
        fix = "give a number in that range" if not law.varies else f"the law reaches {low:g}; add low: 0"
        yield Problem((), law.describe() if law.varies else show(low), "must be at least 0", fix)
