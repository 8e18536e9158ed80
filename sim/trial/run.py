"""Run a scenario: draw the patients of each arm, simulate them, look as the trial looked, judge as it judged.

    for each arm, for each 512 of its patients
        draw -> simulate -> observe -> assess          endpoints are kept, courses are not

Chunks are fixed and rows are keyed by seed, patient and replicate, so that neither threads nor chunks change a byte. While the kernels
simulate one chunk, the chunk before it is judged and the next one is drawn, so that no core waits for either.
"""

from __future__ import annotations

import os
import time as clock
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.errors import NumericalWarning
from sim.network.arguments import read_whole
from sim.trial.cohort import Cohort, draw
from sim.trial.courses import CHUNK, Kernel, look, save_days, simulate_cohort, solver_of
from sim.trial.observation import OUTPUTS
from sim.trial.outcomes import Outcomes, assess
from sim.trial.provenance import collect
from sim.trial.quantiles import CourseQuantiles
from sim.trial.residual import ResidualDisease
from sim.trial.result import Result
from sim.trial.run_directory import RunDirectory
from sim.trial.scenario import Scenario

if TYPE_CHECKING:
    from sim.network.trajectories import Trajectories

__all__ = ["execute", "replay", "run"]

Progress = Callable[[int, int], None]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def run(
    scenario: Scenario | str | os.PathLike[str],
    seed: int = 0,
    kernel: Kernel | None = None,
    threads: int | None = None,
    patients: int | None = None,
    progress: bool | Progress = False,
    out: str | os.PathLike[str] | None = None,
    figures: bool = True,
) -> Result:
    """Simulate a trial.

    Parameters
    ----------
    scenario : Scenario, str or path
        A scenario, or the name or path of one.
    seed : int
        0 to 2**64 - 1.
    kernel : {"hybrid", "ode", "agents"} or kernel options, optional
        In place of the scenario's.
    threads : int, optional
        Worker threads; all cores by default. Changes no number.
    patients : int, optional
        Virtual patients per arm, in place of the scenario's. More patients leave the first ones as they are.
    progress : bool or callable(done, total)
        True shows a bar; counts are patients of all arms.
    out : path, optional
        Folder for the run directory; nothing is written without it. It is claimed before anything is computed; when it
        already holds this very run, complete, that is read and returned; where labels, sources or reported outcomes have
        changed since, its files are written again with the same endpoints.
    figures : bool
        Whether figures are written to it.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        The scenario, another argument or the folder is wrong.
    StorageError, BusyError
        The folder cannot be written, or another process writes to it.

    Warns
    -----
    NumericalWarning
        Once, when rows failed; they keep their status, and their endpoints are NaN.

    Examples
    --------
    >>> import sim
    >>> result = sim.run("untreated", patients=4)          # doctest: +SKIP
    >>> result.summary()                                   # doctest: +SKIP
    """
    source = b""
    if not isinstance(scenario, Scenario):
        from sim.trial.scenario_io import find, load

        path = find(scenario)
        scenario, source = load(scenario), path.read_bytes()
    changes: dict[str, Any] = {}
    if patients is not None:
        changes["patients.size"] = patients
    if isinstance(kernel, str):
        changes["engine.kernel"] = kernel
    scenario = scenario.with_(changes) if changes else scenario
    chosen = scenario.engine.kernel if kernel is None or isinstance(kernel, str) else kernel
    return execute(
        scenario,
        seed=seed,
        kernel=chosen,
        threads=threads,
        progress=progress,
        out=None if out is None else Path(out),
        source=source,
        figures=figures,
    )


def execute(
    scenario: Scenario,
    *,
    seed: int,
    kernel: object,
    threads: int | None = None,
    progress: bool | Progress = False,
    out: Path | None = None,
    source: bytes = b"",
    figures: bool = True,
    command: str = "",
) -> Result:
    """Run a scenario that has every override in it; see `run`.

    Parameters
    ----------
    kernel : str or kernel options
        The scenario's own kernel by name, or options of one.
    source : bytes
        The scenario file as it was given, for the run directory.
    command : str
        What to record as the command that gives these numbers.
    """
    _check(seed, threads)
    provenance = collect(scenario, seed, kernel, command)
    if out is None:
        return _compute(scenario, seed, kernel, threads, progress, provenance)
    from sim.trial.run_files import prepare_files, renew_run, reopen_run, write_run, write_timing

    directory = RunDirectory(out, str(provenance["hash"]))
    if directory.state() == "complete":
        return reopen_run(directory, scenario, source=source, figures=figures, command=command)
    with directory.claim():
        # Another process may have finished between the look and the claim.
        if directory.state() == "complete":
            return renew_run(directory, scenario, source=source, figures=figures, command=command)
        _rehearse(scenario, seed, kernel)
        directory.begin(provenance)
        begun = clock.perf_counter()
        # Kernels leave the interpreter free: what the files need is loaded meanwhile.
        meanwhile = [Thread(target=prepare_files, kwargs={"figures": figures}, daemon=True)]
        result = _compute(scenario, seed, kernel, threads, progress, provenance, meanwhile)
        result = replace(result, path=out)
        computed = clock.perf_counter()
        write_run(directory, result, source=source, figures=figures)
        write_timing(
            directory, computing=computed - begun, writing=clock.perf_counter() - computed, threads=threads
        )
        directory.finish()
    return result


def replay(
    scenario: Scenario, *, arm: str, patient: int, replicate: int, seed: int, kernel: Any
) -> Trajectories:
    """Simulate one patient again with all species and definitions; see `Result.rerun`."""
    cohort = draw(scenario, arm, seed, np.array([patient]))
    network = cohort.network
    everything = (*(one.name for one in network.all_species), *(one.name for one in network.all_definitions))
    return simulate_cohort(scenario, cohort, seed, kernel, everything, threads=1, first_replicate=replicate)


def _check(seed: int, threads: int | None) -> None:
    read_whole(seed, "seed", 0, 2**64 - 1)
    if threads is not None:
        read_whole(threads, "threads", 1)


def _rehearse(scenario: Scenario, seed: int, kernel: object) -> None:
    """Draw one patient of each arm, so that what only the cohort can find wrong is found before anything is written."""
    solver_of(scenario, kernel)
    for arm in scenario.arms:
        draw(scenario, arm, seed, np.zeros(1, dtype=np.int64))


def _compute(
    scenario: Scenario, seed: int, kernel: object, threads: int | None, progress: bool | Progress,
    provenance: Mapping[str, Any], meanwhile: Sequence[Thread] = (),
) -> Result:  # fmt: skip
    """Simulate all patients; `meanwhile` starts once the kernels are loaded and run without the interpreter."""
    size, total = scenario.patients.size, scenario.patients.size * len(scenario.arms)
    quantiles, residual = CourseQuantiles(save_days(scenario)), ResidualDisease()
    chunks = [
        (arm, np.arange(begin, min(begin + CHUNK, size), dtype=np.int64))
        for arm in scenario.arms
        for begin in range(0, size, CHUNK)
    ]
    judged: list[Future[Outcomes]] = []
    waiting = list(meanwhile)
    done = 0
    with _reporting(progress, total) as report, warnings.catch_warnings(), _beside() as beside:
        # Each chunk would warn; one warning for all follows below.
        warnings.simplefilter("ignore", NumericalWarning)
        for (_, numbers), cohort in zip(chunks, _drawn_ahead(beside, scenario, seed, chunks), strict=True):
            before = done

            def advance(rows: int, _: int, before: int = before) -> None:
                while waiting:
                    waiting.pop().start()
                report(before + rows, total)

            courses = simulate_cohort(scenario, cohort, seed, kernel, OUTPUTS, threads, progress=advance)
            judged.append(
                beside.submit(_judge, scenario, cohort, courses, numbers, seed, quantiles, residual)
            )
            done += len(numbers)
            report(done, total)
        outcomes = Outcomes.concatenate([one.result() for one in judged])
    _warn(outcomes)
    cells = {"densities": residual.densities(), "clones": residual.clones()}
    return Result(scenario, seed, kernel, outcomes, quantiles.columns(), provenance, single_cells=cells)


@contextmanager
def _beside() -> Iterator[ThreadPoolExecutor]:
    """Yield one thread beside the kernels; after an interrupt or an error nothing more begins there."""
    thread = ThreadPoolExecutor(1)
    try:
        yield thread
    finally:
        thread.shutdown(wait=True, cancel_futures=True)


def _drawn_ahead(
    beside: ThreadPoolExecutor, scenario: Scenario, seed: int, chunks: Sequence[tuple[str, Ints]]
) -> Iterator[Cohort]:
    """Yield the cohort of each chunk, while the next is drawn.

    The thread takes its tasks in turn: when a cohort is there, all chunks but the last one simulated are judged, and their courses gone.
    """

    def order(arm: str, numbers: Ints) -> Future[Cohort]:
        return beside.submit(draw, scenario, arm, seed, numbers)

    coming = order(*chunks[0])
    for following in chunks[1:]:
        cohort = coming.result()
        coming = order(*following)
        yield cohort
    yield coming.result()


def _judge(
    scenario: Scenario, cohort: Cohort, courses: Trajectories, numbers: Ints, seed: int,
    quantiles: CourseQuantiles, residual: ResidualDisease,
) -> Outcomes:  # fmt: skip
    """Observe and assess the courses of some patients of an arm, and keep what is drawn of them."""
    seen = look(scenario, cohort, courses, seed)
    outcomes = assess(seen, scenario.criteria)
    quantiles.add(cohort.arm, numbers, courses, seen.followup_day)
    residual.add(cohort.arm, numbers, courses, outcomes)
    return Outcomes({**outcomes, "patient": numbers})


@contextmanager
def _reporting(progress: bool | Progress, total: int) -> Iterator[Progress]:
    """Yield report(done, total): the caller's function, a bar, or nothing."""
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda done, total: None
    else:
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(transient=True, console=Console(stderr=True)) as bar:
            task = bar.add_task("simulating", total=total)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def _warn(outcomes: Outcomes) -> None:
    """Give one warning that counts the failed rows and names the first."""
    from sim.kernels import status as codes

    failed = np.flatnonzero(outcomes["status"])
    if len(failed):
        first = failed[0]
        code = int(outcomes["status"][first])
        warnings.warn(
            f"{len(failed)} of {outcomes.rows} rows failed; the first: arm {outcomes['arm'][first]}, patient "
            f"{outcomes['patient'][first]}: {codes.NAMES[code]} ({codes.SENTENCES[code]})",
            NumericalWarning,
            stacklevel=4,
        )
