"""More partitions: each is split, and every series goes on in the partition that its events come to from then on.

A subject's partition is its hash modulo their number, so where that is multiplied each new partition is a part of one
there was: nothing is ever merged. Of n, partition p becomes p, p + n, p + 2 n … . The work is done while no engine
runs: what is in the log is processed to its end, then the models are shared out, then the log grows. It may be broken
off at any moment and begun again: a partition's own part is written last, and a snapshot says among how many
partitions its series were shared, so no engine takes one for what it is not.
"""

from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

import structlog

from engine.clock import Clock
from engine.config.model import Config
from engine.errors import ConfigError, ForewarnError
from engine.intake import partition_of
from engine.measures.keys import subject_of
from engine.partitions import READ
from engine.pipeline import PARTITIONS, Pipeline, Stores
from engine.scoring.station import Ours
from engine.snapshots import Snapshots
from engine.storage import Storage
from engine.store.progress import Fenced

log = structlog.get_logger()
NAME = "repartition"
"""Under which it takes partitions: an engine that has them still can no longer write."""


class Moved(NamedTuple):
    """What became of the partitions."""

    before: int
    after: int
    events: int
    """How many were still to be processed."""
    series: dict[int, int]
    """How many series each partition goes on with in memory; those that are away go with them."""


def repartition(config: Config, clock: Clock) -> Moved:
    """Share the models out among as many partitions as `config` says, and let the log have so many.

    Raises ConfigError where that is not a multiple of what there is, ForewarnError where an engine is running.
    """
    wanted = config.main.events.partitions
    with closing(Storage.embedded(_among(config, 0), clock)) as storage:
        before = storage.log.partitions
        _check(before, wanted)
        parts = [_Part(config, storage, clock, partition) for partition in range(before)]
        try:
            for part in parts:
                part.split()
        except Fenced as error:
            raise ForewarnError("an engine is running", remedy="stop all of them, and run this again") from error
        storage.log.grow(wanted)
    series = {number: count for part in parts for number, count in part.series.items()}
    return Moved(before, wanted, sum(part.events for part in parts), dict(sorted(series.items())))


def home(subject: str, before: int, after: int, partition: int) -> int:
    """Return which of the `after` partitions goes on with a subject of `partition`, one of `before`.

    What was never of its subject's partition stays where it is: a series by account that counts devices' events.

    >>> partition_of("account/acme", 2), partition_of("account/acme", 8)
    (1, 3)
    >>> home("account/acme", 2, 8, 1), home("account/acme", 2, 8, 0)
    (3, 0)
    """
    there = partition_of(subject, after)
    return there if there % before == partition else partition


class _Part:
    """One of the partitions there were."""

    def __init__(self, config: Config, storage: Storage, clock: Clock, partition: int) -> None:
        self._storage, self._clock, self._partition = storage, clock, partition
        self._before, self._after = _among(config, storage.log.partitions), config
        self.events = 0
        self.series: dict[int, int] = {}

    def split(self) -> None:
        """Write the models of each part it becomes; its own last, which says that all is done."""
        if self._done():
            return
        self._drain()
        before, after = self._before.main.events.partitions, self._after.main.events.partitions
        for child in [*range(self._partition + before, after, before), self._partition]:
            self._write(child, self._ours(child, before, after))

    def _ours(self, child: int, before: int, after: int) -> Ours:
        return lambda key: home(subject_of(key), before, after, self._partition) == child

    def _done(self) -> bool:
        newest, skipped = self._snapshots.search(self._partition)
        return newest is not None and not skipped and newest.meta.get(PARTITIONS) == self._after.main.events.partitions

    def _drain(self) -> None:
        """Process what is in the log, and write down what the models know then."""
        pipeline = self._pipeline(self._before, self._partition)
        for reason in pipeline.restore():
            log.warning("restored with a loss of time only", reason=reason)
        while batches := self._storage.log.read(self._partition, pipeline.offset, READ):
            self.events += pipeline.process(batches)
        pipeline.snapshot()

    def _write(self, child: int, ours: Ours) -> None:
        parent = self._pipeline(self._before, self._partition)
        parent.restore()
        made = self._pipeline(self._after, child)
        made.inherit(parent, ours)
        if child != self._partition:
            self._hand_on(child, ours)
        made.snapshot()
        self.series[child] = made.scorer.series()
        if child == self._partition and self._storage.cold is not None:
            self._storage.cold.of(child).retain(ours)

    def _hand_on(self, child: int, ours: Ours) -> None:
        """Let a new partition have series that are away, and versions of models."""
        if (cold := self._storage.cold) is not None:
            cold.of(child).inherit(cold.of(self._partition), ours)
        if self._storage.versions is not None:
            self._storage.versions.hand_on(self._partition, child)

    def _pipeline(self, config: Config, partition: int) -> Pipeline:
        made = Pipeline(config, partition, Stores.of(self._storage), self._clock)
        made.claim(NAME)
        return made

    @property
    def _snapshots(self) -> Snapshots:
        assert self._storage.snapshots is not None
        return self._storage.snapshots


def _among(config: Config, partitions: int) -> Config:
    """Return the configuration with another number of partitions; 0: as many as the log has."""
    return replace(config, main=replace(config.main, events=replace(config.main.events, partitions=partitions)))


def _check(before: int, wanted: int) -> None:
    if wanted == before or wanted % before:
        cause = f"the event log has {before} partitions, and is to have {wanted}"
        remedy = f"set `events: {{partitions: …}}` to a multiple, as {2 * before}: a partition is split, never merged"
        raise ConfigError(cause, place="forewarn.yaml", remedy=remedy)
