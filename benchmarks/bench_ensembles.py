"""Question: how does the time of an ensemble grow with its patients, with the states of the network, and fall with threads?

    make bench ARGS="benchmarks/bench_ensembles.py"

Unit: seconds, and rows a second beside it. Linear growth is a constant rate; two threads at their best double it.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from sim.bench.cases import chain, simulate_patients, trial_patients
from sim.network.simulation import simulate
from sim.trial.courses import HYBRID

THREADS = sorted({1, 2, os.cpu_count() or 1})


def patients(size: int, threads: int) -> None:
    trial_patients.cache_clear()  # drawing them is part of it
    simulate_patients(size, HYBRID, threads=threads)


def timed(benchmark, rows: int, call, *arguments) -> None:
    call(*arguments)
    benchmark.pedantic(call, arguments, rounds=3)
    benchmark.extra_info["rows_per_second"] = rows / benchmark.stats.stats.median


@pytest.mark.parametrize("size", [32, 128, 512])
def test_patients(benchmark, size: int) -> None:
    timed(benchmark, size, patients, size, 1)


@pytest.mark.parametrize("threads", THREADS)
def test_threads(benchmark, threads: int) -> None:
    timed(benchmark, 256, patients, 256, threads)


@pytest.mark.parametrize("kernel", ["ode", "hybrid", "ssa"])
@pytest.mark.parametrize("states", [4, 16, 64])
def test_states(benchmark, states: int, kernel: str) -> None:
    network = chain(states)

    def run() -> None:
        assert simulate(network, np.linspace(0.0, 20.0, 21), kernel, n=50, seed=1, threads=1).ok.all()

    timed(benchmark, 50, run)
