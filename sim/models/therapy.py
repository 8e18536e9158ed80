"""What is done to the patient: events with times, doses and depths as parameters. A time of infinity means never.

Declared in the order in which ties fire: chemotherapy, lymphodepletion, infusions, the rules that depend on the patient, transplant,
supportive drugs. A rule that waits for the state of the patient (no response, relapse) sets a flag; a clock runs while the flag is up,
and its lymphodepletion and infusion fire when the clock passes their delays.
"""

from __future__ import annotations

from sim.models.design import Design, ProductDesign
from sim.models.effectors import car_t_cells
from sim.network.network import Network

__all__ = ["add_therapy", "declare_therapy"]

NEVER = float("inf")


def declare_therapy(net: Network, design: Design) -> None:
    """Add the times, doses and depths of every slot, and the flags of the rules."""
    for i in range(design.chemotherapies):
        net.parameter(f"chemotherapy_time_{i}", NEVER, "day", description="infinite: never")
        net.parameter(f"chemotherapy_log_kill_{i}", 1.0, "log10", description="cut of the leukaemia")
        net.parameter(
            f"chemotherapy_host_survival_{i}",
            0.5,
            "1",
            description="share of lymphocytes, B cells and marrow that survives",
        )
    for i in range(design.lymphodepletions):
        net.parameter(f"lymphodepletion_time_{i}", NEVER, "day", description="infinite: never")
    if design.lymphodepletions or any(p.retreatment for p in design.products):
        for what, value, description in (
            ("host", 0.04, "host lymphocytes and B cells; removes 90-98 %"),
            ("anti_car", 0.04, "anti-CAR lymphocytes; fludarabine does most of it"),
            ("car_t", 0.2, "CAR T cells already there"),
            ("marrow", 0.5, "normal marrow"),
            ("leukaemia", 0.4, "leukaemia cells"),
        ):
            net.parameter(
                f"lymphodepletion_{what}_survival",
                value,
                "1",
                description=f"share that survives a course: {description}",
            )
    for product in design.products:
        _declare_product(net, product)
    if design.transplant:
        _declare_transplant(net)
    if design.supportive and design.products:
        for drug, threshold in (("tocilizumab", 3000.0), ("steroid", NEVER)):
            net.parameter(
                f"{drug}_threshold",
                threshold,
                "pg/mL",
                description="IL-6 index at which it is given; infinite: never",
            )
            net.parameter(
                f"{drug}_effect",
                0.9 if drug == "tocilizumab" else 0.7,
                "1",
                description="share blocked right after",
            )


def _declare_product(net: Network, product: ProductDesign) -> None:
    name = product.name
    slots = [str(i) for i in range(product.infusions)] + (["again"] if product.retreatment else [])
    net.parameter(
        f"memory_fraction_{name}", 0.3, "1", description="memory cells among the infused cells that engraft"
    )
    for slot in slots:
        if slot != "again":
            net.parameter(f"infusion_time_{name}_{slot}", NEVER, "day", description="infinite: never")
        net.parameter(
            f"infusion_cells_{name}_{slot}",
            0.0,
            "cells",
            description="infused cells that can engraft, whole body",
        )
        net.parameter(
            f"fitness_{name}_{slot}", 12.0, "e-folds", description="programme of the infused cells (A0)"
        )
    if product.retreatment:
        net.species(
            f"retreatment_due_{name}",
            0.0,
            kind="concentration",
            unit="1",
            description="1 once a rule asks for a further infusion",
        )
        net.species(
            f"retreatment_clock_{name}",
            0.0,
            kind="concentration",
            unit="day",
            description="time since the rule asked",
        )
        for what, value, unit, description in (
            ("check_time", NEVER, "day", "day on which response decides; infinite: never"),
            (
                "relapse_from",
                NEVER,
                "day",
                "from this day on a relapse leads to a further infusion; infinite: never",
            ),
            ("delay", 14.0, "day", "from the decision to the infusion"),
            (
                "lymphodepletion_delay",
                10.0,
                "day",
                "from the decision to its lymphodepletion; infinite: none",
            ),
        ):
            net.parameter(f"retreatment_{what}_{name}", value, unit, description=description)
        net.parameter(
            f"retreatment_blasts_{name}",
            0.05,
            "1",
            description="marrow blasts that count as no response or relapse",
        )


def _declare_transplant(net: Network) -> None:
    net.species("graft", 0.0, kind="concentration", unit="1", description="1 once a graft has taken")
    for name, value, unit, description in (
        ("transplant_time", NEVER, "day", "infinite: never"),
        ("transplant_blast_limit", 0.05, "1", "marrow blasts below which the transplant goes ahead"),
        ("transplant_log_kill", 3.0, "log10", "cut of the leukaemia by conditioning"),
        (
            "transplant_host_survival",
            0.01,
            "1",
            "share of lymphocytes, B cells and CAR T cells that survives conditioning",
        ),
        ("transplant_marrow_survival", 0.1, "1", "normal marrow right after conditioning"),
        ("graft_versus_leukaemia", 0.10, "1/day", "antigen-blind killing by the graft"),
    ):
        net.parameter(
            name,
            value,
            unit,
            source="assumed; contested benefit" if "graft" in name else "",
            description=description,
        )


def add_therapy(net: Network, design: Design) -> None:
    """Add the events in the order in which ties fire."""
    for i in range(design.chemotherapies):
        host = f"chemotherapy_host_survival_{i}"
        survive = dict.fromkeys(design.leukaemia(), f"10**(-chemotherapy_log_kill_{i})")
        net.event(
            f"chemotherapy_{i}",
            at=f"chemotherapy_time_{i}",
            survive={**survive, "host_lymphocytes": host, "b_cells": host},
            set={"normal_marrow_fraction": f"normal_marrow_fraction*{host}"},
        )
    for i in range(design.lymphodepletions):
        survive, lowered = _lymphodepletion(design)
        net.event(f"lymphodepletion_{i}", at=f"lymphodepletion_time_{i}", survive=survive, set=lowered)
    for product in design.products:
        for i in range(product.infusions):
            added, changed = _infusion(product.name, str(i))
            net.event(
                f"infusion_{product.name}_{i}", at=f"infusion_time_{product.name}_{i}", add=added, set=changed
            )
    for product in design.products:
        if product.retreatment:
            _add_retreatment(net, design, product.name)
    if design.transplant:
        _add_transplant(net, design)
    if design.supportive and design.products:
        net.event(
            "tocilizumab", when="il6_index > tocilizumab_threshold", set={"tocilizumab": "tocilizumab_effect"}
        )
        net.event("steroids", when="il6_index > steroid_threshold", set={"steroids": "steroid_effect"})


def _lymphodepletion(design: Design) -> tuple[dict[str, str], dict[str, str]]:
    """Survival of every species under a course, and the concentrations it sets."""
    survive = dict.fromkeys(design.leukaemia(), "lymphodepletion_leukaemia_survival")
    survive.update(dict.fromkeys(("host_lymphocytes", "b_cells"), "lymphodepletion_host_survival"))
    for product in design.products:
        survive.update(dict.fromkeys(car_t_cells(product), "lymphodepletion_car_t_survival"))
    for construct in design.constructs:
        survive[f"anti_car_{construct}"] = "lymphodepletion_anti_car_survival"
    return survive, {"normal_marrow_fraction": "normal_marrow_fraction*lymphodepletion_marrow_survival"}


def _infusion(name: str, slot: str) -> tuple[dict[str, str], dict[str, str]]:
    """Cells added, and the division age and programme of the mixture of old and infused effectors."""
    cells, old = f"infusion_cells_{name}_{slot}", f"(effectors_{name} + blood_effectors_{name})"
    fresh = f"{cells}*(1 - memory_fraction_{name})"
    added = {f"blood_effectors_{name}": fresh, f"memory_{name}": f"{cells}*memory_fraction_{name}"}
    changed = {
        f"division_age_{name}": f"division_age_{name}*{old}/({old} + {fresh} + size)",
        f"programme_{name}": f"(programme_{name}*{old} + fitness_{name}_{slot}*({fresh} + size))/({old} + {fresh} + size)",
    }
    return added, changed


def _add_retreatment(net: Network, design: Design, name: str) -> None:
    due, clock = f"retreatment_due_{name}", f"retreatment_clock_{name}"
    blasts = f"marrow_blast_fraction >= retreatment_blasts_{name}"
    net.reaction(f"retreatment clock {name}", {clock: 1}, due)
    net.event(f"nonresponse_{name}", at=f"retreatment_check_time_{name}", if_=blasts, set={due: 1})
    net.event(f"relapse_{name}", when=blasts, if_=f"time >= retreatment_relapse_from_{name}", set={due: 1})
    survive, lowered = _lymphodepletion(design)
    net.event(
        f"retreatment_lymphodepletion_{name}",
        when=f"{clock} >= retreatment_lymphodepletion_delay_{name}",
        survive=survive,
        set=lowered,
    )
    added, changed = _infusion(name, "again")
    net.event(f"reinfusion_{name}", when=f"{clock} >= retreatment_delay_{name}", add=added, set=changed)


def _add_transplant(net: Network, design: Design) -> None:
    survive = dict.fromkeys(design.leukaemia(), "10**(-transplant_log_kill)")
    immune = ["host_lymphocytes", "b_cells", *(f"anti_car_{construct}" for construct in design.constructs)]
    for product in design.products:
        immune += car_t_cells(product)
    survive.update(dict.fromkeys(immune, "transplant_host_survival"))
    net.event(
        "transplant",
        at="transplant_time",
        if_="marrow_blast_fraction < transplant_blast_limit",
        survive=survive,
        set={
            "graft": 1,
            "transplant_risk": 1,
            "normal_marrow_fraction": "normal_marrow_fraction*transplant_marrow_survival",
        },
    )
