"""Patients of a posterior's populations: which population each comes from, what moves his laws, and what a share is then uncertain by."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from sim.errors import ScenarioError, StorageError
from sim.trial.cohort import draw
from sim.trial.draws import Draws
from sim.trial.populations import NOTES, TABLE, middle_and_sd, moved, read_populations
from sim.trial.predictive import beta_binomial, km_medians
from sim.trial.provenance import run_hash
from sim.trial.reported import _beta
from sim.trial.scenario_io import load
from sim.trial.scenario_view import sections
from sim.trial.tables import write_parquet
from sim.trial.uncertainty import Grouping, Origin, components
from tests.trial.small_posterior import SIZE, small_posterior

N = SIZE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_posterior(tmp_path, "turtle2016-cd19")


def of(folder: Path, **more: object):
    return load("turtle2016-cd19").with_(
        {"patients.posterior": {"folder": str(folder), "trial": "turtle2016-cd19", **more}}
    )


def test_patients_take_the_populations_in_turn_and_their_laws_have_its_medians(folder: Path) -> None:
    """A patient's score is what it was; the median around which it lies is his population's."""
    patients = np.arange(40)
    plain = draw(load("turtle2016-cd19").with_({"patients.posterior": None}), "cd19", 1, patients)
    cohort = draw(of(folder), "cd19", 1, patients)
    growth = cohort.parameters["net_growth_rate"] / plain.parameters["net_growth_rate"]
    middle, _ = middle_and_sd(load("turtle2016-cd19"), "net_growth_rate", {})
    expected = np.linspace(0.08, 0.16, N)[patients % N] / math.exp(middle)
    free = (plain.parameters["net_growth_rate"] < 0.3) & (cohort.parameters["net_growth_rate"] < 0.3)
    # The law is cut at 0.4 /day, which its quantiles know.
    np.testing.assert_allclose(growth[free], expected[free], rtol=0.01)
    assert free.sum() > 30
    access = np.log(cohort.parameters["niche_access"])
    luck = Draws(1, cohort.patients).score("niche_access")
    np.testing.assert_allclose(access, np.log(np.linspace(0.05, 0.15, N))[patients % N] + 0.3 * luck, rtol=1e-6)  # fmt: skip
    assert "niche_access" not in plain.parameters
    assert (cohort.parameters["killing_rate"] == plain.parameters["killing_rate"]).all()


def test_a_law_of_the_scenario_is_not_moved(folder: Path) -> None:
    scenario = of(folder).with_(
        {"parameters.net_growth_rate": {"distribution": "lognormal", "median": 0.1, "log_sd": 0.2}}
    )
    cohort = draw(scenario, "cd19", 1, np.arange(10))
    plain = draw(scenario.with_({"patients.posterior": None}), "cd19", 1, np.arange(10))
    assert (cohort.parameters["net_growth_rate"] == plain.parameters["net_growth_rate"]).all()
    assert "niche_access" in cohort.parameters


def test_the_effects_of_a_fitted_trial_are_its_own_and_those_of_a_new_one_are_drawn(folder: Path) -> None:
    """20,000 new trials: SD of the shift of the logarithm within 5 standard errors of the population's; none with an SD of 0."""
    own = moved(of(folder), "cd19", 1, np.arange(10)).scores["burden"].shift
    assert np.corrcoef(own, np.linspace(-0.4, 0.4, N)[np.arange(10) % N])[0, 1] > 0.999999
    new = of(folder, trial="new", between_trials=0.6)
    shifts = [moved(new, "cd19", seed, np.arange(N * 4)).scores["burden"].shift for seed in range(1000)]
    scale = np.abs(own[0] / -0.4)
    assert abs(np.std(shifts) / (0.6 * scale) - 1.0) < 5.0 / math.sqrt(2 * 20_000)
    assert (
        moved(of(folder, trial="new", between_trials=0.0), "cd19", 1, np.arange(9)).scores["burden"].shift
        == 0.0
    ).all()
    many = moved(of(folder, trial="new"), "cd19", 1, np.arange(N * 4 * 100)).scores["burden"].shift
    assert len(np.unique(many)) == N * 4, "the patients of a population share four trials"


def test_more_patients_and_paired_arms_change_nobody(folder: Path) -> None:
    scenario = load("dual-upfront").with_({"patients.posterior": {"folder": str(folder)}})
    one = draw(scenario, "cd19", 1, np.arange(7))
    other = draw(scenario, "tandem", 1, np.arange(50))
    for name in ("net_growth_rate", "niche_access"):
        assert (one.parameters[name] == other.parameters[name][:7]).all()
    assert (one.covariates["burden"] == other.covariates["burden"][:7]).all()


def test_a_scenario_shows_its_populations(folder: Path) -> None:
    scenario = of(folder, trial="new", between_trials=0.6, without="fry2018-cd22")
    ((value, kind),) = [
        row[1:]
        for title, rows in sections(scenario)
        for row in rows
        if title == "Patients" and row[0] == "populations"
    ]
    assert kind == "fitted"
    assert value.startswith("the first 100 of the posterior without fry2018-cd22 in ")
    assert value.endswith("with the effects of a new trial (SD 0.6)")


def test_without_products_there_are_no_quantities_of_products(folder: Path) -> None:
    (folder / TABLE).unlink()
    columns = {
        "net_growth_rate": np.full(N, 0.1),
        "killing_rate": np.full(N, 8.0),
        "burden between trials": np.full(N, 0.3),
    }
    write_parquet(folder / TABLE, columns)
    notes = {
        "quantities": ["net_growth_rate", "killing_rate"],
        "breadths": {},
        "effects": ["burden"],
        "trials": [],
    }
    (folder / NOTES).write_text(json.dumps(notes), encoding="utf-8")
    block = {"patients.posterior": {"folder": str(folder)}}
    scenario = load("untreated", block)
    assert set(moved(scenario, "untreated", 1, np.arange(3)).scores) == {"net_growth_rate", "burden"}
    assert set(moved(load("dual-upfront", block), "tandem", 1, np.arange(3)).scores) == {
        "net_growth_rate",
        "burden",
        "killing_rate",
    }
    draw(scenario, "untreated", 1, np.arange(3))


def test_the_hash_knows_which_posterior(folder: Path) -> None:
    scenario = of(folder)
    before = run_hash(scenario, 1, "hybrid")
    columns = {name: np.array(values) for name, values in read_populations(folder).medians.items()}
    columns["net_growth_rate"][0] *= 1.001
    rest = {"burden between trials": np.full(N, 0.3), "burden of turtle2016-cd19": np.zeros(N)}
    write_parquet(folder / TABLE, {**columns, **rest})
    assert run_hash(scenario, 1, "hybrid") != before
    assert scenario.with_({"patients.posterior": None}).content_hash() != scenario.content_hash()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"trial": "turtle2016"}, r"^patients.posterior.trial: 'turtle2016'; names a trial that was fitted, or new; did you mean 'turtle2016-cd19'[?]$"),
        ({"draws": 0}, "patients.posterior.draws: 0; "),
        ({"between_trials": -1}, "patients.posterior.between_trials: -1; "),
    ],
)  # fmt: skip
def test_wrong_choices_are_one_line(folder: Path, more: dict[str, object], said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as found:
        draw(of(folder, **more), "cd19", 1, np.arange(2))
    assert "\n" not in str(found.value)


def test_no_posterior_and_a_damaged_one_are_one_line(folder: Path) -> None:
    with pytest.raises(StorageError, match="no such file; patients are drawn from a posterior's table; run"):
        read_populations(folder / "elsewhere")
    (folder / NOTES).write_text("{", encoding="utf-8")
    with pytest.raises(StorageError, match="a posterior is its table and its notes") as found:
        read_populations(folder)
    assert "\n" not in str(found.value)


def test_components_are_those_of_nested_groups() -> None:
    """2,000 tables of 40 populations, 4 trials and 5 patients: the mean of each variance is within 5 standard errors of the truth."""
    rng = np.random.default_rng(1)
    grouping = Grouping(40, 4)
    origin = grouping.origin(np.arange(800))
    found = []
    for _ in range(2000):
        population, trial = rng.normal(0.0, 0.3, 40), rng.normal(0.0, 0.2, (40, 4))
        values = (
            population[origin.population] + trial[origin.population, origin.trial] + rng.normal(0.0, 0.5, 800)
        )
        found.append(components(values, origin)[1:])
    table = np.array(found)
    error = table.std(axis=0) / math.sqrt(2000)
    assert (abs(table.mean(axis=0) - [0.09, 0.04, 0.25]) < 5.0 * error).all()
    assert (abs(table.mean(axis=0) - [0.10, 0.04, 0.25]) > 5.0 * error)[0], (
        "eleven percent more would be seen"
    )


def test_components_of_one_group_and_of_nobody() -> None:
    one = components(np.array([0.0, 1.0, 1.0, 0.0]), Origin(np.zeros(4, np.int64), np.zeros(4, np.int64)))
    assert one.populations == one.trials == 0.0
    assert one.patients == pytest.approx(1.0 / 3.0)
    assert math.isnan(components(np.zeros(0), Origin(np.zeros(0, np.int64), np.zeros(0, np.int64))).mean)


@pytest.mark.parametrize("variance", [0.0, 0.01, 0.1])
def test_a_predictive_count_has_the_variance_of_populations_and_of_chance(variance: float) -> None:
    """Beta-binomial of n = 10: variance n p (1 - p) + n (n - 1) v, v that between populations and what 1,000 patients leave unknown."""
    law = beta_binomial(10, *_beta((300.0, 700.0), variance), prior=0.0)
    k = np.arange(11)
    mean = float(law @ k)
    p, v = 0.3, variance + 0.21 / 1002.0
    assert mean == pytest.approx(3.0, abs=0.02)
    assert float(law @ (k - mean) ** 2) == pytest.approx(10 * (p * (1 - p) - v) + 100 * v, rel=0.01)


def test_medians_of_trials_from_one_population_each_vary_more() -> None:
    """Ten populations with medians from 1 to 10: trials of 20 from one each spread as those do, 4,000 trials."""
    groups = np.repeat(np.arange(10), 50)
    days = (groups + 1.0) * np.random.default_rng(1).uniform(0.99, 1.01, 500)
    event = np.ones(500, np.bool_)
    apart = km_medians(days, event, 20, (), 4000, 1, groups)
    pooled = km_medians(days, event, 20, (), 4000, 1)
    assert apart.std() == pytest.approx(np.arange(1.0, 11.0).std(), rel=0.05)
    assert pooled.std() < 0.5 * apart.std()
