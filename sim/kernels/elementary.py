"""Exponential and logarithm in single precision without a branch or a call, so that the compiler makes vector instructions of a loop over them.

What processors lack is called number by number otherwise, 4 to 9 ns each. Arguments are reduced as usual: exp x = 2**k exp r with |r| at most
ln 2/2 and a Taylor polynomial of exp r, log x = k ln 2 + log m with m between sqrt(1/2) and sqrt(2) and the series of 2 artanh((m - 1)/(m + 1)).

Errors: two units in the last place of the exponential and of 1 - exp(-x), two of the logarithm or of 1. The exponential is 0 below -87 and does
not grow beyond 88; the logarithm is for normal numbers above 0. NaN stays NaN. Nothing fails.

Reference: P. T. P. Tang, ACM Trans. Math. Softw. 15 (1989) 144, doi:10.1145/63522.214389 (reduction and error).
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sim.kernels._jit import DISABLED, inline_jit, jit_merged

_0, _1, _2 = np.float32(0.0), np.float32(1.0), np.float32(2.0)
_PER_LN2 = np.float32(1.0 / math.log(2.0))
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(math.log(2.0) - 0.693359375)
"""The upper part has few bits, so that its product with a whole number is exact."""
_WHOLE = np.float32(1.5 * 2.0**23)
"""A number of moderate size added to this is rounded to a whole one, which stands in its lowest bits."""
_LEAST, _MOST = np.float32(-87.0), np.float32(88.0)
_T2, _T3, _T4, _T5, _T6, _T7 = (np.float32(1.0 / math.factorial(k)) for k in range(2, 8))
_A3, _A5, _A7, _A9 = (np.float32(2.0 / k) for k in (3, 5, 7, 9))
_FRACTION_BITS, _BITS_OF_1, _BITS_OF_ROOT_HALF = 23, 0x3F800000, 0x3F3504F3


def _bits(x: Any) -> int:
    return int(np.float32(x).view(np.int32))


def _number(bits: int) -> Any:
    return np.int64(bits).astype(np.int32).view(np.float32)


def _power_of_two_in_python(whole: Any) -> Any:
    return _number((_bits(whole) << _FRACTION_BITS & 0xFFFFFFFF) + _BITS_OF_1)


def _exponent_in_python(x: Any) -> Any:
    return np.float32((_bits(x) - _BITS_OF_ROOT_HALF) >> _FRACTION_BITS)


def _fraction_in_python(x: Any) -> Any:
    exponent = (_bits(x) - _BITS_OF_ROOT_HALF) >> _FRACTION_BITS
    return _number(_bits(x) - (exponent << _FRACTION_BITS))


_SINGLE, _WORD = ir.FloatType(), ir.IntType(32)


def _constant(value: int) -> Any:
    return ir.Constant(_WORD, value)


@intrinsic
def _power_of_two(_: Any, __: Any) -> Any:
    def emit(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], _WORD)
        shifted = builder.shl(bits, _constant(_FRACTION_BITS))
        return builder.bitcast(builder.add(shifted, _constant(_BITS_OF_1)), _SINGLE)

    return types.float32(types.float32), emit


def _parted(builder: Any, x: Any) -> Any:
    """Return the bits of a number and the exponent that leaves a fraction between the roots of 1/2 and 2."""
    bits = builder.bitcast(x, _WORD)
    return bits, builder.ashr(builder.sub(bits, _constant(_BITS_OF_ROOT_HALF)), _constant(_FRACTION_BITS))


@intrinsic
def _exponent(_: Any, __: Any) -> Any:
    def emit(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.sitofp(_parted(builder, arguments[0])[1], _SINGLE)

    return types.float32(types.float32), emit


@intrinsic
def _fraction(_: Any, __: Any) -> Any:
    def emit(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        bits, exponent = _parted(builder, arguments[0])
        return builder.bitcast(builder.sub(bits, builder.shl(exponent, _constant(_FRACTION_BITS))), _SINGLE)

    return types.float32(types.float32), emit


power_of_two = _power_of_two_in_python if DISABLED else _power_of_two
exponent_of = _exponent_in_python if DISABLED else _exponent
fraction_of = _fraction_in_python if DISABLED else _fraction


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


@intrinsic
def _prefetch(_: Any, rows: Any, k: Any, i: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        array = context.make_array(kind)(context, builder, arguments[0])
        at = [
            context.cast(builder, one, of, types.intp)
            for one, of in zip(arguments[1:], signature.args[1:], strict=True)
        ]
        place = builder.bitcast(
            cgutils.get_item_pointer(context, builder, kind, array, at), ir.IntType(8).as_pointer()
        )
        form = ir.FunctionType(ir.VoidType(), [place.type, _WORD, _WORD, _WORD])
        function = cgutils.get_or_insert_function(builder.module, form, "llvm.prefetch.p0")
        builder.call(function, [place, _constant(1), _constant(3), _constant(1)])
        return context.get_dummy_value()

    return types.void(rows, k, i), emit


def _prefetch_in_python(rows: Any, k: int, i: int) -> None:
    """Do nothing."""


prefetch = _prefetch_in_python if DISABLED else _prefetch
