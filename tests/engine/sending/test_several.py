"""Several dispatchers on one PostgreSQL: what one person is sent is counted over all, and nothing is sent twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import Session, select

from engine.clock import FakeClock
from engine.dispatching.dispatcher import Dispatcher
from engine.dispatching.leases import LEASE
from engine.errors import Retryable
from engine.store import outbox
from engine.store.database import Database
from engine.store.models import Intent
from tests.engine.post import NOON, Post
from tests.engine.sending.losing import losing

pytestmark = pytest.mark.parametrize("store_kind", ["postgres"], indirect=True)
CAPPED = {"policy.yaml": "caps: {all: 2 per day}\n"}


def work(dispatcher: Dispatcher) -> None:
    """Dispatch until nothing is due, as a process of its own does."""
    while True:
        try:
            if not dispatcher.run_once():
                return
        except Retryable:
            continue


def test_four_send_each_message_once_and_nobody_more_than_the_cap_allows(tmp_path: Path) -> None:
    post = Post(tmp_path, CAPPED)
    people = [f"p{n}" for n in range(6)]
    account = post.account("acme", *people)
    issues = [post.issue(account, f"iss_{n}") for n in range(5)]
    for person in people:
        for issue in issues:
            post.tell(f"contact/{person}-acme", issue)
    dispatchers = [post.another(f"dispatcher {n}") for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, each) for each in dispatchers]:
            done.result()
    mails = post.sent()
    assert Counter(mail.to for mail in mails) == {f"{person}-acme@x.example": 2 for person in people}
    assert len({mail.id for mail in mails}) == len(mails)
    post.database.close()


def test_what_another_is_sending_is_left_to_it_until_it_must_be_dead(tmp_path: Path) -> None:
    post = Post(tmp_path)
    issue = post.issue(post.account("acme", "ann"))
    intent = post.tell("contact/ann-acme", issue)
    assert len(post.another("one that dies")._prepare([intent]).leaving) == 1
    post.dispatcher.recover()
    assert status(post, intent) == "sending"
    post.clock.advance(LEASE + 1)
    post.dispatcher.recover()
    assert status(post, intent) == "unknown", "it may have left"
    assert post.dispatcher.reconcile() == 1, "it is asked about: this one did not leave"
    post.run()
    assert len(post.sent()) == 1
    post.database.close()


class Set(FakeClock):
    """A clock that can be set; no more time passes by that."""

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self._by = 0.0

    def set_by(self, seconds: float) -> None:
        self._by += seconds

    def time(self) -> float:
        return super().time() + self._by


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_clock_that_is_set_makes_nobody_seem_dead_or_alive(step: float, tmp_path: Path) -> None:
    post, clock = Post(tmp_path), Set(NOON)
    issue = post.issue(post.account("acme", "ann"))
    intent = post.tell("contact/ann-acme", issue)
    ours = Dispatcher(post.config, post.database, post.outside(), clock, name="ours")
    assert len(post.another("of another machine")._prepare([intent]).leaving) == 1
    ours.recover()
    clock.set_by(step)
    clock.advance(LEASE - 1.0)
    ours.recover()
    assert status(post, intent) == "sending"
    clock.advance(1.0)
    ours.recover()
    assert status(post, intent) == "unknown"
    post.database.close()


def test_what_is_held_anew_is_not_what_was_seen(tmp_path: Path) -> None:
    post = Post(tmp_path)
    issue = post.issue(post.account("acme", "ann"))
    intent = post.tell("contact/ann-acme", issue)
    for _ in range(2):
        with post.database.transaction() as session:
            assert outbox.claim(session, [intent], "one that is slow", post.clock.time())
        post.dispatcher.recover()
        post.clock.advance(LEASE - 1.0)
        with post.database.transaction() as session:
            outbox.hold(session, intent, NOON)
    with post.database.transaction() as session:
        assert outbox.claim(session, [intent], "one that is slow", post.clock.time())
    post.dispatcher.recover()
    assert status(post, intent) == "claimed"
    post.database.close()


def test_what_may_be_written_down_as_leaving_and_did_not_leave_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post(tmp_path)
    issue = post.issue(post.account("acme", "ann"))
    intent = post.tell("contact/ann-acme", issue)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "transaction", losing(Database.transaction))
        with pytest.raises(Retryable):
            post.dispatcher.run_once()
    assert (status(post, intent), post.sent()) == ("sending", [])
    post.run()
    assert (status(post, intent), len(post.sent())) == ("sent", 1)
    with post.database.reading() as session:
        assert session.get_one(Intent, intent).attempts == 1
    post.database.close()


def test_only_what_is_ones_own_is_put_back(tmp_path: Path) -> None:
    post = Post(tmp_path)
    intent = post.tell("contact/ann-acme", post.issue(post.account("acme", "ann")))
    post.another("other")._prepare([intent])

    def back(session: Session) -> int:
        return outbox.take_back(session, [intent], "dispatcher")

    assert post.database.repeat(back) == 0
    assert status(post, intent) == "sending"
    post.database.close()


def status(post: Post, intent: str) -> str:
    with post.database.reading() as session:
        return session.exec(select(Intent.status).where(Intent.id == intent)).one()
