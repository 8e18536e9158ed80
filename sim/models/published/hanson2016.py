"""Hanson 2016: CAR T cells of two kinds, a tumour, the inflammation that they make, and a drug that takes it away. Time in hours.

    dB/dt  = r_1 B (1 - B/k) - d_1 B C_e
    dI/dt  = p_0 + p_1 B (C_e + H_e) - d_2 I - D
    dC_m/dt = r_2 C_m s - a_1 B C_m (1 + a_2 H_e) h         dC_e/dt = 2^n a_1 B C_m (1 + a_2 H_e) h - d_3 C_e
    dH_m/dt = r_3 H_m s - a_3 B H_m h                       dH_e/dt = 2^n a_3 B H_m h - d_4 H_e
    dL/dt  = p_2 + r_4 L s - d_5 L
    h = I^2/(I^2 + b^2),    s = max(0, 1 - (B + C_e + C_m + H_e + H_m + L)/l)

C are CD8, H are CD4 CAR T cells, m memory and e effector; L other lymphocytes, I inflammation. All are concentrations, and the model has
no chance in it. The drug D, a constant here, is 0.

Reference: Hanson, Grimes, Taylor-King, Warman, Frankenstein and colleagues 2016, doi:10.1101/049908, read in BIOMD0000000837, which names
no units but that of time; of the preprint nothing else could be read.
"""

from __future__ import annotations

from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "build"]

CURATED = "Hanson 2016 by BIOMD0000000837"


def build() -> Network:
    """Return the network.

    Returns
    -------
    Network
        `B` tumour, `I` inflammation, `C_m`, `C_e` CD8 and `H_m`, `H_e` CD4 CAR T cells, `L` other lymphocytes, in units of the curated
        model; time in hours.

    References
    ----------
    doi:10.1101/049908

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build(), t=[0, 160, 480])
    >>> [round(float(level)) for level in run["B"][0]]
    [300, 254, 51]
    """
    net = Network("hanson2016", time_unit="hour")
    unit = "curated unit"
    net.species("B", 300, "concentration", unit, "tumour")
    net.species("I", 140, "concentration", unit, "inflammation")
    net.species("C_m", 10, "concentration", unit, "CD8 memory CAR T cells")
    net.species("C_e", 10, "concentration", unit, "CD8 effector CAR T cells")
    net.species("H_m", 10, "concentration", unit, "CD4 memory CAR T cells")
    net.species("H_e", 10, "concentration", unit, "CD4 effector CAR T cells")
    net.species("L", 1600, "concentration", unit, "other lymphocytes")
    for name, value, of, description in (
        ("r_1", 0.003, "1/hour", "growth of the tumour"),
        ("k", 4800, unit, "capacity of the tumour"),
        ("d_1", 2e-4, "1/(unit hour)", "killing"),
        ("p_0", 200, "unit/hour", "inflammation without CAR T cells"),
        ("p_1", 0.002, "1/(unit hour)", "inflammation by effectors that meet tumour"),
        ("d_2", 1.5, "1/hour", "decay of inflammation"),
        ("D", 0, "unit/hour", "suppression by the drug"),
        ("r_2", 0.1, "1/hour", "homeostatic division of CD8 memory"),
        ("r_3", 0.1, "1/hour", "homeostatic division of CD4 memory"),
        ("r_4", 0.1, "1/hour", "homeostatic division of other lymphocytes"),
        ("a_1", 4e-7, "1/(unit hour)", "activation of CD8"),
        ("a_2", 2, "1/unit", "help by CD4 effectors"),
        ("a_3", 8e-5, "1/(unit hour)", "activation of CD4"),
        ("n", 6, "1", "divisions on activation"),
        ("b", 800, unit, "inflammation at half-maximal activation"),
        ("l", 1600, unit, "lymphocytes at which space ends"),
        ("d_3", 0.004, "1/hour", "death of CD8 effectors"),
        ("d_4", 0.004, "1/hour", "death of CD4 effectors"),
        ("p_2", 0.4, "unit/hour", "new lymphocytes"),
        ("d_5", 2e-4, "1/hour", "death of other lymphocytes"),
    ):
        net.parameter(name, value, of, CURATED, "reported", description)

    net.define("h", "I**2/(I**2 + b**2)", "activation by inflammation")
    net.define("space", "max(0, 1 - (B + C_e + C_m + H_e + H_m + L)/l)", "homeostatic space (s)")
    net.define("activation_C", "a_1*B*C_m*(1 + a_2*H_e)*h")
    net.define("activation_H", "a_3*B*H_m*h")

    net.reaction("tumour growth", {"B": 1}, "r_1*B*(1 - B/k)")
    net.reaction("killing", {"B": -1}, "d_1*B*C_e")
    net.reaction("inflammation", {"I": 1}, "p_0 + p_1*B*(C_e + H_e) - d_2*I - D")
    net.reaction("CD8 memory division", {"C_m": 1}, "r_2*C_m*space")
    net.reaction("CD8 activation", {"C_m": -1}, "activation_C")
    net.reaction("CD8 expansion", {"C_e": 1}, "2**n*activation_C")
    net.reaction("CD8 effector death", {"C_e": -1}, "d_3*C_e")
    net.reaction("CD4 memory division", {"H_m": 1}, "r_3*H_m*space")
    net.reaction("CD4 activation", {"H_m": -1}, "activation_H")
    net.reaction("CD4 expansion", {"H_e": 1}, "2**n*activation_H")
    net.reaction("CD4 effector death", {"H_e": -1}, "d_4*H_e")
    net.reaction("lymphocyte formation", {"L": 1}, "p_2")
    net.reaction("lymphocyte division", {"L": 1}, "r_4*L*space")
    net.reaction("lymphocyte death", {"L": -1}, "d_5*L")
    net.check()
    return net


NONE = "no figure could be read"

MODELS = (
    PublishedModel(
        name="hanson2016",
        title="CD8 and CD4 CAR T cells, tumour, inflammation, a drug against it (in hours)",
        source="Hanson et al. 2016, doi:10.1101/049908, BIOMD0000000837",
        terms="CD4 help, activation by inflammation, homeostatic space, inflammation by effectors that meet tumour",
        build=build,
        headlines=(
            Headline("inflammation_peak", "most inflammation", "curated unit", NONE, 167.9, "own"),
            Headline("inflammation_hour", "hour of the most inflammation", "hour", NONE, 160.3, "own"),
            Headline("tumour_480", "tumour after 480 hours", "curated unit", NONE, 51.36, "own"),
        ),
        notes=("The drug D is the constant 0 in the curated model; its course over time is not in it.",),
    ),
)
