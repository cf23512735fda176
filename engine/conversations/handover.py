"""The ticket that puts a conversation before a person: the whole thread in order, and how to reach the customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from engine.config.model import Config
from engine.conversations import book
from engine.entities import Person, person
from engine.links import Links
from engine.policy.contact_hours import ContactHours, contact_hours
from engine.store.models import Conversation, Entity, Intent, Issue, Turn
from outreach.base import Draft
from outreach.render import Templates

NEXT: Mapping[str, str] = {
    "call": "Call them, within their hours",
    "broken": "Find out what still does not work, and tell them",
    "broken_again": "They were told that it is over and say it is not: look at it at once, and tell them",
    "distress": "Read it now, and answer in person; if somebody is in danger, follow your emergency plan",
    "may_stop": "Read whether it is an opt-out; record the consent as withdrawn or granted: until then nothing is sent",
    "which": "Ask them which of the things they were told of together they mean, unless they have said so since",
    "flood": "Look whether it is a person: more answers came within an hour than are read",
}
"""What is to be done, by why a person takes over; of all else: answer."""
ANSWER = "Answer them, on the channel they wrote on"


@dataclass(frozen=True, slots=True)
class Handover:
    """Makes drafts under one configuration."""

    config: Config
    templates: Templates
    links: Links

    def draft(self, session: Session, intent: Intent, now: float) -> Draft:
        """Return the ticket of a conversation. Raises TemplateError where its template cannot be rendered."""
        words = self._words(session, intent, now)
        template = str(intent.payload["template"])
        subject, body = _plain(words)
        if self.templates.has(template, "ticket"):
            text = self.templates.render(template, "ticket", self.config.main.locale, words)
            subject, body = text.subject, text.text
        return Draft(
            id=intent.id,
            queue=str(intent.payload["queue"]),
            subject=subject,
            body=body,
            severity=words["severity"],
            account=intent.account or words["person"]["id"],
            requester=words["person"]["email"],
            tags=("forewarn", "conversation", words["why"]),
            evidence={"issue": intent.issue},
            next_step=words["next_step"],
        )

    def _words(self, session: Session, intent: Intent, now: float) -> dict[str, Any]:
        conversation = session.get_one(Conversation, str(intent.payload["conversation"]))
        issue = session.get(Issue, intent.issue) if intent.issue else None
        account = session.get(Entity, conversation.account) if conversation.account else None
        who = self._person(session, conversation)
        why, turns = str(intent.payload["why"]), book.turns(session, conversation.id)
        return {
            "now": now,
            "sender": {"company": self.config.main.sender.company},
            "customer": {
                "account": conversation.account,
                "name": (account.name if account else "") or conversation.account.partition("/")[2],
                "locale": who.locale,
                "zone": account.zone if account else "",
            },
            "person": self._known(who, str(intent.payload.get("number", "")) or _phone(turns), now),
            "why": why,
            "severity": str(intent.payload["severity"]),
            "issue": _issue(issue),
            "others": [_issue(session.get(Issue, each)) for each in intent.payload.get("others", ())],
            "thread": [_line(who.id, turn) for turn in turns],
            "next_step": f"{NEXT.get(why, ANSWER)}; then resolve this ticket.",
            "links": {
                "console": f"{self.config.main.listen.public_url.rstrip('/')}/issues/{issue.id}" if issue else ""
            },
        }

    def _person(self, session: Session, conversation: Conversation) -> Person:
        locale = self.config.main.locale
        known = person(session, conversation.person, conversation.account or None, locale)
        return known or Person(conversation.person, locale=locale)

    def _known(self, who: Person, number: str, now: float) -> dict[str, Any]:
        hours = contact_hours(who, self.config.policy.hours, self.config.policy.regions)
        return {
            "id": who.id,
            "name": who.name,
            "locale": who.locale,
            "email": who.address("email"),
            "phone": number or who.address("phone"),
            "hours": _hours(hours),
            "callable": hours.allows(now),
        }


def _issue(issue: Issue | None) -> dict[str, Any]:
    names = ("id", "summary", "status", "severity", "subject", "detector", "opened_at")
    return {name: getattr(issue, name) if issue else "" for name in names}


def _line(who: str, turn: Turn) -> dict[str, Any]:
    return {"at": turn.at, "who": who if turn.way == "in" else "Forewarn", "channel": turn.channel, "text": turn.text}


def _phone(turns: "list[Turn] | Any") -> str:
    """Return the number somebody wrote or called from, if they did."""
    return next((turn.address for turn in reversed(turns) if turn.address.startswith("+")), "")


def _hours(hours: ContactHours) -> str:
    """Return when the person may be called, in words."""
    spans = (f"{_clock(each.from_)} to {_clock(each.to)} in {zone}" for zone, each in hours.pairs[:3])
    return "; ".join(spans) + ("; …" if len(hours.pairs) > 3 else "")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _plain(words: Mapping[str, Any]) -> tuple[str, str]:
    """Return subject and text where nobody wrote a template."""
    who = words["person"]
    lines = [
        f"{datetime.fromtimestamp(each['at'], UTC):%Y-%m-%d %H:%M} {each['who']} ({each['channel']}): {each['text']}"
        for each in words["thread"]
    ]
    head = [
        f"{who['id']} {who['name']}, {who['phone'] or who['email']}, to be called {who['hours']}",
        words["next_step"],
    ]
    return f"Conversation with {who['name'] or who['id']}: {words['why']}", "\n".join([*head, "", *lines])
