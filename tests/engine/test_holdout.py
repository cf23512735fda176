"""The holdout: drawn by account and issue, the same everywhere, stored, and never where people may come to harm."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlmodel import select

from engine.policy.decide import decide
from engine.policy.facts import Facts
from engine.policy.holdout import assignment, draw
from engine.policy.reasons import Reason
from engine.store.database import Database, insert_ignore
from engine.store.models import Assignment, Intent
from tests.engine.test_policy import FACTS, TOLD, closing, step

NOW = 1_700_000_000.0
HELD = step(FACTS, holdout=0.1, draw=0.05)


def test_who_falls_into_the_share_is_not_told_and_the_others_are() -> None:
    assert (decide(HELD).verdict, decide(HELD).reason) == ("skip", Reason.HELD_OUT)
    assert decide(step(HELD, draw=0.1)).verdict == "send"
    assert decide(step(HELD, holdout=0.0, draw=0.0)).verdict == "send"


def test_nobody_is_held_out_where_people_may_come_to_harm() -> None:
    assert decide(replace(HELD, issue=replace(HELD.issue, severity="critical"))).verdict == "send"
    assert decide(step(HELD, emergency="Ann")).verdict == "send"


def test_tickets_are_made_and_closing_messages_follow_whoever_was_told() -> None:
    other: Any = {"kind": "ticket", "person": None}
    assert decide(replace(HELD, **other)).verdict == "send"
    assert decide(step(closing(), holdout=0.1, draw=0.05)).verdict == "send"
    assert decide(replace(step(closing(), holdout=0.1, draw=0.05), told=None)).reason is Reason.NOT_TOLD


def test_only_those_are_in_an_arm_who_would_have_been_told() -> None:
    assert decide(replace(HELD, told=TOLD)).reason is Reason.ALREADY_TOLD
    assert decide(replace(HELD, conversation="c1")).reason is Reason.CONVERSATION


def test_draws_are_even_and_differ_between_playbooks() -> None:
    draws = [draw("api", f"account/{number}", "iss_1") for number in range(20_000)]
    assert sum(each < 0.05 for each in draws) / len(draws) == pytest.approx(0.05, abs=0.005)
    others = [draw("storage", f"account/{number}", "iss_1") for number in range(20_000)]
    both = sum(a < 0.1 and b < 0.1 for a, b in zip(draws, others, strict=True)) / len(draws)
    assert both == pytest.approx(0.01, abs=0.003)
    assert draw("api", "account/acme", "iss_1") == 0.47101918286917493, "a draw is the same on every machine, for ever"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "forewarn.db", synchronous="OFF")
    yield opened
    opened.close()


def intent(recipient: str) -> Intent:
    fixed: dict[str, Any] = {"kind": "message", "step": "0", "occasion": "opened", "status": "claimed"}
    given: dict[str, Any] = {"issue": "iss_1", "account": "account/acme", "playbook": "api", "recipient": recipient}
    return Intent(id=recipient, due_at=NOW, created_at=NOW, **fixed, **given)


def stored(database: Database, *facts: Facts) -> list[Assignment]:
    with database.transaction() as session:
        for number, each in enumerate(facts):
            arm = assignment(intent(f"contact/{number}"), each, NOW + number)
            insert_ignore(session, Assignment, [arm] if arm else [])
    with database.reading() as session:
        return list(session.exec(select(Assignment)).all())


def test_the_arm_of_an_account_and_issue_is_stored_once(database: Database) -> None:
    (row,) = stored(database, HELD, step(HELD, holdout=0.01))
    assert (row.experiment, row.account, row.issue) == ("holdout api", "account/acme", "iss_1")
    assert (row.arm, row.share, row.at) == ("held", 0.1, NOW)


def test_the_other_arm_is_stored_too_and_nothing_where_there_is_no_holdout(database: Database) -> None:
    critical = replace(HELD, issue=replace(HELD.issue, severity="critical"))
    assert stored(database, step(HELD, holdout=0.0), critical, replace(HELD, occasion="resolved")) == []
    (row,) = stored(database, step(HELD, draw=0.7))
    assert row.arm == "told"
