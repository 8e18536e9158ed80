"""A comparison of two arms told: as text, as a notebook's view, as data that JSON can hold."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from sim.trial.plain_text import html_table, table_text, wrapped_text
from sim.units import DAYS_PER_MONTH

if TYPE_CHECKING:
    from sim.trial.contrast import Contrast, Line, Ratio

__all__ = ["html", "record", "text"]

# Relapses of a phenotype are left out where they are next to nothing in both arms.
_SHOWN_FROM = 0.005
_PATHS = 8
_MONTHS_FROM = 60.0
_NAME = 24

_RESPONDERS = "* of those who responded in each arm, who are not the same people: such a difference is not an effect of treatment alone."
_USE = (
    "Research only: a difference between simulated arms is one between assumptions of the model. Not for individual patients, the choice of a "
    "dose or product, or regulatory evidence."
)


def text(found: Contrast, width: int = 125) -> str:
    """Return the comparison as plain text of that width."""
    first, second = found.arms
    blocks = [f"{first}, less {second}\n\n" + "\n".join(wrapped_text(line, width) for line in _people(found))]
    apart = _differences(found)
    if apart:
        blocks.append("\n".join(["What differs", *apart]))
    title = f"Differences, with {100 * found.level:g} % intervals"
    blocks.append(table_text(title, *_lines(found), width))
    if any(line.of_responders for line in found.lines):
        blocks[-1] += "\n" + wrapped_text(_RESPONDERS, width)
    if found.ratios:
        table = table_text("Hazard ratios, where hazards are proportional", *_ratios(found), width)
        blocks.append("\n".join([table, *(wrapped_text(note, width) for note in _notes(found))]))
    blocks.append("What this is not\n" + wrapped_text(_USE, width))
    return "\n\n".join(blocks) + "\n"


def html(found: Contrast) -> str:
    """Return the view of a notebook: two tables under what is compared."""
    parts = [f"<h4>{escape(found.arms[0])}, less {escape(found.arms[1])}</h4>"]
    parts += [f"<p>{escape(line)}</p>" for line in _people(found)]
    parts.append(html_table(*_lines(found)))
    if found.ratios:
        parts.append(html_table(*_ratios(found)))
        parts += [f"<p>{escape(note)}</p>" for note in _notes(found)]
    return "".join([*parts, f"<p><small>{escape(_USE)}</small></p>"])


def record(found: Contrast) -> dict[str, Any]:
    """Return the comparison as data that JSON can hold: what is unknown is null."""
    pairing = found.pairing
    return {
        "arms": list(found.arms),
        "paired": pairing.paired,
        "populations": None if pairing.shared is None else pairing.shared.populations,
        "patients": [len(set(side["patient"].tolist())) for side in (pairing.first, pairing.second)],
        "failed": list(pairing.failed),
        "left_out": pairing.left_out,
        "at": found.at,
        "until": found.until,
        "level": found.level,
        "transplant": found.transplant,
        "differs": {path: list(both) for path, both in found.apart.items()},
        "differences": [_finite(line._asdict()) for line in found.lines],
        "hazard_ratios": [_finite(ratio._asdict()) for ratio in found.ratios],
        "use": _USE,
    }


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }


def _people(found: Contrast) -> list[str]:
    """Say who is compared, and what the intervals hold."""
    pairing = found.pairing
    sizes = [len(set(side["patient"].tolist())) for side in (pairing.first, pairing.second)]
    if pairing.paired:
        lines = [f"Paired: the same {max(sizes):,} virtual patients in both arms, with the same luck."]
    else:
        lines = [f"Not paired: {sizes[0]:,} and {sizes[1]:,} virtual patients, different people."]
    if pairing.shared is not None or any(pairing.own):
        lines.append(
            "Intervals hold what is not known of parameters and trials: patients of one population of the posterior belong together."
        )
    else:
        lines.append("Intervals say what more virtual patients would change, and nothing about the model.")
    if sum(pairing.failed):
        out = f", and {pairing.left_out} whose partner failed are left out" if pairing.paired else ""
        lines.append(
            f"Rows that failed: {pairing.failed[0]} and {pairing.failed[1]}; they are in no figure{out}."
        )
    if found.transplant != "ignored":
        lines.append(f"A transplant before the end of a time: {found.transplant}.")
    return lines


def _differences(found: Contrast) -> list[str]:
    """Return a line for each of the first paths that differ."""
    lines = []
    for path, (one, two) in list(found.apart.items())[:_PATHS]:
        lines.append(f"  {path}: {_value(one)}, {_value(two)}")
    rest = len(found.apart) - _PATHS
    if rest > 0:
        lines.append(f"  and {rest} more; --json lists them")
    if any(path.startswith(("assay", "criteria")) for path in found.apart):
        lines.append(
            "  The two are not examined or judged alike: part of a difference may be one of measuring."
        )
    return lines


def _value(value: Any) -> str:
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _lines(found: Contrast) -> tuple[list[str], list[list[str]]]:
    rows = []
    for line in found.lines:
        rare = line.name.startswith("relapse_") and not line.name.endswith("_any")
        if rare and max(line.first, line.second) < _SHOWN_FROM:
            continue
        mark = " *" if line.of_responders else ""
        low, high = (_difference(end, line) for end in (line.lower, line.upper))
        interval = "-" if math.isnan(line.difference) else f"{low} to {high}"
        rows.append(
            [
                line.label + mark,
                _figure(line.first, line),
                _figure(line.second, line),
                _difference(line.difference, line),
                interval,
            ]
        )
    # Names that would push the differences below are said once, above.
    heads = found.arms if max(len(arm) for arm in found.arms) <= _NAME else ("first", "second")
    return ["", *heads, "difference", "interval"], rows


def _months(line: Line) -> bool:
    return max(line.first, line.second) >= _MONTHS_FROM


def _figure(value: float, line: Line) -> str:
    if math.isnan(value):
        return "-"
    if line.unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value / DAYS_PER_MONTH:.1f} months" if _months(line) else f"{value:.1f} d"


def _difference(value: float, line: Line) -> str:
    if math.isnan(value):
        return "-"
    if line.unit == "share":
        return f"{100 * value:+.1f}"
    return f"{value / DAYS_PER_MONTH:+.2f}" if _months(line) else f"{value:+.1f}"


def _ratios(found: Contrast) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            ratio.endpoint,
            _ratio(ratio),
            _p(ratio.proportional_p),
            f"{ratio.events_first}, {ratio.events_second}",
        ]
        for ratio in found.ratios
    ]
    return ["", "hazard ratio", "p of proportional hazards", "events"], rows


def _notes(found: Contrast) -> list[str]:
    """Return what is to be said of the ratios, a line for each thing said."""
    said: dict[str, list[str]] = {}
    for ratio in found.ratios:
        if ratio.note:
            said.setdefault(ratio.note, []).append(ratio.endpoint)
    return [f"{', '.join(names)}: {note}" for note, names in said.items()]


def _ratio(ratio: Ratio) -> str:
    return "-" if math.isnan(ratio.value) else f"{ratio.value:.2f} ({ratio.lower:.2f} to {ratio.upper:.2f})"


def _p(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
