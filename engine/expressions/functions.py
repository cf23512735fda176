"""The functions of the expression language: one table, which the parser checks calls against."""

import fnmatch
import re
from collections.abc import Callable
from functools import lru_cache, reduce
from typing import Any, NamedTuple

import numpy as np

from engine.columnar.columns import Column
from engine.columnar.texts import Texts
from engine.expressions.kinds import Kind
from engine.expressions.vectors import finite, missing, objects

NUMBER, TEXT, TRUTH, ANY = Kind.NUMBER, Kind.TEXT, Kind.TRUTH, Kind.ANY


class Function(NamedTuple):
    """What a call may look like, and what it does to columns."""

    arguments: tuple[Kind, ...]
    result: Kind
    call: Callable[..., Column]
    least: int = -1
    """How many arguments must be given; −1: all."""
    repeats: bool = False
    """Whether the last argument may be given any number of times."""
    same: bool = False
    """Whether all arguments and the result are of one kind."""
    on_texts: Callable[..., Column] | None = None
    """The same for texts in one buffer, where the other arguments are constants."""

    def takes(self, count: int) -> bool:
        """Tell whether it can be called with `count` arguments."""
        most = len(self.arguments)
        least = most if self.least < 0 else self.least
        return least <= count and (self.repeats or count <= most)

    def argument(self, index: int) -> Kind:
        """Return the kind of the argument at `index`."""
        return self.arguments[min(index, len(self.arguments) - 1)]

    def usage(self, name: str) -> str:
        """Return how it is called.

        >>> FUNCTIONS["max"].usage("max")
        'max(number, number, …)'
        """
        return f"{name}({', '.join([*map(str, self.arguments), *(['…'] if self.repeats else [])])})"


def _each(function: Callable[[Any], Column]) -> Callable[..., Column]:
    return lambda column: finite(function(column))


def _fold(function: Callable[[Any, Any], Column]) -> Callable[..., Column]:
    return lambda *columns: reduce(function, columns)


def _round(column: Column, digits: Column | None = None) -> Column:
    if digits is None:
        return np.asarray(np.round(column))
    scale = np.power(10.0, np.round(digits))
    return finite(np.round(column * scale) / scale)


def _hour(time: Column) -> Column:
    return np.asarray(np.floor(time / 3600.0) % 24.0)


def _weekday(time: Column) -> Column:
    return np.asarray((np.floor(time / 86400.0) + 3.0) % 7.0)


def _map_texts(function: Callable[[str], object], column: Column, otherwise: object) -> list[object]:
    # Telemetry repeats its texts: each distinct one is worked on once.
    texts = column.tolist()
    results = {text: otherwise if text is None else function(text) for text in set(texts)}
    return [results[text] for text in texts]


def _len(column: Column) -> Column:
    return np.array(_map_texts(len, column, np.nan), np.float64)


def _change(function: Callable[[str], str]) -> Callable[..., Column]:
    return lambda column: objects(_map_texts(function, column, None))


def _tests(function: Callable[[str, str], bool]) -> Callable[..., Column]:
    """Return a condition over two text columns; where either is absent it does not hold."""

    def call(column: Column, other: Column) -> Column:
        if len(other) == 1:
            part = other[0]
            found = _map_texts(lambda text: part is not None and function(text, part), column, otherwise=False)
            return np.array(found, np.bool_)
        pairs = np.broadcast(column, other)
        return np.array([None not in pair and function(*pair) for pair in pairs], np.bool_)

    return call


def _contains(text: str, part: str) -> bool:
    return part in text


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


def _matches(text: str, pattern: str) -> bool:
    return _glob(pattern).match(text) is not None


def _first(left: Column, right: Column) -> Column:
    return np.where(missing(left), right, left)


FUNCTIONS: dict[str, Function] = {
    "abs": Function((NUMBER,), NUMBER, _each(np.abs)),
    "round": Function((NUMBER, NUMBER), NUMBER, _round, least=1),
    "floor": Function((NUMBER,), NUMBER, _each(np.floor)),
    "ceil": Function((NUMBER,), NUMBER, _each(np.ceil)),
    "log": Function((NUMBER,), NUMBER, _each(np.log)),
    "log10": Function((NUMBER,), NUMBER, _each(np.log10)),
    "sqrt": Function((NUMBER,), NUMBER, _each(np.sqrt)),
    "exp": Function((NUMBER,), NUMBER, _each(np.exp)),
    "min": Function((NUMBER, NUMBER), NUMBER, _fold(np.minimum), repeats=True),
    "max": Function((NUMBER, NUMBER), NUMBER, _fold(np.maximum), repeats=True),
    "lower": Function((TEXT,), TEXT, _change(str.lower)),
    "upper": Function((TEXT,), TEXT, _change(str.upper)),
    "len": Function((TEXT,), NUMBER, _len),
    "startswith": Function((TEXT, TEXT), TRUTH, _tests(str.startswith), on_texts=Texts.start_with),
    "endswith": Function((TEXT, TEXT), TRUTH, _tests(str.endswith), on_texts=Texts.end_with),
    "contains": Function((TEXT, TEXT), TRUTH, _tests(_contains)),
    "matches": Function((TEXT, TEXT), TRUTH, _tests(_matches)),
    "coalesce": Function((ANY, ANY), ANY, _fold(_first), repeats=True, same=True),
    "is_missing": Function((ANY,), TRUTH, missing, on_texts=Texts.missing),
    "hour": Function((NUMBER,), NUMBER, _hour),
    "weekday": Function((NUMBER,), NUMBER, _weekday),
}
