"""The full verification with its verdict in numbers. `python -m tests.statistical.verify` (or `make verify`); exit code 0 when all is well.

Four parts: every case by every method in `MORE_ROWS` rows; the seeded faults; fresh seeds on good code; and the other tests of this
folder and of tests/reference, those marked `verify` among them. `--seeds`, `--rows` and `--parts` make it shorter.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

import pytest

from tests.statistical.cases import CASES
from tests.statistical.faults import ASKED, FAULTS
from tests.statistical.suite import FAMILY, MORE_ROWS, ROWS, alarms, answers, level, questions, sample

PARTS = ("laws", "faults", "seeds", "tests")
FRESH = 1001
"""First of the fresh seeds."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def part_laws(rows: int, _seeds: int) -> Iterator[tuple[bool, str]]:
    """Every case by every method, seed 1."""
    raised, asked, least = [], 0, 1.0
    for name, case in CASES.items():
        for method in case.methods:
            found = list(answers(name, method, sample(case, method, rows, 1)))
            asked += len(found)
            least = min(least, *(one.p for one in found))
            raised += alarms(found)
            for line in alarms(found):
                say(f"  ALARM {line}")
    yield (
        not raised,
        f"laws: {asked} questions to {rows:,} rows each, {len(raised)} alarms, least p {least:.1e}",
    )
    yield (
        asked == len(questions()),
        f"      level {level():.1e} a question; {FAMILY:g} false alarms expected in all of them",
    )


def part_faults(_rows: int, _seeds: int) -> Iterator[tuple[bool, str]]:
    """Seeded faults."""
    found = 0
    for name, fault in FAULTS.items():
        raised = fault.alarms()
        found += bool(raised)
        if not raised:
            say(f"  not found: {name} ({fault.case}, {fault.method})")
    enough = found >= ASKED * len(FAULTS)
    yield enough, f"faults: {found} of {len(FAULTS)} found (asked: 29 of 30)"


def part_seeds(_rows: int, seeds: int) -> Iterator[tuple[bool, str]]:
    """Fresh seeds on good code: what `make test` asks, again and again."""
    raised, asked = [], 0
    for seed in range(FRESH, FRESH + seeds):
        for name, case in CASES.items():
            for method in case.methods:
                if method in case.costly:
                    continue
                found = list(answers(name, method, sample(case, method, ROWS, seed)))
                asked += len(found)
                raised += alarms(found)
                for line in alarms(found):
                    say(f"  ALARM seed {seed}: {line}")
        say(f"  seed {seed}: {len(raised)} alarms so far")
    expected = asked * level()
    yield (
        not raised,
        f"seeds: {seeds} seeds, {asked:,} questions to {ROWS:,} rows, {len(raised)} alarms ({expected:.1e} expected)",
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
