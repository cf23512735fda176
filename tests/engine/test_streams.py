"""The health of streams (C9): warned of, halted, let go on; and what brought them there suppressed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlmodel import select

from engine import deliveries
from engine.clock import FakeClock
from engine.config.model import StreamLimits, Threshold
from engine.deliveries import known
from engine.errors import Permanent
from engine.events import DeliveryEvent
from engine.policy import stops, streams
from engine.policy.decide import decide
from engine.policy.reasons import Reason
from engine.policy.stops import Halt, Leaving, halted
from engine.policy.streams import Stream, judged
from engine.store.database import Database
from engine.store.models import Consent, Intent, Stop, StreamHour, Suppression
from tests.engine.test_policy import FACTS, MAIL, SMS_CONSENT, closing, step
from tests.faults.house import START, opened, people, prepared

NOW = START
HOUR = 3600.0
LIMITS = StreamLimits()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.open(tmp_path / "forewarn.db", synchronous="OFF")
    yield made
    made.close()


def hour(ago: float, sent: int, bounced: int = 0, complained: int = 0, stream: str = "email/service") -> StreamHour:
    channel, purpose = stream.split("/")
    at = int((NOW - ago) // HOUR)
    return StreamHour(channel=channel, purpose=purpose, hour=at, sent=sent, bounced=bounced, complained=complained)


def put(database: Database, *rows: StreamHour) -> None:
    with database.transaction() as session:
        session.add_all(rows)


def found(database: Database, limits: StreamLimits = LIMITS) -> dict[str, Stream]:
    with database.reading() as session:
        return {stream.name: stream for stream in streams.streams(session, limits, NOW)}


def message(id_: str = "int_1", **more: Any) -> Intent:
    fixed: dict[str, Any] = {"kind": "message", "issue": "iss_1", "playbook": "p", "step": "0", "occasion": "opened"}
    sent = {"status": "sent", "sent_at": NOW, "due_at": NOW, "created_at": NOW, "recipient": "contact/ann"}
    by = {"channel": "email", "address": MAIL, "provider_id": f"<{id_}@example.com>"}
    return Intent(id=id_, payload={"purpose": "marketing"}, **(fixed | sent | by | more))


def told(state: str, id_: str = "1", **more: Any) -> DeliveryEvent:
    given = {"provider_id": "<int_1@example.com>", "channel": "email", "code": "abuse", "state": state}
    return DeliveryEvent(id=id_, source="email/email", subject="contact/ann", time=NOW + 60, line=0, **(given | more))


@pytest.mark.parametrize(
    ("sent", "bounced", "complained", "state"),
    [
        (3, 0, 1, "healthy"),
        (99, 99, 99, "healthy"),
        (100, 0, 0, "healthy"),
        (2000, 0, 1, "healthy"),
        (1000, 0, 1, "warned"),
        (600, 0, 2, "warned"),
        (1000, 0, 3, "halted"),
        (100, 0, 3, "halted"),
        (10_000, 0, 29, "warned"),
        (10_000, 0, 30, "halted"),
        (1000, 49, 0, "healthy"),
        (1000, 50, 0, "warned"),
        (1000, 100, 0, "halted"),
        (1000, 50, 3, "halted"),
    ],
)
def test_c09_a_stream_is_warned_of_and_halted_by_its_shares(
    sent: int, bounced: int, complained: int, state: str
) -> None:
    assert judged(Stream("email/service", sent, bounced, complained), LIMITS).state == state


def test_c09_only_the_latest_sends_count(database: Database) -> None:
    put(database, hour(0, 6000), hour(HOUR, 6000), hour(2 * HOUR, 6000, complained=600), hour(31 * 86_400, 9, 9, 9))
    assert found(database)["email/service"] == Stream("email/service", 12_000, 0, 0)
    assert found(database, StreamLimits(window=20_000))["email/service"].state == "halted"


def test_c09_a_halt_throws_a_stop_once_with_the_figures(database: Database) -> None:
    put(database, hour(0, 1000, complained=4), hour(0, 1000, stream="email/marketing", complained=1))
    for _ in range(2):
        with database.transaction() as session:
            unhealthy = streams.halt(session, LIMITS, NOW)
        assert {each.name: each.state for each in unhealthy} == {"email/marketing": "warned", "email/service": "halted"}
    with database.reading() as session:
        (stop,) = session.exec(select(Stop)).all()
    assert (stop.scope, stop.name, stop.who) == ("stream", "email/service", "forewarn")
    assert stop.why == "4 of the last 1,000 sends of email/service brought complaints: 0.40 %, halted at 0.30 %"


def test_c09_a_stream_that_was_let_go_on_is_judged_by_what_is_sent_since(database: Database) -> None:
    put(database, hour(HOUR, 1000, complained=10))
    with database.transaction() as session:
        streams.halt(session, LIMITS, NOW)
        (on,) = stops.halts(session)
        stops.take_back(session, on.id, "ann", NOW)
    later = NOW + 2 * HOUR
    with database.transaction() as session:
        assert streams.halt(session, LIMITS, later) == []
        session.add(hour(-2 * HOUR, 1000, complained=3))
        session.flush()
        assert [each.state for each in streams.halt(session, LIMITS, later)] == ["halted"]
        assert len(stops.halts(session)) == 1


def test_c09_sends_dead_addresses_and_complaints_are_counted_once(database: Database) -> None:
    with database.transaction() as session:
        session.add(message())
        session.flush()
        intent = session.get(Intent, "int_1")
        assert intent is not None
        known(session, intent, NOW)
        for event in (told("delivered"), told("complained", "2"), told("complained", "2"), told("complained", "3")):
            deliveries.take(session, event, NOW + 60)
    with database.reading() as session:
        (row,) = session.exec(select(StreamHour)).all()
        assert (row.channel, row.purpose, row.sent, row.bounced, row.complained) == ("email", "marketing", 1, 0, 1)


def test_c09_a_complaint_suppresses_the_address_and_ends_the_purpose(database: Database) -> None:
    with database.transaction() as session:
        session.add(message())
        session.flush()
        deliveries.take(session, told("complained"), NOW + 60)
    with database.reading() as session:
        (consent,) = session.exec(select(Consent)).all()
        assert session.get(Suppression, (MAIL, "email")) is not None
    said = (consent.entity, consent.address, consent.channel, consent.purpose, consent.state, consent.wording)
    assert said == ("contact/ann", MAIL, "email", "marketing", "withdrawn", "complaint: abuse")


def test_c09_a_dead_address_is_suppressed_and_a_full_mailbox_is_not(database: Database) -> None:
    with database.transaction() as session:
        session.add_all([message(), message("int_2", address="bob@acme.test")])
        session.flush()
        deliveries.take(session, told("bounced"), NOW)
        deliveries.take(session, told("failed", "2", provider_id="<int_2@example.com>"), NOW)
    with database.reading() as session:
        assert [row.address for row in session.exec(select(Suppression)).all()] == [MAIL]
        assert session.exec(select(Consent)).all() == []


def test_c09_a_halted_stream_waits_closing_messages_too_and_others_go_on() -> None:
    on = (Halt("stp_1", "stream", "email/service"),)
    mail_only = step(FACTS, channels=("email",))
    assert decide(mail_only).verdict == "send"
    for facts in (mail_only, closing()):
        held = decide(replace(facts, halts=on))
        assert (held.verdict, held.reason) == ("hold", Reason.STOPPED)
    other = (Halt("stp_1", "stream", "email/marketing"),)
    assert decide(replace(FACTS, halts=other)).channel == "email"
    assert decide(replace(FACTS, halts=on, consents=(SMS_CONSENT,))).channel == "sms"


def test_c09_a_stream_stop_holds_no_ticket_and_recalls_its_messages_only() -> None:
    on = [Halt("stp_1", "stream", "email/marketing")]
    assert halted(on, Leaving("p", "t", ("email",), "marketing"))
    assert not halted(on, Leaving("p", "t", ("email",), "service"))
    assert not halted(on, Leaving("p", "t", ("email",)))


def test_c09_the_engine_looks_each_minute_and_holds_what_comes_next(tmp_path: Path) -> None:
    with opened(prepared(tmp_path), clock=FakeClock(NOW)) as house:
        put(house.engine.storage.database, hour(0, 1000, complained=3))
        house.hand_in(*people(NOW))
        house.pass_(120)
        with house.engine.storage.database.reading() as session:
            assert [halt.name for halt in stops.halts(session)] == ["email/service"]
        house.trouble()
        assert house.email.sent == []
        (held,) = (intent for intent in house.rows(Intent) if intent.kind == "message")
        assert (held.status, held.detail) == ("pending", "stopped")
        with house.engine.storage.database.transaction() as session:
            (on,) = stops.halts(session)
            stops.take_back(session, on.id, "ann", house.clock.time())
        house.pass_(120)
        assert len(house.email.sent) == 1
        with house.engine.storage.database.reading() as session:
            assert stops.halts(session) == ()


def test_hours_that_judge_nothing_any_more_are_forgotten(database: Database) -> None:
    put(database, hour(61 * 86_400, 1), hour(59 * 86_400, 1))
    with database.transaction() as session:
        streams.trim(session, NOW)
    with database.reading() as session:
        assert len(session.exec(select(StreamHour)).all()) == 1


def test_a_stream_can_be_stopped_by_hand_under_its_name(database: Database) -> None:
    with database.transaction() as session:
        stops.throw(session, "stream", "email/marketing", "ann", "too many opt-outs", NOW)
    with database.transaction() as session, pytest.raises(Permanent, match="stopped already"):
        stops.throw(session, "stream", "email/marketing", "bob", "again", NOW)


def test_limits_are_kept_apart() -> None:
    assert judged(Stream("x/y", 1000, 0, 3), StreamLimits(complaints=Threshold(0.0001, 0.0005))).state == "halted"
