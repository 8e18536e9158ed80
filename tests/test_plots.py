"""What the figures say: numbers at risk, heights of curves and bands, labels, units."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

from sim import plot_style, plots
from sim.trial.incidence import cumulative_incidence
from sim.trial.survival import kaplan_meier

MONTH = plot_style.DAYS_PER_MONTH


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def course(seed: int, scale: float, size: int = 80):
    rng = np.random.default_rng(seed)
    time, stop = rng.exponential(scale, size), rng.uniform(200, 900, size)
    stop = np.minimum(stop, 730.0)
    return kaplan_meier(np.minimum(time, stop), time <= stop)


@pytest.fixture
def curves():
    return {"lowest": course(1, 150), "higher": course(2, 500)}


def test_numbers_under_the_curve_are_those_at_risk(curves):
    ax = plots.km(curves, until=730)
    ticks = ax.get_xticks()
    assert ticks.tolist() == [0, 3, 6, 9, 12, 15, 18, 21, 24]
    for arm, curve in curves.items():
        written = [int(text.get_text()) for text in ax.texts if text.get_gid() == f"at-risk:{arm}"]
        assert written == curve.number_at_risk(np.minimum(ticks * MONTH, 730)).tolist()
        assert written[0] == 80
        assert written[-1] > 0  # two years of 730 days end before month 24 does


def test_curve_and_band_pass_through_the_estimate(curves):
    ax = plots.km(curves)
    for arm, curve in curves.items():
        line = next(line for line in ax.lines if line.get_label() == arm)
        assert line.get_drawstyle() == "steps-post"
        np.testing.assert_allclose(line.get_xdata()[1:], curve.time / MONTH)
        np.testing.assert_allclose(line.get_ydata()[1:], curve.survival)
    edges = np.concatenate([path.vertices[:, 1] for path in ax.collections[0].get_paths()])
    assert set(np.round(curves["lowest"].lower, 9)) <= set(np.round(edges, 9))


def test_censored_patients_are_ticked_but_for_those_at_the_end(curves):
    ax = plots.km({"lowest": curves["lowest"]}, until=730)
    curve = curves["lowest"]
    ticks = next(line for line in ax.lines if line.get_marker() == "|").get_xdata() * MONTH
    np.testing.assert_allclose(ticks, curve.time[(curve.censored > 0) & (curve.time < curve.time[-1])])


def test_arms_are_named_at_the_ends_in_their_colour_and_axes_carry_units(curves):
    ax = plots.km(curves, ylabel="Event-free survival", table=False)
    colours = {text.get_text(): text.get_color() for text in ax.texts}
    assert colours == {"lowest": plots.ARM_COLOURS[0], "higher": plots.ARM_COLOURS[1]}
    assert ax.get_xlabel() == "Months since first infusion"
    assert ax.get_ylabel() == "Event-free survival"
    assert [ax.yaxis.get_major_formatter()(tick, 0) for tick in ax.get_yticks()] == [
        "0 %", "25 %", "50 %", "75 %", "100 %",
    ]  # fmt: skip


def test_given_axes_are_drawn_on(curves):
    _, ax = plt.subplots()
    assert plots.km(curves, ax=ax) is ax


def test_stacked_incidence_labels_the_aalen_johansen_share_of_each_cause():
    time = [30, 60, 90, 120, 400, 400, 400, 400]
    curve = cumulative_incidence(
        time, [1, 2, 1, 3, 0, 0, 0, 0], ["positive", "cd19-negative", "death in remission"]
    )
    axes = plots.incidence({"all": curve}, until=400)
    assert [text.get_text() for text in axes[0].texts] == [
        "antigen-positive 25 %", "CD19-negative 12 %", "death in remission 12 %",
    ]  # fmt: skip
    tops = [max(path.vertices[:, 1].max() for path in area.get_paths()) for area in axes[0].collections]
    np.testing.assert_allclose(tops, [0.25, 0.375, 0.5])
    assert axes[0].get_title(loc="left") == "all (n = 8)"


@pytest.mark.parametrize(
    ("cause", "end"),
    [
        pytest.param([1, 1, 0, 0], 400, id="nobody knows what comes after the last examination"),
        pytest.param([1, 1, 1, 2], 730, id="nobody is left"),
    ],
)
def test_incidence_is_drawn_as_far_as_it_is_known(cause, end):
    curve = cumulative_incidence([30, 60, 400, 400], cause, ["positive", "death in remission"])
    (ax,) = plots.incidence({"all": curve}, until=730)
    reach = max(path.vertices[:, 0].max() for area in ax.collections for path in area.get_paths())
    assert reach * MONTH == pytest.approx(end)


def test_incidence_has_a_panel_an_arm_and_one_colour_a_cause():
    curve = cumulative_incidence([1, 2, 3, 4], [1, 2, 0, 1], ["cd22-low", "death in remission"])
    axes = plots.incidence({"a": curve, "b": curve, "c": curve, "d": curve})
    assert len(axes) == 4
    for ax in axes:
        found = [mpl.colors.to_hex(area.get_facecolor()[0]).upper() for area in ax.collections]
        assert found == [plots.CAUSE_COLOURS["cd22-low"], plots.CAUSE_COLOURS["death in remission"]]


def kinetics_frame() -> pd.DataFrame:
    day = np.array([-4.0, 0.0, 9.0, 28.0, 730.0])
    parts = []
    for arm, factor in (("low", 1.0), ("high", 3.0)):
        for quantity, middle in (
            ("car_t_blood", [0, 0.01, 200, 5, 0.1]),
            ("marrow_blast_fraction", [0.5, 0.5, 0.1, 0, 0]),
        ):
            median = np.array(middle) * (factor if quantity == "car_t_blood" else 1.0)
            spread = {"q05": 0.1, "q25": 0.5, "q50": 1.0, "q75": 1.5, "q95": 1.9}
            parts.append(
                pd.DataFrame(
                    {"arm": arm, "quantity": quantity, "day": day, "n": 50}
                    | {k: v * median for k, v in spread.items()}
                )
            )
    return pd.concat(parts, ignore_index=True)


def test_kinetics_shows_each_quantity_on_a_log_axis_with_its_unit():
    axes = plots.kinetics(kinetics_frame(), infusions={"low": [0.0], "high": [0.0, 28.0]}, mrd_limit=1e-4)
    assert len(axes) == 4
    assert [ax.get_yscale() for ax in axes] == ["log"] * 4
    assert axes[0].get_ylabel() == "CAR T cells in blood (per µL)"
    assert axes[2].get_ylabel() == "Blasts, share of marrow cells"
    assert "Days since first infusion" in axes[2].get_xlabel()
    assert [ax.get_title(loc="left") for ax in axes] == ["low", "high", "", ""]


def test_kinetics_marks_infusions_and_draws_the_median():
    axes = plots.kinetics(kinetics_frame(), infusions={"low": [0.0], "high": [0.0, 28.0]})
    marks = [[line.get_xdata()[0] for line in ax.lines if line.get_marker() == "v"] for ax in axes]
    assert marks == [[0.0], [0.0, 28.0], [0.0], [0.0, 28.0]]
    np.testing.assert_allclose(axes[1].lines[0].get_ydata()[1:], [0.03, 600, 15, 0.3])


def test_extinct_blasts_leave_through_the_lower_edge_without_a_gap():
    ax = plots.kinetics(kinetics_frame())[2]
    heights = ax.lines[0].get_ydata()
    assert np.isfinite(heights).all()
    assert 0 < heights[-1] < ax.get_ylim()[0]


@pytest.fixture
def outcomes():
    return pd.DataFrame(
        [
            ("CR, low", "share", 1 / 6, np.nan, np.nan, 0.6, 0.33, 0.9, False),
            ("CR, high", "share", 11 / 15, np.nan, np.nan, 0.7, 0.4, 0.93, True),
            ("remission", "days", 183.0, np.nan, np.nan, 200.0, 90.0, 400.0, True),
            ("CD22", "ratio", np.nan, 0.1, 0.6, 0.2, 0.1, 0.4, True),
        ],
        columns=[
            "label",
            "unit",
            "reported",
            "reported_low",
            "reported_high",
            "simulated",
            "lower",
            "upper",
            "inside",
        ],
    )


def test_forest_puts_reported_values_on_their_row_and_marks_those_outside(outcomes):
    share, days, ratio = plots.forest(outcomes)
    diamonds = [(line.get_xdata()[0], line.get_ydata()[0], line.get_color()) for line in share.lines
                if line.get_marker() == "D"]  # fmt: skip
    assert diamonds == [(1 / 6, 1.0, plots.ARM_COLOURS[1]), (11 / 15, 0.0, "black")]
    assert [tick.get_text() for tick in share.get_yticklabels()] == ["CR, low", "CR, high"]
    month = next(line for line in days.lines if line.get_marker() == "D").get_xdata()[0]
    assert month == pytest.approx(183 / MONTH)
    assert days.get_xlabel() == "Months"
    assert [0.1, 0.6] in [list(line.get_xdata()) for line in ratio.lines]


def test_forest_draws_the_predictive_interval(outcomes):
    share = plots.forest(outcomes)[0]
    assert [0.33, 0.9] in [list(line.get_xdata()) for line in share.lines]


def test_labels_that_would_overlap_move_apart_and_others_stay():
    np.testing.assert_allclose(plot_style.spread(np.array([0.1, 0.5, 0.9]), 0.05), [0.1, 0.5, 0.9])
    moved = plot_style.spread(np.array([0.10, 0.11, 0.12, 0.9]), 0.05)
    np.testing.assert_allclose(moved, [0.06, 0.11, 0.16, 0.9])


@pytest.mark.parametrize(
    ("day", "ticks"),
    [(730, [0, 3, 6, 9, 12, 15, 18, 21, 24]), (180, [0, 1, 2, 3, 4, 5]), (1826, [0, 12, 24, 36, 48, 60])],
)
def test_time_is_ticked_in_whole_months(day, ticks):
    assert plot_style.month_ticks(day) == ticks


def test_day_that_few_reach_is_not_drawn():
    frame = kinetics_frame()
    frame.loc[(frame["arm"] == "high") & (frame["day"] == 730), "n"] = 3
    low, high = plots.kinetics(frame)[:2]
    assert np.isfinite(low.lines[0].get_ydata()).all()
    assert np.isnan(high.lines[0].get_ydata()).tolist() == [False, False, False, False, True]


def test_line_of_relapse_is_that_of_the_criteria():
    def lines(**options):
        ax = plots.kinetics(kinetics_frame(), **options)[2]
        return {text.get_text(): text.xy[1] for text in ax.texts if "%" in text.get_text()}

    assert lines() == {"5 %": 0.05}
    assert lines(relapse_blasts=0.125) == {"12.5 %": 0.125}


def test_a_course_without_any_cell_is_still_drawn():
    frame = kinetics_frame()
    frame[["q05", "q25", "q50", "q75", "q95"]] = 0.0
    assert [ax.get_title(loc="left") for ax in plots.kinetics(frame)] == ["low", "high"]
