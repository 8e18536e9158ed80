"""Fixtures that several files of this folder use."""

from __future__ import annotations

import pytest

import sim
from sim.trial import courses
from tests.trial.made_up import MadeUp


@pytest.fixture(scope="module")
def result():
    """Sixty patients an arm of `fry2018-cd22`, with made-up courses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(courses, "simulate", MadeUp())
        return sim.run("fry2018-cd22", patients=60, seed=1)
