"""cartsim, by the same protocol: the kernels of single cells in held surroundings, `step_cells` and then `sum_cells`, as `simulate_agents` calls them."""

from __future__ import annotations

import resource
import sys
from typing import Any

import numpy as np

import sim
from benchmarks.peers.cells import Law, answer, timed_steps
from benchmarks.peers.protocol import Request, Run, serve
from sim.kernels import agent_layout as at
from sim.kernels import agent_sums, agents
from sim.models.agents import agent_model
from sim.models.design import Design, ProductDesign
from sim.models.leukaemia import build
from sim.network.agents import chunk_streams, layout_of, recogniser_of
from sim.network.cells import CHUNKS, Cells
from sim.network.crew import Crew

DESIGN = Design(products=(ProductDesign("a", ("cd22",)),), agents=True, niche=False)
LN10 = 2.302585092994046


def signals_of(law: Law, names: tuple[str, ...]) -> np.ndarray:
    """Return what the cells are told."""
    known = {
        "division_hazard": law.division, "death_hazard": law.death, "first_hit_rate": law.first_hit, "second_hit_rate": law.second_hit,
        "cd22_loss_rate": law.cd22_loss, "cell_switch_rate": 0.0, "cd19_density": law.median[0], "cd22_density": law.median[1],
        "cd19_spread": law.spread[0] / LN10, "cd22_spread": law.spread[1] / LN10, "cd19_relaxation_time": law.relaxation,
        "cd22_relaxation_time": law.relaxation, "inheritance_noise": law.inherited, "contact_ratio": 0.0, "contact_loss": 0.5,
        "contact_recovery_time": 3.0, "quiescence_rate": 0.0, "awakening_rate": 0.0, "killing_rate": law.kappa, "recognition_steepness": 2.0,
        "active_a": law.active, "killing_load_a": law.load, "stimulation_shift_a": law.shift, "threshold_a_cd22": law.threshold,
        "strength_a_cd22": 1.0,
    }  # fmt: skip
    return np.array([known[name] for name in names])


class Population:
    """Cells in chunks, and what their steps need."""

    def __init__(self, law: Law, n: int, seed: int, threads: int) -> None:
        model = agent_model(DESIGN, build(DESIGN))
        self.step, self.crew = law.step, Crew(threads)
        self.y, self.layout = signals_of(law, model.signals), layout_of(model)
        self.recognise = recogniser_of(model.signals, model.lysis, model.stimulation)
        self.streams, self.lanes = chunk_streams(seed, 0, 0)
        self.cells = Cells(n + n // 20)
        values, marks = np.zeros((at.VALUES, n), np.float32), np.zeros((at.MARKS, n), np.uint8)
        values[at.LN19 : at.LN22 + 1], marks[at.COPIES] = law.start(n, seed), 2
        self.cells.fill(values, marks, np.arange(n, dtype=np.int32))
        self.sums = np.zeros((CHUNKS, agent_sums.OF_A_SITE + 2 + agent_sums.COMPOSITION))
        self.kills = np.zeros((CHUNKS, 1))
        self.tell(0.0)

    def advance(self, k: int) -> None:
        """Make step k and tell."""
        cells, spared = self.cells, np.ones(1)
        several = (cells.values, cells.marks, cells.clone, cells.number, self.streams, self.lanes, self.kills)
        cells.level()
        status = self.crew.deal(
            cells.total,
            lambda begin, end: agents.step_cells(
                k * self.step, self.step, self.y, self.layout, self.recognise, spared, *several, begin, end
            ),
        )
        if max(status) != 0:
            raise ArithmeticError(f"status {max(status)}")
        self.tell((k + 1) * self.step)

    def tell(self, now: float) -> None:
        """Have the cells tell."""
        cells = self.cells
        several = (cells.values, cells.marks, cells.number, self.lanes)
        self.crew.deal(
            cells.total,
            lambda begin, end: agent_sums.sum_cells(
                now, self.y, self.layout, self.recognise, *several, begin, end, self.sums
            ),
        )

    def told(self) -> list[float]:
        """Return the sums in the common order."""
        whole = self.sums.sum(axis=0)
        return [*whole[:4], *whole[5:7], *whole[8:11]]  # none is quiescent, none has switched its lineage


def record_bytes(cells: Cells) -> float:
    """Return the bytes that the record of a cell takes."""
    arrays = (cells.values, cells.marks, cells.clone)
    return sum(one.nbytes for one in arrays) / cells.clone.size


def peak_bytes() -> float:
    """Return the memory that this process has had at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak)


def prepare(law: Law) -> tuple[Run, dict[str, str]]:
    """Compile with a few cells."""
    Population(law, 1000, 1, 1).advance(0)

    def run(request: Request) -> Any:
        population = Population(law, request["cells"], request["seed"], request.get("threads", 1))
        cells = population.cells
        facts = timed_steps(round(request["days"] / law.step), population.advance, lambda: cells.total)
        facts |= {"record_bytes": record_bytes(cells), "peak_bytes": peak_bytes()}
        if not request.get("save"):
            return None, facts
        return answer(population.told(), cells.gather()[2], request["cells"]), facts

    return run, {"cartsim": sim.__version__}


if __name__ == "__main__":
    serve(prepare, Law.read)
