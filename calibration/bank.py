"""A bank of simulated patients: drawn once from broad laws, simulated once, and weighed anew for every population.

A folder holds parts; a part has a proposal (from which its patients' scores were drawn) and, for each arm, a file for each `PIECE` patients.
A piece that is there is not simulated again, so that an interrupted bank goes on where it was; what a piece holds depends on the part, the
arm and the patients' numbers alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import sim
from calibration.files import write_whole
from calibration.population import COORDINATES, Proposal, base_log_weights, scores_of
from sim.trial.courses import simulate_patients
from sim.trial.outcomes import TRUTHS, Outcomes
from sim.trial.scenario import Scenario
from sim.trial.tables import read_parquet, write_parquet

__all__ = ["PIECE", "ArmBank", "Bank", "Part"]

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

PIECE = 2048
"""Patients of a file: some seconds' work, the most that an interrupt loses."""
STRIDE = 10_000_000
"""Patients of part r are numbered from r times this, so that no two parts share any luck."""
COLUMNS = (
    *("patient", "status", "cr", "mrd_negative", "relapse_day", "relapse_phenotype", "remission_days", "remission_event", "cd22_ratio"),
    *("cmax", "tmax", "doubling_time", "contraction_half_life", "terminal_half_life", "infused", "evaluable", "best_response", "cr_day"),
    *("death_day", "death_cause", "transplant_day", "reinfusion_day", "rescued", "last_followup_day", "cd19_negative_at_baseline"),
    *("b_cell_recovery_day", "relapse_car_t_persisting", "rfs_days", "rfs_event", "efs_days", "efs_event", "os_days", "os_event"),
)  # fmt: skip
"""Columns of the outcomes that a piece keeps."""


@dataclass(frozen=True)
class Part:
    """Patients of every arm drawn from one law.

    Attributes
    ----------
    number : int
    proposals : mapping of str to Proposal
        By scenario.
    size : int
        Patients of an arm.
    """

    number: int
    proposals: Mapping[str, Proposal]
    size: int

    def patients(self) -> NDArray[np.int64]:
        """Return the places of its patients within an arm."""
        return np.arange(self.number * STRIDE, self.number * STRIDE + self.size, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class ArmBank:
    """The simulated patients of one arm.

    Attributes
    ----------
    outcomes : Outcomes
    scores : ndarray, shape (n, coordinates)
    base : ndarray, shape (n,)
        Log weights under no shift.
    """

    outcomes: Outcomes
    scores: Floats
    base: Floats


@dataclass(eq=False)
class Bank:
    """Simulated patients of several arms, on disk.

    Parameters
    ----------
    folder : Path
    scenarios : mapping of str to Scenario
        By name; every arm of each is simulated.
    seed : int
    parts : list of Part
    """

    folder: Path
    scenarios: Mapping[str, Scenario]
    seed: int
    parts: list[Part] = field(default_factory=list)

    @property
    def arms(self) -> list[tuple[str, str]]:
        """Scenario and arm of all that is simulated."""
        return [(name, arm) for name, scenario in self.scenarios.items() for arm in scenario.arms]

    def fill(self, threads: int | None = None, progress: Progress | None = None) -> None:
        """Simulate what is missing.

        Parameters
        ----------
        threads : int, optional
            Changes no byte.
        progress : callable(done, total), optional
            Counts patients of all arms.

        Raises
        ------
        StorageError
            When a file cannot be written.
        """
        total = sum(part.size for part in self.parts) * len(self.arms)
        done = 0
        for part, name, arm, patients in self._pieces():
            place = self._place(part, name, arm, patients)
            if not place.exists():
                scores = part.proposals[name].scores(patients)
                found = simulate_patients(self.scenarios[name], arm, self.seed, patients, scores, threads)
                columns = {column: found[column] for column in COLUMNS}
                write_whole(place, partial(write_parquet, columns=columns, truths=TRUTHS))
            done += len(patients)
            if progress is not None:
                progress(done, total)

    def arm(self, name: str, arm: str) -> ArmBank:
        """Read all patients of one arm.

        Raises
        ------
        StorageError
            When a piece is missing or damaged.
        """
        tables, scores = [], []
        for part, scenario, own, patients in self._pieces():
            if (scenario, own) == (name, arm):
                tables.append(read_parquet(self._place(part, name, arm, patients), TRUTHS))
                scores.append(scores_of(self.scenarios[name], arm, self.seed, patients, part.proposals[name]))
        z = np.concatenate(scores)
        base = base_log_weights(
            z, [part.proposals[name] for part in self.parts], [part.size for part in self.parts]
        )
        columns = {column: np.concatenate([table[column] for table in tables]) for column in COLUMNS}
        return ArmBank(Outcomes(columns), z, base)

    def _pieces(self) -> Iterator[tuple[Part, str, str, NDArray[np.int64]]]:
        for part in self.parts:
            patients = part.patients()
            for name, arm in self.arms:
                for begin in range(0, part.size, PIECE):
                    yield part, name, arm, patients[begin : begin + PIECE]

    def _place(self, part: Part, name: str, arm: str, patients: NDArray[np.int64]) -> Path:
        """Return the file of a piece: its name says what it depends on."""
        proposal = part.proposals[name]
        content = {
            "scenario": self.scenarios[name].content_hash(),
            "arm": arm,
            "seed": self.seed,
            "means": proposal.means.tolist(),
            "sd": proposal.sd.tolist(),
            "coordinates": COORDINATES,
            "columns": COLUMNS,
            "version": sim.__version__,
        }
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        return self.folder / f"{name}-{arm}-{part.number}-{digest}" / f"{patients[0]}-{len(patients)}.parquet"
