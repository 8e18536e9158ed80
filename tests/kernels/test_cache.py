"""The folder of compiled code: never an old answer, never a crash, never somebody else's code.

Most tests run a copy of the package in a process of its own, whose folder lies in the test's, and count what it compiles by
numba's events. The functions are tiny; the process at the end of `SCRIPT` tells what it found. The file is long because the ways in which
a folder can be spoilt are many; each has a test of a few lines.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numba
import pytest
from numba.core import caching

from sim.kernels import cache
from sim.network.network import Network
from sim.network.simulation import simulate

SIM = Path(__file__).resolve().parents[2] / "sim"
posix = pytest.mark.skipif(os.name != "posix", reason="owners and permissions are those of POSIX")

INNER = """
from sim.kernels._jit import jit

@jit
def inner(x):
    return x + 1.0
"""
OUTER = """
from sim.kernels._jit import jit
from sim.kernels.inner import inner

@jit
def outer(x):
    return 2.0 * inner(x)

@jit
def second(x):
    return outer(x) + 100.0
"""
SCRIPT = """
import json
import sys
import numba
from numba.core import event

compiled = []

class Listener(event.Listener):
    def on_start(self, given):
        compiled.append(given.data["dispatcher"].py_func.__name__)

    def on_end(self, given):
        pass

event.register("numba:compile", Listener())
{body}
from sim.kernels import cache
print(json.dumps([answer, compiled, cache.digest(), str(cache.folder()), numba.config.CACHE_DIR]))
"""
CALL = """
from sim.kernels.outer import outer, second
answer = [outer(1.0), second(1.0)]
"""
NETWORK = """
import numpy as np
from sim.network.codegen import compile_network
from sim.network.network import Network

net = Network("tiny")
net.species("X", 3.0)
net.parameter("k", 0.5)
net.reaction("growth", "X -> 2 X", "k*X/(1 + X)")
functions = compile_network(net, ["X"]).functions
h = np.zeros(1)
functions[1](0.0, np.array([3.0, 1.0]), np.array([0.5]), np.zeros(9), np.zeros(9), h)
answer = [*answer, h[0]]
"""
RIGHT = [4.0, 104.0, 0.125]


@dataclasses.dataclass
class Told:
    answer: list[float]
    compiled: list[str]
    digest: str
    folder: str
    setting: str


def settings(place: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "CARTSIM_", "PYTHON"))}
    told = {"PYTHONPATH": str(place), "CARTSIM_CACHE": str(place / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | told | more


def start(
    body: str, environment: dict[str, str], place: Path, within: Sequence[str] = ()
) -> subprocess.Popen[str]:
    command = [*within, sys.executable, "-W", "error", "-c", SCRIPT.replace("{body}", body)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, cwd=place)


def finish(process: subprocess.Popen[str]) -> Told:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return Told(*json.loads(out.splitlines()[-1]))


def run(body: str, place: Path, **more: str) -> Told:
    return finish(start(body, settings(place, **more), place))


def copy_package(place: Path) -> Path:
    shutil.copytree(SIM, place / "sim", ignore=shutil.ignore_patterns("__pycache__"))
    kernels = place / "sim" / "kernels"
    (kernels / "inner.py").write_text(INNER)
    (kernels / "outer.py").write_text(OUTER)
    return kernels


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package that no test edits, and beside it the folder that it filled, kept as it was then."""
    place = tmp_path_factory.mktemp("package")
    copy_package(place)
    told = run(CALL + NETWORK, place)
    assert told.answer == RIGHT
    assert {"inner", "outer", "second", "hazards"} <= set(told.compiled)
    shutil.copytree(place / "cache", place / "kept")
    return place


@pytest.fixture
def filled(package: Path) -> Path:
    """The filled folder, to be damaged; it is always the same place, since compiled code knows its own."""
    shutil.rmtree(package / "cache")
    shutil.copytree(package / "kept", package / "cache")
    return package / "cache"


def files(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.rglob(pattern))
    assert found, pattern
    return found


# -- an edit is never answered by old code ----------------------------------------------------------------------------------


def test_an_edit_of_any_kernel_file_changes_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = copy_package(tmp_path)
    monkeypatch.setattr(cache, "__file__", str(kernels / "cache.py"))

    def digest() -> str:
        cache._digest_and_stamps.cache_clear()
        return cache.digest()

    try:
        before = digest()
        assert digest() == before
        seen = {before}
        for path in sorted(kernels.glob("*.py")):
            path.write_text(path.read_text() + "\n# edited\n")
            assert digest() not in seen, path.name
            seen.add(digest())
        (kernels / "more.py").write_text("")
        assert digest() not in seen
    finally:
        cache._digest_and_stamps.cache_clear()


def test_an_edit_in_a_called_file_is_not_answered_by_old_code(tmp_path: Path) -> None:
    kernels = copy_package(tmp_path)
    first = run(CALL, tmp_path)
    (kernels / "inner.py").write_text(INNER.replace("x + 1.0", "x + 5.0"))
    edited = run(CALL, tmp_path)
    assert (first.answer, edited.answer) == ([4.0, 104.0], [12.0, 112.0])
    assert edited.digest != first.digest
    (kernels / "inner.py").write_text(INNER)
    back = run(CALL, tmp_path)
    assert (back.answer, back.digest, back.compiled) == (first.answer, first.digest, [])


def test_numbas_own_cache_answers_such_an_edit_with_old_code(tmp_path: Path) -> None:
    """The control of the test above: were this to change, the folder of our own would not be needed."""
    plain = "import numba\njit = numba.njit(cache=True)\n"
    for name, text in (("inner", INNER), ("outer", OUTER)):
        alone = text.replace("from sim.kernels._jit import jit\n", plain).replace("sim.kernels.", "")
        (tmp_path / f"{name}.py").write_text(alone)
    body = CALL.replace("sim.kernels.", "")
    options = {
        "NUMBA_CACHE_DIR": str(tmp_path / "numba"),
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{SIM.parent}",
    }
    assert run(body, tmp_path, **options).answer == [4.0, 104.0]
    inner = tmp_path / "inner.py"
    inner.write_text(inner.read_text().replace("x + 1.0", "x + 5.0"))
    assert run(body, tmp_path, **options).answer == [4.0, 104.0], "the old answer"


def test_an_edit_of_the_generator_reaches_every_sampler_that_calls_it(tmp_path: Path) -> None:
    kernels = copy_package(tmp_path)
    body = """
import numpy as np
from sim.kernels.random import seed_stream, STATE_WORDS
from sim.kernels.samplers import exponential
stream = np.zeros(STATE_WORDS, np.uint64)
seed_stream(stream, np.uint64(1), 2, 3, 4)
answer = [exponential(stream) for _ in range(3)]
"""
    before = run(body, tmp_path)
    text = (kernels / "random.py").read_text()
    assert text.count("s3 = state[3]") == 1
    (kernels / "random.py").write_text(text.replace("s3 = state[3]", "s3 = state[3] ^ state[0]"))
    after = run(body, tmp_path)
    in_plain_python = run(body, tmp_path, NUMBA_DISABLE_JIT="1")
    assert before.answer != after.answer == in_plain_python.answer


def test_sources_edited_while_a_process_runs_leave_no_code_under_the_old_digest(tmp_path: Path) -> None:
    """A notebook is open, a file not yet imported is edited and run, then the edit is taken back."""
    kernels = copy_package(tmp_path)
    body = f"""
from pathlib import Path
from sim.kernels import cache
cache.digest()
inner = Path({str(kernels / "inner.py")!r})
inner.write_text(inner.read_text().replace("x + 1.0", "x + 7.0"))
{CALL}
"""
    assert run(body, tmp_path).answer == [16.0, 116.0]
    (kernels / "inner.py").write_text(INNER)
    assert run(CALL, tmp_path).answer == [4.0, 104.0]


# -- loading ----------------------------------------------------------------------------------------------------------------


def test_a_second_process_compiles_nothing_and_numbas_setting_is_left_alone(
    package: Path, filled: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in filled.rglob("*")}
    elsewhere = str(tmp_path / "elsewhere")
    told = run(CALL + NETWORK, package, NUMBA_CACHE_DIR=elsewhere)
    assert told.answer == RIGHT
    assert told.compiled == []
    assert told.setting == elsewhere
    assert not Path(elsewhere).exists()
    files_after = {path: path.stat().st_mtime_ns for path in filled.rglob("*") if path.is_file()}
    assert files_after == {path: before[path] for path in files_after}


def test_code_that_is_compiled_already_loads_without_the_modules_of_the_compiler(tmp_path: Path) -> None:
    """They take a third of a second to import, as long as numba itself."""
    copy_package(tmp_path)
    body = CALL + "\nanswer = [*answer, 'numba.np.arraymath' in sys.modules]\n"
    assert run(body, tmp_path).answer == [4.0, 104.0, True]
    assert run(body, tmp_path).answer == [4.0, 104.0, False]


def test_all_kernels_load_in_a_second_process_without_compiling() -> None:
    net = Network("tiny")
    net.species("X", 5)
    net.reaction("birth", "0 -> X", "1.5")
    net.reaction("death", "X -> 0", "0.1*X")
    answer = [
        simulate(net, [0, 9], kernel, n=2, seed=1)["X"][:, -1].tolist()
        for kernel in ("ode", "ssa", "tau_leap", "hybrid")
    ]
    if numba.config.DISABLE_JIT or cache.folder() is None or cache.sources_changed():
        pytest.skip("this process keeps no compiled code")
    body = """
from sim import Network, simulate
net = Network("tiny")
net.species("X", 5)
net.reaction("birth", "0 -> X", "1.5")
net.reaction("death", "X -> 0", "0.1*X")
answer = [simulate(net, [0, 9], kernel, n=2, seed=1)["X"][:, -1].tolist() for kernel in ("ode", "ssa", "tau_leap", "hybrid")]
"""
    environment = settings(SIM.parent) | {k: v for k, v in os.environ.items() if k.startswith("CARTSIM_")}
    if "CARTSIM_CACHE" not in os.environ:
        del environment["CARTSIM_CACHE"]
    told = finish(start(body, environment, SIM.parent))
    assert told.digest == cache.digest()
    assert told.answer == answer
    assert told.compiled == []


def test_processes_that_start_at_once_on_an_empty_folder_do_not_spoil_it(
    package: Path, tmp_path: Path
) -> None:
    environment = settings(package, CARTSIM_CACHE=str(tmp_path / "empty"))
    processes = [start(CALL + NETWORK, environment, package) for _ in range(3)]
    assert [finish(process).answer for process in processes] == [RIGHT] * 3
    later = finish(start(CALL + NETWORK, environment, package))
    assert (later.answer, later.compiled) == (RIGHT, [])
    assert not list((tmp_path / "empty").rglob("*.tmp*"))


def sealed_file(folder: Path) -> cache.SealedFile:
    return cache.SealedFile(str(folder), "module.function-1.py311", "stamp")


@pytest.mark.parametrize("order", [1, -1])
def test_two_writers_at_once_never_lead_one_signature_to_the_code_of_another(
    tmp_path: Path, order: int
) -> None:
    """Both have read the empty index before either writes; numba's own names would collide."""
    codes = {"int64": "code of int64", "float64": "code of float64"}
    for signature in list(codes)[::order]:
        writer = sealed_file(tmp_path)
        writer._load_index = dict  # type: ignore[method-assign,assignment]
        writer.save(signature, codes[signature])
    assert len(list(tmp_path.glob("*.nbc"))) == 2
    reader = sealed_file(tmp_path)
    found = {signature: reader.load(signature) for signature in codes}
    assert sorted(found.values(), key=str) == sorted([None, codes[list(codes)[::order][-1]]], key=str)
    for signature, code in codes.items():
        assert found[signature] in (None, code)
        reader.save(signature, code)
    assert {signature: reader.load(signature) for signature in codes} == codes


def test_code_of_another_signature_is_not_taken_even_where_the_index_leads_to_it(tmp_path: Path) -> None:
    file = sealed_file(tmp_path)
    file.save("int64", "code of int64")
    (name,) = file._load_index().values()
    file._save_index({"float64": name})
    assert file.load("float64") is None


# -- damage -----------------------------------------------------------------------------------------------------------------


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def empty(content: bytes) -> bytes:
    return b""


def garbage(content: bytes) -> bytes:
    return hashlib.sha512(content).digest() * 20


def garbage_with_a_right_seal(content: bytes) -> bytes:
    return cache.SealedFile._sealed(garbage(content))


def another_pickle_with_a_right_seal(content: bytes) -> bytes:
    return cache.SealedFile._sealed(caching.dumps({"not": ["what", "was", "kept"]}))


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        flipped,
        empty,
        garbage,
        garbage_with_a_right_seal,
        another_pickle_with_a_right_seal,
    ],
    ids=lambda damage: damage.__name__,
)
def test_damaged_files_are_made_anew(package: Path, filled: Path, damage: Callable[[bytes], bytes]) -> None:
    """One function's index, another's code and the generated source at once; what is whole is still loaded."""
    victims = [
        *files(filled, "outer.outer-*.nbi"),
        *files(filled, "outer.second-*.nbc"),
        *files(filled, "generated_*.py"),
    ]
    assert len(victims) == 4
    for path in victims:
        path.write_bytes(damage(path.read_bytes()))
    told = run(CALL + NETWORK, package)
    assert told.answer == RIGHT
    assert sorted(told.compiled) == ["outer", "second"]
    again = run(CALL + NETWORK, package)
    assert (again.answer, again.compiled) == (RIGHT, [])


def test_lost_files_are_made_anew(package: Path, filled: Path) -> None:
    for path in [
        *files(filled, "*.nbc")[::2],
        *files(filled, "*.nbi")[::3],
        *files(filled, "generated_*.py"),
    ]:
        path.unlink()
    assert run(CALL + NETWORK, package).answer == RIGHT
    again = run(CALL + NETWORK, package)
    assert (again.answer, again.compiled) == (RIGHT, [])


# -- folders that cannot or must not be used ------------------------------------------------------------------------------------


def test_without_a_folder_code_is_compiled_in_memory(package: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    told = run(CALL + NETWORK, package, CARTSIM_CACHE=str(blocked / "cache"))
    assert (told.answer, told.folder) == (RIGHT, "None")
    assert "outer" in told.compiled


def test_without_a_home_code_is_compiled_in_memory(package: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    home = str(tmp_path / "file" / "home")
    environment = settings(package, HOME=home, LOCALAPPDATA=home, USERPROFILE=home)
    for name in ("CARTSIM_CACHE", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    told = finish(start(CALL + NETWORK, environment, package))
    assert (told.answer, told.folder) == (RIGHT, "None")


READ_ONLY = """
import os
import sys

def refuse(event, given):
    wanted = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if wanted or event in ("os.mkdir", "os.chmod", "os.remove", "os.rename", "os.rmdir", "os.symlink"):
        if isinstance(given[0], (str, os.PathLike)) and os.fspath(given[0]).startswith(os.environ["CARTSIM_CACHE"]):
            raise OSError(30, "Read-only file system", given[0])

sys.addaudithook(refuse)
"""
"""Python tells of each change of a file before it is made; root, who may write everywhere, is refused too."""


def state(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.lstat().st_mode, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def test_what_lies_on_a_read_only_file_system_is_loaded(package: Path, filled: Path) -> None:
    (folder,) = filled.iterdir()
    folder.chmod(0o755)
    before = state(filled)
    told = run(READ_ONLY + CALL + NETWORK, package)
    assert (told.answer, told.compiled, told.folder) == (RIGHT, [], str(folder))
    assert state(filled) == before


def test_what_is_damaged_or_missing_on_a_read_only_file_system_is_compiled_in_memory(
    package: Path, filled: Path
) -> None:
    (index,), (code, *_) = files(filled, "outer.outer-*.nbi"), files(filled, "outer.second-*.nbc")
    index.write_bytes(flipped(index.read_bytes()))
    code.unlink()
    before = state(filled)
    told = run(READ_ONLY + CALL + NETWORK, package)
    assert (told.answer, sorted(told.compiled)) == (RIGHT, ["outer", "second"])
    for path in files(filled, "generated_*.py"):
        path.unlink()
    before = state(filled)
    told = run(READ_ONLY + CALL + NETWORK, package)
    assert told.answer == RIGHT
    assert {"outer", "second", "hazards"} <= set(told.compiled)
    assert state(filled) == before


@pytest.mark.parametrize("parts", ["cache", "elsewhere/cache"])
def test_without_code_on_a_read_only_file_system_code_is_compiled_in_memory(
    package: Path, tmp_path: Path, parts: str
) -> None:
    root = tmp_path / parts
    told = run(READ_ONLY + CALL + NETWORK, package, CARTSIM_CACHE=str(root))
    assert (told.answer, told.folder, root.exists()) == (RIGHT, "None", False)
    (root / told.digest).mkdir(parents=True)
    told = run(READ_ONLY + CALL + NETWORK, package, CARTSIM_CACHE=str(root))
    assert (told.answer, told.folder) == (RIGHT, "None")
    assert "outer" in told.compiled


@posix
def test_code_that_others_could_write_is_not_loaded_where_it_cannot_be_removed(
    package: Path, filled: Path
) -> None:
    (folder,) = filled.iterdir()
    folder.chmod(0o777)
    told = run(READ_ONLY + CALL, package)
    assert (told.answer, told.folder) == (RIGHT[:2], "None")
    assert "outer" in told.compiled


def has_private_mounts() -> bool:
    command = ["unshare", "--map-root-user", "--mount", "true"]
    return (
        bool(shutil.which("unshare"))
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not has_private_mounts(), reason="needs Linux, and the right to mount")
def test_a_folder_that_is_mounted_read_only_is_loaded(package: Path, filled: Path) -> None:
    body = "from pathlib import Path\n" + CALL + NETWORK + TRY_TO_WRITE
    script = 'mount --bind -o ro "$CARTSIM_CACHE" "$CARTSIM_CACHE" && exec "$0" "$@"'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script]
    told = finish(start(body, settings(package), package, command))
    assert (told.answer, told.compiled) == ([*RIGHT, 0.0], [])


TRY_TO_WRITE = """
import os
try:
    Path(os.environ["CARTSIM_CACHE"], "probe").write_text("")
    answer.append(1.0)
except OSError:
    answer.append(0.0)
"""


@posix
@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_left_alone(package: Path, tmp_path: Path) -> None:
    place = tmp_path / "sealed"
    place.mkdir(mode=0o500)
    told = run(CALL, package, CARTSIM_CACHE=str(place))
    assert (told.answer, told.folder, list(place.iterdir())) == (RIGHT[:2], "None", [])


def test_a_part_of_the_folder_that_cannot_be_written_does_not_send_code_elsewhere(
    package: Path, filled: Path
) -> None:
    """Numba would turn to __pycache__ beside the sources, where our digest does not tell old code from new."""
    for path in filled.glob("*/kernels_*"):
        shutil.rmtree(path)
        path.write_text("in the way")
    told = run(CALL, package, HOME=str(package / "home"))
    assert told.answer == RIGHT[:2]
    assert not list(package.rglob("sim/**/*.nb?"))
    assert not list(package.rglob("home/**/*.nb?"))


@posix
def test_a_folder_that_belongs_to_another_is_not_used(package: Path, filled: Path) -> None:
    before = sorted(filled.rglob("*"))
    body = "import os\nown = os.getuid()\nos.getuid = lambda: own + 1\n" + CALL
    told = run(body, package)
    assert (told.answer, told.folder) == (RIGHT[:2], "None")
    assert "outer" in told.compiled
    assert sorted(filled.rglob("*")) == before


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_folder_that_others_could_write_to_is_emptied_and_made_private(
    package: Path, filled: Path, mode: int
) -> None:
    (folder,) = filled.iterdir()
    (folder / "planted").write_text("")
    (folder / "link").symlink_to(package)
    folder.chmod(mode)
    told = run(CALL, package)
    assert told.answer == RIGHT[:2]
    assert told.folder == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "outer" in told.compiled, "what others may have left is not run"
    assert not (folder / "planted").exists()
    assert (package / "sim").exists(), "a link is removed, not what it leads to"


@posix
def test_a_folder_that_others_could_read_is_made_private_and_used(package: Path, filled: Path) -> None:
    (folder,) = filled.iterdir()
    folder.chmod(0o755)
    told = run(CALL, package)
    assert (told.answer, told.compiled) == (RIGHT[:2], [])
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CARTSIM_CACHE", str(tmp_path / "cache"))
    cache.folder.cache_clear()
    yield tmp_path / "cache"
    cache.folder.cache_clear()


def test_a_new_folder_is_private_and_cold_until_something_is_compiled(own_folder: Path) -> None:
    folder = cache.folder()
    assert folder is not None
    assert folder.parent == own_folder
    assert os.name != "posix" or folder.stat().st_mode & 0o777 == 0o700
    assert cache.is_cold()
    (folder / "some.nbi").write_text("")
    assert not cache.is_cold()


def test_a_setting_of_numba_does_not_send_code_elsewhere(package: Path, filled: Path) -> None:
    before = state(filled)
    told = run(CALL, package, NUMBA_CACHE_LOCATOR_CLASSES="InTreeCacheLocator")
    assert told.answer == RIGHT[:2]
    assert not list(package.rglob("sim/**/*.nb?"))
    assert state(filled) == before


def test_a_full_disk_costs_a_compilation_and_nothing_else(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        if self.suffix == ".tmp":
            raise OSError(28, "No space left on device")
        return len(data)

    assert cache.folder() is not None
    monkeypatch.setattr(Path, "write_bytes", full)
    module = cache.load_generated("value = 7\n")
    assert module.value == 7
    assert module.__file__ == f"<{module.__name__}>"
    assert not list(own_folder.rglob("*.py"))


def test_the_text_that_is_run_is_the_one_given_whatever_lies_on_disk(own_folder: Path) -> None:
    source = "value = 7\n"
    path = Path(str(cache.load_generated(source).__file__))
    path.write_text("value = 8\n")
    assert cache.load_generated(source).value == 7
    assert path.read_text() == source
