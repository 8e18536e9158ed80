"""Hanson 2016 by SciPy. `python -m tests.reference.hanson2016` prints the figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {"hanson2016": np.linspace(0, 480, 961)}
START = {"B": 300.0, "I": 140.0, "C_m": 10.0, "C_e": 10.0, "H_m": 10.0, "H_e": 10.0, "L": 1600.0}
VALUES = {"r_1": 0.003, "k": 4800.0, "d_1": 2e-4, "p_0": 200.0, "p_1": 0.002, "d_2": 1.5, "D": 0.0}
VALUES |= {"r_2": 0.1, "r_3": 0.1, "r_4": 0.1, "a_1": 4e-7, "a_2": 2.0, "a_3": 8e-5, "n": 6.0, "b": 800.0}
VALUES |= {"l": 1600.0, "d_3": 0.004, "d_4": 0.004, "p_2": 0.4, "d_5": 2e-4}


def solve(
    _name: str,
    times: npt.ArrayLike,
    parameters: Mapping[str, float] | None = None,
    initial: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    v = VALUES | dict(parameters or {})
    copies = 2 ** v["n"]

    def slope(_t: float, y: Floats) -> list[float]:
        b, i, cm, ce, hm, he, other = y
        drive = i * i / (i * i + v["b"] ** 2)
        space = max(0.0, 1 - (b + ce + cm + he + hm + other) / v["l"])
        cd8, cd4 = v["a_1"] * b * cm * (1 + v["a_2"] * he) * drive, v["a_3"] * b * hm * drive
        return [
            v["r_1"] * b * (1 - b / v["k"]) - v["d_1"] * b * ce,
            v["p_0"] + v["p_1"] * b * (ce + he) - v["d_2"] * i - v["D"],
            v["r_2"] * cm * space - cd8,
            copies * cd8 - v["d_3"] * ce,
            v["r_3"] * hm * space - cd4,
            copies * cd4 - v["d_4"] * he,
            v["p_2"] + v["r_4"] * other * space - v["d_5"] * other,
        ]

    start = START | dict(initial or {})
    y = integrate(slope, list(start.values()), times, atol=1e-11)
    return dict(zip(start, y.T, strict=True))


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
