"""What ``cartsim trial`` tells: the design in words, its operating characteristics in a table, and how to read them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.planning.characteristics import Characteristics
    from sim.planning.plan import TrialPlan

__all__ = ["csv_text", "record", "text"]

_ENDPOINTS = {
    "cr": "complete remission",
    "mrd_negative": "MRD-negative remission",
    "efs": "event-free survival",
    "rfs": "relapse-free survival",
    "remission": "duration of remission",
    "os": "overall survival",
}
_MONTH = 365.25 / 12.0
_STATE_DAYS = 5


def record(found: TrialPlan) -> dict[str, Any]:
    """Return the plan as JSON can hold it; what is not known is null."""
    design = asdict(found.design)
    return {
        "scenario": found.scenario.name,
        "design": design,
        "labels": dict(found.labels),
        "patients": found.patients,
        "failed": found.failed,
        "trials": found.trials,
        "seed": found.seed,
        "hash": found.settings["hash"],
        "characteristics": [_known(row._asdict()) for row in found.rows],
        "states": [_known(row._asdict()) for row in found.states],
    }


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV; numbers keep all their digits, what is not known is empty."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow(["" if value is None else value for value in _known(row).values()])
    return page.getvalue()


def text(found: TrialPlan) -> str:
    """Return what is printed."""
    lines = [f"{found.scenario.name}: {_question(found)}", "", *_design(found), ""]
    lines += _aligned([_heads(found), *(_cells(found, row) for row in found.rows)])
    lines += ["", "Where the patients are (share in each state)"]
    lines += [*_aligned(_states(found)), "", *_notes(found)]
    return "\n".join(lines) + "\n"


def _question(found: TrialPlan) -> str:
    design, labels = found.design, list(found.labels.values())
    what = _ENDPOINTS[design.endpoint]
    at = (
        f" at day {design.at:g}"
        if design.test == "milestone"
        else f" over {design.at:g} days"
        if design.test == "rmst"
        else ""
    )
    if len(labels) == 1:
        return f"{labels[0]}, {what}{at}, against {100 * float(design.null_rate or 0.0):g} %"
    return f"{labels[0]} against {labels[1]}, {what}{at}"


def _design(found: TrialPlan) -> list[str]:
    design = found.design
    tests = {
        "log-rank": "log-rank test",
        "milestone": "difference at the milestone"
        if len(design.arms) == 2
        else "milestone, on the scale log(-log)",
        "rmst": "difference of restricted means",
        "proportions": "score test of two proportions",
        "binomial": "exact binomial test",
    }
    test = tests[design.test]
    if design.two_stage is not None:
        one = design.stages
        test = f"Simon's {design.two_stage} design: stop with at most {one.stop} of {one.first}, reject with more than {one.fail} of {one.size}"
    lines = [
        f"  test       {test}; type-I error {design.alpha:g}, {'two-sided' if design.sides == 2 else 'one-sided'}"
    ]
    if design.looks:
        shares = ", ".join(f"{100 * share:g} %" for share in design.looks)
        futility = "" if design.futility is None else f"; futility below {design.futility:g}"
        lines.append(
            f"  looks      at {shares} of the planned information, spending of {design.spending} type{futility}"
        )
    ends = (
        f"{design.follow_up:g} days after the last enrolment"
        if not design.rate
        else "when the last response is known"
    )
    if design.events is not None:
        ends = f"at {design.events} events, at the latest {ends}"
    lines.append(
        f"  enrolment  {design.accrual:g} patients a month ({design.accrual_law}); last analysis {ends}"
    )
    lost = f"{100 * design.dropout:g} % a year" if design.dropout else "nobody"
    lines.append(f"  lost       {lost}")
    lines.append(
        f"  drawn      {found.trials} virtual trials of each size, from {found.patients} simulated patients of each arm, seed {found.seed}"
    )
    return lines


def _heads(found: TrialPlan) -> list[str]:
    effect = list(found.labels.values()) if len(found.labels) == 2 else ["in the pool"]
    populations = ["between populations"] if _has_populations(found) else []
    return [
        "n per arm",
        "analysed",
        "transplant",
        *effect,
        "power (95 %)",
        *(["for the second"] if found.design.sides == 2 else []),
        "type-I error (95 %)",
        *populations,
        "stops early",
        "patients",
        "events",
        "months",
    ]


def _cells(found: TrialPlan, row: Characteristics) -> list[str]:
    days = found.design.test == "rmst"
    effects = [row.effect_first, row.effect_second][: len(found.labels)]
    shown = [f"{value:.0f} d" if days else _percent(value) for value in effects]
    spread = (
        [f"{_percent(row.population_lower)} to {_percent(row.population_upper)}"]
        if _has_populations(found)
        else []
    )
    against = [_percent(row.favours_second)] if found.design.sides == 2 else []
    exact = row.type_one_lower == row.type_one_upper
    error = (
        f"{_percent(row.type_one, 1)} exact"
        if exact
        else _interval(row.type_one, row.type_one_lower, row.type_one_upper, 1)
    )
    return [
        str(row.n), row.analysis, f"{row.transplant} ({row.estimand})", *shown,
        _interval(row.power, row.power_lower, row.power_upper, 0), *against, error, *spread,
        _percent(row.stopped_early), f"{row.enrolled:.1f}", f"{row.events:.1f}", f"{row.duration / _MONTH:.1f}",
    ]  # fmt: skip


def _states(found: TrialPlan) -> list[list[str]]:
    days = sorted({one.day for one in found.states})
    chosen = [days[round(place * (len(days) - 1) / (_STATE_DAYS - 1))] for place in range(_STATE_DAYS)]
    names = list(dict.fromkeys(one.state for one in found.states))
    share = {(one.arm, one.day, one.state): one.share for one in found.states}
    rows = [["", "day", *names]]
    for arm, label in found.labels.items():
        rows += [
            [label, f"{day:g}", *(_percent(share[arm, day, state]) for state in names)] for day in chosen
        ]
    return rows


def _notes(found: TrialPlan) -> list[str]:
    design = found.design
    what = {
        "rmst": "mean days free of the event",
        "proportions": "rate",
        "binomial": "rate",
    }.get(design.test, f"share free of the event at day {design.at or 365:g}")
    lines = [
        f"  Columns of the arms: {what} of all simulated patients, nobody lost.",
        *(
            ["  Power counts rejections in favour of either arm; the column after it, those for the second."]
            if design.sides == 2
            else []
        ),
        "  Intervals count the virtual trials and the simulated patients behind them; they say nothing about the model.",
    ]
    horizon = found.scenario.engine.horizon
    longest = max(row.duration for row in found.rows)
    if not design.rate and longest > horizon:
        lines.append(
            f"  Courses end on day {horizon:g}; the first patients would be followed longer, to day {longest:.0f} on average: set engine.horizon for it."
        )
    lines.append(
        "  Research only: for exploring designs. Parameters are partly assumed. Not for regulatory evidence or the size of an actual trial."
    )
    return lines


def _has_populations(found: TrialPlan) -> bool:
    return not any(math.isnan(row.population_sd) for row in found.rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def _interval(value: float, lower: float, upper: float, digits: int) -> str:
    if math.isnan(value):
        return "not known"
    return f"{_percent(value, digits)} ({100 * lower:.{digits}f} to {100 * upper:.{digits}f})"


def _percent(value: float, digits: int = 0) -> str:
    return "not known" if math.isnan(value) else f"{100 * value:.{digits}f} %"


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()
    }
