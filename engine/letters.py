"""What leaves: the words of a message, an escalation or a ticket, made at the moment it is sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from engine.config.model import Config
from engine.desks.requester import requester
from engine.issues.book import history
from engine.picture import Band, picture
from engine.policy.facts import Decision
from engine.policy.gather import Gathered
from engine.store.models import Entity, Intent, Issue
from engine.wording import Speaker, buttons
from outreach import drafts
from outreach.base import Change, Channel, Draft, Message, Outcome, Receipt, Status, TicketDesk
from outreach.render import TemplateError, Templates


@dataclass(frozen=True, slots=True)
class Outside:
    """The parts that speak to the world."""

    channels: Mapping[str, Channel]
    desks: Mapping[str, TicketDesk]
    templates: Templates
    speaker: Speaker


@dataclass(frozen=True, slots=True)
class Letter:
    """Something ready to go."""

    send: Callable[[], Receipt]
    columns: Mapping[str, Any]
    """What the intent keeps of it: channel, address, and in the payload the text as it goes out."""


class Writer:
    """Writes letters under one configuration. Raises TemplateError where a template cannot be rendered."""

    def __init__(self, config: Config, outside: Outside) -> None:
        self._config = config
        self._outside = outside

    def write(self, session: Session, intent: Intent, gathered: Gathered, decision: Decision, now: float) -> Letter:
        """Return what `intent`, which was decided to be sent, says at `now`."""
        issue = gathered.issue
        if issue is None:
            raise LookupError(f"intent {intent.id} was decided to be sent about no issue")
        if intent.kind == "ticket":
            return self._ticket(session, intent, issue, now)
        if intent.kind == "escalate":
            return self._escalation(session, intent, issue, now)
        if intent.kind == "annotate":
            return self._note(intent, issue)
        return self._message(session, intent, gathered, decision, now)

    def looked_for(self, intent: Intent) -> Receipt | None:
        """Ask the other side what became of an intent whose outcome is unknown."""
        if intent.kind == "ticket":
            said = intent.payload
            draft = Draft(intent.id, str(said["queue"]), str(said.get("subject", "")), "", "", intent.account or "")
            desk = self._outside.desks.get(str(said["desk"]))
            return desk.find(draft) if desk else None
        if intent.kind == "annotate":
            desk = self._outside.desks.get(str(intent.payload["desk"]))
            return desk.noted(str(intent.payload["ticket"]), drafts.reference(intent.id)) if desk else None
        channel = self._outside.channels.get(intent.channel)
        message = Message(intent.id, intent.address, str(intent.payload.get("text", "")))
        return channel.find(message) if channel else None

    def _message(self, session: Session, intent: Intent, gathered: Gathered, decision: Decision, now: float) -> Letter:
        person, issue = gathered.person, gathered.issue
        if person is None or issue is None:
            raise LookupError(f"intent {intent.id} was decided to be sent to nobody")
        account = session.get(Entity, issue.account) if issue.account else None
        addressed = intent.model_copy(update={"address": decision.address})
        words = self._outside.speaker.to_person(addressed, issue, account, person, now)
        return self._letter(addressed, decision.channel, person.locale, words)

    def _escalation(self, session: Session, intent: Intent, issue: Issue, now: float) -> Letter:
        target = self._config.main.escalations[str(intent.payload["to"])]
        addressed = intent.model_copy(update={"address": target.address})
        words = self._to_agent(session, issue, now)
        return self._letter(addressed, target.channel, self._config.main.locale, words)

    def _ticket(self, session: Session, intent: Intent, issue: Issue, now: float) -> Letter:
        desk = self._desk(intent)
        words = self._to_agent(session, issue, now)
        template = str(intent.payload["template"])
        text = self._outside.templates.render(template, "ticket", self._config.main.locale, words)
        draft = Draft(
            id=intent.id,
            queue=str(intent.payload["queue"]),
            subject=text.subject,
            body=text.text,
            severity=issue.severity,
            account=issue.account or issue.subject,
            requester=requester(session, intent.account, intent.payload.get("audience", ()), self._config.policy),
            tags=("forewarn", issue.detector, issue.severity),
            evidence={**issue.evidence, "issue": issue.id},
            picture=evidence_picture(issue).encode(),
            next_step=words["next_step"],
        )
        payload = {**intent.payload, "subject": text.subject, "text": text.text}
        return Letter(lambda: desk.create(draft), {"payload": payload})

    def _note(self, intent: Intent, issue: Issue) -> Letter:
        desk, said = self._desk(intent), intent.payload
        ticket, note = str(said["ticket"]), f"{said['note']}\n\n{drafts.reference(intent.id)}"
        change = _change(said.get("change") or {})
        shown = evidence_picture(issue).encode()
        return Letter(lambda: _noted(desk, ticket, note, shown, change), {})

    def _desk(self, intent: Intent) -> TicketDesk:
        name = str(intent.payload["desk"])
        desk = self._outside.desks.get(name)
        if desk is None:
            raise TemplateError(
                f"there is no ticket desk {name!r} any more", place="desks.yaml", remedy="name it again"
            )
        return desk

    def _letter(self, intent: Intent, name: str, locale: str, words: Mapping[str, Any]) -> Letter:
        channel = self._outside.channels[name]
        templates, template = self._outside.templates, str(intent.payload["template"])
        form = channel.kind if templates.has(template, channel.kind) else ("sms" if channel.plain else "email")
        text = templates.render(template, form, locale, words)
        message = Message(
            id=intent.id,
            to=intent.address,
            text=text.text,
            subject="" if channel.plain else text.subject,
            html="" if channel.plain else text.html,
            purpose="marketing" if intent.payload.get("purpose") == "marketing" else "service",
            thread=intent.thread,
            unsubscribe_url=words["links"].get("unsubscribe", ""),
            data={"issue": words["issue"], "evidence": words["evidence"], "occasion": intent.occasion},
            locale=text.locale,
            choices=buttons(text.locale) if intent.kind == "escalate" else {},
        )
        said = {"subject": message.subject, "text": message.text, "html": message.html, "locale": text.locale}
        columns = {"channel": name, "address": message.to, "payload": {**intent.payload, **said}}
        return Letter(lambda: channel.send(message), columns)

    def _to_agent(self, session: Session, issue: Issue, now: float) -> dict[str, Any]:
        account = session.get(Entity, issue.account) if issue.account else None
        return self._outside.speaker.to_agent(issue, account, history(session, issue.id), now)


def _change(said: Mapping[str, Any]) -> Change | None:
    """Return what an intent says is to be different about a ticket; None: nothing."""
    status = Status(said["status"]) if said.get("status") else None
    return Change(status, said.get("severity")) if said else None


def _noted(desk: TicketDesk, ticket: str, note: str, shown: bytes, change: Change | None) -> Receipt:
    """Change a ticket and write a note on it.

    The change comes first, as it can be made again: where it fails nothing was written, and both are tried again. What
    the desk refuses for good is told with the note.
    """
    changed = desk.update(ticket, change) if change else Receipt(Outcome.ACCEPTED)
    if changed.outcome in (Outcome.RETRY, Outcome.UNKNOWN):
        return replace(changed, outcome=Outcome.RETRY)
    written = desk.annotate(ticket, note, shown)
    if changed.outcome is Outcome.ACCEPTED:
        return written
    return replace(written, detail="; ".join(filter(None, [written.detail, f"not changed: {changed.detail}"])))


def evidence_picture(issue: Issue) -> str:
    """Return an issue's evidence as an SVG picture."""
    seen = issue.evidence
    ends = (float("nan") if seen.get(name) is None else float(seen[name]) for name in ("low", "expected", "high"))
    points = [(at, float("nan") if value is None else value) for at, value in seen.get("points", [])]
    return picture(points, Band(*ends), title=f"{issue.detector} of {issue.series}")
