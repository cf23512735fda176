"""RFC 3339 date-times to epoch seconds, in compiled code (https://www.rfc-editor.org/rfc/rfc3339, section 5.6)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled, inlined
from engine.columnar.memory import byte, whole

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def epochs(texts: Sequence[str]) -> Floats:
    """Return the epoch seconds of each text; NaN where it is no RFC 3339 date-time.

    `T` and `Z` may be lower case, `T` may be a space, the fraction has any length. A leap second (23:59:60 UTC) is the
    last microsecond of its day.

    >>> epochs(["1970-01-02T00:00:00.25Z", "1970-01-01t01:00:00+01:00", "1970-02-30T00:00:00Z"])
    array([86400.25,     0.  ,      nan])
    """
    data = "\n".join(texts).encode(errors="surrogatepass")
    result = np.empty(len(texts))
    if _parse_all(np.frombuffer(data, np.uint8), result) != len(texts):
        # A text holds a line break itself, and so is none; the others are.
        return epochs(["" if "\n" in text else text for text in texts]) if len(texts) else result
    return result


def epoch(text: str) -> float:
    """Return the epoch seconds of `text`; NaN if it is no RFC 3339 date-time.

    >>> epoch("2016-12-31T23:59:60Z") < epoch("2017-01-01T00:00:00Z")
    True
    """
    return float(epochs([text])[0])


def rfc3339(seconds: float) -> str:
    """Return the date-time, in UTC, to the microsecond. Raises ValueError outside of the years 1 to 9999.

    >>> rfc3339(86400.25)
    '1970-01-02T00:00:00.250000Z'
    """
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{seconds!r} s after 1970 is not within the years 1 to 9999") from None
    return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds")[:-6] + "Z"


@compiled
def _parse_all(data: Bytes, result: Floats) -> int:
    """Write the time of each line of `data`; return how many lines there are."""
    found, start, base = 0, 0, whole(data.ctypes.data)
    for i in range(data.size + 1):
        if i == data.size or data[i] == 10:
            if found < result.size:
                result[found] = parse(base + start, base + i)
            found += 1
            start = i + 1
    return found


@inlined
def _digits(start: int, count: int) -> np.int64:
    """Return the number that `count` digits make; −1,000,000 if one of them is no digit."""
    value = np.int64(0)
    for i in range(start, start + count):
        if byte(i) < 48 or byte(i) > 57:
            return np.int64(-1_000_000)
        value = value * 10 + byte(i) - 48
    return value


@compiled
def _days(year: np.int64, month: np.int64, day: np.int64) -> np.int64:
    """Return days since 1970-01-01 (proleptic Gregorian).

    Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
    """
    year = year - 1 if month <= 2 else year
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@compiled
def _is_date(year: np.int64, month: np.int64, day: np.int64) -> bool:
    if year < 0 or month < 1 or month > 12 or day < 1:
        return False
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    return bool(day <= _DAYS[month - 1] + (month == 2 and leap))


@inlined
def _offset(start: int, end: int) -> np.int64:
    """Return the seconds that local time is ahead of UTC; 1,000,000 if it cannot be read."""
    if end - start == 1 and (byte(start) == 90 or byte(start) == 122):
        return np.int64(0)
    if end - start != 6 or byte(start + 3) != 58 or (byte(start) != 43 and byte(start) != 45):
        return np.int64(1_000_000)
    hours, minutes = _digits(start + 1, 2), _digits(start + 4, 2)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return np.int64(1_000_000)
    seconds = hours * 3600 + minutes * 60
    return seconds if byte(start) == 43 else -seconds


@compiled
def parse(start: int, end: int) -> float:  # noqa: PLR0911 -- one compiled pass over the grammar
    """Return the epoch seconds of the text between two addresses; NaN if it is no RFC 3339 date-time."""
    if end - start < 20 or byte(start + 4) != 45 or byte(start + 7) != 45:
        return np.nan
    separator = byte(start + 10)
    if separator not in (84, 116, 32) or byte(start + 13) != 58 or byte(start + 16) != 58:
        return np.nan
    year, month, day = _digits(start, 4), _digits(start + 5, 2), _digits(start + 8, 2)
    hour, minute, second = (
        _digits(start + 11, 2),
        _digits(start + 14, 2),
        _digits(start + 17, 2),
    )
    if not _is_date(year, month, day) or min(hour, minute, second) < 0 or hour > 23 or minute > 59 or second > 60:
        return np.nan
    at, fraction, scale = start + 19, np.int64(0), 1
    if byte(at) == 46:
        at += 1
        while at < end and 48 <= byte(at) <= 57:
            if scale < 1_000_000_000_000:
                fraction = fraction * 10 + byte(at) - 48
                scale *= 10
            at += 1
        if scale == 1:
            return np.nan
    offset = _offset(at, end)
    if offset == 1_000_000:
        return np.nan
    seconds = _days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
    if second == 60:
        return seconds - 1e-6 if seconds % 86400 == 0 else np.nan
    return seconds + fraction / scale
