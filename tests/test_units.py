from __future__ import annotations

import pytest

from sim.errors import InputError
from sim.units import canonical_unit, convert, dimension_of, dimensions, units_of


@pytest.mark.parametrize(
    ("value", "unit", "dimension", "canonical"),
    [
        (1.0, "month", "time", 30.4375),
        (48.0, "hour", "time", 2.0),
        (2.0, "year", "time", 730.5),
        (7.0, "1/week", "rate", 1.0),
        (1.0, "1/hour", "rate", 24.0),
        (5.0, "percent", "fraction", 0.05),
        (2000.0, "sites/cell", "density", 2000.0),
        (1e-7, "1/division", "hit", 1e-7),
        (3.0, "cells/mL", "blood", 3e-3),
    ],
)
def test_a_unit_is_its_factor(value, unit, dimension, canonical):
    assert convert(value, unit, dimension) == pytest.approx(canonical, rel=1e-15)


@pytest.mark.parametrize("dimension", dimensions())
def test_the_canonical_unit_comes_first_and_changes_nothing(dimension):
    assert units_of(dimension)[0] == canonical_unit(dimension)
    assert convert(3.5, canonical_unit(dimension), dimension) == 3.5


def test_years_hold_twelve_months_and_months_thirty_days():
    assert convert(12.0, "month", "time") == convert(1.0, "year", "time")
    assert 4.3 < convert(1.0, "month", "time") / convert(1.0, "week", "time") < 4.4


def test_a_foreign_unit_is_refused_and_the_allowed_ones_are_named():
    with pytest.raises(InputError) as caught:
        convert(1.0, "kg", "dose")
    assert str(caught.value).startswith("unit: 'kg'; must be one of cells/kg")


def test_a_misspelt_unit_gets_a_suggestion():
    with pytest.raises(InputError, match="did you mean 'month'"):
        convert(1.0, "mnth", "time")


def test_an_unknown_dimension_is_refused():
    with pytest.raises(InputError, match="must be one of time"):
        convert(1.0, "day", "duration")


def test_a_unit_leads_to_its_dimension():
    assert dimension_of("1/year") == "rate"
    assert dimension_of("parsec") is None
