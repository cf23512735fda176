"""The scorecard's arithmetic, by cases made by hand."""

import pytest

from engine.showcase.scorecard import SLACK, WEEK, Scorecard, Seen, Told, compare
from engine.simulate import Incident, Truth, Would

HOUR = 3600.0
NEVER = float("inf")
OUTAGE = Incident(
    id="outage-1",
    wave="outage",
    what="api-errors",
    detectors=("api-*",),
    accounts=("account/a", "account/b", "account/c"),
    onset=100 * HOUR,
    end=110 * HOUR,
    contacts=(Would("account/a", 104 * HOUR), Would("account/b", 103 * HOUR)),
)
FULL = Incident("full-1", "full", "storage-filling", ("storage-full",), ("account/a",), 50 * HOUR, 60 * HOUR)
TRUTH = Truth("hand", 1, 0.0, 2 * WEEK, 500, (OUTAGE, FULL))


def seen(name: str, account: str, hour: float, *, detector: str = "api-errors", ended: float = NEVER) -> Seen:
    return Seen(name, detector, f"account/{account}", hour * HOUR, hour * HOUR + 600.0, ended)


def told(issue: str, account: str, hour: float) -> Told:
    return Told(issue, f"account/{account}", hour * HOUR)


def card(issues: list[Seen], messages: list[Told]) -> Scorecard:
    return compare(issues, messages, TRUTH)


def test_nothing_found() -> None:
    empty = card([], [])
    assert (empty.would_contact, empty.warned_before, empty.share_warned) == (2, 0, 0.0)
    assert (empty.affected, empty.affected_warned, empty.lead_median) == (4, 0, None)
    assert empty.without_cause_rate == 0.0
    assert empty.by_wave["outage"].found == 0


def test_warned_before_and_lead_time() -> None:
    found = card([seen("i", "a", 100.5), seen("j", "b", 102.5)], [told("i", "a", 101), told("j", "b", 103.5)])
    assert (found.warned_before, found.share_warned) == (1, 0.5)
    assert found.lead_median == 3 * HOUR
    assert (found.affected_warned, found.share_affected_warned) == (2, 0.5)
    outage = found.by_wave["outage"]
    assert (outage.incidents, outage.found, outage.affected, outage.affected_found) == (1, 1, 3, 2)
    assert outage.median_delay == pytest.approx(1.5 * HOUR + 600.0)


def test_the_first_of_several_messages_counts() -> None:
    found = card([seen("i", "a", 100.5)], [told("i", "a", 103), told("i", "a", 101)])
    assert found.lead_median == 3 * HOUR
    assert found.messages == 2


def test_without_cause_by_thousand_accounts_and_week() -> None:
    issues = [seen("i", "z", 101), seen("j", "a", 101, detector="webhook-failures")]
    found = card(issues, [told("i", "z", 101), told("j", "a", 101), told("j", "a", 102)])
    assert (found.without_cause, found.issues_without_cause) == (3, 2)
    assert found.without_cause_rate == 3 / 0.5 / 2
    assert found.without_cause_by_detector == {"api-errors": 1, "webhook-failures": 2}
    assert set(found.causeless) == {"i", "j"}


@pytest.mark.parametrize(
    ("opened", "ended", "matching"),
    [
        (110 * HOUR + SLACK, NEVER, True),
        (110 * HOUR + SLACK + 1, NEVER, False),
        (90 * HOUR, 100 * HOUR - SLACK, True),
        (90 * HOUR, 100 * HOUR - SLACK - 1, False),
    ],
)
def test_the_slack_on_both_sides(opened: float, ended: float, *, matching: bool) -> None:
    issue = Seen("i", "api-errors", "account/a", opened, opened, ended)
    assert (compare([issue], [], TRUTH).issues_without_cause == 0) is matching


def test_a_message_after_the_end_warned_nobody() -> None:
    found = card([seen("i", "c", 109)], [told("i", "c", 112)])
    assert found.affected_warned == 0
    assert found.without_cause == 0


def test_an_account_affected_twice_counts_twice() -> None:
    issues = [seen("i", "a", 101), seen("j", "a", 51, detector="storage-full")]
    found = card(issues, [told("i", "a", 101), told("j", "a", 52)])
    assert (found.affected, found.affected_warned) == (4, 2)
    assert [moment.told_at for moment in found.moments if moment.account == "account/a"] == [101 * HOUR, 52 * HOUR]
