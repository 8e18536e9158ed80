"""Kimmel 2021 by SciPy: T cells by quadrature, the tumour's logarithm with them, extinction by Kendall's law.

A birth-death process with birth r and death m(t) is extinct by t, from one cell, with probability J/(1 + J), J the integral of
m exp(-(ln B(t) - ln B(0))) (Kendall 1948, doi:10.1214/aoms/1177730285). `python -m tests.reference.kimmel2021` prints the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

Floats = npt.NDArray[np.float64]
VALUES = {"K_N": 500.0, "K_C": 139.0, "r_N": 0.17, "rho_C": 0.0251, "a": 0.423, "b": 0.525, "r_B": 0.105}
VALUES |= {"gamma_B": 1.15, "k_B": 4.05}
START = {"N": 6.0, "C": 0.36, "B": 9.486e10}
GRID = {"kimmel2021": np.linspace(0, 400, 801)}
GROWTH = {"slow": 0.105, "medium": 0.19, "fast": 0.265}
SMALLEST, LARGEST = 2.3e9, 1.3e12


def _slope(v: Mapping[str, Any], y: Any) -> list[Any]:
    """Slopes of ln N, ln C, ln B/B0, J."""
    n, c = np.exp(y[0]), np.exp(y[1])
    total = n + c
    away = (total - v["K_N"]) ** 2
    growth = v["rho_C"] + v["b"] * away / (v["a"] * total**2 + away)
    death = v["gamma_B"] * c / (v["k_B"] + c)
    return [
        -v["r_N"] * np.log(total / v["K_N"]),
        -growth * np.log(total / v["K_C"]),
        v["r_B"] - death,
        death * np.exp(-y[2]),
    ]


def _course(values: Mapping[str, float], start: Mapping[str, float], times: Floats) -> Floats:
    first = [np.log(start["N"]), np.log(start["C"]), 0.0, 0.0]
    run = solve_ivp(
        lambda _t, y: _slope(values, y),
        (times[0], times[-1]),
        first,
        "DOP853",
        times,
        rtol=1e-12,
        atol=1e-12,
        max_step=0.5,
    )
    return np.asarray(run.y)


def solve(
    _name: str,
    times: npt.ArrayLike,
    parameters: Mapping[str, float] | None = None,
    initial: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    start = START | dict(initial or {})
    y = _course(VALUES | dict(parameters or {}), start, np.asarray(times, float))
    return {"N": np.exp(y[0]), "C": np.exp(y[1]), "B": start["B"] * np.exp(y[2])}


def extinct(
    parameters: Mapping[str, float], times: npt.ArrayLike = (0, 400), cells: float = START["B"]
) -> Floats:
    """Probability that no tumour cell is left by each time."""
    J = _course(VALUES | dict(parameters), START, np.asarray(times, float))[3]
    with np.errstate(divide="ignore"):
        return np.exp(-cells * np.log1p(1 / J))


def extinct_below(cells: float, parameters: Mapping[str, float]) -> float:
    """The same by day 400 when the tumour follows its mean until so many cells are left, and chance from then on."""
    t = np.linspace(0, 400, 400001)
    y = _course(VALUES | dict(parameters), START, t)
    i = int(np.argmax(START["B"] * np.exp(y[2]) < cells))
    J = (y[3, -1] - y[3, i]) * np.exp(y[2, i])
    return float(np.exp(-cells * np.log1p(1 / J)))


def patients(r: float, number: int = 1000) -> dict[str, Floats]:
    """Parameters of patients, each a normal variate about its value, standard deviation 5 %; the same deviations for every r."""
    mean = VALUES | {"r_B": r}
    apart = np.random.default_rng(1).normal(size=(len(mean), number))
    return {name: mean[name] * (1 + 0.05 * z) for name, z in zip(sorted(mean), apart, strict=True)}


def extinct_each(parameters: Mapping[str, Floats], step: float = 0.1) -> Floats:
    """Probability of extinction by day 400 of each patient, by the classical Runge-Kutta rule for all at once."""
    number = len(parameters["r_B"])
    y = np.array(
        [np.full(number, np.log(START["N"])), np.full(number, np.log(START["C"])), *np.zeros((2, number))]
    )

    def slope(state: Floats) -> Floats:
        return np.array(_slope(parameters, state))

    for _ in range(round(400 / step)):
        first = slope(y)
        second = slope(y + step / 2 * first)
        third = slope(y + step / 2 * second)
        y = y + step / 6 * (first + 2 * second + 2 * third + slope(y + step * third))
    return np.exp(-START["B"] * np.log1p(1 / y[3]))


def headlines(_name: str = "kimmel2021") -> dict[str, float]:
    days = np.linspace(0, 400, 40001)
    mean = solve("", days)
    found = {f"car_t_day_{day}": float(mean["C"][day * 100]) for day in (7, 14, 28, 90)}
    found["retained_day_90"] = found["car_t_day_90"] / START["C"]
    found["car_t_day_90_program"] = float(solve("", [0, 90], {"rho_C": 0.037})["C"][-1])
    late = np.log(solve("", [0, 900, 1000])["C"])
    found["terminal_slope"] = float((late[2] - late[1]) / 100)
    slow, medium = ({"r_B": GROWTH[speed]} for speed in ("slow", "medium"))
    found["extinct_slow_min"] = float(extinct(slow, cells=SMALLEST)[-1])
    found["extinct_slow"] = float(extinct(slow)[-1])
    found["extinct_slow_max"] = float(extinct(slow, cells=LARGEST)[-1])
    found["extinct_medium_min"] = float(extinct(medium, cells=SMALLEST)[-1])
    found["extinct_slow_below_100"] = extinct_below(100, slow)
    found |= {f"spread_{speed}": float(extinct_each(patients(r)).mean()) for speed, r in GROWTH.items()}
    early, middle, late_day, end = extinct(slow, [0, 20, 80, 140, 400])[1:]
    found["early_extinctions"] = float((middle - early) / end)
    found["late_extinctions"] = float(1 - late_day / end)
    for speed, r in GROWTH.items():
        tumour = solve("", days, {"r_B": r})["B"]
        low = int(tumour.argmin())
        found[f"progression_{speed}"] = float(days[low + np.searchsorted(tumour[low:], 1.2 * START["B"])])
    return found


if __name__ == "__main__":
    print(headlines())
