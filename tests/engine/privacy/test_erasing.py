"""C11 over a whole engine: what stands in the log and the dead letters goes too, and nothing is sent there again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.privacy import erase, export
from engine.replay import drain
from engine.store.models import DecisionRow, Entity, Suppression
from outreach.address import digest
from tests.faults.house import House, event, opened, people, prepared


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Yield an engine that has told Ann of an issue, and knows Bob of another account."""
    with opened(prepared(tmp_path)) as made:
        made.hand_in(*people(), *people(account="account/other", name="bob"))
        made.trouble()
        made.hand_in(
            b'{"id": "bad", "source": "x", "type": "app.call", "subject": "account/acme", "data": {"failed": 7}}'
        )
        yield made


def log(house: House) -> bytes:
    """Return all that the log holds."""
    kept = house.engine.storage.log
    parts = range(kept.partitions)
    return b"\n".join(batch.payload for part in parts for batch in kept.read(part, kept.begin(part), 1_000_000))


def erased(house: House, subject: str) -> None:
    storage = house.engine.storage
    with storage.database.transaction() as session:
        erase(session, storage.log, storage.dead_letters, subject, house.clock.time())


def test_c11_an_export_has_events_and_dead_letters(house: House) -> None:
    storage = house.engine.storage
    with storage.database.reading() as session:
        found = export(session, storage.log, storage.dead_letters, "account/acme", house.clock.time())
    text = json.dumps(found)
    assert {"entity", "address", "issue", "intent", "decision", "ticket", "signal", "events"} <= set(found)
    assert "ann@example.com" in text
    assert "bob@example.com" not in text
    assert any(each["type"] == "app.call" for each in found["events"])
    assert len(found["dead_letters"]) == len([one for one in house.dead() if b"account/acme" in one.payload]) > 0


def test_c11_the_log_keeps_its_length_and_holds_nothing_of_them(house: House) -> None:
    kept = house.engine.storage.log
    before = [kept.end(part) for part in range(kept.partitions)]
    erased(house, "account/acme")
    assert b"ann@example.com" not in log(house)
    assert [
        line for line in log(house).split(b"\n") if b"account/acme" in line and b"forewarn/privacy" not in line
    ] == []
    assert b"bob@example.com" in log(house)
    assert [kept.end(part) - 2 for part in range(kept.partitions)] == before, "of each one event tells the models"
    assert [one for one in house.dead() if b"account/acme" in one.payload] == []


def test_c11_the_file_of_the_log_holds_nothing_either(house: House) -> None:
    erased(house, "account/acme")
    files = house.engine.config.data_dir.glob("log.db*")
    assert not [path.name for path in files if b"ann@example.com" in path.read_bytes()]


def test_c11_the_files_of_the_database_hold_nothing_either(house: House) -> None:
    erased(house, "account/acme")
    house.engine.storage.database.checkpoint()
    files = list(house.engine.config.data_dir.glob("forewarn.db*"))
    assert files
    assert not [path.name for path in files if b"ann@example.com" in path.read_bytes()]


def test_c11_a_replay_of_what_is_left_brings_nothing_back(house: House, tmp_path: Path) -> None:
    erased(house, "account/acme")
    drain(house.engine)
    lines = log(house).split(b"\n")
    with opened(prepared(tmp_path / "again")) as other:
        other.hand_in(*lines)
        assert {row.id for row in other.rows(Entity)} == {"account/other", "contact/bob"}
        assert other.email.sent == []
        assert other.dead() == []


def test_c11_who_comes_back_by_an_import_is_not_written_to(house: House) -> None:
    erased(house, "account/acme")
    drain(house.engine)
    sent = len(house.email.sent)
    house.hand_in(*(event("forewarn.entity", *each) for each in _again(house)))
    house.trouble()
    assert len(house.email.sent) == sent
    assert "suppressed" in {row.reason for row in house.rows(DecisionRow) if row.recipient == "contact/ann"}
    assert [row.address for row in house.rows(Suppression)] == [digest("ann@example.com")]


def _again(house: House) -> list[tuple[str, dict[str, object], float, str]]:
    at = house.clock.time()
    contact: dict[str, object] = {
        "parent": "account/acme",
        "zone": "UTC",
        "addresses": [{"kind": "email", "value": "Ann@Example.com"}],
    }
    return [("account/acme", {"name": "Acme"}, at, "again-1"), ("contact/ann", contact, at, "again-2")]
