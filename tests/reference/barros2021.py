"""Barros 2021, CARTmath, by SciPy. `python -m tests.reference.barros2021` prints the figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
SLOW = {"phi": 0.265, "rho": 0.350, "theta": 6e-6, "alpha": 4.5e-8, "epsilon": 0.150, "mu": 5e-3}
SLOW |= {
    "r": 5.650026e-2,
    "b": 1.404029e-12,
    "gamma": 3.715843e-6,
    "dose": 2e6,
    "dose_day": 42.0,
    "least": 1e-6,
}
SLOW |= {"rechallenge": 1e6, "rechallenge_day": np.inf}
FAST = {
    "phi": 0.83,
    "rho": 0.8300536,
    "theta": 2.3e-4,
    "alpha": 1.248506e-8,
    "epsilon": 1.59795,
    "mu": 6.89e-7,
}
FAST |= {"r": 5.071721e-1, "b": 0.0, "gamma": 3.365388e-8, "dose": 1e7, "dose_day": 7.0, "least": 1e-6}
FAST |= {"rechallenge": 0.0, "rechallenge_day": np.inf}
VALUES = {"barros2021-hdlm2": SLOW, "barros2021-raji": FAST}
START = {
    "barros2021-hdlm2": {"E": 0.0, "M": 0.0, "T": 2e6},
    "barros2021-raji": {"E": 0.0, "M": 0.0, "T": 3e6},
}
GRID = {"barros2021-hdlm2": np.linspace(0, 300, 601), "barros2021-raji": np.linspace(0, 21, 211)}


def solve(
    name: str,
    times: npt.ArrayLike,
    parameters: Mapping[str, float] | None = None,
    initial: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    v = VALUES[name] | dict(parameters or {})
    start = START[name] | dict(initial or {})

    def slope(_t: float, y: Floats) -> list[float]:
        e, m, t = y
        return [
            (v["phi"] - v["rho"]) * e + v["theta"] * t * m - v["alpha"] * t * e,
            v["epsilon"] * e - v["theta"] * t * m - v["mu"] * m,
            v["r"] * t * (1 - v["b"] * t) - v["gamma"] * e * t,
        ]

    def inject(y: Floats) -> None:
        y[0] += v["dose"]

    def give_again(y: Floats) -> None:
        y[2] += v["rechallenge"]

    def none_left(number: int, y: Floats) -> None:
        y[number] = 0.0

    pulses = [(v["dose_day"], inject), (v["rechallenge_day"], give_again)]
    watched = [(unknown, v["least"]) for unknown in range(3)]
    y = integrate(slope, list(start.values()), times, pulses, watched, none_left, atol=1e-10)
    return dict(zip("EMT", y.T, strict=True))


def headlines(name: str) -> dict[str, float]:
    if name.endswith("hdlm2"):
        doses = {"15e5": 1.5e6, "5e5": 5e5, "2e5": 2e5}
        found = {
            f"tumour_{key}": float(solve(name, [0, 300], {"dose": n})["T"][-1]) for key, n in doses.items()
        }
        again = solve(name, [0, 300], {"rechallenge_day": 250.0})
        return {**found, "tumour_rechallenge": float(again["T"][-1])}
    alphas = {"plain": 1.248506e-8, "ido": 1.461699e-8, "ido_1mt": 1.261662e-8}
    return {f"tumour_{key}": float(solve(name, [0, 14], {"alpha": x})["T"][-1]) for key, x in alphas.items()}


if __name__ == "__main__":
    for one in GRID:
        print(one, headlines(one))
