"""Operating characteristics told: as text, and as data that JSON can hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sim.trial.plain_text import table_text, wrapped_text
from sim.units import DAYS_PER_MONTH

if TYPE_CHECKING:
    from sim.dosing.characteristics import DoseFinding

__all__ = ["record", "text"]

_NAMES = {"boin": "BOIN", "keyboard": "Keyboard", "3+3": "3+3"}
_USE = (
    "The toxicity of each dose was given, not simulated: the model has none that is calibrated. For the design of trials in simulation alone; not for the "
    "choice of a dose for patients."
)


def text(found: DoseFinding, width: int = 125) -> str:
    """Return the characteristics as plain text of that width."""
    blocks = [_heading(found), table_text("Doses", *_doses(found), width), _whole(found)]
    if found.decisions is not None:
        blocks.append(table_text("After so many patients at a dose", *_boundaries(found), width))
    blocks.append("What this is not\n" + wrapped_text(_USE, width))
    return "\n\n".join(blocks) + "\n"


def record(found: DoseFinding) -> dict[str, Any]:
    """Return the characteristics as data that JSON can hold: what is unknown is null."""
    columns = ("patients", "escalate_at_most", "deescalate_from", "eliminate_from")
    return {
        **found.setting._asdict(),
        "start": found.setting.start + 1,
        "wanted": found.doses[found.wanted],
        "doses": [_finite(row) for row in found.rows()],
        "summary": found.summary(),
        "boundaries": None
        if found.decisions is None
        else [dict(zip(columns, row, strict=True)) for row in found.decisions.table(found.setting.cohort)],
        "use": _USE,
    }


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()
    }


def _heading(found: DoseFinding) -> str:
    asked = found.setting
    rule = f"{_NAMES[asked.design]}, target {asked.target:g}" if asked.design != "3+3" else "3+3"
    size = f", at most {asked.cohorts} cohorts of {asked.cohort}" if asked.design != "3+3" else ""
    return (
        f"{rule}{size}: {asked.trials:,} virtual trials, seed {asked.seed}\n"
        f"  The dose nearest to a toxicity of {asked.target:g} is {found.doses[found.wanted]}."
    )


def _doses(found: DoseFinding) -> tuple[list[str], list[list[str]]]:
    head = ["", "toxicity", "selected", "95 %", "patients", "toxicities"] + (
        ["remission"] if found.efficacy else []
    )
    rows = []
    for row in found.rows():
        low, high = 100 * row["selected_lower"], 100 * row["selected_upper"]
        cells = [
            row["dose"],
            _number(row["toxicity"], "g"),
            f"{100 * row['selected']:.1f} %",
            f"{low:.1f} to {high:.1f}",
        ]
        cells += [_number(row["patients"], ".1f"), _number(row["toxicities"], ".1f")]
        if found.efficacy:
            ends = f" ({100 * row['remission_lower']:.0f} to {100 * row['remission_upper']:.0f})"
            cells.append("-" if math.isnan(row["remission"]) else f"{100 * row['remission']:.0f} %{ends}")
        rows.append(cells)
    return head, rows


def _whole(found: DoseFinding) -> str:
    known = found.summary()
    lines = [
        f"selects the wanted dose   {100 * known['correct']:.1f} %   a higher one {100 * known['selected_above']:.1f} %   none {100 * known['none']:.1f} %",
        f"treated above it          {100 * known['treated_above']:.1f} % of patients; more than 60 % of them in {100 * known['trials_overdosed']:.1f} % of trials",
        f"toxicities                {100 * known['toxicities']:.1f} % of patients",
        f"patients                  {known['patients_mean']:.1f} (5 to 95 %: {known['patients_q05']:.0f} to {known['patients_q95']:.0f})",
        f"duration                  {_months(known['days_mean'])} months (5 to 95 %: {_months(known['days_q05'])} to {_months(known['days_q95'])})",
    ]
    if "remission_of_selected" in known:
        lines.append(
            f"remission                 {100 * known['remission_of_selected']:.0f} % at the selected dose, 0 where none is"
        )
    return "\n".join(["A trial", *(f"  {line}" for line in lines)])


def _boundaries(found: DoseFinding) -> tuple[list[str], list[list[str]]]:
    rows = found.decisions.table(found.setting.cohort) if found.decisions is not None else []
    names = ("patients", "go up with at most", "go down from", "eliminate from")
    return list(names), [["-" if cell is None else str(cell) for cell in row] for row in rows]


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _months(days: float) -> str:
    return f"{days / DAYS_PER_MONTH:.1f}"
