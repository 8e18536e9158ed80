"""Stein 2019 in closed form: E grows to the peak and declines, M is what it feeds. `python -m tests.reference.stein2019` prints the figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FOLD, T_MAX, C_MAX, ALPHA, F_B, BETA = 3900.0, 9.3, 24000.0, 0.16, 0.0079, 0.0032
GRID = {"stein2019": np.linspace(0, 365, 731)}


def solve(_name: str, times: npt.ArrayLike) -> dict[str, npt.NDArray[np.float64]]:
    t = np.asarray(times, float)
    since = np.maximum(t - T_MAX, 0.0)
    rise = C_MAX / FOLD * np.exp(np.log(FOLD) / T_MAX * np.minimum(t, T_MAX))
    memory = F_B * C_MAX * (np.exp(-BETA * since) - np.exp(-ALPHA * since))
    return {"E": rise * np.exp(-ALPHA * since), "M": memory}


def headlines(_name: str = "stein2019") -> dict[str, float]:
    level = solve("stein2019", [1, 2, T_MAX])
    return {
        "doubling_time": float(np.log(2) / np.log(level["E"][1] / level["E"][0])),
        "fast_half_life": np.log(2) / ALPHA,
        "slow_half_life": np.log(2) / BETA,
        "peak": float(level["E"][2]),
    }


if __name__ == "__main__":
    print(headlines())
