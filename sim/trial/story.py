"""A result told to a newcomer: what was simulated, what came out, what the trial reported, where the two part."""

from __future__ import annotations

import math
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.models.design import AT_RELAPSE
from sim.trial.forest import arm_words, endpoint_label, interval_of, outcome_label, unit_of
from sim.trial.plain_text import html_table, table_text, wrapped_text
from sim.trial.provenance import describe_kernel
from sim.trial.reported import Comparison, compare_reported, comparison_record
from sim.trial.result import Result
from sim.trial.scenario_view import findings_text
from sim.trial.summary import Row
from sim.units import DAYS_PER_MONTH

if TYPE_CHECKING:
    from sim.trial.scenario import Scenario
    from sim.trial.scenario_course import Infusion

__all__ = ["figure_text", "html", "partings", "record", "reported_text", "text"]

WIDTH = 125
# Days from which a time is written in months.
_MONTHS_FROM = 60.0

# Lines that are left out where they are next to nothing in every arm.
_RARE = ("death_", "both_", "switched_")
_SHOWN_FROM = 0.005

#: Lines of the summary that are told; the others are in the files.
_TOLD = (
    *("cr", "mrd_negative", "remission_median", "efs_6m", "efs_12m", "efs_24m", "os_12m", "os_24m"),
    *(
        "positive_relapse_12m",
        "cd19_negative_relapse_6m",
        "cd19_negative_relapse_12m",
        "cd19_negative_relapse_24m",
    ),
    *(
        "cd22_low_relapse_6m",
        "cd22_low_relapse_12m",
        "cd22_low_relapse_24m",
        "both_relapse_12m",
        "switched_relapse_12m",
    ),
    *(
        "cmax_median",
        "tmax_median",
        "death_leukaemia",
        "death_treatment",
        "death_infection",
        "death_transplant",
    ),
)

_VERDICTS = (
    "inside: the reported figure lies where 95 % of simulated trials with as many patients fall; of a reported range, the "
    "simulated figure lies in it. At the edge: the reported figure is an end of the interval. OUTSIDE: it does not lie "
    "inside. Few patients make a wide interval."
)
_USE = (
    "Research only: for exploring mechanisms and forming hypotheses. {} Not for individual patients, the choice of a dose or product, or "
    "regulatory evidence."
)
_OWN_LAWS = "Parameters are partly assumed, and the patients come from the model's own laws, which are not calibrated."
_POSTERIOR = "The patients come from populations that were fitted to 55 patients of three trials; most parameters rest on what was believed before."
_FITTED = (
    "This trial was fitted: that a fit lies near its own data says little. The last columns are what the other trials predict of it, with the "
    "effects of a trial that nobody has seen."
)


def text(result: Result, width: int = WIDTH) -> str:
    """Return the story as plain text of that width; a column of a table is never broken."""
    blocks = [
        _heading(result, width),
        table_text("Simulated outcomes (95 % interval of the simulation)", *_outcome_table(result), width),
    ]
    since = "the infusion" if result.scenario.day_zero == "first infusion" else result.scenario.day_zero
    notes = [(f"* of those who reached remission, since {since}", " *"), ("NR: not reached", "NR)")]
    notes = [(note, sign) for note, sign in notes if sign in blocks[-1]]
    if notes:
        blocks[-1] += "\n  " + "    ".join(note for note, _ in notes)
    blocks += [reported_text(result, width), "What this is not\n" + wrapped_text(use(result), width)]
    if result.failed:
        blocks.append(
            f"{result.failed} of {result.outcomes.rows} rows failed to compute and are in no figure above."
        )
    return "\n\n".join(block for block in blocks if block) + "\n"


def use(result: Result) -> str:
    """Say what a result is for, and whether its patients are calibrated."""
    return _USE.format(_OWN_LAWS if result.grouping is None else _POSTERIOR)


def html(result: Result) -> str:
    """Return the view of a notebook: two tables under a title."""
    head = f"<h4>{escape(result.scenario.title or result.scenario.name)}</h4>"
    parts = [head, html_table(*_outcome_table(result))]
    if result.comparisons:
        parts.append(html_table(*_reported_table(result)))
        parts.append("<ul>" + "".join(f"<li>{escape(line)}</li>" for line in partings(result)) + "</ul>")
    parts.append(f"<p><small>{escape(use(result))}</small></p>")
    return "".join(parts)


def record(result: Result) -> dict[str, Any]:
    """Return the story as data that JSON can hold: what is unknown or not reached is null."""
    return {
        "scenario": result.scenario.name,
        "title": result.scenario.title,
        "seed": result.seed,
        "hash": result.hash,
        "patients_per_arm": result.scenario.patients.size,
        "arms": list(result.arms),
        "failed": result.failed,
        "summary": [_finite(row._asdict()) for row in result.rows],
        "reported": [_finite(comparison_record(found)) for found in result.comparisons],
        "parting": partings(result),
        "path": None if result.path is None else str(result.path),
        "use": use(result),
    }


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }


def partings(result: Result) -> list[str]:
    """Return one sentence for each reported outcome that the simulation misses; without one, what lies apart all the same."""
    judged = [found for found in result.comparisons if found.inside is not None]
    if not judged:
        return []
    lines = [_parting(result, found) for found in judged if not found.inside]
    if lines:
        return lines
    sizes = [found.size for found in judged if found.size is not None]
    figures = "the one figure" if len(judged) == 1 else f"all {len(judged)} figures"
    lie = "lies" if len(judged) == 1 else "lie"
    first = f"Nowhere beyond the chance of so few patients: {figures} that can be judged {lie} inside."
    if len(set(sizes)) > 1:
        first += f" Trials of {min(sizes)} to {max(sizes)} patients allow much, so this is weak support."
    elif sizes:
        first += f" A trial of {_patients(sizes[0])} allows much, so this is weak support."
    apart = [found for found in judged if _differs(found)]
    apart.sort(key=lambda found: found.predictive.tail if found.predictive is not None else 1.0)
    return [first, *(_parting(result, found) for found in apart)]


def _differs(found: Comparison) -> bool:
    """Tell whether a reported figure that chance allows still lies outside what the simulation knows of its own."""
    lower, upper = (_or_never(end) for end in found.simulated[1:])
    judged = found.predictive is not None and not math.isnan(found.reported_value)
    return judged and not lower <= found.reported_value <= upper


def _or_never(value: float) -> float:
    """Return infinity for a median, or an end of its interval, that is not reached."""
    return math.inf if math.isnan(value) else value


def _patients(size: int, what: str = "patient") -> str:
    return f"{size} {what}" + ("" if size == 1 else "s")


def figure_text(value: float, unit: str) -> str:
    """Write a value for people: shares in percent, days from 60 on in months."""
    if math.isnan(value) or math.isinf(value):
        return "not reached" if unit == "days" else "-"
    if unit == "share":
        return f"{100 * value:.0f} %"
    if unit == "days":
        return f"{value / DAYS_PER_MONTH:.1f} months" if value >= _MONTHS_FROM else f"{value:.0f} d"
    return f"{value:.2g}" if unit == "ratio" else f"{value:.3g}"


def _heading(result: Result, width: int) -> str:
    scenario = result.scenario
    said = [scenario.title or scenario.name]
    said += [f"Question: {scenario.question}"] if scenario.question else []
    said += [f"Source:   {scenario.source}"] if scenario.source else []
    lines = [fill(line, width, subsequent_indent=" " * 10) for line in said]
    people = "the same people in every arm" if scenario.patients.paired else "different people in each"
    several = f", {people}" if len(scenario.arms) > 1 else ""
    people = f"{_patients(scenario.patients.size, 'virtual patient')} per arm{several}"
    kernel = describe_kernel(result.kernel)
    name = kernel if isinstance(kernel, str) else kernel["name"]
    lines += [
        "",
        fill(
            f"Simulated: {people}, followed for {scenario.engine.horizon:g} days ({name}, seed {result.seed})",
            width,
            subsequent_indent=" " * 11,
        ),
    ]
    label_width = max(len(label) for label in result.labels.values())
    for name, arm in scenario.arms.items():
        given = [_infusion(scenario, plan) for plan in arm.infusions] or ["no infusion"]
        given[-1] += f"   [trial: {arm.enrolled} patients]" if arm.enrolled else ""
        given[-1] += _reached(result, name)
        for n, text in enumerate(given):
            start = f"  {result.labels[name] if n == 0 else '':<{label_width}}   "
            indent = " " * (len(start) + 2)
            lines.append(
                fill(text, width, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False)
            )
    return "\n".join(lines)


def _reached(result: Result, arm: str) -> str:
    """Say how many of an arm's simulated patients its treatments reached, of those that need not reach everybody."""
    scenario = result.scenario
    computed = result.outcomes.arm(arm).analysis_set("enrolled")
    infused, planned = computed.analysis_set("infused").rows, scenario.treats(arm)
    counts = [f"infused {infused:,}"] if planned and infused < computed.rows else []
    if any(plan.only_if != "always" for plan in scenario.arms[arm].infusions):
        by_rule = int(np.isfinite(computed["reinfusion_day"]).sum())
        counts.append(f"infused {'again ' if planned else ''}{by_rule:,}")
    if scenario.transplant_of(arm) is not None:
        counts.append(f"transplanted {int(np.isfinite(computed['transplant_day']).sum()):,}")
    return f"   [{', '.join(counts)} of {computed.rows:,}]" if counts else ""


_WHO = {
    "non_responder": "to non-responders",
    "remission": "to those in remission",
    "relapse": "to those who relapse",
    "cd19_negative_relapse": "to those who relapse without CD19",
}


def _infusion(scenario: Scenario, plan: Infusion) -> str:
    """Say who gets how much of which product when."""
    product = scenario.products[plan.product].label or plan.product
    who = _WHO.get(plan.only_if)
    if plan.only_if == "finding":
        found = findings_text(plan.any_of, plan.day)
        return f"{product} {found}, {plan.delay:g} days later, {plan.dose.describe()}"
    if who is None:
        return f"{product} on day {plan.day:g}, {plan.dose.describe()}"
    when = f"from day {plan.day:g}" if plan.only_if in AT_RELAPSE else f"on day {plan.day + plan.delay:g}"
    return f"{product} {who} {when}, {plan.dose.describe()}"


def _outcome_table(result: Result) -> tuple[list[str], list[list[str]]]:
    """Return head and lines: an outcome a line, an arm a column; lines that are empty in all arms are left out."""
    found = {(row.arm, row.name): row for row in result.rows}
    targets = {
        target
        for name in result.scenario.used_products()
        for target in result.scenario.products[name].targets
    }
    lines = []
    for name in _TOLD:
        rows = [found[arm, name] for arm in result.arms]
        rare = name.startswith(_RARE) or (name.startswith("cd22_low") and "cd22" not in targets)
        if all(math.isnan(row.value) or (rare and row.value < _SHOWN_FROM) for row in rows):
            continue
        mark = " *" if "_relapse_" in name else ""
        unit = "" if rows[0].unit in ("share", "days") else f" ({rows[0].unit})"
        lines.append([rows[0].label + unit + mark, *(_with_interval(row) for row in rows)])
    return ["", *result.labels.values()], lines


def _with_interval(row: Row) -> str:
    if math.isnan(row.value):
        return "not reached" if row.unit == "days" and row.n else "-"
    value = figure_text(row.value, row.unit)
    if math.isnan(row.lower) and math.isnan(row.upper):
        return value
    if row.lower == row.upper:
        # An estimator that knows no spread at its edge says nothing by an interval of no width.
        return value
    # Both ends in the unit that the value is written in.
    scale, digits = 1.0, None
    if row.unit == "share":
        scale, digits = 0.01, 0
    elif row.unit == "days":
        scale, digits = (DAYS_PER_MONTH, 1) if row.value >= _MONTHS_FROM else (1.0, 0)
    ends = [_end(edge / scale, digits) for edge in (row.lower, row.upper)]
    return f"{value} ({' to '.join(ends)})"


def _end(value: float, digits: int | None) -> str:
    if math.isnan(value) or math.isinf(value):
        return "NR"
    return f"{value:.3g}" if digits is None else f"{value:.{digits}f}"


def _reported_table(result: Result, predicted: Result | None = None) -> tuple[list[str], list[list[str]]]:
    lines = []
    others = [] if predicted is None else predicted.comparisons
    for k, found in enumerate(result.comparisons):
        if found.kind == "qualitative":
            continue
        unit = unit_of(found) or found.unit
        low, high = (figure_text(end, unit) for end in interval_of(found))
        # Where nobody is simulated that it could be taken from, a median is not "not reached".
        simulated = figure_text(found.simulated.value, unit) if found.simulated_size else "-"
        expected = "-" if found.predictive is None else f"{low} to {high}"
        lines.append(
            [
                outcome_label(result, found),
                _reported_words(result, found),
                simulated,
                expected,
                _tail(found),
                _verdict(found),
                *(() if predicted is None else _foretold(others[k])),
            ]
        )
    head = ["", "reported", "simulated", "95 % of trials of that size", "mid-p", ""]
    return head + ([] if predicted is None else ["predicted without it", ""]), lines


def _tail(found: Comparison) -> str:
    """Return the two-sided mid-p of a reported figure; a range has none."""
    tail = math.nan if found.predictive is None else found.predictive.tail
    return "-" if math.isnan(tail) else f"{tail:.2f}"


def _foretold(found: Comparison) -> tuple[str, str]:
    """Return what the other trials predict of a figure, and whether it lies there."""
    unit = unit_of(found) or found.unit
    low, high = (figure_text(end, unit) for end in interval_of(found))
    middle = figure_text(found.simulated.value, unit) if found.simulated_size else "-"
    return (middle if found.predictive is None else f"{middle} ({low} to {high})"), _verdict(found)


def _verdict(found: Comparison) -> str:
    if found.inside is None:
        return "-"
    if not found.inside:
        return "OUTSIDE"
    ends = () if found.predictive is None else (found.predictive.lower, found.predictive.upper)
    at_the_edge = any(math.isclose(found.reported_value, end, rel_tol=1e-9) for end in ends)
    return "inside, at the edge" if at_the_edge else "inside"


def _reported_words(result: Result, found: Comparison) -> str:
    unit = unit_of(found) or found.unit
    if found.kind == "binomial":
        return f"{found.reported} ({100 * found.reported_value:.0f} %)"
    if found.kind == "survival":
        return figure_text(found.reported_value, unit) + (f" (n = {found.size})" if found.size else "")
    row = next(row for row in result.scenario.reported if row.id == found.id)
    if row.low is None or row.high is None:
        return found.reported
    return f"{figure_text(row.low, unit)} to {figure_text(row.high, unit)}"


def reported_text(result: Result, width: int = WIDTH, predicted: Result | None = None) -> str:
    """Return the reported outcomes beside the simulated ones, and where the two part.

    Parameters
    ----------
    result : Result
    width : int
    predicted : Result, optional
        The same trial from the posterior that did not see it.
    """
    if not result.comparisons:
        return "Reported beside simulated\n  This scenario has no reported outcome."
    head, lines = _reported_table(result, predicted)
    none = "Reported beside simulated\n  No figure was reported that the simulation could be judged by."
    blocks = [table_text("Reported beside simulated", head, lines, width) if lines else none]
    if any(line[5] != "-" for line in lines):
        blocks[0] += f"\n{wrapped_text(_VERDICTS, width)}"
    if predicted is not None:
        blocks[0] += f"\n{wrapped_text(_FITTED, width)}"
    said = [found for found in result.comparisons if found.kind == "qualitative"]
    if said:
        body = "\n".join(
            wrapped_text(f"- {found.reported}{_beside_words(result, found)}", width) for found in said
        )
        blocks.append(f"Also stated by the sources, as words that nothing is fitted to\n{body}")
    apart = partings(result)
    if apart:
        blocks.append("Where the two part\n" + "\n".join(wrapped_text(f"- {line}", width) for line in apart))
    return "\n\n".join(blocks)


def _beside_words(result: Result, found: Comparison) -> str:
    """Return the simulated figure that a statement is about, in brackets; of several named arms, that of each."""
    if math.isnan(found.simulated.value):
        return ""
    row = next(row for row in result.scenario.reported if row.id == found.id)
    if len(row.arms) > 1:
        shares = []
        for arm in row.arms:
            alone = compare_reported(
                row.model_copy(update={"arm": arm, "arms": ()}), {arm: result.outcomes.arm(arm)}
            )
            shares.append(f"{arm_words(result, arm)}: {figure_text(alone.simulated.value, 'share')}")
        return f" (simulated: {endpoint_label(result, found)}; {'; '.join(shares)})"
    return f" (simulated: {outcome_label(result, found)}: {figure_text(found.simulated.value, 'share')})"


def _parting(result: Result, found: Comparison) -> str:
    """Say in a sentence how a reported outcome and the simulated one differ."""
    label, unit = outcome_label(result, found), unit_of(found) or found.unit
    simulated = figure_text(found.simulated.value, unit)
    reported = _reported_words(result, found)
    label = label[0].upper() + label[1:]
    if found.predictive is None or math.isnan(found.reported_value):
        return f"{label}: the sources give {reported}, the simulated patients {simulated}."
    low, high = (figure_text(end, unit) for end in interval_of(found))
    side = "higher" if _or_never(found.simulated.value) > found.reported_value else "lower"
    return (
        f"{label}: the trial saw {reported}, the simulated patients come out {side}, {simulated}; "
        f"95 % of simulated trials of {_patients(found.size or 0)} lie between {low} and {high}."
    )
