"""Running a playbook's tests: events in, a whole engine, and what came of them held against what was expected."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from sqlmodel import Session, col, select

from engine.config.model import Config, Place
from engine.config.tests import Expect, PlaybookTest
from engine.config.tests_events import end, events
from engine.rehearsal import Rehearsal, rehearsal
from engine.replay import Chunk, replay
from engine.store.models import DecisionRow, Issue, Ticket

CHUNK = 300.0
"""Seconds of events that arrive together: how exact the times in a test are."""
Row = Mapping[str, Any]


def run(test: PlaybookTest, config: Config) -> list[str]:
    """Return what is not as expected, one line each with its place; empty: the test passes."""
    with rehearsal(config, float(test.start)) as stage:
        for accepted in replay(stage.engine, stage.clock, _chunks(test), origin="test"):
            if accepted.rejects:
                reject = accepted.rejects[0]
                return [f"{test.place}: an event of the test is refused: {reject.reason}: {reject.detail}"]
        with stage.engine.storage.database.reading() as session:
            return list(_compare(test.expect, session, stage))


def _chunks(test: PlaybookTest) -> Iterator[Chunk]:
    """Cut the test's events by their times, and let time pass where there are none."""
    encode = msgspec.json.Encoder().encode
    start = float(test.start)
    at = start
    stamped = ((_time(event), encode(event)) for event in events(test))
    for number, group in groupby(stamped, lambda pair: (pair[0] - start) // CHUNK):
        until = start + (number + 1) * CHUNK
        yield from (Chunk(quiet, b"") for quiet in _steps(at, until - CHUNK))
        yield Chunk(until, b"\n".join(line for _, line in group))
        at = until
    yield from (Chunk(quiet, b"") for quiet in _steps(at, end(test) + CHUNK))


def _steps(after: float, until: float) -> Iterator[float]:
    """Yield the ends of the empty chunks between two moments."""
    while (after := after + CHUNK) <= until:
        yield after


def _time(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def _compare(expect: Expect, session: Session, stage: Rehearsal) -> Iterator[str]:
    found: dict[str, Callable[[], Sequence[Row]]] = {
        "issues": lambda: _rows(session.exec(select(Issue).order_by(col(Issue.opened_at))).all()),
        "decisions": lambda: _rows(session.exec(select(DecisionRow).order_by(col(DecisionRow.at))).all()),
        "messages": lambda: _messages(stage),
        "tickets": lambda: _rows(session.exec(select(Ticket).order_by(col(Ticket.number))).all()),
    }
    for section, rows in found.items():
        wanted = getattr(expect, section)
        if wanted is not None:
            yield from _section(section, wanted, list(rows()), expect.place, whole=section != "decisions")


def _section(name: str, wanted: Sequence[Any], rows: list[Row], place: Place, *, whole: bool) -> Iterator[str]:
    """Match each expectation to a row of its own; with `whole`, no row may be left over."""
    for expected in wanted:
        match = next((row for row in rows if _fits(expected, row)), None)
        if match is None:
            yield f"{expected.place}: no such one among the {name}: {_told(expected)}; there are {_list(rows)}"
        elif whole:
            rows.remove(match)
    if whole and rows:
        yield f"{place}: not expected among the {name}: {_list(rows)}"


def _fits(expected: Any, row: Row) -> bool:
    return all(_holds(name, wanted, row) for name, wanted in _given(expected).items())


def _holds(name: str, wanted: Any, row: Row) -> bool:
    if name == "contains":
        text = f"{row.get('subject', '')}\n{row.get('text', row.get('body', ''))}".casefold()
        return all(part.casefold() in text for part in wanted)
    if name == "subject" and ("text" in row or "body" in row):
        return wanted.casefold() in str(row["subject"]).casefold()
    return bool(row.get(name) == wanted)


def _given(expected: Any) -> dict[str, Any]:
    values = {field.name: getattr(expected, field.name) for field in fields(expected) if field.name != "place"}
    return {name: value for name, value in values.items() if value not in ("", ())}


def _rows(rows: Iterable[Any]) -> list[Row]:
    return [row.model_dump() for row in rows]


def _messages(stage: Rehearsal) -> list[Row]:
    return [
        {"channel": name, "to": message.to, "subject": message.subject, "text": message.text}
        for name, channel in stage.channels.items()
        for message in channel.sent
    ]


def _told(expected: Any) -> str:
    return ", ".join(f"{name}: {value}" for name, value in _given(expected).items()) or "any"


SHOWN = (
    *("detector", "subject", "severity", "status", "playbook", "step"),
    *("recipient", "channel", "verdict", "reason", "to", "queue"),
)
"""What identifies a row to somebody who reads why a test failed."""


def _list(rows: Sequence[Row]) -> str:
    shown = ["{" + ", ".join(f"{key}: {row[key]}" for key in SHOWN if row.get(key)) + "}" for row in rows[:5]]
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return (", ".join(shown) or "none") + more
