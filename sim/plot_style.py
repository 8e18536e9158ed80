"""What the figures share: colours, ticks, labels that keep apart, and the shape of a panel.

References
----------
Okabe M, Ito K (2008). Color Universal Design. https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DAYS_PER_MONTH = 365.25 / 12.0
GREY = "#555555"
TEXT = 8.5  # points

# In the order of the arms; the eighth arm begins again.
ARM_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

CAUSE_COLOURS = {
    "positive": "#56B4E9",
    "cd19-negative": "#D55E00",
    "cd22-low": "#E69F00",
    "both": "#CC79A7",
    "switched": "#009E73",
    "death in remission": "#999999",
    "unclassified": "#666666",
    "transplant or next therapy": "#CCCCCC",
}
CAUSE_LABELS = {
    "positive": "antigen-positive",
    "cd19-negative": "CD19-negative",
    "cd22-low": "CD22-low",
    "both": "CD19-neg., CD22-low",
    "switched": "lineage-switched",
}


def label_ends(ax: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write labels right of the axes at given heights, moved apart where they would overlap."""
    figure = ax.get_figure()
    if not labels or figure is None:
        return
    tall = float(ax.get_window_extent().height) / figure.dpi * 72.0
    gap = (TEXT + 2.5) / max(tall, 40.0)
    bottom, top = ax.get_ylim()
    ordered = sorted(labels, key=lambda label: label[0])
    wanted = np.array([(value - bottom) / (top - bottom) for value, _, _ in ordered])
    for (_, text, colour), height in zip(ordered, spread(wanted, gap), strict=True):
        ax.annotate(
            text, (1.0, height), xycoords="axes fraction", xytext=(5, 0), textcoords="offset points", ha="left",
            va="center", fontsize=TEXT - 0.5, color=colour, annotation_clip=False,
        )  # fmt: skip


def spread(wanted: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Move increasing heights as little as possible (least squares) so that neighbours are ``gap`` apart."""
    # With the gaps taken out this is isotonic regression: pool neighbours that would cross, and put the gaps back.
    shift = gap * np.arange(len(wanted))
    pools: list[tuple[float, int]] = []
    for value in wanted - shift:
        mean, count = float(value), 1
        while pools and pools[-1][0] > mean:
            before, size = pools.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        pools.append((mean, count))
    means, counts = zip(*pools, strict=True)
    found: NDArray[np.float64] = np.repeat(np.asarray(means), counts) + shift
    return found


def month_ticks(last_day: float, most: int = 9) -> list[float]:
    """Return whole months from 0 to the last day, at most ``most`` of them."""
    months = last_day / DAYS_PER_MONTH
    step = next((step for step in (1, 2, 3, 6, 12, 24, 60) if months / step <= most - 0.9), 120)
    # A horizon of 730 days is meant as two years, though it is 0.5 days short of 24 months.
    return [float(tick) for tick in range(0, int(months + 0.05) + 1, step)]


def percent_axis(ax: Axes) -> None:
    """Label the vertical axis in percent, at the quarters."""
    ax.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0])
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")


def share_text(value: float) -> str:
    """Write a share in whole percent; a small one is not written as none."""
    return f"{100 * value:.0f} %" if value >= 0.01 else "< 1 %"


def ratio_text(ratio: float) -> str:
    """Write a ratio as it is spoken: 0.25 is 1:4.

    Examples
    --------
    >>> ratio_text(0.25), ratio_text(4.0), ratio_text(1.5)
    ('1:4', '4:1', '1.5:1')
    """
    inverse = 1.0 / ratio
    return f"1:{inverse:g}" if ratio < 1.0 and abs(inverse - round(inverse)) < 1e-9 else f"{ratio:g}:1"


def arm_colour(number: int) -> str:
    """Return the colour of the arm of that number."""
    return ARM_COLOURS[number % len(ARM_COLOURS)]


def darkened(colour: str) -> str:
    """Darken a fill colour until it reads as text on white."""
    channels = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return "#" + "".join(f"{int(0.72 * channel):02x}" for channel in channels)


def clean(ax: Axes, title: str) -> None:
    """Leave two spines, one size of text and a plain title at the left."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_linewidth(0.8)
    ax.tick_params(labelsize=TEXT - 0.5, width=0.8, length=3)
    ax.xaxis.label.set_fontsize(TEXT)
    ax.yaxis.label.set_fontsize(TEXT)
    if title:
        ax.set_title(title, loc="left", fontsize=TEXT + 1)


def one_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the Axes given, or those of a new figure of that size in inches."""
    if ax is not None:
        return ax
    return new_panels(None, 1, width, height)[0]


def new_panels(
    axes: Sequence[Axes] | None, count: int, width: float, height: float, columns: int = 3
) -> list[Axes]:
    """Return the Axes given, or those of a new figure of equal panels."""
    if axes is not None:
        return list(axes)
    import matplotlib.pyplot as plt

    columns = min(columns, count)
    rows = math.ceil(count / columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(columns * width, rows * height), squeeze=False, layout="constrained",
    )  # fmt: skip
    found: list[Axes] = list(grid.ravel())
    for spare in found[count:]:
        figure.delaxes(spare)
    return found[:count]


def signed_root(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale time so that the first weeks have room and two years fit; days before 0 mirror those after."""
    return np.sign(value) * np.sqrt(np.abs(value))


def signed_square(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo `signed_root`."""
    return np.sign(value) * np.square(value)


def forest_panels(counts: Sequence[int]) -> list[Axes]:
    """Return Axes below each other, each as high as its number of rows needs."""
    import matplotlib.pyplot as plt

    height = sum(0.34 * count + 0.75 for count in counts) + 0.35
    _, grid = plt.subplots(
        len(counts), 1, figsize=(6.4, height), squeeze=False, layout="constrained",
        height_ratios=[count + 0.4 for count in counts],
    )  # fmt: skip
    return list(grid[:, 0])
