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

from tests.statistical.cases import CASES, METHODS
from tests.statistical.checks import Power, power
from tests.statistical.faults import ASKED, FAULTS, Finding
from tests.statistical.oracles import Floats, Law
from tests.statistical.suite import (
    FAMILY,
    MORE_ROWS,
    ROWS,
    Answer,
    alarms,
    answers,
    asked,
    level,
    questions,
    sample,
)

PARTS = ("laws", "faults", "seeds", "tests")
Task, Found = TypeVar("Task"), TypeVar("Found")
PAIRS = [(name, method) for name, case in CASES.items() for method in case.methods]
"""Every case by every method."""
FRESH = 1001
"""First of the fresh seeds."""
EXPECTED = "{:.1e} false alarms expected"


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
    """Likewise; and tell by how much mean and variance are off, with standard errors."""
    name, method, rows, seed = task
    began = time.perf_counter()
    case, x = CASES[name], sample(CASES[name], method, rows, seed)
    took, found = time.perf_counter() - began, list(answers(name, method, x))
    least, room = min(one.p for one in found), case.methods[method]
    text = f"{name}, {method}: {len(found)} questions, least p {least:.1e}, room {100 * room.mean:g} % and {100 * room.variance:g} %, {took:.0f} s"
    for k, t in enumerate(case.times):
        if "mean" in asked(name, t):
            text += f"\n    t = {t:g}: {measured(x[:, k], case.law(t))}"
    return found, text


def measured(y: Floats, law: Law) -> str:
    root, squares = np.sqrt(len(y)), (y - law.mean) ** 2
    mean, variance = 100 / law.mean, 100 / law.variance
    return (
        f"mean {mean * y.mean() - 100:+.3f} +- {mean * y.std() / root:.3f} %,"
        f" variance {variance * squares.mean() - 100:+.1f} +- {variance * squares.std() / root:.1f} %"
    )


def weakest(method: str, statistic: str, rows: int) -> tuple[str, Power]:
    """Return the case of a method, and its time, of which a statistic asks least, and what is found there."""
    found = {
        f"{name} at {t:g}": power(statistic, case.law(t), rows, level(), room=case.methods[method])
        for name, case in CASES.items()
        for t in case.times
        if method in case.methods and statistic in asked(name, t)
    }
    name = max(found, key=lambda one: found[one].effect)
    return name, found[name]


def part_laws(rows: int, _seeds: int) -> Iterator[tuple[bool, str]]:
    """Every case by every method, seed 1."""
    raised, number, least = 0, 0, 1.0
    for found, text in over_processes(ask_and_measure, [(*pair, rows, 1) for pair in PAIRS]):
        say(f"  {text}")
        number += len(found)
        least = min(least, *(one.p for one in found))
        for line in alarms(found):
            raised += 1
            say(f"  ALARM {line}")
    for method in METHODS:
        for statistic, unit in (("mean", "standard deviations"), ("variance", "of itself")):
            name, found_there = weakest(method, statistic, rows)
            say(
                f"  weakest {statistic} of {method}: {found_there.effect:.3f} {unit} are found 99 times in 100 ({name})"
            )
    yield not raised, f"laws: {number} questions to {rows:,} rows each, {raised} alarms, least p {least:.1e}"
    yield (
        number == len(questions()),
        f"      level {level():.1e} a question; {EXPECTED.format(number * level())}",
    )


def look(fault: str) -> Finding | str:
    """Return what a fault has raised, or why it could not be seen."""
    try:
        return FAULTS[fault].look()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a line of the verdict and ends no other fault
        return f"{type(error).__name__}: {error}"


def part_faults(_rows: int, _seeds: int) -> Iterator[tuple[bool, str]]:
    """Seeded faults."""
    by_law, by_rows, not_planted = 0, 0, []
    for (name, fault), found in zip(FAULTS.items(), over_processes(look, list(FAULTS)), strict=True):
        place = f"{name} ({fault.case}, {fault.method})"
        if isinstance(found, str):
            not_planted.append(f"faults: {place} cannot be planted: {found}")
            continue
        by_law += found.by_law
        by_rows += found.by_rows_alone
        if not found.by_law:
            say(
                f"  found by {found.failed} failed rows alone: {place}"
                if found.failed
                else f"  not found: {place}"
            )
    enough = by_law + by_rows >= ASKED * len(FAULTS)
    yield (
        enough,
        f"faults: {by_law + by_rows} of {len(FAULTS)} found (asked: 29 of 30); by law: {by_law}, by failed rows: {by_rows}",
    )
    for line in not_planted:
        yield False, line


def ask_afresh(seed: int) -> tuple[int, list[str]]:
    """Return how many questions of `make test` were asked of a seed, and the alarms."""
    number, raised = 0, []
    for name, method in PAIRS:
        if method not in CASES[name].costly:
            found = ask((name, method, ROWS, seed))
            number += len(found)
            raised += [f"seed {seed}: {line}" for line in alarms(found)]
    return number, raised


def part_seeds(_rows: int, seeds: int) -> Iterator[tuple[bool, str]]:
    """Fresh seeds on good code: what `make test` asks, again and again."""
    number, raised = 0, 0
    for done, (more, lines) in enumerate(over_processes(ask_afresh, range(FRESH, FRESH + seeds)), 1):
        number += more
        raised += len(lines)
        for line in lines:
            say(f"  ALARM {line}")
        if done % 10 == 0:
            say(f"  {done} seeds, {raised} alarms so far")
    yield (
        not raised,
        f"seeds: {seeds} seeds, {number:,} questions to {ROWS:,} rows, {raised} alarms; {EXPECTED.format(number * level())}",
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
    rounds = ("laws" in options.parts) + options.seeds * ("seeds" in options.parts)
    lines.append(f"     false alarms expected in all parts together: at most {rounds * FAMILY:.1e}")
    say("\n".join(["", "Verdict", *lines, "verified" if good else "NOT verified"]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
