"""The names that check lets a template use are those that the engine fills in."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from detectors.base import Signal
from engine import offers
from engine.config.check_policy import NEEDS_CONSENT
from engine.config.load import load_or_raise
from engine.config.variables import AGENT, MESSAGE, SEVERITY, WHEN
from engine.entities import Person
from engine.issues.view import IssueView
from engine.links import Links
from engine.playbooks import variables
from engine.policy.consent import ALWAYS_REQUIRED
from engine.scoring import severity
from engine.store.models import Change, GoodwillGrant, Intent, Issue
from engine.wording import Speaker
from tests.engine.config.conftest import WHOLE

Write = Callable[..., Path]
ISSUE: Mapping[str, Any] = {
    "id": "iss_1",
    "fingerprint": "fp_1",
    "detector": "errors",
    "series": "account/acme",
    "subject": "account/acme",
    "account": "account/acme",
    "severity": "high",
    "status": "open",
    "opened_at": 0.0,
    "noticed_at": 0.0,
    "updated_at": 0.0,
}


def names(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from names(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def speaker(write: Write, changes: Mapping[str, str] | None = None) -> Speaker:
    return Speaker(load_or_raise(write(changes), {}), Links("https://status.example.com", b"k" * 32))


def test_a_message_is_given_what_its_template_may_use(write: Write) -> None:
    intent = Intent(
        id="int_1", kind="message", issue="iss_1", playbook="errors", step="0:message", occasion="opened",
        status="pending", due_at=0.0, created_at=0.0,
    )  # fmt: skip
    article = 'article: {title: Help yourself, url: "https://help.example.com"}\n'
    talks = speaker(write, {"playbooks/errors.yaml": WHOLE["playbooks/errors.yaml"] + article})
    grant = GoodwillGrant(
        id="gwl_1", at=0.0, remedy="credit-10", amount=1000, currency="EUR", account="account/acme", who="ann",
        status="granted",
    )  # fmt: skip
    person = Person("contact/ann")
    filled = talks.to_person(intent, Issue(**ISSUE), None, person, 0.0, offers.told(None, grant))
    assert set(names(filled)) == MESSAGE


def test_an_agent_is_given_what_a_ticket_template_may_use(write: Write) -> None:
    change = Change(id="chg_1", of="iss_1", at=0.0, who="engine", what="opened")
    filled = speaker(write).to_agent(Issue(**ISSUE), None, [change], 0.0)
    assert set(names(filled)) == AGENT


def test_a_playbook_s_where_is_given_what_it_may_use() -> None:
    issue = IssueView(**ISSUE, evidence={"attributes": {"plan": "pro"}})
    filled = set(variables(issue))
    assert {name for name in filled if "." not in name} == {name for name in WHEN if "." not in name}
    assert "account.plan" in filled


def test_a_severity_is_given_what_it_may_use(write: Write) -> None:
    text = (
        "name: errors\nabout: x\nwatch: {event: a, by: account, measure: count}\nmodel: {kind: threshold, above: 5}\n"
        f'severity: {{high: "{" + ".join(SEVERITY)} > 14"}}\n'
    )
    config = load_or_raise(write({"detectors/errors.yaml": text}), {}).detectors["errors"]
    signal = Signal(
        "errors", "threshold", 0, "raised", 0.0, 60.0, score=1.0, value=2.0, expected=3.0, low=4.0, high=5.0
    )
    assert severity(config, signal) == "high"


def test_what_needs_consent_is_what_the_ledger_asks_for() -> None:
    assert NEEDS_CONSENT == ALWAYS_REQUIRED
