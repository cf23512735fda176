"""The report's numbers, from rows made by hand."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlmodel import SQLModel

from engine.report import Report, lead, measure, precision
from engine.store.database import Database
from engine.store.models import CustomerContact, DecisionRow, Intent, Issue, Label, LeadTime, Ticket

BOTH_STORES = True

SINCE, UNTIL = 1000.0, 2000.0


def issue(name: str, at: float = 1500.0, **more: Any) -> Issue:
    plain: dict[str, Any] = {
        "id": name, "fingerprint": name, "detector": "api-errors", "series": name, "subject": name,
        "severity": "high", "status": "open", "opened_at": at, "noticed_at": at, "updated_at": at,
    }  # fmt: skip
    return Issue(**(plain | more))


def intent(name: str, at: float = 1500.0, **more: Any) -> Intent:
    plain: dict[str, Any] = {
        "id": name, "kind": "message", "issue": "i", "account": "account/a", "playbook": "p", "step": "0:message",
        "occasion": "opened", "recipient": "contact/a", "channel": "email", "status": "sent", "due_at": at,
        "created_at": at, "sent_at": at,
    }  # fmt: skip
    return Intent(**(plain | more))


def report(tmp_path: Path, *rows: SQLModel) -> Report:
    database = Database.open(tmp_path / "rows.db", synchronous="OFF")
    try:
        with database.transaction() as session:
            session.add_all(rows)
        with database.reading() as session:
            return measure(session, SINCE, UNTIL)
    finally:
        database.close()


def test_nothing_happened(tmp_path: Path) -> None:
    empty = report(tmp_path)
    assert (empty.issues.opened, empty.lead.share_warned, empty.precision, empty.decisions) == (0, None, {}, {})
    assert msgspec.json.decode(msgspec.json.encode(empty), type=Report) == empty


def test_issues_by_detector_and_severity(tmp_path: Path) -> None:
    rows = [
        issue("a"),
        issue("b", severity="medium", status="resolved", reopened=1),
        issue("c", detector="storage-full", flapping=True),
        issue("early", at=999.0),
        issue("late", at=2000.0),
    ]
    found = report(tmp_path, *rows).issues
    assert (found.opened, found.still_open, found.reopened, found.flapping) == (3, 2, 1, 1)
    assert found.by_detector == {"api-errors": {"high": 1, "medium": 1}, "storage-full": {"high": 1}}
    assert list(found.by_detector["api-errors"]) == ["high", "medium"]


def test_outreach_by_channel_and_occasion(tmp_path: Path) -> None:
    rows = [
        intent("1"),
        intent("2", channel="sms", recipient="contact/b", account="account/b"),
        intent("3", occasion="resolved"),
        intent("4", occasion="dismissed"),
        intent("5", status="failed", sent_at=None),
        intent("6", status="unknown", sent_at=None),
        intent("7", status="pending", sent_at=None),
        intent("8", kind="escalate", occasion="escalated"),
        intent("9", at=5000.0),
    ]
    found = report(tmp_path, *rows).outreach
    assert found.opened == {"email": 1, "sms": 1}
    assert found.closed == {"email": 2}
    assert (found.people, found.accounts, found.escalations, found.failed, found.unknown) == (2, 2, 1, 1, 1)


def test_decisions_by_reason(tmp_path: Path) -> None:
    verdicts = [("send", "allowed"), ("send", "allowed"), ("skip", "moot"), ("hold", "quiet_hours")]
    rows = [
        DecisionRow(id=str(n), at=1500.0, issue="i", playbook="p", step="s", verdict=verdict, reason=reason)
        for n, (verdict, reason) in enumerate(verdicts)
    ]
    assert report(tmp_path, *rows).decisions == {
        "hold": {"quiet_hours": 1},
        "send": {"allowed": 2},
        "skip": {"moot": 1},
    }


def test_tickets_contacts_and_lead_times(tmp_path: Path) -> None:
    rows = [
        Ticket(
            id="t", number=1, external="t", queue="tier-2", subject="s", body="b", severity="high", status="resolved",
            opened_at=1100.0, updated_at=1200.0, resolved_at=1200.0,
        ),
        CustomerContact(id="1", at=1500.0, subject="account/a", channel="phone", issue="i"),
        CustomerContact(id="2", at=1500.0, subject="account/b", channel="phone"),
        LeadTime(issue="i", account="a", warned_at=1000.0, reached_at=1500.0, by="contact", lead_s=500.0),
        LeadTime(issue="j", account="a", reached_at=1500.0, by="contact"),
        LeadTime(issue="k", account="a", warned_at=1.0, reached_at=2.0, by="contact", lead_s=1.0),
    ]  # fmt: skip
    found = report(tmp_path, *rows)
    assert (found.tickets.opened, found.tickets.resolved, found.tickets.by_queue) == (1, 1, {"tier-2": 1})
    assert (found.contacts.total, found.contacts.missed, found.contacts.by_channel) == (2, 1, {"phone": 2})
    assert (found.lead.reached, found.lead.warned, found.lead.share_warned, found.lead.median) == (2, 1, 0.5, 500.0)


def test_the_latest_verdict_on_an_issue_counts(tmp_path: Path) -> None:
    verdicts = [("i", "false", 1100.0), ("i", "true", 1200.0), ("j", "false", 1300.0), ("k", "unclear", 1300.0)]
    rows = [
        Label(id=str(n), at=at, issue=of, detector="api-errors", series="s", verdict=verdict, who="ann")
        for n, (of, verdict, at) in enumerate(verdicts)
    ]
    found = report(tmp_path, *rows).precision["api-errors"]
    assert (found.true, found.false, found.unclear, found.precision) == (1, 1, 1, 0.5)


def test_quartiles_and_precision_of_nothing() -> None:
    assert (lead([]).median, lead([None]).share_warned, precision({}).precision) == (None, 0.0, None)
    assert lead([1.0, 2.0, 3.0, 4.0, 5.0]).upper_quartile == pytest.approx(4.0)
