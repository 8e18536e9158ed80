"""What a scenario does to its patients, as slots of the network: the structure that its arms need together, and each arm's schedule.

One network serves all arms of a scenario: it has the union of their products and of their slots, and an arm leaves the slots that it does
not use at an infinite time. Planned infusions fill numbered slots of their product; those that wait for remission, no response or a
relapse fill slots named for the rule.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from sim.models.antigen import LADDER_REACH, AntigenGrid, RecognitionForm
from sim.models.design import AT_RELAPSE, RULES, Design, ProductDesign
from sim.trial.laws import ByBurden, Law
from sim.trial.scenario import Scenario
from sim.trial.scenario_schema import Bridging, Consolidation, Infusion, Lymphodepletion, Product

__all__ = [
    "Course",
    "PlannedInfusion",
    "Schedule",
    "chemotherapies",
    "course_start",
    "design_of",
    "form_of",
    "schedule",
]

FIRST_WAIT = 1e-3
"""Shortest delay of a waiting infusion, days: its clock must start below the delay to pass it."""


@dataclass(frozen=True)
class Course:
    """One lymphodepletion: the slot that holds it, its day (None when it waits with an infusion), and what is given."""

    slot: str
    day: float | None
    given: Lymphodepletion


@dataclass(frozen=True)
class PlannedInfusion:
    """One infusion of an arm, or one part of a split one.

    Attributes
    ----------
    order : int
        Place in the arm's list; parts of one infusion share it, and share the manufactured product.
    product : str
    slot : str
        Slot of the network, for example "cd19_0" or "cd19_relapse_0".
    rule : str or None
        None for a planned infusion.
    day : float
        Day of a planned infusion; day of the decision, or from which a relapse counts, of a waiting one.
    delay : float
        Days from the decision to the infusion; 0 for a planned one.
    lymphodepletion_delay : float
        Days from the decision to its lymphodepletion; infinite for none, for one shared with an earlier infusion of the list, and for
        planned infusions.
    dose : Law or ByBurden
        cells/kg, of the whole infusion.
    fraction : float
        Part of the dose.
    """

    order: int
    product: str
    slot: str
    rule: str | None
    day: float
    delay: float
    lymphodepletion_delay: float
    dose: Law | ByBurden
    fraction: float


@dataclass(frozen=True)
class Schedule:
    """Infusions and lymphodepletions of one arm, by slot."""

    infusions: tuple[PlannedInfusion, ...]
    courses: tuple[Course, ...]


def schedule(scenario: Scenario, arm: str) -> Schedule:
    """Assign the infusions and lymphodepletions of an arm to slots.

    Parameters
    ----------
    scenario : Scenario
    arm : str

    Returns
    -------
    Schedule

    Raises
    ------
    ScenarioError
        When the arm does not exist.

    Notes
    -----
    Infusions on one day share one lymphodepletion, and so do those that wait for one decision. "remission" and "non_responder" are decided early enough for the lymphodepletion that
    goes with the infusion: when the delay is shorter than its lead, the decision moves forward in time.
    """
    infusions: list[PlannedInfusion] = []
    courses: list[Course] = []
    used: Counter[str] = Counter()
    prepared: set[tuple[str, float, float]] = set()
    for order, infusion in enumerate(scenario.arm(arm).infusions):
        given = scenario.lymphodepletion_of(arm, infusion)
        if infusion.only_if == "always":
            day = infusion.day + infusion.delay
            infusions += _planned(infusion, order, day, used)
            start = None if given is None else day + given.start
            if given is not None and start not in {course.day for course in courses}:
                courses.append(Course(str(sum(c.day is not None for c in courses)), start, given))
        else:
            time = (infusion.only_if, infusion.day, infusion.delay + (0.0 if given is None else given.start))
            depletes = given is not None and time not in prepared
            parts = _waiting(infusion, order, given, used, depletes)
            infusions += parts
            if given is not None and depletes:
                prepared.add(time)
                courses.append(Course(parts[0].slot, None, given))
    return Schedule(tuple(infusions), tuple(courses))


def _planned(infusion: Infusion, order: int, day: float, used: Counter[str]) -> list[PlannedInfusion]:
    out = []
    for lag, fraction in _parts(infusion):
        slot = f"{infusion.product}_{used[infusion.product]}"
        used[infusion.product] += 1
        out.append(
            PlannedInfusion(
                order, infusion.product, slot, None, day + lag, 0.0, math.inf, infusion.dose, fraction
            )
        )
    return out


def _waiting(
    infusion: Infusion, order: int, given: Lymphodepletion | None, used: Counter[str], depletes: bool
) -> list[PlannedInfusion]:
    """Return the parts of an infusion that waits; `depletes` says whether it brings its own lymphodepletion, or shares an earlier one's."""
    rule = infusion.only_if
    lead = 0.0 if given is None else -given.start
    early = max(lead - infusion.delay, 0.0)
    day = infusion.day - (0.0 if rule in AT_RELAPSE else early)
    delay = max(infusion.delay + early, FIRST_WAIT)
    out = []
    for part, (lag, fraction) in enumerate(_parts(infusion)):
        key = f"{infusion.product}_{rule}"
        slot = f"{key}_{used[key]}"
        used[key] += 1
        before = max(delay - lead, FIRST_WAIT) if depletes and part == 0 else math.inf
        out.append(
            PlannedInfusion(
                order, infusion.product, slot, rule, day, delay + lag, before, infusion.dose, fraction
            )
        )
    return out


def _parts(infusion: Infusion) -> list[tuple[float, float]]:
    """Days after the infusion's own and fractions of its dose."""
    return [(part.day, part.fraction) for part in infusion.split] or [(0.0, 1.0)]


def design_of(scenario: Scenario) -> Design:
    """Return the structure that the arms of a scenario need together.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    Design
        The union of products and slots over the arms; rule slots of a product are in the order of `sim.models.design.RULES`.
    """
    planned: Counter[str] = Counter()
    waiting: Counter[tuple[str, str]] = Counter()
    courses = 0
    for arm in scenario.arms:
        plan = schedule(scenario, arm)
        planned |= Counter(i.product for i in plan.infusions if i.rule is None)
        waiting |= Counter((i.product, i.rule) for i in plan.infusions if i.rule is not None)
        courses = max(courses, sum(course.day is not None for course in plan.courses))
    products = tuple(
        ProductDesign(
            name,
            tuple(scenario.products[name].targets),
            form_of(scenario.products[name]),
            infusions=planned[name],
            rules=tuple(rule for rule in RULES for _ in range(waiting[name, rule])),
        )
        for name in scenario.used_products()
    )
    grid = scenario.model.antigen_grid
    reach = LADDER_REACH if grid.cd22_reach is None else grid.cd22_reach
    supportive = scenario.supportive
    return Design(
        products=products,
        grid=AntigenGrid(grid.cd22_levels, grid.lineage_switch, reach),
        niche=scenario.model.protected_niche,
        extramedullary=tuple(site for site in scenario.model.sites if site != "marrow"),
        lymphodepletions=courses,
        chemotherapies=max(len(chemotherapies(scenario, arm)) for arm in scenario.arms),
        transplant=any(scenario.transplant_of(arm) is not None for arm in scenario.arms),
        supportive=supportive.tocilizumab is not None or supportive.steroids is not None,
        single_cells=scenario.engine.kernel == "agents",
    )


def chemotherapies(scenario: Scenario, arm: str) -> tuple[Bridging | Consolidation, ...]:
    """Return the chemotherapies of an arm in the order of their slots: bridging, then consolidation as written."""
    bridging = scenario.bridging_of(arm)
    return (*(() if bridging is None else (bridging,)), *scenario.consolidation_of(arm))


def form_of(product: Product) -> RecognitionForm:
    """Return how the arms of a product recognise a cell."""
    if len(product.targets) == 1:
        return "single"
    return "additive" if product.recognition == "additive" else "either"


def course_start(scenario: Scenario) -> float:
    """Return the day on which the simulated course begins, the same for all arms.

    It is the last whole day at least one day before anything is done to any patient of any arm, so that the first saved state is that of
    the untreated patient; 0 when nothing is done before day 0.
    """
    days = [0.0]
    for arm in scenario.arms:
        plan = schedule(scenario, arm)
        days += [course.day for course in plan.courses if course.day is not None]
        bridging = scenario.bridging_of(arm)
        if bridging is not None:
            days.append(bridging.day.support()[0])
    return math.floor(min(days)) - 1.0 if min(days) < 0.0 else 0.0
