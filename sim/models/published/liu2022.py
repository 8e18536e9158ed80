"""Liu 2022: activated and inactive CAR T cells, blasts with CD19 and, in relapse, blasts without it.

    dP/dt = r_P P (1 - P/n_C) - e P/(P + K_P) A                    P blasts with CD19, A activated, I infused CAR T cells
    dA/dt = r_A P/(P + K_r) A + k_A P/(P + K_A) I - l_A A
    dI/dt = -k_A P/(P + K_A) I - l_I I
    dQ/dt = r_Q Q (1 - Q/n_C) + k_m P - (e/k_b) Q/(Q + K_Q) A      Q blasts without CD19, killed as bystanders
    burden = 97.19 n/(n + 1909) percent                            n all blasts, in 1e9 cells

The paper's model has no chance in it and counts blasts in units of 1e9 cells, so all are concentrations; the unit of the CAR T cells is
not stated in the program. 103.54 is 5 % of blasts, where the program sees relapse.

Reference: Liu and colleagues, "Computational model of CAR T-cell immunotherapy dissects and predicts leukemia patient responses at
remission, resistance, and relapse", J. Immunother. Cancer 2022; its preprint is medRxiv 2021.09.21.21263913 by Liu, Ma, Zhang, Chen.
Equations and two examples were read in the authors' program (github.com/Lunan12/CAR-T-model). Its files for Monolix (Fitting_Mlxtran) name
what was estimated: every parameter of the equations and the infused cells, not the blasts at the start and not the two constants of the burden.
"""

from __future__ import annotations

from sim.models.published.record import Headline, PublishedModel
from sim.network.network import Network

__all__ = ["MODELS", "build_negative_relapse", "build_remission"]

REMISSION = "Liu 2022, program: Simulation_CR_PR_NR.m, estimated by CR_PR_NR_fit_Mlxtran.txt"
RELAPSE = "Liu 2022, program: Simulation_NegR.m, estimated by NegR_fit_Mlxtran.txt"

PARAMETERS = (
    ("r_P", "1/day", 0.069, 0.086, "growth of blasts with CD19"),
    ("r_A", "1/day", 1.62, 1.70, "division of activated CAR T cells at many blasts"),
    ("l_A", "1/day", 0.12, 0.04, "loss of activated CAR T cells"),
    ("l_I", "1/day", 3e-5, 0.073, "loss of inactive CAR T cells"),
    ("n_C", "1e9 cells", 2939.1, 19988.53, "capacity for blasts"),
    ("e", "1e9 cells/(T day)", 22.72, 8.6, "killing by activated CAR T cells at many blasts"),
    ("k_A", "1/day", 0.65, 0.19, "activation at many blasts"),
    ("K_P", "1e9 cells", 5891.45, 794.99, "blasts at half-maximal killing"),
    ("K_r", "1e9 cells", 637.64, 827.08, "blasts at half-maximal division"),
    ("K_A", "1e9 cells", 1808.02, 93066.8, "blasts at half-maximal activation"),
)
"""Symbol, unit, value in the example in remission, in the CD19-negative relapse, meaning. T is the program's unit of CAR T cells."""


def _network(name: str, column: int, source: str, blasts: float, infused: float) -> Network:
    """Return the equations without blasts that lack CD19."""
    net = Network(name, time_unit="day")
    net.species("P", blasts, "concentration", "1e9 cells", "blasts with CD19")
    net.species("A", 0, "concentration", "T", "activated CAR T cells, in the program's unit")
    net.species("I", infused, "concentration", "T", "infused, inactive CAR T cells, in the program's unit")

    for symbol, unit, *values, description in PARAMETERS:
        net.parameter(str(symbol), float(values[column]), str(unit), source, "fitted", str(description))
    net.parameter("most", 97.19, "%", "Liu 2022, program: nb2tb.m", "reported", "burden at very many blasts")
    net.parameter(
        "half", 1909, "1e9 cells", "Liu 2022, program: nb2tb.m", "reported", "blasts at half of that"
    )

    net.define("recognised", "P/(P + K_P)", "saturation of the killing")
    net.reaction("growth with CD19", {"P": 1}, "r_P*P*(1 - P/n_C)")
    net.reaction("killing with CD19", {"P": -1}, "e*recognised*A")
    net.reaction("division", {"A": 1}, "r_A*P/(P + K_r)*A")
    net.reaction("activation", {"I": -1, "A": 1}, "k_A*P/(P + K_A)*I")
    net.reaction("loss of activated cells", {"A": -1}, "l_A*A")
    net.reaction("loss of inactive cells", {"I": -1}, "l_I*I")
    return net


def build_remission() -> Network:
    """Return the program's example of a lasting complete remission.

    Returns
    -------
    Network
        `P` blasts in 1e9 cells, `A` and `I` CAR T cells; `burden` in percent; time in days since infusion.

    References
    ----------
    doi:10.1101/2021.09.21.21263913

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build_remission(), t=[0, 28])
    >>> bool(run["burden"][0, 0] > 50 > 5 > run["burden"][0, 1])
    True
    """
    net = _network("liu2022-remission", 0, REMISSION, blasts=2200.24, infused=16.46)
    net.define("burden", "most*P/(P + half)", "blasts in the marrow, percent")
    net.check()
    return net


def build_negative_relapse() -> Network:
    """Return the program's example of a CD19-negative relapse.

    Returns
    -------
    Network
        As `build_remission`, with `Q`, blasts without CD19.

    Notes
    -----
    K_Q is 5956.03 in the plotted example, taken here, and 16956.03 where the program makes virtual patients; with the latter, relapse
    comes on day 72 instead of 187.

    References
    ----------
    doi:10.1101/2021.09.21.21263913

    Examples
    --------
    >>> from sim import simulate
    >>> run = simulate(build_negative_relapse(), t=[0, 60, 250])
    >>> [round(float(percent)) for percent in run["burden"][0]]
    [87, 0, 86]
    """
    net = _network("liu2022-negative-relapse", 1, RELAPSE, blasts=17212.23022, infused=0.3)
    net.species("Q", 19.89, "concentration", "1e9 cells", "blasts without CD19")
    net.parameter("r_Q", 0.10, "1/day", RELAPSE, "fitted", "growth of blasts without CD19")
    net.parameter("k_m", 0, "1/day", RELAPSE, "fitted", "loss of CD19")
    net.parameter("k_b", 7.9, "1", RELAPSE, "fitted", "how much weaker the killing of bystanders is")
    net.parameter(
        "K_Q",
        5956.03,
        "1e9 cells",
        f"{RELAPSE}; 16956.03 in fitted_param_30d_v4.m",
        "fitted",
        "blasts without CD19 at half-maximal killing",
    )
    net.define("burden", "most*(P + Q)/(P + Q + half)", "blasts in the marrow, percent")
    net.reaction("growth without CD19", {"Q": 1}, "r_Q*Q*(1 - Q/n_C)")
    net.reaction("loss of CD19", {"Q": 1}, "k_m*P")
    net.reaction("killing of bystanders", {"Q": -1}, "e/k_b*Q/(Q + K_Q)*A")
    net.check()
    return net


SOURCE = "Liu et al., J. Immunother. Cancer 2022; preprint doi:10.1101/2021.09.21.21263913"
NEGATIVE = "CD19-negative relapse, no day"

MODELS = (
    PublishedModel(
        name="liu2022-remission",
        title="active and inactive CAR T cells against blasts with CD19: a lasting remission",
        source=SOURCE,
        terms="inactive cells wake on blasts, active ones divide and kill with saturation; logistic blasts",
        build=build_remission,
        headlines=(
            Headline(
                "remission_day",
                "burden below 5 % from",
                "day",
                "the patient of this start (13 of Data_CR.csv): 3.8 % on day 15",
                5.340,
                "in kind",
            ),
            Headline("burden_90", "burden on day 90", "%", "remission holds", 8.46e-7, "in kind"),
            Headline(
                "peak",
                "most activated CAR T cells",
                "T",
                "data of that patient: 70 on day 11 (units of model and data may differ)",
                612.7,
                "not reproduced",
                70,
            ),
        ),
        notes=(
            "The unit of CAR T cells, T here, is not stated in the program; values are those of its script.",
            "The article's own DOI could not be checked; the preprint's is cited.",
        ),
    ),
    PublishedModel(
        name="liu2022-negative-relapse",
        title="active and inactive CAR T cells, blasts with and without CD19: negative relapse",
        source=SOURCE,
        terms="as liu2022-remission, and blasts without CD19 killed as bystanders",
        build=build_negative_relapse,
        headlines=(
            Headline(
                "remission_day",
                "burden below 5 % from",
                "day",
                f"remission, then {NEGATIVE}",
                8.62,
                "in kind",
            ),
            Headline("relapse_day", "burden above 5 % again from", "day", NEGATIVE, 186.6, "in kind"),
            Headline(
                "relapse_day_other",
                "burden above 5 % again from, K_Q = 16956.03, the program's other value",
                "day",
                NEGATIVE,
                71.67,
                "in kind",
            ),
        ),
        notes=(
            "K_Q is 5956.03 in the plotted example and 16956.03 where the program makes virtual patients; the former is taken.",
            "k_m is 0 in the example: all blasts without CD19 are there at the start.",
        ),
    ),
)
