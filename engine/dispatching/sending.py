"""Sending a batch: each channel by several connections at once, and each at its own speed."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from engine.clock import Clock
from engine.config.model import Sending
from engine.policy.facts import Facts
from engine.store.models import Intent
from outreach.base import Receipt

ROUND = 1.0
"""Seconds that the sending of one batch is meant to take at most: a slow channel gets fewer messages of it."""
_MEMORY = 0.3
"""How much of a channel's measured speed is what it was last time."""


class Companion(NamedTuple):
    """Something told with another."""

    intent: Intent
    facts: Facts


@dataclass(frozen=True, slots=True)
class Leaving:
    """Something written down as leaving, and how to send it."""

    intent: Intent
    send: Callable[[], Receipt]
    facts: Facts
    """What it was decided from."""
    along: tuple[Companion, ...] = ()
    """The others that are told with it: what becomes of it becomes of them."""

    @property
    def intents(self) -> list[Intent]:
        """All that it tells of, the one the message is named after first."""
        return [self.intent, *(each.intent for each in self.along)]

    @property
    def ids(self) -> frozenset[str]:
        """Of all that it tells of."""
        return frozenset(each.id for each in self.intents)


@dataclass(frozen=True, slots=True)
class Back:
    """Something that left, and what was said; None: the channel broke, which is a mistake of ours."""

    leaving: Leaving
    receipt: Receipt | None


class Sender:
    """Sends batches. A channel that raises breaks only its own message: `broken` keeps the error."""

    def __init__(self, sending: Callable[[str], Sending], clock: Clock, *, concurrent: bool) -> None:
        self._sending = sending
        self._clock = clock
        self._concurrent = concurrent
        self._took: dict[str, float] = {}
        self.broken: Exception | None = None

    def share(self, channel: str) -> int:
        """Return how many messages of one batch may go by a channel."""
        sending = self._sending(channel)
        took = self._took.get(channel, 0.0)
        fast_enough = int(ROUND / took) * sending.connections if took > 0.0 else sending.batch
        return max(1, min(sending.batch, max(fast_enough, sending.connections)))

    def slow(self, channel: str) -> bool:
        """Return whether its share is that small because it is slow."""
        return self.share(channel) < self._sending(channel).batch

    def send(self, leaving: Sequence[Leaving]) -> list[Back]:
        """Send all; returns when the last one is done, in the order of `leaving` for each channel."""
        queues = self._queues(leaving)
        if len(queues) == 1 or not self._concurrent:
            return [self._one(each) for each in chain(*queues)]
        with ThreadPoolExecutor(len(queues), thread_name_prefix="send") as pool:
            return list(chain(*pool.map(lambda queue: [self._one(each) for each in queue], queues)))

    def _queues(self, leaving: Sequence[Leaving]) -> list[list[Leaving]]:
        """Return what each connection sends."""
        by_channel: Mapping[str, list[Leaving]] = defaultdict(list)
        for each in leaving:
            by_channel[each.intent.channel].append(each)
        return [queue for channel, all_ in by_channel.items() for queue in self._dealt(channel, all_)]

    def _dealt(self, channel: str, leaving: Sequence[Leaving]) -> list[list[Leaving]]:
        connections = min(self._sending(channel).connections, len(leaving))
        return [list(leaving[start::connections]) for start in range(connections)]

    def _one(self, leaving: Leaving) -> Back:
        began = self._clock.time()
        try:
            receipt = leaving.send()
        except Exception as error:  # noqa: BLE001 -- told by the dispatcher, once the rest of the batch is written down
            self.broken = error
            return Back(leaving, None)
        took = self._clock.time() - began
        channel = leaving.intent.channel
        self._took[channel] = _MEMORY * self._took.get(channel, took) + (1.0 - _MEMORY) * took
        return Back(leaving, receipt)
