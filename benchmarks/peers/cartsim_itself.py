"""cartsim, by the same protocol: the network from the function that the problem names, simulated by `sim.simulate`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any
from unittest.mock import patch

import sim
from benchmarks.peers.protocol import Problem, Request, Run, serve
from sim.kernels.ssa import no_jumps
from sim.network import simulation
from sim.network.network import Network
from sim.network.options import ODE, SSA, Kernel, TauLeap
from sim.network.trajectories import Trajectories

MAX_EVENTS = 10**10


def network_of(source: str) -> Network:
    """Return the network that ``module:function`` builds."""
    module, function = source.split(":")
    build: Callable[[], Network] = getattr(import_module(module), function)
    return build()


def kernel_of(request: Request) -> Kernel:
    """Return the method that a request asks for, with its options."""
    if request["kernel"] == "ode":
        return ODE(rtol=request["rtol"], atol=request["atol"])
    if request["kernel"] == "ssa":
        return SSA(max_events=MAX_EVENTS)
    return TauLeap(epsilon=request["epsilon"])


def tables_alone(asked: bool) -> AbstractContextManager[Any]:
    """Keep networks from having a loop of their own, so that exact events walk the tables."""
    return patch.object(simulation, "_own_events", lambda _: (no_jumps, False)) if asked else nullcontext()


def facts(result: Trajectories) -> dict[str, float]:
    """Return what a run says of itself."""
    return {
        "failed": int((result.status != 0).sum()),
        "events": float(result.statistics["events"].sum()),
        "steps": float(result.statistics["steps"].sum()),
        "evaluations": float(result.statistics["evaluations"].sum()),
    }


def prepare(problem: Problem) -> tuple[Run, dict[str, str]]:
    """Build the network; it is compiled at the first run, which the driver does not time."""
    network = network_of(problem.source)

    def run(request: Request) -> tuple[Any, dict[str, float]]:
        ensemble = request["kernel"] == "ode"
        rows = slice(request["rows"])
        columns = dict(zip(problem.parameters, problem.parameter_values[rows].T, strict=True))
        start = dict(zip(problem.species, problem.initial[rows].T, strict=True))
        with tables_alone(bool(request.get("tables"))):
            result = sim.simulate(
                network,
                problem.saves,
                kernel_of(request),
                n=1 if ensemble else request["rows"],
                seed=request.get("seed", 0),
                parameters=columns if ensemble else None,
                initial=start if ensemble else None,
                outputs=problem.species,
                threads=request.get("threads", 1),
            )
        return result.values, facts(result)

    return run, {"cartsim": sim.__version__}


if __name__ == "__main__":
    serve(prepare)
