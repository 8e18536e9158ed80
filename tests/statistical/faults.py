"""Seeded faults: what the suite must find, as networks that say another thing, lines of kernels, and results put together wrongly.

A fault of the code is one to three lines in a copy of the package, which is then run as plain Python: nothing has to be compiled. A fault of a
network goes through the compiled kernels at the rows of `make test`. Each is told which case and method it concerns. Found by law means that
any statistic of that case, asked of the rows that are ok, raises the alarm at the level of the whole suite; that rows fail is found as well,
and is counted apart. A fault that can no longer be planted, or that ends the run, is neither: it has to be written anew.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from sim.network.network import Network
from tests.statistical.cases import CASES, birth_death, dimerisation, network
from tests.statistical.suite import MORE_ROWS, ROWS, Floats, alarms, answers, run, sample

ROOT = Path(__file__).resolve().parents[2]
PLAIN_ROWS = 4000
"""Rows of a run in plain Python, if the fault does not ask for others."""


class NotPlantedError(Exception):
    """The text that a fault changes is not in the code, or the code no longer runs with it."""


@dataclass(frozen=True)
class Finding:
    """What a fault has raised: alarms of the rows that are ok, and how many rows are not."""

    alarms: list[str]
    failed: int

    @property
    def by_law(self) -> bool:
        return bool(self.alarms)

    @property
    def by_rows_alone(self) -> bool:
        return not self.alarms and self.failed > 0


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where it should be seen."""

    case: str
    method: str

    def look(self) -> Finding:
        raise NotImplementedError


def judged(case: str, method: str, rows: int, net: Network | None = None) -> Finding:
    """Ask the rows that are ok, if there are enough to ask."""
    x, failed = run(CASES[case], method, rows, 1, net)
    return Finding(alarms(answers(case, method, x)) if len(x) > 1 else [], failed)


@dataclass(frozen=True)
class OfNetwork(Fault):
    """Another network in place of the case's."""

    wrong: Network
    rows: int = ROWS

    def look(self) -> Finding:
        return judged(self.case, self.method, self.rows, self.wrong)


@dataclass(frozen=True)
class OfResult(Fault):
    """Rows and times put together wrongly."""

    spoil: Callable[[Floats], Floats]

    def look(self) -> Finding:
        x = sample(CASES[self.case], self.method, ROWS, 1)
        return Finding(alarms(answers(self.case, self.method, self.spoil(x))), 0)


@dataclass(frozen=True)
class OfKernel(Fault):
    """Text of a file of sim, and what stands there in its place."""

    file: str
    changes: Mapping[str, str] = field(hash=False)
    rows: int = PLAIN_ROWS

    def planted(self) -> str:
        """Return the text of the file with the fault."""
        text = (ROOT / "sim" / self.file).read_text("utf-8")
        for old, new in self.changes.items():
            if text.count(old) != 1:
                raise NotPlantedError(
                    f"{self.file} has {text.count(old)} places that read {old!r}; the fault needs one"
                )
            text = text.replace(old, new)
        return text

    def look(self) -> Finding:
        text = self.planted()
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder)
            shutil.copytree(ROOT / "sim", copy / "sim", ignore=shutil.ignore_patterns("__pycache__"))
            (copy / "tests").symlink_to(ROOT / "tests")
            (copy / "sim" / self.file).write_text(text, "utf-8")
            return in_plain_python(copy, self.case, self.method, self.rows)


def in_plain_python(folder: Path, case: str, method: str, rows: int) -> Finding:
    """Judge a case that is run by the package in a folder, with the compiler off."""
    environment = {
        **os.environ,
        "NUMBA_DISABLE_JIT": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(folder),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "tests.statistical.faults", case, method, str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    if done.returncode != 0:
        raise NotPlantedError(f"the run ended: {done.stderr.strip()[-500:]}")
    return Finding(**json.loads(done.stdout))


def wrong(name: str, **rates: str) -> Network:
    """Return the network of a case with other rates; the keywords are numbers of reactions after an underscore."""
    net = CASES[name].network
    names = [reaction.name for reaction in net.all_reactions]
    return net.with_(rates={names[int(key[1:])]: text for key, text in rates.items()})


def killing_in(saturation: str) -> Network:
    return wrong("killing, targets", _3=f"1.8*E*T/{saturation}")


MUTANTS = "mutants of a dying clone"
WILD = (("W -> 2 W", "0.5*W"), ("W -> 0", "0.9*W"))
CLONES = (("M -> 2 M", "0.8*M"), ("M -> 0", "0.3*M"))
START = {"W": 200, "M": 0}

NETWORKS: dict[str, Fault] = {
    "the half of a pair's rate is missing": OfNetwork("dimerisation, many", "tau_leap", dimerisation(2000, 2e-3, 0.5)),
    "x*x for x*(x - 1)": OfNetwork(
        "dimers beside a moving population", "ssa", wrong("dimers beside a moving population", _0="0.05*M*M/2")
    ),  # from twelve: the last molecule of an odd number would go below zero
    "a dimer takes one molecule": OfNetwork(
        "dimerisation, few", "hybrid", network("one", {"M": 13, "D": 0}, ("M -> D", "0.05*M*(M - 1)/2"), ("D -> M", "0.2*D"))
    ),
    "birth and death are exchanged": OfNetwork("birth-death, few", "hybrid", birth_death(10, 1.2, 1.0)),
    "birth is a twentieth too fast": OfNetwork("birth-death, few", "hybrid", birth_death(10, 1.05, 1.2)),
    "birth and death are both a tenth too fast": OfNetwork("birth-death, many", "tau_leap", wrong("birth-death, many", _0="1.12*X", _1="1.42*X"), MORE_ROWS),
    "a batch is nineteen": OfNetwork(
        "batch immigration", "tau_leap", network("nineteen", {"X": 0}, ("0 -> 19 X", "1.5"), ("X -> 2 X", "0.3*X"), ("X -> 0", "0.8*X"))
    ),
    "single immigrants at the rate of a batch": OfNetwork(
        "batch immigration", "hybrid", network("single", {"X": 0}, ("0 -> X", "30"), ("X -> 2 X", "0.3*X"), ("X -> 0", "0.8*X"))
    ),
    "the mutant takes the place of its mother": OfNetwork(
        "frequent mutants", "ssa",
        network(
            "conversion", {"W": 10, "M": 0},
            ("W -> 2 W", "0.5*W"), ("W -> 0", "0.4*W"), ("W -> M", "0.3*W"), ("M -> 2 M", "0.2*M"), ("M -> 0", "0.6*M"),
        ),
    ),
    "both daughters are mutants": OfNetwork(
        MUTANTS, "tau_leap", network("twins", START, *WILD, ("W -> W + 2 M", "0.004*W"), *CLONES)
    ),
    "mutants do not die": OfNetwork(
        MUTANTS, "hybrid", network("immortal", START, *WILD, ("W -> W + M", "0.004*W"), CLONES[0], ("M -> 0", "0*M"))
    ),
    "mutation stops when the wild cells die": OfNetwork(MUTANTS, "ssa", wrong(MUTANTS, _2="0.004*W*(W/200)")),
    "killing saturates in effectors": OfNetwork("killing, targets", "tau_leap", killing_in("(20 + E)")),
    "killing saturates in targets alone": OfNetwork("killing, targets", "hybrid", killing_in("(20 + T)")),
    "predators eat without growing": OfNetwork(
        "Lotka-Volterra, predators", "ssa",
        network("hungry", {"X": 50, "Y": 40}, ("X -> 2 X", "X"), ("X + Y -> Y", "0.02*X*Y"), ("Y -> 0", "0.8*Y")),
    ),
    "x cubed for x*(x - 1)*(x - 2)": OfNetwork("Schloegl", "ssa", wrong("Schloegl", _1="1e-4*X*X*X/6")),
    "the source is a twentieth too strong": OfNetwork("Schloegl", "tau_leap", wrong("Schloegl", _2="210")),
    "crowding counts the cell itself": OfNetwork("growth to a capacity", "ssa", wrong("growth to a capacity", _0="X*(1 - X/990)")),
}  # fmt: skip

RESULTS: dict[str, Fault] = {
    "saves are one time late": OfResult("immigration-birth-death", "hybrid", lambda x: x[:, [1, 1]]),
    "half the rows repeat the other half": OfResult(
        "birth-death, few", "ssa", lambda x: np.concatenate([x[: len(x) // 2], x[: len(x) // 2]])
    ),
    "each row twice": OfResult("birth-death, few", "hybrid", lambda x: np.repeat(x[::2], 2, axis=0)),
    "a row in fifteen is lost and left at zero": OfResult(
        "birth-death, few", "tau_leap", lambda x: np.where(np.arange(len(x))[:, None] % 15 == 0, 0.0, x)
    ),
    "counts are cut off at eight bits": OfResult("batch immigration, many", "hybrid", lambda x: x % 256),
}

KERNELS: dict[str, Fault] = {
    "the rate of the last reaction is stale": OfKernel(
        "immigration-birth-death", "ssa", "network/jumps.py",
        {"if rate.hazard in stale or reactant in touched:": "if rate.hazard in stale or (reactant in touched and r < 2):"},
    ),
    "a rate is stale after a reaction that changes two species": OfKernel(
        "Lotka-Volterra, prey", "ssa", "network/jumps.py",
        {"for hazard, read in self.hazards_read.items() if read & touched}": "for hazard, read in self.hazards_read.items() if read >= touched}"},
    ),
    "a named sum is stale unless all that it reads has changed": OfKernel(
        "killing, targets", "ssa", "network/jumps.py", {"if self.sums_read[name] & touched": "if self.sums_read[name] <= touched"}, rows=2000
    ),
    "the tables keep the rates of the start": OfKernel(
        "immigration-birth-death", "ssa by tables", "kernels/ssa.py",
        {"        total = propensities(t, work.x, structure, hazards, work, rate)\n": "        total = propensities(t, work.x, structure, hazards, work, rate) if number == 0 else total\n"},
    ),
    "the tables choose the last reaction too often": OfKernel(
        "birth-death, few", "ssa by tables", "kernels/ssa.py", {"aim = uniform(stream) * total": "aim = (0.1 + 0.9 * uniform(stream)) * total"}
    ),
    "the last reaction is chosen too rarely": OfKernel(
        "birth-death, few", "ssa", "network/jumps.py", {"aim = uniform(stream)*{last}": "aim = 0.9*uniform(stream)*{last}"}
    ),
    "waiting times are their means": OfKernel(
        "immigration-birth-death", "ssa", "network/jumps.py", {"need = exponential(stream)": "need = 1.0"}
    ),
    "a save sees the state after the reaction beyond it": OfKernel(
        "immigration-birth-death", "ssa", "network/jumps.py", {"if arrives >= target:": "if arrives >= target + 0.2:"}
    ),
    "each save draws the waiting time anew, and the old one counts as well": OfKernel(
        "immigration-birth-death", "ssa", "kernels/ssa.py",
        {"        outcome = jumps(": "        clock[2] += exponential(stream)\n        outcome = jumps("},
    ),
    "all replicates share a stream": OfKernel(
        "birth-death, few", "ssa", "kernels/ssa.py", {"patients[i], replicates[i], purpose": "patients[i], 0, purpose"}
    ),
    "all patients share a stream": OfKernel(
        "birth-death, few", "hybrid", "kernels/hybrid.py", {"patients[i], replicates[i], purpose": "0, replicates[i], purpose"}
    ),
    "the first half of a leap is a whole": OfKernel(
        "birth-death, many", "tau_leap", "kernels/tau_leap.py", {"draw_firings(0.5 * dt, False": "draw_firings(dt, False"}, rows=1000
    ),
    "the second half of a leap is left out": OfKernel(
        "birth-death, many", "tau_leap", "kernels/tau_leap.py",
        {"draw_firings(dt * (min(theta, 1.0) - 0.5), True": "draw_firings(0.0 * dt, True"}, rows=1000,
    ),
    "leaps draw no chance": OfKernel(
        "birth-death, many", "tau_leap", "kernels/tau_leap.py", {"leap.firings[r] = poisson(stream, rate * dt)": "leap.firings[r] = np.floor(rate * dt + 0.5)"}, rows=1000
    ),
    "a leap is as long as the time between saves": OfKernel(
        "dimerisation, many", "tau_leap", "kernels/leap_bounds.py",
        {"root = allowed / spread": "root = 1e3 * allowed / spread", "allowed / abs(flow)": "1e4 * allowed / abs(flow)",
         "RELAXATION, RELAXATION_MOST = 10.0, 0.5": "RELAXATION, RELAXATION_MOST = 1e6, 1e6"}, rows=1000,
    ),
    "leaps take all cells, and negative counts are clamped": OfKernel(
        "dimerisation, few", "tau_leap", "kernels/tau_leap.py",
        {"leap.state[s] < 0.0:\n            return False": "leap.state[s] < 0.0:\n            leap.state[s] = 0.0",
         "WORTHWHILE = 10.0": "WORTHWHILE = 0.0", "if leap.critical[r] == 0:": "if True:"},
    ),
    "survivors of a line are those that died": OfKernel(
        "birth-death, few", "hybrid", "kernels/branching.py",
        {"binomial_pair(state, n, 1.0 / whole, death_odds / whole)": "binomial_pair(state, n, death_odds / whole, 1.0 / whole)"},
    ),
    "lines grow by the odds of death": OfKernel(
        "birth-death, few", "hybrid", "kernels/branching.py",
        {"lines + negative_binomial(state, lines, birth_odds)": "lines + negative_binomial(state, lines, death_odds)"},
    ),
    "lines grow to their mean": OfKernel(
        "birth-death, few", "hybrid", "kernels/branching.py",
        {"lines + negative_binomial(state, lines, birth_odds)": "np.floor(lines * (1.0 + birth_odds) + 0.5)",
         "import math\n": "import math\n\nimport numpy as np\n"},
    ),
    "the odds of birth miss those who came later": OfKernel(
        MUTANTS, "hybrid", "kernels/branching.py",
        {"birth_odds = growth + death_odds * (1.0 + growth)": "birth_odds = growth + death_odds"},
    ),
    "newcomers come at the end of the step": OfKernel(
        MUTANTS, "hybrid", "kernels/newcomers.py", {"begin + width * time_of(uniform(state), tilt)": "begin + width"}
    ),
    "all newcomers of a group come early in the step": OfKernel(
        "batch immigration, many", "hybrid", "kernels/newcomers.py",
        {"when = begin + width * time_of(NODES[node], tilt)": "when = begin + 0.2 * width"}, rows=1000,
    ),
    "cells that leave are still counted where they were": OfKernel(
        "Lotka-Volterra, prey", "hybrid", "kernels/drawing.py", {"d0, d1, d2 = d0 + m0, d1 + m1, d2 + m2": "d0, d1, d2 = d0, d1, d2"}, rows=500
    ),
    "a counted reaction that is due fires once, whatever chance has made of its rate": OfKernel(
        "triplets of a falling population", "hybrid", "kernels/counted.py",
        {"number = round_randomly(stream, min(number, MOST))": "number = 1.0"},
    ),
    "the course does not follow what was drawn": OfKernel(
        "a concentration driven by a count", "hybrid", "kernels/hybrid.py",
        {"if course > NOTICED * tolerance:": "if False:"},
    ),
    "a count that becomes discrete is rounded down": OfKernel(
        "from half a cell", "hybrid", "kernels/populations.py", {"x[s] = round_randomly(stream, max(x[s], 0.0))": "x[s] = np.floor(max(x[s], 0.0))"}
    ),
    "a line loses one cell at most": OfKernel(
        "classes alike", "hybrid", "kernels/drawing.py",
        {"return max(losses, 0.0) * seen / (early + decay * (1.0 - early))": "return 0.0 * seen"}, rows=1000,
    ),
    "movers are those that are left": OfKernel(
        "classes alike", "hybrid", "kernels/rare.py",
        {"return 1.0 + binomial_pair(state, behind, chance, 1.0 - chance)": "return n - binomial_pair(state, behind, chance, 1.0 - chance)"}, rows=500,
    ),
    # One row in a hundred has a draw that is refused: no law shows it, but where a rate then is negative the row ends.
    "a draw that is refused is kept": OfKernel(
        "growth to a limit of six", "hybrid", "kernels/hybrid.py", {"structure.signed.shape[0] > 0": "structure.signed.shape[0] < 0"}, rows=2000,
    ),
    "the rates of a step are those of its start": OfKernel(
        "rates in time", "hybrid", "kernels/hybrid.py",
        {"hazards(t + theta * h, laws.x_end,": "hazards(t, laws.x_end,", "hazards(t + 0.5 * theta * h, laws.x_middle,": "hazards(t, laws.x_middle,"},
    ),
    "a leap is of first order": OfKernel(
        "a large population that dies", "tau_leap", "kernels/tau_leap.py",
        {"2.0 * leap.middle[r] - leap.rate[r] if extrapolate": "leap.middle[r] if extrapolate"}, rows=1000,
    ),
    "firings before a critical reaction are thinned twice": OfKernel(
        "falling beside few", "tau_leap", "kernels/tau_leap.py", {"thin(2.0 * theta": "thin(theta"}, rows=500,
    ),
    "survivors of a treatment are their mean": OfKernel(
        "a dose and a treatment", "hybrid", "kernels/events.py",
        {"binomial(stream, np.floor(x[s] + 0.5), value) if whole": "np.floor(x[s] * value + 0.5) if whole"}, rows=2000,
    ),
    "the clock of rare newcomers is asked twice": OfKernel(
        "immigration within a step", "hybrid", "kernels/rare.py", {"if mean > COMMON:": "if mean > COMMON and mean >= clock[0]:"},
        rows=20_000,
    ),
    "the counted reaction is the first too often": OfKernel(
        "dimerisation, few", "hybrid", "kernels/counted.py", {"target = uniform(stream) * total": "target = 0.85 * uniform(stream) * total"}
    ),
    "a bit of every random number is lost": OfKernel(
        "birth-death, few", "ssa", "kernels/random.py", {"(next_u64(state) >> _11) | _1": "((next_u64(state) >> _11) & np.uint64(0x17FFFFFFFFFFFF)) | _1"}
    ),
}  # fmt: skip

FAULTS: dict[str, Fault] = {**NETWORKS, **RESULTS, **KERNELS}
ASKED = 29 / 30
"""Share of the faults that must be found."""


if __name__ == "__main__":
    _case, _method, _rows = sys.argv[1:]
    sys.stdout.write(json.dumps(asdict(judged(_case, _method, int(_rows)))))
