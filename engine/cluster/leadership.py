"""Who leads: of the processes that share a database one does what is to be done once, and another when it is gone.

The leader holds an advisory lock of PostgreSQL on a connection of its own
(https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS). The server lets go of it when
the connection ends: at once where the process died, and within `DEAD` seconds where its machine or the network did.
The leader asks over that connection whether it is there still, before it does anything. It must not go through a pooler
that gives a connection to somebody else after each transaction.

On SQLite there is one process, and it leads.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import structlog

from engine.errors import Retryable
from engine.store.database import Database
from engine.store.postgres import LEADER, SPACE, Line, key

log = structlog.get_logger()


class Leadership(Protocol):
    """Says who leads."""

    def leads(self) -> bool:
        """Say whether this process leads now; where nobody does, it does from now on."""

    def doing(self, what: str) -> AbstractContextManager[bool]:
        """Return a context: within it this process does `what`, unless another does (False)."""

    def resign(self) -> None:
        """Let another lead."""


def leadership(database: Database) -> Leadership:
    """Return how it is known who leads the processes of `database`."""
    return Elected(database) if database.several else Alone()


class Alone:
    """There is nobody else."""

    def leads(self) -> bool:
        """Always."""
        return True

    @contextmanager
    def doing(self, what: str) -> Iterator[bool]:
        """Nobody else does anything."""
        yield True

    def resign(self) -> None:
        """There is nobody to take over."""


class Follower:
    """Never leads: the process does what each does for itself, and no more."""

    def leads(self) -> bool:
        """Never."""
        return False

    @contextmanager
    def doing(self, what: str) -> Iterator[bool]:
        """What each does for itself is in nobody's way."""
        yield True

    def resign(self) -> None:
        """There is nothing to give up."""


class Elected:
    """Leads while it holds the lock. One caller at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: Line | None = None

    def leads(self) -> bool:
        """Say whether the lock is held, and try for it where it is not. Raises Retryable where nobody can tell."""
        if self._held is not None:
            if self._held.alive():
                return True
            log.warning("lead lost: the connection that held it was cut")
            self.resign()
        self._held = self._taken(LEADER)
        if self._held is not None:
            log.info("leads")
        return self._held is not None

    @contextmanager
    def doing(self, what: str) -> Iterator[bool]:
        """Hold a lock of this name on a connection of its own while the block lasts.

        Who was cut off from the lead in the midst of something may be at it still: its successor sees it by this.
        """
        held = self._taken(key(f"doing {what}"))
        try:
            yield held is not None
        finally:
            if held is not None:
                held.close()

    def resign(self) -> None:
        """Let go of the lock."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def _taken(self, lock: int) -> Line | None:
        found = self._database.line()
        try:
            if found.ask(f"SELECT pg_try_advisory_lock({SPACE}, {lock})"):
                return found
        except Retryable:
            found.close()
            raise
        found.close()
        return None
