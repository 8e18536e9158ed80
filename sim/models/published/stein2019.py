"""Stein 2019: kinetics of tisagenlecleucel in blood, piecewise: expansion, contraction, persistence.

    t < T_max:   dE/dt = rho E                                      rho = ln(fold)/T_max
    t >= T_max:  dE/dt = -alpha E,  dM/dt = k E - beta M            k = F_B (alpha - beta)
    E(0) = C_max/fold,  M(0) = 0;  what qPCR sees is E + M

A model of the measured transgene: no tumour, no antigen, nothing stochastic, so both species are concentrations. Day 0 is the infusion,
and a run begins on it or before. Effectors leave at alpha in all, k of it into memory.

Reference: Stein, Grupp, Levine et al., CPT Pharmacometrics Syst. Pharmacol. 8 (2019) 285, doi:10.1002/psp4.12388. The values of its table 1
and figure 2 were read from the trace to the paper in the vignette of nlmixr2lib (Stein_2019_Tisagenlecleucel), not from the paper itself.
"""

from __future__ import annotations

from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "VARIANCES", "build"]

TABLE = "Stein 2019, table 1: population fit to 90 patients (as traced by nlmixr2lib)"

VARIANCES = {"fold": 2.4, "T_max": 0.38, "C_max": 0.65, "alpha": 0.91, "F_B": 0.80, "beta": 0.86}
"""Variance between patients of the natural logarithm of each parameter, without unit; table 1, no correlations stated."""


def build() -> Network:
    """Return the network of the typical patient.

    Returns
    -------
    Network
        `E` effector-like and `M` memory-like transgene, in copies per microgram of genomic DNA; time in days.

    References
    ----------
    doi:10.1002/psp4.12388

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build(), t=[0, 9.3, 28])
    >>> [round(float(level), -1) for level in run["transgene"][0]]
    [10.0, 24000.0, 1370.0]
    """
    net = Network("stein2019", time_unit="day")
    copies = "copies/ug DNA"
    net.species("E", 0, "concentration", copies, "transgene of expanding and contracting cells")
    net.species("M", 0, "concentration", copies, "transgene of persisting cells")
    net.species("contracting", 0, "concentration", "1", "0 before the time of the peak, 1 from it on")

    net.parameter("fold", 3900, "1", TABLE, "fitted", "expansion from baseline to peak")
    net.parameter("T_max", 9.3, "day", TABLE, "fitted", "time of the peak")
    net.parameter("C_max", 24000, copies, TABLE, "fitted", "level at the peak")
    net.parameter("alpha", 0.16, "1/day", TABLE, "fitted", "fast decline")
    net.parameter("F_B", 0.0079, "1", TABLE, "fitted", "share of the peak that declines slowly")
    net.parameter("beta", 0.0032, "1/day", TABLE, "fitted", "slow decline")

    net.define("rho", "log(fold)/T_max", "rate of expansion")
    net.define("k", "F_B*(alpha - beta)", "formation of persisting cells")
    net.define("transgene", "E + M", "what qPCR sees")

    net.event("infusion", at=0, set={"E": "C_max/fold"})
    net.reaction("expansion", {"E": 1}, "rho*E*(1 - contracting)")
    net.event("peak", at="T_max", set={"contracting": 1})
    net.reaction("contraction", {"E": -1}, "(alpha - k)*E*contracting")
    net.reaction("memory formation", {"E": -1, "M": 1}, "k*E*contracting")
    net.reaction("memory loss", {"M": -1}, "beta*M")
    net.check()
    return net


MODELS = (
    PublishedModel(
        name="stein2019",
        title="transgene of tisagenlecleucel in blood: expansion, contraction, persistence",
        source="Stein et al., CPT Pharmacometrics Syst. Pharmacol. 8 (2019) 285, doi:10.1002/psp4.12388",
        terms="expansion to a set day, then two exponentials: effectors contract, a share persists",
        build=build,
        headlines=(
            Headline(
                "doubling_time", "doubling time of the expansion", "day", "0.78", 0.7796, "reproduced", 0.78
            ),
            Headline(
                "fast_half_life", "first half-life after the peak", "day", "4.3", 4.332, "reproduced", 4.3
            ),
            Headline(
                "slow_half_life",
                "terminal half-life",
                "day",
                "220 (ln 2/0.0032 is 216.6; the paper rounds)",
                216.6,
                "reproduced",
                220,
            ),
            Headline(
                "peak", "level at the peak, day 9.3", "copies/ug DNA", "24,000", 24000, "reproduced", 24000
            ),
        ),
        notes=(
            "The factors on the expansion after tocilizumab (1.2) and steroids (1.0) are left out: the paper finds none.",
            "Spread between patients, the variance of the logarithm of each parameter: "
            + ", ".join(f"{name} {variance}" for name, variance in VARIANCES.items())
            + " (sim.models.published.stein2019.VARIANCES). The residual error, 0.56 on the logarithm, is the assay's.",
            "The infusion is an event of day 0: a run that begins later has no CAR T cells.",
        ),
    ),
)
