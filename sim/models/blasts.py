"""Leukaemia cells: division, antigen loss, the CD22 walk, death by crowding and by CAR T cells.

Every propensity is a per-capita hazard times the number of cells, and the hazards are few, named and shared by the classes, so that a
class is a linear birth-death process given its surroundings. Crowding is a death: births stay non-negative.
"""

from __future__ import annotations

from sim.models.antigen import AntigenClass, Arm, recognition
from sim.models.design import Design, ProductDesign, total
from sim.network.network import Network

__all__ = [
    "add_blasts",
    "add_killing",
    "declare_blasts",
    "define_death",
    "define_exchange",
    "lysis_name",
    "recognises",
]

HIRT = "Hirt 1997 (untreated childhood precursor-B ALL, n = 23)"
MODEL = "rough fit to the reported outcomes"


def declare_blasts(net: Network, design: Design) -> None:
    """Add the leukaemia species and the parameters of their life without treatment."""
    for site in design.sites:
        for c in () if design.agents else design.grid.classes:
            about = f"leukaemia cells in the {site}: {_describe(c)}"
            net.species(design.cells(site, c), 0.0, unit="cells", description=about)
    for name, value, unit, source, description in _LIFE:
        net.parameter(name, value, unit, source, "assumed", description)
    for site in design.sites[1:]:
        _declare_site(net, site)
    for name, text in {**design.grid.density_text(), **design.grid.walk_text()}.items():
        net.define(name, text)
    net.define("division_hazard", "net_growth_rate + blast_death_rate")


# Name, value, unit, source, description.
_LIFE = (
    (
        "net_growth_rate",
        0.115,
        "1/day",
        f"set by hand; {MODEL}: 0.1; {HIRT}: 0.069 +- 0.073",
        "division less death, not crowded",
    ),
    ("blast_death_rate", 0.068, "1/day", f"{MODEL}; {HIRT}: 0.04", "death of leukaemia cells, not crowded"),
    ("first_hit_rate", 1.5e-7, "1/division", MODEL, "loss of one CD19 copy, for each copy (u1)"),
    (
        "second_hit_rate",
        1.5e-7,
        "1/division",
        f"{MODEL}; loss of heterozygosity in lymphocytes",
        "loss of the last CD19 copy (u2)",
    ),
    (
        "cd22_loss_rate",
        1e-14,
        "1/division",
        "set by hand, of the order of two hits of 1e-7 at once",
        "irreversible loss of CD22, both copies in one step",
    ),
    (
        "lineage_switch_rate",
        0.0,
        "1/division",
        "",
        "loss of both antigens at once; 0 unless the subtype does it",
    ),
    ("cd19_density", 11300.0, "molecules/cell", MODEL, "CD19 on a cell with two copies"),
    (
        "cd22_density",
        3000.0,
        "molecules/cell",
        f"{MODEL}; Haso 2013: median 3,500",
        "the patient's median CD22",
    ),
    (
        "cd22_spread",
        0.34,
        "log10",
        "set by hand within 0.2-0.35; the dimmest level is 6.7-fold below the median",
        "stationary SD of CD22 between the cells of a patient",
    ),
    (
        "cd22_relaxation_time",
        300.0,
        "day",
        MODEL,
        "time in which a daughter line forgets how dim it was (tau)",
    ),
)

# Share of the leukaemia, exchange with the marrow (1/day), killing relative to the marrow, source.
_SITE_DEFAULTS = {"niche": (9e-5, 0.04, 0.07, MODEL)}
_ELSEWHERE = (0.3, 0.005, 0.15, "killing in nodes 0.05-0.3 of that in the marrow")


def _declare_site(net: Network, site: str) -> None:
    """Add what sets a site apart from the marrow."""
    share, exchange, access, source = _SITE_DEFAULTS.get(site, _ELSEWHERE)
    for what, value, unit, description in (
        ("share", share, "1", f"share of the leukaemia cells that sit in the {site}"),
        ("exchange", exchange, "1/day", f"turnover between marrow and {site}"),
        ("access", access, "1", f"killing in the {site} relative to the marrow"),
    ):
        net.parameter(f"{site}_{what}", value, unit, source, "assumed", description)


def _describe(c: AntigenClass) -> str:
    if c.switched:
        return "switched lineage, no CD19, no CD22"
    copies = {"two": "two CD19 copies", "one": "one CD19 copy", "none": "no CD19"}[c.cd19]
    return f"{copies}, CD22 {'lost' if c.cd22 == 'lost' else c.cd22.replace('level', 'level ')}"


def add_blasts(net: Network, design: Design) -> None:
    """Add division, antigen loss, the CD22 walk, exchange between sites, and death."""
    losses = _loss_rates(design)
    for name, text in losses.items():
        net.define(f"faithful_{name}", f"1 - ({text})")
    for site in design.sites:
        _divide(net, design, site)
        for source, target, rate in design.grid.walk():
            a, b = design.cells(site, source), design.cells(site, target)
            net.reaction(f"walk {a} to {b}", f"{a} -> {b}", f"{rate}*{a}")
    _exchange(net, design)
    _die(net, design)


def _loss_rates(design: Design) -> dict[str, str]:
    """Kind of mother -> text of the mutant daughters thrown off per division."""
    switch = ["lineage_switch_rate"] if design.grid.lineage_switch else []
    hits = {"two": ["2*first_hit_rate"], "one": ["second_hit_rate"], "none": []}
    out = {f"{cd19}_expressed": total([*hit, "cd22_loss_rate", *switch]) for cd19, hit in hits.items()}
    out.update({f"{cd19}_lost": total([*hit, *switch]) for cd19, hit in hits.items() if hit or switch})
    return out


def _divide(net: Network, design: Design, site: str) -> None:
    """Add faithful division, and divisions that throw off one mutant daughter."""
    defined = _loss_rates(design)
    for c in design.grid.classes:
        cell = design.cells(site, c)
        kind = "" if c.switched else f"{c.cd19}_{'lost' if c.cd22 == 'lost' else 'expressed'}"
        rate = f"division_hazard*faithful_{kind}*{cell}" if kind in defined else f"division_hazard*{cell}"
        net.reaction(f"division {cell}", f"{cell} -> 2 {cell}", rate)
    for what, pairs in (
        ("cd19 hit", design.grid.cd19_losses()),
        ("cd22 loss", design.grid.cd22_losses()),
        ("lineage switch", design.grid.lineage_switches()),
    ):
        for mother, daughter in pairs:
            a, b = design.cells(site, mother), design.cells(site, daughter)
            hit = "2*first_hit_rate" if mother.cd19 == "two" else "second_hit_rate"
            rate = {"cd19 hit": hit, "cd22 loss": "cd22_loss_rate", "lineage switch": "lineage_switch_rate"}[
                what
            ]
            net.reaction(f"{what} {a}", f"{a} -> {a} + {b}", f"division_hazard*({rate})*{a}")


def define_exchange(net: Network, design: Design) -> None:
    """Add the rates at which a cell moves between the marrow and each other site."""
    for site in design.sites[1:]:
        net.define(f"{site}_entry_rate", f"{site}_exchange*{site}_share")
        net.define(f"{site}_exit_rate", f"{site}_exchange*(1 - {site}_share)")


def _exchange(net: Network, design: Design) -> None:
    """Add the exchange of every class between the marrow and each other site."""
    define_exchange(net, design)
    for site in design.sites[1:]:
        for c in design.grid.classes:
            a, b = design.cells("marrow", c), design.cells(site, c)
            net.reaction(f"entry {b}", f"{a} -> {b}", f"{site}_entry_rate*{a}")
            net.reaction(f"exit {b}", f"{b} -> {a}", f"{site}_exit_rate*{b}")


def define_death(net: Network, design: Design) -> None:
    """Add the hazard of death: the natural rate, crowding of the marrow, and the antigen-blind effect of a graft."""
    graft = " + graft_versus_leukaemia*graft" if design.transplant else ""
    net.define(
        "death_hazard",
        f"blast_death_rate + division_hazard*leukaemia_cells/leukaemia_capacity{graft}",
        "per-capita death of leukaemia cells without CAR T cells",
    )


def _die(net: Network, design: Design) -> None:
    define_death(net, design)
    for cell in design.leukaemia():
        net.reaction(f"death {cell}", f"{cell} -> 0", f"death_hazard*{cell}")


def recognises(product: ProductDesign, c: AntigenClass) -> bool:
    """Whether a class carries any antigen of the product."""
    return any(c.state(antigen) is not None for antigen in product.targets)


def lysis_name(kind: str, product: ProductDesign, c: AntigenClass) -> str:
    """Name of phi ("lysis") or psi ("stimulation") of a class: it depends on what the product sees of the cell, nothing more."""
    seen = "_".join(c.state(antigen) or "none" for antigen in product.targets)
    return f"{kind}_{product.name}_{seen}"


def add_killing(net: Network, design: Design) -> None:
    """Add recognition of each class by each product, and killing.

    Killing of class j by product k has the hazard ``kappa phi_kj E*_k / (K_T + R_k + sum_m phi_mj E*_m)``: only recognisable targets
    saturate, and products compete for the same target. It is the same in all sites up to the access of the site.
    """
    for c in design.grid.classes:
        reach = [f"{design.access(site)}{design.cells(site, c)}" for site in design.sites]
        if any(recognises(product, c) for product in design.products):
            net.define(f"reach_{c.name}", total(reach), "cells of the class, weighted by access")
    defined: set[str] = set()
    for product in design.products:
        for c in design.grid.classes:
            if recognises(product, c) and lysis_name("lysis", product, c) not in defined:
                _define_recognition(net, product, c)
                defined.add(lysis_name("lysis", product, c))
    for c in design.grid.classes:
        seeing = [p for p in design.products if recognises(p, c)]
        if seeing:
            net.define(f"killing_{c.name}", killing_text({p.name: lysis_name("lysis", p, c) for p in seeing}))
            for site in design.sites:
                cell = design.cells(site, c)
                net.reaction(
                    f"killing {cell}", f"{cell} -> 0", f"{design.access(site)}killing_{c.name}*{cell}"
                )


def _define_recognition(net: Network, product: ProductDesign, c: AntigenClass) -> None:
    densities = {
        antigen: None if (state := c.state(antigen)) is None else f"{antigen}_{state}"
        for antigen in product.targets
    }
    for kind, shift in (("lysis", ""), ("stimulation", f"stimulation_shift_{product.name}*")):
        arms = [
            Arm(a, f"{shift}threshold_{product.name}_{a}", f"strength_{product.name}_{a}")
            for a in product.targets
        ]
        net.define(
            lysis_name(kind, product, c), recognition(product.form, arms, densities, "recognition_steepness")
        )


def killing_text(lysis: dict[str, str], weight: str = "") -> str:
    """Text of the killing hazard of one target, from product name -> name of its phi."""
    rivals = total(f"{phi}*active_{name}" for name, phi in lysis.items())
    terms = [
        f"{phi}*active_{name}/(killing_saturation_cells + recognised_{name} + {rivals})"
        for name, phi in lysis.items()
    ]
    return f"killing_rate*{weight}({total(terms)})"
