"""What people answer: an opt-out, its end, or words for a person. Everything becomes an event."""

from collections.abc import Iterator, Mapping
from typing import Literal

from sqlmodel import Session

from engine.events import make_event
from engine.web.actions import consent, publish
from engine.web.correspondents import Correspondent, correspondents, sent_as
from engine.web.services import Services
from engine.web.words import words
from outreach.base import Draft
from outreach.inbound import CalledBack, Replied
from outreach.optout import opt_out

START = frozenset({"start", "unstop", "yes"})
QUEUE = "default"

Meaning = Literal["stop", "start", "unclear", "other"]


def answered(services: Services, name: str, channel: CalledBack, told: Replied) -> str:
    """Take what a person wrote; return what is said back at once, or nothing."""
    meant = meaning(told)
    with services.database.reading() as session:
        people = correspondents(session, told.sender)
        if meant == "start" and not _vouched(session, told):
            meant = "other"
    publish(services, *_events(services, name, channel, told, meant, people))
    if meant == "unclear":
        services.tickets.add(_to_be_read(told, people))
    return _confirmation(told, meant, people[0].locale or services.config().main.locale)


def meaning(told: Replied) -> Meaning:
    """Return what an answer asks for.

    >>> [meaning(Replied("SM1", "+1555", text)) for text in ("Stop.", "START", "wrong number", "Hi")]
    ['stop', 'start', 'unclear', 'other']
    """
    if told.understood:
        return told.understood
    if told.text.strip().strip(".!").casefold() in START:
        return "start"
    return opt_out(told.text) or "other"


def _vouched(session: Session, told: Replied) -> bool:
    """Return whether the sender is who they say: who writes From in a mail may lie, but knows no mail that others got.

    An opt-out is taken from anyone; its end is not.
    """
    if "@" not in told.sender:
        return True
    intent = sent_as(session, told.thread) if told.thread else None
    return intent is not None and intent.address.lower() == told.sender.lower()


def _events(
    services: Services, name: str, channel: CalledBack, told: Replied, meant: Meaning, people: list[Correspondent]
) -> Iterator[bytes]:
    now, source = services.clock.time(), f"{channel.vendor}/{name}"
    for person in people:
        key = f"{told.provider_id}:{person.id}"
        if meant != "other":
            data = {"address": person.address, "channel": channel.kind, "source": source, "wording": told.text}
            yield consent(person.id, key, source, {**data, **_CONSENT[meant]}, now)
        if meant in ("other", "unclear"):
            said = {"channel": channel.kind, "text": told.text, "address": person.address, "issue": person.issue}
            yield make_event("forewarn.contact", person.id, said, id=key, source=source, time=now)


_CONSENT: Mapping[Meaning, Mapping[str, str]] = {
    "stop": {"state": "withdrawn", "purpose": "*"},
    "unclear": {"state": "suspended", "purpose": "*"},
    "start": {"state": "granted", "purpose": "service"},
}


def _to_be_read(told: Replied, people: list[Correspondent]) -> Draft:
    """Return a ticket: somebody has to read what may be an opt-out (C2)."""
    who = ", ".join(person.id for person in people)
    return Draft(
        id=f"opt-out:{told.provider_id}",
        queue=QUEUE,
        subject=f"May be an opt-out: {who}",
        body=f"{told.sender} wrote:\n\n{told.text}\n\nNothing is sent to {who} until this is clear.",
        severity="medium",
        account=people[0].account,
        tags=("forewarn", "opt-out"),
        evidence={"issue": people[0].issue},
        next_step="Read it; then record the consent as withdrawn or granted, and resolve this ticket.",
    )


def _confirmation(told: Replied, meant: Meaning, locale: str) -> str:
    """Return one confirmation of an opt-out that the provider does not confirm itself (C3), else nothing."""
    return words(locale)["stopped_sms"] if meant == "stop" and not told.understood else ""
