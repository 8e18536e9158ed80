"""Normal numbers in pairs: moments, whole law and independence within a pair; what a cell gets depends on its place alone.

A million pairs (2,000 in plain Python). Bounds are five standard errors, ten questions: false alarms of 6e-6 at most; a spread that is off by 0.5 % is
found.
"""

from __future__ import annotations

import math

import numpy as np

from sim.kernels import normal_lanes
from sim.kernels._jit import DISABLED
from sim.kernels.random import STATE_WORDS

BLOCK = 128
BLOCKS = 16 if DISABLED else 8_000


def lanes(purpose: int = 0) -> np.ndarray:
    state = np.zeros((normal_lanes.WORDS, normal_lanes.LANES), np.uint64)
    normal_lanes.seed_lanes(state, np.zeros(STATE_WORDS, np.uint64), np.uint64(1), 0, 0, purpose)
    return state


def pairs(state: np.ndarray, n: int = BLOCK) -> np.ndarray:
    words, found = np.zeros(BLOCK, np.uint64), np.zeros((2, BLOCK), np.float32)
    normal_lanes.draw_normals(state, n, words, found[0], found[1])
    return found[:, :n].astype(float)


def test_pairs_are_normal_and_independent() -> None:
    state = lanes()
    x = np.concatenate([pairs(state) for _ in range(BLOCKS)], axis=1)
    n = x.shape[1]
    for one in x:
        assert abs(one.mean()) < 5 / math.sqrt(n)
        assert abs(one.var() - 1.0) < 5 * math.sqrt(2.0 / n)
        for bound, share in ((-1.0, 0.158655), (0.5, 0.691462), (3.0, 0.998650)):
            assert abs(np.mean(one < bound) - share) < 5 * math.sqrt(share * (1.0 - share) / n)
    assert abs(np.mean(x[0] * x[1])) < 5 / math.sqrt(n)
    assert abs(np.mean((x[0] ** 2 - 1.0) * (x[1] ** 2 - 1.0))) < 5 * math.sqrt(4.0 / n)
    assert DISABLED or abs((1.005 * x[0]).var() - 1.0) > 5 * math.sqrt(2.0 / n)


def test_a_part_of_a_block_draws_words_of_its_own() -> None:
    """A few cells: no word of an earlier block is used again, and lanes that were not asked for have moved as well."""
    state = lanes()
    first, second = pairs(state, 3), pairs(state, 3)
    assert len(np.unique([first, second])) == 12
    assert not np.array_equal(pairs(lanes(), 3), pairs(lanes(normal_lanes.LANES), 3))
