"""The values of an event's keys, read in memory by compiled code: attributes of the envelope, and needed fields.

Every function takes an address and returns the one after what it read, or −1 where the line is left over.
"""

import numpy as np

from detectors.compiled import compiled, inlined
from engine.columnar.memory import byte, load, store, store_float, whole, word
from engine.events import names as n
from engine.events.decimals import LARGEST, is_simple, rounded, simple
from engine.events.names import MOST, find
from engine.events.tokens import (
    BROKEN,
    ESCAPED,
    FALSE,
    LONG,
    MINUS,
    NULL,
    ODD,
    OPEN_OBJECT,
    QUOTE,
    TRUE,
    is_utf8,
    literal,
    may_control,
    number,
    skip,
    string,
)

TOKEN = 1 << 62
"""What marks a place of JSON that is no string, where a value can be of any kind."""
_U = np.uint64
# The state of a scan, in words: where names are and how many; absent values, numbers of fields; where the payload
# begins and fields are written, the bytes of the words of one field, those before the event's; then what is noted of a
# line: its type, its data where that came first, where each attribute is, and a stack.
TABLE, LAST, BLANK, FIELDS, WIDTH, BASE, OUT, COUNT, ROW, TYPE, DATA = range(11)
ID, SOURCE, SUBJECT, TIME, STACK, WORDS = 11, 13, 15, 17, 19, 19 + MOST
_FOUR_BYTES = _U(0xFFFFFFFF)
_VERSION = _U(int.from_bytes(b'1.0"', "little"))
_JSON, _MORE_JSON = (_U(int.from_bytes(text, "little")) for text in (b"applicat", b"ion/json"))


@inlined
def plain(at: int) -> int:
    """Return where the last quote of a string without escapes stands; −1 if it is none."""
    if byte(at) != QUOTE:
        return -1
    stop, how = string(at + 1)
    if stop < 0 or how & ESCAPED or (how & ODD and not is_utf8(at + 1, stop)):
        return -1
    return stop


@inlined
def value(at: int, action: int, number: int, state: int) -> int:
    """Read the value of one key; return the place after it."""
    if action == n.NONE:
        return skip(at)
    if action == n.BRANCH:
        return literal(at) if byte(at) == NULL else -1
    if action < n.ID:
        return _field(
            at,
            action,
            load(state + 8 * OUT) + number * load(state + 8 * COUNT) + load(state + 8 * ROW),
            load(state + 8 * BASE),
        )
    if action == n.DATA:  # before its type
        store(state + 8 * DATA, at + 1)
        return skip(at) if byte(at) == OPEN_OBJECT else -1
    return _attribute(at, action, state)


@inlined
def _field(at: int, action: int, place: int, base: int) -> int:
    """Read the value of a needed field; return the place after it, −1 if it is of another kind."""
    first = byte(at)
    if first == NULL:
        return literal(at)
    if first == QUOTE:
        stop = plain(at) if action in (n.TEXT, n.ANY) else -1
        store(place, ((at + 1 - base) << 32) | (stop - base))
        return stop + 1 if stop >= 0 else -1
    if first in (TRUE, FALSE):
        stop = literal(at)
        if action == n.TRUTH:
            store_float(place, 1.0 if first == TRUE else 0.0)
        else:
            store(place, TOKEN | ((at - base) << 32) | (stop - base))
        return stop if action in (n.TRUTH, n.ANY) else -1
    return _number(at, action, place, base) if action in (n.NUMBER, n.ANY) else -1


@compiled
def _number(at: int, action: int, place: int, base: int) -> int:
    stop, sort, digits, power = number(at)
    if stop < 0 or sort == LONG or power < -LARGEST or power > LARGEST:
        return -1
    negative = byte(at) == MINUS
    if action == n.ANY:
        store(place, TOKEN | ((at - base) << 32) | (stop - base))
    elif digits == _U(0):
        store_float(place, -0.0 if negative and sort == BROKEN else 0.0)  # the whole number −0 is 0
    elif is_simple(digits, power):
        size = simple(digits, power)
        store_float(place, -size if negative else size)
    else:
        certain, bits = rounded(digits, power, negative)
        store(place, whole(bits))
        return stop if certain else -1
    return stop


@inlined
def _attribute(at: int, action: int, state: int) -> int:  # noqa: PLR0911 - one for each attribute
    """Read the value of an attribute of the envelope; return the place after it."""
    if action == n.REFUSED:
        return -1
    if byte(at) == NULL and (action == n.TIME or action > n.TYPE):
        return literal(at)
    start, stop = at + 1, plain(at)
    if stop <= start:
        return -1
    if action == n.TYPE:
        return stop + 1 if _typed(start, stop, state) else -1
    if action == n.SPECVERSION:
        return stop + 1 if word(start) & _FOUR_BYTES == _VERSION else -1
    if action == n.CONTENT_TYPE:
        return stop + 1 if _is_json(start, stop) else -1
    place = state + 8 * (ID + 2 * (action - n.ID))
    store(place, start)
    store(place + 8, stop)
    return -1 if may_control(start, stop) else stop + 1


@compiled
def _typed(start: int, stop: int, state: int) -> bool:
    """Note the type, and let all its fields be absent; False if it is not scanned."""
    code = find(load(state + 8 * TABLE), load(state + 8 * LAST), n.TYPES, start, stop)
    kind, width = code >> 12, load(state + 8 * WIDTH)
    fields = load(load(state + 8 * FIELDS) + 8 * kind) if code != 0 else -1
    if fields < 0:
        return False
    store(state + 8 * TYPE, kind)
    blank, place = load(state + 8 * BLANK) + 8 * kind * width, load(state + 8 * OUT) + load(state + 8 * ROW)
    for field in range(fields):
        store(place + field * load(state + 8 * COUNT), load(blank + 8 * field))
    return True


@compiled
def _is_json(start: int, stop: int) -> bool:
    """Whether it is application/json, perhaps with parameters."""
    if stop - start < 16 or word(start) != _JSON or word(start + 8) != _MORE_JSON:
        return False
    return stop - start == 16 or byte(start + 16) == 59
