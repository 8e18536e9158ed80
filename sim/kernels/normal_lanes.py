"""Pairs of standard normal numbers by the hundred: generators side by side and the transform of Box and Muller, without a branch.

A pair takes one number of 64 bits: 31 are the radius, sqrt(-2 log u), 30 an angle within an eighth of a turn of an axis, and two choose the
axis. So the law is that of a normal number to the rounding of float32, which densities are kept in, up to 6.6 standard deviations; it does not pass
6.66 (one number in 4e10 would).

Generator l of a chunk makes the numbers l, l + `LANES`, ... of a block. Nothing fails.

Reference: Box and Muller, Ann. Math. Stat. 29 (1958) 610, doi:10.1214/aoms/1177706645.
"""

import math

import numpy as np

from sim.kernels._jit import jit
from sim.kernels.elementary import logarithm_of
from sim.kernels.random import State, add_64, seed_stream

LANES = 64
WORDS = 4
"""Words of a generator (xoshiro256++, sim/kernels/random.py); those of a chunk are uint64 (WORDS, LANES)."""

_17, _19, _23, _41, _45 = (np.uint64(k) for k in (17, 19, 23, 41, 45))
_1_BIT, _2_BITS = np.uint32(1), np.uint32(2)
_SWAPPED, _NEGATIVE = np.uint32(1), np.uint32(2)
_HALF = np.float32(0.5)
_PER_RADIUS = np.float32(2.0**-31)
_MINUS_2, _1 = np.float32(-2.0), np.float32(1.0)
_TURN, _EIGHTH = np.float32(0.5 * math.pi * 2.0**-30), np.float32(0.25 * math.pi)
_S3, _S5, _S7, _S9 = (np.float32(s / math.factorial(k)) for s, k in ((-1, 3), (1, 5), (-1, 7), (1, 9)))
_C2, _C4, _C6, _C8 = (np.float32(s / math.factorial(k)) for s, k in ((-1, 2), (1, 4), (-1, 6), (1, 8)))


@jit
def seed_lanes(lanes: State, scratch: State, seed: int, patient: int, replicate: int, purpose: int) -> None:
    """Set the generators of a chunk to the streams of as many purposes, from the given one on."""
    for lane in range(LANES):
        seed_stream(scratch, seed, patient, replicate, purpose + lane)
        for word in range(WORDS):
            lanes[word, lane] = scratch[word]


@jit
def draw_words(lanes, n, words):
    """Write n random words, or up to `LANES` - 1 more."""
    s0, s1, s2, s3 = lanes[0], lanes[1], lanes[2], lanes[3]
    for first in range(0, n, LANES):
        row = words[first : first + LANES]
        for lane in range(LANES):
            a, b, c, d = s0[lane], s1[lane], s2[lane], s3[lane]
            total = add_64(a, d)
            row[lane] = add_64((total << _23) | (total >> _41), a)
            shifted = b << _17
            c ^= a
            d ^= b
            s0[lane], s1[lane] = a ^ d, b ^ c
            s2[lane], s3[lane] = c ^ shifted, (d << _45) | (d >> _19)


@jit
def draw_normals(lanes, n, words, first, second):
    """Write n pairs of standard normal numbers; there are words for a multiple of the lanes."""
    draw_words(lanes, n, words)
    halves = words.view(np.uint32)
    radii, angles = halves[:n], halves[n : 2 * n]
    for j in range(n):
        u = (np.float32(np.int32(radii[j] >> _1_BIT)) + _HALF) * _PER_RADIUS
        radius = np.sqrt(_MINUS_2 * logarithm_of(u))
        bits = angles[j]
        angle = _TURN * np.float32(np.int32(bits >> _2_BITS)) - _EIGHTH
        z = angle * angle
        sine = radius * (angle + angle * z * (_S3 + z * (_S5 + z * (_S7 + z * _S9))))
        cosine = radius * (_1 + z * (_C2 + z * (_C4 + z * (_C6 + z * _C8))))
        cosine = -cosine if bits & _NEGATIVE else cosine
        swapped = (bits & _SWAPPED) != 0
        first[j] = sine if swapped else cosine
        second[j] = cosine if swapped else sine
