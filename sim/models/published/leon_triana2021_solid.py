"""Leon-Triana 2021 (Cancers): CAR T cells in a solid tumour that exhausts them, with one target or also with CD19 on B cells.

    dC/dt = rho_C C T/(g_T + T) - alpha_1 C T/(g_C + C) - C/tau_C  [+ k C_off]
    dT/dt = rho_T T - alpha_2 C T
    dC_off/dt = rho_off C_off B/(g_B + B) - C_off/tau_C - k C_off            (two targets only)
    dB/dt = -alpha_B C_off B - B/tau_B

A CAR T cell with two targets expands on B cells outside the tumour and moves in from there: the second target is a source of cells here,
not a way around antigen loss. Whole-body numbers of cells; every term is a reaction of single cells.

Reference: Leon-Triana, Perez-Martinez, Ramirez-Orellana, Perez-Garcia, Cancers 13 (2021) 703, doi:10.3390/cancers13040703, read in
BIOMD0000001013 and BIOMD0000001014; the settings of figure 1 in the reproduction by willchoprojects (modeling-car-t-cell-therapy).
"""

from __future__ import annotations

from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "build_dual", "build_single"]

BOTH = "Leon-Triana 2021 by BIOMD0000001013 and BIOMD0000001014"
DUAL = "Leon-Triana 2021 by BIOMD0000001014"
RANGE = "BIOMD0000001014; 0.04 in BIOMD0000001013, 0 to 0.1 in figure 1"


def build_single() -> Network:
    """Return the form with one target (equations 1 and 2).

    Returns
    -------
    Network
        `C` CAR T cells, `T` tumour cells, in cells; time in days since infusion. The initial state is that of figure 1; BIOMD0000001013
        starts from 4e8 and 6.7e9 cells.

    References
    ----------
    doi:10.3390/cancers13040703

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build_single(), t=[0, 60], parameters={"alpha_1": [0.03, 0.035]})
    >>> [f"{cells:.1e}" for cells in run["T"][:, -1]]
    ['4.5e+07', '7.1e+10']
    """
    net = Network("leon-triana2021-solid", time_unit="day")
    net.species("C", 8e7, "count", "cells", "CAR T cells in the tumour")
    net.species("T", 3.35e10, "count", "cells", "tumour cells")

    net.parameter("rho_C", 0.9, "1/day", BOTH, "reported", "division at many tumour cells")
    net.parameter("g_T", 1e10, "cells", BOTH, "reported", "tumour cells at half-maximal division")
    net.parameter("alpha_1", 0.02, "1/day", RANGE, "reported", "inactivation by the tumour")
    net.parameter("g_C", 2e9, "cells", BOTH, "reported", "CAR T cells at half-maximal inactivation")
    net.parameter("tau_C", 7, "day", BOTH, "reported", "life of a CAR T cell")
    net.parameter("rho_T", 0.02, "1/day", BOTH, "reported", "growth of the tumour")
    net.parameter("alpha_2", 2.5e-10, "1/(cell day)", BOTH, "reported", "killing by one CAR T cell")

    net.reaction("CAR T division", "C -> 2 C", "rho_C*T/(g_T + T)*C")
    net.reaction("CAR T inactivation", "C -> 0", "alpha_1*T/(g_C + C)*C")
    net.reaction("CAR T death", "C -> 0", "C/tau_C")
    net.reaction("tumour division", "T -> 2 T", "rho_T*T")
    net.reaction("tumour killing", "T -> 0", "alpha_2*C*T")
    net.check()
    return net


def build_dual() -> Network:
    """Return the form with CD19 as a second target, on B cells outside the tumour.

    Returns
    -------
    Network
        As `build_single`, with `C_off` CAR T cells and `B` B cells outside the tumour. The initial state is that of BIOMD0000001014.

    References
    ----------
    doi:10.3390/cancers13040703

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build_dual(), t=[0, 60], parameters={"alpha_1": 0.05})
    >>> bool(run["T"][0, -1] < 10)
    True
    """
    net = build_single().with_("leon-triana2021-dual-target", initial={"C": 0})
    net.species("C_off", 2e8, "count", "cells", "CAR T cells outside the tumour")
    net.species("B", 2.5e10, "count", "cells", "B cells")

    net.parameter("rho_off", 0.9, "1/day", DUAL, "reported", "division at many B cells")
    net.parameter("g_B", 1e10, "cells", DUAL, "reported", "B cells at half-maximal division")
    net.parameter("k", 0.2, "1/day", DUAL, "reported", "passage into the tumour")
    net.parameter(
        "alpha_B", 4.5e-11, "1/(cell day)", DUAL, "reported", "killing of B cells by one CAR T cell"
    )
    net.parameter("tau_B", 60, "day", DUAL, "reported", "life of a B cell")

    net.reaction("division outside", "C_off -> 2 C_off", "rho_off*B/(g_B + B)*C_off")
    net.reaction("death outside", "C_off -> 0", "C_off/tau_C")
    net.reaction("passage into the tumour", "C_off -> C", "k*C_off")
    net.reaction("B cell killing", "B -> 0", "alpha_B*C_off*B")
    net.reaction("B cell death", "B -> 0", "B/tau_B")
    net.check()
    return net


SOURCE = "Leon-Triana et al., Cancers 13 (2021) 703, doi:10.3390/cancers13040703"
CONTROLLED = "controlled (figure 1, as reproduced by willchoprojects)"
FAILS = "fails (figure 1, as reproduced by willchoprojects)"

MODELS = (
    PublishedModel(
        name="leon-triana2021-solid",
        title="CAR T cells with one target in a solid tumour that inactivates them",
        source=SOURCE,
        terms="saturating division on the tumour, saturating inactivation by it, killing by mass action",
        build=build_single,
        headlines=(
            Headline("tumour_000", "tumour on day 60, alpha_1 = 0", "cells", CONTROLLED, 4.422e6, "in kind"),
            Headline(
                "tumour_002", "tumour on day 60, alpha_1 = 0.02", "cells", CONTROLLED, 1.919e7, "in kind"
            ),
            Headline(
                "tumour_003", "tumour on day 60, alpha_1 = 0.03", "cells", CONTROLLED, 4.542e7, "in kind"
            ),
            Headline("tumour_0035", "tumour on day 60, alpha_1 = 0.035", "cells", FAILS, 7.116e10, "in kind"),
            Headline("tumour_004", "tumour on day 60, alpha_1 = 0.04", "cells", FAILS, 9.532e10, "in kind"),
            Headline("tumour_010", "tumour on day 60, alpha_1 = 0.1", "cells", FAILS, 1.092e11, "in kind"),
            Headline(
                "tumour_005_2e8",
                "tumour on day 60, alpha_1 = 0.05, from 2e8 CAR T cells, to compare with two targets",
                "cells",
                "not stated in what could be read",
                8.923e10,
                "own",
            ),
        ),
        notes=(
            "Default alpha_1 0.02 and the start of figure 1; BIOMD0000001013 has 0.04, 4e8 and 6.7e9 cells.",
        ),
    ),
    PublishedModel(
        name="leon-triana2021-dual-target",
        title="CAR T cells against a solid tumour that expand on CD19 of B cells outside it",
        source=SOURCE,
        terms="as leon-triana2021-solid, and CAR T cells that expand on B cells outside and move in",
        build=build_dual,
        headlines=(
            Headline(
                "tumour_005",
                "tumour on day 60, alpha_1 = 0.05 (with one target, from as many cells, it is 8.9e10)",
                "cells",
                "two targets may override the suppression (title)",
                1.141,
                "in kind",
            ),
        ),
        notes=(
            "Default alpha_1 0.02, where one target is enough; the figure is taken at 0.05, where it is not.",
        ),
    ),
)
