"""Trajectories: what `simulate` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.errors import InputError
from sim.kernels import status as codes
from sim.network.residual import Residual

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trajectories:
    """Values of species and definitions on a grid of times, a row a run.

    Attributes
    ----------
    t : ndarray, shape (n_times,)
        Save times, in the network's time unit.
    names : tuple of str
        Outputs; ``trajectories["X"]`` has shape (rows, n_times), counts as float64.
    values : ndarray, shape (rows, n_times, n_outputs)
        NaN after the time of a failure.
    status : ndarray of int8, shape (rows,)
        0 is ok; `status_names` gives the words.
    fired : mapping of str to ndarray, shape (rows,)
        Time at which each event first fired, NaN where it never did.
    statistics : mapping of str to ndarray, shape (rows,)
        Counts of steps, rejections, events and evaluations.
    patients, replicates : ndarray of int, shape (rows,)
        The identity of each row, which keys its random stream.
    residual : Residual, optional
        What single cells show, of kernel ``agents``.
    """

    t: FloatArray
    names: tuple[str, ...]
    values: FloatArray
    status: npt.NDArray[np.int8]
    fired: Mapping[str, FloatArray]
    statistics: Mapping[str, npt.NDArray[np.int64]]
    patients: npt.NDArray[np.int64]
    replicates: npt.NDArray[np.int64]
    kernel: str
    residual: Residual | None = None

    def __getitem__(self, name: str) -> FloatArray:
        """Return one output, shape (rows, n_times)."""
        try:
            place = self.names.index(name)
        except ValueError:
            known = ", ".join(self.names[:8]) + (", ..." if len(self.names) > 8 else "")
            raise InputError(
                f"output {name!r}: not saved; outputs are {known}; name it in outputs="
            ) from None
        result: FloatArray = self.values[:, :, place]
        return result

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.status)

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """Rows that finished, shape (rows,)."""
        return np.asarray(self.status == codes.OK)

    @property
    def status_names(self) -> npt.NDArray[np.str_]:
        """The status of each row as a word."""
        return np.array(codes.NAMES)[self.status]

    def __repr__(self) -> str:
        """Return what was run, in a line."""
        failed = int(np.sum(~self.ok))
        trouble = f", {failed} failed" if failed else ""
        span = f"{self.t[0]:g} to {self.t[-1]:g}" if len(self.t) else "no times"
        return f"<Trajectories {self.kernel}: {len(self)} rows, t {span}, {len(self.names)} outputs{trouble}>"
