"""From a word on the status page to its subscribers: decided, sent and kept like every message."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlmodel import select

from engine.config.model import Per
from engine.policy import stops
from engine.policy.decide import decide
from engine.policy.facts import Facts
from engine.status import news, subscribers
from engine.store import outbox
from engine.store.models import Consent, DecisionRow, Suppression
from outreach.base import Outcome, Receipt
from outreach.channels.email import Email
from tests.outreach.fakes.mail import MailServer

NOW = 1_795_352_700.0
NIGHT = 12 * 3600.0


def send(page: Any) -> None:
    page.keeper.tick(page.clock.time())
    while page.dispatcher.run_once():
        pass


def ask(page: Any, address: str) -> None:
    now = page.clock.time()
    with page.database.transaction() as session:
        row = subscribers.ask(session, page.status, address, [], "de", now)
        assert row is not None
        outbox.add(session, [news.confirmation(row, "email", now)])


def test_who_confirmed_is_told_each_word_once_and_can_leave_with_a_click(page: Any) -> None:
    page.subscribe("ann@example.com")
    page.declare()
    assert page.tell() == ["ann@example.com"]
    assert page.tell() == []
    mail = page.mail.sent[0]
    assert mail.subject == "Example Cloud: Calls fail – Investigating"
    assert "One in five fails." in mail.text
    assert "It concerns: API. Major impact." in mail.text
    assert mail.unsubscribe_url.startswith("https://status.example.com/status/u/")
    assert mail.unsubscribe_url in mail.text
    assert page.decisions() == [("send", "allowed")]


def test_later_words_follow_on_the_thread_of_the_first(page: Any) -> None:
    page.subscribe("ann@example.com", locale="de")
    page.declare()
    page.tell()
    page.clock.advance(600)
    page.update("k", state="identified", text="A full disk.")
    page.tell()
    first, second = page.mail.sent
    assert (first.thread, second.thread) == ("", f"memory-{first.id}")
    assert "Ursache gefunden" in second.subject
    assert second.text.index("A full disk.") < second.text.index("One in five fails.")


def test_c08_mails_carry_the_headers_of_one_click_and_of_the_thread(page: Any) -> None:
    with MailServer() as server:
        page.mail = Email(host="127.0.0.1", port=server.port, from_="Example <status@example.com>", now=lambda: NOW)
        page.dispatcher = page.dispatching(page.starter)
        page.subscribe("ann@example.com")
        page.declare()
        send(page)
        page.clock.advance(60)
        page.update("k", text="Found it.")
        send(page)
        page.mail.close()
        first, second = (mail.parsed for mail in server.mails)
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "https://status.example.com/status/u/" in "".join(first["List-Unsubscribe"].split())
    assert first["Auto-Submitted"] == "auto-generated"
    assert second["References"] == first["Message-ID"]


def test_only_those_who_want_to_hear_of_the_component_are_told(page: Any) -> None:
    page.subscribe("api@example.com", ["api"])
    page.subscribe("hooks@example.com", ["webhooks"])
    page.subscribe("all@example.com")
    page.declare(components=["webhooks"])
    assert sorted(page.tell()) == ["all@example.com", "hooks@example.com"]


def test_nobody_is_told_who_never_confirmed(page: Any) -> None:
    ask(page, "ann@example.com")
    page.declare()
    assert page.tell() == ["ann@example.com"]
    (mail,) = page.mail.sent
    assert mail.subject == "Example Cloud: bitte bestätigen Sie Ihr Abonnement"
    assert "/status/c/" in mail.text
    assert mail.unsubscribe_url == ""


def test_a_confirmation_is_not_asked_for_once_it_came_or_was_too_late(page: Any) -> None:
    ask(page, "ann@example.com")
    page.clock.advance(49 * 3600)
    assert page.tell() == []
    assert page.decisions() == [("skip", "not_subscribed")]


def test_between_planning_and_leaving_a_subscription_can_end(page: Any) -> None:
    """C13: at the claim it counts what is true then."""
    id_ = page.subscribe("ann@example.com")
    page.declare()
    page.keeper.tick(NOW)
    with page.database.transaction() as session:
        subscribers.end(session, id_, NOW)
    page.dispatcher.run_once()
    assert page.mail.sent == []
    assert page.decisions() == [("skip", "not_subscribed")]


def test_what_a_later_word_has_overtaken_is_not_sent(page: Any) -> None:
    page.subscribe("ann@example.com")
    page.declare()
    page.clock.advance(1)
    page.update("k", text="Found it.")
    assert page.tell() == ["ann@example.com"]
    assert sorted(page.decisions()) == [("send", "allowed"), ("skip", "outdated")]
    assert "Found it." in page.mail.sent[0].text


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (Suppression(address="ann@example.com", channel="email", reason="bounced", at=NOW), "suppressed"),
        (Consent(id="c", at=NOW + 1, entity="contact/ann", address="ann@example.com", channel="email",
                 purpose="service", state="withdrawn"), "opted_out"),
        (Consent(id="c", at=NOW + 1, entity="contact/ann", address="ann@example.com", channel="*", purpose="*",
                 state="objected"), "objected"),
    ],
)  # fmt: skip
def test_c02_opt_outs_and_dead_addresses_hold_for_news_too(page: Any, row: Any, reason: str) -> None:
    page.subscribe("ann@example.com")
    page.add(row)
    page.clock.advance(60)
    page.declare()
    assert page.tell() == []
    assert page.decisions() == [("skip", reason)]


def test_leaving_the_page_does_not_stop_what_a_customer_gets(page: Any) -> None:
    """The withdrawal is the subscriber's own, without an address: nobody else's ledger knows it."""
    id_ = page.subscribe("ann@example.com")
    page.add(
        Consent(id="c", at=NOW + 1, entity=f"subscriber/{id_}", channel="email", purpose="service", state="withdrawn")
    )
    page.clock.advance(60)
    page.declare()
    assert page.tell() == []
    with page.database.transaction() as session:
        subscribers.end(session, id_, NOW + 60)
    page.clock.advance(3600)
    ask(page, "ann@example.com")
    assert page.tell() == ["ann@example.com"]


def test_a_stop_holds_news_and_lets_them_go_afterwards(page: Any) -> None:
    page.subscribe("ann@example.com")
    page.declare()
    with page.database.transaction() as session:
        stop = stops.throw(session, "template", "_status", "ann", "wrong words", NOW)
    assert page.tell() == []
    assert page.decisions() == [("hold", "stopped")]
    with page.database.transaction() as session:
        stops.take_back(session, stop.id, "ann", NOW)
    page.clock.advance(60)
    assert page.tell() == ["ann@example.com"]


def test_c05_news_of_an_outage_are_told_while_it_lasts_to_those_who_asked_for_that(page: Any) -> None:
    page.subscribe("ann@example.com")
    page.clock.advance(NIGHT)
    page.declare()
    assert page.tell() == ["ann@example.com"]


def test_c15_a_cap_of_news_holds_them(page: Any) -> None:
    policy = replace(page.starter.policy, caps={"status": Per(1, 3600.0, calendar=False), "email": Per(0, 60.0, False)})
    page.dispatcher = page.dispatching(replace(page.starter, policy=policy))
    page.subscribe("ann@example.com")
    page.declare("a")
    assert page.tell() == ["ann@example.com"]
    page.clock.advance(60)
    page.declare("b")
    assert page.tell() == []
    assert page.decisions()[-1] == ("hold", "capped")
    page.clock.advance(3600)
    assert page.tell() == ["ann@example.com"]


def test_c18_an_unknown_outcome_is_asked_about_and_not_sent_again(page: Any) -> None:
    page.mail._script = lambda _: Receipt(Outcome.UNKNOWN)
    page.subscribe("ann@example.com")
    page.declare()
    page.tell()
    page.tell()
    assert len(page.mail.attempts) == 1
    page.clock.advance(600)
    assert page.dispatcher.reconcile() == 1
    assert [intent.status for intent in page.intents()] == ["sent"]


def test_a_stored_decision_about_news_can_be_taken_again(page: Any) -> None:
    page.subscribe("ann@example.com")
    page.declare()
    page.tell()
    with page.database.reading() as session:
        row = session.exec(select(DecisionRow)).one()
    again = decide(Facts.read(row.facts["facts"])).plain()
    assert msgspec.json.decode(msgspec.json.encode(again)) == row.facts["decision"]
    assert len(again["trail"]) == 6
