"""e to a power in plain arithmetic, so that loops which take it of many numbers take several at once."""

import math
from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]

from detectors.compiled import inlined, intrinsic, types

DOUBLINGS = 1.0 / math.log(2.0)
"""In e."""
HIGH, LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""ln 2 in two parts: the first has so few bits that its products are exact."""
SHIFTER = 1.5 * 2.0**52
"""Added to a number it rounds it to a whole one, which stands in the last bits of the sum."""


def _power(_context: Any, _shifted: Any) -> Any:
    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], ir.IntType(64))
        exponent = builder.add(bits, ir.Constant(ir.IntType(64), 1023))
        return builder.bitcast(builder.shl(exponent, ir.Constant(ir.IntType(64), 52)), ir.DoubleType())

    return types.float64(types.float64), code


_doubled = cast(Callable[[float], float], intrinsic(_power))
"""Return 2 to the whole number in the last bits of a sum with `SHIFTER`."""


@inlined
def exponential(x: float) -> float:
    """Return e to the power of x, from −700 to 700, to four roundings.

    Doublings, and the power series of what is left, within half of one, up to x¹²/12!.
    """
    shifted = x * DOUBLINGS + SHIFTER
    whole = shifted - SHIFTER
    rest = (x - whole * HIGH) - whole * LOW
    series = 1.0 / 479001600.0
    series = series * rest + 1.0 / 39916800.0
    series = series * rest + 1.0 / 3628800.0
    series = series * rest + 1.0 / 362880.0
    series = series * rest + 1.0 / 40320.0
    series = series * rest + 1.0 / 5040.0
    series = series * rest + 1.0 / 720.0
    series = series * rest + 1.0 / 120.0
    series = series * rest + 1.0 / 24.0
    series = series * rest + 1.0 / 6.0
    series = series * rest + 0.5
    series = (series * rest + 1.0) * rest + 1.0
    return series * _doubled(shifted)
