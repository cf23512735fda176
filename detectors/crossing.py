"""Rows of many series put on lanes and back, eight by eight.

Copied one by one, numbers of 32 bits take as long as the arithmetic on them. Here eight neighbouring fields of eight
rows are read as eight vectors, transposed by shuffles and written as parts of eight lanes, or the other way round.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]

from detectors.compiled import intrinsic, types
from detectors.lanes import LANES

SIDE = 8
"""Rows and fields in a block: what the widest registers in common use hold."""
_WORD, _INDEX = ir.FloatType(), ir.IntType(64)
_ROW = ir.VectorType(_WORD, SIDE)
_BYTES = 4
_PAIRS = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
_FOURS = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
_HALVES = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
Copy: TypeAlias = Callable[[Any, Any, int, Any], None]
"""From rows, the series in the lanes, the first of eight of them, and the lanes' record."""


class Place(NamedTuple):
    """Where the fields stand: eight and eight in the rows, one lane after the other on the lanes; in bytes."""

    size: int
    """Of a row."""
    field: int
    lane: int
    blocks: int


def place_of(row: np.dtype[Any], lanes: np.dtype[Any], first: str, fields: int) -> Place:
    """Return the place of so many 32-bit fields from `first` on, which both have in the same order."""
    names = list(row.names or ())
    own = names[names.index(first) : names.index(first) + fields]
    start, lane = _offset(row, first), _offset(lanes, first)
    for number, name in enumerate(own):
        if _offset(row, name) != start + _BYTES * number or _offset(lanes, name) != lane + _BYTES * LANES * number:
            raise ValueError(f"`{name}` is not as far from `{first}` on the lanes as it is in a row")
    return Place(row.itemsize, start, lane, fields // SIDE)


def _offset(record: np.dtype[Any], name: str) -> int:
    return int((record.fields or {})[name][1])


def onto(place: Place) -> Copy:
    """Return what puts the fields of eight rows on their lanes."""

    def code(builder: Any, fields: list[Any], lanes: list[Any]) -> None:
        for lane, numbers in zip(lanes, _turned(builder, [_read(builder, field) for field in fields]), strict=True):
            _write(builder, numbers, lane)

    return _copy(place, code)


def back(place: Place) -> Copy:
    """Return what writes eight of the lanes to their rows."""

    def code(builder: Any, fields: list[Any], lanes: list[Any]) -> None:
        for field, numbers in zip(fields, _turned(builder, [_read(builder, lane) for lane in lanes]), strict=True):
            _write(builder, numbers, field)

    return _copy(place, code)


def back_alone(place: Place) -> Copy:
    """Return what writes one of the lanes to its row: for those that are left when there are no eight."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, series = _arrays(context, builder, signature, arguments)
        row = _row_at(builder, rows, series, arguments[2], 0, place)
        first = _moved(builder, arguments[3], builder.mul(arguments[2], _INDEX(_BYTES)))
        for number in range(place.blocks * SIDE):
            word = builder.load(_moved(builder, first, _INDEX(place.lane + number * LANES * _BYTES)), typ=_WORD)
            field = _moved(builder, row, _INDEX(place.field + number * _BYTES))
            builder.store(word, builder.bitcast(field, _WORD.as_pointer()), align=_BYTES)
        return context.get_dummy_value()

    return _copier(code)


def _copy(place: Place, block: Callable[[Any, list[Any], list[Any]], None]) -> Copy:
    """Return an intrinsic that takes the blocks one after the other."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, series = _arrays(context, builder, signature, arguments)
        eight = [_row_at(builder, rows, series, arguments[2], ahead, place) for ahead in range(SIDE)]
        first = _moved(builder, arguments[3], builder.mul(arguments[2], _INDEX(_BYTES)))
        for number in range(place.blocks):
            fields = [_moved(builder, row, _INDEX(place.field + number * SIDE * _BYTES)) for row in eight]
            starts = (place.lane + (number * SIDE + ahead) * LANES * _BYTES for ahead in range(SIDE))
            block(builder, fields, [_moved(builder, first, _INDEX(start)) for start in starts])
        return context.get_dummy_value()

    return _copier(code)


def _copier(code: Callable[[Any, Any, Any, Any], Any]) -> Copy:
    def typing(_context: Any, rows: Any, series: Any, _start: Any, lanes: Any) -> Any:
        return types.void(rows, series, types.int64, lanes), code

    copy: Copy = intrinsic(typing)
    return copy


def _arrays(context: Any, builder: Any, signature: Any, arguments: Any) -> tuple[Any, Any]:
    """Return where rows and series begin."""
    rows, series = (context.make_array(signature.args[j])(context, builder, arguments[j]).data for j in (0, 1))
    return rows, series


def _row_at(builder: Any, rows: Any, series: Any, start: Any, ahead: int, place: Place) -> Any:
    """Return where the row of the series is that is in the lane so far ahead of the start."""
    lane = builder.mul(builder.add(start, _INDEX(ahead)), _INDEX(8))
    number = builder.load(_moved(builder, series, lane), typ=_INDEX)
    return _moved(builder, rows, builder.mul(number, _INDEX(place.size)))


def _moved(builder: Any, pointer: Any, by: Any) -> Any:
    byte = ir.IntType(8)
    return builder.gep(builder.bitcast(pointer, byte.as_pointer()), [by], source_etype=byte)


def _read(builder: Any, pointer: Any) -> Any:
    return builder.load(pointer, align=_BYTES, typ=_ROW)


def _write(builder: Any, numbers: Any, pointer: Any) -> None:
    builder.store(numbers, builder.bitcast(pointer, _ROW.as_pointer()), align=_BYTES)


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """Return eight vectors of eight, transposed: pairs first, then fours, then halves."""
    pairs = [_mixed(builder, rows[j], rows[j + 1], mask) for j in range(0, SIDE, 2) for mask in _PAIRS]
    fours = [
        _mixed(builder, pairs[j + pair], pairs[j + pair + 2], mask) for j in (0, 4) for pair in (0, 1) for mask in _FOURS
    ]
    return [_mixed(builder, fours[j], fours[j + 4], half) for half in _HALVES for j in range(4)]


def _mixed(builder: Any, one: Any, other: Any, mask: list[int]) -> Any:
    places = ir.Constant(ir.VectorType(ir.IntType(32), SIDE), mask)
    return builder.shuffle_vector(one, other, places)
