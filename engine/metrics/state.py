"""Figures that nobody counts, because they are there: read at the moment of the scrape."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from engine.clock import Clock
from engine.cluster.roles import Role
from engine.errors import ForewarnError
from engine.eventlog.base import DeadLetters
from engine.metrics.families import gauge, named, single
from engine.metrics.stored import of_database
from engine.metrics.working import of_lags, of_sending, of_standing
from engine.patience import Patient
from engine.standing import Standing
from engine.store.database import Database
from engine.traffic import SendingState

log = structlog.get_logger()
PATIENCE = 5.0
"""Seconds that a store has to answer; Prometheus waits for ten unless it is told otherwise."""
Read = Callable[[], list[Metric]]


@dataclass(frozen=True, slots=True)
class State:
    """Where the figures are."""

    database: Database
    dead_letters: DeadLetters
    clock: Clock
    lags: Callable[[], Mapping[int, int]]
    """Of each partition that this process has, how many events wait."""
    unread: Callable[[], Mapping[int, int]] = dict
    """Of each partition of the log, how many events there are that no worker has put behind it."""
    standing: Callable[[], Standing] = Standing
    sending: Callable[[], SendingState] = SendingState
    ready: Callable[[], bool] = lambda: True


class StateCollector(Collector):
    """Reads the state at scrape time. What cannot be read now is left out, and told: the rest is needed most then."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._slow: Mapping[str, Patient[list[Metric]]] = {
            "event log": Patient(lambda: list(of_lags(state.lags())), PATIENCE),
            "committed offsets": Patient(lambda: [_unread(state.unread())], PATIENCE),
            "dead letters": Patient(lambda: [_dead(state.dead_letters.counts())], PATIENCE),
            "database": Patient(self._stored, PATIENCE),
        }
        """What has to be asked for."""

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what registration asks for would read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every figure as it is now."""
        standing = self._state.standing()
        yield from of_standing(standing)
        yield from of_sending(self._state.sending())
        yield single("ready", "1 while the process can work; /readyz says why not.", float(self._state.ready()))
        unreadable: dict[str, float] = {}
        for name in self._asked_of(standing):
            found = _tried(name, self._slow[name])
            unreadable[name] = float(found is None)
            yield from found or ()
        yield gauge("unreadable", "1 for what could not be read for these figures.", ("store",), named(unreadable))

    def _asked_of(self, standing: Standing) -> Sequence[str]:
        """Return what this process tells: what is the same for all of them, one does."""
        own = ["event log"] if Role.WORKER in standing.roles else []
        return [*own, "committed offsets", "dead letters", "database"] if standing.leads else own

    def _stored(self) -> list[Metric]:
        with self._state.database.reading() as session:
            return list(of_database(session, self._state.clock.time()))


def _tried(name: str, read: Read) -> list[Metric] | None:
    try:
        return read()
    except ForewarnError as error:
        log.info("no figures", of=name, why=error.line())
        return None


def _unread(found: Mapping[int, int]) -> Metric:
    about = (
        "Events of a partition that are in no snapshot yet: what its next owner reads, whether it has one now or not."
    )
    return gauge("log_unread", about, ("partition",), {(str(each),): float(count) for each, count in found.items()})


def _dead(found: Mapping[str, int]) -> Metric:
    return gauge("dead_letters", "Dead letters, by reason.", ("reason",), named(found))
