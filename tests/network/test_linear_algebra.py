"""Sparse elimination of networks' matrices against dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from sim.kernels import rosenbrock
from sim.kernels.structure import Structure
from sim.network.codegen import compile_network
from sim.network.linear_algebra import factorise
from sim.network.network import Network


def plain(function):
    """Return the Python function of a compiled one."""
    return getattr(function, "py_func", function)


def tables_of(
    size: int, pattern: set[tuple[int, int]], species: int
) -> tuple[Structure, dict[tuple[int, int], int]]:
    """Return a structure that knows how to eliminate, and nothing else."""
    found = factorise(size, pattern)
    blank = dict.fromkeys(Structure._fields, np.zeros(0, dtype=np.int64))
    structure = Structure(
        **{
            **blank,
            "n_species": species,
            "pivot": found.pivot,
            "row": found.row,
            "column": found.column,
            "update": found.update,
            "diagonal": np.array([found.slots[i, i] for i in range(species)], dtype=np.int64),
        }
    )
    return structure, found.slots


def random_system(
    rng: np.random.Generator, size: int, density: float
) -> tuple[np.ndarray, set[tuple[int, int]]]:
    matrix = np.where(rng.random((size, size)) < density, rng.normal(size=(size, size)), 0.0)
    pattern = {(int(i), int(j)) for i, j in zip(*np.nonzero(matrix), strict=True)}
    np.fill_diagonal(matrix, matrix.diagonal() + size)
    return matrix, pattern


@pytest.mark.parametrize("size", [1, 2, 5, 17, 40])
@pytest.mark.parametrize("density", [0.0, 0.1, 0.4, 1.0])
def test_elimination_solves_what_dense_algebra_solves(size: int, density: float) -> None:
    rng = np.random.default_rng([1, size, int(10 * density)])
    species = max(1, size - 2)  # the last unknowns are named sums: the shift does not reach them
    matrix, pattern = random_system(rng, size, density)
    structure, slots = tables_of(size, pattern, species)
    jacobian = np.zeros(len(slots))
    for (i, j), place in slots.items():
        jacobian[place] = matrix[i, j]
    factors, right = np.zeros_like(jacobian), rng.normal(size=size)
    shift = 0.7
    dense = matrix + np.diag(np.where(np.arange(size) < species, shift, 0.0))
    solution = right.copy()
    plain(rosenbrock.factorise)(shift, jacobian, structure, factors)
    plain(rosenbrock.solve)(factors, structure, solution)
    np.testing.assert_allclose(solution, np.linalg.solve(dense, right), rtol=1e-9, atol=1e-12)


def test_compiled_elimination_is_the_plain_one() -> None:
    net = Network("compiled")
    for name in "XYZ":
        net.species(name, 1.0)
    net.define("all", "X + Y + Z")
    for name, following in ("XY", "YZ", "ZX"):
        net.reaction(f"{name} moves", f"{name} -> {following}", f"{name}*all")
    structure = compile_network(net, ["X"]).structure
    jacobian = np.random.default_rng(1).normal(size=structure.n_slots)
    results = []
    for factor, solve in (
        (rosenbrock.factorise, rosenbrock.solve),
        (plain(rosenbrock.factorise), plain(rosenbrock.solve)),
    ):
        factors, right = np.zeros_like(jacobian), np.arange(1.0, 5.0)
        factor(9.0, jacobian, structure, factors)
        solve(factors, structure, right)
        results.append(right)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-13)


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
