"""The list of seeded faults is whole, each can still be planted, and a few of them are found: all of them by `make verify`."""

from __future__ import annotations

import pytest

from tests.statistical import verify
from tests.statistical.cases import CASES
from tests.statistical.faults import FAULTS, KERNELS, ROOT, Finding, OfKernel, in_plain_python, judged, wrong

QUICK = (
    "birth and death are exchanged",
    "each row twice",
    "saves are one time late",
    "killing saturates in effectors",
)


def test_there_are_thirty_faults_or_more_and_each_names_a_case_and_its_method() -> None:
    assert len(FAULTS) >= 30
    assert all(fault.method in CASES[fault.case].methods for fault in FAULTS.values())


@pytest.mark.parametrize("name", KERNELS)
def test_a_fault_can_be_planted(name: str) -> None:
    fault = FAULTS[name]
    assert isinstance(fault, OfKernel)
    assert fault.planted() != (ROOT / "sim" / fault.file).read_text("utf-8")


def test_a_fault_that_cannot_be_planted_fails_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, as all are: what it raises there must come back as a line."""
    gone = OfKernel("birth-death, few", "ssa", "kernels/ssa.py", {"text that nobody wrote": ""})
    broken = OfKernel(
        "birth-death, few", "ssa", "kernels/ssa.py", {"import math\n": "import math\nraise OSError\n"}
    )
    monkeypatch.setattr(verify, "FAULTS", {"gone": gone, "broken": broken})
    monkeypatch.setattr(verify, "over_processes", map)
    found = list(verify.part_faults(0, 0))
    assert [well for well, _ in found] == [False, False, False]
    assert "has 0 places that read 'text that nobody wrote'" in found[1][1]
    assert "OSError" in found[2][1]


def test_rows_that_fail_are_counted_apart_and_the_others_are_asked() -> None:
    """A thirteenth molecule that pairs with itself goes below zero; the rows that have not come to it are judged."""
    net = wrong("dimerisation, few", _0="0.05*M*M/2")
    found = judged("dimerisation, few", "ssa", 2000, net)
    assert 0 < found.failed < 2000
    assert Finding([], found.failed).by_rows_alone
    assert not Finding(["an alarm"], found.failed).by_rows_alone


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_is_found(name: str) -> None:
    assert FAULTS[name].look().by_law


@pytest.mark.verify
@pytest.mark.parametrize(
    ("case", "method", "rows"),
    sorted({(f.case, f.method, f.rows) for f in KERNELS.values() if isinstance(f, OfKernel)}),
)
def test_good_kernels_in_plain_python_raise_no_alarm(case: str, method: str, rows: int) -> None:
    """The control of the faults that are planted in a copy of the package."""
    assert in_plain_python(ROOT, case, method, rows) == Finding([], 0)
