"""``cartsim trial``: what it tells and writes, the same from a scenario and from its run, mistakes in one line."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import sim
from sim import cli
from sim.trial import courses
from tests.trial.made_up import MadeUp
from tests.trial.small_posterior import small_posterior

NAME = "fry2018-cd22"
TWO = ("--arms", "higher,lowest", "--n", "10,20", "--trials", 200, "--patients", 200)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(courses, "simulate", MadeUp())
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def call(capsys):
    def invoke(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return caught.value.code, out, err

    return invoke


def rows(out: str) -> list[dict]:
    return json.loads(out)["characteristics"]


def test_tells_the_design_and_its_characteristics_and_writes_nothing(call, tmp_path) -> None:
    code, out, err = call(
        "trial", NAME, *TWO, "--analysis", "enrolled,infused", "--looks", "0.5", "--dropout", 0.1
    )
    assert (code, err) == (0, "")
    for words in ("log-rank test; type-I error 0.05, two-sided", "at 50 % of the planned information", "ignored (treatment policy)",
                  "10 % a year", "200 virtual trials of each size, from 200 simulated patients", "in remission after transplant", "Research only"):  # fmt: skip
        assert words in out
    assert len([line for line in out.splitlines() if "treatment policy" in line]) == 4
    assert list(tmp_path.iterdir()) == []


def test_writes_tables_and_figures_of_the_same_bytes_and_shows_what_is_complete(call, monkeypatch) -> None:
    command = ("trial", NAME, *TWO, "--endpoint", "cr")
    first = call(*command, "-o", "one")
    call(*command, "--threads", 1, "-o", "two")
    files = [
        {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
        for folder in ("one", "two")
    ]
    assert files[0] == files[1]
    assert {
        "characteristics.parquet",
        "states.csv",
        "results.json",
        "figures/power.png",
        "figures/states.png",
    } <= {str(name) for name in files[0]}
    table = pq.read_table("one/characteristics.parquet").to_pandas()
    assert table["n"].tolist() == [10, 20]
    pd.testing.assert_frame_equal(table, pd.read_csv("one/characteristics.csv"), check_dtype=False)
    monkeypatch.setattr(courses, "simulate", None)
    code, out, err = call(*command, "-o", "one")
    assert (code, out) == first[:2]
    assert "this plan is complete" in err
    code, _, err = call(*command, "--alpha", 0.1, "-o", "one")
    assert code == 2
    assert "holds run" in err


def test_a_run_and_its_scenario_give_the_same_trials(call) -> None:
    call("run", NAME, "--patients", 200, "-o", "pool", "--no-figures")
    two = ["--arms", "higher,lowest", "--n", "10,20", "--trials", 200, "--json"]
    assert rows(call("trial", "pool", *two)[1]) == rows(call("trial", NAME, *two, "--patients", 200)[1])


def test_the_notebook_gives_the_same_trials(call) -> None:
    plan = sim.plan_trial(NAME, arms=("higher", "lowest"), n=(10, 20), trials=200, patients=200)
    told = rows(call("trial", NAME, *TWO, "--json")[1])
    assert plan.table()["power"].tolist() == [row["power"] for row in told]
    assert plan.power().get_xlabel() == "Patients enrolled in each arm"
    assert plan.occupation().groupby(["arm", "day"])["share"].sum().round(9).eq(1.0).all()


def test_a_posterior_shows_the_spread_between_its_populations(call, tmp_path) -> None:
    folder = small_posterior(tmp_path / "posterior", NAME)
    chosen = json.dumps({"folder": str(folder), "draws": 5})
    command = (
        "trial",
        NAME,
        "--arms",
        "higher,lowest",
        "--n",
        10,
        "--trials",
        200,
        "--endpoint",
        "cr",
        "--set",
        f"patients.posterior={chosen}",
    )
    code, out, _ = call(*command)
    assert code == 0
    assert "between populations" in out
    # 5 populations, 4 trials of each, 20 patients of every trial.
    assert "from 1000 simulated patients" in out
    code, _, err = call(*command, "--patients", 300)
    assert code == 2
    assert "each of 5 populations of the posterior" in err


def test_a_product_that_is_never_made_counts_in_those_enrolled_alone(call) -> None:
    command = (
        "trial",
        NAME,
        *TWO,
        "--endpoint",
        "cr",
        "--analysis",
        "enrolled,infused",
        "--json",
        "--manufacturing-failure",
    )
    all_made, few = (rows(call(*command, share)[1])[:2] for share in (0, 0.5))
    assert all_made[0]["effect_first"] == all_made[1]["effect_first"]
    assert few[0]["effect_first"] == pytest.approx(0.5 * few[1]["effect_first"], abs=0.15)
    assert few[1]["analysed"] < 0.75 * few[0]["analysed"]


def test_failed_rows_are_counted_and_end_in_code_3(call, monkeypatch) -> None:
    monkeypatch.setattr(courses, "simulate", MadeUp(failing=10))
    code, _, err = call("trial", NAME, *TWO)
    assert code == 3
    assert "simulated rows failed" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--arms", "higher,low", "--n", 10), "arms: 'low'; no such arm"),
        (("--arms", "higher,lowest"), "n: none"),
        (("--arm", "higher", "--n", 10), "null_rate: not given"),
        (("--arms", "higher,lowest", "--n", 10, "--endpoint", "crr"), "did you mean 'cr'"),
        (("--arms", "higher,lowest", "--n", 10, "--looks", "0.5,0.2"), "looks: 0.5,0.2"),
        (("--arms", "higher,lowest", "--n", 10, "--looks", "half"), "--looks: 'half'"),
        (("--arms", "higher,lowest", "--n", 10, "--test", "rmst", "--looks", "0.5"), "looks: given with rmst"),
        (("--arms", "higher,lowest", "--n", 10, "--endpoint", "cr", "--test", "log-rank"), "test: 'log-rank'; cr in two arms"),
        (("--arm", "higher", "--endpoint", "cr", "--null-rate", 0.3, "--two-stage", "optimal"), "target_rate: must be above null_rate"),
        (("--arms", "higher,lowest", "--n", 10, "--transplant", "absent"), "has no transplant that could be left out"),
        (("--arms", "higher,lowest", "--n", 10, "--manufacturing-failure", 2), "manufacturing_failure: 2"),
        (("--arms", "higher,lowest", "--n", 100, "--patients", 300), "simulate at least 800 per arm"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(call, arguments, words) -> None:
    code, out, err = call("trial", NAME, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
