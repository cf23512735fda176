"""A STOP that races a message: once it is committed, nothing is sent to who said it (C13)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.store.models import DecisionRow, Intent
from outreach.base import Message, Outcome, Receipt
from outreach.channels.email import Email
from outreach.channels.memory import MemoryChannel
from tests.faults.house import START, House, call, event, opened, people, prepared, tick

BOTH_STORES = True


def stop(house: House, name: str = "ann") -> None:
    """Let a STOP come in and be processed, and nothing be sent."""
    now = house.clock.time()
    line = event("forewarn.consent", f"contact/{name}", {"state": "withdrawn"}, now, f"stop-{name}")
    assert house.engine.intake.accept(line, "reply").accepted == 1
    while house.engine.step():
        pass


def plan(house: House) -> None:
    """Let an issue open and its messages be planned, and nothing be sent."""
    lines = [call("account/acme", START + n, f"c{n}", failed=True) for n in range(3)]
    house.engine.intake.accept(b"\n".join(lines), "test")
    house.clock.advance(180.0)
    now = house.clock.time()
    house.engine.intake.accept(tick(now) + b"\n" + call("account/other", now, "later"), "test")
    while house.engine.step():
        pass
    assert {row.status for row in house.rows(Intent)} == {"pending"}


def outcome(house: House, name: str = "ann") -> tuple[list[str], list[str]]:
    """Return the states of a person's messages, and the reasons of the decisions on them."""
    rows = [row for row in house.rows(Intent) if row.recipient == f"contact/{name}"]
    reasons = [row.reason for row in house.rows(DecisionRow) if row.recipient == f"contact/{name}"]
    return [row.status for row in rows], reasons


def test_c13_a_stop_between_planning_and_claim(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        plan(house)
        stop(house)
        house.hand_in()
        assert outcome(house) == (["skipped"], ["opted_out"])
        assert house.email.attempts == []


def test_c13_a_stop_after_it_was_seen_to_be_due_and_before_it_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        plan(house)
        prepare: Callable[..., Any] = house.engine.dispatcher._prepare
        batches: list[Sequence[str]] = []

        def stop_then_prepare(ids: Sequence[str]) -> Any:
            if not batches:
                stop(house)
            batches.append(ids)
            return prepare(ids)

        monkeypatch.setattr(house.engine.dispatcher, "_prepare", stop_then_prepare)
        house.engine.dispatch()
        assert len(batches) == 2, "the ticket and the message, which was due before the stop"
        assert outcome(house) == (["skipped"], ["opted_out"])
        assert house.email.attempts == []


def test_c13_a_stop_while_the_message_before_it_is_under_way(tmp_path: Path) -> None:
    """Two are told in one go; as the first is being sent, the second says stop."""
    stopped: list[str] = []

    def send(message: Message) -> Receipt:
        other = "bob" if message.to.startswith("ann") else "ann"
        if not stopped:
            stop(house, other)
            stopped.append(other)
        return Receipt(Outcome.ACCEPTED, provider_id=message.id)

    with opened(prepared(tmp_path), email=MemoryChannel.like(Email)(script=send)) as house:
        house.hand_in(*people(), *people(name="bob"))
        plan(house)
        house.hand_in()
        assert outcome(house, stopped[0]) == (["skipped"], ["opted_out"])
        assert [message.to for message in house.email.attempts] != [f"{stopped[0]}@example.com"]
        assert len(house.email.attempts) == 1


def test_c13_a_stop_while_a_message_waits_for_another_attempt(tmp_path: Path) -> None:
    channel = MemoryChannel.like(Email)(script=[Receipt(Outcome.RETRY, "busy")])
    with opened(prepared(tmp_path), email=channel) as house:
        house.hand_in(*people())
        house.trouble()
        assert len(channel.attempts) == 1
        stop(house)
        house.pass_(3600.0)
        assert outcome(house) == (["skipped"], ["allowed", "opted_out"])
        assert len(channel.attempts) == 1


def test_c13_a_stop_before_the_closing_message(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        house.trouble()
        assert len(house.email.sent) == 1
        stop(house)
        house.calm()
        assert outcome(house)[1] == ["allowed", "opted_out"]
        assert len(house.email.attempts) == 1
