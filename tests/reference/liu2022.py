"""Liu 2022 by SciPy, blasts in logarithms. `python -m tests.reference.liu2022` prints the figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import day_of
from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {"liu2022-remission": np.linspace(0, 90, 361), "liu2022-negative-relapse": np.linspace(0, 250, 501)}


def solve(name: str, times: npt.ArrayLike, other: float = 5956.03) -> dict[str, Floats]:
    negative = name.endswith("relapse")
    if negative:
        growth, division, lost, gone, most, kill = 0.086, 1.70, 0.04, 0.073, 19988.53, 8.6
        active, half_kill, half_divide, half_active = 0.19, 794.99, 827.08, 93066.8
    else:
        growth, division, lost, gone, most, kill = 0.069, 1.62, 0.12, 3e-5, 2939.1, 22.72
        active, half_kill, half_divide, half_active = 0.65, 5891.45, 637.64, 1808.02

    def slope(_t: float, y: Floats) -> list[float]:
        blasts, a, i = np.exp(y[0]), y[1], y[2]
        woken = active * blasts / (blasts + half_active) * i
        slopes = [
            growth * (1 - blasts / most) - kill * a / (blasts + half_kill),
            division * blasts / (blasts + half_divide) * a + woken - lost * a,
            -woken - gone * i,
        ]
        if negative:
            without = np.exp(y[3])
            slopes.append(0.10 * (1 - without / most) - kill / 7.9 * a / (without + other))
        return slopes

    start = [np.log(17212.23022), 0.0, 0.3, np.log(19.89)] if negative else [np.log(2200.24), 0.0, 16.46]
    y = integrate(slope, start, times, atol=1e-11)
    found = {"P": np.exp(y[:, 0]), "A": y[:, 1], "I": y[:, 2]}
    blasts = found["P"].copy()
    if negative:
        found["Q"] = np.exp(y[:, 3])
        blasts += found["Q"]
    return {**found, "burden": 97.19 * blasts / (blasts + 1909)}


def headlines(name: str) -> dict[str, float]:
    if name.endswith("remission"):
        days = np.linspace(0, 90, 9001)
        run = solve(name, days)
        return {
            "remission_day": day_of(days, run["burden"], 5.0, rising=False),
            "burden_90": float(run["burden"][-1]),
            "peak": float(run["A"].max()),
        }
    days = np.linspace(0, 250, 25001)
    burden = solve(name, days)["burden"]
    return {
        "remission_day": day_of(days, burden, 5.0, rising=False),
        "relapse_day": day_of(days, burden, 5.0, rising=True, after=20),
        "relapse_day_other": day_of(days, solve(name, days, 16956.03)["burden"], 5.0, rising=True, after=20),
    }


if __name__ == "__main__":
    for one in GRID:
        print(one, headlines(one))
