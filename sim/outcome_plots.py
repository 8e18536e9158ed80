"""The figure of what became of the patients: a bar an arm, with the kinetics of its CAR T cells beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.plot_style import (
    CAUSE_COLOURS,
    CAUSE_LABELS,
    DAYS_PER_MONTH,
    GREY,
    TEXT,
    arm_colour,
    clean,
    month_ticks,
)
from sim.trial.fates import FATES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from sim.trial.fates import ArmFates

__all__ = ["outcomes"]

_COLOURS = {
    "in remission": "#0072B2",
    "remission after re-infusion": "#7FB8DB",
    "no remission, marrow clear": "#F0E442",
    "no remission": "#222222",
} | CAUSE_COLOURS
_LABELS = {
    **{name: f"relapse, {label}" for name, label in CAUSE_LABELS.items()},
    "unclassified": "relapse, not classified",
    "no remission, marrow clear": "no remission, but a clear marrow",
}
_LIGHT = ("remission after re-infusion", "positive", "cd22-low", "no remission, marrow clear")
"""Fills on which white is hard to read."""
_WRITTEN = 0.045
"""Share from which there is room for its number in the bar."""
_NEVER_SEEN = 1e-2
"""Left end of the axis of peaks, cells/uL: none were seen."""


def outcomes(arms: Mapping[str, ArmFates], *, until: float, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw what became of the patients of each arm, and of their CAR T cells.

    Parameters
    ----------
    arms : mapping of str to ArmFates
        Label and summary of each arm.
    until : float
        Last day of follow-up.
    axes : sequence of Axes, optional
        One for the bars, and one each for peak and persistence where an arm infuses; a new figure without it.

    Returns
    -------
    list of Axes
    """
    infuse = any(arm.peak is not None for arm in arms.values())
    panels = list(axes) if axes is not None else _panels(len(arms), infuse=infuse)
    height = np.arange(len(arms), dtype=np.int64)[::-1]
    _bars(panels[0], arms, height, until)
    if infuse:
        _peaks(panels[1], arms, height)
        _lasting(panels[2], arms, height, until)
    for ax in panels:
        ax.set_ylim(-0.6, len(arms) - 0.4)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    for ax in panels[1:]:
        ax.set_yticks(height, [""] * len(arms))
        ax.grid(axis="x", color="#e5e5e5", linewidth=0.6, zorder=0)
        ax.set_axisbelow(True)
    return panels


def _panels(arms: int, *, infuse: bool) -> list[Axes]:
    import matplotlib.pyplot as plt

    widths = [3.4, 1.5, 1.5] if infuse else [3.4]
    _, grid = plt.subplots(
        1, len(widths), figsize=(9.6 if infuse else 6.4, 1.75 + 0.42 * arms), squeeze=False, layout="constrained",
        width_ratios=widths,
    )  # fmt: skip
    return list(grid[0])


def _bars(ax: Axes, arms: Mapping[str, ArmFates], height: NDArray[np.int64], until: float) -> None:
    """Stack the shares of each arm, and name below those that occur, in their order."""
    for y, arm in zip(height, arms.values(), strict=True):
        if arm.shares:
            _stack(ax, float(y), arm.shares)
        else:
            ax.text(0.01, y, "shown for its kinetics alone", color=GREY, fontsize=TEXT - 1, va="center", style="italic")  # fmt: skip
    clean(ax, f"What became of the patients by month {until / DAYS_PER_MONTH:.0f}")
    ax.set_yticks(height, [f"{label} (n = {arm.size})" for label, arm in arms.items()])
    ax.set_xlim(0, 1)
    ax.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0])
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.set_xlabel("Share of patients")
    _name(ax, [name for name in FATES if any(arm.shares.get(name, 0.0) > 0.0 for arm in arms.values())])


def _stack(ax: Axes, y: float, shares: Mapping[str, float]) -> None:
    """Draw one bar."""
    left = 0.0
    for name in FATES:
        share = shares[name]
        if share > 0.0:
            ax.barh(y, share, left=left, height=0.72, color=_COLOURS[name], edgecolor="white", linewidth=0.6)
        if share >= _WRITTEN:
            ink = "black" if name in _LIGHT else "white"
            ax.text(left + 0.5 * share, y, f"{100 * share:.0f}", color=ink, fontsize=TEXT - 1, ha="center", va="center")  # fmt: skip
        left += share


def _name(ax: Axes, names: Sequence[str]) -> None:
    """Write the legend below the figure."""
    from matplotlib.patches import Patch

    figure = ax.get_figure()
    if names and figure is not None:
        handles = [Patch(color=_COLOURS[name], label=_LABELS.get(name, name)) for name in names]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=TEXT - 1, frameon=False)


def _peaks(ax: Axes, arms: Mapping[str, ArmFates], height: NDArray[np.int64]) -> None:
    for number, (y, arm) in enumerate(zip(height, arms.values(), strict=True)):
        if arm.peak is not None:
            _whisker(ax, float(y), np.maximum(arm.peak, _NEVER_SEEN), arm_colour(number))
    ax.set_xscale("log")
    clean(ax, "Peak of CAR T cells")
    ax.set_xlabel("Per µL of blood\n(median, 50 % and 90 %)")


def _whisker(ax: Axes, y: float, quantiles: NDArray[np.float64], colour: str) -> None:
    """Draw a median, the half around it, and nine tenths."""
    ax.plot(quantiles[[0, -1]], [y, y], color=colour, linewidth=1.0)
    ax.plot(quantiles[[1, -2]], [y, y], color=colour, linewidth=3.5, solid_capstyle="butt")
    ax.plot(quantiles[[2]], [y], color=colour, marker="o", markersize=5, linestyle="none")


def _lasting(ax: Axes, arms: Mapping[str, ArmFates], height: NDArray[np.int64], until: float) -> None:
    """Draw the middle half of the times; what is not reached leaves through the right edge."""
    end = until / DAYS_PER_MONTH
    for number, (y, arm) in enumerate(zip(height, arms.values(), strict=True)):
        if arm.lasting is None:
            continue
        colour = arm_colour(number)
        early, middle, late = arm.lasting / DAYS_PER_MONTH
        if np.isnan(early):
            ax.annotate(
                "not reached",
                (1.0, y),
                xycoords=ax.get_yaxis_transform(),
                ha="right",
                va="center",
                fontsize=TEXT - 1,
                color=colour,
            )
            continue
        ax.plot(
            [early, end if np.isnan(late) else late],
            [y, y],
            color=colour,
            linewidth=3.5,
            solid_capstyle="butt",
        )
        if np.isnan(late):
            ax.plot([end], [y], color=colour, marker=">", markersize=7, linestyle="none", clip_on=False)
        if not np.isnan(middle):
            ax.plot([middle], [y], color=colour, marker="o", markersize=5, linestyle="none")
    ax.set_xlim(0, end)
    ax.set_xticks(month_ticks(until, most=5))
    clean(ax, "CAR T cells last seen")
    ax.set_xlabel("Months since first infusion\n(median and 50 %)")
