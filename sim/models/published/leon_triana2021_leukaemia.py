"""Leon-Triana 2021 (CNSNS): CD19 CAR T cells, leukaemia and B cells as predator and preys.

    dC/dt = rho_C (L + B) C + rho_C beta I C - C/tau_C        rho_C = k alpha
    dL/dt = rho_L L - alpha L C
    dB/dt = I/tau_I - alpha B C - B/tau_B                     I = I_0/(1 + C/C_50)

The reduced form leaves out the immature B cells I that carry CD19. Both are whole-body numbers of cells, and every term a reaction of
single cells, so that any kernel runs them.

Reference: Leon-Triana, Sabir, Calvo, Belmonte-Beitia, Chulian, Martinez-Rubio, Rosa, Perez-Martinez, Ramirez-Orellana, Perez-Garcia,
Commun. Nonlinear Sci. Numer. Simul. 94 (2021) 105570, doi:10.1016/j.cnsns.2020.105570: equations 3a to 3c and 4a to 4c, read in
BIOMD0000001012 and BIOMD0000001011; of the paper itself the abstract.
"""

from __future__ import annotations

import math

from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "build", "build_reduced"]

FULL = "Leon-Triana 2021 by BIOMD0000001012"
BOTH = "Leon-Triana 2021 by BIOMD0000001011 and BIOMD0000001012"
AGAIN = "the abstract discusses re-challenging with stored CAR T cells; number and day are our choice"


def build_reduced() -> Network:
    """Return the form without immature B cells (equations 4a to 4c).

    Returns
    -------
    Network
        `C` CAR T cells, `L` leukaemia cells, `B` B cells, in cells; time in days since infusion. `again_day` (never) gives `again` CAR T
        cells once more.

    References
    ----------
    doi:10.1016/j.cnsns.2020.105570

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build_reduced(), t=range(61))
    >>> f"{run['C'].max():.2e}"
    '1.64e+10'
    """
    net = Network("leon-triana2021-leukaemia-reduced", time_unit="day")
    net.species("C", 1e7, "count", "cells", "CAR T cells")
    net.species("L", 5e10, "count", "cells", "leukaemia cells")
    net.species("B", 2.5e10, "count", "cells", "mature B cells")

    net.parameter("alpha", 4.5e-11, "1/(cell day)", BOTH, "reported", "killing by one CAR T cell")
    net.parameter("k", 0.25, "1", BOTH, "reported", "divisions of CAR T cells for a cell killed, rho_C/alpha")
    net.parameter("tau_C", 14, "day", BOTH, "reported", "life of an activated CAR T cell")
    net.parameter("rho_L", 1 / 30, "1/day", BOTH, "reported", "growth of the leukaemia")
    net.parameter("tau_B", 60, "day", BOTH, "reported", "life of a B cell")
    net.parameter("again", 1e7, "cells", AGAIN, "assumed", "CAR T cells given once more")
    net.parameter("again_day", math.inf, "day", AGAIN, "assumed", "day of the re-infusion, never by default")

    net.define("rho_C", "k*alpha", "stimulation of a CAR T cell by one target")

    net.reaction("CAR T division", "C -> 2 C", "rho_C*(L + B)*C")
    net.reaction("CAR T death", "C -> 0", "C/tau_C")
    net.reaction("leukaemia division", "L -> 2 L", "rho_L*L")
    net.reaction("leukaemia killing", "L -> 0", "alpha*C*L")
    net.reaction("B cell killing", "B -> 0", "alpha*C*B")
    net.reaction("B cell death", "B -> 0", "B/tau_B")
    net.event("re-infusion", at="again_day", add={"C": "again"})
    net.check()
    return net


def build() -> Network:
    """Return the form with immature B cells (equations 3a to 3c).

    Returns
    -------
    Network
        As `build_reduced`, with the definition `I`, immature B cells.

    Notes
    -----
    BIOMD0000001012 writes the stimulation by immature B cells as rho_C beta I, without C: a number a day where cells a day are due. The
    factor C is restored here; it moves the peak by less than 0.02 %.

    References
    ----------
    doi:10.1016/j.cnsns.2020.105570

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build(), t=range(61))
    >>> f"{run['C'].max():.2e}"
    '1.64e+10'
    """
    net = build_reduced().with_("leon-triana2021-leukaemia")
    net.parameter("beta", 0.1, "1", FULL, "reported", "CD19-positive share of immature B cells")
    net.parameter("I_0", 1e7, "cells", FULL, "reported", "immature B cells without CAR T cells")
    net.parameter("C_50", 1e9, "cells", FULL, "reported", "CAR T cells that halve them")
    net.parameter("tau_I", 6, "day", FULL, "reported", "maturation of a B cell")

    net.define("I", "I_0/(1 + C/C_50)", "immature B cells")

    net.reaction("CAR T division by immature B cells", "C -> 2 C", "rho_C*beta*I*C")
    net.reaction("B cell maturation", "0 -> B", "I/tau_I")
    net.check()
    return net


SOURCE = "Leon-Triana et al., Commun. Nonlinear Sci. Numer. Simul. 94 (2021) 105570, doi:10.1016/j.cnsns.2020.105570"
DOSE = "the number injected does not critically affect the outcome (abstract)"
FORMULA = "an explicit formula exists (abstract) and could not be read; C_0 + k (L_0 + B_0), which is ours, gives 1.876e10"
CONTROL = "relapses might be controlled by early re-challenging with stored CAR T cells (abstract)"
NOTES = (
    "The highlights name a formula of the relapse time and the abstract one of the greatest expansion; neither could be read.",
    (
        "A re-infusion (again, again_day) is an event; as few cells as the first are spent without effect as long as leukaemia and B cells are "
        "below 1/(rho_C tau_C) = 6.3e9, so one on day 100 lowers the relapse by 1 % and one on day 350 to a third."
    ),
)

MODELS = (
    PublishedModel(
        name="leon-triana2021-leukaemia",
        title="CD19 CAR T cells, leukaemia, B cells and their precursors as predator and preys",
        source=SOURCE,
        terms="CAR T cells divide on leukaemia, mature and immature B cells, and kill by mass action",
        build=build,
        headlines=(
            Headline("peak", "first peak of the CAR T cells", "cells", FORMULA, 1.640e10, "own"),
            Headline(
                "peak_day",
                "day of the first peak of the CAR T cells",
                "day",
                "not stated in what could be read",
                12.18,
                "own",
            ),
            Headline(
                "dose_effect",
                "first peak at 1e6 over that at 1e8 injected cells",
                "1",
                DOSE,
                1.138,
                "in kind",
            ),
            Headline(
                "relapse_day",
                "leukaemia back at 5e10 cells",
                "day",
                "CD19-positive relapse as of predator and prey (abstract)",
                422.5,
                "in kind",
            ),
            Headline(
                "relapse_peak",
                "most leukaemia after day 100",
                "cells",
                "not stated in what could be read",
                7.598e10,
                "own",
            ),
            Headline(
                "relapse_peak_again",
                "most leukaemia after day 100, 1e7 CAR T cells given again on day 350",
                "cells",
                CONTROL,
                2.509e10,
                "in kind",
            ),
        ),
        notes=(
            "BIOMD0000001012 leaves the factor C out of the stimulation by immature B cells; it is restored, because cells a day are due.",
            "rho_L is 1/30 per day (0.03333333333 in BioModels).",
            *NOTES,
        ),
    ),
    PublishedModel(
        name="leon-triana2021-leukaemia-reduced",
        title="CD19 CAR T cells, leukaemia and mature B cells as predator and preys",
        source=SOURCE,
        terms="as leon-triana2021-leukaemia, without immature B cells",
        build=build_reduced,
        headlines=(
            Headline("peak", "first peak of the CAR T cells", "cells", FORMULA, 1.640e10, "own"),
            Headline(
                "dose_effect",
                "first peak at 1e6 over that at 1e8 injected cells",
                "1",
                DOSE,
                1.138,
                "in kind",
            ),
        ),
        notes=NOTES[:1],
    ),
)
