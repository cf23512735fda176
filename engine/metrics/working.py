"""How this process stands, in figures."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import Metric

from engine.metrics.families import counter, gauge, named, single
from engine.standing import Standing
from engine.traffic import SendingState

_PARTITION = ("partition",)


def of_standing(standing: Standing) -> Iterator[Metric]:
    """Yield what is known without asking anybody."""
    yield gauge("role", "1 for each role of this process.", ("role",), named(dict.fromkeys(standing.roles, 1.0)))
    yield single("leader", "1 while this process does what is done once for all.", float(standing.leads))
    yield single("partitions_held", "Partitions that this process has.", len(standing.held))
    yield from _of_partitions(standing)
    yield counter("rebalances", "Times that the partitions were shared out anew.", (), {(): standing.rebalances})
    about = "Writes left undone because another process had taken the partition."
    yield counter("fenced_writes", about, (), {(): standing.fenced})
    yield counter("snapshot_failures", "Snapshots that could not be written.", (), {(): standing.unsaved})
    about = "Records read from the topic, by how they were decoded; damaged batches."
    yield counter("log_records", about, ("path",), named(standing.records))
    if standing.pool is not None:
        connections = {"size": standing.pool.size, "used": standing.pool.used}
        yield gauge(
            "pool_connections", "Connections to the database, at most and in use.", ("what",), named(connections)
        )


def _of_partitions(standing: Standing) -> Iterator[Metric]:
    held = {(str(each.partition),): each for each in standing.held}
    saved = {name: each.saved_at for name, each in held.items() if each.saved_at is not None}
    written = {name: each for name, each in held.items() if each.saving}
    behind = {name: each.behind for name, each in held.items()}
    yield gauge("partition_behind_seconds", "For how long a partition has not been caught up.", _PARTITION, behind)
    about = "Seconds that a partition took to come back from its snapshot."
    yield gauge("restore_seconds", about, _PARTITION, {name: each.restored for name, each in held.items()})
    about = "Damaged snapshots that were passed over to restore a partition."
    yield gauge("snapshots_passed_over", about, _PARTITION, {name: each.passed_over for name, each in held.items()})
    yield gauge("snapshot_timestamp_seconds", "When a partition was last saved.", _PARTITION, saved)
    sizes = {name: float(each.size) for name, each in written.items()}
    yield gauge("snapshot_bytes", "Size of a partition's last snapshot.", _PARTITION, sizes)
    seconds = {name: each.saving for name, each in written.items()}
    yield gauge("snapshot_seconds", "How long it took to write it.", _PARTITION, seconds)


def of_lags(lags: Mapping[int, int]) -> Iterator[Metric]:
    """Yield how much of the log waits for this process."""
    yield single("lag_events", "Events in the log, not yet processed.", sum(lags.values()))
    waiting = {(str(partition),): float(lag) for partition, lag in lags.items()}
    yield gauge("partition_lag", "The same for each partition that this process has.", _PARTITION, waiting)


def of_sending(state: SendingState) -> Iterator[Metric]:
    """Yield how providers stand, and who is on duty."""
    away = {each.provider: float(each.state != "closed") for each in state.providers}
    waiting = {each.provider: float(each.waiting) for each in state.providers}
    yield gauge("provider_away", "1 while a provider does not answer and is left alone.", ("provider",), named(away))
    yield gauge("provider_waiting", "Messages that wait for a provider's rate.", ("provider",), named(waiting))
    if state.agents is not None:
        yield single("agents", "Agents on duty, by the roster or as said.", state.agents)
        yield single("paced", "Messages that wait for them.", state.waiting)
