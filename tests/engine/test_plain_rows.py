"""Rows to be read only are what the ORM makes of them, on either database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from engine.links import Claims, Links
from engine.store import outbox, plain
from engine.store.among import among, one_of
from engine.store.database import Database
from engine.store.models import Entity, Intent, Issue

BOTH_STORES = True
ISSUES = select(Issue.__table__).where(among(Issue.id, "ids")).order_by(Issue.id)  # type: ignore[attr-defined]
OPEN = select(Issue.id, Issue.flapping).where(one_of(Issue.status, ("open", "acknowledged")))  # type: ignore[call-overload]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "forewarn.db", synchronous="OFF")
    yield opened
    opened.close()


def issue(name: str, status: str = "open", **more: Any) -> Issue:
    times: Any = {"opened_at": 1.0, "noticed_at": 1.0, "updated_at": 2.5}
    about: Any = {"detector": "d", "series": "s", "subject": "account/a", "severity": "high"}
    return Issue(id=name, fingerprint=name, status=status, **about, **times, **more)


def test_a_row_is_what_the_orm_makes_of_it(database: Database) -> None:
    evidence = {"points": [[1.0, None]], "why": 'näh\n"x"'}
    kept = [
        issue("a", flapping=True, flapped=[1.0, 2.0], evidence=evidence),
        issue("b", "resolved", account="account/b"),
    ]
    with database.transaction() as session:
        session.add_all(kept)
        found = plain.rows(session, ISSUES, {"ids": ["b", "a", "c"]})
    assert [{name: getattr(row, name) for name in Issue.model_fields} for row in found] == [
        each.model_dump() for each in kept
    ]
    assert [type(row.flapping) for row in found] == [bool, bool]


def test_a_few_texts_that_are_always_the_same(database: Database) -> None:
    with database.transaction() as session:
        session.add_all([issue("a"), issue("b", "resolved"), issue("c", "acknowledged")])
        assert {row.id for row in plain.rows(session, OPEN, {})} == {"a", "c"}


def test_what_is_changed_on_a_claimed_intent_is_not_written(database: Database) -> None:
    row: Any = {"issue": "i", "playbook": "p", "step": "s", "occasion": "opened", "due_at": 1.0, "created_at": 1.0}
    with database.transaction() as session:
        session.add(Intent(id="int_1", kind="message", status="pending", payload={"text": "a"}, **row))
    with database.transaction() as session:
        (claimed,) = outbox.claim(session, ["int_1"], "me", 2.0)
        claimed.payload["text"], claimed.channel = "b", "email"
    with database.reading() as session:
        kept = session.get_one(Intent, "int_1")
        assert (kept.status, kept.claimed_by, kept.payload, kept.channel) == ("claimed", "me", {"text": "a"}, "")


def test_nothing_is_null_and_lists_are_lists(database: Database) -> None:
    entities = select(Entity.parent, Entity.roles, Entity.deleted)  # type: ignore[call-overload]
    with database.transaction() as session:
        session.add(Entity(id="account/a", kind="account", roles=["x", "y"], updated_at=0.0))
        (row,) = plain.rows(session, entities, {})
    assert (row.parent, row.roles, row.deleted) == (None, ["x", "y"], False)


@given(st.text(), st.text(), st.sampled_from(["page", "unsubscribe"]), st.binary(min_size=1, max_size=100))
def test_links_for_several_uses_are_those_for_each(intent: str, address: str, named: str, secret: bytes) -> None:
    links = Links("https://status.example.com", secret)
    claims = Claims(named, intent, "contact/ann", address, "service", 2e9)
    uses = ("page", "unsubscribe", "preferences")
    assert links.urls(uses, claims) == {
        use: links.url(Claims(use, intent, "contact/ann", address, "service", 2e9)) for use in uses
    }
