"""A copy of everything that is kept of somebody, as they may ask for it (GDPR, articles 15 and 20)."""

from typing import Any

import msgspec
from sqlmodel import Session

from engine.eventlog.base import DeadLetters, EventLog
from engine.privacy import traces
from engine.privacy.holdings import HOLDINGS
from engine.privacy.whose import everything_of, theirs

Exported = dict[str, Any]


def export(
    session: Session,
    log: EventLog,
    dead_letters: DeadLetters,
    subject: str,
    now: float,
    signals: EventLog | None = None,
) -> Exported:
    """Return what is kept of `subject`, as plain JSON values: rows by table, events, dead letters.

    What partitions told each other, in the log of signals, is among the events.
    Empty parts are left out; `now` (epoch seconds) is when it was asked for.
    """
    whose = everything_of(session, subject)
    is_mine = traces.mine(whose)
    kept = {
        str(holding.table.__tablename__): [row.model_dump(mode="json") for row in theirs(session, whose, holding)]
        for holding in HOLDINGS
    }
    logs = [log] if signals is None else [log, signals]
    events = [_event(line) for each in logs for line in traces.events(each, is_mine)]
    letters = [letter.payload.decode("utf-8", "replace") for letter in traces.letters(dead_letters, is_mine)]
    parts = {**kept, "events": events, "dead_letters": letters}
    return {"subject": subject, "at": now, **{name: rows for name, rows in parts.items() if rows}}


def _event(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except msgspec.MsgspecError:
        return line.decode("utf-8", "replace")
