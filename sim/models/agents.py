"""Leukaemia cells as agents: what surrounds them, what it tells them, and what they tell it.

The surroundings are the leukaemia network with the number of cells at each site in place of the classes (`Design(agents=True)`): CAR T
cells, cytokines, host, treatment and death of the patient are the same reactions and events. Between the agents and the network pass

=========  ======================================  ==========================================================================
direction  name                                    meaning
=========  ======================================  ==========================================================================
told by    lysis_P_SITE, stimulation_P_SITE        mean of phi and psi over the cells of a site
agents     shared_P_Q_SITE                         mean of the lesser of psi for two products
           SITE_killing                            mean hazard of a cell to be killed, access included
           SITE_quiescent                          share of the cells that do not divide
           share_WHAT, mean_ANTIGEN                composition, for assays and outcomes
told to    `signals`                               hazards of division and death, rates between sites, killing capacity and load
agents                                             of each product, thresholds, and the law of the densities
=========  ======================================  ==========================================================================

``SITE_cells`` is a concentration that follows the mean hazards within a step of the agents and is set to their number after it;
``SITE_spared`` is the share that events within the step (chemotherapy, lymphodepletion, conditioning) have left of them.
"""

from __future__ import annotations

from sim.models.antigen import ANTIGENS, Arm, recognition
from sim.models.blasts import define_death, define_exchange
from sim.models.design import Design, ProductDesign, total
from sim.models.ranges import Range
from sim.network.agent_model import AgentModel, Killers, Species
from sim.network.network import Network

__all__ = [
    "RANGES",
    "SHARES",
    "SINGLE_CELL_PARAMETERS",
    "add_agents",
    "agent_model",
    "declare_agents",
    "declare_single_cells",
    "mean_recognition",
    "mean_shared",
    "pairs",
    "recognition_text",
    "signals",
    "told",
]

SHARES = {
    "cd19_negative": "cells without CD19, switched ones included",
    "cd22_lost": "cells without CD22, switched ones included",
    "switched": "cells that left the lineage",
    "cd22_low": "cells with less than half the patient's median CD22, lost included",
}
"""Shares of the cells that the agents tell, in the kernel's order."""

# Name, value, unit, source, description: what the classes of the grid have no word for.
_SINGLE_CELLS = (
    (
        "cd19_spread",
        0.2,
        "log10",
        "within-patient spread 0.2-0.35",
        "stationary SD of CD19 between the cells of a patient",
    ),
    ("cd19_relaxation_time", 300.0, "day", "as CD22", "time in which a daughter line forgets its CD19"),
    (
        "inheritance_noise",
        0.2,
        "1",
        "",
        "share of the walk's variance that is made at divisions: one daughter gets more, the other as much less; quiescent cells go without",
    ),
    (
        "contact_ratio",
        0.0,
        "1",
        "0 as in the network; in vitro most contacts do not kill at once",
        "contacts with CAR T cells that a cell survives, for each that kills it",
    ),
    (
        "contact_loss",
        0.5,
        "1",
        "",
        "share of the antigens seen that a surviving cell loses at a contact (modulation and trogocytosis)",
    ),
    (
        "contact_recovery_time",
        3.0,
        "day",
        "recovery of antigen within days of removal from CAR T cells",
        "time in which a cell makes up for such losses",
    ),
    ("quiescence_rate", 0.0, "1/day", "0 as in the network", "cells that stop dividing"),
    ("awakening_rate", 0.05, "1/day", "", "quiescent cells that divide again"),
)

RANGES = {
    "cd19_density": Range(0.0, open_low=True),
    "cd22_density": Range(0.0, open_low=True),
    "cd19_relaxation_time": Range(0.0, open_low=True),
    "cd22_relaxation_time": Range(0.0, open_low=True),
    "inheritance_noise": Range(0.0, 1.0),
    "contact_loss": Range(0.0, 1.0),
    "contact_recovery_time": Range(0.0, open_low=True),
    "exhaustion_order": Range(1.0),
}
"""What parameters may be where cells are simulated one by one, beside their sign."""
SINGLE_CELL_PARAMETERS = tuple(name for name, *_ in _SINGLE_CELLS)
"""Names of parameters that cells simulated one by one have, and classes have not."""

_COMMON = (
    "division_hazard", "death_hazard", "first_hit_rate", "second_hit_rate", "cd22_loss_rate", "cell_switch_rate",
    "cd19_density", "cd22_density", "cd19_spread", "cd22_spread", "cd19_relaxation_time", "cd22_relaxation_time",
    "inheritance_noise", "contact_ratio", "contact_loss", "contact_recovery_time", "quiescence_rate", "awakening_rate",
)  # fmt: skip
_KILLING = ("killing_rate", "recognition_steepness")


def mean_recognition(kind: str, product: ProductDesign, site: str) -> str:
    """Name of the mean of phi ("lysis") or psi ("stimulation") over the cells of a site."""
    return f"{kind}_{product.name}_{site}"


def pairs(design: Design) -> tuple[tuple[ProductDesign, ProductDesign], ...]:
    """Pairs of products that have an antigen in common and compete for its stimulation, each once."""
    listed = design.products
    return tuple(
        (a, b) for i, a in enumerate(listed) for b in listed[i + 1 :] if set(a.targets) & set(b.targets)
    )


def mean_shared(a: ProductDesign, b: ProductDesign, site: str) -> str:
    """Name of the mean over the cells of a site of the lesser of psi for two products, whichever comes first."""
    first, second = sorted((a.name, b.name))
    return f"shared_{first}_{second}_{site}"


def told(design: Design) -> tuple[str, ...]:
    """Parameters that the agents tell, site by site in the kernel's order, then composition."""
    names: list[str] = []
    for site in design.sites:
        names += [mean_recognition("lysis", product, site) for product in design.products]
        names += [mean_recognition("stimulation", product, site) for product in design.products]
        names += [mean_shared(a, b, site) for a, b in pairs(design)]
        names += [f"{site}_killing", f"{site}_quiescent"]
    return (*names, *(f"share_{what}" for what in SHARES), *(f"mean_{antigen}" for antigen in ANTIGENS))


def declare_single_cells(net: Network) -> None:
    """Add the parameters for which the classes of the grid have no word."""
    for name, value, unit, source, description in _SINGLE_CELLS:
        net.parameter(name, value, unit, source, "assumed", description)


def declare_agents(net: Network, design: Design) -> None:
    """Add the numbers of cells at the sites, what the agents tell, and what the classes have no word for."""
    for site in design.sites:
        about = f"leukaemia cells in the {site}"
        net.species(f"{site}_cells", 0.0, kind="concentration", unit="cells", description=about)
        about = f"share of the cells in the {site} that events of this step have left"
        net.species(f"{site}_spared", 1.0, kind="concentration", unit="1", description=about)
    declare_single_cells(net)
    for name in told(design):
        unit = "1/day" if name.endswith("_killing") else "molecules/cell" if name.startswith("mean_") else "1"
        net.parameter(name, 0.0, unit, description="told by the agents")


def add_agents(net: Network, design: Design) -> None:
    """Add how the numbers of cells move within a step, and the definitions that become signals."""
    # A grid without the switched class ignores the rate, and so must its cells: they could not be counted again.
    net.define("cell_switch_rate", "lineage_switch_rate" if design.grid.lineage_switch else "0")
    define_exchange(net, design)
    define_death(net, design)
    moves = {site: [f"{site}_killing*{site}_cells"] for site in design.sites}
    gains: dict[str, list[str]] = {site: [] for site in design.sites}
    for site in design.sites[1:]:
        entry, leaving = f"{site}_entry_rate*marrow_cells", f"{site}_exit_rate*{site}_cells"
        moves["marrow"].append(entry)
        gains[site].append(entry)
        moves[site].append(leaving)
        gains["marrow"].append(leaving)
    for site in design.sites:
        growth = f"(division_hazard*(1 - {site}_quiescent) - death_hazard)*{site}_cells"
        rate = total([growth, *gains[site]]) + "".join(f" - {term}" for term in moves[site])
        net.reaction(f"growth {site}", {f"{site}_cells": 1}, rate)
    for product in design.products:
        net.define(
            f"killing_load_{product.name}",
            f"killing_saturation_cells + recognised_{product.name}",
            "targets that keep the killers of a product busy, and half-saturation (K_T + R)",
        )


def signals(design: Design) -> tuple[str, ...]:
    """Species, parameters and definitions of the surroundings that the agents are told, in the kernel's order (sim/kernels/agent_layout.py)."""
    names = [*_COMMON, *(_KILLING if design.products else ())]
    for site in design.sites[1:]:
        names += [f"{site}_access", f"{site}_entry_rate", f"{site}_exit_rate"]
    for product in design.products:
        names += [f"active_{product.name}", f"killing_load_{product.name}"]
        names.append(f"stimulation_shift_{product.name}")
        for antigen in product.targets:
            names += [f"threshold_{product.name}_{antigen}", f"strength_{product.name}_{antigen}"]
    return tuple(names)


def recognition_text(product: ProductDesign, kind: str) -> str:
    """Text of phi ("lysis") or psi ("stimulation") of a cell with the densities ``d19`` and ``d22``: the network's definition."""
    shift = "" if kind == "lysis" else f"stimulation_shift_{product.name}*"
    arms = [
        Arm(a, f"{shift}threshold_{product.name}_{a}", f"strength_{product.name}_{a}")
        for a in product.targets
    ]
    densities: dict[str, str | None] = {"cd19": "d19", "cd22": "d22"}
    return recognition(product.form, arms, densities, "recognition_steepness")


def agent_model(design: Design, surroundings: Network) -> AgentModel:
    """Describe the leukaemia cells of a design to `sim.network.agents.simulate_agents`.

    Parameters
    ----------
    design : Design
        With `agents`.
    surroundings : Network
        Built from it.

    Returns
    -------
    AgentModel
    """
    listed = list(design.products)
    return AgentModel(
        surroundings=surroundings,
        sites=tuple(Species(f"{site}_cells", f"{site}_spared") for site in design.sites),
        signals=signals(design),
        told=told(design),
        products=tuple(
            (f"active_{p.name}", f"killing_load_{p.name}", "cd19" in p.targets, "cd22" in p.targets)
            for p in listed
        ),
        pairs=tuple((listed.index(a), listed.index(b)) for a, b in pairs(design)),
        lysis=tuple(recognition_text(p, "lysis") for p in listed),
        stimulation=tuple(recognition_text(p, "stimulation") for p in listed),
        site_at=len(_COMMON) + (len(_KILLING) if listed else 0),
        killers=tuple(_killers(p) for p in listed) if design.car_t_agents else (),
    )


_TOLD_KILLERS = (
    "division_drive", "memory_formation", "exhaustion", "effector_loss", "memory_division", "recruitment", "memory_loss",
    "exhausted_loss",
)  # fmt: skip
"""Hazards of a CAR T cell, in the order of sim/kernels/t_cells.py."""


def _killers(product: ProductDesign) -> Killers:
    name = product.name
    hazards = [f"{what}_{name}" for what in _TOLD_KILLERS]
    others = ("programme_power", "exhaustion_rate", "exhaustion_order", "exhausted_activity")
    return Killers(
        memory=f"memory_{name}",
        effectors=f"effectors_{name}",
        exhausted=f"exhausted_{name}",
        age=f"division_age_{name}",
        told=(*hazards, f"signal_{name}", f"programme_{name}", *others),
    )
