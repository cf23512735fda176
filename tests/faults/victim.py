"""A process that runs the engine over prepared events, and kills itself at the N-th dangerous moment.

    python victim.py FOLDER N

FOLDER holds `config/`, `templates/` and `chunks.json`. Moments are counted before and after everything that leaves a
trace: an append to the log, a transaction, a snapshot, a message. With N = 0 it runs to the end and prints how many
moments there were. A second start goes on where the first was killed, as any start after a crash does.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.app import Engine
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.replay import drain
from engine.snapshots import Snapshots
from engine.storage import Storage
from engine.store.database import Database
from outreach.base import Channel, Message, Outcome, Receipt


class Moments:
    """Counts, and ends the process without a word at the fatal one."""

    def __init__(self, fatal: int) -> None:
        self.count = 0
        self._fatal = fatal

    def pass_(self) -> None:
        self.count += 1
        if self.count == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.pass_()
            result = function(*args, **kwargs)
            self.pass_()
            return result

        return wrapped


class Ledger(Channel):
    """A provider that writes down what it takes, and can be asked."""

    kind = "email"
    address = "email"

    def __init__(self, path: Path, moments: Moments) -> None:
        self._path = path
        self._moments = moments

    def send(self, message: Message) -> Receipt:
        self._moments.pass_()
        with self._path.open("a") as file:
            file.write(json.dumps({"id": message.id, "to": message.to, "text": message.text}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._moments.pass_()
        return Receipt(Outcome.ACCEPTED, provider_id=message.id)

    def find(self, message: Message) -> Receipt:
        taken = self._path.exists() and message.id in self._path.read_text()
        return Receipt(Outcome.ACCEPTED if taken else Outcome.RETRY, provider_id=message.id if taken else "")


def main(folder: Path, fatal: int) -> None:
    moments = Moments(fatal)
    arm(moments)
    clock = FakeClock(0.0)
    config = load_or_raise(folder / "config")
    storage = Storage.embedded(config, clock, synchronous="NORMAL")
    engine = Engine(config, clock, storage, {"email": Ledger(folder / "sent.ndjson", moments)})
    engine.schedule.jobs = [job for job in engine.schedule.jobs if job.name in {"follow-up", "snapshot", "reconcile"}]
    chunks = json.loads((folder / "chunks.json").read_text())
    done = storage.log.end(0)
    first = next((n for n, chunk in enumerate(chunks) if chunk["after"] > done), len(chunks))
    clock.set(chunks[max(first - 1, 0)]["until"])
    engine.restore()
    drain(engine)
    engine.dispatcher.reconcile()
    drain(engine)
    for chunk in chunks[first:]:
        clock.set(chunk["until"])
        engine.intake.accept(chunk["payload"].encode(), "victim")
        engine.run_due()
        drain(engine)
    engine.dispatcher.reconcile()
    drain(engine)
    engine.snapshot()
    engine.close()
    print(moments.count)  # noqa: T201 -- the answer to the test


def arm(moments: Moments) -> None:
    """Put a dangerous moment before and after whatever leaves a trace."""
    from engine.eventlog.sqlite import SqliteLog  # noqa: PLC0415 -- beside its use

    SqliteLog.append = moments.around(SqliteLog.append)  # type: ignore[method-assign]  # armed
    Snapshots.write = moments.around(Snapshots.write)  # type: ignore[method-assign]  # armed
    whole = Database.transaction

    @contextmanager
    def transaction(self: Database, *, shared: bool = False) -> Iterator[Any]:
        moments.pass_()
        with whole(self, shared=shared) as session:
            yield session
            moments.pass_()
        moments.pass_()

    Database.transaction = transaction  # type: ignore[method-assign]  # armed


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
