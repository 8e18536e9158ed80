"""Figures of a sweep: what is drawn where, and what is refused."""

from __future__ import annotations

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sim.errors import InputError
from sim.sweep_plots import heat_map, line_plot

DOSES, BURDENS = [1e5, 1e6, 1e7], [0.05, 0.3, 0.6, 0.9]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def swept(replicates: int = 1) -> pd.DataFrame:
    """Two arms at twelve points: remission 0.2 more a decade of dose, and less with burden; higher by 0.1 in the second arm."""
    rows = []
    for point, (dose, burden) in enumerate(product(DOSES, BURDENS)):
        for arm, replicate in product(("low", "high"), range(replicates)):
            cr = 0.2 * np.log10(dose / 1e4) - 0.2 * burden + 0.1 * (arm == "high") + 0.02 * replicate
            rows.append({"point": point, "dose": dose, "burden": burden, "arm": arm, "replicate": replicate,
                         "cr": cr, "cr_lower": cr - 0.05, "cr_upper": cr + 0.08,
                         "remission_median": np.nan if dose == 1e7 else 182.625})  # fmt: skip
    return pd.DataFrame(rows)


class TestLines:
    def test_each_arm_has_a_line_with_its_intervals_over_a_log_axis(self):
        ax = line_plot(swept(), "dose", "cr", where={"burden": 0.3})
        first, second = ax.containers
        assert first.lines[0].get_xdata().tolist() == DOSES
        assert first.lines[0].get_ydata() == pytest.approx([0.14, 0.34, 0.54])
        assert second.lines[0].get_ydata() == pytest.approx([0.24, 0.44, 0.64])
        bars = np.array(first.lines[2][0].get_segments())[:, :, 1]
        assert bars == pytest.approx(np.array([[0.09, 0.22], [0.29, 0.42], [0.49, 0.62]]))
        assert ax.get_xscale() == "log"
        assert {text.get_text() for text in ax.texts} == {"low", "high"}

    def test_replicates_are_averaged_and_their_intervals_shrink(self):
        ax = line_plot(swept(4), "dose", "cr", where={"burden": 0.3, "arm": "low"})
        (line,) = ax.containers
        assert line.lines[0].get_ydata() == pytest.approx([0.17, 0.37, 0.57])
        low, high = np.array(line.lines[2][0].get_segments())[0, :, 1]
        assert (0.17 - low, high - 0.17) == pytest.approx((0.025, 0.04))

    def test_days_are_months_and_what_was_not_reached_is_left_out(self):
        ax = line_plot(swept(), "dose", "remission_median", where={"burden": 0.3, "arm": "low"})
        (line,) = ax.containers
        assert line.lines[0].get_ydata() == pytest.approx([6.0, 6.0])
        assert "months" in ax.get_ylabel()

    def test_another_column_than_the_arm_can_part_the_lines(self):
        ax = line_plot(swept(), "dose", "cr", by="burden", where={"arm": "low"})
        assert len(ax.containers) == 4
        assert ax.get_ylim() == (-0.02, 1.02)

    def test_words_are_places_in_their_order(self):
        table = swept().assign(dose=lambda frame: frame["dose"].map({1e5: "few", 1e6: "some", 1e7: "many"}))
        ax = line_plot(table, "dose", "cr", where={"burden": 0.3})
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["few", "some", "many"]


class TestMaps:
    def test_cells_hold_the_values_of_one_arm(self):
        ax = heat_map(swept(), "dose", "burden", "cr", arm="high")
        mesh = ax.collections[0]
        assert mesh.get_array().shape == (4, 3)
        assert np.asarray(mesh.get_array())[1] == pytest.approx([0.24, 0.44, 0.64])
        assert mesh.get_clim() == (0.0, 1.0)
        assert [text.get_text() for text in ax.texts][3:6] == ["24", "44", "64"]
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1e+05", "1e+06", "1e+07"]

    def test_what_was_not_simulated_is_empty_and_what_was_not_reached_is_said(self):
        table = swept()
        ax = heat_map(table[table["point"] != 0], "dose", "burden", "remission_median", arm="low")
        values = ax.collections[0].get_array()
        assert values.mask[0, 0]
        words = [text.get_text() for text in ax.texts]
        assert words.count("NR") == 4
        assert words.count("6") == 7

    def test_several_arms_need_a_choice(self):
        with pytest.raises(InputError, match="arm: none given; a map shows one of low, high"):
            heat_map(swept(), "dose", "burden", "cr")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"endpoint": "pfs"}, "pfs: no such column; the table has point, dose"),
        ({"where": {"burden": 0.4}}, "where: .*no row is like that"),
        ({}, "arm low, dose 100000.0: 4 rows; they differ in what is not drawn"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        line_plot(swept(), **({"x": "dose", "endpoint": "cr"} | options))
