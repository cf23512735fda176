"""From one YAML scalar to one value: durations, rates, hours, percentages, expressions."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from detectors.durations import Duration
from engine.config.model import Clock, Of, Per
from engine.config.yamlsource import Scalar
from engine.expressions import Expression

_OF = re.compile(r"(\d{1,9}) of (\d{1,9})")
_PER = re.compile(r"(\d{1,9}) per (\S.*)")
_CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")
_PERCENT = re.compile(r"([-+]?\d{1,9}(?:\.\d{1,9})?)\s*%")


def text(scalar: Scalar) -> str:
    """Return text; a number counts as the text it was written as."""
    if scalar.value is None or isinstance(scalar.value, bool):
        raise TypeError(f"expected text, not {shown(scalar)}: put it in quotes if it is meant")
    return scalar.text


def boolean(scalar: Scalar) -> bool:
    """Return true or false."""
    if not isinstance(scalar.value, bool):
        raise TypeError(f"expected true or false, not {shown(scalar)}")
    return scalar.value


def integer(scalar: Scalar) -> int:
    """Return a whole number."""
    if isinstance(scalar.value, bool) or not isinstance(scalar.value, int):
        raise TypeError(f"expected a whole number, not {shown(scalar)}")
    return scalar.value


def number(scalar: Scalar) -> float:
    """Return a finite number; `5%` is 0.05."""
    if percent := _PERCENT.fullmatch(scalar.text):
        return _share(float(percent[1]))
    if isinstance(scalar.value, bool) or not isinstance(scalar.value, int | float):
        raise TypeError(f"expected a number, not {shown(scalar)}")
    return _finite(scalar.value)


def duration(scalar: Scalar) -> Duration:
    """Return a span of time: `90s`, `1h30m`; a plain number counts seconds."""
    plain = scalar.value
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        span = Duration(_finite(plain))
    else:
        span = Duration(text(scalar))
    if span < 0:
        raise ValueError("a duration is never negative")
    if not math.isfinite(span):
        raise ValueError("this is too long for a duration")
    return span


def of(scalar: Scalar) -> Of:
    """Return `3 of 5`."""
    match = _OF.fullmatch(text(scalar))
    if not match:
        raise ValueError(f"{shown(scalar)} is not of the form 3 of 5")
    hits, total = int(match[1]), int(match[2])
    if not 1 <= hits <= total:
        raise ValueError(f"{hits} of {total} can never be: the first number is 1 to {max(total, 1)}")
    return Of(hits, total)


def per(scalar: Scalar) -> Per:
    """Return `1 per 24h` or `2 per day`; a day is one of the recipient's calendar."""
    match = _PER.fullmatch(text(scalar))
    if not match:
        raise ValueError(f"{shown(scalar)} is not of the form 1 per 24h or 2 per day")
    if match[2] == "day":
        return Per(int(match[1]), 86400.0, True)
    span = Duration(match[2])
    if not 0 < span < math.inf:
        raise ValueError("the time after per must be longer than nothing")
    return Per(int(match[1]), float(span), False)


def clock(scalar: Scalar) -> Clock:
    """Return minutes after midnight of `08:00`; `24:00` is the end of the day."""
    match = _CLOCK.fullmatch(text(scalar))
    minutes = int(match[1]) * 60 + int(match[2]) if match else math.inf
    if minutes > 24 * 60:
        raise ValueError(f'{shown(scalar)} is not a time of day such as "08:00"')
    return Clock(int(minutes))


def day(scalar: Scalar) -> date:
    """Return a date, `2026-12-24`."""
    try:
        return date.fromisoformat(text(scalar))
    except ValueError:
        raise ValueError(f"{shown(scalar)} is not a date such as 2026-12-24") from None


def expression(scalar: Scalar) -> Expression:
    """Return a parsed expression; raises ExpressionError with the offset of what is wrong."""
    if isinstance(scalar.value, bool):
        return Expression.parse(scalar.text.lower())
    return Expression.parse(text(scalar))


def shown(scalar: Scalar) -> str:
    """Return the scalar as a message shows it, cut where it gets long."""
    if scalar.value is None:
        return "nothing"
    kept = scalar.text if len(scalar.text) <= 40 else scalar.text[:37] + "..."
    return f'"{kept}"' if isinstance(scalar.value, str) else kept


def _finite(value: float) -> float:
    try:
        as_float = float(value)
    except OverflowError:
        as_float = math.inf
    if not math.isfinite(as_float):
        raise ValueError("expected a finite number")
    return as_float


def _share(percent: float) -> float:
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent:g}% is out of range: a percentage is 0% to 100%")
    return percent / 100


CONVERTERS: Mapping[Any, Callable[[Scalar], Any]] = {
    str: text,
    bool: boolean,
    int: integer,
    float: number,
    Duration: duration,
    Of: of,
    Per: per,
    Clock: clock,
    date: day,
    Expression: expression,
}
"""What a type of a field or parameter is read with."""
