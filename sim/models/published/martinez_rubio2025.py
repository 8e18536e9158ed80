"""Martinez-Rubio 2025: which signal drives CAR T cells, the lack of T cells, the antigen, or a blend of both.

    dN/dt = -r_N N ln(T/k_N)
    dC/dt = -r_C C ln(T/k_C)        r_C = p_C + b [share h + (1 - share) B^2/(B^2 + a_A)],   h = (T - k_N)^2/(a_H T^2 + (T - k_N)^2)
    dB/dt = r_B B - g_B B C/(k_B + C)

Kimmel 2021 is share = 1. All are concentrations in blood of 5e6 uL, and CAR T cells or a tumour below 2e-7 cells/uL, one cell, stay as
they are: the authors' code stops their derivatives there, which stands for extinction without chance. It does so for normal T cells too,
stops all three where the tumour is above 1e12, and ends a run where it is above 1e13/5e6 cells/uL; none of this is here.

Reference: Martinez-Rubio and colleagues, manuscript of 2025, code and data "CARThomeostasis" (github.com/paltrock/CARThomeostasis, MIT),
equations in resultData/PL.m. The parameters that it fitted to each of its 21 patients lie in spreadsheets that could not be read, so no
patient of the paper is shipped: the default has the population values of Kimmel 2021 and the homeostatic signal alone, one of the paper's
three variants. The constant of the antigenic signal has no value that could be read; whoever asks for a blend gives one, and a network
without it has no share either.
"""

from __future__ import annotations

from sim.errors import InputError
from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "build"]

KIMMEL = "Kimmel 2021, table 1 and BIOMD0000001041, for the patients' own fits, which could not be read"
CODE = "CARThomeostasis, resultData/PL.m"


def build(share: float = 1.0, antigen_constant: float | None = None) -> Network:
    """Return the network.

    Parameters
    ----------
    share : float
        Share of the homeostatic signal, 0 to 1; 1 is the homeostatic variant, 0 the antigenic one.
    antigen_constant : float, optional
        Squared tumour in (cells/uL)^2 at which the antigenic signal is half its maximum (a_A), above 0; needed when `share` is below 1.
        With it `share` and `a_A` are parameters of the network; without it the network has neither, and no antigenic signal.

    Returns
    -------
    Network
        `N` normal T cells, `C` CAR T cells, `B` tumour cells, in cells/uL; time in days since infusion.

    Raises
    ------
    InputError
        When the share is out of range, or a blend has no antigen constant.

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build(), t=[0, 7, 28])
    >>> [round(float(level), 1) for level in run["C"][0]]
    [0.4, 30.1, 2.5]
    """
    if not 0.0 <= share <= 1.0:
        raise InputError(f"share: {share!r}; a share is from 0 to 1; give one")
    if antigen_constant is None and share < 1.0:
        raise InputError(
            f"antigen_constant: missing at share {share!r}; no published value could be read; give one above 0"
        )
    if antigen_constant is not None and not 0.0 < antigen_constant < float("inf"):
        raise InputError(f"antigen_constant: {antigen_constant!r}; must be finite and above 0; give one")

    net = Network("martinez-rubio2025", time_unit="day")
    cells = "cells/uL"
    net.species("N", 6, "concentration", cells, "normal T cells")
    net.species("C", 0.36, "concentration", cells, "CAR T cells")
    net.species("B", 94.86e8 / 5e6, "concentration", cells, "tumour; 94.86 mL at 1e8 cells/mL")
    net.species("C_stopped", 0, "concentration", "1", "1 once C is below one cell")
    net.species("B_stopped", 0, "concentration", "1", "1 once B is below one cell")

    net.parameter("k_N", 500, cells, KIMMEL, "reported", "capacity of N")
    net.parameter("k_C", 139, cells, KIMMEL, "fitted", "capacity of C")
    net.parameter("r_N", 0.170, "1/day", KIMMEL, "fitted", "expansion of N")
    net.parameter("p_C", 0.0251, "1/day", KIMMEL, "fitted", "expansion of C without a signal")
    net.parameter("a_H", 0.423, "1", KIMMEL, "fitted", "inefficiency of the homeostatic signal")
    net.parameter("b", 0.525, "1/day", KIMMEL, "fitted", "what the signals add at most")
    net.parameter("r_B", 0.105, "1/day", "Kimmel 2021, figure 3: a slow tumour", "reported", "growth")
    net.parameter("g_B", 1.15, "1/day", KIMMEL, "fitted", "killing at many CAR T cells")
    net.parameter("k_B", 4.05, cells, KIMMEL, "fitted", "C at half-maximal killing")
    net.parameter("one_cell", 2e-7, cells, CODE, "reported", "one cell in 5e6 uL")

    net.define("T", "N + C", "all T cells")
    net.define("distance", "(T - k_N)**2")
    net.define("homeostatic", "distance/(a_H*T**2 + distance)", "signal of missing T cells")
    if antigen_constant is None:
        net.define("signal", "homeostatic")
    else:
        net.parameter("share", share, "1", f"{CODE}: 0, 0.25, 0.5, 0.75 or 1", "assumed", "homeostatic share")
        net.parameter("a_A", antigen_constant, "(cells/uL)^2", "given to build()", "assumed", "antigen")
        net.define("antigenic", "B**2/(B**2 + a_A)", "signal of the tumour")
        net.define("signal", "share*homeostatic + (1 - share)*antigenic")
    net.define("r_C", "p_C + b*signal", "rate of expansion of C")

    net.reaction("normal T cells to their capacity", {"N": 1}, "r_N*N*log(k_N/T)")
    net.reaction("CAR T cells to theirs", {"C": 1}, "r_C*C*log(k_C/T)*(1 - C_stopped)")
    net.reaction("tumour growth", {"B": 1}, "r_B*B*(1 - B_stopped)")
    net.reaction("killing", {"B": -1}, "g_B*C/(k_B + C)*B*(1 - B_stopped)")
    net.event("last CAR T cell", when="C < one_cell", set={"C_stopped": 1})
    net.event("last tumour cell", when="B < one_cell", set={"B_stopped": 1})
    net.check()
    return net


MODELS = (
    PublishedModel(
        name="martinez-rubio2025",
        title="homeostatic stimulation of CAR T cells, or a blend with the antigenic",
        source="Martinez-Rubio et al. 2025, github.com/paltrock/CARThomeostasis (MIT)",
        terms="as Kimmel 2021, the stimulus a blend of missing T cells and tumour; a population below one cell stops",
        build=build,
        headlines=(
            Headline(
                "car_t_day_7",
                "CAR T cells on day 7, homeostatic variant",
                "cells/uL",
                "no figure could be read; Kimmel 2021 here gives 30.11",
                30.11,
                "own",
            ),
        ),
        notes=(
            (
                "The spreadsheets with the fits of the 21 patients (Simulations.xlsx, Parameters_*.xlsx) could not be read: the parameters are "
                "Kimmel's and no patient's, and none of the paper's figures is reproduced."
            ),
            (
                "The antigenic term is not in this network. sim.models.published.martinez_rubio2025.build(share, antigen_constant) has it; a_A "
                "has no default, because no value could be read."
            ),
            (
                "Where the authors' PL.m also stops normal T cells below one cell, stops all three where the tumour is above 1e12, and ends a run "
                "above 1e13/5e6 cells/uL, this network goes on."
            ),
            (
                "The tumour starts at 1e8 cells/mL, of Fit_B.m and Analysis.m of the same repository, which fit another equation of normal T cells, "
                "ln((N + c C)/k_N); Kimmel 2021 has 1e9."
            ),
        ),
    ),
)
