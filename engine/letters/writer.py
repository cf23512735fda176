"""What leaves: the words of a message, an escalation or a ticket, made at the moment it is sent."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlmodel import Session

from engine import goodwill, offers
from engine.config.model import Config
from engine.conversations.handover import Handover
from engine.desks.requester import requester
from engine.desks.writes import change, linked, noted
from engine.issues.book import history
from engine.letters.parts import Addressed, Form, Letter, Outside
from engine.letters.pictures import evidence_picture
from engine.playbooks import REPLY
from engine.policy.decision import Decision
from engine.policy.gather import Gathered
from engine.policy.reach import session_until
from engine.status import letter
from engine.store import digests, pages
from engine.store.models import Entity, Intent, Issue
from engine.waves import incidents
from engine.wording import buttons, keys
from outreach import drafts
from outreach.base import Channel, Draft, Message, Receipt, TicketDesk
from outreach.render import Approval, Rendered, TemplateError


class Writer:
    """Writes letters under one configuration. Raises TemplateError where a template cannot be rendered."""

    def __init__(self, config: Config, outside: Outside, keep: offers.Keep = offers.reserve) -> None:
        """`keep`: takes what messages offer from the budget for goodwill, or only says what they would."""
        self._config = config
        self._outside = outside
        self._keep = keep

    def write(self, session: Session, intent: Intent, gathered: Gathered, decision: Decision, now: float) -> Letter:
        """Return what `intent`, which was decided to be sent, says at `now`."""
        if gathered.wrong is not None:
            raise gathered.wrong
        if intent.kind == "status":
            return self._news(session, intent, decision, now)
        if intent.kind == "annotate":
            return self._note(intent, gathered.issue)
        if intent.occasion == REPLY:
            return self._reply(session, intent, gathered, decision, now)
        issue = gathered.issue
        if issue is None:
            raise LookupError(f"intent {intent.id} was decided to be sent about no issue")
        if intent.kind == "ticket":
            return self._ticket(session, intent, issue, gathered.account, now)
        if intent.kind in ("escalate", "notify"):
            return self._to_colleague(session, intent, issue, gathered.account, now)
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
        text, content = (str(intent.payload.get(name, "")) for name in ("text", "content"))
        message = Message(digests.first(intent), intent.address, text, content=content)
        return channel.find(message) if channel else None

    def _message(self, session: Session, intent: Intent, gathered: Gathered, decision: Decision, now: float) -> Letter:
        addressed, words = self.worded(session, intent, gathered, decision, now)
        locale = gathered.person.locale if gathered.person else self._config.main.locale
        until = self.session_until(gathered, decision)
        return self._letter(addressed, Form(decision.channel, gathered.facts.step.template, locale, until), words)

    def session_until(self, gathered: Gathered, decision: Decision) -> float:
        """Return until when free words may be sent by the channel that was chosen."""
        return session_until(gathered.facts, decision.channel)

    def worded(
        self, session: Session, intent: Intent, gathered: Gathered, decision: Decision, now: float
    ) -> tuple[Addressed, dict[str, Any]]:
        """Return a message with its address and what it offers, and the variables of its words.

        Raises TemplateError where its template's folder says something wrong.
        """
        person, issue = gathered.person, gathered.issue
        if gathered.wrong is not None:
            raise gathered.wrong
        if person is None or issue is None:
            raise LookupError(f"intent {intent.id} was decided to be sent to nobody")
        step = gathered.facts.step
        remedy, kept = self._offered(session, intent, now)
        said = {**digests.alone(intent.payload), **kept, "ticket": gathered.facts.ticket, "purpose": step.purpose}
        if step.arm:
            said |= {"arm": step.arm, "experiment": step.experiment}
        addressed = Addressed.of(intent, decision.address, said)
        return addressed, self._outside.speaker.to_person(addressed, issue, gathered.account, person, now, remedy)

    def _offered(self, session: Session, intent: Intent, now: float) -> tuple[Mapping[str, Any] | None, dict[str, str]]:
        """Keep what the message offers; return what templates read of it, and what the intent keeps."""
        wish, rules = offers.offer(intent), self._config.policy.goodwill
        if wish is None:
            return None, {}
        try:
            grant = self._keep(session, rules, wish, now)
        except goodwill.Refused as error:
            return None, {"grant": "", "not_offered": error.cause}
        return offers.told(rules, grant), {"grant": grant.id, "not_offered": ""}

    def _news(self, session: Session, intent: Intent, decision: Decision, now: float) -> Letter:
        """Write to a subscriber of the status page."""
        channel = self._outside.channels[decision.channel]
        links, templates = self._outside.speaker.links, self._outside.templates
        message = letter.written(session, self._config, links, templates, channel, intent, now)
        said = {"subject": message.subject, "text": message.text, "locale": message.locale, pages.HTML: message.html}
        columns = {"channel": decision.channel, "address": message.to, "payload": {**intent.payload, **said}}
        return Letter.of(channel, message, columns)

    def _to_colleague(
        self, session: Session, intent: Intent, issue: Issue, account: Entity | None, now: float
    ) -> Letter:
        target = self._config.main.escalations[str(intent.payload["to"])]
        addressed = Addressed.of(intent, target.address, intent.payload)
        words = self._to_agent(session, issue, account, now, intent)
        form = Form(target.channel, str(intent.payload["template"]), self._config.main.locale)
        return self._letter(addressed, form, words)

    def _ticket(self, session: Session, intent: Intent, issue: Issue, account: Entity | None, now: float) -> Letter:
        desk = self._desk(str(intent.payload["desk"]))
        words = self._to_agent(session, issue, account, now, intent)
        template = self._template(intent)
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

    def _note(self, intent: Intent, issue: Issue | None) -> Letter:
        """Return a note on a ticket, and what else is to be different about it."""
        said = intent.payload
        desk = self._desk(str(said["desk"]))
        ticket, note = str(said["ticket"]), f"{said['note']}\n\n{drafts.reference(intent.id)}"
        wanted = change(said.get("change") or {})
        shown = evidence_picture(issue).encode() if issue else b""
        parent = str(said.get("parent", ""))
        return Letter(lambda: linked(desk, ticket, parent) or noted(desk, ticket, note, shown, wanted), {})

    def _reply(self, session: Session, intent: Intent, gathered: Gathered, decision: Decision, now: float) -> Letter:
        """Return what a conversation needs: the ticket that hands it over, or an answer whose words are there."""
        if intent.kind == "ticket":
            handover = Handover(self._config, self._outside.templates, self._outside.speaker.links)
            desk = self._desk(str(intent.payload["desk"]))
            above = incidents.parent(session, intent.issue, str(intent.payload["desk"]))
            draft = replace(handover.draft(session, intent, now), parent=above)
            payload = {**intent.payload, "subject": draft.subject, "text": draft.body, "parent": above}
            return Letter(lambda: desk.create(draft), {"payload": payload})
        channel = self._outside.channels[decision.channel]
        asked = session.get(Intent, str(intent.payload["answers"]))
        subject = "" if channel.plain or asked is None else f"Re: {asked.payload.get('subject', '')}"
        text = str(intent.payload["text"])
        until = session_until(gathered.facts, decision.channel)
        message = Message(intent.id, decision.address, text, subject, thread=intent.thread, session_until=until)
        columns = {"channel": decision.channel, "address": decision.address}
        return Letter.of(channel, message, {**columns, "payload": {**intent.payload, "subject": subject}})

    def _desk(self, name: str) -> TicketDesk:
        desk = self._outside.desks.get(name)
        if desk is None:
            cause, remedy = f"there is no ticket desk {name!r} any more", "name it again"
            raise TemplateError(cause, place="desks.yaml", remedy=remedy)
        return desk

    def _template(self, intent: Intent) -> str:
        """Return a ticket's template; a folder of templates may not have that of an incident."""
        wanted = str(intent.payload["template"])
        there = self._outside.templates.has(wanted, "ticket")
        return wanted if there else str(intent.payload.get("otherwise", wanted))

    def _letter(self, intent: Addressed, form: Form, words: Mapping[str, Any]) -> Letter:
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
            choices=_choices(channel, intent, text.locale),
        )
        said = {"subject": message.subject, "text": message.text, "locale": text.locale}
        if not channel.plain:
            said |= pages.said(text)
        if channel.session:
            said["content"] = message.content  # by which it is looked for, if no answer comes
        columns = {"channel": form.channel, "address": message.to, "payload": {**intent.payload, **said}}
        return Letter.of(channel, message, columns, None if channel.plain else text.laid)

    def _said(self, channel: Channel, form: Form, words: Mapping[str, Any]) -> tuple[Rendered, Approval | None]:
        """Return what the reader gets: free words, or where they may not be sent now, the approved template (C12)."""
        templates = self._outside.templates
        if channel.session and words["now"] >= form.session_until:
            approval = templates.approval(form.template, form.locale, words)
            if approval is not None:
                return Rendered("", approval.text, "", approval.locale), approval
        kind = channel.kind if templates.has(form.template, channel.kind) else ("sms" if channel.plain else "email")
        return templates.render(form.template, kind, form.locale, words), None

    def _to_agent(
        self, session: Session, issue: Issue, account: Entity | None, now: float, intent: Intent
    ) -> dict[str, Any]:
        words = self._outside.speaker.to_agent(issue, account, history(session, issue.id), now)
        asked, incident = intent.payload.get("asked"), intent.payload.get("incident")
        if asked:
            words["approval"] = {**asked, "link": self._outside.speaker.page(f"approvals/{asked['id']}")}
        if "defect" in intent.payload:
            words["defect"] = intent.payload["defect"]
        if incident:
            words["incident"] = incidents.summary(session, str(incident))
        return words


def _choices(channel: Channel, intent: Addressed, locale: str) -> Mapping[str, str]:
    """Return what may be pressed: a colleague's buttons, a customer's keys."""
    if intent.kind == "escalate":
        return buttons(locale)
    return keys(channel, intent.occasion, locale) if intent.kind == "message" else {}
