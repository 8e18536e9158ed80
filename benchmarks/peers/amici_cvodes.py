"""AMICI: CVODES (BDF) with the Jacobian that it derives, the model compiled to C++, patients in a Python loop."""

from __future__ import annotations

import sys
from pathlib import Path

import amici
import amici.sim.sundials as solvers
import numpy as np
from amici.importers.antimony import antimony2amici
from protocol import Problem, Request, Run, antimony, serve


def prepare(problem: Problem) -> tuple[Run, dict[str, str]]:
    """Generate, compile and load the model."""
    folder = Path(sys.argv[1]) / "amici_model"
    antimony2amici(
        antimony(problem),
        model_name="twelve",
        output_dir=str(folder),
        generate_sensitivity_code=False,
        compute_conservation_laws=False,
    )
    model = solvers.import_model_module("twelve", folder).get_model()
    model.set_timepoints(problem.saves)
    solver = model.create_solver()
    solver.set_max_steps(100_000)
    names = list(model.get_free_parameter_ids())
    base = np.array(model.get_free_parameters())
    ours = [problem.parameters.index(name) if name in problem.parameters else -1 for name in names]
    given = np.array([j for j, column in enumerate(ours) if column >= 0])
    columns = np.array([column for column in ours if column >= 0])
    order = [problem.species.index(name) for name in model.get_state_ids()]
    back = np.argsort(order)

    def patient(row: int):
        values = base.copy()
        values[given] = problem.parameter_values[row, columns]
        model.set_free_parameters(values)
        model.set_initial_state(problem.initial[row][order])
        result = solvers.run_simulation(model, solver)
        if result.status != 0:
            raise ArithmeticError(f"patient {row}: status {result.status}")
        return np.asarray(result.x)

    def run(request: Request):
        solver.set_relative_tolerance(request["rtol"])
        solver.set_absolute_tolerance(request["atol"])
        rows = [patient(row) for row in range(request["rows"])]
        return [values[:, back] for values in rows]

    return run, {"amici": amici.__version__}


if __name__ == "__main__":
    serve(prepare)
