"""CAR T cells: memory, effectors, exhausted cells and effectors in blood, their finite programme, and the immunity against them.

Effectors divide on antigen, faster while IL-7/15 is high. The programme is finite: the mean number of division e-folds A of the effectors
rises with division, is diluted by recruits from memory (which start at zero) and by infused cells, and division fades as
``1/(1 + (A/A0)**6)``. Anti-CAR lymphocytes Z are specific to the product, grow while they see many effectors, remember, and reject in
proportion to their number.
"""

from __future__ import annotations

from sim.models.agents import mean_recognition, mean_shared
from sim.models.blasts import lysis_name, recognises
from sim.models.design import Design, ProductDesign, total
from sim.network.network import Network

__all__ = [
    "COMPARTMENTS",
    "PROGRAMME_POWER",
    "add_effectors",
    "add_signals",
    "car_t_cells",
    "declare_effectors",
    "hazards",
]

_KINDS = {
    "memory": "memory CAR T cells",
    "effectors": "effector CAR T cells in tissue",
    "exhausted": "exhausted CAR T cells",
    "blood_effectors": "effector CAR T cells in blood",
}
COMPARTMENTS = tuple(_KINDS)

FIT = "rough fit to the reported outcomes"
STEIN = "Stein 2019, 90 patients, tisagenlecleucel"

PROGRAMME_POWER = 6
"""Steepness with which division fades at the end of the programme, without unit; assumed, as in the rough fit."""
PRIMING_POWER = 2
"""Order of anti-CAR priming in the effectors, without unit; assumed: at first order every patient rejects in time."""
NAIVE_ANTI_CAR = 1e5
"""Lymphocytes against a construct in a naive host of 70 kg, cells; assumed."""


def car_t_cells(product: ProductDesign, design: Design) -> tuple[str, ...]:
    """Names of the species that are CAR T cells of a product."""
    return tuple(f"{compartment}_{product.name}" for compartment in COMPARTMENTS[: 4 if design.host else 3])


def declare_effectors(net: Network, design: Design) -> None:
    """Add the CAR T species of every product and their parameters, those shared by all products first."""
    if not design.products:
        return
    if design.car_t_agents:
        about = "order in which exhaustion follows cumulative stimulation: 1 at a constant hazard, above it after a while (k)"
        net.parameter("exhaustion_order", 1.0, "1", "1 as in the network", "assumed", about)
    for row in (*_SHARED, *(_IN_A_HOST if design.host else ())):
        name, value, unit, source, description = row
        net.parameter(name, value, unit, source, "assumed", description)
    for construct in design.constructs if design.host else ():
        about = f"host lymphocytes against the construct {construct} (Z)"
        net.species(f"anti_car_{construct}", NAIVE_ANTI_CAR, unit="cells", description=about)
    # Agents are counted; between two counts their numbers follow the mean.
    kind = "concentration" if design.car_t_agents else "count"
    for product in design.products:
        name = product.name
        for what, about in _KINDS.items():
            if design.host or what != "blood_effectors":
                net.species(f"{what}_{name}", 0.0, kind, unit="cells", description=f"{about}, {name}")
        net.species(
            f"division_age_{name}",
            0.0,
            kind="concentration",
            unit="e-folds",
            description="mean division age of the effectors (A)",
        )
        net.species(
            f"programme_{name}",
            12.0,
            kind="concentration",
            unit="e-folds",
            description="division age at which the programme ends (A0)",
        )
        for antigen in product.targets:
            value, source = {"cd19": (160.0, FIT), "cd22": (1500.0, FIT)}[antigen]
            net.parameter(
                f"threshold_{name}_{antigen}",
                value,
                "molecules/cell",
                source,
                "assumed",
                description="density of half-maximal lysis (K)",
            )
            net.parameter(
                f"strength_{name}_{antigen}",
                1.0,
                "1",
                description="strength of the arm, below 1 in a shared receptor (eta)",
            )
        about = "thresholds of proliferation over those of lysis (s)"
        net.parameter(f"stimulation_shift_{name}", 2.0, "1", f"set by hand; {FIT}: 2.5", "assumed", about)
        net.parameter(
            f"effector_division_rate_{name}",
            1.3,
            "1/day",
            f"{FIT}; net of death 0.89/d: {STEIN}",
            "assumed",
            description="division of effectors at full signal (r_E)",
        )
        net.parameter(
            f"memory_death_rate_{name}",
            0.007,
            "1/day",
            f"{FIT}; 0.021 with CD28",
            "assumed",
            description="death of memory cells (d_M)",
        )


# Name, value, unit, source, description.
_SHARED = (
    ("recognition_steepness", 2.0, "1", "", "Hill coefficient of recognition (h)"),
    (
        "killing_rate",
        16.0,
        "1/day",
        f"{FIT}; Weigelin 2021, Halle 2016: 1-20",
        "targets killed by an effector at saturation (kappa)",
    ),
    (
        "killing_saturation",
        2.5e8,
        "cells/70 kg",
        FIT,
        "targets and effectors at half-maximal killing (K_T)",
    ),
    ("exhausted_activity", 0.2, "1", "", "killing by an exhausted cell relative to an effector (x)"),
    ("signal_saturation", 2.5e9, "cells/70 kg", FIT, "stimulating targets at half-maximal signal (K_S)"),
    (
        "signal_crowding",
        0.22,
        "1",
        FIT,
        "targets that an effector takes from the others' stimulation (c)",
    ),
    ("antigen_only_division", 0.29, "1", FIT, "share of division that needs no IL-7/15 (e0)"),
    ("effector_death_rate", 0.20, "1/day", FIT, "death of effectors (d_E)"),
    ("memory_formation_rate", 0.019, "1/day", FIT, "effectors to memory without signal (eta_M)"),
    ("exhaustion_rate", 0.014, "1/day", FIT, "effectors to exhausted at full signal (xi)"),
    ("exhausted_death_rate", 0.08, "1/day", "", "death of exhausted cells (d_X)"),
    ("memory_division_rate", 0.037, "1/day", FIT, "homeostatic division of memory at full IL-7/15 (r_M)"),
    ("memory_activation_rate", 0.056, "1/day", FIT, "memory to effectors at full signal (delta)"),
)
_IN_A_HOST = (
    (
        "blood_exit_rate",
        0.6,
        "1/day",
        "lag of 3.3 d: Ogasawara 2021",
        "effectors from blood to tissue",
    ),
    ("blood_share", 0.03, "1", "1-5 %", "share of the CAR T cells that is in blood at rest"),
    ("anti_car_growth_rate", 0.6, "1/day", "", "growth of anti-CAR lymphocytes at full priming"),
    ("anti_car_saturation", 2e9, "cells/70 kg", "", "effectors at half-maximal priming"),
    ("anti_car_death_rate", 0.004, "1/day", "", "death of anti-CAR lymphocytes: they remember"),
    ("rejection_rate", 2e-10, "70 kg/cell/day", "", "rejection by one anti-CAR lymphocyte (rho)"),
)


def add_signals(net: Network, design: Design) -> None:
    """Add, for each product, the recognised targets R, the stimulation S and the signal.

    ``sig_k = S_k / (K_S + R_k + c sum_m o_km E_m)``: a large burden of dim cells does not signal like a small one of bright cells. o_km
    is the share of the stimulation of k that m competes for, ``sum_j min(psi_kj, psi_mj) L_j / S_k``: 1 for twins. Products without an
    antigen in common leave each other the whole of a cell that carries both antigens: 0.
    """
    for product in design.products:
        name = product.name
        net.define(
            f"active_{name}", f"effectors_{name} + exhausted_activity*exhausted_{name}", "E* = E + x X"
        )
        net.define(
            f"recognised_{name}",
            _seen(design, product, "lysis", "b_cell_killing_weight"),
            "recognisable targets (R)",
        )
        net.define(
            f"stimulation_{name}",
            _seen(design, product, "stimulation", "b_cell_stimulation_weight"),
            "stimulating targets (S)",
        )
    for product in design.products:
        net.define(
            f"rivals_{product.name}",
            _rivals(net, design, product),
            "effectors that compete for the stimulation",
        )
        crowd = f"recognised_{product.name} + signal_crowding*rivals_{product.name}"
        # Stimulating targets are recognised targets, unless B cells are given more weight in one sum than in the other.
        signal = f"min(stimulation_{product.name}/(signal_saturation_cells + {crowd}), 1)"
        net.define(f"signal_{product.name}", signal, "share of full stimulation")


def _seen(design: Design, product: ProductDesign, kind: str, b_cell_weight: str) -> str:
    """Text of the sum over classes of recognition times reachable cells, with B cells, grouped by what the product sees."""
    if design.agents:
        terms = [
            f"{mean_recognition(kind, product, site)}*{design.access(site)}{site}_cells"
            for site in design.sites
        ]
    else:
        groups: dict[str, list[str]] = {}
        for c in design.grid.classes:
            if recognises(product, c):
                groups.setdefault(lysis_name(kind, product, c), []).append(f"reach_{c.name}")
        terms = [f"{phi}*({total(cells)})" for phi, cells in groups.items()]
    if design.host:
        terms.append(f"{b_cell_weight}*{kind}_{product.name}_b_cell*b_cells")
    return total(terms)


def _rivals(net: Network, design: Design, product: ProductDesign) -> str:
    terms = [f"effectors_{product.name}"]
    for other in design.products:
        if other is product or not set(other.targets) & set(product.targets):
            continue
        shared = []
        if design.host:
            both = f"min(stimulation_{product.name}_b_cell, stimulation_{other.name}_b_cell)"
            shared.append(f"b_cell_stimulation_weight*{both}*b_cells")
        if design.agents:
            shared += [
                f"{mean_shared(product, other, site)}*{design.access(site)}{site}_cells"
                for site in design.sites
            ]
        for c in () if design.agents else design.grid.classes:
            if recognises(product, c) and recognises(other, c):
                mine, theirs = (lysis_name("stimulation", p, c) for p in (product, other))
                shared.append(f"min({mine}, {theirs})*reach_{c.name}")
        name = f"shared_{product.name}_{other.name}"
        # One thousandth of a cell keeps the share defined when there is no target left.
        net.define(
            name,
            f"({total(shared)})/(stimulation_{product.name} + 0.001*size)",
            "share of the stimulation that both see",
        )
        terms.append(f"{name}*effectors_{other.name}")
    return total(terms)


def add_effectors(net: Network, design: Design) -> None:
    """Add the reactions of every product's cells."""
    if not design.products:
        return
    if design.car_t_agents:
        net.define("programme_power", f"{PROGRAMME_POWER}")
    if design.host:
        net.define("blood_entry_rate", "blood_exit_rate*blood_share/(1 - blood_share)")
    for product in design.products:
        _define_rates(net, product, design)
        _react(net, product, design)
    for construct, products in design.constructs.items() if design.host else ():
        _prime(net, construct, [product.name for product in products])


def hazards(product: ProductDesign, design: Design) -> dict[str, str]:
    """Texts of what may happen to one CAR T cell of a product, 1/day; division of effectors without the end of their programme."""
    name = product.name
    quiet, rejection = f"(1 - signal_{name})", f" + rejection_{name}" if design.host else ""
    help_by_il7_15 = "antigen_only_division + 2*(1 - antigen_only_division)*il7_15_drive"
    return {
        "division_drive": f"effector_division_rate_{name}*signal_{name}*({help_by_il7_15})",
        "memory_formation": f"memory_formation_rate*{quiet}",
        "exhaustion": f"exhaustion_rate*signal_{name}",
        "effector_loss": f"effector_death_rate{rejection}",
        "memory_division": f"memory_division_rate*il7_15_drive*{quiet}",
        "recruitment": f"memory_activation_rate*signal_{name}",
        "memory_loss": f"memory_death_rate_{name}{rejection}",
        "exhausted_loss": f"exhausted_death_rate{rejection}",
    }


def _define_rates(net: Network, product: ProductDesign, design: Design) -> None:
    name, per_cell = product.name, hazards(product, design)
    fade = f"(1 + (division_age_{name}/programme_{name})**{PROGRAMME_POWER})"
    net.define(
        f"effector_division_{name}",
        f"{per_cell['division_drive']}/{fade}",
        "per-capita division of effectors",
    )
    if design.car_t_agents:
        for what, text in per_cell.items():
            if what != "recruitment":
                net.define(f"{what}_{name}", text)
    if design.host:
        rejection = f"rejection_rate/size*anti_car_{product.construct}"
        net.define(f"rejection_{name}", rejection, "per-capita loss to anti-CAR lymphocytes")
    net.define(f"recruitment_{name}", per_cell["recruitment"], "per-capita activation of memory")
    net.define(f"car_t_cells_{name}", total(car_t_cells(product, design)), "CAR T cells of the product")


def _react(net: Network, product: ProductDesign, design: Design) -> None:
    name, per_cell = product.name, hazards(product, design)
    e, m, x = (f"{what}_{name}" for what in ("effectors", "memory", "exhausted"))
    age = f"division_age_{name}"
    net.reaction(f"division {e}", f"{e} -> 2 {e}", f"effector_division_{name}*{e}")
    net.reaction(f"memory formation {name}", f"{e} -> {m}", f"{per_cell['memory_formation']}*{e}")
    net.reaction(f"exhaustion {name}", f"{e} -> {x}", f"{per_cell['exhaustion']}*{e}")
    net.reaction(f"death {e}", f"{e} -> 0", f"({per_cell['effector_loss']})*{e}")
    net.reaction(f"division {m}", f"{m} -> 2 {m}", f"{per_cell['memory_division']}*{m}")
    net.reaction(f"activation {name}", f"{m} -> 2 {e}", f"recruitment_{name}*{m}")
    net.reaction(f"death {m}", f"{m} -> 0", f"({per_cell['memory_loss']})*{m}")
    net.reaction(f"death {x}", f"{x} -> 0", f"({per_cell['exhausted_loss']})*{x}")
    if design.host:
        _pass_through_blood(net, name)
    # Recruits start at age 0; one cell per 70 kg keeps the mean defined when no effector is left.
    net.reaction(
        f"ageing {name}", {age: 1}, f"effector_division_{name} - {age}*2*recruitment_{name}*{m}/({e} + size)"
    )


def _pass_through_blood(net: Network, name: str) -> None:
    e, b = f"effectors_{name}", f"blood_effectors_{name}"
    net.reaction(f"homing {name}", f"{b} -> {e}", f"blood_exit_rate*{b}")
    net.reaction(f"egress {name}", f"{e} -> {b}", f"blood_entry_rate*{e}")
    net.reaction(f"death {b}", f"{b} -> 0", f"(effector_death_rate + rejection_{name})*{b}")


def _prime(net: Network, construct: str, products: list[str]) -> None:
    """Add the life of the lymphocytes against a construct, which see the cells of all its products.

    They are primed by many short-lived effectors, as in the expansion, and hardly by the few that persist: the response is of the
    second order in the effectors, or else every patient would in time reject.
    """
    z, seen = f"anti_car_{construct}", total(f"effectors_{name}" for name in products)
    many, half = (f"{x}**{PRIMING_POWER}" for x in (f"({seen})", "anti_car_saturation_cells"))
    growth = f"anti_car_growth_rate*{many}/({half} + {many})"
    net.reaction(f"priming {construct}", f"{z} -> 2 {z}", f"{growth}*{z}")
    net.reaction(f"death {z}", f"{z} -> 0", f"anti_car_death_rate*{z}")
