"""A consumer of kafka-python that hands out batches of records whole, where they are events whole.

kafka-python makes an object of each record; this takes its place where it reads the batches of a fetch, by a name that
is not public: kafka-python is pinned, and a consumer that lacks the name goes on with its objects.

A batch whose checksum is wrong, or that cannot be unpacked, would be an error at each fetch, for ever. It becomes one
record that is no event, so that it is found among the dead letters, and what follows it is read.
"""

import base64
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from kafka.errors import UnsupportedCodecError  # type: ignore[import-untyped]  # has no types

from engine.eventlog.recordbatch import Head, Unpacked, unpack


class Many(bytes):
    """A batch's events, one a line, standing for the value of a record."""

    unpacked: Unpacked


class Lost(bytes):
    """What stands for a batch that was damaged."""


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


class _Damaged:
    """A damaged batch, as one record at the offset of its last: the value says so and has its bytes."""

    magic = 1  # nothing that it says of transactions is to be believed
    is_control_batch = False
    key, checksum = None, None
    headers: tuple[tuple[str, bytes], ...] = ()

    def __init__(self, batch: Any) -> None:
        self.base_offset, self.offset = batch.base_offset, batch.last_offset
        self.timestamp, self.timestamp_type = batch.max_timestamp, batch.timestamp_type
        raw = bytes(batch._buffer)  # noqa: SLF001 -- see above
        self.size_in_bytes = len(raw)
        told = f"corrupt: records {self.base_offset} to {self.offset}: "
        self.value = Lost(told.encode() + base64.b64encode(raw))

    def __iter__(self) -> Iterator["_Damaged"]:
        return iter([self])

    def validate_crc(self) -> bool:
        """Let it be taken as it is."""
        return True


class _Batch:
    """A batch that, gone through, gives one record for all where it can."""

    def __init__(self, batch: Any, *, whole: bool, good: bool) -> None:
        self._batch, self._whole, self._good = batch, whole, good

    def validate_crc(self) -> bool:
        """Return what was found before."""
        return self._good

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(self._records())
        except UnsupportedCodecError:
            raise
        except Exception:  # noqa: BLE001 -- whatever a decompressor or a reader of bytes makes of what has no form
            return iter(_Damaged(self._batch))

    def _records(self) -> Iterable[Any]:
        batch = self._batch
        records = iter(batch)  # unpacks the bytes
        if not self._whole or batch.magic != 2 or batch.is_control_batch or not batch.records_count:
            return list(records)
        raw = np.frombuffer(batch._buffer, np.uint8, offset=batch._pos)  # noqa: SLF001 -- see above
        appended = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else -1
        head = Head(batch.records_count, batch.base_offset, batch.first_timestamp, appended)
        unpacked = unpack(raw, head)
        if unpacked is None:
            del raw
            return list(records)
        return [_Record(batch, unpacked, len(raw))]


class _Batches:
    """The batches of a fetch."""

    def __init__(self, records: Any, *, whole: bool = True) -> None:
        self._records, self._whole = records, whole

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> _Batch | _Damaged | None:
        """Return the next one; None after the last."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        good = batch.validate_crc()
        return _Batch(batch, whole=self._whole, good=good) if good or not _has_an_end(batch) else _Damaged(batch)


def _has_an_end(batch: Any) -> bool:
    """Return whether a damaged batch still says where it ends: two parts of it agree on how long it is."""
    return bool(batch.magic == 2 and 0 < batch.records_count == batch.last_offset - batch.base_offset + 1)


def by_batches(consumer: Any, *, whole: bool = True) -> Any:
    """Let `consumer` hand out batches `whole`, and damaged ones as a record each, if it is of a make that this knows.

    Returns it.
    """
    fetcher: Any = getattr(consumer, "_fetcher", None)
    records_of = getattr(fetcher, "PartitionRecords", None)
    if records_of is not None and hasattr(records_of, "_unpack_records"):

        def read(offset: int, tp: Any, records: Any, **more: Any) -> Any:
            return records_of(offset, tp, _Batches(records, whole=whole), **more)

        fetcher.PartitionRecords = read
    return consumer
