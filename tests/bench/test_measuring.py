"""Costs in multiply-adds, ratios to a baseline, and what a file must be to be one."""

from __future__ import annotations

import json
import math

import pytest

from sim.bench import measuring
from sim.bench.cases import Case
from sim.bench.measuring import BASELINE, Figure, compare, measure, multiply_add_rate, read_baseline, record
from sim.errors import CartsimError, InputError


class Clock:
    """Time that passes only where a case or the calibration takes it."""

    def __init__(self, monkeypatch, rate: float) -> None:
        self.now = 0.0
        monkeypatch.setattr(measuring.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(measuring, "multiply_add_rate", lambda: rate)


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_the_cost_is_the_same_on_a_machine_that_does_everything_faster(monkeypatch, speed):
    clock = Clock(monkeypatch, rate=1e9 * speed)

    def run() -> None:
        clock.now += 2.0 / speed

    (figure,) = measure([Case("two seconds", 100, run)])
    assert figure.seconds == pytest.approx(2.0 / speed)
    assert figure.rate == pytest.approx(50.0 * speed)
    assert figure.cost == pytest.approx(
        20.0
    )  # 2 s of 1e9 multiply-adds a second are 20 million for each of 100 rows


def test_the_median_is_taken_and_the_first_run_is_not_counted(monkeypatch):
    clock = Clock(monkeypatch, rate=1e6)
    left = [100.0, 1.0, 9.0, 2.0]

    def run() -> None:
        clock.now += left.pop(0)

    heard: list[str] = []
    (figure,) = measure([Case("uneven", 1, run)], repeats=3, told=heard.append)
    assert (figure.seconds, figure.cost, heard, left) == (2.0, 2.0, ["uneven"], [])


def test_a_wrong_result_is_no_figure():
    def wrong() -> None:
        raise CartsimError("mean 3; must be 4; report it")

    with pytest.raises(CartsimError, match="must be 4"):
        measure([Case("wrong", 1, wrong)])


def test_the_rate_of_multiply_adds_is_that_of_a_processor():
    """A core does from 0.1 (long chains, shared) to 100 thousand million; a loop that the compiler left out would be beyond."""
    assert 1e8 < multiply_add_rate() < 1e11


def test_a_baseline_comes_back_and_compares_as_a_ratio(tmp_path):
    before = [Figure("a", 1.0, 1.0, 4.0), Figure("b", 1.0, 1.0, 10.0)]
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(record(before, 5)))
    now = [Figure("a", 1.0, 1.0, 2.0), Figure("new", 1.0, 1.0, 1.0)]
    assert compare(now, read_baseline(path)) == [0.5, None]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 9, "cases": {}}', '{"format": 1, "cases": {"a": 3}}',
     '{"format": 1, "cases": {"a": {"cost": 0}}}', '{"format": 1, "cases": {"a": {"cost": NaN}}}'],
)  # fmt: skip
def test_a_file_that_is_no_baseline_is_refused(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(InputError):
        read_baseline(path)
    with pytest.raises(InputError):
        read_baseline(tmp_path / "absent.json")


def test_the_shipped_baseline_has_every_case_and_no_other():
    from sim.bench.cases import all_cases

    found = read_baseline()
    assert BASELINE.is_file()
    assert set(found["cases"]) == {case.name for case in all_cases()}
    assert all(math.isfinite(case["cost"]) for case in found["cases"].values())
