"""The folder that one run leaves behind: atomic files, one owner at a time, complete or not.

A run directory is claimed before anything is computed and marked ``complete`` last. Every file is written under
a temporary name and renamed, so that a reader never meets half a file. The owner holds an advisory lock on the file
``lock`` (the kernel drops it when the process ends, whatever the reason), which also names the owner's process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from sim.errors import BusyError, InputError, StorageError

PROVENANCE = "provenance.json"
COMPLETE = "complete"
LOCK = "lock"
_TEMPORARY = ".partial"

State = Literal["absent", "incomplete", "complete"]


def default_path(name: str, digest: str, parent: Path | None = None) -> Path:
    """Return ``<parent>/<scenario>-<first 8 of the hash>``; the parent is ``./runs`` unless given."""
    return (Path("runs") if parent is None else parent) / f"{name}-{digest[:8]}"


class RunDirectory:
    """One run's folder, tied to the hash of what changes its numbers.

    Parameters
    ----------
    path : Path
        The folder; need not exist.
    digest : str
        Hexadecimal hash of scenario, seed, kernel and patients.
    """

    def __init__(self, path: Path, digest: str) -> None:
        # Without "..": a folder named only to be left again would have to be made. Links lead where they lead.
        self.path = Path(os.path.realpath(path)) if ".." in Path(path).parts else Path(path)
        self.digest = digest

    def state(self) -> State:
        """Say whether the run is absent, begun or complete.

        Raises
        ------
        InputError
            The folder holds another run, or something that is not a run.
        StorageError
            The folder cannot be read.
        """
        try:
            if not self.path.exists():
                return "absent"
            if not self.path.is_dir():
                raise InputError(f"{self.path}: is a file; the output must be a folder; name another")
            held = read_digest(self.path)
            if held is None:
                names = {entry.name for entry in self.path.iterdir()}
                if any(name != LOCK and _TEMPORARY not in name for name in names):
                    raise InputError(
                        f"{self.path}: holds files but no run; the output must be a new or empty folder; name another"
                    )
                return "absent"
        except OSError as error:
            raise StorageError(f"{self.path}: {_reason(error)}; the folder must be readable") from None
        if held != self.digest:
            raise InputError(
                f"{self.path}: holds run {held[:8]}, this one is {self.digest[:8]}; "
                "a folder holds one run; name another with -o or delete it"
            )
        return "complete" if (self.path / COMPLETE).is_file() else "incomplete"

    @contextmanager
    def claim(self) -> Iterator[RunDirectory]:
        """Own the folder for the length of the block; make it if needed, and unmake what stayed empty.

        Raises
        ------
        StorageError
            The folder cannot be made or written to; nothing is left behind.
        BusyError
            Another process owns it.
        """
        made = _make_folders(self.path)
        try:
            handle = _lock(self.path / LOCK)
        except BaseException:
            _remove_empty(made)
            raise
        try:
            yield self
        finally:
            with suppress(OSError):
                (self.path / LOCK).unlink()
            os.close(handle)
            _remove_empty(made)

    def begin(self, provenance: dict[str, Any]) -> None:
        """Record whose numbers the folder will hold, incomplete until `finish`; half-written files of an interrupted run go.

        Whole files of an interrupted run stay until they are replaced by equal ones: nothing that a user put there
        is deleted.
        """
        with _as_storage_error(self.path):
            for entry in [*self.path.glob(f".*{_TEMPORARY}*"), *self.path.glob(f"*/.*{_TEMPORARY}*")]:
                entry.unlink()
        self.remove(COMPLETE)
        self.write_json(PROVENANCE, {**provenance, "hash": self.digest})

    def finish(self) -> None:
        """Mark the run complete; called after everything else was written."""
        self.write_text(COMPLETE, self.digest + "\n")

    def write(self, name: str, writer: Callable[[Path], object]) -> Path:
        """Write one file through ``writer(temporary path)`` and rename it into place."""
        target = self.path / name
        # The suffix stays last: writers of figures and tables choose the format by it.
        temporary = target.with_name(f".{target.stem}{_TEMPORARY}{target.suffix}")
        with _as_storage_error(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                writer(temporary)
                os.replace(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)
        return target

    def remove(self, name: str) -> None:
        """Remove one file, if it is there, and its folder within the run when that is then empty."""
        target = self.path / name
        with _as_storage_error(target):
            target.unlink(missing_ok=True)
        if target.parent != self.path:
            _remove_empty([target.parent])

    def write_text(self, name: str, text: str) -> Path:
        """Write text as UTF-8 with unix line ends."""
        return self.write(name, lambda path: path.write_text(text, encoding="utf-8", newline="\n"))

    def write_json(self, name: str, value: object) -> Path:
        """Write JSON; the order of keys is kept, as the order of arms means something."""
        return self.write_text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_digest(path: Path) -> str | None:
    """Return the hash of the run in a folder, or None when the folder holds no readable run.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    try:
        value = json.loads((path / PROVENANCE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    digest = value.get("hash") if isinstance(value, dict) else None
    return digest if isinstance(digest, str) else None


def _make_folders(path: Path) -> list[Path]:
    """Make a folder and its parents; return those made, innermost first."""
    missing: list[Path] = []
    with _as_storage_error(path):
        probe = path
        while not probe.exists():
            missing.append(probe)
            probe = probe.parent
        if not probe.is_dir():
            raise NotADirectoryError(20, "a parent is a file")
    made: list[Path] = []
    try:
        with _as_storage_error(path):
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
                made.insert(0, folder)
    except StorageError:
        _remove_empty(made)
        raise
    return made


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _lock(path: Path) -> int:
    """Open and lock the lock file, write the process id into it, and return the descriptor."""
    import fcntl

    while True:
        with _as_storage_error(path.parent):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = _owner(handle)
            os.close(handle)
            if isinstance(error, BlockingIOError):
                raise BusyError(
                    f"{path.parent}: in use by process {owner}; one process writes a run; wait or stop it"
                ) from None
            raise StorageError(
                f"{path.parent}: {_reason(error)}; the folder must allow a lock; name another"
            ) from None
        # The former owner may have removed the file between our open and our lock: then we hold a nameless one.
        try:
            same = os.path.samestat(os.fstat(handle), os.stat(path))
        except FileNotFoundError:
            same = False
        if same:
            break
        os.close(handle)
    try:
        with _as_storage_error(path.parent):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
    except StorageError:
        with suppress(OSError):
            path.unlink()
        os.close(handle)
        raise
    return handle


def _owner(handle: int) -> str:
    text = os.pread(handle, 32, 0).decode(errors="replace").strip()
    return text if text.isdecimal() else "unknown"


@contextmanager
def _as_storage_error(place: Path) -> Iterator[None]:
    """Turn the system's refusal into one line that says what to do."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{place}: {_reason(error)}; the output folder must be writable; name another with -o"
        ) from None


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
