"""Lines that are no event, and how a decoder's error is told: place and cause."""

import difflib
import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

MALFORMED, OVERSIZED, FUTURE, UNKNOWN_TYPE = "malformed", "oversized", "future", "unknown-type"
LATE, UNKEYED, UNMATCHED, UNAPPLIED = "late", "unkeyed", "unmatched", "unapplied"
"""Reasons of what was taken as an event, and came to nothing, wholly or in part, when it was processed."""
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding JSON raises for a text that is not what is wanted."""
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `(?:key in )?\$\.?(?P<path>.*)`)?", re.DOTALL)
_UNKNOWN = re.compile("Object contains unknown field `(.*)`", re.DOTALL)


class Reject(NamedTuple):
    """A line that could not be taken as an event."""

    line: int
    """Its position in the payload it came in, blank lines counted."""
    reason: str
    """malformed, oversized, future or unknown-type."""
    detail: str
    """Place and cause, e.g. ``data.status: expected `float`, got `str` ``."""
    payload: bytes


def explain(error: Exception, keys: Iterable[str] = ()) -> str:
    """Return place and cause of a decoder's `error`; `keys` are those that are known, to name the nearest.

    >>> explain(msgspec.ValidationError("Expected `float | null`, got `str` - at `$.data.status`"))
    'data.status: expected `float`, got `str`'
    """
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start}: no valid UTF-8"
    found = _PLACE.fullmatch(str(error))
    assert found is not None
    what, path = found["what"].replace(" | null`", "`"), found["path"]
    if path == "data_base64":
        return "data_base64: binary data is not taken; send `data` as a JSON object"
    start = what[:1] if what[:2].isupper() else what[:1].lower()
    cause = f"{start}{what[1:]:.300}{_nearest(what, keys)}"
    return f"{path:.200}: {cause}" if path else cause


def _nearest(what: str, keys: Iterable[str]) -> str:
    unknown = _UNKNOWN.match(what)
    near = difflib.get_close_matches(unknown[1][:100], list(keys), 1, 0.5) if unknown else []
    return f"; did you mean `{near[0]}`?" if near else ""
