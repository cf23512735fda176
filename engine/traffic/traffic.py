"""Every lane to the outside, to ticket desks too, and the pace: asked before each message leaves, told what came of it.

Its state is kept in memory, and over a reload of the configuration; a new process begins anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace
from sqlmodel import Session

from engine.config.model import SEVERITIES, Config, Sending
from engine.playbooks import CLOSING
from engine.policy.facts import Facts, Gate, Outage
from engine.policy.reasons import Reason
from engine.traffic.bucket import Bucket
from engine.traffic.common import Common, add, totals
from engine.traffic.lane import Lane, LaneState, throttled
from engine.traffic.pace import Pacer
from outreach.base import Channel, Receipt

MOST_ADDRESSES = 10_000
"""Addresses whose spacing is remembered."""


class Asked(NamedTuple):
    """A message that was decided to be sent."""

    intent: str
    channel: str
    address: str
    facts: Facts
    detector: str = ""
    guess: float | None = None
    """The playbook's, of how likely somebody calls."""


@dataclass(frozen=True, slots=True)
class SendingState:
    """How it stands with what leaves, to be shown."""

    providers: tuple[LaneState, ...] = ()
    agents: int | None = None
    """On duty when it was last asked; None: there is no pace."""
    waiting: int = 0
    """Messages that wait for them."""

    @property
    def away(self) -> list[LaneState]:
        """The providers that do not answer, or asked for a pause."""
        return [each for each in self.providers if each.state != "closed" or each.paused_until is not None]


class Traffic:
    """One for each engine; the dispatcher's thread alone asks it, others may look."""

    def __init__(
        self,
        config: Config,
        channels: Mapping[str, Channel],
        now: float,
        before: "Traffic | None" = None,
        *,
        several: bool = False,
    ) -> None:
        """`before`: what was known before a reload; `several`: whether other dispatchers send, too."""
        self._sendings = {name: each.sending for name, each in config.channels.items()}
        self._spacing = {name: each.spacing for name, each in channels.items()}
        self._shared = {name for name, each in channels.items() if each.address != "url"} | set(config.desks)
        self.addresses: dict[tuple[str, str], Bucket] = before.addresses if before else {}
        self.lanes = _lanes(self._sendings, [*channels, *(name for name in config.desks if name not in channels)], now)
        self.pacer = _pacer(config, now, before)
        self.pace = config.policy.pace
        for name, lane in self.lanes.items():
            if before and name in before.lanes:
                lane.adopt(before.lanes[name], now)
        self._rooms = self._limited() if several else []

    def _limited(self) -> list[Common]:
        """Return what of only so much may leave, whoever sends."""
        found = [lane.common for lane in dict.fromkeys(self.lanes.values()) if lane.rate]
        return [*found, self.pacer.common] if self.pacer else found

    def sending(self, channel: str) -> Sending:
        """Return how a channel is sent by."""
        return self._sendings.get(channel, Sending(connections=1))

    def look(self, session: Session, now: float) -> None:
        """See who is on duty, and what other dispatchers took; once for each batch."""
        if self.pacer is not None:
            self.pacer.look(session, now)
        known = totals(session) if self._rooms else {}
        for each in self._rooms:
            each.learn(known.get(each.name, 0.0), now)

    def tell(self, session: Session) -> None:
        """Let other dispatchers know what this one took; once for each batch, in the same transaction."""
        for each in self._rooms:
            add(session, each)

    def outages(self, now: float) -> tuple[Outage, ...]:
        """Return the channels and desks by which nothing passes now."""
        found = [(name, lane.outage(now)) for name, lane in self.lanes.items()]
        return tuple(replace(outage, channel=name) for name, outage in found if outage is not None)

    def ask(self, session: Session, asked: Asked, now: float) -> Gate | None:
        """Return what keeps a message back now; None: it leaves, and takes its room."""
        lane, address = self.lanes.get(asked.channel), self._address(asked, now)
        place = rank(asked.facts)
        gate = lane.ask(asked.intent, place, now) if lane else None
        if gate is None and address is not None and (at := address.turn(asked.intent, now, rank=place)) > now:
            gate = Gate(Reason.RATE_LIMITED, at, f"{asked.channel}: one message to an address at a time.")
        pacer = self.pacer if _paced(asked.facts) else None
        likely = pacer.likely(session, asked.detector, asked.guess, now) if pacer and gate is None else 0.0
        gate = gate or (pacer.ask(asked.intent, likely, asked.facts.issue.severity, now) if pacer else None)
        if gate is None:
            self._spend(lane, address, pacer, likely, now)
        return gate

    def told(self, channel: str, receipt: Receipt, now: float) -> None:
        """Learn from what came of a message."""
        lane = self.lanes.get(channel) if channel in self._shared else None
        if lane is not None:
            lane.told(receipt, now)

    def paused_by(self, channel: str, receipt: Receipt) -> bool:
        """Return whether a receipt says that the provider is asked too often: that is no attempt of the message.

        Where every address is a server of its own (webhooks), what one of them says is said of its own messages only.
        """
        return channel in self._shared and throttled(receipt)

    def state(self, now: float) -> SendingState:
        """Return how every provider stands, and who is on duty."""
        lanes = tuple(lane.shown(now) for lane in dict.fromkeys(self.lanes.values()))
        pacer = self.pacer
        return SendingState(lanes, pacer.agents, pacer.waiting) if pacer else SendingState(lanes)

    def _spend(self, lane: Lane | None, address: Bucket | None, pacer: Pacer | None, likely: float, now: float) -> None:
        for each in (lane, address):
            if each is not None:
                each.spend(now)
        if pacer is not None:
            pacer.spend(likely, now)

    def _address(self, asked: Asked, now: float) -> Bucket | None:
        spacing = self._spacing.get(asked.channel, 0.0)
        if spacing <= 0.0:
            return None
        key = (asked.channel, asked.address)
        while key not in self.addresses and len(self.addresses) >= MOST_ADDRESSES:
            del self.addresses[next(iter(self.addresses))]
        return self.addresses.setdefault(key, Bucket(1.0 / spacing, 1.0, now))


def _lanes(sendings: Mapping[str, Sending], channels: Iterable[str], now: float) -> dict[str, Lane]:
    """Return the lane of each channel and desk; those of one provider are the same object."""
    by_provider: dict[str, Lane] = {}
    lanes: dict[str, Lane] = {}
    for name in channels:
        sending = sendings.get(name, Sending())
        provider = sending.provider or name
        lane = by_provider.get(provider) or Lane(provider, _of_provider(provider, sending, sendings), now)
        by_provider[provider] = lanes[name] = lane
        lane.channels.append(name)
    return lanes


def _of_provider(provider: str, own: Sending, sendings: Mapping[str, Sending]) -> Sending:
    """Return what holds for a provider: of its channels the first that names a rate."""
    named = [each for each in sendings.values() if each.provider == provider and each.rate]
    return named[0] if named else own


def _pacer(config: Config, now: float, before: Traffic | None) -> Pacer | None:
    pace = config.policy.pace
    if pace is None:
        return None
    if before is not None and before.pacer is not None and before.pace == pace:
        return before.pacer
    return Pacer(pace, now)


def rank(facts: Facts) -> int:
    """Return what goes first where room is short: emergencies and closing messages, then by severity."""
    if facts.step.emergency or facts.occasion in CLOSING:
        return len(SEVERITIES)
    return SEVERITIES.index(facts.issue.severity) if facts.issue.severity in SEVERITIES else 0


def _paced(facts: Facts) -> bool:
    """Return whether it makes people call: an opening message that is no emergency."""
    return facts.kind == "message" and facts.occasion == "opened" and not facts.step.emergency
