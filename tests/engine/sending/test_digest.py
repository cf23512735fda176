"""Several issues told in one message: what waits, what goes along, and what becomes of each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Retryable
from engine.policy import stops
from engine.policy.facts import Facts
from engine.store.database import Database
from engine.store.models import DecisionRow, Intent, ReceiptRow, StreamHour
from outreach.base import Message, Outcome, Receipt
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class
from outreach.segments import segments
from tests.engine.sending.bench import NOON, Bench, by_address, channel
from tests.engine.sending.digest_bench import POLICY, WAIT, by_mail, gathering, statuses, wrong
from tests.engine.sending.losing import losing


def sent(at: Bench, name: str = "email") -> list[Message]:
    return at.channels[name].sent  # type: ignore[attr-defined,no-any-return]  # a memory channel


def reasons(at: Bench, issue: str) -> list[str]:
    return at.reasons(issue)


def three(at: Bench) -> None:
    """Let three things go wrong for Ann, who has no telephone, ten minutes apart."""
    for issue in ("a", "b", "c"):
        wrong(at, "ann", issue)
        by_mail(at, "ann")
        at.run()
        at.pass_(600.0, 600.0)


def test_what_is_not_urgent_waits_and_is_told_in_one_message(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        three(at)
        assert statuses(at, "a", "b", "c") == ["sent"] * 3
        (message,) = sent(at)
        assert message.id == "int_a"
        assert message.subject == "ann: a is in trouble, you need not do anything; and 2 more things"
        assert [f"{n}. {name} is in trouble" in message.text for n, name in enumerate("ABC", 1)] == [True] * 3
        assert message.text.count("Is this message genuine?") == message.text.count("You get this message because") == 1
        assert message.html.count("See how this stands, or tell us something about it</a>") == 3
        assert len({line for line in message.text.splitlines() if "/m/" in line}) == 3
        assert message.unsubscribe_url
        assert at.message("a").sent_at == NOON + WAIT


def test_each_keeps_its_own_decision_try_and_words(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        three(at)
        for issue in "abc":
            row = at.message(issue)
            assert reasons(at, issue) == ["gathering", "allowed"]
            assert row.provider_id == at.message("a").provider_id
            assert row.payload["text"] == sent(at)[0].text
            assert at.tries(issue) == [("email", "ann@example.com", "accepted")]
        for decision in at.rows(DecisionRow, reason="allowed"):
            assert "Told together with 2 others." in decision.facts["decision"]["detail"]
            assert Facts.read(decision.facts["facts"]).digest is not None
        assert [row.sent for row in at.rows(StreamHour)] == [1], "one message left"


def test_one_alone_goes_out_in_its_own_words(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        wrong(at, "ann", "a")
        by_mail(at, "ann")
        at.run()
        assert sent(at) == []
        at.pass_(WAIT, WAIT)
        assert [message.subject for message in sent(at)] == ["trouble"]
        assert "together" not in at.message("a").payload


@pytest.mark.parametrize(
    "more", [{"severity": "critical"}, {"payload": {"emergency": "ann"}}], ids=["critical", "emergency"]
)
def test_what_is_urgent_goes_at_once_and_by_itself(tmp_path: Path, more: dict[str, Any]) -> None:
    with gathering(tmp_path) as at:
        wrong(at, "ann", "a")
        by_mail(at, "ann")
        wrong(at, "ann", "b", **more)
        at.run()
        assert statuses(at, "a", "b") == ["pending", "sent"]
        assert [message.subject for message in sent(at)] == ["trouble"]


def test_what_becomes_critical_waits_no_longer(tmp_path: Path) -> None:
    from engine.issues.book import view  # noqa: PLC0415 -- beside its use
    from engine.issues.view import Transition  # noqa: PLC0415 -- beside its use
    from engine.planning import Planner  # noqa: PLC0415 -- beside its use
    from engine.store.models import Issue  # noqa: PLC0415 -- beside its use

    with gathering(tmp_path) as at:
        wrong(at, "ann", "a", "b")
        by_mail(at, "ann")
        at.run()
        at.clock.advance(60.0)
        with at.database.transaction() as session:
            row = session.get_one(Issue, "iss_a")
            row.severity = "critical"
            worse = Transition("severity", view(row), at.clock.time(), before="high", after="critical")
            Planner(at.config).plan(session, [worse], at.clock.time())
        at.run()
        assert statuses(at, "a", "b") == ["sent", "pending"]


def test_more_than_at_most_go_in_another_message(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        wrong(at, "ann", *"abcdef")
        by_mail(at, "ann")
        at.run()
        at.pass_(WAIT, WAIT)
        assert statuses(at, *"abcdef") == ["sent"] * 6
        assert sorted(message.text.count("is in trouble, you") for message in sent(at)) == [2, 4]


def test_a_playbook_may_stay_out_of_it(tmp_path: Path) -> None:
    with gathering(tmp_path):
        path = tmp_path / "config/playbooks/errors.yaml"
        path.write_text(path.read_text() + "digest: never\n")
    (tmp_path / "forewarn.db").unlink()
    from engine.config.load import load_or_raise  # noqa: PLC0415 -- beside its use
    from engine.dispatching.companions import Companions  # noqa: PLC0415 -- beside its use

    config = load_or_raise(tmp_path / "config", {})
    assert Companions(config)._most == {}
    assert config.policy.digest is not None


def test_it_does_not_wait_into_the_night(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        at.clock.set(NOON + 8 * 3600.0 + 2700.0)
        wrong(at, "ann", "a", "b")
        by_mail(at, "ann")
        at.run()
        assert statuses(at, "a", "b") == ["sent", "sent"]
        assert len(sent(at)) == 1


def test_c15_a_digest_counts_as_one_contact(tmp_path: Path) -> None:
    with gathering(tmp_path, policy=POLICY + "caps: {all: 2 per day}\n") as at:
        wrong(at, "ann", "a", "b", "c")
        by_mail(at, "ann")
        at.run()
        at.pass_(WAIT, WAIT)
        assert statuses(at, "a", "b", "c") == ["sent"] * 3
        for issue in ("d", "e"):
            wrong(at, "ann", issue)
            at.run()
            at.pass_(WAIT, WAIT)
        assert statuses(at, "d", "e") == ["sent", "pending"]
        assert reasons(at, "e")[-1] == "capped"


def test_c13_what_has_ended_meanwhile_is_left_out_and_the_rest_goes(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        wrong(at, "ann", "a", "b", "c")
        by_mail(at, "ann")
        at.run()
        at.resolve("b")
        at.pass_(WAIT, WAIT)
        assert statuses(at, "a", "b", "c") == ["sent", "skipped", "sent"]
        assert reasons(at, "b") == ["gathering", "moot"]
        assert "b is in trouble" not in sent(at)[0].text
        assert at.message("a").payload["together"]["ids"] == ["int_a", "int_c"]


def test_c13_a_stop_before_the_claim_takes_all_of_them(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        wrong(at, "ann", "a", "b")
        by_mail(at, "ann")
        at.run()
        at.stop("ann")
        at.pass_(WAIT, WAIT)
        assert statuses(at, "a", "b") == ["skipped", "skipped"]
        assert sent(at) == []


def test_a_kill_switch_for_the_digest_sends_each_by_itself(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        with at.database.transaction() as session:
            stops.throw(session, "template", "_common/digest", "ann", "bad words", at.clock.time())
        wrong(at, "ann", "a", "b")
        by_mail(at, "ann")
        at.run()
        assert [message.subject for message in sent(at)] == ["trouble", "trouble"]


def test_c16_each_hears_its_own_end_on_the_thread_of_the_digest(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        three(at)
        first = at.message("a").provider_id
        at.resolve("b")
        at.run()
        at.resolve("a")
        at.run()
        (closed_b, closed_a) = sent(at)[1:]
        assert (closed_b.thread, closed_a.thread) == (first, first)
        assert "device/b is well" in closed_b.text


def test_c18_an_unknown_outcome_is_asked_once_and_holds_for_all(tmp_path: Path) -> None:
    mail = channel("email", [Receipt(Outcome.UNKNOWN, "cut")])
    asked: list[str] = []

    def find(message: Message) -> Receipt:
        asked.append(message.id)
        return Receipt(Outcome.ACCEPTED, provider_id="p1")

    mail.find = find  # type: ignore[method-assign]  # what the provider says when asked
    with gathering(tmp_path, channels={"email": mail, "sms": channel("sms")}) as at:
        three(at)
        assert statuses(at, "a", "b", "c") == ["unknown"] * 3
        at.clock.advance(400.0)
        assert at.dispatcher.reconcile() == 3
        assert asked == ["int_a"]
        assert statuses(at, "a", "b", "c") == ["sent"] * 3
        assert {at.message(each).provider_id for each in "abc"} == {"p1"}


def test_c18_a_crash_between_claim_and_send_sends_nothing_twice_and_loses_nobody(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        wrong(at, "ann", "a", "b", "c")
        by_mail(at, "ann")
        at.run()
        at.clock.advance(WAIT)
        assert len(at.dispatcher._prepare(["int_a"]).leaving) == 1
        assert statuses(at, "a", "b", "c") == ["sending"] * 3
        at.dispatcher.recover()
        at.run()
        assert (statuses(at, "a", "b", "c"), sent(at)) == (["unknown"] * 3, [])


def test_what_was_surely_not_taken_is_tried_again_together(tmp_path: Path) -> None:
    answers = [Receipt(Outcome.RETRY, "busy"), Receipt(Outcome.ACCEPTED, provider_id="p1")]
    with gathering(tmp_path, channels={"email": channel("email", answers), "sms": channel("sms")}) as at:
        three(at)
        assert statuses(at, "a", "b", "c") == ["pending"] * 3
        assert len({at.message(each).due_at for each in "abc"}) == 1
        at.pass_(600.0, 60.0)
        assert statuses(at, "a", "b", "c") == ["sent"] * 3
        assert [at.message(each).attempts for each in "abc"] == [2, 2, 2]
        assert len(sent(at)) == 1


def test_a_digest_that_fails_goes_another_way_together(tmp_path: Path) -> None:
    refused = by_address({"+12025550000": Receipt(Outcome.PERMANENT, "no such number", code="30003")})
    with gathering(tmp_path, channels={"sms": channel("sms", refused), "email": channel("email")}) as at:
        wrong(at, "ann", "a", "b")
        at.run()
        at.pass_(WAIT, WAIT)
        assert statuses(at, "a", "b") == ["sent", "sent"]
        assert len(sent(at)) == 1
        assert at.tries("b") == [("email", "ann@example.com", "accepted"), ("sms", "+12025550000", "permanent")]


def test_what_the_provider_says_later_holds_for_all_and_is_counted_once(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        three(at)
        at.delivered(at.message("a").provider_id, "bounced", code="5.1.1")
        assert {at.message(each).delivery for each in "abc"} == {"bounced"}
        assert [row.bounced for row in at.rows(StreamHour)] == [1]
        assert len(at.rows(ReceiptRow, kind="delivery")) == 3


def test_a_word_of_the_provider_that_came_before_the_answer_reaches_all(tmp_path: Path) -> None:
    with gathering(tmp_path, channels={"email": channel("email", _early), "sms": channel("sms")}) as at:
        at.delivered("p1", "delivered")
        three(at)
        assert {at.message(each).delivery for each in "abc"} == {"delivered"}


def _early(message: Message) -> Receipt:
    return Receipt(Outcome.ACCEPTED, provider_id="p1")


def test_by_text_as_many_go_together_as_its_budget_holds(tmp_path: Path) -> None:
    with gathering(tmp_path) as at:
        names = [f"čapek-{n}" for n in range(4)]  # no letter of GSM-7: 67 of them are a text message
        wrong(at, "ann", *names)
        at.run()
        at.pass_(WAIT, WAIT)
        texts = [message.text for message in sent(at, "sms")]
        assert [text.count("is in trouble, you need not do anything") for text in texts] == [2, 2]
        assert texts[0].startswith("Acme: 1) čapek-0 is in trouble")
        assert [segments(text.strip()).messages for text in texts] == [3, 3]
        assert statuses(at, *names) == ["sent"] * 4


def test_what_is_recalled_for_one_of_them_lets_the_others_go_on(tmp_path: Path) -> None:
    recalled: list[str] = []

    class Holding(MemoryChannel.like(channel_class("email"))):  # type: ignore[misc]  # made for this test
        def recall(self, provider_id: str) -> Receipt:
            recalled.append(provider_id)
            return Receipt(Outcome.ACCEPTED)

    with gathering(tmp_path, channels={"email": Holding(), "sms": channel("sms")}) as at:
        three(at)
        with at.database.transaction() as session:
            session.get_one(Intent, "int_b").playbook = "other"
            stops.throw(session, "playbook", "other", "ann", "wrong", at.clock.time())
        at.run()
        assert recalled == ["memory-int_a"]
        assert statuses(at, "a", "b", "c") == ["sent", "skipped", "sent"]
        assert [message.text.count("is in trouble, you") for message in sent(at)] == [3, 2]


def test_without_words_for_it_nothing_waits(tmp_path: Path) -> None:
    def no_words(at: Bench) -> None:
        wrong(at, "ann", "a", "b")
        by_mail(at, "ann")
        at.run()
        assert statuses(at, "a", "b") == ["sent", "sent"]
        assert len(sent(at)) == 2

    _without(tmp_path, "all/notice/en/digest.txt.j2", no_words)


def _without(folder: Path, name: str, look: Callable[[Bench], None]) -> None:
    from engine.dispatching import Dispatcher  # noqa: PLC0415 -- beside its use
    from engine.letters import Outside  # noqa: PLC0415 -- beside its use
    from engine.links import Links  # noqa: PLC0415 -- beside its use
    from engine.wording import Speaker  # noqa: PLC0415 -- beside its use
    from outreach.render import Templates  # noqa: PLC0415 -- beside its use

    with gathering(folder) as at:
        (folder / "templates" / name).unlink()
        speaker = Speaker(at.config, Links("http://127.0.0.1", b"k" * 32))
        outside = Outside(channels=at.channels, desks={}, templates=Templates(folder / "templates"), speaker=speaker)
        at.dispatcher = Dispatcher(at.config, at.database, outside, at.clock, concurrent=False)
        look(at)


def test_words_that_cannot_be_filled_in_send_each_by_itself(tmp_path: Path) -> None:
    with gathering(tmp_path, words="Subject: x\n\n{{ nothing | money('EUR') }}\n") as at:
        wrong(at, "ann", "a", "b")
        by_mail(at, "ann")
        at.run()
        at.pass_(WAIT, WAIT)
        assert [message.subject for message in sent(at)] == ["trouble", "trouble"]


def test_those_that_go_along_are_free_again_where_the_answer_to_a_commit_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were claimed with the one that is due, though it alone was asked for."""
    with gathering(tmp_path) as at:
        wrong(at, "ann", "a", "b", "c")
        by_mail(at, "ann")
        at.run()
        at.clock.advance(WAIT)
        with monkeypatch.context() as patch:
            patch.setattr(Database, "transaction", losing(Database.transaction))
            with pytest.raises(Retryable):
                at.run()
        assert statuses(at, "a", "b", "c") == ["sending"] * 3
        at.run()
        assert statuses(at, "a", "b", "c") == ["sent"] * 3
        assert len(sent(at)) == 1
