"""PausedRow: one row of kernel `hybrid` that goes on from call to call, and whose state something else may change meanwhile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.errors import InputError
from sim.kernels.pausing import BEGUN, NOW, PAUSE, PAUSED, STATE, length, views
from sim.kernels.random import STATE_WORDS
from sim.kernels.structure import TIMED
from sim.network.codegen import CompiledNetwork
from sim.network.options import Hybrid, absolute_tolerances
from sim.network.streams import PURPOSES

__all__ = ["PausedRow"]

Floats = npt.NDArray[np.float64]


class PausedRow:
    """One row.

    Parameters
    ----------
    compiled : CompiledNetwork
    times : ndarray
        Save times; the row starts at the first.
    options : Hybrid
    parameters, initial : mapping of str to float
        Where they differ from the network's own.
    key : tuple of int
        Seed, patient, replicate.

    Attributes
    ----------
    p, x : ndarray
        Parameters and state; either may be changed between calls.
    out : ndarray, shape (n_times, n_outputs)
    fired : ndarray, shape (n_events,)
    statistics : ndarray of int, shape (4,)
    """

    def __init__(
        self,
        compiled: CompiledNetwork,
        times: Floats,
        options: Hybrid,
        parameters: Mapping[str, float],
        initial: Mapping[str, float],
        key: tuple[int, int, int],
    ) -> None:
        from sim.kernels.hybrid import simulate_hybrid

        self._drive: Any = simulate_hybrid
        n, events = len(compiled.species), len(compiled.events)
        self.compiled, self.times, self.options, self.key = compiled, times, options, key
        # Compiled here: rows are made before threads begin, and advance in them.
        self._functions, self._reach = compiled.functions, compiled.reach
        self.absolute = absolute_tolerances(options, compiled.species, compiled.is_count)
        self.p = _filled(compiled.parameters, compiled.defaults, parameters, "parameters")
        self._start = _filled(compiled.species, compiled.initial, initial, "initial")
        self._carried = np.zeros((1, length(n, events)))
        self.x = self._carried[0, STATE : STATE + n]
        self.x[:] = self._start
        self._stream = np.zeros((1, STATE_WORDS), np.uint64)
        self._a = np.zeros(max(1, compiled.structure.n_static))
        self._y = np.zeros(len(compiled.outputs))
        self._out = np.full((1, len(times), len(compiled.outputs)), np.nan)
        self._fired, self._statistics = np.full((1, events), np.nan), np.zeros((1, 4), np.int64)
        self._status = np.zeros(1, np.int64)
        self.out, self.fired, self.statistics = self._out[0], self._fired[0], self._statistics[0]

    def advance(self, until: float) -> int:
        """Go on to a time; return `PAUSED`, or a status when the row has ended."""
        if self._carried[0, BEGUN] > 0.0 and self._carried[0, NOW] >= until:
            return PAUSED  # it is there: the kernel would go a step beyond
        drive = self._drive
        compiled, options = self.compiled, self.options
        beginning = self._start if self._carried[0, BEGUN] > 0.0 else np.ascontiguousarray(self.x)
        drive(
            *self._functions, self._reach, compiled.structure, self.times, self.p[None], beginning[None], np.zeros(1, np.int64),
            float(options.rtol), self.absolute, float(options.threshold), float(options.tolerance), float(options.max_step),
            int(options.max_steps), int(options.max_events), compiled.depends_on_time, np.uint64(self.key[0]),
            np.array([self.key[1]]), np.array([self.key[2]]), PURPOSES["dynamics"], until, self._carried, self._stream,
            self._out, self._fired, self._statistics, self._status,
        )  # fmt: skip
        return int(self._status[0])

    def next_event(self, now: float) -> float:
        """Return the time of the first timed event after `now`, infinite when there is none."""
        n, count = len(self.compiled.species), len(self.compiled.events)
        if self._carried[0, BEGUN] > 0.0:
            times = views(self._carried[0], n, count)[1]["event_time"][:, 0]
        else:
            times = np.full(count, np.inf)
            static, moments = self._functions[0], self._functions[7]
            static(self.p, self._a)
            moments(now, np.append(self.x, 1.0), self.p, self._a, times)
            times[self.compiled.structure.event[:, TIMED] == 0] = np.inf
        coming = times[times > now + 1e-9 * max(1.0, abs(now))]
        return float(coming.min()) if len(coming) else math.inf

    def observe(self, now: float) -> Floats:
        """Return the outputs in the present state."""
        static, observe = self._functions[0], self._functions[6]
        static(self.p, self._a)
        observe(now, np.append(self.x, 1.0), self.p, self._a, self._y)
        return self._y

    def go_on_from(self, other: PausedRow) -> None:
        """Take up what another row of the same times has left: its clocks, luck and saves, and the species and events that both have."""
        mine, theirs = self.compiled, other.compiled
        to, of = self._carried[0], other._carried[0]
        to[: PAUSE + 1] = of[: PAUSE + 1]
        species, events = _both(mine.species, theirs.species), _both(mine.events, theirs.events)
        here = views(to, len(mine.species), len(mine.events))
        there = views(of, len(theirs.species), len(theirs.events))
        for (i, j), own, given in zip((species, events), here, there, strict=True):
            for name, part in own.items():
                part[i] = given[name][j]
        i, j = events
        self.fired[i] = other.fired[j]
        self._stream[:] = other._stream
        self.statistics[:] = other.statistics
        i, j = _both(mine.outputs, theirs.outputs)
        self.out[:, i] = other.out[:, j]


def _both(mine: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Return the places of the names that both have, among mine and among theirs."""
    shared = [name for name in mine if name in theirs]
    return [mine.index(name) for name in shared], [theirs.index(name) for name in shared]


def _filled(names: tuple[str, ...], values: Floats, given: Mapping[str, float], place: str) -> Floats:
    """Return values with those given in their places."""
    out = np.array(values, dtype=np.float64)
    for name, value in given.items():
        if name not in names:
            raise InputError(f"{place}: {name!r}; not in the network; correct the name")
        out[names.index(name)] = float(value)
    return out
