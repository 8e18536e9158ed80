"""What the leukaemia model shows over cohorts: kinetics, relapse of single products, dual targeting, extinction.

Each test states how many patients it has, the standard error (SE) of what it asks, and what its failure would mean; and asks the same with
the mechanism off, where the effect must be gone. The effects are in `effects.py`; their sizes in larger cohorts in docs/model-behaviour.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.models import effects
from tests.models.effects import (
    NEGATIVE,
    cd22_alone,
    cd22_at_relapse,
    negative_share,
    relapses,
    responds,
    tandem_alone,
    truth,
    upfront,
)

# Kinetics and lymphodepletion: points 1 and 2.

SHORT = 4.0
"""A programme of four e-folds ends before the targets do: the peak is e^4 times what was infused, whoever the patient is."""


def test_cells_expand_peak_in_the_second_week_contract_and_leave_a_tail() -> None:
    """80 patients; the median day of the peak has an SE of 0.4 days, doubling and contraction of 5 %.

    A failure means that the finite programme, or the loss of targets, no longer shapes the course. With a programme that never ends the
    peak is higher in most patients (a coin has an SE of 6 %), and with a short one there is none.
    """
    arm = effects.expansion(80)["low"]
    assert 9.0 <= arm.tmax.median() <= 14.0
    assert 0.5 < arm.doubling_time.median() < 1.1
    assert 3.0 * arm.contraction_half_life.median() < arm.terminal_half_life.median()
    assert (arm.last_detectable_day >= 170.0).mean() > 0.3
    endless = effects.expansion(80, fitness=1000.0)["low"]
    assert (endless.cmax > 1.2 * arm.cmax).mean() > 0.62
    assert (effects.expansion(80, fitness=SHORT)["low"].tmax < 2.0).mean() > 0.9


def test_tenfold_dose_changes_the_peak_less_than_twofold() -> None:
    """80 pairs; the median ratio has an SE of 0.05.

    A failure means that the peak is no longer limited by antigen and programme but by the cells infused, as it is with a short programme.
    """
    assert 1.0 < effects.peak_over_dose(80).value < 1.7
    assert effects.peak_over_dose(80, SHORT).value > 5.0


@pytest.mark.parametrize("target", ["cd19", "cd22"])
def test_peak_follows_burden_with_a_log_log_slope_between_a_fifth_and_one(target: str) -> None:
    """80 patients, blasts log-uniform over three decades; the slope has an SE of 0.05.

    A failure means that expansion ignores antigen (as with a short programme: slope 0) or does not saturate (1 or more); test_course.py
    shows the saturation itself.
    """
    assert 0.2 + 0.06 < effects.peak_over_burden(80, target).value < 1.0 - 0.06
    assert abs(effects.peak_over_burden(80, target, SHORT).value) < 0.06


def test_without_lymphodepletion_the_peak_is_later_and_lower() -> None:
    """80 pairs; the median ratio has an SE of 0.06, the delay of 1 day.

    A failure means that IL-7/15, or what consumes it, no longer helps the expansion. With IL-7/15 that nobody consumes there is no effect.
    """
    ratio, delay = effects.bare_peak(80), effects.bare_delay(80)
    assert ratio.value < 0.85
    assert delay.value > 4.0
    assert effects.bare_peak(80, consumption=0.0).value > 0.97
    assert effects.bare_delay(80, consumption=0.0).value < 1.0


def test_second_infusion_into_a_primed_patient_fails_without_lymphodepletion() -> None:
    """300 triples, of whom some 5 % relapse with CD19 and are infused again with 1e7/kg; each shows a difference of a decade.

    The same cells in the same patients expand after lymphodepletion; and without it, when they are of another construct, which the patient
    is not primed against. A failure means that the anti-CAR response does not remember, that lymphodepletion does not cut it, or that it is
    blind to the construct.
    """
    second = effects.second_infusion(300)
    grown, leukaemia = (
        {arm: float(np.median(of)) for arm, of in kind.items()}
        for kind in (second.expansion, second.leukaemia)
    )
    assert len(second.expansion["with"]) >= 8
    assert grown["with"] > 5.0 * grown["without"]
    assert leukaemia["with"] < 0.2
    assert leukaemia["without"] > 1.0
    assert np.median(second.immunity["with"]) < 0.2 * np.median(second.immunity["without"])
    assert grown["another"] > 5.0 * grown["without"]
    assert leukaemia["another"] < 0.2


# Single and dual products: points 3 to 6.


def test_single_cd19_product_brings_remission_to_most_and_cd19_negative_relapse_to_some() -> None:
    """120 patients, 75 % with overt disease; shares have an SE of 3-4.5 %.

    A failure means that the product, or the law of clones, is far off. Where CD19 is never lost there is no CD19-negative relapse.
    """
    arm, faithful = upfront(120)["cd19"], upfront(120, first_hit_rate=0.0)["cd19"]
    assert responds(arm).mean() > 0.75
    assert 0.1 < relapses(arm, *NEGATIVE).sum() / responds(arm).sum() < 0.6
    assert relapses(faithful, *NEGATIVE).sum() == 0
    assert relapses(faithful).sum() > 0


def test_relapse_under_persisting_cells_is_antigen_negative_and_the_rest_goes_with_their_loss() -> None:
    """120 patients, some 60 relapses of which some 15 keep CD19; the shares compared have an SE of 13 % and differ by half.

    B cells return in at least as many patients with an antigen-positive relapse as they stay away in. A failure means that persistence no
    longer protects against leukaemia with antigen. Where CD19 is never lost, fewer than half as many relapse under persisting cells.
    """
    arm, faithful = upfront(120)["cd19"], upfront(120, first_hit_rate=0.0)["cd19"]
    kept, lost = relapses(arm, "positive", "cd22-low"), relapses(arm, *NEGATIVE)
    assert kept.sum() >= 8
    under_negative, under_positive = effects.persisting_at_relapse(arm)
    assert under_negative.value > under_positive.value + 0.3
    persists = truth(arm.relapse_car_t_persisting)
    assert lost[persists].mean() > 0.85
    assert truth(faithful.relapse_car_t_persisting).sum() < 0.5 * persists.sum()
    back_negative, back_positive = effects.recovered_at_relapse(arm)
    assert back_positive.value > 0.5
    assert back_positive.value > back_negative.value + 0.2


def test_single_cd22_product_is_followed_by_relapse_with_lowered_and_not_lost_cd22() -> None:
    """120 patients, some 60 relapses; a share of 70 % has an SE of 6 %.

    A failure means that dim cells are no longer what escapes. Where all cells have one density nobody relapses with less of it.
    """
    arm, uniform = upfront(120)["cd22"], upfront(120, cd22_spread=0.0)["cd22"]
    assert responds(arm).mean() > 0.5
    relapsed = relapses(arm)
    assert relapsed.sum() > 0.3 * responds(arm).sum()
    assert relapses(arm, "cd22-low").sum() > 0.7 * relapsed.sum()
    assert 0.1 < cd22_at_relapse(arm).value < 0.6
    assert (arm.cd22_lost_share[relapsed] > 0.5).mean() < 0.1
    assert relapses(uniform, "cd22-low").sum() < 0.1 * relapses(uniform).sum()
    assert relapses(uniform).sum() < 0.6 * relapsed.sum()


def test_lowered_cd22_comes_back_after_the_relapse() -> None:
    """100 patients, of whom some 40 relapse dim and are spared death for half a year; the median ratio has an SE of 0.2.

    A failure means that dimness is fixed. Without the walk it is.
    """
    back, fixed = effects.cd22_after_relapse(100), effects.cd22_after_relapse(100, relaxation=1e9)
    assert back.patients >= 20
    assert back.value > 1.5
    assert fixed.value == pytest.approx(1.0, abs=0.02)


def test_cd22_at_relapse_moves_with_threshold_and_persistence_on_a_fixed_ladder() -> None:
    """100 patients an arm, 25-50 relapses each; medians of the ratio have an SE of 0.01, of the keen product 0.06.

    A failure means that the ladder's rungs, not the receptor, decide how dim the escaping cells are. Where all cells have one density
    neither moves anything.
    """
    usual, keen, brief = (
        cd22_at_relapse(cd22_alone(100, **changes))
        for changes in ({}, {"threshold": 500.0}, {"memory_death": 0.1})
    )
    assert min(usual.patients, keen.patients, brief.patients) >= 20
    assert keen.value > 1.4 * usual.value
    assert brief.value > 1.6 * usual.value
    for changes in ({}, {"memory_death": 0.1}):
        assert cd22_at_relapse(cd22_alone(100, spread=0.0, **changes)).value == pytest.approx(1.0, abs=0.02)


@pytest.mark.slow
def test_cd22_at_relapse_hardly_changes_with_a_ladder_of_six() -> None:
    """100 patients each; remission shares are paired and differ by chance by less than 5 %, medians of CD22 have an SE of 0.01.

    A failure means that three rungs are too few for what the model is asked. The control is a ladder that ends elsewhere: the dimmest state
    that a cell can take is an assumption, and the same test sees it.
    """
    three, six, other = cd22_alone(100), cd22_alone(100, levels=6), cd22_alone(100, reach=1.0)
    assert abs(cd22_at_relapse(three).value - cd22_at_relapse(six).value) < 0.06
    assert abs(responds(three).mean() - responds(six).mean()) < 0.15
    assert abs(cd22_at_relapse(other).value - cd22_at_relapse(three).value) > 0.06


@pytest.mark.slow
def test_cd22_at_relapse_converges_as_the_ladder_is_refined() -> None:
    """200 patients each; the medians have an SE below 0.01, the shares of remission (paired) of 2 %."""
    ladders = [cd22_alone(200, levels, horizon=730.0) for levels in (3, 6, 12)]
    ratios = [cd22_at_relapse(arm).value for arm in ladders]
    remissions = [responds(arm).mean() for arm in ladders]
    assert abs(ratios[2] - ratios[1]) < 0.03
    assert abs(remissions[2] - remissions[1]) < 0.04
    assert abs(remissions[2] - remissions[1]) < abs(remissions[1] - remissions[0])
    shorter = cd22_at_relapse(cd22_alone(200, 12, 1.0, horizon=730.0)).value
    assert abs(shorter - ratios[2]) > 0.06


def test_cd19_negative_disease_is_killed_through_cd22() -> None:
    """60 patients without a cell with CD19, and the same with it; shares have an SE of 6 %, their paired difference of 3 %.

    A failure means that killing through one antigen depends on the other. The control is the product against CD19 alone.
    """
    lacking, having = effects.lacking_cd19(60)
    assert responds(lacking["cd19"]).sum() == 0
    assert responds(having["cd19"]).mean() > 0.7
    for arm in ("cd22", "tandem"):
        assert responds(lacking[arm]).mean() > 0.45
    assert abs(responds(lacking["cd22"]).mean() - responds(having["cd22"]).mean()) < 0.1


@pytest.mark.slow
def test_cd19_negative_relapse_is_rescued_by_cd22_and_not_by_cd19() -> None:
    """160 patients, of whom 25 on average (SD 5) relapse without CD19, seen, and are infused again; the share has an SE of 8 %."""
    rescued = effects.rescue_at_relapse(160)
    assert rescued["cd22"].patients >= 10
    assert rescued["cd22"].value > 0.25
    assert rescued["cd19"].value < 0.05


def test_antigen_negative_relapse_needs_both_losses_under_dual_targeting() -> None:
    """120 patients, paired; 45 CD19-negative relapses under CD19 alone (SE 4 %), so that a halving would be seen.

    Co-infused cells leave to single losses what either product alone leaves, and a tandem hardly any. A failure means that the second
    antigen does not kill what lost the first. Where CD19 is never lost, two targets prevent no such relapse, as there is none.
    """
    arms = upfront(120)
    alone = relapses(arms["cd19"], *NEGATIVE).sum()
    assert alone > 25
    assert relapses(arms["coinfused"], *NEGATIVE).sum() < 0.33 * alone
    assert relapses(arms["tandem"], *NEGATIVE).sum() < 0.1 * alone
    low = relapses(arms["cd22"], "cd22-low", "both").sum()
    assert relapses(arms["tandem"], "cd22-low", "both").sum() < 0.1 * low
    for arm in ("coinfused", "tandem"):
        assert relapses(arms[arm]).sum() < 0.65 * relapses(arms["cd19"]).sum()
    faithful = upfront(120, first_hit_rate=0.0)
    prevented = (relapses(arms["cd19"]) & ~relapses(arms["tandem"])).sum()
    assert (relapses(faithful["cd19"]) & ~relapses(faithful["tandem"])).sum() < 0.5 * prevented


def test_weak_second_arm_behaves_like_a_single_product() -> None:
    """80 patients each; some 40 % CD19-negative relapses against none, SE 5 %.

    A failure means that an arm works whatever its strength.
    """
    shares = [negative_share(tandem_alone(80, weak=weak)).value for weak in (0.8, 0.03, 0.001)]
    assert shares[0] < 0.04
    assert shares[0] < shares[1] < shares[2]
    assert abs(shares[2] - negative_share(effects.cd19_alone(80)).value) < 0.1


def test_dual_targeting_does_not_rescue_early_loss_of_the_cells() -> None:
    """80 patients each; relapse in some 65 % against 20 % of responders, SE 7 %.

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
    """60 patients each; with 1e-9 per division most relapses are switched (SE 6 %), with 0 none can be.

    A failure means that some product kills cells without either antigen.
    """
    none, some = tandem_alone(60), tandem_alone(60, switch=1e-9)
    assert relapses(none, "switched").sum() == 0
    assert relapses(some, "switched").sum() > 0.5 * responds(some).sum()
    assert relapses(some).sum() > 2.0 * relapses(none).sum()


# Extinction and the untreated course: points 7 and 11.


def test_mean_course_relapses_where_courses_of_the_same_patient_end_extinct() -> None:
    """30 patients, 10 replicates each, tandem, nobody dies; one patient would do, and more than half are expected (SE 9 %).

    In the mean field a thousandth of a cell grows back. A failure means that small populations are not integers: with the threshold below
    which cells are counted at 0, no course ends extinct.
    """
    found = effects.extinction(30, 10)
    assert found.relapse.sum() > 20
    assert (found.extinct[found.relapse] > 0.0).mean() > 0.4
    assert found.smallest > 0.0
    assert effects.extinction(30, 2, threshold=0.0).extinct.max() == 0.0


def test_untreated_relapsed_disease_is_near_uniformly_fatal() -> None:
    """100 patients followed for a year: of 1 % survivors at most 3 would be seen (SE 1 %).

    A failure means that the leukaemia stops by itself. Where it does not kill, nearly all are alive.
    """
    arm = effects.untreated(100)
    dead = arm.death_day <= 365.0
    assert dead.mean() >= 0.95
    assert (arm.death_cause[dead] == "leukaemia").mean() > 0.9
    assert responds(arm).sum() == 0
    assert (effects.untreated(100, leukaemia_hazard=0.0).death_day <= 365.0).mean() < 0.1
