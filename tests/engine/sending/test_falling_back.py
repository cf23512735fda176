"""One message, several ways: the next is taken where one failed for good, and never two of them arrive."""

from pathlib import Path

from engine.playbooks import told_before
from engine.store.models import Intent, Issue, ReceiptRow, Suppression
from outreach.base import Message, Outcome, Receipt
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class
from outreach.retry import attempts
from tests.engine.sending.bench import Bench, answers, bench, channel

BOTH_STORES = True

DEAD = Receipt(Outcome.PERMANENT, "no such number", code="30003")
OTHER = ("email", "ann@example.com")


def sms(*script: Receipt | Outcome) -> dict[str, object]:
    """Return an SMS channel that answers so, and e-mail."""
    return {"channels": {"sms": channel("sms", answers(*script)), "email": channel("email")}}


def sent(at: Bench, name: str) -> list[str]:
    return [message.text.strip() for message in at.channels[name].sent]  # type: ignore[attr-defined]  # memory


def test_what_a_channel_refuses_for_good_goes_by_the_next(tmp_path: Path) -> None:
    with bench(tmp_path, **sms(DEAD)) as at:  # type: ignore[arg-type]  # only channels
        at.tell("ann")
        at.run()
        message = at.message()
        assert (message.status, message.channel, message.address) == ("sent", *OTHER)
        assert at.tries() == [("email", "ann@example.com", "accepted"), ("sms", "+12025550000", "permanent")]
        assert at.reasons() == ["allowed", "allowed"]
        assert message.attempts == 1, "of this way"
        assert len(at.channels["sms"].attempts) == 1  # type: ignore[attr-defined]  # a memory channel
        assert sent(at, "sms") == []


def test_without_another_way_it_has_failed_with_the_providers_words(tmp_path: Path) -> None:
    with bench(tmp_path, **sms(DEAD)) as at:  # type: ignore[arg-type]
        at.tell("ann", addresses=[("phone", "+12025550000")])
        at.run()
        assert (at.message().status, at.message().detail) == ("failed", "no such number")


def test_a_way_that_opts_out_meanwhile_is_not_taken(tmp_path: Path) -> None:
    with bench(tmp_path) as at:

        def stop_and_refuse(_: Message) -> Receipt:
            at.stop("ann")
            return DEAD

        broken = channel("sms", stop_and_refuse)
        at.dispatcher._preparer._writer._outside.channels["sms"] = broken  # type: ignore[index]  # a dict here
        at.tell("ann")
        at.run()
        assert (at.message().status, at.message().detail) == ("skipped", "opted_out")
        assert sent(at, "email") == []


def test_a_second_address_of_the_same_channel_is_another_way(tmp_path: Path) -> None:
    numbers = [("phone", "+12025550000"), ("phone", "+12025550009")]
    with bench(tmp_path, **sms(DEAD)) as at:  # type: ignore[arg-type]
        at.tell("ann", addresses=[*numbers, OTHER])
        at.run()
        assert (at.message().channel, at.message().address) == ("sms", "+12025550009")


def test_c18_what_may_have_been_taken_never_falls_back(tmp_path: Path) -> None:
    with bench(tmp_path, **sms(Outcome.UNKNOWN)) as at:  # type: ignore[arg-type]
        at.tell("ann")
        at.pass_(3600.0, step=60.0)
        assert at.message().status == "unknown"
        assert sent(at, "email") == []
        assert at.dispatcher.reconcile() == 1
        assert (at.message().status, at.message().channel) == ("sent", "sms")
        assert sent(at, "email") == []


def test_c18_what_was_asked_about_and_was_refused_goes_by_the_next(tmp_path: Path) -> None:
    class Refusing(MemoryChannel.like(channel_class("sms"))):  # type: ignore[misc]  # a class made at run time
        """Says nothing, and when asked that it refused."""

        def find(self, message: Message) -> Receipt:
            return Receipt(Outcome.PERMANENT, f"refused {message.to}")

    refusing = Refusing(script=answers(Outcome.UNKNOWN))
    with bench(tmp_path, channels={"sms": refusing, "email": channel("email")}) as at:
        at.tell("ann")
        at.run()
        at.clock.advance(600.0)
        assert at.dispatcher.reconcile() == 1
        at.run()
        assert (at.message().status, at.message().channel, len(sent(at, "email"))) == ("sent", "email", 1)


def test_what_was_tried_for_hours_in_vain_goes_by_the_next(tmp_path: Path) -> None:
    refusing = Receipt(Outcome.RETRY, "greylisted", code="451")
    with bench(tmp_path, **sms(*[refusing] * 50)) as at:  # type: ignore[arg-type]
        at.tell("ann")
        at.pass_(9 * 3600.0, step=300.0)
        assert len(at.channels["sms"].attempts) == attempts()  # type: ignore[attr-defined]
        assert (at.message().status, at.message().channel) == ("sent", "email")


def test_c14_who_refused_us_at_the_provider_is_not_followed_elsewhere(tmp_path: Path) -> None:
    stopped = Receipt(Outcome.PERMANENT, "replied STOP", code="21610", suppress=True)
    with bench(tmp_path, **sms(stopped)) as at:  # type: ignore[arg-type]
        at.tell("ann")
        at.run()
        assert at.message().status == "failed"
        assert sent(at, "email") == []
        assert [(row.address, row.channel) for row in at.rows(Suppression, address="+12025550000")] == [
            ("+12025550000", "sms")
        ]


def test_c16_the_end_is_told_by_the_channel_and_in_the_thread_it_really_went_by(tmp_path: Path) -> None:
    with bench(tmp_path, **sms(DEAD)) as at:  # type: ignore[arg-type]
        at.tell("ann")
        at.run()
        at.resolve("ann")
        at.run()
        (closing,) = (row for row in at.rows(Intent) if row.occasion == "resolved")
        assert (closing.status, closing.channel, closing.address) == ("sent", *OTHER)
        assert closing.thread == "memory-int_ann"
        assert sent(at, "sms") == []


def test_c16_an_end_that_cannot_be_told_there_is_told_nowhere_else(tmp_path: Path) -> None:
    ok = Receipt(Outcome.ACCEPTED, provider_id="SM1")
    with bench(tmp_path, **sms(ok, DEAD)) as at:  # type: ignore[arg-type]
        at.tell("ann")
        at.run()
        at.resolve("ann")
        at.run()
        (closing,) = (row for row in at.rows(Intent) if row.occasion == "resolved")
        assert (closing.status, closing.channel) == ("failed", "sms")
        assert sent(at, "email") == []


def told_by_sms(at: Bench) -> None:
    at.tell("ann")
    at.run()
    assert (at.message().status, at.message().provider_id) == ("sent", "SM1")


ACCEPTED = Receipt(Outcome.ACCEPTED, provider_id="SM1")


def test_what_the_provider_says_later_did_not_arrive_goes_by_the_next(tmp_path: Path) -> None:
    with bench(tmp_path, **sms(ACCEPTED)) as at:  # type: ignore[arg-type]
        told_by_sms(at)
        at.clock.advance(60.0)
        at.delivered("SM1", "failed", code="30003")
        at.run()
        message = at.message()
        assert (message.status, message.channel, message.provider_id) == ("sent", "email", "memory-int_ann")
        assert message.delivery == ""
        assert len(sent(at, "email")) == 1


def test_what_is_said_again_of_the_way_before_changes_nothing(tmp_path: Path) -> None:
    with bench(tmp_path, **sms(ACCEPTED)) as at:  # type: ignore[arg-type]
        told_by_sms(at)
        at.delivered("SM1", "bounced")
        at.run()
        at.delivered("memory-int_ann", "delivered")
        at.delivered("SM1", "failed")
        at.run()
        assert (at.message().status, at.message().channel, at.message().delivery) == ("sent", "email", "delivered")
        said = {row.outcome: row.channel for row in at.rows(ReceiptRow, kind="delivery")}
        assert said == {"bounced": "sms", "delivered": "email", "failed": "sms"}
        assert [row.address for row in at.rows(Suppression)] == ["+12025550000"], "the number, not the mailbox"


def test_what_arrived_and_then_bounced_is_not_told_again(tmp_path: Path) -> None:
    with bench(tmp_path, **sms(ACCEPTED)) as at:  # type: ignore[arg-type]
        told_by_sms(at)
        at.delivered("SM1", "delivered")
        at.delivered("SM1", "failed")
        at.run()
        assert (at.message().status, at.message().channel) == ("sent", "sms")
        assert sent(at, "email") == []


def test_nobody_is_told_of_what_is_over(tmp_path: Path) -> None:
    with bench(tmp_path, **sms(ACCEPTED)) as at:  # type: ignore[arg-type]
        told_by_sms(at)
        at.resolve("ann")
        at.delivered("SM1", "failed")
        at.run()
        assert (at.message().status, at.message().channel) == ("sent", "sms")
        assert [text for text in sent(at, "email") if "trouble" in text] == []


def test_what_bounced_and_has_no_other_way_has_failed(tmp_path: Path) -> None:
    with bench(tmp_path, **sms(ACCEPTED)) as at:  # type: ignore[arg-type]
        at.tell("ann", addresses=[("phone", "+12025550000")])
        at.run()
        at.clock.advance(60.0)
        at.delivered("SM1", "bounced", code="30005")
        at.run()
        assert (at.message().status, at.message().delivery) == ("failed", "bounced")
        assert at.message().detail == "bounced 30005"
        assert at.reasons() == ["allowed", "undeliverable"]
        at.resolve("ann")
        assert [row for row in at.rows(Intent) if row.occasion == "resolved"] == [], "nobody was told of its beginning"


def test_c16_an_issue_that_is_back_goes_the_way_it_went_before(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.tell("ann", payload={"channels": ["email", "sms"]})
        at.run()
        at.resolve("ann")
        at.run()
        before = at.message()
        with at.database.transaction() as session:
            issue = session.get_one(Issue, "iss_ann")
            issue.status, issue.reopened = "open", 1
            session.add(at.intent("ann", "int_back", episode=1, payload={"channels": ["sms", "email"]}))
        at.run()
        (back,) = at.rows(Intent, id="int_back")
    assert (before.channel, back.channel) == ("email", "email")
    told = told_before(back, [before])
    assert told is not None
    assert told.intent == before.id
    for other in ({"step": "2:message"}, {"episode": 0}, {"playbook": "another"}):
        assert told_before(at.intent("ann", "int_x", **{"episode": 1, **other}), [before]) is None
