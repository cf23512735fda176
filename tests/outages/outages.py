"""What happens to the servers of a town, and to the ways to them."""

import random
import signal
import threading
import time
from collections.abc import Callable

from sqlalchemy import text

from engine.store import postgres
from tests.outages.process import Process
from tests.outages.town import LOOK, PATIENCE, Town


def restart_broker(town: Town, dice: random.Random) -> None:
    """Kill the broker, and start it again after a while."""
    town.broker.stop(signal.SIGKILL)
    time.sleep(dice.uniform(0.0, 2.0))
    town.broker.start()


def restart_database(town: Town, dice: random.Random) -> None:
    """Let the database crash, or end all connections and stop; and start it again after a while."""
    assert town.server.server is not None
    town.server.server.stop(dice.choice([signal.SIGQUIT, signal.SIGINT]))
    time.sleep(dice.uniform(0.0, 2.0))
    town.server.server.start()


def damage_snapshots(town: Town) -> None:
    """Turn a bit of the newest snapshot of each partition over, and kill a worker, who has to do without."""
    newest = {path.name[:6]: path for path in sorted((town.folder / "shared" / "snapshots").glob("*.snapshot"))}
    for path in newest.values():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    town.of("worker")[0].kill("snapshots were damaged")


def change_schema(town: Town) -> None:
    """Do what an upgrade to the next version may do: add columns, an index and a table, in one transaction."""
    with town.database._engine.begin() as connection:
        postgres.change(connection)
        for table in ("issue", "signal", "intent", "entity", "progress", "ticket"):
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN later VARCHAR")
        connection.exec_driver_sql("CREATE INDEX ix_later ON intent (later)")
        connection.exec_driver_sql("CREATE TABLE later (id VARCHAR PRIMARY KEY)")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")


def no_broker(worker: Process) -> None:
    """Let nothing through between a worker and the broker."""
    worker.kafka.stall()


def no_network(worker: Process) -> None:
    """Let nothing through between a worker and all others."""
    worker.kafka.stall()
    worker.postgres.stall()


def frozen(worker: Process) -> None:
    """Stop a worker in whatever it does."""
    worker.signal(signal.SIGSTOP)


class CutOff:
    """Cuts a worker off after some seconds, until all that it had is another's: then it comes back. A context manager.

    At the end of the block it is waited for, until it is given partitions anew.
    """

    def __init__(self, town: Town, worker: Process, cut: Callable[[Process], None], after: float) -> None:
        self._town, self._worker, self._cut, self._after = town, worker, cut, after
        self._thread = threading.Thread(target=self._run)
        self.error: Exception | None = None

    def __enter__(self) -> "CutOff":
        self._until(lambda: self._worker.pid in self._holders(), "it was given no partition")
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._thread.join()
        if kind is None and self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            time.sleep(self._after)
            self._cut(self._worker)
            try:
                self._until(lambda: self._worker.pid not in self._holders(), "nobody took its partitions")
            finally:
                self._back()
            self._until(lambda: self._worker.pid in self._holders(), "it was not taken back")
        except Exception as error:  # noqa: BLE001 -- a thread's boundary: raised at the end
            self.error = error

    def _back(self) -> None:
        self._worker.kafka.flow()
        self._worker.postgres.flow()
        self._worker.signal(signal.SIGCONT)

    def _holders(self) -> set[int]:
        """Return the numbers of the processes that took partitions last."""
        query = text("SELECT holder FROM progress WHERE \"group\" = 'pipeline'")
        with self._town.database.reading() as session:
            return {int(holder.split(":")[1]) for holder in session.scalars(query) if holder}

    def _until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, what
            time.sleep(LOOK)
