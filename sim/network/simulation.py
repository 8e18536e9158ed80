"""simulate(): any network, any kernel, batches and replicates, over threads; a status for every row."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.errors import InputError
from sim.kernels import cache
from sim.kernels.lanes import WIDTH
from sim.network.arguments import read_flag, read_outputs, read_times, read_whole, shown
from sim.network.batch import Batch, read_batch
from sim.network.codegen import CompiledNetwork, compile_jumps, compile_network
from sim.network.options import KERNELS, ODE, SSA, Hybrid, Kernel, TauLeap, absolute_tolerances, choose
from sim.network.rows import Rows, warn_of_failures
from sim.network.streams import PURPOSES
from sim.network.suitability import check_counts
from sim.network.trajectories import Trajectories
from sim.network.workers import Progress, over_threads

if TYPE_CHECKING:
    from sim.network.network import Network

__all__ = ["KERNELS", "ODE", "SSA", "Hybrid", "Kernel", "Progress", "TauLeap", "simulate"]

logger = logging.getLogger("cartsim")

CHUNK = 32
"""Rows of one task. Fixed, though no result depends on it: a row's random stream is keyed by the row alone."""
LAST_ROWS, SMALL_CHUNK = 64, 8
"""The last rows come in smaller tasks, so that the threads end together; those of `ode` are alike, and take about as long."""
LANES_CHUNK = 128
"""Rows of one task of `ode`, side by side, where lanes stand idle while the last of a task end; fewer where that leaves a thread without."""

FloatArray = npt.NDArray[np.float64]


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
    kernel : {"ode", "ssa", "tau_leap", "hybrid"} or ODE, SSA, TauLeap, Hybrid
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
    chosen = choose(kernel)
    times = read_times(t)
    n = read_whole(n, "n", 1)
    seed = read_whole(seed, "seed", 0, 2**64 - 1)
    first = read_whole(first_replicate, "first_replicate", 0)
    threads = None if threads is None else read_whole(threads, "threads", 1)
    read_flag(progress, "progress")
    _check_network(network)
    names = read_outputs(outputs, network)
    if cache.is_cold():
        logger.info("compiling the kernels; this happens once and takes one to two minutes")
    compiled = compile_network(network, names)
    if isinstance(chosen, (SSA, TauLeap)):
        check_counts(network, compiled, chosen.name)
    batch = read_batch(compiled, parameters, initial, patients, n, first)
    rows = Rows.of(len(batch.source), len(times), compiled)
    run = _runner(chosen, compiled, times, batch, seed)

    def work(here: slice) -> int:
        rows.values[here] = np.nan  # in the worker: first touching so much memory takes its time
        with np.errstate(all="ignore"):  # matters with the compiler off only
            run(here, rows.part(here))
        rows.end_where_no_number(here)
        return int(here.stop - here.start)

    total = len(rows.status)
    over_threads(work, _tasks(total, chosen, threads), total, threads, progress)
    warn_of_failures(rows.status, batch, chosen.name)
    return rows.as_trajectories(times, compiled, batch, chosen.name)


def _tasks(total: int, kernel: Kernel, threads: int | None) -> list[slice]:
    """Cut the rows into tasks."""
    if total == 0:
        return []
    if isinstance(kernel, ODE):
        # As many tasks for each thread, so that none waits for another's last.
        share = -(-total // (threads or os.cpu_count() or 1))
        rows = -(-share // -(-share // LANES_CHUNK))
        begins = [*range(0, total, -(-rows // WIDTH) * WIDTH)]
    else:
        fine = max(0, total - LAST_ROWS) // CHUNK * CHUNK
        begins = [*range(0, fine, CHUNK), *range(fine, total, SMALL_CHUNK)]
    return [slice(begin, end) for begin, end in zip(begins, [*begins[1:], total], strict=True)]


def _check_network(network: object) -> None:
    """Refuse what is no sound network."""
    from sim.network.network import Network

    if not isinstance(network, Network):
        raise InputError(
            f"network: {shown(network)}; must be a Network; build one with sim.Network(name), or get one with sim.load_model(name)"
        )
    network.check()


def _driver(kernel: Kernel, compiled: CompiledNetwork) -> tuple[Callable[..., None], tuple[Any, ...]]:
    """Return the function that simulates rows, compiled or loaded on import, and its options in order."""
    if isinstance(kernel, SSA):
        from sim.kernels.ssa import simulate_events

        return simulate_events, (int(kernel.max_events),)
    if isinstance(kernel, TauLeap):
        from sim.kernels.tau_leap import simulate_leaps

        return simulate_leaps, (
            compiled.felt,
            compiled.partials,
            compiled.terms,
            float(kernel.epsilon),
            int(kernel.max_steps),
            int(kernel.max_events),
        )
    absolute = absolute_tolerances(kernel, compiled.species, compiled.is_count)
    limits = (float(kernel.max_step), int(kernel.max_steps), int(kernel.max_events))
    if isinstance(kernel, ODE):
        from sim.kernels.ode import simulate_ode

        return simulate_ode, (compiled.saved_species, float(kernel.rtol), absolute, *limits)
    from sim.kernels.hybrid import simulate_hybrid

    chance = (float(kernel.threshold), float(kernel.tolerance))
    return simulate_hybrid, (float(kernel.rtol), absolute, *chance, *limits, compiled.depends_on_time)


def _runner(
    kernel: Kernel, compiled: CompiledNetwork, times: FloatArray, batch: Batch, seed: int
) -> Callable[[slice, tuple[npt.NDArray[Any], ...]], None]:
    """Return the function that simulates some rows and fills their views."""
    drive, options = _driver(kernel, compiled)
    if isinstance(kernel, ODE):
        programs, layout = compiled.lanes(WIDTH)
        several = (*programs, compiled.structure, layout, WIDTH, times, batch.parameters, batch.initial)
        return lambda here, filled: drive(*several, batch.source[here], *options, *filled)
    functions = compiled.functions
    if isinstance(kernel, Hybrid | TauLeap):
        functions = (*functions, compiled.reach)
    if isinstance(kernel, SSA):
        functions = (*functions, *_own_events(compiled))
    common = (*functions, compiled.structure, times, batch.parameters, batch.initial)
    key, purpose = np.uint64(seed), PURPOSES["dynamics"]
    at_once = (np.inf, np.zeros((0, 0)), np.zeros((0, 0), np.uint64)) if isinstance(kernel, Hybrid) else ()
    return lambda here, filled: drive(
        *common,
        batch.source[here],
        *options,
        key,
        batch.patients[here],
        batch.replicates[here],
        purpose,
        *at_once,
        *filled,
    )


def _own_events(compiled: CompiledNetwork) -> tuple[Any, bool]:
    """Return the network's own loop of exact events and True, or a stand-in and False."""
    from sim.kernels.ssa import no_jumps

    source = compiled.jumps_source
    return (no_jumps, False) if source is None else (compile_jumps(source), True)
