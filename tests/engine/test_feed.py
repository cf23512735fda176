"""Messages inside the product, from the outbox to who reads them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from engine import deliveries
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.config.model import Config, Per
from engine.dispatching import Dispatcher
from engine.errors import Permanent, Retryable
from engine.events import DeliveryEvent
from engine.feed import KEPT, Feed, pass_for
from engine.letters import Outside
from engine.links import Links
from engine.policy import stops
from engine.store.database import Database
from engine.store.models import Consent, DecisionRow, Entity, FeedItem, Intent, Issue
from engine.wording import Speaker
from outreach.base import Channel
from outreach.channels.inapp import InApp, Item
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class
from outreach.render import Templates

BOTH_STORES = True

NOW = 1_795_352_700.0
ROOT = Path(__file__).parents[2]


class Place:
    """A database, an in-app channel on it, and the dispatcher."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.clock = FakeClock(NOW)
        self.database = Database.open(folder / "forewarn.db", synchronous="OFF")
        self.feed = Feed(self.database, self.clock)
        self.dispatcher = self.dispatching(config)

    def dispatching(self, config: Config) -> Dispatcher:
        channels: dict[str, Channel] = {
            "email": MemoryChannel.like(channel_class("email"))(),
            "app": InApp(keep=lambda: self.feed),
        }
        speaker = Speaker(config, Links("https://status.example.com", b"secret"))
        outside = Outside(channels, {}, Templates(config.templates_dir), speaker)
        return Dispatcher(config, self.database, outside, self.clock)

    def add(self, *rows: Any) -> None:
        with self.database.transaction() as session:
            for row in rows:
                session.add(row)

    def issue(self, id_: str = "iss_1") -> Issue:
        moments: dict[str, Any] = {"opened_at": NOW - 60, "noticed_at": NOW - 60, "updated_at": NOW - 60}
        said: dict[str, Any] = {"severity": "high", "status": "open", "summary": "21 % fail"}
        return Issue(
            id=id_,
            fingerprint=id_,
            detector="api-errors",
            series="account/acme",
            subject="account/acme",
            account="account/acme",
            evidence={"value": 0.2},
            **moments,
            **said,
        )

    def message(self, id_: str = "int_1", occasion: str = "opened", **more: Any) -> Intent:
        template = "api-errors/notice" if occasion == "opened" else "api-errors/resolved"
        payload = {"template": template, "channels": ["app"], "purpose": "service"}
        given: dict[str, Any] = {"status": "pending", "due_at": NOW, "created_at": NOW, "payload": payload}
        given |= {"issue": "iss_1", **more}
        return Intent(
            id=id_, kind="message", account="account/acme", playbook="api-errors", step="0",
            occasion=occasion, recipient="contact/ann", **given,
        )  # fmt: skip

    def people(self) -> list[Any]:
        ann = Entity(id="contact/ann", kind="contact", parent="account/acme", zone="Europe/Vienna", updated_at=1.0)
        bob = Entity(id="contact/bob", kind="contact", parent="account/acme", updated_at=1.0)
        return [Entity(id="account/acme", kind="account", name="Acme", updated_at=1.0), ann, bob]

    def items(self, entity: str = "contact/ann") -> list[FeedItem]:
        return list(self.feed.page(entity, "", 50).items)

    def reasons(self) -> list[str]:
        with self.database.reading() as session:
            return [row.reason for row in session.exec(select(DecisionRow).order_by(DecisionRow.id)).all()]

    def intent(self, id_: str) -> Intent:
        with self.database.reading() as session:
            return session.exec(select(Intent).where(Intent.id == id_)).one()


@pytest.fixture(scope="module")
def config() -> Config:
    return load_or_raise(ROOT / "config", {})


@pytest.fixture
def place(tmp_path: Path, config: Config) -> Iterator[Place]:
    made = Place(tmp_path, config)
    yield made
    made.database.close()


def test_a_person_without_any_address_is_told_inside_the_product(place: Place) -> None:
    place.add(*place.people(), place.issue(), place.message())
    place.dispatcher.run_once()
    (item,) = place.items()
    assert (item.id, item.entity, item.occasion, item.read_at) == ("int_1", "contact/ann", "opened", None)
    assert "Acme" in item.subject
    sent = place.intent("int_1")
    assert (sent.status, sent.channel, sent.address, sent.provider_id) == ("sent", "app", "contact/ann", "int_1")
    assert place.items("contact/bob") == []


def test_c16_the_end_follows_on_the_same_channel_and_thread(place: Place) -> None:
    place.add(*place.people(), place.issue(), place.message())
    place.dispatcher.run_once()
    with place.database.transaction() as session:
        row = session.get(Issue, "iss_1")
        assert row is not None
        row.status, row.resolved_at = "resolved", NOW
    place.clock.advance(60)
    place.add(place.message("int_2", "resolved", thread="int_1"))
    place.dispatcher.run_once()
    last, first = place.items()
    assert (last.occasion, last.thread, first.id) == ("resolved", "int_1", "int_1")


@pytest.mark.parametrize("state", ["objected", "withdrawn", "suspended"])
def test_c02_an_opt_out_holds_inside_the_product_too(place: Place, state: str) -> None:
    word = Consent(id="con_1", at=NOW - 90, entity="contact/ann", channel="*", purpose="service", state=state)
    place.add(*place.people(), place.issue(), place.message(), word)
    place.dispatcher.run_once()
    assert place.items() == []
    assert place.reasons() == [{"objected": "objected", "withdrawn": "opted_out", "suspended": "suspended"}[state]]


def test_c15_a_cap_counts_what_is_read_inside_the_product(place: Place, config: Config) -> None:
    policy = replace(config.policy, caps={"inapp": Per(1, 86400.0, calendar=True)})
    place.dispatcher = place.dispatching(replace(config, policy=policy))
    place.add(
        *place.people(), place.issue(), place.issue("iss_2"), place.message(), place.message("int_2", issue="iss_2")
    )
    place.dispatcher.run_once()
    assert [item.id for item in place.items()] == ["int_1"]
    assert sorted(place.reasons()) == ["allowed", "capped"]


def test_who_prefers_it_is_told_there_by_its_kind(place: Place) -> None:
    payload = {"template": "api-errors/notice", "channels": ["preferred", "email"], "purpose": "service"}
    people = place.people()
    people[1].prefers = ["inapp"]
    place.add(*people, place.issue(), place.message(payload=payload))
    place.dispatcher.run_once()
    assert place.intent("int_1").channel == "app"


def test_reading_is_a_delivery_state_that_nothing_undoes(place: Place) -> None:
    place.add(*place.people(), place.issue(), place.message())
    place.dispatcher.run_once()
    with place.database.transaction() as session:
        for state in ("read", "delivered"):
            said = DeliveryEvent(
                id=state, source="x", subject="contact/ann", time=NOW, line=0, state=state, intent="int_1"
            )
            deliveries.take(session, said, NOW)
    assert place.intent("int_1").delivery == "read"


@pytest.mark.parametrize("seen", [False, True])
def test_a_stop_takes_back_what_nobody_has_read(place: Place, seen: bool) -> None:
    place.add(*place.people(), place.issue(), place.message())
    place.dispatcher.run_once()
    if seen:
        place.feed.read(["int_1"])
    with place.database.transaction() as session:
        stops.throw(session, "template", "api-errors", "ann", "wrong text", NOW)
    assert place.dispatcher.recall() == (0 if seen else 1)
    assert [item.id for item in place.items()] == (["int_1"] if seen else [])
    assert place.intent("int_1").status == ("sent" if seen else "skipped")


def test_what_is_put_twice_is_kept_once_and_for_nobody_who_is_gone(place: Place) -> None:
    gone = Entity(id="contact/eve", kind="contact", deleted=True, updated_at=1.0)
    place.add(*place.people(), gone)
    item = Item("int_1", "contact/ann", "Hello", "First", "en")
    assert place.feed.put(item)
    place.feed.read(["int_1"])
    assert place.feed.put(Item("int_1", "contact/ann", "Hello", "Second", "en"))
    assert [(each.text, each.read_at) for each in place.items()] == [("First", NOW)]
    assert not place.feed.put(Item("int_2", "contact/eve", "", "x", "en"))
    assert not place.feed.put(Item("int_3", "contact/nobody", "", "x", "en"))


def test_a_database_that_is_locked_is_tried_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*, shared: bool) -> Any:
        raise Retryable("locked")

    monkeypatch.setattr(place.database, "transaction", locked)
    with pytest.raises(ConnectionError, match="locked"):
        place.feed.put(Item("int_1", "contact/ann", "", "x", "en"))


def test_pages_go_from_the_newest_to_the_oldest_and_end(place: Place) -> None:
    place.add(*place.people())
    for number in range(5):
        place.feed.put(Item(f"int_{number}", "contact/ann", "", "x", "en"))
        place.clock.advance(number % 2)
    seen: list[str] = []
    page = place.feed.page("contact/ann", "", 2)
    while True:
        seen += [item.id for item in page.items]
        if not page.more:
            break
        page = place.feed.page("contact/ann", page.items[-1].id, 2)
    assert sorted(seen) == [f"int_{number}" for number in range(5)]
    assert seen[0] == "int_4"


def test_what_is_old_is_forgotten(place: Place) -> None:
    place.add(*place.people())
    place.feed.put(Item("int_1", "contact/ann", "", "x", "en"))
    place.clock.advance(KEPT)
    assert place.items() == []
    place.feed.forget()
    assert not place.feed.has("int_1")


@pytest.mark.parametrize("entity", ["", "ann", "device/d-1", "contact/", "contact/a b", "contact/" + "x" * 300])
def test_a_pass_is_for_a_person_or_an_account(entity: str) -> None:
    with pytest.raises(Permanent, match="person or account"):
        pass_for(entity, NOW)


@pytest.mark.parametrize("lasts", [0.0, -1.0, 31 * 86400.0, float("nan")])
def test_a_pass_ends(lasts: float) -> None:
    with pytest.raises(Permanent, match="lasts"):
        pass_for("contact/ann", NOW, lasts)
