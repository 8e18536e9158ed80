"""The sheet on which the patients of one arm are written down: their luck, the network's values, and the columns filled so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sim.models.design import Design
from sim.models.leukaemia import build
from sim.network.network import Network
from sim.trial.draws import Draws
from sim.trial.laws import Law
from sim.trial.quantities import DEFAULTS
from sim.trial.regimen import Schedule, design_of, schedule
from sim.trial.scenario import Scenario
from sim.trial.scenario_schema import Patients, Product

__all__ = ["Columns", "Floats", "Sheet", "network_of"]

Floats = NDArray[np.float64]
Columns = dict[str, Floats]


@lru_cache(maxsize=32)
def _build(design: Design) -> Network:
    return build(design)


def network_of(scenario: Scenario) -> Network:
    """Return the network that all arms of a scenario share."""
    return _build(design_of(scenario))


@dataclass(eq=False)
class Sheet:
    """Patients of one arm while they are drawn.

    Attributes
    ----------
    scenario : Scenario
    arm : str
    draws : Draws
    laws : mapping of str to Law
        Of parameters that would not vary otherwise, where the scenario gives none.
    parameters : dict of str to ndarray
        Parameters of the network set so far.
    """

    scenario: Scenario
    arm: str
    draws: Draws
    laws: Mapping[str, Law] = field(default_factory=dict)
    parameters: Columns = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read off what follows from scenario and arm."""
        self.traits: Patients = self.scenario.patients_of(self.arm)
        self.design: Design = design_of(self.scenario)
        self.network: Network = _build(self.design)
        self.plan: Schedule = schedule(self.scenario, self.arm)
        names = self.scenario.used_products()
        self.products: dict[str, Product] = {name: self.scenario.products[name] for name in names}
        self.defaults = {p.name: (float(p.value), p.unit) for p in self.network.all_parameters}

    def value(self, quantity: str, law: Law | None) -> Floats:
        """Return the values of a quantity under a law, the default one when it is None."""
        return self.draws.value(quantity, self.law(quantity, law))

    def law(self, quantity: str, law: Law | None) -> Law:
        """Return a law, the default one of the quantity when it is None."""
        return DEFAULTS[quantity] if law is None else law

    def constant(self, number: float) -> Floats:
        """Return one number for all patients."""
        return np.full(len(self.draws), float(number))

    def parameter(self, name: str) -> Floats:
        """Return a parameter of each patient, whether it varies or not."""
        return self.parameters[name] if name in self.parameters else self.constant(self.defaults[name][0])

    def set(self, name: str, quantity: str, law: Law | None) -> None:
        """Draw a parameter from a law; None leaves it as it is."""
        if law is not None:
            self.parameters[name] = self.draws.value(quantity, law)
