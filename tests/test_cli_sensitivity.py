"""``cartsim sensitivity``: what it prints and writes, the same bytes at any number of threads, mistakes in one line, interrupts without a trace."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from calibration import sensitivity, sensitivity_study
from calibration.sensitivity_study import Estimate
from sim import cli
from sim.trial.tables import write_parquet
from tests.calibration.known_patients import Known

NAME = "turtle2016-cd19"
TINY = ("--points", 128, "--patients", 8, "--single", 1, "--seed", 1, "--outcome", "cr", "--outcome", "peak")


SHORT = ("--set", "engine.horizon=90", "--set", "assay.visits=[28,60,90]")
"""Remission and peak are over by then."""


def invoke(capsys, *arguments: object) -> tuple[int, str, str]:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        cli.main([str(argument) for argument in ("sensitivity", *arguments)])
    signal.signal(signal.SIGTERM, before)
    out, err = capsys.readouterr()
    return caught.value.code, out, err


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sensitivity, "RESAMPLES", 50)
    return lambda *arguments: invoke(capsys, *arguments)


@pytest.fixture
def known(monkeypatch):
    """Patients whose remission two factors decide, without the kernels."""
    patients = Known()
    monkeypatch.setattr(sensitivity_study, "simulate_patients", patients)
    return patients


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_simulated_patients_give_the_same_bytes_at_any_number_of_threads(call) -> None:
    """The kernels themselves; how the product kills, divides and dies is among the strongest of either outcome."""
    codes = [call(NAME, *TINY, *SHORT, "--threads", threads, "-o", f"out{threads}")[0] for threads in (1, 2)]
    assert set(codes) <= {0, 3}
    one, two = files(Path("out1")), files(Path("out2"))
    assert one == two
    assert {"estimates.parquet", "factors.csv", "figures/cr-prcc.png", "figures/peak-sobol-total.png"} <= set(
        one
    )
    found = json.loads(one["results.json"])
    assert found["rows"] == 8 * (128 + 64 * 3)
    strongest = sorted(
        (row for row in found["estimates"] if (row["outcome"], row["method"]) == ("peak", "prcc")),
        key=lambda row: -abs(row["value"]),
    )
    assert {row["factor"] for row in strongest[:8]} & {"fitness", "killing_rate", "effector_death_rate"}
    (share,) = (
        row["value"]
        for row in found["estimates"]
        if (row["outcome"], row["method"], row["factor"]) == ("peak", "prcc", "blood_share")
    )
    assert share > 0.3, "more of the cells in blood, a higher peak there"


def test_tells_the_strongest_factors_with_their_evidence_and_answers_the_question(call, known) -> None:
    code, out, err = call(NAME, *TINY[:-2])
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    first = next(place for place, line in enumerate(lines) if line[:1] == ["all"])
    assert lines[first][1] == "assumed"
    assert lines[first + 1][1] == "measured"
    assert lines[first + 2][:2] == ["rejection_rate", "assumed"]
    (answer,) = (
        line for line in out.splitlines() if line.startswith("Which conclusions rest on assumed numbers?")
    )
    assert "1 of 1 for more than half of their variance" in answer
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith(f"{NAME}-sensitivity-")
    assert str(folder) in out


def test_tables_are_tidy_and_say_what_was_moved_and_what_was_held(call, known) -> None:
    call(NAME, *TINY, "-o", "out", "--no-figures")
    table = pq.read_table("out/estimates.parquet").to_pydict()
    assert list(table) == list(Estimate._fields)
    with Path("out/estimates.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["factor"] for row in rows] == table["factor"]
    assert [float(row["value"] or "nan") for row in rows] == pytest.approx(
        [float("nan") if value is None else value for value in table["value"]], nan_ok=True
    )
    with Path("out/factors.csv").open() as file:
        factors = {row["factor"]: row for row in csv.DictReader(file)}
    assert factors["killing_rate"]["kind"] == "measured"
    assert "Weigelin" in factors["killing_rate"]["source"]
    assert factors["strength_cd19"]["law"] == "held"
    assert not Path("out/figures").exists()


def test_a_complete_analysis_is_shown_again_without_computing(call, known) -> None:
    first = call(NAME, *TINY, "-o", "out", "--no-figures")
    known.threads.clear()
    again = call(NAME, *TINY, "-o", "out", "--no-figures")
    assert not known.threads
    assert again[:2] == first[:2]
    assert "complete" in again[2]


def test_json_is_the_same_as_data(call, known) -> None:
    code, out, _ = call(NAME, *TINY, "--json", "--no-figures", "-o", "out")
    told = json.loads(out)
    assert code == 0
    assert told["path"] == "out"
    assert {row["method"] for row in told["estimates"]} == {"prcc", "sobol_first", "sobol_total"}
    assert told["outcomes"][0]["assumed_total_value"] > 0.5


def test_failed_rows_are_counted_and_give_their_exit_code(call, monkeypatch) -> None:
    monkeypatch.setattr(sensitivity_study, "simulate_patients", Known(failing=1))
    code, _, err = call(NAME, *TINY, "--no-figures")
    assert code == 3
    assert err.count("\n") == 1
    assert "rows failed; they are in no average" in err
    assert "left out" in err


def test_draws_of_a_posterior_add_indices_of_all_factors(call, known) -> None:
    rng = np.random.default_rng(1)
    write_parquet(Path("draws.parquet"), {"killing_rate": 8.0 * np.exp(2.0 * rng.standard_normal(200))})
    code, out, _ = call(NAME, *TINY[:-2], "--no-figures", "--draws", "draws.parquet")
    assert code == 0
    assert "from draws" in out
    (row,) = (line for line in out.splitlines() if line.strip().startswith("killing_rate"))
    assert float(row.rsplit("(", maxsplit=1)[0].split()[-1]) > 0.2


def test_an_interrupt_leaves_nothing_behind(call, known, monkeypatch) -> None:
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sensitivity_study, "simulate_patients", interrupted)
    code, out, err = call(NAME, *TINY, "-o", "here/out")
    assert (code, out) == (130, "")
    assert err.count("\n") == 1
    assert not Path("here").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((NAME, "--outcome", "remision"), "--outcome: 'remision'"),
        ((NAME, "--points", 100), "--points: 100; must be a power of two; give 128"),
        ((NAME, "--points", 64), "--points: 64; must be at least"),
        ((NAME, "--patients", 2), "--patients: 2; must be from 8"),
        ((NAME, "--draws", "none.parquet"), "none.parquet: cannot be read"),
        (("killing-assay",), "killing-assay: a killing assay"),
        (("turtle2016-cd91",), "turtle2016-cd91"),
        ((NAME, "-o", "taken"), "taken: holds files but no run"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(call, known, arguments, words) -> None:
    Path("taken").mkdir()
    Path("taken/notes.txt").write_text("mine")
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert words in err
    assert not Path("runs").exists()


def test_help_has_examples_and_says_how_long_it_takes(call) -> None:
    code, out, _ = call("--help")
    assert code == 0
    assert "cartsim sensitivity turtle2016-cd19" in out
    assert "processor time" in out


def test_a_scenario_that_draws_from_a_posterior_is_asked_at_its_populations(call, known, tmp_path) -> None:
    """400 populations of two quantities: each has an index from given data."""
    medians = np.exp(np.random.default_rng(1).normal(0.0, 0.2, (2, 400)))
    columns = {
        "net_growth_rate": 0.1 * medians[0],
        "killing_rate": 8.0 * medians[1],
        "burden between trials": medians[0],
    }
    write_parquet(tmp_path / "draws.parquet", columns)
    notes = {
        "quantities": ["net_growth_rate", "killing_rate"],
        "breadths": {},
        "effects": ["burden"],
        "trials": [],
    }
    (tmp_path / "provenance.json").write_text(json.dumps(notes))
    told = json.loads(
        call(
            NAME,
            *TINY,
            "--json",
            "--no-figures",
            "-o",
            "out",
            "--set",
            f"patients.posterior={{folder: {tmp_path}}}",
        )[1]
    )
    own = {row["factor"] for row in told["estimates"] if row["method"] == "given_data"}
    assert own >= {"net_growth_rate", "killing_rate"}
