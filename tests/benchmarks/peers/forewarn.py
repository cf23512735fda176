"""The work in the engine: `Pipeline.process`, whole, over a topic, with its database in a file.

`python -m tests.benchmarks.peers.forewarn SERVER TOPIC EVENTS FOLDER [objects]` prints one JSON object. Counted is the
processor time from the first read to the snapshot after the last event, of all threads; before it the compiled loops
are loaded. `objects` leaves out the compiled decoding of batches: an object for each record.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlmodel import func, select

from engine.clock import SystemClock
from engine.config.model import Config
from engine.eventlog.base import Batch
from engine.partitions import READ
from engine.pipeline import Pipeline, Stores
from engine.storage import Storage
from engine.store.models import Issue
from tests.benchmarks.cluster.ground import SPAN, configured, opened
from tests.benchmarks.million import START, Fleet


@contextmanager
def pipeline(config: Config) -> Iterator[tuple[Pipeline, Storage]]:
    """Yield one that knows nothing yet, and where it keeps things."""
    storage = Storage.embedded(config, SystemClock())
    try:
        stores = Stores(storage.database, storage.dead_letters, storage.snapshots)
        yield Pipeline(config, 0, stores, SystemClock()), storage
    finally:
        storage.close()


def rehearse(folder: Path) -> None:
    """Take a few customers through all of it, so far that there are issues."""
    fleet = Fleet(100, SPAN, moved=10, since=40)
    with pipeline(configured(folder)) as (warm, storage):
        for number in range(50):
            (payload,) = fleet.round(number, fleet.series)
            warm.process([Batch(0, warm.offset, fleet.series, START + SPAN * number, payload)])
        assert issues(storage), "the rehearsal did not go through all of it"


def issues(storage: Storage) -> int:
    """Return how many there are."""
    with storage.database.reading() as session:
        return session.exec(select(func.count()).select_from(Issue)).one()


def run(server: str, topic: str, events: int, folder: Path, *, whole: bool) -> dict[str, float]:
    """Take so many events."""
    rehearse(folder / "few")
    with (
        pipeline(configured(folder / "all")) as (mine, storage),
        opened(server, topic, whole=whole) as log,
    ):
        began = time.process_time()
        while mine.events < events:
            mine.process(log.read(0, mine.offset, READ))
        mine.snapshot()
        cpu = time.process_time() - began
        return {"events": mine.events, "cpu_s": cpu, "flagged": issues(storage), **log.records()}


if __name__ == "__main__":
    given = sys.argv[5:]
    print(json.dumps(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), whole="objects" not in given)))
