"""No more are told than those on duty can talk to."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.model import Clock, Pace, Per, Shift
from engine.errors import Permanent
from engine.store.models import CustomerContact, DecisionRow, Issue
from engine.traffic import roster
from engine.traffic.callers import Callers, counted
from tests.engine.sending.bench import NOON, Bench, bench

HOUR = 3600.0
PACE = "pace: {contacts_per_agent: 12 per 1h, agents: 2}\n"


def names(count: int, prefix: str = "p") -> list[str]:
    return [f"{prefix}{n:03d}" for n in range(count)]


def sent(at: Bench) -> list[str]:
    return [message.id.removeprefix("int_") for message in at.channels["sms"].sent]  # type: ignore[attr-defined]


def test_in_an_hour_no_more_are_told_than_agents_can_answer(tmp_path: Path) -> None:
    """2 agents, 12 contacts each, 30 % of those who are told call: 80 messages an hour."""
    with bench(tmp_path, policy=PACE) as at:
        at.tell(*names(200))
        at.run()
        assert len(sent(at)) == 6, "at once one call for each agent"
        at.pass_(HOUR, step=10.0)
        assert 77 <= len(sent(at)) <= 80
        at.pass_(HOUR, step=10.0)
        assert 150 <= len(sent(at)) <= 160
        held = at.rows(DecisionRow, reason="paced")
        assert len(held) < 2 * 200, "who waits has a turn, and is not asked again and again"
        assert "2 on duty" in held[0].facts["decision"]["detail"]
        assert "30% of those who are told call" in held[0].facts["decision"]["detail"]


def test_the_severe_are_told_first(tmp_path: Path) -> None:
    with bench(tmp_path, policy=PACE) as at:
        at.tell(*names(40, "low"), severity="low")
        at.run()
        at.clock.advance(1.0)
        at.tell(*names(10, "bad"), severity="critical")
        before = len(sent(at))
        at.pass_(HOUR / 4, step=5.0)
        after = sent(at)[before:]
        assert after[:10] == sorted(after[:10])
        assert {name[:3] for name in after[:10]} == {"bad"}
        at.pass_(HOUR, step=5.0)
        assert at.statuses() == {"sent": 50}


def test_closing_messages_and_emergencies_do_not_wait(tmp_path: Path) -> None:
    with bench(tmp_path, policy=PACE) as at:
        at.tell(*names(30))
        at.run()
        told = sent(at)
        at.resolve(told[0])
        at.tell("now", payload={"emergency": "Ada"})
        at.run()
        assert sent(at)[len(told) :] != []
        assert at.message("now").status == "sent"
        assert len(sent(at)) == len(told) + 2


def test_nobody_on_duty_nobody_is_told_and_saying_otherwise_acts_at_once(tmp_path: Path) -> None:
    shifts = 'pace: {contacts_per_agent: 12 per 1h, agents: [{agents: 5, from: "20:00", to: "22:00"}]}\n'
    with bench(tmp_path, policy=shifts) as at:
        at.tell(*names(20))
        at.run()
        assert at.statuses() == {"pending": 20}
        at.clock.advance(10.0)
        at.on_duty(3, 2 * HOUR)
        at.run()
        assert len(sent(at)) == 10
        assert at.dispatcher.traffic.state(at.clock.time()).agents == 3
        at.pass_(HOUR / 2, step=10.0)
        assert at.statuses() == {"sent": 20}


def test_a_stop_while_it_is_paced_counts(tmp_path: Path) -> None:
    with bench(tmp_path, policy=PACE) as at:
        at.tell(*names(10))
        at.run()
        waiting = next(name for name in names(10) if at.message(name).status == "pending")
        at.stop(waiting)
        at.pass_(HOUR, step=10.0)
        assert at.message(waiting).detail == "opted_out"


def test_how_likely_a_call_is_is_learned_from_those_who_were_told(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.tell(*names(60))
        at.run()
        at.clock.advance(60.0)
        now = at.clock.time()
        with at.database.transaction() as session:
            for name in names(60)[:6]:
                about = {"account": f"account/{name}", "subject": f"contact/{name}", "channel": "phone", "text": ""}
                session.add(CustomerContact(id=f"cct_{name}", at=now, issue=f"iss_{name}", **about))
        with at.database.reading() as session:
            assert counted(session, "errors", now) == (6.0, 60)
            assert counted(session, "other", now) == (0.0, 0)
            assert Callers().likely(session, "errors", 0.3, now) == (20 * 0.3 + 6) / 80
            assert session.get(Issue, "iss_p000") is not None


@given(st.integers(0, 7 * 24 * 60 - 1))
def test_who_is_on_duty_is_who_the_roster_has_at_that_minute(minute: int) -> None:
    """A week of minutes, against counting them."""
    start = datetime(2025, 3, 3, tzinfo=UTC)  # a Monday
    shifts = (
        Shift(6, ("mon", "tue", "wed", "thu", "fri"), Clock(8 * 60), Clock(18 * 60)),
        Shift(2, ("sat",), Clock(22 * 60), Clock(6 * 60)),
        Shift(1),
    )
    day, clock = divmod(minute, 24 * 60)
    wanted = (
        1 + 6 * (day < 5 and 480 <= clock < 1080) + 2 * ((day == 5 and clock >= 1320) or (day == 6 and clock < 360))
    )
    pace = Pace(Per(12, HOUR, False), shifts)
    assert roster.rostered(pace, start.timestamp() + 60.0 * minute) == wanted


def test_what_is_said_holds_until_it_ends_or_something_else_is_said(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.on_duty(3, HOUR)
        at.clock.advance(60.0)
        with at.database.transaction() as session:
            now = at.clock.time()
            assert (duty := roster.said(session, now)) is not None
            assert (duty.agents, duty.who) == (3, "ann")
            assert roster.said(session, NOON + HOUR) is None
            roster.end(session, "bob", now)
            assert roster.said(session, now + 1.0) is None
            for agents, until in ((-1, now + 9.0), (2, now - 1.0)):
                with pytest.raises(Permanent):
                    roster.say(session, agents, until, "ann", now)
            with pytest.raises(Permanent, match="holds already"):
                roster.end(session, "bob", now + 2.0)
