"""The host: body size, normal marrow, B cells, lymphocytes and the IL-7/15 that they consume."""

from __future__ import annotations

from sim.models.antigen import Arm, recognition
from sim.models.blasts import killing_text
from sim.models.design import Design, total
from sim.network.network import Network

__all__ = ["add_host", "declare_host", "define_sizes"]

ONE_EFFECT = "one of five numbers behind one visible effect (lymphodepletion); fixed"


def declare_host(net: Network) -> None:
    """Add the host's species and parameters."""
    net.species("b_cells", 1.5e10, unit="cells", description="normal B cells")
    net.species("host_lymphocytes", 3e11, unit="cells", description="lymphocytes of the host")
    net.species("il7_15", 1.0, kind="concentration", unit="healthy = 1", description="IL-7 and IL-15 in one")
    net.species(
        "normal_marrow_fraction",
        1.0,
        kind="concentration",
        unit="healthy = 1",
        description="normal marrow cells, c(t)",
    )
    for name, value, unit, source, description in (
        ("weight", 70.0, "kg", "", "body weight; every number of cells scales with it"),
        ("marrow_cells_per_kg", 1.4e10, "cells/kg", "textbook", "nucleated cells of a healthy marrow"),
        (
            "leukaemia_cells_per_kg",
            2.4e10,
            "cells/kg",
            "",
            "blasts of marrow, blood, spleen at which crowding kills as many as divide",
        ),
        ("marrow_recovery_time", 14.0, "day", "", "recovery of a hypocellular marrow"),
        ("b_cells_healthy", 5e10, "cells/70 kg", "", "B cells of a healthy host"),
        ("b_cell_death_rate", 0.025, "1/day", "", "turnover of B cells"),
        ("b_cell_cd19", 1.2e4, "molecules/cell", "", "CD19 on a normal B cell"),
        ("b_cell_cd22", 4.0e3, "molecules/cell", "", "CD22 on a normal B cell"),
        ("b_cell_killing_weight", 1.0, "1", "", "access to B cells for killing (w_B)"),
        (
            "b_cell_stimulation_weight",
            0.82,
            "1",
            "rough fit to the reported outcomes",
            "stimulation by a B cell against a blast (w_S)",
        ),
        (
            "host_lymphocytes_healthy",
            3e11,
            "cells/70 kg",
            "Kimmel 2021: 2.5e11 normal T cells",
            "lymphocytes of a healthy host",
        ),
        ("host_division_rate", 0.25, "1/day", ONE_EFFECT, "division of lymphocytes at full IL-7/15 (r_N)"),
        ("il7_15_half_drive", 3.0, "healthy = 1", ONE_EFFECT, "IL-7/15 at half-maximal drive (K_H)"),
        ("il7_15_turnover", 1.0, "1/day", "", "loss of IL-7/15 not by consumption (d_H)"),
        (
            "il7_15_consumption",
            5.2,
            "1",
            ONE_EFFECT,
            "consumption by a healthy host over the other loss (q_H)",
        ),
        (
            "effector_consumption",
            5.0,
            "1",
            ONE_EFFECT,
            "consumption by an effector over that of a resting lymphocyte (c_E)",
        ),
    ):
        net.parameter(name, value, unit, source, "assumed", description)


def define_sizes(net: Network, design: Design) -> None:
    """Add the cell numbers that scale with the body."""
    net.define("size", "weight/70")
    net.define("marrow_capacity", "marrow_cells_per_kg*weight", "nucleated marrow cells of a healthy host")
    net.define(
        "leukaemia_capacity",
        "leukaemia_cells_per_kg*weight",
        "leukaemia cells at which crowding kills as many as divide (K_L)",
    )
    net.define("host_healthy_cells", "host_lymphocytes_healthy*size")
    net.define("b_cells_healthy_cells", "b_cells_healthy*size")
    if design.products:
        for name in ("killing_saturation", "signal_saturation", "anti_car_saturation"):
            net.define(f"{name}_cells", f"{name}*size")


def define_b_cell_recognition(net: Network, design: Design) -> None:
    """Add what each product sees of a normal B cell, and how fast it kills it."""
    densities = {"cd19": "b_cell_cd19", "cd22": "b_cell_cd22"}
    for product in design.products:
        for kind, shift in (("lysis", ""), ("stimulation", f"stimulation_shift_{product.name}*")):
            arms = [
                Arm(a, f"{shift}threshold_{product.name}_{a}", f"strength_{product.name}_{a}")
                for a in product.targets
            ]
            text = recognition(product.form, arms, densities, "recognition_steepness")
            net.define(f"{kind}_{product.name}_b_cell", text)
    if design.products:
        lysis = {product.name: f"lysis_{product.name}_b_cell" for product in design.products}
        net.define("killing_b_cells", killing_text(lysis, "b_cell_killing_weight*"))


def add_host(net: Network, design: Design) -> None:
    """Add the reactions of marrow, B cells, lymphocytes and IL-7/15."""
    define_b_cell_recognition(net, design)
    net.define("il7_15_drive", "il7_15/(il7_15_half_drive + il7_15)", "homeostatic drive (g)")
    net.reaction(
        "marrow recovery",
        {"normal_marrow_fraction": 1},
        "(max(1 - marrow_leukaemia/marrow_capacity, 0) - normal_marrow_fraction)/marrow_recovery_time",
    )
    net.reaction(
        "b cell formation", "0 -> b_cells", "b_cell_death_rate*b_cells_healthy_cells*normal_marrow_fraction"
    )
    net.reaction("b cell death", "b_cells -> 0", "b_cell_death_rate*b_cells")
    if design.products:
        net.reaction("b cell killing", "b_cells -> 0", "killing_b_cells*b_cells")
    net.reaction(
        "host division",
        "host_lymphocytes -> 2 host_lymphocytes",
        "host_division_rate*il7_15_drive*host_lymphocytes",
    )
    # Death balances division at healthy numbers, where il7_15 is 1.
    net.reaction(
        "host death", "host_lymphocytes -> 0", "host_division_rate/(il7_15_half_drive + 1)*host_lymphocytes"
    )
    car_t = [
        f"memory_{p.name} + effector_consumption*(effectors_{p.name} + blood_effectors_{p.name})"
        for p in design.products
    ]
    consumers = total(["host_lymphocytes", *car_t])
    net.reaction(
        "il7_15 balance",
        {"il7_15": 1},
        f"il7_15_turnover*(1 + il7_15_consumption - il7_15 - il7_15_consumption*il7_15*({consumers})/host_healthy_cells)",
    )
