"""Group-sequential boundaries against published ones, and laws that they must keep."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from sim.planning.boundaries import boundaries, crossing_probabilities, spent

FIVE = (1.0, 2.0, 3.0, 4.0, 5.0)

# Two-sided 0.05, five equal looks, Lan and DeMets' spending functions, to four decimals as the program of Reboussin, DeMets, Kim and Lan prints them
# (Control Clin Trials 2000;21:190-207); its quadrature is good to about 1e-4.
PUBLISHED_SPENDING = {
    "obrien-fleming": [4.8769, 3.3569, 2.6803, 2.2898, 2.0310],
    "pocock": [2.4380, 2.4268, 2.4101, 2.3966, 2.3859],
}


@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock"])
def test_spending_gives_the_published_boundaries(spending) -> None:
    found = boundaries(FIVE, 5.0, 0.05, 2, spending)
    assert np.abs(np.array(found) - PUBLISHED_SPENDING[spending]).max() < 2e-4


@pytest.mark.parametrize(
    ("looks", "pocock", "obrien_fleming"),
    [(2, 2.178, 1.977), (3, 2.289, 2.004), (4, 2.361, 2.024), (5, 2.413, 2.040)],
)
def test_published_constants_cross_with_the_nominal_error(looks, pocock, obrien_fleming) -> None:
    """Jennison and Turnbull, Group Sequential Methods (2000), tables 2.1 and 2.3, alpha 0.05: constants to three decimals."""
    at = np.arange(1, looks + 1)
    for bounds in (np.full(looks, pocock), obrien_fleming * np.sqrt(looks / at)):
        assert crossing_probabilities(bounds, at).sum() == pytest.approx(0.05, abs=1e-4)


def test_unadjusted_looks_cross_as_often_as_armitage_found() -> None:
    """Armitage, McPherson and Rowe 1969, table 2: 5 looks at 1.96 cross in 0.142 of the trials; the error that boundaries are for."""
    assert crossing_probabilities([norm.isf(0.025)] * 5, FIVE).sum() == pytest.approx(0.142, abs=5e-4)


def test_the_joint_law_is_that_of_correlated_normals() -> None:
    information = np.array([0.3, 0.45, 1.0])
    bounds = np.array([2.5, 2.2, 2.0])
    correlation = np.sqrt(
        np.minimum.outer(information, information) / np.maximum.outer(information, information)
    )
    stays = multivariate_normal(np.zeros(3), correlation).cdf(bounds)
    assert crossing_probabilities(bounds, information, 1).sum() == pytest.approx(1.0 - stays, abs=2e-5)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock"])
@pytest.mark.parametrize("information", [(10.0, 40.0), (7.0, 13.0, 14.0, 33.0), (20.0, 21.0, 55.0)])
def test_each_look_spends_what_it_may_and_all_together_the_error(sides, spending, information) -> None:
    found = boundaries(information, 40.0, 0.05, sides, spending)
    crossed = np.cumsum(crossing_probabilities(found, information, sides))
    assert crossed[-1] == pytest.approx(0.05, abs=1e-8)
    for share, so_far in zip(information[:-1], crossed[:-1], strict=True):
        assert so_far == pytest.approx(sides * spent(share / 40.0, 0.05 / sides, spending), abs=1e-8)


def test_one_look_is_the_fixed_test() -> None:
    assert boundaries((3.0,), 40.0, 0.05, 2, "pocock") == pytest.approx((norm.isf(0.025),), abs=1e-8)


def test_where_next_to_nothing_is_spent_no_value_crosses() -> None:
    first, last = boundaries((1.0, 100.0), 100.0, 0.05, 2, "obrien-fleming")
    assert first == np.inf
    assert last == pytest.approx(norm.isf(0.025), abs=1e-6)
