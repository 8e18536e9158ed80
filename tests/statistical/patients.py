"""Five patients of the four shipped scenarios, so small that every cell can be counted, for the agreement of the methods; and the same arms unscaled.

The direct method and the leap count every species, one event or one leap of events at a time: they refuse concentrations and rates that read the
time, and an adult's 1e12 cells would take the direct method days a patient. An exact comparison of the scenarios as they are is
therefore impossible. What is compared exactly are patients of these scenarios, each with his own draws of all parameters, in a body of
`SIZE` of their weight: cell numbers of the model scale with the body, so that 300 leukaemia cells meet CAR T cells there as 3e10 do in an adult. What
cannot be counted (concentrations, and the host's lymphocytes, which are too many) keeps the value of day `DAY` in the patient's own mean course: the
height of the expansion. Mutations are `MUTATIONS` times as frequent, lest nobody meet one. CAR T cells at the start are few, and their number was
set so that some are cured and some are not; the second product of `sequential` comes on day 14.

The scenarios as they are can be simulated by the hybrid method alone: with its options of a trial, and with a tenth of the tolerance and ten times
the threshold (`trial_outcomes`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

import sim
from sim.network.network import Network
from sim.network.printing import to_text
from sim.network.simulation import Kernel, simulate
from sim.trial.cohort import draw

Floats = NDArray[np.float64]

SEED = 1
SIZE = 1e-8
MUTATIONS = 3e5
DAY = 7.0
DAYS = 30.0
COUNTED = ("marrow_", "niche_", "memory_", "effectors_", "exhausted_", "blood_effectors_", "b_cells")
LEUKAEMIA = ("marrow_", "niche_")
MUTATION_RATES = ("first_hit_rate", "second_hit_rate", "cd22_loss_rate")


@dataclass(frozen=True)
class Small:
    """A small patient: who he is, and the cells at his start.

    Attributes
    ----------
    scenario, arm, number
        Whose parameters and classes he has.
    leukaemia : int
        Cells, shared out among the classes as in the patient on day 0.
    cells : dict of str to int
        CAR T cells on day 0.
    later : dict of str to int
        CAR T cells on day 14.
    """

    scenario: str
    arm: str
    number: int
    leukaemia: int
    cells: dict[str, int] = field(default_factory=dict)
    later: dict[str, int] = field(default_factory=dict)


SMALL = {
    "cd22": Small("fry2018-cd22", "higher", 0, 300, {"effectors_cd22": 1}),
    "cd19": Small("turtle2016-cd19", "cd19", 1, 300, {"effectors_cd19": 4}),
    "tandem": Small("dual-upfront", "tandem", 2, 200, {"effectors_tandem": 1}),
    "sequential": Small("dual-upfront", "sequential", 3, 300, {"effectors_cd19": 1}, {"effectors_cd22": 1}),
    "untreated": Small("untreated", "untreated", 4, 2),
}


@cache
def patient(name: str, misrate: str = "", factor: float = 1.0) -> Network:
    """Return the network of a small patient; what is not counted is a parameter in it.

    A `misrate` multiplies one parameter: a fault that must be found.
    """
    who = SMALL[name]
    cohort = draw(sim.load(who.scenario), who.arm, SEED, np.array([who.number]))
    adult = cohort.network
    mean = simulate(
        adult, [cohort.start, 0.0, DAY] if cohort.start < 0.0 else [0.0, DAY], "ode",
        parameters=cohort.parameters, initial=cohort.initial, threads=1,
    )  # fmt: skip
    assert mean.ok.all()
    net = Network(f"small patient, {name}")
    classes = [s.name for s in adult.all_species if s.name.startswith(LEUKAEMIA)]
    burden = sum(mean[one][0, -2] for one in classes)
    for species in adult.all_species:
        now, later = (float(mean[species.name][0, k]) for k in (-2, -1))
        if species.name in classes:
            net.species(species.name, round(who.leukaemia * now / burden))
        elif species.name == "b_cells":
            net.species(species.name, round(SIZE * now))
        elif species.name.startswith(COUNTED):
            net.species(species.name, who.cells.get(species.name, 0))
        else:
            net.parameter(species.name, later * (SIZE if species.kind == "count" else 1.0))
    for parameter in adult.all_parameters:
        value = float(cohort.parameters.get(parameter.name, np.array([parameter.value]))[0])
        if parameter.name == "weight":
            value *= SIZE
        elif parameter.name in MUTATION_RATES:
            value *= MUTATIONS
        net.parameter(parameter.name, value * (factor if parameter.name == misrate else 1.0))
    for definition in adult.all_definitions:
        net.define(definition.name, to_text(definition.expression))
    counted = {species.name for species in net.all_species}
    for reaction in adult.all_reactions:
        change = {one: number for one, number in reaction.net.items() if one in counted}
        if change:
            net.reaction(reaction.name, change, to_text(reaction.rate))
    if who.later:
        net.event("second product", at=14.0, add={one: str(more) for one, more in who.later.items()})
    return net


def on_last_day(cells: Floats, negative: Floats, car_t: Floats) -> dict[str, Floats]:
    """Return what a trial would ask of each row: extinct, relapse without CD19, blasts and CAR T cells on a log10 scale."""
    return {
        "leukaemia extinct": (cells == 0.0).astype(np.float64),
        "relapse without CD19": (negative > 0.5 * np.maximum(cells, 1.0)).astype(np.float64),
        "log10 of blasts": np.log10(1.0 + cells),
        "log10 of CAR T cells": np.log10(1.0 + car_t),
    }


OUTPUTS = ["leukaemia_cells", "cd19_negative_cells", "car_t_cells"]


def outcomes(
    name: str, kernel: str | Kernel, rows: int, seed: int, misrate: str = "", factor: float = 1.0
) -> dict[str, Floats]:
    """Return the outcomes of a small patient's rows on the last day."""
    net = patient(name, misrate, factor)
    out = simulate(net, [0.0, DAYS], kernel, n=rows, seed=seed, outputs=OUTPUTS)
    assert out.ok.all()
    return on_last_day(*(out[one][:, -1] for one in OUTPUTS))


ARMS = (
    ("fry2018-cd22", "higher"),
    ("turtle2016-cd19", "cd19"),
    ("dual-upfront", "coinfused"),
    ("dual-upfront", "sequential"),
    ("untreated", "untreated"),
)
YEAR = 365.0


def trial_outcomes(
    scenario: str, arm: str, kernel: Kernel, patients: int, replicate: int
) -> dict[str, Floats]:
    """Return the outcomes of each virtual patient of an arm, a year after infusion or at his death."""
    cohort = draw(sim.load(scenario), arm, SEED, np.arange(patients))
    out = simulate(
        cohort.network, [cohort.start, YEAR], kernel, seed=SEED, first_replicate=replicate, outputs=OUTPUTS,
        parameters=cohort.parameters, initial=cohort.initial, patients=cohort.patients,
    )  # fmt: skip
    assert out.ok.all()
    return on_last_day(*(out[one][:, -1] for one in OUTPUTS))
