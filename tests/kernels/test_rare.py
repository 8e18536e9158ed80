"""Counts by one exponential clock: what is rare and what is not, in turns, each by its own law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sim.kernels._jit import jit
from sim.kernels.random import STATE_WORDS, seed_stream
from sim.kernels.rare import COMMON, rare_binomial, rare_poisson
from sim.kernels.samplers import exponential

pytestmark = pytest.mark.many_draws
DRAWS = 400_000
FALSE_ALARM = 1e-8


@jit
def draw_in_turns(state, clock, common, rare, chance, out):
    clock[0] = exponential(state)
    for i in range(out.shape[0]):
        out[i, 0] = rare_poisson(state, clock, common)
        out[i, 1] = rare_poisson(state, clock, rare)
        out[i, 2] = rare_binomial(state, clock, 30.0, chance)


def fits(values: np.ndarray, law: object) -> float:
    """Return the p-value of chi-square on the numbers that are expected 25 times and more."""
    last = int(law.ppf(1 - 25 / DRAWS))  # type: ignore[attr-defined]
    observed = np.bincount(np.minimum(values, last + 1).astype(int), minlength=last + 2)
    expected = DRAWS * np.append(law.pmf(np.arange(last + 1)), law.sf(last))  # type: ignore[attr-defined]
    keep = expected >= 5
    return float(stats.chisquare(observed[keep], expected[keep], sum_check=False).pvalue)


@pytest.mark.parametrize("common", [0.5, COMMON - 0.01, COMMON + 0.01, 5.0, 7.0])
def test_common_and_rare_numbers_in_turns_have_their_laws_and_nothing_in_common(common: float) -> None:
    """A mean that is off by 1 % (common), 5 % (rare) is seen with a probability above 0.99; the common one 2 % off must be."""
    state, clock = np.zeros(STATE_WORDS, np.uint64), np.zeros(1)
    seed_stream(state, np.uint64(1), 0, 0, 0)
    out = np.zeros((DRAWS, 3))
    draw_in_turns(state, clock, common, 0.05, 0.004, out)
    assert fits(out[:, 0], stats.poisson(common)) > FALSE_ALARM
    assert fits(out[:, 1], stats.poisson(0.05)) > FALSE_ALARM
    assert fits(out[:, 2], stats.binom(30, 0.004)) > FALSE_ALARM
    if common > 1:
        assert fits(out[:, 0], stats.poisson(1.02 * common)) < FALSE_ALARM
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(out[:, i], out[:, j])[0, 1]) * np.sqrt(DRAWS) < 6
