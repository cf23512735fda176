"""From what changed to what is to be done: the playbooks' answers, written to the outbox with the change itself."""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from engine.config.model import SAFETY, Config
from engine.defects import record
from engine.desks.notes import on_change
from engine.entities import Person, people
from engine.issues.view import Transition
from engine.playbooks import open_outreach, plan
from engine.store import outbox
from engine.store.digests import GATHERING
from engine.store.models import Intent


class Planner:
    """Plans under one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._playbooks = tuple(config.playbooks.values())
        self._locale = config.main.locale
        self._desks = config.desks

    def plan(self, session: Session, transitions: Iterable[Transition], now: float) -> int:
        """Add what `transitions` cause to the outbox; returns how many intents."""
        seen = list(transitions)
        known: dict[str | None, Sequence[Person]] = {}
        intents: list[Intent] = []
        for transition in seen:
            if transition.issue.shadow:
                continue
            account = transition.issue.account
            if account not in known:
                known[account] = people(session, account, locale=self._locale)
            told = open_outreach(self._messages(session, transition))
            intents += plan(transition, self._playbooks, known[account], told, now)
            intents += on_change(session, transition, len(told), self._desks, now)
        _hasten(session, seen, now)
        record(session, seen, self._config)
        outbox.add(session, intents)
        return len(intents)

    def _messages(self, session: Session, transition: Transition) -> Sequence[Intent]:
        if transition.kind not in {"resolved", "dismissed", "expired"}:
            return ()
        return session.exec(
            select(Intent).where(Intent.issue == transition.issue.id, col(Intent.kind) == "message")
        ).all()


def _hasten(session: Session, transitions: Iterable[Transition], now: float) -> None:
    """Let messages go at once that waited to be told with others, of issues that have become urgent."""
    urgent = [each.issue.id for each in transitions if each.kind == "severity" and each.after in SAFETY]
    if urgent:
        outbox.hasten(session, col(Intent.issue).in_(urgent), col(Intent.detail) == GATHERING, now=now)
