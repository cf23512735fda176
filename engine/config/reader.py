"""From positioned nodes to typed values, driven by type hints: the dataclass or the constructor is the schema.

A field or keyword parameter is a key; a trailing underscore is no part of the key; `Place` fields are filled with the
position of the mapping. Whatever does not fit becomes a problem at its own place, and reading goes on behind it.
"""

import dataclasses
import functools
import inspect
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from engine.config.convert import CONVERTERS, shown
from engine.config.model import Place
from engine.config.problems import Problems, listing, nearest
from engine.config.secrets import Vault
from engine.config.yamlsource import Entry, Items, Node, Scalar, Table
from engine.expressions import ExpressionError


class _Broken:
    """The type of `BROKEN`."""


BROKEN: Final = _Broken()
"""What could not be read; its problem has been noted."""

Handler: TypeAlias = "Callable[[Reader, Node], Any]"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a mapping, as its schema has it."""

    name: str
    """Of the field or parameter."""
    hint: Any
    required: bool

    @property
    def key(self) -> str:
        """As it is written in YAML."""
        return self.name.removesuffix("_")


@functools.cache
def fields_of(cls: type) -> tuple[Key, ...]:
    """Return the keys of a dataclass."""
    hints = get_type_hints(cls)
    missing = dataclasses.MISSING
    return tuple(
        Key(each.name, hints[each.name], each.default is missing and each.default_factory is missing)
        for each in dataclasses.fields(cls)
        if hints[each.name] is not Place
    )


@functools.cache
def parameters_of(cls: type) -> tuple[Key, ...]:
    """Return the keys of a class that is made with keyword parameters."""
    init = inspect.getattr_static(cls, "__init__")
    hints = get_type_hints(init)
    return tuple(
        Key(name, hints.get(name, Any), parameter.default is parameter.empty)
        for name, parameter in inspect.signature(init).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and not _is_callable(hints.get(name))
    )


def _is_callable(hint: Any) -> bool:
    """Say whether `hint` is of something that is handed in by code, never written in YAML."""
    return any(get_origin(each) is Callable for each in (hint, *get_args(hint)))


@dataclass(slots=True)
class Reader:
    """Reads nodes and notes problems."""

    problems: Problems
    special: Mapping[Any, Handler] = field(default_factory=dict)
    """Type hints that are read in a way of their own."""
    vault: Vault | None = None
    """Where given, `{env: NAME}` and `{file: PATH}` may stand for any text."""
    tables: dict[Place, Table] = field(default_factory=dict)
    """Every mapping read, by its place: to find where something stands once it has become a value."""

    def read(self, hint: Any, node: Node) -> Any:
        """Return the value of type `hint` that `node` writes, or BROKEN."""
        if handler := self.special.get(hint):
            return handler(self, node)
        if hint is str and self.vault and self.vault.asked(node):
            assert isinstance(node, Table)
            return self.vault.read(node, self.problems)
        if hint in CONVERTERS:
            return self.convert(CONVERTERS[hint], node)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return self.record(hint, node)
        return self._generic(hint, node)

    def record(self, cls: type, node: Node) -> Any:
        """Return the dataclass `cls` filled from a mapping."""
        table = self.table(node, fields_of(cls))
        if table is None:
            return BROKEN
        values = self.values(fields_of(cls), table)
        if values is None:
            return BROKEN
        placed = {name: table.place for name, hint in get_type_hints(cls).items() if hint is Place}
        return cls(**values, **placed)

    def table(self, node: Node, keys: Iterable[Key]) -> Table | None:
        """Return `node` if it is a mapping; note a problem otherwise."""
        if isinstance(node, Table):
            self.tables[node.place] = node
            return node
        allowed = listing(key.key for key in keys)
        self.problems.error(node.place, f"expected a mapping, not {_kind(node)}", f"its keys are {allowed}")
        return None

    def values(self, keys: Sequence[Key], table: Table) -> dict[str, Any] | None:
        """Return the arguments a mapping gives; None if a required one is missing or broken."""
        self._refuse_unknown(keys, table)
        values: dict[str, Any] = {}
        for key in keys:
            node = table.get(key.key)
            if node is not None:
                values[key.name] = self.read(key.hint, node)
            elif key.required:
                self.problems.error(table.place, f'"{key.key}" is missing')
        whole = all(values.get(key.name, BROKEN) is not BROKEN for key in keys if key.required)
        return {name: value for name, value in values.items() if value is not BROKEN} if whole else None

    def convert(self, converter: Callable[[Scalar], Any], node: Node) -> Any:
        """Return what `converter` makes of a scalar."""
        if not isinstance(node, Scalar):
            self.problems.error(node.place, f"expected one value, not {_kind(node)}")
            return BROKEN
        try:
            return converter(node)
        except ExpressionError as error:
            self.problems.error(node.at(error.offset), str(error))
        except (ValueError, TypeError) as error:
            self.problems.error(node.place, str(error))
        return BROKEN

    def _generic(self, hint: Any, node: Node) -> Any:
        origin, args = get_origin(hint) or hint, get_args(hint)
        if origin in (Union, types.UnionType):
            return self._union(args, node)
        if origin is Literal:
            return self._literal(args, node)
        if origin in (tuple, list, Sequence):
            items = self._items(args[0] if args else Any, node)
            return items if items is BROKEN else (tuple if origin is tuple else list)(items)
        if origin in (dict, Mapping):
            return self._mapping(args or (str, Any), node)
        if hint is type(None):
            return self._nothing(node)
        return plain(node)

    def _union(self, hints: Sequence[Any], node: Node) -> Any:
        if type(None) in hints and isinstance(node, Scalar) and node.value is None:
            return None
        fitting = [hint for hint in hints if hint is not type(None) and _fits(hint, node)]
        wanted = fitting or [hint for hint in hints if hint is not type(None)]
        attempts = [self._attempt(hint, node) for hint in wanted]
        value, problems = next((each for each in attempts if not each[1].found), attempts[0])
        self.problems.found.extend(problems.found)
        return value

    def _attempt(self, hint: Any, node: Node) -> tuple[Any, Problems]:
        kept, self.problems = self.problems, Problems()
        try:
            return self.read(hint, node), self.problems
        finally:
            self.problems = kept

    def _literal(self, allowed: Sequence[Any], node: Node) -> Any:
        if isinstance(node, Scalar):
            for value in allowed:
                if value == node.value and type(value) is type(node.value):
                    return value
            hint = nearest(node.text, map(str, allowed))
            self.problems.error(node.place, f"{shown(node)} is not allowed here", hint)
        else:
            choice = f"write one of {listing(map(str, allowed))}"
            self.problems.error(node.place, f"expected one value, not {_kind(node)}", choice)
        return BROKEN

    def _items(self, hint: Any, node: Node) -> Any:
        single = isinstance(node, Table) and not dataclasses.is_dataclass(hint) and hint not in self.special
        if single or (isinstance(node, Scalar) and node.value is None):
            self.problems.error(node.place, f"expected a list, not {_kind(node)}")
            return BROKEN
        nodes = node.items if isinstance(node, Items) else (node,)
        values = [self.read(hint, each) for each in nodes]
        return [value for value in values if value is not BROKEN]

    def _mapping(self, hints: Sequence[Any], node: Node) -> Any:
        if not isinstance(node, Table):
            self.problems.error(node.place, f"expected a mapping, not {_kind(node)}")
            return BROKEN
        self.tables[node.place] = node
        pairs = [(self.read(hints[0], _key(entry)), self.read(hints[1], entry.value)) for entry in node.entries]
        return {key: value for key, value in pairs if key is not BROKEN and value is not BROKEN}

    def _nothing(self, node: Node) -> Any:
        if isinstance(node, Scalar) and node.value is None:
            return None
        self.problems.error(node.place, f"expected nothing, not {_kind(node)}")
        return BROKEN

    def _refuse_unknown(self, keys: Sequence[Key], table: Table) -> None:
        allowed = [key.key for key in keys]
        for entry in table.entries:
            if entry.key not in allowed:
                self.problems.error(entry.place, f'unknown key "{entry.key}"', nearest(entry.key, allowed))


def plain(node: Node) -> Any:
    """Return the node as plain text, numbers, lists and dicts.

    >>> plain(Items(Place("x", 1, 1), (Scalar(Place("x", 1, 2), "1", 1),)))
    [1]
    """
    if isinstance(node, Table):
        return {entry.key: plain(entry.value) for entry in node.entries}
    return [plain(each) for each in node.items] if isinstance(node, Items) else node.value


def _key(entry: Entry) -> Scalar:
    return Scalar(entry.place, entry.key, entry.key, entry.key)


def _kind(node: Node) -> str:
    if isinstance(node, Scalar):
        return shown(node)
    return "a list" if isinstance(node, Items) else "a mapping"


def _fits(hint: Any, node: Node) -> bool:
    origin = get_origin(hint) or hint
    if origin in (tuple, list, Sequence):
        return isinstance(node, Items)
    if origin in (dict, Mapping) or (dataclasses.is_dataclass(hint) and hint not in CONVERTERS):
        return isinstance(node, Table)
    return isinstance(node, Scalar) or not (hint in CONVERTERS or origin is Literal)
