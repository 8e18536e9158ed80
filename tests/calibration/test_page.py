"""docs/calibration.md, and the posterior that ships: the page is of these tables, and the tables of these scenarios."""

from __future__ import annotations

import json

import numpy as np
import pytest

from calibration.inference import Inference
from calibration.priors import QUANTITIES
from calibration.study import shortfalls
from docs import calibration as page
from sim.trial.populations import NOTES, SHIPPED, read_populations
from sim.trial.scenario_io import load

pytestmark = pytest.mark.skipif(not (SHIPPED / NOTES).exists(), reason="no posterior ships yet")


@pytest.fixture(scope="module")
def notes():
    return json.loads((SHIPPED / NOTES).read_text(encoding="utf-8"))


def test_the_tables_of_the_page_are_those_of_the_notes() -> None:
    """`python docs/calibration.py --patients 0` writes them."""
    text = page.PAGE.read_text(encoding="utf-8")
    for name, content in page.of_notes().items():
        assert page.put(text, name, content) == text, name


def test_what_was_fitted_are_the_scenarios_that_ship(notes, tmp_path) -> None:
    """Another scenario, another posterior: `make posterior` remakes it."""
    hashes = {name: one.content_hash() for name, one in Inference(tmp_path).scenarios.items()}
    assert notes["scenario_hashes"] == hashes


def test_the_populations_are_whole() -> None:
    for left_out, size in ((None, 400), *((name, 200) for name in page.FITTED)):
        populations = read_populations(SHIPPED, left_out)
        assert populations.size == size
        assert set(populations.medians) == {one.name for one in QUANTITIES}
        assert set(populations.effects) == set(page.FITTED) - {left_out}
        assert all(
            np.isfinite(values).all() and (values > 0.0).all() for values in populations.medians.values()
        )


def test_the_notes_say_what_the_posterior_falls_short_of(notes) -> None:
    assert notes["shortfalls"] == shortfalls(notes)
    spoiled = {**notes, "noise_at_mode": 2.0}
    assert len(shortfalls(spoiled)) == len(notes["shortfalls"]) + 1


def test_scenarios_of_the_library_draw_from_it() -> None:
    for name in page.FITTED:
        chosen = load(name).patients.posterior
        assert chosen is not None
        assert chosen.trial == name
    chosen = load("dual-upfront").patients.posterior
    assert chosen is not None
    assert chosen.trial == "new"
