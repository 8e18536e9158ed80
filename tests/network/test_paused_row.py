"""A row that pauses is where it was told to be, however often it is asked, and follows the law of one that does not pause."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.kernels.pausing import NOW, PAUSED
from sim.network.codegen import compile_network
from sim.network.network import Network
from sim.network.options import Hybrid
from sim.network.paused_row import PausedRow

TIMES = np.array([0.0, 2.0, 4.0])


def growth(x: float) -> Network:
    net = Network("growth", time_unit="day")
    net.species("X", x)
    net.parameter("birth", 0.3, unit="1/day")
    net.parameter("death", 0.1, unit="1/day")
    net.reaction("division", "X -> 2 X", "birth*X")
    net.reaction("death", "X -> 0", "death*X")
    return net


def row_of(x: float, patient: int = 0) -> PausedRow:
    return PausedRow(compile_network(growth(x), ("X",)), TIMES, Hybrid(), {}, {}, (1, patient, 0))


@pytest.mark.parametrize("x", [10.0, 1e9])
def test_a_row_does_not_go_beyond_the_time_at_which_it_pauses(x: float) -> None:
    """Asked again for a time that has come it stays; so it does after something else has changed its state."""
    row = row_of(x)
    furthest = 0.0
    for until in (0.0, 0.0, 1.0, 1.0, 1.0, 0.5, 1.25, 1.25, 3.0, 3.0):
        assert row.advance(until) == PAUSED
        furthest = max(furthest, until)
        assert row._carried[0, NOW] == furthest
    row.x[0] += 1.0
    before = row.x[0]
    assert row.advance(3.0) == PAUSED
    assert row.x[0] == before
    assert row.advance(math.inf) == 0
    assert np.isfinite(row.out).all()


def test_pauses_change_no_law() -> None:
    """Two thousand rows of ten cells, paused every fifth of a day and asked twice: mean within 4.5 standard errors, false alarm below 1e-5."""
    n, t = 2000, 4.0
    found = []
    for patient in range(n):
        row = row_of(10.0, patient)
        for until in np.repeat(np.arange(0.0, t, 0.2), 2):
            assert row.advance(float(until)) == PAUSED
        assert row.advance(math.inf) == 0
        found.append(row.out[-1, 0])
    mean = 10.0 * math.exp(0.2 * t)
    variance = 10.0 * (0.3 + 0.1) / 0.2 * math.exp(0.2 * t) * (math.exp(0.2 * t) - 1.0)
    assert abs(np.mean(found) - mean) < 4.5 * math.sqrt(variance / n)
