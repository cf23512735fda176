"""Everything by which somebody is named: their ids and addresses, and the ids of what was made of them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, SQLModel, or_, select

from engine.conversations.book import ticket_of
from engine.privacy.holdings import Holding, Names
from engine.store.models import Address, Conversation, Entity, Intent, Issue, ReceiptRow, Silence, Ticket

CHUNK = 200
"""Values in one question."""
ADDRESSED = ("email", "phone")
"""Who wrote to us and is nobody we know is called `email/…` or `phone/…`."""


@dataclass(slots=True)
class Whose:
    """What names somebody, by what it is."""

    subject: str
    entities: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    issues: set[str] = field(default_factory=set)
    intents: set[str] = field(default_factory=set)
    conversations: set[str] = field(default_factory=set)
    tickets: set[str] = field(default_factory=set)
    providers: set[str] = field(default_factory=set)

    def named(self, names: Names) -> Collection[str]:
        """Return the values of a kind."""
        found: Collection[str] = getattr(self, names)
        return found


def everything_of(session: Session, subject: str) -> Whose:
    """Return what names `subject`: an account with its people and assets, one person, or an address (`email/…`)."""
    whose = Whose(subject, {subject, *_below(session, subject)})
    whose.addresses |= {row.value for row in rows(session, Address, entity=whose.entities)}
    kind, _, value = subject.partition("/")
    if kind in ADDRESSED:
        whose.addresses.add(value)
    whose.issues |= {row.id for row in rows(session, Issue, subject=whose.entities, account=whose.entities)}
    whose.intents |= {
        row.id
        for row in rows(
            session,
            Intent,
            account=whose.entities,
            recipient=whose.entities,
            address=whose.addresses,
            issue=whose.issues,
        )
    }
    _what_came_of_it(session, whose)
    return whose


def _what_came_of_it(session: Session, whose: Whose) -> None:
    known = rows(session, Conversation, person=whose.entities, account=whose.entities, issue=whose.issues)
    whose.conversations |= {row.id for row in known}
    whose.intents |= {ticket_of(each) for each in whose.conversations}
    made = {"account": whose.entities, "issue": whose.issues, "external": whose.intents, "requester": whose.addresses}
    whose.tickets |= {row.id for row in rows(session, Ticket, **made)}
    whose.providers |= {row.provider_id for row in rows(session, ReceiptRow, intent=whose.intents) if row.provider_id}


def _below(session: Session, subject: str) -> set[str]:
    """Return the assets and people of an account; `subject` may be an asset, or nobody that is known."""
    found: set[str] = set()
    level = {subject}
    while level:
        level = {row.id for row in rows(session, Entity, parent=level)} - found - {subject}
        found |= level
    return found


def rows(session: Session, table: type[Any], **by: Collection[str]) -> Iterable[Any]:
    """Yield the rows of which any of these columns has one of the values, each once."""
    seen: set[Any] = set()
    for column, values in by.items():
        for chunk in _chunks(values):
            for row in session.exec(select(table).where(getattr(table, column).in_(chunk))).all():
                if id(row) not in seen:
                    seen.add(id(row))
                    yield row


def theirs(session: Session, whose: Whose, holding: Holding) -> list[SQLModel]:
    """Return the rows of a table that are somebody's."""
    by: dict[str, Collection[str]] = {}
    found: list[SQLModel] = []
    for column, names in holding.by.items():
        if names == "series":
            found += _of_series(session, whose, holding.table, column)
        elif names == "matchers":
            found += [row for row in session.exec(select(Silence)).all() if _matches(row.matcher, whose)]
        else:
            by[column] = whose.named(names)
    found += rows(session, holding.table, **by)
    return list({id(row): row for row in found}.values())


def _of_series(session: Session, whose: Whose, table: type[Any], column: str) -> Iterable[Any]:
    """Yield rows of series that are somebody's: the key of one is who it is of, and what else it is split by."""
    series = getattr(table, column)
    for chunk in _chunks(whose.entities):
        named: list[ColumnElement[bool]] = [series.in_(chunk)]
        named += [series.startswith(f"{each}|", autoescape=True) for each in chunk]
        yield from session.exec(select(table).where(or_(*named))).all()


def _matches(matcher: Mapping[str, object], whose: Whose) -> bool:
    return any(value in whose.entities for value in matcher.values())


def _chunks(values: Collection[str]) -> Iterable[list[str]]:
    ordered = sorted(values)
    return (ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK))
