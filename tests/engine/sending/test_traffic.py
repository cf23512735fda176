"""What a provider takes at a time, and whether it is there."""

from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from detectors.durations import Duration
from engine.config.model import Per, Sending
from engine.store.models import DecisionRow
from engine.traffic import Traffic
from engine.traffic.breaker import Breaker, State
from engine.traffic.bucket import Bucket
from outreach.base import Message, Outcome, Receipt
from outreach.registry import channel_class
from tests.engine.sending.bench import NOON, Bench, answers, bench, by_address, channel

AWAY = Receipt(Outcome.RETRY, "connection refused", code="ConnectionRefusedError")


def names(count: int) -> list[str]:
    return [f"p{n:03d}" for n in range(count)]


def attempted(at: Bench, name: str) -> int:
    return len(at.channels[name].attempts)  # type: ignore[attr-defined]  # a memory channel


@given(
    st.integers(1, 20),
    st.sampled_from([0.1, 1.0, 60.0]),
    st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(0, 4)), min_size=1, max_size=60),
)
def test_never_more_than_a_bucket_holds_leaves_and_everyone_gets_a_turn(
    count: int, seconds: float, asked: list[tuple[float, int]]
) -> None:
    """In any span at most what fits at once and what flows in; who waits is served when they were told, or later."""
    bucket, now, sent = Bucket(count / seconds, count, 0.0), 0.0, []
    waiting: list[tuple[float, str, int]] = []
    for number, (wait, rank) in enumerate(asked):
        now += wait
        waiting.append((now, f"m{number}", rank))
    turns = 0
    while waiting:
        waiting.sort()
        due, key, rank = waiting.pop(0)
        turns += 1
        at = bucket.turn(key, due, rank=rank)
        if at > due:
            waiting.append((at, key, rank))
        else:
            bucket.spend(due)
            sent.append(due)
    assert len(sent) == len(asked)
    assert turns <= 8 * len(asked), "asked again only because others of more weight came"
    for n, first in enumerate(sent):
        for m, last in enumerate(sent[n:], 1):
            assert m <= count + (last - first) * count / seconds + 1e-6


def test_the_more_urgent_take_the_next_turn() -> None:
    bucket = Bucket(1.0, 1.0, 0.0)
    bucket.spend(0.0)
    low = [bucket.turn(f"low{n}", 0.0, rank=0) for n in range(3)]
    assert (low, bucket.turn("high", 0.5, rank=3), bucket.waiting) == ([1.0, 2.0, 3.0], 1.0, 4)
    assert bucket.turn("high", 1.0, rank=3) == 1.0
    bucket.spend(1.0)
    assert bucket.turn("low0", 1.0, rank=0) > 1.0


def test_a_pause_holds_everyone_and_a_turn_nobody_takes_is_given_up() -> None:
    bucket = Bucket(10.0, 10.0, 0.0)
    bucket.pause(30.0)
    assert [bucket.turn(name, 0.0) for name in "ab"] == [30.0, 30.0]
    assert bucket.turn("c", 2_000.0) == 2_000.0
    assert bucket.waiting == 0


def breaker() -> Breaker:
    return Breaker(Sending(breaker=Per(3, 60.0, False), cool_down=Duration(30.0)))


def test_a_breaker_opens_probes_and_closes() -> None:
    one = breaker()
    for at in (0.0, 1.0, 2.0):
        assert one.passes(at)
        one.failed(at, "refused")
    assert (one.state(2.0), one.opens_at(2.0), one.why) == (State.OPEN, 32.0, "refused")
    assert not one.passes(31.9)
    assert (one.passes(32.0), one.passes(32.0)) == (True, False), "one probe"
    one.failed(33.0)
    assert one.opens_at(33.0) == 93.0, "twice as long"
    assert one.passes(93.0)
    one.answered()
    assert (one.state(94.0), one.since, one.passes(94.0)) == (State.CLOSED, None, True)


def test_failures_that_lie_apart_or_are_answered_between_open_nothing() -> None:
    apart, between = breaker(), breaker()
    for n in range(10):
        apart.failed(40.0 * n)
        between.failed(float(n))
        if n % 2:
            between.answered()
    assert apart.state(400.0) is State.CLOSED
    assert between.state(11.0) is State.CLOSED


def test_a_probe_nobody_heard_of_again_is_given_up() -> None:
    one = breaker()
    for at in (0.0, 0.0, 0.0):
        one.failed(at)
    assert one.passes(30.0)
    assert not one.passes(80.0)
    assert one.passes(90.0)


def test_a_rate_holds_the_rest_once_and_counts_no_attempt(tmp_path: Path) -> None:
    with bench(tmp_path, sms='rate: "10 per 1s"') as at:
        at.tell(*names(35))
        at.run()
        assert at.statuses() == {"pending": 25, "sent": 10}
        held = at.rows(DecisionRow, verdict="hold")
        assert {row.reason for row in held} == {"rate_limited"}
        assert [row.until for row in sorted(held, key=lambda row: row.until or 0.0)][:2] == [NOON + 0.1, NOON + 0.2]
        at.pass_(1.0, step=0.1)
        assert at.statuses() == {"pending": 15, "sent": 20}
        at.pass_(2.0, step=0.1)
        assert at.statuses() == {"sent": 35}
        assert {at.message(name).attempts for name in names(35)} == {1}
        assert max(len(at.reasons(name)) for name in names(35)) == 2, "nobody is decided again and again"


def test_channels_of_one_provider_share_its_rate_and_others_do_not(tmp_path: Path) -> None:
    shared = 'provider: one, rate: "2 per 1s"'
    with bench(tmp_path, sms=shared, email="provider: one") as at:
        at.tell("ann", "bob")
        at.tell("cid", payload={"channels": ["email"]})
        at.run()
        assert at.statuses() == {"pending": 1, "sent": 2}
        (lane,) = at.dispatcher.traffic.state(NOON).providers
        assert (lane.provider, lane.channels, lane.waiting) == ("one", ("sms", "email"), 1)


def test_a_provider_that_says_too_fast_is_paused_and_the_others_are_not(tmp_path: Path) -> None:
    limited = Receipt(Outcome.RETRY, "429", code="20429", retry_after=30.0)
    with bench(tmp_path, channels={"sms": channel("sms", answers(limited)), "email": channel("email")}) as at:
        at.tell("ann", "bob")
        at.tell("cid", payload={"channels": ["email"]})
        at.run()
        assert {name: at.message(name).status for name in ("ann", "bob", "cid")} == {
            "ann": "pending",
            "bob": "pending",
            "cid": "sent",
        }
        assert attempted(at, "sms") == 1, "bob's is not even tried"
        assert at.message("ann").attempts == 0, "the provider's pause is no attempt"
        assert at.reasons("bob") == ["rate_limited"]
        (lane, _) = at.dispatcher.traffic.state(NOON).providers
        assert (lane.state, lane.paused_until) == ("closed", NOON + 30.0)
        at.pass_(29.0)
        assert attempted(at, "sms") == 1
        at.pass_(2.0)
        assert at.statuses() == {"sent": 3}


def test_c13_a_stop_while_it_waits_for_its_turn_counts(tmp_path: Path) -> None:
    with bench(tmp_path, sms='rate: "1 per 10s"') as at:
        at.tell("ann", "bob")
        at.run()
        (waiting,) = [name for name in ("ann", "bob") if at.message(name).status == "pending"]
        at.stop(waiting)
        at.pass_(20.0)
        assert (at.message(waiting).status, at.message(waiting).detail) == ("skipped", "opted_out")
        assert attempted(at, "sms") == 1


def away_until(moment: float, at: list[Bench]) -> object:
    def send(message: Message) -> Receipt:
        if at[0].clock.time() < moment:
            return AWAY
        return Receipt(Outcome.ACCEPTED, provider_id=f"memory-{message.id}")

    return send


def test_while_a_breaker_is_open_nothing_is_tried_and_no_attempt_is_burned(tmp_path: Path) -> None:
    made: list[Bench] = []
    sms = channel("sms", away_until(NOON + 100.0, made))
    rule = 'breaker: "3 per 1m", cool_down: 30s'
    with bench(tmp_path, sms=rule, channels={"sms": sms, "email": channel("email")}) as at:
        made.append(at)
        at.tell(*names(12))
        at.run()
        assert attempted(at, "sms") == 3
        held = at.rows(DecisionRow, reason="unreachable")
        assert len(held) == 9
        assert {row.until for row in held} == {NOON + 30.0}
        (lane, _) = at.dispatcher.traffic.state(NOON).providers
        assert (lane.state, lane.since, lane.why) == ("open", NOON, "connection refused")
        at.pass_(35.0)
        assert attempted(at, "sms") == 4, "one probe"
        at.pass_(200.0)
        assert at.statuses() == {"sent": 12}
        assert at.dispatcher.traffic.state(at.clock.time()).away == []
        assert sum(at.message(name).attempts for name in names(12)) == attempted(at, "sms"), "waiting is no attempt"


def test_a_provider_that_is_away_for_long_is_passed_over(tmp_path: Path) -> None:
    made: list[Bench] = []
    sms = channel("sms", away_until(NOON + 1e6, made))
    rule = 'breaker: "2 per 1m", cool_down: 30s, fall_back_after: 2m'
    with bench(tmp_path, sms=rule, channels={"sms": sms, "email": channel("email")}) as at:
        made.append(at)
        at.tell("ann", "bob", "cid")
        at.pass_(110.0)
        assert at.statuses() == {"pending": 3}, "for a while it is waited for"
        at.pass_(60.0)
        assert {at.message(name).channel for name in ("ann", "bob", "cid")} == {"email"}
        assert at.statuses() == {"sent": 3}
        assert at.message("cid").attempts == 1


def test_c16_an_end_waits_for_the_channel_its_beginning_went_by(tmp_path: Path) -> None:
    made: list[Bench] = []

    def send(message: Message) -> Receipt:
        now = made[0].clock.time()
        return AWAY if NOON < now < NOON + 1_000.0 else Receipt(Outcome.ACCEPTED, provider_id=message.id)

    rule = 'breaker: "1 per 1m", cool_down: 30s, fall_back_after: 1m'
    with bench(tmp_path, sms=rule, channels={"sms": channel("sms", send), "email": channel("email")}) as at:
        made.append(at)
        at.tell("ann")
        at.run()
        at.clock.advance(10.0)
        at.resolve("ann")
        at.pass_(900.0, step=10.0)
        assert at.channels["email"].attempts == []  # type: ignore[attr-defined]
        at.pass_(1_500.0, step=10.0)
        assert [message.id for message in at.channels["sms"].sent][1:] == [  # type: ignore[attr-defined]
            row.id for row in at.rows(type(at.message())) if row.occasion == "resolved"
        ]


def test_an_escalation_waits_for_its_provider_too(tmp_path: Path) -> None:
    mail = channel("email", answers(AWAY))
    with bench(tmp_path, email='breaker: "1 per 1m"', channels={"sms": channel("sms"), "email": mail}) as at:
        at.tell("ann", payload={"channels": ["email"]})
        at.run()
        with at.database.transaction() as session:
            payload = {"template": "_common/escalation", "to": "on-call"}
            session.add(at.intent("ann", "int_esc", kind="escalate", recipient="on-call", payload=payload))
        at.run()
        (row,) = at.rows(DecisionRow, intent="int_esc")
        assert (row.reason, row.until) == ("unreachable", NOON + 30.0)
        at.pass_(60.0)
        assert [message.id for message in mail.sent] == ["int_ann", "int_esc"] or len(mail.sent) == 2


def test_one_message_a_second_to_an_address_where_the_provider_asks_for_that(tmp_path: Path) -> None:
    channels = {"sms": channel("sms"), "email": channel("email")}
    type(channels["email"]).spacing = 1.0
    with bench(tmp_path, channels=channels) as at:
        at.tell("ann")
        with at.database.transaction() as session:
            for n in range(3):
                payload = {"template": "_common/escalation", "to": "on-call"}
                id_ = f"int_esc{n}"
                session.add(at.intent("ann", id_, kind="escalate", recipient="on-call", step=str(n), payload=payload))
        at.run()
        sent = at.channels["email"].sent  # type: ignore[attr-defined]
        assert len(sent) == 1
        assert {row.reason for row in at.rows(DecisionRow, verdict="hold")} == {"rate_limited"}
        at.pass_(1.0)
        assert len(sent) == 2
        at.pass_(1.0)
        assert len(sent) == 3


def test_slack_asks_for_a_second_between_two_messages_to_a_conversation() -> None:
    assert channel_class("slack").spacing == 1.0


def test_one_customers_dead_server_keeps_nobody_elses_webhook_back(tmp_path: Path) -> None:
    """Every address of a webhook is a provider of its own."""
    busy = Receipt(Outcome.RETRY, "HTTP 429", code="429", retry_after=60.0)
    dead = {f"https://p{n:03d}.example/": AWAY for n in range(8)} | {"https://p008.example/": busy}
    hook = channel("webhook", by_address(dead))
    with bench(tmp_path, channels={"sms": hook, "email": channel("email")}) as at:
        for name in names(12):
            at.tell(name, addresses=[("url", f"https://{name}.example/")], payload={"channels": ["sms"]})
        at.run()
        assert at.statuses() == {"pending": 9, "sent": 3}
        assert at.dispatcher.traffic.state(NOON).away == []
        assert at.message("p008").attempts == 1, "it counts, or a server could be asked for ever"


def test_a_reload_of_the_configuration_forgets_no_outage(tmp_path: Path) -> None:
    with bench(tmp_path, sms='breaker: "1 per 1m"', channels={"sms": channel("sms", answers(AWAY))}) as at:
        at.tell("ann")
        at.run()
        before = at.dispatcher.traffic
        before.told("sms", Receipt(Outcome.RETRY, code="429", retry_after=500.0), NOON)
        after = Traffic(at.config, at.channels, NOON + 1.0, before)
        (lane,) = after.state(NOON + 1.0).providers
        assert (lane.state, lane.since, lane.paused_until) == ("closed", None, NOON + 500.0), "it answered: too fast"
        before.told("sms", AWAY, NOON + 2.0)
        again = Traffic(at.config, at.channels, NOON + 3.0, after)
        assert again.state(NOON + 3.0).providers[0].state == "open"


def test_a_stored_decision_can_be_taken_again(tmp_path: Path) -> None:
    """What was asked of the traffic is among the facts."""
    from engine.policy.decide import decide  # noqa: PLC0415 -- beside its use
    from engine.policy.facts import Facts  # noqa: PLC0415

    with bench(tmp_path, sms='rate: "1 per 10s"', policy="pace: {contacts_per_agent: 12 per 1h, agents: 1}\n") as at:
        at.tell(*names(9))
        at.pass_(60.0)
        rows = at.rows(DecisionRow)
        assert {"allowed", "rate_limited", "paced"} == {row.reason for row in rows}
        for row in rows:
            again = decide(Facts.read(row.facts["facts"]))
            assert (again.verdict, again.reason.value, again.until) == (row.verdict, row.reason, row.until)
            assert msgspec.json.decode(msgspec.json.encode(again)) == row.facts["decision"]
