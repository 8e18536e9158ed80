"""The killing assay as data: lines of target cells, CAR T cells of each product, the ratios at which they meet, and when one looks.

A file with a block ``dish`` describes an assay in place of a trial; products, parameters and numbers are written as in a trial.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from sim.models.agents import RANGES, SINGLE_CELL_PARAMETERS
from sim.models.design import Design, ProductDesign
from sim.models.dish import DISH_RANGES
from sim.models.leukaemia import build
from sim.network.elements import Parameter
from sim.trial.document import Document
from sim.trial.law_forms import Rule
from sim.trial.laws import Law
from sim.trial.problems import Problem, show, suggest
from sim.trial.quantities import DEFAULTS
from sim.trial.regimen import form_of
from sim.trial.scenario_fields import (
    Block,
    Freeze,
    Integer,
    Name,
    Quantity,
    Scalar,
    Share,
    Text,
    refuse,
)
from sim.trial.scenario_parameters import chance_problems, range_of, value_problem
from sim.trial.scenario_schema import Product

__all__ = ["Dish", "KillingAssay", "TargetLine", "design_of_dish", "dish_parameters", "effectors_of"]

_Density = Annotated[float, Scalar(Rule("density", low=0.0, open_low=True))]
_Spread = Annotated[float, Scalar(Rule("number", low=0.0, high=2.0))]
_Hour = Annotated[float, Scalar(Rule("number", low=0.0, high=1000.0))]
_Ratio = Annotated[float, Scalar(Rule("number", low=0.0, high=1000.0, open_low=True))]
NOT_IN_A_DISH = ("immunogenicity", "failure", "engraftment", "memory_fraction")
"""Fields of a product that have no meaning in a dish, which has a share of memory cells of its own."""
CONTROL = 0.0
"""The ratio of wells without CAR T cells, which every assay has: lysis is told against them."""


class TargetLine(Block):
    """Target cells of one kind; what is left out is the model's.

    Attributes
    ----------
    label : str
    cd19_density, cd22_density : float, optional
        Median, molecules/cell, above 0.
    cd19_spread, cd22_spread : float, optional
        SD between cells, log10.
    source, note : str
    """

    label: Text = ""
    cd19_density: _Density | None = None
    cd22_density: _Density | None = None
    cd19_spread: _Spread | None = None
    cd22_spread: _Spread | None = None
    source: Text = ""
    note: Text = ""

    @property
    def parameters(self) -> dict[str, float]:
        """Parameters of the network that the line sets."""
        names = ("cd19_density", "cd22_density", "cd19_spread", "cd22_spread")
        return {name: float(getattr(self, name)) for name in names if getattr(self, name) is not None}


class Dish(Block):
    """What is put together, for how long, and when it is looked at.

    Attributes
    ----------
    targets : int
        Target cells of a well.
    ratios : tuple of float
        Effector to target, ascending, each at least one CAR T cell in a well; wells without CAR T cells come on top.
    hours : float
        Length of the assay.
    sampled : tuple of float
        Hours at which cells are counted, ascending; the last is the end.
    wells : int
        Wells of each line, product and ratio.
    memory_fraction : float
        Share of memory cells among the CAR T cells.
    room : int
        Cells of a kind for which there is room in a well; one that needs more ends with the status ``capacity``.
    step : float
        Hours of a step between cells and medium.
    """

    targets: Annotated[Integer, Field(ge=1, le=5_000_000)] = 20_000
    ratios: Annotated[tuple[_Ratio, ...], Field(min_length=1, max_length=50)] = (0.25, 0.5, 1.0, 2.0, 4.0)
    hours: Annotated[float, Scalar(Rule("number", low=0.0, high=1000.0, open_low=True))] = 72.0
    sampled: Annotated[tuple[_Hour, ...], Field(min_length=1, max_length=500)] = (
        0.0,
        4.0,
        8.0,
        24.0,
        48.0,
        72.0,
    )
    wells: Annotated[Integer, Field(ge=1, le=10_000)] = 6
    memory_fraction: Share = 0.0
    room: Annotated[Integer, Field(ge=1, le=50_000_000)] = 1_000_000
    step: Annotated[float, Scalar(Rule("number", low=0.01, high=24.0))] = 0.5


class KillingAssay(Document):
    """One killing assay: the fields of every `Document`, and its own.

    Attributes
    ----------
    dish : Dish
    lines : dict of str to TargetLine
        Target cells; each is tried with each product.
    products : dict of str to Product
        As in a trial; of laws their medians are taken, as a well holds the cells of one donor. What only a patient does to a product
        (`NOT_IN_A_DISH`) is refused.
    parameters : dict of str to Law
        Parameters of the model that the assay sets, in the model's unit; of laws their medians.

    Examples
    --------
    >>> from sim.dish.reading import load_assay
    >>> assay = load_assay("killing-assay")
    >>> assay.dish.hours, sorted(assay.lines)
    (72.0, ['high', 'low'])
    """

    dish: Dish
    lines: Annotated[dict[Name, TargetLine], Field(min_length=1), Freeze]
    products: Annotated[dict[Name, Product], Field(min_length=1), Freeze]
    parameters: Annotated[dict[Name, Annotated[Law, Quantity(Rule())]], Freeze] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> KillingAssay:
        problems = [*_dish_problems(self.dish), *_product_problems(self), *_parameter_problems(self)]
        if problems:
            refuse(problems)
        return self

    def values_of(self, line: str, product: str) -> dict[str, float]:
        """Return the parameters of the network that a line and a product set, by name."""
        values = {name: law.median() for name, law in self.parameters.items()}
        given, laws = self.products[product], self.laws_of(product)
        if given.costimulation == "cd28" and given.memory_death is None:
            death = f"memory_death_rate_{product}"
            own = values.get(death, values.get("memory_death_rate", dish_parameters(self)[death].value))
            values[death] = own * DEFAULTS["cd28_memory_death_ratio"].median()
        values |= {name: law.median() for name, law in laws.items()}
        return values | self.lines[line].parameters

    def laws_of(self, product: str) -> dict[str, Law]:
        """Return the laws of the parameters of the network that a product's block gives."""
        given = self.products[product]
        laws = {
            f"stimulation_shift_{product}": given.stimulation_shift,
            f"effector_division_rate_{product}": given.expansion,
            f"memory_death_rate_{product}": given.memory_death,
        }
        for target in given.targets:
            laws[f"threshold_{product}_{target}"] = given.threshold_of(target)
            laws[f"strength_{product}_{target}"] = given.arm_strength_of(target)
        return {name: law for name, law in laws.items() if law is not None}

    def programme_of(self, product: str) -> float:
        """Return the length of the programme of a product's cells, e-folds."""
        given = self.products[product]
        law = DEFAULTS["fitness"] if given.fitness is None else given.fitness
        return float(law.median() * math.exp(given.fitness_offset))


def design_of_dish(assay: KillingAssay, product: str, *, agents: bool = True) -> Design:
    """Return the structure of the network of one product's wells, with the cells as agents or as numbers by class."""
    given = assay.products[product]
    one = ProductDesign(product, tuple(given.targets), form_of(given))
    return Design(products=(one,), host=False, agents=agents, car_t_agents=agents)


def dish_parameters(assay: KillingAssay) -> dict[str, Parameter]:
    """Return the parameters of all wells by name, without what the cells tell."""
    known: dict[str, Parameter] = {}
    for product in assay.products:
        own = build(design_of_dish(assay, product)).all_parameters
        known |= {p.name: p for p in own if not p.description.startswith("told by")}
    return known


def effectors_of(dish: Dish, ratio: float) -> int:
    """Return the CAR T cells that are put into a well."""
    return round(dish.targets * ratio)


def _dish_problems(dish: Dish) -> list[Problem]:
    """Return what is wrong between the numbers of a dish, of each the first."""
    problems: dict[str, Problem] = {}

    def add(name: str, value: str, rule: str, fix: str) -> None:
        problems.setdefault(name, Problem(("dish", name), value, rule, fix))

    for name in ("ratios", "sampled"):
        values = getattr(dish, name)
        if any(b <= a for a, b in pairwise(values)):
            add(name, show(list(values)), "must ascend, each number once", "sort them and remove doubles")
    if dish.sampled[-1] != dish.hours:
        rule = f"must end with the hours of the assay ({dish.hours:g})"
        add("sampled", show(list(dish.sampled)), rule, "add the last hour, or change hours")
    for name, cells in (("targets", float(dish.targets)), ("ratios", dish.targets * max(dish.ratios))):
        if cells > dish.room:
            rule = f"must fit into the room for {dish.room} cells"
            add(name, f"{cells:.0f} cells", rule, "give fewer, or raise dish.room")
    if effectors_of(dish, min(dish.ratios)) < 1:
        rule = f"must be a CAR T cell at least, to {dish.targets} targets"
        add("ratios", f"{min(dish.ratios):g}", rule, "give more targets, or a greater ratio")
    return list(problems.values())


def _product_problems(assay: KillingAssay) -> list[Problem]:
    """Return what is said of a product that has no meaning in a dish."""
    return [
        Problem(
            ("products", name, key),
            law.describe(),
            "has no meaning in a dish",
            "remove it" if key != "memory_fraction" else "give dish.memory_fraction",
        )
        for name, product in assay.products.items()
        for key in NOT_IN_A_DISH
        if (law := getattr(product, key)) is not None
    ]


def _also_given(assay: KillingAssay, name: str) -> list[str]:
    """Return the blocks that give a parameter too."""
    lines = [f"lines.{line}" for line, block in assay.lines.items() if name in block.parameters]
    return lines + [f"products.{product}" for product in assay.products if name in assay.laws_of(product)]


def _parameter_problems(assay: KillingAssay) -> list[Problem]:
    """Return the first that is wrong with each parameter: unknown to a dish, another unit, out of its range, or given twice."""
    known, ranges, products = dish_parameters(assay), RANGES | DISH_RANGES, tuple(assay.products)
    problems = []
    for name, law in assay.parameters.items():
        place = ("parameters", name)
        if name not in known:
            fix = suggest(name, known, f"for example {', '.join(SINGLE_CELL_PARAMETERS[:3])}")
            problems.append(Problem(place, show(law.median()), "names no parameter of a dish", fix))
        elif wrong := value_problem(law, known[name], range_of(known[name], ranges, products)):
            problems.append(wrong.under(place))
        elif others := _also_given(assay, name):
            rule = f"is given by {' and '.join(others)} too"
            problems.append(Problem(place, show(law.median()), rule, "remove it here or there"))
    if not problems:
        values = {name: float(parameter.value) for name, parameter in known.items()}
        values |= {name: law.median() for name, law in assay.parameters.items()}
        problems += chance_problems(values, assay.parameters)
    return problems
