"""What several dispatchers take of one room, counted in the database: each sees what the others took.

Only amounts are told, no times: every dispatcher lets room flow in by its own clock, and machines whose clocks differ
agree all the same. All is read and written under the lock of `outbox.PREPARE`.
"""

from collections.abc import Mapping

from sqlmodel import Session, select

from engine.store.database import increase
from engine.store.models import Taken
from engine.traffic.bucket import Bucket


class Common:
    """One dispatcher's bucket, of a room called `name` that others take from, too."""

    def __init__(self, name: str, bucket: Bucket) -> None:
        self.name = name
        self._bucket = bucket
        self._known: float | None = None
        """How much was ever taken, as it was told or seen last; None: this dispatcher is new."""
        self._untold = 0.0

    def take(self, now: float, weight: float = 1.0) -> None:
        """Take room."""
        self._bucket.spend(now, weight)
        self._untold += weight

    def learn(self, total: float, now: float) -> None:
        """Take out what others took since; who is new cannot tell what of it flowed back, and begins with nothing."""
        if self._known is not None:
            self._bucket.spend(now, max(total - self._known, 0.0))
        elif total > 0.0:
            self._bucket.drain(now)
        self._known = total

    def tell(self) -> float:
        """Return what was taken and not told yet: what is to be added to the total."""
        told, self._untold = self._untold, 0.0
        self._known = (self._known or 0.0) + told
        return told


def totals(session: Session) -> Mapping[str, float]:
    """Return how much was ever taken of each room."""
    return {row.name: row.total for row in session.exec(select(Taken)).all()}


def add(session: Session, taken: Common) -> None:
    """Write down what one took."""
    if told := taken.tell():
        increase(session, Taken, {"name": taken.name, "total": told}, ("name",))
