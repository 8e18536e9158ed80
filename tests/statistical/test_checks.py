"""The questions themselves: their bounds hold, they find what they say they find, and right laws pass.

Samples are drawn from the laws by NumPy, so what is tested here is the suite and not a kernel.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tests.statistical import oracles
from tests.statistical.cases import CASES, TABLES
from tests.statistical.checks import (
    NO_ROOM,
    STATISTICS,
    Room,
    applicable,
    binomial_p,
    law_p,
    mean_p,
    power,
    together_p,
    upper_half,
    variance_p,
)
from tests.statistical.oracles import Law
from tests.statistical.suite import FAMILY, ROWS, asked, level, questions

Floats = NDArray[np.float64]

EFFECT = {"mean": 0.1, "variance": 0.4, "law": 0.05, "bins": 0.05, "none": 0.05, "pairs": 0.04, "twins": 0.04}
"""What is found with probability 0.99 or more at `ROWS` rows without an allowance: a part of a standard deviation for the mean, of itself for the
variance, a probability for the others. Heavy tails set that of the variance: where the law is normal it is 0.14."""
WITH_ROOM = {
    "ssa": EFFECT,
    TABLES: EFFECT,
    "tau_leap": EFFECT | {"mean": 0.16, "law": 0.075, "bins": 0.075},
    "hybrid": EFFECT | {"mean": 0.15, "law": 0.07, "bins": 0.07},
    "hybrid, low threshold": EFFECT | {"law": 0.055, "bins": 0.055},
}
"""The same with the allowances of each method; the widest are for large populations, whose chance is a small part of their mean."""
EACH = [(name, t) for name, case in CASES.items() for t in case.times if asked(name, t) != ("none",)]


def drawn(law: Law, rows: int, seed: int = 1) -> Floats:
    random = np.random.default_rng(seed)
    return np.searchsorted(law.cumulative, random.random(rows), side="right").astype(float)


def test_the_level_is_shared_by_all_that_is_asked() -> None:
    assert level() * len(questions()) == pytest.approx(FAMILY)
    assert len(set(questions())) == len(questions())


@pytest.mark.parametrize(("name", "t"), EACH)
def test_each_statistic_finds_the_effect_that_is_stated(name: str, t: float) -> None:
    law = CASES[name].law(t)
    for method, room in {"ssa": NO_ROOM, **CASES[name].methods}.items():
        found = {one: power(one, law, ROWS, level(), room=room).effect for one in asked(name, t)}
        assert all(effect <= WITH_ROOM[method][one] for one, effect in found.items()), (method, found)


@pytest.mark.parametrize("name", [name for name in CASES if name != "Luria-Delbrueck"])
def test_hardly_anything_is_missing_of_a_law(name: str) -> None:
    assert all(CASES[name].law(t).is_whole for t in CASES[name].times)


def test_moments_are_not_asked_of_a_law_that_is_cut() -> None:
    assert not {"mean", "variance"} & set(asked("Luria-Delbrueck", 5.0))


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_independence_is_judged_by_the_shares_of_the_sample(share: float) -> None:
    """2,000 samples of 400 pairs, by a cut that the law has elsewhere: of p-values below 0.05 no more than the 100 allowed and 5 deviations."""
    random = np.random.default_rng(1)
    found = [together_p(*(random.random((2, 400)) < share).astype(float), 0.5) for _ in range(2000)]
    assert 20 < np.sum(np.array(found) < 0.05) < 100 + 5 * np.sqrt(100)


def test_fishers_test_is_that_of_scipy() -> None:
    one, other = np.repeat([1.0, 1.0, 0.0, 0.0], [9, 1, 2, 8]), np.repeat([1.0, 0.0, 1.0, 0.0], [9, 1, 2, 8])
    side = stats.fisher_exact([[9, 1], [2, 8]], alternative="greater").pvalue
    assert together_p(one, other, 0.5) == pytest.approx(2 * side)


def test_the_effect_on_a_normal_variance_is_as_stated() -> None:
    law = oracles.law(stats.poisson.pmf(np.arange(1200), 900.0))
    assert power("variance", law, ROWS, level()).effect < 0.14


@pytest.mark.parametrize(("name", "t"), EACH)
def test_numbers_of_the_law_itself_raise_no_alarm(name: str, t: float) -> None:
    law = CASES[name].law(t)
    x = drawn(law, ROWS)
    found = {one: STATISTICS[one](x, law) for one in applicable(law)}
    assert min(found.values()) > level(), found


def planted(statistic: str, law: Law, x: Floats, effect: float, random: np.random.Generator) -> Floats:
    """Return numbers whose law is off by an effect in the units of `power`."""
    chosen = random.random(len(x))
    cut, half = upper_half(law)
    if statistic == "mean":
        shift = effect * np.sqrt(law.variance)
        return x + np.floor(shift) + (chosen < shift % 1.0)
    if statistic == "variance":
        return law.mean + (x - law.mean) * np.sqrt(1.0 + effect)
    if statistic == "none":
        rise = effect / (1.0 - law.p[0])
        return np.where(chosen < rise, 0.0, x)
    if statistic in ("law", "bins"):
        return np.where((x <= cut) & (chosen < effect / (1.0 - half)), cut + 1.0, x)
    # Rows that repeat others: of the pairs that are not both in the upper half, so many more are.
    one, other = (
        (slice(0, None, 2), slice(1, None, 2))
        if statistic == "pairs"
        else (slice(0, len(x) // 2), slice(len(x) // 2, None))
    )
    found = x.copy()
    found[other] = np.where(chosen[other] < effect / (half * (1.0 - half)), x[one], x[other])
    return found


@pytest.mark.parametrize(("name", "t"), EACH)
def test_a_planted_effect_raises_the_alarm(name: str, t: float) -> None:
    """Negative controls: each statistic of each law, with an effect that is missed once in a million."""
    law = CASES[name].law(t)
    random = np.random.default_rng(2)
    for statistic in asked(name, t):
        effect = power(statistic, law, ROWS, level(), wanted=1.0 - 1e-6).effect
        x = planted(statistic, law, drawn(law, ROWS), effect, random)
        assert STATISTICS[statistic](x, law) < level(), (statistic, effect)


@pytest.mark.parametrize("statistic", ["mean", "variance"])
def test_the_bound_holds_in_the_tail_of_a_skewed_law(statistic: str) -> None:
    """2,000 samples of 200 geometric numbers: of p-values below 0.01 there are at most the 20 that it allows, and 5 deviations more."""
    law = oracles.law(stats.geom.pmf(np.arange(1, 400), 0.2))
    found = [STATISTICS[statistic](drawn(law, 200, seed), law) for seed in range(2000)]
    assert np.sum(np.array(found) < 0.01) < 20 + 5 * np.sqrt(20)
    assert np.sum(np.array(found) < 0.2) > 20, "nor is it empty"


def test_room_for_the_mean_is_that_and_no_more() -> None:
    law = oracles.birth_death(1.0, 1.3, 3000, 1.5, 8192)
    x = drawn(law, ROWS)
    within, beyond = np.round(1.015 * x), np.round(1.03 * x)
    for statistic in ("mean", "law", "bins"):
        assert STATISTICS[statistic](within, law) < level()
        assert STATISTICS[statistic](within, law, Room(0.02)) > level()
        assert STATISTICS[statistic](beyond, law, Room(0.02)) < level()


def test_room_for_the_variance_is_that_and_no_more() -> None:
    law = oracles.birth_death(1.0, 1.3, 3000, 1.5, 8192)
    x = drawn(law, ROWS)
    within, beyond = (np.round(law.mean + (x - law.mean) * np.sqrt(1.0 + v)) for v in (0.25, 0.5))
    assert variance_p(within, law) < level() < variance_p(within, law, Room(0.0, 0.25))
    assert variance_p(beyond, law, Room(0.0, 0.25)) < level()
    assert law_p(within, law, Room(0.0, 0.25)) > level()
    assert mean_p(x + 0.1 * np.sqrt(law.variance), law, Room(0.0, 0.25)) < level()


def test_the_binomial_p_value_is_two_sided_and_exact() -> None:
    assert binomial_p(0, 10, 0.5) == pytest.approx(2 * 0.5**10)
    assert binomial_p(10, 10, 0.5) == pytest.approx(2 * 0.5**10)
    assert binomial_p(5, 10, 0.5) == 1.0
    assert binomial_p(0, 10, 0.5, room=0.1) == pytest.approx(2 * 0.6**10)
