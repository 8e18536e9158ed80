"""The exact test of a rate and Simon's designs, against the published ones and a plain search."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from sim.errors import InputError
from sim.planning.binomial import TwoStage, critical_counts, exact_power, two_stage

# Simon 1989, table 1, type-I error 0.05 and power 0.80: r1/n1, r/n, expected size and probability of early termination at the null rate.
SIMON = [
    (0.05, 0.25, "optimal", (0, 9, 2, 17), 12.0, 0.63),
    (0.05, 0.25, "minimax", (0, 12, 2, 16), 13.8, 0.54),
    (0.10, 0.30, "optimal", (1, 10, 5, 29), 15.0, 0.74),
    (0.10, 0.30, "minimax", (1, 15, 5, 25), 19.5, 0.55),
    (0.20, 0.40, "optimal", (3, 13, 12, 43), 20.6, 0.75),
    (0.20, 0.40, "minimax", (4, 18, 10, 33), 22.3, 0.72),
    (0.30, 0.50, "optimal", (5, 15, 18, 46), 23.6, 0.72),
    (0.30, 0.50, "minimax", (6, 19, 16, 39), 25.7, 0.67),
    (0.40, 0.60, "optimal", (7, 16, 23, 46), 24.5, 0.72),
    (0.40, 0.60, "minimax", (17, 34, 20, 39), 34.4, 0.91),
]


@pytest.mark.parametrize(("null", "target", "criterion", "design", "expected", "early"), SIMON)
def test_the_search_finds_simons_published_designs(null, target, criterion, design, expected, early) -> None:
    found = two_stage(null, target, 0.05, 0.80, criterion)
    assert tuple(found) == design
    assert found.expected_size(null) == pytest.approx(expected, abs=0.051)
    assert found.stops_early(null) == pytest.approx(early, abs=0.0051)
    assert found.rejects(null) <= 0.05
    assert found.rejects(target) >= 0.80


def test_a_design_rejects_as_often_as_counting_every_course_says() -> None:
    design = TwoStage(1, 6, 4, 11)
    for rate in (0.2, 0.5):
        total = sum(
            binom.pmf(x, 6, rate) * binom.pmf(y, 5, rate)
            for x in range(7)
            for y in range(6)
            if x > 1 and x + y > 4
        )
        assert design.rejects(rate) == pytest.approx(total, abs=1e-12)


def test_a_target_too_close_is_refused() -> None:
    with pytest.raises(InputError, match="300 patients"):
        two_stage(0.5, 0.501, 0.05, 0.9, "minimax")


@pytest.mark.parametrize("null", [0.05, 0.3, 0.9])
def test_critical_counts_are_the_first_within_the_error(null) -> None:
    found = critical_counts(40, null, 0.05)
    for size, count in enumerate(found):
        assert binom.sf(count - 1, size, null) <= 0.05
        assert count == 0 or binom.sf(count - 2, size, null) > 0.05


def test_exact_power_is_the_binomial_tail() -> None:
    assert exact_power(25, 0.3, 0.1, 0.05) == pytest.approx(binom.sf(5, 25, 0.3), abs=1e-12)
    assert np.isclose(exact_power(2, 0.9, 0.5, 0.05), 0.0)
