"""The folder of compiled code: keyed by what made it, private, sealed, and never in the way.

Numba's own cache notices an edit in the file of a function, but not in the files that the function calls; it then returns
the old machine code and with it the old answers. So compiled code lives in ``<user cache>/cartsim/<digest>``, where the digest
covers every kernel source, the versions that take part in compiling, and the processor. A damaged entry fails its checksum and
is compiled again, and what a folder that cannot be written (a read-only image or file system) holds is loaded all the same; without
a folder (missing home), or with sources edited while the process runs, code is compiled in memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import threading
import types
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np
import platformdirs
from numba.core import caching
from numba.core.runtime import rtsys

CHECKSUM_BYTES = hashlib.sha256().digest_size
ENVIRONMENT_VARIABLE = "CARTSIM_CACHE"
WRITABLE_BY_OTHERS = 0o022


def _stamps() -> tuple[tuple[str, int, int], ...]:
    """Return name, time and size of every kernel source."""
    found = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        with contextlib.suppress(OSError):  # removed between the listing and the look at it
            status = path.stat()
            found.append((path.name, status.st_mtime_ns, status.st_size))
    return tuple(found)


@lru_cache(maxsize=1)
def _digest_and_stamps() -> tuple[str, tuple[tuple[str, int, int], ...]]:
    stamps = _stamps()
    content = hashlib.sha256()
    for name, _, _ in stamps:
        content.update(name.encode())
        content.update((Path(__file__).parent / name).read_bytes())
    versions = (sys.version, numba.__version__, llvmlite.__version__, np.__version__, platform.machine())
    processor = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    options = (numba.config.OPT, numba.config.BOUNDSCHECK)
    content.update(repr(versions + processor + options).encode())
    return content.hexdigest()[:16], stamps


def digest() -> str:
    """Return the hexadecimal key of this version of the compiled code.

    Returns
    -------
    str
        First 16 digits of a SHA-256 over kernel sources, versions, processor and the compiler's options.
    """
    return _digest_and_stamps()[0]


def sources_changed() -> bool:
    """Tell whether a kernel source was edited since the digest was taken: what is compiled from now on is not of that digest."""
    return _stamps() != _digest_and_stamps()[1]


@lru_cache(maxsize=1)
def folder() -> Path | None:
    """Return the private folder of compiled code, made if absent; None where there is none to read or to write.

    Returns
    -------
    Path or None
        ``$CARTSIM_CACHE/<digest>`` or ``<user cache>/cartsim/<digest>``, mode 0700 where it can be set. One that others could
        write to is emptied first: what they may have left there would be run. One that cannot be written is returned when it
        holds code, and is then only read.
    """
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    try:
        root = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("cartsim", appauthor=False))
        path = root / digest()
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.stat()
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            return None  # somebody else's folder could hand us somebody else's machine code
        with contextlib.suppress(OSError):  # a read-only file system
            path.chmod(0o700)
        if os.name == "posix" and status.st_mode & WRITABLE_BY_OTHERS:
            if path.stat().st_mode & WRITABLE_BY_OTHERS:
                return None  # a file system that knows no permissions, or a read-only one
            _empty(path)
        return path if can_be_written(path) or _holds_code(path) else None
    except (OSError, RuntimeError):
        return None


@lru_cache(maxsize=8)
def can_be_written(path: Path) -> bool:
    """Tell whether a file can be made in a folder, by making one; asked of the system once in a process."""
    try:
        tempfile.TemporaryFile(dir=path, prefix=".probe-").close()
    except OSError:
        return False
    return True


def _holds_code(path: Path) -> bool:
    """Tell whether a folder holds the index of a compiled function."""
    return any(path.rglob("*.nbi"))


def _empty(path: Path) -> None:
    for content in path.iterdir():
        if content.is_dir() and not content.is_symlink():
            shutil.rmtree(content)
        else:
            content.unlink()


def is_cold() -> bool:
    """Tell whether this digest has never compiled anything (the first run waits for the compiler)."""
    path = folder()
    return path is None or not _holds_code(path)


@lru_cache(maxsize=256)
def _hash(path: str, _time: int, _size: int) -> str:
    """Return the hash of a source file; time and size are there so that an edited file is read again."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class OwnLocator:
    """Where numba keeps the code of one function: in our folder, which need not be writable, and nowhere else.

    Numba's own locators give up a folder that they cannot write, and turn to ``__pycache__`` beside the sources or to a folder of
    numba's; there its stamps alone would tell old code from new.
    """

    def __init__(self, function: Callable[..., Any], file: str, root: Path) -> None:
        self._py_file = file  # numba names it in a warning
        self._line = function.__code__.co_firstlineno
        self._root = root
        parent = Path(file).resolve().parent
        # Code depends on the place of its source: each copy of the package has a part of the folder.
        self._path = root / f"{parent.name}_{hashlib.sha256(str(parent).encode()).hexdigest()[:16]}"

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> OwnLocator | None:
        """Return the place of a function's code, None without a folder or with something else in the way."""
        root = folder()
        if root is None or not Path(file).exists():
            return None
        place = cls(function, file, root)
        try:
            place.ensure_cache_path()
        except OSError:
            return None
        return place

    def ensure_cache_path(self) -> None:
        """Make the folder of the function's file where that is possible."""
        if can_be_written(self._root):
            self._path.mkdir(mode=0o700, exist_ok=True)

    def get_cache_path(self) -> str:
        """Return the folder of the function's file."""
        return str(self._path)

    def get_source_stamp(self) -> str:
        """Return what changes with the function's file: a hash, so that a copy of the folder is as good as the folder."""
        status = Path(self._py_file).stat()
        return _hash(self._py_file, status.st_mtime_ns, status.st_size)

    def get_disambiguator(self) -> str:
        """Return what tells functions of one name in one file apart."""
        return str(self._line)


class OwnImplementation(caching.CompileResultCacheImpl):
    """What numba does with a compiled function, at our place."""

    _locator_classes = (OwnLocator,)


class DriverImplementation(OwnImplementation):
    """The same for a function that no compiled function calls: the bitcode from which it could be merged into one is left out.

    Numba parses that bitcode whenever it loads the machine code; for a kernel it took as long as all the rest of loading it.
    """

    def reduce(self, data: Any) -> Any:
        """Return what is kept of a compiled function."""
        library, *rest = super().reduce(data)
        name, kind, (machine_code, bitcode) = library
        return ((name, kind, (machine_code, _names_alone(bitcode))), *rest)


def _names_alone(bitcode: bytes) -> bytes:
    """Return the bitcode of a module that defines the same names as nothing: numba asks which there are."""
    module = llvm.parse_bitcode(bitcode)
    functions = [
        f'define void @"{f.name}"() {{ ret void }}' for f in module.functions if not f.is_declaration
    ]
    variables = [f'@"{g.name}" = global i8 0' for g in module.global_variables if not g.is_declaration]
    stand_in: bytes = llvm.parse_assembly("\n".join(functions + variables)).as_bitcode()
    return stand_in


class SealedFile(caching.IndexDataCacheFile):
    """Index and data files that end with a checksum of what stands before it.

    A data file is named by what it is the code of. Numba counts instead, so that two processes could write the code of two
    signatures under one name, and the index of one would lead to the code of the other.
    """

    def save(self, key: Any, data: Any) -> None:
        """Keep the compiled code of a signature."""
        stem = self._index_name.removesuffix(".nbi")
        name = f"{stem}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.nbc"
        self._save_data(name, (key, data))
        overloads = self._load_index()
        if overloads.get(key) != name:
            self._save_index({**overloads, key: name})

    def load(self, key: Any) -> Any:
        """Return the compiled code of a signature, None without one."""
        name = self._load_index().get(key)
        if name is None:
            return None
        try:
            kept, data = self._load_data(name)
        except OSError:
            return None
        return data if kept == key else None

    @staticmethod
    def _sealed(content: bytes) -> bytes:
        return content + hashlib.sha256(content).digest()

    @staticmethod
    def _opened(path: str) -> bytes | None:
        try:
            content = Path(path).read_bytes()
        except OSError:
            return None
        body, seal = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
        return body if hashlib.sha256(body).digest() == seal else None

    def _load_index(self) -> dict[Any, str]:
        body = self._opened(self._index_path)
        if body is None:
            return {}
        version, stamp, overloads = caching.pickle.loads(body)
        fresh = version == self._version and stamp == self._source_stamp
        return dict(overloads) if fresh else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        body = self._dump((self._version, self._source_stamp, overloads))
        with self._open_for_write(self._index_path) as file:
            file.write(self._sealed(body))

    def _load_data(self, name: str) -> Any:
        body = self._opened(self._data_path(name))
        if body is None:
            raise FileNotFoundError(name)  # numba then compiles and writes it anew
        return caching.pickle.loads(body)

    def _save_data(self, name: str, data: Any) -> None:
        with self._open_for_write(self._data_path(name)) as file:
            file.write(self._sealed(self._dump(data)))


class SealedCache(caching.FunctionCache):
    """Numba's cache of one function, on sealed files; trouble with a file means compiling, never a crash."""

    _impl_class = OwnImplementation
    _cache_file: Any

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        sealed = SealedFile.__new__(SealedFile)
        sealed.__dict__.update(self._cache_file.__dict__)
        self._cache_file = sealed

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code for a signature, or None where there is none that can be used."""
        try:
            # Numba would first import all that compiling takes (0.3 s and more); compiled code needs its runtime alone, and one
            # that is to be compiled after all has the rest imported by the compiler.
            rtsys.initialize(target_context)
            return self._load_overload(sig, target_context)
        except Exception:  # noqa: BLE001 - whatever a file of another build holds, the answer is to compile again
            self._purge()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled code of a signature, where the folder can be written."""
        if not can_be_written(Path(self._cache_path).parent):
            return
        # A full or vanished disk, or an index that cannot be read, costs the next process a compilation, nothing else.
        with contextlib.suppress(Exception):
            super().save_overload(sig, data)

    def _purge(self) -> None:
        for path in Path(self._cache_path).glob(f"{self._impl.filename_base}.*"):
            with contextlib.suppress(OSError):
                path.unlink()


class DriverCache(SealedCache):
    """The same for a function that no compiled function calls."""

    _impl_class = DriverImplementation


_attached: dict[str, set[str]] = {}
"""The functions of each file since it was last looked at."""


def attach(dispatcher: Any, function: Callable[..., Any], *, driver: bool = False) -> None:
    """Give a numba dispatcher the sealed cache in our folder; without a folder it compiles in memory.

    Parameters
    ----------
    dispatcher : numba dispatcher
        Made by ``numba.njit`` without ``cache=True``.
    function : callable
        The Python function that it compiles; its file must exist.
    driver : bool
        Whether no compiled function calls it.
    """
    path = folder()
    file = function.__code__.co_filename
    if path is None or not Path(file).exists():
        return
    # A module is loaded as a whole, after those that it calls: one look at the sources is enough for all of its functions. One that comes
    # again has been loaded again.
    known = _attached.setdefault(file, set())
    if not known or function.__qualname__ in known:
        known.clear()
        if sources_changed():
            return
    known.add(function.__qualname__)
    try:
        sealed = (DriverCache if driver else SealedCache)(function)
    except (OSError, RuntimeError):
        return
    # NUMBA_CACHE_LOCATOR_CLASSES may have sent numba elsewhere.
    if Path(sealed.cache_path).is_relative_to(path):
        dispatcher._cache = sealed  # noqa: SLF001 - numba has no public place for a cache of one's own


def load_generated(source: str) -> types.ModuleType:
    """Return the module of a generated source text, kept beside the compiled code.

    The text that is run is the one given, never what lies on disk; the file only gives numba a stamp and a reader something to
    open. It is written when it is absent or differs, and the folder can be written.

    Parameters
    ----------
    source : str
        Python source, made by the code generator from parsed expressions.

    Returns
    -------
    module
        With the functions of the source.
    """
    name = "generated_" + hashlib.sha256(source.encode()).hexdigest()[:24]
    path = folder()
    file_name = f"<{name}>"
    if path is not None:
        file = path / "generated" / f"{name}.py"
        try:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            if not file.exists() or file.read_bytes() != source.encode():
                temporary = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
                try:
                    temporary.write_bytes(source.encode())
                    temporary.replace(file)
                finally:
                    temporary.unlink(missing_ok=True)
            file_name = str(file)
        except OSError:
            pass
    module = types.ModuleType(name)
    module.__file__ = file_name
    sys.modules[name] = module  # code loaded from the folder looks its globals up by the name of the module
    exec(compile(source, file_name, "exec"), module.__dict__)  # noqa: S102 - text that our generator wrote, never the user's
    return module
