"""simulate(): any network, any kernel, batches and replicates, over threads; a status for every row."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.errors import InputError, NetworkError, NumericalWarning
from sim.kernels import cache
from sim.kernels import status as codes
from sim.network.codegen import CompiledNetwork, compile_network
from sim.network.streams import PURPOSES
from sim.network.trajectories import Trajectories

if TYPE_CHECKING:
    from sim.network.network import Network

logger = logging.getLogger("cartsim")

CHUNK = 32
"""Rows of one task. Fixed, though no result depends on it: a row's random stream is keyed by the row alone."""
STATISTICS = ("steps", "rejections", "events", "evaluations")

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ODE:
    """The mean field, by a stiff method of order 4 with the network's own Jacobian.

    Parameters
    ----------
    rtol : float
        Relative tolerance of the local error, 1e-12 to 0.1.
    atol : float or mapping of str to float
        Absolute tolerance: cells for counts, the unit of the species for concentrations. A mapping names single species.
    max_step : float
        Longest step, in the time unit.
    max_steps, max_events : int
        Caps of a row; reaching one is a status.
    """

    name: ClassVar[str] = "ode"
    rtol: float = 1e-6
    atol: float | Mapping[str, float] = 1e-6
    max_step: float = np.inf
    max_steps: int = 100_000
    max_events: int = 100_000


@dataclass(frozen=True, kw_only=True)
class Hybrid:
    """Small populations by their exact law or event by event, large ones by the ODE.

    Parameters
    ----------
    rtol, atol : float
        As in `ODE`; looser, since chance is larger. A count that follows the ODE is large: its absolute tolerance is at least
        a ten-thousandth of the threshold.
    threshold : float
        A count above it follows the ODE, one that falls below half of it is counted.
    tolerance : float
        What a step may leave to interpolation and splitting: largest change of a cell's integrated hazards, and ten times the
        largest share of a population that may move at the wrong moment. Results converge as it is lowered.
    max_step, max_steps, max_events
        As in `ODE`.
    """

    name: ClassVar[str] = "hybrid"
    rtol: float = 1e-3
    atol: float | Mapping[str, float] = 1e-6
    threshold: float = 1e4
    tolerance: float = 0.02
    max_step: float = np.inf
    max_steps: int = 1_000_000
    max_events: int = 10_000_000


@dataclass(frozen=True, kw_only=True)
class SSA:
    """Exact events, by the direct method.

    Parameters
    ----------
    max_events : int
        Cap of a row; reaching it is the status ``event_budget``.
    """

    name: ClassVar[str] = "ssa"
    max_events: int = 100_000_000


Kernel = ODE | Hybrid | SSA
KERNELS: dict[str, type[ODE] | type[Hybrid] | type[SSA]] = {"ode": ODE, "hybrid": Hybrid, "ssa": SSA}
Progress = Callable[[int, int], None]


def _kernel(choice: object) -> Kernel:
    if isinstance(choice, (ODE, Hybrid, SSA)):
        _check_options(choice)
        return choice
    if not isinstance(choice, str) or choice not in KERNELS:
        raise InputError(f"kernel: {choice!r}; must be one of {', '.join(KERNELS)}; choose one of these")
    return KERNELS[choice]()


def _check_options(kernel: Kernel) -> None:
    """Refuse options with which no row could finish."""
    for name in ("max_steps", "max_events"):
        if hasattr(kernel, name):
            _whole(getattr(kernel, name), name, 1)
    for name, least in (("rtol", 0.0), ("max_step", 0.0), ("tolerance", 0.0), ("threshold", -1.0)):
        value = getattr(kernel, name, 1.0)
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not value > least:
            rule = "must be a number above 0" if least == 0.0 else "must be a number of at least 0"
            raise InputError(f"{name}: {value!r}; {rule}; correct it")


def _times(t: Any) -> FloatArray:
    try:
        times = np.ascontiguousarray(np.asarray(t, dtype=np.float64))
    except (TypeError, ValueError):
        raise InputError(f"t: {t!r}; must be a sequence of numbers; correct it") from None
    if times.ndim != 1 or len(times) == 0:
        raise InputError(f"t: shape {times.shape}; must be a sequence of times; give at least one")
    if not np.all(np.isfinite(times)) or np.any(np.diff(times) <= 0):
        raise InputError("t: not strictly increasing and finite; sort it and remove what occurs twice")
    return times


def _whole(value: Any, place: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(f"{place}: {value!r}; must be a whole number of at least {least}; correct it")
    return int(value)


def _batch(
    names: Sequence[str], given: Mapping[str, Any] | None, what: str
) -> tuple[dict[int, FloatArray], int | None]:
    """Return place -> values of the names given, and the length of the batch (None where all are single numbers)."""
    places = {name: i for i, name in enumerate(names)}
    result: dict[int, FloatArray] = {}
    length: int | None = None
    for name, value in (given or {}).items():
        if name not in places:
            import difflib

            close = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"names are {', '.join(list(names)[:8])}"
            raise NetworkError(f"{what} {name!r}: not in the network; {hint}")
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(f"{what} {name!r}: {value!r}; must be a number or an array of numbers") from None
        if array.ndim > 1:
            raise InputError(f"{what} {name!r}: shape {array.shape}; must be a number or have one dimension")
        if array.ndim == 1:
            if length is not None and len(array) != length:
                raise InputError(
                    f"{what} {name!r}: length {len(array)}; other arrays have {length}; make them equal"
                )
            length = len(array)
        result[places[name]] = array
    return result, length


def _identities(patients: npt.ArrayLike) -> IntArray:
    """Return the numbers of the patients."""
    numbers = np.asarray(patients)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise InputError(
            f"patients: {numbers.dtype} of shape {numbers.shape}; must be a list of whole numbers"
        )
    return np.ascontiguousarray(numbers, dtype=np.int64)


def _filled(defaults: FloatArray, given: dict[int, FloatArray], length: int) -> FloatArray:
    table = np.tile(defaults, (length, 1))
    for place, values in given.items():
        table[:, place] = values
    return np.ascontiguousarray(table)


def _absolute(kernel: ODE | Hybrid, compiled: CompiledNetwork) -> FloatArray:
    if isinstance(kernel.atol, Mapping):
        table = np.full(len(compiled.species), 1e-6)
        for name, value in kernel.atol.items():
            if name not in compiled.species:
                raise InputError(f"atol {name!r}: not a species of the network; correct the name")
            table[compiled.species.index(name)] = value
    else:
        table = np.full(len(compiled.species), float(kernel.atol))
    if isinstance(kernel, Hybrid):
        table = np.where(compiled.is_count == 1, np.maximum(table, 1e-4 * kernel.threshold), table)
    if not (np.all(table > 0) and np.all(np.isfinite(table))) or not 1e-13 <= kernel.rtol <= 0.5:
        raise InputError(
            f"rtol, atol: {kernel.rtol:g}, {table.min():g}; atol must be positive, rtol 1e-13 to 0.5"
        )
    return table


def _check_ssa(network: Network, compiled: CompiledNetwork) -> None:
    for species in network.all_species:
        if species.kind == "concentration":
            raise NetworkError(
                f"species {species.name!r}: a concentration; kernel ssa counts every species; use kernel hybrid"
            )
    for event in network.all_events:
        if event.when is not None and "time" in network.depends_on(event.when):
            raise NetworkError(
                f"event {event.name!r}: its condition depends on time; kernel ssa looks at conditions after each"
                " reaction; give at=, or use kernel hybrid"
            )
    if compiled.depends_on_time:
        for reaction, rate in zip(network.all_reactions, compiled.classification.rates, strict=True):
            definitions = {d.name: d.expression for d in network.all_definitions}
            stack, seen = list(rate.hazard.symbols), set()
            while stack:
                name = stack.pop()
                if name == "time":
                    raise NetworkError(
                        f"reaction {reaction.name!r}: its rate depends on time; kernel ssa needs rates that are"
                        " constant between events; use kernel hybrid"
                    )
                if name in definitions and name not in seen:
                    seen.add(name)
                    stack.extend(definitions[name].symbols)


class _Chunk(NamedTuple):
    """Rows of one task: their places in the batch, their identities, and the views that they fill."""

    source: IntArray
    patients: IntArray
    replicates: IntArray
    filled: tuple[npt.NDArray[Any], ...]  # values, fired, statistics, status


def _driver(kernel: Kernel, compiled: CompiledNetwork) -> tuple[Callable[..., None], tuple[Any, ...]]:
    """Return the function that simulates rows, compiled or loaded on import, and its options in order."""
    if isinstance(kernel, SSA):
        from sim.kernels.ssa import simulate_events

        return simulate_events, (kernel.max_events,)
    absolute = _absolute(kernel, compiled)
    limits = (float(kernel.max_step), kernel.max_steps, kernel.max_events)
    if isinstance(kernel, ODE):
        from sim.kernels.ode import simulate_ode

        return simulate_ode, (kernel.rtol, absolute, *limits)
    from sim.kernels.hybrid import simulate_hybrid

    chance = (float(kernel.threshold), kernel.tolerance)
    return simulate_hybrid, (kernel.rtol, absolute, *chance, *limits, compiled.depends_on_time)


def _runner(
    kernel: Kernel, compiled: CompiledNetwork, times: FloatArray, p: FloatArray, x0: FloatArray, seed: int
) -> Callable[[_Chunk], None]:
    """Return the function that simulates a chunk."""
    drive, options = _driver(kernel, compiled)
    common = (*compiled.functions, compiled.structure, times, p, x0)
    if isinstance(kernel, ODE):
        return lambda rows: drive(*common, rows.source, *options, *rows.filled)
    key, purpose = np.uint64(seed), PURPOSES["dynamics"]
    return lambda rows: drive(
        *common, rows.source, *options, key, rows.patients, rows.replicates, purpose, *rows.filled
    )


def simulate(
    network: Network,
    t: Any,
    kernel: str | Kernel = "ode",
    n: int = 1,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    threads: int | None = None,
    progress: bool | Progress | None = None,
    patients: npt.ArrayLike | None = None,
    first_replicate: int = 0,
) -> Trajectories:
    """Simulate a network.

    Parameters
    ----------
    network : Network
    t : sequence of float
        Save times, strictly increasing; the run starts at the first.
    kernel : {"ode", "hybrid", "ssa"} or ODE, Hybrid, SSA
        Method, by name or with its options.
    n : int
        Replicates of each member of the batch.
    seed : int
        0 to 2**64 - 1. The same seed gives the same bytes, whatever the number of threads.
    parameters, initial : mapping of str to float or ndarray of shape (batch,)
        Parameter values and initial states; arrays of one length make a batch.
    outputs : sequence of str, optional
        Species and definitions to save; all by default.
    threads : int, optional
        Worker threads; all cores by default.
    progress : bool or callable(done, total), optional
        True shows a bar.
    patients : array of int of shape (batch,), optional
        Identities that key the random streams; 0 .. batch - 1 by default.
    first_replicate : int
        Number of the first replicate, which keys the random streams too.

    Returns
    -------
    Trajectories
        batch * n rows, row-major (replicates of the first member first).

    Raises
    ------
    NetworkError
        The network is malformed, or the kernel cannot run it.
    InputError
        Another argument is wrong. Numbers never raise: a row that fails has a status, and one warning counts them.

    Examples
    --------
    >>> from sim import Network, simulate
    >>> net = Network("decay")
    >>> net.species("X", 100.0)
    >>> net.parameter("k", 0.1, unit="1/day")
    >>> net.reaction("death", "X -> 0", "k*X")
    >>> round(float(simulate(net, t=[0, 10])["X"][0, -1]), 2)
    36.79
    """
    chosen = _kernel(kernel)
    times = _times(t)
    n = _whole(n, "n", 1)
    seed = _whole(seed, "seed", 0)
    first_replicate = _whole(first_replicate, "first_replicate", 0)
    if seed >= 2**64:
        raise InputError(f"seed: {seed}; must be below 2**64; choose a smaller one")
    network.check()
    if isinstance(outputs, str):
        outputs = (outputs,)
    if outputs is None:
        fixed = {p.name for p in network.all_parameters}
        outputs = [s.name for s in network.all_species] + [
            d.name for d in network.all_definitions if not d.expression.symbols <= fixed
        ]
    known = {s.name for s in network.all_species} | {d.name for d in network.all_definitions}
    for name in outputs:
        if name not in known:
            raise NetworkError(
                f"output {name!r}: neither a species nor a definition of the network; correct the name"
            )
    if cache.is_cold():
        logger.info("compiling the kernels; this happens once and takes about a minute")
    compiled = compile_network(network, outputs)
    if isinstance(chosen, SSA):
        _check_ssa(network, compiled)
    given_p, length_p = _batch(compiled.parameters, parameters, "parameter")
    given_x, length_x = _batch(compiled.species, initial, "initial")
    lengths = {x for x in (length_p, length_x) if x is not None}
    given_patients = None if patients is None else _identities(patients)
    if given_patients is not None:
        lengths.add(len(given_patients))
    if len(lengths) > 1:
        raise InputError(
            f"parameters, initial, patients: lengths {sorted(lengths)}; must be equal; cut or repeat them"
        )
    batch = lengths.pop() if lengths else 1
    identities = np.arange(batch, dtype=np.int64) if given_patients is None else given_patients
    if batch and (identities.min() < 0 or identities.max() >= 2**32 or first_replicate + n > 2**32):
        raise InputError("patients: must be 0 to 2**32 - 1, and so must replicates; renumber them")
    p = _filled(compiled.defaults, given_p, batch)
    x0 = _filled(compiled.initial, given_x, batch)
    rows = batch * n
    values = np.full((rows, len(times), len(compiled.outputs)), np.nan)
    fired = np.full((rows, len(compiled.events)), np.nan)
    statistics = np.zeros((rows, len(STATISTICS)), dtype=np.int64)
    status = np.zeros(rows, dtype=np.int64)
    source = np.repeat(np.arange(batch, dtype=np.int64), n)
    row_patients = np.repeat(identities, n)
    row_replicates = np.tile(np.arange(first_replicate, first_replicate + n, dtype=np.int64), batch)
    run = _runner(chosen, compiled, times, p, x0, seed)

    def work(begin: int) -> int:
        here = slice(begin, min(begin + CHUNK, rows))
        filled = (values[here], fired[here], statistics[here], status[here])
        with np.errstate(all="ignore"):  # matters with the compiler off only
            run(_Chunk(source[here], row_patients[here], row_replicates[here], filled))
        return here.stop - begin

    _over_threads(work, range(0, rows, CHUNK), rows, threads, progress)
    _warn(status, row_patients, row_replicates, chosen.name)
    return Trajectories(
        t=times,
        names=compiled.outputs,
        values=values,
        status=status.astype(np.int8),
        fired={name: fired[:, k] for k, name in enumerate(compiled.events)},
        statistics={name: statistics[:, k] for k, name in enumerate(STATISTICS)},
        patients=row_patients,
        replicates=row_replicates,
        kernel=chosen.name,
    )


def _over_threads(
    work: Callable[[int], int],
    tasks: Sequence[int],
    total: int,
    threads: int | None,
    progress: bool | Progress | None,
) -> None:
    """Run the tasks in a pool; an interrupt waits for running chunks only."""
    count = _whole(threads, "threads", 1) if threads is not None else (os.cpu_count() or 1)
    with _Reporting(progress, total) as report:
        done = 0
        if count == 1 or len(tasks) == 1:
            for task in tasks:
                done += work(task)
                report(done, total)
            return
        pool = ThreadPoolExecutor(min(count, len(tasks) or 1))
        try:
            for future in as_completed([pool.submit(work, task) for task in tasks]):
                done += future.result()
                report(done, total)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Reporting:
    """A context that yields report(done, total): a bar of rich, the caller's function, or nothing."""

    def __init__(self, progress: bool | Progress | None, total: int) -> None:
        self.progress = progress
        self.total = total
        self.bar: Any = None

    def __enter__(self) -> Progress:
        if callable(self.progress):
            return self.progress
        if not self.progress:
            return lambda done, total: None
        from rich.console import Console
        from rich.progress import Progress as Bar

        self.bar = Bar(transient=True, console=Console(stderr=True))
        self.bar.start()
        task = self.bar.add_task("simulating", total=self.total)
        return lambda done, total: self.bar.update(task, completed=done)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()


def _warn(status: npt.NDArray[np.int64], patients: Any, replicates: Any, kernel: str) -> None:
    failed = np.flatnonzero(status != codes.OK)
    if len(failed) == 0:
        return
    first = failed[0]
    code = int(status[first])
    warnings.warn(
        f"{len(failed)} of {len(status)} rows failed; the first: patient {patients[first]}, replicate"
        f" {replicates[first]}, {kernel}: {codes.NAMES[code]} ({codes.SENTENCES[code]})",
        NumericalWarning,
        stacklevel=3,
    )
