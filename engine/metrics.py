"""Figures for Prometheus: what this process counted, and what the database says at the moment of the scrape."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlmodel import Session, col

from engine.evaluations import Evaluation, evaluations
from engine.eventlog.base import DeadLetters
from engine.store.database import Database
from engine.store.models import DecisionRow, DeskCursor, DeskTicket, Intent, Issue, StreamHour, Ticket
from engine.traffic import SendingState


class Metrics:
    """Counters of one process, with a registry of their own. Safe to use from several threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.accepted = self._counter("events_accepted", "Events written to the log over HTTP.")
        self.rejected = self._counter("events_rejected", "Events refused over HTTP, by reason.", "reason")
        self.requests = self._counter("http_requests", "Requests answered.", "area", "method", "status")

    def count(self, accepted: int, rejected: Mapping[str, int]) -> None:
        """Count what became of one payload; `rejected` is by reason."""
        self.accepted.inc(accepted)
        for reason, count in rejected.items():
            self.rejected.labels(reason).inc(count)

    def watch(self, state: "State") -> None:
        """Show `state` at every scrape."""
        self.registry.register(StateCollector(state))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format. Raises Retryable if the database cannot be read now."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"forewarn_{name}", about, labels, registry=self.registry)


@dataclass(frozen=True, slots=True)
class State:
    """Where the figures are that nobody counts, because they are there."""

    database: Database
    dead_letters: DeadLetters
    lag: Callable[[], int]
    sending: Callable[[], SendingState] = SendingState


class StateCollector(Collector):
    """Reads the state at scrape time."""

    def __init__(self, state: State) -> None:
        self._state = state

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what registration asks for would read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every figure as it is now."""
        yield GaugeMetricFamily("forewarn_lag_events", "Events in the log, not yet processed.", value=self._state.lag())
        yield _gauge("dead_letters", "Dead letters, by reason.", ("reason",), _named(self._state.dead_letters.counts()))
        yield from _of_sending(self._state.sending())
        with self._state.database.reading() as session:
            yield from _of_database(session)


def _of_sending(state: SendingState) -> Iterator[Metric]:
    away = {each.provider: float(each.state != "closed") for each in state.providers}
    waiting = {each.provider: float(each.waiting) for each in state.providers}
    yield _gauge("provider_away", "1 while a provider does not answer and is left alone.", ("provider",), _named(away))
    yield _gauge("provider_waiting", "Messages that wait for a provider's rate.", ("provider",), _named(waiting))
    if state.agents is not None:
        yield GaugeMetricFamily("forewarn_agents", "Agents on duty, by the roster or as said.", value=state.agents)
        yield GaugeMetricFamily("forewarn_paced", "Messages that wait for them.", value=state.waiting)


def _of_database(session: Session) -> Iterator[Metric]:
    yield _gauge("issues", "Issues.", ("status", "detector"), _counts(session, Issue.status, Issue.detector))
    yield _gauge("intents", "What is in the outbox.", ("kind", "status"), _counts(session, Intent.kind, Intent.status))
    yield _gauge("tickets", "Tickets of the built-in desk.", ("status",), _counts(session, Ticket.status))
    known = _counts(session, DeskTicket.desk, DeskTicket.status)
    yield _gauge("desk_tickets", "Tickets at vendors' desks.", ("desk", "status"), known)
    yield from _of_desks(session.scalars(select(DeskCursor)).all())
    decisions = CounterMetricFamily("forewarn_decisions", "Decisions taken.", labels=("verdict", "reason"))
    for names, count in _counts(session, DecisionRow.verdict, DecisionRow.reason).items():
        decisions.add_metric(names, count)
    yield decisions
    yield from _of_streams(session)
    yield from _of_predictions(evaluations(session))


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
    failures = _named({each.desk: each.failures for each in cursors})
    yield _gauge("desk_failures", "Times in a row that a desk could not be read.", ("desk",), failures)
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


Counts = Mapping[tuple[str, ...], float]


def _counts(session: Session, *columns: Any) -> Counts:
    found = session.execute(select(*columns, func.count()).group_by(*columns).order_by(*columns)).all()
    return {tuple(str(each) for each in row[:-1]): int(row[-1]) for row in found}


def _named(counts: Mapping[str, float]) -> Counts:
    return {(name,): count for name, count in counts.items()}


def _gauge(name: str, about: str, labels: tuple[str, ...], counts: Counts) -> Metric:
    made = GaugeMetricFamily(f"forewarn_{name}", about, labels=labels)
    for values, count in counts.items():
        made.add_metric(values, count)
    return made
