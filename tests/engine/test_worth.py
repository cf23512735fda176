"""What telling is worth: learned from issues nobody was told of and from verdicts, and a reason of the decision."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.config.model import WorthConfig
from engine.policy.decide import decide
from engine.policy.facts import Facts
from engine.policy.reasons import Reason
from engine.policy.worth import FRESH, LOOK_BACK, Appraiser, Worth, appraised
from engine.store.database import Database
from engine.store.models import CustomerContact, Intent, Issue, Label
from tests.engine.test_policy import FACTS, closing, step

NOW = 1_700_000_000.0
GIVEN = WorthConfig(contact=10.0, calls=0.3, message=0.1, needless=2.0, wrong=0.1)
GOOD, BAD = Worth(10.0, 0.1, 2.0, 0.3, 0.1), Worth(10.0, 0.1, 50.0, 0.3, 0.9)


def test_what_costs_more_than_it_saves_is_not_sent_and_says_why() -> None:
    decision = decide(replace(FACTS, worth=BAD))
    assert (decision.verdict, decision.reason) == ("skip", Reason.NOT_WORTH)
    assert "Expected value -42.10: 30% of 10 for a contact, less 0.1 for the message and 90% of 50" in decision.detail
    assert decide(replace(FACTS, worth=GOOD)).verdict == "send"


def test_closing_messages_emergencies_and_critical_issues_go_whatever_it_costs() -> None:
    assert decide(replace(closing(), worth=BAD)).verdict == "send"
    assert decide(step(replace(FACTS, worth=BAD), emergency="Ann")).verdict == "send"
    assert decide(replace(FACTS, worth=BAD, issue=replace(FACTS.issue, severity="critical"))).verdict == "send"


def test_it_is_kept_with_the_decision() -> None:
    plain = msgspec.json.decode(msgspec.json.encode(replace(FACTS, worth=BAD).plain()))
    assert plain["worth"]["wrong"] == 0.9
    assert decide(Facts.read(plain)).reason is Reason.NOT_WORTH


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "forewarn.db", synchronous="OFF")
    yield opened
    opened.close()


def issue(id_: str, **more: Any) -> Issue:
    given = {"detector": "api", "severity": "low", "status": "resolved", "opened_at": NOW - 86400.0, **more}
    common: dict[str, Any] = {"fingerprint": id_, "series": "account/x", "subject": "account/x", "account": "account/x"}
    return Issue(id=id_, noticed_at=NOW, updated_at=NOW, **common, **given)


def told(id_: str) -> Intent:
    fixed: dict[str, Any] = {"kind": "message", "step": "0", "occasion": "opened", "status": "sent", "playbook": "p"}
    return Intent(id=f"int_{id_}", issue=id_, due_at=NOW, created_at=NOW, **fixed)


def call(id_: str) -> CustomerContact:
    return CustomerContact(
        id=f"con_{id_}", at=NOW, subject="account/x", account="account/x", channel="phone", issue=id_
    )


def judged(id_: str, verdict: str) -> Label:
    given: dict[str, Any] = {"issue": id_, "detector": "api", "series": "account/x", "who": "ann", "note": ""}
    return Label(id=f"lab_{id_}", at=NOW, verdict=verdict, **given)


def test_it_begins_at_the_playbooks_guess(database: Database) -> None:
    with database.reading() as session:
        assert appraised(session, GIVEN, "api", NOW) == GOOD


def test_it_is_learned_from_those_who_were_not_told_and_from_verdicts(database: Database) -> None:
    with database.transaction() as session:
        session.add_all([issue(f"i{number}") for number in range(80)])
        session.add_all([call(f"i{number}") for number in range(60)])
        session.add_all([issue("told"), told("told"), call("told"), issue("open", status="open"), call("open")])
        session.add_all([issue("other", detector="other"), issue("trial", shadow=True), call("trial")])
        session.add_all([issue("old", opened_at=NOW - LOOK_BACK - 1), call("old")])
        session.add_all([judged(f"i{number}", "false" if number < 18 else "true") for number in range(30)])
        session.add(judged("i30", "unclear"))
    with database.reading() as session:
        found = appraised(session, GIVEN, "api", NOW)
    assert (found.untold, found.judged) == (80, 30)
    assert found.calls == pytest.approx((6 + 60) / 100)
    assert found.wrong == pytest.approx((2 + 18) / 50)


def test_what_was_counted_is_used_for_some_minutes(database: Database) -> None:
    appraiser = Appraiser()
    with database.transaction() as session:
        first = appraiser.worth(session, "p", GIVEN, "api", NOW)
        session.add_all([issue("a"), call("a")])
        session.flush()
        assert appraiser.worth(session, "p", GIVEN, "api", NOW + FRESH - 1) == first
        assert appraiser.worth(session, "p", GIVEN, "api", NOW + FRESH).untold == 1
