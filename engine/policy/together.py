"""Whether a message may be told together with others to the same person, and how long it waits for them.

What is urgent goes at once and alone: a critical issue, an emergency class. So does what has words of its own that
matter: a variant of an experiment, marketing, an approved WhatsApp template; and what is part of a wave, as who else
is told is not settled then. Only e-mail, and the channels that carry texts, tell several issues in one message.

The end of an issue never waits either; but ends that are due at the same time, as in the morning, are one message too.
Openings and ends are never mixed.
"""

from collections.abc import Collection

from msgspec.structs import replace

from engine.config.model import SAFETY, Config
from engine.config.model.digests import TOLD_BY, terms
from engine.entities import Person
from engine.playbooks import CLOSING
from engine.policy.contact_hours import contact_hours
from engine.policy.facts import Digest, Facts, IssueFacts, StepFacts
from engine.policy.reach import Way, best, in_session
from engine.policy.stops import Leaving, halted
from engine.store.models import Intent
from outreach.render import ENDS, FRAME, Templates

FRAMES = {"opened": FRAME, **dict.fromkeys(CLOSING, ENDS)}
"""The template around what is told together, by occasion: what has the same may be one message."""


class Gathering:
    """What is gathered under one configuration."""

    def __init__(self, config: Config, templates: Templates) -> None:
        self._templates = templates
        found = {name: terms(config.policy.digest, each.digest) for name, each in config.playbooks.items()}
        self._terms = {name: rules for name, rules in found.items() if rules is not None}

    @property
    def playbooks(self) -> Collection[str]:
        """Those whose messages may be told together with others."""
        return self._terms.keys()

    def of(self, intent: Intent, issue: IssueFacts, step: StepFacts, person: Person | None) -> Digest | None:
        """Return on what terms a message may be told together with others; None: it goes by itself."""
        frame = FRAMES.get(intent.occasion) if intent.kind == "message" else None
        rules = self._terms.get(intent.playbook) if frame else None
        if rules is None or frame is None or person is None or not _ordinary(issue, step):
            return None
        if not self._templates.digested(step.template, person.locale, frame):
            return None
        wait = rules.wait if intent.occasion == "opened" else 0.0
        return Digest(intent.created_at + wait, rules.at_most)


def _ordinary(issue: IssueFacts, step: StepFacts) -> bool:
    urgent = issue.severity in SAFETY or bool(step.emergency)
    return not urgent and not step.experiment and step.purpose == "service"


def way_of(facts: Facts) -> Way | None:
    """Return the way by which it may be told together with others; None: it goes by itself."""
    way = best(facts) if facts.digest is not None and facts.wave is None else None
    if way is None or facts.channels[way.channel].kind not in TOLD_BY or not in_session(facts, way.channel):
        return None
    halts = [each for each in facts.halts if each.scope == "template"]
    stopped = halted(halts, Leaving("", FRAMES[facts.occasion], ()))
    return None if stopped else way


def waits_until(facts: Facts) -> float | None:
    """Return until when it waits for others; None: it does not, or no longer.

    It does not wait into the night: rather than being held until the morning it goes now.
    """
    digest, person = facts.digest, facts.person
    if digest is None or person is None or digest.along or facts.now >= digest.until or way_of(facts) is None:
        return None
    hours = contact_hours(person, facts.policy.hours, facts.policy.regions)
    return digest.until if hours.next(digest.until) == digest.until else None


def along(facts: Facts) -> Facts | None:
    """Return the facts of a message that another takes along; None: it goes by itself, whatever the other does."""
    return replace(facts, digest=replace(facts.digest, along=True)) if facts.digest and facts.wave is None else None


def told_with(facts: Facts, others: int) -> Facts:
    """Return the facts of a message that is told with so many others."""
    return replace(facts, digest=replace(facts.digest, others=others)) if facts.digest else facts


def sentence(digest: Digest | None) -> list[str]:
    """Return what a decision says of those it is told with.

    >>> sentence(Digest(0.0, 8, others=1)), sentence(Digest(0.0, 8, others=3)), sentence(Digest(0.0, 8))
    (['Told together with 1 other.'], ['Told together with 3 others.'], [])
    """
    others = digest.others if digest else 0
    return [f"Told together with {others} other{'s' if others > 1 else ''}."] if others else []
