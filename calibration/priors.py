r"""What is estimated, and what was believed before: medians of laws between patients, and effects of a trial.

All numbers of a point are standard normal a priori. With u_j that of quantity j,

.. math:: \ln m_j = \ln M_j + \sigma_j u_j

is the log median of its law between patients, M and sigma below; the law's spread is the model's (`sim.trial.quantities.SPREADS`) unless `between` says
otherwise. An effect of
trial t on what `EFFECTS` lists is :math:`\tau_k e_{kt}` with :math:`\tau_k = 0.3 |v_k|`: half-normal, since three trials cannot tell it.

Everything else keeps the model's value or law: killing and its saturation stand on a ridge (killing_saturation is fixed), so do the two hits
(first_hit_rate is fixed: only their product is estimated), density and threshold of CD22 (thresholds are fixed: their ratio is estimated), and
engraftment and programme.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BETWEEN_TRIALS", "EFFECTS", "QUANTITIES", "Effect", "Quantity"]

BETWEEN_TRIALS = 0.3
"""Scale of the half-normal law of the SD of each effect between trials, in logarithms; assumed, for it cannot be estimated from three."""


@dataclass(frozen=True)
class Quantity:
    """A quantity of the patients whose law is estimated.

    Attributes
    ----------
    name : str
        As in `sim.trial.quantities`.
    median : float
        Prior median of the law's median, in the model's unit.
    log_sd : float
        Prior SD of its logarithm.
    kind : str
        Kind of evidence.
    source : str
    note : str
    between : float, optional
        SD of the logarithm between patients where the model's default is another or none; assumed. A law must have some breadth for patients
        to be weighed by it.
    """

    name: str
    median: float
    log_sd: float
    kind: str
    source: str
    note: str
    between: float | None = None


QUANTITIES = (
    Quantity(
        "net_growth_rate", 0.12, 0.3, "measured", "Hirt 1997: untreated childhood precursor-B ALL, n = 23, 0.069 +- 0.073 /day",
        "relapsed disease is taken to grow faster; 95 % from 0.066 to 0.22 /day",
    ),
    Quantity(
        "second_hit_rate", 3e-7, 1.5, "measured", "Morley 1990, Holt 1999: loss of heterozygosity in lymphocytes, person to person above 2 logs",
        "stands for the product of both hits; 95 % from 1.6e-8 to 5.7e-6 per division",
    ),
    Quantity(
        "killing_rate", 8.0, 0.6, "measured", "Weigelin 2021, Halle 2016: 1-20 targets for each effector and day",
        "at a fixed saturation; 95 % from 2.5 to 26 /day",
    ),
    Quantity(
        "effector_division_rate", 1.2, 0.15, "measured", "Stein 2019: net expansion 0.89 /day; range 0.7-1.2 over products",
        "before death and memory formation; 95 % from 0.89 to 1.6 /day", between=0.12,
    ),
    Quantity(
        "fitness", 11.5, 0.12, "assumed", "rough fit to the reported outcomes: 9.7-14 over nine fits",
        "programme of the effectors, e-folds; 95 % from 9.1 to 14.5",
    ),
    Quantity(
        "cd22_density", 3000.0, 0.45, "measured", "Haso 2013, n = 111: median 3,500",
        "stands for density over threshold; 95 % from 1,240 to 7,250 at a threshold of 1,500",
    ),
    Quantity(
        "stimulation_shift", 2.5, 0.3, "assumed", "Watanabe 2015 (CD20): lysis needs fewer molecules than proliferation",
        "95 % from 1.4 to 4.5 times as many", between=0.15,
    ),
    Quantity(
        "effector_death_rate", 0.17, 0.25, "measured", "Stein 2019: half-life of contraction 4.3 days",
        "95 % from 0.10 to 0.28 /day", between=0.2,
    ),
    Quantity(
        "memory_death_rate", 0.007, 0.6, "measured", "Stein 2019: terminal half-life 220 days; Ogasawara 2021",
        "of a 4-1BB product; memory divides too, so that the tail is longer; 95 % from 0.0022 to 0.023 /day",
    ),
    Quantity(
        "anti_car", 2.0, 1.0, "assumed", "Turtle 2016: rejection ended second infusions; how often is not in our sources",
        "factor on the anti-CAR lymphocytes of a naive host; 95 % from 0.28 to 14",
    ),
    Quantity(
        "niche_access", 0.09, 0.5, "assumed", "rough fit to the reported outcomes: 0.07-0.15",
        "killing in the niche over that in the marrow; 95 % from 0.034 to 0.24", between=0.3,
    ),
)  # fmt: skip
"""At most about ten: nine figures of 55 patients cannot tell more."""


@dataclass(frozen=True)
class Effect:
    """What differs from trial to trial beyond what is declared.

    Attributes
    ----------
    name : str
        The quantity whose law is shifted in a trial.
    note : str
        What it stands for.
    """

    name: str
    note: str


EFFECTS = (
    Effect("engraftment", "log expansion: product and handling move what engrafts, and with it the peak"),
    Effect("memory_death_rate", "log persistence"),
    Effect("burden", "log burden at infusion"),
)
