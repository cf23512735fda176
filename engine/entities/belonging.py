"""Who belongs to whom, in memory: from a device's signal to the account it is of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from engine.events import EntityEvent

ACCOUNT, CONTACT, ASSET = "account", "contact", "asset"


def kind_of(subject: str) -> str:
    """Return what `subject` is by its prefix: account, contact, or else an asset.

    >>> kind_of("account/acme"), kind_of("contact/jane"), kind_of("device/d-17")
    ('account', 'contact', 'asset')
    """
    prefix = subject.partition("/")[0]
    return prefix if prefix in {ACCOUNT, CONTACT} else ASSET


class Entities:
    """In memory: the parent of every asset and contact. The newest word on each counts, in whatever order they come.

    >>> entities = Entities()
    >>> entities.load({"entities": np.frombuffer(b'{"device/d-17": ["account/acme", 0.0]}', np.uint8)})
    >>> entities.owner("device/d-17")
    'account/acme'
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str | None, float]] = {}
        self._owners: dict[str, str | None] = {}

    def owner(self, subject: str) -> str | None:
        """Return the account `subject` belongs to, itself if it is one; None if that is not known."""
        if subject not in self._owners:
            self._owners[subject] = self._walk(subject)
        return self._owners[subject]

    def apply(self, event: "EntityEvent") -> bool:
        """Take over an event unless a newer one was; return whether it changed who belongs to whom."""
        parent, at = self._known.get(event.subject, (None, float("-inf")))
        if event.time < at:
            return False
        new = None if event.deleted else event.parent or None
        self._known[event.subject] = (new, event.time)
        if new == parent:
            return False
        self._owners.clear()
        return True

    def erase(self, subject: str) -> None:
        """Know nothing of `subject` any more."""
        if self._known.pop(subject, None) is not None:
            self._owners.clear()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that is known as one array of bytes, the same bytes for the same knowledge."""
        return {"entities": np.frombuffer(msgspec.json.encode(self._known, order="deterministic"), np.uint8)}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned."""
        known = msgspec.json.decode(state["entities"].tobytes(), type=dict[str, tuple[str | None, float]])
        self._known, self._owners = known, {}

    def _walk(self, subject: str) -> str | None:
        seen: set[str] = set()
        at: str | None = subject
        while at is not None and at not in seen:
            if kind_of(at) == ACCOUNT:
                return at
            seen.add(at)
            at = self._known.get(at, (None, 0.0))[0]
        return None
