"""Who objects to being judged by what is known of them: for good, whatever models come later or come back."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import ConsentEvent


class Objectors:
    """Subjects that objected."""

    def __init__(self) -> None:
        self._subjects: set[str] = set()

    def __contains__(self, subject: str) -> bool:
        """Return whether `subject` objected."""
        return subject in self._subjects

    def apply(self, event: ConsentEvent) -> bool:
        """Take note of an objection; returns whether it is one."""
        if event.state == "objected":
            self._subjects.add(event.subject)
        return event.state == "objected"

    def erase(self, subject: str) -> None:
        """Know nothing of `subject` any more, not even that."""
        self._subjects.discard(subject)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what is remembered."""
        return {"subjects": np.frombuffer(json.dumps(sorted(self._subjects)).encode(), np.uint8)}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take a state over."""
        self._subjects = set(json.loads(state["subjects"].tobytes())) if state else set()
