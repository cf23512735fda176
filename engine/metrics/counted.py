"""What one process counted."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, ProcessCollector
from prometheus_client.exposition import generate_latest

from engine.metrics.state import State, StateCollector


class Metrics:
    """Counters of one process, with a registry of their own. Safe to use from several threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.accepted = self._counter("events_accepted", "Events written to the log over HTTP.")
        self.rejected = self._counter("events_rejected", "Events refused over HTTP, by reason.", "reason")
        self.requests = self._counter("http_requests", "Requests answered.", "area", "method", "status")

    def count(self, accepted: int, rejected: Mapping[str, int]) -> None:
        """Count what became of one payload; `rejected` is by reason."""
        self.accepted.inc(accepted)
        for reason, count in rejected.items():
            self.rejected.labels(reason).inc(count)

    def watch(self, state: State) -> None:
        """Show `state` at every scrape."""
        self.registry.register(StateCollector(state))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"forewarn_{name}", about, labels, registry=self.registry)
