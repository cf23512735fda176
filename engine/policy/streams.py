"""The health of a stream, what goes by one channel for one purpose: complaints and dead addresses among its sends (C9).

Counted by the hour of sending, so that a complaint is set against the mails it came of, however late it comes. A
stream is judged by its latest sends. One that is halted waits behind a stop that a person takes back; what was sent
before that is then forgiven, and it is judged by what is sent since.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete
from sqlmodel import Session, col, select

from engine.config.model import StreamLimits, Threshold
from engine.policy import stops
from engine.store.database import increase
from engine.store.models import Intent, Stop, StreamHour

HOUR = 3600.0
MEMORY = 30 * 24
"""Hours that a stream is judged by at most."""
FEWEST = 3
"""Complaints, or dead addresses, that halt a stream at least: two may be chance, whatever their share."""
WHO = "forewarn"
State = Literal["healthy", "warned", "halted"]


@dataclass(frozen=True, slots=True)
class Stream:
    """What became of the latest sends of a stream."""

    name: str
    """`email/service`: a channel's name and a purpose."""
    sent: int
    bounced: int
    complained: int
    state: State = "healthy"
    why: str = ""
    """One sentence with the figures, where it is not healthy."""


def name_of(channel: str, purpose: str) -> str:
    """Return a stream's name.

    >>> name_of("email", "marketing")
    'email/marketing'
    """
    return f"{channel}/{purpose}"


def count(session: Session, intents: Iterable[Intent], **each: int) -> None:
    """Add `each` (sent, bounced, complained) for every message to its stream, in the hour it was sent.

    Tickets and escalations belong to none.
    """
    messages = Counter(_bucket(intent) for intent in intents if intent.kind == "message" and intent.channel)
    for (channel, purpose, hour), number in messages.items():
        key = {"channel": channel, "purpose": purpose, "hour": hour}
        counts = {name: number * each.get(name, 0) for name in ("sent", "bounced", "complained")}
        increase(session, StreamHour, key | counts, tuple(key))


def _bucket(intent: Intent) -> tuple[str, str, int]:
    at = intent.sent_at or intent.claimed_at or intent.created_at
    return intent.channel, str(intent.payload.get("purpose", "service")), int(at // HOUR)


def streams(session: Session, limits: StreamLimits, now: float) -> list[Stream]:
    """Return every stream that something was sent on lately, and how it stands by `limits`."""
    since = int(now // HOUR) - MEMORY
    found = select(StreamHour).where(col(StreamHour.hour) >= since)
    rows = session.exec(found.order_by(col(StreamHour.hour).desc())).all()
    by_name: dict[str, list[StreamHour]] = {}
    for row in rows:
        by_name.setdefault(name_of(row.channel, row.purpose), []).append(row)
    return [
        judged(_sum(name, list(_counted(session, name, by_name[name])), limits), limits) for name in sorted(by_name)
    ]


def judged(stream: Stream, limits: StreamLimits) -> Stream:
    """Return a stream with what its figures mean.

    >>> judged(Stream("email/service", 3, 0, 1), StreamLimits()).state
    'healthy'
    >>> judged(Stream("email/service", 1000, 0, 3), StreamLimits()).why
    '3 of the last 1,000 sends of email/service brought complaints: 0.30 %, halted at 0.30 %'
    """
    if stream.sent < limits.least:
        return stream
    looks = (
        ("brought complaints", stream.complained, limits.complaints),
        ("met dead addresses", stream.bounced, limits.bounces),
    )
    judgements = [(what, number, limit, _state(number / stream.sent, number, limit)) for what, number, limit in looks]
    what, number, limit, state = max(judgements, key=lambda each: ("healthy", "warned", "halted").index(each[3]))
    if state == "healthy":
        return stream
    at = limit.halt if state == "halted" else limit.warn
    share = f"{number / stream.sent:.2%}, {state} at {at:.2%}".replace("%", " %")
    why = f"{number:,} of the last {stream.sent:,} sends of {stream.name} {what}: {share}"
    return Stream(stream.name, stream.sent, stream.bounced, stream.complained, state, why)


def unhealthy(session: Session, limits: StreamLimits, now: float) -> list[Stream]:
    """Return the streams that have too many complaints or dead addresses."""
    return [stream for stream in streams(session, limits, now) if stream.state != "healthy"]


def halt(session: Session, limits: StreamLimits, now: float) -> list[Stream]:
    """Throw a stop for each stream that is to be halted and runs; returns all that are not healthy."""
    on = {stop.name for stop in stops.halts(session) if stop.scope == "stream"}
    found = unhealthy(session, limits, now)
    for stream in found:
        if stream.state == "halted" and stream.name not in on:
            stops.throw(session, "stream", stream.name, WHO, stream.why, now)
    return found


def trim(session: Session, now: float) -> None:
    """Forget hours that no stream is judged by any more."""
    session.execute(delete(StreamHour).where(col(StreamHour.hour) < int(now // HOUR) - 2 * MEMORY))


def _state(share: float, number: int, limit: Threshold) -> State:
    if share >= limit.halt and number >= FEWEST:
        return "halted"
    return "warned" if share >= limit.warn and number else "healthy"


def _counted(session: Session, name: str, rows: Sequence[StreamHour]) -> Iterator[StreamHour]:
    """Yield the hours, the latest first, since the stream was last let go on."""
    ended = select(Stop.ended_at).where(Stop.scope == "stream", Stop.name == name, col(Stop.ended_at).is_not(None))
    latest = max((at for at in session.exec(ended).all() if at is not None), default=0.0)
    yield from (row for row in rows if row.hour * HOUR >= latest)


def _sum(name: str, rows: Sequence[StreamHour], limits: StreamLimits) -> Stream:
    sent = bounced = complained = 0
    for row in rows:
        if sent >= limits.window:
            break
        sent, bounced, complained = sent + row.sent, bounced + row.bounced, complained + row.complained
    return Stream(name, sent, bounced, complained)
