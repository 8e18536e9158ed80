"""Compiled kernels against the same source as plain Python.

A process with the compiler off runs each network of `small_networks`. Compiled code may join a product and a sum into one instruction,
which moves the last bit of what is continuous; counts, steps and events must be the same numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.kernels.small_networks import CASES, ROWS, run

ROOT = Path(__file__).resolve().parents[2]
Found = dict[str, list[Any]]


@pytest.fixture(scope="module")
def plain() -> Found:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "tests.kernels.small_networks"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    found: Found = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", CASES)
def test_plain_python_gives_what_compiled_code_gives(plain: Found, name: str) -> None:
    values, steps, events = plain[name]
    out = run(name)
    assert out.ok.all()
    expected = np.array(values)
    np.testing.assert_allclose(out.values, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(out.statistics["steps"], steps)
    np.testing.assert_array_equal(out.statistics["events"], events)
    whole = expected == np.floor(expected)
    np.testing.assert_array_equal(out.values[whole], expected[whole])
    assert len(out) == ROWS


@pytest.mark.parametrize(
    "name",
    ["still, ssa", "crowded, ssa", "groups, ssa", "still, hybrid", "still, tau_leap", "groups, tau_leap"],
)
def test_where_all_is_counted_the_bytes_are_the_same(plain: Found, name: str) -> None:
    assert run(name).values.tobytes() == np.array(plain[name][0]).tobytes()
    assert np.any(np.diff(run(name).values, axis=1) != 0), "something happened"


@pytest.mark.slow
def test_the_tests_of_the_kernels_pass_with_the_compiler_off_and_reach_their_lines(tmp_path: Path) -> None:
    """As `make coverage`: bounds are checked there, and each line of a kernel is counted."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "COVERAGE_FILE": str(tmp_path / "coverage")}
    coverage = [sys.executable, "-m", "coverage"]
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow and not verify"]
    folders = ["tests/kernels", "tests/dish/test_t_cells.py", "tests/network/test_jumps.py"]
    for command in (
        [*coverage, "run", "--source=sim/kernels", *tests, *folders],
        [*coverage, "report", "--fail-under=96"],
        [sys.executable, "-m", "tests.branches"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stdout[-4000:]
