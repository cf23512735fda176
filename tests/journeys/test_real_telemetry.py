"""Recorded telemetry through the whole engine: to issues, decisions, tickets, and mail at a real mail server."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.issues.view import ACTIVE
from engine.playbooks import open_outreach
from engine.policy.reasons import Reason
from engine.replay import replay
from engine.store.models import DecisionRow, Issue, SignalRow, Ticket
from tests.journeys.scores import Score, scored, table
from tests.journeys.series import DATA, SPAN, TECHNICAL, WEEK, Series, chunks, nab, water_flow
from tests.journeys.stage import Stage, parts, stage, team_config

FOLDERS = ("realKnownCause", "realAWSCloudwatch")
JOBS = {"tick", "follow-up", "reconcile"}
"""What the clock does to issues and messages; the daily report and forgetting do nothing to them."""
QUIET = 1.0
"""Messages a week and service, outside of any window, that an operations room puts up with."""
SHARE, BETTER = 0.2, 1.5
"""At least so many of the windows are found, and so many times as many as messages at random times would find."""


@dataclass(frozen=True, slots=True)
class Journey:
    """What was replayed, and what became of it."""

    series: Sequence[Series]
    stage: Stage
    scores: Sequence[Score]


def _series(name: str) -> list[Series]:
    if name == "WaterFlow":
        return water_flow()
    if not (DATA / "nab").is_dir():
        pytest.skip(f"NAB: there is no folder {DATA / 'nab'}; set FOREWARN_DATA to the folder that holds nab")
    return [series for folder in FOLDERS for series in nab(folder)]


@pytest.fixture(scope="module", params=["NAB", "WaterFlow"])
def journey(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    told: Callable[[Iterable[str]], None],
) -> Iterator[Journey]:
    """Replay some series; no test below asks the engine for anything but what it did.

    What is seen in events does not depend on how they are cut into chunks. So a first engine, which is thrown away,
    says when something will be raised or be over, and the journey's own gets a chunk that ends there: the times of
    what it does are exact, as if every event had come by itself.
    """
    series = _series(request.param)
    with _replayed(series, tmp_path_factory.mktemp("first"), [], WEEK) as scout:
        moments = [_noticed(scout, row) for row in scout.rows(SignalRow) if row.state != "ongoing"]
    with _replayed(series, tmp_path_factory.mktemp("journey"), moments, SPAN) as played:
        scores = [scored(each, _opened(played, each)) for each in series]
        told(table(request.param, scores))
        yield Journey(series, played, scores)


@contextmanager
def _replayed(series: Sequence[Series], folder: Path, moments: Iterable[float], span: float) -> Iterator[Stage]:
    start = min(each.points[0][0] for each in series)
    with stage(team_config(folder), folder, start) as played:
        played.engine.schedule.jobs = [job for job in played.engine.schedule.jobs if job.name in JOBS]
        for accepted in replay(played.engine, played.clock, chunks(series, moments, span=span), origin="recorded"):
            assert not accepted.rejects, accepted.rejects[0]
        yield played


def _noticed(played: Stage, signal: SignalRow) -> float:
    """Return the event time from which on a signal's window is closed."""
    config = played.engine.config
    return signal.at + config.detectors[signal.detector].watch.every + config.main.events.lateness


def _opened(played: Stage, series: Series) -> list[float]:
    """Return when people were first told of each issue of a series."""
    issues = {row.id for row in played.rows(Issue) if row.subject == series.subject}
    sent = [row for row in played.messages() if row.occasion == "opened" and row.issue in issues]
    return [row.sent_at for row in sent if row.sent_at is not None]


def test_nothing_is_lost_on_the_way(journey: Journey) -> None:
    engine = journey.stage.engine
    points = sum(len(each.points) for each in journey.series)
    assert engine.storage.dead_letters.counts() == {}
    assert engine.lag() == 0
    assert engine.storage.log.end(0) >= points
    assert engine.pipelines[0].scorer.series() == len(journey.series)
    assert journey.stage.rows(Issue), "nothing out of the ordinary was seen in any series"


def test_every_message_arrives_as_a_whole_mail(journey: Journey) -> None:
    mails = {mail["Message-ID"]: mail for mail in journey.stage.mails()}
    sent = journey.stage.messages()
    assert {row.provider_id for row in sent} == set(mails)
    assert len(sent) == len(mails) == len(journey.stage.server.mails)
    for row in sent:
        mail = mails[row.provider_id]
        assert mail["To"] == TECHNICAL
        assert mail["Subject"].strip() == row.payload["subject"]  # the blank of a folded line is left to the reader
        assert parts(mail) == ["text/plain", "text/html"]
        assert mail["List-Unsubscribe"].startswith("<http")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail["Date"].datetime.timestamp() == pytest.approx(row.sent_at, abs=1.0)


def test_the_closing_message_is_on_the_thread_of_the_opening_one(journey: Journey) -> None:
    rows = {row.id: row for row in journey.stage.messages()}
    mails = {mail["Message-ID"]: mail for mail in journey.stage.mails()}
    closing = [row for row in rows.values() if row.occasion != "opened"]
    assert closing
    for row in closing:
        opening, mail = rows[row.payload["follows"]], mails[row.provider_id]
        assert mail["In-Reply-To"] == mail["References"] == opening.provider_id
        assert (row.issue, row.recipient, row.address) == (opening.issue, opening.recipient, opening.address)
        assert (row.sent_at or 0.0) >= (opening.sent_at or 0.0)


def test_every_outreach_is_closed_or_its_issue_is_open(journey: Journey) -> None:
    status = {row.id: row.status for row in journey.stage.rows(Issue)}
    messages = journey.stage.messages()
    for issue in {row.issue for row in messages}:
        left = open_outreach(row for row in messages if row.issue == issue)
        assert not left or status[issue] in ACTIVE, issue
    assert not journey.stage.messages(status="failed")
    assert not journey.stage.messages(status="unknown")


def test_a_ticket_holds_the_evidence(journey: Journey) -> None:
    tickets = {row.issue: row for row in journey.stage.rows(Ticket)}
    assert {row.issue for row in journey.stage.messages()} <= set(tickets)
    for ticket in tickets.values():
        assert ticket.queue == "tier-2"
        assert ticket.picture.startswith("<svg")
        assert ticket.next_step
        assert ticket.evidence["explanation"] in ticket.body
        assert len(ticket.evidence["points"]) > 1
        assert ticket.evidence["score"] >= 0.999


def test_every_decision_has_its_reason(journey: Journey) -> None:
    decisions = journey.stage.rows(DecisionRow)
    reasons = {reason.value for reason in Reason}
    assert all(row.reason in reasons and row.facts for row in decisions)
    sends = {row.intent for row in decisions if row.verdict == "send" and row.recipient.startswith("contact/")}
    assert sends == {row.id for row in journey.stage.messages()}
    skipped = {row.intent for row in decisions if row.verdict == "skip"}
    assert {row.id for row in journey.stage.messages(status="skipped")} <= skipped


def test_messages_are_few_and_better_than_chance(journey: Journey) -> None:
    """Far from a benchmark: a floor under which warning customers would be noise."""
    weeks = sum(each.weeks for each in journey.series)
    assert sum(score.outside for score in journey.scores) / weeks <= QUIET
    if any(each.windows for each in journey.series):
        hits = sum(score.hits for score in journey.scores)
        assert hits >= SHARE * sum(len(each.windows) for each in journey.series)
        assert hits >= BETTER * sum(score.by_chance for score in journey.scores)
