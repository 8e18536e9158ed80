"""What peers are given and what they answer, without any peer."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks import event_networks, twelve_states
from benchmarks.compare import Line, Report, keep_others
from benchmarks.compare_report import BEGIN, END, markdown_table, replace_between, short_table, write_markdown
from benchmarks.floor import Operations, count_step, count_text
from benchmarks.peers import cartsim_itself, environments
from benchmarks.peers.protocol import Problem, antimony, sum_text, timed
from benchmarks.problems import mean_error, problem_of, trajectory_errors, worst_deviation
from benchmarks.workers import PeerError, Timings, interleave, python_of
from sim.network.codegen import compile_network


def same(one: Problem, other: Problem) -> bool:
    arrays = ("parameter_values", "initial", "saves")
    rest = [name for name in vars(one) if name not in arrays]
    return all(getattr(one, name) == getattr(other, name) for name in rest) and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays
    )


def test_a_problem_comes_back_from_its_folder(tmp_path: Path) -> None:
    problem = problem_of(twelve_states.build, twelve_states.SAVES, *twelve_states.patients(3))
    problem.write(tmp_path)
    read = Problem.read(tmp_path)
    assert same(read, problem)
    assert read.initial.shape == (3, 12)
    assert read.save_of_addition == 90


def test_changes_are_net_and_slopes_sums_of_rates() -> None:
    problem = problem_of(event_networks.car_t, event_networks.SAVES[event_networks.car_t])
    E = problem.species.index("E")
    assert dict(problem.changes()[E]) == {6: 1, 7: -1, 8: -1, 9: 1, 11: -1}
    assert problem.slopes()[E] == "rate_6 - rate_7 - rate_8 + rate_9 - rate_11"
    assert sum_text([]) == "0.0"


@pytest.mark.parametrize("build", list(event_networks.SAVES))
def test_constants_are_named_where_rates_are_of_mass_action(build) -> None:
    problem = problem_of(build, event_networks.SAVES[build])
    assert [one.constant for one in problem.reactions] == problem.parameters
    assert problem.addition is None


def test_constants_are_not_named_where_they_are_not() -> None:
    problem = problem_of(twelve_states.build, twelve_states.SAVES)
    named = {one.rate: one.constant for one in problem.reactions}
    assert named["kbm*Eb"] == "kbm"
    assert named["kill*N"] is None, "a definition, not a constant"
    assert named["rL*L*L/Lmax"] is None


def test_the_antimony_has_a_rule_for_each_state_and_the_infusion() -> None:
    text = antimony(problem_of(twelve_states.build, twelve_states.SAVES))
    assert sum("' = " in line for line in text.splitlines()) == 12
    assert "at (time >= 90.0): Eb = Eb + 100000000.0;" in text
    assert "**" not in text


def test_a_run_is_timed_and_its_values_kept_where_asked(tmp_path: Path) -> None:
    file = tmp_path / "values.npy"
    answer = timed(lambda request: ([[1.0, 2.0]], {"failed": request["n"]}), {"n": 3, "save": str(file)})
    assert answer["failed"] == 3
    assert 0 <= answer["seconds"] < 1
    assert np.array_equal(np.load(file), [[1.0, 2.0]])


def test_tables_give_the_events_of_the_own_loop() -> None:
    problem = problem_of(event_networks.oscillator, np.array([0.0, 5.0]))
    run, _ = cartsim_itself.prepare(problem)
    request = {"kernel": "ssa", "rows": 2, "seed": 3}
    values, facts = run(request)
    by_tables, same_facts = run({**request, "tables": True})
    assert np.array_equal(values, by_tables)
    assert facts["events"] == same_facts["events"] > 1000


def test_errors_are_relative_to_the_value_and_a_floor() -> None:
    reference = np.array([[[100.0, 0.0]], [[100.0, 1.0]]])
    values = np.array([[[101.0, 0.5]], [[np.nan, 1.0]]])
    assert trajectory_errors(values, reference, np.array([1.0, 1.0])).tolist() == [0.5, np.inf]


def test_the_error_of_means_is_what_chance_does_not_explain() -> None:
    """400 and 20 rows of a law with standard deviation 10 about 1000; small means and wide laws are left out."""
    generator = np.random.default_rng(1)
    centre, width = np.array([1000.0, 50.0, 1000.0]), np.array([10.0, 1.0, 500.0])
    exact = centre + width * generator.standard_normal((400, 30, 3))
    few = centre + width * generator.standard_normal((20, 30, 3))
    assert mean_error(few, exact) < 0.002
    off = few * np.array([1.03, 2.0, 2.0])
    assert mean_error(off, exact) == pytest.approx(0.03, abs=0.002)


def test_a_deviation_is_in_standard_errors() -> None:
    generator = np.random.default_rng(1)
    one, other = generator.standard_normal((2, 200, 1, 3))
    assert worst_deviation(one, other) < 5
    assert worst_deviation(one + 1.0, other) > 5


def test_programs_run_in_turn_and_the_first_round_is_not_counted() -> None:
    made: list[str] = []
    seconds = iter([9.0, 9.0, 1.0, 4.0, 2.0, 4.0, 1.0, 8.0])

    def run(name: str) -> dict[str, float]:
        made.append(name)
        return {"seconds": next(seconds)}

    timings = interleave([lambda: run("a"), lambda: run("b")], 3)
    assert "".join(made) == "abababab"
    assert timings.seconds.tolist() == [[1.0, 4.0], [2.0, 4.0], [1.0, 8.0]]
    assert timings.rate(0, 10.0) == 10.0
    assert timings.ratio(0, 10.0, 1, 10.0) == 4.0
    assert Timings(timings.seconds).ratio(0, 10.0, 1, 20.0) == 2.0


def test_an_environment_that_is_missing_is_said() -> None:
    with pytest.raises(PeerError, match="make bench-peers"):
        python_of("of nobody")
    assert environments.reason("first\nERROR: no compiler\n") == "ERROR: no compiler"
    assert environments.reason("") == "no word of why"


def test_the_table_goes_between_its_markers_and_says_what_is_missed(tmp_path: Path) -> None:
    line = {
        "work": "ODE", "peer": "one", "theirs": 10.0, "ours": 20.0, "ratio": 2.0, "least": 3.0,
        "their_error": 1e-4, "our_error": None, "note": "",
    }  # fmt: skip
    assert "| 2 | 3 missed | 1.0e-04 |" in markdown_table([line])
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{BEGIN}old{END}\nafter\n")
    content = {"clock": "seconds", "versions": {"one": "1"}, "lines": [line], "repeats": 5, "processor": "a"}
    write_markdown({**content, "reference_error": 1e-9}, document)
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "3 missed" in text
    assert replace_between("", "<", ">", "x") == "<x>\n"


def test_the_short_table_takes_what_is_measured_at_equal_error() -> None:
    content = {
        "lines": [
            {"work": "ODE, rtol 1e-6", "peer": "one", "ratio": 2.0},
            {"work": "ODE, at the peer's error", "peer": "one", "ratio": 3.0},
            {"work": "ODE, at the peer's error", "peer": "two", "ratio": None},
        ]
    }
    assert short_table(content).splitlines()[2:] == ["| ODE, at the peer's error | one | 3 |"]


def test_a_run_of_some_parts_keeps_the_lines_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "peers.json"
    earlier = Report(5, "seconds", lines=[Line("ODE, rtol 1e-06", "one"), Line("leap, mean error", "old")])
    earlier.reference_error = 1e-9
    file.write_text(json.dumps(asdict(earlier)))
    now = Report(5, "seconds", lines=[Line("leap, mean error", "new"), Line("events, car_t", "two")])
    keep_others(now, file, {"leap", "events"})
    assert [line.peer for line in now.lines] == ["one", "two", "new"]
    assert now.reference_error == 1e-9


def test_operations_are_counted_by_hand() -> None:
    text = "def f(x, p):\n    y = x[0]*p[0] + x[1]*p[1]\n    z = (x[0] + x[1])/(p[0] - 1.0)\n"
    assert count_text(text, "f") == Operations(divisions=1, multiply_adds=4)
    parts = count_step(compile_network(twelve_states.build(), list(twelve_states.SPECIES)))
    assert parts["right-hand sides"].divisions == 6 * 11, "eleven quotients, each computed once"
    assert all(one.multiply_adds > 0 for one in parts.values())
