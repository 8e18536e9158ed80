"""Barros 2021, CARTmath, by SciPy. `python -m tests.reference.barros2021` prints the figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {"barros2021-hdlm2": np.linspace(0, 300, 601), "barros2021-raji": np.linspace(0, 21, 211)}
LEAST = 1e-6


def solve(
    name: str,
    times: npt.ArrayLike,
    dose: float | None = None,
    alpha: float | None = None,
    rechallenge: float = np.inf,
) -> dict[str, Floats]:
    slow = name.endswith("hdlm2")
    division, loss, back = (0.265, 0.350, 6e-6) if slow else (0.83, 0.8300536, 2.3e-4)
    made, dying = (0.150, 5e-3) if slow else (1.59795, 6.89e-7)
    r, b, kill = (5.650026e-2, 1.404029e-12, 3.715843e-6) if slow else (5.071721e-1, 0.0, 3.365388e-8)
    inhibition = (4.5e-8 if slow else 1.248506e-8) if alpha is None else alpha
    given = (2e6 if slow else 1e7) if dose is None else dose

    def slope(_t: float, y: Floats) -> list[float]:
        e, m, t = y
        return [
            (division - loss) * e + back * t * m - inhibition * t * e,
            made * e - back * t * m - dying * m,
            r * t * (1 - b * t) - kill * e * t,
        ]

    def inject(y: Floats) -> None:
        y[0] += given

    def give_again(y: Floats) -> None:
        y[2] += 1e6

    def none_left(number: int, y: Floats) -> None:
        y[number] = 0.0

    pulses = [(42.0 if slow else 7.0, inject), (rechallenge, give_again)]
    y = integrate(
        slope,
        [0, 0, 2e6 if slow else 3e6],
        times,
        pulses,
        [(0, LEAST), (1, LEAST), (2, LEAST)],
        none_left,
        atol=1e-10,
    )
    return dict(zip("EMT", y.T, strict=True))


def headlines(name: str) -> dict[str, float]:
    if name.endswith("hdlm2"):
        doses = {"15e5": 1.5e6, "5e5": 5e5, "2e5": 2e5}
        found = {f"tumour_{key}": float(solve(name, [0, 300], dose)["T"][-1]) for key, dose in doses.items()}
        found["tumour_rechallenge"] = float(solve(name, [0, 300], rechallenge=250.0)["T"][-1])
        return found
    alphas = {"plain": 1.248506e-8, "ido": 1.461699e-8, "ido_1mt": 1.261662e-8}
    return {
        f"tumour_{key}": float(solve(name, [0, 14], alpha=value)["T"][-1]) for key, value in alphas.items()
    }


if __name__ == "__main__":
    for one in GRID:
        print(one, headlines(one))
