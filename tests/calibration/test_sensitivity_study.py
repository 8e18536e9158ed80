"""The analysis on patients with a known answer: who responds is decided by two factors and luck, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from calibration import sensitivity, sensitivity_study
from calibration.factors import factors_of
from calibration.sensitivity_study import Effort, analyse
from sim.errors import InputError
from sim.trial.scenario_io import load
from tests.calibration.known_patients import DECIDES, HALF, SCENARIO, Known

ARM = "cd19"


@pytest.fixture(scope="module")
def opened():
    return factors_of(load(SCENARIO))


@pytest.fixture(autouse=True)
def known(monkeypatch):
    patients = Known()
    monkeypatch.setattr(sensitivity_study, "simulate_patients", patients)
    monkeypatch.setattr(sensitivity, "RESAMPLES", 100)
    return patients


EFFORT = Effort(points=512, patients=64, single=3)


def value(found, outcome, method, factor):
    return next(one for one in found.find(ARM, outcome, method) if one.factor == factor)


def test_the_deciding_factors_are_found_and_the_others_are_not(opened) -> None:
    """71 factors that do nothing: 3.6 of their 95 % intervals miss 0 on average; 12 or more with probability below 1e-3."""
    found = analyse(opened, 1, EFFORT, ["cr"])
    table = found.find(ARM, "cr", "prcc")
    assert [one.factor for one in table[:2]] == [DECIDES, HALF]
    assert table[1].low > 0.5
    assert sum(one.low > 0.0 or one.high < 0.0 for one in table[2:]) < 12
    assert len(table) == len(opened.factors)


def test_indices_say_how_much_each_and_each_kind_of_evidence_decides(opened) -> None:
    """Of Phi(a + b/2), 0.78 and 0.19 of the variance go with a and b alone, from their conditional means below."""
    grid = np.random.default_rng(1).standard_normal((2, 400_000))
    y = ndtr(grid[0] + 0.5 * grid[1])
    nodes = ndtr(grid[0] / np.sqrt(1.25)), ndtr(0.5 * grid[1] / np.sqrt(2.0))
    exact = [float(one.var() / y.var()) for one in nodes]
    found = analyse(opened, 1, EFFORT, ["cr"])
    for factor, share in zip((DECIDES, HALF), exact, strict=True):
        first, total = (value(found, "cr", method, factor) for method in ("sobol_first", "sobol_total"))
        assert first.value == pytest.approx(share, abs=0.12)
        assert first.low <= share <= first.high
        assert total.value == pytest.approx(share, abs=0.12)
    # The first is assumed, the second measured: together with all others of their kind they have no more.
    for kind, factor in (("assumed", DECIDES), ("measured", HALF)):
        together = value(found, "cr", "sobol_total", kind)
        assert together.together
        assert together.value == pytest.approx(value(found, "cr", "sobol_total", factor).value, abs=1e-12)
    idle = [
        one
        for one in found.find(ARM, "cr", "sobol_total")
        if one.factor not in (DECIDES, HALF, "assumed", "measured")
    ]
    assert [(one.value, one.high) for one in idle] == [(0.0, 0.0)], (
        "a factor that does nothing changes nobody"
    )


def test_averaging_error_is_told_and_falls_with_patients(opened) -> None:
    few = analyse(opened, 1, Effort(128, 8, 1), ["cr"]).noise[ARM, "cr"]
    many = analyse(opened, 1, Effort(128, 128, 1), ["cr"]).noise[ARM, "cr"]
    assert 0.0 < many < few / 4.0


def test_what_is_the_same_everywhere_tells_nothing(opened) -> None:
    found = analyse(opened, 1, Effort(128, 16, 1), ["mrd_negative", "cr"])
    assert found.constant == ((ARM, "mrd_negative"),)
    assert not found.tells(ARM, "mrd_negative")
    assert found.tells(ARM, "cr")
    assert not any(one.known for one in found.find(ARM, "mrd_negative", "sobol_total"))


def test_failed_rows_are_counted_and_points_with_many_are_left_out(opened, monkeypatch) -> None:
    """2 of 16 patients fail where the score of one factor is above 1: 16 % of the points."""
    monkeypatch.setattr(sensitivity_study, "simulate_patients", Known(failing=2))
    found = analyse(opened, 1, Effort(128, 16, 1), ["cr"])
    assert found.failed == 2 * found.left_out > 0
    assert found.left_out == pytest.approx(0.16 * found.points, rel=0.3)
    assert found.spread[ARM, "cr"][2] < 128
    assert value(found, "cr", "prcc", DECIDES).n == found.spread[ARM, "cr"][2]
    monkeypatch.setattr(sensitivity_study, "simulate_patients", Known(failing=1))
    kept = analyse(opened, 1, Effort(128, 16, 1), ["cr"])
    assert (kept.left_out, kept.failed > 0) == (0, True)


def test_draws_that_go_together_have_indices_from_given_data(opened) -> None:
    """A factor that does nothing but goes with one that decides tells of the outcome; one that goes with nothing does not."""
    rng = np.random.default_rng(1)
    z = rng.standard_normal((600, 2))
    decides = {one.name: one for one in opened.factors}[HALF].law
    mate = 0.12 * np.exp(0.3 * (0.9 * z[:, 0] + np.sqrt(0.19) * z[:, 1]))
    draws = {HALF: decides.centre * np.exp(decides.log_sd * 3.0 * z[:, 0]), "net_growth_rate": mate}
    found = analyse(opened, 1, Effort(128, 32, 1), ["cr"], draws=draws)
    strong, mate_of, idle = (
        value(found, "cr", "given_data", name) for name in (HALF, "net_growth_rate", "memory_death_rate")
    )
    assert strong.value > 0.5
    assert mate_of.value == pytest.approx(0.81 * strong.value, abs=0.12)
    assert max(strong.null, mate_of.null) < 0.02 < idle.null
    assert idle.value < 0.08
    assert strong.n == 600


def test_the_median_peak_is_taken_in_logarithms(opened) -> None:
    found = analyse(opened, 1, Effort(128, 64, 1), ["peak"])
    mean, sd, _ = found.spread[ARM, "peak"]
    # log10 of the peak is the factor's score, uniform in its logarithm here so that the score is normal, and luck around 0.5.
    assert mean == pytest.approx(0.5, abs=0.15)
    assert sd == pytest.approx(1.0, abs=0.05)


def test_threads_are_handed_on_and_progress_ends_at_the_total(opened, known) -> None:
    seen: list[tuple[int, int]] = []
    found = analyse(opened, 1, Effort(128, 8, 2), ["cr"], threads=3, progress=lambda *one: seen.append(one))
    assert known.threads == {3}
    assert seen[-1] == (found.rows, found.rows)
    assert found.rows == 8 * (128 + 64 * (2 + 2))


@pytest.mark.parametrize(
    ("effort", "draws", "words"),
    [
        (Effort(64, 8, 1), None, "--points: 64; must be at least"),
        (Effort(128, 8, 1), {"kiling_rate": np.ones(4)}, "'kiling_rate'"),
        (Effort(128, 8, 1), {"rejection_rate": np.ones(4)}, "'rejection_rate'"),
        (Effort(128, 8, 1), {"fitness": np.ones(4), "killing_rate": np.ones(5)}, "rows"),
    ],
)
def test_what_cannot_be_analysed_is_one_line(opened, effort, draws, words) -> None:
    with pytest.raises(InputError, match=words):
        analyse(opened, 1, effort, ["cr"], draws=draws)
