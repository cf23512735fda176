"""The one door to numba, typed: a compiled function keeps the signature that was written."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from detectors.kernel_cache import own_stamp

Function = TypeVar("Function", bound=Callable[..., object])
types: Any = numba.types
intrinsic: Any = numba.extending.intrinsic
"""For what only the compiler's own instructions can say, see `engine/columnar/memory.py`."""


def compiled(function: Function) -> Function:
    """Compile `function` to machine code at its first call, cached on disk; IEEE semantics are kept."""
    with own_stamp():
        return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """Compile `function` into each of its compiled callers: for small ones in the innermost loops."""
    with own_stamp():
        return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function))
