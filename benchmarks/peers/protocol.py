"""What a peer is given and how it answers: a folder with the problem, one line of JSON for each run.

A peer runs in its own environment, which has NumPy and nothing of ours, so this file imports nothing else. The driver writes the problem
(`problem.json` and `arrays.npz`) once, starts ``python <peer>.py <folder>``, waits until it says that it is ready, and then sends one request
after the other, between which the process waits: so two programs can be measured in turn. Only the work itself is timed, by the peer:
imports, compilation and the writing of results are not part of it.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

Request = dict[str, Any]
Run = Callable[[Request], "Any"]


@dataclass(frozen=True)
class Reaction:
    """One reaction: what it takes and makes, its rate as a text, and the name of its constant where it is of mass action."""

    reactants: dict[str, int]
    products: dict[str, int]
    rate: str
    constant: str | None


@dataclass(frozen=True)
class Addition:
    """An amount that is added to a species at a time; a save at that time shows the state after it."""

    at: float
    species: str
    amount: float


@dataclass(frozen=True)
class Problem:
    """A model, its ensemble and its output grid.

    Attributes
    ----------
    source : str
        ``module:function`` that builds the network, for our own worker.
    species, parameters : list of str
        Columns of the arrays.
    definitions : list of (name, text)
        Each after those that it names.
    reactions : list of Reaction
    addition : Addition or None
    parameter_values, initial : ndarray, shape (rows, n_parameters) and (rows, n_species)
    saves : ndarray, shape (n_times,)
        From zero.
    """

    source: str
    species: list[str]
    parameters: list[str]
    definitions: list[tuple[str, str]]
    reactions: list[Reaction]
    addition: Addition | None
    parameter_values: np.ndarray
    initial: np.ndarray
    saves: np.ndarray

    def write(self, folder: Path) -> None:
        """Write the problem into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = ("parameter_values", "initial", "saves")
        described = {name: value for name, value in asdict(self).items() if name not in arrays}
        (folder / "problem.json").write_text(json.dumps(described, indent=1))
        np.savez(folder / "arrays.npz", **{name: getattr(self, name) for name in arrays})

    @classmethod
    def read(cls, folder: Path) -> Problem:
        """Return the problem that `write` left in a folder."""
        described = json.loads((folder / "problem.json").read_text())
        with np.load(folder / "arrays.npz") as arrays:
            return cls(
                source=described["source"],
                species=described["species"],
                parameters=described["parameters"],
                definitions=[(name, text) for name, text in described["definitions"]],
                reactions=[Reaction(**reaction) for reaction in described["reactions"]],
                addition=None if described["addition"] is None else Addition(**described["addition"]),
                parameter_values=np.ascontiguousarray(arrays["parameter_values"]),
                initial=np.ascontiguousarray(arrays["initial"]),
                saves=np.ascontiguousarray(arrays["saves"]),
            )

    @property
    def save_of_addition(self) -> int:
        """Index of the save at which the amount is added."""
        if self.addition is None:
            raise ValueError("the problem has no addition")
        return int(np.flatnonzero(self.saves == self.addition.at)[0])

    def add_to(self, state: Any) -> None:
        """Add the amount to a state in place."""
        if self.addition is not None:
            state[self.species.index(self.addition.species)] += self.addition.amount

    def changes(self) -> list[list[tuple[int, int]]]:
        """Return, for each species, (reaction, net change) of the reactions that change it."""
        found = []
        for name in self.species:
            pairs = (
                (r, one.products.get(name, 0) - one.reactants.get(name, 0))
                for r, one in enumerate(self.reactions)
            )
            found.append([(r, change) for r, change in pairs if change != 0])
        return found

    def slopes(self) -> list[str]:
        """Return the text of each species' slope, a sum of ``rate_<number>``."""
        return [sum_text([(change, f"rate_{r}") for r, change in row]) for row in self.changes()]


def sum_text(terms: list[tuple[int, str]]) -> str:
    """Return the text of a sum of whole multiples.

    Examples
    --------
    >>> sum_text([(1, "a"), (-1, "b"), (2, "c")])
    'a - b + 2*c'
    """
    text = ""
    for number, name in terms:
        factor = name if abs(number) == 1 else f"{abs(number)}*{name}"
        text += (" - " if number < 0 else " + ") + factor
    return text.removeprefix(" + ") or "0.0"


def right_hand_side(problem: Problem, signature: str, finish: Callable[[list[str]], list[str]]) -> str:
    """Return Python source of the right-hand side: definitions, then each rate once, then the slopes.

    Parameters
    ----------
    problem : Problem
    signature : str
        ``name(arguments)``, with the state in ``y`` and parameters in ``p``.
    finish : callable
        Turns the texts of the slopes into the last lines.
    """
    lines = [f"{name} = y[{i}]" for i, name in enumerate(problem.species)]
    lines += [f"{name} = p[{j}]" for j, name in enumerate(problem.parameters)]
    lines += [f"{name} = {text}" for name, text in problem.definitions]
    lines += [f"rate_{r} = {reaction.rate}" for r, reaction in enumerate(problem.reactions)]
    lines += finish(problem.slopes())
    return f"def {signature}:\n" + "".join(f"    {line}\n" for line in lines)


def in_place(slopes: list[str]) -> list[str]:
    """Return lines that write the slopes into ``dy``."""
    return [f"dy[{i}] = {slope}" for i, slope in enumerate(slopes)]


def make_function(source: str, name: str, names: dict[str, Any] | None = None) -> Any:
    """Return a function from its source, which this file wrote."""
    space: dict[str, Any] = dict(names or {})
    exec(source, space)
    return space[name]


def antimony(problem: Problem) -> str:
    """Return the model in Antimony, which becomes SBML: rate rules on species that are plain variables."""
    lines = ["model twelve()"]
    lines += [
        f"  {name} = {float(value)!r};"
        for name, value in zip(problem.species, problem.initial[0], strict=True)
    ]
    lines += [
        f"  {name} = {float(value)!r};"
        for name, value in zip(problem.parameters, problem.parameter_values[0], strict=True)
    ]
    lines += [f"  {name} := {text.replace('**', '^')};" for name, text in problem.definitions]
    rates = {f"rate_{r}": f"({one.rate.replace('**', '^')})" for r, one in enumerate(problem.reactions)}
    for name, row in zip(problem.species, problem.changes(), strict=True):
        slope = sum_text([(change, rates[f"rate_{r}"]) for r, change in row])
        lines.append(f"  {name}' = {slope};")
    if problem.addition is not None:
        one = problem.addition
        lines.append(f"  at (time >= {one.at!r}): {one.species} = {one.species} + {one.amount!r};")
    return "\n".join([*lines, "end"]) + "\n"


def serve(
    prepare: Callable[[Any], tuple[Run, dict[str, str]]], read: Callable[[Path], Any] = Problem.read
) -> None:
    """Read the problem, get ready, and answer requests until the input ends.

    Parameters
    ----------
    prepare : callable
        Takes the problem, does all that need be done once, and returns the function of a run and the versions to be named. A run takes a
        request and returns an array (rows, times, species) or a list of rows, or such a thing and a dict of further facts.
    read : callable(folder)
        Returns the problem that `prepare` takes.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer

    def answer(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    folder = Path(sys.argv[1])
    try:
        begin = time.perf_counter()
        run, versions = prepare(read(folder))
        answer({"ready": True, "versions": versions, "setup_seconds": time.perf_counter() - begin})
    except Exception as problem:  # noqa: BLE001 - the driver says why and goes on with others
        traceback.print_exc()
        answer({"error": f"{type(problem).__name__}: {problem}"})
        return
    for line in sys.stdin:
        try:
            answer(timed(run, json.loads(line)))
        except Exception as problem:  # noqa: BLE001
            traceback.print_exc()
            answer({"error": f"{type(problem).__name__}: {problem}"})


def timed(run: Run, request: Request) -> dict[str, Any]:
    """Run once and return seconds and facts; values are kept only where the request names a file.

    Parameters
    ----------
    run : callable
    request : dict
        What the run takes, and ``save``: where its values go (``.npy``), if anywhere.
    """
    begin, begin_processor = time.perf_counter(), processor_seconds()
    made = run(request)
    seconds, processor = time.perf_counter() - begin, processor_seconds() - begin_processor
    values, facts = made if isinstance(made, tuple) else (made, {})
    if request.get("save"):
        np.save(request["save"], np.asarray(values))
    return {"seconds": seconds, "processor_seconds": processor, **facts}


def processor_seconds() -> float:
    """Return the time that all threads and ended children of this process have had on a processor."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system
