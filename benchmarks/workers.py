"""Processes that answer requests: peers in their environments, and ours; each pinned to cores, and asked in turn."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
import numpy.typing as npt

__all__ = ["ENVIRONMENTS", "PEERS", "PeerError", "Timings", "Worker", "interleave"]

Floats = npt.NDArray[np.float64]
Request = dict[str, Any]
Answer = dict[str, Any]

PEERS = Path(__file__).parent / "peers"
ENVIRONMENTS = PEERS / ".environments"
ROOT = Path(__file__).parent.parent
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


class PeerError(RuntimeError):
    """A peer that is not installed, did not start, or did not answer; the text says why."""


class Worker:
    """A running peer.

    Parameters
    ----------
    script : str
        Name of the script in ``benchmarks/peers``, without ``.py``.
    environment : str or None
        Name of its environment; None for the interpreter of the driver.
    problem : Path
        Folder that `Problem.write` made.
    cores : sequence of int
        Where it may run.
    patience : float
        Seconds that an answer may take.
    """

    def __init__(
        self,
        script: str,
        environment: str | None,
        problem: Path,
        cores: Sequence[int],
        patience: float = 900.0,
    ) -> None:
        self.script, self.patience = script, patience
        python = python_of(environment)
        command = [python, str(PEERS / f"{script}.py"), str(problem)]
        if shutil.which("taskset"):
            command = ["taskset", "-c", ",".join(str(core) for core in cores), *command]
        settings = {**os.environ, **ONE_THREAD, "NUMBA_NUM_THREADS": str(len(cores))}
        settings["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        if environment is None:
            settings["PYTHONPATH"] = str(ROOT)
        else:
            settings.pop("PYTHONPATH", None)
            # Some peers build a model when they start, with the tools of their environment.
            settings["PATH"] = f"{Path(python).parent}{os.pathsep}{settings['PATH']}"
        self._log: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the worker
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=settings
        )
        ready = self._answer()
        self.versions: dict[str, str] = ready["versions"]
        self.setup_seconds: float = ready["setup_seconds"]

    def __enter__(self) -> Worker:
        """Return the worker."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    def ask(self, request: Request) -> Answer:
        """Have one run made and return its seconds and facts."""
        stdin = self._process.stdin
        if stdin is None:
            raise PeerError(f"{self.script}: no input")
        try:
            stdin.write((json.dumps(request) + "\n").encode())
            stdin.flush()
        except BrokenPipeError:
            raise PeerError(f"{self.script}: {self._last_words()}") from None
        return self._answer()

    def values(self, request: Request) -> Floats:
        """Have one run made and return its values, shape (rows, n_times, n_species)."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "values.npy"
            self.ask({**request, "save": str(file)})
            values: Floats = np.load(file).astype(np.float64)
        return values

    def _answer(self) -> Answer:
        """Wait for the next line; the process is of no use after a failure."""
        stdout = self._process.stdout
        if stdout is None:
            raise PeerError(f"{self.script}: no output")
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            begin = time.monotonic()
            if not selector.select(self.patience):
                self._process.kill()
                raise PeerError(f"{self.script}: no answer within {time.monotonic() - begin:.0f} s")
        line = stdout.readline()
        if not line:
            raise PeerError(f"{self.script}: {self._last_words()}")
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{self.script}: {answer['error']}")
        if answer.get("failed"):  # a fast wrong answer is no result
            raise PeerError(f"{self.script}: {answer['failed']} rows failed")
        return answer

    def _last_words(self) -> str:
        """Return the last line that the process wrote among its errors."""
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        return lines[-1] if lines else "ended without a word"


def python_of(environment: str | None) -> str:
    """Return the interpreter of an environment; raise PeerError with the reason where there is none."""
    if environment is None:
        return sys.executable
    failure = ENVIRONMENTS / f"{environment}.failed"
    if failure.exists():
        raise PeerError(f"not installed: {failure.read_text().strip()}")
    python = ENVIRONMENTS / environment / "bin" / "python"
    if not python.exists():
        raise PeerError("not installed: make bench-peers builds its environment")
    return str(python)


@dataclass(frozen=True)
class Timings:
    """Seconds of programs that were run in turn, shape (repeats, programs)."""

    seconds: Floats

    def rate(self, program: int, work: float) -> float:
        """Return a program's work by its median seconds."""
        return work / float(np.median(self.seconds[:, program]))

    def ratio(self, program: int, work: float, other: int, other_work: float) -> float:
        """Return by how much a program is faster than another: the median of the repeats' ratios."""
        return float(np.median((work / self.seconds[:, program]) / (other_work / self.seconds[:, other])))


def interleave(runs: Sequence[Callable[[], Answer]], repeats: int, clock: str = "seconds") -> Timings:
    """Run programs in turn, so that what else the machine does meets all of them.

    Parameters
    ----------
    runs : sequence of callable
        Each makes a run and returns its answer.
    repeats : int
        One run of each beforehand is not counted.
    clock : {"seconds", "processor_seconds"}
        What is compared: time by the clock on the wall, or of the processor, which other jobs disturb less.
    """
    rounds = [[run()[clock] for run in runs] for _ in range(repeats + 1)]
    return Timings(np.array(rounds[1:]))
