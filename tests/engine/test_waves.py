"""Waves: a few first, then watching, then the others, or people who must agree (blast radius)."""

import dataclasses

import pytest
from msgspec.structs import replace

from detectors.durations import Duration
from engine.config.model import BlastRadius, Limits
from engine.expressions import Expression
from engine.policy.decide import decide
from engine.policy.reasons import Reason
from engine.waves.reactions import Reactions, chance, objection
from engine.waves.wave import Seen, Wave, advanced, agreed, begun
from tests.engine.test_policy import FACTS, closing, step

BOTH_STORES = True

NOW = 1_700_000_000.0
LIMITS = Limits(blast_radius=BlastRadius(max=200, canary=0.05, watch=Duration(1800.0)))
FINE = Reactions(told=10)


def wave(told: int, waiting: int, usual: int = 0, limits: Limits = LIMITS) -> Wave:
    found = begun("wav_1", Seen(told, waiting), usual, limits)
    assert found is not None
    return found


def test_a_number_as_on_other_days_is_no_wave() -> None:
    assert begun("w", Seen(2, 8), 0, LIMITS) is None
    assert begun("w", Seen(0, 60), 30, LIMITS) is None, "twice a busy hour"
    assert begun("w", Seen(0, 61), 30, LIMITS) is not None


def test_the_canary_goes_then_it_is_watched_then_the_others_go() -> None:
    first, asked = advanced(wave(0, 150), Seen(0, 150), FINE, LIMITS, NOW)
    assert (first.state, first.allowance, first.full, asked) == ("canary", 10, False, None)
    second, _ = advanced(first, Seen(10, 140), FINE, LIMITS, NOW)
    assert (second.state, second.full, second.until) == ("watching", True, NOW + 1800.0)
    third, _ = advanced(second, Seen(10, 140), FINE, LIMITS, NOW + 1799.0)
    assert third.state == "watching"
    fourth, asked = advanced(third, Seen(10, 140), FINE, LIMITS, NOW + 1800.0)
    assert (fourth.state, fourth.full, fourth.allowance, asked) == ("going", False, 200, None)


@pytest.mark.parametrize(
    ("reactions", "why"),
    [
        (Reactions(told=10, opt_outs=3), "3 opted out"),
        (Reactions(told=10, complaints=1), "1 complained"),
        (Reactions(told=10, bounces=4), "4 bounced or failed"),
        (Reactions(told=10, replies=8), "8 contacted us"),
        (Reactions(told=10, wrong=6), "6 were found to be false alarms"),
    ],
)
def test_what_the_canary_does_not_like_is_put_to_two_people(reactions: Reactions, why: str) -> None:
    watched = replace(wave(10, 140), state="watching", watched_from=NOW)
    asking, asked = advanced(watched, Seen(10, 140), reactions, LIMITS, NOW + 60.0)
    assert asked is not None
    assert (asking.state, asking.full, asked.needed) == ("asking", True, 2)
    assert why in asked.why


def test_more_than_the_most_is_put_to_two_people_at_once() -> None:
    asking, asked = advanced(wave(0, 201), Seen(0, 201), FINE, LIMITS, NOW)
    assert asked is not None
    assert (asking.state, asked.needed, asking.full) == ("asking", 2, True)
    assert asked.why.startswith("201 would be told, and the most is 200")


def test_what_was_agreed_to_goes_and_half_as_many_again() -> None:
    asking, _ = advanced(wave(0, 201), Seen(0, 201), FINE, LIMITS, NOW)
    going, asked = advanced(agreed(asking), Seen(0, 300), FINE, LIMITS, NOW)
    assert (going.state, going.full, asked) == ("going", False, None)
    _, again = advanced(going, Seen(0, 303), FINE, LIMITS, NOW)
    assert again is not None


def test_a_person_is_asked_where_the_playbook_says_so() -> None:
    limits = dataclasses.replace(LIMITS, approve=Expression.parse("audience > 5"))
    asking, asked = advanced(wave(0, 6, limits=limits), Seen(0, 6), FINE, limits, NOW)
    assert asked is not None
    assert (asking.state, asked.needed) == ("asking", 1)
    assert begun("w", Seen(0, 5), 0, limits) is None
    agreed_to, asked = advanced(agreed(asking), Seen(0, 9), FINE, limits, NOW)
    assert (agreed_to.state, asked) == ("going", None)


def test_an_answer_stands() -> None:
    for state in ("refused", "expired", "asking"):
        stays, asked = advanced(replace(wave(0, 300), state=state), Seen(0, 900), FINE, LIMITS, NOW)
        assert (stays.state, asked) == (state, None)


def test_one_of_a_few_is_no_share_yet() -> None:
    radius = BlastRadius()
    assert objection(Reactions(told=10, opt_outs=1, bounces=1, replies=4, wrong=2), radius) == ""
    assert objection(Reactions(told=1000, opt_outs=21), radius) == ""
    assert "opted out" in objection(Reactions(told=1000, opt_outs=32), radius)
    assert objection(Reactions(), radius) == ""


def test_chances_of_large_numbers() -> None:
    assert chance(300, 10_000, 0.03) == pytest.approx(0.508, abs=0.003)
    assert chance(5, 5, 1.0) == 1.0
    assert chance(10_000, 10_000, 0.5) < 1e-9


HELD = replace(FACTS, wave=Wave("wav_1", "watching", 0, 10, 150, told=10, until=FACTS.now + 60.0, why="Watched."))


def test_a_message_beyond_the_allowance_waits() -> None:
    found = decide(HELD)
    assert (found.verdict, found.reason) == ("hold", Reason.BLAST_RADIUS)
    assert found.until == FACTS.now + 60.0
    assert decide(replace(HELD, wave=replace(HELD.wave, told=9))).verdict == "send"  # type: ignore[type-var]


def test_a_message_waits_for_an_answer_and_is_never_sent_after_a_refusal() -> None:
    asking = replace(HELD, wave=Wave("wav_1", "asking", 0, 10, 900, until=FACTS.now + 3600.0))
    assert (decide(asking).reason, decide(asking).until) == (Reason.AWAITING_APPROVAL, FACTS.now + 3600.0)
    for state, reason in (("refused", Reason.REFUSED), ("expired", Reason.UNANSWERED)):
        facts = replace(HELD, wave=Wave("wav_1", state, 0, 10, 900, why="Ann refused."))  # type: ignore[arg-type]
        assert (decide(facts).verdict, decide(facts).reason) == ("skip", reason)


def test_closing_messages_and_emergencies_are_no_part_of_it() -> None:
    full = Wave("wav_1", "refused", 0, 10, 900, told=10)
    assert decide(step(replace(HELD, wave=full), emergency="Ann")).verdict == "send"
    assert decide(closing()).verdict == "send"


def test_an_issue_of_an_incident_gets_no_ticket_of_its_own() -> None:
    ticket = replace(FACTS, kind="ticket", person=None, incident="inc_1")
    assert decide(ticket).reason is Reason.PART_OF_INCIDENT
    assert decide(replace(ticket, incident="")).verdict == "send"
