"""Sparse elimination of networks' matrices against dense linear algebra."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from sim.kernels import elimination
from sim.kernels._jit import DISABLED, LEAF
from sim.network.linear_algebra import factorise


def functions_of(
    size: int, pattern: set[tuple[int, int]], species: int
) -> tuple[Any, Any, dict[tuple[int, int], int]]:
    """Return factorise, solve and the places of the entries; the functions are built as generated code builds them."""
    found = factorise(size, pattern)
    tables = (found.pivot.tolist(), found.row.tolist(), found.column.tolist())
    diagonal = [found.slots[i, i] for i in range(species)]
    return (
        elimination.factoriser(*tables, found.update.tolist(), diagonal),
        elimination.solver(*tables),
        found.slots,
    )


def random_system(
    rng: np.random.Generator, size: int, density: float
) -> tuple[np.ndarray, set[tuple[int, int]]]:
    matrix = np.where(rng.random((size, size)) < density, rng.normal(size=(size, size)), 0.0)
    pattern = {(int(i), int(j)) for i, j in zip(*np.nonzero(matrix), strict=True)}
    np.fill_diagonal(matrix, matrix.diagonal() + size)
    return matrix, pattern


def compiled(function: Any) -> Any:
    """Return a function that calls the given one from compiled code: what is emitted cannot be called from elsewhere."""
    if DISABLED:
        return function

    def call(*arguments):
        function(*arguments)

    return numba.njit(**LEAF)(call)


@pytest.mark.parametrize("limit", [elimination.STRAIGHT_LIMIT, -1], ids=["lines", "loops"])
@pytest.mark.parametrize(("size", "density"), [(1, 0.0), (2, 1.0), (5, 0.1), (17, 0.4), (40, 0.1), (40, 1.0)])
def test_elimination_solves_what_dense_algebra_solves(
    size: int, density: float, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elimination, "STRAIGHT_LIMIT", limit)
    rng = np.random.default_rng([1, size, int(10 * density)])
    species = max(1, size - 2)  # the last unknowns are named sums: the shift does not reach them
    matrix, pattern = random_system(rng, size, density)
    factor, solve, slots = functions_of(size, pattern, species)
    jacobian = np.zeros(len(slots))
    for (i, j), place in slots.items():
        jacobian[place] = matrix[i, j]
    factors, right = np.zeros_like(jacobian), rng.normal(size=size)
    shift = 0.7
    dense = matrix + np.diag(np.where(np.arange(size) < species, shift, 0.0))
    solution = right.copy()
    compiled(factor)(shift, jacobian, factors)
    compiled(solve)(factors, solution)
    np.testing.assert_allclose(solution, np.linalg.solve(dense, right), rtol=1e-9, atol=1e-12)


def test_a_pivot_that_vanishes_is_not_finite_and_nothing_worse() -> None:
    factor, solve, slots = functions_of(2, {(0, 1), (1, 0)}, 2)
    factors, b = np.zeros(len(slots)), np.ones(2)
    with np.errstate(all="ignore"):  # with the compiler off division by zero warns
        compiled(factor)(0.0, np.zeros(len(slots)), factors)
        compiled(solve)(factors, b)
    assert not np.isfinite(b).all()


def test_an_arrow_is_eliminated_without_fill_in_from_its_tip() -> None:
    """A matrix full in its first row and column: eliminated from the first unknown it fills up, from the others it does not."""
    size = 30
    arrow = {(0, j) for j in range(size)} | {(j, 0) for j in range(size)}
    found = factorise(size, arrow)
    assert found.pivot[-1, 0] in (0, size - 1)
    assert len(found.slots) == 3 * size - 2
    assert found.operations == 2 * (size - 1)


def test_a_sum_kept_as_an_unknown_spares_the_dense_block() -> None:
    """Each of 40 species depends on the sum of all: bordered, the work is linear in their number, not cubic."""
    size = 40
    bordered = {(size, j) for j in range(size)} | {(j, size) for j in range(size)}
    dense = {(i, j) for i in range(size) for j in range(size)}
    assert factorise(size + 1, bordered).operations < 3 * size
    assert factorise(size, dense).operations > 100 * size


def test_every_unknown_is_eliminated_once() -> None:
    rng = np.random.default_rng(1)
    _, pattern = random_system(rng, 25, 0.2)
    found = factorise(25, pattern)
    assert sorted(found.pivot[:, 0]) == list(range(25))
    assert np.all(np.diff(found.pivot[:, 1:], axis=0) >= 0)
