"""What is sent to a subscriber: a mail to a person, or JSON to a system, signed with the subscriber's own secret."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from engine.config.model import Config
from engine.links import Links
from engine.status import book, feeds, news, subscribers
from engine.status.board import Entry
from engine.status.words import words
from engine.store.models import Intent, Subscriber
from outreach.base import Channel, Message
from outreach.render import Templates

CONFIRM, UPDATE = "status.confirm", "status.update"
"""What the requests are about, after `forewarn.`."""
SHORT, MOST = 500, 12_000
"""Characters of the latest words that a request says, and bytes of all updates beside: it has less than 20 kB."""


def written(
    session: Session, config: Config, links: Links, templates: Templates, channel: Channel, intent: Intent, now: float
) -> Message:
    """Return what an intent says to its subscriber. Raises TemplateError, and LookupError for what is gone."""
    row = subscribers.of_recipient(session, intent.recipient)
    if row is None or config.status is None:
        raise LookupError(f"intent {intent.id} was decided to be sent to nobody")
    said = news.variables(session, config, config.status, links, intent, row, now)
    if channel.address == "url":
        return _to_system(session, config, intent, row, said)
    return _to_person(session, templates, intent, row, row.locale or config.main.locale, said)


def _to_person(
    session: Session, templates: Templates, intent: Intent, row: Subscriber, locale: str, said: Mapping[str, Any]
) -> Message:
    text = templates.render(str(intent.payload["template"]), "email", locale, said)
    return Message(
        id=intent.id,
        to=row.address,
        text=text.text,
        subject=text.subject,
        html=text.html,
        thread=news.thread(session, intent),
        unsubscribe_url="" if intent.step == "confirm" else said["links"]["leave"],
        locale=text.locale,
    )


def _to_system(session: Session, config: Config, intent: Intent, row: Subscriber, said: Mapping[str, Any]) -> Message:
    locale, links = row.locale or config.main.locale, said["links"]
    speak = words(locale)
    entry = subscribers.entry_of(session, intent.issue)
    if entry is None:
        asked = {"secret": row.secret, "links": {"confirm": links["confirm"]}, "expires_at": feeds.time(row.expires_at)}
        subject, text, data = speak["hook_confirm_title"], speak["hook_confirm_more"], asked
    else:
        updates = book.updates(session, [entry.id])[entry.id]
        told = feeds.plain(Entry(entry, updates[: news.SHOWN]), said["page"]["url"])
        data = {"incident": fitting(told), "links": {"choose": links["choose"]}}
        subject, text = f"{entry.title} – {speak[entry.state]}", updates[0].text[:SHORT]
    return Message(
        id=intent.id,
        to=row.address,
        text=text,
        subject=subject,
        unsubscribe_url="" if entry is None else links["leave"],
        data={"page": said["page"], **data},
        locale=locale,
        topic=CONFIRM if entry is None else UPDATE,
        secrets=(row.secret,),
    )


def fitting(incident: Mapping[str, Any]) -> dict[str, Any]:
    """Return an incident with as many of its updates as fit, the latest always, if need be cut short.

    >>> fitting({"incident_updates": [{"body": "a"}, {"body": "b" * MOST}]})
    {'incident_updates': [{'body': 'a'}]}
    """
    latest, *earlier = incident["incident_updates"]
    kept = [{**latest, "body": latest["body"].encode()[:MOST].decode(errors="ignore")}]
    for update in earlier:
        if sum(len(each["body"].encode()) for each in (*kept, update)) > MOST:
            break
        kept.append(update)
    return {**incident, "incident_updates": kept}
