"""Everything that is kept of somebody goes, but for a digest of each address: nothing is ever sent there again (C11).

Done twice it changes nothing more, so what was interrupted is done again. What an engine that runs was just about to
write is found by the second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel import Session

from engine.eventlog.base import Append, DeadLetters, EventLog
from engine.events import make_event
from engine.events.reserved import ERASED
from engine.ids import derive
from engine.privacy import traces
from engine.privacy.holdings import HOLDINGS, Holding
from engine.privacy.whose import Whose, everything_of, rows, theirs
from engine.store.database import insert_ignore
from engine.store.models import DeskTicket, Suppression
from outreach.address import digest


@dataclass(frozen=True, slots=True)
class Erased:
    """What went."""

    rows: dict[str, int]
    """By table."""
    events: int
    letters: int
    addresses: int
    """Of which a digest is kept."""
    elsewhere: Sequence[str]
    """Tickets at vendors' desks, `DESK NUMBER`: what stands there is to be erased there."""


def erase(
    session: Session,
    log: EventLog,
    dead_letters: DeadLetters,
    subject: str,
    now: float,
    signals: EventLog | None = None,
) -> Erased:
    """Erase what is kept of `subject`, in the log of signals too; the caller commits."""
    whose = everything_of(session, subject)
    is_mine = traces.mine(whose)
    elsewhere = [f"{row.desk} {row.name or row.number}" for row in _at_desks(session, whose)]
    _overwrite(session)
    gone = {str(each.table.__tablename__): _erase(session, whose, each) for each in HOLDINGS}
    kept = [Suppression(address=digest(each), channel="*", reason=ERASED, at=now) for each in sorted(whose.addresses)]
    insert_ignore(session, Suppression, kept)
    logs = [log] if signals is None else [log, signals]
    events = sum(each.rewrite(lambda line, at: traces.erased(line, at) if is_mine(line) else line) for each in logs)
    found = [letter.id for letter in traces.letters(dead_letters, is_mine)]
    dead_letters.remove(found)
    if gone["entity"] or gone["issue"] or events:
        _begin_anew(log, whose, now)
    return Erased({name: count for name, count in gone.items() if count}, events, len(found), len(kept), elsewhere)


def _overwrite(session: Session) -> None:
    """Have SQLite overwrite what is deleted, where it would otherwise only call it free."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().execute(text("PRAGMA secure_delete = ON"))


def _at_desks(session: Session, whose: Whose) -> Sequence[DeskTicket]:
    found = rows(session, DeskTicket, account=whose.entities, issue=whose.issues, intent=whose.intents)
    return sorted(found, key=lambda row: (row.desk, row.number))


def _erase(session: Session, whose: Whose, holding: Holding) -> int:
    found = theirs(session, whose, holding)
    for row in found:
        for column in holding.blank:
            setattr(row, column, "")
        if holding.blank:
            session.add(row)
        else:
            session.delete(row)
    session.flush()
    return len(found)


def _begin_anew(log: EventLog, whose: Whose, now: float) -> None:
    """Tell the models to forget them: what was learned of an account or asset, and to whom a person belonged."""
    told = [each for each in sorted(whose.entities) if not each.startswith(("email/", "phone/"))]
    data = {"what": ERASED, "reset": True, "who": "forewarn"}
    for each in told:
        key = derive("era", each, repr(now))
        event = make_event("forewarn.change", each, data, id=key, source=traces.SOURCE, time=now)
        log.append(Append(partition, event, 1) for partition in range(log.partitions))
