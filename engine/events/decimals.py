"""Decimal numbers to float64, correctly rounded, in compiled code.

Few digits and a small exponent take one operation that rounds once (Clinger, "How to Read Floating Point Numbers
Accurately", PLDI 1990); others a product with 128 bits of the power of ten (Lemire, "Number Parsing at a Gigabyte per
Second", Software: Practice and Experience 51(8), 2021). What neither can decide, about one in 10^18, is left open.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled

Words = NDArray[np.uint64]
LARGEST = 60
"""The largest power of ten, either way, that is taken."""
_U = np.uint64
_EXACT = np.array([10.0**i for i in range(23)])
_NINE_BITS, _SIGN, _FRACTION = _U(0x1FF), _U(1 << 63), _U((1 << 52) - 1)
_LOW = _U(0xFFFFFFFF)


def _power(exponent: int) -> tuple[int, int]:
    """Return the first 128 bits of 10**exponent, cut off, as two words."""
    if exponent >= 0:
        value = 10**exponent
        shift = 128 - value.bit_length()
        bits = value << shift if shift >= 0 else value >> -shift
    else:
        divisor = 10**-exponent
        bits = (1 << (127 + divisor.bit_length())) // divisor
        bits >>= bits.bit_length() - 128
    return bits >> 64, bits & 0xFFFFFFFFFFFFFFFF


_POWERS: Words = np.array([_power(exponent) for exponent in range(-LARGEST, LARGEST + 1)], np.uint64)


@compiled
def is_simple(digits: np.uint64, exponent: int) -> bool:
    """Whether `simple` takes it."""
    return bool(digits <= _U(1 << 53) and -22 <= exponent <= 22)


@compiled
def simple(digits: np.uint64, exponent: int) -> float:
    """Return digits · 10^exponent."""
    value = float(digits)
    return float(value / _EXACT[-exponent] if exponent < 0 else value * _EXACT[exponent])


@compiled
def _product(one: np.uint64, other: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return both words of a product of two."""
    a, b, c, d = one >> _U(32), one & _LOW, other >> _U(32), other & _LOW
    low, mid, carry = b * d, a * d, b * c
    middle = (low >> _U(32)) + (mid & _LOW) + (carry & _LOW)
    return a * c + (mid >> _U(32)) + (carry >> _U(32)) + (middle >> _U(32)), one * other


@compiled
def _leading(value: np.uint64) -> int:
    """Return how many bits before the first one of `value`, which is not 0, are none."""
    count = 0
    for step in (32, 16, 8, 4, 2, 1):
        if value >> _U(64 - step) == _U(0):
            value <<= _U(step)
            count += step
    return count


@compiled
def rounded(digits: np.uint64, exponent: int, negative: bool) -> tuple[bool, np.uint64]:
    """Return whether ±digits · 10^exponent is certain, and its bits. `digits` is not 0; within `LARGEST`."""
    empty = _leading(digits)
    digits <<= _U(empty)
    high, low = _product(digits, _POWERS[exponent + LARGEST, 0])
    if high & _NINE_BITS == _NINE_BITS and low + digits < digits:
        more, rest = _product(digits, _POWERS[exponent + LARGEST, 1])
        merged = low + more
        if merged < low:
            high += _U(1)
        if high & _NINE_BITS == _NINE_BITS and merged + _U(1) == _U(0) and rest + digits < digits:
            return False, _U(0)
        low = merged
    first = high >> _U(63)
    mantissa = high >> (first + _U(9))
    power = ((217706 * exponent) >> 16) + 64 + 1023 - empty - (1 - np.int64(first))
    if low == _U(0) and high & _NINE_BITS == _U(0) and mantissa & _U(3) == _U(1):
        return False, _U(0)  # half-way between two floats, perhaps
    mantissa = (mantissa + (mantissa & _U(1))) >> _U(1)
    if mantissa >> _U(53) > _U(0):
        mantissa >>= _U(1)
        power += 1
    bits = (_U(power) << _U(52)) | (mantissa & _FRACTION)
    return True, bits | _SIGN if negative else bits
