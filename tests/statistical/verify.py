"""The full verification with its verdict in numbers. `python -m tests.statistical.verify` (or `make verify`); exit code 0 when all is well.

Four parts: every case by every method in `MORE_ROWS` rows; the seeded faults; fresh seeds on good code; and the other tests of this
folder and of tests/reference, those marked `verify` among them. `--seeds`, `--rows` and `--parts` make it shorter.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import numpy as np
import pytest

from tests.statistical.cases import CASES
from tests.statistical.faults import ASKED, FAULTS
from tests.statistical.suite import FAMILY, MORE_ROWS, ROWS, Answer, alarms, answers, level, questions, sample

PARTS = ("laws", "faults", "seeds", "tests")
Task, Found = TypeVar("Task"), TypeVar("Found")
PAIRS = [(name, method) for name, case in CASES.items() for method in case.methods]
"""Every case by every method."""
FRESH = 1001
"""First of the fresh seeds."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def over_processes(work: Callable[[Task], Found], tasks: Sequence[Task]) -> Iterator[Found]:
    """Yield what each task gives, in order, from one process a core."""
    with ProcessPoolExecutor() as pool:
        yield from pool.map(work, tasks)


def ask(task: tuple[str, str, int, int]) -> list[Answer]:
    """Answer all questions to a case by a method, rows and seed."""
    name, method, rows, seed = task
    return list(answers(name, method, sample(CASES[name], method, rows, seed)))


def ask_and_measure(task: tuple[str, str, int, int]) -> tuple[list[Answer], str]:
    """Likewise; and tell by how much mean and variance are off at the last time, with standard errors."""
    name, method, rows, seed = task
    began = time.perf_counter()
    x = sample(CASES[name], method, rows, seed)
    took, last = time.perf_counter() - began, CASES[name].law(CASES[name].times[-1])
    found = list(answers(name, method, x))
    least = min(one.p for one in found)
    text = f"{name}, {method}: {len(found)} questions, least p {least:.1e}, {took:.0f} s"
    if last.is_whole and last.mean > 0.0 and not CASES[name].only:
        y, root = x[:, -1], np.sqrt(len(x))
        squares = (y - last.mean) ** 2
        text += (
            f"; mean {100 * (y.mean() / last.mean - 1):+.2f} +- {100 * y.std() / root / last.mean:.2f} %,"
            f" variance {100 * (squares.mean() / last.variance - 1):+.1f} +- {100 * squares.std() / root / last.variance:.1f} %"
        )
    return found, text


def part_laws(rows: int, _seeds: int) -> Iterator[tuple[bool, str]]:
    """Every case by every method, seed 1."""
    raised, asked, least = 0, 0, 1.0
    for found, text in over_processes(ask_and_measure, [(*pair, rows, 1) for pair in PAIRS]):
        say(f"  {text}")
        asked += len(found)
        least = min(least, *(one.p for one in found))
        for line in alarms(found):
            raised += 1
            say(f"  ALARM {line}")
    yield not raised, f"laws: {asked} questions to {rows:,} rows each, {raised} alarms, least p {least:.1e}"
    yield (
        asked == len(questions()),
        f"      level {level():.1e} a question; {FAMILY:g} false alarms expected in all of them",
    )


def is_found(fault: str) -> bool:
    return bool(FAULTS[fault].alarms())


def part_faults(_rows: int, _seeds: int) -> Iterator[tuple[bool, str]]:
    """Seeded faults."""
    found = 0
    for (name, fault), raised in zip(FAULTS.items(), over_processes(is_found, list(FAULTS)), strict=True):
        found += raised
        if not raised:
            say(f"  not found: {name} ({fault.case}, {fault.method})")
    enough = found >= ASKED * len(FAULTS)
    yield enough, f"faults: {found} of {len(FAULTS)} found (asked: 29 of 30)"


def ask_afresh(seed: int) -> tuple[int, list[str]]:
    """Return how many questions of `make test` were asked of a seed, and the alarms."""
    asked, raised = 0, []
    for name, method in PAIRS:
        if method not in CASES[name].costly:
            found = ask((name, method, ROWS, seed))
            asked += len(found)
            raised += [f"seed {seed}: {line}" for line in alarms(found)]
    return asked, raised


def part_seeds(_rows: int, seeds: int) -> Iterator[tuple[bool, str]]:
    """Fresh seeds on good code: what `make test` asks, again and again."""
    asked, raised = 0, 0
    for done, (number, lines) in enumerate(over_processes(ask_afresh, range(FRESH, FRESH + seeds)), 1):
        asked += number
        raised += len(lines)
        for line in lines:
            say(f"  ALARM {line}")
        if done % 10 == 0:
            say(f"  {done} seeds, {raised} alarms so far")
    expected = asked * level()
    yield (
        not raised,
        f"seeds: {seeds} seeds, {asked:,} questions to {ROWS:,} rows, {raised} alarms ({expected:.1e} expected)",
    )


def part_tests(_rows: int, _seeds: int) -> Iterator[tuple[bool, str]]:
    """All other tests of both folders."""

    class Count:
        passed = failed = 0

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.when == "call" or report.failed:
                self.passed += report.passed
                self.failed += report.failed

    count = Count()
    pytest.main(["-q", "-p", "no:cacheprovider", "tests/statistical", "tests/reference"], plugins=[count])
    yield count.failed == 0 < count.passed, f"tests: {count.passed} passed, {count.failed} failed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--rows", type=int, default=MORE_ROWS)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    work = {"laws": part_laws, "faults": part_faults, "seeds": part_seeds, "tests": part_tests}
    lines, good = [], True
    for part in options.parts:
        begin = time.perf_counter()
        for well, line in work[part](options.rows, options.seeds):
            good = good and well
            lines.append(f"{'ok  ' if well else 'FAIL'} {line}")
            say(lines[-1])
        say(f"     {part} took {time.perf_counter() - begin:.0f} s")
    say("\n".join(["", "Verdict", *lines, "verified" if good else "NOT verified"]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
