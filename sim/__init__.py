"""Simulate CAR T-cell trials: from a scenario file to a virtual trial beside the reported one.

The names below are the public face. Each is imported when it is first used, so that ``import sim`` costs nothing
and the parts that need no compiler, no data frames and no figures stay free of them.

>>> import sim
>>> sorted(sim.__all__)[:3]
['Hybrid', 'Network', 'ODE']
"""

from __future__ import annotations

TYPE_CHECKING = False
"""As in `typing`, whose import would take most of the time in which an interrupt of the command line is not yet answered."""

if TYPE_CHECKING:
    from sim.dish.reading import load_assay as load_assay
    from sim.dish.run import run_assay as run_assay
    from sim.dosing.characteristics import dose_finding as dose_finding
    from sim.models import list_models as list_models
    from sim.models import load_model as load_model
    from sim.network import Network as Network
    from sim.network.simulation import ODE as ODE
    from sim.network.simulation import SSA as SSA
    from sim.network.simulation import Hybrid as Hybrid
    from sim.network.simulation import TauLeap as TauLeap
    from sim.network.simulation import simulate as simulate
    from sim.planning.design import TrialDesign as TrialDesign
    from sim.planning.plan import TrialPlan as TrialPlan
    from sim.planning.plan import plan_trial as plan_trial
    from sim.trial.result import Result as Result
    from sim.trial.result import open_run as open
    from sim.trial.run import run as run
    from sim.trial.scenario_io import list_scenarios as list_scenarios
    from sim.trial.scenario_io import load as load

__version__ = "0.1.0"

__all__ = [
    "ODE",
    "SSA",
    "Hybrid",
    "Network",
    "Result",
    "TauLeap",
    "TrialDesign",
    "TrialPlan",
    "__version__",
    "dose_finding",
    "list_models",
    "list_scenarios",
    "load",
    "load_assay",
    "load_model",
    "open",
    "plan_trial",
    "run",
    "run_assay",
    "simulate",
]

# Public name -> the module that defines it, and the name that it has there where that is another.
_HOME = {
    "Hybrid": "sim.network.simulation",
    "Network": "sim.network",
    "ODE": "sim.network.simulation",
    "Result": "sim.trial.result",
    "SSA": "sim.network.simulation",
    "TauLeap": "sim.network.simulation",
    "TrialDesign": "sim.planning.design",
    "TrialPlan": "sim.planning.plan",
    "dose_finding": "sim.dosing.characteristics",
    "list_models": "sim.models",
    "list_scenarios": "sim.trial.scenario_io",
    "load": "sim.trial.scenario_io",
    "load_assay": "sim.dish.reading",
    "load_model": "sim.models",
    "open": "sim.trial.result:open_run",
    "plan_trial": "sim.planning.plan",
    "run": "sim.trial.run",
    "run_assay": "sim.dish.run",
    "simulate": "sim.network.simulation",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562)."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, _, own_name = home.partition(":")
    value: object = getattr(import_module(module), own_name or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
