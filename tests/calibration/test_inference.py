"""A small calibration from end to end: killed and resumed it has the same bytes, nearer to the reports than the prior, and scenarios draw from it."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration import inference
from calibration.inference import CHAINS, Effort, Inference
from calibration.population import COORDINATES, dimension, spread_of, with_laws
from calibration.study import calibrate
from sim import cli
from sim.errors import StorageError
from sim.kernels._jit import DISABLED
from sim.trial.populations import NOTES, TABLE, moved, read_populations
from sim.trial.scenario_io import load

pytestmark = pytest.mark.skipif(DISABLED, reason="whole trials; the kernels have tests of their own")
SMALL = Effort.of(patients=300, draws=50)
TRIAL = "turtle2016-cd19"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("calibration")


@pytest.fixture(scope="module")
def study(folder):
    return calibrate(folder, seed=3, effort=SMALL, fresh=4)


def test_the_posterior_is_nearer_to_the_reports_than_the_prior(study) -> None:
    problem, posterior = study.problem, study.posterior
    prior = problem.points(np.random.default_rng(1).standard_normal((200, problem.dimension)))
    before = np.nan_to_num(problem.log_likelihood(problem.tell(prior)).sum(axis=1), nan=-np.inf)
    assert np.median(posterior.log_likelihoods) > np.median(before) + 5.0
    some = posterior.draws[:, ::9].reshape(-1, problem.dimension)
    told = problem.log_likelihood(posterior.emulator.tell(problem.points(some))).sum(axis=1)
    np.testing.assert_allclose(posterior.log_likelihoods[:, ::9].reshape(-1), told, rtol=1e-9)
    assert posterior.draws.shape == (CHAINS, 45, dimension(3))
    table = {row["name"]: row for row in posterior.table()}
    assert len(table) == dimension(3)
    assert all(np.isfinite(row["mean"]) and row["effective"] > 1.0 for row in table.values())


def test_a_trial_left_out_is_not_seen(study) -> None:
    """The likelihood of its draws is that of the other trials' targets alone, and another report of it would change nothing."""
    assert set(study.without) == set(study.problem.trials)
    for trial, posterior in study.without.items():
        kept = study.problem.kept(trial)
        assert 0 < len(kept) < len(study.problem.targets)
        assert all(study.problem.targets[k].arms[0][0] != trial for k in kept)
        points = study.problem.points(posterior.draws[:, ::9].reshape(-1, study.problem.dimension))
        each = study.problem.log_likelihood(posterior.emulator.tell(points))
        own = posterior.log_likelihoods[:, ::9].reshape(-1)
        np.testing.assert_allclose(own, each[:, kept].sum(axis=1), rtol=1e-9)
        assert not np.allclose(own, each.sum(axis=1), rtol=1e-3)
        assert {one["target"] for one in study.notes["without"][trial]["confirmation"]} == {
            study.problem.targets[k].name for k in kept
        }


def test_so_small_a_calibration_says_that_it_falls_short(study) -> None:
    said = " ".join(study.notes["shortfalls"])
    assert "R-hat" in said
    assert "effective draws" in said
    assert "effective patients" in said


def test_what_was_interrupted_goes_on_to_the_same_bytes(
    study, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted in the bank, in a pilot, in the chains and in those without a trial, at other numbers of threads."""
    monkeypatch.setattr(inference, "KEEP_EVERY", 0.0)

    def stop_at(stage: str, least: int):
        def progress(name: str, done: int, total: int) -> None:
            if name == stage and done >= least and done < total:
                raise KeyboardInterrupt

        return progress

    stops = (
        ("patients, part 2", 300),
        ("pilot 2", 10),
        ("figures, chains", 60),
        ("chains", 30),
        ("without fry2018-cd22", 10),
    )
    for threads, (stage, least) in enumerate(stops, start=1):
        with pytest.raises(KeyboardInterrupt):
            calibrate(tmp_path, 3, SMALL, threads, stop_at(stage, least), fresh=4)
    calibrate(tmp_path, 3, SMALL, fresh=4)
    names = sorted(path.name for path in (folder / "posterior").iterdir())
    assert len(names) == 2 + 3
    for name in names:
        assert (tmp_path / "posterior" / name).read_bytes() == (folder / "posterior" / name).read_bytes()


def test_the_command_goes_on_with_what_is_there_and_tells_what_falls_short(
    study, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "calibration"
    shutil.copytree(folder, out)
    monkeypatch.setattr("calibration.study.FRESH", 1)
    before = signal.getsignal(signal.SIGTERM)
    options = ["--patients", SMALL.patients, "--draws", SMALL.draws, "--seed", 3]
    told = []
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as caught:
            cli.main([str(one) for one in ("calibrate", "--out", out, *options, *more)])
        assert caught.value.code == 1
        told.append(capsys.readouterr())
    signal.signal(signal.SIGTERM, before)
    tables, notes = told[0].out, json.loads(told[1].out)
    assert notes["folder"] == str(out / "posterior")
    assert notes["table"] == study.notes["table"]
    assert all(line in tables for line in notes["shortfalls"])
    assert all(row["name"] in tables for row in notes["table"])
    assert str(out / "posterior") in told[0].err
    for path in (folder / "posterior").glob("*.parquet"):
        assert (out / "posterior" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--patients", "3"), "--patients"),
        (("--draws", "many"), "--draws"),
        (("--seed", "-1"), "--seed"),
        (("--out", "a file"), "a file"),
    ],
)
def test_a_mistake_is_one_line(
    options: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        cli.main(["calibrate", *options])
    signal.signal(signal.SIGTERM, before)
    out, err = capsys.readouterr()
    assert caught.value.code in (2, 4)
    assert not out
    assert said in err
    assert err.count("\n") == 1


def test_the_tables_are_the_draws(study, folder: Path) -> None:
    """What a scenario of the trial moves is what the calibration moved, for the same population."""
    populations = read_populations(folder / "posterior")
    assert populations.size == 400 // CHAINS * CHAINS
    scenario = load(TRIAL).with_({"patients.posterior": {"folder": str(folder / "posterior"), "trial": TRIAL, "draws": 400}})  # fmt: skip
    scores = moved(scenario, "cd19", 1, np.arange(50)).scores
    growth = populations.medians["net_growth_rate"][:50]
    every = study.posterior.draws.reshape(-1, study.posterior.draws.shape[2])
    points = study.problem.points(every)
    place = [int(np.argmin(abs(np.exp(points.log_medians()[:, 0]) - one))) for one in growth]
    shifts = points.shifts(TRIAL, spread_of(with_laws(load(TRIAL))))[place]
    for k, name in enumerate(COORDINATES):
        np.testing.assert_allclose(scores[name].shift, shifts[:, k], rtol=1e-9, atol=1e-9)


def test_a_posterior_without_a_trial_knows_nothing_of_it(folder: Path) -> None:
    populations = read_populations(folder / "posterior", TRIAL)
    assert TRIAL not in populations.effects
    assert len(populations.effects) == 2
    notes = json.loads((folder / "posterior" / NOTES).read_text(encoding="utf-8"))
    assert set(notes["without"]) == set(notes["trials"])
    assert (folder / "posterior" / TABLE).stat().st_size < 200_000


def test_a_damaged_state_and_that_of_another_calibration_are_one_line(
    folder: Path, study, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="a folder holds one calibration") as found:
        Inference(folder, seed=3, effort=replace(SMALL, patients=200)).run()
    assert "\n" not in str(found.value)
    place = tmp_path / "pilot-1.json"
    place.write_text('{"points": [[0')
    with pytest.raises(StorageError, match="a calibration must be whole; delete the file"):
        inference._resumed(place, np.zeros(8))
