"""Leon-Triana 2021, both papers, by SciPy in logarithms of the cells. `python -m tests.reference.leon_triana2021` prints the figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import day_of
from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
Slope = Callable[[float, Floats], list[float]]
GRID = {
    "leon-triana2021-leukaemia": np.linspace(0, 500, 1001),
    "leon-triana2021-leukaemia-reduced": np.linspace(0, 500, 1001),
    "leon-triana2021-solid": np.linspace(0, 120, 481),
    "leon-triana2021-dual-target": np.linspace(0, 60, 241),
}
REDUCED = {
    "alpha": 4.5e-11,
    "k": 0.25,
    "tau_C": 14.0,
    "rho_L": 1 / 30,
    "tau_B": 60.0,
    "again": 1e7,
    "again_day": np.inf,
}
FULL = REDUCED | {"beta": 0.1, "I_0": 1e7, "C_50": 1e9, "tau_I": 6.0}
SINGLE = {
    "rho_C": 0.9,
    "g_T": 1e10,
    "alpha_1": 0.02,
    "g_C": 2e9,
    "tau_C": 7.0,
    "rho_T": 0.02,
    "alpha_2": 2.5e-10,
}
DUAL = SINGLE | {"rho_off": 0.9, "g_B": 1e10, "k": 0.2, "alpha_B": 4.5e-11, "tau_B": 60.0}
VALUES = dict(zip(GRID, (FULL, REDUCED, SINGLE, DUAL), strict=True))
BLOOD = {"C": 1e7, "L": 5e10, "B": 2.5e10}
START = dict(
    zip(
        GRID,
        (BLOOD, BLOOD, {"C": 8e7, "T": 3.35e10}, {"C": 0.0, "T": 3.35e10, "C_off": 2e8, "B": 2.5e10}),
        strict=True,
    )
)


def leukaemia(v: Mapping[str, float]) -> Slope:
    """Slopes of ln C, ln L, ln B."""

    def slope(_t: float, y: Floats) -> list[float]:
        c, leukaemic, b = np.exp(y)
        immature = v["I_0"] / (1 + c / v["C_50"]) if "I_0" in v else 0.0
        targets = leukaemic + b + v.get("beta", 0.0) * immature
        return [
            v["k"] * v["alpha"] * targets - 1 / v["tau_C"],
            v["rho_L"] - v["alpha"] * c,
            immature / v.get("tau_I", 1.0) / b - v["alpha"] * c - 1 / v["tau_B"],
        ]

    return slope


def expansion(v: Mapping[str, float], c: float, tumour: float) -> float:
    """Growth of a CAR T cell in the tumour."""
    return v["rho_C"] * tumour / (v["g_T"] + tumour) - v["alpha_1"] * tumour / (v["g_C"] + c) - 1 / v["tau_C"]


def solid(v: Mapping[str, float]) -> Slope:
    """Slopes of ln C, ln T."""

    def slope(_t: float, y: Floats) -> list[float]:
        c, tumour = np.exp(y)
        return [expansion(v, c, tumour), v["rho_T"] - v["alpha_2"] * c]

    return slope


def dual(v: Mapping[str, float]) -> Slope:
    """Slopes of C (which starts at 0), ln T, ln C_off, ln B."""

    def slope(_t: float, y: Floats) -> list[float]:
        c, (tumour, off, b) = y[0], np.exp(y[1:])
        return [
            c * expansion(v, c, tumour) + v["k"] * off,
            v["rho_T"] - v["alpha_2"] * c,
            v["rho_off"] * b / (v["g_B"] + b) - 1 / v["tau_C"] - v["k"],
            -v["alpha_B"] * off - 1 / v["tau_B"],
        ]

    return slope


def solve(
    name: str,
    times: npt.ArrayLike,
    parameters: Mapping[str, float] | None = None,
    initial: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    v = VALUES[name] | dict(parameters or {})
    start = START[name] | dict(initial or {})
    if "leukaemia" in name:

        def again(y: Floats) -> None:
            y[0] = np.log(np.exp(y[0]) + v["again"])

        y = integrate(
            leukaemia(v), np.log(list(start.values())), times, [(v["again_day"], again)], atol=1e-10
        )
        return dict(zip(start, np.exp(y.T), strict=True))
    if name.endswith("solid"):
        y = integrate(solid(v), np.log(list(start.values())), times, atol=1e-10)
        return dict(zip(start, np.exp(y.T), strict=True))
    first = np.array([start["C"], *np.log([start[key] for key in ("T", "C_off", "B")])])
    y = integrate(dual(v), first, times, atol=[1e-2, 1e-10, 1e-10, 1e-10])
    logs = dict(zip(("T", "C_off", "B"), np.exp(y[:, 1:].T), strict=True))
    return {"C": y[:, 0], **logs}


def headlines(name: str) -> dict[str, float]:
    days = np.linspace(0, 60, 6001)
    if "leukaemia" in name:
        peaks = {dose: solve(name, days, None, {"C": dose})["C"] for dose in (1e6, 1e7, 1e8)}
        found = {"peak": float(peaks[1e7].max()), "dose_effect": float(peaks[1e6].max() / peaks[1e8].max())}
        if name.endswith("reduced"):
            return found
        later = np.linspace(0, 500, 50001)
        course, lower = solve(name, later)["L"], solve(name, later, {"again_day": 350.0})["L"]
        return {
            **found,
            "peak_day": float(days[peaks[1e7].argmax()]),
            "relapse_day": day_of(later, course, 5e10, rising=True, after=100),
            "relapse_peak": float(course[10000:].max()),
            "relapse_peak_again": float(lower[10000:].max()),
        }
    if name.endswith("solid"):
        levels = {"000": 0.0, "002": 0.02, "003": 0.03, "0035": 0.035, "004": 0.04, "010": 0.1}
        found = {
            f"tumour_{key}": float(solve(name, days, {"alpha_1": a})["T"][-1]) for key, a in levels.items()
        }
        return {**found, "tumour_005_2e8": float(solve(name, days, {"alpha_1": 0.05}, {"C": 2e8})["T"][-1])}
    return {"tumour_005": float(solve(name, days, {"alpha_1": 0.05})["T"][-1])}


if __name__ == "__main__":
    for one in GRID:
        print(one, headlines(one))
