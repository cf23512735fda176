"""The names a decoder looks for, as a compiled hash table: keys of objects, and event types.

A name belongs to a node: the envelope, the list of types, the `data` of a type, or an object within it. It is compared
by its first 16 bytes in two words, and byte by byte only beyond.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled, inlined
from engine.columnar.memory import byte, load, whole, word
from engine.events.schema import EventType, Path
from engine.expressions import Kind

Words = NDArray[np.uint64]
ENVELOPE, TYPES, FIRST = 0, 1, 2
"""Nodes: `data` of type i is node ``FIRST + i``."""
NONE, BRANCH, NUMBER, TEXT, TRUTH, ANY = range(6)
ID, SOURCE, SUBJECT, TIME, TYPE, SPECVERSION, CONTENT_TYPE, DATA, REFUSED = range(6, 15)
KNOWN = 15
"""What a name stands for."""
MOST = 40
"""Names that may be looked for in the `data` of one type."""
_OWN = {
    "id": ID, "source": SOURCE, "subject": SUBJECT, "time": TIME, "type": TYPE, "specversion": SPECVERSION,
    "datacontenttype": CONTENT_TYPE, "data": DATA, "data_base64": REFUSED,
}  # fmt: skip
_KINDS = {Kind.NUMBER: NUMBER, Kind.TEXT: TEXT, Kind.TRUTH: TRUTH, Kind.ANY: ANY}
_NAN = int(np.array([np.nan]).view(np.int64)[0])
_U = np.uint64


class Names(NamedTuple):
    """What the kernels work on."""

    table: Words
    """Rows of 5 words: node and size, first 8 bytes, second 8 bytes, address of the name in `text`, code; 0: free."""
    text: NDArray[np.uint8]
    """All names that are longer than 16 bytes."""
    blank: NDArray[np.int64]
    """(types, fields): the words that stand for absent values."""
    fields: NDArray[np.int64]
    """How many fields each type has; −1: it is not scanned."""


def code(action: int, bit: int, number: int) -> int:
    """Return what a name stands for, as one number: action, place among the names of its event, node or field."""
    return action | bit << 4 | number << 12


def names_of(types: Sequence[EventType]) -> Names:
    """Return the names that matter to events of `types`. Reserved types are known, but not scanned."""
    maker = _Maker(FIRST + len(types))
    for name, action in _OWN.items():
        maker.add(ENVELOPE, name, code(action, action, 0))
    width = max([1, *(len(each.paths) for each in types)])
    blank, fields = np.full((len(types), width), -1, np.int64), np.full(len(types), -1, np.int64)
    for number, each in enumerate(types):
        maker.add(TYPES, each.name, code(KNOWN, 0, number))
        if each.control is None and maker.plant(FIRST + number, each.paths):
            fields[number] = len(each.paths)
            kinds = [_NAN if path.kind in (Kind.NUMBER, Kind.TRUTH) else -1 for path in each.paths]
            blank[number, : len(kinds)] = kinds
    return Names(*maker.made(), blank, fields)


class _Maker:
    def __init__(self, nodes: int) -> None:
        self._nodes = nodes
        self._entries: list[tuple[int, bytes, int]] = []

    def add(self, node: int, name: str, code: int) -> None:
        self._entries.append((node, name.encode("utf-8", "surrogatepass"), code))

    def plant(self, root: int, paths: Sequence[Path]) -> bool:
        """Add the keys on the way to each field; False if there are too many."""
        inner: dict[str, int] = {"": root}
        planned: list[tuple[int, str, int]] = []
        for number, path in enumerate(paths):
            *outer, last = path.field.split(".")
            way = ""
            for key in outer:
                node, way = inner[way], f"{way}.{key}"
                if way not in inner:
                    inner[way] = self._nodes + len(inner) - 1
                    planned.append((node, key, code(BRANCH, REFUSED + 1 + len(planned), inner[way])))
            planned.append((inner[way], last, code(_KINDS[path.kind], REFUSED + 1 + len(planned), number)))
        if len(planned) > MOST:
            return False
        self._nodes += len(inner) - 1
        for entry in planned:
            self.add(*entry)
        return True

    def made(self) -> tuple[Words, NDArray[np.uint8]]:
        size = 1 << (4 * len(self._entries)).bit_length()
        table, text = np.zeros((size, 5), np.uint64), bytearray()
        for node, name, what in self._entries:
            first, second = (int.from_bytes(part, "little") for part in (name[:8], name[8:16]))
            place = int(_slot(_U(node << 32 | len(name)), _U(first), _U(second))) & (size - 1)
            while table[place, 4]:
                place = (place + 1) & (size - 1)
            table[place] = node << 32 | len(name), first, second, len(text), what
            text += name if len(name) > 16 else b""
        names = np.frombuffer(bytes(text), np.uint8)
        table[:, 3] += _U(names.ctypes.data)
        return table, names


@inlined
def _slot(head: np.uint64, first: np.uint64, second: np.uint64) -> np.uint64:
    value = (first ^ (second * _U(0x9E3779B97F4A7C15)) ^ (head * _U(0xC2B2AE3D27D4EB4F))) * _U(0xFF51AFD7ED558CCD)
    return value ^ (value >> _U(32))


@compiled
def find(table: int, last: int, node: int, start: int, end: int) -> int:
    """Return the code of the name from address `start` to `end` at a node; 0 if it does not matter there.

    `table` is the address of a table of ``last + 1`` rows, in which names stand by their addresses.
    """
    size = end - start
    first, second = _part(start, size), _part(start + 8, size - 8)
    head = (_U(node) << _U(32)) | _U(size)
    place = whole(_slot(head, first, second)) & last
    while True:
        at = table + place * 40
        code = load(at + 32)
        if code == 0:
            return 0
        found = word(at) == head and word(at + 8) == first and word(at + 16) == second
        if found and (size <= 16 or _same(start, load(at + 24), size)):
            return code
        place = (place + 1) & last


@inlined
def _part(at: int, size: int) -> np.uint64:
    """Return up to eight of `size` bytes, as a little-endian number."""
    if size >= 8:
        return word(at)
    return word(at) & ((_U(1) << _U(8 * size)) - _U(1)) if size > 0 else _U(0)


@compiled
def _same(one: int, other: int, size: int) -> bool:
    same = True
    for i in range(size):
        same = same and byte(one + i) == byte(other + i)
    return same
