"""rebop: the direct method in Rust, called from Python, one call a trajectory."""

from __future__ import annotations

from importlib.metadata import version

from protocol import Problem, Request, Run, serve
from rebop import Gillespie


def repeated(counts: dict[str, int]) -> list[str]:
    """Return each species as often as it takes part."""
    return [name for name, count in counts.items() for _ in range(count)]


def prepare(problem: Problem) -> tuple[Run, dict[str, str]]:
    """Build the network."""
    system = Gillespie()
    constants = dict(zip(problem.parameters, problem.parameter_values[0].tolist(), strict=True))
    for reaction in problem.reactions:
        system.add_reaction(
            constants[reaction.constant], repeated(reaction.reactants), repeated(reaction.products)
        )
    start = {name: int(value) for name, value in zip(problem.species, problem.initial[0], strict=True)}
    end, steps = float(problem.saves[-1]), len(problem.saves) - 1

    def trajectory(seed: int):
        values = system.run(start, tmax=end, nb_steps=steps, rng=seed)
        return [values[name].values for name in problem.species]

    def run(request: Request):
        seeds = range(request["seed"], request["seed"] + request["rows"])
        rows = [trajectory(seed) for seed in seeds]
        if not request.get("save"):
            return None
        return [[list(state) for state in zip(*row, strict=True)] for row in rows]

    return run, {"rebop": version("rebop")}


if __name__ == "__main__":
    serve(prepare)
