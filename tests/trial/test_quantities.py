"""What varies between patients by default: every number says what it rests on, and how it stands to the rough fit."""

from __future__ import annotations

import numpy as np
import pytest

from sim.models.design import Design, ProductDesign
from sim.models.leukaemia import build
from sim.trial.cohort import draw
from sim.trial.quantities import DEFAULTS, SPREADS, default_law
from sim.trial.scenario import Scenario

FIT = "rough fit to the reported outcomes"
# SD of ln in the rough fit of the design notes, for the parameters that it lets vary.
FITTED = {"net_growth_rate": 0.58, "second_hit_rate": 0.65, "cd22_density": 0.68, "killing_rate": 0.39}


def cohort(costimulation: str = "4-1bb", failure: float = 0.0) -> dict[str, np.ndarray]:
    """Parameters of the same 40 patients under a product."""
    document = {
        "schema_version": 1,
        "name": "small",
        "products": {"cart": {"targets": ["cd19"], "costimulation": costimulation, "failure": failure}},
        "patients": {"size": 40, "weight": 70, "burden": 0.3},
        "assay": {"visits": [28]},
        "arms": {"a": {"infusions": [{"product": "cart", "day": 0, "dose": 1e6}]}},
    }
    return draw(Scenario.parse(document), "a", 1, np.arange(40)).parameters


@pytest.mark.parametrize("name", [*SPREADS, *DEFAULTS])
def test_every_default_is_assumed_and_says_what_it_rests_on(name: str) -> None:
    found = SPREADS[name] if name in SPREADS else DEFAULTS[name]
    assert found.kind == "assumed"
    assert found.source or found.note


@pytest.mark.parametrize("name", FITTED)
def test_spread_is_the_rough_fits_or_says_that_it_is_not(name: str) -> None:
    spread, fit = SPREADS[name], FITTED[name]
    if spread.log_sd == fit:
        assert spread.source == FIT
    else:
        assert spread.source == "set by hand"
        assert f"{fit:g}" in spread.note


def test_median_of_a_default_differs_from_the_fit_only_where_its_note_says_so() -> None:
    for name, fit in (("failure", "0.094"), ("engraftment", "0.044")):
        assert DEFAULTS[name].source == "set by hand"
        assert fit in DEFAULTS[name].note
    assert DEFAULTS["fitness"].source == FIT
    assert "0.15" in DEFAULTS["fitness"].note


def test_law_of_a_parameter_carries_the_evidence_of_its_spread() -> None:
    net = build(Design(products=(ProductDesign("cart", ("cd19",)),)))
    laws = {p.name: default_law(p.name, float(p.value), p.unit, ("cart",)) for p in net.all_parameters}
    varying = {name: law for name, law in laws.items() if law is not None}
    assert {"net_growth_rate", "memory_death_rate_cart", "effector_division_rate_cart"} <= set(varying)
    for law in varying.values():
        assert law.kind == "assumed"
        assert law.source
        assert law.unit != ""
    assert laws["blast_death_rate"] is None
    assert varying["net_growth_rate"].note.startswith("narrower than the rough fit")


def test_failed_product_has_half_a_programme_and_seven_tenths_of_the_division() -> None:
    good, bad = cohort(), cohort(failure=1.0)
    np.testing.assert_allclose(bad["fitness_cart_0"], 0.5 * good["fitness_cart_0"])
    rate = "effector_division_rate_cart"
    np.testing.assert_allclose(bad[rate], 0.7 * good[rate])
    for name in ("failed_programme", "failed_expansion"):
        assert "rough fit" in DEFAULTS[name].source


def test_memory_dies_three_times_faster_with_cd28() -> None:
    name = "memory_death_rate_cart"
    np.testing.assert_allclose(cohort("cd28")[name], 3.0 * cohort("4-1bb")[name])
