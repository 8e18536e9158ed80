"""Figures of single cells: killing assays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.plot_style import TEXT, arm_colour, clean, new_panels, percent_axis, ratio_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

__all__ = ["killing"]

SHOWN_KILLS = 12
"""Kills of one cell that have a bar of their own."""


def killing(wells: Columns, kills: Columns, labels: Mapping[str, str]) -> list[Axes]:
    """Draw a killing assay: lysis over time above, targets killed by single CAR T cells below; a column for each line and product.

    Parameters
    ----------
    wells, kills : mapping of str to ndarray
        As in `sim.dish.result.AssayResult`.
    labels : mapping of str to str
        Of lines and products.

    Returns
    -------
    list of Axes
        Upper row, then lower row.
    """
    pairs = list(dict.fromkeys(zip(wells["line"].tolist(), wells["product"].tolist(), strict=True)))
    axes = new_panels(None, 2 * len(pairs), 3.6, 2.9, columns=len(pairs))
    ratios = [ratio for ratio in np.unique(wells["ratio"]) if ratio > 0.0]
    several = len({product for _, product in pairs}) > 1
    for column, (line, product) in enumerate(pairs):
        above, below = axes[column], axes[len(pairs) + column]
        here = (wells["line"] == line) & (wells["product"] == product) & (wells["status"] == 0)
        for number, ratio in enumerate(ratios):
            _lysis(above, wells, here & (wells["ratio"] == ratio), arm_colour(number), ratio_text(ratio))
            own = (kills["line"] == line) & (kills["product"] == product) & (kills["ratio"] == ratio)
            _kills(below, kills, own, arm_colour(number))
        clean(above, f"{labels[line]}, {labels[product]}" if several else labels[line])
        above.set_xlabel("Hours", fontsize=TEXT)
        above.axhline(0.0, color="#BBBBBB", linewidth=0.8)
        percent_axis(above)
        above.set_ylim(top=1.03)
        clean(below, "")
        below.set_xlabel(f"Targets killed by a CAR T cell ({SHOWN_KILLS}: or more)", fontsize=TEXT)
        below.set_yscale("log")
        below.set_ylim(1e-4, 1.0)
    axes[0].set_ylabel("Specific lysis", fontsize=TEXT)
    axes[len(pairs)].set_ylabel("Share of the CAR T cells alive at the end", fontsize=TEXT)
    axes[0].legend(
        title="effector : target", fontsize=TEXT, title_fontsize=TEXT, frameon=False, loc="lower right"
    )
    return axes


def _lysis(ax: Axes, wells: Columns, here: NDArray[np.bool_], colour: str, label: str) -> None:
    """Draw the mean of the wells, and the range between them."""
    hours = np.unique(wells["hour"])
    found = [wells["lysis"][here & (wells["hour"] == hour)] for hour in hours]
    if not len(found[0]):
        return
    ax.plot(hours, [one.mean() for one in found], color=colour, linewidth=1.6, label=label)
    ax.fill_between(
        hours,
        [one.min() for one in found],
        [one.max() for one in found],
        color=colour,
        alpha=0.2,
        linewidth=0,
    )


def _kills(ax: Axes, kills: Columns, here: NDArray[np.bool_], colour: str) -> None:
    """Draw which share of the CAR T cells has killed how many."""
    cells = np.zeros(SHOWN_KILLS + 1)
    np.add.at(cells, np.minimum(kills["kills"][here], SHOWN_KILLS), kills["cells"][here])
    if cells.sum() > 0.0:
        ax.plot(
            np.arange(SHOWN_KILLS + 1),
            cells / cells.sum(),
            color=colour,
            marker="o",
            markersize=3,
            linewidth=1.2,
        )
