"""Exponential and logarithm in single precision without a branch or a call, so that the compiler makes vector instructions of a loop over them.

What processors lack is called number by number otherwise, 4 to 9 ns each. Arguments are reduced as usual: exp x = 2**k exp r with |r| at most
ln 2/2 and a Taylor polynomial of exp r, log x = k ln 2 + log m with m between sqrt(1/2) and sqrt(2) and the series of 2 artanh((m - 1)/(m + 1)).

Errors: two units in the last place of the exponential and of 1 - exp(-x), two of the logarithm or of 1. The exponential is 0 below -87 and does
not grow beyond 88; the logarithm is for normal numbers above 0. NaN stays NaN. Nothing fails.

Reference: P. T. P. Tang, ACM Trans. Math. Softw. 15 (1989) 144, doi:10.1145/63522.214389 (reduction and error).
"""

import math

import numpy as np

from sim.kernels._jit import inline_jit, jit_merged
from sim.kernels.instructions import exponent_of, fraction_of, power_of_two

_0, _1, _2 = np.float32(0.0), np.float32(1.0), np.float32(2.0)
_PER_LN2 = np.float32(1.0 / math.log(2.0))
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(math.log(2.0) - 0.693359375)
"""The upper part has few bits, so that its product with a whole number is exact."""
_WHOLE = np.float32(1.5 * 2.0**23)
"""A number of moderate size added to this is rounded to a whole one, which stands in its lowest bits."""
_LEAST, _MOST = np.float32(-87.0), np.float32(88.0)
_T2, _T3, _T4, _T5, _T6, _T7 = (np.float32(1.0 / math.factorial(k)) for k in range(2, 8))
_A3, _A5, _A7, _A9 = (np.float32(2.0 / k) for k in (3, 5, 7, 9))


@inline_jit
def _series(r):
    """Return exp(r) - 1 for |r| up to ln 2/2."""
    return r + r * r * (_T2 + r * (_T3 + r * (_T4 + r * (_T5 + r * (_T6 + r * _T7)))))


@jit_merged
def exponential_of(x):
    """Return exp(x) of a float32."""
    bounded = _LEAST if x < _LEAST else x
    bounded = _MOST if bounded > _MOST else bounded
    whole = bounded * _PER_LN2 + _WHOLE
    k = whole - _WHOLE
    r = (bounded - k * _LN2_HIGH) - k * _LN2_LOW
    scale = power_of_two(whole)
    return _0 if x < _LEAST else scale + scale * _series(r)


@jit_merged
def lost_of(x):
    """Return 1 - exp(-x) of a float32 from 0, to all digits for the smallest x too."""
    bounded = _MOST if x > _MOST else x
    whole = _WHOLE - bounded * _PER_LN2
    k = whole - _WHOLE
    r = (-bounded - k * _LN2_HIGH) - k * _LN2_LOW
    scale = power_of_two(whole)
    return (_1 - scale) - scale * _series(r)


@jit_merged
def logarithm_of(x):
    """Return log(x) of a float32."""
    k, m = exponent_of(x), fraction_of(x)
    s = (m - _1) / (m + _1)
    z = s * s
    return k * _LN2_HIGH + (_2 * s + (s * z * (_A3 + z * (_A5 + z * (_A7 + z * _A9))) + k * _LN2_LOW))


@jit_merged
def power_of(base, exponent):
    """Return base**exponent in double precision; a square is a product."""
    return base * base if exponent == 2.0 else base**exponent
