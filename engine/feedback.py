"""What comes back: contacts, replies, deliveries, verdicts, outcomes and operators' actions, written where they count.

One function an event type, in a table. Every row's id derives from the event's, so the same event leaves the same row.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import structlog
from sqlmodel import Session

from engine import deliveries, goodwill
from engine.config.model import ConversationConfig
from engine.conversations.effects import replied
from engine.desks.known import Ref
from engine.desks.states import take
from engine.entities import Entities, prefer, save_entities
from engine.errors import Permanent
from engine.events import (
    ActionEvent,
    ChangeEvent,
    ConsentEvent,
    ContactEvent,
    Control,
    DeliveryEvent,
    EntityEvent,
    GoodwillEvent,
    ModelEvent,
    OutcomeEvent,
    PreferenceEvent,
    ReplyEvent,
    TicketEvent,
    VerdictEvent,
)
from engine.ids import derive
from engine.issues import silences
from engine.issues.book import IssueBook
from engine.issues.leadtime import reached
from engine.issues.view import Transition
from engine.store.database import upsert
from engine.store.models import (
    Consent,
    CustomerContact,
    DeclaredChange,
    GoodwillGrant,
    Issue,
    Label,
    OutcomeRow,
)

log = structlog.get_logger()


class Feedback:
    """Applies reserved events to the database, inside the caller's transaction."""

    def __init__(self, book: IssueBook, entities: Entities, conversations: ConversationConfig) -> None:
        self._book = book
        self._conversations = conversations
        self._entities = entities
        self.refused: list[tuple[Control, str]] = []
        """What could not be done, and why: whoever applies events takes it from here."""
        self._handlers: dict[type, Callable[[Session, Any, float], list[Transition]]] = {
            ContactEvent: self._contact,
            ReplyEvent: self._reply,
            PreferenceEvent: self._preference,
            OutcomeEvent: self._outcome,
            VerdictEvent: self._verdict,
            DeliveryEvent: self._delivery,
            TicketEvent: self._ticket,
            ActionEvent: self._action,
            ChangeEvent: self._change,
            ModelEvent: self._model,
            GoodwillEvent: self._goodwill,
        }

    def apply(self, session: Session, events: Sequence[Control], now: float) -> list[Transition]:
        """Apply `events` in order at `now` (epoch seconds); returns what it changed of issues."""
        transitions: list[Transition] = []
        for kind, run in groupby(events, type):
            if kind is EntityEvent:
                save_entities(session, [event for event in run if isinstance(event, EntityEvent)])
            elif kind is ConsentEvent:
                rows = [_consent(event) for event in run if isinstance(event, ConsentEvent)]
                upsert(session, Consent, rows, ["id"])
            else:
                for event in run:
                    transitions += self._handlers[kind](session, event, now)
        return transitions

    def _contact(self, session: Session, event: ContactEvent, now: float) -> list[Transition]:
        account = self._entities.owner(event.subject)
        issue = reached(session, account, event.time, "contact", event.issue) if account else event.issue
        _keep(
            session,
            CustomerContact(
                id=derive("cct", event.source, event.id),
                at=event.time,
                subject=event.subject,
                account=account,
                channel=event.channel,
                text=event.text,
                issue=issue,
            ),
        )
        return []

    def _reply(self, session: Session, event: ReplyEvent, now: float) -> list[Transition]:
        return replied(session, event, self._book, self._conversations, now)

    def _preference(self, session: Session, event: PreferenceEvent, now: float) -> list[Transition]:
        prefer(session, event)
        return []

    def _outcome(self, session: Session, event: OutcomeEvent, now: float) -> list[Transition]:
        account = self._entities.owner(event.subject)
        if account:
            reached(session, account, event.time, event.what)
        _keep(
            session,
            OutcomeRow(
                id=derive("out", event.source, event.id),
                at=event.time,
                subject=event.subject,
                account=account,
                what=event.what,
                value=event.value,
            ),
        )
        return []

    def _verdict(self, session: Session, event: VerdictEvent, now: float) -> list[Transition]:
        _keep(
            session,
            Label(
                id=derive("lab", event.source, event.id),
                at=event.time,
                issue=event.issue,
                detector=event.detector,
                series=event.series,
                verdict=event.verdict,
                who=event.who,
                note=event.note,
            ),
        )
        if event.verdict == "false" and event.issue:
            return self._dismiss(session, event, now)
        return []

    def _dismiss(self, session: Session, event: VerdictEvent, now: float) -> list[Transition]:
        try:
            return self._book.dismiss(session, event.issue, event.who, now, event.note)
        except Permanent as error:
            log.warning("verdict on an issue that is not there", who=event.who, error=str(error))
            return []

    def _delivery(self, session: Session, event: DeliveryEvent, now: float) -> list[Transition]:
        deliveries.take(session, event, now)
        return []

    def _ticket(self, session: Session, event: TicketEvent, now: float) -> list[Transition]:
        """Who takes a ticket looks after its issue; of one that is over without a verdict the history tells."""
        taken = take(session, event)
        issue = session.get(Issue, taken.ticket.issue) if taken else None
        if taken is None or issue is None:
            return []
        ref = Ref(event.desk, event.ticket)
        if taken.ended and not taken.ticket.verdict:
            who = event.assignee or event.desk
            self._book.note(session, issue.id, who, now, f"ticket {ref} is {event.status}, without a verdict")
        if taken.claimed:
            return self._book.acknowledge(session, issue.id, event.assignee, now, f"ticket {ref}")
        return []

    def _change(self, session: Session, event: ChangeEvent, now: float) -> list[Transition]:
        if not event.erases:  # what is kept of nobody any more is not kept as that
            _declared(session, event, event.what, event.lasts, reset=event.reset)
        return []

    def _model(self, session: Session, event: ModelEvent, now: float) -> list[Transition]:
        _declared(session, event, f"{event.what} {event.version}", None)
        return []

    def _goodwill(self, session: Session, event: GoodwillEvent, now: float) -> list[Transition]:
        goodwill.rebuilt(session, _granted(event))
        return []

    def _action(self, session: Session, event: ActionEvent, now: float) -> list[Transition]:
        """Do what an operator said; what cannot be is kept for the dead letters: nobody waits here for an answer."""
        try:
            return self._operate(session, event, now)
        except Permanent as error:
            log.warning("action could not be done", what=event.what, who=event.who, error=str(error))
            self.refused.append((event, f"{event.what}: {error}"))
            return []

    def _operate(self, session: Session, event: ActionEvent, now: float) -> list[Transition]:
        match event.what:
            case "acknowledge":
                return self._book.acknowledge(session, event.issue, event.who, now, event.note)
            case "resolve":
                return self._book.resolve(session, event.issue, event.who, now, event.note)
            case "dismiss":
                return self._book.dismiss(session, event.issue, event.who, now, event.note)
            case "note":
                self._book.note(session, event.issue, event.who, now, event.note)
            case "silence":
                _silence(session, event)
            case "unsilence":
                silences.end(session, event.silence, event.who, now, event.note)
        return []


def _keep(session: Session, row: CustomerContact | OutcomeRow | Label | DeclaredChange) -> None:
    """Write a row, once: what everyone is told, every partition writes."""
    upsert(session, type(row), [row], ["id"])


def _declared(
    session: Session, event: ChangeEvent | ModelEvent, what: str, lasts: float | None, *, reset: bool = False
) -> None:
    _keep(
        session,
        DeclaredChange(
            id=derive("dcl", event.source, event.id),
            at=event.time,
            subject=event.subject,
            what=what,
            lasts=lasts,
            detectors=list(event.detectors),
            reset=reset,
            who=event.who,
            note=event.note,
        ),
    )


def _granted(event: GoodwillEvent) -> GoodwillGrant:
    return GoodwillGrant(
        id=event.id,
        at=event.time,
        remedy=event.remedy,
        amount=event.amount,
        currency=event.currency,
        account=event.subject,
        issue=event.issue,
        who=event.who,
        why=event.why,
        status=goodwill.GRANTED,
    )


def _consent(event: ConsentEvent) -> dict[str, object]:
    return {
        "id": derive("con", event.source, event.id),
        "at": event.time,
        "entity": event.subject,
        "address": event.address,
        "channel": event.channel,
        "purpose": event.purpose,
        "state": event.state,
        "written": event.written,
        "source": event.given_in or event.source,
        "wording": event.wording,
    }


def _silence(session: Session, event: ActionEvent) -> None:
    starts = event.time if event.starts_at is None else event.starts_at
    silences.create(
        session,
        event.matcher,
        event.who,
        event.note,
        event.time,
        starts_at=starts,
        ends_at=event.ends_at,
        recurring=event.recurring,
    )
