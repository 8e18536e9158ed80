"""Chaudhury 2020: two of a review's textbook forms, Lotka-Volterra, and saturating expansion and killing with a switch to cure.

Lotka-Volterra:  dE/dt = rho E U - k_E E,   dU/dt = g U - d E U;      V = rho U - k_E ln U + d E - g ln E is conserved

Saturating:      dE/dt = rho E U/(K_r + E + U) until T_max, then -(k_P + k_E) E
                 dP/dt = k_P E - beta P after T_max
                 dU/dt = F g U (ln U_max - ln U)/ln U_max - d E U/(K_d + E + U),    F = 1/(1 + (U_crit/U)^h)

The first counts cells. In the second CAR T cells are levels of the review's figures and the tumour has no unit, so all are
concentrations; F ends growth below U_crit, which stands for cure without chance.

Reference: Chaudhury, Zhu, Chu et al., J. Clin. Pharmacol. 60 Suppl. 1 (2020) S147, doi:10.1002/jcph.1691, read in BIOMD0000001024 and
BIOMD0000001025, whose units are arbitrary.
"""

from __future__ import annotations

from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "build_lotka_volterra", "build_saturating"]

LOTKA = "Chaudhury 2020 by BIOMD0000001024"
SATURATING = "Chaudhury 2020 by BIOMD0000001025"


def build_lotka_volterra() -> Network:
    """Return the Lotka-Volterra form.

    Returns
    -------
    Network
        `E` CAR T cells, `U` tumour cells, in units of the curated model; `conserved` does not change; time in days.

    References
    ----------
    doi:10.1002/jcph.1691

    Examples
    --------
    >>> from sim import simulate
    >>> from sim.network.simulation import ODE
    >>> run = simulate(build_lotka_volterra(), t=range(201), kernel=ODE(rtol=1e-9))
    >>> bool(abs(run["conserved"][0] - run["conserved"][0, 0]).max() < 1e-5)
    True
    """
    net = Network("chaudhury2020-lotka-volterra", time_unit="day")
    net.species("E", 10, "count", "cells", "CAR T cells")
    net.species("U", 900, "count", "cells", "tumour cells")
    net.parameter("rho", 0.0018, "1/(cell day)", LOTKA, "reported", "division by one tumour cell")
    net.parameter("k_E", 0.16, "1/day", LOTKA, "reported", "death of CAR T cells")
    net.parameter("g", 0.15, "1/day", LOTKA, "reported", "growth of the tumour")
    net.parameter("d", 1.5e-4, "1/(cell day)", LOTKA, "reported", "killing by one CAR T cell")
    net.define("conserved", "rho*U - k_E*log(U) + d*E - g*log(E)")
    net.reaction("CAR T division", "E -> 2 E", "rho*U*E")
    net.reaction("CAR T death", "E -> 0", "k_E*E")
    net.reaction("tumour division", "U -> 2 U", "g*U")
    net.reaction("killing", "U -> 0", "d*E*U")
    net.check()
    return net


def build_saturating() -> Network:
    """Return the form with saturating expansion and killing (EC50).

    Returns
    -------
    Network
        `E` expanding and `P` persisting CAR T cells, `U` tumour, in units of the curated model; time in days.

    References
    ----------
    doi:10.1002/jcph.1691

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build_saturating(), t=[0, 9.3, 100])
    >>> bool(run["U"][0, -1] < 0.1)
    True
    """
    net = Network("chaudhury2020-saturating", time_unit="day")
    net.species("E", 10, "concentration", "curated unit", "expanding CAR T cells")
    net.species("P", 0, "concentration", "curated unit", "persisting CAR T cells")
    net.species("U", 900, "concentration", "curated unit", "tumour")
    net.species("contracting", 0, "concentration", "1", "0 before the time of the peak, 1 from it on")
    net.parameter("rho", 8.8, "1/day", SATURATING, "reported", "expansion")
    net.parameter("K_r", 1, "curated unit", SATURATING, "reported", "half-maximal expansion")
    net.parameter("k_E", 0.16, "1/day", SATURATING, "reported", "death of expanding cells")
    net.parameter("k_P", 0.0012, "1/day", SATURATING, "reported", "passage to persisting cells")
    net.parameter("beta", 0.0032, "1/day", SATURATING, "reported", "death of persisting cells")
    net.parameter("T_max", 9.3, "day", SATURATING, "reported", "time of the peak")
    net.parameter("g", 0.2, "1/day", SATURATING, "reported", "growth of the tumour")
    net.parameter("U_max", 1000, "curated unit", SATURATING, "reported", "capacity of the tumour")
    net.parameter("d", 0.35, "1/day", SATURATING, "reported", "killing")
    net.parameter("K_d", 10, "curated unit", SATURATING, "reported", "half-maximal killing")
    net.parameter("U_crit", 0.1, "curated unit", SATURATING, "reported", "tumour below which growth ends")
    net.parameter("h", 3, "1", SATURATING, "reported", "steepness of that")
    net.define("F", "U**h/(U**h + U_crit**h)", "switch to cure")
    net.reaction("expansion", {"E": 1}, "rho*U/(K_r + E + U)*E*(1 - contracting)")
    net.event("peak", at="T_max", set={"contracting": 1})
    net.reaction("contraction", {"E": -1}, "k_E*E*contracting")
    net.reaction("passage to persisting cells", {"E": -1, "P": 1}, "k_P*E*contracting")
    net.reaction("death of persisting cells", {"P": -1}, "beta*P*contracting")
    net.reaction("tumour growth", {"U": 1}, "F*g*U*log(U_max/U)/log(U_max)")
    net.reaction("killing", {"U": -1}, "d*E/(K_d + E + U)*U")
    net.check()
    return net


SOURCE = "Chaudhury et al., J. Clin. Pharmacol. 60 Suppl. 1 (2020) S147, doi:10.1002/jcph.1691"

MODELS = (
    PublishedModel(
        name="chaudhury2020-lotka-volterra",
        title="CAR T cells and tumour as predator and prey (a review's textbook form)",
        source=SOURCE,
        terms="predator and prey",
        build=build_lotka_volterra,
        headlines=(
            Headline(
                "drift",
                "largest change of the conserved quantity in 200 days, over its value",
                "1",
                "none: it follows from the equations",
                0.0,
                "own",
            ),
        ),
        notes=("The units of the curated model are arbitrary; they are taken as cells here.",),
    ),
    PublishedModel(
        name="chaudhury2020-saturating",
        title="saturating expansion and killing; growth ends below a critical tumour",
        source=SOURCE,
        terms="saturating expansion to a set day, Gompertz tumour, saturating killing, growth ends below a critical tumour",
        build=build_saturating,
        headlines=(
            Headline(
                "tumour_100", "tumour on day 100", "curated unit", "no figure could be read", 0.008672, "own"
            ),
        ),
    ),
)
