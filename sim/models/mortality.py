"""Death by cause. Each cumulative hazard is a concentration, and the patient dies when one passes his own Exp(1) limit.

Leukaemia: ``h_L (L/marrow)^3``. Early treatment-related: with the IL-6 index. Infection: with the lack of lymphocytes. Transplant: from its
day on, fading. Background: constant.
"""

from __future__ import annotations

from sim.models.design import Design
from sim.network.network import Network

__all__ = ["add_mortality", "causes", "declare_mortality"]

BURDEN_POWER = 3
"""Power of the marrow's filling in the hazard of death by leukaemia (m), without unit; assumed: it kills late, then fast."""
PROTECTION_POWER = 2
"""Hill coefficient of the protection by lymphocytes against infection, without unit; assumed."""

_CAUSES = ("leukaemia", "treatment", "infection", "transplant", "background")


def causes(design: Design) -> tuple[str, ...]:
    """Causes of death that a network of this design has."""
    absent = {"transplant": not design.transplant, "treatment": not design.products}
    return tuple(cause for cause in _CAUSES if not absent.get(cause, False))


def declare_mortality(net: Network, design: Design) -> None:
    """Add the cumulative hazards and their parameters."""
    present = causes(design)
    for name, value, unit, source, description in (
        (
            "leukaemia_hazard",
            0.012,
            "1/day",
            "untreated relapse is fatal in weeks to months",
            "death with a marrow full of blasts (h_L)",
        ),
        (
            "treatment_hazard",
            0.008,
            "1/day",
            "early treatment-related mortality 2-5 %",
            "death at saturating IL-6 signalling",
        ),
        ("treatment_il6", 3000.0, "pg/mL", "", "IL-6 index at half-maximal early mortality"),
        ("infection_hazard", 0.0006, "1/day", "", "death by infection without lymphocytes"),
        ("infection_protection", 0.15, "1", "", "share of healthy lymphocytes that halves it"),
        ("transplant_hazard", 0.0018, "1/day", "8-25 % in the first year", "death right after a transplant"),
        ("transplant_risk_time", 90.0, "day", "", "fading of the transplant's risk"),
        ("background_hazard", 1e-5, "1/day", "population mortality, 0.4 % a year", "death by another cause"),
    ):
        if name.split("_")[0] in present:
            net.parameter(name, value, unit, source, "assumed", description)
    if design.transplant:
        net.species(
            "transplant_risk",
            0.0,
            kind="concentration",
            unit="1",
            description="1 on the day of transplant, fading",
        )
        net.reaction(
            "transplant risk fading", {"transplant_risk": 1}, "-transplant_risk/transplant_risk_time"
        )
    for cause in present:
        net.species(
            f"hazard_{cause}",
            0.0,
            kind="concentration",
            unit="1",
            description=f"cumulative hazard of death by {cause}",
        )
        net.parameter(
            f"limit_{cause}",
            1.0,
            "1",
            "drawn from Exp(1)",
            "assumed",
            description=f"cumulative hazard at which the patient dies by {cause}",
        )


def add_mortality(net: Network, design: Design) -> None:
    """Add the growth of each cumulative hazard, and the deaths; declared last, so that at a tie treatment comes first."""
    half = f"infection_protection**{PROTECTION_POWER}"
    rates = {
        "leukaemia": f"leukaemia_hazard*(leukaemia_cells/marrow_capacity)**{BURDEN_POWER}",
        "treatment": "treatment_hazard*il6_index/(treatment_il6 + il6_index)",
        "infection": f"infection_hazard*{half}/({half} + immunity**{PROTECTION_POWER})",
        "transplant": "transplant_hazard*transplant_risk",
        "background": "background_hazard",
    }
    net.define("immunity", "host_lymphocytes/host_healthy_cells")
    for cause in causes(design):
        net.reaction(f"hazard {cause}", {f"hazard_{cause}": 1}, rates[cause])
    for cause in causes(design):
        net.event(f"death_{cause}", when=f"hazard_{cause} >= limit_{cause}", stop=True)
