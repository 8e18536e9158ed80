"""Leon-Triana 2021, both papers, by SciPy in logarithms of the cells. `python -m tests.reference.leon_triana2021` prints the figures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import day_of
from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {
    "leon-triana2021-leukaemia": np.linspace(0, 500, 1001),
    "leon-triana2021-leukaemia-reduced": np.linspace(0, 500, 1001),
    "leon-triana2021-solid": np.linspace(0, 120, 481),
    "leon-triana2021-dual-target": np.linspace(0, 60, 241),
}
ALPHA, TAU_C = 4.5e-11, 14.0


def leukaemia(*, full: bool) -> Callable[[float, Floats], list[float]]:
    """Slopes of ln C, ln L, ln B."""

    def slope(_t: float, y: Floats) -> list[float]:
        c, leukaemic, b = np.exp(y)
        immature = 1e7 / (1 + c / 1e9) if full else 0.0
        return [
            0.25 * ALPHA * (leukaemic + b + 0.1 * immature) - 1 / TAU_C,
            1 / 30 - ALPHA * c,
            immature / 6 / b - ALPHA * c - 1 / 60,
        ]

    return slope


def solid(alpha: float) -> Callable[[float, Floats], list[float]]:
    """Slopes of ln C, ln T."""

    def slope(_t: float, y: Floats) -> list[float]:
        c, tumour = np.exp(y)
        return [0.9 * tumour / (1e10 + tumour) - alpha * tumour / (2e9 + c) - 1 / 7, 0.02 - 2.5e-10 * c]

    return slope


def dual(alpha: float) -> Callable[[float, Floats], list[float]]:
    """Slopes of C (which starts at 0), ln T, ln C_off, ln B."""

    def slope(_t: float, y: Floats) -> list[float]:
        c, (tumour, off, b) = y[0], np.exp(y[1:])
        return [
            c * (0.9 * tumour / (1e10 + tumour) - alpha * tumour / (2e9 + c) - 1 / 7) + 0.2 * off,
            0.02 - 2.5e-10 * c,
            0.9 * b / (1e10 + b) - 1 / 7 - 0.2,
            -4.5e-11 * off - 1 / 60,
        ]

    return slope


def solve(
    name: str, times: npt.ArrayLike, start: float | None = None, alpha: float = 0.02
) -> dict[str, Floats]:
    if "leukaemia" in name:
        first = np.log([start or 1e7, 5e10, 2.5e10])
        y = integrate(leukaemia(full=not name.endswith("reduced")), first, times, atol=1e-10)
        return dict(zip("CLB", np.exp(y.T), strict=True))
    if name.endswith("solid"):
        y = integrate(solid(alpha), np.log([start or 8e7, 3.35e10]), times, atol=1e-10)
        return dict(zip("CT", np.exp(y.T), strict=True))
    first = np.array([0.0, *np.log([3.35e10, start or 2e8, 2.5e10])])
    y = integrate(dual(alpha), first, times, atol=[1e-2, 1e-10, 1e-10, 1e-10])
    logs = dict(zip(("T", "C_off", "B"), np.exp(y[:, 1:].T), strict=True))
    return {"C": y[:, 0], **logs}


def headlines(name: str) -> dict[str, float]:
    days = np.linspace(0, 60, 6001)
    if "leukaemia" in name:
        peaks = {dose: solve(name, days, dose)["C"] for dose in (1e6, 1e7, 1e8)}
        found = {"peak": float(peaks[1e7].max()), "dose_effect": float(peaks[1e6].max() / peaks[1e8].max())}
        if name.endswith("reduced"):
            return found
        later = np.linspace(0, 500, 50001)
        relapse = day_of(later, solve(name, later)["L"], 5e10, rising=True, after=100)
        return {**found, "peak_day": float(days[peaks[1e7].argmax()]), "relapse_day": relapse}
    if name.endswith("solid"):
        levels = {"000": 0.0, "002": 0.02, "003": 0.03, "0035": 0.035, "004": 0.04, "010": 0.1}
        found = {f"tumour_{key}": float(solve(name, days, alpha=a)["T"][-1]) for key, a in levels.items()}
        return {**found, "tumour_005_2e8": float(solve(name, days, 2e8, 0.05)["T"][-1])}
    return {"tumour_005": float(solve(name, days, alpha=0.05)["T"][-1])}


if __name__ == "__main__":
    for one in GRID:
        print(one, headlines(one))
