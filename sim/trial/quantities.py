"""What varies between patients, and the random stream of each: a table that is only ever appended to.

A patient's value of a quantity is the quantile of its law at his own uniform number, keyed by seed, patient and the number of the quantity.
Two arms, two scenarios or two doses therefore give one patient the same luck in all that they share. The default laws are a start for
calibration: medians are the model's parameters, spreads those of a rough fit to the reported outcomes or set by hand. Nothing was calibrated, so all
are of kind ``assumed``, and the note of each says which it is and what the rough fit had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim.trial.law_base import Kind
from sim.trial.laws import Bernoulli, Fixed, Law, Lognormal, Normal

__all__ = ["DEFAULTS", "FITNESS_CORRELATION", "PURPOSES", "SPREADS", "Spread", "base_name", "default_law"]

_TRAITS = {
    "weight": 100,
    "age": 101,
    "burden": 102,
    "prior_transplant": 103,
    "prior_cd19_therapy": 104,
    "cd19_negative_at_baseline": 105,
    "cd19_negative_share": 106,
    "cd19_clone_factor": 107,
    "diagnosis_cells": 108,
    "remission_cells": 109,
    "fitness": 110,
    "fitness_of_infusion": 111,
    "failure": 112,
    "engraftment": 113,
    "immunogenicity": 114,
    "anti_car": 115,
    "b_cells": 116,
    "dose": 117,
    "lymphodepletion_depth": 118,
    "lymphodepletion_log_kill": 119,
    "bridging_day": 120,
    "manufacturing_days": 121,
    "not_infused": 122,
    "transplant": 123,
    "transplant_day": 124,
    "non_relapse_mortality": 125,
    "clones": 126,
    "cd22_levels_of_clones": 127,
    "sites_of_clones": 128,
    "failure_of_infusion": 129,
    "consolidation_day": 130,
    "failed_programme": 131,
    "failed_expansion": 132,
    "cd28_memory_death_ratio": 133,
    "trial_effects": 134,
    "t_cell_fitness": 135,
}

# Parameters of the model, without the names of products and slots, in the order in which they came to vary.
_PARAMETERS = [
    "marrow_cells_per_kg",
    "leukaemia_cells_per_kg",
    "marrow_recovery_time",
    "b_cells_healthy",
    "b_cell_death_rate",
    "b_cell_cd19",
    "b_cell_cd22",
    "b_cell_killing_weight",
    "b_cell_stimulation_weight",
    "host_lymphocytes_healthy",
    "host_division_rate",
    "il7_15_half_drive",
    "il7_15_turnover",
    "il7_15_consumption",
    "effector_consumption",
    "net_growth_rate",
    "blast_death_rate",
    "first_hit_rate",
    "second_hit_rate",
    "cd22_loss_rate",
    "lineage_switch_rate",
    "cd19_density",
    "cd22_density",
    "cd22_spread",
    "cd22_relaxation_time",
    "niche_share",
    "niche_exchange",
    "niche_access",
    "node_share",
    "node_exchange",
    "node_access",
    "recognition_steepness",
    "killing_rate",
    "killing_saturation",
    "exhausted_activity",
    "signal_saturation",
    "signal_crowding",
    "antigen_only_division",
    "effector_death_rate",
    "memory_formation_rate",
    "exhaustion_rate",
    "exhausted_death_rate",
    "memory_division_rate",
    "memory_activation_rate",
    "blood_exit_rate",
    "blood_share",
    "anti_car_growth_rate",
    "anti_car_saturation",
    "anti_car_death_rate",
    "rejection_rate",
    "threshold_cd19",
    "strength_cd19",
    "threshold_cd22",
    "strength_cd22",
    "stimulation_shift",
    "effector_division_rate",
    "memory_death_rate",
    "myeloid_saturation",
    "myeloid_turnover",
    "il6_release",
    "il6_baseline",
    "il6_clearance",
    "tocilizumab_loss_rate",
    "steroid_loss_rate",
    "receptor_clearance_share",
    "chemotherapy_log_kill",
    "chemotherapy_host_survival",
    "lymphodepletion_host_survival",
    "lymphodepletion_anti_car_survival",
    "lymphodepletion_car_t_survival",
    "lymphodepletion_marrow_survival",
    "lymphodepletion_leukaemia_survival",
    "memory_fraction",
    "transplant_log_kill",
    "transplant_host_survival",
    "transplant_marrow_survival",
    "graft_versus_leukaemia",
    "tocilizumab_threshold",
    "tocilizumab_effect",
    "steroid_threshold",
    "steroid_effect",
    "leukaemia_hazard",
    "treatment_hazard",
    "treatment_il6",
    "infection_hazard",
    "infection_protection",
    "transplant_hazard",
    "transplant_risk_time",
    "background_hazard",
    "limit_leukaemia",
    "limit_treatment",
    "limit_infection",
    "limit_transplant",
    "limit_background",
    "blood_volume",
    "chemotherapy_car_t_survival",
    "chemotherapy_blast_limit",
    "cd19_spread",
    "cd19_relaxation_time",
    "inheritance_noise",
    "contact_ratio",
    "contact_loss",
    "contact_recovery_time",
    "quiescence_rate",
    "awakening_rate",
]

PURPOSES: Mapping[str, int] = MappingProxyType(
    {**_TRAITS, **{name: 1000 + i for i, name in enumerate(_PARAMETERS)}}
)
"""Quantity -> number of its random stream. Append only: another number is other luck for every patient."""


def base_name(parameter: str, products: tuple[str, ...]) -> str:
    """Return the name of a parameter without its product and slot.

    Examples
    --------
    >>> base_name("threshold_cart_cd22", ("cart",)), base_name("memory_death_rate_cart", ("cart",))
    ('threshold_cd22', 'memory_death_rate')
    >>> base_name("lymphodepletion_host_survival_0", ())
    'lymphodepletion_host_survival'
    """
    if parameter in PURPOSES:
        return parameter
    for kind in ("threshold", "strength"):
        for product in products:
            rest = parameter.removeprefix(f"{kind}_{product}_")
            if rest in ("cd19", "cd22"):
                return f"{kind}_{rest}"
    candidates = [name for name in PURPOSES if parameter.startswith(f"{name}_")]
    return max(candidates, key=len, default=parameter)


@dataclass(frozen=True)
class Spread:
    """How a parameter of the model varies by default: log-normal around its default value, cut to bounds.

    Attributes
    ----------
    log_sd : float
        SD of the natural logarithm.
    low, high : float
        Bounds, in the parameter's unit.
    kind : {"reported", "measured", "fitted", "assumed"}
    source, note : str
        Where the spread comes from, and how it stands to the rough fit.
    """

    log_sd: float
    low: float = 0.0
    high: float = float("inf")
    kind: Kind = "assumed"
    source: str = ""
    note: str = ""

    def around(self, median: float, unit: str) -> Lognormal:
        """Return the law, with the evidence behind its spread."""
        return Lognormal(
            centre=median,
            log_sd=self.log_sd,
            low=self.low,
            high=self.high,
            unit=unit,
            kind=self.kind,
            source=self.source,
            note=self.note,
        )


_FIT = "rough fit to the reported outcomes"
_SET = "set before the rough fit, not fitted"
_OURS = "set by hand"


SPREADS: Mapping[str, Spread] = MappingProxyType(
    {
        "net_growth_rate": Spread(
            0.40, 0.01, 0.4, source=_OURS, note="narrower than the rough fit, 0.58; same bounds"
        ),
        "second_hit_rate": Spread(
            1.6, 1e-12, 1e-3, source=_OURS, note="log10 SD 0.7; wider than the rough fit, 0.65"
        ),
        "cd19_density": Spread(0.7, source=_SET),
        "cd22_density": Spread(0.68, source=_FIT),
        "killing_rate": Spread(0.39, source=_FIT),
        "effector_division_rate": Spread(
            0.08, source=_FIT, note="half the spread of the programme there, 0.15, and independent of it here"
        ),
        "memory_death_rate": Spread(0.5, source=_SET),
        "memory_fraction": Spread(0.4, 0.02, 0.9, source=_SET, note="bounds 0.05 and 0.8 in the rough fit"),
        "graft_versus_leukaemia": Spread(
            0.5,
            source=_OURS,
            note="the rough fit had one rate for all, 0.02 /day; log-normal was found necessary",
        ),
    }
)
"""Parameter of the model -> its default spread between patients; what is absent does not vary."""

FITNESS_CORRELATION = 0.7
"""Correlation, without unit, of the fitness of two products made from one patient; assumed, within 0.5-0.9."""

DEFAULTS: Mapping[str, Law] = MappingProxyType(
    {
        "cd19_negative_share": Fixed(value=0.9, unit="fraction", source=_SET),
        "cd19_clone_factor": Lognormal(centre=10.0, log_sd=1.0, source=_OURS),
        "fitness": Lognormal(
            centre=11.7, log_sd=0.12, unit="e-folds", source=_FIT, note="spread narrower than its 0.15"
        ),
        "failure": Bernoulli(
            probability=0.06, unit="fraction", source=_OURS, note="4-9 %; 0.094 in the rough fit"
        ),
        "failed_programme": Fixed(
            value=0.5, source=_SET, note="what a failed product has of the programme of a good one"
        ),
        "failed_expansion": Fixed(
            value=0.7, source=_SET, note="what a failed product has of the division rate of a good one"
        ),
        "cd28_memory_death_ratio": Fixed(
            value=3.0,
            source=_FIT,
            note="death of memory with CD28 over that with 4-1BB: 0.021 over 0.007 /day",
        ),
        "engraftment": Lognormal(
            centre=0.06,
            log_sd=0.6,
            high=1.0,
            unit="fraction",
            source=_OURS,
            note="0.044 in the rough fit",
        ),
        "immunogenicity": Fixed(value=1.0, note="1 is the model's own"),
        "anti_car": Lognormal(
            centre=2.0,
            log_sd=2.5,
            source=_OURS,
            note="factor on the anti-CAR lymphocytes of a naive host; the rough fit varied the rejection rate, by 0.74",
        ),
        "b_cells": Lognormal(
            centre=0.3, log_sd=0.5, high=1.0, unit="fraction", source=_OURS, note="low in pretreated patients"
        ),
        "lymphodepletion_log_kill": Normal(mean=0.4, sd=0.3, low=0.0, high=2.0, unit="log10", source=_SET),
        "transplant_log_kill": Normal(mean=3.0, sd=0.7, low=1.0, high=6.0, unit="log10", source=_SET),
        "non_relapse_mortality": Fixed(
            value=0.12, unit="fraction", source=_SET, note="death without relapse in the first year; 8-25 %"
        ),
        "tocilizumab_threshold": Fixed(
            value=3000.0, unit="pg/mL", source=_OURS, note="IL-6 index at which it is given"
        ),
        "steroid_threshold": Fixed(
            value=6000.0, unit="pg/mL", source=_OURS, note="IL-6 index at which they are given"
        ),
    }
)
"""Law of a quantity where neither the scenario nor the model gives one."""


def default_law(name: str, value: float, unit: str, products: tuple[str, ...]) -> Law | None:
    """Return the law by which a parameter of the network varies between patients when the scenario says nothing.

    Parameters
    ----------
    name : str
        Of the network's parameter.
    value : float
        Its default there, the median of the law.
    unit : str
    products : tuple of str
        Names of the scenario's products.

    Returns
    -------
    Law or None
        With kind, source and note of its spread; None where patients do not differ.

    Examples
    --------
    >>> default_law("killing_rate", 16.0, "1/day", ()).source
    'rough fit to the reported outcomes'
    """
    spread = SPREADS.get(base_name(name, products))
    return None if spread is None or not value > 0.0 else spread.around(value, unit)
