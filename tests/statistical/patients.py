"""Five patients of the leukaemia model so small that every cell can be counted, for the agreement of the methods.

The network is the model's own, that of `dual-upfront`, in a body of `SIZE` of an adult's: cell numbers of the model scale with the body, so
leukaemia is some hundred cells and meets CAR T cells as it does in an adult. What is a concentration keeps its value of the day of infusion, and so do
the host's lymphocytes and antibodies (there are no B cells): the direct method and the leap count every species. Mutations are 300,000 times as
frequent, lest nobody meet one. Each dose is one to three CAR T cells, so that some patients are cured and some are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

import sim
from sim.network.network import Network
from sim.network.printing import to_text
from sim.network.simulation import Kernel, simulate
from sim.trial.cohort import draw

Floats = NDArray[np.float64]

SIZE = 1e-8
MUTATIONS = 3e5
DAYS = 45.0
FROZEN = {"b_cells": 0.0}
LEUKAEMIA = {
    "marrow_two_level0": 20,
    "marrow_two_level1": 260,
    "marrow_two_level2": 20,
    "marrow_one_level1": 6,
}
COUNTED = ("marrow_", "niche_", "memory_", "effectors_", "exhausted_", "blood_effectors_")
MUTATION_RATES = ("first_hit_rate", "second_hit_rate", "cd22_loss_rate")
ARMS: Mapping[str, Mapping[str, int]] = {
    "cd19": {"effectors_cd19": 3},
    "cd22": {"effectors_cd22": 3},
    "coinfused": {"effectors_cd19": 1, "effectors_cd22": 2},
    "tandem": {"effectors_tandem": 2},
    "sequential": {"effectors_cd19": 1},
}
"""CAR T cells on day 0; in `sequential` one of the second product comes on day 20."""


@cache
def patient(arm: str) -> Network:
    """Return the network of an arm; what is not counted is a parameter in it."""
    cohort = draw(sim.load("dual-upfront"), "tandem", 0, np.arange(1))
    adult = cohort.network
    net = Network(f"small patient, {arm}")
    start = {**LEUKAEMIA, **ARMS[arm]}
    for species in adult.all_species:
        if species.name.startswith(COUNTED):
            net.species(species.name, start.get(species.name, 0))
        else:
            value = cohort.initial.get(species.name, np.array([species.initial]))[0]
            net.parameter(
                species.name, FROZEN.get(species.name, value * (SIZE if species.kind == "count" else 1.0))
            )
    for parameter in adult.all_parameters:
        value = parameter.value
        if parameter.name == "weight":
            value *= SIZE
        elif parameter.name in MUTATION_RATES:
            value *= MUTATIONS
        net.parameter(parameter.name, value)
    for definition in adult.all_definitions:
        net.define(definition.name, to_text(definition.expression))
    counted = {species.name for species in net.all_species}
    for reaction in adult.all_reactions:
        change = {name: number for name, number in reaction.net.items() if name in counted}
        if change:
            net.reaction(reaction.name, change, to_text(reaction.rate))
    if arm == "sequential":
        net.event("second product", at=20.0, add={"effectors_cd22": "1"})
    return net


def outcomes(arm: str, kernel: str | Kernel, rows: int, seed: int) -> dict[str, Floats]:
    """Return what a trial would ask of each row on the last day: extinct, CD19-negative, blasts and CAR T cells on a log10 scale."""
    out = simulate(
        patient(arm), [0.0, DAYS], kernel, n=rows, seed=seed,
        outputs=["leukaemia_cells", "cd19_negative_cells", "car_t_cells"],
    )  # fmt: skip
    assert out.ok.all()
    cells, negative, car_t = (
        out[name][:, -1] for name in ("leukaemia_cells", "cd19_negative_cells", "car_t_cells")
    )
    return {
        "leukaemia extinct": (cells == 0.0).astype(np.float64),
        "relapse without CD19": (negative > 0.5 * np.maximum(cells, 1.0)).astype(np.float64),
        "log10 of blasts": np.log10(1.0 + cells),
        "log10 of CAR T cells": np.log10(1.0 + car_t),
    }
