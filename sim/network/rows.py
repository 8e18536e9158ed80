"""Rows: what the kernels of a simulation fill, and what is said of the rows that failed."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.errors import NumericalWarning
from sim.kernels import status as codes
from sim.network.batch import Batch
from sim.network.codegen import CompiledNetwork
from sim.network.trajectories import Trajectories

__all__ = ["STATISTICS", "Rows", "warn_of_failures"]

STATISTICS = ("steps", "rejections", "events", "evaluations")

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Rows(NamedTuple):
    """What the kernels fill, a row a run, in the order in which drivers take it."""

    values: FloatArray
    fired: FloatArray
    statistics: IntArray
    status: IntArray

    @classmethod
    def of(cls, rows: int, times: int, compiled: CompiledNetwork) -> Rows:
        """Return rows of which the values are still to be set to NaN, which is what no kernel has written."""
        return cls(
            values=np.empty((rows, times, len(compiled.outputs))),
            fired=np.full((rows, len(compiled.events)), np.nan),
            statistics=np.zeros((rows, len(STATISTICS)), dtype=np.int64),
            status=np.zeros(rows, dtype=np.int64),
        )

    def part(self, here: slice) -> tuple[npt.NDArray[Any], ...]:
        """Return views of some rows."""
        return tuple(array[here] for array in self)

    def end_where_no_number(self, here: slice) -> None:
        """End rows at the first save of an output that is no finite number, as 1/X is where X is gone."""
        values, status = self.values[here], self.status[here]
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(values.sum()):  # the usual case, at a tenth of the cost of asking each number
                return
        finite: npt.NDArray[np.bool_] = np.all(np.isfinite(values), axis=2)
        for i in np.flatnonzero((status == codes.OK) & ~np.all(finite, axis=1)):
            values[i, np.argmin(finite[i]) :] = np.nan
            status[i] = codes.NON_FINITE

    def as_trajectories(
        self, times: FloatArray, compiled: CompiledNetwork, batch: Batch, kernel: str
    ) -> Trajectories:
        """Return the rows with their names."""
        return Trajectories(
            t=times,
            names=compiled.outputs,
            values=self.values,
            status=self.status.astype(np.int8),
            fired={name: self.fired[:, k] for k, name in enumerate(compiled.events)},
            statistics={name: self.statistics[:, k] for k, name in enumerate(STATISTICS)},
            patients=batch.patients,
            replicates=batch.replicates,
            kernel=kernel,
        )


def warn_of_failures(status: IntArray, batch: Batch, kernel: str) -> None:
    """Give one warning that counts the failed rows and names the first; it points at who has called the caller."""
    failed = np.flatnonzero(status != codes.OK)
    if len(failed) == 0:
        return
    first = failed[0]
    code = int(status[first])
    warnings.warn(
        f"{len(failed)} of {len(status)} rows failed; the first: patient {batch.patients[first]}, replicate"
        f" {batch.replicates[first]}, {kernel}: {codes.NAMES[code]} ({codes.SENTENCES[code]})",
        NumericalWarning,
        stacklevel=3,
    )
