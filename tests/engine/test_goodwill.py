"""Goodwill: never over budget, whoever asks at once; what a message offers is kept, granted or released with it."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from engine import deliveries, goodwill
from engine.clock import FakeClock
from engine.config.model import ConversationConfig, GoodwillConfig, MessageStep, Offer, Per, PolicyConfig, Remedy
from engine.entities import Entities
from engine.events import Decoder, DeliveryEvent, Schema
from engine.expressions import Expression
from engine.feedback import Feedback
from engine.goodwill import NotAllowed, Refused, Wish
from engine.issues.book import IssueBook, view
from engine.playbooks import offered
from engine.previews import previews
from engine.store.database import Database
from engine.store.models import GoodwillGrant
from outreach.base import Message, Outcome, Receipt
from tests.engine.config.conftest import SAID, SOON
from tests.engine.post import NOON, Post

BOTH_STORES = True

MONTH = 30 * 86400.0
CREDIT = Remedy("credit", 10.0, "A credit of 10 euros")
RULES = GoodwillConfig("EUR", Per(25, MONTH, False), {"credit-10": CREDIT}, Per(20, MONTH, False))
POLICY = """
goodwill:
  currency: EUR
  budget: 25 per 30d
  per_account: 20 per 30d
  remedies: {credit-10: {kind: credit, amount: 10, about: A credit of 10 euros}}
"""
OFFER = """
name: errors
when: {detector: errors}
steps:
  - message: {channels: email, template: errors/notice, offer: {remedy: credit-10}}
  - message: {on: resolved, template: errors/resolved}
"""
REMEDY = "{% if remedy %}We give {{ remedy.amount | money(remedy.currency) }}. {% else %}We are sorry. {% endif %}"
WORDS = f"Subject: Trouble\n\nSomething is wrong. {REMEDY}{SAID}{SOON}"
SAMPLE = (
    '{"customer": {"name": "Acme"}, "links": {"page": "https://x.example/m/1"}, "next_update_at": 1795367100, '
    '"remedy": {"amount": 10.0, "currency": "EUR"}}'
)
CHANGES = {
    "policy.yaml": POLICY,
    "playbooks/errors.yaml": OFFER,
    "templates/errors/notice/en/email.txt.j2": WORDS,
    "templates/errors/notice/sample.json": SAMPLE,
}


def wish(id_: str, account: str = "account/acme", **more: Any) -> Wish:
    return Wish(id_, "credit-10", account, **{"who": "ann", "why": "It was our mistake.", **more})


def grant(database: Database, asked: Wish, rules: GoodwillConfig | None = RULES, now: float = NOON) -> list[bytes]:
    events: list[bytes] = []
    with database.transaction() as session:
        goodwill.by_agent(session, rules, asked, now, events.append)
    return events


def standing(database: Database) -> list[tuple[str, str]]:
    with database.reading() as session:
        return sorted((row.account, row.status) for row in session.exec(select(GoodwillGrant)))


@pytest.fixture
def database(tmp_path: Path) -> Any:
    opened = Database.open(tmp_path / "goodwill.db", synchronous="OFF")
    yield opened
    opened.close()


def test_what_is_granted_leaves_less(database: Database) -> None:
    grant(database, wish("gwl_1"))
    with database.reading() as session:
        rest = goodwill.left(session, RULES, NOON)
        later = goodwill.left(session, RULES, NOON + MONTH)
    assert (rest.left, rest.currency, later.left) == (15.0, "EUR", 25.0)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (wish("gwl_3", "account/acme"), "as much as one account gets"),
        (wish("gwl_3", "account/zen"), "the budget for goodwill is spent"),
        (Wish("gwl_3", "credit-1", "account/zen", "ann", why="x"), "no remedy 'credit-1'.*credit-10"),
        (wish("gwl_3", why="  "), "needs a reason"),
        (wish("gwl_3", issue="iss_none"), "no issue 'iss_none'"),
    ],
)
def test_what_is_refused_says_why_and_leaves_nothing(database: Database, asked: Wish, words: str) -> None:
    for number in (1, 2):
        grant(database, wish(f"gwl_{number}"))
    with pytest.raises(Refused, match=words):
        grant(database, asked)
    assert len(standing(database)) == 2


def test_only_those_named_may_grant(database: Database) -> None:
    rules = GoodwillConfig("EUR", RULES.budget, RULES.remedies, granters=("bob",))
    with pytest.raises(NotAllowed, match="ann may not grant"):
        grant(database, wish("gwl_1"), rules)
    with pytest.raises(Refused, match="no goodwill to grant"):
        grant(database, wish("gwl_1"), None)


def test_two_agents_at_once_never_overspend(database: Database) -> None:
    """Twelve threads, and money for two."""
    start, refused = threading.Barrier(12), []

    def ask(number: int) -> None:
        start.wait()
        try:
            grant(database, wish(f"gwl_{number}", f"account/{number}"))
        except Refused as error:
            refused.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(standing(database)), len(refused)) == (2, 10)


def test_what_cannot_be_written_to_the_log_is_not_granted(database: Database) -> None:
    def full(_: bytes) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"), database.transaction() as session:
        goodwill.by_agent(session, RULES, wish("gwl_1"), NOON, full)
    assert standing(database) == []


def test_a_replay_of_the_log_rebuilds_it_whatever_the_budget_is_then(tmp_path: Path, database: Database) -> None:
    events = [each for number in (1, 2) for each in grant(database, wish(f"gwl_{number}"))]
    clock = FakeClock(NOON)
    found = Decoder(Schema.build({}), future=300.0).decode(b"\n".join(events * 2), clock.time())
    controls: Any = [event for run in found.runs if isinstance(run.content, list) for event in run.content]
    other = Database.open(tmp_path / "other.db", synchronous="OFF")
    try:
        with other.transaction() as session:
            Feedback(IssueBook(PolicyConfig()), Entities(), ConversationConfig()).apply(session, controls, clock.time())
        assert standing(other) == standing(database)
    finally:
        other.close()


# -- what playbooks offer


def test_an_offer_is_kept_with_the_claim_and_granted_when_the_message_has_gone(tmp_path: Path) -> None:
    post = Post(tmp_path, CHANGES)
    account = post.account("acme", "ann", "bob")
    issue = post.issue(account)
    for person in ("ann", "bob"):
        post.tell(f"contact/{person}-acme", issue, offer="credit-10")
    post.run()
    assert all("We give" in message.text and "10.00" in message.text for message in post.sent())
    assert standing(post.database) == [(account, "granted")], "one remedy for the account, not one a person"


def test_where_the_budget_is_spent_the_message_goes_without(tmp_path: Path) -> None:
    post = Post(tmp_path, CHANGES)
    intents = []
    for name in ("one", "two", "three"):
        issue = post.issue(post.account(name), f"iss_{name}")
        intents.append(post.tell(f"contact/ann-{name}", issue, offer="credit-10"))
    post.run()
    texts = [message.text for message in post.sent()]
    assert [sum(words in text for text in texts) for words in ("We give", "We are sorry")] == [2, 1]
    assert {post.intent(id_).payload["not_offered"] for id_ in intents} == {"", "the budget for goodwill is spent"}
    assert len(standing(post.database)) == 2


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.PERMANENT, "released"), (Outcome.RETRY, "released"), (Outcome.UNKNOWN, "reserved")],
)
def test_what_was_not_sent_is_released_and_what_may_have_been_is_kept(
    tmp_path: Path, outcome: Outcome, status: str
) -> None:
    post = Post(tmp_path, CHANGES, script=[Receipt(outcome)])
    account = post.account()
    post.tell("contact/ann-acme", post.issue(account), offer="credit-10")
    post.dispatcher.run_once()
    assert standing(post.database) == [(account, status)]


def test_a_second_try_offers_it_again(tmp_path: Path) -> None:
    post = Post(tmp_path, CHANGES, script=[Receipt(Outcome.RETRY)])
    account = post.account()
    post.tell("contact/ann-acme", post.issue(account), offer="credit-10")
    post.run()
    post.clock.set(NOON + 3600.0)
    post.run()
    assert standing(post.database) == [(account, "granted")]
    assert "We give" in post.sent()[0].text


def test_what_one_person_does_not_get_another_may(tmp_path: Path) -> None:
    """Ann's message fails for good; Bob's went with the same remedy."""

    def script(message: Message) -> Receipt:
        return Receipt(Outcome.PERMANENT if "bob" in message.to else Outcome.ACCEPTED)

    post = Post(tmp_path, CHANGES, script=script)
    account = post.account("acme", "ann", "bob")
    issue = post.issue(account)
    for person in ("ann", "bob"):
        post.tell(f"contact/{person}-acme", issue, offer="credit-10")
    post.run()
    assert standing(post.database) == [(account, "granted")]


def test_what_cannot_be_written_releases_it(tmp_path: Path) -> None:
    """The words fail for a name of three letters, as one would in a template that nobody tried it with."""
    fails = WORDS + "{{ 1 / (customer.name | length - 3) }}\n"
    post = Post(tmp_path, CHANGES | {"templates/errors/notice/en/email.txt.j2": fails})
    account = post.account("zen")
    intent = post.tell("contact/ann-zen", post.issue(account), offer="credit-10")
    post.run()
    assert post.intent(intent).status == "failed"
    assert standing(post.database) == [(account, "released")]


@pytest.mark.parametrize(("state", "status"), [("bounced", "released"), ("delivered", "granted")])
def test_what_did_not_arrive_after_all_is_given_back(tmp_path: Path, state: str, status: str) -> None:
    post = Post(tmp_path, CHANGES)
    account = post.account()
    intent = post.tell("contact/ann-acme", post.issue(account), offer="credit-10")
    post.run()
    given: dict[str, Any] = {"state": state, "provider_id": post.intent(intent).provider_id, "channel": "email"}
    event = DeliveryEvent(id="d1", source="t", subject="message/x", time=NOON, line=0, **given)
    with post.database.transaction() as session:
        deliveries.take(session, event, NOON)
    post.run()
    assert standing(post.database) == [(account, status)]


def test_what_is_looked_at_before_anybody_agrees_takes_nothing(tmp_path: Path) -> None:
    post = Post(tmp_path, CHANGES)
    post.tell("contact/ann-acme", post.issue(post.account()), offer="credit-10")
    with post.database.reading() as session:
        (shown,) = previews(session, post.config, post.outside(), "errors", NOON)
    assert "We give" in shown.text
    assert post.rows(GoodwillGrant) == []


def test_a_message_that_is_skipped_reserves_nothing(tmp_path: Path) -> None:
    post = Post(tmp_path, CHANGES)
    post.tell("contact/ann-acme", post.issue(post.account(), status="resolved"), offer="credit-10")
    post.run()
    assert standing(post.database) == []


def test_a_playbook_offers_what_its_condition_allows(tmp_path: Path) -> None:
    post = Post(tmp_path, CHANGES)
    seen = view(post.issue(post.account(), severity="high"))
    step = MessageStep("errors/notice", offer=Offer("credit-10", Expression.parse('severity == "high"')))
    assert offered(step, seen) == {"offer": "credit-10"}
    assert offered(step, replace(seen, severity="low")) == {}
    assert offered(replace(step, offer=None), seen) == {}
