"""`forewarn privacy`: nothing goes without --yes, and what went is told."""

import json
from pathlib import Path

from engine.clock import SystemClock
from engine.config.load import load_or_raise
from engine.entities import save_entities
from engine.events import Address, EntityEvent
from engine.storage import Storage
from tests.engine.conftest import Forewarn

ACME = EntityEvent(id="1", source="crm", subject="account/acme", time=0.0, line=0, name="Acme")
ANN = EntityEvent(
    id="2", source="crm", subject="contact/ann", time=0.0, line=0, parent="account/acme",
    addresses=[Address(kind="email", value="ann@acme.example")],
)  # fmt: skip


def known(shop: Path) -> None:
    """Let the shop know Ann."""
    stores = Storage.embedded(load_or_raise(shop / "config", {}), SystemClock())
    with stores.database.transaction() as session:
        save_entities(session, [ACME, ANN])
    stores.close()


def test_an_export_is_json_and_can_be_a_file(forewarn: Forewarn, shop: Path, tmp_path: Path) -> None:
    known(shop)
    found = json.loads(forewarn("privacy", "export", "contact/ann").out)
    assert [row["value"] for row in found["address"]] == ["ann@acme.example"]
    file = tmp_path / "ann.json"
    assert "1 entity" in forewarn("privacy", "export", "contact/ann", "--out", str(file)).out
    assert json.loads(file.read_text())["entity"] == found["entity"]


def test_nothing_goes_without_yes(forewarn: Forewarn, shop: Path) -> None:
    known(shop)
    refused = forewarn("privacy", "erase", "contact/ann")
    assert refused.code == 2
    assert "forewarn privacy export contact/ann" in refused.err
    assert json.loads(forewarn("privacy", "export", "contact/ann").out)["entity"]


def test_an_erasure_tells_what_went_and_a_second_one_finds_nothing(forewarn: Forewarn, shop: Path) -> None:
    known(shop)
    done = forewarn("privacy", "erase", "account/acme", "--yes", "--json").json
    assert (done["rows"], done["addresses"]) == ({"entity": 2, "address": 1}, 1)
    assert "no rows" in forewarn("privacy", "erase", "account/acme", "--yes").out
    assert set(json.loads(forewarn("privacy", "export", "account/acme").out)) == {"subject", "at"}


def test_what_is_no_subject_is_refused(forewarn: Forewarn, shop: Path) -> None:
    for wrong in ("acme", "/", "contact/"):
        refused = forewarn("privacy", "export", wrong)
        assert (refused.code, "is no subject" in refused.err) == (2, True)
