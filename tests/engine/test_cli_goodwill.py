"""`forewarn goodwill`, and what `preview` and `report` show of variants and remedies."""

from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.eventlog.sqlite import SqliteLog
from engine.store.database import Database
from engine.store.models import Intent
from tests.engine.conftest import NOW, SAID, SOON, Forewarn

GOODWILL = """goodwill:
  currency: EUR
  budget: 15 per 30d
  remedies: {credit-10: {kind: credit, amount: 10, about: A credit of 10 euros}}
  granters: [ann]
"""
GRANT = ("goodwill", "grant", "credit-10", "account/acme", "--who", "ann", "--why", "Our mistake.")


@pytest.fixture
def rich(shop: Path) -> Path:
    """A shop with goodwill."""
    with (shop / "config/policy.yaml").open("a") as file:
        file.write(GOODWILL)
    return shop


def test_a_remedy_is_granted_listed_reported_and_in_the_log(forewarn: Forewarn, rich: Path) -> None:
    made = forewarn(*GRANT, "--json").json
    assert (made["amount"], made["left"], made["who"]) == (10.0, 5.0, "ann")
    (row,) = forewarn("goodwill", "list", "--account", "account/acme", "--json").json
    assert (row["id"], row["why"], row["status"]) == (made["id"], "Our mistake.", "granted")
    assert made["id"] in forewarn("goodwill", "list").out
    assert forewarn("report", "--json").json["goodwill"] == {
        "credit-10": {"count": 1, "amount": 10.0, "currency": "EUR"}
    }
    log = SqliteLog(rich / "config/var/log.db", partitions=1, clock=SystemClock())
    try:
        assert any(made["id"].encode() in batch.payload for batch in log.read(0, 0, 10))
    finally:
        log.close()


def test_what_may_not_be_granted_says_why_and_costs_nothing(forewarn: Forewarn, rich: Path) -> None:
    assert forewarn(*GRANT).code == 0
    over = forewarn(*GRANT)
    assert (over.code, "the budget for goodwill is spent" in over.err) == (2, True)
    assert "bob may not grant goodwill" in forewarn(*("bob" if each == "ann" else each for each in GRANT)).err
    assert 'did you mean "credit-10"?' in forewarn(*("credit-1" if each == "credit-10" else each for each in GRANT)).err
    assert len(forewarn("goodwill", "list", "--json").json) == 1


def test_without_goodwill_there_is_none_to_grant(forewarn: Forewarn) -> None:
    ran = forewarn(*GRANT)
    assert (ran.code, "add goodwill to policy.yaml" in ran.err) == (2, True)


def test_a_preview_shows_each_arm_and_what_closes_it(forewarn: Forewarn, shop: Path) -> None:
    (shop / "templates/errors/notice/template.yaml").write_text("variants: {short: 30%}\n")
    for name in ("notice", "resolved"):
        path = shop / f"templates/errors/{name}@short/en/email.txt.j2"
        path.parent.mkdir(parents=True)
        path.write_text(f"Subject: Short {name}\n\nIn short.\n{SAID}{SOON}")
    ran = forewarn("preview", "errors/notice")
    assert "errors/notice@short: 30% of the accounts" in ran.out
    assert "Subject: Short notice" in ran.out
    assert "errors/resolved@short: closes what that arm began" in forewarn("preview", "errors/resolved").out
    shown = forewarn("preview", "errors/notice", "--json").json
    assert shown["arms"]["errors/notice@short"]["subject"] == "Short notice"


def test_a_preview_shows_what_whatsapp_approved(forewarn: Forewarn, shop: Path) -> None:
    assert "outside of 24 hours: nothing" in forewarn("preview", "errors/notice", "--channel", "whatsapp").out
    sid = "HX" + "0" * 32
    text = f'content: {sid}\nbody: "Hello {{{{1}}}}"\nvariables: {{"1": "{{{{ customer.name }}}}"}}\n'
    (shop / "templates/errors/notice/en/whatsapp.yaml").write_text(text)
    ran = forewarn("preview", "errors/notice", "--channel", "whatsapp")
    assert f"outside of 24 hours: {sid}" in ran.out
    assert ran.out.endswith("Hello Acme\n")


def test_a_report_tells_of_experiments(forewarn: Forewarn, shop: Path) -> None:
    forewarn("db", "upgrade")
    database = Database.open(shop / "config/var/forewarn.db")
    payload = {"experiment": "variant errors/notice: short", "arm": "short"}
    row = Intent(
        id="int_1", kind="message", issue="iss_1", account="account/acme", playbook="errors", step="0",
        occasion="opened", recipient="contact/ann", status="sent", due_at=NOW, created_at=NOW, sent_at=NOW - 60.0,
        payload=payload,
    )  # fmt: skip
    with database.transaction() as session:
        session.add(row)
    database.close()
    found = forewarn("report", "--json").json["experiments"]["variant errors/notice: short"]["short"]
    assert (found["told"], found["contacts"]["count"]) == (1, 0)
    out = forewarn("report").out
    assert "variant errors/notice: short" in out
    assert "not enough yet" in out
