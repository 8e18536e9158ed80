"""What is measured: every kernel on networks of three sizes, a whole trial, and starting up.

The small network is one population that is born and dies; the chain passes its members through 32 stages; the third is the leukaemia
model with the patients of a shipped scenario. The last has concentrations and rates that read the time, which the exact and the leaping
kernel refuse. Each case looks at its own result: a fast wrong answer is no figure.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.errors import CartsimError

if TYPE_CHECKING:
    from sim.network.network import Network
    from sim.network.simulation import Kernel
    from sim.network.trajectories import Trajectories
    from sim.trial.cohort import Cohort

__all__ = [
    "KERNELS",
    "SIZES",
    "Case",
    "all_cases",
    "chain",
    "kernel_cases",
    "simulate_patients",
    "small",
    "trial_patients",
]

KERNELS = ("ode", "hybrid", "ssa", "tau_leap")
SIZES = ("small", "chain", "leukaemia")
STAGES = 32
SCENARIO = "fry2018-cd22"

# Rows of a case: some tenths of a second on a common core.
_ROWS = {
    ("ode", "small"): 4000,
    ("hybrid", "small"): 4000,
    ("ssa", "small"): 5000,
    ("tau_leap", "small"): 3000,
    ("ode", "chain"): 400,
    ("hybrid", "chain"): 100,
    ("ssa", "chain"): 200,
    ("tau_leap", "chain"): 100,
    ("ode", "leukaemia"): 64,
    ("hybrid", "leukaemia"): 64,
}
_TRIAL_PATIENTS = 200


@dataclass(frozen=True)
class Case:
    """One thing measured.

    Attributes
    ----------
    name : str
        Kernel and size, or what is done.
    rows : int
        Patients (rows) that `run` takes through; its time is divided by it.
    run : callable
        Does it once, and raises `CartsimError` where what came out is wrong.
    """

    name: str
    rows: int
    run: Callable[[], None]


def small() -> Network:
    """Return births and deaths of one population: 1 species, 2 reactions."""
    from sim.network.network import Network

    net = Network("birth-death")
    net.species("X", 100)
    net.reaction("birth", "X -> 2 X", "0.10*X")
    net.reaction("death", "X -> 0", "0.11*X")
    return net


def chain(stages: int = STAGES) -> Network:
    """Return a population that passes through stages at one rate and dies after the last: as many species and reactions."""
    from sim.network.network import Network

    net = Network("chain")
    for stage in range(stages):
        net.species(f"X{stage}", 1000.0 if stage == 0 else 0.0)
    net.parameter("speed", 1.0, unit="1/day")
    for stage in range(stages):
        following = f"X{stage + 1}" if stage + 1 < stages else "0"
        net.reaction(f"step_{stage}", f"X{stage} -> {following}", f"speed*X{stage}")
    return net


def kernel_cases() -> list[Case]:
    """Return each kernel on each network that it takes, on one thread."""
    return [
        Case(f"{kernel}, {size}", rows, _kernel_run(kernel, size, rows))
        for (kernel, size), rows in _ROWS.items()
    ]


def all_cases() -> list[Case]:
    """Return all cases, in the order in which they are shown."""
    trial = Case(f"trial, {_TRIAL_PATIENTS} patients an arm", 2 * _TRIAL_PATIENTS, _trial)
    starts = [
        Case("start: cartsim --help", 1, lambda: _process("-m", "sim.cli", "--help")),
        Case("start: 100 patients, fresh process", 1, lambda: _process("-c", _FRESH)),
        Case("start: cartsim run, 20 patients", 1, _short_run),
    ]
    return [*kernel_cases(), trial, *starts]


def _kernel_run(kernel: str, size: str, rows: int) -> Callable[[], None]:
    if size == "leukaemia":
        return lambda: _leukaemia(kernel, rows)
    # Means of these linear networks are known, and every kernel has them.
    days = 50.0 if size == "small" else float(STAGES)
    mean = 100.0 * math.exp(-0.5) if size == "small" else 1000.0 * _still_in_the_chain(days)
    output = "X" if size == "small" else "all"
    # Ten standard errors of one row's spread, and what a leap may be off by.
    spread = (
        math.sqrt(100.0 * 21.0 * math.exp(-0.5) * (1.0 - math.exp(-0.5)))
        if size == "small"
        else math.sqrt(mean)
    )
    room = 10.0 * spread / math.sqrt(rows) + 0.03 * mean
    return lambda: _linear(kernel, size, rows, days, output, mean, room)


def _still_in_the_chain(days: float) -> float:
    """Return P(fewer than STAGES steps of a Poisson process in so many days)."""
    terms = (stage * math.log(days) - math.lgamma(stage + 1.0) - days for stage in range(STAGES))
    return math.fsum(map(math.exp, terms))


@lru_cache(maxsize=2)
def _network(size: str) -> Network:
    net = small() if size == "small" else chain()
    if size == "chain":
        net.define("all", " + ".join(f"X{stage}" for stage in range(STAGES)))
    return net


def _linear(kernel: str, size: str, rows: int, days: float, output: str, mean: float, room: float) -> None:
    from sim.network.simulation import simulate

    times = np.linspace(0.0, days, 51)
    out = simulate(_network(size), times, kernel, n=rows, seed=1, outputs=(output,), threads=1)
    found = float(out[output][:, -1].mean())
    if not out.ok.all() or not abs(found - mean) < room:
        raise CartsimError(f"{kernel}, {size}: mean {found:.4g}; must be {mean:.4g}; reinstall, or report it")


@lru_cache(maxsize=4)
def trial_patients(rows: int) -> Cohort:
    """Return patients of a shipped scenario's arm, drawn once.

    Parameters
    ----------
    rows : int
    """
    from sim.trial.cohort import draw
    from sim.trial.scenario_io import load

    return draw(load(SCENARIO), "higher", 1, np.arange(rows))


def simulate_patients(
    rows: int, method: Kernel, outputs: Sequence[str] | None = None, threads: int = 1
) -> Trajectories:
    """Simulate `trial_patients` as a trial does.

    Parameters
    ----------
    rows : int
    method : kernel options
    outputs : sequence of str, optional
        What a trial observes, by default.
    threads : int

    Returns
    -------
    Trajectories

    Raises
    ------
    CartsimError
        When a row fails.
    """
    from sim.network.simulation import simulate
    from sim.trial.courses import save_days
    from sim.trial.observation import OUTPUTS
    from sim.trial.scenario_io import load

    cohort = trial_patients(rows)
    out = simulate(
        cohort.network,
        save_days(load(SCENARIO)),
        method,
        seed=1,
        parameters=cohort.parameters,
        initial=cohort.initial,
        outputs=OUTPUTS if outputs is None else outputs,
        threads=threads,
        patients=cohort.patients,
    )
    if not out.ok.all():
        raise CartsimError(
            f"{method.name}, leukaemia: {np.count_nonzero(~out.ok)} rows failed; none may; report it"
        )
    return out


def _leukaemia(kernel: str, rows: int) -> None:
    from sim.network.simulation import ODE
    from sim.trial.courses import HYBRID

    simulate_patients(rows, ODE() if kernel == "ode" else HYBRID)


def _trial() -> None:
    from sim.trial.run import run

    result = run(SCENARIO, patients=_TRIAL_PATIENTS, seed=1)
    if result.failed or not result.rows:
        raise CartsimError(f"trial: {result.failed} rows failed; none may; report it")


_FRESH = (
    "import sim\n"
    "leukaemia = {'marrow_two_level1': 1e9}\n"
    "out = sim.simulate(sim.load_model('leukaemia'), t=range(0, 731, 7), kernel='hybrid', n=100, seed=1, initial=leukaemia)\n"
    "assert out.ok.all()"
)
"""What a notebook would do first."""


def _short_run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "run")
        _process("-m", "sim.cli", "run", SCENARIO, "--patients", "20", "--no-figures", "-o", out)


def _process(*arguments: str) -> None:
    """Run this Python in a process of its own, with this very package."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, check=False, env={**os.environ, "PYTHONPATH": path}
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        raise CartsimError(f"start: exit code {done.returncode}, {last[0]}; must be 0; run cartsim doctor")
