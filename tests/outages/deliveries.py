"""Ways for a day's events to come in: over HTTP, again by others, out of order within what is allowed."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from kafka import KafkaProducer  # type: ignore[import-untyped]  # has no types

from engine.intake import partition_of
from tests.outages.life import PARTITIONS
from tests.outages.town import TOPIC, Town

Header = tuple[str, bytes]
Minute = tuple[float, Sequence[bytes]]
Way = Callable[[Town, Sequence[Minute]], None]
"""Lets minutes come into a town: when each is over, and its events."""
STRUCTURED: list[Header] = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
MANY: list[Header] = [("content-type", b"application/x-ndjson")]


def post(town: Town, minutes: Sequence[Minute]) -> None:
    """Hand them in over HTTP, in order."""
    for now, lines in minutes:
        town.hand_in(lines, now)


class Other:
    """A producer that is none of ours: writes to a town's topic, in each of the forms that are taken."""

    def __init__(self, town: Town, dice: random.Random, *, compression: str | None) -> None:
        self._dice = dice
        self._producer = KafkaProducer(
            bootstrap_servers=f"127.0.0.1:{town.broker.port}",
            compression_type=compression,
            linger_ms=dice.choice([0, 20]),
            max_request_size=8 << 20,
            metadata_max_age_ms=1000,
        )
        town.until(self._knows_all, "the broker does not tell of all partitions")

    def _knows_all(self) -> bool:
        """Say whether all partitions are known: of a topic that was just made the first answer may have some."""
        return len(self._producer.partitions_for(TOPIC) or ()) == PARTITIONS

    def write(self, lines: Sequence[bytes]) -> None:
        """Write events, each to the partition of its subject; what is one record, and in which form, is by chance."""
        for partition in range(PARTITIONS):
            ours = [line for line in lines if partition_of(_subject(line), PARTITIONS) == partition]
            for value, headers in self._records(ours):
                self.send(partition, value, headers)
        self.flush()

    def send(self, partition: int, value: bytes | None, headers: list[Header]) -> None:
        """Write a record."""
        self._producer.send(
            TOPIC, value=value, key=b"" if value is None else None, headers=headers, partition=partition
        )

    def flush(self) -> None:
        """Wait until all is written."""
        self._producer.flush(timeout=60)

    def close(self) -> None:
        """Let go of the connections."""
        self._producer.close(timeout=60)

    def _records(self, lines: Sequence[bytes]) -> Iterator[tuple[bytes, list[Header]]]:
        at = 0
        while at < len(lines):
            if self._dice.random() < 0.3:
                size = self._dice.randint(1, 12)
                yield b"\n".join(lines[at : at + size]), MANY
                at += size
            else:
                yield self._dice.choice([_bare, _structured, _binary])(lines[at])
                at += 1


def again(dice: random.Random) -> Way:
    """Return a way in which all comes twice or more: over HTTP, and by others before or after that, mixed."""

    def come(town: Town, minutes: Sequence[Minute]) -> None:
        other = Other(town, dice, compression=dice.choice([None, "gzip", "lz4", "zstd"]))
        before = list[bytes]()
        for now, lines in minutes:
            town.clock.set(now)
            if dice.random() < 0.5:
                other.write(lines)
            town.hand_in(lines, now)
            before += lines
            other.write(dice.sample(before, len(before)))
            town.hand_in(dice.sample(before, len(before) // 2 + 1), now)
        other.close()

    return come


def out_of_order(dice: random.Random) -> Way:
    """Return a way in which of each two minutes all is mixed: an event is late by less than the minute allowed.

    Of the first two the first is in order, as series are numbered in the order in which they are first heard of.
    """

    def come(town: Town, minutes: Sequence[Minute]) -> None:
        first, rest = minutes[:1], minutes[1:]
        post(town, first)
        for at in range(0, len(rest), 2):
            pair = rest[at : at + 2]
            lines = [line for _, each in pair for line in each]
            dice.shuffle(lines)
            cut = dice.randint(1, len(lines))
            for part in (lines[:cut], lines[cut:]):
                town.hand_in(part, pair[-1][0]) if part else None

    return come


def _subject(line: bytes) -> str:
    return str(msgspec.json.decode(line)["subject"])


def _bare(line: bytes) -> tuple[bytes, list[Header]]:
    return line, []


def _structured(line: bytes) -> tuple[bytes, list[Header]]:
    return msgspec.json.format(line, indent=2), STRUCTURED


def _binary(line: bytes) -> tuple[bytes, list[Header]]:
    event: dict[str, Any] = msgspec.json.decode(line)
    data = event.pop("data")
    return msgspec.json.encode(data), [(f"ce_{name}", value.encode()) for name, value in event.items()]
