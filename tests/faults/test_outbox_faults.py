"""What goes wrong on the way out: a template, a provider that says nothing more, a provider that is away."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlmodel import Session

from engine.clock import FakeClock
from engine.errors import Retryable
from engine.store import outbox
from engine.store.models import Intent, ReceiptRow, Ticket
from outreach.base import Message, Outcome, Receipt
from outreach.channels.email import Email
from outreach.channels.memory import MemoryChannel
from outreach.retry import attempts
from tests.faults.house import FILES, START, House, opened, people, prepared, write
from tests.outreach.fakes.mail import BreakingServer

BOTH_STORES = True

NOTICE = "templates/all/notice/en/email.txt.j2"
BROKEN = "Subject: trouble\n\n{{ issue.evidence.nothing }}\n"
DAY = 86400.0


def email(*script: Outcome) -> MemoryChannel:
    channel = MemoryChannel.like(Email)
    return channel(script=[Receipt(outcome, "as scripted") for outcome in script])


def messages(house: House) -> list[Intent]:
    return [row for row in house.rows(Intent) if row.kind == "message"]


def test_a_template_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    prepared(tmp_path, **{NOTICE: BROKEN})
    with opened(tmp_path) as house:
        house.hand_in(*people())
        house.trouble()
        status = {row.kind: row for row in house.rows(Intent)}
        assert (status["message"].status, status["ticket"].status) == ("failed", "sent")
        assert "all/notice/en/email.txt.j2:3" in status["message"].detail
        assert "evidence" in status["message"].detail
        assert house.email.attempts == []


def test_after_the_template_is_mended_the_message_goes_out(tmp_path: Path) -> None:
    prepared(tmp_path, **{NOTICE: BROKEN})
    with opened(tmp_path) as house:
        house.hand_in(*people())
        house.trouble()
        write(tmp_path, {NOTICE: FILES[NOTICE]})
        house.engine.reload()
        with house.engine.storage.database.transaction() as session:
            outbox.revive(session, messages(house)[0].id, house.clock.time())
        house.hand_in()
        assert [row.status for row in messages(house)] == ["sent"]
        assert [message.to for message in house.email.sent] == ["ann@example.com"]


def test_c18_a_message_without_an_answer_is_asked_about_and_not_sent_again(tmp_path: Path) -> None:
    with opened(prepared(tmp_path), email=email(Outcome.UNKNOWN)) as house:
        house.hand_in(*people())
        house.trouble()
        assert [row.status for row in messages(house)] == ["unknown"]
        house.pass_(900.0)
        assert [row.status for row in messages(house)] == ["sent"]
        assert len(house.email.attempts) == 1
        assert [row.kind for row in house.rows(ReceiptRow) if row.intent == messages(house)[0].id] == [
            "attempt",
            "reconcile",
        ]


def test_c18_what_surely_was_not_taken_is_sent_again(tmp_path: Path) -> None:
    class Away(MemoryChannel.like(Email)):  # type: ignore[misc]  # a class made at run time
        """Says nothing the first time, and took nothing."""

        def send(self, message: Message) -> Receipt:
            if not self.attempts:
                self.attempts.append(message)
                return Receipt(Outcome.UNKNOWN, "no answer")
            receipt: Receipt = super().send(message)
            return receipt

    with opened(prepared(tmp_path), email=Away()) as house:
        house.hand_in(*people())
        house.trouble()
        house.pass_(900.0)
        assert [row.status for row in messages(house)] == ["sent"]
        assert [message.id for message in house.email.attempts] == [messages(house)[0].id] * 2
        assert len(house.email.sent) == 1


def test_c18_mail_whose_answer_never_came_stays_unknown_and_is_seen(tmp_path: Path) -> None:
    """SMTP has nobody to ask."""
    clock = FakeClock(START)
    with BreakingServer("dot") as server:
        sender = Email(host="127.0.0.1", port=server.port, from_="a@example.com", timeout=5.0, now=clock.time)
        with opened(prepared(tmp_path), clock=clock, email=sender) as house:
            house.hand_in(*people())
            house.trouble()
            house.pass_(DAY, step=3600.0)
            (message,) = messages(house)
            assert (message.status, message.attempts, len(server.taken)) == ("unknown", 1, 1)
            assert "no answer after the mail was sent" in message.detail
            with house.engine.storage.database.reading() as session:
                assert outbox.counts(session)["unknown"] == 1


def test_a_provider_that_is_away_is_tried_again_at_growing_distances(tmp_path: Path) -> None:
    with opened(prepared(tmp_path), email=email(*[Outcome.RETRY] * 3)) as house:
        house.hand_in(*people())
        house.trouble()
        assert [row.status for row in messages(house)] == ["pending"]
        house.pass_(DAY / 2, step=600.0)
        assert [row.status for row in messages(house)] == ["sent"]
        assert len(house.email.attempts) == 4
        assert len(house.email.sent) == 1


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.PERMANENT])
def test_what_never_works_fails_with_its_reason(outcome: Outcome, tmp_path: Path) -> None:
    with opened(prepared(tmp_path), email=email(*[outcome] * 100)) as house:
        house.hand_in(*people())
        house.trouble()
        house.pass_(3 * DAY, step=3600.0)
        (message,) = messages(house)
        assert (message.status, message.detail) == ("failed", "as scripted")
        assert len(house.email.attempts) == (1 if outcome is Outcome.PERMANENT else attempts())


def test_a_ticket_that_the_database_refused_is_made_seconds_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The built-in desk is in the database: when that goes away for a moment, its tickets do not wait for a lease."""

    class Away:
        def transaction(self) -> AbstractContextManager[Session]:
            raise Retryable("no connection", place="the database")

    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        with monkeypatch.context() as patch:
            patch.setattr(house.engine.tickets, "_database", Away())
            house.trouble()
            (ticket,) = (row for row in house.rows(Intent) if row.kind == "ticket")
            assert (ticket.status, ticket.attempts) == ("pending", 1)
            assert len(house.email.sent) == 1, "the others do not wait for it"
        house.pass_(10.0)
        assert [row.status for row in house.rows(Intent)] == ["sent", "sent"]
        assert len(house.rows(Ticket)) == 1
