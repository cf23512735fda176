"""The parts of JSON, found in memory by compiled code (RFC 8259).

Every function takes an address and returns the one after what it read, or −1 where that is not plain: malformed, or so
unusual that somebody slower should look at it. The text is followed by `PAD`, whose line breaks stop every loop: a line
break is neither white space here nor part of any token. So nothing is read beyond it.
"""

import numpy as np

from detectors.compiled import compiled, inlined
from engine.columnar.memory import byte, trailing_zeros, whole, word

PAD = b"\n" * 32
"""What must follow the text."""
DEEPEST = 60
"""How deep arrays and objects may be nested."""
_U = np.uint64
_ONES, _HIGH = _U(0x0101010101010101), _U(0x8080808080808080)
_QUOTES, _BACKSLASHES, _SPACES = _U(0x22) * _ONES, _U(0x5C) * _ONES, _U(0x20) * _ONES
_TRUE, _FALSE, _NULL = (_U(int.from_bytes(text, "little")) for text in (b"true", b"alse", b"null"))
_FOUR = _U(0xFFFFFFFF)
_MANY = _U(1_000_000_000_000_000_000)
QUOTE, COMMA, MINUS, COLON, BACKSLASH, FALSE, NULL, TRUE = 34, 44, 45, 58, 92, 102, 110, 116
OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY = 123, 125, 91, 93
ESCAPED, ODD = 1, 2
"""Whether a string has escapes; whether it may have bytes from 7F on."""
WHOLE, BROKEN, LONG = range(3)
"""Sorts of numbers: without fraction and exponent, with one, with too many digits to be told here."""


@inlined
def white(at: int) -> int:
    """Skip spaces, tabs and carriage returns."""
    while byte(at) == 32 or byte(at) == 9 or byte(at) == 13:
        at += 1
    return at


@compiled
def string(at: int) -> tuple[int, int]:
    """Read the rest of a string whose quote was read; return where its last quote stands, and `ESCAPED` and `ODD`.

    Eight bytes at a time, see Sean Eron Anderson, "Bit Twiddling Hacks", "Determine if a word has a byte less than n".
    """
    seen, found = _U(0), 0
    while True:
        here = word(at)
        quotes, backslashes = here ^ _QUOTES, here ^ _BACKSLASHES
        stop = (quotes - _ONES) & ~quotes | (backslashes - _ONES) & ~backslashes | (here - _SPACES) & ~here
        stop &= _HIGH
        seen |= here | (here + _ONES)
        if stop == _U(0):
            at += 8
            continue
        at += trailing_zeros(stop) >> 3
        if byte(at) == QUOTE:
            return at, found | (ODD if seen & _HIGH != _U(0) else 0)
        if byte(at) != BACKSLASH or not _is_escape(byte(at + 1)):
            return -1, 0
        found = ESCAPED
        at += 2


@inlined
def _is_escape(after: int) -> bool:
    """Whether a backslash and it are one character."""
    return after in (QUOTE, BACKSLASH, 47, 98, 102, 110, 114, 116)


@compiled
def is_utf8(at: int, end: int) -> bool:
    """Whether the bytes up to `end` are UTF-8 (RFC 3629, section 4)."""
    while at < end:
        first, second = byte(at), byte(at + 1)
        if first < 0x80:
            at += 1
            continue
        if first < 0xC2 or first > 0xF4:
            return False
        size = 2 + (first >= 0xE0) + (first >= 0xF0)
        least = 0xA0 if first == 0xE0 else 0x90 if first == 0xF0 else 0x80
        most = 0x9F if first == 0xED else 0x8F if first == 0xF4 else 0xBF
        if at + size > end or second < least or second > most:
            return False
        for i in range(2, size):
            if byte(at + i) & 0xC0 != 0x80:
                return False
        at += size
    return True


@compiled
def may_control(at: int, end: int) -> bool:
    """Whether there is a byte 7F or C2 before `end`: DEL, or what the characters U+0080 to U+009F begin with."""
    found = False
    for i in range(at, end):
        found |= byte(i) in (0x7F, 0xC2)
    return found


@compiled
def _digits(at: int, value: np.uint64) -> tuple[int, np.uint64, bool]:
    """Read digits on from `value`; return the place after them, the new value, whether it did not fit."""
    long = False
    while 48 <= byte(at) <= 57:
        long |= bool(value >= _MANY)
        value = value * _U(10) + _U(byte(at) - 48)
        at += 1
    return at, value, long


@compiled
def number(at: int) -> tuple[int, int, np.uint64, int]:
    """Read a number; return the place after it, its sort, its digits and their power of ten."""
    start = at + (byte(at) == MINUS)
    at, digits, long = _digits(start, _U(0))
    if at == start or (byte(start) == 48 and at > start + 1):
        return -1, LONG, digits, 0
    sort, power = WHOLE, 0
    if byte(at) == 46:
        start = at + 1
        at, digits, longer = _digits(start, digits)
        sort, power, long = BROKEN, start - at, long or longer
        if at == start:
            return -1, LONG, digits, 0
    if byte(at) == 101 or byte(at) == 69:
        at, exponent = _exponent(at + 1)
        sort, power = BROKEN, power + exponent
    return at, LONG if long else sort, digits, power


@compiled
def _exponent(at: int) -> tuple[int, int]:
    """Read up to four digits of an exponent, and its sign."""
    negative = byte(at) == MINUS
    start = at + (negative or byte(at) == 43)
    at, value, _ = _digits(start, _U(0))
    exponent = whole(value)
    return (at, -exponent if negative else exponent) if start < at < start + 5 else (-1, 0)


@compiled
def literal(at: int) -> int:
    """Read true, false or null."""
    four = word(at) & _FOUR
    if four in (_TRUE, _NULL):
        return at + 4
    return at + 5 if byte(at) == FALSE and word(at + 1) & _FOUR == _FALSE else -1


@compiled
def text(at: int) -> int:
    """Read a string from its first quote to after its last."""
    if byte(at) != QUOTE:
        return -1
    stop, found = string(at + 1)
    return -1 if stop < 0 or (found & ODD and not is_utf8(at + 1, stop)) else stop + 1


@inlined
def _key(at: int) -> int:
    """Read a key and its colon, to where the value stands."""
    at = text(at)
    if at < 0:
        return -1
    at = white(at)
    return white(at + 1) if byte(at) == COLON else -1


@inlined
def _plain(at: int) -> int:
    """Read a value that is no array and no object."""
    first = byte(at)
    if first == QUOTE:
        return text(at)
    if first == MINUS or 48 <= first <= 57:
        return number(at)[0]
    return literal(at)


@compiled
def skip(at: int) -> int:  # noqa: C901, PLR0912 - one loop instead of a recursion
    """Read a whole value of any kind."""
    depth, objects = 0, _U(0)
    while True:
        first = byte(at)
        if first in (OPEN_OBJECT, OPEN_ARRAY):
            at = white(at + 1)
            if byte(at) != first + 2:
                depth += 1
                if depth > DEEPEST:
                    return -1
                objects = (objects << _U(1)) | _U(first == OPEN_OBJECT)
                if first == OPEN_OBJECT:
                    at = _key(at)
                    if at < 0:
                        return -1
                continue
            at += 1
        else:
            at = _plain(at)
            if at < 0:
                return -1
        while True:
            if depth == 0:
                return at
            at = white(at)
            in_object = objects & _U(1) != _U(0)
            if byte(at) == COMMA:
                at = white(at + 1)
                if in_object:
                    at = _key(at)
                    if at < 0:
                        return -1
                break
            if byte(at) != (CLOSE_OBJECT if in_object else CLOSE_ARRAY):
                return -1
            at += 1
            depth -= 1
            objects >>= _U(1)
