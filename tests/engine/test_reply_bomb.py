"""Thousands of answers, robots that answer robots: at most two texts, one ticket, few rows, and an opt-out is heard."""

from collections.abc import Iterator
from dataclasses import replace
from email.headerregistry import Address as HeaderAddress
from functools import partial
from pathlib import Path

import pytest

from engine.conversations.answers import templates_of
from engine.conversations.listener import Heard, Listener
from engine.conversations.people import correspondents
from engine.conversations.reactions import MOST
from engine.replay import drain
from engine.store.models import Consent, CustomerContact, Intent, TicketNote, Turn
from outreach.address import mailbox
from outreach.incoming import Ours, understood
from outreach.mime import letterhead, written
from tests.engine.test_conversations import furnished, tickets
from tests.faults.house import House, opened, people

BOMB = 1_000
ANN = "ann@example.com"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Yield an engine that has told Ann of an issue."""
    with opened(furnished(tmp_path)) as made:
        made.hand_in(*people())
        made.trouble()
        yield made


class Robot:
    """Someone who writes to us without end, as a mailbox would tell it."""

    def __init__(self, house: House, thread: str = "") -> None:
        engine = house.engine
        self.house, self.thread, self.written = house, thread, 0
        config = replace(engine.config, templates=templates_of(engine.config))  # read once, as in `forewarn run`
        self.listener = Listener(config, engine.storage.database, engine.intake, engine.links, house.clock)

    def writes(self, text: str, sender: str = ANN) -> None:
        """Write once; the engine does what it can do now after every fiftieth."""
        self.written += 1
        key = f"<{self.written}@robot.example>"
        who = partial(correspondents, kind="email", sender=sender, thread=self.thread)
        self.listener.hear(Heard("imap/email", key, "email", who, text, way="later", channel="email", thread=key))
        self.house.clock.advance(0.1)
        if self.written % 50 == 0:
            drain(self.house.engine)


def bounded(house: House) -> None:
    """Fail if the bomb left more than a handful of rows, texts or tickets."""
    assert len(house.rows(Turn)) <= MOST + 4
    assert len(house.rows(CustomerContact)) <= MOST + 2
    assert len(tickets(house)) == 1
    assert len(house.rows(TicketNote)) <= MOST + 2
    assert len(house.email.sent) <= 1 + 2, "the warning, and two answers at most"


@pytest.mark.parametrize(("text", "count"), [("Where is my parcel?", BOMB), ("still broken", 60), ("help", 60)])
def test_a_reply_bomb_of_one_person_is_one_ticket_and_two_texts(house: House, text: str, count: int) -> None:
    robot = Robot(house)
    for _ in range(count):
        robot.writes(text)
    bounded(house)


def test_a_reply_bomb_into_one_thread_by_many_senders_is_one_ticket(house: House) -> None:
    [intent] = [each for each in house.rows(Intent) if each.kind == "message"]
    robot = Robot(house, intent.provider_id)
    for number in range(80):
        robot.writes("What is this?", f"stranger{number}@robot.example")
    bounded(house)


def test_c02_an_opt_out_within_a_bomb_is_heard_and_not_written_for_ever(house: House) -> None:
    robot = Robot(house)
    for text in ["What is this?"] * (MOST + 20) + ["STOP"] * 120:
        robot.writes(text)
    withdrawn = [row for row in house.rows(Consent) if row.state == "withdrawn"]
    assert 1 <= len(withdrawn) <= 50, "those that came before the ledger knew of the first"


def test_c02_what_may_be_an_opt_out_suspends_within_a_bomb_too(house: House) -> None:
    robot = Robot(house)
    for text in ["What is this?"] * (MOST + 20) + ["please don't write to me any more"] * 120:
        robot.writes(text)
    suspended = [row for row in house.rows(Consent) if row.state == "suspended"]
    assert 1 <= len(suspended) <= 50


def test_two_robots_end_after_two_texts(house: House) -> None:
    """A robot that does not say it is one, and answers whatever it gets: nothing here answers for ever."""
    robot, heard = Robot(house), 0
    while len(house.email.sent) > heard:
        heard = len(house.email.sent)
        robot.writes("help")
        drain(house.engine)
    assert heard == 1 + 2, "the warning, and two answers"


def test_what_we_send_says_that_no_person_wrote_it_and_what_says_so_is_not_answered(house: House) -> None:
    """RFC 3834: two engines of this kind that write to each other end at once."""
    head = letterhead(HeaderAddress("Example", addr_spec="status@x.example"), "", "x.example")
    raw = written(house.email.sent[0], mailbox(ANN), head, 0.0)
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in raw
    assert understood(raw, Ours("other.example", frozenset({"status@other.example"}))) == []
