"""What the database says at the moment of the scrape: of all processes together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import func, select
from sqlmodel import Session, col

from engine.evaluations import Evaluation, evaluations
from engine.metrics.families import Counts, gauge, named, single
from engine.store import outbox
from engine.store.models import DecisionRow, DeskCursor, DeskTicket, Intent, Issue, StreamHour, Ticket


def of_database(session: Session, now: float) -> Iterator[Metric]:
    """Yield what is in the tables."""
    yield gauge("issues", "Issues.", ("status", "detector"), tally(session, Issue.status, Issue.detector))
    yield gauge("intents", "What is in the outbox.", ("kind", "status"), tally(session, Intent.kind, Intent.status))
    yield from _of_outbox(session, now)
    yield gauge("tickets", "Tickets of the built-in desk.", ("status",), tally(session, Ticket.status))
    known = tally(session, DeskTicket.desk, DeskTicket.status)
    yield gauge("desk_tickets", "Tickets at vendors' desks.", ("desk", "status"), known)
    yield from _of_desks(session.scalars(select(DeskCursor)).all())
    decisions = CounterMetricFamily("forewarn_decisions", "Decisions taken.", labels=("verdict", "reason"))
    for names, count in tally(session, DecisionRow.verdict, DecisionRow.reason).items():
        decisions.add_metric(names, count)
    yield decisions
    yield from _of_streams(session)
    yield from _of_predictions(evaluations(session))


def _of_outbox(session: Session, now: float) -> Iterator[Metric]:
    waiting = outbox.overdue(session, now)
    yield single("outbox_due", "What is due in the outbox and nobody has taken yet.", waiting.count)
    yield single("outbox_oldest_due_seconds", "For how long the oldest of it has been due.", waiting.oldest)


def _of_streams(session: Session) -> Iterator[Metric]:
    """Yield what became of the messages of each stream, as far as it is kept (C9)."""
    sums = [func.sum(column) for column in (StreamHour.sent, StreamHour.bounced, StreamHour.complained)]
    names = (col(StreamHour.channel), col(StreamHour.purpose))
    made = GaugeMetricFamily(
        "forewarn_stream_messages", "Messages of the last days.", labels=("channel", "purpose", "what")
    )
    for channel, purpose, *counts in session.execute(select(*names, *sums).group_by(*names).order_by(*names)):
        for what, count in zip(("sent", "bounced", "complained"), counts, strict=True):
            made.add_metric((channel, purpose, what), count)
    yield made


def _of_desks(cursors: Sequence[DeskCursor]) -> Iterator[Metric]:
    failures = named({each.desk: each.failures for each in cursors})
    yield gauge("desk_failures", "Times in a row that a desk could not be read.", ("desk",), failures)
    read = GaugeMetricFamily("forewarn_desk_read_timestamp_seconds", "When a desk was last read.", labels=("desk",))
    for each in cursors:
        read.add_metric((each.desk,), each.polled_at or 0.0)
    yield read


_PREDICTIONS: Mapping[str, tuple[str, Callable[[Evaluation], float | None]]] = {
    "pr_auc": ("Area under precision over recall.", lambda each: each.lately.pr_auc),
    "roc_auc": ("Area under the ROC curve.", lambda each: each.lately.roc_auc),
    "brier": ("Mean squared error of the probability.", lambda each: each.lately.brier),
    "recall": ("Share of outcomes that an alert preceded.", lambda each: each.lately.recall),
    "precision": ("Share of alerts that an outcome followed.", lambda each: each.lately.precision),
    "false_per_outcome": ("False alerts an outcome.", lambda each: each.lately.false_per_outcome),
    "lead_seconds": ("Median lead time.", lambda each: each.lately.median_lead),
    "labels_missing": ("1 while outcomes are not reported.", lambda each: float(each.labels_missing)),
    "drift_alarm": ("1 while outcomes surprise.", lambda each: float(each.drift_alarm)),
    "outcomes": ("Outcomes so far.", lambda each: each.so_far.outcomes),
}
"""What is shown of a learned detector: by about its last 100 outcomes."""


def _of_predictions(found: Sequence[Evaluation]) -> Iterator[Metric]:
    for name, (about, figure) in _PREDICTIONS.items():
        values = {each.detector: figure(each) for each in found}
        made = GaugeMetricFamily(f"forewarn_prediction_{name}", about, labels=("detector",))
        for detector, value in values.items():
            if value is not None:
                made.add_metric((detector,), value)
        yield made


def tally(session: Session, *columns: Any) -> Counts:
    """Return how many rows there are by the values of columns of one table."""
    found = session.execute(select(*columns, func.count()).group_by(*columns).order_by(*columns)).all()
    return {tuple(str(each) for each in row[:-1]): int(row[-1]) for row in found}
