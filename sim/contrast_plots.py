"""The figure of a comparison: the curves of two arms, and below them their difference with its band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.plot_style import (
    DAYS_PER_MONTH,
    GREY,
    TEXT,
    arm_colour,
    clean,
    label_ends,
    month_ticks,
    percent_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sim.trial.contrast import CurveDifference

__all__ = ["curve_differences"]

_BLACK = "#222222"


def curve_differences(
    curves: Sequence[CurveDifference],
    arms: tuple[str, str],
    *,
    level: float = 0.95,
    since: str = "first infusion",
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw two arms' curves above, and the first less the second below, a column an endpoint.

    Parameters
    ----------
    curves : sequence of CurveDifference
        Days and shares.
    arms : tuple of str
        Names of the two.
    level : float
        Of the band.
    since : str
        What days are counted from.
    axes : sequence of Axes, optional
        Twice as many as curves: the upper row, then the lower; a new figure without it.

    Returns
    -------
    list of Axes
    """
    panels = list(axes) if axes is not None else _panels(len(curves))
    for place, curve in enumerate(curves):
        upper, lower = panels[place], panels[place + len(curves)]
        month = curve.day / DAYS_PER_MONTH
        ends = []
        for number, (arm, share) in enumerate(zip(arms, (curve.first, curve.second), strict=True)):
            upper.step(month, share, where="post", color=arm_colour(number), linewidth=1.5, label=arm)
            known = share[np.isfinite(share)]
            if len(known):
                ends.append((float(known[-1]), arm, arm_colour(number)))
        upper.set_ylim(0, 1.02)
        percent_axis(upper)
        clean(upper, curve.label[0].upper() + curve.label[1:])
        upper.tick_params(labelbottom=False)
        lower.axhline(0.0, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
        lower.fill_between(
            month, curve.lower, curve.upper, step="post", color=_BLACK, alpha=0.18, linewidth=0
        )
        lower.step(month, curve.difference, where="post", color=_BLACK, linewidth=1.5)
        edge = 1.08 * float(np.nanmax(np.abs([curve.lower, curve.upper]), initial=0.05))
        lower.set_ylim(-edge, edge)
        lower.yaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}" if abs(value) > 1e-9 else "0")
        clean(lower, "")
        name = "remission" if curve.name in ("rfs", "remission") else since
        lower.set_xlabel(f"Months since {name}")
        for ax in (upper, lower):
            ax.set_xlim(0.0, float(month[-1]))
            ax.set_xticks(month_ticks(float(curve.day[-1]), most=6))
        if place == 0:
            upper.set_ylabel("Share of patients")
            lower.set_ylabel("Difference, percentage points")
        if place == len(curves) - 1:
            label_ends(upper, ends)
    figure = panels[0].get_figure()
    if axes is None and figure is not None:
        figure.supxlabel(
            f"below: {arms[0]}, less {arms[1]}   band: {100 * level:g} % of each point",
            fontsize=TEXT - 1,
            color=GREY,
        )
    return panels


def _panels(count: int) -> list[Axes]:
    import matplotlib.pyplot as plt

    _, grid = plt.subplots(
        2,
        count,
        figsize=(3.1 * count + 1.4, 4.9),
        squeeze=False,
        layout="constrained",
        height_ratios=[1.35, 1.0],
    )
    return [*grid[0], *grid[1]]
