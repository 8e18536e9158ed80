"""The antigen grid: the ladder against the walk that it discretises, and the limits of recognition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import norm

from sim.errors import InputError
from sim.models.antigen import AntigenGrid, Arm, Ladder, ladder, recognition
from sim.network.expression import evaluate, parse

REFINEMENTS = (1, 2, 3, 6, 12, 40)


def generator(steps: Ladder) -> np.ndarray:
    """Rate matrix of the ladder for a relaxation time of 1; rows are where a cell is."""
    n = len(steps.weights)
    rates = np.zeros((n, n))
    for i in range(n - 1):
        rates[i, i + 1], rates[i + 1, i] = steps.up[i], steps.down[i]
    return rates - np.diag(rates.sum(axis=1))


@pytest.mark.parametrize("levels", REFINEMENTS)
def test_weights_are_a_law_and_the_mean_is_kept(levels: int) -> None:
    steps = ladder(levels)
    assert sum(steps.weights) == pytest.approx(1.0, abs=1e-14)
    assert sum(w * x for w, x in zip(steps.weights, steps.positions, strict=True)) == pytest.approx(
        0.0, abs=1e-14
    )
    assert list(steps.positions) == sorted(steps.positions)


@pytest.mark.parametrize("levels", REFINEMENTS[1:])
def test_jumps_are_in_detailed_balance_with_the_weights(levels: int) -> None:
    steps = ladder(levels)
    forth = np.array(steps.weights[:-1]) * steps.up
    back = np.array(steps.weights[1:]) * steps.down
    np.testing.assert_allclose(forth, back, rtol=1e-12)
    np.testing.assert_allclose(np.array(steps.weights) @ generator(steps), 0.0, atol=1e-12)


def test_levels_are_the_conditional_means_of_the_normal_law() -> None:
    steps = ladder(4, reach=1.5)
    edges = [-np.inf, -1.5, 0.0, 1.5, np.inf]
    for i, (low, high) in enumerate(itertools.pairwise(edges)):
        assert steps.weights[i] == pytest.approx(norm.cdf(high) - norm.cdf(low), rel=1e-12)
        assert steps.positions[i] == pytest.approx(
            norm.expect(lambda x: x, lb=low, ub=high, conditional=True), abs=1e-7
        )


def test_three_levels_have_two_percent_of_cells_six_to_seven_fold_dimmer() -> None:
    steps = ladder(3)
    assert steps.weights[0] == pytest.approx(0.02, abs=0.001)
    assert 6.0 < 10.0 ** (-0.34 * steps.positions[0]) < 7.0
    assert steps.up[0] / 300.0 == pytest.approx(3.3e-3, rel=0.02)


def test_outer_levels_do_not_move_when_the_ladder_is_refined() -> None:
    coarse, fine = ladder(3), ladder(12)
    assert fine.positions[0] == pytest.approx(coarse.positions[0], abs=1e-12)
    assert fine.weights[0] == pytest.approx(coarse.weights[0], rel=1e-12)


@pytest.mark.parametrize("levels", REFINEMENTS[1:])
def test_mean_relaxes_exactly_as_the_walk_and_nothing_is_slower(levels: int) -> None:
    steps = ladder(levels)
    np.testing.assert_allclose(generator(steps) @ steps.positions, -np.array(steps.positions), atol=1e-12)
    slowest = np.sort(np.linalg.eigvals(generator(steps)).real)[::-1][1]
    assert slowest == pytest.approx(-1.0, abs=1e-9)


def test_variance_and_its_relaxation_converge_to_those_of_the_walk() -> None:
    errors = []
    for levels in (6, 12, 24, 48, 96):
        steps = ladder(levels, reach=4.0)
        variance = sum(w * x * x for w, x in zip(steps.weights, steps.positions, strict=True))
        # The second mode of the walk, that of its variance, has the rate 2.
        second = np.sort(np.linalg.eigvals(generator(steps)).real)[::-1][2]
        errors.append((abs(variance - 1.0), abs(second + 2.0)))
    for worse, better in itertools.pairwise(errors):
        assert better[0] < worse[0]
        assert better[1] < worse[1]
    assert max(errors[-1]) < 2e-3
    # Second order: halving the bins divides the error by about four.
    assert errors[2][0] / errors[3][0] == pytest.approx(4.0, rel=0.25)


def test_default_reach_keeps_the_variance_within_two_percent_at_twelve_levels() -> None:
    steps = ladder(12)
    assert 0.98 < sum(w * x * x for w, x in zip(steps.weights, steps.positions, strict=True)) < 1.0


@pytest.mark.parametrize(("levels", "reach"), [(0, 2.0), (3, 0.0), (3, -1.0), (3, math.nan)])
def test_ladder_refuses_what_is_no_ladder(levels: int, reach: float) -> None:
    with pytest.raises(InputError):
        ladder(levels, reach)


@pytest.mark.parametrize(("levels", "classes"), [(1, 7), (3, 13), (6, 22), (12, 40)])
def test_grid_has_three_cd19_states_times_levels_and_lost_and_one_switched(levels: int, classes: int) -> None:
    grid = AntigenGrid(levels)
    names = [c.name for c in grid.classes]
    assert len(names) == len(set(names)) == classes
    assert len(AntigenGrid(levels, lineage_switch=False).classes) == classes - 1


def test_grid_moves_stay_on_the_grid_and_lose_antigen_one_way() -> None:
    grid = AntigenGrid(4)
    classes = set(grid.classes)
    copies = {"two": 2, "one": 1, "none": 0}
    for mother, daughter in grid.cd19_losses():
        assert {mother, daughter} <= classes
        assert copies[daughter.cd19] == copies[mother.cd19] - 1
        assert daughter.cd22 == mother.cd22
    for mother, daughter in grid.cd22_losses():
        assert mother.cd22 != "lost" == daughter.cd22
        assert mother.cd19 == daughter.cd19
    assert len(grid.walk()) == 3 * 2 * 3
    assert len(grid.lineage_switches()) == len(classes) - 1


def probability(form: str, arms: list[Arm], **values: float | None) -> float:
    """Value of recognition for densities named by antigen, at the thresholds K19 = 500, K22 = 800 and h = 2."""
    text = recognition(form, arms, {k: None if v is None else repr(v) for k, v in values.items()})  # type: ignore[arg-type]
    return float(evaluate(parse(text), {"K19": 500.0, "K22": 800.0, "h": 2.0, "eta": 0.5}))


ONE, OTHER = Arm("cd19", "K19"), Arm("cd22", "K22")


def test_single_recognition_is_half_at_its_threshold_and_saturates() -> None:
    assert probability("single", [ONE], cd19=500.0) == pytest.approx(0.5)
    assert probability("single", [ONE], cd19=5.0) == pytest.approx(1e-4, rel=1e-3)
    assert probability("single", [ONE], cd19=5e5) == pytest.approx(1.0, abs=1e-5)


def test_absent_antigen_drops_out_of_every_form() -> None:
    assert probability("single", [ONE], cd19=None, cd22=1e4) == 0.0
    alone = probability("single", [OTHER], cd22=900.0)
    for form in ("additive", "either"):
        assert probability(form, [ONE, OTHER], cd19=None, cd22=900.0) == pytest.approx(alone)
        assert probability(form, [ONE, OTHER], cd19=None, cd22=None) == 0.0


def test_additive_occupancy_beats_either_where_both_antigens_are_dim_and_not_where_both_are_bright() -> None:
    dim = {"cd19": 100.0, "cd22": 160.0}
    bright = {"cd19": 5e3, "cd22": 8e3}
    assert probability("additive", [ONE, OTHER], **dim) == pytest.approx(0.16 / 1.16)
    assert probability("either", [ONE, OTHER], **dim) == pytest.approx(1.0 - (1.0 / 1.04) ** 2)
    assert probability("additive", [ONE, OTHER], **dim) > probability("either", [ONE, OTHER], **dim)
    assert probability("additive", [ONE, OTHER], **bright) < probability("either", [ONE, OTHER], **bright)


def test_strength_acts_as_a_lower_density() -> None:
    weak = Arm("cd19", "K19", strength="eta")
    assert probability("single", [weak], cd19=1000.0) == pytest.approx(
        probability("single", [ONE], cd19=500.0)
    )


def test_recognition_refuses_arms_that_do_not_fit_the_form() -> None:
    with pytest.raises(InputError, match="2 arms"):
        recognition("single", [ONE, OTHER], {"cd19": "d"})
    with pytest.raises(InputError, match="0 arms"):
        recognition("either", [], {"cd19": "d"})
