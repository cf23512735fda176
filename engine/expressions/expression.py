"""A parsed expression."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from engine.columnar.columns import Column, Values
from engine.expressions.grammar import parse
from engine.expressions.kinds import Kind
from engine.expressions.nodes import Node, Rows
from engine.expressions.vectors import convert, objects


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expression:
    """An expression of the language that `engine.expressions` documents. Immutable; equal if written and wanted alike.

    >>> import numpy as np
    >>> slow = Expression.parse("latency_ms > 250 and status < 500")
    >>> dict(slow.fields)
    {'latency_ms': <Kind.NUMBER: 'number'>, 'status': <Kind.NUMBER: 'number'>}
    >>> slow.evaluate({"latency_ms": np.array([300.0, np.nan]), "status": np.array([200.0, 200.0])}, 2)
    array([ True, False])
    >>> slow.value({"latency_ms": 300, "status": 502})
    False
    """

    text: str
    wanted: Kind = Kind.ANY
    """What its user asked the result to be, see `expect`."""
    kind: Kind = Kind.ANY
    """What the result is known to be."""
    fields: Mapping[str, Kind] = field(default_factory=dict)
    """The names it uses, and what its use of them says they are."""
    _node: Node | None = None

    @classmethod
    def parse(cls, text: str, wanted: Kind = Kind.ANY) -> "Expression":
        """Read `text`. Raises ExpressionError, which says where it is wrong and what is allowed.

        >>> Expression.parse("lenght(name) > 3")
        Traceback (most recent call last):
        engine.expressions.kinds.ExpressionError: no function 'lenght'; did you mean len?
        """
        parsed = parse(text, wanted)
        return cls(text, wanted, parsed.kind, MappingProxyType(parsed.fields), parsed.node)

    def expect(self, kind: Kind) -> "Expression":
        """Return the same expression with a result of `kind`, which tells more of its fields. Raises ExpressionError.

        >>> dict(Expression.parse("latency_ms").expect(Kind.NUMBER).fields)
        {'latency_ms': <Kind.NUMBER: 'number'>}
        """
        return self if kind is self.wanted else Expression.parse(self.text, kind)

    def evaluate(self, columns: Mapping[str, Values], n: int) -> Column:
        """Return the result for each of `n` rows: float64 (NaN: absent), bool, or object (None: absent).

        A condition's column is bool, unless it is but a field (or a choice of fields) with absent values: then object.
        A field without a column is absent in every row, and so is a value of another kind than the field's.
        """
        assert self._node is not None
        with np.errstate(all="ignore"):
            result = convert(self._node.evaluate(Rows(columns, self.fields, n)), self.kind)
        return result if len(result) == n else np.broadcast_to(result, (n,)).copy()

    def value(self, values: Mapping[str, object]) -> Any:
        """Return the result for one row of plain values: a float, a bool, a str, or None if it is absent.

        >>> Expression.parse("value / expected").value({"value": 3, "expected": 0}) is None
        True
        """
        columns: dict[str, Values] = {name: objects([_plain(values.get(name))]) for name in self.fields}
        return _plain(self.evaluate(columns, 1).tolist()[0])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        return (self.text, self.wanted) == (other.text, other.wanted)

    def __hash__(self) -> int:
        return hash((self.text, self.wanted))

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __str__(self) -> str:
        return self.text

    def __copy__(self) -> "Expression":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "Expression":
        return self

    def __reduce__(self) -> tuple[Any, tuple[str, Kind]]:
        return Expression.parse, (self.text, self.wanted)


def _plain(value: object) -> object:
    known = isinstance(value, bool | int | float | str) and value == value  # noqa: PLR0124 -- NaN is absent
    return value if known else None
