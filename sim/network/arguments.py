"""What the user gives `simulate`, read and refused at once: whole numbers, times, tables of numbers, names of outputs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import numpy.typing as npt

from sim.errors import InputError, NetworkError
from sim.network.checks import suggestion

if TYPE_CHECKING:
    from sim.network.network import Network

__all__ = ["read_flag", "read_number", "read_numbers", "read_outputs", "read_times", "read_whole", "shown"]

FloatArray = npt.NDArray[np.float64]
LARGEST = 2**63 - 1
"""Largest whole number that compiled code takes."""


def shown(value: object) -> str:
    """Return a value as a part of a line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a number of Python or NumPy; a truth value is none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def read_whole(value: object, place: str, least: int, most: int = LARGEST) -> int:
    """Return a whole number of Python or NumPy.

    Parameters
    ----------
    value : object
    place : str
        Where it stands, for the error.
    least, most : int
        The range, both ends included.

    Raises
    ------
    InputError
        When it is no whole number of the range; a truth value is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(f"{place}: {shown(value)}; must be a whole number of at least {least}; correct it")
    if value > most:
        raise InputError(f"{place}: {shown(value)}; must be below {_power(most + 1)}; choose a smaller one")
    return int(value)


def _power(number: int) -> str:
    """Return a power of two as one."""
    return f"2**{number.bit_length() - 1}" if number.bit_count() == 1 else str(number)


def read_number(
    value: object, place: str, rule: str, low: float, high: float, open_low: bool = False
) -> float:
    """Return a number of Python or NumPy as a float.

    Parameters
    ----------
    value : object
    place, rule : str
        Where it stands and what it must be, for the error.
    low, high : float
        The range, both ends included unless `open_low`.
    open_low : bool
        Whether `low` itself is refused.

    Raises
    ------
    InputError
        When it is no number of the range; a truth value is none.
    """
    try:
        number = float(value) if _is_number(value) else math.nan
    except OverflowError:  # a whole number beyond the floats
        number = math.nan
    if not low <= number <= high or (open_low and number == low):
        raise InputError(f"{place}: {shown(value)}; must be {rule}; correct it")
    return number


def read_numbers(value: object, place: str) -> FloatArray:
    """Return a number or an array of numbers, as an array of any shape.

    Parameters
    ----------
    value : object
        NaN and infinity are numbers, since rows that they spoil have a status; None, texts and truth values are not.
    place : str
        Where it stands, for the error.

    Raises
    ------
    InputError
        When something in it is no number, or its parts differ in length.
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and all(_is_number(one) for one in array.flat):
            array = array.astype(np.float64)
    except (
        TypeError,
        ValueError,
        OverflowError,
    ):  # parts of different lengths, or a whole number beyond the floats
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{place}: {shown(value)}; must be a number or an array of numbers; correct it")
    return np.ascontiguousarray(array, dtype=np.float64).reshape(array.shape)


def read_times(t: object) -> FloatArray:
    """Return the save times, shape (n_times,): at least one, finite, strictly increasing."""
    if isinstance(t, Iterable) and not isinstance(t, (str, bytes, Mapping, Sequence, np.ndarray)):
        t = list(t)
    times = read_numbers(t, "t")
    if times.ndim != 1 or len(times) == 0:
        raise InputError(f"t: shape {times.shape}; must be a sequence of times; give at least one")
    bad = np.flatnonzero(~np.isfinite(times))
    if len(bad):
        raise InputError(f"t[{bad[0]}]: {times[bad[0]]:g}; must be finite; remove it or correct it")
    late = np.flatnonzero(np.diff(times) <= 0)
    if len(late):
        i = int(late[0])
        raise InputError(
            f"t[{i + 1}]: {times[i + 1]:.15g} after {times[i]:.15g}; must be strictly increasing;"
            " sort it and remove what occurs twice"
        )
    return times


def read_flag(value: object, place: str) -> None:
    """Refuse what is neither a truth value, None nor a function."""
    if not (value is None or isinstance(value, (bool, np.bool_)) or callable(value)):
        raise InputError(f"{place}: {shown(value)}; must be True, False or a function; choose one of these")


def read_outputs(outputs: object, network: Network) -> tuple[str, ...]:
    """Return the names of what is saved; of all that changes where `outputs` is None.

    Parameters
    ----------
    outputs : str, sequence of str or None
        Species and definitions.
    network : Network

    Raises
    ------
    InputError
        When it is no name or sequence of names.
    NetworkError
        When the network has no such species or definition.
    """
    known = [s.name for s in network.all_species] + [d.name for d in network.all_definitions]
    if outputs is None:
        fixed = {p.name for p in network.all_parameters}
        constant = {d.name for d in network.all_definitions if d.expression.symbols <= fixed}
        return tuple(name for name in known if name not in constant)
    names = [outputs] if isinstance(outputs, str) else outputs
    if not isinstance(names, Iterable) or isinstance(names, (bytes, Mapping)):
        raise InputError(f"outputs: {shown(outputs)}; must be a list of names; give species and definitions")
    chosen = tuple(names)
    for name in chosen:
        if name not in known:
            fix = suggestion(name, known, "correct the name") if isinstance(name, str) else "give its name"
            raise NetworkError(
                f"output {shown(name)}: neither a species nor a definition of the network; {fix}"
            )
    return chosen
