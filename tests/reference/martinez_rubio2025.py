"""Martinez-Rubio 2025 by SciPy, in cells/uL. `python -m tests.reference.martinez_rubio2025` prints the figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {"martinez-rubio2025": np.linspace(0, 400, 401)}
VALUES = {"k_N": 500.0, "k_C": 139.0, "r_N": 0.17, "p_C": 0.0251, "a_H": 0.423, "b": 0.525, "r_B": 0.105}
VALUES |= {"g_B": 1.15, "k_B": 4.05, "one_cell": 2e-7, "share": 1.0, "a_A": 1.0}
START = {"N": 6.0, "C": 0.36, "B": 94.86e8 / 5e6}


def solve(
    _name: str,
    times: npt.ArrayLike,
    parameters: Mapping[str, float] | None = None,
    initial: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    v = VALUES | dict(parameters or {})
    runs = {"C": 1.0, "B": 1.0}  # 0 once a population is below one cell

    def slope(_t: float, y: Floats) -> list[float]:
        n, c, b = y
        away = (n + c - v["k_N"]) ** 2
        homeostatic = away / (v["a_H"] * (n + c) ** 2 + away)
        signal = v["share"] * homeostatic + (1 - v["share"]) * b * b / (b * b + v["a_A"])
        return [
            -v["r_N"] * n * np.log((n + c) / v["k_N"]),
            -(v["p_C"] + v["b"] * signal) * c * np.log((n + c) / v["k_C"]) * runs["C"],
            (v["r_B"] * b - v["g_B"] * b * c / (v["k_B"] + c)) * runs["B"],
        ]

    def stop(number: int, state: Floats) -> None:
        del state
        runs["CB"[number]] = 0.0

    start = START | dict(initial or {})
    y = integrate(
        slope,
        list(start.values()),
        times,
        (),
        [(1, v["one_cell"]), (2, v["one_cell"])],
        stop,
        atol=[1e-10, 1e-13, 1e-13],
    )
    return dict(zip("NCB", y.T, strict=True))


def headlines(_name: str = "martinez-rubio2025") -> dict[str, Any]:
    return {"car_t_day_7": float(solve("", [0, 7])["C"][-1])}


if __name__ == "__main__":
    print(headlines())
