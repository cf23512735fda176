"""Durations as people write them: `90s`, `5m`, `1h30m`, `2d`, `1w`."""

import math
import re

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


class Duration(float):
    """A number of seconds, written with a unit.

    >>> Duration("1h30m")
    Duration('1h30m')
    >>> float(Duration("2d"))
    172800.0
    >>> Duration("5 minutes")
    Traceback (most recent call last):
    ValueError: '5 minutes' is not a duration: write a number and a unit (s, m, h, d, w), as in 90s, 1h30m or 2d
    """

    def __new__(cls, text: "str | float") -> "Duration":
        """Read `text`; a plain number counts seconds. Raises ValueError with what would be right."""
        return super().__new__(cls, text if isinstance(text, int | float) else _seconds(text))

    def __str__(self) -> str:
        """Return the shortest way to write it with whole units."""
        left, parts = float(self), []
        for unit in ("w", "d", "h", "m"):
            count, left = divmod(left, UNITS[unit])
            if count:
                parts.append(f"{count:g}{unit}")
        return "".join(parts) + (f"{left:g}s" if left or not parts else "")

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"


def _seconds(text: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if not parts or "".join(n + u for n, u in parts) != text.replace(" ", ""):
        raise ValueError(
            f"{text!r} is not a duration: write a number and a unit (s, m, h, d, w), as in 90s, 1h30m or 2d"
        )
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def spoken(seconds: float) -> str:
    """Return a duration in its largest unit, and the next if that says more.

    >>> spoken(2820.0), spoken(93600.0), spoken(5.0), spoken(7500.0)
    ('47 min', '1 d 2 h', '5 s', '2 h 5 min')
    """
    if not math.isfinite(seconds):
        return "an unknown time"
    for name, size, small_name, small in (("d", 86400.0, "h", 3600.0), ("h", 3600.0, "min", 60.0)):
        if seconds >= size:
            count, rest = divmod(round(seconds / small), round(size / small))
            return f"{count} {name} {rest} {small_name}" if rest else f"{count} {name}"
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"


def positive(name: str, duration: "str | float") -> Duration:
    """Return a duration; raises ValueError, with the `name` of the setting, if it is not positive and finite.

    >>> positive("within", "0s")
    Traceback (most recent call last):
    ValueError: within is 0s: it must be a positive duration
    """
    found = Duration(duration)
    if not (found > 0 and math.isfinite(found)):
        raise ValueError(f"{name} is {found}: it must be a positive duration")
    return found
