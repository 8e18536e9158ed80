"""Tornado figures: what decides an outcome, the strongest on top, coloured by the kind of evidence behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.plot_style import GREY, TEXT, clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EVIDENCE_COLOURS", "Bar", "tornado"]

EVIDENCE_COLOURS = {
    "measured": "#0072B2",
    "fitted": "#009E73",
    "reported": "#CC79A7",
    "assumed": "#E69F00",
}


class Bar(NamedTuple):
    """One bar.

    Attributes
    ----------
    label, kind : str
        Name, and kind of evidence.
    value, low, high : float
        Effect and the ends of its interval.
    """

    label: str
    kind: str
    value: float
    low: float
    high: float


def tornado(
    panels: Mapping[str, Sequence[Bar]], *, xlabel: str, title: str = "", most: int = 12
) -> list[Axes]:
    """Draw a panel of bars for each title, side by side, on a new figure.

    Parameters
    ----------
    panels : mapping of str to sequence of Bar
        Title of each panel and its bars, in any order.
    xlabel, title : str
    most : int
        Bars of a panel, the strongest; how many there are besides is said below.

    Returns
    -------
    list of Axes
        One per panel.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    shown = {name: sorted(bars, key=lambda bar: -abs(bar.value))[:most] for name, bars in panels.items()}
    rows = max(len(bars) for bars in shown.values())
    figure, grid = plt.subplots(
        1, len(panels), figsize=(4.4 * len(panels), 0.26 * rows + 1.5), squeeze=False, layout="constrained"
    )
    axes: list[Axes] = list(grid[0])
    for ax, (name, bars) in zip(axes, shown.items(), strict=True):
        height = np.arange(len(bars))[::-1]
        for y, bar in zip(height, bars, strict=True):
            ax.barh(y, bar.value, height=0.7, color=EVIDENCE_COLOURS.get(bar.kind, GREY), zorder=2)
            ax.plot([bar.low, bar.high], [y, y], color="black", linewidth=0.9, zorder=3)
        ax.axvline(0.0, color=GREY, linewidth=0.8, zorder=1)
        ax.set_yticks(height, [bar.label.replace("_", " ") for bar in bars])
        ax.set_ylim(-0.7, rows - 0.3)
        left_out = len(panels[name]) - len(bars)
        ax.set_xlabel(xlabel + (f"\n{left_out} weaker ones not shown" if left_out else ""))
        clean(ax, name)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
    kinds = [
        kind for kind in EVIDENCE_COLOURS if any(bar.kind == kind for bars in shown.values() for bar in bars)
    ]
    patches = [Patch(color=EVIDENCE_COLOURS[kind], label=kind) for kind in kinds]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(kinds), fontsize=TEXT, frameon=False)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=TEXT + 2)
    return axes
