"""Many mails over one connection: each is answered for, whatever breaks, and none is taken twice."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outreach.base import Message, Outcome, Receipt
from outreach.channels.email import Email
from tests.outreach.fakes.mail import BreakingServer, MailServer

ACCEPTED, RETRY, PERMANENT, UNKNOWN = Outcome.ACCEPTED, Outcome.RETRY, Outcome.PERMANENT, Outcome.UNKNOWN
OFFERS = ["HELP", "PIPELINING"]


def channel(port: int, **more: Any) -> Email:
    return Email(host="127.0.0.1", port=port, from_="status@example.com", timeout=10.0, **more)


def messages(count: int) -> list[Message]:
    return [
        Message(f"int_{number}", f"p{number}@example.org", f"Mail {number}\n.\n", "Hello") for number in range(count)
    ]


def taken(server: BreakingServer) -> list[int]:
    """Return the numbers of the mails that a server took, in order."""
    ids = [re.search(rb"Message-ID: <int_(\d+)@", mail) for mail in server.taken]
    return [int(found[1]) for found in ids if found]


def outcomes(receipts: Sequence[Receipt]) -> list[Outcome]:
    return [receipt.outcome for receipt in receipts]


@pytest.mark.parametrize("offers", OFFERS)
def test_all_go_over_one_connection_in_their_order(offers: str) -> None:
    with BreakingServer("never", offers=offers) as server:
        sender = channel(server.port)
        receipts = list(sender.send_all(messages(5)))
        assert outcomes(receipts) == [ACCEPTED] * 5
        assert [receipt.provider_id for receipt in receipts] == [f"<int_{number}@example.com>" for number in range(5)]
        assert taken(server) == [0, 1, 2, 3, 4]
        assert sum(line.upper().startswith("EHLO") for line in server.lines) == 1
        assert all(b"\r\nMail " in mail and mail.startswith(b"From: ") for mail in server.taken)
        sender.close()


def test_a_real_server_takes_them_whole() -> None:
    with MailServer() as server:
        sender = channel(server.port)
        assert outcomes(list(sender.send_all(messages(4)))) == [ACCEPTED] * 4
        assert [mail.to for mail in server.mails] == [f"p{number}@example.org" for number in range(4)]
        assert server.connections == 1
        sender.close()


@pytest.mark.parametrize("offers", OFFERS)
@pytest.mark.parametrize(("step", "outcome"), [("MAIL", RETRY), ("RCPT", RETRY), ("DATA", RETRY), ("dot", UNKNOWN)])
def test_c18_what_breaks_leaves_one_mail_unknown_at_most(step: str, outcome: Outcome, offers: str) -> None:
    with BreakingServer(step, offers=offers, after=2) as server:
        sender = channel(server.port)
        found = outcomes(list(sender.send_all(messages(6))))
        sender.close()
    broken = [number for number, each in enumerate(found) if each is not ACCEPTED]
    assert [found[number] for number in broken] == [outcome]
    assert taken(server) == [number for number in range(6) if found[number] in (ACCEPTED, UNKNOWN)]


@pytest.mark.parametrize("offers", OFFERS)
def test_one_that_is_refused_does_not_hold_the_others_up(offers: str) -> None:
    with MailServer() as server:
        server.answers["p1@example.org"] = "550 5.1.1 no such user"
        sender = channel(server.port)
        receipts = list(sender.send_all(messages(4)))
        sender.close()
    assert outcomes(receipts) == [ACCEPTED, PERMANENT, ACCEPTED, ACCEPTED]
    assert receipts[1].suppress
    assert [mail.to for mail in server.mails] == ["p0@example.org", "p2@example.org", "p3@example.org"]


def test_one_that_cannot_be_written_is_answered_in_its_place() -> None:
    with BreakingServer("never", offers="PIPELINING") as server:
        sender = channel(server.port)
        all_ = messages(3)
        all_[1] = Message("int_1", "no address", "Hello")
        assert outcomes(list(sender.send_all(all_))) == [ACCEPTED, PERMANENT, ACCEPTED]
        assert taken(server) == [0, 2]
        sender.close()


def test_a_mistake_of_ours_is_raised_once_the_mail_before_is_answered_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with BreakingServer("never", offers="PIPELINING") as server:
        sender = channel(server.port)
        write = sender._written

        def broken(message: Message, to: Any) -> bytes:
            if message.id == "int_2":
                raise ZeroDivisionError
            return write(message, to)

        monkeypatch.setattr(sender, "_written", broken)
        receipts = sender.send_all(messages(4))
        assert outcomes([next(receipts), next(receipts)]) == [ACCEPTED, ACCEPTED]
        with pytest.raises(ZeroDivisionError):
            next(receipts)
        assert taken(server) == [0, 1]
        sender.close()


def test_who_stops_listening_leaves_no_connection_behind() -> None:
    with BreakingServer("never", offers="PIPELINING") as server:
        sender = channel(server.port)
        receipts = sender.send_all(messages(3))
        assert next(receipts).outcome is ACCEPTED
        del receipts
        assert sender._lines._free == []
        assert taken(server) == [0]


@settings(max_examples=60)
@given(
    st.sampled_from(["MAIL", "RCPT", "DATA", "body", "dot", "never"]),
    st.integers(0, 5),
    st.sampled_from(OFFERS),
    st.integers(1, 6),
    st.sampled_from([{}, {"RCPT": "450 4.2.0 later"}, {"DATA": "421 4.3.2 closing"}]),
)
@example("dot", 0, "PIPELINING", 2, {})
def test_c18_each_is_taken_once_at_most(
    step: str, after: int, offers: str, count: int, answers: dict[str, str]
) -> None:
    with BreakingServer(step, offers=offers, after=after, answers=answers) as server:
        sender = channel(server.port)
        found = outcomes(list(sender.send_all(messages(count))))
        sender.close()
    assert len(found) == count
    assert len(set(taken(server))) == len(taken(server))
    for number, outcome in enumerate(found):
        if outcome is not UNKNOWN:
            assert (number in taken(server)) is (outcome is ACCEPTED)
    assert found.count(UNKNOWN) <= 1
