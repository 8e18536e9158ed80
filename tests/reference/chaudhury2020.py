"""Chaudhury 2020 by SciPy. `python -m tests.reference.chaudhury2020` prints the figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {
    "chaudhury2020-lotka-volterra": np.linspace(0, 200, 801),
    "chaudhury2020-saturating": np.linspace(0, 200, 401),
}
VALUES = {
    "chaudhury2020-lotka-volterra": {"rho": 0.0018, "k_E": 0.16, "g": 0.15, "d": 1.5e-4},
    "chaudhury2020-saturating": {
        "rho": 8.8,
        "K_r": 1.0,
        "k_E": 0.16,
        "k_P": 0.0012,
        "beta": 0.0032,
        "T_max": 9.3,
        "g": 0.2,
        "U_max": 1000.0,
        "d": 0.35,
        "K_d": 10.0,
        "U_crit": 0.1,
        "h": 3.0,
    },
}


def solve(
    name: str,
    times: npt.ArrayLike,
    parameters: Mapping[str, float] | None = None,
    initial: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    assert not initial
    v = VALUES[name] | dict(parameters or {})
    if name.endswith("volterra"):

        def orbit(_t: float, y: Floats) -> list[float]:  # in logarithms
            e, u = np.exp(y)
            return [v["rho"] * u - v["k_E"], v["g"] - v["d"] * e]

        return dict(zip("EU", np.exp(integrate(orbit, np.log([10, 900]), times, atol=1e-10).T), strict=True))

    rising = [True]
    most = np.log(v["U_max"])

    def slope(_t: float, y: Floats) -> list[float]:
        e, p, u = y
        switch = 1 / (1 + (v["U_crit"] / u) ** v["h"]) if u > 0 else 0.0
        growth = switch * v["g"] * u * (most - np.log(u)) / most if u > 0 else 0.0
        tumour = growth - v["d"] * e * u / (v["K_d"] + e + u)
        if rising[0]:
            return [v["rho"] * e * u / (v["K_r"] + e + u), 0.0, tumour]
        return [-(v["k_P"] + v["k_E"]) * e, v["k_P"] * e - v["beta"] * p, tumour]

    def peak(_y: Floats) -> None:
        rising[0] = False

    y = integrate(slope, [10, 0, 900], times, [(v["T_max"], peak)], atol=1e-12)
    return dict(zip("EPU", y.T, strict=True))


def headlines(name: str) -> dict[str, float]:
    if name.endswith("volterra"):
        run, v = solve(name, np.linspace(0, 200, 2001)), VALUES[name]
        e, u = run["E"], run["U"]
        conserved = v["rho"] * u - v["k_E"] * np.log(u) + v["d"] * e - v["g"] * np.log(e)
        return {"drift": float(abs(conserved / conserved[0] - 1).max())}
    return {"tumour_100": float(solve(name, [0, 100])["U"][-1])}


if __name__ == "__main__":
    for one in GRID:
        print(one, headlines(one))
