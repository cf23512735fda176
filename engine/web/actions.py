"""What operators and agents do, as events in the log: a replay does it again, and the history says who it was."""

from collections.abc import Mapping
from typing import Any

from engine.events import make_event
from engine.ids import derive
from engine.store.models import Issue
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
    key = derive("act", subject, sorted(data.items()), repr(now))
    publish(services, make_event("forewarn.action", subject, data, id=key, source=SOURCE, time=now))
    return key


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
