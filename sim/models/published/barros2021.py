"""Barros 2021, CARTmath: effector and memory CAR T cells against a lymphoma in immunodeficient mice.

    dE/dt = (phi - rho) E + theta T M - alpha T E
    dM/dt = epsilon E - theta T M - mu M
    dT/dt = r T (1 - b T) - gamma E T

HDLM-2 with CAR-T 123 grows slowly, Raji with CAR-T 19 fast, and Raji that makes IDO inhibits more. Cells in a mouse; every term is a
reaction of single cells. rho holds death and differentiation together, and epsilon counts the memory cells that come of it, more than
one for each (Raji: 1.6 against 0.83), so memory formation takes no effector away here. The authors' program sets a population below 1e-6
cells to zero in each step; here one that falls through 1e-6 is set to zero, and one that starts below stays.

Reference: Barros, Paixao, Valli, Naozuka, Fassoni, Almeida, Cancers 13 (2021) 2941, doi:10.3390/cancers13122941, and the authors' program
CARTmath (github.com/tmglncc/CARTmath: rk4.R, server.R), from which equations and values were read; BIOMD0000001019, BIOMD0000001020.
"""

from __future__ import annotations

import math

from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "build_hdlm2", "build_raji"]

CODE = "Barros 2021 by CARTmath, server.R"

INHIBITION = {"": 1.248506e-8, "ido": 1.461699e-8, "ido-1mt": 1.261662e-8}
"""Inhibition of effectors by Raji (alpha), 1/(cell day): plain, with IDO, with IDO and its inhibitor 1-MT; CARTmath, server.R."""


def _network(name: str, values: dict[str, float], start: float, dose: float, day: float) -> Network:
    """Return the equations with the values of one tumour."""
    net = Network(name, time_unit="day")
    net.species("E", 0, "count", "cells", "effector CAR T cells")
    net.species("M", 0, "count", "cells", "memory CAR T cells")
    net.species("T", start, "count", "cells", "tumour cells")

    for symbol, unit, description in (
        ("phi", "1/day", "division of effectors"),
        ("rho", "1/day", "death and differentiation of effectors"),
        ("theta", "1/(cell day)", "return of memory cells by one tumour cell"),
        ("alpha", "1/(cell day)", "inhibition of effectors by one tumour cell"),
        ("epsilon", "1/day", "memory cells made of an effector"),
        ("mu", "1/day", "death of memory cells"),
        ("r", "1/day", "division of tumour cells"),
        ("b", "1/cell", "inverse of the tumour's capacity"),
        ("gamma", "1/(cell day)", "killing by one effector"),
    ):
        net.parameter(symbol, values[symbol], unit, CODE, "reported", description)
    net.parameter("dose", dose, "cells", CODE, "reported", "effectors injected")
    net.parameter("dose_day", day, "day", CODE, "reported", "day of the injection")
    net.parameter(
        "least", 1e-6, "cells", "CARTmath, rk4.R", "reported", "a population that falls below it is none"
    )

    net.reaction("effector division", "E -> 2 E", "phi*E")
    net.reaction("effector loss", "E -> 0", "rho*E")
    net.reaction("effector inhibition", "E -> 0", "alpha*T*E")
    net.reaction("memory formation", "E -> E + M", "epsilon*E")
    net.reaction("memory return", "M -> E", "theta*T*M")
    net.reaction("memory death", "M -> 0", "mu*M")
    net.reaction("tumour division", "T -> 2 T", "r*T")
    net.reaction("tumour crowding", "T -> 0", "r*b*T*T")
    net.reaction("tumour killing", "T -> 0", "gamma*E*T")
    net.event("injection", at="dose_day", add={"E": "dose"})
    for species in ("E", "M", "T"):
        net.event(f"no {species} left", when=f"{species} < least", set={species: 0})
    return net


def build_hdlm2() -> Network:
    """Return HDLM-2 Hodgkin lymphoma with CAR-T 123.

    Returns
    -------
    Network
        `E` effectors, `M` memory cells, `T` tumour, in cells; time in days since the tumour was given. `rechallenge_day` (never) puts
        `rechallenge` tumour cells in once more; the program's example has day 250.

    Notes
    -----
    The dose is on day 42, as in the authors' program; BioModels has day 45.

    References
    ----------
    doi:10.3390/cancers13122941

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build_hdlm2(), t=[0, 42, 300], parameters={"dose": [1.5e6, 5e5, 2e5]})
    >>> [f"{cells:.0e}" for cells in run["T"][:, -1]]
    ['0e+00', '9e+02', '7e+11']
    """
    values = {
        "phi": 0.265,
        "rho": 0.350,
        "theta": 6.0e-6,
        "alpha": 4.5e-8,
        "epsilon": 0.150,
        "mu": 5.0e-3,
        "r": 5.650026e-2,
        "b": 1.404029e-12,
        "gamma": 3.715843e-6,
    }
    net = _network("barros2021-hdlm2", values, start=2e6, dose=2e6, day=42)
    net.parameter("rechallenge", 1e6, "cells", CODE, "reported", "tumour cells given once more")
    net.parameter(
        "rechallenge_day",
        math.inf,
        "day",
        f"{CODE}: 250 in one example",
        "reported",
        "day of the rechallenge, never by default",
    )
    net.event("rechallenge", at="rechallenge_day", add={"T": "rechallenge"})
    net.check()
    return net


def build_raji(inhibition: str = "") -> Network:
    """Return Raji lymphoma with CAR-T 19.

    Parameters
    ----------
    inhibition : {"", "ido", "ido-1mt"}
        Plain Raji, Raji that makes IDO, and that with the inhibitor 1-MT; sets alpha.

    Returns
    -------
    Network
        As `build_hdlm2`, without a rechallenge.

    References
    ----------
    doi:10.3390/cancers13122941

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build_raji("ido"), t=[0, 14])
    >>> f"{run['T'][0, -1]:.1e}"
    '1.7e+09'
    """
    values = {
        "phi": 0.83,
        "rho": 0.8300536,
        "theta": 2.3e-4,
        "alpha": INHIBITION[inhibition],
        "epsilon": 1.59795,
        "mu": 6.89e-7,
        "r": 5.071721e-1,
        "b": 0.0,
        "gamma": 3.365388e-8,
    }
    net = _network("barros2021-raji", values, start=3e6, dose=1e7, day=7)
    net.check()
    return net


SOURCE = "Barros et al., Cancers 13 (2021) 2941, doi:10.3390/cancers13122941"
UNREAD = "not stated in what could be read"
LATE = "The dose is an event of its day: a run that begins later has no CAR T cells."

MODELS = (
    PublishedModel(
        name="barros2021-hdlm2",
        title="effector and memory CAR T cells against slow HDLM-2 in mice",
        source=SOURCE,
        terms="effectors divide, die, become memory; memory returns by mass action with the tumour; logistic tumour; inhibition of effectors",
        build=build_hdlm2,
        headlines=(
            Headline(
                "tumour_15e5", "tumour on day 300, dose 1.5e6 on day 42", "cells", "eliminated", 0, "in kind"
            ),
            Headline(
                "tumour_5e5", "tumour on day 300, dose 5e5 on day 42", "cells", "dormant", 944.2, "in kind"
            ),
            Headline(
                "tumour_2e5", "tumour on day 300, dose 2e5 on day 42", "cells", "escapes", 6.652e11, "in kind"
            ),
            Headline(
                "tumour_rechallenge",
                "tumour on day 300, dose 2e6, 1e6 tumour cells given again on day 250",
                "cells",
                "rejected by memory cells (example of the program)",
                0,
                "in kind",
            ),
        ),
        notes=(
            f"The dose is on day 42, as in the authors' program; BioModels (1019, 1020) has day 45. {LATE}",
            "Elimination, dormancy and escape by dose are the paper's at second hand: of the paper only the beginning could be read.",
            "How the paper came by its parameters could not be read; the program states them.",
            "Kernel hybrid takes some 700,000 steps, more than it allows by default: Hybrid(max_steps=3_000_000).",
        ),
    ),
    PublishedModel(
        name="barros2021-raji",
        title="effector and memory CAR T cells against fast Raji in mice, with or without IDO",
        source=SOURCE,
        terms="as barros2021-hdlm2, exponential tumour",
        build=build_raji,
        headlines=(
            Headline("tumour_plain", "tumour on day 14, plain Raji", "cells", UNREAD, 5.666e8, "own"),
            Headline("tumour_ido", "tumour on day 14, Raji with IDO", "cells", UNREAD, 1.710e9, "own"),
            Headline(
                "tumour_ido_1mt", "tumour on day 14, Raji with IDO and 1-MT", "cells", UNREAD, 7.050e8, "own"
            ),
        ),
        notes=(
            "Inhibition by the tumour, alpha: "
            + ", ".join(f"{name or 'plain'} {alpha}" for name, alpha in INHIBITION.items())
            + " (sim.models.published.barros2021.INHIBITION); build_raji(inhibition) of the same module sets it.",
            "alpha with IDO and 1-MT is 1.261662e-8 in the newer program; an older listing rounds to 1.26166e-8.",
            f"The dose is on day 7. {LATE}",
            "Kernel ode only: memory cells return within a second of meeting Raji, and kernel hybrid, which follows single cells, ends with max_steps.",
        ),
    ),
)
