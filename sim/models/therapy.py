"""What is done to the patient: events with times, doses and depths as parameters. A time of infinity means never.

Declared in the order in which ties fire: chemotherapy, lymphodepletion, infusions, infusions that wait for the patient's state,
transplant, supportive drugs. A waiting infusion is decided on a day (remission, no response) or at a relapse from a day on; the decision
raises a flag, and with the flag up lymphodepletion and infusion follow after their delays. The day of a relapse is not known beforehand:
there a clock runs while the flag is up.

A decision by what a visit finds, on an infusion or a transplant, comes after all else of its day, since a visit sees what that day has left.
It reads two limits of the patient: the marrow blasts from which his test of residual disease is positive, chance of the count included, and
the B cells that count as recovered. An infinite limit is never reached: that finding is not asked for.
"""

from __future__ import annotations

from sim.models.design import AT_RELAPSE, Design, ProductDesign
from sim.models.effectors import car_t_cells
from sim.network.network import Network

__all__ = ["NEVER", "add_therapy", "declare_therapy"]

NEVER = float("inf")

_SURVIVAL = (
    ("host", 0.04, "host lymphocytes and B cells; removes 90-98 %"),
    ("anti_car", 0.04, "anti-CAR lymphocytes; fludarabine does most of it"),
    ("car_t", 0.2, "CAR T cells already there"),
    ("marrow", 0.5, "normal marrow"),
    ("leukaemia", 0.4, "leukaemia cells"),
)


def declare_therapy(net: Network, design: Design) -> None:
    """Add the times, doses and depths of every slot, and the flags of the rules."""
    for i in range(design.chemotherapies):
        net.parameter(f"chemotherapy_time_{i}", NEVER, "day", description="infinite: never")
        net.parameter(f"chemotherapy_log_kill_{i}", 1.0, "log10", description="cut of the leukaemia")
        about = "share of lymphocytes, B cells and marrow that survives"
        net.parameter(f"chemotherapy_host_survival_{i}", 0.5, "1", description=about)
        about = "share of CAR T cells and of anti-CAR lymphocytes that survives"
        net.parameter(f"chemotherapy_car_t_survival_{i}", 0.5, "1", description=about)
        about = "marrow blasts below which it is given; infinite: in any case"
        net.parameter(f"chemotherapy_blast_limit_{i}", NEVER, "1", description=about)
    for i in range(design.lymphodepletions):
        net.parameter(f"lymphodepletion_time_{i}", NEVER, "day", description="infinite: never")
    for course in design.courses:
        for what, value, description in _SURVIVAL:
            about = f"share that survives the course: {description}"
            net.parameter(f"lymphodepletion_{what}_survival_{course}", value, "1", description=about)
    for product in design.products:
        _declare_product(net, product)
    if design.transplant:
        _declare_transplant(net)
    if design.transplant_decision:
        _declare_decision(net, "transplant")
    if design.supportive and design.products:
        for drug, effect in (("tocilizumab", 0.9), ("steroid", 0.7)):
            about = "IL-6 index at which it is given; infinite: never"
            net.parameter(f"{drug}_threshold", NEVER, "pg/mL", description=about)
            net.parameter(f"{drug}_effect", effect, "1", description="share blocked right after")


def _declare_product(net: Network, product: ProductDesign) -> None:
    name = product.name
    about = "memory cells among the infused cells that engraft"
    net.parameter(f"memory_fraction_{name}", 0.3, "1", description=about)
    planned = [f"{name}_{i}" for i in range(product.infusions)]
    for slot in (*planned, *product.rule_slots):
        about = "infused cells that can engraft, whole body"
        net.parameter(f"infusion_cells_{slot}", 0.0, "cells", description=about)
        net.parameter(f"fitness_{slot}", 12.0, "e-folds", description="programme of the infused cells (A0)")
    for slot in planned:
        net.parameter(f"infusion_time_{slot}", NEVER, "day", description="infinite: never")
    for rule, slot in zip(product.rules, product.rule_slots, strict=True):
        if rule == "finding":
            _declare_decision(net, slot)
        else:
            _declare_rule(net, rule, slot)
        about = "from the decision to the infusion, above 0"
        net.parameter(f"infusion_delay_{slot}", 14.0, "day", description=about)
        about = "from the decision to its lymphodepletion, above 0; infinite: none"
        net.parameter(f"lymphodepletion_delay_{slot}", NEVER, "day", description=about)


def _declare_rule(net: Network, rule: str, slot: str) -> None:
    """Add the flag of a decision by marrow blasts, and what it goes by."""
    net.species(f"decided_{slot}", 0.0, kind="concentration", unit="1", description="1 once decided")
    if rule in AT_RELAPSE:
        about = "time since the decision"
        net.species(f"clock_{slot}", 0.0, kind="concentration", unit="day", description=about)
    if rule == "cd19_negative_relapse":
        about = "share of the leukaemia without CD19 from which a relapse counts"
        net.parameter(f"decision_share_{slot}", 0.5, "1", description=about)
    about = "day of the decision, or from which a relapse counts; infinite: never"
    net.parameter(f"decision_time_{slot}", NEVER, "day", description=about)
    about = "marrow blasts that part remission from disease"
    net.parameter(f"decision_blasts_{slot}", 0.05, "1", description=about)


def _declare_decision(net: Network, slot: str) -> None:
    """Add the flag of a decision by what a visit finds, and the limits of its findings."""
    net.species(f"decided_{slot}", 0.0, kind="concentration", unit="1", description="1 once decided")
    net.parameter(f"decision_time_{slot}", NEVER, "day", description="day of the visit; infinite: never")
    about = "marrow blasts from which the test of the visit is positive; infinite: not asked for"
    net.parameter(f"finding_blasts_{slot}", NEVER, "1", description=about)
    about = "B cells over their healthy number that count as recovered; infinite: not asked for"
    net.parameter(f"finding_b_cells_{slot}", NEVER, "1", description=about)


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
            source="contested benefit" if "graft" in name else "",
            kind="assumed",
            description=description,
        )


def add_therapy(net: Network, design: Design) -> None:
    """Add the events in the order in which ties fire."""
    for i in range(design.chemotherapies):
        host = f"chemotherapy_host_survival_{i}"
        survive, cut = design.cut(f"10**(-chemotherapy_log_kill_{i})")
        survive |= {"host_lymphocytes": host, "b_cells": host}
        # Lymphocytes that carry or hunt the receptor are lymphocytes: sparing them would make room for them alone.
        survive |= dict.fromkeys(_receptor_cells(design), f"chemotherapy_car_t_survival_{i}")
        net.event(
            f"chemotherapy_{i}",
            at=f"chemotherapy_time_{i}",
            if_=f"marrow_blast_fraction < chemotherapy_blast_limit_{i}",
            survive=survive,
            set={**cut, "normal_marrow_fraction": f"normal_marrow_fraction*{host}"},
        )
    for i in range(design.lymphodepletions):
        survive, lowered = _lymphodepletion(design, str(i))
        net.event(f"lymphodepletion_{i}", at=f"lymphodepletion_time_{i}", survive=survive, set=lowered)
    for product in design.products:
        for i in range(product.infusions):
            slot = f"{product.name}_{i}"
            added, changed = _infusion(product.name, slot)
            net.event(f"infusion_{slot}", at=f"infusion_time_{slot}", add=added, set=changed)
    for product in design.products:
        for rule, slot in zip(product.rules, product.rule_slots, strict=True):
            _add_waiting(net, design, product, rule, slot)
    if design.transplant:
        _add_transplant(net, design)
    for slot in _decided_by_finding(design):
        _add_decision(net, slot)
    if design.supportive and design.products:
        given = {"tocilizumab": "tocilizumab_effect"}
        net.event("tocilizumab", when="il6_index > tocilizumab_threshold", set=given)
        net.event("steroids", when="il6_index > steroid_threshold", set={"steroids": "steroid_effect"})


def _receptor_cells(design: Design) -> list[str]:
    """Names of the lymphocytes against CAR T cells, and of these."""
    car_t = [cell for product in design.products for cell in car_t_cells(product, design)]
    return [*(f"anti_car_{construct}" for construct in design.constructs), *car_t]


def _lymphodepletion(design: Design, course: str) -> tuple[dict[str, str], dict[str, str]]:
    """Survival of every species under a course, and the concentrations it sets."""

    def share(what: str) -> str:
        return f"lymphodepletion_{what}_survival_{course}"

    survive, cut = design.cut(share("leukaemia"))
    survive.update(dict.fromkeys(("host_lymphocytes", "b_cells"), share("host")))
    for product in design.products:
        survive.update(dict.fromkeys(car_t_cells(product, design), share("car_t")))
    for construct in design.constructs:
        survive[f"anti_car_{construct}"] = share("anti_car")
    return survive, {**cut, "normal_marrow_fraction": f"normal_marrow_fraction*{share('marrow')}"}


def _infusion(name: str, slot: str) -> tuple[dict[str, str], dict[str, str]]:
    """Cells added, and the division age and programme of the mixture of old and infused effectors."""
    cells, old = f"infusion_cells_{slot}", f"(effectors_{name} + blood_effectors_{name})"
    fresh = f"{cells}*(1 - memory_fraction_{name})"
    added = {f"blood_effectors_{name}": fresh, f"memory_{name}": f"{cells}*memory_fraction_{name}"}
    mixed = f"programme_{name}*{old} + fitness_{slot}*({fresh} + size)"
    changed = {
        f"division_age_{name}": f"division_age_{name}*{old}/({old} + {fresh} + size)",
        f"programme_{name}": f"({mixed})/({old} + {fresh} + size)",
    }
    return added, changed


def _add_waiting(net: Network, design: Design, product: ProductDesign, rule: str, slot: str) -> None:
    """Add the decision on an infusion, its lymphodepletion and itself."""
    decided, day = f"decided_{slot}", f"decision_time_{slot}"
    disease = f"marrow_blast_fraction >= decision_blasts_{slot}"
    survive, lowered = _lymphodepletion(design, slot)
    added, changed = _infusion(product.name, slot)
    delays = f"lymphodepletion_delay_{slot}", f"infusion_delay_{slot}"
    if rule in AT_RELAPSE:
        clock = f"clock_{slot}"
        net.reaction(f"clock {slot}", {clock: 1}, decided)
        counts = f"time >= {day}"
        if rule == "cd19_negative_relapse":
            # Judged when the blasts pass the limit: an antigen-negative majority that builds up without a remission is no relapse.
            negative = f"cd19_negative_cells - decision_share_{slot}*leukaemia_cells"
            counts = f"min(time - {day}, {negative}) >= 0"
        net.event(f"decision_{slot}", when=disease, if_=counts, set={decided: 1})
        due = [f"{clock} >= {delay}" for delay in delays]
        net.event(f"lymphodepletion_{slot}", when=due[0], survive=survive, set=lowered)
        net.event(f"reinfusion_{slot}", when=due[1], add=added, set=changed)
        return
    if rule != "finding":
        remission = f"marrow_blast_fraction < decision_blasts_{slot}"
        state = remission if rule == "remission" else disease
        net.event(f"decision_{slot}", at=day, if_=state, set={decided: 1})
    at, yes = [f"{day} + {delay}" for delay in delays], f"{decided} > 0.5"
    net.event(f"lymphodepletion_{slot}", at=at[0], if_=yes, survive=survive, set=lowered)
    net.event(f"reinfusion_{slot}", at=at[1], if_=yes, add=added, set=changed)


def _decided_by_finding(design: Design) -> list[str]:
    """Slots of what waits for the findings of a visit, in the order in which they are declared."""
    slots = [
        slot
        for product in design.products
        for rule, slot in zip(product.rules, product.rule_slots, strict=True)
        if rule == "finding"
    ]
    return [*slots, *(["transplant"] if design.transplant_decision else [])]


def _add_decision(net: Network, slot: str) -> None:
    """Add a decision that is taken where one of the findings is made."""
    recovered = f"where(b_cell_fraction >= finding_b_cells_{slot}, 1, 0)"
    found = f"where(marrow_blast_fraction >= finding_blasts_{slot}, 1, {recovered})"
    net.event(
        f"decision_{slot}", at=f"decision_time_{slot}", if_=f"{found} > 0.5", set={f"decided_{slot}": 1}
    )


def _add_transplant(net: Network, design: Design) -> None:
    survive, cut = design.cut("10**(-transplant_log_kill)")
    immune = ["host_lymphocytes", "b_cells", *_receptor_cells(design)]
    ready = "marrow_blast_fraction < transplant_blast_limit"
    if design.transplant_decision:
        # An arm that leaves it to no visit has an infinite day of decision, and waits for none.
        waits = "where(time > decision_time_transplant, decided_transplant, 1)"
        ready = f"where({ready}, {waits}, 0) > 0.5"
    survive.update(dict.fromkeys(immune, "transplant_host_survival"))
    net.event(
        "transplant",
        at="transplant_time",
        if_=ready,
        survive=survive,
        set={
            **cut,
            "graft": 1,
            "transplant_risk": 1,
            "normal_marrow_fraction": "normal_marrow_fraction*transplant_marrow_survival",
        },
    )
