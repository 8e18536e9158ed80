"""Hanson 2016 by SciPy. `python -m tests.reference.hanson2016` prints the figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {"hanson2016": np.linspace(0, 480, 961)}


def solve(_name: str, times: npt.ArrayLike) -> dict[str, Floats]:
    def slope(_t: float, y: Floats) -> list[float]:
        b, i, cm, ce, hm, he, other = y
        drive = i * i / (i * i + 800.0**2)
        space = max(0.0, 1 - (b + ce + cm + he + hm + other) / 1600)
        cd8, cd4 = 4e-7 * b * cm * (1 + 2 * he) * drive, 8e-5 * b * hm * drive
        return [
            0.003 * b * (1 - b / 4800) - 2e-4 * b * ce,
            200 + 0.002 * b * (ce + he) - 1.5 * i,
            0.1 * cm * space - cd8,
            64 * cd8 - 0.004 * ce,
            0.1 * hm * space - cd4,
            64 * cd4 - 0.004 * he,
            0.4 + 0.1 * other * space - 2e-4 * other,
        ]

    y = integrate(slope, [300, 140, 10, 10, 10, 10, 1600], times, atol=1e-11)
    return dict(zip(("B", "I", "C_m", "C_e", "H_m", "H_e", "L"), y.T, strict=True))


def headlines(_name: str = "hanson2016") -> dict[str, float]:
    hours = np.linspace(0, 480, 4801)
    run = solve("", hours)
    peak = int(run["I"].argmax())
    return {
        "inflammation_peak": float(run["I"][peak]),
        "inflammation_hour": float(hours[peak]),
        "tumour_480": float(run["B"][-1]),
    }


if __name__ == "__main__":
    print(headlines())
