"""What is done to columns: conversion to a kind, comparison, and absence. Constants are columns of length 1."""

import operator
from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.columnar.columns import Column
from engine.expressions.kinds import Kind

Truths = NDArray[np.bool_]

ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


_NONE = np.array([None], object)


def objects(values: Sequence[object]) -> Column:
    """Return an object column of `values`, never taken apart by numpy."""
    column = np.empty(len(values), object)
    column[:] = values
    return column


def absent(kind: Kind, n: int) -> Column:
    """Return `n` rows of nothing."""
    return np.full(n, np.nan) if kind is Kind.NUMBER else np.full(n, None, object)


def missing(column: Column) -> Truths:
    """Return where `column` has no value."""
    if column.dtype == object:
        return np.asarray(np.equal(column, _NONE), np.bool_)
    return np.isnan(column) if column.dtype == np.float64 else np.zeros(len(column), np.bool_)


def finite(numbers: Column) -> Column:
    """Return `numbers` with NaN for what is infinite."""
    return np.where(np.isfinite(numbers), numbers, np.nan)


def generic(column: Column) -> Column:
    """Return `column` as objects, None where a value is absent."""
    if column.dtype == object:
        return column
    values = column.astype(object)
    values[missing(column)] = None
    return values


def truths(column: Column) -> Truths:
    """Return a condition's column as plain booleans: what is absent does not hold."""
    return column if column.dtype == np.bool_ else np.asarray(np.equal(column, True), np.bool_)


def convert(column: Column, kind: Kind) -> Column:
    """Return `column` as `kind`; values that are of another kind count as absent, true and false as 1 and 0."""
    return _CONVERSIONS[kind](column)


def _numbers(column: Column) -> Column:
    if column.dtype != object:
        return column.astype(np.float64, copy=False)
    return np.fromiter(map(_number, column.tolist()), np.float64, len(column))


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        return np.nan
    try:
        return float(value)
    except OverflowError:
        return np.nan


def _texts(column: Column) -> Column:
    if column.dtype != object:
        return absent(Kind.TEXT, len(column))
    values = column.tolist()
    # Telemetry repeats its texts: looking at the distinct ones is quicker than at all.
    if set(map(type, set(values))) <= {str, NoneType}:
        return column
    return objects([value if isinstance(value, str) else None for value in values])


def _conditions(column: Column) -> Column:
    if column.dtype == np.bool_:
        return column
    if column.dtype != object:
        column = generic(column.astype(np.float64, copy=False))
    values = [bool(value) if isinstance(value, int | float) else None for value in column.tolist()]
    return objects(values) if None in values else np.array(values, np.bool_)


def _anything(column: Column) -> Column:
    return column if column.dtype in (object, np.bool_) else column.astype(np.float64, copy=False)


_CONVERSIONS = {Kind.NUMBER: _numbers, Kind.TEXT: _texts, Kind.TRUTH: _conditions, Kind.ANY: _anything}


def aligned(columns: Sequence[Column]) -> list[Column]:
    """Return the columns with one data type: their own if they agree, else objects."""
    if len({column.dtype for column in columns}) == 1:
        return list(columns)
    return [generic(column) for column in columns]


def equal(left: Column, right: Column) -> Truths:
    """Return where both have a value and it is the same."""
    left, right = aligned((left, right))
    same = np.asarray(np.equal(left, right), np.bool_)
    if left.dtype != object or _is_value(left) or _is_value(right):
        return same
    return same & ~missing(left)


def _is_value(column: Column) -> bool:
    return len(column) == 1 and column[0] is not None


def unequal(left: Column, right: Column) -> Truths:
    """Return where both have a value and it is not the same."""
    left, right = aligned((left, right))
    return np.asarray(np.not_equal(left, right), np.bool_) & ~missing(left) & ~missing(right)


def ordered(symbol: str, left: Column, right: Column) -> Truths:
    """Return where both have a value and ``left symbol right`` holds; texts are compared by code points."""
    left, right = aligned((left, right))
    if left.dtype != object:
        return np.asarray(ORDER[symbol](left, right), np.bool_)
    known = ~missing(left) & ~missing(right)
    left, right = np.where(known, left, ""), np.where(known, right, "")
    return np.asarray(ORDER[symbol](left, right), np.bool_) & known


def compare(symbol: str, left: Column, right: Column) -> Truths:
    """Return where both have a value and ``left symbol right`` holds."""
    if symbol == "==":
        return equal(left, right)
    return unequal(left, right) if symbol == "!=" else ordered(symbol, left, right)


def member(column: Column, options: frozenset[object]) -> Truths:
    """Return where `column` has a value and it is one of `options`."""
    return np.frombuffer(bytes(map(options.__contains__, column.tolist())), np.bool_).copy()
