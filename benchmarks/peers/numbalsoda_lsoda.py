"""numbalsoda: LSODA of ODEPACK with a right-hand side compiled by numba, patients in a compiled loop (on request in `prange`)."""

from __future__ import annotations

from importlib.metadata import version

import numba
import numpy as np
from numbalsoda import lsoda, lsoda_sig
from protocol import Problem, Request, Run, in_place, make_function, right_hand_side, serve


def compiled_loop(problem: Problem, parallel: bool):
    """Return the compiled loop over patients."""
    source = right_hand_side(problem, "slopes(t, y, dy, p)", in_place)
    address = numba.cfunc(lsoda_sig)(make_function(source, "slopes")).address
    n, index = len(problem.species), problem.species.index(problem.addition.species)
    amount = problem.addition.amount

    @numba.njit(parallel=parallel)
    def ensemble(parameters, initial, before, after, rtol, atol):
        values = np.empty((initial.shape[0], before.size + after.size - 1, n))
        good = np.zeros(initial.shape[0], np.bool_)
        for i in numba.prange(initial.shape[0]):  # noqa: TID251 - their way of using cores
            state, p = initial[i].copy(), parameters[i].copy()
            first, first_good = lsoda(address, state, before, p, rtol, atol)
            values[i, : before.size] = first
            state[:] = first[-1]
            state[index] += amount
            second, second_good = lsoda(address, state, after, p, rtol, atol)
            values[i, before.size - 1 :] = second
            good[i] = first_good and second_good
        return values, good

    return ensemble


def prepare(problem: Problem) -> tuple[Run, dict[str, str]]:
    """Compile both loops."""
    k = problem.save_of_addition
    before, after = problem.saves[: k + 1].copy(), problem.saves[k:].copy()
    loops = {parallel: compiled_loop(problem, parallel) for parallel in (False, True)}

    def run(request: Request):
        rows = slice(request["rows"])
        values, good = loops[bool(request.get("parallel"))](
            problem.parameter_values[rows],
            problem.initial[rows],
            before,
            after,
            request["rtol"],
            request["atol"],
        )
        return values, {"failed": int((~good).sum())}

    for parallel in loops:
        run({"rows": 2, "rtol": 1e-6, "atol": 1e-3, "parallel": parallel})
    return run, {"numbalsoda": version("numbalsoda"), "numba": numba.__version__}


if __name__ == "__main__":
    serve(prepare)
