"""What the models may know of an account or an asset: the attributes that detectors name, as they stand in the log."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from engine.store.models import Entity

if TYPE_CHECKING:
    from engine.events import EntityEvent

Scalar = str | int | float | bool | None
PERSON = "contact"
BESIDE = ("country", "region", "locale")
"""What an entity has beside its attributes, and can be named like one."""


class Attributes:
    """In memory: of every subject, the attributes that are wanted. The newest word counts, in whatever order they come.

    >>> attributes = Attributes(["plan"])
    >>> attributes.load({"known": np.frombuffer(b'{"account/acme": [{"plan": "pro"}, 0.0]}', np.uint8)})
    False
    >>> attributes.of("account/acme"), attributes.of("account/b")
    ({'plan': 'pro'}, {})
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        self.wanted = frozenset(wanted)
        self._known: dict[str, tuple[dict[str, Scalar], float]] = {}

    def apply(self, event: "EntityEvent") -> bool:
        """Take over an event unless a newer one was; return whether anything wanted is another now."""
        before, at = self._known.get(event.subject, ({}, float("-inf")))
        if not self.wanted or event.time < at or event.subject.startswith(f"{PERSON}/"):
            return False
        now = {} if event.deleted else self._only({**_beside(event), **event.attributes})
        self._known[event.subject] = (now, event.time)
        return now != before

    def erase(self, subject: str) -> None:
        """Know nothing of `subject` any more."""
        self._known.pop(subject, None)

    def of(self, subject: str) -> Mapping[str, Scalar]:
        """Return what is known of `subject`."""
        return self._known.get(subject, ({}, 0.0))[0]

    def all(self) -> Iterable[tuple[str, Mapping[str, Scalar]]]:
        """Return every subject of which something is known, with that."""
        return ((subject, values) for subject, (values, _) in self._known.items())

    def fill(self, session: Session) -> None:
        """Take over what the database has, where a name is wanted that was not when the events came."""
        if not self.wanted:
            return
        for entity in session.exec(select(Entity).where(Entity.kind != PERSON, col(Entity.deleted).is_(False))):
            self._known[entity.id] = (self._only({**_beside(entity), **entity.attributes}), entity.updated_at)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that is known, the same bytes for the same knowledge."""
        return {"known": _bytes(self._known), "wanted": _bytes(sorted(self.wanted))}

    def load(self, state: Mapping[str, NDArray[Any]]) -> bool:
        """Take over what `state` returned; return whether all that is wanted was wanted then."""
        known = msgspec.json.decode(_text(state, b"{}", "known"), type=dict[str, tuple[dict[str, Scalar], float]])
        before = msgspec.json.decode(_text(state, b"[]", "wanted"), type=list[str])
        self._known = {subject: (self._only(values), at) for subject, (values, at) in known.items()}
        return self.wanted <= set(before)

    def _only(self, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
        return {name: values[name] for name in sorted(self.wanted & values.keys())}


def _beside(entity: "EntityEvent | Entity") -> dict[str, Scalar]:
    return {name: value for name in BESIDE if (value := getattr(entity, name))}


def _bytes(value: object) -> NDArray[np.uint8]:
    return np.frombuffer(msgspec.json.encode(value, order="deterministic"), np.uint8)


def _text(state: Mapping[str, NDArray[Any]], default: bytes, name: str) -> bytes:
    return state[name].tobytes() if name in state else default
