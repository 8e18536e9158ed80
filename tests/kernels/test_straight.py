"""Straight-line programs: each operation against NumPy, the same bytes at any width, and packed instructions in the machine code."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from sim.kernels._jit import AS_WRITTEN, DISABLED
from sim.kernels.straight import read, straight

WIDTHS = (1, 2, 4, 8)
LANES = 8
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5, 1e308])
A, B, C = np.repeat(SPECIAL, 8), np.tile(SPECIAL, 8), np.resize(SPECIAL[[5, 6, 3, 1]], 64)
EXACT: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "min": np.minimum,
    "max": np.maximum,
}
CLOSE: dict[str, Callable[..., Any]] = {"exp": np.exp, "log": np.log, "tanh": np.tanh, "pow": np.power}
COMPARISONS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
BINARY = {"add", "sub", "mul", "div", "min", "max", "pow"}


def compiled(text: str, width: int) -> Any:
    program = straight(text, width)
    if DISABLED:
        return program

    @numba.njit(**AS_WRITTEN)
    def run(rows, base):  # type: ignore[no-untyped-def]
        program(rows, base)

    return run


def results(text: str, *given: np.ndarray, rows: int = 6, base: int = 0, width: int = LANES) -> np.ndarray:
    """Run a program on the given rows, as many lanes at a time as it is wide; return all rows."""
    run = compiled(text, width)
    parts = []
    for begin in range(0, len(given[0]), width):
        workspace = np.zeros((rows, width))
        for row, values in enumerate(given):
            workspace[row] = values[begin : begin + width]
        with np.errstate(all="ignore"):
            run(workspace, base)
        parts.append(workspace)
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("operation", [*EXACT, *CLOSE])
def test_operations_are_those_of_numpy(operation: str) -> None:
    binary = operation in BINARY
    text = f"load 0\nload 1\n{operation} 0{' 1' if binary else ''}\nstore 5 2\n"
    found = results(text, A, B)[5]
    with np.errstate(all="ignore"):
        expected = (EXACT | CLOSE)[operation](*((A, B) if binary else (A,)))
    if operation in CLOSE:
        np.testing.assert_allclose(found, expected, rtol=4e-16)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("operation", COMPARISONS)
def test_comparisons_choose_and_are_false_for_what_is_no_number(operation: str) -> None:
    text = f"load 0\nload 1\n{operation} 0 1\nnumber 1.0\nnumber 0.0\nselect 2 3 4\nstore 5 5\n"
    np.testing.assert_array_equal(results(text, A, B)[5], COMPARISONS[operation](A, B))


def test_comparisons_are_joined() -> None:
    text = "load 0\nload 1\nload 2\nlt 0 1\nlt 0 2\n{} 3 4\nselect 5 0 1\nstore 5 6\n"
    for name, join in (("or", np.logical_or), ("and", np.logical_and)):
        expected = np.where(join(A < B, A < C), A, B)
        np.testing.assert_array_equal(results(text.format(name), A, B, C)[5], expected)


@pytest.mark.parametrize("operation", ["fma", "fms", "fnma"])
def test_products_join_sums(operation: str) -> None:
    text = f"load 0\nload 1\nload 2\n{operation} 0 1 2\nstore 5 3\n"
    product = {"fma": (1, 1), "fms": (1, -1), "fnma": (-1, 1)}[operation]
    a, b, c = (np.where(np.abs(values) > 1e300, 3.0, values) for values in (A, B, C))
    expected = product[0] * (a * b) + product[1] * c
    np.testing.assert_array_equal(results(text, a, b, c)[5], expected)


@pytest.mark.skipif(DISABLED, reason="NumPy rounds the product")
def test_a_joined_product_is_rounded_once_and_a_sum_of_its_own_twice() -> None:
    small = 2.0**-30
    a, b, c = (np.full(LANES, value) for value in (1 + small, 1 - small, -1.0))
    joined = results("load 0\nload 1\nload 2\nfma 0 1 2\nstore 5 3\n", a, b, c)[5]
    apart = results("load 0\nload 1\nload 2\nmul 0 1\nadd 3 2\nstore 5 4\n", a, b, c)[5]
    assert np.all(joined == -(small**2))
    assert np.all(apart == 0.0)


def test_loops_go_along_their_rows_and_others_stay() -> None:
    text = "number 10.0\nloop 3\neach 0\nload 3\nmul 0 2\nadd 4 3\nkeep 0 5\nstore 3 5\nend\nload 3\nadd 9 0\nstore 4 10\n"
    one = np.ones(LANES)
    found = results(text, one, 2 * one, 3 * one, 0 * one)
    np.testing.assert_array_equal(found[:5, 0], [10, 30, 60, 60, 70])


def test_near_rows_are_counted_from_the_base() -> None:
    text = "near 1\nload 1\nadd 0 1\nput 2 2\n"
    rows = [np.full(LANES, float(10**k)) for k in range(5)]
    found = results(text, *rows, base=2)
    np.testing.assert_array_equal(found[:, 0], [1, 10, 100, 1000, 1010, 0])


EVERYTHING = (
    "load 0\nload 1\nload 2\nnumber 0.3\nfma 0 1 3\ndiv 4 2\nexp 3\nabs 5\nlog 7\npow 7 3\ntanh 9\nfnma 8 9 10\n"
    "sqrt 7\nmin 12 11\nmax 13 0\nlt 14 1\nselect 15 14 12\nloop 2\neach 0\nfms 18 18 16\nkeep 3 19\nend\nstore 5 16\n"
)


def test_bytes_are_the_same_at_any_width() -> None:
    rng = np.random.default_rng(1)
    given = [rng.normal(size=64) * 10.0 ** rng.integers(-5, 5, 64) for _ in range(3)]
    given[0][::9] = np.nan
    found = {results(EVERYTHING, *given, width=width).tobytes() for width in WIDTHS}
    assert len(found) == 1


def test_text_is_read_as_operations_and_numbers() -> None:
    assert read("number -1e-05\nload 7\nstore 8 1\nend\n") == [
        ("number", (-1e-05,)),
        ("load", (7,)),
        ("store", (8, 1)),
        ("end", ()),
    ]


# -- machine code ---------------------------------------------------------------------------------------------------------------

PACKED = re.compile(r"\bv(?:fmadd|fnmadd|fmsub)\w*pd\b|\bv?(?:mul|div)pd\b")
SINGLE = re.compile(r"\bv(?:fmadd|fnmadd|fmsub)\w*sd\b|\bv?(?:mul|div)sd\b")
on_x86 = pytest.mark.skipif(
    DISABLED or platform.machine().lower() not in ("x86_64", "amd64"), reason="x86-64 instructions"
)
ARITHMETIC = "load 0\nload 1\nload 2\nfma 0 1 2\nmul 3 2\ndiv 4 1\nfnma 5 1 0\nfms 6 3 1\nstore 5 7\n"


def machine_code(text: str, width: int) -> str:
    run = compiled(text, width)
    run(np.ones((6, width)), 0)
    (code,) = run.inspect_asm().values()
    return str(code)


@on_x86
def test_arithmetic_is_packed_instructions() -> None:
    code = machine_code(ARITHMETIC, LANES)
    assert PACKED.search(code)
    assert not SINGLE.search(code)
    registers = "zmm" if "zmm" in code else "ymm" if "ymm" in code else "xmm"
    per_register = {"zmm": 8, "ymm": 4, "xmm": 2}[registers]
    assert len(PACKED.findall(code)) == 5 * LANES // per_register


@on_x86
def test_one_lane_has_no_packed_instruction() -> None:
    """The control: the same text, for which the pattern must find nothing."""
    code = machine_code(ARITHMETIC, 1)
    assert SINGLE.search(code)
    assert not PACKED.search(code)
