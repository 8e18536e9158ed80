"""Figures of single cells: what they say is read beside what they show."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from sim import cell_plots

PATIENTS = {"stay": 3, "rejected": 7}
LABELS = {"stay": "CAR T cells stay", "rejected": "CAR T cells are rejected within weeks by everybody"}


@pytest.fixture
def table() -> dict[str, np.ndarray[Any, Any]]:
    """Densities of two arms: from ten molecules on, most of them in the dimmest bin shown."""
    edges = np.linspace(1.0, 5.5, 46)
    rows = []
    for arm, patients in PATIENTS.items():
        for when in ("before", "nadir", "relapse"):
            for antigen in ("cd19", "cd22"):
                rows.append((arm, when, antigen, np.nan, np.nan, 0.125, patients))
                shares = np.r_[np.zeros(6), 0.6, np.full(len(edges) - 8, 0.275 / (len(edges) - 8))]
                rows += [
                    (arm, when, antigen, low, high, share, patients)
                    for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True)
                ]
    names = ("arm", "when", "antigen", "low", "high", "share", "patients")
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def test_what_has_no_antigen_is_said_beside_labels_and_curves(table):
    mpl.use("Agg")
    axes = cell_plots.densities(table, LABELS)
    figure: Any = axes[0].figure
    figure.canvas.draw()
    for k, ax in enumerate(axes):
        (note,) = ax.texts
        assert note.get_text() == f"without CD{19 if k % 2 == 0 else 22}:\n12 %, 12 %, 12 %"
        place = note.get_window_extent()
        frame = ax.get_window_extent()
        assert frame.x0 < place.x0
        assert place.x1 < frame.x1
        assert place.y1 < frame.y1
        assert not ax.get_title(loc="right")
        highest = ax.transData.transform((1.0, 0.6))[1]
        assert highest < place.y0, "curves stay below"
    titles = [ax.get_title(loc="left") for ax in axes]
    assert titles == [LABELS["stay"], "", LABELS["rejected"], ""]


def test_each_arm_has_a_legend_with_its_own_patients(table):
    mpl.use("Agg")
    axes = cell_plots.densities(table, LABELS)
    for row, patients in enumerate(PATIENTS.values()):
        legend = axes[2 * row + 1].get_legend()
        assert [text.get_text().endswith(f"(n = {patients})") for text in legend.get_texts()] == [True] * 3
