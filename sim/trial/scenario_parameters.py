"""Check a scenario's ``parameters`` against the model that it builds: their names, units and signs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from sim.models.agents import RANGES, SINGLE_CELL_PARAMETERS
from sim.models.leukaemia import build
from sim.models.ranges import DAUGHTERS, SHARES, Range
from sim.trial.laws import Bernoulli, Fixed, Law, Mix
from sim.trial.problems import Problem, show, suggest
from sim.trial.quantities import base_name, default_law
from sim.trial.regimen import design_of
from sim.units import dimension_of, most

if TYPE_CHECKING:
    from sim.network.elements import Parameter
    from sim.trial.scenario import Scenario

__all__ = ["chance_problems", "parameter_problems", "range_of", "value_problem"]

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
    ranges = RANGES if scenario.engine.kernel == "agents" else {}
    problems = []
    for name, law in scenario.parameters.items():
        place = ("parameters", name)
        if name in known:
            wrong = value_problem(law, known[name], range_of(known[name], ranges, products))
            problems += [] if wrong is None else [wrong.under(place)]
        elif name in SINGLE_CELL_PARAMETERS:
            rule = f"is of single cells, which kernel {scenario.engine.kernel} has not"
            problems.append(
                Problem(place, show(law.median()), rule, "remove it, or take engine.kernel: agents")
            )
        else:
            fix = suggest(name, known, f"cartsim show {scenario.name} --parameters lists them")
            problems.append(Problem(place, show(law.median()), "names no parameter of the model", fix))
    if not problems:
        # A law counts with the least that it gives: a patient of its tail ends with a status.
        least = {name: _least(scenario, own[name], products) for chances in DAUGHTERS for name in chances}
        if not scenario.model.antigen_grid.lineage_switch:
            least["lineage_switch_rate"] = 0.0
        problems += chance_problems(least, scenario.parameters)
    return problems


def _least(scenario: Scenario, parameter: Parameter, products: tuple[str, ...]) -> float:
    """Return the least that the law of a parameter gives, the model's own where the scenario has none."""
    value = float(parameter.value)
    law = scenario.parameters.get(parameter.name) or default_law(
        parameter.name, value, parameter.unit, products
    )
    return value if law is None else law.support()[0]


def chance_problems(values: Mapping[str, float], given: Collection[str]) -> list[Problem]:
    """Return a problem for each parameter by which what may befall a daughter is more than certain.

    Parameters
    ----------
    values : mapping of str to float
        Parameters of `DAUGHTERS`, each at least 0.
    given : collection of str
        Parameters that the scenario or assay sets.

    Returns
    -------
    list of Problem
        Each of the greatest given chance of a sum.
    """
    found: dict[str, Problem] = {}
    for chances in DAUGHTERS:
        terms = {name: weight * values[name] for name, weight in chances.items()}
        ours = [name for name in terms if name in given]
        total = sum(terms.values())
        if ours and total > 1.0:
            greatest = max(ours, key=lambda name: terms[name])
            words = " + ".join(f"{w:g}*{name}" if w != 1.0 else name for name, w in chances.items())
            rule = f"{words} must be at most 1, as chances of one daughter, and is {total:.15g}"
            found.setdefault(
                greatest, Problem(("parameters", greatest), show(values[greatest]), rule, "lower it")
            )
    return list(found.values())


def range_of(parameter: Parameter, ranges: Mapping[str, Range], products: tuple[str, ...]) -> Range:
    """Return what a parameter may be.

    Parameters
    ----------
    parameter : Parameter
    ranges : mapping of str to Range
        Those of some kernel or design, by the parameter's name.
    products : tuple of str
        Names of the products, which end those of parameters.

    Returns
    -------
    Range
        That of its name, or of all shares; for others no rate, time or amount of the model is below 0.
    """
    sign = Range(0.0 if parameter.value >= 0.0 else -math.inf)
    return ranges.get(parameter.name) or SHARES.get(base_name(parameter.name, products)) or sign


def value_problem(law: Law, parameter: Parameter, allowed: Range) -> Problem | None:
    """Return the first that is wrong with the law of a parameter: its unit, or what it may be.

    Parameters
    ----------
    law : Law
    parameter : Parameter
        Of the network.
    allowed : Range
        What the parameter may be, see `range_of`.

    Returns
    -------
    Problem or None
        Its place begins at the parameter.
    """
    same = law.unit == parameter.unit or {law.unit, parameter.unit} <= _PLAIN
    # A number without a unit is in the model's.
    if not same and law.unit != "1":
        unit = parameter.unit or "1"
        return Problem(
            ("unit",), f"'{law.unit}'", f"must be a unit of the model's {unit}", f"give it in '{unit}'"
        )
    least, greatest = law.support()
    # A law that reaches an excluded bound with no probability, as a log-normal one does, is no fault.
    steps = isinstance(law, Fixed | Mix | Bernoulli)
    below = least < allowed.low or (allowed.open_low and steps and least == allowed.low)
    above = greatest > allowed.high or (allowed.open_high and steps and greatest == allowed.high)
    given, typical = law.describe() if law.varies else show(law.median()), most(dimension_of(parameter.unit))
    if below or above:
        bound = (
            f"{least:g}; add low: {allowed.low:g}" if below else f"{greatest:g}; add high: {allowed.high:g}"
        )
        return Problem(
            (), given, _rule(allowed), "give a number in that range" if steps else f"the law reaches {bound}"
        )
    if law.median() > typical:
        return Problem((), given, f"must be at most {typical:g} ({parameter.unit})", "check the unit")
    return None


def _rule(allowed: Range) -> str:
    """Say a range in words."""
    least = f"must be {'more than' if allowed.open_low else 'at least'} {allowed.low:g}"
    most = f"{'less than' if allowed.open_high else 'at most'} {allowed.high:g}"
    return least if allowed.high == math.inf else f"{least} and {most}"
