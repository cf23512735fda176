"""Which channels and ticket desks there are: a file each, found by its name, imported when it is asked for.

Packages of others join through the entry-point groups `forewarn.channels` and `forewarn.desks`.
"""

import difflib
import importlib
import inspect
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TypeVar

from outreach.base import Channel, TicketDesk

HERE = Path(__file__).parent
T = TypeVar("T", Channel, TicketDesk)


def channel_types() -> list[str]:
    """Return the names that `type:` may take in channels.yaml.

    >>> "email" in channel_types()
    True
    """
    return sorted(_found("channels"))


def desk_kinds() -> list[str]:
    """Return the names that `desk:` may take.

    >>> "builtin" in desk_kinds()
    True
    """
    return sorted(_found("tickets"))


def channel_class(type_: str) -> type[Channel]:
    """Return the class of a type; ValueError with the nearest name if there is none.

    >>> channel_class("smss")
    Traceback (most recent call last):
    ValueError: no channel type 'smss'; did you mean 'sms'?
    """
    return _load("channels", type_, Channel, "channel type")  # type: ignore[type-abstract]  # a base to check against


def desk_class(kind: str) -> type[TicketDesk]:
    """Return the class of a ticket desk; ValueError with the nearest name if there is none."""
    return _load("tickets", kind, TicketDesk, "ticket desk")  # type: ignore[type-abstract]  # as above


@cache
def _found(folder: str) -> Mapping[str, str | EntryPoint]:
    own: dict[str, str | EntryPoint] = {
        path.stem: f"outreach.{folder}.{path.stem}"
        for path in (HERE / folder).glob("*.py")
        if not path.stem.startswith("_")
    }
    group = "forewarn.channels" if folder == "channels" else "forewarn.desks"
    return {point.name: point for point in entry_points(group=group)} | own


def _load(folder: str, name: str, base: type[T], what: str) -> type[T]:
    known = _found(folder)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
        raise ValueError(f"no {what} {name!r}; {hint}")
    source = known[name]
    return _class_of(source, base) if isinstance(source, str) else _checked(source.load(), base)


def _class_of(module: str, base: type[T]) -> type[T]:
    members = vars(importlib.import_module(module)).values()
    own = [m for m in members if inspect.isclass(m) and issubclass(m, base) and m.__module__ == module]
    if len(own) != 1:
        raise ValueError(f"{module} must define exactly one {base.__name__}, it defines {len(own)}")
    return own[0]


def _checked(loaded: object, base: type[T]) -> type[T]:
    if inspect.isclass(loaded) and issubclass(loaded, base):
        return loaded
    raise ValueError(f"{loaded!r} is no {base.__name__}")
