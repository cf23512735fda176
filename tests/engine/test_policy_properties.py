"""What holds of every decision, whatever the facts."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.config.model import Hours, Per
from engine.entities import Person
from engine.playbooks import CLOSING, Told
from engine.policy.caps import Sent
from engine.policy.consent import Entry
from engine.policy.contact_hours import contact_hours
from engine.policy.decide import decide
from engine.policy.decision import Decision
from engine.policy.facts import ChannelFacts, Facts, IssueFacts, PolicyFacts, StepFacts, Suppressed
from engine.policy.reasons import Reason

MAIL, PHONE = "jo@acme.test", "+436641234567"
CHANNELS = {"email": ChannelFacts("email", "email"), "sms": ChannelFacts("sms", "phone")}

moments = st.floats(datetime(2024, 1, 1, tzinfo=UTC).timestamp(), datetime(2027, 1, 1, tzinfo=UTC).timestamp())
names = st.sampled_from(["email", "sms", "preferred", "fax"])
kinds = st.sampled_from(["email", "sms", "webhook", "*"])
addresses = st.sampled_from(["", MAIL, PHONE])
purposes = st.sampled_from(["service", "marketing"])
persons = st.builds(
    Person,
    id=st.just("contact/jo"),
    zone=st.sampled_from(["", "Europe/Vienna", "Pacific/Kiritimati", "America/St_Johns", "Nowhere/Zone"]),
    country=st.sampled_from(["", "AT", "US", "AQ", "XX"]),
    region=st.sampled_from(["", "US-FL", "US-CT"]),
    account_zone=st.sampled_from(["", "Asia/Kathmandu"]),
    prefers=st.lists(names, max_size=2).map(tuple),
    addresses=st.lists(st.sampled_from([("email", MAIL), ("phone", PHONE)]), max_size=2).map(tuple),
)
entries = st.builds(
    Entry,
    at=st.integers(0, 5).map(float),
    state=st.sampled_from(["granted", "withdrawn", "suspended", "objected"]),
    channel=kinds,
    purpose=st.sampled_from(["service", "marketing", "*"]),
    address=addresses,
    written=st.booleans(),
)
pers = st.builds(
    Per, count=st.integers(0, 3), seconds=st.sampled_from([3600.0, 86400.0, 604800.0]), calendar=st.booleans()
)
hours = st.builds(Hours, from_=st.integers(0, 1439), to=st.integers(0, 1440))
policies = st.builds(
    PolicyFacts,
    hours=st.one_of(st.just(Hours(480, 1260)), hours),
    regions=st.dictionaries(st.sampled_from(["AT", "US", "US-FL"]), hours, max_size=1),
    caps=st.dictionaries(st.sampled_from(["email", "sms", "service", "all"]), pers, max_size=2),
    consent=st.dictionaries(st.sampled_from(["email", "sms"]), st.sampled_from(["required", "implied"]), max_size=1),
    revocation_scope=st.sampled_from(["program", "all"]),
    per_customer=st.one_of(st.none(), pers),
)
tolds = st.builds(
    Told,
    recipient=st.just("contact/jo"),
    intent=st.just("int_1"),
    playbook=st.just("api"),
    episode=st.integers(0, 1),
    channel=st.sampled_from(["email", "sms", "gone", ""]),
    address=addresses,
    thread=st.just(""),
    status=st.sampled_from(["sent", "sending", "claimed", "unknown"]),
)


@st.composite
def random_facts(draw: st.DrawFn) -> Facts:
    now = draw(moments)
    sends = st.builds(
        Sent,
        at=st.floats(0, 8 * 86400.0).map(lambda ago: now - ago),
        channel=kinds,
        purpose=purposes,
        playbook=st.sampled_from(["api", "other"]),
        occasion=st.sampled_from(["opened", "resolved"]),
    )
    return Facts(
        now=now,
        occasion=draw(st.sampled_from(["opened", "resolved", "dismissed", "expired", "escalated"])),
        kind=draw(st.sampled_from(["message", "message", "message", "ticket", "escalate", "annotate"])),
        issue=draw(
            st.builds(
                IssueFacts,
                id=st.just("iss_1"),
                status=st.sampled_from(["open", "open", "acknowledged", "resolved", "dismissed"]),
                severity=st.just("low"),
                episode=st.sampled_from([0, 0, 1]),
                flapping=st.sampled_from([False, False, True]),
            )
        ),
        step=draw(
            st.builds(
                StepFacts,
                playbook=st.just("api"),
                episode=st.just(0),
                purpose=purposes,
                channels=st.lists(names, max_size=3).map(tuple),
                emergency=st.sampled_from(["", "", "Ann Lee"]),
                unless=st.sampled_from([None, "acknowledged", "resolved"]),
            )
        ),
        person=draw(st.one_of(persons, persons, st.none())),
        channels=CHANNELS,
        policy=draw(policies),
        consents=tuple(draw(st.lists(entries, max_size=4))),
        suppressions=tuple(draw(st.lists(st.builds(Suppressed, address=addresses, channel=kinds), max_size=1))),
        sends=tuple(draw(st.lists(sends, max_size=4))),
        told=draw(st.one_of(st.none(), tolds)),
        silence=draw(st.sampled_from(["", "", "", "sil_1"])),
        inhibited_by=draw(st.sampled_from(["", "", "", "iss_2"])),
        open_ticket=draw(st.sampled_from(["", "", "", "7"])),
    )


def opted_out(facts: Facts, decision: Decision) -> bool:
    """Say independently whether the last word that covers the address is no."""
    kind = CHANNELS[decision.channel].kind
    covering = [
        entry
        for entry in facts.consents
        if entry.address in {"", decision.address}
        and entry.channel in {"*", kind}
        and entry.purpose in {"*", facts.step.purpose}
    ]
    latest = max((entry.at for entry in covering), default=-1.0)
    return any(entry.at == latest and entry.state != "granted" for entry in covering)


@settings(max_examples=150, deadline=None)
@given(random_facts())
def test_decide_is_total_deterministic_and_true_to_its_word(facts: Facts) -> None:
    decision = decide(facts)
    assert decide(facts) == decision
    assert decide(Facts.read(facts.plain())) == decision
    assert decision.detail.startswith(decision.reason.sentence)
    assert decision.verdict in {"send", "hold", "skip"}
    assert (decision.until is not None) == (decision.verdict == "hold")
    assert (decision.reason is Reason.ALLOWED) == (decision.verdict == "send")
    if facts.kind == "message" and decision.verdict == "send":
        assert not opted_out(facts, decision)
        assert facts.person is not None
        assert (facts.told is not None) == (facts.occasion in CLOSING)
        if not facts.step.emergency:
            allowed = contact_hours(facts.person, facts.policy.hours, facts.policy.regions)
            assert allowed.allows(facts.now)


@settings(max_examples=150, deadline=None)
@given(random_facts())
def test_a_hold_ends_at_a_moment_at_which_it_is_sent(facts: Facts) -> None:
    decision = decide(replace(facts, silence="", inhibited_by="", open_ticket=""))
    if decision.until is None or decision.reason is Reason.AWAITING_OPENING:
        return
    assert decision.until > facts.now
    then = decide(replace(facts, silence="", inhibited_by="", open_ticket="", now=decision.until))
    assert then.verdict == ("hold" if facts.told and facts.told.status in {"claimed", "sending"} else "send")


@settings(max_examples=60, deadline=None)
@given(random_facts(), st.sampled_from(["withdrawn", "objected", "suspended"]))
def test_nothing_is_ever_sent_to_who_said_no_last(facts: Facts, state: str) -> None:
    out = Entry(9.0, state)
    decision = decide(replace(facts, kind="message", consents=(*facts.consents, out)))
    assert decision.verdict == "skip" or decision.reason is Reason.AWAITING_OPENING
