"""Liu 2022 by SciPy, blasts in logarithms. `python -m tests.reference.liu2022` prints the figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import day_of
from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {"liu2022-remission": np.linspace(0, 90, 361), "liu2022-negative-relapse": np.linspace(0, 250, 501)}
BURDEN = {"most": 97.19, "half": 1909.0}
REMISSION = {"r_P": 0.069, "r_A": 1.62, "l_A": 0.12, "l_I": 3e-5, "n_C": 2939.1, "e": 22.72, "k_A": 0.65}
REMISSION |= {"K_P": 5891.45, "K_r": 637.64, "K_A": 1808.02} | BURDEN
RELAPSE = {"r_P": 0.086, "r_A": 1.70, "l_A": 0.04, "l_I": 0.073, "n_C": 19988.53, "e": 8.6, "k_A": 0.19}
RELAPSE |= {
    "K_P": 794.99,
    "K_r": 827.08,
    "K_A": 93066.8,
    "r_Q": 0.10,
    "k_m": 0.0,
    "k_b": 7.9,
    "K_Q": 5956.03,
} | BURDEN
VALUES = {"liu2022-remission": REMISSION, "liu2022-negative-relapse": RELAPSE}
START = {
    "liu2022-remission": {"P": 2200.24, "A": 0.0, "I": 16.46},
    "liu2022-negative-relapse": {"P": 17212.23022, "A": 0.0, "I": 0.3, "Q": 19.89},
}


def solve(
    name: str,
    times: npt.ArrayLike,
    parameters: Mapping[str, float] | None = None,
    initial: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    v = VALUES[name] | dict(parameters or {})
    start = START[name] | dict(initial or {})
    negative = "Q" in start

    def slope(_t: float, y: Floats) -> list[float]:
        blasts, a, i = np.exp(y[0]), y[1], y[2]
        woken = v["k_A"] * blasts / (blasts + v["K_A"]) * i
        slopes = [
            v["r_P"] * (1 - blasts / v["n_C"]) - v["e"] * a / (blasts + v["K_P"]),
            v["r_A"] * blasts / (blasts + v["K_r"]) * a + woken - v["l_A"] * a,
            -woken - v["l_I"] * i,
        ]
        if negative:
            without = np.exp(y[3])
            slopes.append(
                v["r_Q"] * (1 - without / v["n_C"])
                + v["k_m"] * blasts / without
                - v["e"] / v["k_b"] * a / (without + v["K_Q"])
            )
        return slopes

    first = [np.log(x) if key in "PQ" else x for key, x in start.items()]
    y = integrate(slope, first, times, atol=1e-11)
    found = {key: np.exp(column) if key in "PQ" else column for key, column in zip(start, y.T, strict=True)}
    blasts = found["P"] + found.get("Q", 0.0)
    return {**found, "burden": v["most"] * blasts / (blasts + v["half"])}


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
    other = solve(name, days, {"K_Q": 16956.03})["burden"]
    return {
        "remission_day": day_of(days, burden, 5.0, rising=False),
        "relapse_day": day_of(days, burden, 5.0, rising=True, after=20),
        "relapse_day_other": day_of(days, other, 5.0, rising=True, after=20),
    }


if __name__ == "__main__":
    for one in GRID:
        print(one, headlines(one))
