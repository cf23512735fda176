"""e to a power in plain arithmetic of 32 bits, so that loops which take it of many numbers take eight at once."""

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]

from detectors.compiled import inlined, intrinsic, types

DOUBLINGS = np.float32(1.0 / math.log(2.0))
"""In e."""
HIGH, LOW = np.float32(0.693359375), np.float32(math.log(2.0) - 0.693359375)
"""ln 2 in two parts: the first has so few bits that its products are exact."""
SHIFTER = np.float32(1.5 * 2.0**23)
"""Added to a number it rounds it to a whole one, which stands in the last bits of the sum."""
SERIES = tuple(np.float32(1.0 / math.factorial(power)) for power in range(8))


def _power(_context: Any, _shifted: Any) -> Any:
    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], ir.IntType(32))
        exponent = builder.add(bits, ir.Constant(ir.IntType(32), 127))
        return builder.bitcast(builder.shl(exponent, ir.Constant(ir.IntType(32), 23)), ir.FloatType())

    return types.float32(types.float32), code


_doubled = cast(Callable[[Any], Any], intrinsic(_power))
"""Return 2 to the whole number in the last bits of a sum with `SHIFTER`."""


@inlined
def exponential(x: Any) -> Any:
    """Return e to the power of x, a number of 32 bits from −87 to 88, to four roundings.

    Doublings, and the power series of what is left, within half of one, up to x⁷/7!.
    """
    shifted = x * DOUBLINGS + SHIFTER
    whole = shifted - SHIFTER
    rest = (x - whole * HIGH) - whole * LOW
    series = SERIES[7] * rest + SERIES[6]
    series = series * rest + SERIES[5]
    series = series * rest + SERIES[4]
    series = series * rest + SERIES[3]
    series = series * rest + SERIES[2]
    series = (series * rest + SERIES[1]) * rest + SERIES[0]
    return series * _doubled(shifted)
