"""Which event types are known, and what is read of each: made from what the detectors watch."""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, cast

import msgspec
from msgspec import Meta, Struct

from engine.errors import ConfigError
from engine.events.reserved import PREFIX, RESERVED, Address, Control, data_struct
from engine.expressions import Kind

OWN = ("time", "subject")
"""Field names that stand for the event's own time and subject, not for keys of `data`."""
MAX_NESTING = 16
_TYPES: dict[Kind, Any] = {
    Kind.NUMBER: float | None,
    Kind.TEXT: str | None,
    Kind.TRUTH: bool | None,
    Kind.ANY: int | float | str | bool | None,
}
_NAME = Annotated[str, Meta(min_length=1)]
_ENVELOPE: list[tuple[str, Any] | tuple[str, Any, Any]] = [
    ("specversion", Literal["1.0"] | None, None),
    ("id", _NAME),
    ("source", _NAME),
    ("time", str | None, None),
    ("subject", _NAME),
    ("datacontenttype", str | None, None),
]
# CloudEvents allows binary data; an event here is what can be read. A type that no value has refuses the key itself.
_BASE64 = ("data_base64", Literal["not taken"] | None, None)


class Path(NamedTuple):
    """Where in a decoded `data` a field stands."""

    field: str
    attributes: tuple[str, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class EventType:
    """One known type."""

    name: str
    wire: type[Struct]
    """What its JSON is decoded to."""
    paths: tuple[Path, ...] = ()
    own: tuple[str, ...] = ()
    """Which of `OWN` are watched."""
    control: type[Control] | None = None
    """What a reserved event becomes."""
    alone: type[Struct] | None = None
    """What its JSON is decoded to where all lines are of this type: the same, but quicker as no other is looked for."""

    def keys(self) -> list[str]:
        """Return the keys that its `data` may have, if it may have no others."""
        if self.control is None:
            return []
        data = {field.name: field.type for field in msgspec.structs.fields(self.wire)}["data"]
        return [field.encode_name for part in (data, Address) for field in msgspec.structs.fields(part)]


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything a decoder has to know. Reserved types are always in it."""

    types: Mapping[str, EventType]
    globs: tuple[str, ...]
    _known: re.Pattern[str] | None

    @classmethod
    def build(cls, watched: Mapping[str, Mapping[str, Kind]], known: Sequence[str] = ()) -> "Schema":
        """Make the schema of watched types and their fields, by dotted name, and of types `known` by name or glob.

        Raises ConfigError if a field's name cannot be read from JSON, e.g. as both a value and an object.

        >>> schema = Schema.build({"api.request": {"http.status": Kind.NUMBER}}, ["app.*"])
        >>> schema.admits("app.opened"), schema.admits("apparel.sold")
        (True, False)
        """
        names = {name: watched.get(name, {}) for name in (*watched, *filter(_is_plain, known))}
        types = {event.type: _reserved(event) for event in RESERVED}
        if taken := sorted(types.keys() & watched.keys()):
            raise ConfigError(f"{taken[0]} is the engine's own and cannot be watched", remedy="watch another event")
        types |= {name: event_type(name, fields) for name, fields in names.items() if name not in types}
        globs = tuple(name for name in known if not _is_plain(name))
        pattern = "|".join(map(fnmatch.translate, globs))
        return cls(types, globs, re.compile(pattern) if pattern else None)

    def admits(self, name: str) -> bool:
        """Tell whether events of type `name` are taken."""
        if name in self.types or name.startswith(PREFIX):
            return name in self.types
        return self._known is not None and name.isprintable() and self._known.match(name) is not None


def _is_plain(name: str) -> bool:
    return not set(name) & set("*?[")


@cache
def _reserved(event: type[Control]) -> EventType:
    return EventType(event.type, _wire(event.type, data_struct(event)), control=event)


def event_type(name: str, fields: Mapping[str, Kind] | None = None) -> EventType:
    """Return the type `name` with the given fields of `data`. Raises ConfigError."""
    wanted = dict(fields or {})
    own = tuple(field for field in OWN if wanted.pop(field, None))
    tree: _Tree = {}
    try:
        for field, kind in wanted.items():
            _plant(tree, field, kind)
        data, paths = _data(tree)
        return EventType(name, _wire(name, data), tuple(paths), own, alone=_alone(name, data))
    except ValueError as error:
        raise ConfigError(str(error), place=f"event {name}", remedy="choose other field names") from None


_Tree = dict[str, "Kind | _Tree"]


def _plant(tree: _Tree, field: str, kind: Kind) -> None:
    *outer, last = field.split(".")
    if len(outer) > MAX_NESTING:
        raise ValueError(f"field {field!r:.200} is nested more than {MAX_NESTING} deep")
    for key in outer:
        tree = _branch(tree, key)
    if tree.setdefault(last, kind) is not kind:
        raise ValueError(f"{last!r} is used both as a value and as an object")


def _branch(tree: _Tree, key: str) -> _Tree:
    match tree.setdefault(key, {}):
        case Kind():
            raise ValueError(f"{key!r} is used both as a value and as an object")
        case branch:
            return branch


def _data(tree: _Tree) -> tuple[type[Struct], list[Path]]:
    """Return the struct that holds a tree of fields, and the way to each of them."""
    fields: list[tuple[str, Any, Any]] = []
    paths: list[Path] = []
    for number, (key, branch) in enumerate(tree.items()):
        name = f"f{number}"
        if isinstance(branch, Kind):
            fields.append((name, _TYPES[branch], None))
            paths.append(Path(key, (name,), branch))
        else:
            inner, within = _data(branch)
            fields.append((name, cast(Any, inner) | None, None))
            paths += [Path(f"{key}.{path.field}", (name, *path.attributes), path.kind) for path in within]
    renamed = {f"f{number}": key for number, key in enumerate(tree)}
    return msgspec.defstruct("Data", fields, frozen=True, gc=False, rename=renamed), paths


def _wire(name: str, data: type[Struct]) -> type[Struct]:
    return msgspec.defstruct(
        "Event", _attributes(data), tag_field="type", tag=name, kw_only=True, gc=False, frozen=True
    )


def _alone(name: str, data: type[Struct]) -> type[Struct]:
    # Not a tag: msgspec lets an object without one pass where there is but one struct it can be.
    fields = [*_attributes(data), ("type", Literal[name])]
    return msgspec.defstruct("Event", fields, kw_only=True, gc=False, frozen=True)


def _attributes(data: type[Struct]) -> list[tuple[str, Any] | tuple[str, Any, Any]]:
    required = any(field.required for field in msgspec.structs.fields(data))
    inner = ("data", data) if required else ("data", data, msgspec.field(default_factory=data))
    return [*_ENVELOPE, inner, _BASE64]
