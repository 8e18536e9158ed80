"""``cartsim doctor``: whether this installation can do its work, and a line for each thing that cannot."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import typer

from sim.cli_common import JsonOption
from sim.cli_output import print_json, print_table, say
from sim.errors import CartsimError, StorageError

__all__ = ["command"]


class Finding(NamedTuple):
    """One thing looked at: its name, whether it is well, what was found and, if not, what to do and the exit code."""

    name: str
    well: bool
    found: str
    fix: str = ""
    code: int = CartsimError.exit_code


def command(as_json: JsonOption = False) -> None:
    """Look at the installation: versions, cores, compiled-code cache, compiler, scenarios, a small simulation.

    Exit code 0: all is well; 4: only the folder of compiled code cannot be used, and all works, but slowly; 70: something else is wrong.

    \b
    Examples:
      cartsim doctor
      cartsim doctor --json
    """  # noqa: D301 - click ends a paragraph of its own lines with \b
    findings = [*_versions(), *(_guarded(name, look) for name, look in _LOOKS)]
    if as_json:
        print_json([{key: getattr(one, key) for key in ("name", "well", "found", "fix")} for one in findings])
    else:
        rows = [[finding.name, "ok" if finding.well else "TROUBLE", finding.found] for finding in findings]
        print_table("", ("", "", ""), rows)
    trouble = [finding for finding in findings if not finding.well]
    for finding in trouble:
        say(f"{finding.name}: {finding.found}; {finding.fix}")
    if trouble:
        raise typer.Exit(
            max(finding.code for finding in trouble)
        )  # a fault of the program goes before one of storage


def _versions() -> list[Finding]:
    from sim.trial.provenance import processor, versions

    fix = "install the locked dependencies again"
    found = [Finding(name, version != "absent", version, fix) for name, version in versions().items()]
    return [*found, Finding("processor", True, processor()), Finding("cores", True, str(os.cpu_count() or 1))]


def _guarded(name: str, look: Callable[[], Finding]) -> Finding:
    """Look, and make a finding of whatever goes wrong."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - a doctor reports every kind of trouble
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return Finding(name, False, text, "see the first line of the error; reinstall, or report it")


def _cache() -> Finding:
    from sim.kernels import cache

    folder = cache.folder()
    if folder is None:
        return Finding(
            "compiled-code cache",
            False,
            "no folder can be written, so every run compiles for one to two minutes",
            "give your user a writable cache folder, such as CARTSIM_CACHE=/tmp/cartsim",
            StorageError.exit_code,
        )
    state = "cold: the first run compiles for one to two minutes" if cache.is_cold() else "warm"
    if not cache.can_be_written(folder):
        state += ", read-only: what it lacks is compiled on every run"
    return Finding("compiled-code cache", True, f"{folder} ({state})")


def _compiler() -> Finding:
    import numpy as np
    from numba import njit

    begun = time.perf_counter()

    def total(values: Any) -> float:
        found = 0.0
        for value in values:
            found += value
        return found

    right = njit(total)(np.arange(5.0)) == 10.0
    seconds = time.perf_counter() - begun
    return Finding(
        "compiler", right, f"numba compiles ({seconds:.1f} s)", "reinstall numba and llvmlite together"
    )


def _scenarios() -> Finding:
    from sim.dish.reading import load_assay
    from sim.trial.scenario_io import load, scenario_names

    names = scenario_names()
    for name in scenario_names("trial"):
        load(name)
    for name in scenario_names("killing assay"):
        load_assay(name)
    return Finding("scenarios", bool(names), ", ".join(names) or "none found", "install cartsim again")


def _self_test() -> Finding:
    """Exact births and deaths for ten days against their known mean, 100 exp((0.10 - 0.11) 10)."""
    import math

    from sim import Network, simulate

    net = Network("birth-death")
    net.species("X", 100)
    net.reaction("birth", "X -> 2 X", "0.10*X")
    net.reaction("death", "X -> 0", "0.11*X")
    begun = time.perf_counter()
    out = simulate(net, t=[0.0, 10.0], kernel="ssa", n=4000, seed=1)
    seconds = time.perf_counter() - begun
    mean, expected = float(out["X"][:, -1].mean()), 100.0 * math.exp(-0.1)
    # Variance of the linear birth-death law, and five standard errors.
    variance = 100.0 * (0.21 / 0.01) * math.exp(-0.1) * (1.0 - math.exp(-0.1))
    right = bool(out.ok.all()) and abs(mean - expected) < 5.0 * math.sqrt(variance / 4000)
    found = f"birth-death mean {mean:.2f}, exact {expected:.2f} ({seconds:.1f} s)"
    return Finding(
        "simulation", right, found, "the kernels compute wrongly here; delete the cache folder and report it"
    )


_LOOKS: tuple[tuple[str, Callable[[], Finding]], ...] = (
    ("compiled-code cache", _cache),
    ("compiler", _compiler),
    ("scenarios", _scenarios),
    ("simulation", _self_test),
)
