"""A batch: the parameters and initial states of its members, and the rows that its members and their replicates make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.errors import InputError, NetworkError
from sim.network.arguments import read_numbers, shown
from sim.network.checks import suggestion
from sim.network.codegen import CompiledNetwork

__all__ = ["Batch", "read_batch"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
IDENTITIES = 2**32
"""Patients and replicates that the key of a random stream can tell apart."""


@dataclass(frozen=True)
class Batch:
    """Members and rows of a simulation; rows are row-major, replicates of the first member first.

    Attributes
    ----------
    parameters, initial : ndarray, shape (batch, n_parameters) and (batch, n_species)
        Of each member.
    source : ndarray of int, shape (rows,)
        The member that each row belongs to.
    patients, replicates : ndarray of int, shape (rows,)
        Identity of each row, which keys its random stream.
    """

    parameters: FloatArray
    initial: FloatArray
    source: IntArray
    patients: IntArray
    replicates: IntArray


def read_batch(
    compiled: CompiledNetwork, parameters: object, initial: object, patients: object, n: int, first: int
) -> Batch:
    """Return the batch that the user's arrays make.

    Parameters
    ----------
    compiled : CompiledNetwork
        Gives the names, and the values of what is not given.
    parameters, initial : mapping of str to float or ndarray of shape (batch,), or None
    patients : array of int of shape (batch,), or None
        Identities of the members; 0 .. batch - 1 by default.
    n, first : int
        Replicates of each member, and the number of the first.

    Raises
    ------
    InputError
        When values are no numbers, or lengths differ; NetworkError when the network has no such name.
    """
    given_p, length_p = _columns(compiled.parameters, parameters, "parameter")
    given_x, length_x = _columns(compiled.species, initial, "initial")
    identities = None if patients is None else _identities(patients)
    lengths = {x for x in (length_p, length_x) if x is not None}
    if identities is not None:
        lengths.add(len(identities))
    if len(lengths) > 1:
        raise InputError(
            f"parameters, initial, patients: lengths {sorted(lengths)}; must be equal; cut or repeat them"
        )
    batch = lengths.pop() if lengths else 1
    if identities is None:
        identities = np.arange(batch, dtype=np.int64)
    if first + n > IDENTITIES:
        raise InputError(
            f"first_replicate, n: {first}, {n}; must together stay below 2**32; choose smaller ones"
        )
    return Batch(
        parameters=_filled(compiled.defaults, given_p, batch),
        initial=_filled(compiled.initial, given_x, batch),
        source=np.repeat(np.arange(batch, dtype=np.int64), n),
        patients=np.repeat(identities, n),
        replicates=np.tile(np.arange(first, first + n, dtype=np.int64), batch),
    )


def _columns(names: Sequence[str], given: object, what: str) -> tuple[dict[int, FloatArray], int | None]:
    """Return place -> values of the names given, and the length of the batch (None where all are single numbers)."""
    argument = "parameters" if what == "parameter" else what
    if given is None:
        return {}, None
    if not isinstance(given, Mapping):
        raise InputError(
            f"{argument}: {shown(given)}; must be a mapping of names to numbers; write {{name: value}}"
        )
    places = {name: i for i, name in enumerate(names)}
    result: dict[int, FloatArray] = {}
    length: int | None = None
    for name, value in given.items():
        place = f"{what} {shown(name)}"
        if name not in places:
            known = f"names are {', '.join(list(names)[:8]) or 'none'}"
            hint = suggestion(name, names, known) if isinstance(name, str) else known
            raise NetworkError(f"{place}: not in the network; {hint}")
        array = read_numbers(value, place)
        if array.ndim > 1:
            raise InputError(
                f"{place}: shape {array.shape}; must be a number or have one dimension; flatten it"
            )
        if array.ndim == 1:
            if length is not None and len(array) != length:
                raise InputError(f"{place}: length {len(array)}; other arrays have {length}; make them equal")
            length = len(array)
        result[places[name]] = array
    return result, length


def _identities(patients: object) -> IntArray:
    """Return the numbers of the patients."""
    try:
        numbers = np.asarray(patients)
    except ValueError:  # parts of different lengths
        numbers = np.asarray(None)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise InputError(
            f"patients: {numbers.dtype} of shape {numbers.shape}; must be a list of whole numbers; give integers"
        )
    outside = numbers[(numbers < 0) | (numbers >= IDENTITIES)]
    if outside.size:
        raise InputError(f"patients: {outside[0]}; must be from 0 to 2**32 - 1; renumber them")
    return np.ascontiguousarray(numbers, dtype=np.int64)


def _filled(defaults: FloatArray, given: dict[int, FloatArray], length: int) -> FloatArray:
    table = np.tile(defaults, (length, 1))
    for place, values in given.items():
        table[:, place] = values
    return np.ascontiguousarray(table)
