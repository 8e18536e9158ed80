"""``bench``: the table, JSON, what is written, and exit codes."""

from __future__ import annotations

import json

import pytest

from sim import cli
from sim.bench.cases import Case
from sim.errors import CartsimError


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "sim.bench.all_cases", lambda: [Case("ode, small", 10, list), Case("start: help", 1, list)]
    )
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return caught.value.code, out, err

    return invoke


def test_table_has_a_line_for_each_case_and_says_what_it_compares(call):
    code, out, err = call("bench")
    assert code == 0
    assert err.count("\n") == 1
    for words in ("ode, small", "start: help", "ratio", "Baseline: ", "multiply-adds", "below 1 is faster"):
        assert words in out
    assert "new" in out  # the shipped baseline lacks what was made up here


def test_what_was_saved_is_what_is_compared_with(call, tmp_path):
    assert call("bench", "--save", "before.json")[0] == 0
    code, out, _ = call("bench", "--against", "before.json", "--json")
    told = json.loads(out)
    assert code == 0
    assert set(told["cases"]) == {"ode, small", "start: help"}
    for case in told["cases"].values():
        assert set(case) == {"seconds", "cost", "rows_per_second", "ratio"}
        assert case["ratio"] > 0.0
    assert told["baseline"]["processor"] == json.loads((tmp_path / "before.json").read_text())["processor"]


def test_only_some_are_measured_when_asked(call):
    code, out, _ = call("bench", "--only", "start", "--json")
    assert (code, list(json.loads(out)["cases"])) == (0, ["start: help"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--only", "nothing"), 2, "--only: 'nothing'; must be part of a name"),
        (("--against", "absent.json"), 2, "absent.json: FileNotFoundError; must be a baseline"),
        (("--save", "absent/file.json"), 4, "no such file or directory"),
    ],
)
def test_a_mistake_is_one_line_and_its_exit_code(call, arguments, code, words):
    found, out, err = call("bench", *arguments)
    assert (found, out) == (code, "")
    assert words in err


def test_a_wrong_result_is_a_fault_of_the_program(call, monkeypatch):
    def wrong() -> None:
        raise CartsimError("ssa, small: mean 3; must be 4; report it")

    monkeypatch.setattr("sim.bench.all_cases", lambda: [Case("ssa, small", 1, wrong)])
    code, out, err = call("bench")
    assert (code, out) == (70, "")
    assert err.splitlines()[-1] == "ssa, small: mean 3; must be 4; report it"


def test_help_shows_examples(call):
    code, out, _ = call("bench", "--help")
    assert code == 0
    assert "cartsim bench --save before.json" in out
