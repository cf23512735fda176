"""What a playbook is about to say, and to whom: every text as it would go out, before anybody agrees to it."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col

from engine import offers
from engine.config.model import Config
from engine.letters import Outside, Writer
from engine.policy.decision import Decision
from engine.policy.gather import Gatherer
from engine.policy.reach import ways
from engine.policy.reasons import Reason
from engine.store.models import Entity, Intent
from outreach.render import TemplateError


@dataclass(frozen=True, slots=True)
class Preview:
    """One text."""

    channel: str
    locale: str
    template: str
    recipient: str
    """Whose message this is; others of the same language get the same, with what is theirs in it."""
    subject: str
    text: str
    html: str
    people: int
    """How many who wait read this language."""
    wrong: str = ""
    """Why there is no text."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A person who waits to be told."""

    person: str
    name: str
    account: str
    locale: str
    since: float


def waiting(session: Session, playbook: str, limit: int) -> list[Waiting]:
    """Return up to `limit` people whom a playbook is about to tell, those who wait longest first."""
    since, account = func.min(Intent.created_at), func.min(Intent.account)
    found = sql_select(col(Intent.recipient), col(Entity.name), account, col(Entity.locale), since)
    rows = session.execute(
        found.join(Entity, col(Entity.id) == Intent.recipient)
        .where(*_waiting(playbook))
        .group_by(col(Intent.recipient), col(Entity.name), col(Entity.locale))
        .order_by(since, col(Intent.recipient))
        .limit(limit)
    )
    return [Waiting(person, name, account or "", locale, since) for person, name, account, locale, since in rows]


def previews(session: Session, config: Config, outside: Outside, playbook: str, now: float) -> list[Preview]:
    """Return every text a playbook is about to send: by template, language, and channel somebody can be reached on.

    Consent, addresses and opt-outs are those of one person who waits, of each language.
    """
    gatherer = Gatherer(config, outside.facts, outside.templates)
    writer = Writer(config, outside, offers.imagined)
    found: dict[tuple[str, str, str], Preview] = {}
    for intent, people in _examples(session, playbook):
        for preview in _texts(session, gatherer, writer, intent, people, now):
            found.setdefault((preview.template, preview.locale, preview.channel), preview)
    return list(found.values())


def _examples(session: Session, playbook: str) -> Iterator[tuple[Intent, int]]:
    """Yield one waiting message of each step and language, with how many there are."""
    grouped = sql_select(func.min(Intent.id), func.count(func.distinct(Intent.recipient))).join(
        Entity, col(Entity.id) == Intent.recipient
    )
    rows = session.execute(grouped.where(*_waiting(playbook)).group_by(col(Intent.step), col(Entity.locale))).all()
    for id_, people in rows:
        intent = session.get(Intent, id_)
        if intent is not None:
            yield intent, people


def _texts(
    session: Session, gatherer: Gatherer, writer: Writer, intent: Intent, people: int, now: float
) -> Iterator[Preview]:
    gathered = gatherer.gather(session, intent, now)
    template = str(intent.payload.get("template", ""))
    locale = gathered.person.locale if gathered.person else ""
    for way in ways(gathered.facts):
        if way.obstacle is not None:
            continue
        chosen = Decision("send", Reason.ALLOWED, None, way.channel, way.address)
        try:
            letter = writer.write(session, intent, gathered, chosen, now)
        except TemplateError as error:
            yield Preview(way.channel, locale, template, intent.recipient, "", "", "", people, str(error))
            continue
        said = letter.columns["payload"]
        told = {"subject": str(said["subject"]), "text": str(said["text"]), "html": letter.html}
        yield Preview(way.channel, str(said["locale"]), template, intent.recipient, people=people, **told)


def _waiting(playbook: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Intent.playbook) == playbook,
        col(Intent.status).in_(("pending", "claimed")),
        col(Intent.kind) == "message",
        col(Intent.occasion) == "opened",
    )
