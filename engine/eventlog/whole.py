"""A consumer of kafka-python that hands out batches of records whole, where they are events whole.

kafka-python makes an object of each record; this takes its place where it reads the batches of a fetch, by a name that
is not public: kafka-python is pinned, and a consumer that lacks the name goes on with its objects.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.eventlog.recordbatch import Head, Unpacked, unpack


class Many(bytes):
    """A batch's events, one a line, standing for the value of a record."""

    unpacked: Unpacked


class _Record:
    """Stands for all records of a batch, at the offset of the last."""

    validate_crc = staticmethod(lambda: True)
    key, checksum = None, None
    headers: tuple[tuple[str, bytes], ...] = ()

    def __init__(self, batch: Any, unpacked: Unpacked, size: int) -> None:
        self.offset = batch.last_offset
        self.timestamp, self.timestamp_type = batch.max_timestamp, batch.timestamp_type
        self.size_in_bytes = size
        self.value = Many(unpacked.text)
        self.value.unpacked = unpacked


class _Batch:
    """A batch that, gone through, gives one record for all where it can."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        batch = self._batch
        records = iter(batch)  # unpacks the bytes
        if batch.magic != 2 or batch.is_control_batch:
            return records  # type: ignore[no-any-return]
        raw = np.frombuffer(batch._buffer, np.uint8, offset=batch._pos)  # noqa: SLF001 -- see above
        appended = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else -1
        head = Head(batch.records_count, batch.base_offset, batch.first_timestamp, appended)
        unpacked = unpack(raw, head)
        if unpacked is None:
            del raw
            return records  # type: ignore[no-any-return]
        return iter([_Record(batch, unpacked, len(raw))])


class _Batches:
    """The batches of a fetch."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> _Batch | None:
        """Return the next one; None after the last."""
        batch = self._records.next_batch()
        return None if batch is None else _Batch(batch)


def by_batches(consumer: Any) -> Any:
    """Let `consumer` hand out batches whole, if it is of a make that this knows; return it."""
    fetcher: Any = getattr(consumer, "_fetcher", None)
    records_of = getattr(fetcher, "PartitionRecords", None)
    if records_of is not None and hasattr(records_of, "_unpack_records"):

        def whole(offset: int, tp: Any, records: Any, **more: Any) -> Any:
            return records_of(offset, tp, _Batches(records), **more)

        fetcher.PartitionRecords = whole
    return consumer
