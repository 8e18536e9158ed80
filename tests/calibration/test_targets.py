"""What targets read off weighed patients, against the same figures computed without weights; and a bank that is interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration import bank as banks
from calibration.bank import Bank, Part
from calibration.population import Points, dimension, prior_proposal, spread_of, with_laws
from calibration.problem import Problem, problem_of
from calibration.targets import FITTED, KINETICS, LEFT_OUT, Duration, Middle, Share
from sim.errors import StorageError
from sim.kernels._jit import DISABLED
from sim.trial.endpoints import endpoint_times, event_free
from sim.trial.measures import measure, population
from sim.trial.scenario_io import load

SIZE = 300
pytestmark = pytest.mark.skipif(DISABLED, reason="whole trials; the kernels have tests of their own")


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """300 patients of every arm that is fitted."""
    scenarios = {name: with_laws(load(name)) for name in FITTED}
    part = Part(0, {name: prior_proposal(spread_of(one)) for name, one in scenarios.items()}, SIZE)
    made = Bank(tmp_path_factory.mktemp("bank"), scenarios, 1, [part])
    made.fill()
    return made


@pytest.fixture(scope="module")
def problem(bank) -> Problem:
    return problem_of(bank.scenarios, {arm: bank.arm(*arm) for arm in bank.arms})


@pytest.fixture(scope="module")
def even(problem):
    """Every patient weighs the same."""
    return {arm: np.full((1, SIZE), 1.0 / SIZE) for arm in problem.arms}


def test_every_row_that_could_be_fitted_is_fitted_or_left_out_for_a_reason() -> None:
    for name, ids in FITTED.items():
        rows = {row.id for row in load(name).reported if row.kind != "qualitative"}
        assert rows == set(ids) | {row for scenario, row in LEFT_OUT if scenario == name}
    assert all(one.source for one in KINETICS)


def test_figures_come_back_from_their_numbers(problem) -> None:
    """With the same likelihoods, for weights of every kind; and an uncertainty that is larger makes another."""
    generator = np.random.default_rng(1)
    weights = {arm: generator.dirichlet(np.full(SIZE, 0.5), 6) for arm in problem.arms}
    for target in problem.targets:
        figure = target.figure(weights)
        numbers, variances = target.numbers(figure)
        assert numbers.shape == variances.shape
        again = target.figure_of(numbers, variances)
        np.testing.assert_allclose(target.log_likelihood(again), target.log_likelihood(figure), rtol=1e-7)
        wide = target.log_likelihood(target.figure_of(numbers, 9.0 * variances + 0.5))
        known = np.isfinite(wide)
        assert known.any()
        if not isinstance(target, Duration):  # whose likelihood takes its probabilities as they are
            assert (abs(wide - target.log_likelihood(figure))[known] > 1e-3).any()


def test_probabilities_of_a_duration_never_fall(problem) -> None:
    (target,) = (one for one in problem.targets if isinstance(one, Duration))
    days = np.array(target.reports[0].cuts)
    figure = target.figure_of(np.linspace(1.0, -1.0, len(days))[None], np.full((1, len(days)), 0.01))
    assert (np.diff(target._so_far(figure)[0][np.argsort(days, kind="stable")]) >= -1e-12).all()


def test_shares_are_those_of_the_patients(problem, even) -> None:
    for target in problem.targets:
        if isinstance(target, Share) and len(target.arms) == 1:
            (arm,) = target.arms
            scenario_rows = {row.id: row for row in load(arm[0]).reported}
            row = scenario_rows[target.name.split(", ")[1]]
            outcomes = problem.arms[arm].outcomes
            values = measure(outcomes, row.endpoint, row.at)[population(outcomes, row.among)]
            expected = float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
            figure = target.figure(even)
            np.testing.assert_allclose(figure[0, 0], expected, rtol=1e-12)
            np.testing.assert_allclose(figure[0, 1], np.isfinite(values).sum(), rtol=1e-9)


def test_durations_are_by_kaplan_and_meier(problem, even) -> None:
    (target,) = (one for one in problem.targets if isinstance(one, Duration))
    enrolled = {"lowest": 6, "higher": 15}
    days, event = [], []
    for arm in target.arms:
        times = endpoint_times(problem.arms[arm].outcomes, "remission")
        repeats = enrolled[arm[1]]
        days.append(np.repeat(times.days, repeats))
        event.append(np.repeat(times.cause, repeats))
    curve = event_free(np.concatenate(days), np.concatenate(event))
    figure = target.figure(even)[0]
    for cut, found in zip(target.reports[0].cuts, figure[:-1], strict=True):
        np.testing.assert_allclose(found, 1.0 - float(np.asarray(curve.at(cut)).ravel()[0]), atol=1e-9)


def test_medians_are_those_of_the_patients(problem, even) -> None:
    for target in problem.targets:
        if isinstance(target, Middle) and not target.ranged:
            values = target.values
            middle = values[(len(values) - 1) // 2 : len(values) // 2 + 1]
            assert target.figure(even)[0, 0] in middle


def test_weights_choose_patients(problem) -> None:
    """All weight on one patient who reached remission: the share is 1, and rests on one patient."""
    target = next(one for one in problem.targets if one.name == "fry2018-cd22, cr-higher-dose")
    outcomes = problem.arms[target.arms[0]].outcomes
    weights = {arm: np.zeros((1, SIZE)) for arm in problem.arms}
    weights[target.arms[0]][0, np.flatnonzero(outcomes["cr"] == 1)[0]] = 1.0
    np.testing.assert_allclose(target.figure(weights), [[1.0, 1.0]])


def test_a_replicate_is_of_the_same_kind_and_likeliest_where_it_was_drawn(problem) -> None:
    """Over 400 replicates the log likelihood at the figure they were drawn from is above that at another figure, on average."""
    rng = np.random.default_rng(1)
    points = problem.points(0.3 * rng.standard_normal((2, problem.dimension)))
    told = problem.tell(points)
    for target, figure in zip(problem.targets, told.figures, strict=True):
        if not np.isfinite(figure).all():
            continue
        other = figure[:1].copy()
        other[0, 0] = 0.5 * other[0, 0] + 0.02
        if isinstance(target, Duration):
            other[0, :-1] = 0.5 * figure[0, :-1]
        if isinstance(target, Middle):
            other[0, 1:] += other[0, 0] - figure[0, 0]
        gained = [
            float(copy.log_likelihood(figure[:1])[0] - copy.log_likelihood(other)[0])
            for copy in (target.replicate(figure[0], rng) for _ in range(400))
        ]
        assert type(target.replicate(figure[0], rng)) is type(target)
        assert np.mean(gained) > 0.0, target.name


def test_a_trial_can_be_left_out(problem) -> None:
    values = np.zeros((1, problem.dimension))
    whole, part = (
        problem.log_density(values)[0],
        problem.log_density(values, leave_out="brentjens2013-bridge-to-transplant")[0],
    )
    each = problem.log_likelihood(problem.tell(problem.points(values)))[0]
    own = [
        k for k, one in enumerate(problem.targets) if one.arms[0][0] == "brentjens2013-bridge-to-transplant"
    ]
    assert own
    np.testing.assert_allclose(whole - part, each[own].sum(), rtol=1e-9)


def test_what_no_product_sees_is_not_weighed(problem) -> None:
    """CD22 density moves nothing in a trial of CD19 products."""
    values = np.zeros((2, dimension(len(problem.trials))))
    points = Points(values, problem.trials)
    values[1, points.names.index("cd22_density")] = 1.0
    arms = {name: problem.weights(points, (name, arm)) for name, arm in problem.arms}
    np.testing.assert_array_equal(arms["turtle2016-cd19"][0], arms["turtle2016-cd19"][1])
    assert (arms["fry2018-cd22"][0] != arms["fry2018-cd22"][1]).any()


def test_a_bank_goes_on_where_it_was_and_has_the_same_bytes(
    bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces of 100 patients: after two of them it is interrupted, and the two are not simulated again."""
    monkeypatch.setattr(banks, "PIECE", 100)
    again = Bank(tmp_path / "again", bank.scenarios, bank.seed, bank.parts)
    whole = Bank(tmp_path / "whole", bank.scenarios, bank.seed, bank.parts)
    whole.fill(threads=1)
    seen: list[int] = []

    def stop(done: int, _: int) -> None:
        seen.append(done)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again.fill(progress=stop)
    kept = {file: file.stat().st_mtime_ns for file in again.folder.rglob("*.parquet")}
    assert len(kept) == 2
    again.fill()
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    pieces = sorted(whole.folder.rglob("*.parquet"))
    assert len(pieces) == 3 * len(bank.arms)
    for file in pieces:
        assert (again.folder / file.relative_to(whole.folder)).read_bytes() == file.read_bytes()
    found = again.arm(*bank.arms[0])
    monkeypatch.undo()
    one_piece = bank.arm(*bank.arms[0])
    np.testing.assert_array_equal(found.outcomes["relapse_day"], one_piece.outcomes["relapse_day"])
    np.testing.assert_array_equal(found.scores, one_piece.scores)


def test_a_missing_or_damaged_piece_is_said(bank, tmp_path: Path) -> None:
    empty = Bank(tmp_path, bank.scenarios, bank.seed, bank.parts)
    with pytest.raises(StorageError, match="no such file"):
        empty.arm(*bank.arms[0])


def test_parts_share_no_patient(bank) -> None:
    other = Part(1, bank.parts[0].proposals, SIZE)
    assert not set(other.patients()) & set(bank.parts[0].patients())
