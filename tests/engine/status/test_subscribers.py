"""Subscribing: nobody's mailbox can be filled, nothing is learned about an address, nobody is told unasked."""

from typing import Any

import pytest
from sqlmodel import select

from engine.errors import Overloaded
from engine.status import subscribers
from engine.status.subscribers import ASKED, MEMORY, PAUSE
from engine.store.models import Subscriber

BOTH_STORES = True

NOW = 1_795_352_700.0


def ask(page: Any, address: str, components: list[str] | None = None) -> Subscriber | None:
    with page.database.transaction() as session:
        return subscribers.ask(session, page.status, address, components or [], "en", page.clock.time())


def state(page: Any, id_: str) -> str:
    with page.database.reading() as session:
        row = session.get(Subscriber, id_)
        return row.state if row else "forgotten"


def test_a_subscription_waits_until_it_is_confirmed(page: Any) -> None:
    row = ask(page, " Ann@Example.COM ", ["api"])
    assert row is not None
    assert (row.address, row.state, row.components) == ("ann@example.com", "pending", ["api"])
    with page.database.transaction() as session:
        assert subscribers.confirm(session, row.id, NOW) is not None
        assert subscribers.confirm(session, row.id, NOW + 9e9) is not None
    assert state(page, row.id) == "confirmed"
    assert ask(page, "ann@example.com") is None


def test_a_confirmation_that_comes_too_late_confirms_nothing(page: Any) -> None:
    row = ask(page, "ann@example.com")
    assert row is not None
    with page.database.transaction() as session:
        assert subscribers.confirm(session, row.id, row.expires_at + 1) is None
        assert subscribers.confirm(session, "sub_nobody", NOW) is None
    assert state(page, row.id) == "pending"


def test_an_address_that_never_confirms_is_asked_three_times_in_a_month(page: Any) -> None:
    asked = 0
    for _ in range(200):
        asked += ask(page, "ann@example.com") is not None
        asked += ask(page, "ANN@example.com") is not None
        page.clock.advance(PAUSE)
    assert asked == ASKED
    page.clock.advance(MEMORY)
    assert ask(page, "ann@example.com") is not None


def test_all_addresses_together_are_asked_so_many_times_an_hour(page: Any) -> None:
    for number in range(200):
        assert ask(page, f"ann{number}@example.com") is not None
    with pytest.raises(Overloaded, match="try again"):
        ask(page, "bob@example.com")
    page.clock.advance(3600)
    assert ask(page, "bob@example.com") is not None


NONE = (
    "",
    "ann",
    "ann@",
    "a\r\nBcc: b@example.com",
    "abuse@example.com",
    "Postmaster+x@example.com",
    "no-reply@x.example",
    "ann@example.com, bob@example.com",
    "x" * 250 + "@example.com",
    "änn@example.com",
)


@pytest.mark.parametrize("address", NONE)
def test_what_is_no_address_or_a_roles_is_never_written_to(page: Any, address: str) -> None:
    assert ask(page, address) is None
    assert page.intents() == []


def test_who_left_is_asked_anew_and_an_old_confirmation_is_worth_nothing(page: Any) -> None:
    id_ = page.subscribe("ann@example.com")
    with page.database.transaction() as session:
        subscribers.end(session, id_, NOW + 1)
        assert subscribers.confirm(session, id_, NOW + 2) is None
    assert state(page, id_) == "ended"
    page.clock.advance(PAUSE)
    assert ask(page, "ann@example.com") is not None
    assert state(page, id_) == "pending"


def test_who_left_is_forgotten_and_who_asks_to_be_is_at_once(page: Any) -> None:
    gone, kept = page.subscribe("ann@example.com"), page.subscribe("bob@example.com")
    with page.database.transaction() as session:
        subscribers.end(session, gone, NOW)
        assert subscribers.remove(session, "BOB@example.com")
        assert not subscribers.remove(session, "eve@example.com")
    assert state(page, kept) == "forgotten"
    page.clock.advance(MEMORY + 1)
    ask(page, "eve@example.com")
    assert state(page, gone) == "forgotten"


def test_only_who_confirmed_can_choose(page: Any) -> None:
    row = ask(page, "ann@example.com")
    assert row is not None
    with page.database.transaction() as session:
        assert subscribers.choose(session, row.id, ["api"]) is None
        subscribers.confirm(session, row.id, NOW)
        assert subscribers.choose(session, row.id, ["api"]) is not None
        assert session.exec(select(Subscriber)).one().components == ["api"]
        assert subscribers.counts(session) == {"confirmed": 1}
