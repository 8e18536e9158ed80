"""The methods agree on five small patients of the leukaemia model: an equivalence that is shown, not a difference that is not seen.

Two one-sided tests (Schuirmann, J. Pharmacokin. Biopharm. 15 (1987) 657, doi:10.1007/BF01068419): the difference of a method's mean from that of
the direct method, and `Z` standard errors on both sides of it, lie within `MARGIN` standard deviations of the patients: 0.075 of them where half
are cured, 0.045 where nine of ten are. A method that is off by the margin passes one such test in 2,000; an exact one fails one in 1,500.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from sim.network.simulation import Hybrid, TauLeap
from tests.statistical.patients import ARMS, Floats, outcomes

Z = 3.3
MARGIN = 0.15
ROWS = 4_000
LEAST = 0.05
"""Standard deviation that a quantity at least counts as, lest one that hardly varies have no margin."""
METHODS = {
    "hybrid, as a trial": Hybrid(tolerance=0.2, threshold=300.0),
    "hybrid": Hybrid(),
    "leap": TauLeap(),
}


@cache
def exactly(arm: str) -> dict[str, Floats]:
    return outcomes(arm, "ssa", ROWS, seed=1)


def apart(found: Floats, exact: Floats) -> float:
    """Return the farthest end of the interval of the difference, in standard deviations of the patients."""
    error = np.sqrt(found.var() / len(found) + exact.var() / len(exact))
    return float((abs(found.mean() - exact.mean()) + Z * error) / max(exact.std(), LEAST))


@pytest.mark.verify
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("arm", ARMS)
def test_a_method_is_equivalent_to_the_direct_method(arm: str, method: str) -> None:
    found, exact = outcomes(arm, METHODS[method], ROWS, seed=2), exactly(arm)
    assert {
        name: apart(found[name], exact[name]) for name in exact if apart(found[name], exact[name]) > MARGIN
    } == {}


@pytest.mark.verify
def test_a_mean_field_from_three_cells_is_not() -> None:
    """The control: chance among the last cells decides who relapses, so the test must not pass without it."""
    found, exact = outcomes("tandem", Hybrid(threshold=3.0), ROWS, seed=2), exactly("tandem")
    assert max(apart(found[name], exact[name]) for name in exact) > MARGIN


@pytest.mark.verify
@pytest.mark.parametrize("arm", ARMS)
def test_some_are_cured_and_some_are_not(arm: str) -> None:
    assert 0.05 < exactly(arm)["leukaemia extinct"].mean() < 0.95
