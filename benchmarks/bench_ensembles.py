"""Question: how does the time of an ensemble grow with its patients, with the states of the network, and fall with threads?

    make bench ARGS="benchmarks/bench_ensembles.py"

Unit: seconds, and rows a second beside it. Linear growth is a constant rate; two threads at their best double it.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from sim.bench.cases import chain
from sim.network.simulation import simulate
from sim.trial.cohort import draw
from sim.trial.observation import OUTPUTS
from sim.trial.run import HYBRID, save_days
from sim.trial.scenario_io import load

SCENARIO = load("fry2018-cd22")
THREADS = sorted({1, 2, os.cpu_count() or 1})


def patients(size: int, threads: int) -> None:
    cohort = draw(SCENARIO, "higher", 1, np.arange(size))
    out = simulate(
        cohort.network,
        save_days(SCENARIO),
        HYBRID,
        seed=1,
        parameters=cohort.parameters,
        initial=cohort.initial,
        outputs=OUTPUTS,
        threads=threads,
        patients=cohort.patients,
    )
    assert out.ok.all()


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
