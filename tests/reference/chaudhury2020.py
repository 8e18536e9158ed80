"""Chaudhury 2020 by SciPy. `python -m tests.reference.chaudhury2020` prints the figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {
    "chaudhury2020-lotka-volterra": np.linspace(0, 200, 801),
    "chaudhury2020-saturating": np.linspace(0, 200, 401),
}


def solve(name: str, times: npt.ArrayLike) -> dict[str, Floats]:
    if name.endswith("volterra"):

        def orbit(_t: float, y: Floats) -> list[float]:  # in logarithms
            e, u = np.exp(y)
            return [0.0018 * u - 0.16, 0.15 - 1.5e-4 * e]

        return dict(zip("EU", np.exp(integrate(orbit, np.log([10, 900]), times, atol=1e-10).T), strict=True))

    rising = [True]

    def slope(_t: float, y: Floats) -> list[float]:
        e, p, u = y
        switch = 1 / (1 + (0.1 / u) ** 3) if u > 0 else 0.0
        growth = switch * 0.2 * u * (np.log(1000) - np.log(u)) / np.log(1000) if u > 0 else 0.0
        tumour = growth - 0.35 * e * u / (10 + e + u)
        if rising[0]:
            return [8.8 * e * u / (1 + e + u), 0.0, tumour]
        return [-(0.0012 + 0.16) * e, 0.0012 * e - 0.0032 * p, tumour]

    def peak(_y: Floats) -> None:
        rising[0] = False

    y = integrate(slope, [10, 0, 900], times, [(9.3, peak)], atol=1e-12)
    return dict(zip("EPU", y.T, strict=True))


def headlines(name: str) -> dict[str, float]:
    if name.endswith("volterra"):
        run = solve(name, np.linspace(0, 200, 2001))
        e, u = run["E"], run["U"]
        conserved = 0.0018 * u - 0.16 * np.log(u) + 1.5e-4 * e - 0.15 * np.log(e)
        return {"drift": float(abs(conserved / conserved[0] - 1).max())}
    return {"tumour_100": float(solve(name, [0, 100])["U"][-1])}


if __name__ == "__main__":
    for one in GRID:
        print(one, headlines(one))
