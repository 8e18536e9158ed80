"""A result: its summary against hand counts, figures, reading back, replay's refusals."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sim
from sim import plot_style
from sim.errors import InputError, StorageError
from sim.trial import courses, story, summary
from sim.trial.estimates import Estimate, binomial_interval
from sim.trial.forest import forest_columns
from sim.trial.incidence import cumulative_incidence
from sim.trial.outcomes import COLUMNS, Outcomes
from sim.trial.predictive import Predictive
from sim.trial.survival import kaplan_meier
from tests.trial.made_up import MadeUp, median_row, told_with

mpl.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def line(result, arm, name):
    table = result.summary().set_index(["arm", "name"])
    return table.loc[(arm, name)]


class TestSummary:
    def test_has_the_same_lines_for_each_arm(self, result):
        table = result.summary()
        names = [table.loc[table["arm"] == arm, "name"].tolist() for arm in result.arms]
        assert names[0] == names[1]
        assert len(set(names[0])) == len(names[0])
        assert {"cr", "mrd_negative", "remission_median", "efs_12m", "os_24m", "cd19_negative_relapse_6m",
                "cd22_low_relapse_24m", "positive_relapse_12m", "cmax_median", "tmax_median", "death_leukaemia",
                "failed"} <= set(names[0])  # fmt: skip

    def test_remission_is_a_share_of_the_infused_with_wilson_s_interval(self, result):
        rows = result.endpoints[result.endpoints["arm"] == "higher"]
        expected = binomial_interval(int(rows["cr"].sum()), len(rows))
        found = line(result, "higher", "cr")
        assert (found["value"], found["lower"], found["upper"]) == tuple(expected)
        assert found["n"] == 60
        assert 0.2 < found["value"] < 0.9

    def test_milestones_and_median_are_those_of_kaplan_and_meier(self, result):
        rows = result.endpoints[result.endpoints["arm"] == "lowest"]
        curve = kaplan_meier(rows["efs_days"], rows["efs_event"].astype(bool))
        assert line(result, "lowest", "efs_12m")["value"] == curve.milestone(365).value
        responders = rows[rows["remission_days"].notna()]
        median = kaplan_meier(
            responders["remission_days"], responders["remission_event"].astype(bool)
        ).median()
        assert line(result, "lowest", "remission_median")["value"] == median.value

    def test_relapse_by_phenotype_counts_from_infusion_with_death_competing(self, result):
        rows = result.endpoints[(result.endpoints["arm"] == "higher") & result.endpoints["cr"].fillna(False)]
        phenotype = rows["relapse_phenotype"].to_numpy()
        relapsed = phenotype != ""
        cause = np.where(relapsed, np.where(phenotype == "both", 1, 2), np.where(rows["rfs_event"], 3, 0))
        days = rows["rfs_days"] + rows["cr_day"]
        expected = cumulative_incidence(days, cause, ["both", "other", "death"])
        assert line(result, "higher", "both_relapse_12m")["value"] == pytest.approx(expected.at("both", 365))
        assert line(result, "higher", "both_relapse_12m")["value"] > 0

    def test_phenotype_that_never_happens_is_zero_with_an_upper_limit(self, result):
        found = line(result, "higher", "switched_relapse_12m")
        assert found["value"] == 0.0
        assert found["lower"] == 0.0
        assert 0.0 < found["upper"] < 0.2

    def test_deaths_are_shares_of_all_patients(self, result):
        rows = result.endpoints[result.endpoints["arm"] == "higher"]
        assert (
            line(result, "higher", "death_leukaemia")["value"] == (rows["death_cause"] == "leukaemia").mean()
        )
        assert line(result, "higher", "death_leukaemia")["value"] > 0

    def test_median_of_the_peak_lies_in_its_interval(self, result):
        found = line(result, "lowest", "cmax_median")
        rows = result.endpoints[result.endpoints["arm"] == "lowest"]
        assert found["value"] == rows["cmax"].median()
        assert found["lower"] < found["value"] < found["upper"]

    def test_interval_of_a_median_covers_it_about_as_often_as_it_says(self):
        rng = np.random.default_rng(20)
        hits = 0
        for _ in range(2000):
            found = summary.median_interval(rng.exponential(1.0, 41))
            hits += found.lower <= np.log(2.0) <= found.upper
        # Binomial(2000, 0.95 to 0.98): the ranks are rounded outwards. Six standard errors below 0.95.
        assert 0.92 < hits / 2000 < 0.995

    def test_failed_rows_are_counted_and_in_no_estimate(self, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp(failing=10))
        with pytest.warns(sim.errors.NumericalWarning):
            failing = sim.run("fry2018-cd22", patients=40)
        assert line(failing, "higher", "failed")["value"] == 4
        assert line(failing, "higher", "cr")["n"] == 36


class TestReported:
    def test_every_reported_row_stands_beside_its_simulated_figure(self, result):
        table = result.reported().set_index("id")
        assert list(table.index) == [row.id for row in result.scenario.reported]
        higher = table.loc["cr-higher-dose"]
        assert higher["reported_value"] == 11 / 15
        assert higher["simulated"] == line(result, "higher", "cr")["value"]
        assert higher["predictive_lower"] <= higher["predictive_upper"]
        assert higher["inside"] == (higher["predictive_lower"] <= 11 / 15 <= higher["predictive_upper"])
        assert table.loc["rescue", "inside"] is None


class TestFigures:
    def test_survival_curve_is_the_one_of_the_table_and_names_the_arms(self, result):
        ax = result.km("efs")
        rows = result.endpoints[result.endpoints["arm"] == "lowest"]
        curve = kaplan_meier(rows["efs_days"], rows["efs_event"].astype(bool))
        drawn = next(one for one in ax.lines if one.get_label() == "3e5 cells/kg")
        np.testing.assert_allclose(drawn.get_ydata()[1:], curve.survival)
        at_risk = [text.get_text() for text in ax.texts if text.get_gid() == "at-risk:3e5 cells/kg"]
        days = np.minimum(ax.get_xticks() * plot_style.DAYS_PER_MONTH, 730)
        assert at_risk == [str(count) for count in curve.number_at_risk(days)]
        assert ax.get_ylabel() == "Event-free survival"

    @pytest.mark.parametrize("endpoint", ["efs", "rfs", "remission", "os"])
    def test_each_endpoint_has_a_curve(self, result, endpoint):
        assert len([one for one in result.km(endpoint).lines if len(one.get_xdata()) > 2]) >= 2

    def test_incidence_has_a_panel_an_arm_with_those_in_remission(self, result):
        axes = result.incidence("relapse", by="phenotype")
        sizes = [int(result.outcomes.arm(arm)["cr"].sum()) for arm in result.arms]
        assert [ax.get_title(loc="left") for ax in axes] == [
            f"{result.labels[arm]} (n = {size})" for arm, size in zip(result.arms, sizes, strict=True)
        ]

    def test_incidence_without_phenotypes_is_one_relapse(self, result):
        labels = [text.get_text() for text in result.incidence()[0].texts]
        assert any(label.startswith("relapse ") for label in labels)

    def test_kinetics_marks_the_infusion_and_forest_shows_three_kinds_of_unit(self, result):
        axes = result.kinetics()
        assert [one.get_xdata()[0] for one in axes[0].lines if one.get_marker() == "v"] == [0.0]
        assert len(result.forest()) == 3

    def test_unknown_endpoint_and_event_are_refused(self, result):
        with pytest.raises(InputError, match="must be efs, rfs, remission or os"):
            result.km("pfs")
        with pytest.raises(InputError, match="relapse"):
            result.incidence("death")

    def test_arms_that_share_a_label_are_called_by_their_names(self, result):
        scenario = result.scenario.with_({"arms.lowest.label": "x", "arms.higher.label": "x"})
        twin = sim.Result(scenario, 1, "hybrid", result.outcomes, result.courses)
        assert twin.labels == {"lowest": "lowest", "higher": "higher"}


def horizon_of(document, day):
    return {**document, "engine": {**document["engine"], "horizon": day}}


class TestStorage:
    def test_what_is_read_back_equals_what_was_saved(self, result, tmp_path):
        result.save(tmp_path / "run", figures=False)
        found = sim.open(tmp_path / "run")
        pd.testing.assert_frame_equal(found.endpoints, result.endpoints)
        pd.testing.assert_frame_equal(found.summary(), result.summary())
        pd.testing.assert_frame_equal(found.reported(), result.reported())
        assert found.scenario == result.scenario
        assert found.arms == result.arms
        assert (found.seed, found.hash, found.kernel) == (result.seed, result.hash, result.kernel)
        for name in COLUMNS:
            assert found.outcomes[name].dtype.kind == result.outcomes[name].dtype.kind
        for name, values in result.courses.items():
            np.testing.assert_array_equal(found.courses[name], values)

    def test_tables_are_plain_parquet_with_nullable_truths(self, result, tmp_path):
        result.save(tmp_path / "run", figures=False)
        table = pd.read_parquet(tmp_path / "run" / "endpoints.parquet", dtype_backend="numpy_nullable")
        assert len(table) == 120
        assert table["cr"].dtype == "boolean"
        assert table["cr"].sum() == result.endpoints["cr"].sum()
        assert table["relapse_day"].isna().sum() == result.endpoints["relapse_day"].isna().sum()

    def test_reading_back_needs_no_compiler_no_pandas_and_no_matplotlib(self, result, tmp_path):
        result.save(tmp_path / "run", figures=False)
        program = (
            f"import sys, sim; result = sim.open({str(tmp_path / 'run')!r}); result.rows; result.comparisons\n"
            "print(sorted({'numba', 'pandas', 'matplotlib', 'sim.network.simulation'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"

    def test_damaged_and_missing_files_are_named(self, result, tmp_path):
        result.save(tmp_path / "run", figures=False)
        (tmp_path / "run" / "endpoints.parquet").write_bytes(b"PAR1 no more")
        with pytest.raises(StorageError, match=r"endpoints\.parquet"):
            sim.open(tmp_path / "run")
        (tmp_path / "run" / "endpoints.parquet").unlink()
        with pytest.raises(StorageError, match=r"endpoints\.parquet"):
            sim.open(tmp_path / "run")
        (tmp_path / "run" / "scenario.resolved.json").write_text("{")
        with pytest.raises(StorageError, match=r"scenario\.resolved\.json: is damaged"):
            sim.open(tmp_path / "run")
        (tmp_path / "run" / "scenario.resolved.json").unlink()
        with pytest.raises(StorageError, match=r"scenario\.resolved\.json: is missing"):
            sim.open(tmp_path / "run")

    def test_words_of_the_scenario_may_be_changed_and_a_run_of_another_version_is_read(
        self, result, tmp_path
    ):
        result.save(tmp_path / "run", figures=False)
        stored = tmp_path / "run" / "scenario.resolved.json"
        document = json.loads(stored.read_text())
        stored.write_text(json.dumps({**document, "title": "Another title"}))
        assert sim.open(tmp_path / "run").scenario.title == "Another title"
        # Another version may read a scenario with other defaults; what it holds is not ours to judge.
        stored.write_text(json.dumps(horizon_of(document, 800)))
        provenance = tmp_path / "run" / "provenance.json"
        found = json.loads(provenance.read_text())
        provenance.write_text(json.dumps({**found, "versions": {**found["versions"], "cartsim": "0.0.1"}}))
        assert sim.open(tmp_path / "run").scenario.engine.horizon == 800

    @pytest.mark.parametrize(
        ("file", "change", "words"),
        [
            ("provenance.json", lambda found: {**found, "seed": "x"}, "lacks seed, kernel or hash"),
            ("provenance.json", lambda found: {}, "lacks seed, kernel or hash"),
            ("endpoints.parquet", lambda found: found.drop_columns(["cr"]), "lacks the column cr"),
            (
                "endpoints.parquet",
                lambda found: found.drop_columns(["cr"]).append_column("cr", found["arm"]),
                "has other values in cr",
            ),
            ("endpoints.parquet", lambda found: found.slice(0, 10), "has 10 rows for 120 patients"),
            (
                "endpoints.parquet",
                lambda found: pa.concat_tables([found.slice(0, 60), found.slice(0, 60)]),
                "has other arms than the scenario: lowest",
            ),
            (
                "endpoints.parquet",
                lambda found: pa.concat_tables([found, found]),
                "has a patient twice in one arm and replicate",
            ),
            ("kinetics.parquet", lambda found: found.drop_columns(["q50"]), "lacks the column q50"),
            (
                "kinetics.parquet",
                lambda found: found.set_column(0, "arm", pa.array(["b"] * found.num_rows)),
                "has other arms than the scenario: b",
            ),
            ("provenance.json", lambda found: {**found, "kernel": {}}, "lacks seed, kernel or hash"),
            (
                "scenario.resolved.json",
                lambda found: horizon_of(found, 800),
                "is not the scenario of the run",
            ),
        ],
    )
    def test_what_was_tampered_with_is_named(self, result, tmp_path, file, change, words):
        result.save(tmp_path / "run", figures=False)
        path = tmp_path / "run" / file
        if path.suffix == ".json":
            path.write_text(json.dumps(change(json.loads(path.read_text()))))
        else:
            with pq.ParquetFile(path) as stored:
                table = stored.read()
            pq.write_table(change(table), path)
        with pytest.raises(StorageError, match=re.escape(f"{file}: {words}; a run directory must be whole")):
            sim.open(tmp_path / "run")

    def test_folder_that_is_no_run_is_refused(self, tmp_path):
        with pytest.raises(InputError, match=r"has no provenance\.json"):
            sim.open(tmp_path)
        with pytest.raises(InputError, match="no such folder"):
            sim.open(tmp_path / "absent")


def test_endpoints_are_a_row_per_arm_patient_and_replicate_with_the_promised_columns(result):
    promised = (
        "arm patient replicate status cr mrd_negative relapse_day relapse_phenotype efs_days efs_event rfs_days rfs_event "
        "remission_days remission_event os_days os_event cd22_ratio b_cell_recovery_day cmax tmax auc_0_28 il6_index"
    )
    assert " ".join(result.endpoints).startswith(f"{promised} ")
    assert not result.endpoints.duplicated(["arm", "patient", "replicate"]).any()
    assert len(result.endpoints) == 2 * 60


def test_reported_outcomes_are_a_table_of_the_promised_columns_also_where_there_are_none(result):
    table = result.reported()
    assert " ".join(table.columns) == (
        "id endpoint arms kind reported reported_value simulated simulated_lower simulated_upper predictive_lower "
        "predictive_upper unit size simulated_size inside mid_p populations_sd trials_sd patients_sd"
    )
    silent = sim.Result(result.scenario.with_({"reported": []}), 1, "hybrid", result.outcomes, result.courses)
    assert silent.reported().columns.tolist() == table.columns.tolist()
    assert len(silent.reported()) == 0


def test_figure_of_reported_outcomes_says_why_there_is_none(result):
    silent = replace(result, scenario=result.scenario.with_({"reported": []}))
    with pytest.raises(InputError, match="fry2018-cd22: reports no number"):
        silent.forest()
    nobody = result.outcomes.select(np.zeros(result.outcomes.rows, dtype=np.bool_))
    with pytest.raises(InputError, match="no simulated patient to take a reported figure from"):
        replace(result, outcomes=nobody).forest()


def test_median_that_is_not_reached_keeps_its_row_in_the_figure(result):
    predictive = Predictive(250.0, np.inf, 0.01, False)
    row = median_row(result, Estimate(np.nan, 200.0, np.nan), predictive)
    columns = forest_columns(told_with(result, row))
    assert columns["label"].tolist() == ["Median duration of remission"]
    assert (columns["lower"][0], columns["upper"][0]) == (250.0, np.inf)
    told_with(result, row).forest()
    nobody = replace(row, simulated=Estimate(np.nan, np.nan, np.nan), predictive=None, inside=None)
    assert len(forest_columns(told_with(result, nobody))["label"]) == 0


def test_arm_keeps_its_colour_where_another_has_no_curve(result):
    lowest = result.outcomes["arm"] == "lowest"
    columns = dict(result.outcomes) | {
        name: np.where(lowest, np.nan, result.outcomes[name])
        for name in ("remission_days", "remission_event")
    }
    labels = list(result.labels.values())
    for outcomes in (result.outcomes, Outcomes(columns)):
        ax = replace(result, outcomes=outcomes).km("remission")
        colours = {curve.get_label(): curve.get_color() for curve in ax.lines if curve.get_label() in labels}
        assert colours[labels[1]] == plot_style.arm_colour(1)
    assert labels[0] not in colours


def test_result_without_a_course_has_no_kinetics(result):
    empty = {name: values[:0] for name, values in result.courses.items()}
    with pytest.raises(InputError, match="no course was computed"):
        replace(result, courses=empty).kinetics()


def test_replay_refuses_who_was_not_simulated(result):
    with pytest.raises(InputError, match="arm higher has patients 0 to 59"):
        result.rerun(arm="higher", patient=60)
    with pytest.raises(InputError, match=r"replicate: 1; .* has replicate 0; choose one of these"):
        result.rerun(arm="higher", patient=1, replicate=1)
    with pytest.raises(InputError, match="did you mean"):
        result.rerun(arm="highest", patient=1)


def test_public_names_are_there_and_import_costs_nothing():
    program = (
        "import sys, time; begun = time.process_time(); import sim; took = time.process_time() - begun\n"
        "print(sorted({'numpy', 'numba', 'pandas', 'matplotlib', 'pydantic', 'scipy'} & set(sys.modules)), took < 0.05)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[] True\n"
    for name in sim.__all__:
        assert getattr(sim, name) is not None
    assert set(dir(sim)) == set(sim.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sim.nothing


@pytest.mark.parametrize(
    ("value", "lower", "upper", "unit", "text"),
    [
        (70.0, 45.0, 100.0, "days", "2.3 months (1.5 to 3.3)"),
        (10.0, 9.0, 11.0, "days", "10 d (9 to 11)"),
        (183.0, 92.0, np.nan, "days", "6.0 months (3.0 to NR)"),
        (np.nan, 92.0, np.nan, "days", "not reached"),
        (0.5, 0.25, 0.75, "share", "50 % (25 to 75)"),
        (33.3, 18.0, 80.5, "cells/uL", "33.3 (18 to 80.5)"),
    ],
)
def test_both_ends_of_an_interval_are_in_the_unit_of_the_value(value, lower, upper, unit, text):
    assert story._with_interval(summary.Row("a", "x", "x", unit, value, lower, upper, 20)) == text
