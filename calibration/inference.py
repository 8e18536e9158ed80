"""From the reported outcomes to a posterior, stage by stage; each stage is kept, and the same command goes on where it was.

=====  ==============================================================================================================
stage  what is done
=====  ==============================================================================================================
1      a bank of patients from the laws of the prior (`calibration.population.prior_proposal`), and pilot chains on it
2      as many patients again from the laws of the pilot's draws, and pilot chains on all; and again
3      figures learned from the bank around the last pilot (`calibration.emulator`), first chains on them, figures learned again around these
4      chains on these figures, in numbers whitened by the first ones; the first tenth is dropped
5      for each trial, 3 and 4 without what it reported
=====  ==============================================================================================================

Chains and their streams do not depend on the pace at which they are computed; a point is computed by itself. So killing and resuming, and the
number of threads, change no byte.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.bank import Bank, Part
from calibration.diagnostics import effective_size, rhat
from calibration.emulator import Emulator, fit_emulator, points_around
from calibration.files import write_whole
from calibration.population import COORDINATES, Points, Proposal, prior_proposal, spread_of, with_laws
from calibration.problem import Problem, problem_of
from calibration.sampler import EllipticalSlice, Whitening
from calibration.tables import spaced
from calibration.targets import FITTED
from sim.errors import StorageError
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import load

__all__ = ["Effort", "Found", "Inference", "Posterior"]

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

CHAINS = 8
PARTS = 3
"""Of the bank: patients from the laws of the prior, then twice around the posterior."""
LAWS = 256
"""Draws of a pilot around whose laws a part of the bank lies."""
WIDER = 1.1
"""SD of these laws over that of the patients."""
DROPPED = 0.1
"""Share of each chain at its begin that is not kept."""
BREADTH = 1.3
"""SD of the chains' law over the pilot's: with 1.3 the correlation of draws twenty apart was 0.17 at most, with 1.0 it was 0.44."""
KEEP_EVERY = 20.0
"""Seconds between two saves of the chains' state, which changes nothing in it."""


@dataclass(frozen=True)
class Effort:
    """How much is computed.

    Attributes
    ----------
    patients : int
        Of an arm, in each part of the bank.
    pilot, first, draws : int
        Draws of each chain: in the pilots, whose likelihood is the bank's; in the first chains, around which figures are learned again; at last.
    points : int
        At which the bank is asked, to learn figures from.
    """

    patients: int = 65_536
    pilot: int = 400
    first: int = 1000
    draws: int = 4000
    points: int = 3000

    @classmethod
    def of(cls, patients: int, draws: int) -> Effort:
        """Return that of so many patients and draws, the rest in the shares that a whole calibration has."""
        return cls(patients, max(20, draws // 10), max(20, draws // 4), draws, max(150, 3 * draws // 4))


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws, and what they say of themselves.

    Attributes
    ----------
    draws : ndarray, shape (chains, draws, dimension)
    log_likelihoods : ndarray, shape (chains, draws)
    names : tuple of str
    """

    draws: Floats
    log_likelihoods: Floats
    names: tuple[str, ...]

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each number: mean and SD (0 and 1 a priori), contraction 1 - SD^2, R-hat and effective size."""
        rows = []
        for k, name in enumerate(self.names):
            own = self.draws[:, :, k]
            rows.append(
                {
                    "name": name,
                    "mean": float(own.mean()),
                    "sd": float(own.std()),
                    "contraction": 1.0 - float(own.var()),
                    "rhat": rhat(own),
                    "effective": effective_size(own),
                }
            )
        return rows


@dataclass(frozen=True, eq=False)
class Found(Posterior):
    """The draws of a calibration's last chains, with what told them the figures.

    Attributes
    ----------
    emulator : Emulator
    """

    emulator: Emulator


@dataclass(eq=False)
class Inference:
    """One calibration in a folder.

    Parameters
    ----------
    folder : Path
    seed : int
    effort : Effort
    threads : int, optional
        Changes no byte.
    progress : callable(stage, done, total), optional
    changes : mapping of str to value
        What is otherwise in all scenarios, by dotted path: a rival of the model.
    """

    folder: Path
    seed: int = 0
    effort: Effort = field(default_factory=Effort)
    threads: int | None = None
    progress: Progress | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the scenarios that are fitted."""
        self.scenarios: dict[str, Scenario] = {name: with_laws(load(name, self.changes)) for name in FITTED}
        self.spreads = {name: spread_of(scenario) for name, scenario in self.scenarios.items()}
        self.trials = tuple(self.scenarios)

    def run(self) -> tuple[Found, Problem]:
        """Go through all stages; what is there is not computed again.

        Raises
        ------
        StorageError
            When the folder cannot be written.
        """
        parts = [self._first_part()]
        problem = self._problem(parts)
        pilot = self._chains("pilot 1", problem, None, self.effort.pilot)
        for number in range(1, PARTS):
            parts.append(Part(number, self._around(pilot), self.effort.patients))
            problem = self._problem(parts)
            pilot = self._chains(f"pilot {number + 1}", problem, _whitening(pilot), self.effort.pilot)
        return self._refined("chains", problem, pilot), problem

    def first_problem(self) -> Problem:
        """Return the problem on patients from the laws of the prior alone, which is of use anywhere in it."""
        return self._problem([self._first_part()])

    def _first_part(self) -> Part:
        laws = {name: prior_proposal(spread) for name, spread in self.spreads.items()}
        return Part(0, laws, self.effort.patients)

    def without(self, trial: str, found: Posterior, problem: Problem) -> Found:
        """Return the posterior that does not see what a trial reported.

        Parameters
        ----------
        trial : str
        found : Posterior
            That sees all, for its numbers' breadth.
        problem : Problem
        """
        return self._refined(f"without {trial}", problem, found, trial)

    def _refined(self, stage: str, problem: Problem, near: Posterior, leave_out: str | None = None) -> Found:
        """Return the draws of chains that read figures learned around a first go of theirs, and that around draws from somewhere near."""
        at_first = f"{stage} at first"
        emulator = self._learned(at_first, problem, near)
        first = self._chains(
            at_first, problem, _whitening(near, BREADTH), self.effort.first, leave_out, emulator
        )
        emulator = self._learned(stage, problem, first)
        whitening = _whitening(first, BREADTH)
        last = self._chains(stage, problem, whitening, self.effort.draws, leave_out, emulator)
        return Found(last.draws, last.log_likelihoods, last.names, emulator)

    def _learned(self, stage: str, problem: Problem, near: Posterior) -> Emulator:
        """Return the figures as they are learned around some draws."""
        place = self.folder / f"figures-{stage.replace(' ', '-')}.json"
        points = points_around(problem, spaced(near.draws, self.effort.points))
        key = hashlib.sha256(points.values.tobytes()).hexdigest()
        if (kept := _learned_before(place, problem, key)) is not None:
            return kept
        emulator = fit_emulator(
            problem,
            self.scenarios,
            points,
            self.threads,
            lambda done, total: self._tell(f"figures, {stage}", done, total),
        )
        text = json.dumps({"points": key, **emulator.state()})
        write_whole(place, lambda partial: partial.write_text(text, encoding="utf-8"))
        return emulator

    def _problem(self, parts: list[Part]) -> Problem:
        bank = Bank(self.folder / "bank", self.scenarios, self.seed, parts)
        bank.fill(self.threads, lambda done, total: self._tell(f"patients, part {len(parts)}", done, total))
        return problem_of(self.scenarios, {arm: bank.arm(*arm) for arm in bank.arms})

    def _around(self, pilot: Posterior) -> dict[str, Proposal]:
        """Return a law for each of some draws of a pilot, a little broader than that of the patients."""
        points = Points(spaced(pilot.draws, LAWS), self.trials)
        breadth = np.full(len(COORDINATES), WIDER)
        return {name: Proposal(points.shifts(name, spread), breadth) for name, spread in self.spreads.items()}

    def _chains(
        self,
        stage: str,
        problem: Problem,
        whitening: Whitening | None,
        draws: int,
        leave_out: str | None = None,
        emulator: Emulator | None = None,
    ) -> Posterior:
        """Return a stage's draws, without the first of each chain; in plain numbers where no pilot went before, and from the bank where nothing was learned."""
        whitening = whitening or Whitening(np.zeros(problem.dimension), np.eye(problem.dimension))
        kept_targets = problem.kept(leave_out)
        stages = (
            *(f"pilot {k + 1}" for k in range(PARTS)),
            "chains at first",
            "chains",
            *(f"without {trial}{part}" for trial in self.trials for part in (" at first", "")),
        )
        seed = self.seed * 100 + stages.index(stage)

        def levels_of(v: Floats) -> Floats:
            points = problem.points(whitening.points(v))
            told = emulator.tell(points) if emulator else problem.tell(points, self.threads)
            each = problem.log_likelihood(told)
            return whitening.log_likelihood(v, each[:, kept_targets].sum(axis=1))

        place = self.folder / f"{stage.replace(' ', '-')}.json"
        generator = np.random.Generator(np.random.Philox(key=[seed, CHAINS]))
        # Where figures are learned any start will do, and far ones show what near ones would hide; a bank may know nothing there.
        starts = (1.0 if emulator else 0.3) * generator.standard_normal((CHAINS, problem.dimension))
        levels = levels_of(starts)
        chains = _resumed(place, levels) or EllipticalSlice(starts, levels, seed)
        kept = time.monotonic()
        while chains.length < draws:
            chains.tell(levels_of(chains.ask()))
            self._tell(stage, min(chains.length, draws), draws)
            if time.monotonic() > kept + KEEP_EVERY or chains.length >= draws:
                _keep(place, chains, levels)
                kept = time.monotonic()
        begin = int(DROPPED * draws)
        v = chains.draws()[:, begin:draws]
        flat = v.reshape(-1, v.shape[2])
        plain = whitening.of_points(flat, chains.log_likelihoods()[:, begin:draws].reshape(-1))
        points = whitening.points(flat).reshape(v.shape)
        return Posterior(points, plain.reshape(v.shape[:2]), problem.points(points[0, :1]).names)

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)


def _keep(place: Path, chains: EllipticalSlice, levels: Floats) -> None:
    """Write the chains, and by the log likelihoods of their starts what they are chains of."""
    text = json.dumps({"starts": levels.tolist(), **chains.state()})
    write_whole(place, lambda partial: partial.write_text(text, encoding="utf-8"))


def _resumed(place: Path, levels: Floats) -> EllipticalSlice | None:
    """Return the chains of a file; None where there is none.

    Raises
    ------
    StorageError
        When it is damaged, or the same starts have other log likelihoods: chains of other patients, reports or priors.
    """
    try:
        state = json.loads(place.read_text(encoding="utf-8"))
        chains = EllipticalSlice.resume(state)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(place, error) from None
    if state["starts"] != levels.tolist():
        raise _another(place, "chains")
    return chains


def _learned_before(place: Path, problem: Problem, key: str) -> Emulator | None:
    """Return the figures of a file; None where there is none.

    Raises
    ------
    StorageError
        When it is damaged, or they were learned at other points.
    """
    try:
        state = json.loads(place.read_text(encoding="utf-8"))
        found, points = Emulator.of_state(problem, state), state["points"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(place, error) from None
    if points != key:
        raise _another(place, "figures")
    return found


def _unreadable(place: Path, error: Exception) -> StorageError:
    return StorageError(
        f"{place}: cannot be read ({type(error).__name__}); a calibration must be whole; delete the file"
    )


def _another(place: Path, what: str) -> StorageError:
    return StorageError(
        f"{place}: {what} of other patients, reports or priors; a folder holds one calibration; choose another folder, or delete the file"
    )


def _whitening(pilot: Posterior, breadth: float = 1.0) -> Whitening:
    return Whitening.of(pilot.draws.reshape(-1, pilot.draws.shape[2]), breadth)
