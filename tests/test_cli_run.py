"""``run``, ``check`` and ``doctor``: what stands on stdout, what on stderr, exit codes, and what is left on disk."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim import cli, cli_doctor
from sim.cli_doctor import Finding
from sim.network.simulation import simulate as true_simulate
from sim.trial import courses
from sim.trial.run_directory import RunDirectory
from tests.trial.made_up import MadeUp
from tests.trial.small_posterior import small_posterior

NAME = "fry2018-cd22"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def made_up(monkeypatch):
    simulate = MadeUp()
    monkeypatch.setattr(courses, "simulate", simulate)
    return simulate


@pytest.fixture
def call(capsys):
    def invoke(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return caught.value.code, out, err

    return invoke


class TestRun:
    def test_tells_the_story_on_stdout_and_leaves_a_run_directory(self, call, tmp_path):
        code, out, err = call("run", NAME, "--patients", 20)
        assert (code, err) == (0, "")
        (folder,) = (tmp_path / "runs").iterdir()
        assert folder.name.startswith(f"{NAME}-")
        assert len(folder.name) == len(NAME) + 9
        assert (folder / "complete").is_file()
        for words in ("20 virtual patients per arm", "Reported beside simulated", "11 of 15 (73 %)",
                      "Where the two part", "Research only", f"runs/{folder.name}/figures"):  # fmt: skip
            assert words in out
        provenance = json.loads((folder / "provenance.json").read_text())
        assert provenance["command"] == f"cartsim run {NAME} --patients 20"

    def test_json_is_the_same_story_as_data(self, call):
        code, out, _ = call("run", NAME, "--patients", 20, "--json", "--no-figures", "-o", "out")
        told = json.loads(out)
        assert code == 0
        assert told["scenario"] == NAME
        assert told["path"] == "out"
        assert {row["arm"] for row in told["summary"]} == {"lowest", "higher"}
        remission = next(row for row in told["summary"] if (row["arm"], row["name"]) == ("higher", "cr"))
        reported = next(row for row in told["reported"] if row["id"] == "cr-higher-dose")
        assert remission["value"] == reported["simulated"]
        assert not Path("out/figures").exists()

    def test_complete_run_is_shown_again_without_computing(self, call, made_up):
        _, first, _ = call("run", NAME, "--patients", 12, "-o", "out", "--no-figures")
        calls = made_up.calls
        code, second, err = call("run", NAME, "--patients", 12, "-o", "out", "--no-figures")
        assert code == 0
        assert err == "out: this run is complete; showing it\n"
        assert second == first
        assert made_up.calls == calls

    def test_complete_run_is_shown_beside_what_the_scenario_reports_now(self, call, made_up):
        text = Path(cli.__file__).parent.parent.joinpath(f"scenarios/{NAME}.yaml").read_text()
        assert "events: 1" in text
        Path("mine.yaml").write_text(text)
        assert call("run", "mine.yaml", "--patients", 12, "-o", "out", "--no-figures")[0] == 0
        calls = made_up.calls
        Path("mine.yaml").write_text(text.replace("events: 1", "events: 5", 1))
        code, told, _ = call("run", "mine.yaml", "--patients", 12, "-o", "out", "--no-figures")
        assert code == 0
        assert "5 of 6" in told
        assert "5 of 6" in Path("out/reported.csv").read_text()
        assert made_up.calls == calls

    def test_set_changes_the_scenario_and_the_recorded_command(self, call):
        code, out, _ = call(
            "run", NAME, "--set", "patients.size=15", "--seed", 4, "-o", "out", "--no-figures"
        )
        assert code == 0
        assert "15 virtual patients per arm" in out
        provenance = json.loads(Path("out/provenance.json").read_text())
        assert provenance["command"] == f"cartsim run {NAME} --set patients.size=15 --seed 4"
        assert provenance["seed"] == 4

    def test_file_is_kept_as_it_was_given(self, call):
        text = "# mine\n" + Path(cli.__file__).parent.parent.joinpath("scenarios/untreated.yaml").read_text()
        Path("mine.yaml").write_text(text)
        assert call("run", "mine.yaml", "--patients", 5, "-o", "out", "--no-figures")[0] == 0
        assert Path("out/scenario.yaml").read_text() == text

    def test_failed_rows_end_in_3_with_the_rest_told(self, call, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp(failing=10))
        code, out, err = call("run", NAME, "--patients", 20, "-o", "out", "--no-figures")
        assert code == 3
        assert "4 of 40 rows failed" in err
        assert "Reported beside simulated" in out
        lines = Path("out/failures.csv").read_text().splitlines()
        assert len(lines) == 5
        assert lines[1].startswith("lowest,1,0,max_steps")
        assert "rerun(arm='lowest', patient=1, replicate=0)" in lines[1]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--patients", "0"), "--patients: 0; must be from 1"),
            (("--patients", "1e9"), "--patients: '1e9'; must be a whole number"),
            (("--patients", "99999999999999999999"), "--patients: 99999999999999999999; must be from 1"),
            (("--set", "engine.horizon=1e300"), "engine.horizon: 1e+300; must be"),
            (("--set", "parameters.killing_rate=-1"), "parameters.killing_rate: -1.0; must be at least 0"),
            (("--seed", str(2**64)), "--seed: 18446744073709551616; must be from 0"),
            (("--patients", "many"), "--patients"),
            (("--seed", "-1"), "--seed: -1; must be from 0"),
            (("--threads", "0"), "--threads: 0; must be from 1"),
            (("--kernel", "magic"), "engine.kernel"),
            (("--set", "patient.size=3"), "patients"),
        ],
    )
    def test_bad_option_is_one_line_with_2_and_writes_nothing(
        self, call, made_up, tmp_path, arguments, words
    ):
        code, out, err = call("run", NAME, *arguments)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert err.count("; ") >= 2
        assert words in err
        assert made_up.calls == 0
        assert list(tmp_path.iterdir()) == []

    def test_folder_of_another_run_is_2(self, call, made_up):
        call("run", NAME, "--patients", 5, "-o", "out", "--no-figures")
        calls = made_up.calls
        code, out, err = call("run", NAME, "--patients", 6, "-o", "out")
        assert (code, out) == (2, "")
        assert "holds run" in err
        assert made_up.calls == calls

    def test_unwritable_folder_is_4_before_anything_is_computed(self, call, made_up, tmp_path):
        Path("file").write_text("x")
        code, out, err = call("run", NAME, "-o", "file/run")
        assert (code, out) == (4, "")
        assert "must be writable" in err
        assert made_up.calls == 0
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]

    def test_folder_in_use_is_5(self, call, made_up):
        holder = (
            "import sys; from pathlib import Path; from sim.trial.run_directory import RunDirectory\n"
            "with RunDirectory(Path('out'), 'f' * 64).claim():\n"
            "    print('mine', flush=True); sys.stdin.read()\n"
        )
        with subprocess.Popen([sys.executable, "-c", holder], stdin=-1, stdout=-1, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "mine\n"
            code, out, err = call("run", NAME, "--patients", 5, "-o", "out")
            other.kill()
        assert (code, out) == (5, "")
        assert f"in use by process {other.pid}" in err
        assert made_up.calls == 0

    def test_interrupted_run_ends_in_130_and_the_same_command_completes_it(self, call, made_up, monkeypatch):
        def interrupted(*_arguments, **_options):
            raise KeyboardInterrupt

        monkeypatch.setattr(courses, "simulate", interrupted)
        assert call("run", NAME, "--patients", 5, "-o", "out", "--no-figures")[0] == 130
        assert not Path("out/complete").exists()
        monkeypatch.setattr(courses, "simulate", made_up)
        assert call("run", NAME, "--patients", 5, "-o", "out", "--no-figures")[0] == 0
        assert Path("out/complete").is_file()


class TestCheck:
    def test_says_which_reported_outcome_is_outside_and_ends_in_1(self, call):
        code, out, _ = call("check", NAME, "--patients", 100, "--set", "reported.0.events=6")
        assert code == 1
        assert "6 of 6 (100 %)" in out
        assert "OUTSIDE" in out

    def test_a_fitted_trial_is_predicted_by_the_others(self, call, made_up, tmp_path):
        folder = small_posterior(tmp_path / "posterior", NAME)
        calls = made_up.calls
        own = ("--set", f"patients.posterior={{folder: {folder}, trial: {NAME}}}")
        code, out, _ = call("check", NAME, "--patients", 60, *own)
        assert code in (0, 1)
        assert "predicted without it" in out
        assert "mid-p" in out
        assert "of a trial that nobody has seen" in " ".join(out.split())
        assert made_up.calls == calls + 4, "two arms, twice"
        code, out, _ = call("check", NAME, "--patients", 60, "--json", *own)
        assert len(json.loads(out)["predicted_without_it"]) == len(json.loads(out)["reported"])
        code, out, _ = call("check", NAME, "--patients", 8, "--json")
        assert json.loads(out)["predicted_without_it"] is None

    def test_ends_in_0_when_nothing_is_outside(self, call):
        code, out, _ = call("check", "untreated", "--patients", 20)
        assert code == 0
        assert "virtually incurable" in out

    def test_failed_rows_count_for_more_than_an_outcome_outside(self, call, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp(failing=10))
        code, out, err = call("check", NAME, "--patients", 100, "--set", "reported.0.events=6")
        assert "OUTSIDE" in out
        assert "rows failed" in err
        assert code == 3

    def test_reads_a_run_directory_without_computing(self, call, made_up):
        call("run", NAME, "--patients", 30, "-o", "out", "--no-figures")
        calls = made_up.calls
        code, out, _ = call("check", "out", "--json")
        told = json.loads(out)
        assert made_up.calls == calls
        assert code == int(any(row["inside"] is False for row in told["reported"]))
        assert len(told["reported"]) == 6

    def test_run_directory_takes_no_options_that_change_it(self, call):
        call("run", NAME, "--patients", 5, "-o", "out", "--no-figures")
        code, _, err = call("check", "out", "--patients", 10)
        assert code == 2
        assert "leave out" in err

    def test_folder_that_is_no_run_is_2(self, call, tmp_path):
        (tmp_path / "empty").mkdir()
        code, _, err = call("check", "empty")
        assert code == 2
        assert "provenance.json" in err

    def test_writes_nothing(self, call, tmp_path):
        call("check", "untreated", "--patients", 5)
        assert list(tmp_path.iterdir()) == []


class TestDoctor:
    def test_finds_this_installation_well(self, call):
        code, out, err = call("doctor")
        assert (code, err) == (0, "")
        for words in ("numba", "cores", "compiled-code cache", "scenarios", "birth-death mean"):
            assert words in out

    def test_each_trouble_is_a_line_and_the_exit_code(self, call, monkeypatch):
        def broken() -> Finding:
            raise RuntimeError("no compiler here")

        monkeypatch.setattr(
            "sim.cli_doctor._LOOKS", (("compiler", broken), ("scenarios", lambda: Finding("s", True, "x")))
        )
        code, out, err = call("doctor", "--json")
        assert code == 70
        assert err.splitlines() == [
            "compiler: RuntimeError: no compiler here; see the first line of the error; reinstall, or report it"
        ]
        assert [row["well"] for row in json.loads(out)][-2:] == [False, True]

    @pytest.mark.parametrize(
        ("others", "code"), [((), 4), ((("scenarios", lambda: Finding("s", False, "x")),), 70)]
    )
    def test_without_a_folder_of_compiled_code_it_is_a_storage_error_unless_worse_is_found(
        self, call, monkeypatch, others, code
    ):
        monkeypatch.setattr("sim.kernels.cache.folder", lambda: None)
        looks = (("compiled-code cache", cli_doctor._cache), *others)
        monkeypatch.setattr("sim.cli_doctor._LOOKS", looks)
        found, out, err = call("doctor")
        assert found == code
        assert err.splitlines()[0] == (
            "compiled-code cache: no folder can be written, so every run compiles for one to two minutes; "
            "give your user a writable cache folder, such as CARTSIM_CACHE=/tmp/cartsim"
        )
        assert err.count("\n") == 1 + len(others)
        assert "TROUBLE" in out

    def test_a_folder_that_is_only_read_is_well(self, monkeypatch, tmp_path):
        (tmp_path / "some.nbi").write_text("")
        monkeypatch.setattr("sim.kernels.cache.folder", lambda: tmp_path)
        monkeypatch.setattr("sim.kernels.cache.can_be_written", lambda path: False)
        finding = cli_doctor._cache()
        assert finding.well
        assert "(warm, read-only" in finding.found

    def test_self_test_notices_a_wrong_mean(self, monkeypatch):
        def doubled(*arguments, **options):
            found = true_simulate(*arguments, **options)
            found.values[:] *= 1.05
            return found

        monkeypatch.setattr("sim.simulate", doubled, raising=False)
        assert not cli_doctor._self_test().well


def test_complete_run_is_shown_without_loading_what_computes_or_draws(call):
    call("run", NAME, "--patients", 5, "-o", "out", "--no-figures")
    program = (
        "import sys; from sim import cli\n"
        f"code = cli._run(['run', {NAME!r}, '--patients', '5', '-o', 'out'], False)\n"
        "print(code, sorted({'numba', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_claimed_folder_is_free_again_after_a_run(call):
    call("run", NAME, "--patients", 3, "-o", "out", "--no-figures")
    digest = json.loads(Path("out/provenance.json").read_text())["hash"]
    with RunDirectory(Path("out"), digest).claim():
        assert Path("out/lock").exists()


@pytest.mark.parametrize(
    ("cold", "words"),
    [
        (True, "compiling the kernels, which takes one to two minutes; "),
        (False, "compiling what earlier runs did not need, which takes some seconds; "),
    ],
)
def test_a_compilation_is_told_once_and_only_when_it_happens(capsys, monkeypatch, cold, words):
    from numba import njit

    from sim.cli_progress import supervised
    from sim.trial.scenario_io import load

    monkeypatch.setattr("sim.kernels.cache.is_cold", lambda: cold)
    with supervised(load("untreated"), figures=False):
        assert capsys.readouterr().err == ""
        for source in ("lambda x: x + 1.5", "lambda x: x + 2.5"):
            njit(eval(source))(1.0)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(words)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_its_code_and_leaves_no_half_file(tmp_path, signum, code):
    """The real program; the signal comes once the run has begun to compute."""
    # A shell that started the tests in the background has turned Ctrl-C off for them.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from sim import cli; cli.main(['run', 'untreated', '--patients', '200000', '-o', 'out', '--no-figures'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        begun = time.monotonic()
        while not (tmp_path / "out" / "provenance.json").exists() and time.monotonic() - begun < 60:
            time.sleep(0.05)
        process.send_signal(signum)
        err = process.communicate(timeout=120)[1]
    assert process.returncode == code
    assert err.splitlines()[-1].endswith("; the same command begins again")
    assert "Traceback" not in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["provenance.json"]


def test_json_is_whole_on_stdout_while_progress_goes_to_stderr(tmp_path):
    command = [sys.executable, "-m", "sim.cli", "run", "untreated", "--patients", "3", "--json", "-o", "out"]
    program = (
        "import sys; from sim import cli_progress, cli; cli_progress._EVERY = 0.0; cli.main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command[3:]],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert json.loads(done.stdout)["patients_per_arm"] == 3
    assert "of 3 patients after" in done.stderr


def test_progress_is_a_bar_on_a_terminal_and_leaves_stdout_alone(capsys, monkeypatch):
    from sim.cli_progress import reporting

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with reporting("trial") as report:
        for done in (1, 5, 9):
            report(done, 9)
    out, err = capsys.readouterr()
    assert out == ""
    assert "trial" in err
    assert "9/9" in err
