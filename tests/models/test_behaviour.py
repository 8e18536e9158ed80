"""What the leukaemia model shows over cohorts: kinetics, relapse of single products, dual targeting, extinction.

Each test states how many patients it has, what it could tell from no effect, and what its failure would mean. All cohorts have one seed and
virtual adults with overt disease; arms are paired, so that differences between arms are those of a patient with the same luck. Sizes of
the effects, over larger cohorts, are in docs/model-behaviour.md.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from sim.network.simulation import ODE
from sim.trial.cohort import draw
from sim.trial.run import run
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import load
from tests.models.trials import SEED, courses, infusion, product, trial

CD19, CD22 = {"cd19": product("cd19")}, {"cd22": product("cd22")}


def endpoints(scenario: Scenario, size: int) -> dict[str, pd.DataFrame]:
    """Endpoints of each arm, patients in order; a failed row fails the test."""
    result = run(scenario, seed=SEED, patients=size, threads=1)
    assert result.failed == 0
    table = result.endpoints
    return {arm: table[table.arm == arm].set_index("patient") for arm in scenario.arms}


def relapses(arm: pd.DataFrame, *phenotypes: str) -> pd.Series[bool]:
    """Who relapsed, with blasts of these phenotypes if any are named."""
    return arm.relapse_phenotype.isin(phenotypes) if phenotypes else arm.relapse_day.notna()


def responds(arm: pd.DataFrame) -> pd.Series[bool]:
    """Who had a complete remission."""
    return arm.cr.fillna(False).astype(bool)


NEGATIVE = ("cd19-negative", "both", "switched")


# Kinetics and lymphodepletion: points 1 and 2.


@cache
def kinetics(size: int = 80) -> dict[str, pd.DataFrame]:
    bare = {"infusions": [infusion("cd19", 1e6)], "lymphodepletion": "none"}
    arms = {"low": [infusion("cd19", 1e6)], "high": [infusion("cd19", 1e7)], "bare": bare}
    return endpoints(trial(arms, products=CD19, horizon=180), size)


def test_cells_expand_peak_in_the_second_week_contract_and_leave_a_tail() -> None:
    """80 patients; medians are known within about 5 % (day of the peak: half a day).

    A failure means that the finite programme, or the loss of targets, no longer shapes the course.
    """
    arm = kinetics()["low"]
    assert 9.0 <= arm.tmax.median() <= 14.0
    assert 0.5 < arm.doubling_time.median() < 1.1
    assert 3.0 * arm.contraction_half_life.median() < arm.terminal_half_life.median()
    assert (arm.last_detectable_day >= 170.0).mean() > 0.3


def test_tenfold_dose_changes_the_peak_less_than_twofold() -> None:
    """80 pairs; the median ratio is known within a tenth, so that 2 is told from 1.6, and from the 10 of a peak that follows dose.

    A failure means that the peak is no longer limited by antigen and programme but by the cells infused.
    """
    arms = kinetics()
    ratio = (arms["high"].cmax / arms["low"].cmax).median()
    assert 1.0 < ratio < 1.7


@pytest.mark.parametrize("target", ["cd19", "cd22"])
def test_peak_follows_burden_with_a_log_log_slope_between_a_fifth_and_one(target: str) -> None:
    """80 patients, blasts log-uniform over three decades; the slope has a standard error of about 0.06.

    A failure means that expansion ignores antigen (slope 0) or does not saturate (1 or more); test_course.py shows the saturation itself.
    """
    burden = {"distribution": "loguniform", "low": 0.001, "high": 0.9}
    products = {target: product(target)}
    arm = endpoints(
        trial({"one": [infusion(target, 1e6)]}, products=products, patients={"burden": burden}, horizon=90),
        80,
    )["one"]
    seen = arm[arm.cmax > 0.0]
    assert len(seen) > 70
    blasts, peak = np.log10(seen.baseline_blasts), np.log10(seen.cmax)
    slope = float(np.polyfit(blasts, peak, 1)[0])
    assert 0.2 + 0.06 < slope < 1.0 - 0.06


def test_without_lymphodepletion_the_peak_is_later_and_lower() -> None:
    """80 pairs; 60 % of pairs with a lower peak would be two standard errors from a coin.

    A failure means that IL-7/15, or what consumes it, no longer helps the expansion.
    """
    arms = kinetics()
    lower = arms["bare"].cmax < arms["low"].cmax
    assert lower.mean() > 0.62
    assert (arms["bare"].cmax / arms["low"].cmax).median() < 0.85
    assert (arms["bare"].tmax - arms["low"].tmax).median() > 4.0


def test_second_infusion_into_a_primed_patient_fails_without_lymphodepletion() -> None:
    """300 pairs, of whom some 5 % relapse with CD19 and are infused again with 1e7/kg; each pair shows a difference of a decade.

    The same cells in the same patients expand after lymphodepletion. The control are the 80 pairs above: in naive patients its lack costs
    less than a factor of two. A failure means that the anti-CAR response does not remember, or that lymphodepletion does not cut it.
    """
    second = infusion("cd19", 1e7, 60.0, only_if="relapse")
    arms = {
        "with": [infusion("cd19"), second],
        "without": [infusion("cd19"), {**second, "lymphodepletion": "none"}],
    }
    scenario = trial(arms, products=CD19, horizon=500)
    days = np.arange(-5.0, 501.0)
    outputs = ("car_t_cells", "leukaemia_cells", "cd19_negative_cells", "anti_car_cd19")
    cohorts = {arm: draw(scenario, arm, SEED, np.arange(300)) for arm in arms}
    found = {arm: courses(cohort, days, outputs) for arm, cohort in cohorts.items()}
    given = {arm: course.fired["reinfusion_cd19_relapse_0"] for arm, course in found.items()}
    expansion: dict[str, list[float]] = {"with": [], "without": []}
    change: dict[str, list[float]] = {"with": [], "without": []}
    immunity: dict[str, list[float]] = {"with": [], "without": []}
    for patient in np.flatnonzero(np.maximum(given["with"], given["without"]) < 455.0):
        start = {arm: int(np.ceil(given[arm][patient])) + 5 for arm in arms}
        before = {arm: found[arm]["leukaemia_cells"][patient, start[arm] - 1] for arm in arms}
        if any(found[a]["cd19_negative_cells"][patient, start[a] - 1] > 0.1 * before[a] for a in arms):
            continue
        for arm, course in found.items():
            infused = cohorts[arm].parameters["infusion_cells_cd19_relapse_0"][patient]
            here = slice(start[arm], start[arm] + 45)
            expansion[arm].append(float(course["car_t_cells"][patient, here].max() / infused))
            change[arm].append(float(course["leukaemia_cells"][patient, start[arm] + 28] / before[arm]))
            immunity[arm].append(float(course["anti_car_cd19"][patient, start[arm] - 1]))
    assert len(expansion["with"]) >= 8
    assert np.median(expansion["with"]) > 5.0 * np.median(expansion["without"])
    assert np.median(immunity["with"]) < 0.2 * np.median(immunity["without"])
    assert np.median(change["with"]) < 0.2
    assert np.median(change["without"]) > 1.0


# Single and dual products: points 3 to 6.


@cache
def dual(size: int = 120) -> dict[str, pd.DataFrame]:
    return endpoints(load("dual-upfront"), size)


def test_single_cd19_product_brings_remission_to_most_and_cd19_negative_relapse_to_some() -> None:
    """120 patients, 75 % with overt disease; shares have standard errors of 3-4.5 %.

    A failure means that the product, or the law of clones, is far off.
    """
    arm = dual()["cd19"]
    assert responds(arm).mean() > 0.75
    assert 0.1 < relapses(arm, *NEGATIVE).sum() / responds(arm).sum() < 0.6


def test_relapse_under_persisting_cells_is_antigen_negative_and_the_rest_goes_with_their_loss() -> None:
    """120 patients, some 60 relapses of which some 15 keep CD19; the shares compared differ by half or more.

    B cells return in at least as many patients with an antigen-positive relapse as they stay away in. A failure means that persistence no
    longer protects against leukaemia with antigen.
    """
    arm = dual()["cd19"]
    kept, lost = relapses(arm, "positive", "cd22-low"), relapses(arm, *NEGATIVE)
    assert kept.sum() >= 8
    persists = arm.relapse_car_t_persisting.fillna(False).astype(bool)
    assert persists[lost].mean() > persists[kept].mean() + 0.3
    assert lost[persists].mean() > 0.85
    recovered = arm.b_cell_recovery_day <= arm.relapse_day
    assert recovered[kept].mean() > 0.5
    assert recovered[kept].mean() > recovered[lost].mean() + 0.2


def cd22_alone(size: int = 100, levels: int = 3, horizon: float = 545.0, **changes: object) -> pd.DataFrame:
    scenario = trial(
        {"cd22": [infusion("cd22")]},
        products={"cd22": product("cd22", **changes)},
        horizon=horizon,
        model={"antigen_grid": {"cd22_levels": levels}},
    )
    return endpoints(scenario, size)["cd22"]


def cd22_at_relapse(arm: pd.DataFrame) -> float:
    """Median CD22 density at relapse over that before treatment."""
    assert relapses(arm).sum() >= 20
    return float(arm.cd22_ratio[relapses(arm)].median())


def test_single_cd22_product_is_followed_by_relapse_with_lowered_and_not_lost_cd22() -> None:
    """120 patients, some 60 relapses; a share of 70 % has a standard error of 6 %.

    A failure means that dim cells are no longer what escapes.
    """
    arm = dual()["cd22"]
    assert responds(arm).mean() > 0.5
    relapsed = relapses(arm)
    assert relapsed.sum() > 0.3 * responds(arm).sum()
    assert relapses(arm, "cd22-low").sum() > 0.7 * relapsed.sum()
    assert 0.1 < cd22_at_relapse(arm) < 0.6
    assert (arm.cd22_lost_share[relapsed] > 0.5).mean() < 0.1


def test_cd22_at_relapse_moves_with_threshold_and_persistence_on_a_fixed_ladder() -> None:
    """100 patients an arm, 25-50 relapses each; medians of the ratio have standard errors of about 0.01, of the keen product 0.06.

    A failure means that the ladder's rungs, not the receptor, decide how dim the escaping cells are.
    """
    usual = cd22_at_relapse(cd22_alone())
    keen = cd22_at_relapse(cd22_alone(threshold=500.0))
    brief = cd22_at_relapse(cd22_alone(memory_death=0.1))
    assert keen > 1.4 * usual
    assert brief > 1.6 * usual


def test_cd22_at_relapse_hardly_changes_with_a_ladder_of_six() -> None:
    """100 patients each; remission shares are paired and differ by chance by less than 5 %, medians of CD22 by 0.02.

    A failure means that three rungs are too few for what the model is asked.
    """
    three, six = cd22_alone(), cd22_alone(levels=6)
    assert abs(cd22_at_relapse(three) - cd22_at_relapse(six)) < 0.06
    assert abs(responds(three).mean() - responds(six).mean()) < 0.15


@pytest.mark.slow
def test_cd22_at_relapse_converges_as_the_ladder_is_refined() -> None:
    """200 patients each; the medians have standard errors below 0.01, the shares of remission (paired) of 2 %."""
    three, six, twelve = (cd22_alone(200, levels, 730.0) for levels in (3, 6, 12))
    ratios = [cd22_at_relapse(arm) for arm in (three, six, twelve)]
    remissions = [responds(arm).mean() for arm in (three, six, twelve)]
    assert abs(ratios[2] - ratios[1]) < 0.03
    assert abs(remissions[2] - remissions[1]) < 0.04
    assert abs(remissions[2] - remissions[1]) < abs(remissions[1] - remissions[0])


def test_cd19_negative_disease_is_killed_through_cd22() -> None:
    """60 patients without a cell with CD19, and the same with it; a difference of 20 % would be seen.

    A failure means that killing through one antigen depends on the other.
    """
    arms = {name: [infusion(name)] for name in ("cd19", "cd22", "tandem")}
    negative = {"cd19_negative_at_baseline": {"probability": 1.0}, "cd19_negative_share": 1.0}
    lacking = endpoints(trial(arms, patients=negative, horizon=90), 60)
    having = endpoints(trial(arms, horizon=90), 60)
    assert responds(lacking["cd19"]).sum() == 0
    for arm in ("cd22", "tandem"):
        assert responds(lacking[arm]).mean() > 0.45
    assert abs(responds(lacking["cd22"]).mean() - responds(having["cd22"]).mean()) < 0.1


def test_antigen_negative_relapse_needs_both_losses_under_dual_targeting() -> None:
    """120 patients, paired; 45 CD19-negative relapses under CD19 alone, so that a halving would be seen.

    Co-infused cells leave to single losses what either product alone leaves, and a tandem hardly any. A failure means that the second
    antigen does not kill what lost the first.
    """
    arms = dual()
    alone = relapses(arms["cd19"], *NEGATIVE).sum()
    assert alone > 25
    assert relapses(arms["coinfused"], *NEGATIVE).sum() < 0.33 * alone
    assert relapses(arms["tandem"], *NEGATIVE).sum() < 0.1 * alone
    low = relapses(arms["cd22"], "cd22-low", "both").sum()
    assert relapses(arms["tandem"], "cd22-low", "both").sum() < 0.1 * low
    for arm in ("coinfused", "tandem"):
        assert relapses(arms[arm]).sum() < 0.65 * relapses(arms["cd19"]).sum()


def tandem_alone(size: int, horizon: float = 365.0, switch: float = 0.0, **changes: object) -> pd.DataFrame:
    scenario = trial(
        {"tandem": [infusion("tandem")]},
        products={"tandem": product("cd19", "cd22", **changes)},
        horizon=horizon,
        parameters={"lineage_switch_rate": switch},
    )
    return endpoints(scenario, size)["tandem"]


def test_weak_second_arm_behaves_like_a_single_product() -> None:
    """80 patients each; some 40 % CD19-negative relapses against none, standard error 5 %.

    A failure means that an arm works whatever its strength.
    """
    share = [
        relapses(tandem_alone(80, arm_strength={"cd19": 1.0, "cd22": weak}), *NEGATIVE).mean()
        for weak in (0.8, 0.03, 0.001)
    ]
    assert share[0] < 0.04
    assert share[0] < share[1] < share[2]
    single = trial({"cd19": [infusion("cd19")]}, products=CD19, horizon=365)
    assert abs(share[2] - relapses(endpoints(single, 80)["cd19"], *NEGATIVE).mean()) < 0.1


def test_dual_targeting_does_not_rescue_early_loss_of_the_cells() -> None:
    """80 patients each; relapse in some 65 % against 20 % of responders, standard error 7 %.

    Cells that are rejected within weeks, or have a short programme, fail with two targets as with one, and leave leukaemia with both
    antigens. A failure means that a second target replaces persistence.
    """
    usual, rejected = tandem_alone(80), tandem_alone(80, immunogenicity=300.0)
    short = tandem_alone(80, 90.0, fitness=5.0)
    assert responds(short).mean() < 0.1
    assert rejected.last_detectable_day.median() < 60.0
    lost, kept = (relapses(arm).sum() / responds(arm).sum() for arm in (rejected, usual))
    assert lost > kept + 0.25
    assert relapses(rejected, "positive").sum() > 0.9 * relapses(rejected).sum()


def test_lineage_switch_defeats_dual_targeting() -> None:
    """60 patients each; with 1e-9 per division most relapses are switched, with 0 none can be.

    A failure means that some product kills cells without either antigen.
    """
    none, some = tandem_alone(60), tandem_alone(60, switch=1e-9)
    assert relapses(none, "switched").sum() == 0
    assert relapses(some, "switched").sum() > 0.5 * responds(some).sum()
    assert relapses(some).sum() > 2.0 * relapses(none).sum()


# Extinction and the untreated course: points 7 and 11.


def test_mean_course_relapses_where_courses_of_the_same_patient_end_extinct() -> None:
    """30 patients, 10 replicates each, tandem, nobody dies; one patient would do, and more than half are expected.

    In the mean field a thousandth of a cell grows back. A failure means that small populations are not integers.
    """
    cohort = draw(
        trial({"tandem": [infusion("tandem")]}, products={"tandem": product("cd19", "cd22")}),
        "tandem",
        SEED,
        np.arange(30),
    )
    for limit in [name for name in cohort.parameters if name.startswith("limit_")]:
        cohort.parameters[limit] = np.full(30, 1e9)
    days = np.unique(np.concatenate([np.arange(-5.0, 60.0), np.arange(60.0, 731.0, 7.0)]))
    outputs = ("leukaemia_cells", "marrow_blast_fraction")
    mean, rows = courses(cohort, days, outputs, ODE()), courses(cohort, days, outputs, n=10)
    blasts = mean["marrow_blast_fraction"]
    relapsed = (blasts[:, days == 28.0][:, 0] < 0.05) & (blasts[:, days > 28.0] > 0.05).any(axis=1)
    extinct = (rows["leukaemia_cells"][:, -1] == 0.0).reshape(30, 10).mean(axis=1)
    assert relapsed.sum() > 20
    assert (extinct[relapsed] > 0.0).mean() > 0.4
    assert mean["leukaemia_cells"].min() > 0.0


def test_untreated_relapsed_disease_is_near_uniformly_fatal() -> None:
    """100 patients followed for a year: of 1 % survivors at most 3 would be seen. A failure means that the leukaemia stops by itself."""
    arm = endpoints(load("untreated"), 100)["untreated"]
    dead = arm.death_day <= 365.0
    assert dead.mean() >= 0.95
    assert (arm.death_cause[dead] == "leukaemia").mean() > 0.9
    assert responds(arm).sum() == 0
