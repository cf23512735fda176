"""Figures and bands as an agent reads them."""

import math

from detectors.base import Signal


def figure(number: float) -> str:
    """Return a number with three digits, or without decimals where it has more before the point.

    >>> figure(0.012345), figure(1234.5), figure(1.5e7)
    ('0.0123', '1234', '1.5e+07')
    """
    return f"{number:.0f}" if 100 <= abs(number) < 1e6 else f"{number:.3g}"


def band(signal: Signal) -> str:
    """Return the expected band in words."""
    if signal.low == -math.inf:
        return f"up to {figure(signal.high)}"
    if signal.high == math.inf:
        return f"at least {figure(signal.low)}"
    return f"between {figure(signal.low)} and {figure(signal.high)}"
