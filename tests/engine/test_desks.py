"""A vendor's ticket desk in the engine: tickets are made there, a rehearsal makes none, the doctor looks at it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel, select

from engine import serve
from engine.app import Engine
from engine.clock import FakeClock, SystemClock
from engine.config.load import load_or_raise
from engine.replay import drain
from engine.storage import Storage
from engine.store.models import DecisionRow, Intent, Issue, Label
from outreach.channels.memory import MemoryChannel
from tests.engine.conftest import NOW, Forewarn
from tests.engine.test_cli_desk import PEOPLE, events
from tests.outreach.fakes.web import Answer
from tests.outreach.fakes.zendesk import EMAIL, TOKEN, FakeZendesk

PLAYBOOK = (
    "name: errors\nwhen: {detector: errors}\nsteps:\n"
    "  - ticket: {desk: support, queue: tier-2, template: errors/agent}\n"
)


@pytest.fixture
def zendesk() -> Iterator[FakeZendesk]:
    fake = FakeZendesk()
    with fake:
        yield fake


@pytest.fixture
def staffed(shop: Path, zendesk: FakeZendesk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a configuration whose playbook makes a ticket at Zendesk."""
    monkeypatch.setenv("ZENDESK_TOKEN", TOKEN)
    desk = f"{{type: zendesk, url: {zendesk.url}, email: {EMAIL}, token: {{env: ZENDESK_TOKEN}}, timeout: 2}}"
    (shop / "config/desks.yaml").write_text(f"support: {desk}\n")
    (shop / "config/playbooks/errors.yaml").write_text(PLAYBOOK)
    (shop / "templates/errors/agent/en").mkdir(parents=True, exist_ok=True)
    (shop / "templates/errors/agent/en/ticket.txt.j2").write_text("Subject: Calls fail\n\n{{ issue.summary }}\n")
    (shop / "templates/errors/agent/sample.json").write_text('{"issue": {"summary": "Calls fail."}}')
    return shop


def live(shop: Path, channels: Any = None) -> list[tuple[str, str, str]]:
    """Run an engine until nothing is left to do; returns what became of its tickets: status, number, detail."""
    config, clock = load_or_raise(shop), SystemClock()
    engine = Engine(config, clock, Storage.embedded(config, clock, synchronous="OFF"), channels)
    try:
        engine.restore()
        drain(engine)
        engine.snapshot()
        with engine.storage.database.reading() as session:
            found = session.exec(select(Intent).where(Intent.kind == "ticket")).all()
            return [(each.status, each.provider_id, each.detail) for each in found]
    finally:
        engine.close()


def happen(shop: Path, forewarn: Forewarn) -> None:
    (shop / "e.ndjson").write_text(PEOPLE + events(9))
    assert forewarn("ingest", "e.ndjson").code == 0


def test_a_step_makes_a_ticket_at_the_vendor(staffed: Path, forewarn: Forewarn, zendesk: FakeZendesk) -> None:
    happen(staffed, forewarn)
    ((status, number, _),) = live(staffed)
    assert status == "sent"
    ticket = zendesk.tickets[number]
    assert ticket["subject"] == "Calls fail"
    assert {"forewarn", "errors", "tier-2"} <= set(ticket["tags"])
    assert ticket["comments"][0]["pictures"][0].startswith(b"<svg")
    assert not ticket["comments"][0]["public"]


def test_a_rehearsal_makes_none_there(staffed: Path, forewarn: Forewarn, zendesk: FakeZendesk) -> None:
    happen(staffed, forewarn)
    ((status, number, _),) = live(staffed, {"mail": MemoryChannel()})
    assert (status, number) == ("sent", "1")
    assert zendesk.requests == []


def test_a_ticket_for_a_desk_that_is_gone_fails_and_says_so(staffed: Path, forewarn: Forewarn) -> None:
    happen(staffed, forewarn)
    config, clock = load_or_raise(staffed), SystemClock()
    engine = Engine(config, clock, Storage.embedded(config, clock, synchronous="OFF"))
    engine.restore()
    while engine.step():
        pass
    (staffed / "config/desks.yaml").unlink()
    (staffed / "config/playbooks/errors.yaml").write_text(PLAYBOOK.replace("desk: support, ", ""))
    assert not [problem for problem in engine.reload() if problem.severity == "error"]
    try:
        drain(engine)
        with engine.storage.database.reading() as session:
            (intent,) = session.exec(select(Intent).where(Intent.kind == "ticket")).all()
        assert (intent.status, "no ticket desk 'support'" in intent.detail) == ("failed", True)
    finally:
        engine.close()


def test_the_doctor_looks_at_desks(
    staffed: Path, forewarn: Forewarn, zendesk: FakeZendesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(forewarn) == {"what": "desk support", "state": "ok", "detail": ""}
    monkeypatch.setenv("ZENDESK_TOKEN", "guess")
    failed = found(forewarn)
    assert failed["state"] == "failed"
    assert "check the credentials" in failed["detail"]
    assert failed["detail"].endswith("; see desks.yaml:1:10")
    assert zendesk.tickets == {}
    monkeypatch.delenv("ZENDESK_TOKEN")
    assert found(forewarn)["state"] == "warning"


def found(forewarn: Forewarn) -> Any:
    ran = forewarn("doctor", "--json")
    return next(each for each in ran.json if each["what"] == "desk support")


def test_tickets_there_are_listed_and_shown(staffed: Path, forewarn: Forewarn, zendesk: FakeZendesk) -> None:
    happen(staffed, forewarn)
    ((_, number, _),) = live(staffed)
    (listed,) = forewarn("tickets", "list", "--json").json
    assert (listed["desk"], listed["number"], listed["status"]) == ("support", number, "open")
    assert listed["url"] == f"{zendesk.url}/agent/tickets/{number}"
    assert f"support/{number}" in forewarn("tickets", "list").out
    assert forewarn("tickets", "list", "--queue", "other").out == "no open tickets\n"
    shown = forewarn("tickets", "show", f"support/{number}")
    assert listed["url"] in shown.out
    assert forewarn("tickets", "show", f"support/{number}", "--json").json["account"] == "account/acme"
    refused = forewarn("tickets", "show", "support/99")
    assert (refused.code, "nothing is known of a ticket" in refused.err) == (1, True)
    assert forewarn("tickets", "show", "²").code == 1


def test_a_running_engine_asks_the_desk(
    staffed: Path, forewarn: Forewarn, zendesk: FakeZendesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the thread that does nothing else: an agent's verdict is in the log without anybody's doing."""
    happen(staffed, forewarn)
    ((_, number, _),) = live(staffed)
    zendesk.tickets[number]["tags"].append("forewarn-false")
    monkeypatch.setattr(serve, "LOOK", 0.01)
    config, clock = load_or_raise(staffed), SystemClock()
    engine = Engine(config, clock, Storage.embedded(config, clock, synchronous="OFF"))
    asked = threading.Event()
    before = engine.poll

    def poll() -> int:
        done = before()
        if done:
            asked.set()
        return done

    monkeypatch.setattr(engine, "poll", poll)
    with serve.running(serve.Runner(engine)):
        assert asked.wait(30.0)
    drain(engine)
    with engine.storage.database.reading() as session:
        assert [each.verdict for each in session.exec(select(Label)).all()] == ["false"]
    engine.close()


def test_a_desk_that_is_away_is_left_alone_and_asked_by_one_ticket(
    staffed: Path, forewarn: Forewarn, zendesk: FakeZendesk
) -> None:
    """As of a channel's provider: after five failures in a row nothing is tried, and then one ticket asks."""
    clock = FakeClock(NOW)
    config = load_or_raise(staffed)
    engine = Engine(config, clock, Storage.embedded(config, clock, synchronous="OFF"), None)
    try:
        engine.restore()
        with engine.storage.database.transaction() as session:
            session.add_all(row for number in range(12) for row in _waiting(number))
        for _ in range(6):
            zendesk.answer_next(Answer(503))
        engine.dispatcher.run_once()
        assert len(zendesk.requests) == 5
        traffic = engine.traffic
        assert traffic is not None
        (lane,) = traffic.state(clock.time()).away
        assert (lane.provider, lane.state) == ("support", "open")
        with engine.storage.database.reading() as session:
            held = session.exec(select(DecisionRow).where(DecisionRow.verdict == "hold")).all()
        assert {row.reason for row in held} == {"unreachable"}
        clock.advance(31.0)
        engine.dispatcher.run_once()
        assert len(zendesk.requests) == 6, "one ticket asks whether it is back"
        for _ in range(60):
            clock.advance(60.0)
            engine.dispatcher.run_once()
        assert len(zendesk.tickets) == 12
        assert traffic.state(clock.time()).away == []
    finally:
        engine.close()


def _waiting(number: int) -> list[SQLModel]:
    """Return an issue of a customer, and the ticket that is to be made of it."""
    who = f"account/{number}"
    issue = Issue(
        id=f"iss_{number}", fingerprint=f"f{number}", detector="errors", series=who, subject=who, account=who,
        severity="high", status="open", opened_at=NOW, noticed_at=NOW, updated_at=NOW,
    )  # fmt: skip
    payload = {"desk": "support", "queue": "tier-2", "template": "errors/agent"}
    ticket = Intent(
        id=f"int_{number}", kind="ticket", channel="support", issue=issue.id, account=issue.account, playbook="errors",
        step="0", occasion="opened", recipient="tier-2", status="pending", due_at=NOW, created_at=NOW, payload=payload,
    )  # fmt: skip
    return [issue, ticket]
