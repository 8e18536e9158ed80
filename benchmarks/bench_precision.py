"""Question: what does a digit cost? Error against time of each kernel of ours, over its own dial.

    make bench ARGS="benchmarks/bench_precision.py"

The differential equations: the leukaemia model's own patients, error = median over patients of the largest |x - reference| / (|reference| + 1)
over outputs and saves, the reference being the same at rtol 1e-11. The leap: births and deaths, where the mean is known; error = |mean - exact| / exact
beside the standard error of the rows. The hybrid kernel: the same network, and the probability of extinction. Printed as a table; each point
is also a case of its own, with its error in `extra_info`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.bench.cases import simulate_patients, small
from sim.network.simulation import ODE, Hybrid, TauLeap, simulate

PATIENTS = 16
ROWS = 10_000
OUTPUTS = ("leukaemia_cells", "car_t_blood", "b_cell_fraction", "il6_index")
_known: dict[str, np.ndarray] = {}


def course(rtol: float) -> np.ndarray:
    return simulate_patients(PATIENTS, ODE(rtol=rtol), OUTPUTS).values


def report(benchmark, capsys, name: str, error: float, beside: str = "") -> None:
    benchmark.extra_info["error"] = error
    with capsys.disabled():
        print(f"\n{name:<26} error {error:9.2e}  median {benchmark.stats.stats.median:8.4f} s  {beside}")


@pytest.mark.parametrize("rtol", [1e-3, 1e-4, 1e-5, 1e-6, 1e-8])
def test_ode(benchmark, capsys, rtol: float) -> None:
    reference = _known.setdefault("ode", course(1e-11))
    found = benchmark.pedantic(course, (rtol,), rounds=3, warmup_rounds=1)
    error = np.median(np.max(np.abs(found - reference) / (np.abs(reference) + 1.0), axis=(1, 2)))
    report(benchmark, capsys, f"ode, rtol {rtol:g}", float(error), f"{PATIENTS} patients")


@pytest.mark.parametrize("epsilon", [0.1, 0.03, 0.01])
def test_tau_leap(benchmark, capsys, epsilon: float) -> None:
    def run() -> np.ndarray:
        return simulate(small(), [0.0, 50.0], TauLeap(epsilon=epsilon), n=ROWS, seed=1, threads=1)["X"][:, -1]

    last = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    exact = 100.0 * math.exp(-0.5)
    noise = last.std() / math.sqrt(ROWS) / exact
    report(
        benchmark,
        capsys,
        f"tau_leap, epsilon {epsilon:g}",
        abs(last.mean() / exact - 1.0),
        f"noise {noise:.1e}",
    )


@pytest.mark.parametrize("tolerance", [0.5, 0.2, 0.05])
def test_hybrid(benchmark, capsys, tolerance: float) -> None:
    """Kendall: a line is gone by day t with probability death (1 - e) / (death - birth e), e = exp((birth - death) t)."""

    def run() -> np.ndarray:
        kernel = Hybrid(tolerance=tolerance)
        return simulate(small(), [0.0, 200.0], kernel, n=ROWS, seed=1, threads=1)["X"][:, -1]

    last = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    fade = math.exp(-0.01 * 200.0)
    exact = (0.11 * (1.0 - fade) / (0.11 - 0.10 * fade)) ** 100
    share = float(np.mean(last == 0.0))
    noise = math.sqrt(exact * (1.0 - exact) / ROWS)
    report(benchmark, capsys, f"hybrid, tolerance {tolerance:g}", abs(share - exact), f"noise {noise:.1e}")
