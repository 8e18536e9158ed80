"""Owens, Bozic 2021 by SciPy, tumour and own effectors in logarithms. `python -m tests.reference.owens_bozic2021` prints the figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {"owens-bozic2021": np.linspace(-4, 60, 257)}


def solve(_name: str, times: npt.ArrayLike, chemo: float = 6.0, dying: float = 0.293) -> dict[str, Floats]:
    def slope(_t: float, y: Floats) -> list[float]:
        tumour, own, c, m = np.exp(y[0]), np.exp(y[1]), max(y[2], 0.0), y[3]
        by_own = 2.03 / (0.305 * (tumour / own) ** 1.395 + 1)
        by_car = 2.25 / (0.305 * (tumour / c) ** 1.395 + 1) if c > 0 else 0.0
        full = np.log((own + c) / 1.65e9)
        signal = [(x * tumour) ** 2 / (2.019e5 + (x * tumour) ** 2) for x in (by_own, by_car)]
        poison = 1 - np.exp(-m)
        return [
            0.255 * (1 - tumour / 2e12) - by_own - by_car - 0.7 * poison,
            1.4e3 / own - 0.007 - 0.011 * full * signal[0] - 3.42e-11 * tumour - 0.6 * poison,
            c * (-dying - 0.242 * full * signal[1] - 3.0e-11 * tumour - 0.6 * poison),
            -0.9 * m,
        ]

    def poison(y: Floats) -> None:
        y[3] += chemo

    def infuse(y: Floats) -> None:
        y[2] += 2.5e8

    start = [np.log(5e9), np.log(4e5), 0.0, 0.0]
    y = integrate(slope, start, times, [(-4.0, poison), (0.0, infuse)], atol=[1e-10, 1e-10, 1e-3, 1e-12])
    return {"T": np.exp(y[:, 0]), "E": np.exp(y[:, 1]), "C": y[:, 2], "M": y[:, 3]}


def headlines(_name: str = "owens-bozic2021") -> dict[str, float]:
    runs = {
        "with": (6.0, 0.293),
        "without": (0.0, 0.293),
        "with_other": (6.0, 0.0293),
        "without_other": (0.0, 0.0293),
    }
    return {f"tumour_{key}": float(solve("", [-4, 60], *given)["T"][-1]) for key, given in runs.items()}


if __name__ == "__main__":
    print(headlines())
