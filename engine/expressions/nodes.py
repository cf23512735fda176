"""The parts of a parsed expression. Each turns columns into a column; a constant's column has length 1."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from engine.columnar.columns import Column, Values
from engine.columnar.texts import Texts
from engine.expressions.functions import Function
from engine.expressions.kinds import Kind, Slot
from engine.expressions.vectors import absent, aligned, compare, convert, finite, member, missing, truths

_EQUALITY = ("==", "!=")
_FEW = 8
"""Options that are looked for one after the other."""


class Rows(NamedTuple):
    """What an expression is evaluated on."""

    columns: Mapping[str, Values]
    kinds: Mapping[str, Kind]
    n: int


class Node(ABC):
    """A part of an expression."""

    @abstractmethod
    def evaluate(self, rows: Rows) -> Column:
        """Return its column, of length `rows.n` or, where it is the same for all rows, 1."""

    def texts(self, rows: Rows) -> Texts | None:
        """Return its column as texts in one buffer, if that is what it is: comparing them needs no objects."""
        return None

    @property
    def literal(self) -> str | None:
        """The text it is, if it is a constant one."""
        return None


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A number, a text, true or false."""

    column: Column

    def evaluate(self, rows: Rows) -> Column:
        """Return the value, once."""
        return self.column

    @property
    def literal(self) -> str | None:
        """The text it is, if it is one."""
        value = self.column.tolist()[0]
        return value if isinstance(value, str) else None


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
        if column is None:
            return absent(kind, rows.n)
        return convert(column.objects() if isinstance(column, Texts) else column, kind)

    def texts(self, rows: Rows) -> Texts | None:
        """Return the column if it holds texts, and texts are wanted."""
        column = rows.columns.get(self.name)
        wanted = rows.kinds[self.name] in {Kind.TEXT, Kind.ANY}
        return column if wanted and isinstance(column, Texts) else None


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
        literal = self.right.literal if self.symbol in _EQUALITY else None
        texts = self.left.texts(rows) if literal is not None else None
        if texts is not None and literal is not None:
            return texts.among((literal,)) if self.symbol == "==" else ~texts.among((literal,)) & ~texts.missing()
        return compare(self.symbol, self.left.evaluate(rows), self.right.evaluate(rows))


@dataclass(frozen=True, slots=True)
class Member(Node):
    """Whether a value stands in a list of constants; neither in nor not in where it is absent."""

    value: Node
    options: frozenset[object]
    negated: bool

    def evaluate(self, rows: Rows) -> Column:
        """Return where it holds."""
        texts = self.value.texts(rows)
        if texts is not None and len(self.options) <= _FEW:
            known = texts.among([option for option in self.options if isinstance(option, str)])
            return ~known & ~texts.missing() if self.negated else known
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
        texts = self.arguments[0].texts(rows) if self.function.on_texts else None
        if texts is not None and self.function.on_texts:
            literals = [argument.literal for argument in self.arguments[1:]]
            if None not in literals:
                return self.function.on_texts(texts, *literals)
        columns = [argument.evaluate(rows) for argument in self.arguments]
        return self.function.call(*(aligned(columns) if self.function.same else columns))
