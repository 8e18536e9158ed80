"""What is the least time that the machine needs for the arithmetic of an ODE step, and how far above are we? Unit: nanoseconds a step.

    python -m benchmarks.floor

Rates of multiply-adds, divisions and memory are measured by loops that do nothing else, packed and unrolled by the compiler. The operations of
a step are counted in the program that is generated from the network (right-hand sides, Jacobian, elimination) and in the method's own sums.
Divisions and multiply-adds run in different units of a core, so that the floor is the larger of the two; stores of saved values come on top.
Saving and the search for events are not counted, though they are part of what is measured.
"""

from __future__ import annotations

import argparse
import ast
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

import sim
from benchmarks import twelve_states
from sim.kernels import rosenbrock
from sim.kernels._jit import OPTIONS
from sim.network.codegen import CompiledNetwork, compile_network
from sim.network.options import ODE

Floats = npt.NDArray[np.float64]

BLOCK = 64
"""Numbers that stay in registers or the nearest cache; a chain of operations on each, side by side."""
CHAIN = 8
ROUNDS = 200_000
LARGE = 16_000_000
"""Numbers of an array that fits in no cache."""
STAGES = 6
ROWS = 384


@numba.njit(**OPTIONS)
def multiply_adds(values, factor, summand, rounds):
    """Do CHAIN multiply-adds on each of a block of numbers, many times."""
    for _ in range(rounds):
        for i in range(BLOCK):
            x = values[i]
            # Written out: a loop here would keep the compiler from packing the numbers of the block.
            x = x * factor + summand
            x = x * factor + summand
            x = x * factor + summand
            x = x * factor + summand
            x = x * factor + summand
            x = x * factor + summand
            x = x * factor + summand
            x = x * factor + summand
            values[i] = x


@numba.njit(**OPTIONS)
def divisions(values, dividend, rounds):
    """Divide by each of a block of numbers, many times."""
    for _ in range(rounds):
        for i in range(BLOCK):
            values[i] = dividend / values[i]


@numba.njit(**OPTIONS)
def triad(to, one, other, factor):
    """Read two arrays and write a third."""
    for i in range(to.size):
        to[i] = one[i] + factor * other[i]


def packed(kernel: Any, instruction: str) -> bool:
    """Tell whether a compiled loop holds an instruction on packed numbers."""
    code = "".join(kernel.inspect_asm().values())
    lines = (line.split() for line in code.splitlines())
    return any(words and words[0].startswith(instruction) and words[0].endswith("pd") for words in lines)


def best_seconds(run: Callable[[], Any], repeats: int) -> float:
    """Return the shortest processor time of a run: a floor is what happens when nothing disturbs."""
    run()
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        run()
        found.append(time.process_time() - begin)
    return min(found)


@dataclass(frozen=True)
class Machine:
    """Operations a second of one core, and bytes a second to and from memory."""

    multiply_adds: float
    divisions: float
    bytes: float

    @classmethod
    def measure(cls, repeats: int) -> Machine:
        """Measure the machine that this runs on."""
        block = np.full(BLOCK, 1.1)
        adds = BLOCK * CHAIN * ROUNDS / best_seconds(lambda: multiply_adds(block, 0.5, 0.5, ROUNDS), repeats)
        halves = BLOCK * ROUNDS / best_seconds(lambda: divisions(block, 1.7, ROUNDS), repeats)
        arrays = np.ones((3, LARGE))
        if not (packed(multiply_adds, "vfmadd") and packed(divisions, "vdiv")):
            print("these loops were not packed by the compiler: the floors are too high")
        moved = 24 * LARGE / best_seconds(lambda: triad(arrays[0], arrays[1], arrays[2], 1e-9), repeats)
        return cls(adds, halves, moved)


@dataclass(frozen=True)
class Operations:
    """Divisions and multiply-adds; a product or sum alone counts as one of the latter."""

    divisions: int
    multiply_adds: int

    def __add__(self, other: Operations) -> Operations:
        """Return both together."""
        return Operations(self.divisions + other.divisions, self.multiply_adds + other.multiply_adds)

    def times(self, number: int) -> Operations:
        """Return as many as that many times."""
        return Operations(number * self.divisions, number * self.multiply_adds)


def count_text(source: str, name: str) -> Operations:
    """Count the operations of one function of a generated text.

    Parameters
    ----------
    source : str
        Python, straight-line.
    name : str
        Of the function.

    Returns
    -------
    Operations
        A product that is added at once is one multiply-add.

    Examples
    --------
    >>> count_text("def f(x, y):\\n    y[0] = x[0]*x[1] + x[2]\\n    y[1] = x[0]/x[1]\\n", "f")
    Operations(divisions=1, multiply_adds=1)
    """
    (function,) = [
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    divided, fused, alone = 0, 0, 0
    for node in ast.walk(function):
        if not isinstance(node, ast.BinOp):
            continue
        if isinstance(node.op, ast.Div):
            divided += 1
        elif isinstance(node.op, (ast.Add, ast.Sub)):
            sides = (node.left, node.right)
            fused += any(isinstance(side, ast.BinOp) and isinstance(side.op, ast.Mult) for side in sides)
            alone += 1
        elif isinstance(node.op, ast.Mult):
            alone += 1
    return Operations(divided, alone - fused)


def generated_text(compiled: CompiledNetwork) -> str:
    """Return the generated text of a network, all parts together where there are several."""
    sources = getattr(compiled, "sources", None)
    if sources is None:
        return str(compiled.source)
    return "\n".join(part for part in sources if isinstance(part, str))


def count_step(compiled: CompiledNetwork) -> dict[str, Operations]:
    """Count the operations of one step of Rodas4, by part.

    Parameters
    ----------
    compiled : CompiledNetwork

    Returns
    -------
    dict of str to Operations
    """
    n, unknowns = compiled.structure.n_species, len(compiled.species) + compiled.structure.n_definitions
    order, text = compiled.generator.assembly.order, generated_text(compiled)
    # x: two products a term but for hazards alone; the fewest that can be meant are counted.
    assembly = compiled.structure.assembly.shape[0]
    coefficients = len([name for name in vars(rosenbrock) if name[0] in "ACD" and name[1:].isdigit()])
    return {
        "right-hand sides": count_text(text, "slopes").times(STAGES),
        "Jacobian": count_text(text, "derivatives") + Operations(0, assembly),
        "factorisation": Operations(unknowns, order.operations),
        "solutions": Operations(0, len(order.row) + len(order.column) + unknowns).times(STAGES),
        "sums of stages": Operations(0, n * (coefficients + STAGES + 2)),
        "error": Operations(n, 2 * n),
    }


@dataclass(frozen=True)
class Distance:
    """A step as measured and as the machine could do it, in nanoseconds."""

    measured: float
    by_divisions: float
    by_multiply_adds: float
    by_memory: float

    @property
    def ratio(self) -> float:
        """Return measured time over the largest of the floors."""
        return self.measured / max(self.by_divisions, self.by_multiply_adds, self.by_memory)


def measure_step(repeats: int, rtol: float) -> tuple[float, float, float]:
    """Return nanoseconds and tried steps of a patient's course, and bytes saved per step."""
    network, saves = twelve_states.build(), twelve_states.SAVES
    parameters, initial = twelve_states.patients(ROWS)
    outputs = list(initial)
    last: list[Any] = []

    def run() -> None:
        last[:] = [
            sim.simulate(
                network, saves, ODE(rtol=rtol, atol=1e-3), parameters=parameters, initial=initial, outputs=outputs, threads=1
            )
        ]  # fmt: skip

    seconds = best_seconds(run, repeats)
    counts = last[0].statistics
    steps = float((counts["steps"] + counts["rejections"]).sum())
    return 1e9 * seconds / steps, steps / ROWS, 8.0 * ROWS * len(saves) * len(outputs) / steps


def main() -> None:
    """Measure the machine and a step, and print the distance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rtol", type=float, default=1e-6)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    compiled = compile_network(twelve_states.build(), list(twelve_states.SPECIES))
    parts = count_step(compiled)
    total = sum(parts.values(), Operations(0, 0))
    machine = Machine.measure(given.repeats)
    nanoseconds, steps, saved = measure_step(given.repeats, given.rtol)
    distance = Distance(
        nanoseconds,
        1e9 * total.divisions / machine.divisions,
        1e9 * total.multiply_adds / machine.multiply_adds,
        1e9 * saved / machine.bytes,
    )
    print(
        f"machine, one core: {machine.multiply_adds / 1e9:.1f} G multiply-adds/s, {machine.divisions / 1e9:.2f} G divisions/s,"
    )
    print(f"                   {machine.bytes / 1e9:.1f} GB/s to and from memory")
    print(f"\n{'a step of the twelve states':28s}  divisions  multiply-adds")
    for name, one in {**parts, "together": total}.items():
        print(f"{name:28s}  {one.divisions:9d}  {one.multiply_adds:13d}")
    print(f"\nmeasured {distance.measured:.0f} ns a step ({steps:.0f} steps a patient, {saves_text(saved)})")
    print(
        f"floors   {distance.by_divisions:.0f} ns divisions, {distance.by_multiply_adds:.0f} ns multiply-adds, {distance.by_memory:.0f} ns stores"
    )
    print(f"distance {distance.ratio:.1f} times the highest floor (target: at most 3)")
    given.results.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": asdict(machine),
        "operations": {name: asdict(one) for name, one in parts.items()},
        "distance": {**asdict(distance), "ratio": distance.ratio},
    }
    (given.results / "floor.json").write_text(json.dumps(content, indent=1) + "\n")


def saves_text(saved: float) -> str:
    """Return how much is saved a step, in words."""
    return f"{saved:.0f} bytes saved a step"


if __name__ == "__main__":
    main()
