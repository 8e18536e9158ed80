"""Question: how long until the first result, with compiled code kept by an earlier run (warm) and without (cold)?

    make bench ARGS="benchmarks/bench_start.py"

Unit: seconds of a whole process, Python's own start and end included. Cold is measured once: it compiles for a minute or two.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HUNDRED = (
    "import sim\n"
    "assert sim.simulate(sim.load_model({name!r}), t=range(0, 366, 7), kernel='hybrid', n=100, seed=1).ok.all()"
)
WARM = {
    "help": ("-m", "sim.cli", "--help"),
    "show": ("-m", "sim.cli", "show", "fry2018-cd22"),
    "import-network": ("-c", "import sim.network.simulation"),
    "import-trial": ("-c", "import sim.trial.run"),
    "hundred-patients-published-model": ("-c", HUNDRED.format(name="kimmel2021")),
    "hundred-patients-leukaemia": ("-c", HUNDRED.format(name="leukaemia")),
}


def process(arguments: tuple[str, ...], folder: Path | None = None) -> None:
    own = {} if folder is None else {"CARTSIM_CACHE": str(folder)}
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        capture_output=True,
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", ""))),
            **own,
        },
    )


@pytest.mark.parametrize("what", WARM)
def test_warm(benchmark, what: str) -> None:
    process(WARM[what])
    benchmark.pedantic(process, (WARM[what],), rounds=5)


def test_whole_path_warm(benchmark, tmp_path) -> None:
    """1,000 patients in each of two arms for two years, from the shell, without figures."""
    runs = iter(range(100))

    def run() -> None:
        out = str(tmp_path / str(next(runs)))
        process(("-m", "sim.cli", "run", "fry2018-cd22", "--no-figures", "-o", out))

    run()
    benchmark.pedantic(run, rounds=3)


@pytest.mark.parametrize("what", ["hundred-patients-leukaemia"])
def test_cold(benchmark, what: str, tmp_path) -> None:
    benchmark.pedantic(process, (WARM[what], tmp_path), rounds=1)
