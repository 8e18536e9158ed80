"""Kimmel 2021 by SciPy: T cells by quadrature, the tumour's logarithm with them, extinction by Kendall's law.

A birth-death process with birth r and death m(t) is extinct by t, from one cell, with probability J/(1 + J), J the integral of
m exp(-(ln B(t) - ln B(0))) (Kendall 1948, doi:10.1214/aoms/1177730285). `python -m tests.reference.kimmel2021` prints the figures.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

K_N, K_C, R_N, RHO, A, B, GAMMA, K_B = 500.0, 139.0, 0.17, 0.0251, 0.423, 0.525, 1.15, 4.05
N0, C0, B0 = 6.0, 0.36, 9.486e10
GRID = {"kimmel2021": np.linspace(0, 400, 801)}


def _course(r: float, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows ln N, ln C, ln B/B0, J."""

    def slope(_t: float, y: npt.NDArray[np.float64]) -> list[float]:
        n, c = np.exp(y[0]), np.exp(y[1])
        total = n + c
        away = (total - K_N) ** 2
        growth = RHO + B * away / (A * total**2 + away)
        death = GAMMA * c / (K_B + c)
        return [
            -R_N * np.log(total / K_N),
            -growth * np.log(total / K_C),
            r - death,
            death * np.exp(-y[2]),
        ]

    start = [np.log(N0), np.log(C0), 0.0, 0.0]
    run = solve_ivp(
        slope, (times[0], times[-1]), start, "DOP853", times, rtol=1e-12, atol=1e-12, max_step=0.5
    )
    return np.asarray(run.y)


def solve(_name: str, times: npt.ArrayLike, r: float = 0.10) -> dict[str, npt.NDArray[np.float64]]:
    y = _course(r, np.asarray(times, float))
    return {"N": np.exp(y[0]), "C": np.exp(y[1]), "B": B0 * np.exp(y[2])}


def extinct(r: float, times: npt.ArrayLike = (0, 400)) -> npt.NDArray[np.float64]:
    """Probability that no tumour cell is left by each time."""
    J = _course(r, np.asarray(times, float))[3]
    with np.errstate(divide="ignore"):
        return np.exp(-B0 * np.log1p(1 / J))


def extinct_below(cells: float, r: float) -> float:
    """The same by day 400 when the tumour follows its mean until so many cells are left, and chance from then on."""
    t = np.linspace(0, 400, 400001)
    y = _course(r, t)
    i = int(np.argmax(B0 * np.exp(y[2]) < cells))
    J = (y[3, -1] - y[3, i]) * np.exp(y[2, i])
    return float(np.exp(-cells * np.log1p(1 / J)))


def headlines(_name: str = "kimmel2021") -> dict[str, float]:
    days = np.linspace(0, 400, 40001)
    mean = solve("kimmel2021", days)
    found = {f"car_t_day_{day}": float(mean["C"][day * 100]) for day in (7, 14, 28, 90)}
    late = np.log(solve("kimmel2021", [0, 900, 1000])["C"])
    found["terminal_slope"] = float((late[2] - late[1]) / 100)
    found |= {f"extinct_{round(100 * r):03d}": float(extinct(r)[-1]) for r in (0.05, 0.08, 0.10, 0.11, 0.13)}
    found |= {f"extinct_{round(100 * r):03d}_below_100": extinct_below(100, r) for r in (0.10, 0.13)}
    share = extinct(0.08, days)
    found["median_extinction_008"] = float(days[np.searchsorted(share, share[-1] / 2)])
    low = int(mean["B"].argmin())
    found["progression_010"] = float(days[low + np.searchsorted(mean["B"][low:], 1.2 * B0)])
    return found


if __name__ == "__main__":
    print(headlines())
