"""The list of seeded faults is whole, each can still be planted, and a few of them are found: all of them by `make verify`."""

from __future__ import annotations

import pytest

from tests.statistical.cases import CASES
from tests.statistical.faults import FAULTS, KERNELS, ROOT, OfKernel, in_plain_python

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
def test_the_lines_of_a_fault_stand_in_the_kernel_once(name: str) -> None:
    fault = FAULTS[name]
    assert isinstance(fault, OfKernel)
    text = (ROOT / "sim" / fault.file).read_text("utf-8")
    assert [text.count(old) for old in fault.changes] == [1] * len(fault.changes)


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_is_found(name: str) -> None:
    assert FAULTS[name].alarms()


@pytest.mark.verify
@pytest.mark.parametrize(
    ("case", "method", "rows"),
    sorted({(f.case, f.method, f.rows) for f in KERNELS.values() if isinstance(f, OfKernel)}),
)
def test_good_kernels_in_plain_python_raise_no_alarm(case: str, method: str, rows: int) -> None:
    """The control of the faults that are planted in a copy of the package."""
    assert in_plain_python(ROOT, case, method, rows) == []
