"""Integrate a system of equations with SciPy, from event to event: all that the scripts of this folder share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

Floats = npt.NDArray[np.float64]
Slope = Callable[[float, Floats], Sequence[float]]


def solve(
    slope: Slope,
    start: Sequence[float],
    times: npt.ArrayLike,
    pulses: Sequence[tuple[float, Callable[[Floats], None]]] = (),
    watched: Sequence[tuple[int, float]] = (),
    crossed: Callable[[int, Floats], None] | None = None,
    atol: float | Sequence[float] = 1e-9,
    method: str = "Radau",
) -> Floats:
    """Return the state at each time, shape (times, unknowns), at a relative tolerance of 1e-10.

    `pulses` are times and what happens then, a save at a pulse being after it; `watched` are unknowns with a level, and `crossed` is told
    which one fell through its level. The first time is where the run begins.
    """
    grid = np.asarray(times, float)
    state, now = np.array(start, float), float(grid[0])
    saved = np.full((len(grid), len(state)), np.nan)
    alarms = []
    for unknown, level in watched:

        def alarm(_t: float, y: Floats, unknown: int = unknown, level: float = level) -> float:
            return float(y[unknown] - level)

        alarm.terminal, alarm.direction = True, -1  # type: ignore[attr-defined]
        alarms.append(alarm)
    waiting = sorted((time, number) for number, (time, _) in enumerate(pulses) if time >= now)
    while True:
        while waiting and waiting[0][0] == now:
            pulses[waiting.pop(0)[1]][1](state)
        saved[grid == now] = state
        end = min(waiting[0][0], grid[-1]) if waiting else float(grid[-1])
        if now >= end:
            return saved
        run = solve_ivp(
            slope, (now, end), state, method, rtol=1e-10, atol=atol, dense_output=True, events=alarms or None
        )
        assert run.status >= 0, run.message
        inside = (grid > now) & (grid < run.t[-1])
        if inside.any():
            saved[inside] = run.sol(grid[inside]).T
        now, state = float(run.t[-1]), run.y[:, -1].copy()
        if run.status == 1:
            assert crossed is not None
            number = next(i for i, found in enumerate(run.t_events) if len(found))
            crossed(number, state)


def day_of(times: Floats, values: Floats, level: float, *, rising: bool, after: float = 0.0) -> float:
    """Return when `values` first crosses a level after a time, linear between the points of a dense grid."""
    signs = (values - level) * (1 if rising else -1)
    i = int(np.flatnonzero((signs[1:] >= 0) & (signs[:-1] < 0) & (times[1:] > after))[0])
    return float(times[i] + (times[i + 1] - times[i]) * signs[i] / (signs[i] - signs[i + 1]))
