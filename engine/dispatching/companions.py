"""Who goes along: what else there is to tell the person of a message that is due, claimed together with it."""

from collections.abc import Mapping, Sequence
from itertools import chain

from sqlmodel import Session

from engine.config.model import Config
from engine.config.model.digests import terms
from engine.policy.together import FRAMES
from engine.store import digests, outbox
from engine.store.models import Intent

Along = Mapping[str, Sequence[Intent]]
"""By the id of a message: those that may go along with it."""


class Companions:
    """Finds them under one configuration."""

    def __init__(self, config: Config) -> None:
        found = {name: terms(config.policy.digest, each.digest) for name, each in config.playbooks.items()}
        self._most = {name: rules.at_most for name, rules in found.items() if rules is not None}

    def claim(self, session: Session, leading: Sequence[Intent], by: str, now: float) -> Along:
        """Claim what may go along with each of `leading`, of which no two go to one person."""
        leads = [each for each in leading if self._may_lead(each)]
        if not leads:
            return {}
        rows = digests.waiting(session, {each.recipient for each in leads}, self._most, FRAMES, now)
        wanted = {lead.id: [each.id for each in self._along(lead, rows)] for lead in leads}
        ids = list(chain.from_iterable(wanted.values()))
        claimed = {each.id: each for each in outbox.claim(session, ids, by, now)} if ids else {}
        return {lead: [claimed[id_] for id_ in along if id_ in claimed] for lead, along in wanted.items()}

    def _may_lead(self, intent: Intent) -> bool:
        message = intent.kind == "message" and intent.occasion in FRAMES
        return message and bool(intent.recipient) and intent.playbook in self._most

    def _along(self, lead: Intent, rows: Sequence[Intent]) -> list[Intent]:
        """Return the oldest of each other issue: no two of one message are about the same."""
        by_issue: dict[str, Intent] = {}
        for row in rows:
            if _whose(row) == _whose(lead) and row.issue != lead.issue:
                by_issue.setdefault(row.issue, row)
        return list(by_issue.values())[: self._most[lead.playbook] - 1]


def _whose(intent: Intent) -> tuple[str, str | None, str]:
    """Return to whom and of whom it tells, and whether of beginnings or of ends."""
    return intent.recipient, intent.account, FRAMES[intent.occasion]
