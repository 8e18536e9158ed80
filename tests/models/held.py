"""The leukaemia of a design in surroundings that hold still, as classes and as single cells: what both must agree on.

Either network is made of the model's own species, parameters, definitions and reactions; what is not a leukaemia cell becomes a parameter.
So nothing stands here that could be written differently than in the model, and every kernel can run the classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sim.kernels import agent_layout as kernel
from sim.models.agents import agent_model
from sim.models.antigen import CD19_STATES, LOST
from sim.models.design import Design
from sim.models.leukaemia import build
from sim.network.agent_model import AgentModel
from sim.network.cells import Cells
from sim.network.network import Network

CD19, CD22, SPREAD = 11300.0, 3000.0, 0.34
FROZEN = {
    "cd19_density": CD19,
    "cd22_density": CD22,
    "cd22_spread": SPREAD,
    "cd19_relaxation_time": math.inf,
    "cd22_relaxation_time": math.inf,
    "inheritance_noise": 0.0,
}
"""Densities that stay where they are: on the levels of the grid, if they are there at the start. The rates of the classes' walk are then 0."""


def hold(network: Network, moving: Iterable[str]) -> Network:
    """Make a parameter of every species but those that move, and leave out events and the reactions of what is held."""
    names = set(moving)
    held = Network(f"{network.name}, held", network.time_unit)
    for species in network.all_species:
        if species.name in names:
            held.species(species.name, species.initial, species.kind, species.unit)
        else:
            held.parameter(species.name, species.initial, species.unit)
    for parameter in network.all_parameters:
        held.parameter(parameter.name, parameter.value, parameter.unit)
    for definition in network.all_definitions:
        held.define(definition.name, str(definition.expression))
    for reaction in network.all_reactions:
        if set(reaction.net) <= names:
            held.reaction(reaction.name, reaction.net, str(reaction.rate))
    held.check()
    return held


def held_classes(design: Design) -> Network:
    return hold(build(design), design.leukaemia())


def held_agents(design: Design) -> AgentModel:
    design = replace(design, agents=True)
    moving = [f"{site}_{what}" for site in design.sites for what in ("cells", "spared")]
    return agent_model(design, hold(build(design), moving))


def on_the_grid(design: Design, numbers: Mapping[str, int], room: int) -> Cells:
    """Cells of the classes, by the name of their species, with exactly the densities of the grid; each a clone of its own."""
    names = [(site, c) for site in range(len(design.sites)) for c in design.grid.classes]
    of = np.repeat(
        np.arange(len(names)), [numbers.get(design.cells(design.sites[site], c), 0) for site, c in names]
    )
    values = np.zeros((kernel.VALUES, len(names)), np.float32)
    marks = np.zeros((kernel.MARKS, len(names)), np.uint8)
    levels = dict(zip(design.grid.level_names, design.grid.ladder.positions, strict=True))
    values[kernel.LN19], values[kernel.LN22] = math.log(CD19), math.log(CD22)
    for k, (site, c) in enumerate(names):
        marks[kernel.SITE, k] = site
        marks[kernel.COPIES, k] = len(CD19_STATES) - 1 - CD19_STATES.index(c.cd19)
        if c.cd22 == LOST:
            marks[kernel.FLAGS, k] = kernel.LOST | (kernel.SWITCHED if c.switched else 0)
        else:
            values[kernel.LN22, k] += math.log(10.0) * SPREAD * levels[c.cd22]
    cells = Cells(room)
    cells.fill(values[:, of], marks[:, of], np.arange(len(of), dtype=np.int32))
    return cells


def counted(design: Design, cells: Cells) -> NDArray[np.float64]:
    """Numbers of cells by class, in the order of `Design.leukaemia`."""
    from sim.models.handover import hand_over

    values, marks, _ = cells.gather()
    return hand_over(design).to_counts(values, marks, FROZEN)
