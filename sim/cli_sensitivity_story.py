"""The results of a sensitivity analysis in words, tables and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

from sim.cli_output import print_table

if TYPE_CHECKING:
    from calibration.sensitivity_study import Estimate, Study

__all__ = ["factor_rows", "missing", "outcome_rows", "record", "text", "verdict"]

_SHOWN = 5
"""Factors of an outcome on the terminal; the tables have all."""
_MOSTLY = 0.5


def factor_rows(study: Study) -> list[dict[str, Any]]:
    """Return what is known of each factor before, and of what is held why."""
    rows = [
        {
            "factor": one.name,
            "kind": one.kind,
            "law": one.law.describe(),
            "of": "median between patients" if one.between is not None else "number that all share",
            "source": one.law.source,
            "note": "; ".join(text for text in (one.law.note, one.note) if text),
        }
        for one in study.opened.factors
    ]
    held = {"kind": "", "law": "held", "of": "", "source": ""}
    return rows + [{"factor": name, **held, "note": reason} for name, reason in study.opened.held.items()]


def outcome_rows(study: Study) -> list[dict[str, Any]]:
    """Return what is known of each outcome, and how much of its variance rests on each kind of evidence."""
    nan = float("nan")
    rows = []
    for arm, outcome in study.asked:
        mean, sd, n = study.spread.get((arm, outcome), (nan, nan, 0))
        row: dict[str, Any] = {
            "arm": arm,
            "outcome": outcome,
            "mean": mean,
            "sd": sd,
            "points": n,
            "noise_share": study.noise[arm, outcome],
        }
        for kind in sorted({one.kind for one in study.opened.factors}):
            for method, word in (("sobol_first", "alone"), ("sobol_total", "total")):
                found = [one for one in study.find(arm, outcome, method) if one.together and one.kind == kind]  # type: ignore[arg-type]
                for end in ("value", "low", "high"):
                    row[f"{kind}_{word}_{end}"] = getattr(found[0], end) if found else nan
        rows.append(row)
    return rows


def record(study: Study, seed: int) -> dict[str, Any]:
    """Return the results as data that JSON can hold."""

    def plain(row: Mapping[str, Any]) -> dict[str, Any]:
        return {key: None if missing(value) else value for key, value in row.items()}

    return {
        "scenario": study.opened.scenario.name,
        "seed": seed,
        **vars(study.effort),
        "rows": study.rows,
        "failed": study.failed,
        "points_of_arms": study.points,
        "points_left_out": study.left_out,
        "factors": factor_rows(study),
        "outcomes": [plain(row) for row in outcome_rows(study)],
        "estimates": [plain(one._asdict()) for one in study.estimates],
        "rests_on_assumed": verdict(study),
    }


def missing(value: object) -> bool:
    """Say whether a value is a number that is not known."""
    return isinstance(value, float) and math.isnan(value)


def text(study: Study, seed: int) -> str:
    """Return the tables of the terminal and the line that answers the question."""
    with redirect_stdout(StringIO()) as out:
        _print(study, seed)
    return out.getvalue()


def _print(study: Study, seed: int) -> None:
    from calibration.outcomes import OUTCOMES

    scenario, effort, factors = study.opened.scenario, study.effort, study.opened.factors
    own = len({one.factor for one in study.estimates if one.method == "sobol_total" and not one.together})
    print(
        f"{scenario.title}: {len(factors)} factors, {effort.points} points of {effort.patients} patients per arm, seed {seed}\n"
        f"All factors vary throughout. Sobol indices of the {own} strongest by PRCC and of each kind of evidence together; the other "
        f"{len(factors) - own} have none of their own. {len(study.opened.held)} numbers are held: factors.csv says which and why.\n"
    )
    drawn = any(one.method == "given_data" for one in study.estimates)
    columns = ("factor", "evidence", "PRCC", "Sobol alone", "Sobol total", *(["from draws"] if drawn else []))
    for arm, outcome in study.asked:
        label = f"{OUTCOMES[outcome].label}, {arm}"
        rows = _rows(study, arm, outcome)
        if not study.tells(arm, outcome) or not rows:
            print(f"{label}: {_why_not(study, arm, outcome)}\n")
            continue
        mean, sd, n = study.spread[arm, outcome]
        unit = "log10 cells/uL, " if OUTCOMES[outcome].how == "log10 median" else ""
        noise = f"{100 * study.noise[arm, outcome]:.0f} % of the variance is averaging error"
        print_table(f"{label}: {unit}mean {mean:.2f}, SD {sd:.2f} over {n} points, {noise}", columns, rows)
        if not _has_indices(study, arm, outcome):
            print("  No Sobol indices: it is known in fewer than half of the rows of their design.\n")
    print(f"Which conclusions rest on assumed numbers? {verdict(study)}")


def _has_indices(study: Study, arm: str, outcome: str) -> bool:
    """Say whether Sobol indices of an outcome are known."""
    return any(one.known for one in study.find(arm, outcome, "sobol_total"))


def _why_not(study: Study, arm: str, outcome: str) -> str:
    """Say why nothing is told of an outcome."""
    if (arm, outcome) not in study.spread:
        return f"known at none of the {study.effort.points} points"
    if (arm, outcome) in study.constant:
        return "the same at all points; nothing to explain"
    if study.spread[arm, outcome][2] < study.effort.points // 2:
        return f"known at {study.spread[arm, outcome][2]} of {study.effort.points} points, too few; more --patients help"
    return "varies mostly by averaging error; nothing to tell with so few --patients"


def _rows(study: Study, arm: str, outcome: str) -> list[list[str]]:
    """Return the lines of an outcome: kinds of evidence, then the strongest factors."""
    by = {
        method: {(one.factor, one.together): one for one in study.find(arm, outcome, method)}
        for method in ("prcc", "sobol_first", "sobol_total", "given_data")
    }  # fmt: skip
    strongest = [key for key, one in by["prcc"].items() if one.known][:_SHOWN]
    together = [key for key in by["sobol_total"] if key[1]]
    rows = []
    for key in [*sorted(together), *strongest]:
        cells = [_cell(by[method].get(key)) for method in by if by[method] or method != "given_data"]
        kind = next(one.kind for found in by.values() if (one := found.get(key)) is not None)
        rows.append([f"all {key[0]}" if key[1] else key[0], kind, *cells])
    return rows if strongest else []


def _cell(one: Estimate | None) -> str:
    if one is None or not one.known:
        return "-"
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"


def verdict(study: Study) -> str:
    """Return one line: the share of each outcome's variance that would be left if all but the assumed numbers were known."""
    from calibration.outcomes import OUTCOMES

    told, sure, untold = [], [], []
    for arm, outcome in study.asked:
        label = f"{OUTCOMES[outcome].label} ({arm})"
        total = [
            one
            for one in study.find(arm, outcome, "sobol_total")
            if one.together and one.kind == "assumed" and one.known and study.tells(arm, outcome)
        ]
        told += [f"{label} {100 * min(one.value, 1.0):.0f} %" for one in total]
        sure += [label for one in total if one.low > _MOSTLY]
        untold += [] if total else [label]
    rest = f" Nothing can be said of {', '.join(untold)}." if untold else ""
    if not told:
        return rest.strip()
    head = f"{len(sure)} of {len(told)} for more than half of their variance, at 95 %"
    sure_of = f" ({', '.join(sure)})" if sure else ""
    return f"{head}{sure_of}. Variance left if all else were known: {', '.join(told)}.{rest}"
