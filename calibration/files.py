"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from sim.errors import StorageError

__all__ = ["write_whole"]


def write_whole(place: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, then put it there; folders are made.

    Parameters
    ----------
    place : Path
    write : callable(Path)

    Raises
    ------
    StorageError
        When it cannot be written.
    """
    partial = place.with_suffix(".partial")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        os.replace(partial, place)
    except OSError as error:
        raise StorageError(
            f"{place}: {error.strerror or type(error).__name__}; a calibration keeps what it has done; free some room or choose another folder"
        ) from None
