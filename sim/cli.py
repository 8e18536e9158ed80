"""The command line: call a command, and turn every failure into an exit code.

`main` ends with at most three lines on stderr: the user's mistakes in exit code 2, others as `sim.errors` says, a fault of the program in
70 with the details in a log file. Nothing but small modules is imported at the top, so that an interrupt is answered from the first
moment; the commands are in `sim.cli_commands`.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import signal
import sys

from sim import TYPE_CHECKING, __version__
from sim.cli_interrupt import heed_interrupts
from sim.cli_output import print_problems, say
from sim.errors import CartsimError, InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import FrameType
    from typing import NoReturn

__all__ = ["main"]

INTERNAL_ERROR = 70
INTERRUPTED = 130
TERMINATED = 143
BROKEN_PIPE = 141

# What the system says when an output has no room or does not work; the fault is not the program's.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; ``sys.argv`` by default.

    Raises
    ------
    SystemExit
        Always, with the exit code.
    """
    if arguments is None:
        # A process of its own makes few cycles and ends soon: looking for them, the last time at its end, takes 0.8 s of a run.
        gc.set_threshold(100_000)
        atexit.register(gc.freeze)
        heed_interrupts()
    # Nothing here is large linear algebra, whose threads would spin beside the kernels.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Otherwise every start searches all installed packages for pydantic's plugins; there are none to find.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _ready_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    # A global option works in any place.
    given = (["--debug"] if debug else []) + [argument for argument in given if argument != "--debug"]
    code = _run(given, debug)
    if arguments is None:
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # nothing is left to interrupt but the interpreter's own end
    sys.exit(code)


def _run(arguments: list[str], debug: bool) -> int:
    """Run one command and return its exit code; nothing but `SystemExit` gets out."""
    try:
        signal.signal(signal.SIGTERM, _terminate)
        from sim.cli_commands import invoke

        code = invoke(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted; the same command begins again")
        return INTERRUPTED
    except BrokenPipeError:
        _give_up_stdout()
        return BROKEN_PIPE
    except CartsimError as error:
        if debug:
            raise
        print_problems(error)
        return error.exit_code
    except Exception as error:
        usage = _usage_line(error)
        if usage is not None:
            say(usage)
            return InputError.exit_code
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            _give_up_stdout()
            reason = (error.strerror or type(error).__name__).lower()
            say(
                f"{error.filename or 'output'}: {reason}; what is written needs a place; free some room or write elsewhere"
            )
            return StorageError.exit_code
        say(_internal_error_line(error))
        return INTERNAL_ERROR
    return code


def _ready_streams() -> None:
    """Give closed streams a place to go, and let no letter that stdout does not know end a command."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for as long as the process, and without pathlib
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")


def _give_up_stdout() -> None:
    """Send what is left elsewhere; without this, Python complains when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    say("terminated; the same command begins again")
    sys.exit(TERMINATED)


def _usage_line(error: Exception) -> str | None:
    """Return one line for a mistake in the command itself, None for any other error.

    The class lies in click or in typer's own copy of it, by version; both have ``format_message``.
    """
    message = getattr(error, "format_message", None)
    if message is None:
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "cartsim"
    text = " ".join(str(message()).split()).rstrip(".")
    return f"{command}: {text}; a command takes what its help lists; see {command} --help"


def _internal_error_line(error: Exception) -> str:
    """Log an error's traceback and return the line that says where it is."""
    import traceback
    from datetime import UTC, datetime

    text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    details = "".join(traceback.format_exception(error))
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    for folder in _log_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"error-{stamp}-{os.getpid()}.log"
            path.write_text(f"cartsim {__version__}\nPython {sys.version}\n{details}", encoding="utf-8")
        except OSError:
            continue
        return f"internal error: {text}; this is a fault of cartsim; please report it with {path}"
    return f"internal error: {text}; this is a fault of cartsim; run again with --debug and report it"


def _log_folders() -> list[Path]:
    """Folders for the log, the user's own first."""
    import tempfile
    from pathlib import Path

    folders = []
    try:
        from platformdirs import user_log_path

        folders.append(user_log_path("cartsim"))
    except (ImportError, OSError, RuntimeError):
        pass
    return [*folders, Path(tempfile.gettempdir())]


if __name__ == "__main__":
    main()
