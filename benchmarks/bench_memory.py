"""Question: how much memory does a trial take at most, and does it grow with the patients when only endpoints are kept?

    make bench ARGS="benchmarks/bench_memory.py"

Unit: MB of resident memory at its highest (Linux and macOS), each size in a process of its own; shown as `megabytes` of a case in the JSON
that --benchmark-json writes, and printed. What may grow is the table of endpoints, half a kilobyte a patient.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SIZES = (500, 1000, 4000)
PROGRAM = (
    "import resource, sys, sim\n"
    "sim.run('fry2018-cd22', patients={size}, seed=1)\n"
    "if sys.platform == 'linux':\n"
    "    found = [line for line in open('/proc/self/status') if line.startswith('VmHWM')]\n"
    "    print(float(found[0].split()[1]) / 1024.0)\n"
    "else:\n"
    "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0**2)"
)
"""On Linux the maximum that `getrusage` tells a process has in it that of the process which started it."""


def peak(size: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(size=size)], check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))},
    )  # fmt: skip
    return float(done.stdout)


@pytest.mark.parametrize("size", SIZES)
def test_memory(benchmark, size: int, capsys) -> None:
    found = benchmark.pedantic(peak, (size,), rounds=1)
    benchmark.extra_info["megabytes"] = found
    with capsys.disabled():
        print(f"\n{size} patients an arm, two arms: {found:.0f} MB at most")
    # The first 2,048 patients of an arm keep their courses for the figures: 2 x 4 MB; the rest is endpoints.
    assert found < 700.0
