"""Figures of a planned trial: power over the number of patients, and the states of the patients over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.plot_style import (
    ARM_COLOURS,
    DAYS_PER_MONTH,
    GREY,
    TEXT,
    clean,
    month_ticks,
    new_panels,
    one_axes,
    percent_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sim.planning.characteristics import Characteristics
    from sim.planning.states import Occupation

__all__ = ["multi_state", "power"]

_STATE_COLOURS = {
    "in remission": "#56B4E9",
    "in remission after transplant": "#009E73",
    "not in remission": "#DDDDDD",
    "relapsed": "#D55E00",
    "dead": "#666666",
}
"""From the bottom of the figure to its top."""


def power(rows: Sequence[Characteristics], alpha: float, *, ax: Axes | None = None) -> Axes:
    """Draw power (filled) and type-I error (open) over the number of patients, with 95 % intervals.

    Parameters
    ----------
    rows : sequence of Characteristics
        A line for each analysis set and reading.
    alpha : float
        Drawn as a line.
    ax : Axes, optional
    """
    ax = one_axes(ax, 5.6, 3.6)
    lines = list(dict.fromkeys((row.analysis, row.transplant) for row in rows))
    sizes = sorted({row.n for row in rows})
    width = min(np.diff(sizes).min(), 20.0) if len(sizes) > 1 else 1.0
    for number, (analysis, reading) in enumerate(lines):
        own = [row for row in rows if (row.analysis, row.transplant) == (analysis, reading)]
        colour = ARM_COLOURS[number % len(ARM_COLOURS)]
        # Intervals of one size stand side by side.
        at = np.array([row.n for row in own]) + 0.08 * width * (number - (len(lines) - 1) / 2.0)
        for name, filled in (("power", True), ("type_one", False)):
            value, low, high = (
                np.array([getattr(row, name + end) for row in own], dtype=np.float64)
                for end in ("", "_lower", "_upper")
            )
            ax.errorbar(
                at, value, yerr=np.maximum([value - low, high - value], 0.0), color=colour, marker="o", markersize=4.5,
                markerfacecolor=colour if filled else "white", linewidth=1.4 if filled else 0.8, elinewidth=0.9, capsize=2,
                label=f"{analysis}, {own[0].estimand}" if filled else None,
            )  # fmt: skip
    ax.axhline(alpha, color=GREY, linewidth=0.8, linestyle=":")
    ax.set(
        xlabel="Patients enrolled in each arm",
        ylabel="Power (filled), type-I error (open)",
        xticks=sizes,
        ylim=(0.0, 1.02),
    )
    percent_axis(ax)
    if len(lines) > 1:
        ax.legend(frameon=False, fontsize=TEXT - 0.5)
    clean(ax, "")
    return ax


def multi_state(states: Sequence[Occupation], labels: Mapping[str, str]) -> list[Axes]:
    """Draw what share of the patients is in which state over time, a panel an arm.

    Parameters
    ----------
    states : sequence of Occupation
    labels : mapping of str to str
        Of the arms, in their order.
    """
    axes = new_panels(None, len(labels), 4.2, 3.2)
    last = max(one.day for one in states)
    begin = "enrolment" if states[0].analysis == "enrolled" else "infusion"
    for ax, (arm, label) in zip(axes, labels.items(), strict=True):
        own = [one for one in states if one.arm == arm]
        days = np.array(sorted({one.day for one in own})) / DAYS_PER_MONTH
        shares = [[one.share for one in own if one.state == state] for state in _STATE_COLOURS]
        ax.stackplot(
            days, shares, colors=list(_STATE_COLOURS.values()), labels=list(_STATE_COLOURS), linewidth=0
        )
        ax.set(xlim=(0, days[-1]), ylim=(0, 1), xticks=month_ticks(last), xlabel=f"Months since {begin}")
        percent_axis(ax)
        clean(ax, label)
    handles, names = axes[-1].get_legend_handles_labels()
    axes[-1].legend(
        handles[::-1],
        names[::-1],
        frameon=False,
        fontsize=TEXT - 0.5,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )
    return axes
