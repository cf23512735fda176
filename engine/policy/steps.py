"""What was planned, as decisions look at it: the playbook's step, the words it is said in, and for what it counts."""

from collections.abc import Collection
from typing import NamedTuple

from sqlmodel import Session

from engine.config.model import Config
from engine.entities import Person
from engine.playbooks import CLOSING
from engine.policy.facts import StepFacts
from engine.policy.holdout import draw
from engine.policy.variants import Arms, Words, arms, words
from engine.store.models import Intent, Issue
from outreach.render import TemplateError, Templates


class Planned(NamedTuple):
    """A step, and what is wrong with its template, if anything."""

    facts: StepFacts
    wrong: TemplateError | None = None


class Steps:
    """Steps under one configuration."""

    def __init__(self, config: Config, templates: Templates, *, sessions: bool) -> None:
        """`sessions`: whether a channel asks for one."""
        self._config = config
        self._templates = templates
        self._sessions = sessions

    def arms(self, session: Session, intents: Collection[Intent]) -> Arms:
        """Return the stored arms of a batch."""
        return arms(session, self._templates, intents)

    def planned(self, intent: Intent, issue: Issue | None, person: Person | None, stored: Arms) -> Planned:
        """Return what `intent` was planned as. What its template's folder says wrong fails it when it is written."""
        try:
            promotion = self._promotion(intent)
            return Planned(self._facts(intent, person, words(self._templates, stored, intent, issue), promotion))
        except TemplateError as error:
            return Planned(self._facts(intent, person, Words(str(intent.payload.get("template", "")))), error)

    def _facts(self, intent: Intent, person: Person | None, chosen: Words, promotion: str = "") -> StepFacts:
        payload, playbook = intent.payload, self._config.playbooks.get(intent.playbook)
        return StepFacts(
            playbook=intent.playbook,
            episode=intent.episode,
            purpose="marketing" if promotion else str(payload.get("purpose", "service")),
            channels=tuple(payload.get("channels", ())),
            emergency=str(payload.get("emergency", "")),
            unless=payload.get("unless"),
            template=chosen.template,
            experiment=chosen.experiment,
            arm=chosen.arm,
            share=chosen.share,
            approved=self._approved(chosen.template, person),
            promotion=promotion,
            through=self._through(intent),
            holdout=playbook.holdout if playbook else 0.0,
            draw=draw(intent.playbook, intent.account or "", intent.issue),
            address=str(payload.get("address", "")),
        )

    def _approved(self, template: str, person: Person | None) -> bool:
        return self._sessions and person is not None and self._templates.has_approval(template, person.locale)

    def _promotion(self, intent: Intent) -> str:
        """Return the words that make a service message marketing; a closing one is as the one that it closes (C16)."""
        template = str(intent.payload.get("template", ""))
        service = str(intent.payload.get("purpose", "service")) == "service"
        if intent.kind != "message" or intent.occasion in CLOSING or not service or not template:
            return ""
        return self._templates.promotion(template)

    def _through(self, intent: Intent) -> tuple[str, ...]:
        if intent.kind == "ticket":
            return (str(intent.payload.get("desk", "")),)
        target = self._config.main.escalations.get(str(intent.payload.get("to", "")))
        return (target.channel,) if target else ()
