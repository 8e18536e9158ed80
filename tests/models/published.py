"""What the tests of the models of papers share: the SciPy script of each, and the comparisons of the network with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from sim.models.catalogue import published_models
from sim.models.published import martinez_rubio2025
from sim.network.network import Network
from sim.network.simulation import ODE, simulate
from sim.network.trajectories import Trajectories
from tests.reference import barros2021 as barros_script
from tests.reference import chaudhury2020 as chaudhury_script
from tests.reference import hanson2016 as hanson_script
from tests.reference import kimmel2021 as kimmel_script
from tests.reference import leon_triana2021 as leon_triana_script
from tests.reference import liu2022 as liu_script
from tests.reference import martinez_rubio2025 as martinez_rubio_script
from tests.reference import owens_bozic2021 as owens_bozic_script
from tests.reference import stein2019 as stein_script

MODELS = {model.name: model for model in published_models()}
SCRIPTS: dict[str, ModuleType] = {
    name: script
    for script in (
        stein_script,
        kimmel_script,
        martinez_rubio_script,
        leon_triana_script,
        barros_script,
        liu_script,
        chaudhury_script,
        hanson_script,
        owens_bozic_script,
    )
    for name in script.GRID
}
TIGHT = ODE(rtol=1e-9, atol=1e-12)
RELATIVE = 2e-6
"""Largest relative difference of network and script, wherever a population is above the floor of its model."""
FLOOR = {"liu2022-remission": 1e-5, "liu2022-negative-relapse": 1e-5, "martinez-rubio2025": 1e-6}
"""In the model's unit, 1e-3 for the others: a thousandth of a cell or of a cell/uL. A cell of Martinez-Rubio is 2e-7, a blast of Liu's 1e-9."""


@dataclass(frozen=True)
class Comparison:
    """One course of a model that network and script both give."""

    name: str
    parameters: dict[str, float] = field(default_factory=dict)
    initial: dict[str, float] = field(default_factory=dict)
    blend: tuple[float, float] | None = None
    """Share and antigen constant, of Martinez-Rubio alone."""

    def __str__(self) -> str:
        changes = {**self.parameters, **self.initial}
        if self.blend is not None:
            changes |= dict(zip(("share", "a_A"), self.blend, strict=True))
        return "-".join([self.name, *(f"{key}={value:g}" for key, value in changes.items())])

    @property
    def floor(self) -> float:
        return FLOOR.get(self.name, 1e-3)

    def network(self) -> Network:
        return MODELS[self.name].build() if self.blend is None else martinez_rubio2025.build(*self.blend)

    def script(self) -> dict[str, Any]:
        parameters = dict(self.parameters)
        if self.blend is not None:
            parameters |= dict(zip(("share", "a_A"), self.blend, strict=True))
        script = SCRIPTS[self.name]
        found: dict[str, Any] = script.solve(self.name, script.GRID[self.name], parameters, self.initial)
        return found

    def kernel(self, **parameters: Any) -> Trajectories:
        return simulate(
            self.network(),
            SCRIPTS[self.name].GRID[self.name],
            TIGHT,
            parameters={**self.parameters, **parameters},
            initial=self.initial,
        )


COMPARISONS = [
    *(Comparison(name) for name in MODELS),
    # What the published values leave without effect, or nearly: crowding, drugs, events that never come, constants that are 0.
    Comparison("martinez-rubio2025", blend=(0.5, 1e6)),
    Comparison("martinez-rubio2025", blend=(0.0, 1e4)),
    Comparison("leon-triana2021-leukaemia", {"again_day": 350.0}),
    Comparison("leon-triana2021-leukaemia-reduced", {"again_day": 350.0}),
    Comparison("barros2021-hdlm2", {"dose": 2e5}),
    Comparison("barros2021-hdlm2", {"rechallenge_day": 250.0}),
    Comparison("barros2021-hdlm2", {"least": 1e3}),
    Comparison("barros2021-raji", {"dose": 1e8, "least": 1e3}),
    Comparison("barros2021-raji", {"mu": 0.05, "b": 1e-6}, {"T": 10.0}),
    Comparison("liu2022-negative-relapse", {"k_m": 1e-3}),
    Comparison("hanson2016", {"D": 20.0}, {"L": 800.0}),
]


def course(net: Network, times: Any, kernel: ODE = TIGHT, **parameters: Any) -> Trajectories:
    """Mean course at tight tolerance."""
    return simulate(net, times, kernel, parameters=parameters)
