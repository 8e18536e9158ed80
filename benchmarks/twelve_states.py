"""The model that ODE solvers are compared on: CAR T cells, interleukin 15, antigen and leukaemia, 12 states and 40 parameters.

Cells pass between blood and marrow, expand on the antigen that they meet, become memory or exhausted cells, and kill four kinds of leukaemia
and the healthy B cells. Time in days, cells as numbers, IL-15 in pg/mL; a second infusion on day 90, 720 days, saved every day. It is a
measuring weight and no model of a trial: its numbers are chosen, none is fitted. It is stiff (IL-15 turns over in an hour, the course takes two
years) and spans 1 to 1e12 cells, which is what makes such models dear.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.network.network import Network

__all__ = ["ERROR_FLOOR", "SAVES", "SECOND_DOSE", "SECOND_INFUSION", "build", "patients"]

Floats = npt.NDArray[np.float64]

SAVES: Floats = np.arange(721.0)
SECOND_INFUSION = 90.0
SECOND_DOSE = 1e8

SPECIES = {
    "Eb": (2e8, "effector cells in blood"),
    "Em": (0.0, "effector cells in marrow"),
    "M": (0.0, "memory cells"),
    "X": (0.0, "exhausted cells"),
    "C": (30.0, "interleukin 15"),
    "L": (1e9, "normal lymphocytes"),
    "B1": (3e11, "leukaemia with antigen"),
    "B2": (1e5, "leukaemia with less antigen"),
    "B3": (1e8, "leukaemia with little antigen"),
    "B4": (1e2, "leukaemia without antigen"),
    "N": (1e10, "healthy B cells"),
    "Pb": (1e9, "leukaemia in blood"),
}
ERROR_FLOOR: Floats = np.array([1e-3 if name == "C" else 1.0 for name in SPECIES])
"""What counts as nothing when errors are taken relative to a value: one cell, and 0.001 pg/mL."""

PARAMETERS = {
    "rho": (0.85, "1/day"),
    "KA": (1e9, "cells"),
    "flo": (0.15, "1"),
    "f22": (0.3, "1"),
    "aH": (0.8, "1"),
    "sC": (500.0, "pg/mL/day"),
    "dC": (12.0, "1/day"),
    "KL": (1e11, "cells"),
    "uC": (10.0, "1/day"),
    "KT": (1e10, "cells"),
    "Kc": (15.0, "pg/mL"),
    "rL": (0.08, "1/day"),
    "Lmax": (5e11, "cells"),
    "kbm": (4.0, "1/day"),
    "kmb": (0.5, "1/day"),
    "muE": (0.12, "1/day"),
    "eps": (0.08, "1/day"),
    "mdiff": (0.03, "1/day"),
    "theta": (0.4, "1/day"),
    "muM": (0.004, "1/day"),
    "rM": (0.02, "1/day"),
    "KM": (1e9, "cells"),
    "muX": (0.15, "1/day"),
    "g1": (0.08, "1/day"),
    "g2": (0.078, "1/day"),
    "g3": (0.08, "1/day"),
    "g4": (0.075, "1/day"),
    "KB": (1e12, "cells"),
    "kk": (8.0, "1/day"),
    "hK": (2e10, "cells"),
    "e2": (0.25, "1"),
    "e3": (0.3, "1"),
    "e4": (0.002, "1"),
    "sw": (1e-7, "1/day"),
    "sw3": (1e-5, "1/day"),
    "sN": (1e8, "cells/day"),
    "KN": (2e10, "cells"),
    "rN": (0.05, "1/day"),
    "kout": (0.02, "1/day"),
    "kin": (0.3, "1/day"),
    "kb": (2.0, "1/day"),
    "hb": (1e9, "cells"),
    "muB": (0.25, "1/day"),
}
SAME_FOR_ALL = ("flo", "f22", "KB", "Lmax", "KM", "sw", "sw3", "hb")
"""Parameters that do not differ between patients; the others spread by a quarter (lognormal)."""

DEFINITIONS = {
    "A": ("B1 + e2*B2 + e3*B3 + N", "antigen that effector cells are shared between"),
    "A_signal": ("B1 + f22*B2 + flo*B3 + N", "antigen that makes effector cells divide"),
    "B": ("B1 + B2 + B3 + B4", "all leukaemia"),
    "stimulus": ("A_signal/(KA + A_signal)", "of effector cells in marrow"),
    "stimulus_blood": ("Pb/(hb + Pb)", "of effector cells in blood"),
    "help": ("C*C/(Kc*Kc + C*C)", "by interleukin 15"),
    "T": ("Em + M + Eb", "cells that take up interleukin 15"),
    "kill": ("kk*Em/(hK + A)", "killing of a cell with antigen"),
    "crowding": ("B/KB", "leukaemia over its room"),
}

REACTIONS = {
    "to marrow": ("Eb -> Em", "kbm*Eb"),
    "to blood": ("Em -> Eb", "kmb*Em"),
    "death in blood": ("Eb -> 0", "muB*Eb"),
    "division in blood": ("Eb -> 2 Eb", "rho*stimulus_blood*Eb"),
    "division in marrow": ("Em -> 2 Em", "rho*stimulus*(1 + aH*help)*Em"),
    "death in marrow": ("Em -> 0", "muE*Em"),
    "exhaustion": ("Em -> X", "eps*stimulus*Em"),
    "rest": ("Em -> M", "mdiff*(1 - stimulus)*Em"),
    "awakening": ("M -> Em", "theta*stimulus*M"),
    "division of memory": ("M -> 2 M", "rM*help*M"),
    "crowding of memory": ("M -> 0", "rM*help*M*M/KM"),
    "death of memory": ("M -> 0", "muM*M"),
    "death of exhausted": ("X -> 0", "muX*X"),
    "IL-15 source": ("0 -> C", "sC*KL/(KL + L)"),
    "IL-15 decay": ("C -> 0", "dC*C"),
    "IL-15 uptake": ("C -> 0", "uC*C*T/(KT + T)"),
    "lymphocytes": ("L -> 2 L", "rL*L"),
    "crowding of lymphocytes": ("L -> 0", "rL*L*L/Lmax"),
    "division of B1": ("B1 -> 2 B1", "g1*B1"),
    "division of B2": ("B2 -> 2 B2", "g2*B2"),
    "division of B3": ("B3 -> 2 B3", "g3*B3"),
    "division of B4": ("B4 -> 2 B4", "g4*B4"),
    "crowding of B1": ("B1 -> 0", "g1*crowding*B1"),
    "crowding of B2": ("B2 -> 0", "g2*crowding*B2"),
    "crowding of B3": ("B3 -> 0", "g3*crowding*B3"),
    "crowding of B4": ("B4 -> 0", "g4*crowding*B4"),
    "killing of B1": ("B1 -> 0", "kill*B1"),
    "killing of B2": ("B2 -> 0", "e2*kill*B2"),
    "killing of B3": ("B3 -> 0", "e3*kill*B3"),
    "killing of B4": ("B4 -> 0", "e4*kill*B4"),
    "less antigen": ("B1 -> B2", "sw*B1"),
    "antigen regained": ("B2 -> B1", "sw*B2"),
    "little antigen": ("B1 -> B3", "sw3*B1"),
    "antigen restored": ("B3 -> B1", "sw3*B3"),
    "antigen lost": ("B2 -> B2 + B4", "sw*B2"),
    "B cells from marrow": ("0 -> N", "sN"),
    "division of B cells": ("N -> 2 N", "rN*N"),
    "crowding of B cells": ("N -> 0", "rN*N*N/KN"),
    "killing of B cells": ("N -> 0", "kill*N"),
    "spill into blood": ("0 -> Pb", "kout*B"),
    "clearance from blood": ("Pb -> 0", "kin*Pb"),
    "killing in blood": ("Pb -> 0", "kb*Eb/(hb + Pb)*Pb"),
}


def build() -> Network:
    """Return the network, its second infusion an event on day 90.

    Returns
    -------
    Network

    Examples
    --------
    >>> len(build().all_species)
    12
    """
    net = Network("twelve states", time_unit="day")
    for name, (value, what) in SPECIES.items():
        if name == "C":
            net.species(name, value, "concentration", "pg/mL", what)
        else:
            net.species(name, value, unit="cells", description=what)
    for name, (value, unit) in PARAMETERS.items():
        net.parameter(name, value, unit=unit)
    for name, (text, what) in DEFINITIONS.items():
        net.define(name, text, what)
    for name, (change, rate) in REACTIONS.items():
        net.reaction(name, change, rate)
    net.event("second infusion", at=SECOND_INFUSION, add={"Eb": SECOND_DOSE})
    net.check()
    return net


def patients(number: int, seed: int = 1) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Draw virtual patients.

    Parameters
    ----------
    number : int
    seed : int

    Returns
    -------
    parameters, initial : dict of str to ndarray, shape (number,)
        Parameters spread by a quarter, the first dose by a half and the leukaemia by 0.8, each lognormal.
    """
    generator = np.random.default_rng(seed)
    parameters = {}
    for name, (value, _) in PARAMETERS.items():
        spread = 0.0 if name in SAME_FOR_ALL else 0.25
        parameters[name] = value * np.exp(spread * generator.standard_normal(number))
    initial = {name: np.full(number, value) for name, (value, _) in SPECIES.items()}
    initial["Eb"] *= np.exp(0.5 * generator.standard_normal(number))
    burden = np.exp(0.8 * generator.standard_normal(number))
    initial["B1"] = np.minimum(initial["B1"] * burden, 0.8 * PARAMETERS["KB"][0])
    initial["B3"] *= burden
    return parameters, initial
