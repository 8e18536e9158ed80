"""Virtual patients: whose luck depends on what, correlations, and the integer clones of the past."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import binom, poisson

from sim.errors import ScenarioError
from sim.kernels.clones import expected_surviving_founders
from sim.models.design import Design, ProductDesign
from sim.models.leukaemia import build
from sim.trial.cohort import ARM_OFFSET, Cohort, draw
from sim.trial.origin import thin
from sim.trial.quantities import DEFAULTS, PURPOSES, SPREADS, base_name
from sim.trial.scenario import Scenario

WEIGHT = {"distribution": "lognormal", "median": 60, "log_sd": 0.3}
BURDEN = {"distribution": "uniform", "low": 0.05, "high": 0.9}


def trial(**changes: Any) -> Scenario:
    """Two arms, one with CD19 cells and one with both products; `changes` replace or extend blocks."""
    patients = {
        "size": 100,
        "paired": True,
        "weight": WEIGHT,
        "burden": BURDEN,
        **changes.pop("patients", {}),
    }
    dose = {"distribution": "loguniform", "low": 1e5, "high": 1e7}
    document = {
        "schema_version": 1,
        "name": "small",
        "products": {"cd19": {"targets": ["cd19"]}, "cd22": {"targets": ["cd22"]}},
        "lymphodepletion": {"start": -4},
        "assay": {"visits": [28]},
        "arms": {
            "cd19": {"infusions": [{"product": "cd19", "day": 0, "dose": dose}]},
            "both": {
                "infusions": [
                    {"product": "cd22", "day": 0, "dose": 3e6},
                    {"product": "cd19", "day": 0, "dose": dose},
                ]
            },
        },
        **changes,
        "patients": patients,
    }
    return Scenario.parse(document)


def assert_same(one: Cohort, two: Cohort, rows: Any = slice(None)) -> None:
    """Compare two cohorts bit for bit, `rows` of the first with all of the second."""
    for first, second in (
        (one.parameters, two.parameters),
        (one.initial, two.initial),
        (one.covariates, two.covariates),
    ):
        assert first.keys() == second.keys()
        for name, column in first.items():
            np.testing.assert_array_equal(column[rows], second[name], err_msg=name)


def test_one_seed_gives_the_same_patients_and_another_seed_others() -> None:
    one, two = draw(trial(), "cd19", 7, np.arange(40)), draw(trial(), "cd19", 7, np.arange(40))
    assert_same(one, two)
    other = draw(trial(), "cd19", 8, np.arange(40))
    assert not np.any(other.parameters["net_growth_rate"] == one.parameters["net_growth_rate"])


def test_patient_does_not_depend_on_who_else_is_drawn_nor_in_which_order() -> None:
    correlated = {"correlations": [{"between": ["burden", "fitness"], "rho": -0.4}]}
    scenario = trial(patients=correlated)
    everybody = draw(scenario, "both", 3, np.arange(50))
    some = np.array([41, 3, 17])
    assert_same(everybody, draw(scenario, "both", 3, some), rows=some)


def test_paired_arms_treat_the_same_people() -> None:
    one, two = draw(trial(), "cd19", 3, np.arange(50)), draw(trial(), "both", 3, np.arange(50))
    np.testing.assert_array_equal(one.patients, two.patients)
    assert one.initial.keys() == two.initial.keys()
    for name, column in one.initial.items():
        np.testing.assert_array_equal(column, two.initial[name], err_msg=name)
    for name in (
        "net_growth_rate",
        "cd22_density",
        "second_hit_rate",
        "limit_leukaemia",
        "effector_division_rate_cd19",
    ):
        np.testing.assert_array_equal(one.parameters[name], two.parameters[name])


def test_unpaired_arms_treat_different_people() -> None:
    scenario = trial(patients={"paired": False})
    one, two = draw(scenario, "cd19", 3, np.arange(50)), draw(scenario, "both", 3, np.arange(50))
    np.testing.assert_array_equal(two.patients, one.patients + ARM_OFFSET)
    assert not np.any(one.parameters["net_growth_rate"] == two.parameters["net_growth_rate"])


def test_new_law_of_one_quantity_moves_no_other() -> None:
    before = draw(trial(), "cd19", 3, np.arange(50))
    growth = {"distribution": "lognormal", "median": 0.2, "log_sd": 0.1}
    after = draw(trial(patients={"growth": growth}), "cd19", 3, np.arange(50))
    moved = {
        name
        for name, column in before.parameters.items()
        if not np.array_equal(column, after.parameters[name])
    }
    assert moved == {"net_growth_rate"}
    # The quantile stays the patient's own.
    order = np.argsort(before.parameters["net_growth_rate"])
    np.testing.assert_array_equal(order, np.argsort(after.parameters["net_growth_rate"]))


def test_correlation_of_normal_scores_is_the_one_asked_for() -> None:
    rows = [
        {"between": ["burden", "net_growth_rate"], "rho": 0.6},
        {"between": ["cd22_density", "net_growth_rate"], "rho": -0.3},
    ]
    n = 20_000
    cohort = draw(trial(patients={"correlations": rows}), "cd19", 5, np.arange(n))
    burden = ndtri((cohort.covariates["burden"] - 0.05) / 0.85)
    growth, density = (np.log(cohort.parameters[name]) for name in ("net_growth_rate", "cd22_density"))
    # Five standard errors of a correlation, (1 - rho^2)/sqrt(n), and a little for the bounds of the laws.
    assert np.corrcoef(burden, growth)[0, 1] == pytest.approx(0.6, abs=0.03)
    assert np.corrcoef(density, growth)[0, 1] == pytest.approx(-0.3, abs=0.04)
    assert np.corrcoef(density, burden)[0, 1] == pytest.approx(0.0, abs=0.04)
    free = draw(trial(), "cd19", 5, np.arange(n))
    assert abs(np.corrcoef(free.covariates["burden"], free.parameters["net_growth_rate"])[0, 1]) < 0.04


def test_fitness_of_two_products_of_a_patient_is_correlated_but_not_the_same() -> None:
    cohort = draw(
        trial(
            products={
                "cd19": {"targets": ["cd19"], "failure": 0},
                "cd22": {"targets": ["cd22"], "failure": 0},
            }
        ),
        "both",
        5,
        np.arange(5_000),
    )
    scores = [np.log(cohort.parameters[f"fitness_{name}_0"]) for name in ("cd19", "cd22")]
    assert np.corrcoef(*scores)[0, 1] == pytest.approx(0.7, abs=0.04)
    assert not np.any(scores[0] == scores[1])


def test_failed_products_have_a_short_programme_in_the_share_that_is_asked_for() -> None:
    product = {"targets": ["cd19"], "failure": 0.2, "fitness": 12}
    scenario = trial(products={"cd19": product, "cd22": {"targets": ["cd22"]}})
    programme = draw(scenario, "cd19", 5, np.arange(4_000)).parameters["fitness_cd19_0"]
    assert set(np.unique(programme)) == {6.0, 12.0}
    failed = int((programme == 6.0).sum())
    assert 1e-6 < binom.cdf(failed, 4_000, 0.2) < 1.0 - 1e-6


def test_every_cell_of_the_burden_is_in_one_class_and_all_are_whole_numbers() -> None:
    cohort = draw(trial(), "cd19", 3, np.arange(200))
    classes = [column for name, column in cohort.initial.items() if name.startswith(("marrow_", "niche_"))]
    for column in classes:
        assert np.all(column >= 0.0)
        assert np.all(column == np.floor(column))
    np.testing.assert_array_equal(sum(classes), cohort.covariates["burden_cells"])
    negative = sum(column for name, column in cohort.initial.items() if "_none_" in name)
    np.testing.assert_array_equal(negative, cohort.covariates["cd19_negative_cells"])


def test_classes_stand_on_the_levels_of_the_walk_at_rest() -> None:
    cohort = draw(trial(), "cd19", 3, np.arange(50))
    total = sum(cohort.initial[f"marrow_two_level{i}"] for i in range(3))
    np.testing.assert_allclose(cohort.initial["marrow_two_level0"] / total, 0.0202, rtol=0.01)
    share = cohort.initial["niche_two_level1"] / cohort.initial["marrow_two_level1"]
    np.testing.assert_allclose(share, 9e-5, rtol=0.01)


def test_marrow_blast_fraction_at_the_start_is_the_burden() -> None:
    cohort = draw(trial(), "cd19", 3, np.arange(50))
    cells = cohort.covariates["burden_cells"]
    normal = cohort.initial["normal_marrow_fraction"] * 1.4e10 * cohort.covariates["weight"]
    np.testing.assert_allclose(cells / (cells + normal), cohort.covariates["burden"], rtol=1e-9)


FOUNDERS = {
    "net_growth_rate": 0.065,
    "blast_death_rate": 0.04,
    "first_hit_rate": 1e-7,
    "second_hit_rate": 1e-7,
}


def negative_cells(n: int, **changes: Any) -> np.ndarray:
    """CD19-negative cells of patients with 3e11 cells grown from one."""
    patients = {"weight": 70, "burden": 3e11 / (1.4e10 * 70), **changes.pop("patients", {})}
    scenario = trial(parameters={**FOUNDERS, **changes}, patients=patients)
    return draw(scenario, "cd19", 11, np.arange(n)).covariates["cd19_negative_cells"]


@pytest.mark.parametrize("second_hit", [1e-7, 1e-6])
def test_patients_have_negative_cells_as_often_as_the_clone_law_says(second_hit: float) -> None:
    n = 4_000
    carriers = int((negative_cells(n, second_hit_rate=second_hit) > 0).sum())
    founders = float(expected_surviving_founders(0.105, 0.04, 1e-7, second_hit, 3e11))
    assert founders == pytest.approx(0.246 * second_hit / 1e-7, rel=0.02)
    # Lines that stand at the end, of which some will yet die out, are more than the founders whose line survives for ever.
    probability = carriers / n
    assert probability > 1.0 - np.exp(-founders) - 5.0 * np.sqrt(0.25 / n)
    expected = -np.log1p(-probability)
    assert founders < expected < 1.6 * founders


def test_remissions_of_the_past_add_founders_and_an_earlier_drug_multiplies_them() -> None:
    n = 2_000
    once = negative_cells(n)
    history = {"history": {"diagnosis_cells": 5e11, "remission_cells": 1e7, "remissions": 1}}
    twice = negative_cells(n, patients=history)
    drugged = negative_cells(n, patients={**history, "prior_cd19_therapy": 1.0, "cd19_clone_factor": 1e3})
    assert (once > 0).mean() < (twice > 0).mean() < (drugged > 0).mean()
    assert (drugged > 100).mean() > 3.0 * (twice > 100).mean()


def test_negative_disease_at_baseline_is_the_share_that_is_asked_for() -> None:
    patients = {"cd19_negative_at_baseline": 0.5, "cd19_negative_share": 0.9}
    cohort = draw(trial(patients=patients), "cd19", 3, np.arange(200))
    share = cohort.covariates["cd19_negative_cells"] / cohort.covariates["burden_cells"]
    negative = cohort.covariates["cd19_negative_at_baseline"] > 0.5
    assert 60 < negative.sum() < 140
    np.testing.assert_allclose(share[negative], 0.9, atol=1e-6)
    assert np.all(share[~negative] < 1e-3)


def test_burden_at_enrolment_grows_while_the_product_is_made() -> None:
    now = trial(patients={"burden_at": "infusion", "burden": 0.01, "growth": 0.1, "weight": 70})
    making = {"days": 25}
    before = trial(
        patients={"burden_at": "enrolment", "burden": 0.01, "growth": 0.1, "weight": 70}, manufacturing=making
    )
    first, second = (draw(s, "cd19", 1, np.arange(2)).covariates["burden_cells"][0] for s in (now, before))
    # Twenty days until the course starts on day -5; a little less than e^2 by crowding.
    assert second / first == pytest.approx(np.exp(2.0), rel=0.08)
    assert second / first < np.exp(2.0)


def test_limits_of_the_cumulative_hazards_are_exponential() -> None:
    limits = draw(trial(), "cd19", 3, np.arange(5_000)).parameters["limit_background"]
    assert limits.mean() == pytest.approx(1.0, abs=5.0 / np.sqrt(5_000))
    assert (limits > 1.0).mean() == pytest.approx(np.exp(-1.0), abs=0.035)


@pytest.mark.parametrize(
    ("cells", "share"),
    [(50.0, 0.02), (2e3, 0.97), (1e6, 1e-4), (3e6, 0.02), (1e12, 9e-5), (1e12, 1e-11), (1e9, 0.999)],
)
def test_thinning_is_the_quantile_of_the_binomial_law(cells: float, share: float) -> None:
    u = np.array([1e-4, 0.1, 0.5, 0.9, 0.9999])
    got = thin(u, np.full(5, cells), np.full(5, share))
    exact = binom.ppf(u, cells, share) if cells <= 1e6 else poisson.ppf(u, cells * share)
    if cells > 1e6 and cells * share >= 1e4:
        exact = cells * share + np.sqrt(cells * share * (1.0 - share)) * ndtri(u)
    np.testing.assert_allclose(got, exact, rtol=1e-9, atol=1.0)
    assert np.all((got >= 0) & (got <= cells) & (got == np.floor(got)))


def test_thinning_has_its_edges() -> None:
    u = np.array([0.3, 0.3, 0.3])
    np.testing.assert_array_equal(
        thin(u, np.array([0.0, 10.0, 10.0]), np.array([0.5, 0.0, 1.0])), [0.0, 0.0, 10.0]
    )


def test_every_parameter_of_the_model_has_a_stream_or_is_set_by_the_protocol() -> None:
    twin = ProductDesign("both", ("cd19", "cd22"), "additive", rules=("relapse",))
    net = build(
        Design(
            products=(twin,), transplant=True, chemotherapies=1, extramedullary=("node",), single_cells=True
        )
    )
    protocol = (
        "_time",
        "infusion_",
        "fitness_",
        "decision_",
        "transplant_blast_limit",
        "lymphodepletion_delay",
    )
    without = {
        p.name
        for p in net.all_parameters
        if base_name(p.name, ("both",)) not in PURPOSES and not any(word in p.name for word in protocol)
    }
    assert not without


def test_streams_are_numbered_once_and_apart_from_those_of_the_kernels() -> None:
    assert len(set(PURPOSES.values())) == len(PURPOSES)
    assert min(PURPOSES.values()) >= 100
    assert set(SPREADS) <= set(PURPOSES)
    assert set(DEFAULTS) <= set(PURPOSES)
    # Numbers of streams are for ever: a patient's luck hangs on them.
    assert (
        PURPOSES["weight"],
        PURPOSES["clones"],
        PURPOSES["net_growth_rate"],
        PURPOSES["blood_volume"],
    ) == (100, 126, 1015, 1094)


def test_parameter_without_its_product_stands_for_all_products() -> None:
    scenario = trial(parameters={"memory_death_rate": 0.03, "killing_saturation": 1e9})
    parameters = draw(scenario, "both", 1, np.arange(3)).parameters
    for name in ("memory_death_rate_cd19", "memory_death_rate_cd22"):
        np.testing.assert_array_equal(parameters[name], 0.03)
    np.testing.assert_array_equal(parameters["killing_saturation"], 1e9)


def test_cd28_costimulation_shortens_the_life_of_memory_cells_threefold() -> None:
    products = {"cd19": {"targets": ["cd19"], "costimulation": "cd28"}, "cd22": {"targets": ["cd22"]}}
    short = draw(trial(products=products), "cd19", 1, np.arange(5)).parameters
    long = draw(trial(), "cd19", 1, np.arange(5)).parameters
    np.testing.assert_allclose(short["memory_death_rate_cd19"] / long["memory_death_rate_cd19"], 3.0)


def test_an_arm_may_have_no_disease_in_the_node_or_numbers_of_its_own_for_it() -> None:
    general = {"share": 0.3, "access": 0.2}
    for own, share, access in (
        (None, 0.3, 0.2),
        ("none", 0.0, None),
        ({"share": 0.8}, 0.8, 0.2),
        ({"access": 0.05, "exchange": 0.01}, 0.3, 0.05),
    ):
        scenario = trial(model={"sites": ["marrow", "node"], "node": general}).with_({"arms.both.node": own})
        found = {arm: draw(scenario, arm, 1, np.arange(30)) for arm in ("cd19", "both")}
        assert (found["cd19"].parameters["node_share"] == 0.3).all(), "the other arm keeps the model's"
        assert (found["both"].parameters["node_share"] == share).all()
        if access is not None:
            assert (found["both"].parameters["node_access"] == access).all()
        cells = {
            site: sum(column for name, column in found["both"].initial.items() if name.startswith(f"{site}_"))
            for site in ("marrow", "niche", "node")
        }
        np.testing.assert_allclose(cells["node"], share * sum(cells.values()), rtol=1e-3)
        np.testing.assert_array_equal(sum(cells.values()), found["both"].covariates["burden_cells"])


def test_t_cell_fitness_is_a_factor_on_the_programme_of_every_product_of_the_arm() -> None:
    base = trial(patients={"paired": False})
    poor = base.with_({"arms.both.patients": {"t_cell_fitness": 0.6}})
    for arm, factor in (("both", 0.6), ("cd19", 1.0)):
        before, after = (draw(scenario, arm, 2, np.arange(40)).parameters for scenario in (base, poor))
        changed = {name for name in before if not np.array_equal(before[name], after[name])}
        assert changed == ({"fitness_cd19_0", "fitness_cd22_0"} if factor < 1.0 else set())
        for name in changed:
            np.testing.assert_allclose(after[name], factor * before[name], rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parameters": {"killing_rat": 3}}, ["killing_rat", "killing_rate"]),
        (
            {"patients": {"correlations": [{"between": ["burden", "fitnes"], "rho": 0.2}]}},
            ["fitnes", "fitness"],
        ),
    ],
)
def test_unknown_names_are_refused_with_a_suggestion(changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ScenarioError) as error:
        draw(trial(**changes), "cd19", 0, np.arange(2))
    for word in words:
        assert word in str(error.value)
