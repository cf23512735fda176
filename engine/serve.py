"""Running the engine for real: in each process a thread for each thing that waits for something else."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog

from engine.app import Engine
from engine.cluster.roles import Role
from engine.errors import ForewarnError, Retryable

log = structlog.get_logger()
IDLE = 0.5
"""Seconds to wait for work before looking again."""
MAIL = 30.0
"""Seconds between two looks into the mailboxes."""
LOOK = 1.0
"""Seconds between two looks at which ticket desks are due."""
BACK_OFF = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between attempts while the disk is full or a file is locked; the last one repeats."""


class Runner:
    """Drives an engine: threads process events, send, read mail, ask ticket desks and keep the time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.on_failure: Callable[[], None] = lambda: None
        """Called, from any thread, when one ends by an error that waiting does not mend."""
        self.failure: Exception | None = None
        """The error that ended a thread; None: all is well."""
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, args=(name, work), name=name)
            for role, name, work in (
                (Role.WORKER, "process", self._process),
                (Role.DISPATCH, "dispatch", self._dispatch),
                (Role.SCHEDULE, "mailboxes", self._collect),
                (Role.SCHEDULE, "desks", self._poll),
                (Role.SCHEDULE, "incidents", self._form),
            )
            if role in engine.roles
        ]
        self._writer = ThreadPoolExecutor(1, "snapshots")
        self._failures: dict[str, str] = {}

    def start(self) -> None:
        """Come back to where the engine was, and go on."""
        for reason in self._engine.restore():
            log.warning("restored with a loss of time only", reason=reason)
        self._engine.write_aside(self._writer)
        for thread in self._threads:
            thread.start()
        self._engine.schedule.start(lambda: self._attempt("schedule", self._engine.run_due))

    def stop(self) -> None:
        """Finish what is under way, write a snapshot if that can be done now, and stop.

        After a failure none is written: models may have been left in the midst of a batch, and the log has it all.
        """
        self._stop.set()
        self._engine.schedule.stop()
        for thread in self._threads:
            thread.join()
        if self.failure is None:
            self._write_down()
            self._engine.leave()
        self._writer.shutdown()

    def _write_down(self) -> None:
        try:
            self._engine.snapshot()
        except Retryable as error:
            log.warning("stopped without a snapshot", error=str(error))  # the next start replays more of the log

    def unready(self) -> list[str]:
        """Return what keeps the engine from working now, one sentence each."""
        dead = [f"{thread.name}: stopped; see the log" for thread in self._threads if not thread.is_alive()]
        return [f"{name}: {why}" for name, why in self._failures.items()] + dead

    def _process(self) -> None:
        if not self._engine.step():
            self._engine.storage.log.wait(IDLE)

    def _dispatch(self) -> None:
        if not self._engine.dispatch():
            self._stop.wait(IDLE)

    def _collect(self) -> None:
        self._engine.collect()
        self._stop.wait(MAIL)

    def _poll(self) -> None:
        self._engine.poll()
        self._stop.wait(LOOK)

    def _form(self) -> None:
        if not self._engine.form():
            self._stop.wait(IDLE)

    def _loop(self, name: str, work: Callable[[], None]) -> None:
        """Do `work` until told to stop, with longer and longer waits while it fails by what may pass."""
        attempt = 0
        while not self._stop.is_set() and self.failure is None:
            if self._attempt(name, work):
                attempt = 0
            else:
                self._stop.wait(BACK_OFF[min(attempt, len(BACK_OFF) - 1)])
                attempt += 1

    def _attempt(self, name: str, work: Callable[[], object]) -> bool:
        """Do `work` once. What may pass is shown as not ready; anything else ends all."""
        try:
            work()
        except Retryable as error:
            self._failures[name] = str(error)
            log.warning("waiting", doing=name, error=str(error))
            return False
        except Exception as error:  # noqa: BLE001 -- a thread's boundary: it is recorded, and the process ends
            self._fail(name, error)
            return False
        self._failures.pop(name, None)
        return True

    def _fail(self, name: str, error: Exception) -> None:
        """Write down what ended a thread: with a traceback where it is a mistake of ours."""
        self.failure = error
        log.error("ended", doing=name, error=str(error), exc_info=not isinstance(error, ForewarnError))
        self.on_failure()


@contextmanager
def running(runner: Runner) -> Iterator[None]:
    """Run an engine for as long as the block lasts."""
    runner.start()
    try:
        yield
    finally:
        runner.stop()
