"""Cytokine release: myeloid activation by killing, IL-6, tocilizumab and steroids. An index of IL-6 signalling, not a grade.

``dI/dt = k_6 Y (1 - f_steroid) - d_6 (1 - a f_tocilizumab) I``: blocking the receptor removes the main way in which IL-6 leaves the
serum, so that tocilizumab raises the concentration I and lowers the index ``I (1 - f_tocilizumab)``.
"""

from __future__ import annotations

from sim.models.design import Design, total
from sim.network.network import Network

__all__ = ["add_toxicity", "declare_toxicity"]

ACTIVATION_POWER = 2
"""Hill coefficient of myeloid activation by killing, without unit; assumed."""


def declare_toxicity(net: Network, design: Design) -> None:
    """Add the species and parameters of cytokine release; nothing without products."""
    if not design.products:
        return
    net.species(
        "myeloid_activation",
        0.0,
        kind="concentration",
        unit="1",
        description="activated macrophages and monocytes (Y)",
    )
    net.species("il6", 5.0, kind="concentration", unit="pg/mL", description="serum IL-6")
    for name, value, unit, source, description in (
        ("myeloid_saturation", 5e10, "cells/day/70 kg", "", "killing at half-maximal myeloid activation"),
        ("myeloid_turnover", 0.7, "1/day", "", "rise and fall of myeloid activation"),
        (
            "il6_release",
            2.5e4,
            "pg/mL/day",
            "peaks follow burden: Hardiansyah & Ng 2019; their height is assumed",
            "IL-6 at full activation (k_6)",
        ),
        ("il6_baseline", 5.0, "pg/mL", "textbook", "serum IL-6 before treatment"),
        ("il6_clearance", 4.16, "1/day", "half-life 4 h; Hardiansyah & Ng 2019", "clearance of IL-6 (d_6)"),
    ):
        net.parameter(name, value, unit, source, "assumed", description)
    if design.supportive:
        net.species(
            "tocilizumab", 0.0, kind="concentration", unit="1", description="share of IL-6 receptors blocked"
        )
        net.species(
            "steroids",
            0.0,
            kind="concentration",
            unit="1",
            description="share of cytokine release suppressed",
        )
        net.parameter(
            "tocilizumab_loss_rate",
            0.06,
            "1/day",
            "half-life about 12 d",
            "assumed",
            description="fading of the receptor block",
        )
        net.parameter(
            "steroid_loss_rate", 0.35, "1/day", description="fading of the steroid effect, course included"
        )
        net.parameter(
            "receptor_clearance_share",
            0.8,
            "1",
            "serum IL-6 rises; Nishimoto 2008",
            kind="assumed",
            description="share of IL-6 cleared through its receptor (a)",
        )


def add_toxicity(net: Network, design: Design) -> None:
    """Add killing flux, myeloid activation, IL-6 and its index."""
    if not design.products:
        net.define("il6", "0", "pg/mL; no CAR T cells, no release")
        net.define("il6_index", "0")
        return
    killed = [f"{site}_killing*{site}_cells" for site in design.sites if design.agents] or [
        f"killing_{c.name}*reach_{c.name}"
        for c in design.grid.classes
        if any(c.state(antigen) is not None for p in design.products for antigen in p.targets)
    ]
    net.define("killing_flux", total([*killed, "killing_b_cells*b_cells"]), "cells killed per day")
    flux, half = (f"{x}**{ACTIVATION_POWER}" for x in ("killing_flux", "(myeloid_saturation*size)"))
    net.reaction(
        "myeloid activation",
        {"myeloid_activation": 1},
        f"myeloid_turnover*({flux}/({half} + {flux}) - myeloid_activation)",
    )
    source, loss, index = "il6_release*myeloid_activation", "il6_clearance*il6", "il6"
    if design.supportive:
        source = f"{source}*(1 - steroids)"
        loss = f"{loss}*(1 - receptor_clearance_share*tocilizumab)"
        index = "il6*(1 - tocilizumab)"
        net.reaction("tocilizumab loss", {"tocilizumab": 1}, "-tocilizumab_loss_rate*tocilizumab")
        net.reaction("steroid loss", {"steroids": 1}, "-steroid_loss_rate*steroids")
    net.reaction("il6 balance", {"il6": 1}, f"il6_clearance*il6_baseline + {source} - {loss}")
    net.define("il6_index", index, "IL-6 signalling, pg/mL equivalent: an index, not a grade")
