"""Print the table of docs/model-behaviour.md: each thing that the model must show, its size, and its size without its mechanism.

.venv/bin/python -m tests.models.measure [--patients 400] [--posterior]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import numpy as np

from tests.models import effects, trials
from tests.models.effects import (
    NEGATIVE,
    Effect,
    cd22_alone,
    cd22_at_relapse,
    estimate,
    median_of,
    negative_share,
    relapses,
    responds,
    share_of,
    tandem_alone,
    upfront,
)

__all__ = ["main"]

SHORT = 4.0
Line = tuple[str, str, Effect | str, str, Effect | str]


def kinetics(size: int) -> Iterator[Line]:
    """Points 1 and 2."""
    low = effects.expansion(size)["low"]
    endless = effects.expansion(size, fitness=1000.0)["low"]
    for what, column in (
        ("day of the peak", "tmax"),
        ("doubling time, days", "doubling_time"),
        ("contraction half-life, days", "contraction_half_life"),
        ("terminal half-life, days", "terminal_half_life"),
    ):
        yield (
            "1",
            f"CD19 1e6/kg, median {what}",
            median_of(low[column]),
            "programme without end",
            median_of(endless[column]),
        )
    yield (
        "1", "peak at ten times the dose over the peak, median of pairs", effects.peak_over_dose(size),
        "programme of 4 e-folds", effects.peak_over_dose(size, SHORT),
    )  # fmt: skip
    for target in ("cd19", "cd22"):
        yield (
            "1", f"log-log slope of peak on burden, {target.upper()}", effects.peak_over_burden(size, target),
            "programme of 4 e-folds", effects.peak_over_burden(size, target, SHORT),
        )  # fmt: skip
    yield (
        "2", "peak without lymphodepletion over the peak with it, median of pairs", effects.bare_peak(size),
        "IL-7/15 not consumed", effects.bare_peak(size, consumption=0.0),
    )  # fmt: skip
    yield (
        "2", "delay of the peak without lymphodepletion, median days", effects.bare_delay(size),
        "IL-7/15 not consumed", effects.bare_delay(size, consumption=0.0),
    )  # fmt: skip
    second = effects.second_infusion(size)
    log = {arm: median_of(np.log10(grown)) for arm, grown in second.expansion.items()}
    yield (
        "2", "second infusion with lymphodepletion: log10 of expansion, median", log["with"],
        "without lymphodepletion, another construct", log["another"],
    )  # fmt: skip
    yield "2", "the same without lymphodepletion", log["without"], "", ""
    left = {arm: median_of(np.log10(np.maximum(kept, 1e-12))) for arm, kept in second.leukaemia.items()}
    yield (
        "2", "leukaemia 28 days after it over before, log10, median: with lymphodepletion", left["with"],
        "without lymphodepletion, another construct", left["another"],
    )  # fmt: skip
    yield "2", "the same without lymphodepletion", left["without"], "", ""


def loss_of_cd19(size: int) -> Iterator[Line]:
    """Point 3."""
    arm, kept = upfront(size)["cd19"], upfront(size, first_hit_rate=0.0)["cd19"]
    yield "3", "CD19: complete remission", share_of(responds(arm)), "no first hit", share_of(responds(kept))
    for day in (182, 365, 730):
        yield (
            "3", f"CD19: antigen-negative relapse among responders by day {day}",
            share_of(relapses(arm, *NEGATIVE) & (arm.relapse_day <= day), responds(arm)), "no first hit",
            share_of(relapses(kept, *NEGATIVE) & (kept.relapse_day <= day), responds(kept)),
        )  # fmt: skip
    yield (
        "3", "CD19: relapse that kept CD19, among responders",
        share_of(relapses(arm, "positive", "cd22-low"), responds(arm)), "no first hit",
        share_of(relapses(kept, "positive", "cd22-low"), responds(kept)),
    )  # fmt: skip
    negative, positive = effects.persisting_at_relapse(arm)
    yield (
        "3", "CAR T cells detectable at an antigen-negative relapse", negative,
        "at a relapse that kept CD19", positive,
    )  # fmt: skip
    negative, positive = effects.recovered_at_relapse(arm)
    yield (
        "3", "B cells present before an antigen-negative relapse", negative,
        "before a relapse that kept CD19", positive,
    )  # fmt: skip


def dimming_of_cd22(size: int) -> Iterator[Line]:
    """Points 4 and 5."""
    arm, uniform = upfront(size)["cd22"], upfront(size, cd22_spread=0.0)["cd22"]
    yield (
        "4",
        "CD22: complete remission",
        share_of(responds(arm)),
        "one CD22 density",
        share_of(responds(uniform)),
    )
    yield (
        "4", "CD22: relapse among responders", share_of(relapses(arm), responds(arm)), "one CD22 density",
        share_of(relapses(uniform), responds(uniform)),
    )  # fmt: skip
    yield (
        "4", "CD22: relapses that are CD22-low", share_of(relapses(arm, "cd22-low", "both"), relapses(arm)),
        "one CD22 density", share_of(relapses(uniform, "cd22-low", "both"), relapses(uniform)),
    )  # fmt: skip
    yield (
        "4", "CD22: relapses with most cells CD22-lost",
        share_of(arm.cd22_lost_share > 0.5, relapses(arm)), "", "",
    )  # fmt: skip
    yield (
        "4", "CD22 at relapse over that before, median", cd22_at_relapse(cd22_alone(size)),
        "one CD22 density", cd22_at_relapse(cd22_alone(size, spread=0.0)),
    )  # fmt: skip
    for what, changes in (
        ("threshold 500 for 1,500", {"threshold": 500.0}),
        ("memory cells die at 0.1/d for 0.007/d", {"memory_death": 0.1}),
    ):
        yield (
            "4", f"the same, {what}", cd22_at_relapse(cd22_alone(size, **changes)),
            "one CD22 density", cd22_at_relapse(cd22_alone(size, spread=0.0, **changes)),
        )  # fmt: skip
    yield (
        "4", "CD22 half a year after a CD22-low relapse over that at relapse, median",
        effects.cd22_after_relapse(size), "no walk", effects.cd22_after_relapse(size, relaxation=1e9),
    )  # fmt: skip
    for levels in (3, 6, 12):
        ladder = cd22_alone(size, levels, horizon=730.0)
        yield (
            "4", f"CD22 at relapse over that before, two years, ladder of {levels} levels",
            cd22_at_relapse(ladder), "its complete remissions", share_of(responds(ladder)),
        )  # fmt: skip
    for reach in (1.0, 1.5, 2.6, 3.0, 4.0):
        ladder = cd22_alone(size, 12, reach, horizon=730.0)
        yield (
            "4", f"the same, 12 levels whose outer bins begin at {reach} SD for 2.05",
            cd22_at_relapse(ladder), "its complete remissions", share_of(responds(ladder)),
        )  # fmt: skip
    lacking, having = effects.lacking_cd19(size)
    for name in ("cd22", "tandem", "cd19"):
        yield (
            "5", f"{name}: complete remission of leukaemia without CD19", share_of(responds(lacking[name])),
            "the same leukaemia with CD19", share_of(responds(having[name])),
        )  # fmt: skip
    rescued = effects.rescue_at_relapse(size)
    yield (
        "5", "CD19-negative relapse, infused with CD22: remission", rescued["cd22"],
        "infused with CD19 again", rescued["cd19"],
    )  # fmt: skip


def dual(size: int) -> Iterator[Line]:
    """Point 6."""
    arms, faithful = upfront(size), upfront(size, first_hit_rate=0.0)
    for name, arm in arms.items():
        yield (
            "6", f"{name}: relapse in two years, of all patients", share_of(relapses(arm)), "no first hit",
            share_of(relapses(faithful[name])),
        )  # fmt: skip
        for label, phenotypes in (
            ("without CD19", NEGATIVE),
            ("CD22-low alone", ("cd22-low",)),
            ("that kept both", ("positive",)),
        ):
            yield (
                "6", f"{name}: relapse {label}", share_of(relapses(arm, *phenotypes)), "no first hit",
                share_of(relapses(faithful[name], *phenotypes)),
            )  # fmt: skip
    for weak in (0.8, 0.03, 0.001):
        yield (
            "6", f"tandem, CD22 arm of strength {weak}: relapse without CD19 in a year",
            negative_share(tandem_alone(size, weak=weak)), "", "",
        )  # fmt: skip
    yield "6", "CD19 alone: the same", negative_share(effects.cd19_alone(size)), "", ""
    usual, rejected = tandem_alone(size), tandem_alone(size, immunogenicity=300.0)
    yield (
        "6", "tandem rejected within weeks: relapse among responders in a year",
        share_of(relapses(rejected), responds(rejected)), "not rejected", share_of(relapses(usual), responds(usual)),
    )  # fmt: skip
    short = tandem_alone(size, 90.0, fitness=5.0)
    yield (
        "6", "tandem with a programme of 5 e-folds: complete remission", share_of(responds(short)),
        "usual programme", share_of(responds(usual)),
    )  # fmt: skip
    either = tandem_alone(size, 730.0, recognition="or")
    additive = tandem_alone(size, 730.0)
    yield (
        "6", "tandem, recognition by either arm: complete remission", share_of(responds(either)),
        "additive occupancy", share_of(responds(additive)),
    )  # fmt: skip
    yield (
        "6", "tandem, recognition by either arm: relapse in two years, of all patients", share_of(relapses(either)),
        "additive occupancy", share_of(relapses(additive)),
    )  # fmt: skip
    some = tandem_alone(size, switch=1e-9)
    yield (
        "6", "tandem, lineage switch 1e-9 per division: switched relapse among responders in a year",
        share_of(relapses(some, "switched"), responds(some)), "no switch",
        share_of(relapses(usual, "switched"), responds(usual)),
    )  # fmt: skip


def extinction(size: int) -> Iterator[Line]:
    """Points 7 and 11."""
    found = effects.extinction(size // 4, 10)
    certain = effects.extinction(size // 4, 2, threshold=0.0)
    yield (
        "7", "tandem: patients whose mean course relapses", share_of_array(found.relapse), "", "",
    )  # fmt: skip
    yield (
        "7", "of these, some of 10 replicates end extinct", share_of_array(found.extinct[found.relapse] > 0.0),
        "no counting of cells", share_of_array(certain.extinct[certain.relapse] > 0.0),
    )  # fmt: skip
    yield (
        "7", "of these, some end extinct and some do not",
        share_of_array((found.extinct > 0.0)[found.relapse] & (found.extinct < 1.0)[found.relapse]), "", "",
    )  # fmt: skip
    arm, harmless = effects.untreated(size), effects.untreated(size, leukaemia_hazard=0.0)
    for day in (90, 182, 365):
        yield (
            "11", f"untreated: dead by day {day}", share_of(arm.death_day <= day), "leukaemia does not kill",
            share_of(harmless.death_day <= day),
        )  # fmt: skip


def share_of_array(values: object) -> Effect:
    """Return the share of true values."""
    return estimate(np.mean, np.asarray(values, dtype=np.float64))


def main() -> None:
    """Print the rows as they are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=400)
    parser.add_argument(
        "--posterior", action="store_true", help="patients from the shipped posterior, of new trials"
    )
    given = parser.parse_args()
    size = given.patients
    if given.posterior:
        trials.POPULATIONS["draws"] = 100
    sys.stdout.write(
        "| point | effect | size ± SE | patients | mechanism off, or compared with | size ± SE | patients |\n"
    )
    sys.stdout.write("|---|---|---|---|---|---|---|\n")
    for part in (kinetics, loss_of_cd19, dimming_of_cd22, dual, extinction):
        for point, what, effect, control, without in part(size):
            cells = [f"{e} | {e.patients if isinstance(e, Effect) else ''}" for e in (effect, without)]
            sys.stdout.write(f"| {point} | {what} | {cells[0]} | {control} | {cells[1]} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
