"""The starter as it is written out: one customer's story, from the first failing call to the end of the matter."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.events import make_event
from engine.policy import stops
from engine.replay import drain
from engine.store.models import DecisionRow, Issue, Label, LeadTime, Ticket, TicketNote
from tests.journeys.stage import Stage, parts, stage, starter_config

START = datetime(2025, 3, 3, tzinfo=UTC).timestamp()
"""A Monday."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
PAUSE = 12.0
"""Seconds between two calls."""
ANN, BOB, DAN, EVE = (f"{name}@acme.example" for name in ("ann", "bob", "dan", "eve"))
TROUBLE = START + 2 * DAY + 9 * HOUR
"""Ten in the morning in Vienna."""
SEEN = 40 * MINUTE
"""When an agent looks at it, and the customer phones."""


def contact(name: str, at: float, role: str = "technical", **facts: object) -> bytes:
    address = {"kind": "email", "value": f"{name}@acme.example"}
    known = {"parent": "account/acme", "name": name.title(), "roles": [role], "zone": "Europe/Vienna"}
    data = {**known, "addresses": [address], **facts}
    return make_event("forewarn.entity", f"contact/{name}", data, id=f"is-{name}", source="crm", time=at)


def account(at: float) -> bytes:
    facts = {"name": "Acme", "zone": "Europe/Vienna", "country": "AT"}
    return make_event("forewarn.entity", "account/acme", facts, id="is-acme", source="crm", time=at)


def reserved(kind: str, subject: str, data: dict[str, object], at: float) -> bytes:
    return make_event(f"forewarn.{kind}", subject, data, id=f"{kind}-{at}", source="test", time=at)


def calls(start: float, end: float, failing: float, rng: random.Random) -> Iterator[bytes]:
    """Yield an account's API calls, of which the share `failing` fails."""
    for n in range(int((end - start) / PAUSE)):
        at = start + n * PAUSE
        data = {"status": 500 if rng.random() < failing else 200}
        yield make_event("api.request", "account/acme", data, id=f"c-{at}", source="gateway", time=at)


def deliveries(start: float, end: float, outcome: str) -> Iterator[bytes]:
    for n in range(int((end - start) / 20.0)):
        at = start + n * 20.0
        data = {"outcome": outcome}
        yield make_event("webhook.delivery", "account/acme", data, id=f"d-{at}", source="hooks", time=at)


def play(played: Stage, events: Iterable[bytes], end: float, *, step: float = 5 * MINUTE) -> None:
    """Hand `events`, which begin now, in as they happen, up to `end`."""
    lines = list(events)
    start, share = played.clock.time(), len(lines) / (end - played.clock.time())
    while played.clock.time() < end:
        done = played.clock.time() - start
        played.clock.set(min(start + done + step, end))
        part = lines[round(done * share) : round((played.clock.time() - start) * share)]
        played.accept(*part)
        played.engine.run_due()
        drain(played.engine)


@dataclass(frozen=True, slots=True)
class Story:
    """What happened, and when."""

    stage: Stage
    warned: float
    reached: float


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Calls begin to fail; three people are told; one of them phones and opts out; an agent finds it a false alarm."""
    folder, rng = tmp_path_factory.mktemp("starter"), random.Random(5)
    with stage(starter_config(folder), folder, START) as played:
        people = [contact("ann", START), contact("bob", START), contact("dan", START, locale="de-AT")]
        played.accept(account(START), *people, contact("eve", START, "billing"))
        play(played, calls(START, TROUBLE, 0.01, rng), TROUBLE, step=6 * HOUR)
        assert played.mails() == []
        play(played, calls(TROUBLE, TROUBLE + SEEN, 0.8, rng), TROUBLE + SEEN)
        warned = played.messages()[0].sent_at
        assert warned is not None
        number = played.engine.tickets.open(queue="tier-2")[0].number
        played.engine.tickets.claim(number, "amy", played.engine.intake)
        now = played.clock.time()
        issue = played.rows(Issue)[0].id
        played.accept(reserved("action", "account/acme", {"what": "acknowledge", "who": "amy", "issue": issue}, now))
        played.accept(reserved("contact", "contact/bob", {"channel": "phone", "text": "What is it?"}, now))
        played.accept(reserved("consent", "contact/bob", {"state": "withdrawn", "source": "phone"}, now))
        play(played, calls(now, now + 10 * MINUTE, 0.8, rng), now + 10 * MINUTE)
        played.engine.tickets.resolve(number, "amy", "false", "A load test of theirs.", played.engine.intake)
        played.pass_to(played.clock.time() + HOUR)
        yield Story(played, warned, now)


def test_everyone_technical_is_told_once_in_their_language(story: Story) -> None:
    openings = {row.address: row for row in story.stage.messages() if row.occasion == "opened"}
    assert set(openings) == {ANN, BOB, DAN}
    first = {to: story.stage.mails(to)[0] for to in openings}
    assert first[ANN]["Subject"] == "Acme: some of your API calls are failing, and we are on it"
    assert "schlägt fehl" in first[DAN]["Subject"]
    assert all(parts(mail) == ["text/plain", "text/html"] for mail in first.values())
    assert story.stage.mails(EVE) == []
    assert story.warned < TROUBLE + SEEN


def test_the_ticket_holds_the_evidence_and_the_verdict(story: Story) -> None:
    (ticket,) = story.stage.rows(Ticket)
    assert (ticket.queue, ticket.status, ticket.assignee, ticket.verdict) == ("tier-2", "resolved", "amy", "false")
    assert "Acme" in ticket.subject
    assert ticket.picture.startswith("<svg")
    assert ticket.evidence["value"] > 0.2
    assert [note.text for note in story.stage.rows(TicketNote)] == ["A load test of theirs."]


def test_a_false_alarm_is_corrected_on_the_same_thread(story: Story) -> None:
    (issue,) = story.stage.rows(Issue)
    assert issue.status == "dismissed"
    for to, words in ((ANN, "false alarm"), (DAN, "Fehlalarm")):
        opening, correction = story.stage.mails(to)
        assert words in correction["Subject"]
        assert correction["In-Reply-To"] == correction["References"] == opening["Message-ID"]


def test_nothing_is_sent_to_who_said_stop(story: Story) -> None:
    assert len(story.stage.mails(BOB)) == 1
    decisions = [row for row in story.stage.rows(DecisionRow) if row.recipient == "contact/bob"]
    assert [(row.verdict, row.reason) for row in sorted(decisions, key=lambda row: row.at)] == [
        ("send", "allowed"),
        ("skip", "opted_out"),
    ]


def test_the_detector_learns_from_the_verdict(story: Story) -> None:
    (label,) = story.stage.rows(Label)
    assert (label.verdict, label.detector, label.who) == ("false", "api-errors", "amy")
    scorer = story.stage.engine.pipelines[0].scorer
    station = next(station for station in scorer.stations if "api-errors" in station.detectors)
    series = station.meter.index.find("account/acme")
    assert station.monitors["api-errors"].raiser.adjustment(series) == 0.5


def test_the_lead_time_is_from_the_first_message_to_the_call(story: Story) -> None:
    (lead,) = story.stage.rows(LeadTime)
    assert (lead.account, lead.by, lead.warned_at, lead.reached_at) == (
        "account/acme",
        "contact",
        story.warned,
        story.reached,
    )
    assert lead.lead_s == story.reached - story.warned > 0


def test_nobody_is_woken_as_the_issue_was_acknowledged(story: Story) -> None:
    assert story.stage.mails("on-call@example.com") == []
    reasons = {row.reason for row in story.stage.rows(DecisionRow) if row.step.endswith("escalate")}
    assert reasons <= {"acknowledged", "moot"}
    assert reasons


NIGHT = datetime(2025, 3, 3, 21, tzinfo=UTC).timestamp()
"""Ten in the evening in Vienna, four in the afternoon in New York."""
MORNING = NIGHT + 10 * HOUR
"""Eight in the morning in Vienna."""


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Stage]:
    """An endpoint began to refuse deliveries at ten in the evening."""
    with stage(starter_config(tmp_path), tmp_path, NIGHT - 2 * HOUR) as played:
        now = played.clock.time()
        played.accept(account(now), contact("ann", now), contact("bob", now, zone="America/New_York", country="US"))
        play(played, deliveries(now, NIGHT, "delivered"), NIGHT)
        play(played, deliveries(NIGHT, NIGHT + HOUR, "failed"), NIGHT + HOUR)
        yield played


def held(played: Stage) -> list[DecisionRow]:
    found = [row for row in played.rows(DecisionRow) if row.recipient == "contact/ann"]
    return sorted(found, key=lambda row: row.at)


def test_a_message_waits_for_the_morning_of_its_recipient(night: Stage) -> None:
    assert [mail["To"] for mail in night.mails()] == [BOB]
    (hold,) = held(night)
    assert (hold.verdict, hold.reason, hold.until) == ("hold", "quiet_hours", MORNING)
    play(night, deliveries(NIGHT + HOUR, MORNING, "failed"), MORNING - MINUTE)
    assert night.mails(ANN) == []
    night.pass_to(MORNING)
    (mail,) = night.mails(ANN)
    assert mail["Date"].datetime.timestamp() == MORNING
    assert held(night)[-1].verdict == "send"


def test_what_is_over_by_the_morning_is_not_told(night: Stage) -> None:
    play(night, deliveries(NIGHT + HOUR, NIGHT + 4 * HOUR, "delivered"), NIGHT + 4 * HOUR)
    assert night.rows(Issue)[0].status == "resolved"
    night.pass_to(MORNING + HOUR)
    assert night.mails(ANN) == []
    assert [(row.verdict, row.reason) for row in held(night)] == [("hold", "quiet_hours"), ("skip", "moot")]
    assert len(night.mails(BOB)) == 2, "who was told in his afternoon hears the end of it"


def test_a_kill_switch_holds_everything_at_once_and_what_is_still_so_goes_on_after(night: Stage) -> None:
    with night.engine.storage.database.transaction() as session:
        made = stops.throw(session, "all", "", "ann", "wrong texts went out", night.clock.time())
    told = len(night.server.mails)
    night.pass_to(MORNING + HOUR)
    assert len(night.server.mails) == told
    assert {row.reason for row in held(night)[1:]} == {"stopped"}
    with night.engine.storage.database.transaction() as session:
        stops.take_back(session, made.id, "ann", night.clock.time())
    night.pass_to(MORNING + HOUR + 5 * MINUTE)
    assert len(night.mails(ANN)) == 1
