"""Channels, desks, and whom an escalation goes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from detectors.durations import Duration
from engine.config.model.places import NOWHERE, Per, Place


@dataclass(frozen=True, slots=True)
class Sending:
    """How a channel is sent by: those keys of an entry of `channels.yaml` that are the engine's."""

    provider: str = ""
    """Channels that name the same one share its rate, its breaker and its pauses; empty: the channel for itself."""
    rate: Per | None = None
    """`10 per 1s`: what the provider takes."""
    connections: int = 4
    """How many messages are sent at the same time."""
    batch: int = 64
    """How many are written down as leaving at once: so many outcomes, at most, a crash leaves unknown."""
    breaker: Per = Per(5, 60.0, False)
    """So many failures of the provider in a row within so long, and it is left alone for a while."""
    cool_down: Duration = Duration(30.0)
    """For how long at first; twice as long after each probe that fails, up to a quarter of an hour."""
    fall_back_after: Duration = Duration(300.0)
    """When it has been away for so long, messages go by the next channel of their step."""


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """An entry of `channels.yaml`: a name, a `type` and what that type's constructor takes."""

    name: str
    type: str
    params: Mapping[str, Any]
    """Read against the constructor; secrets already resolved."""
    place: Place = NOWHERE
    sending: Sending = Sending()


BUILTIN = "builtin"
"""The name of the desk that is always there."""


@dataclass(frozen=True, slots=True)
class DeskConfig(ChannelConfig):
    """An entry of `desks.yaml`: a ticket desk, written as a channel is, with keys of its own."""

    poll: Duration = Duration(60.0)
    """How often it is asked what became of our tickets; `never` or 0: only what its webhook tells is known."""
    on_end: Literal["note", "solve"] = "note"
    """What happens to an open ticket when its issue ends: a note says so, or it is solved too."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is told when nobody acts: a channel of `channels.yaml` and an address on it."""

    channel: str
    address: str
