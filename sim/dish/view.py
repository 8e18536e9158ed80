"""A killing assay as text for people: what is put together, and what came of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.plot_style import ratio_text
from sim.trial.laws import Number
from sim.trial.scenario_view import Section, evidence, product_rows

if TYPE_CHECKING:
    from sim.dish.assay import KillingAssay
    from sim.dish.result import AssayResult

__all__ = ["conditions_table", "sections"]

NOTHING = "-"
"""Stands in a table where there is nothing to tell."""


def sections(assay: KillingAssay) -> list[Section]:
    """Return what a reader of a methods section looks for: rows of name, value and where the value comes from."""
    dish = assay.dish
    put = [
        ("targets", f"{dish.targets} cells a well", ""),
        (
            "effector : target",
            ", ".join(ratio_text(ratio) for ratio in dish.ratios),
            "and wells without CAR T cells",
        ),
        (
            "memory cells",
            f"{100 * dish.memory_fraction:.3g} % of the CAR T cells",
            _origin(dish.memory_fraction),
        ),
        ("wells", f"{dish.wells} of each", ""),
        ("counted", f"after {', '.join(f'{hour:g}' for hour in dish.sampled)} h", ""),
        ("step", f"{dish.step:g} h between cells and medium", _origin(dish.step)),
        ("room", f"for {dish.room} cells of a kind", ""),
    ]
    lines = []
    for name, line in assay.lines.items():
        said = [f"{key.replace('_', ' ')} {value:g}" for key, value in line.parameters.items()]
        sources = [value.law.source for _, value in line if isinstance(value, Number) and value.law.source]
        lines.append((name, "; ".join([line.label, *said] if line.label else said), "; ".join(sources)))
    numbers = [(name, law.describe(), evidence(law)) for name, law in assay.parameters.items()]
    products = product_rows(assay.products)
    found = [("Dish", put), ("Target lines", lines), ("Products", products), ("Parameters", numbers)]
    return [section for section in found if section[1]]


def _origin(value: float) -> str:
    """Return what is behind a number of the assay; a bare one says no more than itself."""
    return evidence(value.law) if isinstance(value, Number) else ""


def conditions_table(result: AssayResult) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the columns and cells of the end of an assay by condition."""
    columns = (
        "targets",
        "CAR T cells",
        "effector : target",
        "lysis",
        "targets left",
        "CD22 left",
        "CAR T cells left",
        "killed by each",
    )
    cells = []
    for row in result.rows():
        treated = row["ratio"] > 0.0
        spread = f" +- {100 * row['lysis_sd']:.1f}" if math.isfinite(row["lysis_sd"]) else ""
        lysis = _told(100 * row["lysis"], 1)
        cells.append(
            [
                result.labels[row["line"]],
                result.labels[row["product"]] if treated else "none",
                ratio_text(row["ratio"]) if treated else NOTHING,
                f"{lysis}{spread} %" if treated and lysis != NOTHING else NOTHING,
                _told(row["targets"], 0),
                _told(row["cd22_density"], 0),
                _told(row["car_t"], 0) if treated else NOTHING,
                _told(row["kills_per_cell"], 1) if treated else NOTHING,
            ]
        )
    return columns, cells


def _told(value: float, digits: int) -> str:
    """Write a number with so many decimals; no well, or no cell, has nothing to tell."""
    return f"{value:.{digits}f}" if math.isfinite(value) else NOTHING
