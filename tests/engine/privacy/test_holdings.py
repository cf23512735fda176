"""C11: no table and no column that may name somebody is forgotten by export and erasure."""

import random
from typing import Any, NamedTuple

import pytest
from sqlalchemy import JSON, Boolean, Float, Integer, LargeBinary, inspect
from sqlmodel import Session, SQLModel, create_engine, select

from engine.clock import FakeClock
from engine.eventlog.memory import MemoryDeadLetters, MemoryLog
from engine.privacy import erase, everything_of, export
from engine.privacy.holdings import HOLDINGS, IMPERSONAL, Holding
from engine.store import models
from outreach.address import digest

NAMING = {
    "account", "address", "by", "conversation", "entity", "external", "intent", "issue", "matcher", "of", "parent",
    "person", "provider_id", "recipient", "requester", "series", "subject", "ticket",
}  # fmt: skip
"""Names of columns that say whom a row is about."""
NOT_WHOM = {
    ("entity", "parent"): "named",
    ("intent", "provider_id"): "of a row that is found by whom it is for",
    ("receipt", "provider_id"): "of a row that is found by its intent",
    ("ticket", "parent"): "the number of an incident's ticket",
    ("ticket", "subject"): "words of a row that is found by its account",
    ("desk_ticket", "parent"): "the number of an incident's ticket",
    ("desk_ticket", "subject"): "words of a row that is found by its account",
    ("feed_item", "subject"): "words of a row that is found by its reader",
    ("conversation", "account"): "named",
    ("lead_time", "by"): "contact, or what an outcome is called",
    ("goodwill_grant", "intent"): "emptied",
    ("wave", "issue"): "a digest",
    ("incident", "issue"): "a digest",
    ("defect", "issue"): "a digest",
}
"""Columns of such a name by which rows are not looked for, and why."""


class Stores(NamedTuple):
    """A log and dead letters."""

    log: MemoryLog
    dead_letters: MemoryDeadLetters


ACME, ANN, MAIL = "account/acme", "contact/ann", "ann@acme.example"
OTHER, BOB, OTHERS = "account/other", "contact/bob", "bob@other.example"
TABLES = {holding.table for holding in HOLDINGS}


def named(table: type[SQLModel]) -> str:
    """Return what a table is called."""
    return str(inspect(table).local_table.name)


def every_table() -> list[type[SQLModel]]:
    """Return the model of every table there is."""
    found = [mapper.class_ for mapper in models.Entity._sa_registry.mappers]
    assert {named(each) for each in found} == set(SQLModel.metadata.tables)
    return sorted(found, key=named)


@pytest.mark.parametrize("table", every_table(), ids=named)
def test_c11_every_table_is_someones_or_says_why_it_is_nobodys(table: type[SQLModel]) -> None:
    assert (table in TABLES) != (table in IMPERSONAL), "add it to engine/privacy/holdings.py: HOLDINGS or IMPERSONAL"


@pytest.mark.parametrize("table", every_table(), ids=named)
def test_c11_every_column_that_may_name_somebody_is_looked_at(table: type[SQLModel]) -> None:
    name = named(table)
    looked_at = next((set(each.by) | set(each.blank) for each in HOLDINGS if each.table is table), set())
    columns = {column.key for column in inspect(table).columns}
    missing = {each for each in columns & NAMING if each not in looked_at and (name, each) not in NOT_WHOM}
    assert not missing, f"{name}: name {missing} in engine/privacy/holdings.py, or say here why they name nobody"
    assert set(looked_at) <= columns


def filled(table: type[SQLModel], holding: Holding, whose: str, number: int) -> SQLModel:
    """Return a row of somebody, in which every text tells of them."""
    ours = whose == "ann"
    named = {
        "entities": ACME if ours else OTHER, "addresses": MAIL if ours else OTHERS, "issues": f"iss-{whose}",
        "intents": f"int-{whose}", "conversations": f"cnv-{whose}", "tickets": f"tkt-{whose}",
        "providers": f"<{whose}@provider>", "series": f"{ACME if ours else OTHER}|endpoint=/v1",
    }  # fmt: skip
    values: dict[str, Any] = {}
    for column in inspect(table).columns:
        names = holding.by.get(column.key)
        if names == "matchers":
            values[column.key] = {"account": named["entities"]}
        elif names is not None:
            values[column.key] = named[names]
        else:
            values[column.key] = _value(
                column.type, str(table.model_fields[column.key].annotation), f"secret-{whose}-{number}"
            )
    return table(**values)


def _value(kind: Any, annotation: str, text: str) -> object:
    if isinstance(kind, JSON):
        return {"text": text} if "dict" in annotation else [text] if "str" in annotation else []
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Float | Integer):
        return random.Random(text).randrange(1_000_000)
    return text.encode() if isinstance(kind, LargeBinary) else text


def people() -> list[SQLModel]:
    made: list[SQLModel] = []
    for who, account, address in ((ANN, ACME, MAIL), (BOB, OTHER, OTHERS)):
        name = who.partition("/")[2]
        made += [
            models.Entity(id=account, kind="account", name=f"secret-{name}", updated_at=0.0),
            models.Entity(id=who, kind="contact", parent=account, name=f"secret-{name}", updated_at=0.0),
            models.Entity(id=f"device/{name}", kind="asset", parent=account, updated_at=0.0),
            models.Address(id=f"adr-{name}", entity=who, kind="email", value=address, updated_at=0.0),
        ]
    return made


def town(session: Session) -> None:
    """Let Ann and Bob have a row in every table that can hold one."""
    session.add_all(people())
    for number, holding in enumerate(HOLDINGS):
        if holding.table in (models.Entity, models.Address):
            continue
        for whose in ("ann", "bob"):
            row = filled(holding.table, holding, whose, number)
            if holding.table in (models.Issue, models.Intent, models.Conversation):
                row.id = {"Issue": "iss", "Intent": "int", "Conversation": "cnv"}[holding.table.__name__] + f"-{whose}"
            if holding.table is models.ReceiptRow:
                row.provider_id = f"<{whose}@provider>"
            session.add(row)
    session.commit()


def dump(session: Session) -> str:
    """Return everything that is in the database, as text."""
    return "\n".join(str(row.model_dump()) for table in every_table() for row in session.exec(select(table)).all())


@pytest.fixture
def session() -> Any:
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as opened:
        town(opened)
        yield opened
    engine.dispose()


@pytest.fixture
def stores() -> Stores:
    return Stores(MemoryLog(clock=FakeClock(1e9), partitions=2), MemoryDeadLetters())


def test_c11_an_export_has_a_row_of_every_table_and_nothing_of_others(session: Session, stores: Stores) -> None:
    found = export(session, stores.log, stores.dead_letters, ACME, 1e9)
    for holding in HOLDINGS:
        assert found[str(holding.table.__tablename__)], holding.table
    text = str(found)
    assert "secret-ann" in text
    assert not [word for word in ("secret-bob", OTHER, BOB, OTHERS, "iss-bob") if word in text]


def test_c11_erasure_leaves_a_digest_and_nothing_else(session: Session, stores: Stores) -> None:
    before = dump(session)
    assert "secret-ann" in before
    done = erase(session, stores.log, stores.dead_letters, ACME, 1e9)
    session.commit()
    after = dump(session)
    for word in ("secret-ann", ACME, ANN, MAIL, "device/ann", "iss-ann", "int-ann", "cnv-ann"):
        kept = [line for line in after.splitlines() if word in line]
        assert all("'currency'" in line for line in kept), f"{word}: {kept}"
    assert digest(MAIL) in after
    assert (done.addresses, set(done.rows)) == (1, {str(each.table.__tablename__) for each in HOLDINGS})
    of_bob = [line for line in before.splitlines() if "ann" not in line]
    assert [line for line in of_bob if line not in after] == [], "nothing of others went"


def test_c11_one_persons_erasure_leaves_the_account(session: Session, stores: Stores) -> None:
    whose = everything_of(session, ANN)
    assert (whose.entities, whose.addresses, whose.issues) == ({ANN}, {MAIL}, set())
    erase(session, stores.log, stores.dead_letters, ANN, 1e9)
    session.commit()
    assert session.get(models.Entity, ANN) is None
    assert session.get(models.Entity, ACME) is not None
    assert session.get(models.Issue, "iss-ann") is not None
    assert MAIL not in dump(session)


def test_c11_erased_twice_is_erased_once(session: Session, stores: Stores) -> None:
    erase(session, stores.log, stores.dead_letters, ACME, 1e9)
    session.commit()
    after, length = dump(session), stores.log.end(0)
    done = erase(session, stores.log, stores.dead_letters, ACME, 1e9 + 1)
    assert (done.rows, done.events, done.letters) == ({}, 0, 0)
    assert (dump(session), stores.log.end(0)) == (after, length)
