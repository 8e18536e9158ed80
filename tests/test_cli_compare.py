"""``cartsim compare``: two ways of naming two arms, what stands on stdout, and what is left on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sim
from sim import cli
from sim.trial import courses
from tests.trial.made_up import MadeUp


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(courses, "simulate", MadeUp())


@pytest.fixture
def runs():
    for name, seed in (("one", 1), ("two", 2)):
        sim.run("fry2018-cd22", patients=30, seed=seed, out=name, figures=False)
    sim.run("untreated", patients=10, out="alone", figures=False)


@pytest.fixture
def call(capsys):
    def invoke(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return caught.value.code, out, err

    return invoke


def test_table_on_stdout_and_the_figure_among_those_of_the_run(call, runs):
    code, out, err = call("compare", "one", "higher", "lowest")
    assert (code, err) == (0, "")
    assert "event-free survival at 12 months" in out
    assert "Not paired: 30 and 30 virtual patients" in out
    assert out.endswith("Figure: one/figures/compare-higher-lowest.png\n")
    assert Path("one/figures/compare-higher-lowest.png").stat().st_size > 10_000
    assert sim.open("one").arms == ("lowest", "higher")


def test_two_runs_are_named_with_a_colon_and_leave_nothing_unless_asked(call, runs):
    before = sorted(Path().rglob("*"))
    code, out, _ = call("compare", "one:higher", "two:higher", "--on", "efs")
    assert code == 0
    assert "seed: 1, 2" in out
    assert sorted(Path().rglob("*")) == before
    code, out, _ = call("compare", "one:higher", "two:higher", "--on", "efs", "-o", "compared")
    assert code == 0
    assert {path.name for path in Path("compared").iterdir()} == {
        f"compare-higher-higher.{end}" for end in ("csv", "json", "png")
    }
    head, *lines = Path("compared/compare-higher-higher.csv").read_text().splitlines()
    assert head.startswith("name,label,unit,first,second,difference,lower,upper")
    assert len(lines) == 2


def test_json_is_the_same_as_data(call, runs):
    code, out, _ = call("compare", "one", "higher", "lowest", "--json", "--no-figures", "--at", 182)
    told = json.loads(out)
    assert code == 0
    assert told["at"] == told["until"] == 182.0
    assert told["differences"][0]["name"] == "cr"
    assert not Path("one/figures").exists()


def test_same_comparison_has_the_same_bytes(call, runs):
    for folder in ("a", "b"):
        assert call("compare", "one", "higher", "lowest", "-o", folder)[0] == 0
    for path in Path("a").iterdir():
        assert path.read_bytes() == (Path("b") / path.name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("one",), "compare: 1 given; two arms are compared; give DIR ARM_A ARM_B"),
        (("one", "two"), "one: no arm named; it has lowest, higher"),
        (("one", "highest", "lowest"), "'highest'; no such arm in fry2018-cd22"),
        (("nowhere", "a", "b"), "nowhere: no such folder"),
        (("one", "higher", "lowest", "--on", "pfs"), "on: 'pfs'; must be one of"),
        (("one", "higher", "lowest", "--at", "900"), "at: 900; must be above 0 and at most 730"),
    ],
)
def test_mistakes_end_in_2_with_one_line(call, runs, arguments, words):
    code, out, err = call("compare", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_the_only_arm_needs_no_name(call, runs):
    code, out, _ = call(
        "compare", "alone", "one:higher", "--on", "os", "--at", 100, "--transplant", "ignored"
    )
    assert code == 0
    assert "overall survival at day 100" in out
