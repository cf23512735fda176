import threading
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from engine.store import outbox
from engine.store.database import Database
from engine.store.models import Intent
from engine.store.outbox import TRANSITIONS, IllegalTransition, Released, Status

BOTH_STORES = True

NOW = 1_700_000_000.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "forewarn.db", synchronous="OFF")
    yield opened
    opened.close()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction() as opened:
        yield opened


def intent(id_: str, due_at: float = NOW, status: str = "pending", **more: object) -> Intent:
    given: dict[str, Any] = {
        "kind": "message",
        "issue": "iss_1",
        "playbook": "p",
        "step": "0",
        "occasion": "opened",
    } | more
    return Intent(id=id_, status=status, due_at=due_at, created_at=NOW, **given)


def ids(intents: list[Intent]) -> list[str]:
    return [one.id for one in intents]


def test_adding_the_same_twice_keeps_the_first(session: Session) -> None:
    assert outbox.add(session, [intent("a"), intent("b")]) == 2
    outbox.claim(session, ["a"], "d1", NOW)
    assert outbox.add(session, [intent("a"), intent("c")]) == 1
    assert outbox.counts(session) == {"claimed": 1, "pending": 2}


def test_due_gives_the_longest_overdue_first(session: Session) -> None:
    outbox.add(session, [intent("c", NOW), intent("b", NOW), intent("a", NOW - 1), intent("later", NOW + 1)])
    outbox.add(session, [intent("done", NOW - 5, "sent"), intent("t", NOW - 5, kind="ticket")])
    assert ids(outbox.due(session, NOW, 10)) == ["t", "a", "b", "c"]
    assert ids(outbox.due(session, NOW, 2)) == ["t", "a"]
    assert ids(outbox.due(session, NOW, 10, kinds=["message"])) == ["a", "b", "c"]
    assert ids(outbox.due(session, NOW + 1, 10, kinds=["ticket"])) == ["t"]


@pytest.mark.usefixtures("sqlite_only")
def test_due_walks_the_index_and_sorts_nothing(session: Session) -> None:
    query = outbox.DUE.params(status="pending", now=NOW, limit=10)
    sql = str(query.compile(session.connection(), compile_kwargs={"literal_binds": True}))
    plan = "\n".join(str(row) for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}"))
    assert "USING INDEX ix_intent_due (status=? AND due_at<?)" in plan
    assert "TEMP B-TREE" not in plan


def test_a_claim_takes_only_what_is_pending(session: Session) -> None:
    outbox.add(session, [intent("b", NOW), intent("a", NOW - 1), intent("s", status="skipped"), intent("x")])
    outbox.claim(session, ["x"], "d0", NOW)
    taken = outbox.claim(session, ["b", "a", "s", "x", "nobody"], "d1", NOW + 1)
    assert [(one.id, one.status, one.claimed_by, one.claimed_at) for one in taken] == [
        ("a", "claimed", "d1", NOW + 1),
        ("b", "claimed", "d1", NOW + 1),
    ]
    assert session.get_one(Intent, "x").claimed_by == "d0"
    assert outbox.claim(session, [], "d1", NOW) == []


def test_an_object_read_before_shows_the_claim(session: Session) -> None:
    outbox.add(session, [intent("a")])
    (before,) = outbox.due(session, NOW, 1)
    outbox.claim(session, ["a"], "d1", NOW)
    assert before.status == Status.CLAIMED


def test_of_two_threads_that_claim_the_same_each_row_goes_to_one(database: Database) -> None:
    names = [f"i{number:03}" for number in range(200)]
    with database.transaction() as session:
        outbox.add(session, [intent(name) for name in names])
    taken: dict[str, list[str]] = {"d1": [], "d2": []}
    start = threading.Barrier(2)

    def work(by: str) -> None:
        start.wait()
        for first in range(0, 200, 10):
            with database.transaction() as session:
                taken[by] += ids(outbox.claim(session, names[first : first + 10], by, NOW))

    threads = [threading.Thread(target=work, args=(by,)) for by in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken["d1"] + taken["d2"]) == names
    with database.reading() as session:
        owners = {row.id: row.claimed_by for row in session.exec(select(Intent))}
    assert owners == {name: by for by, owned in taken.items() for name in owned}


def test_the_life_of_a_message_that_is_taken_at_the_second_attempt(session: Session) -> None:
    outbox.add(session, [intent("a")])
    outbox.claim(session, ["a"], "d1", NOW)
    sending = outbox.mark_sending(session, "a", "d1", NOW, channel="email", address="a@example.com")
    assert (sending.status, sending.attempts, sending.address) == ("sending", 1, "a@example.com")
    again = outbox.settle(session, "a", Status.PENDING, now=NOW, by="d1", due_at=NOW + 60, detail="451 busy")
    assert (again.status, again.due_at, again.claimed_by, again.detail) == ("pending", NOW + 60, "", "451 busy")
    assert outbox.due(session, NOW + 59, 10) == []
    outbox.claim(session, ["a"], "d2", NOW + 60)
    outbox.mark_sending(session, "a", "d2", NOW + 60)
    sent = outbox.settle(session, "a", Status.SENT, now=NOW + 61, provider_id="m1", payload={"text": "hello"})
    assert (sent.status, sent.sent_at, sent.attempts, sent.provider_id) == ("sent", NOW + 61, 2, "m1")
    assert sent.payload == {"text": "hello"}


def test_what_is_tried_again_needs_a_time(session: Session) -> None:
    with pytest.raises(ValueError, match="due_at"):
        outbox.settle(session, "a", Status.PENDING, now=NOW)


def test_only_the_owner_of_a_claim_may_send(session: Session) -> None:
    outbox.add(session, [intent("a")])
    outbox.claim(session, ["a"], "d1", NOW)
    outbox.release_stale(session, NOW + 1)
    outbox.claim(session, ["a"], "d2", NOW + 1)
    with pytest.raises(IllegalTransition, match=r"^a: cannot become sending: it is claimed \(claimed by d2\)$"):
        outbox.mark_sending(session, "a", "d1", NOW + 1)
    assert outbox.mark_sending(session, "a", "d2", NOW + 1).attempts == 1


def test_a_dispatcher_thought_dead_cannot_undo_what_its_successor_does(session: Session) -> None:
    outbox.add(session, [intent("a")])
    outbox.claim(session, ["a"], "d1", NOW)
    outbox.mark_sending(session, "a", "d1", NOW)
    assert outbox.release_stale(session, NOW + 1) == Released(0, 1)
    outbox.settle(session, "a", Status.PENDING, now=NOW + 1, due_at=NOW + 1)  # asked: it had not been taken
    outbox.claim(session, ["a"], "d2", NOW + 1)
    outbox.mark_sending(session, "a", "d2", NOW + 1)
    with pytest.raises(IllegalTransition):
        outbox.settle(session, "a", Status.PENDING, now=NOW + 2, by="d1", due_at=NOW + 2)
    assert outbox.settle(session, "a", Status.SENT, now=NOW + 2, by="d2").status == "sent"


def test_a_late_answer_settles_what_became_unknown(session: Session) -> None:
    outbox.add(session, [intent("a")])
    outbox.claim(session, ["a"], "d1", NOW)
    outbox.mark_sending(session, "a", "d1", NOW)
    outbox.release_stale(session, NOW + 1)
    assert outbox.settle(session, "a", Status.SENT, now=NOW + 2, by="d1").status == "sent"


def test_release_frees_only_what_is_stale(session: Session) -> None:
    outbox.add(session, [intent(name) for name in "abcd"])
    outbox.claim(session, ["a", "b"], "d1", NOW)
    outbox.claim(session, ["c", "d"], "d2", NOW + 50)
    outbox.mark_sending(session, "b", "d1", NOW)
    outbox.mark_sending(session, "d", "d2", NOW + 50)
    assert outbox.release_stale(session, NOW + 10) == Released(pending=1, unknown=1)
    found = {one.id: one.status for one in session.exec(select(Intent))}
    assert found == {"a": "pending", "b": "unknown", "c": "claimed", "d": "sending"}
    assert session.get_one(Intent, "b").detail == "the dispatcher stopped while sending"


def test_unknown_ones_are_asked_about_when_their_time_comes(session: Session) -> None:
    outbox.add(session, [intent("a", status="sending")])
    outbox.settle(session, "a", Status.UNKNOWN, now=NOW, due_at=NOW + 30)
    assert outbox.unknown(session, NOW, 10) == []
    assert ids(outbox.unknown(session, NOW + 30, 10)) == ["a"]
    outbox.settle(session, "a", Status.UNKNOWN, now=NOW + 30, due_at=NOW + 90)
    assert outbox.unknown(session, NOW + 30, 10) == []
    assert outbox.due(session, NOW + 1000, 10) == []


def test_cancel_skips_what_is_pending_and_matches(session: Session) -> None:
    outbox.add(session, [intent("a"), intent("b", issue="iss_2"), intent("c", step="1"), intent("d")])
    outbox.claim(session, ["d"], "d1", NOW)
    matching = (col(Intent.issue) == "iss_1", col(Intent.step) == "0")
    assert outbox.cancel(session, *matching, detail="resolved before it was sent") == 1
    found = {one.id: (one.status, one.detail) for one in session.exec(select(Intent))}
    assert found["a"] == ("skipped", "resolved before it was sent")
    assert [found[name][0] for name in "bcd"] == ["pending", "pending", "claimed"]


def test_hold_puts_it_back_for_later(session: Session) -> None:
    outbox.add(session, [intent("a"), intent("b")])
    outbox.claim(session, ["a"], "d1", NOW)
    for name in "ab":
        held = outbox.hold(session, name, NOW + 3600, "quiet hours")
        assert (held.status, held.due_at, held.claimed_by, held.attempts) == ("pending", NOW + 3600, "", 0)


@pytest.mark.parametrize("status", ["sending", "unknown", "sent", "failed", "skipped"])
def test_what_may_have_left_cannot_be_held(session: Session, status: str) -> None:
    outbox.add(session, [intent("a", status=status)])
    with pytest.raises(IllegalTransition, match=f"cannot become pending: it is {status}"):
        outbox.hold(session, "a", NOW + 1)


def _claim(session: Session) -> object:
    if not outbox.claim(session, ["a"], "d1", NOW):
        raise IllegalTransition("not claimed")
    return None


MOVES: dict[Status, Callable[[Session], object]] = {
    Status.CLAIMED: _claim,
    Status.SENDING: lambda session: outbox.mark_sending(session, "a", "", NOW),
} | {
    to: lambda session, to=to: outbox.settle(session, "a", to, now=NOW, due_at=NOW)
    for to in (Status.PENDING, Status.SENT, Status.FAILED, Status.SKIPPED, Status.UNKNOWN)
}


@pytest.mark.parametrize(("origin", "to"), list(product(Status, Status)))
def test_only_the_transitions_of_the_table_happen(session: Session, origin: Status, to: Status) -> None:
    outbox.add(session, [intent("a", status=origin)])
    if to in TRANSITIONS[origin]:
        MOVES[to](session)
    else:
        with pytest.raises(IllegalTransition):
            MOVES[to](session)
    assert session.get_one(Intent, "a", populate_existing=True).status == (to if to in TRANSITIONS[origin] else origin)


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_an_intent_that_is_not_there_is_named(session: Session) -> None:
    with pytest.raises(IllegalTransition, match="nobody: there is no such intent"):
        outbox.settle(session, "nobody", Status.SENT, now=NOW)
