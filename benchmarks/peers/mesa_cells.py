"""Mesa: an agent for each cell, stepped in no particular order; the steps of `cells.py`, what happens at most once a step."""

from __future__ import annotations

import math
from typing import Any

import mesa
import numpy as np
from cells import TOLD, Law, answer, timed_steps
from protocol import Request, Run, serve


class Cell(mesa.Agent):
    """One leukaemia cell."""

    def __init__(
        self, model: Population, ln19: float, ln22: float, copies: int, lost: bool, clone: int
    ) -> None:
        super().__init__(model)
        self.ln19, self.ln22, self.copies, self.lost, self.clone = ln19, ln22, copies, lost, clone
        self.killing = 0.0

    def step(self) -> None:
        """Die, divide or neither."""
        model = self.model
        law, random = model.law, model.random
        total = law.division + law.death + self.killing
        u = random.random()
        happens = -math.expm1(-total * law.step)
        if u < happens * law.division / total:
            self.divide()
        elif u < happens:
            self.remove()

    def divide(self) -> None:
        """Make a daughter, which gets as much less of each density as this one gets more."""
        model = self.model
        law, random = model.law, model.random
        more19, more22 = random.gauss(0.0, model.shared[0]), random.gauss(0.0, model.shared[1])
        copies, lost, u = self.copies, self.lost, random.random()
        hit = (0.0, law.second_hit, 2.0 * law.first_hit)[copies]
        if u < hit:
            copies -= 1
        elif u < hit + law.cd22_loss:
            lost = True
        Cell(model, self.ln19 - more19, self.ln22 - more22, copies, lost, self.clone)
        self.ln19 += more19
        self.ln22 += more22

    def tell(self, sums: list[float]) -> None:
        """Walk, and add to what all cells tell."""
        model = self.model
        law, random = model.law, model.random
        self.ln19 += (model.mean[0] - self.ln19) * model.lost + random.gauss(0.0, model.noise[0])
        self.ln22 += (model.mean[1] - self.ln22) * model.lost + random.gauss(0.0, model.noise[1])
        cd19 = 0.5 * self.copies * math.exp(self.ln19)
        cd22 = 0.0 if self.lost else math.exp(self.ln22)
        square = cd22 * cd22
        phi = square / (square + model.square)
        recognising = phi * law.active
        self.killing = law.kappa * recognising / (law.load + recognising)
        sums[0] += 1
        sums[1] += phi
        sums[2] += square / (square + model.wider_square)
        sums[3] += self.killing
        sums[4] += self.copies == 0
        sums[5] += self.lost
        sums[6] += cd22 < model.low
        sums[7] += cd19
        sums[8] += cd22


class Population(mesa.Model):
    """All cells."""

    def __init__(self, law: Law, n: int, seed: int) -> None:
        super().__init__(seed=seed)
        self.law = law
        self.mean = [math.log(one) for one in law.median]
        self.square, self.wider_square = law.threshold**2, (law.shift * law.threshold) ** 2
        self.low = 0.5 * law.median[1]
        at_division = math.sqrt(law.inherited / (law.relaxation * law.division))
        self.shared = [s * at_division for s in law.spread]
        self.lost, self.noise = 0.0, [0.0, 0.0]
        for clone, (ln19, ln22) in enumerate(law.start(n, seed).T.tolist()):
            Cell(self, ln19, ln22, 2, False, clone)
        self.tell()
        self.lost = -math.expm1(-law.step / law.relaxation)
        spread = math.sqrt((1.0 - law.inherited) * self.lost * (2.0 - self.lost))
        self.noise = [s * spread for s in law.spread]

    def tell(self) -> None:
        """Collect what the cells tell."""
        self.told = [0.0] * len(TOLD)
        self.agents.do("tell", self.told)

    def step(self) -> None:
        """Let the cells die and divide, then walk and tell."""
        self.agents.do("step")
        self.tell()


def prepare(law: Law) -> tuple[Run, dict[str, str]]:
    """There is nothing to prepare."""

    def run(request: Request) -> Any:
        cells = Population(law, request["cells"], request["seed"])
        facts = timed_steps(
            round(request["days"] / law.step),
            lambda _: cells.step(),
            lambda: len(cells.agents),
        )
        clones = np.array([cell.clone for cell in cells.agents], np.int64)
        return answer(cells.told, clones, request["cells"]), facts

    return run, {"mesa": mesa.__version__}


if __name__ == "__main__":
    serve(prepare, Law.read)
