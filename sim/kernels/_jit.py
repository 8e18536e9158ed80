"""The one place that says how kernels are compiled, and why.

``error_model="numpy"``
    division by zero gives inf or NaN as in NumPy; with Python's model each division is a branch and nothing vectorises.
``fastmath={"contract"}``
    lets a multiply and an add become one instruction. The rest of fast math would let the compiler assume that NaN cannot
    occur and so delete our checks for it. Where it is chosen is the compiler's affair, and may change with the width of vectors: programs
    of lanes (sim/kernels/straight.py), which say themselves what is joined, are compiled without (`as_written`).
``nogil``
    kernels run in a pool of threads.
``_nrt=False``
    a function that allocates nothing need not count references to its arrays. Counting costs about 10 ns an array and call, and a
    kernel hands dozens of arrays to thousands of calls a step: with it a step of the hybrid kernel took fifteen times as long.
    Functions that allocate (`jit_allocating`) keep it; they are called once a chunk.
``forceinline`` (`jit_merged`)
    merges a large function into its caller. The arrays of a kernel are several hundred words; a call copies them through memory.
    It is for the few functions in which a step spends its time and which have one caller in a kernel; merging them all made
    compiling twice as long.
``boundscheck=False`` is numba's default; the second run of the tests with the compiler off checks the bounds.
"""

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, TypeVar

import numba

from sim.kernels import cache

Function = TypeVar("Function", bound=Callable[..., Any])

# numba loads these when it is first asked for the type of some argument, and they add to its table of types: a thread that reads the table
# meanwhile fails. They are here before any kernel is.
for _late in (
    "core.ccallback",
    "core.typing.bufproto",
    "core.typing.ctypes_utils",
    "experimental.function_type",
):
    with suppress(ImportError):
        import_module(f"numba.{_late}")

OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
LEAF: dict[str, Any] = {**OPTIONS, "_nrt": False}
AS_WRITTEN: dict[str, Any] = {**LEAF, "fastmath": False}
DISABLED = bool(numba.config.DISABLE_JIT) or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def jit(function: Function) -> Function:
    """Compile a kernel function that allocates no array when it is first called, or load it from the folder of compiled code."""
    if DISABLED:
        return function
    dispatcher = numba.njit(**LEAF)(function)
    cache.attach(dispatcher, function)
    return dispatcher  # type: ignore[no-any-return]


def jit_as_written(function: Function) -> Function:
    """Compile a kernel function that allocates no array, with no product joined to a sum."""
    if DISABLED:
        return function
    dispatcher = numba.njit(**AS_WRITTEN)(function)
    cache.attach(dispatcher, function)
    return dispatcher  # type: ignore[no-any-return]


def jit_merged(function: Function) -> Function:
    """Compile a kernel function that is merged into its caller's machine code."""
    if DISABLED:
        return function
    dispatcher = numba.njit(forceinline=True, **LEAF)(function)
    cache.attach(dispatcher, function)
    return dispatcher  # type: ignore[no-any-return]


def jit_allocating(function: Function) -> Function:
    """Compile a kernel function that allocates arrays."""
    if DISABLED:
        return function
    dispatcher = numba.njit(**OPTIONS)(function)
    cache.attach(dispatcher, function)
    return dispatcher  # type: ignore[no-any-return]


def inline_jit(function: Function) -> Function:
    """Compile a small function into each of its callers."""
    if DISABLED:
        return function
    return numba.njit(inline="always", **LEAF)(function)  # type: ignore[no-any-return]


def _remember_address(dispatcher: Any) -> None:
    """Have numba find the machine code of a function of one signature once: by itself it looks, 20 us, whenever the function is passed to a driver."""
    (compiled,) = dispatcher.overloads.values()
    library = compiled.library
    library.get_pointer_to_function = functools.cache(library.get_pointer_to_function)
    dispatcher.get_compile_result = lambda _: compiled


def jit_as(
    signature: Any, *, allocating: bool = False, as_written: bool = False
) -> Callable[[Function], Function]:
    """Compile now for one signature; `as_written`, with products and sums joined nowhere but where the function says so.

    One that allocates is a driver: Python calls it, no compiled function does.

    A function that takes other compiled functions must state ``numba.types.FunctionType`` in its signature: passed plainly they
    would be part of its type, and each new network would compile the whole driver again.
    """

    def decorate(function: Function) -> Function:
        if DISABLED:
            return function
        options = OPTIONS if allocating else AS_WRITTEN if as_written else LEAF
        dispatcher = numba.njit(**options)(function)
        cache.attach(dispatcher, function, driver=allocating)
        dispatcher.compile(signature)
        dispatcher.disable_compile()
        _remember_address(dispatcher)
        return dispatcher  # type: ignore[no-any-return]

    return decorate
