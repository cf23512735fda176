"""What operators and agents do, as events in the log: a replay does it again, and the history says who it was."""

from collections.abc import Mapping
from typing import Any

from engine.errors import Permanent
from engine.events import make_event
from engine.ids import derive
from engine.policy import stops
from engine.store.models import Issue, Stop
from engine.web.problems import Refused
from engine.web.queries import need
from engine.web.services import Services

SOURCE = "forewarn/web"
ON_ISSUES = ("acknowledge", "resolve", "dismiss", "note")


def on_issue(services: Services, what: str, issue: str, who: str, note: str) -> str:
    """Do one of `ON_ISSUES` to an issue; returns the event's id. Raises Refused (404) if there is none."""
    with services.database.reading() as session:
        subject = need(session, Issue, issue, "issue").subject
    return act(services, subject, {"what": what, "issue": issue, "who": who, "note": note})


def act(services: Services, subject: str, data: Mapping[str, object]) -> str:
    """Write a `forewarn.action` event; returns its id."""
    now = services.clock.time()
    publish(services, action(subject, data, now))
    return _key(subject, data, now)


def action(subject: str, data: Mapping[str, object], now: float) -> bytes:
    """Return a `forewarn.action` event."""
    return make_event("forewarn.action", subject, data, id=_key(subject, data, now), source=SOURCE, time=now)


def _key(subject: str, data: Mapping[str, object], now: float) -> str:
    return derive("act", subject, sorted(data.items()), repr(now))


def publish(services: Services, *events: bytes, origin: str = "web") -> None:
    """Write events of our own making; on return they are durable.

    Raises Refused (422) if the intake finds fault with one, and Retryable if they cannot be written now.
    """
    done = services.intake.accept(b"\n".join(events), origin)
    if done.rejects:
        first = done.rejects[0]
        raise Refused(422, f"{first.reason}: {first.detail}; it is a dead letter")


def consent(subject: str, key: str, source: str, data: Mapping[str, Any], time: float) -> bytes:
    """Return a `forewarn.consent` event."""
    return make_event("forewarn.consent", subject, data, id=key, source=source, time=time)


def stop(services: Services, scope: str, name: str, who: str, why: str) -> Stop:
    """Throw a kill switch, at once. Raises Refused (422) for one that makes no sense."""
    try:
        with services.database.transaction() as session:
            return stops.throw(session, scope, name, who, why, services.clock.time())
    except Permanent as error:
        raise Refused(422, str(error)) from error


def go_on(services: Services, id_: str, who: str) -> Stop:
    """Take a kill switch back. Raises Refused (404) if none such is on."""
    try:
        with services.database.transaction() as session:
            return stops.take_back(session, id_, who, services.clock.time())
    except Permanent as error:
        raise Refused(404, str(error)) from error
