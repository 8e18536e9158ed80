"""The oracles against each other: what two ways give alike is not the fault of either."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.linalg import expm

from tests.statistical import oracles
from tests.statistical.cases import CASES, dimers
from tests.statistical.oracles import Complex, Law, Master

Floats = NDArray[np.float64]


def chain(start: int, size: int, birth: float, death: float, source: float = 0.0) -> Master:
    return Master(
        (((1,), lambda x: birth * x), ((-1,), lambda x: death * x), ((1,), lambda x: source + 0.0 * x)),
        (start,),
        (size,),
    )


def assert_same(one: Law, other: Law, error: float = 1e-9) -> None:
    size = min(len(one.p), len(other.p))
    np.testing.assert_allclose(one.p[:size], other.p[:size], rtol=1e-6, atol=error)


@pytest.mark.parametrize(("birth", "death"), [(1.0, 1.2), (0.8, 0.3), (0.7, 0.7)])
def test_kendalls_law_solves_the_master_equation(birth: float, death: float) -> None:
    by_series = oracles.birth_death(birth, death, 7, 2.0, 512)
    assert_same(by_series, chain(7, 400, birth, death).at(2.0))
    if birth != death:
        assert by_series.p[0] == pytest.approx(oracles.extinct(birth, death, 7, 2.0), rel=1e-12)
    assert by_series.mean == pytest.approx(7 * np.exp(2.0 * (birth - death)), rel=1e-9)


def test_extinction_for_ever_is_the_limit_of_extinction_by_t() -> None:
    assert oracles.extinct(1.0, 0.65, 4, 200.0) == pytest.approx(oracles.extinct(1.0, 0.65, 4), rel=1e-12)


def test_sixty_cells_are_as_good_as_many() -> None:
    """The runs end there; the gambler's ruin between none and sixty is within 1e-10 of the chance for ever."""
    ruin = ((0.65**4) - 0.65**60) / (1.0 - 0.65**60)
    assert ruin == pytest.approx(oracles.extinct(1.0, 0.65, 4), rel=1e-10)


def test_immigrants_have_the_negative_binomial_law_by_all_three_ways() -> None:
    closed = oracles.immigration_birth_death(4.0, 0.6, 0.8, 3.0, 512)
    assert_same(closed, chain(0, 400, 0.6, 0.8, 4.0).at(3.0))
    assert_same(closed, oracles.newcomers(lambda _: 4.0, 1, 0.6, 0.8, 3.0, 512))


def test_batches_that_do_not_multiply_are_a_compound_poisson_number() -> None:
    found = oracles.newcomers(lambda _: 2.0, 5, 0.0, 0.5, 3.0, 256)
    box = Master((((5,), lambda x: 2.0 + 0.0 * x), ((-1,), lambda x: 0.5 * x)), (0,), (220,))
    assert_same(found, box.at(3.0))


def test_mutants_of_a_clone_solve_the_master_equation_of_both_types() -> None:
    """Two wild cells; both ways round, and the chance of no mutant by its closed form."""
    box = Master(
        (
            ((1, 0), lambda w, m: 0.5 * w),
            ((-1, 0), lambda w, m: 0.4 * w),
            ((0, 1), lambda w, m: 0.3 * w + 0.2 * m),
            ((0, -1), lambda w, m: 0.6 * m),
        ),
        (2, 0),
        (90, 50),
    )
    assert_same(oracles.mutants((0.5, 0.4), 0.3, (0.2, 0.6), 2, 1.5, 128), box.at(1.5, 1))
    clone = oracles.mutants((1.0, 0.0), 0.01, (1.0, 0.0), 20, 2.5, 1024)
    assert clone.p[0] == pytest.approx(oracles.no_mutants(1.0, 0.01, 20, 2.5), rel=1e-8)


def test_mutants_of_a_large_clone_have_the_law_of_lea_and_coulson() -> None:
    """From one cell's worth of time before: then the first divisions are in, and m mutations are as many as the final clone has."""
    long = oracles.newcomers(lambda s: 3.0 * np.exp(s - 20.0), 1, 1.0, 0.0, 20.0, 4096, 1e-7)
    closed = oracles.lea_coulson(3.0, 4096)
    np.testing.assert_allclose(long.p[:400], closed.p[:400], rtol=2e-6, atol=1e-9)
    assert closed.p[0] == pytest.approx(np.exp(-3.0))


def test_kendalls_law_in_time_is_that_of_constant_rates_one_after_the_other() -> None:
    """Rates that change at 0.7, smoothed over 1e-3 on both sides: the composition of two laws."""

    def step(before: float, after: float) -> Callable[[float], float]:
        return lambda s: before + (after - before) * float(np.clip((s - 0.699) / 0.002, 0.0, 1.0))

    z = np.exp(2j * np.pi * np.arange(16) / 16)
    found = oracles.line_in_time(step(1.0, 0.3), step(0.2, 0.9), 1.5)(z)
    np.testing.assert_allclose(found, oracles.line(1.0, 0.2, 0.7)(oracles.line(0.3, 0.9, 0.8)(z)), atol=1e-5)


def test_a_million_cells_are_a_thousand_thousand() -> None:
    z = np.exp(2j * np.pi * np.arange(16) / 16)
    np.testing.assert_allclose(
        oracles.line(0.5, 1.5, 11.0, 10**6)(z), oracles.line(0.5, 1.5, 11.0, 1000)(z) ** 1000, rtol=1e-9
    )
    np.testing.assert_allclose(
        oracles.line(1.0, 1.2, 2.0, 7)(z), oracles.line(1.0, 1.2, 2.0)(z) ** 7, rtol=1e-12
    )


def test_a_characteristic_function_gives_its_law() -> None:
    """A gamma law of shape 9: its bins by SciPy."""
    found = oracles.from_characteristic(lambda u: (1.0 - 0.5j * u) ** -9.0, 0.02, 2048)
    edges = 0.02 * (np.arange(2049) - 0.5)
    np.testing.assert_allclose(found.p, np.diff(stats.gamma.cdf(edges, 9.0, scale=0.5)), atol=1e-10)


def test_the_mean_of_a_concentration_is_that_of_its_moment_equations() -> None:
    """X' = -0.1 X, C' = X/2000 - C, and for the variance the pair correlation of births and deaths along the way."""
    case = CASES["a concentration driven by a count"]
    t, law = 3.0, CASES["a concentration driven by a count"].law(3.0)
    matrix = np.array([[-0.1, 0.0], [1.0 / 2000.0, -1.0]])
    ages, weights = oracles.nodes(t, 200)
    mean, variance = (expm(matrix * t) @ [2000.0, 0.0])[1], 0.0
    for age, weight in zip(ages, weights, strict=True):
        weight_of_a_cell = expm(matrix * age)[1, 0]
        variance += weight * 2.1 * 2000.0 * np.exp(-0.1 * (t - age)) * weight_of_a_cell**2
    assert case.unit is not None
    assert law.mean * case.unit == pytest.approx(mean, rel=1e-9)
    assert (law.variance - 1.0 / 12.0) * case.unit**2 == pytest.approx(variance, rel=1e-6)


def test_backward_equations_of_two_types_solve_the_master_equation() -> None:
    """One cell of A and two of B, which change class."""
    box = Master(
        (
            ((1, 0), lambda a, b: 0.4 * a),
            ((-1, 0), lambda a, b: 0.5 * a),
            ((0, -1), lambda a, b: 0.8 * b),
            ((-1, 1), lambda a, b: 0.9 * a),
            ((1, -1), lambda a, b: 0.5 * b),
        ),
        (1, 2),
        (60, 60),
    )

    def function(z: Complex) -> Complex:
        def slope(_: float, f: Sequence[Complex]) -> list[Complex]:
            a, b = f
            return [0.4 * a * a + 0.5 + 0.9 * b - 1.8 * a, 0.8 + 0.5 * a - 1.3 * b]

        one, other = oracles.lines(slope, [np.ones_like(z), z], 1.5)
        return np.asarray(one * other**2)

    assert_same(oracles.from_generating(function, 64), box.at(1.5, 1))


def test_rates_that_time_drives_are_constant_when_time_does_nothing() -> None:
    whole, forward, back = dimers(12, 0.1, 0.2), dimers(12, 0.1, 0.0), dimers(12, 0.0, 0.2)
    assert_same(oracles.driven([(forward, lambda _: 1.0), (back, lambda _: 1.0)], 2.0), whole.at(2.0))
    waned = oracles.driven([(forward, lambda s: np.exp(-s)), (back, lambda _: 0.0)], 2.0)
    assert_same(waned, forward.at(1.0 - np.exp(-2.0)))


def test_a_chain_is_solved_as_the_matrix_exponential_solves_it() -> None:
    box = chain(60, 300, 1.0, 1.1, 5.0)
    begin = np.zeros(300)
    begin[60] = 1.0
    np.testing.assert_allclose(box.state(1.0), expm(box.generator().toarray()) @ begin, atol=1e-10)


def test_a_box_that_is_too_small_is_refused() -> None:
    with pytest.raises(AssertionError, match="has left the box"):
        chain(10, 20, 1.0, 0.5).at(1.0)


def test_a_wrong_parameter_does_not_pass_between_oracles() -> None:
    """The control: one per mille of the death rate."""
    with pytest.raises(AssertionError):
        assert_same(oracles.birth_death(1.0, 1.2, 7, 2.0, 512), chain(7, 400, 1.0, 1.2012).at(2.0))


def test_moments_of_a_law_are_those_of_its_numbers() -> None:
    one = oracles.law(stats.poisson.pmf(np.arange(60), 9.0))
    assert one.is_whole
    assert one.mean == pytest.approx(9.0)
    assert one.variance == pytest.approx(9.0)
    assert not oracles.lea_coulson(3.0, 100).is_whole
