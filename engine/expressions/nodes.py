"""The parts of a parsed expression. Each turns columns into a column; a constant's column has length 1."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from engine.columns import Column
from engine.expressions.functions import Function
from engine.expressions.kinds import Kind, Slot
from engine.expressions.vectors import absent, aligned, compare, convert, finite, member, missing, truths


class Rows(NamedTuple):
    """What an expression is evaluated on."""

    columns: Mapping[str, Column]
    kinds: Mapping[str, Kind]
    n: int


class Node(ABC):
    """A part of an expression."""

    @abstractmethod
    def evaluate(self, rows: Rows) -> Column:
        """Return its column, of length `rows.n` or, where it is the same for all rows, 1."""


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A number, a text, true or false."""

    column: Column

    def evaluate(self, rows: Rows) -> Column:
        """Return the value, once."""
        return self.column


@dataclass(frozen=True, slots=True)
class Null(Node):
    """An absent value of the kind its place asks for."""

    slot: Slot

    def evaluate(self, rows: Rows) -> Column:
        """Return nothing, once."""
        return absent(self.slot.kind, 1)


@dataclass(frozen=True, slots=True)
class Field(Node):
    """A named column; absent in all rows if there is no such column."""

    name: str

    def evaluate(self, rows: Rows) -> Column:
        """Return the column as the kind that was inferred for it."""
        kind = rows.kinds[self.name]
        column = rows.columns.get(self.name)
        return absent(kind, rows.n) if column is None else convert(column, kind)


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """Numbers combined; no finite result is an absent one."""

    operation: Callable[..., Any]
    operands: tuple[Node, ...]

    def evaluate(self, rows: Rows) -> Column:
        """Return the results."""
        return finite(self.operation(*(operand.evaluate(rows) for operand in self.operands)))


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """Two values compared; never true where either is absent."""

    symbol: str
    left: Node
    right: Node

    def evaluate(self, rows: Rows) -> Column:
        """Return where it holds."""
        return compare(self.symbol, self.left.evaluate(rows), self.right.evaluate(rows))


@dataclass(frozen=True, slots=True)
class Member(Node):
    """Whether a value stands in a list of constants; neither in nor not in where it is absent."""

    value: Node
    options: frozenset[object]
    negated: bool

    def evaluate(self, rows: Rows) -> Column:
        """Return where it holds."""
        column = self.value.evaluate(rows)
        found = member(column, self.options)
        return ~found & ~missing(column) if self.negated else found


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """Conditions joined by `and` or `or`."""

    operation: Callable[[Any, Any], Any]
    operands: tuple[Node, ...]

    def evaluate(self, rows: Rows) -> Column:
        """Return where the whole holds."""
        return reduce(self.operation, (truths(operand.evaluate(rows)) for operand in self.operands))


@dataclass(frozen=True, slots=True)
class Not(Node):
    """A condition reversed; what is absent does not hold, so its reverse does."""

    operand: Node

    def evaluate(self, rows: Rows) -> Column:
        """Return where the operand does not hold."""
        return ~truths(self.operand.evaluate(rows))


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """``a if condition else b``."""

    condition: Node
    then: Node
    otherwise: Node

    def evaluate(self, rows: Rows) -> Column:
        """Return the one or the other, row by row."""
        then, otherwise = aligned((self.then.evaluate(rows), self.otherwise.evaluate(rows)))
        return np.where(truths(self.condition.evaluate(rows)), then, otherwise)


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of the language, called."""

    function: Function
    arguments: tuple[Node, ...]

    def evaluate(self, rows: Rows) -> Column:
        """Return what the function makes of its arguments' columns."""
        columns = [argument.evaluate(rows) for argument in self.arguments]
        return self.function.call(*(aligned(columns) if self.function.same else columns))
