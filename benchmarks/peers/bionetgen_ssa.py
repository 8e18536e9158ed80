"""BioNetGen: its program `run_network`, method ssa, started once a trajectory, as BioNetGen itself does."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from protocol import Problem, Request, Run, serve


def net_file(problem: Problem) -> str:
    """Return the network in BioNetGen's format of expanded networks."""
    numbers = {name: str(i + 1) for i, name in enumerate(problem.species)}

    def side(counts: dict[str, int]) -> str:
        return ",".join(numbers[name] for name, count in counts.items() for _ in range(count)) or "0"

    constants = zip(problem.parameters, problem.parameter_values[0].tolist(), strict=True)
    start = zip(problem.species, problem.initial[0], strict=True)
    reactions = enumerate(problem.reactions, start=1)
    blocks = {
        "parameters": [f"{i} {name} {value!r}" for i, (name, value) in enumerate(constants, start=1)],
        "species": [f"{i} {name}() {int(value)}" for i, (name, value) in enumerate(start, start=1)],
        "reactions": [f"{i} {side(r.reactants)} {side(r.products)} {r.constant}" for i, r in reactions],
        "groups": [f"{i} o{name} {i}" for name, i in numbers.items()],
    }
    return "".join(f"begin {name}\n" + "\n".join(lines) + f"\nend {name}\n" for name, lines in blocks.items())


def prepare(problem: Problem) -> tuple[Run, dict[str, str]]:
    """Write the network and find the program."""
    folder = Path(sys.argv[1])
    network = folder / "network.net"
    network.write_text(net_file(problem))
    program = Path(find_spec("bionetgen").origin).parent / "bng-linux" / "bin" / "run_network"
    step = str(float(problem.saves[1] - problem.saves[0]))
    steps = str(len(problem.saves) - 1)

    def trajectory(seed: int) -> Path:
        out = folder / f"bionetgen_{seed}"
        command = [
            program,
            "-o",
            out,
            "-p",
            "ssa",
            "-h",
            str(seed),
            "--cdat",
            "0",
            "-g",
            network,
            network,
            step,
            steps,
        ]
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
        return out.with_suffix(".gdat")

    def run(request: Request):
        files = [trajectory(seed) for seed in range(request["seed"], request["seed"] + request["rows"])]
        return [np.loadtxt(file)[:, 1:] for file in files] if request.get("save") else None

    return run, {"bionetgen": version("bionetgen")}


if __name__ == "__main__":
    serve(prepare)
