"""What keeps a process from its work, and what only looks bad: by what its role needs."""

from collections.abc import Iterator
from functools import partial

from engine.cluster.roles import Role
from engine.desks.polling import troubles
from engine.errors import ForewarnError
from engine.patience import Patient
from engine.standing import Standing
from engine.store.models import Token
from engine.web.services import Services

PATIENCE = 3.0
"""Seconds that a store has to answer: probes are given a little more."""
BEHIND = 300.0
"""Seconds after which a partition that is not caught up is worth a word."""
DATABASE, LOG = "database", "event log"
NEEDED = {
    Role.WORKER: (DATABASE, LOG),
    Role.DISPATCH: (DATABASE,),
    Role.SCHEDULE: (DATABASE, LOG),
    Role.WEB: (DATABASE, LOG),
}
"""Without which a role cannot do its work."""


class Vitals:
    """Looks at the stores and at how the process stands. Safe to use from several threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lags = Patient(services.lags, PATIENCE)
        self._asked: dict[str, Patient[object]] = {
            DATABASE: Patient(partial(_ask, services), PATIENCE),
            LOG: Patient(lambda: services.log.end(0), PATIENCE),
        }

    def wrong(self) -> list[str]:
        """Return what keeps the process from working now, one sentence each; empty: it is ready."""
        return [*self._services.unready(), *_unsettled(self._services.standing()), *self._unreachable()]

    def ready(self) -> bool:
        """Return whether nothing keeps it from working."""
        return not self.wrong()

    def warnings(self) -> list[str]:
        """Return one sentence for each thing that does not work and does not keep the process from working."""
        standing = self._services.standing()
        with self._services.database.reading() as session:
            desks = [str(trouble) for trouble in troubles(session)]
        return [*_slow(standing), *desks]

    def lag(self) -> int | None:
        """Return how many events wait for this process; None where it processes none, or the log does not answer."""
        if Role.WORKER not in self._services.standing().roles:
            return None
        try:
            return sum(self._lags().values())
        except ForewarnError:
            return None

    def _unreachable(self) -> Iterator[str]:
        needed = {store for role in self._services.standing().roles for store in NEEDED[role]}
        for name in sorted(needed):
            try:
                self._asked[name]()
            except ForewarnError as error:
                yield f"{name}: {error.line()}"


def _unsettled(standing: Standing) -> Iterator[str]:
    """Yield what a worker waits for before it can begin."""
    if Role.WORKER not in standing.roles:
        return
    if not standing.joined:
        yield "the group of workers has not said yet which partitions are ours"
    if standing.restoring is not None:
        yield f"partition {standing.restoring} comes back from its snapshot"


def _slow(standing: Standing) -> Iterator[str]:
    late = [each for each in standing.held if each.behind > BEHIND]
    for each in late:
        yield f"partition {each.partition} is {each.behind / 60:.0f} min behind"
    for each in standing.held:
        if each.unsaved:
            yield f"the last snapshot of partition {each.partition} was not written: {each.unsaved}"
    if Role.WORKER in standing.roles and standing.joined and not standing.held:
        yield "no partition is ours: there are more workers than partitions"


def _ask(services: Services) -> object:
    with services.database.reading() as session:
        return session.get(Token, "")
