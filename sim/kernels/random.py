"""Keyed random streams: Philox4x32-10 turns a key into seeds, xoshiro256++ turns a seed into numbers.

A stream belongs to a key (seed, patient, replicate, purpose) and to nothing else, so neither the order of the work nor the
number of threads can change it. Philox is a counter-based bijection: key = the seed's two 32-bit halves, counter = (block,
purpose, replicate, patient). Blocks 0 and 1 give the 256 bits of a xoshiro256++ state, which is several times cheaper a draw.
A state is a row of ``STATE_WORDS`` 64-bit words of which four are used: rows of 128 bytes keep two threads off one cache line.

With the compiler off the same source runs as plain Python, without a warning of overflow.

References: Salmon, Moraes, Dror and Shaw, SC11 (2011), doi:10.1145/2063384.2063405; Blackman and Vigna, ACM Trans. Math.
Softw. 47 (2021) 36, doi:10.1145/3460772.
"""

import numpy as np
import numpy.typing as npt

from sim.kernels._jit import DISABLED, inline_jit, jit

State = npt.NDArray[np.uint64]

STATE_WORDS = 16
PHILOX_ROUNDS = 10

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW_32 = np.uint64(0xFFFFFFFF)
_LOW_63 = np.uint64(0x7FFFFFFFFFFFFFFF)
_TOP_BIT = np.uint64(0x8000000000000000)
_NON_ZERO = np.uint64(0x9E3779B97F4A7C15)

_0 = np.uint64(0)
_1 = np.uint64(1)
_11 = np.uint64(11)
_17 = np.uint64(17)
_19 = np.uint64(19)
_23 = np.uint64(23)
_32 = np.uint64(32)
_41 = np.uint64(41)
_45 = np.uint64(45)

_STEP_53 = 2.0**-53


@jit
def philox4x32_10(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the Philox4x32-10 image of a counter of four 32-bit words under a key of two.

    Every word is a 32-bit number in a ``uint64``; products of two of them fit in 64 bits.
    """
    for _ in range(PHILOX_ROUNDS):
        product_0 = _MULTIPLIER_0 * c0
        product_1 = _MULTIPLIER_1 * c2
        c0 = (product_1 >> _32) ^ c1 ^ k0
        c1 = product_1 & _LOW_32
        c2 = (product_0 >> _32) ^ c3 ^ k1
        c3 = product_0 & _LOW_32
        k0 = (k0 + _WEYL_0) & _LOW_32
        k1 = (k1 + _WEYL_1) & _LOW_32
    return c0, c1, c2, c3


@jit
def seed_stream(state: State, seed: int, patient: int, replicate: int, purpose: int) -> None:
    """Set a state to the start of the stream of a key.

    Parameters
    ----------
    state
        uint64, at least 4 words (``STATE_WORDS`` where threads have neighbouring rows); words 0 to 3 are written.
    seed
        0 to 2**64 - 1 (a ``uint64`` in compiled code).
    patient, replicate, purpose
        0 to 2**32 - 1; higher bits are cut off, the callers have checked them.
    """
    whole = np.uint64(seed)
    k0 = whole & _LOW_32
    k1 = whole >> _32
    c1 = np.uint64(purpose) & _LOW_32
    c2 = np.uint64(replicate) & _LOW_32
    c3 = np.uint64(patient) & _LOW_32
    a0, a1, a2, a3 = philox4x32_10(_0, c1, c2, c3, k0, k1)
    b0, b1, b2, b3 = philox4x32_10(_1, c1, c2, c3, k0, k1)
    state[0] = a0 | (a1 << _32)
    state[1] = a2 | (a3 << _32)
    state[2] = b0 | (b1 << _32)
    state[3] = b2 | (b3 << _32)
    if (state[0] | state[1] | state[2] | state[3]) == _0:
        # The one state from which xoshiro never leaves; one key in 2**256 would meet it.
        state[0] = _NON_ZERO


@inline_jit
def _add_wrapping(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return a + b modulo 2**64, as machine integers do it."""
    return a + b


def _add_masked(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return a + b modulo 2**64 without an overflow: 63 bits are added, then the top bits without carry."""
    return ((a & _LOW_63) + (b & _LOW_63)) ^ ((a ^ b) & _TOP_BIT)


# Plain Python warns of the overflow that is meant here; compiled code would pay 0.4 ns a draw for the detour.
add_64 = _add_masked if DISABLED else _add_wrapping


@jit
def next_u64(state: State) -> np.uint64:
    """Return the next 64 random bits of xoshiro256++ and advance the state (words 0 to 3)."""
    s0 = state[0]
    s1 = state[1]
    s2 = state[2]
    s3 = state[3]
    total = add_64(s0, s3)
    result = add_64((total << _23) | (total >> _41), s0)
    shifted = s1 << _17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    state[0] = s0
    state[1] = s1
    state[2] = s2
    state[3] = (s3 << _45) | (s3 >> _19)
    return result


@jit
def uniform(state: State) -> float:
    """Return a uniform number in the open interval (0, 1).

    The values are the odd multiples of 2**-53, so neither end occurs, the law is symmetric about 1/2, and u and 1 - u are both
    exact.
    """
    return float(np.int64((next_u64(state) >> _11) | _1)) * _STEP_53
