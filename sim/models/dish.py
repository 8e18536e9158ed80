"""A dish in place of a host: targets and CAR T cells in a medium that does not change, as in a killing assay.

What cells do to each other is the leukaemia network's own (blasts.py, effectors.py). A body's numbers of cells become those of the dish by
the volume in which cells meet there, over that of the marrow in which the body's cells meet: what saturates killing at 2.5e8 cells in 70 kg does so at
2.5e8*size in the dish. There are no B cells, no blood, no immunity, no treatment and no death of a patient; IL-7/15 is what the medium holds.
"""

from __future__ import annotations

from sim.models.design import Design
from sim.models.ranges import Range
from sim.network.network import Network

__all__ = ["DISH_PARAMETERS", "DISH_RANGES", "declare_dish", "define_dish_observables", "define_dish_sizes"]

# Name, value, unit, source, description.
_DISH = (
    ("dish_volume", 0.2, "mL", "a well of a plate of 96", "medium in the dish"),
    (
        "meeting_volume",
        0.02,
        "mL",
        "cells settle at the bottom of a well",
        "volume of the dish in which cells meet",
    ),
    (
        "marrow_volume",
        1200.0,
        "mL/70 kg",
        "ICRP Publication 89: 1.17 kg of active marrow in an adult man",
        "volume in which the cells of a body meet",
    ),
    (
        "dish_capacity",
        5e6,
        "cells/mL",
        "cell lines in suspension grow to a few million per mL",
        "target cells at which crowding kills as many as divide",
    ),
    (
        "il7_15_drive",
        0.5,
        "1",
        "media hold IL-2, or IL-7 and IL-15; a healthy host has 0.25",
        "homeostatic drive (g)",
    ),
)
DISH_RANGES = {name: Range(0.0, open_low=True) for name, *_ in _DISH if name != "il7_15_drive"} | {
    "il7_15_drive": Range(0.0, 1.0),
    "killing_saturation": Range(0.0, open_low=True),
    "signal_saturation": Range(0.0, open_low=True),
}
"""What they may be, as `sim.models.agents.RANGES`."""
DISH_PARAMETERS = tuple(name for name, *_ in _DISH)
"""Names of the parameters that only a dish has."""


def declare_dish(net: Network) -> None:
    """Add what describes the dish."""
    for name, value, unit, source, description in _DISH:
        net.parameter(name, value, unit, source, "assumed", description)


def define_dish_sizes(net: Network, design: Design) -> None:
    """Add the cell numbers that scale with the dish."""
    net.define("size", "meeting_volume/marrow_volume", "where cells meet, over the marrow of a body of 70 kg")
    net.define(
        "leukaemia_capacity",
        "dish_capacity*dish_volume",
        "target cells at which crowding kills as many as divide",
    )
    if design.products:
        for name in ("killing_saturation", "signal_saturation"):
            net.define(f"{name}_cells", f"{name}*size")


def define_dish_observables(net: Network, design: Design) -> None:
    """Add the CAR T cells that are able to kill, over the targets."""
    active = " + ".join(f"active_{p.name}" for p in design.products) or "0"
    net.define(
        "effector_target_ratio",
        f"({active})/(leukaemia_cells + 1e-9)",
        "active CAR T cells for each target cell",
    )
