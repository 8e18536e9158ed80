"""Kimmel, Locke, Altrock 2021: CAR T cells compete with normal T cells after lymphodepletion, and chance decides of the last tumour cells.

    dN/dt = -r_N N ln(T/K_N)
    dC/dt = -r_C C ln(T/K_C)        r_C = rho_C + b (T - K_N)^2/(a T^2 + (T - K_N)^2),   T = N + C
    dB/dt = r_B B - gamma_B B C/(k_B + C)

N and C are concentrations in blood, B a number of cells: T cells follow the equations, and kernel `hybrid` runs a small tumour as the
birth-death process of the paper (there below 100 cells), birth r_B and death gamma_B C/(k_B + C) for each cell, from these reactions.
The paper's cells for the whole body are 5e8 times cells/uL, its tumour 1e9 cells/mL.

Reference: Kimmel, Locke, Altrock, Proc. R. Soc. B 288 (2021) 20210229, doi:10.1098/rspb.2021.0229: equations 2.1 to 2.3, table 1, legend
of figure 3; BIOMD0000001041; and the authors' program (github.com/MathOnco/CARTecology, hybridModelRuns/HybridModel_08_30_20.jl), in which
r_B is all birth and killing all death. The electronic supplement could not be read.
"""

from __future__ import annotations

from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "build"]

TABLE = "Kimmel 2021, table 1"
FIT = f"{TABLE}: fitted, 'this work'"
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
    taken, because the model is stated in cells/uL; the others make extinction likelier, 0.66 for 0.62 at r_B = 0.105.

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

    net.parameter(
        "K_N",
        500,
        "cells/uL",
        f"{CURATED}; {TABLE}: 2.50e11 cells, from Turtle 2016",
        "reported",
        "capacity of N",
    )
    net.parameter("K_C", 139, "cells/uL", f"{CURATED}; {FIT}, 6.96e10 cells", "fitted", "capacity of C")
    net.parameter("r_N", 0.170, "1/day", FIT, "fitted", "expansion of N")
    net.parameter("rho_C", 0.0251, "1/day", FIT, "fitted", "expansion of C when T is at K_N")
    net.parameter("a", 0.423, "1", FIT, "fitted", "inefficiency of the signal")
    net.parameter("b", 0.525, "1/day", FIT, "fitted", "what reconstitution adds to the expansion of C")
    net.parameter(
        "r_B",
        0.105,
        "1/day",
        f"Kimmel 2021, figure 3: 0.105 slow, 0.19 medium, 0.265 fast; {TABLE}: 0.01 to 0.50, from Roesch 2014; {CURATED}: 0.01",
        "reported",
        "growth of the tumour, of a slow one",
    )
    net.parameter("gamma_B", 1.15, "1/day", FIT, "fitted", "killing at many CAR T cells")
    net.parameter(
        "k_B",
        4.05,
        "cells/uL",
        f"{CURATED}; {FIT}, 2.024e9 cells",
        "fitted",
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


SUBSET = "data of the Moffitt patients, whom the model was not fitted to"
CURVE = "figure 3 shows curves without numbers"
THRESHOLD = "outcomes very weakly impacted by the choice of the threshold"
TIMES = "typically between 200 and 500 (figure 4b)"

MODELS = (
    PublishedModel(
        name="kimmel2021",
        title="normal and CAR T cells compete; a small tumour lives by chance (lymphoma)",
        source="Kimmel, Locke, Altrock, Proc. R. Soc. B 288 (2021) 20210229, doi:10.1098/rspb.2021.0229",
        terms="Gompertz growth of normal and CAR T cells towards two capacities, faster when T cells are few; saturating killing; "
        "tumour births and deaths",
        build=build,
        headlines=(
            Headline(
                "car_t_day_7",
                "CAR T cells on day 7",
                "cells/uL",
                f"27.5 (median of 19; {SUBSET})",
                30.11,
                "near",
                27.5,
            ),
            Headline(
                "car_t_day_14",
                "CAR T cells on day 14",
                "cells/uL",
                f"9.1 (of 23; {SUBSET})",
                8.975,
                "near",
                9.1,
            ),
            Headline(
                "car_t_day_28",
                "CAR T cells on day 28",
                "cells/uL",
                f"2.1 (of 22; {SUBSET})",
                2.487,
                "near",
                2.1,
            ),
            Headline(
                "car_t_day_90",
                "CAR T cells on day 90",
                "cells/uL",
                f"0.1 (of 22; {SUBSET})",
                0.3377,
                "not reproduced",
                0.1,
            ),
            Headline(
                "retained_day_90",
                "CAR T cells on day 90 over those infused",
                "1",
                "the median patient still has levels comparable to those at infusion",
                0.938,
                "in kind",
            ),
            Headline(
                "car_t_day_90_program",
                "CAR T cells on day 90 with rho_C 0.037/day of the authors' program",
                "cells/uL",
                f"0.1 (of 22; {SUBSET})",
                0.111,
                "near",
                0.1,
            ),
            Headline(
                "terminal_slope",
                "slope of ln C at last, -rho_C ln(K_N/K_C)",
                "1/day",
                "follows from the equations",
                -0.03213,
                "own",
            ),
            Headline(
                "extinct_slow_min",
                "tumour of 2.3e9 cells extinct by day 400, slow",
                "1",
                CURVE,
                0.9884,
                "own",
            ),
            Headline(
                "extinct_slow", "tumour of 9.486e10 cells extinct by day 400, slow", "1", CURVE, 0.6188, "own"
            ),
            Headline(
                "extinct_slow_max",
                "tumour of 1.3e12 cells extinct by day 400, slow",
                "1",
                CURVE,
                0.00139,
                "own",
            ),
            Headline(
                "extinct_medium_min",
                "tumour of 2.3e9 cells extinct by day 400, medium",
                "1",
                CURVE,
                0.01713,
                "own",
            ),
            Headline(
                "extinct_slow_below_100",
                "tumour extinct by day 400, slow, with chance below 100 cells alone, as in the paper",
                "1",
                f"{THRESHOLD}: 0.6188 without one",
                0.6174,
                "in kind",
            ),
            Headline(
                "spread_slow",
                "mean chance of extinction by day 400, slow, parameters spread by 5 %",
                "1",
                CURVE,
                0.4767,
                "own",
            ),
            Headline(
                "spread_medium",
                "mean chance of extinction by day 400, medium, parameters spread by 5 %",
                "1",
                CURVE,
                0.151,
                "own",
            ),
            Headline(
                "spread_fast",
                "mean chance of extinction by day 400, fast, parameters spread by 5 %",
                "1",
                CURVE,
                0.03565,
                "own",
            ),
            Headline(
                "early_extinctions",
                "share of the extinctions that are between days 20 and 80, slow",
                "1",
                "most (figure 4a)",
                0.6715,
                "in kind",
            ),
            Headline(
                "late_extinctions",
                "share of the extinctions that are after day 140, slow",
                "1",
                "rarely up to day 140 (figure 4a)",
                0.0007433,
                "in kind",
            ),
            Headline(
                "progression_slow",
                "tumour at 120 % of its start, mean equations, slow",
                "day",
                TIMES,
                351.2,
                "in kind",
            ),
            Headline(
                "progression_medium",
                "tumour at 120 % of its start, mean equations, medium",
                "day",
                f"{TIMES}, at one growth rate that is not named",
                193.5,
                "own",
            ),
            Headline(
                "progression_fast",
                "tumour at 120 % of its start, mean equations, fast",
                "day",
                f"{TIMES}, at one growth rate that is not named",
                136.7,
                "own",
            ),
        ),
        notes=(
            (
                "Slow, medium and fast are r_B = 0.105, 0.19 and 0.265 per day (legend of figure 3); 2.3e9 and 1.3e12 cells are its smallest "
                "and its largest tumour, 9.486e10 the median. At 0.19 and 0.265 the median tumour of these parameters never dies out."
            ),
            (
                "The paper draws 1,000 patients with 'a variance of 5 % of mean values'; its program multiplies each parameter by a normal "
                "variate of mean 1 and standard deviation 0.05, which is what 'spread by 5 %' means here (1,000 patients, seed 1). Figure 3b gives "
                "no number to hold its curves of progression-free survival against."
            ),
            (
                "The authors' program has rho_C 0.037, r_N 0.171 and r_B 0.065 where table 1 has 0.0251, 0.170 and a range. With the program's "
                "rho_C CAR T cells on day 90 are 0.11 cells/uL, as in the Moffitt patients; with the table's, as here, they are as many as infused, "
                "as the text says."
            ),
            "The best fit of a (0.423) and b (0.525) of table 1 lies outside their own quartile ranges, 0.100 to 0.302 and 0.467 to 0.522.",
            "The printed form of r_C in one copy of the paper is garbled; figure 2b, BIOMD0000001041 and the authors' program agree on this one.",
        ),
    ),
)
