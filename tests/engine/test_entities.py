"""Who belongs to whom, in memory and in the store."""

import random
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.event import listen
from sqlmodel import Session, SQLModel, create_engine, select

from engine.entities import Entities, Person, people, person, prefer, save_entities
from engine.events import Address, EntityEvent, PreferenceEvent
from engine.store import models

BOTH_STORES = True

ids = count()


def entity(subject: str, time: float = 0.0, **known: Any) -> EntityEvent:
    return EntityEvent(id=str(next(ids)), source="crm", subject=subject, time=time, line=0, **known)


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def test_the_owner_is_the_account_above_whatever_lies_between() -> None:
    entities = Entities()
    assert entities.apply(entity("site/vienna", parent="account/acme"))
    assert entities.apply(entity("device/d-17", parent="site/vienna"))
    assert entities.owner("device/d-17") == "account/acme"
    assert entities.owner("account/acme") == "account/acme"
    assert entities.owner("device/unknown") is None


def test_an_account_nobody_declared_is_its_own() -> None:
    assert Entities().owner("account/new") == "account/new"


def test_a_circle_has_no_owner() -> None:
    entities = Entities()
    for one, other in (("a/1", "a/2"), ("a/2", "a/3"), ("a/3", "a/1"), ("a/4", "a/4")):
        entities.apply(entity(one, parent=other))
    assert entities.owner("a/1") is None
    assert entities.owner("a/4") is None


def test_a_move_counts_at_once_and_an_older_word_does_not() -> None:
    entities = Entities()
    entities.apply(entity("device/d", 10.0, parent="account/a"))
    assert entities.owner("device/d") == "account/a"
    assert entities.apply(entity("device/d", 20.0, parent="account/b"))
    assert entities.owner("device/d") == "account/b"
    assert not entities.apply(entity("device/d", 15.0, parent="account/c"))
    assert not entities.apply(entity("device/d", 21.0, parent="account/b"))
    assert entities.owner("device/d") == "account/b"
    assert entities.apply(entity("device/d", 30.0, deleted=True))
    assert entities.owner("device/d") is None


def test_the_state_is_the_same_bytes_in_any_order_and_restores() -> None:
    events = [entity(f"device/{n}", float(n), parent=f"account/{n % 3}") for n in range(50)]
    one, other, restored = Entities(), Entities(), Entities()
    for event in events:
        one.apply(event)
    random.Random(1).shuffle(events)
    for event in events:
        other.apply(event)
    assert np.array_equal(one.state()["entities"], other.state()["entities"])
    assert one.state()["entities"].dtype == np.uint8
    restored.load(one.state())
    assert restored.owner("device/7") == "account/1"
    assert not restored.apply(entity("device/7", 6.0, parent="account/0"))


def test_people_of_the_account_of_those_above_it_and_of_its_assets(session: Session) -> None:
    save_entities(
        session,
        [
            entity("account/group"),
            entity("account/acme", parent="account/group", locale="de-AT", zone="Europe/Vienna", country="AT"),
            entity("site/vienna", parent="account/acme"),
            entity("device/d-17", parent="site/vienna"),
            entity("account/sub", parent="account/acme"),
            entity("contact/a", parent="account/acme", roles=["technical"], locale="fr", prefers=["sms"]),
            entity("contact/b", parent="account/group", roles=["billing"]),
            entity("contact/c", parent="device/d-17", roles=["technical", "admin"]),
            entity("contact/d", parent="account/sub"),
            entity("contact/e", parent="account/acme", deleted=True),
            entity("contact/f", parent="account/other"),
        ],
    )
    assert [person.id for person in people(session, "account/acme")] == ["contact/a", "contact/b", "contact/c"]
    assert [person.id for person in people(session, "account/acme", ["admin", "billing"])] == ["contact/b", "contact/c"]
    first, second, _ = people(session, "account/acme")
    assert (first.locale, first.prefers, second.locale) == ("fr", ("sms",), "de-AT")
    assert (first.zone, first.account_zone, first.account_country) == ("", "Europe/Vienna", "AT")
    [other] = people(session, "account/other", locale="en")
    assert other == Person("contact/f", account="account/other", locale="en")
    assert people(session, None) == []
    assert people(session, "account/nobody") == []


def test_circles_in_the_store_end(session: Session) -> None:
    save_entities(
        session,
        [
            entity("account/a", parent="account/b"),
            entity("account/b", parent="account/a"),
            entity("x/1", parent="account/a"),
            entity("x/2", parent="x/1"),
            entity("x/1", 1.0, parent="x/2"),
            entity("contact/c", parent="account/b"),
        ],
    )
    assert [person.id for person in people(session, "account/a")] == ["contact/c"]


def test_addresses_keep_their_order_and_what_a_newer_event_leaves_out_is_gone(session: Session) -> None:
    mail, phone, late = Address("email", "z@x.test"), Address("phone", "+431"), Address("email", "a@x.test")
    save_entities(session, [entity("contact/a", 10.0, parent="account/x", addresses=[mail, phone, late, mail])])
    [person] = people(session, "account/x")
    assert person.addresses == (("email", "z@x.test"), ("phone", "+431"), ("email", "a@x.test"))
    assert person.address("email") == "z@x.test"
    assert person.address("url") == ""
    save_entities(session, [entity("contact/a", 20.0, parent="account/x", addresses=[late])])
    save_entities(session, [entity("contact/a", 15.0, parent="account/x", addresses=[mail])])
    assert people(session, "account/x")[0].addresses == (("email", "a@x.test"),)
    save_entities(session, [entity("contact/a", 30.0, deleted=True, addresses=[late])])
    assert session.exec(select(models.Address)).all() == []


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.sampled_from(["x", "y"])),
        max_size=12,
        unique_by=lambda each: each[:2],
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_events_come_does_not_matter(told: Any, order: random.Random) -> None:
    events = [entity(f"contact/{who}", float(at), parent=f"account/{home}", name=str(at)) for who, at, home in told]
    assert _stored(events) == _stored(order.sample(events, len(events)))


def _stored(events: list[EntityEvent]) -> list[tuple[str, str | None, str]]:
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        for event in events:
            save_entities(session, [event])
        rows = session.exec(select(models.Entity)).all()
        found = sorted((row.id, row.parent, row.name) for row in rows)
    engine.dispose()
    return found


def preference(time: float, **said: Any) -> PreferenceEvent:
    return PreferenceEvent(id=str(next(ids)), source="page", subject="contact/ann", time=time, line=0, **said)


def test_what_a_person_says_outranks_what_is_said_of_them(session: Session) -> None:
    crm: dict[str, Any] = {"parent": "account/acme", "locale": "en", "zone": "UTC", "prefers": ["email"]}
    save_entities(session, [entity("account/acme"), entity("contact/ann", **crm)])
    prefer(session, preference(5.0, prefers=["sms"], zone="Europe/Vienna"))
    save_entities(session, [entity("contact/ann", 9.0, **crm)])
    [ann] = people(session, "account/acme")
    assert (ann.prefers, ann.zone, ann.locale) == (("sms",), "Europe/Vienna", "en")
    prefer(session, preference(4.0, prefers=["voice"]))
    assert person(session, "contact/ann", "account/acme") == ann, "an older word changes nothing"
    prefer(session, preference(6.0))
    [ann] = people(session, "account/acme")
    assert (ann.prefers, ann.zone) == (("email",), "UTC")


def test_the_people_of_an_account_are_found_without_reading_everyone(session: Session) -> None:
    save_entities(session, [entity("contact/ann", parent="account/acme")])
    asked: list[tuple[str, Any]] = []
    engine = session.get_bind()
    listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    assert [one.id for one in people(session, "account/acme")] == ["contact/ann"]
    statement, values = next(each for each in asked if "RECURSIVE" in each[0])
    plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    found = [row.detail for row in plan if " entity " in row.detail]
    assert found
    assert all("ix_entity_parent" in each for each in found), found
