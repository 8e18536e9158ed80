"""Kimmel, Locke, Altrock 2021: CAR T cells compete with normal T cells after lymphodepletion, and chance decides of the last tumour cells.

    dN/dt = -r_N N ln(T/K_N)
    dC/dt = -r_C C ln(T/K_C)        r_C = rho_C + b (T - K_N)^2/(a T^2 + (T - K_N)^2),   T = N + C
    dB/dt = r_B B - gamma_B B C/(k_B + C)

N and C are concentrations in blood, B a number of cells: T cells follow the equations, and kernel `hybrid` runs a small tumour as the
birth-death process of the paper (there below 100 cells), birth r_B and death gamma_B C/(k_B + C) for each cell, from these reactions.
The paper's cells for the whole body are 5e8 times cells/uL, its tumour 1e9 cells/mL.

Reference: Kimmel, Locke, Altrock, Proc. R. Soc. B 288 (2021) 20210229, doi:10.1098/rspb.2021.0229: equations 2.1 to 2.3, table 1; and
BIOMD0000001041. The electronic supplement, with the birth and death rates of the stochastic form, could not be read: that r_B is all
birth and killing all death is our reading.
"""

from __future__ import annotations

from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "build"]

TABLE = "Kimmel 2021, table 1"
CURATED = "BIOMD0000001041"


def build() -> Network:
    """Return the network of the median patient of ZUMA-1.

    Returns
    -------
    Network
        `N` normal and `C` CAR T cells in cells/uL, `B` tumour cells in the whole body; time in days since infusion.

    Notes
    -----
    Table 1 gives whole-body numbers, BIOMD0000001041 rounded ones in cells/uL: K_C 139.2 and 139, k_B 4.048 and 4.05. The rounded are
    taken, because the model is stated in cells/uL; the others make extinction likelier, 0.76 for 0.72 at r_B = 0.10.

    References
    ----------
    doi:10.1098/rspb.2021.0229

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build(), t=[0, 7, 28])
    >>> [round(float(level), 1) for level in run["C"][0]]
    [0.4, 30.1, 2.5]
    """
    net = Network("kimmel2021", time_unit="day")
    net.species("N", 6, "concentration", "cells/uL", "normal T cells")
    net.species("C", 0.36, "concentration", "cells/uL", "CAR T cells")
    net.species("B", 9.486e10, "count", "cells", "tumour cells; 94.86 mL at 1e9 cells/mL")

    net.parameter("K_N", 500, "cells/uL", f"{CURATED}; {TABLE}: 2.50e11 cells", "reported", "capacity of N")
    net.parameter("K_C", 139, "cells/uL", f"{CURATED}; {TABLE}: 6.96e10 cells", "reported", "capacity of C")
    net.parameter("r_N", 0.170, "1/day", TABLE, "reported", "expansion of N")
    net.parameter("rho_C", 0.0251, "1/day", TABLE, "reported", "expansion of C when T is at K_N")
    net.parameter("a", 0.423, "1", TABLE, "reported", "inefficiency of the signal")
    net.parameter("b", 0.525, "1/day", TABLE, "reported", "what reconstitution adds to the expansion of C")
    net.parameter(
        "r_B",
        0.10,
        "1/day",
        f"{TABLE}: 0.01 to 0.50; a value within is our choice (BIOMD0000001041 has 0.01)",
        "assumed",
        "growth of the tumour",
    )
    net.parameter("gamma_B", 1.15, "1/day", TABLE, "reported", "killing at many CAR T cells")
    net.parameter(
        "k_B",
        4.05,
        "cells/uL",
        f"{CURATED}; {TABLE}: 2.024e9 cells",
        "reported",
        "C at half-maximal killing",
    )

    net.define("T", "N + C", "all T cells")
    net.define("distance", "(T - K_N)**2", "squared distance to the homeostatic number")
    net.define("r_C", "rho_C + b*distance/(a*T**2 + distance)", "rate of expansion of C")

    net.reaction("normal T cells to their capacity", {"N": 1}, "r_N*N*log(K_N/T)")
    net.reaction("CAR T cells to theirs", {"C": 1}, "r_C*C*log(K_C/T)")
    net.reaction("tumour division", "B -> 2 B", "r_B*B")
    net.reaction("killing", "B -> 0", "gamma_B*C/(k_B + C)*B")
    net.check()
    return net


KENDALL = "no figure in the paper; exact by Kendall's law"

MODELS = (
    PublishedModel(
        name="kimmel2021",
        title="competition of normal and CAR T cells, and a tumour that is a birth-death process when small (axi-cel, lymphoma)",
        source="Kimmel, Locke, Altrock, Proc. R. Soc. B 288 (2021) 20210229, doi:10.1098/rspb.2021.0229",
        build=build,
        headlines=(
            Headline(
                "car_t_day_7",
                "CAR T cells on day 7",
                "cells/uL",
                "27.5 (median of 19, data of the Moffitt cohort)",
                30.11,
                "near",
            ),
            Headline("car_t_day_14", "CAR T cells on day 14", "cells/uL", "9.1 (of 23)", 8.975, "near"),
            Headline("car_t_day_28", "CAR T cells on day 28", "cells/uL", "2.1 (of 22)", 2.487, "near"),
            Headline(
                "car_t_day_90", "CAR T cells on day 90", "cells/uL", "0.1 (of 22)", 0.3377, "not reproduced"
            ),
            Headline(
                "terminal_slope",
                "slope of ln C at last, -rho_C ln(K_N/K_C)",
                "1/day",
                "follows from the equations",
                -0.03213,
                "own",
            ),
            Headline("extinct_005", "tumour extinct by day 400, r_B = 0.05/day", "1", KENDALL, 0.9963, "own"),
            Headline("extinct_008", "the same, r_B = 0.08/day", "1", KENDALL, 0.9415, "own"),
            Headline("extinct_010", "the same, r_B = 0.10/day", "1", KENDALL, 0.7248, "own"),
            Headline("extinct_011", "the same, r_B = 0.11/day", "1", KENDALL, 0.4913, "own"),
            Headline("extinct_013", "the same, r_B = 0.13/day", "1", KENDALL, 0.0410, "own"),
            Headline(
                "extinct_010_below_100",
                "the same, r_B = 0.10/day, with chance below 100 cells alone, as in the paper",
                "1",
                "outcomes very weakly impacted by the choice of the threshold",
                0.7241,
                "reproduced",
            ),
            Headline(
                "extinct_013_below_100", "the same, r_B = 0.13/day", "1", "the same", 0.0359, "reproduced"
            ),
            Headline(
                "median_extinction_008",
                "median day of extinction, r_B = 0.08/day",
                "day",
                "most between 20 and 80, over patients of many r_B",
                62.56,
                "reproduced",
            ),
            Headline(
                "progression_010",
                "tumour at 120 % of its start, mean equations, r_B = 0.10/day",
                "day",
                "200 to 500, over patients",
                368.7,
                "reproduced",
            ),
        ),
        notes=(
            "The curve of progression-free survival is not reproduced: the spread of r_B between the virtual patients is in the supplement.",
            "The printed form of r_C in one copy of the paper is garbled; figure 2b, BIOMD0000001041 and the authors' later code agree on this one.",
        ),
    ),
)
