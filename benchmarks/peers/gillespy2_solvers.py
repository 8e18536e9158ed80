"""GillesPy2: its C++ solvers, direct method and tau-leaping; one call for all trajectories."""

from __future__ import annotations

import gillespy2
import numpy as np
from protocol import Problem, Request, Run, serve

SOLVERS = {"ssa": gillespy2.SSACSolver, "tau_leap": gillespy2.TauLeapingCSolver}
TIMEOUT = 600


def model_of(problem: Problem) -> gillespy2.Model:
    """Return the model; names get a prefix, because single letters may be functions."""
    model = gillespy2.Model(name="network")
    species = {
        name: gillespy2.Species(name=f"s_{name}", initial_value=int(value), mode="discrete")
        for name, value in zip(problem.species, problem.initial[0], strict=True)
    }
    constants = {
        name: gillespy2.Parameter(name=f"p_{name}", expression=repr(float(value)))
        for name, value in zip(problem.parameters, problem.parameter_values[0], strict=True)
    }
    model.add_species(list(species.values()))
    model.add_parameter(list(constants.values()))
    for number, one in enumerate(problem.reactions):
        sides = [
            {species[name]: count for name, count in side.items()} for side in (one.reactants, one.products)
        ]
        reaction = gillespy2.Reaction(
            name=f"r{number}", reactants=sides[0], products=sides[1], rate=constants[one.constant]
        )
        model.add_reaction(reaction)
    model.timespan(gillespy2.TimeSpan(problem.saves))
    return model


def prepare(problem: Problem) -> tuple[Run, dict[str, str]]:
    """Compile both solvers."""
    model = model_of(problem)
    solvers = {name: solver(model=model) for name, solver in SOLVERS.items()}

    def run(request: Request):
        options = {"tau_tol": request["tau_tol"]} if request["solver"] == "tau_leap" else {}
        results = model.run(
            solver=solvers[request["solver"]],
            number_of_trajectories=request["rows"],
            seed=request["seed"],
            timeout=TIMEOUT,
            **options,
        )
        if any(
            result.rc != 0 for result in results
        ):  # what a solver that was stopped has not computed, it gives as zeros
            raise TimeoutError(f"{request['solver']}: more than {TIMEOUT} s")
        if not request.get("save"):
            return None
        return [np.stack([result[f"s_{name}"] for name in problem.species], axis=1) for result in results]

    return run, {"gillespy2": gillespy2.__version__}


if __name__ == "__main__":
    serve(prepare)
