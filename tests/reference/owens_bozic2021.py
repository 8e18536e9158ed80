"""Owens, Bozic 2021 by SciPy, tumour and own effectors in logarithms. `python -m tests.reference.owens_bozic2021` prints the figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tests.reference.integrate import solve as integrate

Floats = npt.NDArray[np.float64]
GRID = {"owens-bozic2021": np.linspace(-4, 60, 257)}
START = {"T": 5e9, "E": 4e5, "C": 0.0, "M": 0.0}
VALUES = {
    "a": 0.255,
    "b": 1 / 2e12,
    "d_E": 2.03,
    "d_C": 2.25,
    "s": 0.305,
    "l": 1.395,
    "g": 1.4e3,
    "j_E": 0.011,
}
VALUES |= {"j_C": 0.242, "K": 1.65e9, "k": 2.019e5, "m_E": 0.007, "q_E": 3.42e-11, "q_C": 3.0e-11, "K_T": 0.7}
VALUES |= {"K_E": 0.6, "K_C": 0.6, "gamma": 0.9, "m_C": 0.293, "dose": 2.5e8, "chemotherapy": 6.0}
VALUES |= {"chemotherapy_day": -4.0}


def solve(
    _name: str,
    times: npt.ArrayLike,
    parameters: Mapping[str, float] | None = None,
    initial: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    v = VALUES | dict(parameters or {})

    def slope(_t: float, y: Floats) -> list[float]:
        tumour, own, c, m = np.exp(y[0]), np.exp(y[1]), max(y[2], 0.0), y[3]
        by_own = v["d_E"] / (v["s"] * (tumour / own) ** v["l"] + 1)
        by_car = v["d_C"] / (v["s"] * (tumour / c) ** v["l"] + 1) if c > 0 else 0.0
        full = np.log((own + c) / v["K"])
        signal = [(x * tumour) ** 2 / (v["k"] + (x * tumour) ** 2) for x in (by_own, by_car)]
        poison = 1 - np.exp(-m)
        return [
            v["a"] * (1 - tumour * v["b"]) - by_own - by_car - v["K_T"] * poison,
            v["g"] / own - v["m_E"] - v["j_E"] * full * signal[0] - v["q_E"] * tumour - v["K_E"] * poison,
            c * (-v["m_C"] - v["j_C"] * full * signal[1] - v["q_C"] * tumour - v["K_C"] * poison),
            -v["gamma"] * m,
        ]

    def poison(y: Floats) -> None:
        y[3] += v["chemotherapy"]

    def infuse(y: Floats) -> None:
        y[2] += v["dose"]

    start = START | dict(initial or {})
    first = [np.log(x) if key in "TE" else x for key, x in start.items()]
    pulses = [(v["chemotherapy_day"], poison), (0.0, infuse)]
    y = integrate(slope, first, times, pulses, atol=[1e-10, 1e-10, 1e-3, 1e-12])
    return {"T": np.exp(y[:, 0]), "E": np.exp(y[:, 1]), "C": y[:, 2], "M": y[:, 3]}


def headlines(_name: str = "owens-bozic2021") -> dict[str, float]:
    runs = {
        "with": (6.0, 0.293),
        "without": (0.0, 0.293),
        "with_other": (6.0, 0.0293),
        "without_other": (0.0, 0.0293),
    }
    return {
        f"tumour_{key}": float(solve("", [-4, 60], {"chemotherapy": chemotherapy, "m_C": death})["T"][-1])
        for key, (chemotherapy, death) in runs.items()
    }


if __name__ == "__main__":
    print(headlines())
