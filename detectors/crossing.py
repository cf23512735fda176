"""Rows of many series put on lanes and back, eight by eight.

Copied one by one, numbers of 32 bits take as long as the arithmetic on them. Here eight neighbouring fields of eight
rows are read as eight vectors, transposed by shuffles and written as parts of eight lanes, or the other way round.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # has no types
from numba.core import cgutils

from detectors.compiled import intrinsic, types
from detectors.lanes import LANES

SIDE = 8
"""Rows and fields in a block: what the widest registers in common use hold."""
_WORD, _INDEX, _BYTE = ir.FloatType(), ir.IntType(64), ir.IntType(8)
_ROW = ir.VectorType(_WORD, SIDE)
_BYTES = 4
_PAIRS = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
_FOURS = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
_HALVES = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
Copy: TypeAlias = Callable[[Any, Any, int, Any], None]
"""From rows, the series in the lanes, how many lanes or which one, and the lanes' record."""


class Crossing(NamedTuple):
    """The ways between rows and lanes, for compiled code."""

    take_out: Copy
    """Put so many rows on their lanes; and some more, to make eight."""
    put_back: Copy
    """Write so many lanes to their rows."""
    take_one: Copy
    """Put the row of one lane there."""
    put_one: Copy
    """Write one lane to its row."""


class Place(NamedTuple):
    """Where the fields stand: one after the other in a row, and one lane after the other; in bytes."""

    size: int
    """Of a row."""
    field: int
    lane: int
    fields: int


def crossing(row: np.dtype[Any], lanes: np.dtype[Any], fields: Sequence[str]) -> Crossing:
    """Return the ways for fields of 32-bit numbers, eight of these or a multiple, that both have in the same order.

    Raises ValueError if they are not one after the other.
    """
    words = 0
    for name in fields:
        if _offset(row, name) != _offset(row, fields[0]) + _BYTES * words:
            raise ValueError(f"`{name}` does not follow the field before it in a row")
        if _offset(lanes, name) != _offset(lanes, fields[0]) + _BYTES * LANES * words:
            raise ValueError(f"`{name}` does not follow the lane before it")
        words += row[name].itemsize // _BYTES
    if words % SIDE:
        raise ValueError(f"{words} numbers are no multiple of {SIDE}")
    place = Place(row.itemsize, _offset(row, fields[0]), _offset(lanes, fields[0]), words)
    return Crossing(*(_copy(place, way) for way in (_take_out, _put_back, _take_one, _put_one)))


def _offset(record: np.dtype[Any], name: str) -> int:
    assert record.fields is not None
    return int(record.fields[name][1])


class _Ground:
    """Where all is, in code that is being built."""

    def __init__(self, builder: Any, pointers: tuple[Any, Any, Any], place: Place) -> None:
        self.builder, self.place = builder, place
        self._rows, self._series, self._lanes = pointers

    def row(self, lane: Any, field: int) -> Any:
        """Return where a field is of the row in a lane."""
        number = self.builder.load(self._moved(self._series, self.builder.mul(lane, _INDEX(8))), typ=_INDEX)
        row = self._moved(self._rows, self.builder.mul(number, _INDEX(self.place.size)))
        return self._moved(row, _INDEX(self.place.field + field * _BYTES))

    def lane(self, lane: Any, field: int) -> Any:
        """Return where the field is on its lane."""
        at = self._moved(self._lanes, self.builder.mul(lane, _INDEX(_BYTES)))
        return self._moved(at, _INDEX(self.place.lane + field * LANES * _BYTES))

    def copy(self, kind: Any, source: Any, target: Any) -> None:
        """Copy what is of a kind."""
        self.write(self.read(kind, source), target)

    def read(self, kind: Any, pointer: Any) -> Any:
        """Return what is there."""
        return self.builder.load(pointer, align=_BYTES, typ=kind)

    def write(self, value: Any, pointer: Any) -> None:
        """Write it there."""
        self.builder.store(value, self.builder.bitcast(pointer, value.type.as_pointer()), align=_BYTES)

    def _moved(self, pointer: Any, by: Any) -> Any:
        return self.builder.gep(pointer, [by], source_etype=_BYTE)


def _copy(place: Place, way: Callable[[_Ground, Any], None]) -> Copy:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, series = (context.make_array(signature.args[j])(context, builder, arguments[j]).data for j in (0, 1))
        pointers = (builder.bitcast(each, _BYTE.as_pointer()) for each in (rows, series, arguments[3]))
        way(_Ground(builder, tuple(pointers), place), arguments[2])
        return context.get_dummy_value()

    def typing(_context: Any, rows: Any, series: Any, _count: Any, lanes: Any) -> Any:
        return types.void(rows, series, types.int64, lanes), code

    copy: Copy = intrinsic(typing)
    return copy


def _take_out(ground: _Ground, count: Any) -> None:
    with cgutils.for_range_slice(ground.builder, _INDEX(0), count, _INDEX(SIDE)) as (lane, _):
        for first in range(0, ground.place.fields, SIDE):
            rows = [ground.read(_ROW, ground.row(each, first)) for each in _eight(ground.builder, lane)]
            for field, numbers in enumerate(_turned(ground.builder, rows), first):
                ground.write(numbers, ground.lane(lane, field))


def _put_back(ground: _Ground, count: Any) -> None:
    whole = ground.builder.and_(count, _INDEX(-SIDE))
    with cgutils.for_range_slice(ground.builder, _INDEX(0), whole, _INDEX(SIDE)) as (lane, _):
        for first in range(0, ground.place.fields, SIDE):
            lanes = [ground.read(_ROW, ground.lane(lane, first + field)) for field in range(SIDE)]
            turned = _turned(ground.builder, lanes)
            for each, numbers in zip(_eight(ground.builder, lane), turned, strict=True):
                ground.write(numbers, ground.row(each, first))
    with cgutils.for_range_slice(ground.builder, whole, count, _INDEX(1)) as (lane, _):
        _put_one(ground, lane)


def _take_one(ground: _Ground, lane: Any) -> None:
    for field in range(ground.place.fields):
        ground.copy(_WORD, ground.row(lane, field), ground.lane(lane, field))


def _put_one(ground: _Ground, lane: Any) -> None:
    for field in range(ground.place.fields):
        ground.copy(_WORD, ground.lane(lane, field), ground.row(lane, field))


def _eight(builder: Any, lane: Any) -> list[Any]:
    return [builder.add(lane, _INDEX(ahead)) for ahead in range(SIDE)]


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """Return eight vectors of eight, transposed: pairs first, then fours, then halves."""
    pairs = [_mixed(builder, rows[j], rows[j + 1], mask) for j in range(0, SIDE, 2) for mask in _PAIRS]
    fours = [_mixed(builder, pairs[j], pairs[j + 2], mask) for j in (0, 1, 4, 5) for mask in _FOURS]
    return [_mixed(builder, fours[j], fours[j + 4], half) for half in _HALVES for j in range(4)]


def _mixed(builder: Any, one: Any, other: Any, mask: list[int]) -> Any:
    places = ir.Constant(ir.VectorType(ir.IntType(32), SIDE), mask)
    return builder.shuffle_vector(one, other, places)
