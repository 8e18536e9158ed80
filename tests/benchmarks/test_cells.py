"""The benchmark of single cells measures cells that do what its law says."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.peers import cartsim_cells
from benchmarks.peers.cells import TOLD, Law
from sim.kernels._jit import DISABLED


@pytest.mark.parametrize("threads", [1, 2])
def test_our_cells_follow_the_law_that_the_peers_are_given(threads: int, tmp_path: Path) -> None:
    """Lines of linear birth and death: the mean of their sizes within 4.5 standard errors (false alarm below 1e-5)."""
    n, days = (200, 2.0) if DISABLED else (40_000, 2.0)
    Law(active=0.0).write(tmp_path)
    law = Law.read(tmp_path)
    population = cartsim_cells.Population(law, n, 1, threads)
    for k in range(round(days / law.step)):
        population.advance(k)
    told = dict(zip(TOLD, population.told(), strict=True))
    growth = law.division - law.death
    mean = math.exp(growth * days)
    variance = (law.division + law.death) / growth * mean * (mean - 1.0)
    assert abs(told["cells"] / n - mean) < 4.5 * math.sqrt(variance / n)
    assert told["killing"] == 0.0
    assert 0.0 < told["phi"] < told["cells"]
