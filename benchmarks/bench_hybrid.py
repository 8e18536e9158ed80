"""Question: what does a hybrid patient cost beside the same patient as an ODE, one row at a time?

    make bench ARGS="benchmarks/bench_hybrid.py"

Unit: seconds for 256 patients of a trial followed for two years, on one thread; in turn, so that a busy machine slows all alike. The scalar ODE
is the code of the lanes with one lane. `python -m benchmarks.bench_hybrid` prints the ratios of the medians: at most 2 is asked of the
trial's hybrid over the scalar ODE at the tolerance of the ODE kernel (1e-6).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest

from sim.bench.cases import simulate_patients
from sim.network import simulation
from sim.network.simulation import ODE, Kernel
from sim.trial.courses import HYBRID

PATIENTS, ROUNDS = 256, 7


def patients(kernel: Kernel, width: int) -> None:
    with patch.object(simulation, "WIDTH", width):
        simulate_patients(PATIENTS, kernel)


CASES: dict[str, Callable[[], None]] = {
    "hybrid of a trial": lambda: patients(HYBRID, simulation.WIDTH),
    "scalar ODE, rtol 1e-6": lambda: patients(ODE(rtol=1e-6), 1),
    "scalar ODE, rtol 1e-3": lambda: patients(ODE(rtol=1e-3), 1),
    "ODE in lanes, rtol 1e-6": lambda: patients(ODE(rtol=1e-6), simulation.WIDTH),
    "ODE in lanes, rtol 1e-3": lambda: patients(ODE(rtol=1e-3), simulation.WIDTH),
}


@pytest.mark.parametrize("name", CASES)
def test_patient(benchmark, name: str) -> None:
    CASES[name]()
    benchmark.pedantic(CASES[name], rounds=ROUNDS)


def main() -> None:
    """Print microseconds a patient, and the hybrid's cost over each."""
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    for turn in range(ROUNDS + 1):
        for name, run in CASES.items():
            begin = time.perf_counter()
            run()
            if turn > 0:
                taken[name].append(time.perf_counter() - begin)
    hybrid = np.median(taken["hybrid of a trial"])
    for name, seconds in taken.items():
        each = 1e6 * np.median(seconds) / PATIENTS
        print(f"{name:26s} {each:8.0f} us a patient   hybrid / this {hybrid / np.median(seconds):5.2f}")


if __name__ == "__main__":
    main()
