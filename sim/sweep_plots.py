"""Figures of a sweep: an endpoint over one or two swept paths. Tidy tables in, matplotlib Axes out.

A table has a row for each point, arm and replicate: a column for each swept path, and for each endpoint its value and the ends of its interval
(``cr``, ``cr_lower``, ``cr_upper``). Replicates of a point are averaged. Rows that differ in a path that is not drawn are not: which of them are meant
must be said by ``where``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.plot_style import DAYS_PER_MONTH, GREY, TEXT, arm_colour, clean, label_ends, one_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    Table = pd.DataFrame | Mapping[str, NDArray[Any]]

__all__ = ["heat_map", "line_plot"]

# Dark is low; lightness alone tells the order, with any colour vision and in print.
_COLOURS = "cividis"
# Values that reach over such a factor are drawn on a logarithmic axis.
_WIDE = 20.0
# With more cells than these their numbers would not be read.
_WRITTEN = 100
_DAYS = ("remission_median", "tmax_median")


class _Cells(NamedTuple):
    """Values by what they are drawn at; replicates are averaged."""

    value: dict[tuple[Any, ...], float]
    lower: dict[tuple[Any, ...], float]
    upper: dict[tuple[Any, ...], float]

    def levels(self, place: int) -> list[Any]:
        """Return the values of a path, sorted where they are numbers and in their order where they are words."""
        found = list(dict.fromkeys(key[place] for key in self.value))
        return found if any(isinstance(level, str) for level in found) else sorted(found)


def line_plot(
    table: Table,
    x: str,
    endpoint: str,
    *,
    by: str = "arm",
    where: Mapping[str, Any] | None = None,
    ax: Axes | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
) -> Axes:
    """Draw an endpoint over a swept path, a line with its intervals for each arm.

    Parameters
    ----------
    table : DataFrame or mapping of str to ndarray
        As a sweep gives it.
    x : str
        Column of the swept path.
    endpoint : str
        Column of the endpoint.
    by : str
        Column of which each value has a line.
    where : mapping of str to value, optional
        Columns and the values that rows must have.
    ax : Axes, optional
        Where to draw; a new figure without it.
    xlabel, ylabel, title : str
        Texts; names of the columns by default. Shares are in percent, days in months.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For a column that is not there, no row that is meant, or rows that differ in a path that is not drawn.
    """
    cells = _cells(table, (by, x), endpoint, where)
    scale, unit = _unit(endpoint)
    levels = cells.levels(1)
    numbers = not any(isinstance(level, str) for level in levels)
    position = {level: float(level) if numbers else float(place) for place, level in enumerate(levels)}
    groups = cells.levels(0)
    ax = one_axes(ax, width=5.2, height=3.4)
    ends = []
    for number, group in enumerate(groups):
        colour = arm_colour(number)
        keys = [(group, level) for level in levels if (group, level) in cells.value]
        at = np.array([position[level] for _, level in keys])
        value, lower, upper = (scale * np.array([part[key] for key in keys]) for part in cells)
        known = np.isfinite(value)
        # What was not reached is left out, as is an end of an interval that is none.
        below, above = (np.where(np.isfinite(end), np.abs(value - end), 0.0) for end in (lower, upper))
        ax.errorbar(
            at[known], value[known], yerr=np.stack([below, above])[:, known], color=colour, linewidth=1.5, marker="o", markersize=4,
            elinewidth=0.9, capsize=2, label=str(group),
        )  # fmt: skip
        if known.any():
            ends.append((float(value[known][-1]), str(group), colour))
    if numbers and _wide(levels):
        ax.set_xscale("log")
    if not numbers:
        ax.set_xticks(range(len(levels)), levels)
    if unit == "share":
        ax.set_ylim(-0.02, 1.02)
        ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    else:
        ax.set_ylim(bottom=0.0)
    ax.set(xlabel=xlabel or x, ylabel=ylabel or _label(endpoint, unit))
    clean(ax, title)
    if len(groups) > 1:
        label_ends(ax, ends)
    return ax


def heat_map(
    table: Table,
    x: str,
    y: str,
    endpoint: str,
    *,
    arm: str | None = None,
    where: Mapping[str, Any] | None = None,
    ax: Axes | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
) -> Axes:
    """Draw an endpoint over two swept paths as cells of colour, with its value in each.

    Parameters
    ----------
    table : DataFrame or mapping of str to ndarray
        As a sweep gives it.
    x, y : str
        Columns of the swept paths.
    endpoint : str
        Column of the endpoint.
    arm : str, optional
        Arm that is drawn; may be left out where there is one.
    where : mapping of str to value, optional
        Columns and the values that rows must have.
    ax : Axes, optional
        Where to draw; a new figure without it.
    xlabel, ylabel, title : str
        Texts; names of the columns by default. Shares are in percent, days in months.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        As `line_plot`, or where there are several arms and none is named.
    """
    if arm is None and "arm" in table and len(set(np.asarray(table["arm"]).tolist())) > 1:
        names = ", ".join(dict.fromkeys(str(name) for name in np.asarray(table["arm"]).tolist()))
        raise InputError(f"arm: none given; a map shows one of {names}; name it")
    chosen = {**(where or {}), **({} if arm is None else {"arm": arm})}
    cells = _cells(table, (x, y), endpoint, chosen)
    scale, unit = _unit(endpoint)
    columns, lines = cells.levels(0), cells.levels(1)
    values = np.array(
        [[scale * cells.value.get((column, line), math.nan) for column in columns] for line in lines],
        dtype=np.float64,
    )
    ax = one_axes(ax, width=max(3.6, 1.9 + 0.62 * len(columns)), height=max(2.6, 1.3 + 0.42 * len(lines)))
    # Where nothing was simulated, or a median was not reached, there is no colour.
    ax.set_facecolor("#eeeeee")
    limits = (0.0, 1.0) if unit == "share" else (0.0, None)
    mesh = ax.pcolormesh(
        np.arange(len(columns) + 1) - 0.5, np.arange(len(lines) + 1) - 0.5, np.ma.masked_invalid(values), cmap=_COLOURS,
        vmin=limits[0], vmax=limits[1], edgecolors="white", linewidth=0.6,
    )  # fmt: skip
    ax.set_xticks(range(len(columns)), [_level(level) for level in columns])
    ax.set_yticks(range(len(lines)), [_level(level) for level in lines])
    if values.size <= _WRITTEN:
        _write(ax, values, cells, columns, lines, unit)
    ax.set(xlabel=xlabel or x, ylabel=ylabel or y)
    clean(ax, title or (arm or ""))
    figure = ax.get_figure()
    if figure is not None:
        bar = figure.colorbar(mesh, ax=ax, label=_label(endpoint, unit))
        bar.ax.tick_params(labelsize=TEXT - 0.5)
        bar.ax.yaxis.label.set_fontsize(TEXT)
        bar.outline.set_visible(False)
        if unit == "share":
            bar.ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    return ax


def _write(
    ax: Axes, values: NDArray[np.float64], cells: _Cells, columns: list[Any], lines: list[Any], unit: str
) -> None:
    """Write each value into its cell: light on dark, and NR for a median that was not reached."""
    top = 1.0 if unit == "share" else float(np.nanmax(values, initial=1e-300))
    for (line, column), value in np.ndenumerate(values):
        if (columns[column], lines[line]) not in cells.value:
            continue
        words = "NR" if math.isnan(value) else f"{100 * value:.0f}" if unit == "share" else f"{value:.3g}"
        ink = GREY if math.isnan(value) else "white" if value < 0.55 * top else "black"
        ax.text(column, line, words, ha="center", va="center", fontsize=TEXT - 1, color=ink)


def _cells(table: Table, keys: tuple[str, str], endpoint: str, where: Mapping[str, Any] | None) -> _Cells:
    """Return the endpoint by two columns, replicates averaged."""
    chosen = where or {}
    for name in (*keys, endpoint, *chosen):
        if name not in table:
            raise InputError(
                f"{name}: no such column; the table has {', '.join(str(one) for one in table)}; choose one"
            )
    rows = np.ones(len(table[endpoint]), dtype=np.bool_)
    for name, value in chosen.items():
        rows &= np.asarray(table[name] == value)
    if not rows.any():
        raise InputError(f"where: {dict(chosen)}; no row is like that; look at the table")
    point = (
        np.asarray(table["point"])[rows] if "point" in table else np.zeros(int(rows.sum()), dtype=np.int64)
    )
    replicate = (
        np.asarray(table["replicate"])[rows] if "replicate" in table else np.zeros(len(point), dtype=np.int64)
    )
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, key in enumerate(zip(*(np.asarray(table[name])[rows].tolist() for name in keys), strict=True)):
        groups.setdefault(key, []).append(place)
    numbers = {}
    for name in (endpoint, f"{endpoint}_lower", f"{endpoint}_upper"):
        numbers[name] = (
            np.asarray(table[name], dtype=np.float64)[rows] if name in table else np.full(len(point), np.nan)
        )
    value, lower, upper = numbers.values()
    found = _Cells({}, {}, {})
    for key, places in groups.items():
        if len(set(point[places].tolist())) > 1 or len(set(replicate[places].tolist())) < len(places):
            said = ", ".join(f"{name} {level}" for name, level in zip(keys, key, strict=True))
            raise InputError(
                f"{said}: {len(places)} rows; they differ in what is not drawn; say by where which are meant"
            )
        middle = float(value[places].mean())
        # Means of independent replicates: half widths add up as SDs do.
        half = [
            float(np.sqrt(np.square(end[places] - value[places]).sum())) / len(places)
            for end in (lower, upper)
        ]
        found.value[key], found.lower[key], found.upper[key] = middle, middle - half[0], middle + half[1]
    return found


def _unit(endpoint: str) -> tuple[float, str]:
    """Return the factor to what is drawn, and its unit."""
    if endpoint in _DAYS:
        return 1.0 / DAYS_PER_MONTH, "months"
    return (1.0, "per µL") if endpoint == "cmax_median" else (1.0, "share")


def _label(endpoint: str, unit: str) -> str:
    words = endpoint.replace("_", " ")
    return words if unit == "share" else f"{words} ({unit})"


def _level(level: Any) -> str:
    return f"{level:.3g}" if isinstance(level, float) else str(level)


def _wide(levels: list[Any]) -> bool:
    low, high = float(min(levels)), float(max(levels))
    return low > 0.0 and high / low >= _WIDE
