"""Instructions that NumPy has no word for, written for the compiler: bits of single-precision numbers, and a line brought to the cache early.

Each has a twin in Python for when the compiler is off; that of `prefetch` does nothing. Nothing fails.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sim.kernels._jit import DISABLED

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
