"""Reading and writing memory by address, for compiled loops whose inner functions would lose time handing arrays on.

A function that takes an array counts its references at each call; an address is a number. Whoever calls such loops
keeps the arrays alive and answers for the bounds. None of this can be called outside of compiled code.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]

from detectors.compiled import intrinsic, types


def _pointer(builder: Any, address: Any, bits: int) -> Any:
    return builder.inttoptr(address, ir.IntType(bits).as_pointer())


def _load(bits: int, result: Any) -> Callable[[Any, Any], Any]:
    def typed(_context: Any, _address: Any) -> Any:
        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            loaded = builder.load(_pointer(builder, arguments[0], bits), align=1)
            return builder.zext(loaded, ir.IntType(64)) if bits < 64 else loaded

        return result(types.int64), code

    typed.__doc__ = f"Load {bits} bits."
    return typed


def _store(_context: Any, _address: Any, _value: Any) -> Any:
    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        builder.store(arguments[1], _pointer(builder, arguments[0], 64), align=1)
        return arguments[1]

    return types.int64(types.int64, types.int64), code


def _store_float(_context: Any, _address: Any, _value: Any) -> Any:
    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.DoubleType().as_pointer())
        builder.store(arguments[1], pointer, align=1)
        return arguments[1]

    return types.float64(types.int64, types.float64), code


def _zeros(_context: Any, _value: Any) -> Any:
    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


whole = cast(Callable[[object], int], np.int64)
"""Return a number as one of 64 bits with a sign: numba makes a float of a signed and an unsigned one together."""
byte = cast(Callable[[int], int], intrinsic(_load(8, types.int64)))
"""Return the byte at an address."""
half = cast(Callable[[int], np.uint64], intrinsic(_load(32, types.uint64)))
"""Return the four bytes from an address on, as a little-endian number."""
word = cast(Callable[[int], np.uint64], intrinsic(_load(64, types.uint64)))
"""Return the eight bytes from an address on, as a little-endian number."""
load = cast(Callable[[int], int], intrinsic(_load(64, types.int64)))
"""Return the whole number at an address."""
store = cast(Callable[[int, int], int], intrinsic(_store))
"""Write a whole number of 64 bits to an address."""
store_float = cast(Callable[[int, float], float], intrinsic(_store_float))
"""Write a float64 to an address."""
trailing_zeros = cast(Callable[[np.uint64], int], intrinsic(_zeros))
"""Return how many bits after the last one are none."""
