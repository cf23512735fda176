"""Commands on the public status page, and the token of a feed."""

from pathlib import Path

import pytest

from engine.app import Engine
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.links import Links
from engine.status import subscribers
from engine.storage import Storage
from engine.store.database import Database
from engine.store.models import Entity
from outreach.base import Message, Outcome
from tests.engine.conftest import NOW, Forewarn

STATUS = "channel: mail\ncomponents:\n  api: {label: API, detectors: [errors]}\n  web: {label: Website}\n"
MAILS = {
    "confirm/en/email.txt.j2": "Subject: Confirm\n\n{{ links.confirm }}\n",
    "update/en/email.txt.j2": "Subject: {{ entry.title }}\n\n{% for each in updates %}{{ each.text }}{% endfor %}\n",
}


@pytest.fixture
def page(shop: Path) -> Path:
    """Return the folder of a configuration with a status page, a database, and one subscriber."""
    (shop / "config/status.yaml").write_text(STATUS)
    (shop / "config/channels.yaml").write_text("mail: {type: memory}\napp: {type: inapp}\n")
    for name, text in MAILS.items():
        path = shop / "templates/_status" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with_database(shop)
    return shop


def with_database(shop: Path) -> None:
    config = load_or_raise(shop / "config")
    assert config.status is not None
    database = Database.open(config.data_dir / "forewarn.db", synchronous="OFF")
    with database.transaction() as session:
        row = subscribers.ask(session, config.status, "ann@example.com", [], "en", NOW)
        assert row is not None
        subscribers.confirm(session, row.id, NOW)
        session.add(Entity(id="account/acme", kind="account", name="Acme GmbH", updated_at=1.0))
    database.close()


def test_an_incident_is_declared_told_of_and_resolved(forewarn: Forewarn, page: Path) -> None:
    said = ("--text", "One in five fails.", "--component", "api", "--impact", "major", "--key", "inc-1", "--who", "ann")
    made = forewarn("status", "declare", "Calls fail", *said, "--json").json
    assert (made["state"], made["components"], made["who"]) == ("investigating", ["api"], "ann")
    assert forewarn("status", "declare", "Calls fail", *said, "--json").json["id"] == made["id"]
    found = forewarn("status", "update", "inc-1", "--text", "A full disk.", "--state", "identified")
    assert (found.code, "incident identified" in found.out) == (0, True)
    assert "identified" in forewarn("status", "list").out
    assert forewarn("status", "resolve", made["id"], "--text", "All works.", "--json").json["state"] == "resolved"
    (row,) = forewarn("status", "list", "--json").json
    assert row["ended_at"] is not None


def test_maintenance_is_announced(forewarn: Forewarn, page: Path) -> None:
    given = ("--text", "It may be slow.", "--from", "2025-03-04T02:00Z", "--for", "2h", "--component", "web")
    made = forewarn("status", "maintain", "New disks", *given, "--json").json
    assert (made["state"], made["ends_at"] - made["started_at"]) == ("scheduled", 7200.0)
    now = forewarn("status", "maintain", "Now", "--text", "Soon over.")
    assert (now.code, "maintenance scheduled" in now.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("declare", "x", "--text", "y", "--component", "wbe"), "no component 'wbe'"),
        (("declare", "x", "--text", "y", "--impact", "huge"), "no impact 'huge'"),
        (("declare", "x", "--text", "Acme GmbH cannot log in."), "names a customer"),
        (("maintain", "x", "--text", "y", "--from", "tomorrow"), "--from"),
        (("maintain", "x", "--text", "y", "--for", "long"), "--for"),
        (("maintain", "x", "--text", "y", "--from", "2025-01-01T00:00"), "over before it begins"),
        (("update", "ste_none", "--text", "y"), "no entry"),
        (("subscribers", "--remove", "bob@example.com"), "nobody is subscribed"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    forewarn: Forewarn, page: Path, arguments: tuple[str, ...], words: str
) -> None:
    ran = forewarn("status", *arguments)
    assert (ran.code, words in ran.err) == (2, True), ran
    assert forewarn("status", "list").out == "nothing was declared\n"


def test_without_a_page_there_is_nothing_to_say(forewarn: Forewarn, page: Path) -> None:
    (page / "config/status.yaml").unlink()
    ran = forewarn("status", "declare", "x", "--text", "y")
    assert (ran.code, "write status.yaml" in ran.err) == (2, True)


def test_subscribers_are_counted_and_forgotten_but_not_listed(forewarn: Forewarn, page: Path) -> None:
    assert forewarn("status", "subscribers").out == "1 confirmed, 0 pending, 0 ended\n"
    assert forewarn("status", "subscribers", "--remove", "Ann@example.com", "--json").json == {}


def test_an_engine_tells_subscribers_and_the_decision_is_explained(forewarn: Forewarn, page: Path) -> None:
    forewarn("status", "declare", "Calls fail", "--text", "One in five fails.")
    config, clock = load_or_raise(page / "config"), FakeClock(NOW + 60)
    engine = Engine(config, clock, Storage.embedded(config, clock, synchronous="OFF"))
    engine.restore()
    engine.run_due()
    clock.advance(60)
    assert "status" in engine.run_due()
    assert engine.dispatch() == 1
    (mail,) = engine.channels["mail"].sent  # type: ignore[attr-defined]  # a channel in memory
    engine.close()
    assert (mail.to, mail.subject) == ("ann@example.com", "Calls fail")
    (row,) = forewarn("outbox", "list", "--json").json["intents"]
    told = forewarn("explain", row["id"])
    assert (told.code, "subscribed" in told.out) == (0, True), told


def test_an_engine_keeps_what_is_read_inside_the_product(page: Path) -> None:
    config, clock = load_or_raise(page / "config"), FakeClock(NOW)
    engine = Engine(config, clock, Storage.embedded(config, clock, synchronous="OFF"))
    channel = engine.channels["app"]
    assert channel.send(Message("int_1", "account/acme", "Hello")).outcome is Outcome.ACCEPTED
    assert channel.find(Message("int_1", "account/acme", "Hello")).outcome is Outcome.ACCEPTED  # type: ignore[union-attr]
    assert [item.text for item in engine.feed.page("account/acme", "", 9).items] == ["Hello"]
    assert channel.send(Message("int_2", "contact/nobody", "Hello")).outcome is Outcome.PERMANENT
    engine.close()


def test_a_token_of_a_feed_reads_for_one_person(forewarn: Forewarn, page: Path) -> None:
    ran = forewarn("token", "feed", "contact/ann", "--for", "2h")
    assert ran.code == 0
    secret = (page / "config/var/links.key").read_bytes()
    claims = Links("http://x", secret).read(ran.out.strip(), "feed", now=NOW + 7199)
    assert claims is not None
    assert (claims.person, claims.expires > NOW + 7199) == ("contact/ann", True)
    for arguments in (("device/d",), ("contact/ann", "--for", "long"), ("contact/ann", "--for", "90d")):
        assert forewarn("token", "feed", *arguments).code != 0
