"""One provider as the dispatcher sees it: how fast it takes messages, and whether it is there."""

from dataclasses import dataclass

from engine.config.model import Per, Sending
from engine.policy.facts import Gate, Outage
from engine.policy.reasons import Reason
from engine.traffic.breaker import Breaker, State
from engine.traffic.bucket import Bucket
from engine.traffic.common import Common
from outreach.base import Outcome, Receipt

THROTTLED = frozenset({"429", "20429", "21611", "30001"})
"""Codes that say: too fast. HTTP's (RFC 6585) and Twilio's, of the account and of a sender's queue
(https://www.twilio.com/docs/api/errors)."""
PAUSE = 5.0
"""Seconds for which a provider is left alone that says too fast, and not for how long."""
_AWAY = frozenset({"408", "421", "500", "502", "503", "504"})
"""Answers that mean the service itself is away: HTTP's, and SMTP's 421 (RFC 5321, 4.2.2)."""


@dataclass(frozen=True, slots=True)
class LaneState:
    """A provider at one moment, to be shown."""

    provider: str
    channels: tuple[str, ...]
    state: str
    """closed: all is well; open: it is left alone; half_open: it is asked whether it is back."""
    since: float | None
    why: str
    paused_until: float | None
    """The provider asked for a pause until then."""
    waiting: int
    """Messages that wait for their turn."""


class Lane:
    """What all channels of one provider share."""

    def __init__(self, name: str, sending: Sending, now: float) -> None:
        self.name = name
        self.channels: list[str] = []
        self.breaker = Breaker(sending)
        self.rate = rate = sending.rate
        self._flow = _flow(rate)
        self.bucket = Bucket(*self._flow, now)
        self.common = Common(f"provider {name}", self.bucket)
        self._limit = f"{rate.count} per {rate.seconds:g} s" if rate else "the provider asked for a pause"

    def adopt(self, before: "Lane", now: float) -> None:
        """Go on from where `before` was, under what is configured now."""
        rule, self.breaker = self.breaker.rule, before.breaker
        self.breaker.rule = rule
        if before.name == self.name:
            self.bucket, self.common = before.bucket, before.common
            self.bucket.refit(*self._flow, now)
        else:  # two that were one provider have a bucket each
            self.bucket.pause(before.bucket.paused_until)

    def outage(self, now: float) -> Outage | None:
        """Return since when, and how long at least, nothing passes; None if something may."""
        until = self.breaker.opens_at(now)
        if self.breaker.since is None or until <= now:
            return None
        patient_until = self.breaker.since + float(self.breaker.rule.fall_back_after)
        if now >= patient_until:
            return Outage(self.name, self.breaker.since, until, lasting=True)
        return Outage(self.name, self.breaker.since, min(until, patient_until))

    def ask(self, key: str, rank: int, now: float) -> Gate | None:
        """Return what keeps a message back; None: `spend`, and it may go."""
        until = self.breaker.opens_at(now)
        if until > now:
            return Gate(Reason.UNREACHABLE, until, f"{self.name}: {self.breaker.why}".strip(": "))
        at = self.bucket.turn(key, now, rank=rank)
        return Gate(Reason.RATE_LIMITED, at, f"{self.name}: {self._limit}.") if at > now else None

    def spend(self, now: float) -> None:
        """Take the room of a message that goes; of a provider that was away it is the probe."""
        self.common.take(now)
        self.breaker.passes(now)

    def told(self, receipt: Receipt, now: float) -> None:
        """Learn from what came of a message."""
        if throttled(receipt):
            self.bucket.pause(now + (receipt.retry_after or PAUSE))
        if away(receipt):
            self.breaker.failed(now, receipt.detail[:200])
        else:
            self.breaker.answered()

    def shown(self, now: float) -> LaneState:
        """Return how it stands."""
        state = self.breaker.state(now)
        paused = self.bucket.paused_until
        return LaneState(
            provider=self.name,
            channels=tuple(self.channels),
            state=state.value,
            since=self.breaker.since,
            why=self.breaker.why if state is not State.CLOSED else "",
            paused_until=paused if paused > now else None,
            waiting=self.bucket.waiting,
        )


def _flow(rate: Per | None) -> tuple[float, float]:
    """Return how much a second, and how much at once."""
    return (rate.count / rate.seconds, rate.count) if rate else (1e9, 1e9)


def throttled(receipt: Receipt) -> bool:
    """Return whether the provider said that it is asked too often: no fault of the message's, and no attempt.

    >>> throttled(Receipt(Outcome.RETRY, code="429")), throttled(Receipt(Outcome.RETRY, code="451"))
    (True, False)
    """
    return receipt.outcome is Outcome.RETRY and (receipt.code in THROTTLED or bool(receipt.retry_after))


def away(receipt: Receipt) -> bool:
    """Return whether the provider could not be reached, or failed itself; not what it said of one message.

    >>> away(Receipt(Outcome.RETRY, code="ConnectionRefusedError")), away(Receipt(Outcome.UNKNOWN, code="TimeoutError"))
    (True, True)
    >>> away(Receipt(Outcome.RETRY, code="451")), away(Receipt(Outcome.PERMANENT, code="550"))
    (False, False)
    """
    if receipt.outcome not in (Outcome.RETRY, Outcome.UNKNOWN) or throttled(receipt):
        return False
    return receipt.code in _AWAY or not receipt.code.isdecimal()
