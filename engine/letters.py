"""What leaves: the words of a message, an escalation or a ticket, made at the moment it is sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from engine import goodwill, offers
from engine.config.model import Config
from engine.issues.book import history
from engine.picture import Band, picture
from engine.policy.facts import Decision
from engine.policy.gather import Gathered
from engine.policy.reach import session_until
from engine.store.models import Entity, Intent, Issue
from engine.wording import Speaker, buttons
from outreach.base import Channel, Draft, Message, Receipt, TicketDesk
from outreach.render import Approval, Rendered, TemplateError, Templates


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


@dataclass(frozen=True, slots=True)
class Form:
    """Which words, and how they travel."""

    channel: str
    template: str
    locale: str
    session_until: float = 0.0
    """Until when free words may be sent, on a channel that asks for a session."""


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
        return self._message(session, intent, gathered, decision, now)

    def looked_for(self, intent: Intent) -> Receipt | None:
        """Ask the other side what became of an intent whose outcome is unknown."""
        if intent.kind == "ticket":
            said = intent.payload
            draft = Draft(intent.id, str(said["queue"]), str(said.get("subject", "")), "", "", intent.account or "")
            desk = self._outside.desks.get(str(said["desk"]))
            return desk.find(draft) if desk else None
        channel = self._outside.channels.get(intent.channel)
        text, content = (str(intent.payload.get(name, "")) for name in ("text", "content"))
        message = Message(intent.id, intent.address, text, content=content)
        return channel.find(message) if channel else None

    def _message(self, session: Session, intent: Intent, gathered: Gathered, decision: Decision, now: float) -> Letter:
        person, issue = gathered.person, gathered.issue
        if person is None or issue is None:
            raise LookupError(f"intent {intent.id} was decided to be sent to nobody")
        account = session.get(Entity, issue.account) if issue.account else None
        remedy, kept = self._offered(session, intent, now)
        step = gathered.facts.step
        payload = {**intent.payload, **kept, "purpose": step.purpose}
        if step.arm:
            payload |= {"arm": step.arm, "experiment": step.experiment}
        addressed = intent.model_copy(update={"address": decision.address, "payload": payload})
        words = self._outside.speaker.to_person(addressed, issue, account, person, now, remedy)
        form = Form(decision.channel, step.template, person.locale, session_until(gathered.facts, decision.channel))
        return self._letter(addressed, form, words)

    def _offered(self, session: Session, intent: Intent, now: float) -> tuple[Mapping[str, Any] | None, dict[str, str]]:
        """Reserve what the message offers; return what templates read of it, and what the intent keeps."""
        wish, rules = offers.offer(intent), self._config.policy.goodwill
        if wish is None:
            return None, {}
        try:
            grant = offers.reserve(session, rules, wish, now)
        except goodwill.Refused as error:
            return None, {"grant": "", "not_offered": error.cause}
        return offers.told(rules, grant), {"grant": grant.id, "not_offered": ""}

    def _escalation(self, session: Session, intent: Intent, issue: Issue, now: float) -> Letter:
        target = self._config.main.escalations[str(intent.payload["to"])]
        addressed = intent.model_copy(update={"address": target.address})
        words = self._to_agent(session, issue, now)
        form = Form(target.channel, str(intent.payload["template"]), self._config.main.locale)
        return self._letter(addressed, form, words)

    def _ticket(self, session: Session, intent: Intent, issue: Issue, now: float) -> Letter:
        name = str(intent.payload["desk"])
        desk = self._outside.desks.get(name)
        if desk is None:
            raise TemplateError(
                f"there is no ticket desk {name!r} any more", place="desks.yaml", remedy="name it again"
            )
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
            tags=("forewarn", issue.detector, issue.severity),
            evidence={**issue.evidence, "issue": issue.id},
            picture=evidence_picture(issue).encode(),
            next_step=words["next_step"],
        )
        payload = {**intent.payload, "subject": text.subject, "text": text.text}
        return Letter(lambda: desk.create(draft), {"payload": payload})

    def _letter(self, intent: Intent, form: Form, words: Mapping[str, Any]) -> Letter:
        channel = self._outside.channels[form.channel]
        text, approval = self._said(channel, form, words)
        message = Message(
            id=intent.id,
            to=intent.address,
            text=text.text,
            content=approval.content if approval else "",
            variables=approval.variables if approval else {},
            session_until=form.session_until,
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
        if channel.session:
            said["content"] = message.content  # by which it is looked for, if no answer comes
        columns = {"channel": form.channel, "address": message.to, "payload": {**intent.payload, **said}}
        return Letter(lambda: channel.send(message), columns)

    def _said(self, channel: Channel, form: Form, words: Mapping[str, Any]) -> tuple[Rendered, Approval | None]:
        """Return what the reader gets: free words, or where they may not be sent now, the approved template (C12)."""
        templates = self._outside.templates
        if channel.session and words["now"] >= form.session_until:
            approval = templates.approval(form.template, form.locale, words)
            if approval is not None:
                return Rendered("", approval.text, "", approval.locale), approval
        kind = channel.kind if templates.has(form.template, channel.kind) else ("sms" if channel.plain else "email")
        return templates.render(form.template, kind, form.locale, words), None

    def _to_agent(self, session: Session, issue: Issue, now: float) -> dict[str, Any]:
        account = session.get(Entity, issue.account) if issue.account else None
        return self._outside.speaker.to_agent(issue, account, history(session, issue.id), now)


def evidence_picture(issue: Issue) -> str:
    """Return an issue's evidence as an SVG picture."""
    seen = issue.evidence
    ends = (float("nan") if seen.get(name) is None else float(seen[name]) for name in ("low", "expected", "high"))
    points = [(at, float("nan") if value is None else value) for at, value in seen.get("points", [])]
    return picture(points, Band(*ends), title=f"{issue.detector} of {issue.series}")
