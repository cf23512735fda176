"""A provider speaks of a message before we know it by the provider's id: kept, applied once, or a dead letter."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import deliveries
from engine.events import DeliveryEvent
from engine.store.models import EarlyDelivery, Intent, ReceiptRow, Suppression
from outreach.base import Message, Outcome, Receipt
from outreach.channels.email import Email
from outreach.channels.memory import MemoryChannel
from tests.faults.house import START, House, event, opened, people, prepared

BOTH_STORES = True

DAY = 86_400.0


def told(state: str, at: float = START, provider_id: str = "SM1", **more: Any) -> bytes:
    """Return a delivery event, as the provider's callback becomes one."""
    data = {"state": state, "provider_id": provider_id, "channel": "email", **more}
    return event("forewarn.delivery", f"message/{provider_id}", data, at, f"{provider_id}:{state}")


def step(house: House, *lines: bytes) -> None:
    """Let lines come in and be processed, and nothing be sent."""
    assert house.engine.intake.accept(b"\n".join(lines), "callback").rejects == []
    while house.engine.step():
        pass


def message(house: House) -> Intent:
    (found,) = (row for row in house.rows(Intent) if row.kind == "message")
    return found


def said(house: House) -> list[str]:
    """Return the states that are written down as receipts."""
    return [row.outcome for row in house.rows(ReceiptRow) if row.kind == "delivery"]


def calling_back(callbacks: Any, answer: Receipt) -> MemoryChannel:
    """Return a channel whose provider calls back before it answers; `callbacks` is called then."""

    def send(sent: Message) -> Receipt:
        callbacks()
        return answer

    return MemoryChannel.like(Email)(script=send)


def test_a_callback_that_overtakes_the_answer_counts(tmp_path: Path) -> None:
    def callbacks() -> None:
        step(house, told("delivered"), told("sent"), told("delivered"))
        assert message(house).delivery == ""
        assert len(house.rows(EarlyDelivery)) == 2

    channel = calling_back(callbacks, Receipt(Outcome.ACCEPTED, provider_id="SM1"))
    with opened(prepared(tmp_path), email=channel) as house:
        house.hand_in(*people())
        house.trouble()
        assert (message(house).status, message(house).delivery) == ("sent", "delivered")
        assert sorted(said(house)) == ["delivered", "sent"]
        assert house.rows(EarlyDelivery) == []
        step(house, told("read"))
        assert message(house).delivery == "read"
        assert house.dead() == []


def test_c09_a_bounce_that_overtakes_the_answer_suppresses_the_address(tmp_path: Path) -> None:
    def callbacks() -> None:
        step(house, told("bounced", code="550"))

    channel = calling_back(callbacks, Receipt(Outcome.ACCEPTED, provider_id="SM1"))
    with opened(prepared(tmp_path), email=channel) as house:
        house.hand_in(*people())
        house.trouble()
        assert message(house).delivery == "bounced"
        assert [row.address for row in house.rows(Suppression)] == ["ann@example.com"]


def test_c18_a_callback_for_a_lost_answer_waits_for_the_question(tmp_path: Path) -> None:
    """The answer is lost, the callback comes, the provider is asked: it names the id under which the word is kept."""

    def send(sent: Message) -> Receipt:
        step(house, told("delivered", provider_id=f"memory-{sent.id}"))
        return Receipt(Outcome.UNKNOWN, "timeout")

    with opened(prepared(tmp_path), email=MemoryChannel.like(Email)(script=send)) as house:
        house.hand_in(*people())
        house.trouble()
        assert (message(house).status, message(house).delivery) == ("unknown", "")
        house.pass_(600.0)
        assert (message(house).status, message(house).delivery) == ("sent", "delivered")
        assert house.rows(EarlyDelivery) == []


def test_it_is_kept_over_a_restart(tmp_path: Path) -> None:
    prepared(tmp_path)
    with opened(tmp_path) as house:
        house.hand_in(*people(), told("delivered"))
        house.engine.snapshot()
    channel = calling_back(lambda: None, Receipt(Outcome.ACCEPTED, provider_id="SM1"))
    with opened(tmp_path, email=channel) as house:
        house.trouble()
        assert message(house).delivery == "delivered"
        assert said(house) == ["delivered"]


def test_what_two_transactions_could_not_see_of_each_other_is_found_by_the_clock(tmp_path: Path) -> None:
    """On PostgreSQL one may keep the word while the other writes down the id: neither sees the other's row."""
    channel = calling_back(lambda: None, Receipt(Outcome.ACCEPTED, provider_id="SM1"))
    with opened(prepared(tmp_path), email=channel) as house:
        house.hand_in(*people())
        house.trouble()
        early = msgspec.json.decode(told("delivered"))
        plain = {"id": early["id"], "source": "test", "subject": early["subject"], "time": START, **early["data"]}
        with house.engine.storage.database.transaction() as session:
            session.add(EarlyDelivery(id="rcp_1", provider_id="SM1", intent="", kept_at=START, event=plain))
        house.pass_(120.0)
        assert message(house).delivery == "delivered"
        assert house.rows(EarlyDelivery) == []


@pytest.mark.parametrize(
    ("about", "cause"),
    [
        ({"provider_id": "SM9"}, "data.provider_id: no message of ours came to have the id 'SM9' within 24 h"),
        ({"provider_id": "SM9", "intent": "int_9"}, "data.intent: there was no message 'int_9' within 24 h"),
    ],
)
def test_what_nobody_claims_within_a_day_is_a_dead_letter_and_can_be_tried_again(
    about: dict[str, str], cause: str, tmp_path: Path
) -> None:
    with opened(prepared(tmp_path)) as house:
        data = {"state": "bounced", "channel": "email", "code": "30005", **about}
        house.hand_in(event("forewarn.delivery", "message/SM9", data, START, "1"))
        house.pass_(DAY - 60.0, step=3600.0)
        assert house.dead() == []
        house.pass_(120.0)
        (letter,) = house.dead()
        assert (letter.reason, letter.detail) == ("unmatched", cause)
        assert msgspec.json.decode(letter.payload)["data"] == data
        assert house.rows(EarlyDelivery) == []
        assert house.engine.intake.retry([letter.id]).accepted == 1
        house.hand_in()
        assert len(house.rows(EarlyDelivery)) == 1, "it waits again, and is no repetition"
        assert house.dead() == []


def test_a_delivery_of_nothing_is_refused(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(event("forewarn.delivery", "message/x", {"state": "sent"}, START, "1"))
        (letter,) = house.dead()
        assert letter.detail == "data: intent or provider_id must name a message"


def test_what_is_kept_is_what_was_said(tmp_path: Path) -> None:
    """Every field survives being kept."""
    with opened(prepared(tmp_path)) as house:
        house.hand_in(told("failed", detail="no route", address="x@example.com", raw={"ErrorCode": "1"}))
        (early,) = house.rows(EarlyDelivery)
        kept = deliveries._event(early)
        assert kept == DeliveryEvent(
            id="SM1:failed",
            source="test",
            subject="message/SM1",
            time=START,
            line=0,
            state="failed",
            provider_id="SM1",
            channel="email",
            detail="no route",
            address="x@example.com",
            raw={"ErrorCode": "1"},
        )
