"""A scenario as text for people: sections of names and values, for the command line and notebooks alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from sim.trial.law_base import number_text
from sim.trial.laws import ByBurden, Law

if TYPE_CHECKING:
    from sim.trial.scenario import Scenario
    from sim.trial.scenario_people import PosteriorBlock
    from sim.trial.scenario_reported import Reported
    from sim.trial.scenario_schema import (
        Arm,
        Bridging,
        Consolidation,
        Engine,
        ModelBlock,
        Node,
        Product,
        Traits,
        Transplant,
    )

__all__ = [
    "Row",
    "Section",
    "evidence",
    "findings_text",
    "markdown",
    "product_rows",
    "reported_text",
    "sections",
]

Row: TypeAlias = tuple[str, str, str]
Section: TypeAlias = tuple[str, list[Row]]
"""Title, and rows of name, value and where the value comes from."""


def sections(scenario: Scenario) -> list[Section]:
    """Return what a reader of a methods section looks for."""
    patients, assay = scenario.patients, scenario.assay
    people = [
        (
            "size",
            f"{patients.size} per arm, {'the same' if patients.paired else 'different'} people in each",
            "",
        )
    ]
    people += [
        (name, value.describe(), _origin(value))
        for name, value in patients
        if isinstance(value, Law) and _matters(value)
    ]
    if patients.posterior is not None:
        people.append(("populations", _posterior_text(patients.posterior), "fitted"))
    course: list[Row] = []
    if scenario.manufacturing is not None:
        course.append(
            ("manufacturing", scenario.manufacturing.days.describe(), _origin(scenario.manufacturing.days))
        )
    if scenario.lymphodepletion is not None:
        course.append(("lymphodepletion", _drugs(scenario), scenario.lymphodepletion.source))
    if scenario.transplant is not None:
        course += _transplant_rows(scenario.transplant, "transplant")
    if scenario.bridging is not None:
        course.append(("bridging", _chemotherapy(scenario.bridging), _origin(scenario.bridging.log_kill)))
    course += [("consolidation", _chemotherapy(c), _origin(c.log_kill)) for c in scenario.consolidation]
    visits = ", ".join(f"{visit:g}" for visit in assay.visits)
    measured = [
        ("visits", f"day {visits}", ""),
        (
            "residual disease",
            f"{assay.method}, limit {number_text(assay.mrd_limit)}",
            _origin(assay.mrd_limit),
        ),
        *(
            [
                (
                    "between visits",
                    f"examined when blasts reach {100 * assay.overt_blasts:.3g} %",
                    _origin(assay.overt_blasts),
                )
            ]
            if assay.overt_blasts is not None
            else []
        ),
    ]
    numbers = [(name, law.describe(), evidence(law)) for name, law in scenario.parameters.items()]
    return [
        ("Patients", people),
        *([("Products", product_rows(scenario.products))] if scenario.products else []),
        *([("Sites", _site_rows(scenario.model))] if len(scenario.model.sites) > 1 else []),
        ("Arms", [row for name, arm in scenario.arms.items() for row in _arm_rows(name, arm)]),
        *([("Course", course)] if course else []),
        *([("Parameters", numbers)] if numbers else []),
        ("Assay", measured),
        *(
            [("Reported", [(row.id, reported_text(row), row.source) for row in scenario.reported])]
            if scenario.reported
            else []
        ),
        ("Engine", _computed(scenario.engine)),
    ]


def _posterior_text(chosen: PosteriorBlock) -> str:
    """Return which populations the patients come from, and with which effects of a trial."""
    which = "the posterior" if chosen.without is None else f"the posterior without {chosen.without}"
    where = f" in {chosen.folder}" if chosen.folder else ""
    sd = "" if chosen.between_trials is None else f" (SD {chosen.between_trials:g})"
    effects = f"a new trial{sd}" if chosen.trial == "new" else chosen.trial
    return f"the first {chosen.draws} of {which}{where}, with the effects of {effects}"


def product_rows(products: Mapping[str, Product]) -> list[Row]:
    """Return a row for each product, and one for each of its own numbers."""
    rows: list[Row] = []
    for name, product in products.items():
        kind = (product.architecture, *((product.recognition,) if len(product.targets) > 1 else ()))
        words = ", ".join((*product.targets, *kind, product.costimulation))
        rows.append((name, f"{product.label or name}: {words}", product.source))
        for key, value in product:
            laws = value if isinstance(value, Mapping) else {"": value}
            rows += [
                (f"{name}: {key.replace('_', ' ')} {target}".rstrip(), law.describe(), evidence(law))
                for target, law in laws.items()
                if isinstance(law, Law)
            ]
        if product.fitness_offset:
            offset = product.fitness_offset
            rows.append((f"{name}: fitness offset", number_text(offset), _origin(offset)))
    return rows


def _computed(engine: Engine) -> list[Row]:
    """Return the rows of the engine."""
    rows: list[Row] = [("kernel", engine.kernel, "")]
    if engine.kernel == "agents":
        rows.append(("single cells", f"at {engine.cells_below} or fewer, room for {engine.room}", ""))
    rows.append(("horizon", f"{engine.horizon:g} days", _origin(engine.horizon)))
    if engine.rtol is not None:
        rows.append(("relative tolerance", number_text(engine.rtol), _origin(engine.rtol)))
    return rows


def evidence(law: Law) -> str:
    """Return the kind of evidence behind a law, its source and its note."""
    return ", ".join(part for part in (law.kind, law.source, law.note) if part)


def reported_text(row: Reported) -> str:
    """Return a reported row as a short text.

    >>> from sim.trial.scenario_reported import Reported
    >>> reported_text(Reported(id="cr", endpoint="cr", events=11, of=15))
    'cr: 11 of 15'
    """
    unit = "" if row.unit in {"1", "fraction"} else f" {row.unit}s" if row.unit == "day" else f" {row.unit}"
    if row.kind == "binomial":
        text = f"{row.events} of {row.of}"
    elif row.kind == "survival":
        text = f"median {row.median:.4g}{unit}" + (f" of {row.of}" if row.of else "")
        if row.censored_at:
            text += f", still event-free at {', '.join(f'{time:.4g}' for time in row.censored_at)}"
    elif row.kind == "range":
        text = f"{row.low:g} to {row.high:g}{unit}"
    else:
        text = row.text
    return f"{row.endpoint}: {text}"


def markdown(scenario: Scenario) -> str:
    """Return a scenario as Markdown tables."""
    head = [f"**{scenario.name}**: {scenario.title}", "", f"*{scenario.question}*", "", scenario.source, ""]
    for title, rows in sections(scenario):
        head += [
            f"| {title} | | |",
            "|---|---|---|",
            *(f"| {name} | {value} | {origin} |" for name, value, origin in rows),
            "",
        ]
    return "\n".join(head)


_FINDINGS = {"mrd_positive": "residual disease", "b_cell_recovery": "B-cell recovery"}


def findings_text(any_of: Sequence[str], visit: float) -> str:
    """Return what a decision asks of a visit.

    >>> findings_text(["mrd_positive", "b_cell_recovery"], 28.0)
    'if residual disease or B-cell recovery is found on day 28'
    """
    return f"if {' or '.join(_FINDINGS[one] for one in any_of)} is found on day {visit:g}"


def _site_rows(model: ModelBlock) -> list[Row]:
    """Return where the disease sits, and the numbers of the node that hold in every arm without its own."""
    return [("sites", ", ".join(model.sites), ""), *_laws("node: ", model.node)]


def _arm_rows(name: str, arm: Arm) -> list[Row]:
    """Return what an arm does, its own chemotherapy and transplant, and each number in which its patients or its node differ."""
    rows: list[Row] = [(name, _arm_text(arm), _arm_origin(arm)), *_laws(f"{name}: ", arm.patients)]
    if not isinstance(arm.bridging, str):
        rows.append((f"{name}: bridging", _chemotherapy(arm.bridging), _origin(arm.bridging.log_kill)))
    if not isinstance(arm.consolidation, str):
        rows += [(f"{name}: consolidation", _chemotherapy(c), _origin(c.log_kill)) for c in arm.consolidation]
    if not isinstance(arm.transplant, str):
        rows += _transplant_rows(arm.transplant, f"{name}: transplant")
    if isinstance(arm.node, str):
        return [*rows, (f"{name}: node", "no disease there", "")]
    return [*rows, *_laws(f"{name}: node ", arm.node)]


def _transplant_rows(plan: Transplant, name: str) -> list[Row]:
    """Return who is transplanted when, and the numbers that a scenario gives it."""
    text = f"{plan.probability.describe()}, day {plan.day.describe()}"
    if plan.only_in_remission:
        text += ", in remission"
    if plan.decision is not None:
        text += f", {findings_text(plan.decision.any_of, plan.decision.visit)}"
    numbers = ("conditioning_log_kill", "non_relapse_mortality", "graft_versus_leukaemia")
    laws = [(key, getattr(plan, key)) for key in numbers]
    return [
        (name, text, _origin(plan.probability)),
        *((f"{name}: {key.replace('_', ' ')}", law.describe(), evidence(law)) for key, law in laws if law),
    ]


def _laws(front: str, block: Node | Traits | None) -> list[Row]:
    """Return a row for each law of a block."""
    given = () if block is None else tuple(block)
    return [
        (front + key.replace("_", " "), law.describe(), evidence(law))
        for key, law in given
        if isinstance(law, Law)
    ]


def _arm_text(arm: Arm) -> str:
    parts = []
    for infusion in arm.infusions:
        when = f"day {infusion.day:g}"
        if infusion.only_if == "finding":
            when = f"{findings_text(infusion.any_of, infusion.day)}, {infusion.delay:g} days later"
        elif infusion.only_if != "always":
            when = f"{infusion.only_if.replace('_', '-')} from {when}, {infusion.delay:g} days later"
        parts.append(f"{infusion.product} ({when}): {infusion.dose.describe()}")
    without = ("lymphodepletion", "transplant", "bridging", "consolidation")
    parts += [f"no {what}" for what in without if getattr(arm, what) == "none"]
    enrolled = f"; {arm.enrolled} enrolled" if arm.enrolled is not None else ""
    alone = "; shown for its kinetics alone" if arm.kinetics_only else ""
    return ("; ".join(parts) or "no infusion") + enrolled + alone


def _chemotherapy(given: Bridging | Consolidation) -> str:
    when = ", in remission" if getattr(given, "only_in_remission", False) else ""
    survival = {"host": given.host_survival, "CAR T cells": getattr(given, "car_t_survival", None)}
    left = "".join(f", left of {who} {law.describe()}" for who, law in survival.items() if law is not None)
    return f"(day {number_text(given.day.median())}{when}): {given.log_kill.describe()}{left}"


def _arm_origin(arm: Arm) -> str:
    return _origin(arm.infusions[0].dose) if arm.infusions else ""


def _drugs(scenario: Scenario) -> str:
    block = scenario.lymphodepletion
    if block is None:
        return "none"
    drugs = [name for name in ("fludarabine", "cyclophosphamide") if getattr(block, name)]
    return f"{' and '.join(drugs) or 'no drug'} from day {block.start:g}"


def _origin(value: Law | ByBurden | float) -> str:
    law = value.low_burden if isinstance(value, ByBurden) else getattr(value, "law", value)
    if not isinstance(law, Law):
        # A bare number says no more than itself.
        return ""
    return f"{law.kind}: {law.source}" if law.source else law.kind


def _matters(law: Law) -> bool:
    """Leave out what is zero for everybody."""
    return law.support() != (0.0, 0.0)
