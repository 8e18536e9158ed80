"""Exponential and logarithm in single precision: their errors over the whole range, and what becomes of numbers outside it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.kernels import elementary
from sim.kernels._jit import DISABLED, jit

N = 2_000 if DISABLED else 200_000
UNIT = 2.0**-24


@jit
def exponentials(x, out):
    for i in range(x.shape[0]):
        out[i] = elementary.exponential_of(x[i])


@jit
def losses(x, out):
    for i in range(x.shape[0]):
        out[i] = elementary.lost_of(x[i])


@jit
def logarithms(x, out):
    for i in range(x.shape[0]):
        out[i] = elementary.logarithm_of(x[i])


def computed(loop, x) -> np.ndarray:
    given = np.asarray(x, np.float32)
    out = np.zeros_like(given)
    loop(given, out)
    return out.astype(float)


def test_the_exponential_is_good_to_two_units() -> None:
    x = np.random.default_rng(1).uniform(-87.0, 88.0, N).astype(np.float32).astype(float)
    assert abs(computed(exponentials, x) / np.exp(x) - 1.0).max() < 4 * UNIT


def test_what_is_lost_is_good_to_two_units_however_short_the_time() -> None:
    x = (10.0 ** np.random.default_rng(1).uniform(-30.0, 2.0, N)).astype(np.float32).astype(float)
    assert abs(computed(losses, x) / -np.expm1(-x) - 1.0).max() < 4 * UNIT


def test_the_logarithm_is_good_to_two_units() -> None:
    x = (10.0 ** np.random.default_rng(1).uniform(-37.0, 38.0, N)).astype(np.float32).astype(float)
    exact = np.log(x)
    assert (abs(computed(logarithms, x) - exact) / np.maximum(abs(exact), 1.0)).max() < 4 * UNIT


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:overflow:RuntimeWarning")
def test_the_ends_of_the_range() -> None:
    assert computed(exponentials, [-1000.0, -87.5, 0.0]).tolist() == [0.0, 0.0, 1.0]
    assert computed(exponentials, [1000.0])[0] == pytest.approx(math.exp(88.0), rel=1e-6)
    assert computed(losses, [0.0, 1e30]).tolist() == [0.0, 1.0]
    assert math.isnan(computed(exponentials, [math.nan])[0])
    assert math.isnan(computed(losses, [math.nan])[0])
