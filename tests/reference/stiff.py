"""Stiff problems of the ODE literature by SciPy. `python -m tests.reference.stiff` prints their solutions beside the published ones.

ROBER (Robertson 1966), HIRES (Schaefer 1975), VDPOL (van der Pol, scaled), OREGO (Field and Noyes 1974) and POLLU (Verwer 1994) as in
Mazzia and Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (2008), and Hairer and Wanner, Solving Ordinary
Differential Equations II (2nd ed. 1996), doi:10.1007/978-3-642-05221-7, sections IV.1 and IV.10. Radau at 1e-12 with the Jacobian by finite
differences; `PUBLISHED` are the reference solutions of these sources.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """Right-hand side, start, end, and the solution there as it was published."""

    slope: Callable[[float, Floats], list[float]]
    start: tuple[float, ...]
    end: float
    published: tuple[float, ...]
    least: float
    """Absolute tolerance: below the smallest component that counts."""


def rober(_t: float, y: Floats) -> list[float]:
    slow, fast, medium = 0.04 * y[0], 3e7 * y[1] ** 2, 1e4 * y[1] * y[2]
    return [medium - slow, slow - medium - fast, fast]


def hires(_t: float, y: Floats) -> list[float]:
    y1, y2, y3, y4, y5, y6, y7, y8 = y
    return [
        -1.71 * y1 + 0.43 * y2 + 8.32 * y3 + 0.0007,
        1.71 * y1 - 8.75 * y2,
        -10.03 * y3 + 0.43 * y4 + 0.035 * y5,
        8.32 * y2 + 1.71 * y3 - 1.12 * y4,
        -1.745 * y5 + 0.43 * y6 + 0.43 * y7,
        -280.0 * y6 * y8 + 0.69 * y4 + 1.71 * y5 - 0.43 * y6 + 0.69 * y7,
        280.0 * y6 * y8 - 1.81 * y7,
        -280.0 * y6 * y8 + 1.81 * y7,
    ]


def vdpol(_t: float, y: Floats) -> list[float]:
    return [y[1], ((1.0 - y[0] ** 2) * y[1] - y[0]) * 1e6]


def orego(_t: float, y: Floats) -> list[float]:
    return [
        77.27 * (y[1] + y[0] * (1.0 - 8.375e-6 * y[0] - y[1])),
        (y[2] - (1.0 + y[0]) * y[1]) / 77.27,
        0.161 * (y[0] - y[2]),
    ]


POLLU_REACTIONS: tuple[tuple[float, tuple[int, ...], tuple[int, ...]], ...] = (
    (0.35, (1,), (2, 3)),
    (26.6, (2, 4), (1,)),
    (1.23e4, (5, 2), (1, 6)),
    (8.6e-4, (7,), (5, 5, 8)),
    (8.2e-4, (7,), (8,)),
    (1.5e4, (7, 6), (5, 8)),
    (1.3e-4, (9,), (5, 8, 10)),
    (2.4e4, (9, 6), (11,)),
    (1.65e4, (11, 2), (1, 10, 12)),
    (9.0e3, (11, 1), (13,)),
    (2.2e-2, (13,), (11, 1)),
    (1.2e4, (10, 2), (1, 14)),
    (1.88, (14,), (5, 7)),
    (1.63e4, (1, 6), (15,)),
    (4.8e6, (3,), (4,)),
    (3.5e-4, (4,), (16,)),
    (1.75e-2, (4,), (3,)),
    (1.0e8, (16,), (6, 6)),
    (4.44e11, (16,), (3,)),
    (1.24e3, (17, 6), (5, 18)),
    (2.1, (19,), (2,)),
    (5.78, (19,), (1, 3)),
    (4.74e-2, (1, 4), (19,)),
    (1.78e3, (19, 1), (20,)),
    (3.12, (20,), (1, 19)),
)
"""Air pollution: rate constant, species that react, species that come; numbered from one."""


def pollu(_t: float, y: Floats) -> list[float]:
    found = np.zeros(20)
    for constant, used, made in POLLU_REACTIONS:
        rate = constant
        for one in used:
            rate *= y[one - 1]
        for one in used:
            found[one - 1] -= rate
        for one in made:
            found[one - 1] += rate
    return list(found)


_AIR = np.zeros(20)
_AIR[[1, 3, 6, 7, 8, 16]] = [0.2, 0.04, 0.1, 0.3, 0.01, 0.007]

PROBLEMS = {
    "ROBER": Problem(
        rober,
        (1.0, 0.0, 0.0),
        1e11,
        (0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050),
        1e-22,
    ),
    "HIRES": Problem(
        hires,
        (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057),
        321.8122,
        (
            0.7371312573325668e-3,
            0.1442485726316185e-3,
            0.5888729740967575e-4,
            0.1175651343283149e-2,
            0.2386356198831331e-2,
            0.6238968252742796e-2,
            0.2849998395185769e-2,
            0.2850001604814231e-2,
        ),
        1e-15,
    ),
    "VDPOL": Problem(vdpol, (2.0, 0.0), 2.0, (0.1706167732170483e1, -0.8928097010247975e0), 1e-13),
    "OREGO": Problem(
        orego,
        (1.0, 2.0, 3.0),
        360.0,
        (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3),
        1e-12,
    ),
    "POLLU": Problem(
        pollu,
        tuple(_AIR.tolist()),
        60.0,
        (
            0.5646255480022769e-1,
            0.1342484130422339,
            0.4139734331099427e-8,
            0.5523140207484359e-2,
            0.2018977262302196e-6,
            0.1464541863493966e-6,
            0.7784249118997964e-1,
            0.3245075353396018,
            0.7494013383880406e-2,
            0.1622293157301561e-7,
            0.1135863833257075e-7,
            0.2230505975721359e-2,
            0.2087162882798630e-3,
            0.1396921016840158e-4,
            0.8964884856898295e-2,
            0.4352846369330103e-17,
            0.6899219696263405e-2,
            0.1007803037365946e-3,
            0.1772146513969984e-5,
            0.5682943292316392e-4,
        ),
        1e-26,
    ),
}


def solve(name: str) -> Floats:
    """Return the solution at the end, by Radau at 1e-12."""
    one = PROBLEMS[name]
    run = solve_ivp(one.slope, (0.0, one.end), one.start, "Radau", rtol=1e-12, atol=one.least)
    assert run.status == 0, run.message
    return np.asarray(run.y[:, -1])


if __name__ == "__main__":
    for label, problem in PROBLEMS.items():
        ours, theirs = solve(label), np.array(problem.published)
        print(f"{label}: SciPy and the publication differ by {abs(ours / theirs - 1.0).max():.1e} at most")
        print(" ", ours.tolist())
