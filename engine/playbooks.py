"""From a change of an issue to what is to be done about it: pure functions that make rows for the outbox.

A playbook's steps run once for each episode of an issue: when it opens, comes back, or grows severe enough for the
playbook. Ids are derived, so planning the same change again plans nothing new. Whether a planned message really goes
out is decided when it is claimed (`engine.policy.decide`).

Everyone who was told of an open issue hears exactly one closing message, on the same channel and thread: resolved, a
correction, or expired (C16). It is the one the playbook names, or else one of the common templates.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from engine.config.model import EscalateStep, MessageStep, PlaybookConfig, Step, TicketStep, When
from engine.entities import Person
from engine.ids import derive
from engine.issues.view import IssueView, Transition, worse
from engine.store.models import Intent

Occasion = Literal["opened", "resolved", "dismissed", "expired", "escalated", "announced", "reply"]
REPLY: Occasion = "reply"
"""Of what an answer of a customer's causes, rather than a playbook (`engine.conversations`)."""

CLOSING: Mapping[str, str] = {
    "resolved": "_common/resolved",
    "dismissed": "_common/correction",
    "expired": "_common/expired",
}
"""How an outreach can end, and the template for it where the playbook has none of its own."""
TOLD = ("claimed", "sending", "sent", "unknown")
"""The states of an intent whose message went out, may have, or may be about to."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An outreach that is open: a person was told of an issue, and has heard no closing message."""

    recipient: str
    intent: str
    """The opening message's."""
    playbook: str
    episode: int
    channel: str
    address: str
    thread: str
    """provider_id of the opening message; empty until it is known."""
    purpose: str = "service"
    emergency: str = ""
    status: str = "sent"
    """The opening message's: claimed or sending while it is not known to have gone."""


def matches(when: When, issue: IssueView) -> bool:
    """Return whether `issue` is one that `when` speaks of."""
    if not any(fnmatchcase(issue.detector, glob) for glob in when.detector):
        return False
    if when.severity and issue.severity not in when.severity:
        return False
    return when.where is None or bool(when.where.value(variables(issue)))


def variables(issue: IssueView) -> dict[str, Any]:
    """Return what a playbook's `where` may name: value, score, subject, account and `account.<attribute>`."""
    seen = issue.evidence
    named = {f"account.{name}": value for name, value in issue.attributes.items()}
    plain = {"value": seen.get("value"), "score": seen.get("score"), "severity": issue.severity}
    return {**named, **plain, "detector": issue.detector, "subject": issue.subject, "account": issue.account}


def matching(playbooks: Iterable[PlaybookConfig], issue: IssueView) -> list[PlaybookConfig]:
    """Return the playbooks that answer `issue`, in their order."""
    return [playbook for playbook in playbooks if matches(playbook.when, issue)]


def expires_at(playbooks: Iterable[PlaybookConfig], issue: IssueView) -> float | None:
    """Return when `issue`, if it is still open then, has been open for too long; None: no playbook answers it."""
    return min((issue.began_at + playbook.expire for playbook in matching(playbooks, issue)), default=None)


def open_outreach(intents: Iterable[Intent], but: str = "") -> list[Told]:
    """Return who, by the message `intents` of one issue, was told and has heard no closing message yet.

    A closing message that is still pending does not count: if the issue comes back before it went out it never goes,
    and the person, who was never told otherwise, is still one who was told. The intent with the id `but` is left out:
    the one that is being decided.
    """
    told: dict[str, Told] = {}
    for intent in sorted(intents, key=lambda each: (each.episode, each.occasion in CLOSING, each.created_at, each.id)):
        if intent.kind != "message" or intent.status not in TOLD or intent.id == but:
            continue
        if intent.occasion in CLOSING:
            told.pop(intent.recipient, None)
        elif intent.occasion == "opened":
            told.setdefault(intent.recipient, _told(intent))
    return list(told.values())


def told_before(intent: Intent, others: Iterable[Intent]) -> Told | None:
    """Return how the step of an opening message told its recipient of the issue when it was there before.

    `others` are what they were told of the issue.
    """
    same = (intent.kind, intent.occasion, intent.playbook, intent.step)
    told = [each for each in others if each.episode < intent.episode and each.status in TOLD]
    opened = [each for each in told if (each.kind, each.occasion, each.playbook, each.step) == same]
    last = max(opened, key=lambda each: each.episode, default=None)
    return _told(last) if last is not None and last.occasion == "opened" else None


def plan(
    transition: Transition,
    playbooks: Sequence[PlaybookConfig],
    people: Sequence[Person],
    told: Sequence[Told],
    now: float,
) -> list[Intent]:
    """Return what `transition` causes, at `now` (epoch seconds).

    `people` are all contacts of the issue's account, `told` its `open_outreach`. What is planned and not yet done when
    an issue ends stays planned: it is found to be moot when it is claimed.
    """
    issue = transition.issue
    if transition.kind in CLOSING:
        return [_closing(issue, transition.kind, playbooks, person, now) for person in told]
    return [
        intent
        for playbook in _answering(transition, playbooks)
        for index, step in enumerate(playbook.steps)
        for intent in _step(issue, playbook, index, step, people, now)
    ]


def _answering(transition: Transition, playbooks: Sequence[PlaybookConfig]) -> list[PlaybookConfig]:
    issue = transition.issue
    found = matching(playbooks, issue)
    if transition.kind in {"opened", "reopened"}:
        return found
    if transition.kind == "severity" and worse(transition.after, transition.before):
        before = matching(playbooks, replace(issue, severity=transition.before))
        return [playbook for playbook in found if playbook not in before]
    return []


def _step(
    issue: IssueView, playbook: PlaybookConfig, index: int, step: Step, people: Sequence[Person], now: float
) -> Iterator[Intent]:
    make = _Maker(issue, playbook.name, now)
    if isinstance(step, TicketStep):
        payload = {
            "template": step.template,
            "queue": step.queue,
            "desk": step.desk,
            "audience": list(step.audience),
            "unless": step.unless,
        }
        yield make.intent("ticket", f"{index}:ticket", step.queue, payload, step.after, channel=step.desk)
    elif isinstance(step, EscalateStep):
        payload = {"template": step.template, "to": step.to, "unless": step.unless}
        yield make.intent("escalate", f"{index}:escalate", step.to, payload, step.after, occasion="escalated")
    elif step.on == "opened":
        for recipient in [person.id for person in people if person.has_role(step.audience)] or [""]:
            payload = message_payload(step) | offered(step, issue)
            yield make.intent("message", f"{index}:message", recipient, payload, step.after)


def message_payload(step: MessageStep) -> dict[str, Any]:
    """Return what an intent keeps of a message step."""
    return {
        "template": step.template,
        "purpose": step.purpose,
        "channels": list(step.channels),
        "audience": list(step.audience),
        "emergency": step.emergency,
        "unless": step.unless,
    }


def offered(step: MessageStep, issue: IssueView) -> dict[str, str]:
    """Return the remedy that goes with a message about `issue`, as an intent keeps it."""
    offer = step.offer
    if offer is None or (offer.when is not None and not offer.when.value(variables(issue))):
        return {}
    return {"offer": offer.remedy}


def _closing(issue: IssueView, kind: str, playbooks: Sequence[PlaybookConfig], told: Told, now: float) -> Intent:
    step, chosen = _closing_step(kind, playbooks, told)
    payload = {
        "template": chosen.template,
        "purpose": told.purpose,
        "channels": [told.channel],
        "audience": [],
        "emergency": told.emergency,
        "unless": None,
        "follows": told.intent,
        **offered(chosen, issue),
    }
    make = _Maker(issue, told.playbook, now)
    occasion: Any = kind
    intent = make.intent("message", step, told.recipient, payload, 0.0, channel=told.channel, occasion=occasion)
    intent.address, intent.thread = told.address, told.thread
    return intent


def _closing_step(kind: str, playbooks: Sequence[PlaybookConfig], told: Told) -> tuple[str, MessageStep]:
    for playbook in playbooks:
        if playbook.name == told.playbook:
            for index, step in enumerate(playbook.steps):
                if isinstance(step, MessageStep) and step.on == kind:
                    return f"{index}:message", step
    return f"common:{kind}", MessageStep(CLOSING[kind])


def _told(intent: Intent) -> Told:
    return Told(
        recipient=intent.recipient,
        intent=intent.id,
        playbook=intent.playbook,
        episode=intent.episode,
        channel=intent.channel,
        address=intent.address,
        thread=intent.provider_id,
        purpose=str(intent.payload.get("purpose", "service")),
        emergency=str(intent.payload.get("emergency", "")),
        status=intent.status,
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    issue: IssueView
    playbook: str
    now: float

    def intent(
        self,
        kind: str,
        step: str,
        recipient: str,
        payload: dict[str, Any],
        after: float,
        *,
        channel: str = "",
        occasion: Occasion = "opened",
    ) -> Intent:
        issue = self.issue
        return Intent(
            id=derive("int", issue.id, issue.reopened, self.playbook, step, recipient, occasion),
            kind=kind,
            issue=issue.id,
            episode=issue.reopened,
            account=issue.account,
            playbook=self.playbook,
            step=step,
            occasion=occasion,
            recipient=recipient,
            channel=channel,
            status="pending",
            due_at=self.now + float(after),
            created_at=self.now,
            payload=payload,
        )
