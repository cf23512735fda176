"""How far a group has dealt with a partition, and whose that partition is: only who took it last may write.

Taking counts the epoch up. Whoever writes looks, in the same transaction, whether the epoch is still the one it was
given; a process that was cut off and comes back finds another's, and writes nothing.
"""

from math import inf
from typing import NamedTuple

from sqlalchemy import update
from sqlmodel import Session, col

from engine.errors import ForewarnError
from engine.store.database import Database, insert_ignore
from engine.store.models import Progress

PIPELINE = "pipeline"
"""The group that brings events to the models."""


class Fenced(ForewarnError):
    """Another process has the partition now: nothing of ours may be written any more."""


class Taken(NamedTuple):
    """What was known of a partition when it was taken."""

    epoch: int
    """How often it had been taken then: who has taken it since is its owner."""
    offset: int
    """What comes before it is dealt with."""


def take(database: Database, group: str, partition: int, holder: str) -> Taken:
    """Make a partition ours: whoever had it before can no longer write."""
    new = Progress(group=group, partition=partition, offset=0, watermark=-inf, epoch=0)
    mine = (col(Progress.group) == group) & (col(Progress.partition) == partition)
    taken = update(Progress).where(mine).values(epoch=col(Progress.epoch) + 1, holder=holder)
    with database.transaction() as session:
        insert_ignore(session, Progress, [new])
        row = session.execute(taken.returning(col(Progress.epoch), col(Progress.offset))).one()
    return Taken(row.epoch, row.offset)


def owned(progress: Progress | None, epoch: int, partition: int) -> Progress:
    """Return the row that says whose a partition is. Raises Fenced when it is another's now."""
    if progress is None or progress.epoch != epoch:
        raise Fenced("another process has taken the partition", place=f"partition {partition}")
    return progress


def locked(session: Session, group: str, partition: int, epoch: int) -> Progress:
    """Return the row of a partition that is ours, kept from others until the transaction ends. Raises Fenced."""
    return owned(session.get(Progress, (group, partition), with_for_update=True), epoch, partition)
