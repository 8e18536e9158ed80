"""The promises of the project's own files: that they agree with each other and that the wheel is whole."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SOURCES = [path for room in ("sim", "calibration") for path in sorted((ROOT / room).rglob("*.py"))]
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def declared() -> list[Requirement]:
    """All requirements of pyproject.toml, those of extras and of the build among them."""
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"].values()
    texts = [
        *project["dependencies"],
        *(t for extra in extras for t in extra),
        *PYPROJECT["build-system"]["requires"],
    ]
    return [Requirement(text) for text in texts]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_the_version_is_the_same_everywhere() -> None:
    version = PYPROJECT["project"]["version"]
    assert metadata.version("cartsim") == version
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert version in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_licence_is_mit_in_file_and_metadata() -> None:
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")
    assert PYPROJECT["project"]["license"] == "MIT"
    assert PYPROJECT["project"]["license-files"] == ["LICENSE"]


def test_every_dependency_says_why_it_is_there() -> None:
    lines = [line.strip() for line in (ROOT / "pyproject.toml").read_text("utf-8").splitlines()]
    explained = {m[1] for line in lines if (m := re.match(r'"([A-Za-z0-9._-]+)>=[^"]*",\s+# \S.{8,}', line))}
    assert {requirement.name for requirement in declared()} - explained == set()


def test_the_lock_covers_every_dependency_within_its_bounds() -> None:
    versions: dict[str, list[str]] = {}
    for name, version in LOCKED.findall((ROOT / "requirements.lock").read_text("utf-8")):
        versions.setdefault(canonicalize_name(name), []).append(version)
    for requirement in declared():
        found = versions.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement.name} is not in requirements.lock; run make lock"
        assert all(version in requirement.specifier for version in found), (
            f"{requirement}: {found}; run make lock"
        )


def test_the_lock_has_a_hash_for_each_package_and_names_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]
    assert len(blocks) > 40
    assert [block.split(" ")[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"https?://|file:|--index-url|--find-links", text) == []


def test_the_first_screen_of_the_readme_shows_the_two_commands_and_the_context_of_use() -> None:
    screen = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:30])
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in ("demo", "test"):
        assert f"\nmake {target} " in screen
        assert f"\n{target}: " in makefile
    assert "Context of use" in screen
    assert "Not for individual patients" in screen


def test_the_checking_script_runs_the_command_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert "\nmake test\n" in script.read_text("utf-8")
    assert script.stat().st_mode & 0o111, "the script is not executable"


def test_the_library_imports_none_of_the_packages_it_does_without() -> None:
    unwanted = {"yaml", "hydra", "lifelines", "pickle", "sympy", "statsmodels"}
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            found += [f"{path.name}: {name}" for name in names if name.split(".")[0] in unwanted]
    assert found == []


def test_every_imported_package_is_declared() -> None:
    """What sim imports is a runtime dependency, the standard library or sim itself."""
    runtime = {
        canonicalize_name(Requirement(text).name).split("-")[0]
        for text in PYPROJECT["project"]["dependencies"]
    }
    runtime |= {"ruamel", "sim", "calibration"}
    runtime |= {"llvmlite", "click", "pydantic_core"}  # come with numba, typer and pydantic
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    assert found - set(sys.stdlib_module_names) - runtime == set()


def test_every_module_has_a_layer() -> None:
    """A module that the contract does not name would be held to no layer at all."""
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    named = {
        ".".join([*contract.get("containers", []), name.strip(" ()")])
        for contract in contracts
        if contract["type"] == "layers"
        for layer in contract["layers"]
        for name in re.split(r"[|:]", layer)
    }
    rooms = {"sim", "sim.trial"}  # their __init__ files join layers: public faces, loaded lazily
    loose = [
        name
        for path in SOURCES
        if (name := module_name(path)) not in rooms
        and not any(name == known or name.startswith(f"{known}.") for known in named)
    ]
    assert loose == [], "add these to the layers in pyproject.toml"


def test_the_wheel_holds_both_packages_and_the_scenarios(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {path.relative_to(ROOT).as_posix() for path in SOURCES} | {
        "sim/py.typed",
        "sim/bench/baseline.json",
    }
    expected |= {f"sim/_scenarios/{path.name}" for path in (ROOT / "scenarios").glob("*.yaml")}
    assert expected - names == set()
    roots = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert roots == {"sim", "calibration"}


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_without_a_fitting_python_ends_with_one_line_that_says_so(tmp_path: Path) -> None:
    home = tmp_path / "a folder with spaces"
    home.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, home)
    done = subprocess.run(
        ["make", "PYTHON=no-such-python", "test"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    (line,) = (line for line in done.stderr.splitlines() if not line.startswith("make"))
    assert line.startswith("error: no Python from 3.11 to 3.14 found;")
    assert line.endswith("make PYTHON=/path/to/python")
    assert not (home / ".venv").exists()


def test_every_command_of_the_readme_is_one_and_takes_its_options() -> None:
    from typer.main import get_command

    from sim.cli_commands import app

    readme = (ROOT / "README.md").read_text("utf-8")
    lines = [
        line.partition("#")[0].partition(">")[0].split()[1:]
        for line in readme.splitlines()
        if line.startswith("cartsim ")
    ]
    assert len(lines) >= 6
    commands = get_command(app)
    for name, *arguments in lines:
        command = commands.get_command(None, name)  # type: ignore[attr-defined]
        command.make_context(name, arguments)


def test_the_readme_shows_what_the_demo_prints() -> None:
    """Outcomes and reported figures of the block; the simulated ones are held by the tests of the model."""
    import sim
    from sim.trial.forest import ENDPOINT_WORDS

    block = (
        (ROOT / "README.md")
        .read_text("utf-8")
        .partition("Reported beside simulated\n")[2]
        .partition("```")[0]
    )
    rows = [re.split(r"\s{3,}", line.strip()) for line in block.splitlines()[1:]]
    scenario = sim.load("fry2018-cd22")
    shown = [row for row in scenario.reported if row.kind != "qualitative"]
    assert len(rows) == len(shown)
    for cells, row in zip(rows, shown, strict=True):
        assert cells[0].startswith(ENDPOINT_WORDS[row.endpoint])
        assert cells[-1] in ("inside", "inside, at the edge")
        if row.kind == "binomial":
            assert cells[1].startswith(f"{row.events} of {row.of} ")
