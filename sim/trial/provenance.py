"""What made a result: versions, platform, scenario, seed, kernel and command; no times, so that it is the same each time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import sim
from sim.trial.populations import digest_of, grouping_of
from sim.trial.scenario import Scenario

__all__ = ["collect", "describe_kernel", "platform_facts", "run_hash", "versions"]

# Packages whose version can change a number or a file.
_PACKAGES = (
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "pydantic",
    "ruamel.yaml",
)


def run_hash(scenario: Scenario, seed: int, kernel: object) -> str:
    """Return the SHA-256 of all that changes the numbers of a run, as 64 hexadecimal digits.

    Parameters
    ----------
    scenario : Scenario
        Counts by its own hash: words, citations and reported outcomes change nothing.
    seed : int
    kernel : str or kernel options
        Name of the kernel, or a dataclass of its options.
    """
    content = {
        "scenario": scenario.content_hash(),
        # Where arms treat different people, who they are follows from the order of the arms.
        "arms": list(scenario.arms),
        "seed": seed,
        "kernel": describe_kernel(kernel),
        "version": sim.__version__,
    }
    posterior = digest_of(scenario)
    if posterior:
        content["posterior"] = posterior
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def describe_kernel(kernel: object) -> str | dict[str, Any]:
    """Return a kernel as JSON can hold it: its name, or its name and options."""
    if isinstance(kernel, str):
        return kernel
    if isinstance(kernel, Mapping):
        return dict(kernel)
    if not dataclasses.is_dataclass(kernel) or isinstance(kernel, type):
        raise TypeError(f"kernel: {kernel!r}; a name or the options of a kernel; give 'hybrid'")
    # JSON has no infinity, which is how "no limit" is written.
    options = _without_infinity(dataclasses.asdict(kernel))
    return {"name": str(getattr(kernel, "name", type(kernel).__name__)), "options": options}


def _without_infinity(options: Mapping[str, Any]) -> dict[str, Any]:
    def said(value: Any) -> Any:
        if isinstance(value, Mapping):
            return _without_infinity(value)
        return "inf" if isinstance(value, float) and math.isinf(value) else value

    return {key: said(value) for key, value in options.items()}


def collect(scenario: Scenario, seed: int, kernel: object, command: str = "") -> dict[str, Any]:
    """Return the provenance of a run as plain data.

    Parameters
    ----------
    scenario : Scenario
    seed : int
    kernel : str or kernel options
    command : str
        The command that gives the same numbers again, without what changes none (folder, threads); empty for a run
        from Python.

    Returns
    -------
    dict
        Ready for JSON. Nothing in it depends on the time or the number of threads.
    """
    return {
        "format": 1,
        "scenario": scenario.name,
        "title": scenario.title,
        "patients_per_arm": scenario.patients.size,
        "arms": list(scenario.arms),
        "seed": seed,
        "kernel": describe_kernel(kernel),
        "hash": run_hash(scenario, seed, kernel),
        "scenario_hash": scenario.content_hash(),
        "posterior": _posterior(scenario),
        "command": command,
        "versions": versions(),
        "platform": platform_facts(),
    }


def _posterior(scenario: Scenario) -> dict[str, Any] | None:
    """Return which posterior the patients come from, and how they are dealt to its populations; None for none."""
    dealt = grouping_of(scenario)
    return None if dealt is None else {"digest": digest_of(scenario), **dealt._asdict()}


def platform_facts() -> dict[str, str]:
    """Return what machine this is."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "processor": processor(),
    }


def versions() -> dict[str, str]:
    """Return the versions of cartsim, Python and the packages that can change a number; read without importing."""
    found = {"cartsim": sim.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def processor() -> str:
    """Return the model name of the processor, or the machine type where the system does not tell."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.lower().startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
