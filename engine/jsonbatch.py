"""JSON that is not one object a line: a single object, an array of objects. Each object becomes one line."""

import re
from collections.abc import Iterator

import msgspec

from engine.events.lines import BOM, WHITE
from engine.events.rejects import MALFORMED, UNDECODABLE, Reject, explain

Element = Reject | tuple[int, bytes]
"""An object as one line with its position, or why it is none."""
_ARRAY: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)
# What matters to find where an element ends; a string that does not end takes all that is left.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
_BREAKS = bytes.maketrans(b"\r\n", b"  ")


def one_line(number: int, text: bytes) -> Element:
    """Return the JSON value `text` without line breaks, or why it is none."""
    stripped = text.removeprefix(BOM).strip(WHITE)
    if b"\n" not in stripped and b"\r" not in stripped and stripped:
        return number, stripped
    try:
        _ANY.decode(stripped)
    except UNDECODABLE as error:
        return Reject(number, MALFORMED, explain(error), stripped)
    # A line break within a text is no JSON, so all that are left are white space.
    return number, stripped.translate(_BREAKS)


def elements_of(payload: bytes) -> list[Element]:
    """Return the elements of the array `payload`. If it is broken, those that can be told apart, each judged by itself.

    >>> elements_of(b'[{"a": 1}, {"b": 2}')
    [(0, b'{"a": 1}'), (1, b'{"b": 2}'), Reject(line=2, reason='malformed', detail='the array breaks off', payload=b'')]
    """
    text = payload.removeprefix(BOM).strip(WHITE)
    try:
        return [one_line(number, bytes(raw)) for number, raw in enumerate(_ARRAY.decode(text))]
    except UNDECODABLE as error:
        if text[:1] != b"[":
            return [Reject(0, MALFORMED, f"expected an array: {explain(error)}", text)]
    return [_judged(number, part) for number, part in enumerate(_parts(text))]


def _judged(number: int, part: bytes | None) -> Element:
    return Reject(number, MALFORMED, "the array breaks off", b"") if part is None else one_line(number, part)


def _parts(text: bytes) -> Iterator[bytes | None]:
    """Yield the elements of a broken array; None where it ends without its bracket."""
    depth, start = 0, 1
    for token in _TOKEN.finditer(text):
        if token[0] in b"[{":
            depth += 1
        elif token[0] in b"]}":
            depth -= 1
        if depth == 0 or (depth == 1 and token[0] == b","):
            yield text[start : token.start()]
            start = token.end()
        if depth == 0:
            break
    else:
        if text[start:].strip(WHITE):
            yield text[start:]
        yield None
        return
    if text[start:].strip(WHITE):
        yield text[start:]
