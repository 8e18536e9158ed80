"""Killing assays: their file, their wells beside the mean field of the same network, tables, folder and command."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import sim
from sim.cli import main
from sim.dish.assay import KillingAssay, design_of_dish
from sim.dish.reading import load_assay
from sim.dish.run import open_assay, run_assay
from sim.dish.view import conditions_table
from sim.errors import InputError, NumericalWarning, ScenarioError, StorageError
from sim.kernels._jit import DISABLED
from sim.models.antigen import AntigenGrid
from sim.models.leukaemia import build
from sim.network.simulation import simulate

slow_without_compiler = pytest.mark.skipif(
    DISABLED, reason="whole wells; the kernels have tests of their own"
)


def document(**dish: Any) -> dict[str, Any]:
    """The least that an assay must say, small."""
    return {
        "schema_version": 1,
        "name": "small",
        "dish": {
            "targets": 2000,
            "ratios": [0.5, 2],
            "hours": 24,
            "sampled": [0, 12, 24],
            "wells": 3,
            **dish,
        },
        "lines": {"low": {"cd22_density": 700}, "high": {"cd22_density": 7000}},
        "products": {"cd22": {"targets": ["cd22"]}},
    }


@pytest.fixture(scope="module")
def small() -> KillingAssay:
    return KillingAssay.parse(document())


@pytest.fixture(scope="module")
def result(small):
    return run_assay(small, seed=1)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("lines.low.cd22_density", -5, "lines.low.cd22_density: -5; must be more than 0 (molecules/cell)"),
        ("lines.low.cd19_density", 0, "lines.low.cd19_density: 0; must be more than 0"),
        ("lines.low.cd22_density", 1e300, "lines.low.cd22_density: 1e+300; must be at most 1e+09 (molecules/cell); check the unit"),
        ("dish.targets", 0, "dish.targets: 0; must be at least 1"),
        ("dish.targets", 900_000, "dish.ratios: 1800000 cells; must fit into the room for 1000000 cells"),
        ("dish.ratios", [2, 1], "dish.ratios: [2.0, 1.0]; must ascend"),
        ("dish.ratios", [0.0002, 1], "dish.ratios: 0.0002; must be a CAR T cell at least, to 2000 targets; give more targets, or a greater ratio"),
        ("dish.targets", 1, "dish.ratios: 0.5; must be a CAR T cell at least, to 1 targets"),
        ("dish.sampled", [0, 12], "dish.sampled: [0.0, 12.0]; must end with the hours of the assay (24)"),
        ("products.cd22.targets", ["cd99"], "'cd99'; must be one of cd19, cd22"),
        ("parameters.killing_rat", 3, "parameters.killing_rat: 3.0; names no parameter of a dish; did you mean 'killing_rate'?"),
        ("parameters.weight", 70, "parameters.weight: 70.0; names no parameter of a dish"),
        ("parameters.killing_rate", -1, "parameters.killing_rate: -1.0; must be at least 0"),
        ("parameters.contact_loss", 3, "parameters.contact_loss: 3.0; must be at least 0 and at most 1"),
        ("parameters.exhausted_activity", 1.5, "parameters.exhausted_activity: 1.5; must be at least 0 and at most 1"),
        ("parameters.first_hit_rate", 0.6, "parameters.first_hit_rate: 0.6; 2*first_hit_rate + cd22_loss_rate + lineage_switch_rate must be at most 1"),
        ("parameters.dish_capacity", 0, "parameters.dish_capacity: 0.0; must be more than 0"),
        ("parameters.cd22_density", 50, "parameters.cd22_density: 50.0; is given by lines.low and lines.high too; remove it here or there"),
        ("parameters.cd22_density", -1, "parameters.cd22_density: -1.0; must be more than 0; give a number in that range"),
        ("products.cd22.immunogenicity", 2, "products.cd22.immunogenicity: 2; has no meaning in a dish; remove it"),
        ("products.cd22.memory_fraction", 0.2, "has no meaning in a dish; give dish.memory_fraction"),
        ("parameters.exhaustion_order", 0.5, "parameters.exhaustion_order: 0.5; must be at least 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(small, path, value, message):
    with pytest.raises(ScenarioError) as caught:
        small.with_({path: value})
    assert len(caught.value.problems) == 1, caught.value.problems
    assert message in caught.value.problems[0]
    assert "\n" not in caught.value.problems[0]


def test_a_trial_is_no_assay_and_an_assay_no_trial():
    with pytest.raises(ScenarioError, match="a killing assay; a trial is needed here; run it by"):
        sim.load("killing-assay")
    with pytest.raises(ScenarioError, match="a trial; a killing assay is needed here"):
        load_assay("untreated")


def test_the_shipped_assay_meets_at_one_to_four_up_to_four_to_one_for_three_days():
    dish = load_assay("killing-assay").dish
    assert (min(dish.ratios), max(dish.ratios), dish.hours) == (0.25, 4.0, 72.0)
    assert KillingAssay.parse(load_assay("killing-assay").resolved()) == load_assay("killing-assay")


@slow_without_compiler
class TestWells:
    def test_alike_cells_follow_the_mean_field_of_the_classes(self):
        """40,000 targets without spread: the dish's network by classes with one level of CD22, as an ODE; 2 % of the targets at the start."""
        raw = document(targets=40_000, ratios=[1], wells=1, step=0.25)
        raw["lines"] = {"one": {"cd22_density": 1000, "cd22_spread": 0, "cd19_spread": 0}}
        raw["parameters"] = {
            "net_growth_rate": 0.5,
            "killing_rate": 6,
            "memory_formation_rate": 0.3,
            "exhaustion_rate": 2.0,
        }
        assay = KillingAssay.parse(raw)
        wells = run_assay(assay, seed=1).wells
        own = wells["ratio"] == 1.0
        design = design_of_dish(assay, "cd22", agents=False)
        one_level = build(
            type(design)(products=design.products, host=False, grid=AntigenGrid(1, lineage_switch=False))
        )
        names = ["leukaemia_cells", "memory_cd22", "effectors_cd22", "exhausted_cd22", "division_age_cd22"]
        values = {k: v for k, v in assay.values_of("one", "cd22").items() if "spread" not in k}
        mean = simulate(
            one_level, [0, 0.5, 1.0], "ode", outputs=names, parameters={**values, "cd22_spread": 0.0},
            initial={"dish_two_level0": 40_000, "effectors_cd22": 40_000},
        )  # fmt: skip
        for column, name in zip(("targets", "memory", "effectors", "exhausted"), names, strict=False):
            np.testing.assert_allclose(wells[column][own], mean[name][0], atol=800, err_msg=column)
        np.testing.assert_allclose(wells["division_age"][own], mean["division_age_cd22"][0], atol=0.01)
        # Control: killing a tenth slower is found.
        slower = simulate(
            one_level, [0, 0.5, 1.0], "ode", outputs=names, parameters={**values, "cd22_spread": 0.0, "killing_rate": 5.4},
            initial={"dish_two_level0": 40_000, "effectors_cd22": 40_000},
        )  # fmt: skip
        assert np.abs(wells["targets"][own] - slower["leukaemia_cells"][0]).max() > 800

    def test_more_effectors_and_more_antigen_kill_more(self, result):
        rows = {(row["line"], row["ratio"]): row["lysis"] for row in result.rows()}
        assert rows["low", 0.5] < rows["low", 2.0] < rows["high", 2.0]
        assert rows["low", 0.5] < rows["high", 0.5]

    def test_the_cells_that_are_left_are_dimmer(self, result):
        left = {row["ratio"]: row["cd22_density"] for row in result.rows() if row["line"] == "low"}
        assert left[2.0] < left[0.5] < left[0.0]

    def test_lysis_is_told_against_wells_without_car_t_cells(self, result):
        w = result.wells
        for hour in (0.0, 12.0, 24.0):
            control = (w["line"] == "low") & (w["hour"] == hour) & (w["ratio"] == 0.0)
            treated = (w["line"] == "low") & (w["hour"] == hour) & (w["ratio"] == 2.0)
            assert w["lysis"][control].mean() == pytest.approx(0.0, abs=1e-12)
            np.testing.assert_allclose(
                w["lysis"][treated], 1.0 - w["targets"][treated] / w["targets"][control].mean()
            )

    def test_wells_differ_and_the_last_counts_every_car_t_cell(self, result):
        w, k = result.wells, result.kills
        end = (w["hour"] == 24.0) & (w["ratio"] == 0.5) & (w["line"] == "high")
        assert len(set(w["targets"][end])) > 1
        for well in range(3):
            own = (k["line"] == "high") & (k["ratio"] == 0.5) & (k["well"] == well)
            here = end & (w["well"] == well)
            assert k["cells"][own].sum() == (w["memory"] + w["effectors"] + w["exhausted"])[here].sum()

    def test_threads_and_seed(self, small, result):
        again, other = run_assay(small, seed=1, threads=1), run_assay(small, seed=2)
        for name, column in result.wells.items():
            np.testing.assert_array_equal(column, again.wells[name], err_msg=name)
        assert not np.array_equal(result.wells["targets"], other.wells["targets"])

    def test_a_well_without_room_ends_with_its_status_and_its_data(self):
        """Two thousand targets that double every three hours have no room for three thousand."""
        assay = KillingAssay.parse(
            {**document(room=4000, ratios=[0.5]), "parameters": {"net_growth_rate": 5.0}}
        )
        with pytest.warns(NumericalWarning, match="wells failed"):
            found = run_assay(assay, seed=1)
        w = found.wells
        control = (w["ratio"] == 0.0) & (w["line"] == "low") & (w["well"] == 0)
        assert set(w["status"][control]) == {6}
        assert np.isfinite(w["targets"][control][0])
        assert np.isnan(w["targets"][control][-1])
        assert found.failed >= 6

    def test_failed_wells_are_in_no_summary(self):
        assay = KillingAssay.parse(
            {**document(room=4000, ratios=[0.5]), "parameters": {"net_growth_rate": 5.0, "killing_rate": 0.0}}
        )
        with pytest.warns(NumericalWarning, match="wells failed"):
            found = run_assay(assay, seed=1)
        assert all(row["wells"] == 0 and np.isnan(row["kills_per_cell"]) for row in found.rows())

    def test_a_table_tells_nothing_of_wells_that_failed(self):
        raw = document(room=4000, ratios=[0.5])
        assay = KillingAssay.parse({**raw, "parameters": {"net_growth_rate": 5.0, "killing_rate": 0.0}})
        with pytest.warns(NumericalWarning, match="wells failed"):
            found = run_assay(assay, seed=1)
        columns, cells = conditions_table(found)
        assert [set(row[columns.index("lysis") :]) for row in cells] == [{"-"}] * 4

    def test_no_density_is_told_of_targets_that_are_all_killed(self):
        raw = document(ratios=[1], wells=2)
        alike = {"net_growth_rate": 0.0, "killing_rate": 300.0, "cd22_spread": 0.0}
        found = run_assay(KillingAssay.parse({**raw, "parameters": alike}), seed=1)
        columns, cells = conditions_table(found)
        left, density = columns.index("targets left"), columns.index("CD22 left")
        assert [row[left] for row in cells[1::2]] == ["0", "0"]
        assert [row[density] for row in cells[1::2]] == ["-", "-"]
        assert all(float(row[density]) > 0.0 for row in cells[::2])

    def test_empty_wells_do_not_dim_the_targets_of_others(self, result):
        wells = {name: column.copy() for name, column in result.wells.items()}
        place = np.flatnonzero((wells["line"] == "low") & (wells["ratio"] == 2.0) & (wells["hour"] == 24.0))
        wells["targets"][place[0]] = wells["cd22_density"][place[0]] = 0.0
        row = replace(result, wells=wells).rows()[2]
        assert (row["line"], row["ratio"]) == ("low", 2.0)
        assert row["cd22_density"] == pytest.approx(wells["cd22_density"][place[1:]].mean())

    def test_contacts_without_end_are_a_status(self, small):
        """Ten to the twelve contacts for each kill would hold a step for ever."""
        with pytest.warns(NumericalWarning, match="wells failed"):
            found = run_assay(small.with_({"parameters.contact_ratio": 1e12}), seed=1)
        treated = found.wells["ratio"] > 0.0
        assert set(found.wells["status"][treated]) == {3}

    def test_a_short_programme_divides_less(self, small):
        long, short = (
            run_assay(small.with_({"products.cd22.fitness": value}), seed=1).rows() for value in (12.0, 0.05)
        )
        assert short[-1]["car_t"] < long[-1]["car_t"]

    def test_the_figure_has_a_column_for_each_line(self, result):
        import matplotlib as mpl

        mpl.use("Agg")
        axes = result.killing()
        assert [ax.get_title(loc="left") for ax in axes[:2]] == ["low", "high"]
        assert len(axes[0].lines) == 3, "two ratios, and the line of no lysis"

    def test_the_summary_is_a_table(self, result):
        table = result.summary()
        assert list(table["ratio"]) == [0.0, 0.5, 2.0] * 2
        assert repr(result) == "<AssayResult small: 2 lines, 1 products, 2 ratios, 3 wells each; seed 1>"
        assert "<table" in result._repr_html_()


@pytest.fixture(scope="module")
def folder(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "small"
    run_assay(small, seed=1, out=path)
    return path


@slow_without_compiler
class TestFolder:
    def test_is_read_back_and_not_computed_again(self, small, folder, result, monkeypatch):
        monkeypatch.setattr("sim.dish.run.simulate_wells", None)
        again = run_assay(small, seed=1, out=folder)
        for name, column in result.wells.items():
            np.testing.assert_array_equal(column, again.wells[name], err_msg=name)
        assert repr(again.rows()) == repr(result.rows())
        assert (folder / "figures" / "killing.png").stat().st_size > 10_000
        assert (folder / "summary.csv").read_text().splitlines()[0].startswith("line,product,ratio,wells")

    def test_other_labels_are_said_and_change_no_number(self, small, folder, result):
        renamed = small.with_({"lines.low.label": "dim line"})
        again = run_assay(renamed, seed=1, out=folder)
        assert again.labels["low"] == "dim line"
        assert open_assay(folder).labels["low"] == "dim line"
        np.testing.assert_array_equal(again.wells["targets"], result.wells["targets"])

    def test_holds_one_run(self, small, folder):
        with pytest.raises(InputError, match="holds run"):
            run_assay(small, seed=2, out=folder)

    def test_what_is_damaged_is_said(self, small, tmp_path):
        run_assay(small, seed=1, out=tmp_path / "run", figures=False)
        (tmp_path / "run" / "wells.parquet").write_bytes(b"no table")
        with pytest.raises(StorageError, match=r"wells\.parquet"):
            open_assay(tmp_path / "run")
        (tmp_path / "run" / "complete").unlink()
        with pytest.raises(InputError, match="was not completed"):
            open_assay(tmp_path / "run")
        with pytest.raises(InputError, match="no run of a killing assay"):
            open_assay(tmp_path)
        # The same command begins again where it was not completed.
        assert run_assay(small, seed=1, out=tmp_path / "run", figures=False).failed == 0


@slow_without_compiler
class TestCommand:
    @pytest.fixture
    def run(self, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        file = tmp_path / "small.yaml"
        file.write_text(json.dumps(document()))

        def call(*arguments: str) -> tuple[int, str, str]:
            with pytest.raises(SystemExit) as end:
                main(list(arguments))
            out, err = capsys.readouterr()
            return int(end.value.code or 0), out, err

        return call

    def test_runs_tells_and_shows_again(self, run):
        code, out, _ = run("run", "small.yaml", "--seed", "1", "-o", "here")
        assert code == 0
        assert "effector : target" in out
        assert "Research only" in out
        assert "2:1" in out
        code, again, err = run("run", "small.yaml", "--seed", "1", "-o", "here")
        assert (code, again) == (0, out)
        assert "this run is complete; showing it" in err

    def test_tells_json(self, run):
        code, out, _ = run("run", "small.yaml", "--json", "-o", "there")
        assert code == 0
        told = json.loads(out)
        assert [row["ratio"] for row in told["conditions"]] == [0.0, 0.5, 2.0] * 2
        assert told["conditions"][0]["kills_per_cell"] is None

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--patients", "3"], "--patients: 3; small.yaml is a killing assay"),
            (["--kernel", "ode"], "--kernel: ode; small.yaml is a killing assay"),
            (["--set", "dish.wels=3"], "dish.wels: 'wels'; no such path; did you mean 'wells'?"),
        ],
    )
    def test_refuses_in_one_line(self, run, options, message):
        code, out, err = run("run", "small.yaml", *options)
        assert (code, out) == (2, "")
        assert message in err
        assert len(err.splitlines()) == 1

    def test_failed_wells_end_with_their_code(self, run):
        code, _, err = run(
            "run",
            "small.yaml",
            "--set",
            "parameters.net_growth_rate=5",
            "--set",
            "dish.room=4000",
            "--set",
            "dish.ratios=[0.5]",
        )
        assert code == 3
        assert "wells failed" in err

    @pytest.mark.parametrize(
        "option",
        [[], ["--equations"], ["--parameters"], ["--resolved"], ["--json"], ["--parameters", "--json"]],
    )
    def test_is_shown(self, run, option):
        code, out, err = run("show", "killing-assay", *option)
        assert (code, err) == (0, "")
        assert {
            "": "1:4",
            "--equations": "signal_cd22",
            "--parameters": "contact_ratio",
            "--resolved": "dish:",
            "--json": '"dish"',
        }[
            option[0] if option != ["--parameters", "--json"] and option else "--parameters" if option else ""
        ] in out

    def test_is_checked(self, run):
        code, out, _ = run("validate", "small.yaml", "killing-assay")
        assert code == 0
        assert out.count(": valid (") == 2
