"""The measuring weight: eight chains of multiply-adds, compiled as written."""

from __future__ import annotations

import pytest

from sim.kernels.calibration import CHAINS, multiply_adds


def test_no_round_leaves_the_starts():
    assert multiply_adds(0, 0.5, 1.0) == sum(range(1, CHAINS + 1))


@pytest.mark.parametrize("rounds", [1, 7])
def test_each_chain_follows_its_closed_form(rounds):
    """x a^n + b (1 - a^n) / (1 - a); a = 1/2 loses nothing to rounding."""
    shrunk = 0.5**rounds
    assert multiply_adds(rounds, 0.5, 1.0) == sum(
        x * shrunk + 2.0 * (1.0 - shrunk) for x in range(1, CHAINS + 1)
    )
