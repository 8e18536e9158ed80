"""Figures of single cells: killing assays, antigen densities of residual disease, and the clones that relapses come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.plot_style import (
    CAUSE_COLOURS,
    CAUSE_LABELS,
    TEXT,
    arm_colour,
    clean,
    new_panels,
    percent_axis,
    ratio_text,
    share_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

__all__ = ["clones", "densities", "killing"]

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
            own = (
                (kills["status"] == 0)
                & (kills["line"] == line)
                & (kills["product"] == product)
                & (kills["ratio"] == ratio)
            )
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


_WHEN = {
    "before": ("before infusion", "#999999"),
    "nadir": ("at the nadir", "#D55E00"),
    "relapse": ("at relapse", "#0072B2"),
}
"""Look -> label and colour."""


def densities(table: Columns, labels: Mapping[str, str]) -> list[Axes]:
    """Draw shares of the leukaemia cells by antigen density, a row for each arm, CD19 at the left and CD22 at the right.

    Parameters
    ----------
    table : mapping of str to ndarray
        As `sim.trial.residual.ResidualDisease.densities` gives it.
    labels : mapping of str to str
        Of arms.

    Returns
    -------
    list of Axes
    """
    arms = list(dict.fromkeys(table["arm"].tolist()))
    axes = new_panels(None, 2 * len(arms), 3.6, 2.5, columns=2)
    for row, arm in enumerate(arms):
        for column, antigen in enumerate(("cd19", "cd22")):
            ax = axes[2 * row + column]
            here = (table["arm"] == arm) & (table["antigen"] == antigen)
            without = [_histogram(ax, table, here & (table["when"] == when), *_WHEN[when]) for when in _WHEN]
            ax.set_xscale("log")
            ax.set_xlim(10.0**1.5, 10.0**5.5)
            clean(ax, f"{labels.get(arm, arm)}" if column == 0 else "")
            said = ", ".join(share_text(share) if share > 0.0 else "0 %" for share in without)
            # Within the axes, above the curves: beside the arm's label there is no room for it.
            ax.set_ylim(0.0, 1.3 * ax.get_ylim()[1])
            note = f"without {antigen.upper()}:\n{said}"
            ax.text(0.02, 0.97, note, transform=ax.transAxes, va="top", fontsize=TEXT - 1)
            ax.set_xlabel(f"{antigen.upper()} (molecules/cell)", fontsize=TEXT)
        axes[2 * row].set_ylabel("Share of the cells", fontsize=TEXT)
        # Each arm has patients of its own who relapse.
        axes[2 * row + 1].legend(fontsize=TEXT - 1, frameon=False, loc="upper right")
    return axes


def _histogram(ax: Axes, table: Columns, here: NDArray[np.bool_], label: str, colour: str) -> float:
    """Draw one look; return the share of the cells without the antigen."""
    bins = here & np.isfinite(table["low"])
    if not bins.any():
        return 0.0
    edges = 10.0 ** np.append(table["low"][bins], table["high"][bins][-1])
    n = int(table["patients"][bins][0])
    ax.stairs(table["share"][bins], edges, color=colour, linewidth=1.4, label=f"{label} (n = {n})")
    return float(table["share"][here & ~np.isfinite(table["low"])].sum())


def clones(table: Columns, labels: Mapping[str, str]) -> list[Axes]:
    """Draw each relapse by the clones that came through and the share of the largest, coloured by phenotype; a panel for each arm.

    Parameters
    ----------
    table : mapping of str to ndarray
        As `sim.trial.residual.ResidualDisease.clones` gives it.
    labels : mapping of str to str
        Of arms.

    Returns
    -------
    list of Axes
    """
    arms = list(dict.fromkeys(table["arm"].tolist()))
    axes = new_panels(None, len(arms), 3.4, 3.0)
    seen = np.isfinite(table["relapse_day"]) & np.isfinite(table["largest_share"])
    for ax, arm in zip(axes, arms, strict=True):
        own = seen & (table["arm"] == arm)
        for phenotype in dict.fromkeys(table["relapse_phenotype"][own].tolist()):
            some = own & (table["relapse_phenotype"] == phenotype)
            label = f"{CAUSE_LABELS.get(phenotype, phenotype)} ({np.count_nonzero(some)})"
            colour = CAUSE_COLOURS.get(phenotype, "#666666")
            ax.scatter(
                table["clones"][some],
                table["largest_share"][some],
                s=14,
                color=colour,
                alpha=0.7,
                linewidth=0,
                label=label,
            )
        never = np.isfinite(table["relapse_day"]) & (table["arm"] == arm) & ~seen
        clean(ax, labels.get(arm, arm))
        ax.set_xscale("log")
        ax.set_xlim(0.7, 3.0 * max(10.0, float(table["clones"][seen].max(initial=1.0))))
        ax.set_xlabel(
            f"Residual cells with descendants\n({np.count_nonzero(never)} relapses were never so few)",
            fontsize=TEXT,
        )
        percent_axis(ax)
        ax.set_ylim(-0.03, 1.03)
        if own.any():
            ax.legend(fontsize=TEXT - 1, frameon=False)
    axes[0].set_ylabel("Share of the largest clone", fontsize=TEXT)
    return axes
