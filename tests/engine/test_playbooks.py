"""What a change of an issue causes."""

from dataclasses import replace
from typing import Any

import pytest

from detectors.durations import Duration
from engine.config.model import EscalateStep, MessageStep, PlaybookConfig, TicketStep, When
from engine.entities import Person
from engine.expressions import Expression
from engine.issues.view import IssueView, Transition
from engine.playbooks import Told, expires_at, matching, open_outreach, plan
from engine.store.models import Intent

ISSUE = IssueView(
    id="iss_1",
    fingerprint="fp_1",
    detector="api-errors",
    series="account/acme",
    subject="account/acme",
    account="account/acme",
    severity="medium",
    status="open",
    opened_at=1000.0,
    noticed_at=1060.0,
    updated_at=1060.0,
    evidence={"value": 0.3, "score": 0.999, "attributes": {"plan": "gold"}},
)
NOTICE = MessageStep("api/notice", audience=("technical",), channels=("preferred", "sms"))
BOOK = PlaybookConfig(
    name="api",
    when=When(("api-*",), ("medium", "high")),
    steps=(
        TicketStep("api/agent", queue="tier-2"),
        NOTICE,
        MessageStep("api/resolved", on="resolved"),
        EscalateStep(Duration("30m"), "on-call"),
    ),
)
JO = Person("contact/jo", roles=("technical",), addresses=(("email", "jo@acme.test"),))
BO = Person("contact/bo", roles=("billing",))
TOLD = Told("contact/jo", "int_1", "api", 0, "email", "jo@acme.test", "<1@x>", "service", "")


def moved(kind: Any, issue: IssueView = ISSUE, before: str = "", after: str = "") -> Transition:
    return Transition(kind, issue, 1060.0, before, after)


def planned(kind: Any, told: tuple[Told, ...] = (), **more: Any) -> list[Intent]:
    return plan(moved(kind, **more), [BOOK], [JO, BO], told, 1060.0)


@pytest.mark.parametrize(
    ("when", "answers"),
    [
        (When(("api-errors",)), True),
        (When(("web-*", "api-*")), True),
        (When(("API-*",)), False),
        (When(("api-*",), ("high",)), False),
        (When(("*",), (), Expression.parse("value > 0.2 and score > 0.9")), True),
        (When(("*",), (), Expression.parse("value > 0.4")), False),
        (When(("*",), (), Expression.parse('account.plan == "gold"')), True),
        (When(("*",), (), Expression.parse('account.plan == "free"')), False),
        (When(("*",), (), Expression.parse('account.region == "eu"')), False),
        (When(("*",), (), Expression.parse('account == "account/acme" and subject == "account/acme"')), True),
    ],
)
def test_what_a_playbook_answers(when: When, answers: bool) -> None:
    assert bool(matching([replace(BOOK, when=when)], ISSUE)) is answers


def test_an_opening_plans_each_step_once_and_messages_the_audience_only() -> None:
    ticket, message, escalation = planned("opened")
    assert (ticket.kind, ticket.recipient, ticket.channel) == ("ticket", "tier-2", "builtin")
    assert (message.kind, message.recipient, message.occasion) == ("message", "contact/jo", "opened")
    assert message.payload == {
        "template": "api/notice",
        "purpose": "service",
        "channels": ["preferred", "sms"],
        "audience": ["technical"],
        "emergency": "",
        "unless": None,
    }
    assert (escalation.kind, escalation.recipient, escalation.due_at) == ("escalate", "on-call", 2860.0)
    assert escalation.payload["unless"] == "acknowledged"
    assert {intent.status for intent in (ticket, message, escalation)} == {"pending"}


def test_planning_again_gives_the_same_ids_and_an_episode_new_ones() -> None:
    first = [intent.id for intent in planned("opened")]
    assert [intent.id for intent in planned("opened")] == first
    again = [intent.id for intent in planned("reopened", issue=replace(ISSUE, reopened=1))]
    assert len(again) == len(first)
    assert not set(again) & set(first)


def test_an_audience_without_people_is_an_intent_that_says_so() -> None:
    _, message, _ = plan(moved("opened"), [BOOK], [BO], [], 0.0)
    assert (message.kind, message.recipient) == ("message", "")


def test_rising_severity_runs_the_playbooks_that_newly_answer() -> None:
    high = replace(BOOK, name="high", when=When(("*",), ("high",)))
    issue = replace(ISSUE, severity="high")
    intents = plan(moved("severity", issue, "medium", "high"), [BOOK, high], [JO], [], 0.0)
    assert {intent.playbook for intent in intents} == {"high"}


def test_falling_severity_runs_nothing() -> None:
    low = replace(BOOK, name="low", when=When(("*",), ("low",)))
    issue = replace(ISSUE, severity="low")
    assert plan(moved("severity", issue, "medium", "low"), [low], [JO], [], 0.0) == []


@pytest.mark.parametrize("kind", ["acknowledged", "flapping", "cleared_held"])
def test_what_causes_nothing(kind: str) -> None:
    assert planned(kind, (TOLD,)) == []


@pytest.mark.parametrize(
    ("kind", "template"),
    [("resolved", "api/resolved"), ("dismissed", "_common/correction"), ("expired", "_common/expired")],
)
def test_c16_each_who_was_told_hears_one_closing_message_on_the_same_thread(kind: str, template: str) -> None:
    [closing] = planned(kind, (TOLD,))
    assert (closing.kind, closing.occasion, closing.recipient) == ("message", kind, "contact/jo")
    assert (closing.channel, closing.address, closing.thread) == ("email", "jo@acme.test", "<1@x>")
    assert (closing.payload["template"], closing.payload["follows"]) == (template, "int_1")
    assert planned(kind) == []


def test_c16_a_playbook_that_is_gone_still_closes() -> None:
    [closing] = plan(moved("resolved"), [], [JO], [TOLD], 0.0)
    assert closing.payload["template"] == "_common/resolved"


def intent(occasion: str, status: str, episode: int = 0, recipient: str = "contact/jo") -> Intent:
    return Intent(
        id=f"{occasion}-{status}-{episode}-{recipient}",
        kind="message",
        issue="iss_1",
        episode=episode,
        playbook="api",
        step="1:message",
        occasion=occasion,
        recipient=recipient,
        channel="email",
        status=status,
        due_at=0.0,
        created_at=float(episode),
        provider_id="<1@x>",
        payload={"purpose": "service", "emergency": ""},
    )


@pytest.mark.parametrize("status", ["claimed", "sending", "sent", "unknown"])
def test_c16_whoever_may_have_been_told_was(status: str) -> None:
    [told] = open_outreach([intent("opened", status)])
    assert (told.recipient, told.thread) == ("contact/jo", "<1@x>")


@pytest.mark.parametrize("status", ["pending", "skipped", "failed"])
def test_c16_whom_nothing_reached_was_not_told(status: str) -> None:
    assert open_outreach([intent("opened", status)]) == []


def test_c16_a_closing_message_ends_the_outreach_once_it_went() -> None:
    opening = intent("opened", "sent")
    assert open_outreach([opening, intent("resolved", "sent")]) == []
    assert len(open_outreach([intent("resolved", "pending"), opening])) == 1


def test_c16_the_next_episode_is_an_outreach_of_its_own() -> None:
    before = [intent("opened", "sent"), intent("resolved", "sent")]
    [told] = open_outreach([intent("opened", "sent", 1), *before])
    assert told.episode == 1


def test_the_first_to_expire_counts_from_the_episode() -> None:
    short = replace(BOOK, name="short", expire=Duration("1d"))
    issue = replace(ISSUE, reopened=1, flapped=(5000.0,))
    assert expires_at([BOOK, short], issue) == 5000.0 + 86400.0
    assert expires_at([], issue) is None
