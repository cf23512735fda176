"""Kinds of values, how they are inferred from use, and the error that says where an expression is wrong."""

from enum import StrEnum


class Kind(StrEnum):
    """What a field or a result is."""

    NUMBER = "number"
    TEXT = "text"
    TRUTH = "truth"
    ANY = "any"
    """Not known from the expression alone."""

    def meet(self, other: "Kind") -> "Kind | None":
        """Return the kind that is both, or None if there is none.

        >>> Kind.ANY.meet(Kind.TEXT)
        <Kind.TEXT: 'text'>
        >>> Kind.NUMBER.meet(Kind.TEXT)
        """
        if self is other or other is Kind.ANY:
            return self
        return other if self is Kind.ANY else None


WORDS = {Kind.NUMBER: "a number", Kind.TEXT: "a text", Kind.TRUTH: "a condition", Kind.ANY: "a value"}


class ExpressionError(ValueError):
    """An expression that cannot be used. `offset` is the 0-based column in its text at which it is wrong."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.message, self.offset = message, offset

    def __reduce__(self) -> tuple[type["ExpressionError"], tuple[str, int]]:
        return ExpressionError, (self.message, self.offset)


class Slot:
    """The kind of one part of an expression, to be found out: slots that must agree are joined (union-find)."""

    __slots__ = ("_kind", "_parent", "name")

    def __init__(self, kind: Kind = Kind.ANY, name: str = "") -> None:
        self._kind, self._parent, self.name = kind, self, name

    @property
    def kind(self) -> Kind:
        """What is known so far."""
        return self._root()._kind  # noqa: SLF001 -- another slot of this class

    def join(self, other: "Slot", offset: int) -> None:
        """Let both be of one kind from now on; raises ExpressionError if they cannot be."""
        kind = self.kind.meet(other.kind)
        if kind is None:
            raise ExpressionError(_conflict(self, other), offset)
        root = self._root()
        other._root()._parent = root  # noqa: SLF001 -- as above
        root._kind = kind  # noqa: SLF001 -- as above

    def want(self, kind: Kind, offset: int) -> None:
        """Let it be of `kind`; raises ExpressionError if it is known to be another."""
        self.join(Slot(kind), offset)

    def _root(self) -> "Slot":
        slot = self
        while slot._parent is not slot:
            slot = slot._parent
        return slot


def _conflict(slot: Slot, wanted: Slot) -> str:
    subject = f"{slot.name} is used as {WORDS[slot.kind]}" if slot.name else f"this is {WORDS[slot.kind]}"
    hint = ": compare it, as in `errors > 0`" if wanted.kind is Kind.TRUTH else ""
    return f"{subject}, but {WORDS[wanted.kind]} is needed here{hint}"
