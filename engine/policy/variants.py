"""A/B experiments: which words an account reads, where a template is written in several (`template.yaml`: variants).

An arm is drawn for each account and experiment, seeded by the experiment's name: the same draw on any machine and in a
replay, the same for everyone of the account and for every issue, so that nobody sees both. It is stored the first time
it counts, and what is stored holds when shares change. Another set of arms is another experiment.

Nobody is experimented on where people may come to harm: critical issues and emergencies.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from engine.config.model import SAFETY
from engine.ids import derive, drawn
from engine.playbooks import CLOSING
from engine.policy.facts import StepFacts
from engine.store.models import Assignment, Intent, Issue
from outreach.render import TemplateError, Templates
from outreach.settings import BASE, Settings


class Words(NamedTuple):
    """Which words a message is said in."""

    template: str
    """The template, of an arm NAME@ARM."""
    experiment: str = ""
    """Empty: there is none, or not for this message."""
    arm: str = ""
    share: float = 0.0
    """Which share of the accounts the arm is meant to have."""


@dataclass(frozen=True, slots=True)
class Arms:
    """The arms that are stored, of a batch of messages."""

    drawn: Mapping[str, str] = field(default_factory=dict)
    """By the id of the assignment."""
    told: Mapping[str, str] = field(default_factory=dict)
    """By the opening message that a closing one follows."""


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
    return drawn(b"variant", experiment, account)


def arms(session: Session, templates: Templates, intents: Collection[Intent]) -> Arms:
    """Return what is stored of the arms of `intents`; nothing is asked where no template has words of another arm."""
    messages = [each for each in intents if each.kind == "message"] if templates.files.has_arms else []
    follows = {str(each.payload.get("follows", "")) for each in messages if each.occasion in CLOSING}
    drawn = {id_ for each in messages if (id_ := _assigned(templates, each))}
    return Arms(_stored(session, drawn), _told(session, follows))


def words(templates: Templates, arms: Arms, intent: Intent, issue: Issue | None) -> Words:
    """Return the words for a message, by the arm that is stored, or else drawn; a closing one keeps its opening's.

    Raises TemplateError.
    """
    template = str(intent.payload.get("template", ""))
    if intent.kind != "message" or not template:
        return Words(template)
    if intent.occasion in CLOSING:
        arm = arms.told.get(str(intent.payload.get("follows", "")), "")
        return Words(templates.arm(template, arm), arm=arm)
    return _opening(templates, arms, template, intent, issue)


def _opening(templates: Templates, arms: Arms, template: str, intent: Intent, issue: Issue | None) -> Words:
    settings = templates.settings(template)
    safety = bool(intent.payload.get("emergency")) or (issue is not None and issue.severity in SAFETY)
    if not settings.variants or safety or not intent.account:
        return Words(template)
    experiment = experiment_of(template, settings)
    arm = arms.drawn.get(_id(experiment, intent.account)) or settings.arm(draw(experiment, intent.account))
    return Words(templates.arm(template, arm), experiment, arm, share(settings, arm))


def assignment(intent: Intent, step: StepFacts, now: float) -> dict[str, Any] | None:
    """Return the arm that the intent's account is told in, to be stored if none is yet; None: no experiment."""
    if not step.experiment or not intent.account:
        return None
    return {
        "id": _id(step.experiment, intent.account),
        "experiment": step.experiment,
        "account": intent.account,
        "issue": intent.issue,
        "arm": step.arm,
        "share": step.share,
        "at": now,
    }


def _assigned(templates: Templates, intent: Intent) -> str:
    """Return the id under which an opening message's arm would be stored; empty: there is no experiment."""
    template = str(intent.payload.get("template", ""))
    if intent.occasion in CLOSING or not intent.account or not template:
        return ""
    try:
        settings = templates.settings(template)
    except TemplateError:
        return ""  # told of where its words are looked for
    return _id(experiment_of(template, settings), intent.account) if settings.variants else ""


def _stored(session: Session, ids: Collection[str]) -> dict[str, str]:
    if not ids:
        return {}
    return dict(session.exec(select(Assignment.id, Assignment.arm).where(col(Assignment.id).in_(ids))).all())


def _told(session: Session, openings: Collection[str]) -> dict[str, str]:
    if not openings:
        return {}
    arm = func.coalesce(col(Intent.payload)["arm"].as_string(), "")
    rows = session.execute(sql_select(col(Intent.id), arm).where(col(Intent.id).in_(openings))).all()
    return {str(id_): str(arm) for id_, arm in rows}


def share(settings: Settings, arm: str) -> float:
    """Return which share of the accounts an arm is meant to have.

    >>> share(Settings(variants={"short": 0.25}), "base")
    0.75
    """
    return 1.0 - sum(settings.variants.values()) if arm == BASE else settings.variants.get(arm, 0.0)


def _id(experiment: str, account: str) -> str:
    return derive("asg", experiment, account)
