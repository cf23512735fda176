"""The kill switch: nothing of its scope leaves from that moment on, and what a provider holds is asked back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.config.model import Config, DeskConfig
from engine.dispatching import Dispatcher
from engine.errors import Permanent
from engine.letters import Outside
from engine.links import Links
from engine.policy import stops
from engine.policy.stops import Halt, Leaving, halted
from engine.store.database import Database
from engine.store.models import Intent, ReceiptRow, Stop
from engine.wording import Speaker
from outreach.base import Channel
from outreach.channels.memory import MemoryChannel
from outreach.channels.sms import Sms
from outreach.render import Templates
from tests.outreach.fakes import twilio as fake
from tests.outreach.fakes.twilio import FakeTwilio

NOW = 1_700_000_000.0
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def config() -> Config:
    return load_or_raise(ROOT / "config", {})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "forewarn.db", synchronous="OFF")
    yield opened
    opened.close()


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio(now=lambda: NOW) as server:
        yield server


def throw(database: Database, scope: str, name: str = "", at: float = NOW) -> Stop:
    with database.transaction() as session:
        return stops.throw(session, scope, name, "ann", "wrong texts went out", at)


def dispatcher(config: Config, database: Database, **channels: Channel) -> Dispatcher:
    speaker = Speaker(config, Links("http://x", b"secret"))
    outside = Outside(channels=channels, desks={}, templates=Templates(config.templates_dir), speaker=speaker)
    return Dispatcher(config, database, outside, FakeClock(NOW))


def sent(id_: str, provider_id: str, **more: Any) -> Intent:
    given: dict[str, Any] = {"playbook": "api-errors", "channel": "sms", "delivery": "", "sent_at": NOW - 60, **more}
    payload = {"template": "api-errors/notice"}
    fixed: dict[str, Any] = {"kind": "message", "issue": "iss_1", "step": "0", "occasion": "opened", "status": "sent"}
    return Intent(id=id_, due_at=NOW, created_at=NOW, provider_id=provider_id, payload=payload, **fixed, **given)


def test_a_stop_is_on_until_it_is_taken_back_and_leaves_its_history(database: Database) -> None:
    made = throw(database, "playbook", "api-errors")
    with database.transaction() as session:
        assert stops.halts(session) == (Halt(made.id, "playbook", "api-errors"),)
        stops.take_back(session, made.id, "bob", NOW + 60)
    throw(database, "playbook", "api-errors", NOW + 90)
    with database.reading() as session:
        latest, first = stops.thrown(session)
        assert (latest.ended_at, first.ended_at, first.ended_by) == (None, NOW + 60, "bob")


@pytest.mark.parametrize(
    ("scope", "name", "why", "words"),
    [
        ("all", "x", "because", "no name"),
        ("playbook", "", "because", "needs one"),
        ("planet", "x", "because", "can't be stopped"),
        ("all", "", "  ", "reason"),
    ],
)
def test_a_stop_that_makes_no_sense_is_refused(database: Database, scope: str, name: str, why: str, words: str) -> None:
    with database.transaction() as session, pytest.raises(Permanent, match=words):
        stops.throw(session, scope, name, "ann", why, NOW)


def test_the_same_is_not_stopped_twice_nor_taken_back_twice(database: Database) -> None:
    made = throw(database, "all")
    with pytest.raises(Permanent, match=made.id):
        throw(database, "all")
    with database.transaction() as session:
        stops.take_back(session, made.id, "bob", NOW)
    for id_ in (made.id, "stp_nothing"):
        with database.transaction() as session, pytest.raises(Permanent, match="no stop"):
            stops.take_back(session, id_, "bob", NOW)


def test_a_desk_and_the_channel_of_an_escalation_can_be_stopped() -> None:
    on = [Halt("stp_1", "channel", "zendesk")]
    assert halted(on, Leaving("p", "t", ("zendesk",)))
    assert not halted(on, Leaving("p", "t", ("builtin",)))
    assert not halted(on, Leaving("p", "t"))


def test_every_desk_of_the_configuration_can_be_stopped_and_templates_by_folder(config: Config) -> None:
    named = stops.stoppable(replace(config, desks={"help": DeskConfig("help", "zendesk", {})}))
    assert {"email", "builtin", "help"} <= set(named["channel"])
    assert {"api-errors", "api-errors/notice"} <= set(named["template"])
    assert "api-errors" in named["playbook"]


def test_what_a_provider_holds_is_recalled_once_and_what_left_it_is_not(
    config: Config, database: Database, twilio: FakeTwilio
) -> None:
    account: dict[str, Any] = {"account_sid": fake.ACCOUNT, "auth_token": fake.TOKEN, "from_": fake.FROM}
    sms = Sms(base_url=twilio.url, now=lambda: NOW, **account)
    twilio.messages += [{"sid": sid, "status": status} for sid, status in (("SM1", "scheduled"), ("SM2", "sending"))]
    with database.transaction() as session:
        session.add_all([
            sent("held", "SM1"),
            sent("gone", "SM2"),
            sent("delivered", "SM3", delivery="delivered"),
            sent("long_ago", "SM4", sent_at=NOW - 90_000),
            sent("other", "SM5", playbook="storage-full"),
            sent("mail", "<1@x>", channel="email"),
        ])  # fmt: skip
    made = throw(database, "playbook", "api-errors")
    works = dispatcher(config, database, sms=sms, email=MemoryChannel())
    assert works.recall() == 1
    assert works.recall() == 0
    assert len(twilio.requests) == 2, "the two that Twilio may still hold"
    with database.reading() as session:
        held, gone = session.get(Intent, "held"), session.get(Intent, "gone")
        assert held is not None
        assert gone is not None
        assert (held.status, held.detail) == ("skipped", f"recalled: stop {made.id}")
        assert gone.status == "sent"
        row = session.get(Stop, made.id)
        assert row is not None
        assert row.recalled_at == NOW
        receipts = session.exec(select(ReceiptRow)).all()
        assert {(each.intent, each.kind, each.outcome) for each in receipts} == {
            ("held", "recall", "accepted"),
            ("gone", "recall", "permanent"),
        }
    sms.close()
