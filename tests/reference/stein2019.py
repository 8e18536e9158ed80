"""Stein 2019 in closed form: E grows to the peak and declines, M is what it feeds. `python -m tests.reference.stein2019` prints the figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
VALUES = {"fold": 3900.0, "T_max": 9.3, "C_max": 24000.0, "alpha": 0.16, "F_B": 0.0079, "beta": 0.0032}
GRID = {"stein2019": np.linspace(0, 365, 731)}


def solve(
    _name: str,
    times: npt.ArrayLike,
    parameters: Mapping[str, float] | None = None,
    initial: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    assert not initial
    v = VALUES | dict(parameters or {})
    t = np.asarray(times, float)
    since = np.maximum(t - v["T_max"], 0.0)
    rise = v["C_max"] / v["fold"] * np.exp(np.log(v["fold"]) / v["T_max"] * np.minimum(t, v["T_max"]))
    memory = v["F_B"] * v["C_max"] * (np.exp(-v["beta"] * since) - np.exp(-v["alpha"] * since))
    return {"E": rise * np.exp(-v["alpha"] * since), "M": memory}


def headlines(_name: str = "stein2019") -> dict[str, float]:
    level = solve("stein2019", [1, 2, VALUES["T_max"]])
    return {
        "doubling_time": float(np.log(2) / np.log(level["E"][1] / level["E"][0])),
        "fast_half_life": np.log(2) / VALUES["alpha"],
        "slow_half_life": np.log(2) / VALUES["beta"],
        "peak": float(level["E"][2]),
    }


if __name__ == "__main__":
    print(headlines())
