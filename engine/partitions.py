"""The partitions that this process works on: taken, advanced, written down, given back."""

import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

import structlog

from engine.aside import Aside, Inline, Written, timed
from engine.clock import Clock
from engine.cold import Torn
from engine.config.model import Config
from engine.errors import Retryable
from engine.eventlog.base import EventLog
from engine.eventlog.membership import Membership
from engine.notes import Notes
from engine.pipeline import Pipeline, Stores
from engine.standing import Standing
from engine.storage import Storage
from engine.store.progress import PIPELINE, Fenced

log = structlog.get_logger()
READ = 20_000
"""Events read from the log at once."""


class Alone(Membership):
    """The membership of a process that has all partitions, because there is no other."""

    def __init__(self, log: EventLog, name: str) -> None:
        self.name, self._log = name, log

    def settle(self, give_back: Callable[[Collection[int]], None]) -> Collection[int]:
        """Return them all."""
        return range(self._log.partitions)

    def commit(self, partition: int, offset: int) -> None:
        """Remember it in the log."""
        self._log.commit(PIPELINE, partition, offset)

    def close(self) -> None:
        """Do nothing: there is no group."""


class Nowhere(Membership):
    """The membership of a process that works on no partition."""

    name = ""

    def settle(self, give_back: Callable[[Collection[int]], None]) -> Collection[int]:
        """Return none."""
        return ()

    def commit(self, partition: int, offset: int) -> None:
        """Never asked."""

    def close(self) -> None:
        """Do nothing: there is no group."""


class Partitions:
    """The pipelines of the partitions that a group has given to this process."""

    def __init__(self, config: Config, storage: Storage, clock: Clock, membership: Membership) -> None:
        self._config, self._storage, self._clock = config, storage, clock
        self._membership = membership
        self._held: dict[int, Pipeline] = {}
        self._parked: dict[int, Pipeline] = {}
        """Given back, and perhaps to be ours again before anybody else has been at them."""
        self._notes: dict[int, Notes] = {}
        """Of what is held."""
        self._standing = Standing()
        """What there is to tell, without what each has of its own."""
        self._losses: list[str] = []
        self.aside: Executor = Inline()
        """Writes snapshots, one at a time."""
        self._aside: Aside | None = None
        self._due: deque[int] = deque()
        """Partitions of which a snapshot is to be written."""

    @property
    def pipelines(self) -> list[Pipeline]:
        """Those of the partitions that are held now."""
        return [pipeline for _, pipeline in sorted(self._held.copy().items())]

    def follow(self) -> None:
        """Take what is ours now, and let go of what is not."""
        ours = set(self._membership.settle(self._give_back))
        for partition in self._held.keys() - ours:
            log.warning("partition taken away", partition=partition)
            self._let_go(partition)
        for partition in sorted(ours - self._held.keys()):
            self._take(partition)
        if ours:
            self._parked.clear()

    def _take(self, partition: int) -> None:
        try:
            self._held[partition] = self._kept(partition) or self._restored(partition)
        except Fenced as error:
            self._fenced(partition, error)
        else:
            self._notes[partition].at_end = self._clock.time()

    def restore(self) -> list[str]:
        """Take what is ours from its snapshots; returns what went wrong on the way, as sentences."""
        self._held.clear()
        self._parked.clear()
        self._losses.clear()
        self.follow()
        return list(self._losses)

    def step(self) -> int:
        """Process what has come in since; returns how many events that was."""
        return sum(self._advance(pipeline) for pipeline in self.pipelines)

    def snapshot(self) -> None:
        """Write down the models of all that is held, and let the log forget what lies before; on return it is done.

        Raises Retryable, when all have been tried, if one could not be written down now.
        """
        self._due.clear()
        self._wait()
        failed: Retryable | None = None
        for pipeline in self.pipelines:
            try:
                self._guarded(pipeline, self._write_down)
            except Retryable as error:
                self._unsaved(pipeline, error)
                failed = error
        if failed is not None:
            raise failed

    def snapshot_aside(self, *, due: bool) -> None:
        """Go on with the snapshots that are `due` now, or were: one at a time, by `aside`, while events are processed.

        One that cannot be written now is said; the next is written in its time.
        """
        if due and self._aside is not None and not self._aside.answer.done():
            log.warning("snapshots take longer than the time between them", partition=self._aside.pipeline.partition)
        elif due:
            self._due.extend(sorted(self._held.keys() - set(self._due)))
        while self._aside is None or self._aside.answer.done():
            self._wait()
            if not self._due:
                break
            if pipeline := self._held.get(self._due.popleft()):
                self._guarded(pipeline, self._begin)

    def lags(self) -> dict[int, int]:
        """Return, of each partition that is held, how many events are in the log and not yet processed."""
        offsets = {each.partition: each.offset for each in self.pipelines}
        return self._storage.log.lags(offsets) if offsets else {}

    def standing(self) -> Standing:
        """Return how this process stands, as far as partitions go; any thread may ask."""
        now, notes, joined = self._clock.time(), self._notes.copy(), self._membership
        held = [
            notes[each.partition].told(each.partition, each.offset, each.reached, now)
            for each in self.pipelines
            if each.partition in notes
        ]
        records = self._storage.log.records()
        return replace(self._standing, held=held, joined=joined.joined, rebalances=joined.rebalances, records=records)

    def reconfigure(self, config: Config) -> None:
        """Go on under another configuration."""
        self._config = config
        self._parked.clear()
        for pipeline in self.pipelines:
            self._guarded(pipeline, lambda held: held.reconfigure(config))

    def close(self) -> None:
        """Leave the group."""
        self._membership.close()

    def _begin(self, pipeline: Pipeline) -> None:
        if frozen := pipeline.freeze():
            self._aside = Aside(pipeline, frozen.offset, frozen.size, self.aside.submit(partial(timed, frozen)))
        else:
            self._membership.commit(pipeline.partition, pipeline.offset)

    def _wait(self) -> None:
        """Wait for the snapshot that is being written, if one is, and take note of it."""
        if self._aside is None:
            return
        (pipeline, offset, size, answer), self._aside = self._aside, None
        try:
            written = answer.result()
        except Retryable as error:
            self._unsaved(pipeline, error)
            return
        if self._held.get(pipeline.partition) is pipeline:
            self._saved(pipeline, offset, size, written)

    def _saved(self, pipeline: Pipeline, offset: int, size: int, written: Written) -> None:
        """Take note of a snapshot."""
        self._notes[pipeline.partition].saved(self._clock.time(), written.seconds, size)
        self._membership.commit(pipeline.partition, offset)
        try:
            pipeline.written(written.oldest)
        except (Retryable, Fenced) as error:  # it is done with the next one, by whoever writes that
            log.info("what no snapshot needs is kept", partition=pipeline.partition, cause=error.line())

    def _unsaved(self, pipeline: Pipeline, error: Retryable) -> None:
        log.warning("snapshot not written", partition=pipeline.partition, cause=error.line())
        self._notes[pipeline.partition].unsaved = error.line()
        self._standing = replace(self._standing, unsaved=self._standing.unsaved + 1)

    def _kept(self, partition: int) -> Pipeline | None:
        """Return the pipeline that was given back, if nobody else has had the partition since."""
        pipeline = self._parked.get(partition)
        return pipeline if pipeline is not None and pipeline.claim(self._membership.name) else None

    def _restored(self, partition: int) -> Pipeline:
        self._standing = replace(self._standing, restoring=partition)
        begun = time.perf_counter()
        pipeline = Pipeline(self._config, partition, Stores.of(self._storage), self._clock)
        pipeline.claim(self._membership.name)
        losses = pipeline.restore()
        self._losses += losses
        if gap := self._gap(pipeline):
            self._losses.append(gap)
        self._notes[partition] = Notes(
            0.0, time.perf_counter() - begun, passed_over=len(losses), saved_at=pipeline.saved_at
        )
        self._standing = replace(self._standing, restoring=None)
        return pipeline

    def _gap(self, pipeline: Pipeline) -> str:
        """Return what is missing between a pipeline's snapshot and the log, which forgets what is old."""
        begin = self._storage.log.begin(pipeline.partition)
        if begin <= pipeline.offset:
            return ""
        lost = f"events {pipeline.offset} to {begin - 1} of partition {pipeline.partition} are in no snapshot"
        return f"{lost} and no longer in the log; models learn from event {begin} on"

    def _give_back(self, partitions: Collection[int]) -> None:
        """Write down what others are going to go on with."""
        self._wait()
        leaving = {partition: self._let_go(partition) for partition in partitions if partition in self._held}
        for partition, pipeline in leaving.items():
            try:
                self._write_down(pipeline)
            except Fenced as error:
                self._fenced(partition, error)
            except Retryable as error:  # whoever goes on starts from the snapshot before, and replays more
                log.warning("partition given back as it is", partition=partition, cause=error.line())
        self._parked |= leaving

    def _write_down(self, pipeline: Pipeline) -> None:
        if (frozen := pipeline.freeze(copy=False)) is not None:
            self._saved(pipeline, frozen.offset, frozen.size, timed(frozen))
        else:
            self._membership.commit(pipeline.partition, pipeline.offset)

    def _advance(self, pipeline: Pipeline) -> int:
        batches = self._storage.log.read(pipeline.partition, pipeline.offset, READ)
        if not batches:
            self._notes[pipeline.partition].at_end = self._clock.time()
        return self._guarded(pipeline, lambda held: held.process(batches)) if batches or pipeline.unsettled else 0

    def _guarded(self, pipeline: Pipeline, work: Callable[[Pipeline], int | None]) -> int:
        """Do something to a pipeline; one that somebody else has taken meanwhile, or that is torn, is let go of."""
        try:
            return work(pipeline) or 0
        except Fenced as error:
            self._fenced(pipeline.partition, error)
        except Torn as error:
            log.warning("partition starts again", partition=pipeline.partition, error=str(error))
        self._let_go(pipeline.partition)
        return 0

    def _fenced(self, partition: int, error: Fenced) -> None:
        log.warning("partition taken away", partition=partition, error=str(error))
        self._standing = replace(self._standing, fenced=self._standing.fenced + 1, restoring=None)

    def _let_go(self, partition: int) -> Pipeline:
        self._storage.log.leave(partition)
        return self._held.pop(partition)
