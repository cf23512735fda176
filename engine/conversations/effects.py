"""What an answer causes, from its event: live or in a replay, once.

The thread is kept; the issue and its tickets get a note; where a person is needed the whole conversation is put before
one as a ticket, and what comes after that as notes on it.

A customer's "fixed" resolves no issue that its detector still sees. It does resolve one that is only held open because
it comes and goes: there the detector sees nothing any more either.
"""

from collections.abc import Iterator, Mapping

from sqlmodel import Session

from engine.config.model import ConversationConfig
from engine.conversations import book, notes
from engine.events import ReplyEvent
from engine.ids import derive
from engine.issues.book import IssueBook, view
from engine.issues.view import Transition, raised, worse
from engine.playbooks import REPLY
from engine.store import outbox
from engine.store.database import insert_ignore
from engine.store.models import Conversation, Intent, Issue, Turn

ANSWER_WITHIN = 600.0
"""Seconds after which an answer that has not been put in the outbox is not sent any more."""
AGENT = "_replies/agent"
"""The template of the ticket that holds a conversation."""
USUAL = "medium"
"""Severity of a conversation about no issue."""
GRAVE = "high"
"""The least severity of distress."""
_SAID: Mapping[str, str] = {
    "fixed": "says that it works again",
    "broken": "says that it still does not work",
    "not_mine": "says that it is not about them, or that they noticed nothing",
    "call": "asks to be called",
    "distress": "wrote something that somebody has to read at once",
}


def replied(
    session: Session, event: ReplyEvent, issues: IssueBook, rules: ConversationConfig, now: float
) -> list[Transition]:
    """Apply `event` at `now` (epoch seconds); returns what it changed of issues."""
    _keep(session, event)
    issue = session.get(Issue, event.issue) if event.issue else None
    intents = [*_before_a_person(session, event, issue, rules, now), *_answer(event, issue, now)]
    if issue is not None and event.meaning in _SAID:
        intents += _noted(session, event, issue, issues, now)
    outbox.add(session, intents)
    return _agreed(session, event, issues, issue, now)


def _noted(session: Session, event: ReplyEvent, issue: Issue, issues: IssueBook, now: float) -> Iterator[Intent]:
    """Note what was said on its issue and its tickets; on all of them where several were told of together."""
    others = [row for id_ in event.others if (row := session.get(Issue, id_)) is not None]
    of_several = f", in answer to a message about {len(others) + 1} issues" if others else ""
    text = f"{event.subject} {_SAID[event.meaning]} ({event.channel}{of_several})"
    for each in (issue, *others):
        issues.note(session, each.id, event.subject, event.time, text)
        yield from notes.on_issue(session, event, each, text, now)


def _keep(session: Session, event: ReplyEvent) -> None:
    """Put what was said into its thread, unless it is there."""
    conversation = {"id": event.conversation, "person": event.subject, "account": event.account}
    insert_ignore(session, Conversation, [{**conversation, "issue": event.issue, "began_at": event.time}])
    rows = [_turn(event, "in", event.text, event.hand_over)]
    insert_ignore(session, Turn, [*rows, *([_turn(event, "out", event.answer)] if event.answer else [])])


def _turn(event: ReplyEvent, way: str, text: str, hand_over: str = "") -> dict[str, object]:
    return {
        "id": book.turn_id(event.source, event.id, way),
        "conversation": event.conversation,
        "at": event.time,
        "way": way,
        "channel": event.channel,
        "address": event.address,
        "text": text,
        "meaning": event.meaning,
        "hand_over": hand_over,
    }


def _before_a_person(
    session: Session, event: ReplyEvent, issue: Issue | None, rules: ConversationConfig, now: float
) -> Iterator[Intent]:
    """Yield the ticket that hands a conversation over, or the note on it of what came since."""
    handed = session.get(Intent, book.ticket_of(event.conversation))
    if handed is not None:
        yield from notes.on_conversation(event, handed, now)
    elif event.hand_over:
        yield _ticket(event, issue, rules)


def _ticket(event: ReplyEvent, issue: Issue | None, rules: ConversationConfig) -> Intent:
    payload = {
        "desk": rules.desk,
        "queue": rules.queue,
        "template": AGENT,
        "conversation": event.conversation,
        "why": event.hand_over,
        "severity": severity(event, issue),
        "number": event.number,
        "others": event.others,
        "unless": None,
    }
    return _intent(event, issue, book.ticket_of(event.conversation), "ticket", rules.queue, rules.desk, payload)


def severity(event: ReplyEvent, issue: Issue | None) -> str:
    """Return how grave what was said is: a step more than its issue if that was told to be over, at least high for
    distress.
    """
    found = issue.severity if issue else USUAL
    if event.hand_over == "broken_again":
        return raised(found)
    return GRAVE if event.hand_over == "distress" and worse(GRAVE, found) else found


def _answer(event: ReplyEvent, issue: Issue | None, now: float) -> Iterator[Intent]:
    """Yield the message that answers, where the answer did not go back at once."""
    if not event.via or not event.answer or now - event.time > ANSWER_WITHIN:
        return
    payload = {
        "template": "",
        "purpose": "service",
        "channels": [event.via],
        "address": event.address,
        "text": event.answer,
        "answers": event.message,
        "conversation": event.conversation,
        "unless": None,
    }
    intent = _intent(event, issue, derive("int", event.source, event.id), "message", event.subject, event.via, payload)
    intent.address, intent.thread = event.address, event.thread
    yield intent


def _intent(
    event: ReplyEvent,
    issue: Issue | None,
    id_: str,
    kind: str,
    recipient: str,
    channel: str,
    payload: Mapping[str, object],
) -> Intent:
    return Intent(
        id=id_,
        kind=kind,
        issue=event.issue,
        episode=issue.reopened if issue else 0,
        account=event.account or None,
        playbook="",
        step="conversation",
        occasion=REPLY,
        recipient=recipient,
        channel=channel,
        status="pending",
        due_at=event.time,
        created_at=event.time,
        payload=dict(payload),
    )


def _agreed(
    session: Session, event: ReplyEvent, issues: IssueBook, issue: Issue | None, now: float
) -> list[Transition]:
    """Resolve an issue that is only held open, as it comes and goes, where the customer too says that it is over."""
    if issue is None or event.meaning != "fixed" or event.others or view(issue).track.calm_since is None:
        return []
    why = "the customer says that it works again, and the detector sees nothing"
    return issues.resolve(session, issue.id, event.subject, now, why)
