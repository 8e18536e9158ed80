"""What varies between patients, and the random stream of each: a table that is only ever appended to.

A patient's value of a quantity is the quantile of its law at his own uniform number, keyed by seed, patient and the number of the quantity.
Two arms, two scenarios or two doses therefore give one patient the same luck in all that they share. The default laws are a start for
calibration: medians are the model's parameters, spreads those of the rough fit or assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim.trial.laws import Bernoulli, Fixed, Law, Lognormal, Normal

__all__ = ["DEFAULTS", "FITNESS_CORRELATION", "PURPOSES", "SPREADS", "Spread", "base_name"]

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
    """How a parameter of the model varies by default: log-normal around its default value, cut to bounds."""

    log_sd: float
    low: float = 0.0
    high: float = float("inf")

    def around(self, median: float, unit: str) -> Lognormal:
        """Return the law."""
        return Lognormal(centre=median, log_sd=self.log_sd, low=self.low, high=self.high, unit=unit)


SPREADS: Mapping[str, Spread] = MappingProxyType(
    {
        "net_growth_rate": Spread(0.40, 0.01, 0.4),
        "second_hit_rate": Spread(1.6, 1e-12, 1e-3),
        "cd19_density": Spread(0.7),
        "cd22_density": Spread(0.68),
        "killing_rate": Spread(0.39),
        "effector_division_rate": Spread(0.08),
        "memory_death_rate": Spread(0.5),
        "memory_fraction": Spread(0.4, 0.02, 0.9),
        "graft_versus_leukaemia": Spread(0.5),
    }
)
"""Parameter of the model -> its default spread between patients; what is absent does not vary."""

FITNESS_CORRELATION = 0.7
"""Correlation of the fitness of two products made from one patient: 0.5-0.9."""

DEFAULTS: Mapping[str, Law] = MappingProxyType(
    {
        "cd19_negative_share": Fixed(value=0.9),
        "cd19_clone_factor": Lognormal(centre=10.0, log_sd=1.0),
        "fitness": Lognormal(centre=11.7, log_sd=0.12, unit="e-folds"),
        "failure": Bernoulli(probability=0.06),
        "engraftment": Lognormal(centre=0.06, log_sd=0.6, high=1.0),
        "immunogenicity": Fixed(value=1.0),
        "anti_car": Lognormal(centre=2.0, log_sd=2.5),
        "b_cells": Lognormal(centre=0.3, log_sd=0.5, high=1.0),
        "lymphodepletion_log_kill": Normal(mean=0.4, sd=0.3, low=0.0, high=2.0),
        "transplant_log_kill": Normal(mean=3.0, sd=0.7, low=1.0, high=6.0),
        "non_relapse_mortality": Fixed(value=0.12),
    }
)
"""Law of a quantity where neither the scenario nor the model gives one."""
