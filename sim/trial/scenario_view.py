"""A scenario as text for people: sections of names and values, for the command line and notebooks alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from sim.trial.law_base import number_text
from sim.trial.laws import ByBurden, Law

if TYPE_CHECKING:
    from sim.trial.scenario import Scenario
    from sim.trial.scenario_reported import Reported
    from sim.trial.scenario_schema import Arm, Bridging, Consolidation

__all__ = ["Section", "markdown", "reported_text", "sections"]

Section: TypeAlias = tuple[str, list[tuple[str, str, str]]]
"""Title, and rows of name, value and where the value comes from."""


def sections(scenario: Scenario) -> list[Section]:
    """Return what a reader of a methods section looks for."""
    patients, assay, engine = scenario.patients, scenario.assay, scenario.engine
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
    course: list[tuple[str, str, str]] = []
    if scenario.manufacturing is not None:
        course.append(
            ("manufacturing", scenario.manufacturing.days.describe(), _origin(scenario.manufacturing.days))
        )
    if scenario.lymphodepletion is not None:
        course.append(("lymphodepletion", _drugs(scenario), scenario.lymphodepletion.source))
    if scenario.transplant is not None:
        plan = scenario.transplant
        course.append(
            (
                "transplant",
                f"{plan.probability.describe()}, day {plan.day.describe()}",
                _origin(plan.probability),
            )
        )
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
    computed = [
        ("kernel", engine.kernel, ""),
        ("horizon", f"{engine.horizon:g} days", _origin(engine.horizon)),
    ]
    return [
        ("Patients", people),
        ("Arms", [(name, _arm_text(arm), _arm_origin(arm)) for name, arm in scenario.arms.items()]),
        *([("Course", course)] if course else []),
        ("Assay", measured),
        *(
            [("Reported", [(row.id, reported_text(row), row.source) for row in scenario.reported])]
            if scenario.reported
            else []
        ),
        ("Engine", computed),
    ]


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


def _arm_text(arm: Arm) -> str:
    parts = []
    for infusion in arm.infusions:
        when = f"day {infusion.day:g}"
        if infusion.only_if != "always":
            when = f"{infusion.only_if.replace('_', '-')} from {when}, {infusion.delay:g} days later"
        parts.append(f"{infusion.product} ({when}): {infusion.dose.describe()}")
    if not isinstance(arm.bridging, str):
        parts.append(f"bridging {_chemotherapy(arm.bridging)}")
    if not isinstance(arm.consolidation, str):
        parts += [f"consolidation {_chemotherapy(course)}" for course in arm.consolidation]
    enrolled = f"; {arm.enrolled} enrolled" if arm.enrolled is not None else ""
    return ("; ".join(parts) or "no infusion") + enrolled


def _chemotherapy(given: Bridging | Consolidation) -> str:
    when = ", in remission" if getattr(given, "only_in_remission", False) else ""
    return f"(day {number_text(given.day.median())}{when}): {given.log_kill.describe()}"


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
