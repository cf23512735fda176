"""Workers of a cluster for benchmarks: processes on a core each, that wait for the word and tell what they used.

Each is an `Engine` in the role of a worker, stepped as `engine/serve.py` steps it: its group, its partitions, its
database are those of `forewarn worker`.
"""

import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from engine import logs
from engine.app import Engine
from engine.clock import SystemClock
from engine.cluster.roles import Role
from engine.config.load import load_or_raise
from engine.storage import Storage

LOOK = 0.1
"""Seconds between two looks at how workers stand."""
WAIT = 0.05
"""Seconds that a worker without work waits for some."""
PATIENCE = 600.0
"""Seconds that workers have to come to where they should."""


Seen = TypeVar("Seen")


class Stand(NamedTuple):
    """How a worker stands."""

    partitions: int
    lag: int
    events: int
    """Processed since it began."""
    cpu: float
    """Seconds, user and system, of all threads."""
    resident: int
    """Bytes, at most so far."""


class Done(NamedTuple):
    """What a worker did between the word and the end of the log."""

    events: int
    began: float
    ended: float
    """Of the machine's monotonic clock."""
    cpu: float


@dataclass(frozen=True, slots=True)
class Worker:
    """The parent's end of one."""

    pid: int
    _line: Connection

    def stand(self) -> Stand:
        """Ask how it stands; it goes on."""
        self._line.send("stand")
        return cast(Stand, self._line.recv())

    def hold(self) -> None:
        """Let it stop between two steps, until `start`."""
        self._line.send("hold")
        self._line.recv()

    def start(self) -> None:
        """Let it process all that there is."""
        self._line.send("start")

    def ready(self, seconds: float) -> bool:
        """Wait for so long at most, and tell whether it has."""
        return self._line.poll(seconds)

    def done(self) -> Done:
        """Wait until it has."""
        return cast(Done, self._line.recv())


@contextmanager
def workers(config: Path, cores: Sequence[int]) -> Iterator[list[Worker]]:
    """Run a worker on each of `cores`, until the block ends."""
    context = get_context("spawn")
    started = []
    for core in cores:
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(config, core, theirs))
        process.start()
        theirs.close()
        started.append((process, ours))
    try:
        yield [Worker(cast(int, process.pid), line) for process, line in started]
    finally:
        for process, line in started:
            line.close()
            process.join(30)
            process.kill()


def shared(those: Sequence[Worker], partitions: int) -> None:
    """Wait until the workers share the partitions evenly."""
    each = partitions // len(those)
    until(lambda: [worker.stand().partitions for worker in those], lambda seen: seen == [each] * len(those))


def settled(those: Sequence[Worker], partitions: int) -> list[Stand]:
    """Wait until the workers share the partitions evenly and have read all there is; returns how they stand."""
    each = partitions // len(those)

    def there(stands: Sequence[Stand]) -> bool:
        return all(stand.partitions == each and stand.lag == 0 and stand.events > 0 for stand in stands)

    return until(lambda: [worker.stand() for worker in those], there)


def until(look: Callable[[], Seen], there: Callable[[Seen], bool]) -> Seen:
    """Look again and again until what is seen is `there`; returns it. Ends the benchmark when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if there(seen := look()):
            return seen
        time.sleep(LOOK)
    raise SystemExit(f"the cluster did not come to where it should: {look()}")


def work(config: Path, core: int, line: Connection) -> None:
    """Be a worker on one core: step, and do what the parent says, until it hangs up."""
    logs.configure(level="WARNING")
    os.sched_setaffinity(0, {core})
    loaded = load_or_raise(config, os.environ)
    engine = Engine(loaded, SystemClock(), Storage.embedded(loaded, SystemClock()), roles={Role.WORKER})
    try:
        engine.restore()
        _serve(engine, line)
        engine.leave()
    finally:
        engine.close()


def _serve(engine: Engine, line: Connection) -> None:
    events = 0
    while True:
        count = engine.step()
        events += count
        if not count:
            engine.storage.log.wait(WAIT)
        if line.poll():
            try:
                said = line.recv()
            except EOFError:
                return
            if said == "stand":
                line.send(_stand(engine, events))
            else:
                line.send(said)
                line.recv()
                line.send(_all_there_is(engine))


def _stand(engine: Engine, events: int) -> Stand:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Stand(len(engine.pipelines), engine.lag(), events, used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss)


def _all_there_is(engine: Engine) -> Done:
    """Process to the end of the log."""
    began, cpu, events = time.monotonic(), time.process_time(), 0
    ended = began
    while True:
        if count := engine.step():
            events += count
            ended = time.monotonic()
        elif not engine.lag():
            return Done(events, began, ended, time.process_time() - cpu)
