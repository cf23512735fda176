"""The lines of a payload: one JSON object each."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

WHITE = b" \t\r\n"
BOM = b"\xef\xbb\xbf"
"""A payload may begin with it; anywhere else it is a character that no event begins with."""


class Line(NamedTuple):
    """A line that is not blank, without white space around it."""

    number: int
    """Its position in the payload, blank lines counted."""
    text: bytes


class Lines:
    """A payload, seen as lines."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload.rstrip(WHITE)

    @cached_property
    def _breaks(self) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
        return np.flatnonzero(np.frombuffer(self.payload, np.uint8) == ord("\n"))

    @property
    def count(self) -> int:
        """Return how many lines there are."""
        return len(self._breaks) + 1 if self.payload else 0

    def tidy(self, max_bytes: int) -> bool:
        """Tell whether each line begins with { and ends with }, none is longer than `max_bytes`, and all is UTF-8.

        No JSON value holds a `}`, a line break and a `{` in a row; so if as many values are read as there are lines,
        each line is one value.
        """
        if self.payload[:1] != b"{" or self.payload[-1:] != b"}":
            return False
        data, breaks = np.frombuffer(self.payload, np.uint8), self._breaks
        if (data[breaks - 1] != ord("}")).any() or (data[breaks + 1] != ord("{")).any():
            return False
        return self._longest() <= max_bytes and is_utf8(self.payload)

    def _longest(self) -> int:
        breaks = self._breaks
        if not len(breaks):
            return len(self.payload)
        between = int(np.diff(breaks).max(initial=1)) - 1
        return max(int(breaks[0]), between, len(self.payload) - int(breaks[-1]) - 1)

    @cached_property
    def raw(self) -> list[bytes]:
        """Return the lines, blank ones too, without white space around them."""
        return [line.strip(WHITE) for line in self.payload.split(b"\n")]

    def filled(self) -> list[Line]:
        """Return the lines that are not blank."""
        return [Line(number, text) for number, text in enumerate(self.raw) if text]

    def may_hold_control_characters(self) -> bool:
        """Tell whether a text in it can hold one: it would be escaped, or be DEL or begin with the byte C2."""
        return any(byte in self.payload for byte in (b"\\", b"\x7f", b"\xc2"))


def is_utf8(text: bytes) -> bool:
    """Tell whether `text` is UTF-8."""
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
