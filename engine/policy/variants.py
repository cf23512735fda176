"""A/B experiments: which words an account reads, where a template is written in several (`template.yaml`: variants).

An arm is drawn for each account and experiment, seeded by the experiment's name: the same draw on any machine and in a
replay, the same for everyone of the account and for every issue, so that nobody sees both. It is stored the first time
it counts, and what is stored holds when shares change. Another set of arms is another experiment.

Nobody is experimented on where people may come to harm: critical issues and emergencies.
"""

import hashlib
from dataclasses import dataclass

from sqlmodel import Session

from engine.config.model import SAFETY
from engine.ids import derive
from engine.issues.view import IssueView
from engine.playbooks import CLOSING
from engine.store.database import insert_ignore
from engine.store.models import Assignment, Intent
from outreach.render import Templates
from outreach.settings import BASE, Settings


@dataclass(frozen=True, slots=True)
class Words:
    """Which words a message is said in."""

    template: str
    """The template, of an arm NAME@ARM."""
    experiment: str = ""
    """Empty: there is none, or not for this message."""
    arm: str = ""


def experiment_of(template: str, settings: Settings) -> str:
    """Return the name of a template's experiment.

    >>> experiment_of("api/notice", Settings(variants={"short": 0.5}))
    'variant api/notice: short'
    """
    return f"variant {template}: {', '.join(sorted(settings.variants))}"


def draw(experiment: str, account: str) -> float:
    """Return where the draw of an account fell, from 0 to under 1.

    >>> draw("variant a", "account/acme") == draw("variant a", "account/acme") != draw("variant b", "account/acme")
    True
    """
    digest = hashlib.blake2b(f"{experiment}\0{account}".encode(), digest_size=8, person=b"forewarn variant")
    return int.from_bytes(digest.digest()) / 2**64


def words(session: Session, templates: Templates, intent: Intent, issue: IssueView | None) -> Words:
    """Return the words for a message, by the arm that is stored, or else drawn; a closing one keeps its opening's."""
    template = str(intent.payload.get("template", ""))
    if intent.kind != "message":
        return Words(template)
    if intent.occasion in CLOSING:
        opening = session.get(Intent, str(intent.payload.get("follows", "")))
        arm = str(opening.payload.get("arm", "")) if opening else ""
        return Words(templates.arm(template, arm), arm=arm)
    return _opening(session, templates, template, intent, issue)


def _opening(session: Session, templates: Templates, template: str, intent: Intent, issue: IssueView | None) -> Words:
    settings = templates.settings(template)
    safety = bool(intent.payload.get("emergency")) or (issue is not None and issue.severity in SAFETY)
    if not settings.variants or safety or not intent.account:
        return Words(template)
    experiment = experiment_of(template, settings)
    stored = session.get(Assignment, _id(experiment, intent.account))
    arm = stored.arm if stored else settings.arm(draw(experiment, intent.account))
    return Words(templates.arm(template, arm), experiment, arm)


def assign(session: Session, intent: Intent, experiment: str, arm: str, share: float, now: float) -> None:
    """Store the arm of the intent's account, the first time a message is sent in it."""
    if not experiment or not intent.account:
        return
    made = Assignment(
        id=_id(experiment, intent.account),
        experiment=experiment,
        account=intent.account,
        issue=intent.issue,
        arm=arm,
        share=share,
        at=now,
    )
    insert_ignore(session, Assignment, [made])


def share(settings: Settings, arm: str) -> float:
    """Return which share of the accounts an arm is meant to have.

    >>> share(Settings(variants={"short": 0.25}), "base")
    0.75
    """
    return 1.0 - sum(settings.variants.values()) if arm == BASE else settings.variants.get(arm, 0.0)


def _id(experiment: str, account: str) -> str:
    return derive("asg", experiment, account)
