"""libroadrunner: CVODE (BDF) on the model as SBML, compiled by its own compiler, patients in a Python loop.

Its absolute tolerance has to be far below what is wanted of it (1e-12): at 1e-3 it steps over what happens early.
"""

from __future__ import annotations

import numpy as np
import roadrunner
from antimony import getLastError, getSBMLString, loadAntimonyString
from protocol import Problem, Request, Run, antimony, serve


def load(problem: Problem) -> roadrunner.RoadRunner:
    """Return the model with its selections."""
    if loadAntimonyString(antimony(problem)) < 0:
        raise ValueError(getLastError())
    simulator = roadrunner.RoadRunner(getSBMLString("twelve"))
    simulator.timeCourseSelections = problem.species
    integrator = simulator.getIntegrator()
    integrator.setValue("stiff", True)
    integrator.setValue("maximum_num_steps", 100_000)
    return simulator


def prepare(problem: Problem) -> tuple[Run, dict[str, str]]:
    """Compile the model."""
    simulator = load(problem)
    names = list(simulator.model.getGlobalParameterIds())
    parameters = [names.index(name) for name in problem.parameters]
    species = [names.index(name) for name in problem.species]
    saves = problem.saves

    def patient(row: int):
        simulator.reset()
        simulator.model.setGlobalParameterValues(parameters, problem.parameter_values[row])
        simulator.model.setGlobalParameterValues(species, problem.initial[row])
        return np.array(simulator.simulate(saves[0], saves[-1], len(saves)))

    def run(request: Request):
        integrator = simulator.getIntegrator()
        integrator.setValue("relative_tolerance", request["rtol"])
        integrator.setValue("absolute_tolerance", request["atol"])
        return [patient(row) for row in range(request["rows"])]

    return run, {"libroadrunner": roadrunner.__version__}


if __name__ == "__main__":
    serve(prepare)
