"""Several ends told in one message: only those that are due at the same time, and each is closed by it (C16)."""

from pathlib import Path

from engine.store.models import Intent, StreamHour
from outreach.base import Message, Outcome, Receipt
from tests.engine.sending.bench import NOON, Bench, answers, channel
from tests.engine.sending.digest_bench import POLICY, WAIT, by_mail, gathering, statuses, wrong

EVENING = NOON + 8 * 3600.0
NIGHT, MORNING = 6 * 3600.0, 6 * 3600.0


def mails(at: Bench) -> list[Message]:
    return at.channels["email"].sent  # type: ignore[attr-defined,no-any-return]  # a memory channel


def ends(at: Bench, *issues: str) -> list[Intent]:
    """Return the closing messages about issues."""
    rows = {row.issue: row for row in at.rows(Intent) if row.occasion not in {"opened", "reply"}}
    return [rows[f"iss_{issue}"] for issue in issues]


def told(at: Bench, *issues: str) -> None:
    """Let Ann, who has no telephone, have been told of issues, each in a message of its own."""
    for issue in issues:
        wrong(at, "ann", issue)
        by_mail(at, "ann")
        at.run()
        at.pass_(WAIT, WAIT)
    assert statuses(at, *issues) == ["sent"] * len(issues)


def resolved(at: Bench, *issues: str) -> None:
    for issue in issues:
        at.resolve(issue)
    at.run()


def test_c16_ends_that_are_due_together_are_one_message_that_closes_each(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        told(at, "a", "b", "c")
        resolved(at, "a", "b", "c")
        (message,) = mails(at)[3:]
        assert message.subject == "ann: a is well again; and 2 more things"
        assert [f"{n}. {name} is well again" in message.text for n, name in enumerate("ABC", 1)] == [True] * 3
        assert "close them in one message" in message.text
        closing = ends(at, "a", "b", "c")
        assert [row.status for row in closing] == ["sent"] * 3
        assert {row.provider_id for row in closing} == {f"memory-{message.id}"}
        assert [row.payload["together"]["headline"] for row in closing] == [f"{each} is well again" for each in "abc"]


def test_c16_it_is_on_every_thread_that_it_ends(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        told(at, "a", "b")
        resolved(at, "a", "b")
        first, second = (at.message(issue).provider_id for issue in "ab")
        assert (mails(at)[-1].thread, mails(at)[-1].also) == (first, (second,))


def test_c16_what_was_told_together_has_one_thread(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        wrong(at, "ann", "a", "b")
        by_mail(at, "ann")
        at.run()
        at.pass_(WAIT, WAIT)
        resolved(at, "a", "b")
        _, message = mails(at)
        assert (message.thread, message.also) == (at.message("a").provider_id, ())


def test_an_end_waits_for_no_other(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        told(at, "a", "b")
        resolved(at, "a")
        assert mails(at)[-1].subject == "over"
        resolved(at, "b")
        assert [message.subject for message in mails(at)[2:]] == ["over", "over"]


def test_c05_what_ends_at_night_is_told_in_the_morning_in_one_message(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        told(at, "a", "b", "c")
        at.clock.set(EVENING + NIGHT)
        for issue in ("a", "b", "c"):
            resolved(at, issue)
            at.clock.advance(600.0)
        assert [row.status for row in ends(at, "a", "b", "c")] == ["pending"] * 3
        at.clock.set(EVENING + NIGHT + MORNING)
        at.run()
        assert [row.status for row in ends(at, "a", "b", "c")] == ["sent"] * 3
        assert len(mails(at)) == 4


def test_a_beginning_and_an_end_are_never_one_message(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        told(at, "a")
        wrong(at, "ann", "b")
        at.run()
        at.clock.advance(WAIT)
        at.resolve("a")
        at.run()
        assert sorted(message.subject for message in mails(at)[1:]) == ["over", "trouble"]


def test_the_end_of_something_critical_goes_by_itself(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        told(at, "b", "c")
        wrong(at, "ann", "a", severity="critical")
        at.run()
        resolved(at, "a", "b", "c")
        subjects = sorted(message.subject for message in mails(at)[3:])
        assert subjects == ["ann: b is well again; and one more thing", "over"]


def test_c16_a_false_alarm_and_an_end_are_told_in_one_message_each_as_what_it_is(tmp_path: Path) -> None:
    from engine.issues.book import IssueBook  # noqa: PLC0415 -- beside its use
    from engine.planning import Planner  # noqa: PLC0415 -- beside its use

    with gathering(tmp_path) as at:
        told(at, "a", "b")
        now = at.clock.time()
        with at.database.transaction() as session:
            moved = IssueBook(at.config.policy).dismiss(session, "iss_a", "ann", now, "nothing was wrong")
            Planner(at.config).plan(session, moved, now)
        resolved(at, "b")
        (message,) = mails(at)[2:]
        assert "it was a false alarm, and nothing is wrong" in message.text
        assert "B is well again" in message.text
        assert [row.occasion for row in ends(at, "a", "b")] == ["dismissed", "resolved"]


def test_c13_who_opts_out_before_the_claim_gets_none_of_them(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        told(at, "a", "b")
        at.resolve("a")
        at.resolve("b")
        at.stop("ann")
        at.run()
        assert [row.status for row in ends(at, "a", "b")] == ["skipped", "skipped"]
        assert len(mails(at)) == 2


def test_c13_what_comes_back_before_it_leaves_is_left_out(tmp_path: Path) -> None:
    from engine.store.models import Issue  # noqa: PLC0415 -- beside its use

    with gathering(tmp_path) as at:
        told(at, "a", "b", "c")
        for issue in "abc":
            at.resolve(issue)
        with at.database.transaction() as session:
            session.get_one(Issue, "iss_b").status = "open"
        at.run()
        assert [row.status for row in ends(at, "a", "b", "c")] == ["sent", "skipped", "sent"]
        assert "B is well again" not in mails(at)[-1].text


def test_c15_it_is_one_contact(tmp_path: Path) -> None:
    with gathering(tmp_path, policy=POLICY + "caps: {all: 4 per day}\n") as at:
        told(at, "a", "b")
        resolved(at, "a", "b")
        wrong(at, "ann", "d")
        at.run()
        at.pass_(WAIT, WAIT)
        assert statuses(at, "d") == ["sent"], "two beginnings and one message of ends were three"
        assert sum(row.sent for row in at.rows(StreamHour)) == 4


def test_c18_an_unknown_outcome_is_asked_once_and_holds_for_all(tmp_path: Path) -> None:
    mail = channel("email", answers(Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.UNKNOWN))
    asked: list[str] = []

    def find(message: Message) -> Receipt:
        asked.append(message.id)
        return Receipt(Outcome.ACCEPTED, provider_id="p1")

    mail.find = find  # type: ignore[method-assign]  # what the provider says when asked
    with gathering(tmp_path, channels={"email": mail, "sms": channel("sms")}) as at:
        told(at, "a", "b")
        resolved(at, "a", "b")
        assert [row.status for row in ends(at, "a", "b")] == ["unknown", "unknown"]
        at.clock.advance(400.0)
        assert at.dispatcher.reconcile() == 2
        assert len(asked) == 1
        assert [row.status for row in ends(at, "a", "b")] == ["sent", "sent"]


def test_by_text_ends_are_one_message_too(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        wrong(at, "ann", "a", "b")
        at.run()
        at.pass_(WAIT, WAIT)
        resolved(at, "a", "b")
        message = at.channels["sms"].sent[-1]  # type: ignore[attr-defined]  # a memory channel
        assert message.text.startswith("Acme: 1) a is well again. 2) b is well again. Apart from that")


def test_without_digest_each_end_is_a_message_of_its_own(tmp_path: Path) -> None:
    with gathering(tmp_path, policy="") as at:
        wrong(at, "ann", "a", "b")
        by_mail(at, "ann")
        at.run()
        resolved(at, "a", "b")
        assert [message.subject for message in mails(at)] == ["trouble", "trouble", "over", "over"]
