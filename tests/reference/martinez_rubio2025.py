"""Martinez-Rubio 2025 by SciPy, in cells/uL. `python -m tests.reference.martinez_rubio2025` prints the figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import solve as integrate

ONE_CELL = 2e-7
GRID = {"martinez-rubio2025": np.linspace(0, 400, 401)}


def solve(
    _name: str, times: npt.ArrayLike, share: float = 1.0, antigen: float = np.nan
) -> dict[str, npt.NDArray[np.float64]]:
    runs = {"C": 1.0, "B": 1.0}  # 0 once a population is below one cell

    def slope(_t: float, y: npt.NDArray[np.float64]) -> list[float]:
        n, c, b = y
        away = (n + c - 500.0) ** 2
        signal = share * away / (0.423 * (n + c) ** 2 + away)
        if share < 1:
            signal += (1 - share) * b * b / (b * b + antigen)
        return [
            -0.17 * n * np.log((n + c) / 500.0),
            -(0.0251 + 0.525 * signal) * c * np.log((n + c) / 139.0) * runs["C"],
            (0.10 * b - 1.15 * b * c / (4.05 + c)) * runs["B"],
        ]

    def stop(number: int, state: npt.NDArray[np.float64]) -> None:
        del state
        runs["CB"[number]] = 0.0

    start = [6.0, 0.36, 94.86e8 / 5e6]
    y = integrate(slope, start, times, (), [(1, ONE_CELL), (2, ONE_CELL)], stop, atol=1e-13)
    return {"N": y[:, 0], "C": y[:, 1], "B": y[:, 2]}


def headlines(_name: str = "martinez-rubio2025") -> dict[str, Any]:
    return {"car_t_day_7": float(solve("", [0, 7])["C"][-1])}


if __name__ == "__main__":
    print(headlines())
