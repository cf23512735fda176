"""Many at a time: each once, nobody twice, and a STOP that is there in time counts."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from engine.clock import FakeClock
from engine.config.model import Sending
from engine.dispatching.batching import LARGEST
from engine.dispatching.sending import Leaving, Sender
from engine.letters import Letter
from engine.policy.facts import Facts, IssueFacts, StepFacts
from engine.store import batches, outbox
from engine.store.models import Assignment, DecisionRow, Incident, IncidentMember, Intent, ReceiptRow, Ticket, WaveRow
from outreach.base import Message, Outcome, Receipt
from tests.engine.sending.bench import NOON, Bench, bench, by_address, channel

BOTH_STORES = True


def names(count: int) -> list[str]:
    return [f"p{n:03d}" for n in range(count)]


def test_everyone_is_told_once_and_every_decision_and_try_is_written_down(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.tell(*names(40))
        at.run()
        sent = at.channels["sms"].sent  # type: ignore[attr-defined]  # a memory channel
        assert sorted(message.id for message in sent) == [f"int_{name}" for name in names(40)]
        assert at.statuses() == {"sent": 40}
        assert {row.reason for row in at.rows(DecisionRow)} == {"allowed"}
        assert len(at.rows(DecisionRow)) == len(at.rows(ReceiptRow)) == 40
        assert all(row.provider_id == f"memory-{row.id}" for row in at.rows(Intent))


def asked(at: Bench, work: Callable[[], object]) -> list[tuple[str, Any]]:
    """Return the statements that `work` puts to the database, with their values."""
    found: list[tuple[str, Any]] = []
    engine: Any = at.database._engine

    def note(*given: Any) -> None:
        if not given[5]:
            found.append((given[2], given[3]))

    event.listen(engine, "before_cursor_execute", note)
    work()
    event.remove(engine, "before_cursor_execute", note)
    return found


def test_the_questions_of_a_batch_do_not_grow_with_it(tmp_path: Path) -> None:
    with bench(tmp_path, sms="batch: 200") as at:
        at.tell(*names(64))
        ids = [f"int_{name}" for name in names(64)]
        at.dispatcher._prepare(ids[:4])  # what is usual for the playbook is asked once
        few, many = (asked(at, partial(at.dispatcher._prepare, some)) for some in (ids[4:8], ids[8:]))
        assert at.statuses() == {"sending": 64}
        assert len(many) == len(few)
        assert not any(name in statement for statement, _ in many for name in ("assignment", "turn.", "goodwill"))


def test_the_arms_of_a_batch_are_asked_for_and_stored_at_once(tmp_path: Path) -> None:
    short = tmp_path / "templates/all/notice@short/en"
    short.mkdir(parents=True)
    (short / "email.txt.j2").write_text("Subject: short\n\nIn short.\n")
    (short / "sms.txt.j2").write_text("In short.\n")
    (tmp_path / "templates/all/notice").mkdir()
    (tmp_path / "templates/all/notice/template.yaml").write_text("variants: {short: 50%}\n")
    with bench(tmp_path, sms="batch: 200") as at:
        at.tell(*names(64))
        ids = [f"int_{name}" for name in names(64)]
        at.dispatcher._prepare(ids[:4])
        few, many = (asked(at, partial(at.dispatcher._prepare, some)) for some in (ids[4:8], ids[8:]))
        assert len(many) == len(few)
        assert sum("FROM assignment" in statement for statement, _ in many) == 1
        assert Counter(row.arm for row in at.rows(Assignment)).keys() == {"short", "base"}
        assert len(at.rows(Assignment)) == 64


def one_cause(at: Bench) -> None:
    """Let the issues of all be those of one incident, and a wave of messages be under way."""
    now = at.clock.time()
    told: dict[str, Any] = {"opened_at": now - 60.0, "seen_at": now - 60.0, "state": "going", "issue": "iss_p000"}
    counted: dict[str, Any] = {"usual": 1, "allowance": 64, "audience": 64, "approved": 64}
    with at.database.transaction() as session:
        session.add(WaveRow(id="wav", playbook="errors", **told, **counted))
        session.add(Incident(id="inc", title="all", detector="errors", status="open", issue="iss_p000", opened_at=now))
        session.add_all(IncidentMember(issue=f"iss_{name}", incident="inc", at=now) for name in at.people)


TABLES = (" intent", " issue", " decision", " receipt", " incident_member")
"""Those that grow for ever."""
OF_ALL = re.compile(r"\(playbook=\?( AND created_at<\?)?\)")
"""How an index is looked up for all that a playbook ever planned."""


@pytest.mark.usefixtures("sqlite_only")
def test_no_question_of_a_batch_reads_what_is_not_about_it(tmp_path: Path) -> None:
    """SQLite takes a status for rarer than a few hundred ids: with a million rows that takes seconds."""
    policy = "inhibit: [{source: {detector: other}, target: {detector: errors}, equal: account}]\n"
    policy += "digest: {wait: 30m, at_most: 8}\n"
    with bench(tmp_path, sms="batch: 200", policy=policy) as at:
        at.tell(*names(64), severity="critical", payload={"channels": ["best", "sms", "email"]})
        one_cause(at)
        with at.database.transaction() as session:
            for name in names(64):
                payload = {"template": "all/notice", "queue": "q", "desk": "builtin"}
                session.add(at.intent(name, f"int_t_{name}", kind="ticket", recipient="q", payload=payload))

        def batch() -> None:
            prepared = at.dispatcher._prepare([f"int_{name}" for name in names(64)])
            at.dispatcher._settler.settle(at.dispatcher._sender.send(prepared.leaving), at.clock.time())

        statements = asked(at, batch)
        connection: Any = at.database._engine.raw_connection()
        plans = [
            row[3]
            for statement, values in statements
            if statement.startswith(("SELECT", "UPDATE"))
            for row in connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
        ]
        connection.close()
        large = [plan for plan in plans if any(name in plan for name in TABLES)]
        assert len(large) >= 5
        assert any("FROM customer_contact" in statement and "NOT" in statement for statement, _ in statements)
        assert any("intent.detail = ?" in statement for statement, _ in statements)
        assert any("FROM incident_member JOIN intent" in statement for statement, _ in statements)
        wrong = ("SCAN", "ix_intent_due", "_status", "ix_incident_member_incident")
        assert [plan for plan in large if any(name in plan for name in wrong) or OF_ALL.search(plan)] == []


@pytest.mark.usefixtures("sqlite_only")
def test_c18_a_crash_leaves_at_most_a_batch_unknown(tmp_path: Path) -> None:
    with bench(tmp_path, sms="batch: 5") as at:
        at.tell(*names(64))
        ids = [f"int_{name}" for name in names(64)]
        assert len(at.dispatcher._prepare(ids).leaving) == 5
        assert at.statuses() == {"pending": 59, "sending": 5}
        at.dispatcher.recover()
        assert at.statuses() == {"pending": 59, "unknown": 5}
        at.run()
        assert at.statuses() == {"sent": 59, "unknown": 5}, "what may have left is not sent again"


def test_c18_where_little_is_due_one_at_a_time_is_at_risk(tmp_path: Path) -> None:
    seen: list[int] = []
    with bench(tmp_path, channels={"sms": channel("sms", lambda _: watched()), "email": channel("email")}) as at:

        def watched() -> Receipt:
            seen.append(at.statuses().get("sending", 0))
            return Receipt(Outcome.ACCEPTED)

        at.tell(*names(7))
        at.run()
    assert seen == [1] * 7


def test_c13_a_stop_between_looking_and_marking_counts_for_a_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(tmp_path) as at:
        at.tell(*names(32))
        prepare, stopped = at.dispatcher._prepare, names(32)[1::2]

        def stop_then_prepare(ids: Sequence[str]) -> Any:
            if at.statuses() == {"pending": 32}:
                for name in stopped:
                    at.stop(name)
            return prepare(ids)

        monkeypatch.setattr(at.dispatcher, "_prepare", stop_then_prepare)
        at.run()
        assert at.statuses() == {"sent": 16, "skipped": 16}
        assert {at.message(name).detail for name in stopped} == {"opted_out"}
        assert {name for name in names(32) if at.message(name).status == "sent"} == set(names(32)[::2])


def test_c15_two_messages_to_one_person_that_are_due_together_are_counted(tmp_path: Path) -> None:
    with bench(tmp_path, policy="caps: {all: 1 per day}\n") as at:
        at.tell(*names(32))
        with at.database.transaction() as session:
            for name in names(32):
                session.add(at.intent(name, f"int_second_{name}", issue=f"iss_{name}", playbook="other", episode=0))
        at.run()
        told = at.statuses()
        assert told["sent"] == 32, told
        assert {row.reason for row in at.rows(DecisionRow)} == {"allowed", "already_told"}


def test_c15_a_cap_counts_what_the_batch_before_sent(tmp_path: Path) -> None:
    with bench(tmp_path, policy="caps: {all: 1 per day}\n") as at:
        at.tell(*names(24))
        with at.database.transaction() as session:
            for name in names(24):
                other = "p000" if name != "p000" else "p001"
                session.add(at.intent(name, f"int_z_{name}", issue=f"iss_{other}", account=f"account/{name}"))
        at.run()
        assert at.statuses() == {"pending": 24, "sent": 24}
        capped = [row for row in at.rows(DecisionRow) if row.reason == "capped"]
        assert len(capped) == 24
        assert all(row.until == NOON + 20 * 3600.0 for row in capped), "the next day's first hour"


def test_a_channel_that_breaks_breaks_only_its_own_message(tmp_path: Path) -> None:
    def broken(message: Message) -> Receipt:
        if message.id == "int_p003":
            raise ZeroDivisionError("a mistake of ours")
        return Receipt(Outcome.ACCEPTED, provider_id=message.id)

    with bench(tmp_path, channels={"sms": channel("sms", broken), "email": channel("email")}) as at:
        at.tell(*names(24))
        with pytest.raises(ZeroDivisionError):
            at.dispatcher.run_once()
        assert at.message("p003").status == "sending", "it may have left: it is asked about"
        at.run()
        assert at.statuses() == {"sending": 1, "sent": 23}


def test_a_template_that_fails_does_not_stop_the_others_of_its_batch(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.tell(*names(20))
        at.tell("bad", payload={"template": "all/nothing"})
        at.run()
        assert at.statuses() == {"failed": 1, "sent": 20}
        assert "all/nothing" in at.message("bad").detail


def test_another_dispatcher_that_took_a_message_keeps_it(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.tell(*names(4))
        with at.database.transaction() as session:
            outbox.claim(session, ["int_p001"], "other", NOON)
        at.run()
        assert {row.id: row.claimed_by for row in at.rows(Intent, status="claimed")} == {"int_p001": "other"}
        assert at.statuses() == {"claimed": 1, "sent": 3}


def test_what_another_took_for_lost_is_not_written_over(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.tell("ann", "bob")
        prepared = at.dispatcher._prepare(["int_ann", "int_bob"])
        with at.database.transaction() as session:
            outbox.settle(session, "int_ann", outbox.Status.UNKNOWN, now=NOON, due_at=NOON + 60)
            rows = [
                {"id": f"int_{name}", "status": "sent", "claimed_by": "d9", "sent_at": NOON} for name in ("ann", "bob")
            ]
            assert batches.change_all(session, "d9", rows) == ["int_ann", "int_bob"]
        at.dispatcher._settler.settle(at.dispatcher._sender.send(prepared.leaving), at.clock.time())
        assert (at.message("ann").status, at.message("bob").status) == ("sent", "sent")


def test_a_batch_does_what_one_after_the_other_does_and_no_more(tmp_path: Path) -> None:
    with bench(tmp_path) as at, at.database.transaction() as session:
        for name, status in (("a", "claimed"), ("b", "sent"), ("c", "pending")):
            session.add(at.intent(name, name, status=status, claimed_by="d1"))
        session.flush()
        rows = [{"id": name, "status": "sending", "claimed_by": "d1", "attempts": 1} for name in "abcx"]
        assert batches.change_all(session, "d1", rows) == ["b", "c", "x"]
        assert {row.id: (row.status, row.attempts) for row in session.exec(_all()).all()} == {
            "a": ("sending", 1),
            "b": ("sent", 0),
            "c": ("pending", 0),
        }


def _all() -> Any:
    from sqlmodel import select  # noqa: PLC0415 -- beside its use

    return select(Intent).execution_options(populate_existing=True)


def test_one_ticket_of_an_issue_is_made_even_if_two_are_due_together(tmp_path: Path) -> None:
    """The second is decided when the first is there."""
    with bench(tmp_path) as at:
        at.tell("ann")
        with at.database.transaction() as session:
            for name in ("one", "two"):
                payload = {"template": "all/notice", "queue": "q", "desk": "builtin"}
                session.add(at.intent("ann", f"int_{name}", kind="ticket", recipient="q", payload=payload))
        due = [batches.Upcoming(name, "ticket", "iss_ann", "q") for name in ("one", "two")]
        from engine.dispatching.batching import together  # noqa: PLC0415 -- beside its use

        taken, left = together(due, LARGEST)
        assert ([each.id for each in taken], [each.id for each in left]) == (["one"], ["two"])
        assert at.rows(Ticket) == []


def leaving(at: str, n: int, send: Any) -> Leaving:
    fixed: dict[str, Any] = {"kind": "message", "issue": "i", "playbook": "p", "step": "0", "occasion": "opened"}
    intent = Intent(id=f"{at}{n}", channel=at, status="sending", due_at=0.0, created_at=0.0, **fixed)
    facts = Facts(0.0, "opened", IssueFacts("i", "open", "low", 0), StepFacts("p", 0))
    return Leaving(intent, Letter(send, {}), facts)


def test_channels_are_sent_by_at_the_same_time_each_by_its_connections(tmp_path: Path) -> None:
    """Two of one channel and one of another meet: without three threads they would wait for each other for ever."""
    meet, threads, lock = threading.Barrier(3, timeout=30.0), set(), threading.Lock()

    def send(*, first: bool) -> Receipt:
        with lock:
            threads.add(threading.get_ident())
        if first:
            meet.wait()
        return Receipt(Outcome.ACCEPTED)

    connections = {"sms": 2, "slack": 1}
    sender = Sender(lambda name: Sending(connections=connections[name]), FakeClock(0.0), concurrent=True)
    batch = [leaving("sms", n, lambda n=n: send(first=n < 2)) for n in range(9)]
    batch += [leaving("slack", n, lambda n=n: send(first=n == 0)) for n in range(3)]
    back = sender.send(batch)
    assert sender.broken is None
    assert sorted(each.leaving.intent.id for each in back) == sorted(each.intent.id for each in batch)
    assert len(threads) <= 3


def test_a_slow_channel_gets_a_smaller_share_of_each_batch() -> None:
    clock = FakeClock(0.0)

    def slow() -> Receipt:
        clock.advance(2.0)
        return Receipt(Outcome.ACCEPTED)

    sender = Sender(lambda _: Sending(connections=3, batch=50), clock, concurrent=False)
    assert (sender.share("sms"), sender.slow("sms")) == (50, False)
    sender.send([leaving("sms", 0, slow)])
    assert (sender.share("sms"), sender.slow("sms")) == (3, True)
    for n in range(20):
        sender.send([leaving("sms", n, lambda: Receipt(Outcome.ACCEPTED))])
    assert sender.share("sms") == 50


def test_real_threads_write_the_same_as_one(tmp_path: Path) -> None:
    """Over the whole dispatcher: refusals, retries and deliveries land with their own messages."""
    refused = {f"+1202555{n:04d}": Receipt(Outcome.PERMANENT, "no such number", code="30003") for n in range(0, 60, 3)}
    channels = {"sms": channel("sms", by_address(refused)), "email": channel("email")}
    with bench(tmp_path, channels=channels, concurrent=True) as at:
        at.tell(*names(60))
        at.run()
        assert at.statuses() == {"sent": 60}
        by = {name: at.message(name).channel for name in names(60)}
        assert [by[name] for name in names(60)] == ["email" if n % 3 == 0 else "sms" for n in range(60)]


def test_nothing_is_left_of_a_run(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        assert at.dispatcher.run_once() == 0
        _quiet(at)


def _quiet(at: Bench) -> None:
    assert at.statuses() == {}
