"""SciPy: `solve_ivp` with LSODA, its right-hand side compiled by numba, patients in a Python loop."""

from __future__ import annotations

import numba
import numpy as np
import scipy
from protocol import Problem, Request, Run, make_function, right_hand_side, serve
from scipy.integrate import solve_ivp


def compiled_slopes(problem: Problem):
    """Return a compiled function of (t, y, p) that returns the slopes."""
    n = len(problem.species)

    def finish(slopes: list[str]) -> list[str]:
        return [f"dy = empty({n})", *(f"dy[{i}] = {slope}" for i, slope in enumerate(slopes)), "return dy"]

    source = right_hand_side(problem, "slopes(t, y, p)", finish)
    return numba.njit(make_function(source, "slopes", {"empty": np.empty}))


def solve_patient(problem: Problem, slopes, row: int, method: str, rtol: float, atol: float) -> np.ndarray:
    """Return one patient's values at all saves, shape (n_times, n_species)."""
    k, saves, args = problem.save_of_addition, problem.saves, (problem.parameter_values[row],)
    first = solve_ivp(
        slopes,
        (saves[0], saves[k]),
        problem.initial[row],
        method,
        saves[: k + 1],
        args=args,
        rtol=rtol,
        atol=atol,
    )
    state = first.y[:, -1].copy()
    problem.add_to(state)
    second = solve_ivp(
        slopes, (saves[k], saves[-1]), state, method, saves[k:], args=args, rtol=rtol, atol=atol
    )
    if not (first.success and second.success):
        raise ArithmeticError(f"patient {row}: {first.message} {second.message}")
    return np.concatenate([first.y.T[:k], second.y.T])


def prepare(problem: Problem) -> tuple[Run, dict[str, str]]:
    """Compile the right-hand side."""
    slopes = compiled_slopes(problem)
    slopes(0.0, problem.initial[0], problem.parameter_values[0])

    def run(request: Request):
        method = request.get("method", "LSODA")
        tolerances = (request["rtol"], request["atol"])
        first = request.get("first", 0)
        return [solve_patient(problem, slopes, i, method, *tolerances) for i in range(first, request["rows"])]

    return run, {"scipy": scipy.__version__, "numba": numba.__version__}


if __name__ == "__main__":
    serve(prepare)
