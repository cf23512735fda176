"""What a template may speak of: the variables of every message and ticket, made from an issue and a person."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.config.model import Config
from engine.entities import Person
from engine.links import LIFETIME, Claims, Links
from engine.playbooks import CLOSING
from engine.store.models import Change, Entity, Issue
from outreach.base import Channel
from outreach.text import named

UPDATE_WITHIN = 4 * 3600.0
"""By when a customer hears more, unless the issue ends before."""


_BUTTONS: Mapping[str, Mapping[str, str]] = {
    "en": {"acknowledge": "I look after it", "resolve": "It is over"},
    "de": {"acknowledge": "Ich kümmere mich darum", "resolve": "Es ist vorbei"},
}
"""What a colleague who is told may answer with a button, where the channel has some."""


def buttons(locale: str) -> Mapping[str, str]:
    """Return the buttons of a message to a colleague, in English where there are none in their language.

    >>> buttons("de-AT")["acknowledge"], buttons("fr")["resolve"]
    ('Ich kümmere mich darum', 'It is over')
    """
    return _BUTTONS.get(locale.replace("_", "-").partition("-")[0], _BUTTONS["en"])


_KEYS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "1": "If it works again, press 1.",
        "2": "If it still does not work, press 2.",
        "3": "If we should call you, press 3.",
        "9": "If you want no more of these calls, press 9.",
    },
    "de": {
        "1": "Wenn es wieder funktioniert, drücken Sie die 1.",
        "2": "Wenn es noch nicht funktioniert, drücken Sie die 2.",
        "3": "Wenn wir Sie zurückrufen sollen, drücken Sie die 3.",
        "9": "Wenn Sie keine solchen Anrufe mehr wollen, drücken Sie die 9.",
    },
}
"""What a customer who is called may press (`outreach.replies.KEYS`)."""


def keys(channel: Channel, occasion: str, locale: str) -> Mapping[str, str]:
    """Return the keys a customer may press on a channel that is listened to; none elsewhere.

    It is asked whether it works again while it is open, and whether it still does not once it was said to be over.
    """
    if channel.kind != "voice":
        return {}
    spoken = _KEYS.get(locale.replace("_", "-").partition("-")[0], _KEYS["en"])
    left_out = "1" if occasion in CLOSING else "2"
    return {key: words for key, words in spoken.items() if key != left_out}


class Outgoing(Protocol):
    """What is to be known of an intent that a message is written for."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def playbook(self) -> str:
        """Whose step it is."""

    @property
    def address(self) -> str:
        """Where it goes."""

    @property
    def payload(self) -> Mapping[str, Any]:
        """What it was planned with."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """What all messages of one engine have in common."""

    config: Config
    links: Links

    def to_person(
        self,
        intent: Outgoing,
        issue: Issue,
        account: Entity | None,
        person: Person,
        now: float,
        remedy: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the variables of a message to one person; `remedy` is what it offers (`engine.offers.told`)."""
        return {
            **self._common(issue, account, now),
            "article": self._article(intent.playbook, issue, person.locale),
            "remedy": remedy,
            "person": {"name": named(person.name), "roles": list(person.roles), "zone": person.zone},
            "links": self._links(intent, person, now),
            "next_update_at": now + UPDATE_WITHIN,
            "ticket": {"number": str(intent.payload.get("ticket", ""))},
        }

    def to_agent(self, issue: Issue, account: Entity | None, history: Sequence[Change], now: float) -> dict[str, Any]:
        """Return the variables of a ticket or an escalation."""
        return {
            **self._common(issue, account, now),
            "history": [{"at": each.at, "what": _told(each)} for each in history],
            "next_step": self._next_step(issue),
            "links": {"console": self.page(f"issues/{issue.id}")},
        }

    def page(self, path: str) -> str:
        """Return the address of a page of the console."""
        return f"{self.config.main.listen.public_url.rstrip('/')}/{path}"

    def _common(self, issue: Issue, account: Entity | None, now: float) -> dict[str, Any]:
        sender = self.config.main.sender
        told = {"company": sender.company, "help_url": sender.help_url, "postal_address": sender.postal_address}
        return {
            "now": now,
            "sender": told,
            "customer": {
                "account": issue.account or issue.subject,
                "name": named((account and account.name) or (issue.account or issue.subject).partition("/")[2]),
                "locale": (account and account.locale) or self.config.main.locale,
                "zone": (account and account.zone) or "UTC",
            },
            "issue": {
                "id": issue.id,
                "severity": issue.severity,
                "status": issue.status,
                "opened_at": issue.opened_at,
                "summary": issue.summary,
                "subject": issue.subject,
                "subject_name": named(issue.subject.partition("/")[2]),
                "detector": issue.detector,
                "detector_about": self._about(issue),
            },
            "evidence": evidence(issue.evidence),
        }

    def _links(self, intent: Outgoing, person: Person, now: float) -> Mapping[str, str]:
        purpose = str(intent.payload.get("purpose", "service"))
        claims = Claims("page", intent.id, person.id, intent.address, purpose, now + LIFETIME)
        return self.links.urls(("page", "unsubscribe", "preferences"), claims)

    def _article(self, playbook: str, issue: Issue, locale: str) -> Mapping[str, str] | None:
        """Return what customers can do themselves: the playbook's article, or else the detector's."""
        book, detector = self.config.playbooks.get(playbook), self.config.detectors.get(issue.detector)
        found = (book and book.article) or (detector and detector.demand.article) or None
        return found.told(locale) if found else None

    def _about(self, issue: Issue) -> str:
        detector = self.config.detectors.get(issue.detector)
        return detector.about if detector else ""

    def _next_step(self, issue: Issue) -> str:
        detector = self.config.detectors.get(issue.detector)
        owner = detector.owner if detector else ""
        first = "Confirm with the picture that this is not the customer's usual pattern"
        last = "resolve this ticket with a verdict (true, false or unclear) so that the detector learns"
        return (
            f"{first}; then {f'ask {owner} for the cause, ' if owner else ''}fix it or tell the customer, and {last}."
        )


def evidence(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return an issue's evidence with every name a template may use; what is not known is None."""
    known = {**raw.get("extra", {}), **raw}
    found = {name: _finite(known[name]) if name in known else None for name in _NUMBERS}
    return found | {"explanation": raw.get("explanation", ""), "points": raw.get("points", [])}


_NUMBERS = ("value", "expected", "low", "high", "score", "window_s", "eta_s", "eta_low_s", "eta_high_s")


def _finite(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


def _told(change: Change) -> str:
    what = f"{change.what} by {change.who}" if change.who else change.what
    detail = change.note or (f"{change.before} → {change.after}" if change.before else change.after)
    return f"{what}: {detail}" if detail else what
