"""Figures of a virtual trial: estimates and frames in, matplotlib Axes out.

Every function draws on the Axes it is given, or makes a figure with pyplot when given none (which is what a notebook
shows). Colours are those of Okabe and Ito, told apart with any colour vision, and stay with an arm or a phenotype.

References
----------
Okabe M, Ito K (2008). Color Universal Design. https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.plot_style import (
    ARM_COLOURS,
    CAUSE_COLOURS,
    CAUSE_LABELS,
    DAYS_PER_MONTH,
    GREY,
    TEXT,
    arm_colour,
    clean,
    darkened,
    forest_panels,
    label_ends,
    month_ticks,
    new_panels,
    one_axes,
    percent_axis,
    share_text,
    signed_root,
    signed_square,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from sim.trial.incidence import CumulativeIncidence
    from sim.trial.survival import SurvivalCurve

    Table = pd.DataFrame | Mapping[str, NDArray[Any]]

__all__ = ["ARM_COLOURS", "CAUSE_COLOURS", "DAYS_PER_MONTH", "forest", "incidence", "kinetics", "km"]

# Quantity of the kinetics frame -> axis label, lower edge of the log axis.
_QUANTITIES = {
    "car_t_blood": ("CAR T cells in blood (per µL)", 1e-3),
    "marrow_blast_fraction": ("Blasts, share of marrow cells", 1e-7),
}


_BAND_EDGES = ("q05", "q25", "q50", "q75", "q95")
_FOREST_ENDS = ("reported", "reported_high", "simulated", "upper")
_FOREST_COLUMNS = ("label", "unit", "reported_low", "lower", "inside", *_FOREST_ENDS)


def km(
    curves: Mapping[str, SurvivalCurve],
    *,
    ax: Axes | None = None,
    ylabel: str = "Share free of the event",
    xlabel: str = "Months since first infusion",
    title: str = "",
    until: float | None = None,
    bands: bool = True,
    table: bool = True,
    arms: Sequence[str] | None = None,
) -> Axes:
    """Draw Kaplan-Meier curves with pointwise bands, censor ticks and the numbers at risk below.

    Parameters
    ----------
    curves : mapping of str to SurvivalCurve
        One per arm, times in days, in the order of the arms.
    ax : Axes, optional
        Where to draw; a new figure without it.
    ylabel, xlabel, title : str
        Texts of the axes.
    until : float, optional
        Last day shown; the last follow-up without it.
    bands, table : bool
        Whether to draw the bands and the table at risk.
    arms : sequence of str, optional
        All arms of the trial in order, where some have no curve: an arm keeps its colour. Those of the curves without it.

    Returns
    -------
    Axes
    """
    made = ax is None
    # Names of arms stand left of the table and right of the curves.
    longest = max(len(arm) for arm in curves)
    ax = one_axes(ax, width=max(5.6, 4.2 + 0.135 * longest), height=3.6 + 0.17 * len(curves) * table)
    last = until if until is not None else max(float(curve.time[-1]) for curve in curves.values())
    labels: list[tuple[float, str, str]] = []
    colours = {arm: arm_colour(number) for number, arm in enumerate(curves if arms is None else arms)}
    for arm, curve in curves.items():
        colour = colours[arm]
        time = np.concatenate(([0.0], curve.time)) / DAYS_PER_MONTH
        survival = np.concatenate(([1.0], curve.survival))
        ax.step(time, survival, where="post", color=colour, linewidth=1.5, label=arm, zorder=3)
        if bands:
            lower, upper = (np.concatenate(([1.0], edge)) for edge in (curve.lower, curve.upper))
            ax.fill_between(time, lower, upper, step="post", color=colour, alpha=0.16, linewidth=0)
        # Everybody still followed at the end is censored there: a tick would only repeat the end of the line.
        ticked = (curve.censored > 0) & (curve.time < min(last, curve.time[-1]))
        ax.plot(curve.time[ticked] / DAYS_PER_MONTH, curve.survival[ticked], linestyle="none", marker="|",
                markersize=5, markeredgewidth=0.8, color=colour, zorder=3)  # fmt: skip
        shown = curve.at(min(last, float(curve.time[-1])))
        labels.append((float(shown), arm, colour))
    ticks = month_ticks(last)
    ax.set(xlim=(0, last / DAYS_PER_MONTH), ylim=(0, 1.02), xticks=ticks, xlabel=xlabel, ylabel=ylabel)
    percent_axis(ax)
    clean(ax, title)
    if len(curves) > 1:
        label_ends(ax, labels)
    if table:
        _risk_table(ax, curves, colours, ticks, last)
    if made and bands:
        _explain(ax, "band: 95 % of each point   tick: follow-up ends")
    return ax


def incidence(
    curves: Mapping[str, CumulativeIncidence],
    *,
    axes: Sequence[Axes] | None = None,
    ylabel: str = "Share of those who reached remission",
    xlabel: str = "Months since first infusion",
    until: float | None = None,
) -> list[Axes]:
    """Draw stacked cumulative incidences of the competing causes, a panel an arm.

    Parameters
    ----------
    curves : mapping of str to CumulativeIncidence
        One per arm, times in days; causes are stacked in their order.
    axes : sequence of Axes, optional
        One per arm; a new figure without it.
    ylabel, xlabel : str
        Texts of the axes.
    until : float, optional
        Last day shown; the last follow-up without it.

    Returns
    -------
    list of Axes
        One per arm.

    Notes
    -----
    What is left above the stack is the share alive in remission. Each label gives the share at the end.
    """
    panels = new_panels(axes, len(curves), width=4.1, height=3.1)
    last = until if until is not None else max(float(curve.time[-1]) for curve in curves.values())
    for place, (ax, (arm, curve)) in enumerate(zip(panels, curves.items(), strict=True)):
        # Where somebody was followed to the last, what comes after is not known.
        known = bool(np.isfinite(curve.at(curve.causes[0], last)))
        end = max(last, float(curve.time[-1])) if known else float(curve.time[-1])
        time = np.concatenate(([0.0], curve.time, [end])) / DAYS_PER_MONTH
        base = np.zeros(len(time))
        labels = []
        for cause, row in zip(curve.causes, curve.incidence, strict=True):
            top = base + np.concatenate(([0.0], row, row[-1:]))
            colour = CAUSE_COLOURS.get(cause, GREY)
            name = CAUSE_LABELS.get(cause, cause)
            ax.fill_between(time, base, top, step="post", color=colour, linewidth=0, label=name)
            share = float(top[-1] - base[-1])
            if share > 0.0:
                labels.append(
                    (0.5 * float(top[-1] + base[-1]), f"{name} {share_text(share)}", darkened(colour))
                )
            base = top
        ax.set(xlim=(0, last / DAYS_PER_MONTH), ylim=(0, 1), xticks=month_ticks(last, most=6), xlabel=xlabel)
        if place == 0:
            ax.set_ylabel(ylabel)
        percent_axis(ax)
        clean(ax, f"{arm} (n = {curve.size})")
        label_ends(ax, labels)
    return panels


def kinetics(
    frame: Table,
    *,
    infusions: Mapping[str, Sequence[float]] | None = None,
    axes: Sequence[Axes] | None = None,
    mrd_limit: float | None = None,
    relapse_blasts: float = 0.05,
    xlabel: str = "Days since first infusion (square-root scale)",
) -> list[Axes]:
    """Draw median and 50 and 90 % bands of CAR T cells in blood and of blasts in marrow over time.

    Parameters
    ----------
    frame : DataFrame or mapping of str to ndarray
        Columns arm, quantity, day, n, q05, q25, q50, q75, q95 (of the n patients alive on that day). Where few are
        left, fewer than 10 and than a tenth of the first, nothing is drawn.
    infusions : mapping of str to sequence of float, optional
        Days of infusion of each arm, marked at the top.
    axes : sequence of Axes, optional
        Quantities times arms, row by row; a new figure without it.
    mrd_limit : float, optional
        Limit of detection of residual disease, drawn as a line.
    relapse_blasts : float
        Share of blasts from which a relapse counts, drawn as another.
    xlabel : str
        Text of the time axis.

    Returns
    -------
    list of Axes
        Row by row: all arms of the first quantity, then of the next.
    """
    from matplotlib.ticker import NullLocator

    columns = {name: np.asarray(frame[name]) for name in ("arm", "quantity", "day", "n", *_BAND_EDGES)}
    arms = list(dict.fromkeys(columns["arm"].tolist()))
    # Where nobody is infused there is no course of CAR T cells to show; a marrow always is.
    quantities = [
        name
        for name in _QUANTITIES
        if name == "marrow_blast_fraction" or (columns["q95"][columns["quantity"] == name] > 0.0).any()
    ]
    panels = new_panels(axes, len(arms) * len(quantities), width=3.3, height=2.5, columns=len(arms))
    for place, ax in enumerate(panels):
        quantity, arm = quantities[place // len(arms)], arms[place % len(arms)]
        label, floor = _QUANTITIES[quantity]
        chosen = columns["quantity"] == quantity
        top = float(np.nanmax(columns["q95"][chosen]))
        chosen &= columns["arm"] == arm
        part = {name: values[chosen] for name, values in columns.items()}
        _band(ax, part, arm_colour(place % len(arms)), floor)
        ax.set_ylim(floor, 1.0 if quantity == "marrow_blast_fraction" else 3.0 * max(top, 10.0 * floor))
        if quantity == "marrow_blast_fraction":
            _limits(ax, mrd_limit, relapse_blasts)
        for day in (infusions or {}).get(arm, ()):
            ax.plot(
                [day], [1.0], marker="v", color="black", markersize=5, transform=ax.get_xaxis_transform(),
                clip_on=False, zorder=5,
            )  # fmt: skip
        first, final = place < len(arms), place >= len(arms) * (len(quantities) - 1)
        if place % len(arms) == 0:
            ax.set_ylabel(label)
        clean(ax, arm if first else "")
        # A log axis over a dozen decades has a hundred minor ticks; laying them out takes longer than all else.
        ax.yaxis.set_minor_locator(NullLocator())
        if final:
            ax.set_xlabel(xlabel)
    if axes is None:
        mark = "▼ infusion   " if any((infusions or {}).values()) else ""
        lines = ["line: median   bands: 50 % and 90 %", "of the patients alive on that day"]
        _explain(panels[0], mark + (" " if len(arms) > 1 else "\n").join(lines))
    return panels


def forest(frame: Table, *, axes: Sequence[Axes] | None = None, title: str = "") -> list[Axes]:
    """Draw each reported outcome beside the interval that the simulation gives a trial of that size.

    Parameters
    ----------
    frame : DataFrame or mapping of str to ndarray
        A row per outcome: label, unit ("share", "days" or "ratio"), reported (or reported_low and reported_high for
        a range), simulated, lower and upper (NaN for no interval, infinite for one without end), inside (bool or None).
    axes : sequence of Axes, optional
        One per unit present, in the order share, days, ratio; a new figure without it.
    title : str
        Title of the first.

    Returns
    -------
    list of Axes
        One per unit; times are shown in months.
    """
    columns = {name: np.asarray(frame[name]) for name in _FOREST_COLUMNS}
    units = [unit for unit in ("share", "days", "ratio") if (columns["unit"] == unit).any()]
    counts = [int((columns["unit"] == unit).sum()) for unit in units]
    panels = list(axes) if axes is not None else forest_panels(counts)
    for place, (ax, unit, count) in enumerate(zip(panels, units, counts, strict=True)):
        rows = {name: values[columns["unit"] == unit] for name, values in columns.items()}
        scale = DAYS_PER_MONTH if unit == "days" else 1.0
        ends = np.concatenate([rows[name].astype(np.float64) for name in _FOREST_ENDS])
        edge = 1.0 if unit == "share" else 1.05 * float(ends[np.isfinite(ends)].max(initial=0.0)) / scale
        height = np.arange(count)[::-1]
        for number, y in enumerate(height):
            row = {name: values[number] for name, values in rows.items()}
            _forest_row(ax, float(y), row, scale, edge)
        ax.set_yticks(height, rows["label"].tolist())
        ax.set_ylim(-0.6, count - 0.4)
        if unit == "share":
            ax.set_xlim(-0.02, 1.02)
            ax.set_xlabel("Share of patients")
            ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        else:
            ax.set_xlim(0, edge)
            ax.set_xlabel("Months" if unit == "days" else "Ratio to baseline")
        clean(ax, title if place == 0 else "")
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="#e5e5e5", linewidth=0.6, zorder=0)
        ax.set_axisbelow(True)
    if axes is None:
        outside = any(flag is not None and not flag for flag in columns["inside"].tolist())
        ranges = not np.isfinite(columns["reported"].astype(np.float64)).all()
        _explain_forest(panels[0], outside, ranges)
    return panels


def _band(ax: Axes, part: Mapping[str, NDArray[Any]], colour: str, floor: float) -> None:
    """Median line and two bands over a square-root time axis and a log value axis."""
    day = part["day"].astype(np.float64)
    # Below the axis, but finite: a band that reaches zero leaves through the lower edge.
    value = {name: np.maximum(part[name].astype(np.float64), 1e-3 * floor) for name in _BAND_EDGES}
    few = part["n"] < min(10.0, 0.1 * float(part["n"].max()))
    for edge in value.values():
        edge[few] = np.nan
    ax.set_xscale("function", functions=(signed_root, signed_square))
    ax.set_yscale("log")
    ax.fill_between(day, value["q05"], value["q95"], color=colour, alpha=0.15, linewidth=0)
    ax.fill_between(day, value["q25"], value["q75"], color=colour, alpha=0.32, linewidth=0)
    ax.plot(day, value["q50"], color=colour, linewidth=1.6)
    start, end = min(0.0, float(day[0])), float(day[-1])
    ax.set_xlim(start, end)
    ax.set_xticks([tick for tick in (0, 7, 28, 90, 180, 365, 730, 1460, 2920) if tick <= end])
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _limits(ax: Axes, mrd_limit: float | None, relapse_blasts: float) -> None:
    """Mark what counts as relapse and what residual disease can be seen."""
    lines = [(relapse_blasts, f"{100 * relapse_blasts:g} %")] + (
        [(mrd_limit, "MRD limit")] if mrd_limit else []
    )
    for level, text in lines:
        ax.axhline(level, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
        ax.annotate(
            text, (1.0, level), xycoords=ax.get_yaxis_transform(), xytext=(-2, 2), textcoords="offset points",
            ha="right", va="bottom", fontsize=TEXT - 1.5, color=GREY,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
        )  # fmt: skip


def _explain(ax: Axes, text: str) -> None:
    """Write below the whole figure what its marks mean."""
    figure = ax.get_figure()
    if figure is not None:
        figure.supxlabel(text, fontsize=TEXT - 1, color=GREY)


def _forest_row(ax: Axes, y: float, row: Mapping[str, Any], scale: float, edge: float) -> None:
    colour = ARM_COLOURS[0]
    # A limit that no trial of that size reaches is open: the bar runs to the edge and ends in an arrow.
    open_end = math.isinf(row["upper"])
    upper = edge if open_end else row["upper"] / scale
    ax.plot([row["lower"] / scale, upper], [y, y], color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt",
            zorder=2)  # fmt: skip
    if open_end:
        ax.plot(edge, y, marker=">", markersize=7, color=colour, alpha=0.6, clip_on=False, zorder=3)
    ax.plot(row["simulated"] / scale, y, marker="|", markersize=12, markeredgewidth=2, color=colour, zorder=3)
    outside = row["inside"] is not None and not row["inside"]
    mark = ARM_COLOURS[1] if outside else "black"
    if math.isfinite(row["reported"]):
        ax.plot(row["reported"] / scale, y, marker="D", markersize=5.5, color=mark, zorder=4)
    else:
        ends = [row["reported_low"] / scale, row["reported_high"] / scale]
        ax.plot(ends, [y, y], color=mark, linewidth=1.2, marker="|", markersize=7, zorder=4)


def _explain_forest(ax: Axes, outside: bool, ranges: bool) -> None:
    """Write below the whole figure what its marks mean, of those that it has."""
    from matplotlib.lines import Line2D

    blue = ARM_COLOURS[0]
    point: dict[str, Any] = {"marker": "D", "markersize": 5, "linestyle": "none"}
    line: dict[str, Any] = {"marker": "|", "markersize": 7, "linewidth": 1.2}
    median: dict[str, Any] = {"marker": "|", "markersize": 11, "markeredgewidth": 2, "linestyle": "none"}
    handles = [
        Line2D([], [], color="black", label="reported", **point),
        *([Line2D([], [], color=ARM_COLOURS[1], label="reported, outside", **point)] if outside else []),
        *([Line2D([], [], color="black", label="reported range", **line)] if ranges else []),
        Line2D([], [], color=blue, label="simulated", **median),
        Line2D([], [], color=blue, linewidth=5, alpha=0.3, label="95 % of trials of that size"),
    ]
    figure = ax.get_figure()
    if figure is not None:
        figure.legend(
            handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=TEXT - 0.5
        )


def _risk_table(
    ax: Axes,
    curves: Mapping[str, SurvivalCurve],
    colours: Mapping[str, str],
    ticks: Sequence[float],
    last: float,
) -> None:
    """Write the numbers at risk under the ticks, a row an arm."""
    # The last tick may stand half a day behind the end of the follow-up: two years of 730 days, 24 months of 730.5.
    days = np.minimum(np.asarray(ticks) * DAYS_PER_MONTH, last)
    style: dict[str, Any] = {
        "textcoords": "offset points",
        "fontsize": TEXT - 1,
        "va": "top",
        "annotation_clip": False,
    }
    corner = {"xycoords": "axes fraction", **style}
    ax.annotate("Number at risk", (0, 0), xytext=(0, -37), color=GREY, ha="left", **corner)
    for number, (arm, curve) in enumerate(curves.items()):
        down, colour = -49 - 12 * number, colours[arm]
        ax.annotate(arm, (0, 0), xytext=(-14, down), color=colour, ha="right", **corner)
        for tick, count in zip(ticks, curve.number_at_risk(days), strict=True):
            written = ax.annotate(
                str(int(count)),
                (tick, 0),
                xycoords=ax.get_xaxis_transform(),
                xytext=(0, down),
                ha="center",
                **style,
            )
            written.set_gid(f"at-risk:{arm}")
