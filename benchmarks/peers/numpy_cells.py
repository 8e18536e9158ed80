"""NumPy: all cells at once, an array for each property, in single precision; the steps of `cells.py`, what happens at most once a step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from cells import Law, answer, timed_steps
from protocol import Request, Run, serve

LOST = np.uint8(1)


class Population:
    """Cells by their properties."""

    def __init__(self, law: Law, n: int, seed: int) -> None:
        self.law, self.random = law, np.random.default_rng(seed)
        self.ln = list(law.start(n, seed))
        self.copies = np.full(n, 2, np.uint8)
        self.flags = np.zeros(n, np.uint8)
        self.clone = np.arange(n, dtype=np.int32)
        single, dt = np.float32, law.step
        lost = -math.expm1(-dt / law.relaxation)
        self.mean = [single(math.log(one)) for one in law.median]
        self.left = single(1.0 - lost)
        self.noise = [single(s * math.sqrt((1.0 - law.inherited) * lost * (2.0 - lost))) for s in law.spread]
        at_division = math.sqrt(law.inherited / (law.relaxation * law.division))
        self.shared = [single(s * at_division) for s in law.spread]
        self.told = self.tell(*self.densities())[1]

    def densities(self) -> tuple[np.ndarray, np.ndarray]:
        """Return CD19 and CD22."""
        cd19, cd22 = np.exp(self.ln[0]), np.exp(self.ln[1])
        cd19 *= self.copies
        cd19 *= np.float32(0.5)
        cd22[(self.flags & LOST) != 0] = 0.0
        return cd19, cd22

    def tell(self, cd19: np.ndarray, cd22: np.ndarray) -> tuple[np.ndarray, list[float]]:
        """Return each cell's hazard of being killed, and the sums."""
        law, single = self.law, np.float32
        square = cd22 * cd22
        phi = square / (square + single(law.threshold**2))
        psi = square / (square + single((law.shift * law.threshold) ** 2))
        killing = phi * single(law.active)
        killing /= killing + single(law.load)
        killing *= single(law.kappa)
        low = np.count_nonzero(cd22 < single(0.5 * law.median[1]))
        absent = np.count_nonzero(self.copies == 0), np.count_nonzero(self.flags & LOST)
        return killing, [len(cd19), phi.sum(), psi.sum(), killing.sum(), *absent, low, cd19.sum(), cd22.sum()]

    def step(self) -> None:
        """Let the cells die, divide, and walk, then tell."""
        law, random, single = self.law, self.random, np.float32
        n = len(self.clone)
        # The hazards of this step are those that the cells have told: recognition is computed once a step.
        happens = self.killing + single(law.division + law.death)
        total = happens.copy()
        happens *= single(-law.step)
        np.expm1(happens, out=happens)
        happens /= -total
        u = random.random(n, dtype=single)
        u /= happens
        divide = u < single(law.division)
        stay = np.flatnonzero(divide | (u >= total))
        self.keep(stay, self.daughters(np.flatnonzero(divide)))
        for k in range(2):
            x = self.ln[k]
            x -= self.mean[k]
            x *= self.left
            z = random.standard_normal(len(x), dtype=single)
            z *= self.noise[k]
            x += z
            x += self.mean[k]
        self.killing, self.told = self.tell(*self.densities())

    def daughters(self, mothers: np.ndarray) -> dict[str, Any]:
        """Return the daughters, with noise that the mothers' other daughters have with the opposite sign."""
        law, random = self.law, self.random
        copies, flags, m = self.copies[mothers], self.flags[mothers], len(mothers)
        u = random.random(m)
        hit = np.array([0.0, law.second_hit, 2.0 * law.first_hit])[copies]
        lose = (u >= hit) & (u < hit + law.cd22_loss)
        copies[u < hit] -= 1
        flags[lose] |= LOST
        ln = []
        for k in range(2):
            more = random.standard_normal(m, dtype=np.float32)
            more *= self.shared[k]
            mother = self.ln[k][mothers]
            ln.append(mother - more)
            self.ln[k][mothers] = mother + more
        return {"ln": ln, "copies": copies, "flags": flags, "clone": self.clone[mothers]}

    def keep(self, stay: np.ndarray, new: dict[str, Any]) -> None:
        """Keep the cells that stay, and add new ones."""
        self.ln = [np.concatenate([self.ln[k][stay], new["ln"][k]]) for k in range(2)]
        self.copies = np.concatenate([self.copies[stay], new["copies"]])
        self.flags = np.concatenate([self.flags[stay], new["flags"]])
        self.clone = np.concatenate([self.clone[stay], new["clone"]])


def prepare(law: Law) -> tuple[Run, dict[str, str]]:
    """There is nothing to prepare."""

    def run(request: Request) -> Any:
        cells = Population(law, request["cells"], request["seed"])
        cells.killing = cells.tell(*cells.densities())[0]
        facts = timed_steps(
            round(request["days"] / law.step),
            lambda _: cells.step(),
            lambda: len(cells.clone),
        )
        return answer(cells.told, cells.clone, request["cells"]), facts

    return run, {"numpy": np.__version__}


if __name__ == "__main__":
    serve(prepare, Law.read)
