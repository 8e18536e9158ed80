"""What assays and outcomes read from the network: definitions with fixed names, whatever the design."""

from __future__ import annotations

from collections.abc import Callable

from sim.models.agents import SHARES
from sim.models.antigen import LOST, AntigenClass
from sim.models.design import Design, total
from sim.network.network import Network

__all__ = ["OBSERVABLES", "add_burden", "add_observables"]

OBSERVABLES = (
    "leukaemia_cells",
    "marrow_blast_fraction",
    "extramedullary_cells",
    "cd19_negative_cells",
    "cd22_lost_cells",
    "cd22_low_cells",
    "switched_cells",
    "cd19_mean_density",
    "cd22_mean_density",
    "car_t_cells",
    "car_t_blood",
    "memory_cells",
    "b_cells",
    "b_cell_fraction",
    "host_lymphocytes",
    "il7_15",
    "il6",
    "il6_index",
    "normal_marrow_fraction",
)
"""Species and definitions that every leukaemia network of a host has under these names."""

LOW_CD22 = 0.5
"""Share of the patient's median CD22 below which a cell counts as CD22-low, without unit; assumed, as `cd22_low_fold` of a trial."""


def add_burden(net: Network, design: Design) -> None:
    """Add the sums that rates need too: leukaemia in the marrow (with its niche), in the whole body, and as a share of the marrow."""
    if not design.host:
        net.define("leukaemia_cells", total(design.leukaemia()))
        return
    inside = [site for site in design.sites if site not in design.extramedullary]
    net.define(
        "marrow_leukaemia",
        total(design.leukaemia(inside)),
        "leukaemia cells in the marrow, protected niche included",
    )
    net.define("extramedullary_cells", total(design.leukaemia(design.extramedullary)))
    net.define(
        "leukaemia_cells",
        "marrow_leukaemia + extramedullary_cells" if design.extramedullary else "marrow_leukaemia",
    )
    net.define(
        "marrow_blast_fraction",
        "marrow_leukaemia/(marrow_leukaemia + normal_marrow_fraction*marrow_capacity)",
        "share of blasts among the nucleated marrow cells; high counts in a hypocellular marrow",
    )


def add_observables(net: Network, design: Design) -> None:
    """Add antigen composition, densities, CAR T cells and, in a host, B cells and blood."""
    if design.agents:
        _describe_agents(net)
    else:
        _describe_classes(net, design)
    names = [p.name for p in design.products]
    net.define(
        "car_t_cells", total(f"car_t_cells_{n}" for n in names), "CAR T cells of all products, whole body"
    )
    net.define("memory_cells", total(f"memory_{n}" for n in names), "memory CAR T cells of all products")
    if not design.host:
        return
    resting = [f"memory_{n} + exhausted_{n}" for n in names]
    blood = total(
        [*(f"blood_effectors_{n}" for n in names), *([f"blood_share*({total(resting)})"] if names else [])]
    )
    if names:
        net.parameter(
            "blood_volume",
            7e4,
            "uL/kg",
            "textbook: 65-75 mL/kg",
            "assumed",
            description="blood per body weight",
        )
        blood = f"({blood})/(blood_volume*weight)"
    net.define("car_t_blood", blood, "CAR T cells/uL of blood")
    net.define("b_cell_fraction", "b_cells/b_cells_healthy_cells", "B cells over their healthy number")


def _describe_agents(net: Network) -> None:
    """Add what the agents tell of themselves: shares of the cells, and mean densities."""
    for what, about in SHARES.items():
        net.define(f"{what}_cells", f"share_{what}*leukaemia_cells", about)
    for antigen in ("cd19", "cd22"):
        net.define(
            f"{antigen}_mean_density", f"mean_{antigen}", "molecules/cell, mean over all leukaemia cells"
        )


def _describe_classes(net: Network, design: Design) -> None:
    cells = _selector(design)
    net.define(
        "cd19_negative_cells", cells(lambda c: c.cd19 == "none"), "cells without CD19, switched ones included"
    )
    net.define(
        "cd22_lost_cells", cells(lambda c: c.cd22 == LOST), "cells without CD22, switched ones included"
    )
    net.define("switched_cells", cells(lambda c: c.switched), "cells that left the lineage")
    low = [
        f"where(cd22_{level} < {LOW_CD22}*cd22_density, 1, 0)*({cells(_at_level(level))})"
        for level in design.grid.level_names
    ]
    net.define(
        "cd22_low_cells",
        total([*low, "cd22_lost_cells"]),
        "cells with less than half the patient's median CD22, lost included",
    )
    for antigen, states in (("cd19", ("two", "one")), ("cd22", design.grid.level_names)):
        terms = [f"{antigen}_{state}*({cells(_in_state(antigen, state))})" for state in states]
        # A billionth of a cell makes the mean of no cells 0.
        net.define(
            f"{antigen}_mean_density",
            f"({total(terms)})/(leukaemia_cells + 1e-9)",
            "molecules/cell, mean over all leukaemia cells",
        )


def _selector(design: Design) -> Callable[[Callable[[AntigenClass], bool]], str]:
    def cells(chosen: Callable[[AntigenClass], bool]) -> str:
        return total(design.leukaemia(classes=[c for c in design.grid.classes if chosen(c)]))

    return cells


def _at_level(level: str) -> Callable[[AntigenClass], bool]:
    return lambda c: c.cd22 == level


def _in_state(antigen: str, state: str) -> Callable[[AntigenClass], bool]:
    return lambda c: c.state(antigen) == state
