"""Asking for memory ahead of its use, for compiled loops over rows of many series."""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]

from detectors.compiled import intrinsic, types

LINE = 64
"""Bytes that memory is fetched by."""
AHEAD = 16
"""Observations before its turn that a row is asked for: as long as memory takes."""


def _fetch(_context: Any, rows: Any, _index: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        start, size = builder.ptrtoint(array.data, ir.IntType(64)), signature.args[0].dtype.size
        start = builder.add(start, builder.mul(arguments[1], ir.Constant(ir.IntType(64), size)))
        ask = _asker(builder.module)
        for offset in range(0, size + LINE - 1, LINE):
            address = builder.add(start, ir.Constant(ir.IntType(64), min(offset, size - 1)))
            builder.call(ask, [builder.inttoptr(address, ir.IntType(8).as_pointer()), *_WRITE_SOON])
        return context.get_dummy_value()

    return types.void(rows, types.int64), code


def _asker(module: Any) -> Any:
    number, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
    return module.globals.get("llvm.prefetch.p0") or ir.Function(module, kind, "llvm.prefetch.p0")


_WRITE_SOON = [ir.Constant(ir.IntType(32), how) for how in (1, 3, 1)]
"""To be written; kept in the nearest cache; data, not code."""
fetch = cast(Callable[[Any, int], None], intrinsic(_fetch))
"""Ask for the lines of a record of an array; any index will do, as nothing is read or written."""
