"""Every kind of event that a scenario can ask for: written into a small scenario, and seen in the course.

All arms share one network, so that it is compiled once. Courses are means, of patients whom nothing kills.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.network.simulation import ODE, simulate
from sim.network.trajectories import Trajectories
from sim.trial.cohort import draw
from sim.trial.observation import OUTPUTS, observe
from sim.trial.outcomes import assess
from sim.trial.regimen import design_of
from sim.trial.scenario import Scenario

DAYS = np.unique(np.concatenate([np.arange(-20.0, 401.0), [39.99, 40.01, 99.99, 100.01, 120.01]]))
DOSE = 2e6


def infusion(product: str = "cd19", day: float = 0, **more: Any) -> dict[str, Any]:
    """One infusion."""
    return {"product": product, "day": day, "dose": DOSE, **more}


def arm(*infusions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An arm that does nothing else than said."""
    return {
        "infusions": list(infusions),
        "transplant": "none",
        "bridging": "none",
        "consolidation": "none",
        **more,
    }


SPLIT = [{"day": 0, "fraction": 0.1}, {"day": 1, "fraction": 0.3}, {"day": 2, "fraction": 0.6}]
COURSE = {"day": 100, "log_kill": 1.0, "host_survival": 0.3}
BY_BURDEN = {"low_burden": 1e6, "high_burden": 1e5, "threshold": 0.2}
ARMS = {
    "plain": arm(infusion()),
    "split": arm(infusion(split=SPLIT)),
    "by_burden": arm({**infusion(), "dose": BY_BURDEN}),
    "twice": arm(infusion(), infusion(day=40)),
    "no_lymphodepletion": arm(infusion(lymphodepletion="none")),
    "deeper": arm(infusion(lymphodepletion={"start": -6, "depth": 0.001, "log_kill": 1.0})),
    "bridging": arm(infusion(), bridging={"day": -12, "log_kill": 2.0, "host_survival": 0.4}),
    "consolidation": arm(infusion(), consolidation=[COURSE, {"day": 120, "log_kill": 0.5}]),
    "sparing": arm(infusion(), consolidation=[{**COURSE, "car_t_survival": 1.0}]),
    "in_remission": arm(infusion(), consolidation=[{**COURSE, "only_in_remission": True}]),
    "not_in_remission": arm(
        {**infusion(), "dose": 0.0}, consolidation=[{**COURSE, "only_in_remission": True}]
    ),
    "remission": arm(infusion(), infusion("cd22", 60, only_if="remission")),
    "non_responder": arm({**infusion(), "dose": 0.0}, infusion("cd22", 28, only_if="non_responder")),
    "relapse": arm(infusion(), infusion("cd22", 40, only_if="relapse", split=SPLIT)),
    "cd19_negative": arm(infusion(), infusion("cd22", 40, only_if="cd19_negative_relapse")),
    "transplant": arm(
        infusion(),
        transplant={
            "probability": 1,
            "day": 100,
            "conditioning_log_kill": 3.0,
            "graft_versus_leukaemia": 0.15,
            "non_relapse_mortality": 0.2,
        },
    ),
    "transplant_refused": arm({**infusion(), "dose": 0.0}, transplant={"probability": 1, "day": 100}),
}


@cache
def trial(**supportive: Any) -> Scenario:
    """One patient of 70 kg with 40 % blasts; `supportive` holds thresholds of the drugs."""
    drugs = {"tocilizumab": 1e9, "steroids": 1e9} | supportive
    return Scenario.parse(
        {
            "schema_version": 1,
            "name": "small",
            "model": {"antigen_grid": {"cd22_levels": 2}},
            "products": {"cd19": {"targets": ["cd19"]}, "cd22": {"targets": ["cd22"]}},
            "patients": {"size": 1, "paired": True, "weight": 70, "burden": 0.4, "growth": 0.2},
            "lymphodepletion": {"start": -4, "depth": 0.04, "log_kill": 0.4},
            "supportive": {name: {"threshold": value, "effect": 0.8} for name, value in drugs.items()},
            "assay": {"visits": [28, 90]},
            "arms": ARMS,
        }
    )


@cache
def course(name: str, negative: float | None = None, **supportive: Any) -> Trajectories:
    """Mean course of an arm's first patient, whom nothing kills; of `negative`, so much of the leukaemia lacks CD19, and no other cell loses it."""
    cohort = draw(trial(**supportive), name, 1, np.zeros(1, dtype=np.int64))
    parameters = {key: 1e9 if key.startswith("limit_") else value for key, value in cohort.parameters.items()}
    if negative is not None:
        _without_cd19(cohort.initial, negative)
        parameters["first_hit_rate"] = np.zeros(1)
    everything = [one.name for one in cohort.network.all_species]
    everything += [name for name in (*OUTPUTS, "car_t_cells") if name not in everything]
    return simulate(
        cohort.network,
        DAYS,
        ODE(rtol=1e-5),
        parameters=parameters,
        initial=cohort.initial,
        outputs=everything,
    )


def _without_cd19(initial: dict[str, Any], share: float) -> None:
    """Let a share of the cells in the marrow lack CD19, level by level, and have no cell with one copy."""
    for two in [name for name in initial if "_two_" in name]:
        cells = (
            initial[two] + initial[two.replace("_two_", "_one_")] + initial[two.replace("_two_", "_none_")]
        )
        lacking = np.floor(share * cells)
        initial[two], initial[two.replace("_two_", "_none_")] = cells - lacking, lacking
        initial[two.replace("_two_", "_one_")] = np.zeros(1)


def at(name: str, what: str, day: float) -> float:
    """Value of an output of an arm on a day."""
    return float(course(name)[what][0, np.flatnonzero(day == DAYS)[0]])


def fired(name: str, event: str) -> float:
    """Day on which an event of an arm fired, NaN for never."""
    return float(course(name).fired[event][0])


def cut(name: str, what: str, before: float, after: float) -> float:
    """Ratio of an output over an event."""
    return at(name, what, after) / at(name, what, before)


def test_parts_of_a_split_dose_are_given_one_by_one() -> None:
    assert [fired("split", f"infusion_cd19_{i}") for i in range(3)] == [0.0, 1.0, 2.0]
    whole = at("plain", "memory_cd19", 0) - at("plain", "memory_cd19", -1)
    part = at("split", "memory_cd19", 0) - at("split", "memory_cd19", -1)
    assert part == pytest.approx(0.1 * whole, rel=0.01)


def test_dose_by_burden_gives_the_dose_of_the_patients_burden() -> None:
    assert at("by_burden", "memory_cd19", 0) == pytest.approx(
        1e5 / DOSE * at("plain", "memory_cd19", 0), rel=1e-3
    )


def test_a_product_is_given_twice_with_a_lymphodepletion_each() -> None:
    assert fired("twice", "infusion_cd19_1") == 40.0
    assert (fired("twice", "lymphodepletion_0"), fired("twice", "lymphodepletion_1")) == (-4.0, 36.0)
    assert at("twice", "memory_cd19", 40.01) > at("twice", "memory_cd19", 39.99) + 1e5
    assert np.isnan(fired("plain", "infusion_cd19_1"))


def test_lymphodepletion_has_a_day_and_a_depth_or_is_left_out() -> None:
    assert np.isnan(fired("no_lymphodepletion", "lymphodepletion_0"))
    assert fired("deeper", "lymphodepletion_0") == -6.0
    lymphocytes = [at(name, "host_lymphocytes", -4) for name in ("no_lymphodepletion", "plain", "deeper")]
    assert lymphocytes[0] > 10.0 * lymphocytes[1] > 100.0 * lymphocytes[2] > 0.0


def test_bridging_cuts_leukaemia_and_host_before_the_infusion() -> None:
    assert fired("bridging", "chemotherapy_0") == -12.0
    assert at("bridging", "leukaemia_cells", -12) == pytest.approx(
        0.01 * at("plain", "leukaemia_cells", -12), rel=1e-3
    )
    assert at("bridging", "host_lymphocytes", -12) == pytest.approx(
        0.4 * at("plain", "host_lymphocytes", -12), rel=1e-3
    )


def test_consolidation_cuts_leukaemia_host_and_car_t_cells_after_the_infusion() -> None:
    assert (fired("consolidation", "chemotherapy_0"), fired("consolidation", "chemotherapy_1")) == (
        100.0,
        120.0,
    )
    assert cut("consolidation", "leukaemia_cells", 99.99, 100.01) == pytest.approx(0.1, rel=0.02)
    for what in ("host_lymphocytes", "b_cells", "car_t_cells"):
        assert cut("consolidation", what, 99.99, 100.01) == pytest.approx(0.3, rel=0.02)
    assert cut("consolidation", "leukaemia_cells", 119.0, 120.01) < 0.4
    assert cut("plain", "leukaemia_cells", 99.99, 100.01) == pytest.approx(1.0, rel=0.02)


def test_consolidation_may_spare_the_car_t_cells() -> None:
    assert cut("sparing", "leukaemia_cells", 99.99, 100.01) == pytest.approx(0.1, rel=0.02)
    assert cut("sparing", "car_t_cells", 99.99, 100.01) == pytest.approx(1.0, rel=0.02)


def test_consolidation_of_a_remission_needs_one() -> None:
    assert at("in_remission", "marrow_blast_fraction", 99.99) < 0.05
    assert fired("in_remission", "chemotherapy_0") == 100.0
    assert at("not_in_remission", "marrow_blast_fraction", 99.99) > 0.05
    assert cut("not_in_remission", "leukaemia_cells", 99.99, 100.01) == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize(("rule", "day"), [("remission", 60.0), ("non_responder", 42.0)])
def test_infusion_waits_for_the_state_on_its_day(rule: str, day: float) -> None:
    assert fired(rule, f"reinfusion_cd22_{rule}_0") == pytest.approx(day)
    assert at(rule, "memory_cd22", day - 1) < 1.0 < at(rule, "memory_cd22", day + 1)


def test_reinfusion_at_relapse_follows_the_relapse_in_parts() -> None:
    decided = fired("relapse", "decision_cd22_relapse_0")
    blasts = course("relapse")["marrow_blast_fraction"][0]
    assert blasts[decided <= DAYS][0] >= 0.05 > blasts[decided - 1.5 < DAYS][0]
    assert decided > 40.0
    days = [fired("relapse", f"reinfusion_cd22_relapse_{i}") - decided for i in range(3)]
    assert days == pytest.approx([14.0, 15.0, 16.0], abs=0.05)
    assert fired("relapse", "lymphodepletion_cd22_relapse_0") - decided == pytest.approx(10.0, abs=0.05)


@pytest.mark.parametrize(
    ("negative", "relapses", "answered"),
    [
        pytest.param(1e-5, True, True, id="what grows back lacks CD19"),
        pytest.param(0.0, True, False, id="what grows back has it"),
        pytest.param(
            0.9, False, False, id="most lack it from the start, so that there is no remission to relapse from"
        ),
    ],
)
def test_infusion_at_a_cd19_negative_relapse_answers_no_other(
    negative: float, relapses: bool, answered: bool
) -> None:
    found = course("cd19_negative", negative)
    blasts, later = found["marrow_blast_fraction"][0], DAYS > 40.0
    assert ((blasts[later][:-1] < 0.05) & (blasts[later][1:] >= 0.05)).any() == relapses
    decided = float(found.fired["decision_cd22_cd19_negative_relapse_0"][0])
    given = float(found.fired["reinfusion_cd22_cd19_negative_relapse_0"][0])
    assert np.isfinite(decided) == np.isfinite(given) == answered
    if answered:
        first = np.flatnonzero(decided <= DAYS)[0]
        assert blasts[first] >= 0.05 > blasts[first - 2]
        assert given - decided == pytest.approx(14.0, abs=0.05)
        lacking = found["cd19_negative_cells"][0, first] / found["leukaemia_cells"][0, first]
        assert lacking > 0.99
        assert observe(found, trial().assay, seed=1, patients=[0]).rescue_day[0] == given


def test_share_that_makes_a_relapse_cd19_negative_is_that_of_the_criteria() -> None:
    for share in (0.5, 0.8):
        scenario = trial().with_({"criteria.antigen_negative_share": share})
        cohort = draw(scenario, "cd19_negative", 1, np.arange(2))
        slot = "cd22_cd19_negative_relapse_0"
        assert (cohort.parameters[f"decision_share_{slot}"] == share).all()
        assert (cohort.parameters[f"decision_blasts_{slot}"] == scenario.criteria.relapse_blasts).all()


def test_everybody_infused_at_relapse_was_rescued_or_was_not() -> None:
    found = course("relapse")
    given = fired("relapse", "decision_cd22_relapse_0") + 14.0
    # With and without an examination that overt disease prompts before the infusion.
    for overt, seen in ((0.25, True), (None, False)):
        assay = trial().assay.model_copy(update={"overt_blasts": overt, "visits": (28.0, 90.0, 160.0)})
        outcomes = assess(observe(found, assay, seed=1, patients=[0]), trial().criteria)
        assert outcomes["reinfusion_day"][0] == pytest.approx(given, abs=0.05)
        assert (outcomes["relapse_day"][0] < given) == seen
        blasts = found["marrow_blast_fraction"][0, DAYS == 160.0][0]
        assert outcomes["rescued"][0] == float(blasts < 0.05)


def test_transplant_conditions_grafts_and_carries_a_risk() -> None:
    assert fired("transplant", "transplant") == 100.0
    assert cut("transplant", "leukaemia_cells", 99.99, 100.01) == pytest.approx(1e-3, rel=0.02)
    assert cut("transplant", "car_t_cells", 99.99, 100.01) < 0.05
    assert (at("transplant", "graft", 99.99), at("transplant", "graft", 100.01)) == (0.0, 1.0)
    assert at("transplant", "hazard_transplant", 400) == pytest.approx(-np.log(0.8), rel=0.1)
    # Net growth is 0.2 /day and the graft kills 0.15 /day of it.
    late = [cut(name, "leukaemia_cells", 110.0, 119.0) for name in ("transplant", "plain")]
    assert late[0] < late[1]


def test_transplant_only_in_remission_is_not_done_in_disease() -> None:
    assert at("transplant_refused", "graft", 100.01) == 0.0


def test_tocilizumab_lowers_the_index_and_raises_the_serum_and_steroids_lower_both() -> None:
    none = course("plain")
    assert np.isnan(none.fired["tocilizumab"]).all()
    toci, steroids = course("plain", tocilizumab=100.0), course("plain", steroids=100.0)
    begun = float(toci.fired["tocilizumab"][0])
    assert 0.0 < begun < 30.0
    after = (begun + 0.5 < DAYS) & (begun + 3.0 > DAYS)
    assert (toci["il6_index"][0] < 0.7 * none["il6_index"][0])[after].all()
    assert (toci["il6"][0] > 1.2 * none["il6"][0])[after].all()
    assert (steroids["il6_index"][0] < 0.7 * none["il6_index"][0])[after].all()
    assert (steroids["il6"][0] < 0.7 * none["il6"][0])[after].all()


def test_one_network_has_slots_for_what_any_arm_asks() -> None:
    design = design_of(trial())
    assert (design.chemotherapies, design.transplant, design.supportive) == (2, True, True)
    cd19, cd22 = design.products
    assert (cd19.infusions, cd22.infusions) == (3, 0)
    assert cd22.rules == (
        *("remission", "non_responder", "relapse", "relapse", "relapse", "cd19_negative_relapse"),
    )


def test_consolidation_is_left_out_where_no_product_was_made() -> None:
    scenario = trial().with_({"manufacturing": {"days": 20, "not_infused": 0.5}})
    cohort = draw(scenario, "consolidation", 3, np.arange(60))
    without = cohort.covariates["infused"] == 0.0
    assert 15 < without.sum() < 45
    assert np.isinf(cohort.parameters["chemotherapy_time_0"][without]).all()
    assert (cohort.parameters["chemotherapy_time_0"][~without] == 100.0).all()


def test_arm_follows_the_consolidation_of_the_scenario_unless_it_has_its_own() -> None:
    scenario = trial().with_({"consolidation": [COURSE], "arms.plain.consolidation": "inherit"})
    assert [c.day.median() for c in scenario.consolidation_of("plain")] == [100.0]
    assert scenario.consolidation_of("split") == ()
    own = scenario.with_({"arms.plain.consolidation.0.day": 90})
    assert [c.day.median() for c in own.consolidation_of("plain")] == [90.0]
    assert [c.day.median() for c in own.consolidation] == [100.0]


def test_bridging_after_the_infusion_is_refused_with_the_name_of_what_it_is() -> None:
    with pytest.raises(ScenarioError, match=r"arms\.plain\.bridging\.day: 60 day; .*under consolidation"):
        trial().with_({"arms.plain.bridging": {"day": 60, "log_kill": 1.0}})
    for day, rule in ((0, "more than 0"), (5000, "after the horizon")):
        with pytest.raises(ScenarioError, match=rf"arms\.plain\.consolidation\.0\.day: .*{rule}"):
            trial().with_({"arms.plain.consolidation": [{"day": day, "log_kill": 1.0}]})
