"""Who was told of an incident by one issue is not told of another of it; what was told of is closed all the same."""

from engine.policy.decide import decide
from engine.policy.facts import Facts
from engine.policy.reasons import Reason
from tests.engine.test_policy import FACTS, closing


def with_told(facts: Facts, **more: object) -> Facts:
    return Facts.read({**facts.plain(), "told_with": "iss_2", **more})


def test_another_issue_of_an_incident_that_was_told_of_is_not_told() -> None:
    assert decide(FACTS).verdict == "send"
    found = decide(with_told(FACTS))
    assert (found.verdict, found.reason) == ("skip", Reason.TOLD_OF_INCIDENT)
    assert "Issue iss_2." in found.detail


def test_c16_the_end_of_what_was_told_is_told() -> None:
    assert decide(with_told(closing())).verdict == "send"


def test_c6_an_emergency_is_told_whatever_was() -> None:
    step = {**FACTS.plain()["step"], "emergency": "Ann"}
    assert decide(with_told(FACTS, step=step)).verdict == "send"
