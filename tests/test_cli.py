"""The command line as a user meets it: words, exit codes, one line for each error. Long, since each error of the list is a case of its own."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sim import __version__, cli
from sim.cli_output import print_table, problem_lines
from sim.errors import BusyError, InputError, StorageError
from sim.models.catalogue import load_model, model_names, published_model
from sim.trial.scenario_io import find, load, scenario_names

FRY = find("fry2018-cd22").read_text(encoding="utf-8")
HEAVY = ("numba", "scipy", "pandas", "pyarrow", "matplotlib", "sympy")


MOMENTS = {
    "while the commands are loaded": """
class Finder:
    find_spec = staticmethod(lambda name, *_: interrupt() if name == "typer" else None)
sys.meta_path.insert(0, Finder)
""",
    "while a command loads what it needs": """
class Finder:
    find_spec = staticmethod(lambda name, *_: interrupt() if name == "sim.trial.scenario_io" else None)
sys.meta_path.insert(0, Finder)
""",
    "in a function called back, whose errors are lost": """
import time
import sim.trial.scenario_io as home
class Thing:
    def __del__(self):
        interrupt()
        time.sleep(0.001)
def listed():
    del [Thing()][0:1]
    time.sleep(20)
home.list_scenarios = listed
""",
}


@pytest.fixture
def run(capsys):
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return caught.value.code, out, err

    return call


@pytest.fixture(autouse=True)
def keep_signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def fail(monkeypatch):
    """Let ``list`` end in an error of choice."""

    def arrange(error: BaseException) -> None:
        def raise_it(*_args: object) -> None:
            raise error

        monkeypatch.setattr("sim.trial.scenario_io.list_scenarios", raise_it)

    return arrange


class TestList:
    def test_names_every_scenario(self, run):
        code, out, err = run("list")
        assert (code, err) == (0, "")
        assert all(any(line.split()[:1] == [name] for line in out.splitlines()) for name in scenario_names())

    def test_writes_json(self, run):
        code, out, _ = run("list", "--json")
        assert code == 0
        assert [row["name"] for row in json.loads(out)] == scenario_names()

    def test_names_the_models(self, run):
        out = run("list", "--models")[1]
        assert all(any(line.split()[:1] == [name] for line in out.splitlines()) for name in model_names())
        assert max(map(len, out.splitlines())) <= 120
        rows = json.loads(run("list", "--models", "--json")[1])
        assert [row["name"] for row in rows] == list(model_names())


class TestShow:
    @pytest.mark.parametrize("name", scenario_names("trial"))
    def test_tells_what_a_scenario_is(self, run, name):
        code, out, err = run("show", name)
        scenario = load(name)
        assert (code, err) == (0, "")
        assert out.startswith(f"{name}: {scenario.title}")
        assert all(arm in out for arm in scenario.arms)
        assert all(row.id in out for row in scenario.reported)

    @pytest.mark.parametrize("name", model_names())
    def test_tells_what_a_model_is(self, run, name):
        code, out, err = run("show", name)
        net = load_model(name)
        assert (code, err) == (0, "")
        assert out.startswith(f"{name}: ")
        assert net.equations() in out
        paper = published_model(name)
        assert all(headline.what in out for headline in (paper.headlines if paper else ()))

    def test_shows_a_part_of_a_model(self, run):
        assert run("show", "kimmel2021", "--equations")[1] == load_model("kimmel2021").equations() + "\n"
        rows = json.loads(run("show", "barros2021-hdlm2", "--parameters", "--json")[1])
        assert {row["name"]: row["value"] for row in rows}["rechallenge_day"] == "never"
        data = json.loads(run("show", "stein2019", "--json")[1])
        assert data["headlines"][0]["published"] == "0.78"

    @pytest.mark.parametrize("options", [["--resolved"], ["--set", "patients.size=50"]])
    def test_refuses_what_a_model_does_not_have(self, run, options):
        code, out, err = run("show", "kimmel2021", *options)
        assert (code, out) == (2, "")
        assert err.startswith(f"{options[0]}: given with the model 'kimmel2021'; ")

    def test_prints_what_a_network_alone_does_not_hold(self, run):
        assert "fold 2.4, T_max 0.38" in run("show", "stein2019")[1]
        assert "ido-1mt 1.261662e-08" in run("show", "barros2021-raji")[1]
        assert "martinez_rubio2025.build(share, antigen_constant)" in run("show", "martinez-rubio2025")[1]

    @pytest.mark.parametrize(
        ("name", "fix"),
        [
            ("kimel2021", "did you mean 'kimmel2021'?"),
            ("liu2022", "did you mean 'liu2022-remission' or 'liu2022-negative-relapse'?"),
            ("dual-upfrint", "did you mean 'dual-upfront'?"),
            ("zebra", "or see `cartsim list --models`"),
        ],
    )
    def test_suggests_a_model_or_a_scenario(self, run, name, fix):
        code, out, err = run("show", name)
        assert (code, out) == (2, "")
        assert err.rstrip().endswith(fix)

    @pytest.mark.parametrize("command", ["run", "validate"])
    def test_a_model_is_no_scenario(self, run, command):
        code, _, err = run(command, "kimmel2021")
        assert code == 2
        assert "a model, which has no trial; see it by `cartsim show kimmel2021`" in err
        assert "sim.simulate(sim.load_model('kimmel2021'), ...)" in err

    def test_no_model_has_the_name_of_a_scenario(self):
        assert not set(model_names()) & set(scenario_names())

    def test_resolved_is_a_scenario_file(self, run, tmp_path):
        path = tmp_path / "again.yaml"
        path.write_text(run("show", "dual-upfront", "--resolved")[1], encoding="utf-8")
        assert load(path).content_hash() == load("dual-upfront").content_hash()

    def test_json_holds_everything_and_the_hash(self, run):
        data = json.loads(run("show", "untreated", "--json")[1])
        assert data["hash"] == load("untreated").content_hash()
        assert data["scenario"] == load("untreated").resolved()

    def test_set_changes_a_value(self, run):
        data = json.loads(
            run("show", "untreated", "--set", "patients.size=50", "--set", "engine.kernel=ode", "--json")[1]
        )
        assert data["scenario"]["patients"]["size"] == 50
        assert data["scenario"]["engine"]["kernel"] == "ode"

    def test_equations_are_those_of_the_scenarios_products(self, run):
        code, out, _ = run("show", "fry2018-cd22", "--equations")
        assert code == 0
        assert "effectors_cd22" in out
        assert "effectors_cd19" not in out
        assert (
            "effectors_cd22"
            in json.loads(run("show", "fry2018-cd22", "--equations", "--json")[1])["equations"]
        )

    def test_parameters_carry_value_unit_kind_and_what_the_scenario_sets(self, run):
        _, out, _ = run(
            "show",
            "fry2018-cd22",
            "--parameters",
            "--json",
            "--set",
            "parameters.killing_rate={value: 9, source: here}",
        )
        rows = {row["name"]: row for row in json.loads(out)}
        assert rows["killing_rate"]["unit"] == "1/day"
        assert rows["killing_rate"]["source"] == "here"
        assert rows["killing_rate"]["scenario"].startswith("9")
        assert rows["net_growth_rate"]["scenario"] == ""
        assert "killing_rate" in run("show", "fry2018-cd22", "--parameters")[1]

    def test_one_view_at_a_time(self, run):
        code, out, err = run("show", "untreated", "--equations", "--resolved")
        assert (code, out) == (2, "")
        assert err == "--resolved: given with --equations; one view at a time; remove one of them\n"


class TestValidate:
    def test_says_of_each_that_it_is_valid(self, run):
        code, out, err = run("validate", *scenario_names())
        assert (code, err) == (0, "")
        assert out.count(": valid (") == len(scenario_names())

    def test_goes_on_after_a_bad_one(self, run, tmp_path):
        path = tmp_path / "trial.yaml"
        path.write_text(FRY.replace("size: 1000", "size: 0"), encoding="utf-8")
        code, out, err = run("validate", path, "untreated")
        assert code == 2
        assert out.startswith("untreated: valid (")
        assert "patients.size: 0; must be at least 1" in err

    def test_json_holds_every_problem(self, run, tmp_path):
        path = tmp_path / "trial.yaml"
        path.write_text("extends: untreated\n" + "".join(f"x{i}: 1\n" for i in range(6)), encoding="utf-8")
        code, out, err = run("validate", path, "--json")
        result = json.loads(out)[0]
        assert code == 2
        assert not result["valid"]
        assert len(result["problems"]) == 6
        assert len(err.splitlines()) == 3
        assert err.rstrip().endswith("; and 3 more")


def changed(old: str, new: str) -> bytes:
    assert old in FRY
    return FRY.replace(old, new).encode()


# What is wrong -> the file, and the parts of the one line: place, value, rule, fix.
BAD_FILES = {
    "unknown key": (
        changed("  size: 1000", "  sise: 1000"),
        ("patients.sise", "1000", "unknown key", "did you mean 'size'?"),
    ),
    "duplicate key": (
        changed("  paired: false", "  size: 20"),
        ("patients.size", "'size' again", "a key stands once", "remove one of them"),
    ),
    "wrong type": (
        changed("size: 1000", "size: 'many'"),
        ("patients.size", "'many'", "must be a whole number", "give a whole number"),
    ),
    "quoted number": (
        changed("horizon: 730", "horizon: '730'"),
        ("engine.horizon", "'730'", "must be a number", "remove the quotes"),
    ),
    "wrong unit": (
        changed("value: 3e5, unit: cells/kg", "value: 3e5, unit: kg"),
        ("arms.lowest.infusions.0.dose.unit", "'kg'", "must be one of cells/kg", "give it in 'cells/kg'"),
    ),
    "negative number": (
        changed("value: 3e5", "value: -3e5"),
        ("arms.lowest.infusions.0.dose.value", "-300000.0", "must be at least 0 (cells/kg)", "give a number"),
    ),
    "infinite number": (
        changed("value: 3e5", "value: .inf"),
        ("arms.lowest.infusions.0.dose.value", ".inf", "must be a finite number", "give a finite number"),
    ),
    "not a number": (
        changed("value: 3e5", "value: .nan"),
        ("arms.lowest.infusions.0.dose.value", ".nan", "must be a finite number", "give a finite number"),
    ),
    "unknown product": (
        changed("{product: cd22, day: 0, dose: {value", "{product: cd2, day: 0, dose: {value"),
        ("arms.lowest.infusions.0.product", "'cd2'", "must be one of the products", "did you mean 'cd22'?"),
    ),
    "arm without patients": (
        changed("enrolled: 15", "enrolled: 0"),
        ("arms.higher.enrolled", "0", "must be at least 1", "give a number"),
    ),
    "no virtual patients": (
        changed("size: 1000", "size: 0"),
        ("patients.size", "0", "must be at least 1", "give a number"),
    ),
    "infusion after the horizon": (
        changed("{product: cd22, day: 0, dose: {value", "{product: cd22, day: 900, dose: {value"),
        (
            "arms.lowest.infusions.0.day",
            "day 900",
            "must not be after the horizon (day 730)",
            "raise engine.horizon",
        ),
    ),
    "visit after the horizon": (
        changed("635, 730]", "635, 800]"),
        ("assay.visits.12", "day 800", "must not be after the horizon (day 730)", "raise engine.horizon"),
    ),
    "truncated": (
        FRY[: FRY.index("low: 12")].encode(),
        ("not YAML", "must be valid YAML 1.2", "the text ends too early"),
    ),
    "truncated between lines": (
        FRY[: FRY.index("assay:")].encode(),
        ("assay", "missing", "is required", "add assay: ..."),
    ),
    "not UTF-8": (
        FRY.encode().replace(b"Fry", b"Fr\xff", 1),
        ("byte 0xff", "must be UTF-8 text", "save it as UTF-8"),
    ),
    "empty": (b"", ("an empty file", "a scenario maps keys to values", "start with schema_version: 1")),
    "tag": (
        changed("size: 1000", "size: !!python/name:x 1"),
        ("patients.size", "tag", "a scenario has no tags", "remove the tag"),
    ),
}


READERS = ["validate", "show", "run", "check"]


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("fault", BAD_FILES)
def test_a_bad_file_ends_in_one_line_with_place_value_rule_and_fix(
    run, tmp_path, command, fault, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    raw, parts = BAD_FILES[fault]
    path = tmp_path / "trial.yaml"
    path.write_bytes(raw)
    code, out, err = run(command, path)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("trial.yaml:")
    assert err.count("; ") >= 2
    for part in parts:
        assert part in err
    assert [item.name for item in tmp_path.iterdir()] == ["trial.yaml"]


BAD_ARGUMENTS = {
    "missing file": (("{tmp}/none.yaml",), ("none.yaml", "no such file", "check the path")),
    "folder for a file": (("{tmp}",), ("a folder", "a scenario is a file", "give a YAML file")),
    "unknown scenario": (
        ("fry2018-cd2",),
        ("'fry2018-cd2'", "no scenario and no file has this name", "did you mean 'fry2018-cd22'?"),
    ),
    "unknown path": (
        ("fry2018-cd22", "--set", "patients.sise=3"),
        ("patients.sise", "'sise'", "no such path", "did you mean 'size'?"),
    ),
    "unknown arm in a path": (
        ("fry2018-cd22", "--set", "arms.hihger.enrolled=3"),
        ("arms.hihger.enrolled", "'hihger'", "no such path", "did you mean 'higher'?"),
    ),
    "bad value in a path": (
        ("fry2018-cd22", "--set", "patients.size=-3"),
        ("patients.size", "-3", "must be at least 1", "give a number"),
    ),
    "no assignment": (
        ("fry2018-cd22", "--set", "patients.size"),
        ("--set", "'patients.size'", "must be PATH=VALUE", "write for example"),
    ),
    "unknown parameter": (
        ("fry2018-cd22", "--set", "parameters.killing_rat=3"),
        ("parameters.killing_rat", "3.0", "names no parameter of the model", "did you mean 'killing_rate'?"),
    ),
}


@pytest.mark.parametrize(
    ("command", "fault"),
    [(c, f) for c in READERS for f in BAD_ARGUMENTS if (c, f) != ("check", "folder for a file")],
)
def test_bad_arguments_end_in_one_line_with_place_value_rule_and_fix(
    run, tmp_path, command, fault, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    arguments, parts = BAD_ARGUMENTS[fault]
    code, out, err = run(command, *(argument.format(tmp=tmp_path) for argument in arguments))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.count("; ") >= 2
    for part in parts:
        assert part in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shw"], "No such command 'shw'"),
        (["show"], "Missing argument 'NAME|FILE'"),
        (["show", "untreated", "--jsn"], "No such option"),
        (["show", "untreated", "another"], "unexpected extra argument"),
        (["validate"], "Missing argument"),
        (["--nonsense"], "No such option"),
        (["show", "untreated", "--set"], "requires an argument"),
    ],
)
def test_a_mistake_in_the_command_is_one_line_and_no_panel(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert "--help" in err
    assert "─" not in err


class TestHelp:
    @pytest.mark.parametrize("arguments", [[], ["--help"]])
    def test_names_every_command(self, run, arguments):
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        assert all(f"  {command}" in out for command in ("list", "show", "validate"))

    @pytest.mark.parametrize("command", ["list", "show", "validate"])
    def test_every_command_has_an_example_that_runs(self, run, command):
        code, out, _ = run(command, "--help")
        assert code == 0
        example = next(
            line.split()[1:] for line in out.splitlines() if line.strip().startswith(f"cartsim {command}")
        )
        assert run(*example)[0] == 0

    def test_version(self, run):
        assert run("--version") == (0, f"cartsim {__version__}\n", "")


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "code"),
        [(InputError("a: 1; b; c"), 2), (StorageError("a: 1; b; c"), 4), (BusyError("a: 1; b; c"), 5)],
    )
    def test_an_error_on_purpose_has_its_exit_code(self, run, fail, error, code):
        fail(error)
        assert run("list") == (code, "", "a: 1; b; c\n")

    def test_any_other_error_is_one_line_and_a_log(self, run, fail, tmp_path, monkeypatch):
        monkeypatch.setattr(cli, "_log_folders", lambda: [tmp_path / "log"])
        fail(ValueError("two\nlines"))
        code, out, err = run("list")
        assert (code, out) == (70, "")
        assert err.count("\n") == 1
        assert err.startswith("internal error: ValueError: two lines; ")
        log = next((tmp_path / "log").iterdir())
        assert str(log) in err
        assert "Traceback" in log.read_text(encoding="utf-8")

    def test_a_log_that_cannot_be_written_is_no_second_error(self, run, fail, tmp_path, monkeypatch):
        monkeypatch.setattr(cli, "_log_folders", lambda: [tmp_path / "file" / "log"])
        (tmp_path / "file").write_text("", encoding="utf-8")
        fail(ValueError("x"))
        code, _, err = run("list")
        assert code == 70
        assert err.count("\n") == 1
        assert "--debug" in err

    @pytest.mark.parametrize("place", [0, 1])
    def test_debug_shows_the_traceback_wherever_it_stands(self, fail, place):
        fail(ValueError("x"))
        arguments = ["list"]
        arguments.insert(place, "--debug")
        with pytest.raises(ValueError, match="x"):
            cli.main(arguments)

    def test_an_interruption_is_130_and_quiet(self, run, fail):
        fail(KeyboardInterrupt())
        assert run("list") == (130, "", "interrupted; the same command begins again\n")

    @pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a Unix")
    @pytest.mark.parametrize("moment", MOMENTS)
    def test_an_interruption_ends_the_program_wherever_it_comes(self, moment):
        """The real program; it is sent the signal by itself, while it loads its parts, and in functions whose errors are lost."""
        program = (
            "import os, signal, sys, types, weakref\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have turned it off\n"
            "def interrupt(*_):\n    os.kill(os.getpid(), signal.SIGINT)\n    return None\n"
            f"{MOMENTS[moment]}\n"
            "sys.argv = ['cartsim', 'list']\n"
            "from sim.cli import main\n"
            "main()"
        )
        done = in_process(program)
        assert (done.returncode, done.stdout) == (130, "")
        assert done.stderr == "interrupted; the same command begins again\n"

    def test_an_interruption_that_a_shell_turned_off_stays_off(self):
        done = in_process(
            "import os, signal, sys\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nsys.argv = ['cartsim', 'list']\n"
            "import sim.trial.scenario_io as home\nfound = home.list_scenarios\n"
            "home.list_scenarios = lambda: os.kill(os.getpid(), signal.SIGINT) or found()\n"
            "from sim.cli import main\nmain()"
        )
        assert (done.returncode, done.stderr) == (0, "")

    def test_a_termination_is_143(self, capsys):
        with pytest.raises(SystemExit) as caught:
            cli._terminate(signal.SIGTERM, None)
        assert caught.value.code == 143
        assert capsys.readouterr().err == "terminated; the same command begins again\n"

    def test_at_most_three_lines_and_the_rest_is_counted(self):
        assert problem_lines(["a"]) == ["a"]
        assert problem_lines(["a\nb", "c", "d"]) == ["a b", "c", "d"]
        assert problem_lines(list("abcd")) == ["a", "b", "c; and 1 more"]


class TestTable:
    def test_a_row_is_one_line_when_nobody_watches(self, capsys):
        print_table("T", ("a", "b"), [["x" * 300, "y"]])
        assert capsys.readouterr().out.splitlines()[:1] == ["T"]
        print_table("", ("a", "b"), [["x" * 300, "y"]])
        assert len(capsys.readouterr().out.splitlines()) == 4

    def test_the_widest_column_wraps_on_a_terminal(self, capsys, monkeypatch):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", "60")
        print_table("", ("a", "b"), [["name", "word " * 40]])
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) > 4
        assert max(map(len, lines)) <= 60

    def test_no_rows_are_no_error(self, capsys):
        print_table("T", ("", ""), [])
        assert capsys.readouterr().out == "T\n\n"


def in_process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(cli.__file__).parent.parent,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["list", "--models"],
        ["show", "kimmel2021"],
        ["show", "barros2021-hdlm2", "--parameters"],
        ["show", "dual-upfront"],
        ["show", "fry2018-cd22", "--equations"],
        ["show", "fry2018-cd22", "--parameters"],
        ["show", "fry2018-cd22", "--resolved"],
        ["show", "fry2018-cd22", "--set", "parameters.killing_rate=12"],
        ["run", "--help"],
        ["check", "--help"],
        ["validate", *scenario_names()],
    ],
    ids=lambda arguments: " ".join(arguments[:3]),
)
def test_a_command_that_reads_imports_nothing_heavy(arguments):
    done = in_process(
        "import sys\nfrom sim.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    code = end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], code, file=sys.stderr)"
    )
    assert done.stderr.strip() == "[] 0"


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["show", "fry2018-cd22"],
        ["show", "dual-upfront", "--equations"],
        ["show", "dual-upfront", "--parameters"],
        ["show", "dual-upfront", "--resolved"],
        ["validate", *scenario_names()],
        ["check", "--help"],
    ],
    ids=" ".join,
)
def test_a_command_that_reads_answers_within_half_a_second(arguments):
    best = min(timed(arguments) for _ in range(5))
    # Half a second for eight files: the library has more, and may grow.
    assert best <= 0.5 * max(1.0, (len(arguments) - 1) / 8.0)


def timed(arguments: list[str]) -> float:
    """Processor seconds of a command: one thread, so the time it takes on a machine that does nothing else."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "sim.cli", *arguments], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_a_reader_that_leaves_is_no_error():
    done = in_process(
        "import os, sys\nread, write = os.pipe()\nos.close(read)\nos.dup2(write, 1)\nfrom sim.cli import main\nmain(['show', 'dual-upfront'])"
    )
    assert (done.returncode, done.stderr) == (141, "")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell does; ``cartsim`` stands for the program."""
    program = command.replace("cartsim", f"'{sys.executable}' -m sim.cli")
    return subprocess.run(
        ["bash", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(cli.__file__).parent.parent,
        env={**os.environ, **environment},
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_output_is_a_storage_error_in_one_line():
    done = shell("cartsim list > /dev/full")
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "no space left on device" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_message_that_cannot_be_written_keeps_its_exit_code():
    assert shell("cartsim validate nope 2> /dev/full").returncode == 2
    assert shell("cartsim validate nope 2>&-").returncode == 2


def test_a_closed_stdout_is_no_error():
    done = shell("cartsim list >&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_letters_that_stdout_does_not_know_end_no_command(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_text("extends: untreated\ntitle: Tr\u00e4nen\n", encoding="utf-8")
    done = shell(f"cartsim show {path}", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "Tr?nen" in done.stdout
    done = shell(f"cartsim show {path} --json", PYTHONIOENCODING="ascii")
    assert json.loads(done.stdout)["scenario"]["title"] == "Tr\u00e4nen"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a Unix")
def test_a_scenario_may_come_through_a_pipe():
    command = [sys.executable, "-m", "sim.cli", "validate", "/dev/stdin"]
    done = subprocess.run(command, input=FRY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
