"""Keyed random numbers for whole cohorts at once: the kernels' streams, in NumPy.

The key is (seed, patient, replicate, purpose), never the arm, the order of the work or a worker: so a patient meets every dose
with the same luck, and more patients or replicates change nobody. The generator is Philox4x32-10 with key = the seed's low and
high half and counter = (block, purpose, replicate, patient). A block gives four 32-bit words, low word first two numbers.

Reference: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011),
doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    Words = npt.NDArray[np.uint64]
    Floats = npt.NDArray[np.float64]

__all__ = ["PURPOSES", "philox4x32_10", "seed_words", "uniforms"]

PURPOSES = MappingProxyType(
    {
        "dynamics": 0,
        "assay": 1,
        "enrolment": 2,
        "agents": 1_000_000,
        "handing over": 2_000_000,
        "CAR T agents": 3_000_000,
        "looks at densities": 4_000_000,
    }
)
"""What a stream is for, by number. Append only: another number for a purpose is other luck for every patient.
Numbers from 100 on belong to the quantities of a patient, which the cohort keeps; those from 1,000,000 on to chunks of agents;
those from 2,000,000 on to the first, second, ... time that counts become cells; those from 3,000,000 on to chunks of CAR T cells;
those from 4,000,000 on to the first, second, ... look at the densities of counts."""

_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_11 = np.uint64(11)
_1 = np.uint64(1)
_NON_ZERO = np.uint64(0x9E3779B97F4A7C15)
_SEEDS = 1 << 64
_WORDS = 1 << 32


def philox4x32_10(
    counter: tuple[Any, Any, Any, Any], key: tuple[int, int]
) -> tuple[Words, Words, Words, Words]:
    """Return the Philox4x32-10 images of counters under one key.

    Parameters
    ----------
    counter : tuple of four array_like of int
        32-bit words that broadcast against each other.
    key : tuple of two int
        32-bit words.

    Returns
    -------
    tuple of four ndarray of uint64
        The words of the image, each below 2**32, in the broadcast shape.
    """
    c0, c1, c2, c3 = np.broadcast_arrays(*(np.asarray(word, dtype=np.uint64) for word in counter))
    k0, k1 = key
    for _ in range(_ROUNDS):
        product_0 = _MULTIPLIERS[0] * c0
        product_1 = _MULTIPLIERS[1] * c2
        c0 = (product_1 >> _32) ^ c1 ^ np.uint64(k0)
        c1 = product_1 & _LOW
        c2 = (product_0 >> _32) ^ c3 ^ np.uint64(k1)
        c3 = product_0 & _LOW
        k0 = (k0 + _WEYL[0]) % _WORDS
        k1 = (k1 + _WEYL[1]) % _WORDS
    return c0, c1, c2, c3


def _whole(value: Any, name: str, limit: int) -> int:
    """Return a whole number below a limit, or raise."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise InputError(f"{name}: {value!r}; must be a whole number; give an integer from 0 to {limit - 1}")
    number = int(value)
    if not 0 <= number < limit:
        raise InputError(f"{name}: {number}; must be from 0 to {limit - 1}; choose one in that range")
    return number


def _patient_words(patients: npt.ArrayLike) -> Words:
    """Return the numbers of patients as 32-bit words, or raise."""
    numbers = np.asarray(patients)
    if numbers.ndim != 1 or (numbers.size > 0 and numbers.dtype.kind not in "iu"):
        raise InputError(
            f"patients: {numbers.dtype} of shape {numbers.shape}; must be a list of whole numbers; give integers"
        )
    if numbers.size > 0:
        worst = int(numbers.min()) if int(numbers.min()) < 0 else int(numbers.max())
        _whole(worst, "patients", _WORDS)
    return numbers.astype(np.uint64)


def _blocks(seed: int, patients: npt.ArrayLike, purpose: int, replicate: int, count: int) -> Words:
    """Return 64-bit words, shape (patients, 2 count), of ``count`` blocks for each patient."""
    whole = _whole(seed, "seed", _SEEDS)
    purpose_word = _whole(purpose, "purpose", _WORDS)
    replicate_word = _whole(replicate, "replicate", _WORDS)
    rows = _patient_words(patients)
    block = np.arange(count, dtype=np.uint64)
    key = (whole % _WORDS, whole // _WORDS)
    c0, c1, c2, c3 = philox4x32_10((block[None, :], purpose_word, replicate_word, rows[:, None]), key)
    return np.stack((c0 | (c1 << _32), c2 | (c3 << _32)), axis=-1).reshape(rows.size, 2 * count)


def uniforms(
    seed: int, patients: npt.ArrayLike, purpose: int, *, replicate: int = 0, count: int = 1
) -> Floats:
    """Return uniform numbers in the open interval (0, 1), a row for each patient.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.
    patients : array_like of int, shape (n,)
        Numbers of the patients, 0 to 2**32 - 1, in any order.
    purpose : int
        What the numbers are for, of `PURPOSES` or the cohort's own table; 0 to 2**32 - 1.
    replicate : int
        0 to 2**32 - 1.
    count : int
        Numbers for each patient, >= 0. A larger count extends the rows and changes none of the earlier numbers.

    Returns
    -------
    ndarray of float64, shape (n, count)
        Odd multiples of 2**-53: neither 0 nor 1 occurs, and u and 1 - u are both exact.

    Raises
    ------
    InputError
        A part of the key is not a whole number in its range.

    Examples
    --------
    >>> few = uniforms(1, [4, 7], PURPOSES["assay"], count=2)
    >>> few.shape
    (2, 2)
    >>> more = uniforms(1, [7], PURPOSES["assay"], count=5)
    >>> bool((more[0, :2] == few[1]).all())
    True
    """
    wanted = _whole(count, "count", _WORDS)
    words = _blocks(seed, patients, purpose, replicate, (wanted + 1) // 2)[:, :wanted]
    numbers: Floats = ((words >> _11) | _1).astype(np.float64) * 2.0**-53
    return numbers


def seed_words(seed: int, patients: npt.ArrayLike, purpose: int, *, replicate: int = 0) -> Words:
    """Return the states in which the kernels' generator starts, a row for each patient.

    Returns
    -------
    ndarray of uint64, shape (n, 4)
        The words of xoshiro256++, equal to those of `sim.kernels.random.seed_stream` bit for bit; never all zero.

    Raises
    ------
    InputError
        As `uniforms`.

    Examples
    --------
    >>> seed_words(1, [0, 1], PURPOSES["dynamics"]).shape
    (2, 4)
    """
    words = _blocks(seed, patients, purpose, replicate, 2)
    words[~words.any(axis=1), 0] = _NON_ZERO
    return words
