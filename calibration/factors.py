"""Factors of a sensitivity analysis: numbers of a scenario's model that are not known, each with the law it has a priori and its kind of evidence.

A factor is a number that all patients share, or the median of a law between patients; how widely patients differ around it stays as it is. Its
law a priori is, in this order,

1. the prior of the calibration (`calibration.priors`): log-normal; where a scenario sets the quantity itself, around what it says;
2. a range that the literature or the model's design states (`calibration.ranges`): even in the logarithm, or linearly where that is said, and scaled where a
   scenario sets another value than the model's;
3. by convention half to twice the value, even in the logarithm, cut where a share ends. The breadth is assumed, whatever the value rests on.

What is done to patients (doses, days, depth of chemotherapies), who they are (weight, age, earlier therapy) and how they are examined is no factor:
a trial declares it. What is held and why is in `Opened.held`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibration.priors import BETWEEN_TRIALS, QUANTITIES
from calibration.ranges import CONVENTION, RANGES, RIDGES
from sim.models import agents
from sim.network.elements import Parameter
from sim.trial.draws import Score
from sim.trial.law_base import Kind
from sim.trial.laws import Bernoulli, Fixed, Law, Lognormal, Loguniform, Normal, Uniform
from sim.trial.quantities import DEFAULTS, PURPOSES, base_name, default_law
from sim.trial.scenario import Scenario
from sim.trial.scenario_parameters import range_of
from sim.trial.sheet import network_of
from sim.trial.treatment import DEPTH, DEPTH_SPREAD

__all__ = ["Factor", "Opened", "factors_of"]

Floats = NDArray[np.float64]


_PRIORS = {one.name: one for one in QUANTITIES}
_FIELDS = {
    "stimulation_shift": "stimulation_shift",
    "effector_division_rate": "expansion",
    "memory_death_rate": "memory_death",
    "memory_fraction": "memory_fraction",
    "threshold_cd19": "threshold",
    "threshold_cd22": "threshold",
    "strength_cd19": "arm_strength",
    "strength_cd22": "arm_strength",
    "engraftment": "engraftment",
    "fitness": "fitness",
    "failure": "failure",
    "immunogenicity": "immunogenicity",
}
"""Quantity -> field of a product's block that sets it."""
_TRAITS = ("fitness", "engraftment", "failure", "immunogenicity", "anti_car", "b_cells")
_DONE = (
    "chemotherapy",
    "lymphodepletion",
    "transplant",
    "infusion",
    "decision",
    "tocilizumab",
    "steroid",
    "limit",
)
"""First words of parameters that say what is done to patients, or hold a patient's luck."""
_BOUNDS = {"stimulation_shift": (1.0, math.inf)}
_SHARES = frozenset(("engraftment", "b_cells", "failure", "lymphodepletion_depth", "non_relapse_mortality"))
"""Traits that are shares; those of the network have their bounds there."""


@dataclass(frozen=True)
class Factor:
    """A number that is not known.

    Attributes
    ----------
    name : str
        As in `sim.trial.quantities`; where several products have the number, it moves in all of them by the same factor.
    law : Law
        A priori, of the number itself, with kind of evidence and source; that of the first product where products differ.
    between : Law, optional
        Law between patients whose median it is; None for a number that all patients share.
    note : str
    """

    name: str
    law: Law
    between: Law | None = None
    note: str = ""

    @property
    def kind(self) -> Kind:
        """Kind of evidence."""
        return self.law.kind

    def score(self, u: Floats) -> Score:
        """Return how patients are drawn where the factor is at these quantiles of its law, shape (n,), one for each patient.

        A number that all share is that quantile in everybody: his own luck has scale 0.
        """
        if self.between is None:
            return Score(np.asarray(ndtri(u), dtype=np.float64), 0.0)
        return self.score_of(self.law.quantile(u))

    def score_of(self, values: Floats) -> Score:
        """Return how patients are drawn where the median between them has these values, shape (n,).

        Raises
        ------
        ValueError
            When the factor is a number that all patients share, which no draws can move.
        """
        law = self.between
        if isinstance(law, Lognormal):
            return Score(np.log(np.asarray(values) / law.centre) / law.log_sd)
        if isinstance(law, Normal):
            return Score((np.asarray(values) - law.mean) / law.sd)
        if isinstance(law, Bernoulli):
            return Score(np.asarray(ndtri(values) - ndtri(law.probability)))
        raise ValueError(
            f"{self.name}: the same in all patients; draws are of medians between patients; leave it out"
        )


@dataclass(frozen=True, eq=False)
class Opened:
    """A scenario whose unknown numbers can be moved.

    Attributes
    ----------
    scenario : Scenario
        With a law wherever a factor is a number that all patients share.
    factors : tuple of Factor
    held : mapping of str to str
        Numbers that are no factor although the model has them, with the reason.
    """

    scenario: Scenario
    factors: tuple[Factor, ...]
    held: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the factors."""
        return tuple(factor.name for factor in self.factors)


def factors_of(scenario: Scenario) -> Opened:
    """Return the factors of a scenario.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    Opened

    Examples
    --------
    >>> from sim.trial.scenario_io import load
    >>> opened = factors_of(load("fry2018-cd22"))
    >>> {factor.name: factor.law.describe() for factor in opened.factors}["threshold_cd22"]
    'loguniform (low 750, high 3000) molecules/cell'
    """
    known = _known(scenario)
    factors: list[Factor] = []
    changes: dict[str, Any] = {}
    held: dict[str, str] = {}
    for name, parameter in known.items():
        reason = _reason_to_hold(scenario, name, parameter)
        found = reason or _factor(scenario, name, parameter)
        if isinstance(found, str):
            held[name] = found
        else:
            factor, own = found
            factors.append(factor)
            changes |= {path: law.form() for path, law in own.items()}
    held |= dict.fromkeys(_constants(scenario), "a constant of the patients' laws that no scenario sets")
    return Opened(scenario.with_(changes) if changes else scenario, tuple(factors), held)


def _known(scenario: Scenario) -> dict[str, Parameter | None]:
    """Return the quantities that the scenario's patients have, with the network's parameter where there is one."""
    products = scenario.used_products()
    found: dict[str, Parameter | None] = {}
    for parameter in network_of(scenario).all_parameters:
        name = base_name(parameter.name, products)
        if name != "weight":
            found.setdefault(name, parameter)
    traits = list(_TRAITS) if products else ["b_cells"]
    if scenario.patients.prior_cd19_therapy.probability > 0.0:
        traits.append("cd19_clone_factor")
    if scenario.lymphodepletion is not None and products:
        traits += ["lymphodepletion_depth", "lymphodepletion_log_kill"]
    if scenario.transplant is not None:
        traits += ["transplant_log_kill", "non_relapse_mortality"]
    return {**found, **dict.fromkeys(traits), "burden": None}


def _reason_to_hold(scenario: Scenario, name: str, parameter: Parameter | None) -> str:
    """Return why a number of the network is no factor; empty when it may be one."""
    if parameter is None:
        return ""
    if name.split("_", maxsplit=1)[0] in _DONE or name == "fitness":
        return "what is done to patients, drugs included, or their own luck"
    if name not in PURPOSES:
        return "has no place among the laws of patients"
    if name.startswith("strength_") and all(
        len(scenario.products[one].targets) == 1 for one in scenario.used_products()
    ):
        return "1 by definition in a receptor with one target"
    return ""


def _constants(scenario: Scenario) -> list[str]:
    """Return the numbers of the patients' laws that have no place in a scenario."""
    products = [scenario.products[one] for one in scenario.used_products()]
    ratio = ["cd28_memory_death_ratio"] if any(one.costimulation == "cd28" for one in products) else []
    return [*(["failed_programme", "failed_expansion"] if products else []), *ratio]


def _factor(
    scenario: Scenario, name: str, parameter: Parameter | None
) -> tuple[Factor, dict[str, Law]] | str:
    """Return a factor and the laws that the scenario needs for it, or why it is none."""
    if name == "burden":
        return _burden(scenario), {}
    places = dict(_places(scenario, name, parameter))
    laws = list(places.values())
    breadth = None if name not in _PRIORS else _PRIORS[name].between
    if breadth is not None and list(places) == [f"parameters.{name}"] and name not in scenario.parameters:
        # The calibration gives these some breadth between patients, and its prior is of their median.
        low, high = _bounds(scenario, name, parameter)
        between = Lognormal(centre=laws[0].median(), log_sd=breadth, low=low, high=high, unit=laws[0].unit)
        return Factor(name, _prior(scenario, name, laws[0], parameter), between), {
            f"parameters.{name}": between
        }
    if all(isinstance(law, Fixed) for law in laws):
        if any(law.median() <= 0.0 for law in laws):
            return f"{laws[0].median():g} here, and a range of factors has no place for it"
        moved = {path: _prior(scenario, name, law, parameter) for path, law in places.items()}
        return Factor(name, next(iter(moved.values())), None, _note(name)), moved
    first = laws[0]
    if any(type(law) is not type(first) or _breadth(law) != _breadth(first) for law in laws):
        return "its laws differ in kind or breadth from product to product"
    if _breadth(first) is None:
        return f"a law between patients without a breadth to move it by: {first.describe()}"
    return Factor(name, _prior(scenario, name, first, parameter), first, _note(name)), {}


def _burden(scenario: Scenario) -> Factor:
    """Return the burden, which trials differ in beyond what they declare: the ratio by which its law is moved."""
    grid = (np.arange(2000) + 0.5) / 2000
    spread = float(np.log(np.maximum(scenario.patients.burden.quantile(grid), 1e-12)).std())
    law = Lognormal(centre=1.0, log_sd=BETWEEN_TRIALS, source="SD between trials, as in the calibration")
    return Factor(
        "burden", law, Lognormal(centre=1.0, log_sd=max(spread, 1e-3)), "ratio to the declared burden"
    )


def _places(scenario: Scenario, name: str, parameter: Parameter | None) -> Iterator[tuple[str, Law]]:
    """Yield where a quantity's law is set, and the law."""
    if name not in _FIELDS:
        yield _place_outside(scenario, name, parameter)
        return
    field, _, target = _FIELDS[name], *name.partition("_cd")[1:]
    for product in scenario.used_products():
        block = scenario.products[product]
        if target and f"cd{target}" not in block.targets:
            continue
        given = getattr(block, field)
        if given is not None and not isinstance(given, Law):
            yield f"products.{product}.{field}.cd{target}", given[f"cd{target}"]
        elif given is not None:
            yield f"products.{product}.{field}", given
        elif parameter is None:
            yield f"products.{product}.{field}", DEFAULTS[name]
        else:
            yield _place_outside(scenario, name, parameter, product)


def _place_outside(
    scenario: Scenario, name: str, parameter: Parameter | None, product: str = ""
) -> tuple[str, Law]:
    """Return where a law is set that no product's block sets."""
    for own in (f"{name}_{product}", name) if product else (name,):
        if own in scenario.parameters:
            return f"parameters.{own}", scenario.parameters[own]
    block, patients = scenario.lymphodepletion, scenario.patients
    if name == "lymphodepletion_depth" and block is not None:
        host = DEPTH[block.fludarabine, block.cyclophosphamide].host
        usual = Lognormal(centre=host, log_sd=DEPTH_SPREAD, high=1.0, unit="fraction")
        return "lymphodepletion.depth", block.depth or usual
    if name == "lymphodepletion_log_kill" and block is not None:
        return "lymphodepletion.log_kill", block.log_kill or DEFAULTS[name]
    plan = scenario.transplant
    if plan is not None and name in (
        "transplant_log_kill",
        "non_relapse_mortality",
        "graft_versus_leukaemia",
    ):
        field = {"transplant_log_kill": "conditioning_log_kill"}.get(name, name)
        given = getattr(plan, field)
        if given is not None or parameter is None:
            return f"transplant.{field}", given or DEFAULTS[name]
    node = scenario.model.node
    if name.startswith("node_") and node is not None and getattr(node, name[5:], None) is not None:
        return f"model.node.{name[5:]}", getattr(node, name[5:])
    if name == "net_growth_rate" and patients.growth is not None:
        return "patients.growth", patients.growth
    if name == "cd19_clone_factor":
        return "patients.cd19_clone_factor", patients.cd19_clone_factor or DEFAULTS[name]
    if parameter is None:
        return name, DEFAULTS[name]
    value = float(parameter.value)
    usual_law = default_law(parameter.name, value, _unit(parameter), scenario.used_products())
    kind: Any = parameter.kind or "assumed"
    return f"parameters.{name}", usual_law or Fixed(
        value=value, unit=_unit(parameter), kind=kind, source=parameter.source
    )


def _prior(scenario: Scenario, name: str, law: Law, parameter: Parameter | None) -> Law:
    """Return what a number may be a priori, around what a law says: its centre, or the prior of the calibration."""
    low, high = _bounds(scenario, name, parameter)
    centre = _centre(law)
    evidence: dict[str, Any] = {"unit": law.unit}
    prior = _PRIORS.get(name)
    if prior is not None:
        own = _is_own(scenario, name, law)
        evidence |= {"kind": prior.kind, "source": prior.source, "note": prior.note}
        return Lognormal(
            centre=centre if own else prior.median, log_sd=prior.log_sd, low=low, high=high, **evidence
        )
    stated = RANGES.get(name)
    if stated is None:
        least, greatest = centre / CONVENTION, centre * CONVENTION
        source = law.source or (parameter.source if parameter is not None else "")
        evidence |= {"kind": law.kind, "source": source, "note": "half to twice the value, by convention"}
        return Loguniform(low=max(least, low), high=min(greatest, high), **evidence)
    least, greatest = stated.low * centre / stated.at, stated.high * centre / stated.at
    evidence |= {"kind": stated.kind, "source": stated.source}
    return (Uniform if stated.linear else Loguniform)(
        low=max(least, low), high=min(greatest, high), **evidence
    )


def _is_own(scenario: Scenario, name: str, law: Law) -> bool:
    """Say whether a scenario sets a quantity itself."""
    given = (
        [getattr(scenario.products[one], _FIELDS[name]) for one in scenario.used_products()]
        if name in _FIELDS
        else []
    )
    return law in given or law in scenario.parameters.values() or law is scenario.patients.growth


def _bounds(scenario: Scenario, name: str, parameter: Parameter | None) -> tuple[float, float]:
    """Return what a number may be at all."""
    if name in _BOUNDS:
        return _BOUNDS[name]
    if parameter is None:
        return 0.0, 1.0 if name in _SHARES else math.inf
    ranges = agents.RANGES if scenario.engine.kernel == "agents" else {}
    allowed = range_of(parameter, ranges, scenario.used_products())
    return max(allowed.low, 0.0), allowed.high


def _centre(law: Law) -> float:
    """Return the number that a law is moved by: the centre before it is cut."""
    if isinstance(law, Lognormal):
        return law.centre
    if isinstance(law, Normal):
        return law.mean
    return law.probability if isinstance(law, Bernoulli) else law.median()


def _breadth(law: Law) -> float | None:
    """Return the breadth of a law between patients, None where it cannot be moved by its scores."""
    if isinstance(law, Lognormal):
        return law.log_sd
    if isinstance(law, Normal):
        return law.sd
    return 1.0 if isinstance(law, Bernoulli) and 0.0 < law.probability < 1.0 else None


def _unit(parameter: Parameter) -> str:
    """Return a parameter's unit as scenarios write it."""
    return "1" if parameter.unit in {"", "healthy = 1"} else parameter.unit


def _note(name: str) -> str:
    return f"on a ridge with {RIDGES[name]}" if name in RIDGES else ""
