"""Ctrl-C: an interrupt that ends the command wherever it comes.

Python raises KeyboardInterrupt in whatever function runs. Some are called back by the interpreter or by a library, which print what they
raise and go on: the command would not end. One interrupt in twenty came to nothing so while modules were loaded.
"""

from __future__ import annotations

import signal

from sim import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["heed_interrupts", "ignore_interrupts"]

SWALLOWING = frozenset(
    {
        "cb",  # of the import system, when a lock of a module goes
        "remove",  # of weak dictionaries
        "_remove",  # of weak sets
        "__del__",
        "_raw_object_cache_notify",  # of llvmlite, when code is compiled
        "_raw_object_cache_getbuffer",
    }
)
"""Functions out of which no exception gets."""
PAUSE = 0.01
"""Seconds until the interrupt is tried again."""


def heed_interrupts() -> None:
    """Let an interrupt wait until it can be raised; one that the caller's shell turned off stays off."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler and hasattr(signal, "setitimer"):
        signal.signal(signal.SIGINT, _interrupt)
        signal.signal(signal.SIGALRM, _interrupt)


def ignore_interrupts() -> None:
    """Let no interrupt disturb the interpreter's own end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt(_signal: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, or try again in a moment where it would be lost."""
    while frame is not None:
        if frame.f_code.co_name in SWALLOWING:
            signal.setitimer(signal.ITIMER_REAL, PAUSE)
            return
        frame = frame.f_back
    raise KeyboardInterrupt
