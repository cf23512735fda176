"""The inputs of a learned kind by number: what a row's channel means."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from detectors.base import Ints
from detectors.learned.mind import EVENT, LABELS, OUTCOME, SCORE, SIGNAL, TICK

NAMED = ("outcome", "event", "signal", "score")
"""Roles of which there may be several inputs."""
_CODES = {"tick": TICK, "labels": LABELS, "outcome": OUTCOME, "event": EVENT, "signal": SIGNAL, "score": SCORE}


class Channel(NamedTuple):
    """One input.

    Roles: `tick` score the subject now · `labels` value 1: labels are missing from now on, 0: they come again ·
    `outcome` it happened · `event` something happened, value: how often · `signal` a number · `score` another
    detector's score, 0 to 1.
    """

    role: str
    name: str


class Inputs:
    """All channels of a detector.

    >>> inputs = Inputs({"outcome": ["failure"], "event": ["error"], "signal": ["heat"], "score": ["api-errors"]})
    >>> [channel.role for channel in inputs.channels]
    ['tick', 'labels', 'outcome', 'event', 'signal', 'score']
    >>> inputs.types, inputs.numbers
    (['failure', 'error'], ['heat', 'api-errors'])
    """

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        """Take the names by role; raises ValueError for a role that is none and for names that are not unique."""
        if unknown := sorted(set(names) - set(NAMED)):
            raise ValueError(f"no role {unknown[0]!r}: there are {', '.join(NAMED)}")
        self.types = [*names.get("outcome", ()), *names.get("event", ())]
        """Names of the event types, as the features number them."""
        self.numbers = [*names.get("signal", ()), *names.get("score", ())]
        """Names of the numeric inputs, likewise."""
        twice = {name for name in self.types + self.numbers if (self.types + self.numbers).count(name) > 1}
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))}: every outcome, event, signal and score needs its own name")
        self.channels = (
            Channel("tick", ""),
            Channel("labels", ""),
            *(Channel(role, name) for role in NAMED for name in names.get(role, ())),
        )
        self.roles: Ints = np.array([_CODES[channel.role] for channel in self.channels], np.int32)
        self.places: Ints = np.array([self._place(channel) for channel in self.channels], np.int32)

    def _place(self, channel: Channel) -> int:
        names = self.types if channel.role in ("outcome", "event") else self.numbers
        return names.index(channel.name) if channel.name else 0

    def number(self, role: str, name: str = "") -> int:
        """Return the number of a channel; raises ValueError if there is none."""
        return self.channels.index(Channel(role, name))
