"""Question: how many rows a second does each kernel take through a network of each size, on one thread?

    make bench ARGS="benchmarks/bench_kernels.py"

Unit: seconds for the rows named in the case (`sim.bench.cases`), which also looks whether the result is right. Loading and compiling are in
the first call, which is not counted.
"""

from __future__ import annotations

import pytest

from sim.bench.cases import Case, kernel_cases


@pytest.mark.parametrize("case", kernel_cases(), ids=lambda case: case.name.replace(", ", "-"))
def test_kernel(benchmark, case: Case) -> None:
    case.run()
    benchmark.extra_info["rows"] = case.rows
    benchmark.pedantic(case.run, rounds=5)
    benchmark.extra_info["rows_per_second"] = case.rows / benchmark.stats.stats.median
