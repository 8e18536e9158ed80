"""Laws: how a quantity of a scenario varies between virtual patients. A plain number is the law that does not vary.

Each law maps one uniform number per patient to his value by its quantile function, so that one stream serves every law, a change of a
law moves nobody else, and correlated quantities only need correlated uniforms. Values are in canonical units. Every law keeps its unit,
the kind of evidence behind it and the source.

NumPy and SciPy are imported by the functions that compute: reading a scenario needs neither.
"""

from __future__ import annotations

from sim.trial.law_base import KINDS, Kind, Law
from sim.trial.laws_continuous import Beta, Lognormal, Loguniform, Normal, Uniform
from sim.trial.laws_discrete import Bernoulli, ByBurden, Fixed, Mix, Number, Strata, Stratum

__all__ = [
    "KINDS",
    "Bernoulli",
    "Beta",
    "ByBurden",
    "Fixed",
    "Kind",
    "Law",
    "Lognormal",
    "Loguniform",
    "Mix",
    "Normal",
    "Number",
    "Strata",
    "Stratum",
    "Uniform",
]
