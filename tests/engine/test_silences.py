"""Silences and inhibition."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, SQLModel, create_engine

from engine.config.model import Inhibition, When
from engine.errors import Permanent
from engine.issues.book import history
from engine.issues.silences import active, create, current, end, in_force, inhibited
from engine.issues.view import IssueView
from engine.store.models import Silence

ISSUE = IssueView(
    id="iss_1",
    fingerprint="fp_1",
    detector="api-errors",
    series="account/acme",
    subject="device/d-17",
    account="account/acme",
    severity="medium",
    status="open",
    opened_at=0.0,
    noticed_at=0.0,
    updated_at=0.0,
    evidence={"attributes": {"region": "eu", "plan": "gold"}},
)


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def silence(matcher: dict[str, str], start: float = 0.0, stop: float | None = 1e10, **window: Any) -> Silence:
    return Silence(
        id="sil_1",
        matcher=matcher,
        starts_at=start,
        ends_at=stop,
        recurring=window,
        who="ann",
        why="maintenance",
        created_at=0.0,
    )


def at(text: str, zone: str = "Europe/Vienna") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("matcher", "covered"),
    [
        ({"detector": "api-errors"}, True),
        ({"detector": "api-*", "account": "account/acme"}, True),
        ({"detector": "api-*", "account": "account/other"}, False),
        ({"subject": "device/*", "severity": "medium"}, True),
        ({"severity": "high"}, False),
        ({"detector": "API-*"}, False),
    ],
)
def test_a_silence_covers_what_all_of_its_matcher_agrees_with(matcher: dict[str, str], covered: bool) -> None:
    assert (active([silence(matcher)], ISSUE, 10.0) is not None) is covered


def test_an_issue_without_an_account_is_covered_by_any_account_only() -> None:
    nobodys = replace(ISSUE, account=None)
    assert active([silence({"account": "account/*"})], nobodys, 10.0) is None
    assert active([silence({"account": "*"})], nobodys, 10.0) is not None


@pytest.mark.parametrize(("now", "covered"), [(99.0, False), (100.0, True), (199.0, True), (200.0, False)])
def test_a_silence_has_a_beginning_and_an_end(now: float, covered: bool) -> None:
    assert in_force(silence({"detector": "*"}, 100.0, 200.0), now) is covered


@pytest.mark.parametrize(
    ("now", "covered"),
    [
        ("2025-06-13 21:59", False),
        ("2025-06-13 22:00", False),
        ("2025-06-14 05:59", False),
        ("2025-06-14 21:59", False),
        ("2025-06-14 22:00", True),
        ("2025-06-15 05:59", True),
        ("2025-06-15 06:00", False),
        ("2025-06-15 22:00", True),
        ("2025-06-16 05:59", True),
        ("2025-06-16 22:00", False),
    ],
)
def test_a_weekly_window_over_midnight_belongs_to_the_day_it_begins_on(now: str, covered: bool) -> None:
    weekend: dict[str, Any] = {"days": ["sat", "sun"], "from": "22:00", "to": "06:00", "zone": "Europe/Vienna"}
    assert in_force(silence({"detector": "*"}, **weekend), at(now)) is covered


@pytest.mark.parametrize("day", ["2025-03-29", "2025-03-30", "2025-10-26", "2025-06-11"])
def test_a_window_stays_at_its_local_hours_when_clocks_change(day: str) -> None:
    window: dict[str, Any] = {"from": "09:00", "to": "10:00", "zone": "Europe/Vienna"}
    daily = silence({"detector": "*"}, **window)
    assert [in_force(daily, at(f"{day} {clock}")) for clock in ("08:59", "09:00", "09:59", "10:00")] == [
        False,
        True,
        True,
        False,
    ]


def test_a_window_without_days_and_hours_is_always() -> None:
    assert in_force(silence({"detector": "*"}, zone="Asia/Tokyo"), 12345.0)


@settings(deadline=None)
@given(st.integers(0, 4_000_000), st.integers(0, 1439), st.integers(0, 1439))
def test_a_window_and_the_rest_of_the_day_share_out_all_time(minutes: int, begin: int, to: int) -> None:
    if begin == to:
        return
    text = [f"{minute // 60:02}:{minute % 60:02}" for minute in (begin, to)]
    day: dict[str, Any] = {"from": text[0], "to": text[1], "zone": "Europe/Vienna"}
    rest: dict[str, Any] = day | {"from": text[1], "to": text[0]}
    inside, outside = silence({"detector": "*"}, **day), silence({"detector": "*"}, **rest)
    now = 1.7e9 + minutes * 60
    assert in_force(inside, now) is not in_force(outside, now)


def test_making_and_ending_a_silence_is_recorded(session: Session) -> None:
    matcher = {"account": "account/acme"}
    made = create(session, matcher, "ann", "maintenance", 50.0, starts_at=100.0, ends_at=200.0)
    assert create(session, matcher, "ann", "maintenance", 50.0, starts_at=100.0, ends_at=200.0) is made
    assert current(session, 99.0) == []
    assert current(session, 150.0) == [made]
    end(session, made.id, "bob", 150.0, "done early")
    end(session, made.id, "bob", 160.0)
    assert current(session, 150.0) == []
    assert [(each.what, each.who, each.note) for each in history(session, made.id)] == [
        ("silenced", "ann", "maintenance"),
        ("ended", "bob", "done early"),
    ]


def test_ending_a_silence_before_it_starts_leaves_nothing_of_it(session: Session) -> None:
    made = create(session, {"detector": "*"}, "ann", "", 50.0, starts_at=100.0, ends_at=200.0)
    end(session, made.id, "ann", 60.0)
    assert not in_force(made, 100.0)


def test_a_recurring_silence_may_go_on_for_good(session: Session) -> None:
    made = create(session, {"detector": "*"}, "ann", "", 0.0, starts_at=0.0, recurring={"days": ["sun"]})
    assert current(session, 1e10) == [made]


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"matcher": {}}, "at least one of detector"),
        ({"matcher": {"colour": "red"}}, "nothing else"),
        ({"ends_at": None}, "needs an end"),
        ({"ends_at": 0.0}, "ends after it starts"),
        ({"recurring": {"hours": "all"}}, "has days, from, to and zone"),
        ({"recurring": {"days": ["someday"]}}, "days are any of"),
        ({"recurring": {"zone": "Mars/Olympus"}}, "no zone 'Mars/Olympus'"),
        ({"recurring": {"from": "25:00"}}, "times like 22:00"),
        ({"recurring": {"from": "ten"}}, "times like 22:00"),
        ({"recurring": {"from": "10:00", "to": "10:00"}}, "from and to differ"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(session: Session, wrong: dict[str, Any], cause: str) -> None:
    given_: dict[str, Any] = {"matcher": {"detector": "*"}, "starts_at": 0.0, "ends_at": 10.0} | wrong
    with pytest.raises(Permanent, match=cause):
        create(session, who="ann", why="", now=0.0, **given_)


def test_a_silence_nobody_knows_cannot_be_ended(session: Session) -> None:
    with pytest.raises(Permanent, match="no silence 'sil_x'"):
        end(session, "sil_x", "ann", 0.0)


DOWN = replace(ISSUE, id="iss_2", detector="region-down", subject="region/eu", severity="critical")
RULE = Inhibition(When(("region-*",)), When(("*",)), ("account",))


def test_an_issue_is_inhibited_by_the_one_that_explains_it() -> None:
    assert inhibited([DOWN], ISSUE, [RULE]) is DOWN
    assert inhibited([], ISSUE, [RULE]) is None
    assert inhibited([ISSUE], ISSUE, [RULE]) is None


def test_what_ended_inhibits_nothing() -> None:
    assert inhibited([replace(DOWN, status="resolved")], ISSUE, [RULE]) is None


def test_source_and_target_agree_in_what_the_rule_names() -> None:
    by_region = replace(RULE, equal=("region",))
    elsewhere = replace(DOWN, account="account/other")
    assert inhibited([elsewhere], ISSUE, [RULE]) is None
    assert inhibited([elsewhere], ISSUE, [by_region]) is elsewhere
    asia = replace(elsewhere, evidence={"attributes": {"region": "asia"}})
    assert inhibited([asia], ISSUE, [by_region]) is None
    unknown = replace(elsewhere, evidence={})
    assert inhibited([unknown], replace(ISSUE, evidence={}), [by_region]) is None


def test_two_sources_do_not_inhibit_each_other() -> None:
    assert inhibited([DOWN], replace(DOWN, id="iss_3"), [RULE]) is None
