"""Every contact rule as a decision. The numbers are those of the contact rules: C1 consent … C17 collision."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace

from engine.config.model import Hours, Limits, Per, PolicyConfig
from engine.entities import Person
from engine.playbooks import Told
from engine.policy.caps import Sent
from engine.policy.consent import Entry
from engine.policy.decide import decide
from engine.policy.facts import ChannelFacts, Facts, IssueFacts, PolicyFacts, StepFacts, Suppressed
from engine.policy.reasons import Reason
from engine.policy.stops import Halt


def at(text: str, zone: str = "Europe/Vienna") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


NOON = at("2025-06-11 12:00")
NIGHT = at("2025-06-11 23:30")
MORNING = at("2025-06-12 08:00")
MAIL, PHONE = "jo@acme.test", "+436641234567"
JO = Person(
    "contact/jo",
    zone="Europe/Vienna",
    country="AT",
    roles=("technical",),
    addresses=(("email", MAIL), ("phone", PHONE)),
)
CHANNELS = {"email": ChannelFacts("email", "email"), "sms": ChannelFacts("sms", "phone")}
FACTS = Facts(
    now=NOON,
    occasion="opened",
    issue=IssueFacts("iss_1", "open", "medium", 0),
    step=StepFacts("api", 0, channels=("preferred", "email", "sms")),
    person=JO,
    channels=CHANNELS,
)
TOLD = Told("contact/jo", "int_1", "api", 0, "email", MAIL, "<1@x>")
SMS_CONSENT = Entry(1.0, "granted", "sms", "service", PHONE)


def sms(**more: Any) -> Facts:
    return replace(FACTS, step=replace(FACTS.step, channels=("sms",)), **more)


def step(facts: Facts = FACTS, **more: Any) -> Facts:
    return replace(facts, step=replace(facts.step, **more))


def policy(facts: Facts = FACTS, **more: Any) -> Facts:
    return replace(facts, policy=replace(facts.policy, **more))


def closing(occasion: Any = "resolved", status: str = "resolved", **more: Any) -> Facts:
    return replace(FACTS, occasion=occasion, issue=replace(FACTS.issue, status=status), told=TOLD, **more)


def reason(facts: Facts) -> Reason:
    return decide(facts).reason


def test_a_service_mail_at_noon_is_sent() -> None:
    decision = decide(FACTS)
    assert (decision.verdict, decision.reason) == ("send", Reason.ALLOWED)
    assert (decision.channel, decision.address) == ("email", MAIL)
    assert [check.rule for check in decision.trail][:3] == ["recipient", "reachable", "current"]
    assert all(check.passed for check in decision.trail)


def test_c01_no_text_message_without_stored_consent() -> None:
    assert reason(sms()) is Reason.NO_CONSENT
    assert decide(sms(consents=(SMS_CONSENT,))).address == PHONE


@pytest.mark.parametrize("kind", ["sms", "whatsapp", "voice"])
def test_c01_a_policy_cannot_imply_consent_to_text_or_call(kind: str) -> None:
    facts = sms(channels={"sms": ChannelFacts(kind, "phone")})
    assert reason(policy(facts, consent={kind: "implied"})) is Reason.NO_CONSENT


@pytest.mark.parametrize(
    "entry",
    [
        replace(SMS_CONSENT, purpose="marketing"),
        replace(SMS_CONSENT, address="+436649999999"),
        replace(SMS_CONSENT, channel="voice"),
    ],
)
def test_c01_consent_for_one_purpose_number_or_channel_does_not_cover_another(entry: Entry) -> None:
    assert reason(sms(consents=(entry,))) is Reason.NO_CONSENT


def test_c01_marketing_needs_written_consent_on_any_channel() -> None:
    marketing = step(purpose="marketing", channels=("email",))
    granted = Entry(1.0, "granted", "email", "marketing", MAIL)
    assert reason(marketing) is Reason.NO_CONSENT
    assert reason(replace(marketing, consents=(granted,))) is Reason.NOT_WRITTEN
    assert decide(replace(marketing, consents=(replace(granted, written=True),))).verdict == "send"


def test_c01_a_policy_may_require_consent_to_mail() -> None:
    strict = policy(step(channels=("email",)), consent={"email/service": "required"})
    assert reason(strict) is Reason.NO_CONSENT
    assert decide(replace(strict, consents=(Entry(1.0, "granted"),))).verdict == "send"


def test_c02_an_opt_out_stops_and_a_later_consent_allows_again() -> None:
    out = Entry(2.0, "withdrawn", "sms", "service", PHONE)
    assert reason(sms(consents=(SMS_CONSENT, out))) is Reason.OPTED_OUT
    again = replace(SMS_CONSENT, at=3.0)
    assert decide(sms(consents=(SMS_CONSENT, out, again))).verdict == "send"
    assert reason(sms(consents=(out, replace(SMS_CONSENT, at=2.0)))) is Reason.OPTED_OUT


def test_c02_implied_consent_to_service_mail_can_be_withdrawn() -> None:
    out = Entry(2.0, "withdrawn", "email", "service", MAIL)
    assert reason(replace(FACTS, consents=(out,))) is Reason.OPTED_OUT


def test_c02_unclear_wording_suspends_until_somebody_decides() -> None:
    unclear = Entry(2.0, "suspended", "sms", "*", PHONE)
    assert reason(sms(consents=(SMS_CONSENT, unclear))) is Reason.SUSPENDED
    decided = replace(SMS_CONSENT, at=3.0)
    assert decide(sms(consents=(SMS_CONSENT, unclear, decided))).verdict == "send"


def test_c02_a_suppressed_address_is_passed_over_for_the_next_channel() -> None:
    dead = (Suppressed(MAIL, "*", "bounced"),)
    facts = replace(FACTS, suppressions=dead, consents=(SMS_CONSENT,))
    assert decide(facts).channel == "sms"
    assert reason(replace(step(channels=("email",)), suppressions=dead)) is Reason.SUPPRESSED
    elsewhere = replace(FACTS, suppressions=(Suppressed(MAIL, "sms"),))
    assert decide(elsewhere).verdict == "send"


def test_c04_the_scope_of_a_revocation_is_all_unless_the_policy_says_program() -> None:
    out = Entry(2.0, "withdrawn", "sms", "marketing", PHONE)
    facts = replace(FACTS, consents=(out,))
    assert reason(facts) is Reason.OPTED_OUT
    assert decide(policy(facts, revocation_scope="program")).verdict == "send"


@pytest.mark.parametrize("scope", ["program", "all"])
def test_c11_an_objection_stops_everything_under_any_scope(scope: Any) -> None:
    objected = Entry(2.0, "objected", "email", "marketing", "old@acme.test")
    facts = policy(sms(consents=(SMS_CONSENT, objected)), revocation_scope=scope)
    assert reason(facts) is Reason.OBJECTED
    assert reason(policy(replace(FACTS, consents=(objected,)), revocation_scope=scope)) is Reason.OBJECTED


def test_c05_at_night_a_message_waits_for_the_morning() -> None:
    decision = decide(replace(FACTS, now=NIGHT))
    assert (decision.verdict, decision.reason, decision.until) == ("hold", Reason.QUIET_HOURS, MORNING)
    assert "2025-06-12 06:00 UTC" in decision.detail
    assert decide(replace(FACTS, now=MORNING)).verdict == "send"


@pytest.mark.parametrize(
    ("region", "clock", "verdict"),
    [
        ("US-FL", "19:59", "send"),
        ("US-FL", "20:00", "hold"),
        ("US-MD", "20:30", "hold"),
        ("US-OK", "20:30", "hold"),
        ("US-CT", "08:30", "hold"),
        ("US-CT", "09:00", "send"),
        ("US-NY", "20:30", "send"),
        ("US-NY", "21:00", "hold"),
        ("US-NY", "07:59", "hold"),
    ],
)
def test_c05_stricter_subdivisions_are_known(region: str, clock: str, verdict: str) -> None:
    person = replace(JO, zone="America/New_York", country="US", region=region)
    facts = replace(FACTS, person=person, now=at(f"2025-06-11 {clock}", "America/New_York"))
    assert decide(facts).verdict == verdict


def test_c05_a_policy_adds_stricter_places() -> None:
    facts = policy(replace(FACTS, now=at("2025-06-11 18:30")), regions={"AT": Hours(9 * 60, 18 * 60)})
    assert decide(facts).until == at("2025-06-12 09:00")


def test_c05_hours_that_leave_no_moment_forbid() -> None:
    person = replace(JO, zone="", country="AQ")
    assert reason(replace(FACTS, person=person)) is Reason.NO_HOURS


def test_c06_an_emergency_passes_quiet_hours_and_caps_and_names_who_approved_it() -> None:
    facts = policy(step(replace(FACTS, now=NIGHT), emergency="Ann Lee"), caps={"all": Per(0, 86400.0, True)})
    decision = decide(facts)
    assert decision.verdict == "send"
    assert "Ann Lee" in decision.detail


@pytest.mark.parametrize("state", ["withdrawn", "suspended", "objected"])
def test_c06_an_emergency_does_not_pass_an_opt_out(state: str) -> None:
    facts = step(replace(FACTS, consents=(Entry(2.0, state),)), emergency="Ann Lee")
    assert decide(facts).verdict == "skip"


@pytest.mark.parametrize("status", ["resolved", "dismissed"])
def test_c13_a_held_message_is_moot_once_the_issue_ended(status: str) -> None:
    assert decide(replace(FACTS, now=NIGHT)).verdict == "hold"
    later = replace(FACTS, now=MORNING, issue=replace(FACTS.issue, status=status))
    assert reason(later) is Reason.MOOT


def test_c13_an_opt_out_while_it_was_held_counts() -> None:
    assert reason(replace(FACTS, now=MORNING, consents=(Entry(NIGHT, "withdrawn"),))) is Reason.OPTED_OUT


def test_c15_a_calendar_cap_counts_days_of_the_recipient() -> None:
    caps = {"all": Per(2, 86400.0, True)}
    today = tuple(Sent(at(f"2025-06-11 {clock}"), "sms", "service") for clock in ("09:00", "11:00"))
    capped = decide(policy(replace(FACTS, sends=today), caps=caps))
    assert (capped.verdict, capped.reason, capped.until) == ("hold", Reason.CAPPED, MORNING)
    before_midnight = (Sent(at("2025-06-10 23:59"), "email", "service"), today[0])
    assert decide(policy(replace(FACTS, sends=before_midnight), caps=caps)).verdict == "send"


@pytest.mark.parametrize(
    ("cap", "verdict"),
    [("email", "hold"), ("sms", "send"), ("service", "hold"), ("marketing", "send"), ("all", "hold")],
)
def test_c15_caps_count_by_channel_by_purpose_and_over_all(cap: str, verdict: str) -> None:
    facts = replace(FACTS, sends=(Sent(NOON - 60, "email", "service"),))
    assert decide(policy(facts, caps={cap: Per(1, 86400.0, True)})).verdict == verdict


def test_c15_a_rolling_cap_and_quiet_hours_are_asked_together() -> None:
    facts = replace(FACTS, sends=(Sent(at("2025-06-11 11:30"), "email", "service"),))
    decision = decide(policy(facts, caps={"email": Per(1, 11 * 3600.0, False)}))
    assert (decision.reason, decision.until) == (Reason.CAPPED, MORNING)


def test_c15_a_cap_of_none_forbids() -> None:
    assert reason(policy(caps={"email": Per(0, 86400.0, True)})) is Reason.NEVER


def test_c15_a_playbook_counts_its_own_opening_messages() -> None:
    limited = policy(per_customer=Per(1, 86400.0, False))
    own = Sent(NOON - 3600, "email", "service", "api", "opened")
    held = decide(replace(limited, sends=(own,)))
    assert (held.reason, held.until) == (Reason.PER_CUSTOMER, NOON - 3600 + 86400)
    others = (replace(own, playbook="other"), replace(own, occasion="resolved"))
    assert decide(replace(limited, sends=others)).verdict == "send"


@pytest.mark.parametrize(
    ("occasion", "status"), [("resolved", "resolved"), ("dismissed", "dismissed"), ("expired", "resolved")]
)
def test_c16_whoever_was_told_hears_the_end_where_they_were_told(occasion: str, status: str) -> None:
    facts = closing(occasion, status, consents=(SMS_CONSENT,))
    told = replace(TOLD, channel="sms", address=PHONE)
    assert decide(replace(facts, told=told)).address == PHONE
    assert reason(replace(facts, told=None)) is Reason.NOT_TOLD


def test_c16_closing_messages_pass_caps_silences_inhibition_and_collision() -> None:
    facts = closing(silence="sil_1", inhibited_by="iss_2", open_ticket="7", conversation="c1")
    assert decide(policy(facts, caps={"all": Per(0, 86400.0, True)})).verdict == "send"


def test_c16_closing_messages_pass_neither_quiet_hours_nor_opt_outs() -> None:
    assert decide(closing(now=NIGHT)).until == MORNING
    assert reason(closing(consents=(Entry(2.0, "withdrawn"),))) is Reason.OPTED_OUT
    assert reason(closing(suppressions=(Suppressed(MAIL, "email"),))) is Reason.SUPPRESSED


def test_c16_a_closing_message_is_moot_if_the_issue_is_open_again() -> None:
    assert reason(closing(status="open")) is Reason.MOOT
    again = replace(closing(), issue=IssueFacts("iss_1", "resolved", "medium", 1))
    assert reason(again) is Reason.SUPERSEDED


def test_c16_a_closing_message_waits_for_the_opening_one() -> None:
    flying = replace(closing(), told=replace(TOLD, status="sending", address=""))
    decision = decide(flying)
    assert (decision.reason, decision.until) == (Reason.AWAITING_OPENING, NOON + 60)


def test_c17_with_an_open_ticket_or_a_conversation_nobody_is_messaged() -> None:
    assert reason(replace(FACTS, open_ticket="42")) is Reason.OPEN_TICKET
    assert "42" in decide(replace(FACTS, open_ticket="42")).detail
    assert reason(replace(FACTS, conversation="chat-1")) is Reason.CONVERSATION
    assert reason(replace(FACTS, kind="ticket", open_ticket="42")) is Reason.OPEN_TICKET


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(FACTS, person=None), Reason.NO_RECIPIENT),
        (replace(FACTS, person=replace(JO, addresses=())), Reason.NO_ADDRESS),
        (step(channels=("fax",)), Reason.NO_ADDRESS),
        (replace(FACTS, told=TOLD), Reason.ALREADY_TOLD),
        (replace(FACTS, issue=replace(FACTS.issue, flapping=True)), Reason.FLAPPING),
        (replace(FACTS, silence="sil_1"), Reason.SILENCED),
        (replace(FACTS, inhibited_by="iss_2"), Reason.INHIBITED),
        (replace(FACTS, issue=replace(FACTS.issue, episode=1)), Reason.SUPERSEDED),
        (
            step(replace(FACTS, issue=replace(FACTS.issue, status="acknowledged")), unless="acknowledged"),
            Reason.ACKNOWLEDGED,
        ),
        (replace(FACTS, issue=replace(FACTS.issue, status="acknowledged")), Reason.ALLOWED),
        (replace(FACTS, kind="ticket", person=None), Reason.ALLOWED),
        (replace(FACTS, kind="ticket", person=None, silence="sil_1"), Reason.SILENCED),
        (replace(FACTS, kind="escalate", occasion="escalated", person=None, now=NIGHT), Reason.ALLOWED),
    ],
)
def test_what_else_decides(facts: Facts, expected: Reason) -> None:
    decision = decide(facts)
    assert decision.reason is expected
    assert decision.detail.startswith(expected.sentence)


@pytest.mark.parametrize(
    ("prefers", "channels", "chosen"),
    [
        (("sms",), ("preferred", "email"), "sms"),
        (("pager", "sms"), ("email", "preferred"), "email"),
        ((), ("preferred", "sms"), "sms"),
        ((), ("preferred",), "email"),
        (("pager",), ("preferred",), "email"),
        (("text",), ("preferred",), "email"),
    ],
)
def test_channels_are_tried_in_the_order_of_the_step(prefers: Any, channels: Any, chosen: str) -> None:
    facts = replace(step(channels=channels), person=replace(JO, prefers=prefers), consents=(SMS_CONSENT,))
    assert decide(facts).channel == chosen


def test_a_preference_may_name_a_kind_of_channel() -> None:
    channels = {"post": ChannelFacts("email", "email"), "texts": ChannelFacts("sms", "phone")}
    facts = replace(FACTS, channels=channels, person=replace(JO, prefers=("sms",)), consents=(SMS_CONSENT,))
    assert decide(facts).channel == "texts"


def test_prohibitions_are_named_before_what_is_moot_and_that_before_what_is_early() -> None:
    facts = replace(FACTS, now=NIGHT, issue=replace(FACTS.issue, status="resolved"))
    assert reason(facts) is Reason.MOOT
    assert reason(replace(facts, consents=(Entry(2.0, "objected"),))) is Reason.OBJECTED


def test_every_reason_has_its_sentence() -> None:
    assert all(each.sentence.endswith(".") for each in Reason)
    assert len({each.sentence for each in Reason}) == len(Reason)


def test_facts_and_decision_are_plain_json_and_can_be_read_again() -> None:
    facts = policy(
        closing(consents=(SMS_CONSENT,), sends=(Sent(1.0, "sms", "service"),)), caps={"all": Per(1, 2.0, True)}
    )
    stored = msgspec.json.decode(msgspec.json.encode(facts.plain()))
    assert Facts.read(stored) == facts
    assert decide(Facts.read(stored)) == decide(facts)
    assert msgspec.json.decode(msgspec.json.encode(decide(facts).plain()))["reason"] == "allowed"


def test_policy_facts_come_from_the_configuration() -> None:
    limits = Limits(per_customer=Per(1, 86400.0, False))
    config = PolicyConfig(caps={"sms": Per(2, 86400.0, True)}, revocation_scope="program")
    found = PolicyFacts.of(config, limits)
    assert (found.per_customer, found.caps, found.revocation_scope) == (limits.per_customer, config.caps, "program")


ALL, MAIL_STOPPED = Halt("stp_1", "all"), Halt("stp_2", "channel", "email")


@pytest.mark.parametrize(
    ("halt", "held"),
    [
        (ALL, True),
        (Halt("stp_1", "playbook", "api"), True),
        (Halt("stp_1", "playbook", "other"), False),
        (Halt("stp_1", "template", "api/notice"), True),
        (Halt("stp_1", "template", "api"), True),
        (Halt("stp_1", "template", "ap"), False),
        (Halt("stp_1", "channel", "sms"), False),
    ],
)
def test_a_kill_switch_holds_what_it_speaks_of(halt: Halt, held: bool) -> None:
    decision = decide(step(replace(FACTS, halts=(halt,)), template="api/notice"))
    assert (decision.reason is Reason.STOPPED) is held
    assert (decision.verdict, decision.until) == (("hold", NOON + 60) if held else ("send", None))


def test_a_stopped_channel_gives_way_to_the_next_and_holds_where_it_is_the_last() -> None:
    both = replace(FACTS, halts=(MAIL_STOPPED,), consents=(SMS_CONSENT,))
    assert decide(both).channel == "sms"
    assert reason(step(both, channels=("email",))) is Reason.STOPPED


def test_a_kill_switch_holds_closing_messages_emergencies_tickets_and_escalations_too() -> None:
    assert reason(closing(halts=(ALL,))) is Reason.STOPPED
    assert reason(step(replace(FACTS, halts=(ALL,)), emergency="Ann")) is Reason.STOPPED
    for kind in ("ticket", "escalate"):
        other: Any = {"kind": kind, "person": None}
        assert reason(replace(FACTS, halts=(ALL,), **other)) is Reason.STOPPED
        through = step(replace(FACTS, halts=(MAIL_STOPPED,), **other), through=("email",))
        assert reason(through) is Reason.STOPPED
        assert reason(step(through, through=("slack",))) is Reason.ALLOWED


def test_what_became_pointless_while_it_was_held_is_skipped() -> None:
    resolved = replace(FACTS, halts=(MAIL_STOPPED,), issue=replace(FACTS.issue, status="resolved"))
    assert reason(step(resolved, channels=("email",))) is Reason.MOOT


def replying(**more: Any) -> Facts:
    answered = step(FACTS, channels=("email",), address=MAIL)
    return replace(answered, occasion="reply", issue=replace(FACTS.issue, status="resolved"), **more)


def test_an_answer_goes_at_any_hour_and_past_caps_to_where_it_was_asked() -> None:
    two = replace(JO, addresses=(("email", "first@acme.test"), ("email", MAIL)))
    sent = tuple(Sent(NIGHT - 60, "email", "service", "api", "opened") for _ in range(9))
    facts = policy(
        replying(now=NIGHT, person=two, sends=sent, conversation="cct_1"), caps={"all": Per(1, 86400.0, True)}
    )
    decision = decide(facts)
    assert (decision.verdict, decision.channel, decision.address) == ("send", "email", MAIL)


@pytest.mark.parametrize("state", ["withdrawn", "suspended", "objected"])
def test_c02_an_answer_never_goes_to_who_opted_out(state: str) -> None:
    assert decide(replying(consents=(Entry(1.0, state),))).verdict == "skip"


def test_an_answer_waits_for_a_kill_switch_and_a_hand_over_for_none() -> None:
    halts = (Halt("stp_1", "all", ""),)
    assert reason(replying(halts=halts)) is Reason.STOPPED
    assert decide(replying(halts=halts, kind="ticket", person=None)).verdict == "send"
