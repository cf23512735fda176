"""The life of an issue: rules as pure functions, rows in a real SQLite database."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import event
from sqlmodel import Session, SQLModel, col, create_engine, select

from detectors.base import Signal
from engine.config.model import SEVERITIES, Per, PolicyConfig
from engine.errors import Permanent
from engine.issues.book import IssueBook, active_issues, history, view
from engine.issues.findings import Finding
from engine.issues.lifecycle import replay
from engine.issues.view import ACTIVE, Transition
from engine.store.models import Change, Issue, SignalRow

BOTH_STORES = True

POLICY = PolicyConfig(flap=Per(3, 86400.0, False))
HOUR = 3600.0


def finding(state: Any, time: float, severity: str = "medium", account: str = "account/acme", **more: Any) -> Finding:
    signal = Signal(
        detector="api-errors",
        kind="seasonal",
        series=0,
        state=state,
        time=time,
        step=60.0,
        score=0.9999,
        value=more.get("value", 0.3),
        expected=0.01,
        low=0.0,
        high=0.05,
        extra=more.get("extra", {}),
        explanation=more.get("explanation", ""),
    )
    return Finding(signal, account, account, account, severity, more.get("points", ()), more.get("attributes", {}))


class Desk:
    """An issue book with a database, whose clock is one window behind the events."""

    def __init__(self) -> None:
        engine = create_engine("sqlite://")
        SQLModel.metadata.create_all(engine)
        self.session = Session(engine)
        self.book = IssueBook(POLICY)

    def see(self, state: str, time: float, severity: str = "medium", **more: Any) -> list[Transition]:
        return self.book.apply(self.session, finding(state, time, severity, **more), time + 60)

    def kinds(self, state: str, time: float, severity: str = "medium", **more: Any) -> list[str]:
        return [moved.kind for moved in self.see(state, time, severity, **more)]

    def issues(self) -> Sequence[Issue]:
        return self.session.exec(select(Issue).order_by(col(Issue.opened_at))).all()

    def only(self) -> Issue:
        [issue] = self.issues()
        return issue

    def close(self) -> None:
        self.session.close()
        self.session.get_bind().engine.dispose()


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def test_a_raise_opens_an_issue_with_its_evidence(desk: Desk) -> None:
    [opened] = desk.see(
        "raised",
        600.0,
        points=((540.0, 0.01), (600.0, 0.3)),
        extra={"eta_s": float("nan")},
        explanation="30 % of calls fail",
        attributes={"plan": "gold"},
    )
    issue = desk.only()
    assert (opened.kind, opened.after, opened.issue.status) == ("opened", "medium", "open")
    assert opened.issue == view(issue)
    assert (issue.opened_at, issue.noticed_at, issue.summary) == (600.0, 660.0, "30 % of calls fail")
    assert issue.evidence["window"] == [600.0, 660.0]
    assert issue.evidence["points"] == [[540.0, 0.01], [600.0, 0.3]]
    assert issue.evidence["extra"] == {"eta_s": None}
    assert opened.issue.attributes == {"plan": "gold"}
    assert desk.session.exec(select(SignalRow)).one().issue == issue.id


def test_the_same_finding_again_changes_nothing(desk: Desk) -> None:
    desk.see("raised", 600.0)
    before = view(desk.only())
    assert desk.book.apply(desk.session, finding("raised", 600.0, "critical"), 9000.0) == []
    assert view(desk.only()) == before
    assert desk.book.apply_all(desk.session, [finding("ongoing", 660.0)] * 3, 720.0) == []
    assert len(desk.session.exec(select(SignalRow)).all()) == 2


def test_a_clear_resolves_and_keeps_what_was_wrong(desk: Desk) -> None:
    desk.see("raised", 600.0, value=0.3)
    [resolved] = desk.see("cleared", 1200.0, value=0.01)
    assert (resolved.kind, resolved.before, resolved.after) == ("resolved", "open", "resolved")
    issue = desk.only()
    assert (issue.status, issue.resolved_at) == ("resolved", 1260.0)
    assert issue.evidence["value"] == 0.3
    assert issue.evidence["cleared"]["value"] == 0.01


def test_a_clear_without_an_issue_is_recorded_only(desk: Desk) -> None:
    assert desk.see("cleared", 600.0) == []
    assert desk.issues() == []
    assert desk.session.exec(select(SignalRow)).one().issue == ""


def test_an_ongoing_signal_without_an_issue_opens_one(desk: Desk) -> None:
    assert desk.kinds("ongoing", 600.0) == ["opened"]


def test_a_raise_soon_after_reopens_and_later_opens_anew(desk: Desk) -> None:
    desk.see("raised", 0.0)
    desk.see("cleared", 600.0)
    [again] = desk.see("raised", 660.0 + HOUR, "high")
    assert (again.kind, again.issue.reopened, again.issue.severity) == ("reopened", 1, "high")
    assert again.issue.began_at == 660.0 + HOUR
    assert again.issue.resolved_at is None
    desk.see("cleared", 6000.0)
    assert desk.kinds("raised", 6061.0 + HOUR) == ["opened"]
    assert len(desk.issues()) == 2


def test_severity_rises_at_once_and_falls_late(desk: Desk) -> None:
    desk.see("raised", 0.0, "low")
    [up] = desk.see("ongoing", 60.0, "high")
    assert (up.kind, up.before, up.after) == ("severity", "low", "high")
    assert desk.see("ongoing", 120.0, "low") == []
    assert desk.see("ongoing", 1800.0, "medium") == []
    assert desk.see("ongoing", 119.0 + HOUR, "low") == []
    [down] = desk.see("ongoing", 120.0 + HOUR, "low")
    assert (down.before, down.after) == ("high", "medium")


def test_a_bad_value_starts_the_wait_for_a_lower_severity_anew(desk: Desk) -> None:
    desk.see("raised", 0.0, "high")
    desk.see("ongoing", 60.0, "low")
    desk.see("ongoing", 1800.0, "high")
    assert desk.see("ongoing", 1860.0, "low") == []
    assert desk.see("ongoing", 1860.0 + HOUR - 60, "low") == []
    assert desk.kinds("ongoing", 1860.0 + HOUR, "low") == ["severity"]


def test_more_than_the_count_of_reopenings_is_flapping_and_is_held_open(desk: Desk) -> None:
    desk.see("raised", 0.0)
    kinds = []
    for turn in range(1, 5):
        desk.see("cleared", turn * 1000.0 - 500)
        kinds += desk.kinds("raised", turn * 1000.0)
    assert kinds == ["reopened", "reopened", "reopened", "flapping"]
    [held] = desk.see("cleared", 4500.0)
    assert (held.kind, held.due, held.issue.status) == ("cleared_held", 4560.0 + HOUR, "open")
    assert desk.see("cleared", 4560.0) == []
    assert desk.book.settle(desk.session, 4559.0 + HOUR) == []
    [resolved] = desk.book.settle(desk.session, 4560.0 + HOUR)
    assert (resolved.kind, resolved.issue.flapping) == ("resolved", False)
    assert resolved.issue.resolved_at == 4560.0 + HOUR
    assert desk.book.settle(desk.session, 9e9) == []


def test_a_flapping_issue_that_comes_back_is_not_settled(desk: Desk) -> None:
    desk.see("raised", 0.0)
    for turn in range(1, 5):
        desk.see("cleared", turn * 1000.0 - 500)
        desk.see("raised", turn * 1000.0)
    desk.see("cleared", 4500.0)
    assert desk.see("raised", 5000.0) == []
    assert desk.book.settle(desk.session, 9e9) == []
    assert desk.only().reopened == 4


def test_reopenings_far_apart_do_not_flap(desk: Desk) -> None:
    short = IssueBook(replace(POLICY, flap=Per(3, 2000.0, False)))
    short.apply(desk.session, finding("raised", 0.0), 60.0)
    for turn in range(1, 7):
        short.apply(desk.session, finding("cleared", turn * 1000.0 - 500), turn * 1000.0 - 440)
        [moved] = short.apply(desk.session, finding("raised", turn * 1000.0), turn * 1000.0 + 60)
        assert moved.kind == "reopened"


def test_a_dismissed_issue_is_not_brought_back_by_its_anomaly(desk: Desk) -> None:
    desk.see("raised", 0.0)
    [dismissed] = desk.book.dismiss(desk.session, desk.only().id, "ann", 100.0, "a test of theirs")
    assert (dismissed.kind, dismissed.who, dismissed.note) == ("dismissed", "ann", "a test of theirs")
    for time in (120.0, 5000.0, 50_000.0):
        assert desk.see("ongoing", time) == []
    desk.see("cleared", 60_000.0)
    assert desk.see("raised", 60_060.0 + HOUR) == []
    desk.see("cleared", 65_000.0)
    assert desk.kinds("raised", 65_061.0 + HOUR) == ["opened"]


def test_worse_than_what_was_dismissed_opens_a_new_issue(desk: Desk) -> None:
    desk.see("raised", 0.0, "medium")
    desk.book.dismiss(desk.session, desk.only().id, "ann", 100.0)
    assert desk.kinds("ongoing", 120.0, "high") == ["opened"]
    assert [issue.status for issue in desk.issues()] == ["dismissed", "open"]


def test_resolved_by_hand_and_still_going_on_comes_back_after_a_while(desk: Desk) -> None:
    desk.see("raised", 0.0)
    desk.book.resolve(desk.session, desk.only().id, "ann", 100.0, "restarted it")
    assert desk.see("ongoing", 160.0) == []
    assert desk.kinds("ongoing", 161.0 + HOUR) == ["reopened"]


def test_an_expired_issue_is_not_brought_back_while_it_goes_on(desk: Desk) -> None:
    desk.see("raised", 0.0)
    [expired] = desk.book.expire(desk.session, desk.only().id, 1e6)
    assert (expired.kind, expired.issue.status, expired.issue.resolved_at) == ("expired", "resolved", 1e6)
    assert desk.see("ongoing", 1e6 + 5 * HOUR) == []
    desk.see("cleared", 2e6)
    assert desk.kinds("raised", 3e6) == ["opened"]


def test_operators_words_count_once(desk: Desk) -> None:
    desk.see("raised", 0.0)
    key = desk.only().id
    assert [moved.kind for moved in desk.book.acknowledge(desk.session, key, "ann", 70.0)] == ["acknowledged"]
    assert desk.book.acknowledge(desk.session, key, "bob", 80.0) == []
    desk.book.note(desk.session, key, "ann", 90.0, "called them")
    desk.book.note(desk.session, key, "ann", 90.0, "called them")
    desk.book.resolve(desk.session, key, "ann", 100.0)
    assert desk.book.dismiss(desk.session, key, "ann", 110.0) == []
    written = [(change.what, change.who) for change in history(desk.session, key)]
    assert written == [("opened", "engine"), ("acknowledged", "ann"), ("note", "ann"), ("resolved", "ann")]


def test_an_issue_nobody_knows_is_an_error_that_says_so(desk: Desk) -> None:
    with pytest.raises(Permanent, match="no issue 'iss_x'"):
        desk.book.resolve(desk.session, "iss_x", "ann", 0.0)


def test_thousands_of_findings_cost_few_statements(desk: Desk) -> None:
    counted: list[str] = []
    event.listen(desk.session.get_bind(), "before_cursor_execute", lambda *args: counted.append(args[2]))
    many = [finding("raised", 0.0, account=f"account/{n}") for n in range(3000)]
    assert len(desk.book.apply_all(desk.session, many, 60.0)) == 3000
    assert sum(statement.startswith("SELECT") for statement in counted) == 2
    assert len(counted) <= 12
    assert len(active_issues(desk.session)) == 3000
    assert len(active_issues(desk.session, "account/7")) == 1


def test_findings_of_one_batch_build_on_each_other(desk: Desk) -> None:
    batch = [
        finding("raised", 0.0),
        finding("cleared", 600.0),
        finding("raised", 700.0, "high"),
        finding("ongoing", 760.0, "critical"),
    ]
    moved = desk.book.apply_all(desk.session, batch, 1000.0)
    assert [each.kind for each in moved] == ["opened", "resolved", "reopened", "severity"]
    assert [each.issue.severity for each in moved] == ["medium", "medium", "high", "critical"]
    times = [each.at for each in moved]
    assert times == sorted(set(times))


class Lives(RuleBasedStateMachine):
    """Whatever is found and whatever operators say, in any order."""

    @initialize()
    def begin(self) -> None:
        self.desk, self.time = Desk(), 1_700_000_000.0
        self.log: list[Transition] = []

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.close()

    @rule(
        state=st.sampled_from(["raised", "ongoing", "cleared"]),
        severity=st.sampled_from(SEVERITIES),
        account=st.sampled_from(["account/a", "account/b"]),
        wait=st.sampled_from([0.0, 60.0, 1800.0, 4000.0, 90_000.0]),
    )
    def find(self, state: str, severity: str, account: str, wait: float) -> None:
        self.time += wait
        self.log += self.desk.see(state, self.time, severity, account=account)

    @rule(what=st.sampled_from(["acknowledge", "resolve", "dismiss"]), which=st.integers(0, 5))
    def act(self, what: str, which: int) -> None:
        issues = self.desk.issues()
        if issues:
            act = getattr(self.desk.book, what)
            self.log += act(self.desk.session, issues[which % len(issues)].id, "ann", self.time)

    @rule(which=st.integers(0, 5))
    def expire(self, which: int) -> None:
        issues = self.desk.issues()
        if issues:
            self.log += self.desk.book.expire(self.desk.session, issues[which % len(issues)].id, self.time)

    @rule(wait=st.sampled_from([0.0, 4000.0]))
    def settle(self, wait: float) -> None:
        self.time += wait
        self.log += self.desk.book.settle(self.desk.session, self.time)

    @invariant()
    def at_most_one_is_active(self) -> None:
        active = [issue.fingerprint for issue in self.desk.issues() if issue.status in ACTIVE]
        assert len(active) == len(set(active))

    @invariant()
    def history_tells_the_present(self) -> None:
        for issue in self.desk.issues():
            changes = history(self.desk.session, issue.id)
            assert replay((each.what, each.before, each.after) for each in changes) == {
                "status": issue.status,
                "severity": issue.severity,
                "reopened": issue.reopened,
                "flapping": issue.flapping,
            }
            times = [change.at for change in changes]
            assert times == sorted(set(times))
            assert times[-1] <= issue.updated_at
            assert (issue.resolved_at is None) == (issue.status in ACTIVE)
            assert issue.resolved_at is None or issue.resolved_at >= issue.opened_at

    @invariant()
    def each_change_is_recorded(self) -> None:
        rows = self.desk.session.exec(select(Change)).all()
        assert sorted((row.of, row.at, row.what) for row in rows) == sorted(
            (moved.issue.id, moved.at, moved.kind) for moved in self.log
        )


Lives.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestLives = Lives.TestCase
