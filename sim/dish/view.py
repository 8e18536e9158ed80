"""A killing assay as text for people: what is put together, and what came of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.plot_style import ratio_text
from sim.trial.laws import Law, Number

if TYPE_CHECKING:
    from sim.dish.assay import KillingAssay
    from sim.dish.result import AssayResult

__all__ = ["conditions_table", "sections"]

NOTHING = "-"
"""Stands in a table where there is nothing to tell."""
Section = tuple[str, list[tuple[str, str, str]]]


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
        ("wells", f"{dish.wells} of each", ""),
        ("counted", f"after {', '.join(f'{hour:g}' for hour in dish.sampled)} h", ""),
    ]
    lines = []
    for name, line in assay.lines.items():
        said = [f"{key.replace('_', ' ')} {value:g}" for key, value in line.parameters.items()]
        sources = [value.law.source for _, value in line if isinstance(value, Number) and value.law.source]
        lines.append((name, "; ".join([line.label, *said] if line.label else said), "; ".join(sources)))
    products = [
        (
            name,
            f"{product.label or name}: {', '.join(product.targets)}, {product.architecture}",
            product.source,
        )
        for name, product in assay.products.items()
    ]
    numbers = [(name, law.describe(), _origin(law)) for name, law in assay.parameters.items()]
    found = [("Dish", put), ("Target lines", lines), ("Products", products), ("Parameters", numbers)]
    return [section for section in found if section[1]]


def _origin(law: Law) -> str:
    return ", ".join(part for part in (law.kind, law.source, law.note) if part)


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
