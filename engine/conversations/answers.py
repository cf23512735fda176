"""What is said to an answer: a template below `templates/_replies`, in the person's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlmodel import Session, or_, select

from engine.config.model import Config
from engine.conversations.people import Correspondent
from engine.links import LIFETIME, Claims, Links
from engine.policy.consent import ALLOWED, Entry, Standing, Use, standing
from engine.store import digests
from engine.store.models import Consent, Entity, Intent
from outreach.render import TemplateError, Templates

log = structlog.get_logger()
FOLDER = "_replies"
SHORT = ("sms", "whatsapp", "voice")
"""Kinds of channels on which few words are said, and no links: they say what the text message says."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Finds the words, under one configuration."""

    config: Config
    templates: Templates
    links: Links

    def words(self, session: Session, name: str, kind: str, person: Correspondent, number: str, now: float) -> str:
        """Return the answer `name` on a kind of channel; empty where nobody wrote one."""
        template = f"{FOLDER}/{name}"
        form = "sms" if kind in SHORT else "email"
        if not self.templates.has(template, form):
            return ""
        variables = self._variables(session, person, number, now)
        try:
            said = self.templates.render(template, form, self.locale(person), variables)
        except TemplateError as error:
            log.warning("answer failed", template=template, error=str(error))
            return ""
        return said.text.strip()

    def locale(self, person: Correspondent) -> str:
        """Return the language a person is spoken to in."""
        return person.locale or self.config.main.locale

    def allowed(self, session: Session, person: Correspondent, kind: str) -> bool:
        """Return whether the ledger allows us to write to them there: an answer is a message like any other (C1)."""
        return self.standing(session, person, kind) in ALLOWED

    def standing(self, session: Session, person: Correspondent, kind: str) -> Standing:
        """Return how it stands with service messages to them on a kind of channel."""
        covers = or_(Consent.entity == person.id, Consent.address == person.address)
        rows = session.exec(select(Consent).where(covers)).all()
        policy = self.config.policy
        use = Use(person.address, kind, "service")
        return standing([Entry.of(row) for row in rows], use, policy.revocation_scope, policy.consent)

    def _variables(self, session: Session, person: Correspondent, number: str, now: float) -> Mapping[str, Any]:
        entity, account = session.get(Entity, person.id), session.get(Entity, person.account)
        sender = self.config.main.sender
        return {
            "now": now,
            "sender": {
                "company": sender.company,
                "help_url": sender.help_url,
                "postal_address": sender.postal_address,
            },
            "customer": {
                "account": person.account,
                "name": (account.name if account else "") or person.account.partition("/")[2],
                "locale": self.locale(person),
                "zone": (account.zone if account else "") or "UTC",
            },
            "person": {"name": entity.name if entity else "", "zone": entity.zone if entity else ""},
            "links": self._links(person, now),
            "number": number,
            "choices": self._choices(session, person, now),
        }

    def _choices(self, session: Session, person: Correspondent, now: float) -> Sequence[Mapping[str, str]]:
        """Return what was told together and is still open, each with the link to its page; nothing where it is one."""
        first = session.get(Intent, person.intent) if person.others else None
        if first is None:
            return ()
        told = [(first.id, digests.headline(first)), *((id_, about) for _, id_, about in person.others)]
        rest = (person.id, person.address, "service", now + LIFETIME)
        return [{"headline": about, "link": self.links.url(Claims("page", id_, *rest))} for id_, about in told]

    def _links(self, person: Correspondent, now: float) -> Mapping[str, str]:
        """Return links to the pages of the message that was answered; empty ones where there is none."""
        if not person.intent:
            return {"page": "", "preferences": ""}
        rest = (person.intent, person.id, person.address, "service", now + LIFETIME)
        return {use: self.links.url(Claims(use, *rest)) for use in ("page", "preferences")}


def templates_of(config: Config) -> Templates:
    """Return the templates of a configuration."""
    return config.templates or Templates(config.templates_dir, default_locale=config.main.locale)
