"""The one door to numba, typed: a compiled function keeps the signature that was written."""

from collections.abc import Callable
from typing import TypeVar, cast

import numba  # type: ignore[import-untyped]

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile `function` to machine code at its first call, cached on disk; IEEE semantics are kept."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
