"""What a configuration would have done over recorded events: the same engine, with nothing that leaves the house."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from msgspec import Struct
from sqlmodel import Session, col, select

from engine.chunk import Chunk
from engine.config.model import Config
from engine.rehearsal import rehearsal
from engine.replay import replay
from engine.report import Report, measure
from engine.showcase import samples
from engine.showcase.page import render
from engine.store.models import DecisionRow, Intent, Issue, LeadTime

CHUNK = 900.0
"""Seconds of events that arrive together, unless another length is asked for."""
SHOWN = 200
"""So many rows of a list the page holds; the JSON holds all."""
Progress = Callable[[float, int], None]
"""Called with the epoch second reached and the number of events so far."""


class IssueOf(Struct, frozen=True):
    """An issue that would have been opened."""

    id: str
    detector: str
    series: str
    account: str
    severity: str
    status: str
    opened_at: float
    """Event time."""
    noticed_at: float
    ended_at: float | None
    reopened: int
    summary: str


class MessageOf(Struct, frozen=True):
    """A message that would have gone."""

    at: float
    issue: str
    account: str
    occasion: str
    channel: str
    recipient: str
    locale: str
    subject: str
    text: str


class DecisionOf(Struct, frozen=True):
    """A decision that would have been taken."""

    at: float
    issue: str
    playbook: str
    step: str
    recipient: str
    verdict: str
    reason: str
    until: float | None


class LeadOf(Struct, frozen=True):
    """A contact or failure in the recording that was about an issue."""

    issue: str
    account: str
    by: str
    reached_at: float
    warned_at: float | None
    lead_s: float | None


class Shown(Struct, frozen=True):
    """What the page shows beside the lists."""

    mails: list[samples.Shown]
    texts: list[samples.Shown]
    ticket: samples.ShownTicket | None
    decisions: list[samples.Reasoned]
    issues: list[samples.IssuesOf]


class Backtest(Struct, frozen=True):
    """The whole result; times in epoch seconds."""

    since: float
    until: float
    events: int
    rejected: dict[str, int]
    """Lines that were no event, by reason; late ones among them."""
    report: Report
    issues: list[IssueOf]
    messages: list[MessageOf]
    decisions: list[DecisionOf]
    leads: list[LeadOf]
    shown: Shown


def backtest(config: Config, chunks: Iterable[Chunk], progress: Progress | None = None) -> Backtest:
    """Run `config` over recorded events (`engine.recordings.chunks.chunks`). Raises ValueError if there are none."""
    stream = iter(chunks)
    first = next(stream, None)
    if first is None:
        raise ValueError("there is no event in the recording")
    events = 0
    rejected: Counter[str] = Counter()
    with rehearsal(config, first.until - CHUNK) as held:
        for accepted in replay(held.engine, held.clock, chain([first], stream), origin="recording"):
            events += accepted.accepted
            rejected.update(reject.reason for reject in accepted.rejects)
            if progress is not None:
                progress(held.clock.time(), events)
        for pipeline in held.engine.pipelines:
            pipeline.appraise()
        since, until = first.until - CHUNK, held.clock.time() + 1.0
        buried = Counter(held.engine.storage.dead_letters.counts())
        with held.engine.storage.database.reading() as session:
            return Backtest(
                since=since,
                until=until,
                events=events,
                rejected=dict(sorted((rejected | buried).items())),
                report=measure(session, since, until),
                issues=list(_issues(session)),
                messages=list(_messages(session)),
                decisions=list(_decisions(session)),
                leads=list(_leads(session)),
                shown=_shown(session, config),
            )


def page(result: Backtest) -> str:
    """Return the result as one HTML page."""
    most = max((row.total for row in result.shown.issues), default=0)
    return render("backtest.html.j2", result=result, shown=result.shown, most=most, limit=SHOWN)


def _issues(session: Session) -> Iterator[IssueOf]:
    for row in session.exec(select(Issue).order_by(col(Issue.opened_at), col(Issue.id))):
        yield IssueOf(
            id=row.id,
            detector=row.detector,
            series=row.series,
            account=row.account or "",
            severity=row.severity,
            status=row.status,
            opened_at=row.opened_at,
            noticed_at=row.noticed_at,
            ended_at=row.resolved_at,
            reopened=row.reopened,
            summary=row.summary,
        )


def _messages(session: Session) -> Iterator[MessageOf]:
    sent = select(Intent).where(Intent.kind == "message", Intent.status == "sent")
    for row in session.exec(sent.order_by(col(Intent.sent_at), col(Intent.id))):
        said: dict[str, Any] = row.payload
        yield MessageOf(
            at=row.sent_at or row.created_at,
            issue=row.issue,
            account=row.account or "",
            occasion=row.occasion,
            channel=row.channel,
            recipient=row.recipient,
            locale=str(said.get("locale", "")),
            subject=str(said.get("subject", "")),
            text=str(said.get("text", "")),
        )


def _decisions(session: Session) -> Iterator[DecisionOf]:
    for row in session.exec(select(DecisionRow).order_by(col(DecisionRow.at), col(DecisionRow.id))):
        yield DecisionOf(row.at, row.issue, row.playbook, row.step, row.recipient, row.verdict, row.reason, row.until)


def _leads(session: Session) -> Iterator[LeadOf]:
    for row in session.exec(select(LeadTime).order_by(col(LeadTime.reached_at), col(LeadTime.issue))):
        yield LeadOf(row.issue, row.account, row.by, row.reached_at, row.warned_at, row.lead_s)


def _shown(session: Session, config: Config) -> Shown:
    return Shown(
        mails=samples.mails(session, sorted({"en", "de", config.main.locale.partition("-")[0]})[:2]),
        texts=samples.texts(session),
        ticket=samples.ticket(session),
        decisions=samples.decisions(session),
        issues=samples.issues(session, config),
    )
