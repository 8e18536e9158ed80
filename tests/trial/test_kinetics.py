"""Kinetics in blood, on curves whose constants are known."""

from __future__ import annotations

import numpy as np
import pytest

from sim.trial.kinetics import kinetics

DAY = np.arange(-5.0, 366.0)
NAN = float("nan")


def curve(
    doubling: float = 0.8, peak: float = 10.0, half: float = 4.0, tail: float = 200.0, share: float = 0.01
) -> np.ndarray:
    """Growth from day 0, then two exponentials, with a peak of 100."""
    after = np.maximum(DAY - peak, 0.0)
    fall = (1 - share) * 0.5 ** (after / half) + share * 0.5 ** (after / tail)
    rise = 2.0 ** ((np.minimum(DAY, peak) - peak) / doubling)
    return np.where(DAY < 0, 0.0, 100.0 * rise * fall)[None, :]


def test_peak_and_its_day() -> None:
    found = kinetics(DAY, curve())
    assert (found.cmax[0], found.tmax[0]) == (pytest.approx(100.0), 10.0)


@pytest.mark.parametrize("doubling", [0.5, 0.8, 2.0])
def test_doubling_time_is_that_of_the_growth(doubling: float) -> None:
    assert kinetics(DAY, curve(doubling)).doubling_time[0] == pytest.approx(doubling)


def test_doubling_time_ignores_a_lag_and_a_dip() -> None:
    lag = curve(peak=13.0)
    lag[0, (DAY >= 0) & (DAY < 3)] = 0.5
    assert kinetics(DAY, lag).doubling_time[0] == pytest.approx(0.8)


def test_doubling_time_of_growth_from_a_high_trough_starts_there() -> None:
    blood = np.interp(DAY, [-5, -0.1, 0, 4, 10, 365], [0, 0, 20, 10, 160, 160])[None, :]
    expected = np.log(2) * 2 / np.log(60 / 10)  # from day 4 (10) to day 6 (60), the last at or under 80
    assert kinetics(DAY, blood).doubling_time[0] == pytest.approx(expected)


def test_contraction_half_life_is_that_of_the_fast_phase() -> None:
    assert kinetics(DAY, curve(share=0.0)).contraction_half_life[0] == pytest.approx(4.0)
    assert kinetics(DAY, curve()).contraction_half_life[0] == pytest.approx(4.2, abs=0.2)


def test_terminal_half_life_is_that_of_the_tail() -> None:
    assert kinetics(DAY, curve(tail=220.0)).terminal_half_life[0] == pytest.approx(220.0, rel=0.01)


def test_terminal_half_life_of_a_tail_that_does_not_fall_is_unknown() -> None:
    assert np.isnan(kinetics(DAY, np.where(DAY < 0, 0.0, 5.0)[None, :]).terminal_half_life[0])


def test_area_is_by_trapezia_from_day_0_to_28() -> None:
    blood = np.where(DAY < 0, 50.0, DAY)[None, :]
    assert kinetics(DAY, blood).auc_0_28[0] == pytest.approx(28**2 / 2)


def test_area_on_a_coarse_grid_is_cut_at_28() -> None:
    coarse = np.array([0.0, 7.0, 14.0, 21.0, 35.0])
    assert kinetics(coarse, coarse[None, :]).auc_0_28[0] == pytest.approx(28**2 / 2)


def test_area_of_a_short_follow_up_is_unknown() -> None:
    blood = curve()
    blood[0, DAY > 20] = NAN
    found = kinetics(DAY, blood)
    assert np.isnan(found.auc_0_28[0])
    assert found.cmax[0] == pytest.approx(100.0)
    assert found.last_detectable_day[0] == 20
    assert np.isnan(kinetics(DAY[DAY <= 20], blood[:, DAY <= 20]).auc_0_28[0])


def test_last_detectable_day() -> None:
    blood = curve()
    blood[0, (DAY > 90) & (DAY != 200)] = 0.0
    assert kinetics(DAY, blood).last_detectable_day[0] == 200


def test_nothing_measured_has_no_times() -> None:
    found = kinetics(DAY, np.zeros((1, len(DAY))))
    assert found.cmax[0] == 0.0
    assert found.auc_0_28[0] == 0.0
    for name in (
        "tmax",
        "doubling_time",
        "contraction_half_life",
        "terminal_half_life",
        "last_detectable_day",
    ):
        assert np.isnan(getattr(found, name)[0])


def test_row_without_any_value_is_unknown() -> None:
    assert np.isnan(kinetics(DAY, np.full((1, len(DAY)), NAN)).cmax[0])


def test_rows_do_not_meet() -> None:
    rows = [curve(), curve(doubling=2.0, peak=14.0), np.zeros((1, len(DAY)))]
    together = kinetics(DAY, np.concatenate(rows))
    for number, row in enumerate(rows):
        alone = kinetics(DAY, row)
        for name in (
            "cmax",
            "tmax",
            "auc_0_28",
            "doubling_time",
            "contraction_half_life",
            "terminal_half_life",
        ):
            assert getattr(together, name)[number] == pytest.approx(getattr(alone, name)[0], nan_ok=True)


def test_a_patient_alone_is_the_same_to_the_last_bit_however_the_rows_lie_in_memory() -> None:
    noise = np.exp(np.random.default_rng(1).normal(0.0, 0.5, (40, len(DAY))))
    rows = curve() * noise
    for together in (rows, np.asfortranarray(rows), np.repeat(rows[:, :, None], 3, axis=2)[:, :, 1]):
        found = kinetics(DAY, together)
        for number in range(len(rows)):
            alone = kinetics(DAY, rows[number : number + 1])
            for name, values in vars(found).items():
                assert values[number] == getattr(alone, name)[0] or np.isnan(values[number]), name
