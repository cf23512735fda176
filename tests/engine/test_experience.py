"""Which channel: the one that has worked for a person, with known propensities and draws that can be replayed."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.entities import Person
from engine.playbooks import Told
from engine.policy.choice import EXPLORE, Belief, chosen, draw, propensities
from engine.policy.decide import decide
from engine.policy.experience import Experience
from engine.policy.facts import Facts, Tried
from engine.policy.reach import left_open
from engine.store.database import Database
from engine.store.models import Consent, CustomerContact, Entity, Intent
from tests.engine.test_policy import FACTS, MAIL, SMS_CONSENT, step

NOW = 1_700_000_000.0
DAY = 86400.0
beliefs = st.builds(Belief, st.floats(1.0, 900.0), st.floats(1.0, 900.0))


@given(st.lists(beliefs, min_size=1, max_size=6))
def test_propensities_are_probabilities_and_none_is_given_up(found: list[Belief]) -> None:
    shares = propensities({str(number): belief for number, belief in enumerate(found)})
    assert sum(shares.values()) == pytest.approx(1.0)
    assert min(shares.values()) >= EXPLORE / len(found) - 1e-12


def test_propensities_are_those_of_thompson_sampling() -> None:
    known = {"email": Belief(30, 20), "sms": Belief(12, 5), "voice": Belief(2, 2)}
    rng = np.random.default_rng(7)
    samples = np.stack([rng.beta(*belief, 200_000) for belief in known.values()])
    drawn = np.bincount(samples.argmax(axis=0), minlength=3) / samples.shape[1]
    for share, expected in zip(propensities(known).values(), drawn, strict=True):
        assert share == pytest.approx((1.0 - EXPLORE) * expected + EXPLORE / 3.0, abs=0.005)


def test_draws_fall_as_often_as_the_propensities_say() -> None:
    shares = {"email": 0.2, "sms": 0.7, "voice": 0.1}
    fell = Counter(chosen(shares, draw(f"int_{number}")) for number in range(20_000))
    for name, share in shares.items():
        assert fell[name] / 20_000 == pytest.approx(share, abs=0.01)


def open_to_choice(**beliefs: Belief) -> Facts:
    facts = step(FACTS, channels=("best", "email", "sms"))
    return replace(facts, beliefs=beliefs, consents=(SMS_CONSENT,), draw=0.5)


def test_what_works_is_taken_and_its_propensity_is_kept() -> None:
    facts = open_to_choice(email=Belief(2, 90), sms=Belief(90, 2))
    assert left_open(facts) == ["email", "sms"]
    found = decide(facts)
    assert found.channel == "sms"
    assert found.propensity == pytest.approx(1.0 - EXPLORE / 2.0, abs=1e-6)
    explored = decide(replace(facts, draw=0.001))
    assert explored.channel == "email"
    assert explored.propensity == pytest.approx(EXPLORE / 2.0, abs=1e-6)


def test_a_channel_without_consent_is_no_choice() -> None:
    facts = replace(open_to_choice(email=Belief(2, 90), sms=Belief(90, 2)), consents=())
    found = decide(facts)
    assert (found.channel, found.propensity) == ("email", 1.0)


def test_the_persons_own_wish_comes_first() -> None:
    assert FACTS.person is not None
    facts = open_to_choice(email=Belief(2, 90), sms=Belief(90, 2))
    wishes = replace(facts, person=replace(FACTS.person, prefers=("email",)))
    found = decide(step(wishes, channels=("preferred", "best", "email", "sms")))
    assert (found.channel, found.propensity) == ("email", 1.0)


def test_c16_what_is_back_is_told_where_it_was_told_before() -> None:
    assert FACTS.person is not None
    before = Told("contact/ann", "int_0", "api", 0, "email", MAIL, "")
    facts = step(open_to_choice(email=Belief(2, 90), sms=Belief(90, 2)), channels=("preferred", "best", "sms", "email"))
    facts = replace(facts, person=replace(FACTS.person, prefers=()))
    assert decide(facts).channel == "sms"
    back = replace(facts, before=before)
    assert (decide(back).channel, decide(back).propensity) == ("email", 1.0)
    wishes = replace(back, person=replace(FACTS.person, prefers=("sms",)))
    assert decide(wishes).channel == "sms"
    elsewhere = replace(back, before=replace(before, address="old@example.com"))
    assert decide(elsewhere).channel == "sms"
    left = replace(back, tried=(Tried("email", MAIL, "550"),))
    assert decide(left).channel == "sms"


def test_without_a_wish_preferred_is_the_best_of_all() -> None:
    assert FACTS.person is not None
    without = replace(FACTS, person=replace(FACTS.person, prefers=()))
    assert left_open(step(without, channels=("preferred",))) == list(FACTS.channels)
    assert left_open(step(without, channels=("preferred", "email"))) == []


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "forewarn.db", synchronous="OFF")
    yield opened
    opened.close()


def message(number: int, who: str, channel: str, at: float = NOW - 2 * DAY, **more: Any) -> Intent:
    given: dict[str, Any] = {"issue": f"iss_{number}", "account": f"account/{number}", "playbook": "api", "step": "1"}
    fixed: dict[str, Any] = {"kind": "message", "occasion": "opened", "status": "sent", "due_at": at, "created_at": at}
    return Intent(id=f"int_{number}", recipient=who, channel=channel, claimed_at=at, **{**given, **fixed, **more})


def learned(database: Database, person: Person, *rows: Any) -> dict[str, float]:
    """Return the mean beliefs of a person's channels after `rows`."""
    with database.transaction() as session:
        session.add_all(rows)
    with database.reading() as session:
        found = Experience(["api"]).beliefs(session, {person: ["email", "sms"]}, NOW)[person]
    return {name: belief.mean for name, belief in found.items()}


def person(name: str, country: str = "AT") -> tuple[Person, Entity]:
    return Person(name, country=country), Entity(id=name, kind="contact", country=country, updated_at=NOW)


def test_a_persons_own_experience_outweighs_that_of_others(database: Database) -> None:
    ann, row = person("contact/ann")
    others = [person(f"contact/{number}")[1] for number in range(20)]
    theirs = [message(number, f"contact/{number}", "email") for number in range(20)]
    own = [message(100 + number, ann.id, "email", delivery="bounced") for number in range(20)]
    fine = [message(200 + number, ann.id, "sms") for number in range(20)]
    means = learned(database, ann, row, *others, *theirs, *own, *fine)
    assert means["sms"] > 0.85
    assert means["email"] < 0.5


def test_people_of_ones_country_count_more_than_everyone(database: Database) -> None:
    bob, row = person("contact/bob", "JP")
    abroad = [person(f"contact/{number}", "AT")[1] for number in range(40)]
    alike = [person(f"contact/{number}", "JP")[1] for number in range(40, 60)]
    sms = [
        message(number, f"contact/{number}", "sms", status="sent" if number >= 40 else "failed") for number in range(60)
    ]
    means = learned(database, bob, row, *abroad, *alike, *sms)
    assert means["sms"] > 0.6


def test_what_is_not_known_yet_or_long_ago_counts_for_nothing(database: Database) -> None:
    ann, row = person("contact/ann")
    fresh = [message(number, ann.id, "sms", NOW - 3600.0, status="failed") for number in range(9)]
    old = [message(20 + number, ann.id, "sms", NOW - 120 * DAY, status="failed") for number in range(9)]
    assert learned(database, ann, row, *fresh, *old) == {"email": 0.5, "sms": 0.5}


@pytest.mark.parametrize(
    "reaction",
    [
        Consent(id="c", at=NOW - 2 * DAY + 60, entity="contact/ann", channel="*", purpose="*", state="withdrawn"),
        CustomerContact(
            id="c", at=NOW - 2 * DAY + 60, subject="x", account="account/1", channel="phone", issue="iss_1"
        ),
    ],
    ids=["opted out", "called"],
)
def test_who_opts_out_or_calls_all_the_same_was_not_helped(database: Database, reaction: Any) -> None:
    ann, row = person("contact/ann")
    means = learned(database, ann, row, message(1, ann.id, "sms"), reaction)
    assert means["sms"] < 0.5


def test_learning_goes_on_from_where_it_was(database: Database) -> None:
    ann, row = person("contact/ann")
    experience = Experience(["api"])
    with database.transaction() as session:
        session.add_all([row, message(1, ann.id, "sms")])
    with database.transaction() as session:
        first = experience.beliefs(session, {ann: ["sms"]}, NOW)[ann]
        session.add(message(2, ann.id, "sms", NOW - DAY + 60.0))
        later = experience.beliefs(session, {ann: ["sms"]}, NOW + 3600.0)[ann]
        assert later["sms"].alpha > first["sms"].alpha
        again = Experience(["api"]).beliefs(session, {ann: ["sms"]}, NOW + 3600.0)[ann]
        assert again == later
