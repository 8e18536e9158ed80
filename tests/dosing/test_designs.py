"""Boundaries against the published ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sim.dosing.designs import boin, boin_limits, keyboard
from sim.errors import InputError


@pytest.mark.parametrize(
    ("target", "up", "down"),
    [
        (0.15, 0.118, 0.179),
        (0.20, 0.157, 0.238),
        (0.25, 0.197, 0.298),
        (0.30, 0.236, 0.358),
        (0.35, 0.276, 0.419),
        (0.40, 0.316, 0.479),
    ],
)
def test_limits_are_those_of_liu_and_yuan(target, up, down):
    # Liu and Yuan 2015, table of the boundaries for phi1 = 0.6 phi and phi2 = 1.4 phi; some of its digits are cut, not rounded.
    assert boin_limits(target) == pytest.approx((up, down), abs=1e-3)


def test_table_for_a_target_of_0_3_is_that_of_the_package_of_the_authors():
    # R package BOIN 2.7.2, get.boundary(target=0.3, ncohort=10, cohortsize=3): rows "Escalate if # of DLT <=", "Deescalate if # of DLT >=" and
    # "Eliminate if # of DLT >=".
    n, up, down, out = zip(*boin(0.3, 30).table(3), strict=True)
    assert n == tuple(range(3, 31, 3))
    assert up == (0, 1, 2, 2, 3, 4, 4, 5, 6, 7)
    assert down == (2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    assert out == (3, 4, 5, 7, 8, 9, 10, 11, 12, 14)


@pytest.mark.parametrize("target", [0.1, 0.2, 0.25, 0.3, 0.5])
def test_elimination_is_the_posterior_beyond_its_limit_and_never_of_fewer_than_three(target):
    found = boin(target, 12)
    for n in range(1, 13):
        for y in range(n + 1):
            sure = stats.beta.sf(target, 1 + y, 1 + n - y) > 0.95
            assert found.eliminate[n, y] == (sure and n >= 3)
            assert not found.eliminate[n, y] or found.step[n, y] == -1


def test_keyboard_decides_as_mtpi2_where_mtpi_would_stay():
    # Guo et al. 2017: of 3 toxicities among 6 at a target of 0.3 mTPI stays, mTPI-2 goes down.
    found = keyboard(0.3, 6)
    assert found.step[6, 3] == -1
    assert found.step[3, :4].tolist() == [1, 0, -1, -1]
    assert found.step[6, :3].tolist() == [1, 1, 0]


@pytest.mark.parametrize("target", [0.1, 0.17, 0.3, 0.45])
def test_keyboard_takes_the_key_with_most_posterior_density(target):
    found = keyboard(target, 9)
    edges = [target - 0.05]
    while edges[0] > 1e-9:
        edges.insert(0, max(edges[0] - 0.1, 0.0))
    place = len(edges) - 1
    while edges[-1] < 1 - 1e-9:
        edges.append(min(edges[-1] + 0.1, 1.0))
    for n in (3, 6, 9):
        for y in range(n + 1):
            density = np.diff(stats.beta.cdf(edges, 1 + y, 1 + n - y)) / np.diff(edges)
            wanted = -1 if found.eliminate[n, y] else np.sign(place - density.argmax())
            assert found.step[n, y] == wanted


@pytest.mark.parametrize("design", [boin, keyboard])
@pytest.mark.parametrize("target", [0.0, 0.04, 0.7, float("nan")])
def test_target_that_no_trial_has_is_refused(design, target):
    with pytest.raises(InputError, match=r"target: .*must be from 0.05 to 0.6"):
        design(target, 6)
