"""Factors: all numbers of the model are one or are held for a reason, and moving one moves that number alone, by as much as its law says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibration.factors import factors_of
from calibration.priors import QUANTITIES
from calibration.ranges import RANGES
from sim.trial.cohort import draw
from sim.trial.draws import Draws
from sim.trial.quantities import base_name
from sim.trial.scenario_io import list_scenarios, load
from sim.trial.sheet import network_of

TRIALS = tuple(entry.name for entry in list_scenarios() if entry.name != "killing-assay")
MIDDLE = 0.5


@pytest.fixture(scope="module", params=TRIALS)
def opened(request):
    return factors_of(load(request.param))


def cohort(opened, u, arm=None, n=64):
    """Patients with each factor at a quantile of its law; half unless it is among `u`."""
    scenario = opened.scenario
    points = {name: np.full(n, MIDDLE) for name in opened.names} | {
        name: np.full(n, value) for name, value in u.items()
    }
    scores = {one.name: one.score(points[one.name]) for one in opened.factors}
    return draw(scenario, arm or next(iter(scenario.arms)), 1, np.arange(n), scores)


def named(opened, name):
    return next(one for one in opened.factors if one.name == name)


def test_every_number_of_the_network_is_a_factor_or_held_for_a_reason(opened) -> None:
    products = opened.scenario.used_products()
    numbers = {base_name(one.name, products) for one in network_of(opened.scenario).all_parameters}
    assert numbers - {"weight"} <= {*opened.names, *opened.held}
    assert not set(opened.names) & set(opened.held)
    assert all(opened.held.values())


def test_every_factor_says_what_it_rests_on(opened) -> None:
    for one in opened.factors:
        assert one.kind in ("measured", "assumed", "fitted", "reported")
        low, middle, high = one.law.quantile(np.array([0.025, 0.5, 0.975]))
        assert 0.0 < low < middle < high < math.inf, one.name


def test_what_is_calibrated_has_its_prior_and_its_kind_of_evidence() -> None:
    opened = factors_of(load("fry2018-cd22"))
    for prior in QUANTITIES:
        law = named(opened, prior.name).law
        assert (law.centre, law.log_sd, law.kind) == (prior.median, prior.log_sd, prior.kind)
    assert (
        named(opened, "rejection_rate").law.describe() == "loguniform (low 1e-10, high 4e-10) 70 kg/cell/day"
    )
    assert named(opened, "blast_death_rate").kind == "measured"


@pytest.mark.parametrize("name", sorted(RANGES))
def test_a_stated_range_holds_the_value_that_it_goes_with(name) -> None:
    stated = RANGES[name]
    assert 0.0 < stated.low <= stated.at <= stated.high


@pytest.mark.parametrize("name", ["fry2018-cd22", "brentjens2013-bridge-to-transplant", "dual-upfront"])
def test_each_factor_moves_patients_and_only_itself(name) -> None:
    """At nine tenths of its law for the middle, some number of the patients differs; a threshold differs in all products that have it."""
    opened = factors_of(load(name))
    arm = "tandem" if name == "dual-upfront" else None
    base = cohort(opened, {}, arm)
    still = []
    for one in opened.names:
        moved = cohort(opened, {one: 0.9}, arm)
        differs = [
            key
            for before, after in ((base.parameters, moved.parameters), (base.initial, moved.initial))
            for key in after
            if not np.array_equal(before[key], after[key])
        ]
        if not differs:
            still.append(one)
        if one == "threshold_cd19":
            assert {key for key in differs if key.startswith("threshold")} == {
                key for key in moved.parameters if key.startswith("threshold") and key.endswith("cd19")
            }
    # Numbers of clones are whole: among 64 patients the factor on theirs may change none.
    assert set(still) <= {"cd19_clone_factor"}


def test_a_number_that_all_share_is_the_same_in_everybody_and_has_its_law() -> None:
    opened = factors_of(load("fry2018-cd22"))
    for name in ("rejection_rate", "killing_saturation", "cd22_spread"):
        law = named(opened, name).law
        for u in (0.1, MIDDLE, 0.8):
            values = cohort(opened, {name: u}).parameters[name]
            assert values == pytest.approx(np.full(64, law.quantile(np.array([u]))[0]), rel=1e-9)


def test_a_median_between_patients_has_its_law_and_keeps_its_breadth() -> None:
    """4,000 patients: the median is that of the point within 4 standard errors, 1.25 SD/sqrt(n)."""
    opened = factors_of(load("fry2018-cd22"))
    for name in ("killing_rate", "effector_death_rate", "cd22_density"):
        factor = named(opened, name)
        for u in (0.1, 0.8):
            logs = np.log(cohort(opened, {name: u}, n=4000).parameters[name])
            spread = factor.between.log_sd
            expected = math.log(factor.law.quantile(np.array([u]))[0])
            assert float(np.median(logs)) == pytest.approx(expected, abs=4 * 1.25 * spread / math.sqrt(4000))
            assert float(logs.std()) == pytest.approx(spread, rel=0.06)


def test_products_that_differ_move_by_one_factor() -> None:
    opened = factors_of(load("dual-upfront").with_({"products.tandem.threshold.cd19": 300.0}))
    low, high = (cohort(opened, {"threshold_cd19": u}, "tandem").parameters for u in (0.2, 0.7))
    ratios = {
        key: float(high[key][0] / low[key][0])
        for key in high
        if key.startswith("threshold") and key.endswith("cd19")
    }
    assert len(ratios) == 2
    assert len({round(ratio, 9) for ratio in ratios.values()}) == 1
    assert float(low["threshold_tandem_cd19"][0] / low["threshold_cd19_cd19"][0]) == pytest.approx(
        300.0 / 160.0
    )


def test_a_value_of_the_scenario_is_what_its_range_goes_around() -> None:
    opened = factors_of(
        load("fry2018-cd22").with_({"parameters.rejection_rate": 1e-9, "parameters.memory_death_rate": 0.01})
    )
    assert named(opened, "rejection_rate").law.describe().startswith("loguniform (low 5e-10, high 2e-9)")
    assert named(opened, "memory_death_rate").law.centre == 0.01
    assert named(opened, "memory_death_rate").between is None


def test_probabilities_are_moved_to_those_of_their_law() -> None:
    """20,000 patients at failure probabilities of 0.04 and 0.09: within 5 standard errors."""
    factor = named(factors_of(load("fry2018-cd22")), "failure")
    n = 20_000
    for u in (0.001, 0.999):
        p = float(factor.law.quantile(np.array([u]))[0])
        draws = Draws(1, np.arange(n), scores={"failure": factor.score(np.full(n, u))})
        share = float(draws.value("failure", factor.between).mean())
        assert abs(share - p) < 5.0 * math.sqrt(p * (1.0 - p) / n)


def test_draws_cannot_move_what_all_patients_share() -> None:
    opened = factors_of(load("fry2018-cd22"))
    with pytest.raises(ValueError, match="rejection_rate"):
        named(opened, "rejection_rate").score_of(np.ones(3))


def test_the_scenario_itself_is_not_changed() -> None:
    scenario = load("turtle2016-cd19")
    before = scenario.content_hash()
    factors_of(scenario)
    assert scenario.content_hash() == before
