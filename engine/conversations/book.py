"""Conversations in the store: which one an answer belongs to, and all that was said in it."""

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from engine.conversations.people import Correspondent
from engine.conversations.reactions import State
from engine.ids import derive
from engine.store.models import Consent, Conversation, Ticket, Turn

LAPSES = 3 * 86400.0
"""Seconds of silence after which what a person says begins a new conversation."""
HOUR = 3600.0


def conversation(session: Session, person: Correspondent, key: str, now: float) -> Conversation:
    """Return the conversation that goes on between us and `person`, a new one if there is none; locked."""
    latest = session.exec(
        select(Conversation)
        .where(Conversation.person == person.id, Conversation.issue == person.issue)
        .order_by(col(Conversation.began_at).desc(), col(Conversation.id))
        .limit(1)
        .with_for_update()
    ).first()
    if latest is not None and not _over(session, latest, now):
        return latest
    new = Conversation(
        id=derive("cnv", person.id, person.issue, key),
        person=person.id,
        account=person.account,
        issue=person.issue,
        began_at=now,
    )
    session.add(new)
    session.flush()
    return new


def state(session: Session, found: Conversation, person: Correspondent, now: float) -> State:
    """Return how far a conversation has come."""
    said = turns(session, found.id)
    return State(
        answers=sum(turn.way == "out" and turn.meaning != "stop" for turn in said),
        with_person=any(turn.hand_over for turn in said),
        lately=sum(turn.way == "in" and turn.at > now - HOUR for turn in said),
        confirmed=_confirmed(session, person.id),
        closed=person.closed,
        several=bool(person.others),
        asked=any(turn.way == "out" and turn.meaning == "other" for turn in said),
    )


def turns(session: Session, id_: str) -> Sequence[Turn]:
    """Return all that was said in a conversation, oldest first."""
    order = (col(Turn.at), col(Turn.way), col(Turn.id))
    return session.exec(select(Turn).where(Turn.conversation == id_).order_by(*order)).all()


def reply_id(key: str) -> str:
    """Return the id of the event of what the provider, or we, know as `key`."""
    return f"{key}:reply"


def turn_id(source: str, event: str, way: str) -> str:
    """Return the id of a turn made of an event: that of the same word is the same, however often it is told."""
    return derive("trn", source, event, way)


def ticket_of(id_: str) -> str:
    """Return the id of the intent by which a conversation is handed over."""
    return derive("int", id_, "person")


def live(session: Session, issues: Collection[str], now: float) -> dict[tuple[str, str | None], str]:
    """Return, by issue and account, a conversation that a person of ours has not finished (C17)."""
    found = select(Conversation).where(col(Conversation.issue).in_([issue for issue in issues if issue]))
    return {
        (each.issue, each.account or None): each.id
        for each in session.exec(found.order_by(col(Conversation.began_at))).all()
        if any(turn.hand_over for turn in turns(session, each.id)) and not _over(session, each, now)
    }


def _over(session: Session, found: Conversation, now: float) -> bool:
    """Return whether a conversation has ended: its ticket was resolved, or nobody said anything for long."""
    ticket = session.exec(select(Ticket).where(Ticket.external == ticket_of(found.id))).first()
    if ticket is not None:
        return ticket.status == "resolved"
    last = max((turn.at for turn in turns(session, found.id)), default=found.began_at)
    return last < now - LAPSES


def _confirmed(session: Session, person: str) -> bool:
    """Return whether the last opt-out of a person was confirmed already, and nothing was taken back since."""
    said = session.exec(
        select(Turn)
        .where(
            col(Turn.conversation).in_(select(Conversation.id).where(Conversation.person == person)),
            col(Turn.meaning).in_(("stop", "start")),
            (Turn.way == "out") | (Turn.meaning == "start"),
        )
        .order_by(col(Turn.at).desc(), col(Turn.id))
    ).first()
    if said is None or said.meaning == "start":
        return False
    anew = select(Consent.id).where(Consent.entity == person, Consent.state == "granted", Consent.at > said.at)
    return session.exec(anew).first() is None
