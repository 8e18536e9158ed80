"""Running a scenario: what the numbers depend on and what they do not, failures, the run directory's rules."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import sim
from sim.errors import InputError, NumericalWarning, StorageError
from sim.network.simulation import Hybrid
from sim.trial import courses
from sim.trial import run as running
from sim.trial.observation import observe
from sim.trial.outcomes import COLUMNS, Outcomes, assess
from sim.trial.quantiles import CourseQuantiles
from tests.trial.made_up import MadeUp

NAME = "fry2018-cd22"


@pytest.fixture
def made_up(monkeypatch):
    simulate = MadeUp()
    monkeypatch.setattr(courses, "simulate", simulate)
    return simulate


def same(first, second):
    for name in COLUMNS:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_every_arm_has_every_patient_in_order(made_up):
    result = sim.run(NAME, patients=5)
    assert result.outcomes["arm"].tolist() == ["lowest"] * 5 + ["higher"] * 5
    assert result.outcomes["patient"].tolist() == [0, 1, 2, 3, 4] * 2
    assert result.arms == ("lowest", "higher")


def test_arm_that_gives_nothing_is_judged_from_day_zero_beside_one_that_treats(made_up):
    fry = sim.load(NAME)
    rule = {"product": "cd22", "only_if": "relapse", "day": 28, "dose": 1e6}
    for infusions in ([], [rule]):
        result = sim.run(fry.with_({"arms.lowest.infusions": infusions}), patients=20)
        control, treated = (result.outcomes.arm(arm) for arm in result.arms)
        assert not control["infused"].any()
        assert treated["infused"].all()
        assert control["evaluable"].all()
        for name in ("efs_days", "os_days"):
            assert np.isfinite(control[name]).all()
        dead = np.isfinite(control["death_day"])
        np.testing.assert_array_equal(control["os_days"][dead], control["death_day"][dead])


def test_from_enrolment_times_hold_the_wait_for_the_product(made_up):
    making = sim.load(NAME).with_({"patients.size": 20, "manufacturing.days": 14})
    from_infusion = sim.run(making)
    from_enrolment = sim.run(making.with_({"criteria.efs_from": "enrolment"}))
    for name in ("efs_days", "os_days"):
        days, later = from_infusion.outcomes[name], from_enrolment.outcomes[name]
        failed_at_once = (name == "efs_days") & (days == 0)
        np.testing.assert_array_equal(later, np.where(failed_at_once, 0.0, days + 14.0))
    np.testing.assert_array_equal(from_enrolment.outcomes["origin_day"], -14.0)
    assert from_enrolment.km("os").get_xlabel() == "Months since enrolment"
    assert from_infusion.km("os").get_xlabel() == "Months since first infusion"


def test_chunks_change_no_number(made_up, monkeypatch):
    whole = sim.run(NAME, patients=20)
    monkeypatch.setattr(running, "CHUNK", 3)
    pieces = sim.run(NAME, patients=20)
    same(whole.outcomes, pieces.outcomes)
    for name, values in whole.courses.items():
        np.testing.assert_array_equal(values, pieces.courses[name])


def test_more_patients_leave_the_first_ones_as_they_are(made_up):
    few, many = sim.run(NAME, patients=8), sim.run(NAME, patients=20)
    for arm in few.arms:
        same(few.outcomes.arm(arm), many.outcomes.arm(arm).select(many.outcomes.arm(arm)["patient"] < 8))


def test_seed_changes_the_numbers(made_up):
    first, second = sim.run(NAME, patients=20), sim.run(NAME, patients=20, seed=1)
    assert not np.array_equal(first.outcomes["cmax"], second.outcomes["cmax"])


def test_unpaired_arms_treat_different_people_and_paired_arms_the_same(made_up):
    apart = sim.run(NAME, patients=20).outcomes
    assert not np.array_equal(apart.arm("lowest")["cmax"], apart.arm("higher")["cmax"])
    together = sim.run(sim.load(NAME).with_({"patients.paired": True}), patients=20).outcomes
    np.testing.assert_array_equal(together.arm("lowest")["cmax"], together.arm("higher")["cmax"])


def test_progress_counts_patients_of_all_arms(made_up, monkeypatch):
    monkeypatch.setattr(running, "CHUNK", 4)
    seen = []
    sim.run(NAME, patients=6, progress=lambda done, total: seen.append((done, total)))
    assert {total for _, total in seen} == {12}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (12, 12)


def test_failed_rows_keep_their_status_have_no_endpoint_and_are_warned_of_once(monkeypatch):
    monkeypatch.setattr(courses, "simulate", MadeUp(failing=10))
    with pytest.warns(
        NumericalWarning, match=r"4 of 40 rows failed; the first: arm lowest, patient 1: max_steps"
    ) as caught:
        result = sim.run(NAME, patients=20)
    assert len(caught) == 1
    failed = result.outcomes["status"] != 0
    assert result.failed == failed.sum() == 4
    assert np.isnan(result.outcomes["cr"][failed]).all()
    assert np.isfinite(result.outcomes["cr"][~failed]).all()


def test_overrides_stand_in_the_scenario_of_the_result(made_up):
    result = sim.run(NAME, patients=7, kernel="ode")
    assert result.scenario.patients.size == 7
    assert result.scenario.engine.kernel == result.kernel == "ode"
    assert sim.run(NAME, patients=2, kernel=Hybrid(rtol=1e-3)).kernel == Hybrid(rtol=1e-3)


def test_days_saved_hold_visits_infusions_and_horizon_and_are_daily_at_first():
    scenario = sim.load(NAME).with_({"assay.visits": [28, 100.5, 364], "engine.horizon": 400})
    days = courses.save_days(scenario)
    assert (np.diff(days) > 0).all()
    assert {0.0, 28.0, 100.5, 364.0, 400.0} <= set(days)
    assert set(np.arange(36.0)) <= set(days)
    assert days[0] == -5.0
    assert np.diff(days[days <= 60]).max() <= 2.0
    assert np.diff(days).max() <= 14.0


class TestQuantiles:
    def test_quantiles_are_those_of_the_patients_still_followed(self):
        days = np.array([0.0, 1.0, 2.0])
        values = np.arange(1.0, 6.0)[:, None] * np.ones(3)
        found = CourseQuantiles(days)
        courses = {"car_t_blood": values, "marrow_blast_fraction": values / 10}
        found.add("a", np.arange(5), courses, np.array([2.0, 2.0, 2.0, 1.0, 0.0]))
        table = found.columns()
        blood = table["quantity"] == "car_t_blood"
        assert table["n"][blood].tolist() == [5, 4, 3]
        assert table["q50"][blood].tolist() == [3.0, 2.5, 2.0]
        np.testing.assert_allclose(table["q95"][blood][0], np.quantile(values[:, 0], 0.95))

    def test_day_that_nobody_reaches_has_no_quantile(self):
        found = CourseQuantiles(np.array([0.0, 1.0]))
        courses = {"car_t_blood": np.ones((1, 2)), "marrow_blast_fraction": np.ones((1, 2))}
        found.add("a", np.arange(1), courses, np.array([0.0]))
        assert np.isnan(found.columns()["q50"][1])


class TestRunDirectory:
    def test_holds_what_is_needed_to_understand_and_repeat_the_run(self, made_up, tmp_path):
        result = sim.run(NAME, patients=12, seed=3, out=tmp_path / "run")
        names = set(contents(tmp_path / "run"))
        assert {
            "scenario.yaml", "scenario.resolved.json", "provenance.json", "endpoints.parquet", "kinetics.parquet",
            "summary.csv", "reported.csv", "failures.csv", "run.log", "complete", "figures/event_free_survival.png",
            "figures/remission.png", "figures/kinetics.png", "figures/relapse_by_phenotype.png",
            "figures/reported_beside_simulated.png",
        } <= names  # fmt: skip
        assert (tmp_path / "run" / "scenario.yaml").read_bytes() == Path(
            "scenarios/fry2018-cd22.yaml"
        ).read_bytes()
        provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
        assert provenance["seed"] == 3
        assert provenance["hash"] == result.hash
        assert {"cartsim", "numpy", "numba", "python"} <= set(provenance["versions"])

    def test_equal_runs_give_equal_bytes_but_for_the_clock(self, made_up, tmp_path):
        sim.run(NAME, patients=12, out=tmp_path / "a", threads=1)
        sim.run(NAME, patients=12, out=tmp_path / "b", threads=2)
        first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
        assert first.keys() == second.keys()
        assert {name for name in first if first[name] != second[name]} <= {"run.log", "timing.json"}

    def test_resolved_scenario_says_where_the_numbers_of_the_whole_trial_come_from(self, made_up, tmp_path):
        limit = {"value": 0.01, "unit": "percent", "kind": "reported", "source": "the protocol"}
        bare, long = (sim.load(NAME).with_({"assay.mrd_limit": value}) for value in (1e-4, limit))
        result = sim.run(long, patients=4, out=tmp_path / "run", figures=False)
        same(result.outcomes, sim.run(bare, patients=4).outcomes)
        held = json.loads((tmp_path / "run" / "scenario.resolved.json").read_text())["assay"]["mrd_limit"]
        assert (held["value"], held["kind"], held["source"]) == (1e-4, "reported", "the protocol")
        assert sim.open(tmp_path / "run").scenario.resolved() == result.scenario.resolved()

    def test_complete_run_is_read_not_computed(self, made_up, tmp_path):
        first = sim.run(NAME, patients=4, out=tmp_path / "run", figures=False)
        calls = made_up.calls
        second = sim.run(NAME, patients=4, out=tmp_path / "run", figures=False)
        assert made_up.calls == calls
        same(first.outcomes, second.outcomes)

    def test_other_words_and_reported_outcomes_are_shown_beside_the_same_endpoints(self, made_up, tmp_path):
        fry, folder = sim.load(NAME), tmp_path / "run"
        first = sim.run(NAME, patients=12, out=folder)
        calls, before = made_up.calls, contents(folder)
        rows = fry.resolved()["reported"]
        rows[0]["events"] = 5
        changed = fry.with_({"reported": rows, "arms.lowest.label": "the lowest", "title": "Another"})
        second = sim.run(changed, patients=12, out=folder)
        assert made_up.calls == calls
        same(first.outcomes, second.outcomes)
        assert second.hash == first.hash
        sim.run(changed, patients=12, out=tmp_path / "new")
        after, new = contents(folder), contents(tmp_path / "new")
        # Nothing in the folder tells that it was made before the words were changed.
        assert after.keys() == new.keys()
        assert {name for name in new if after[name] != new[name]} <= {"run.log", "timing.json"}
        assert before["endpoints.parquet"] == after["endpoints.parquet"]
        for name in ("reported.csv", "figures/reported_beside_simulated.png", "figures/kinetics.png"):
            assert before[name] != after[name]
        assert second.reported()["reported"][0] == sim.open(folder).reported()["reported"][0] == "5 of 6"
        assert second.labels["lowest"] == "the lowest"

    def test_figure_that_has_nothing_to_show_any_more_goes(self, made_up, tmp_path):
        sim.run(NAME, patients=4, out=tmp_path / "run")
        sim.run(sim.load(NAME).with_({"reported": []}), patients=4, out=tmp_path / "run")
        left = set(contents(tmp_path / "run"))
        assert "figures/kinetics.png" in left
        assert not {"figures/reported_beside_simulated.png", "scenario.yaml"} & left

    def test_what_is_written_again_is_not_complete_until_it_is(self, made_up, tmp_path, monkeypatch):
        from sim.trial import run_files

        def interrupted(*arguments):
            raise KeyboardInterrupt

        sim.run(NAME, patients=4, out=tmp_path / "run", figures=False)
        with monkeypatch.context() as patch:
            patch.setattr(run_files, "csv_text", interrupted)
            with pytest.raises(KeyboardInterrupt):
                sim.run(sim.load(NAME).with_({"reported": []}), patients=4, out=tmp_path / "run")
        with pytest.raises(InputError, match="not completed"):
            sim.open(tmp_path / "run")
        result = sim.run(NAME, patients=4, out=tmp_path / "run", figures=False)
        assert result.reported()["reported"][0] == "1 of 6"

    def test_interrupted_run_is_not_complete_and_the_same_call_completes_it(
        self, made_up, tmp_path, monkeypatch
    ):
        def interrupted(*arguments, **options):
            raise KeyboardInterrupt

        monkeypatch.setattr(courses, "simulate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sim.run(NAME, patients=4, out=tmp_path / "run")
        with pytest.raises(InputError, match="not completed"):
            sim.open(tmp_path / "run")
        monkeypatch.setattr(courses, "simulate", made_up)
        result = sim.run(NAME, patients=4, out=tmp_path / "run", figures=False)
        same(result.outcomes, sim.open(tmp_path / "run").outcomes)

    def test_another_run_in_the_folder_is_refused_before_anything_is_computed(self, made_up, tmp_path):
        sim.run(NAME, patients=4, out=tmp_path / "run", figures=False)
        before, calls = contents(tmp_path / "run"), made_up.calls
        with pytest.raises(InputError, match="holds run"):
            sim.run(NAME, patients=4, seed=1, out=tmp_path / "run")
        assert made_up.calls == calls
        assert contents(tmp_path / "run") == before

    def test_unwritable_folder_is_found_before_anything_is_computed(self, made_up, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(StorageError):
            sim.run(NAME, patients=4, out=tmp_path / "file" / "run")
        assert made_up.calls == 0
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]

    @pytest.mark.parametrize(
        ("options", "place"),
        [
            ({"seed": -1}, "seed"),
            ({"seed": 2**64}, "seed"),
            ({"threads": 0}, "threads"),
            ({"patients": 0}, "patients.size"),
            ({"kernel": "magic"}, "engine.kernel"),
        ],
    )
    def test_bad_argument_is_named_and_nothing_is_written(self, made_up, tmp_path, options, place):
        with pytest.raises(InputError, match=place):
            sim.run(NAME, out=tmp_path / "run", **({"patients": 4} | options))
        assert list(tmp_path.iterdir()) == []

    def test_words_and_threads_do_not_change_the_hash_and_numbers_do(self, made_up):
        scenario = sim.load(NAME).with_({"patients.size": 2})
        base = sim.run(scenario).hash
        assert sim.run(scenario.with_({"title": "another"}), threads=1).hash == base
        others = [
            sim.run(scenario, seed=1).hash,
            sim.run(scenario, kernel="ode").hash,
            sim.run(scenario, kernel=Hybrid(rtol=1e-3)).hash,
            sim.run(scenario, patients=3).hash,
            sim.run(scenario.with_({"arms": dict(reversed(scenario.resolved()["arms"].items()))})).hash,
        ]
        assert len({base, *others}) == 6


@pytest.fixture(scope="module")
def real():
    with warnings.catch_warnings():
        warnings.simplefilter("error", NumericalWarning)
        return sim.run(NAME, patients=6, seed=5, threads=2)


class TestRealCourses:
    """With the real kernel: compiled code, a few patients."""

    def test_threads_change_no_number(self, real):
        alone = sim.run(NAME, patients=6, seed=5, threads=1)
        same(real.outcomes, alone.outcomes)
        for name, values in real.courses.items():
            np.testing.assert_array_equal(values, alone.courses[name])

    def test_replayed_patient_is_the_one_of_the_run(self, real):
        course = real.rerun(arm="higher", patient=4)
        assert len(course) == 1
        assert "cd22_mean_density" in course.names
        assert len(course.names) > 20

    @pytest.mark.parametrize("arm", ["lowest", "higher"])
    def test_replayed_patient_has_the_endpoints_of_his_row(self, real, arm):
        for patient in range(6):
            course = real.rerun(arm=arm, patient=patient)
            seen = observe(course, real.scenario.assay, seed=5, patients=course.patients, arm=arm)
            again = Outcomes({**assess(seen, real.scenario.criteria), "patient": np.array([patient])})
            same(again, real.outcomes.arm(arm).select(np.arange(6) == patient))

    def test_replay_of_a_run_that_was_read_back_is_the_same(self, real, tmp_path):
        found = sim.open(real.save(tmp_path / "run", figures=False))
        one, other = (result.rerun(arm="lowest", patient=3) for result in (real, found))
        assert one.names == other.names
        for name in one.names:
            np.testing.assert_array_equal(one[name], other[name])
