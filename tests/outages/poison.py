"""What nobody should write into a topic, and what becomes of it."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import count

from engine.events.rejects import MALFORMED, OVERSIZED, UNKNOWN_TYPE
from tests.faults.house import event
from tests.outages.deliveries import MANY, Header, Other
from tests.outages.life import PARTITIONS, START
from tests.outages.town import TOPIC, Town

Record = tuple[bytes | None, list[Header]]
Dose = Callable[[str, random.Random], tuple[Record, Mapping[str, int]]]
"""Makes a record of its own of a name, with how many dead letters come of it, by reason."""


def rubbish(name: str, dice: random.Random) -> tuple[Record, Mapping[str, int]]:
    return (name.encode() + dice.randbytes(200), []), {MALFORMED: 1}


def nothing(name: str, dice: random.Random) -> tuple[Record, Mapping[str, int]]:
    return (None, []), {MALFORMED: 1}


def damaged_in_the_middle(name: str, dice: random.Random) -> tuple[Record, Mapping[str, int]]:
    """A batch of which two lines in the middle are none any more; what is around them counts for nobody."""
    lines = [event("forewarn.tick", "engine/clock", {}, START, f"{name}-{number}") for number in range(4)]
    lines[1] = lines[1][:20] + b"\xff\x00" + lines[1][30:]
    lines[2] = lines[2][: len(lines[2]) // 2]
    return (b"\n".join(lines), MANY), {MALFORMED: 2}


def no_known_kind(name: str, dice: random.Random) -> tuple[Record, Mapping[str, int]]:
    return (event("forewarn.invention", "account/x", {"n": 1}, START, name), []), {UNKNOWN_TYPE: 1}


def no_known_form(name: str, dice: random.Random) -> tuple[Record, Mapping[str, int]]:
    """The attributes are good, but the data is in a format that nobody here reads."""
    attributes = {"specversion": "1.0", "id": name, "source": "test", "type": "app.call", "subject": "account/x"}
    headers = [(f"ce_{key}", value.encode()) for key, value in attributes.items()]
    return (dice.randbytes(50), [*headers, ("content-type", b"application/avro")]), {MALFORMED: 1}


def another_version(name: str, dice: random.Random) -> tuple[Record, Mapping[str, int]]:
    line = event("app.call", "account/x", {"failed": True}, START, name)
    return (line.replace(b'"specversion":"1.0"', b'"specversion":"7.0"'), []), {MALFORMED: 1}


def huge(name: str, dice: random.Random) -> tuple[Record, Mapping[str, int]]:
    """A megabyte that cannot be made smaller: as a dead letter it is more than a broker takes."""
    text = dice.randbytes(500_000).hex()
    return (event("app.call", "account/x", {"failed": True, "text": text}, START, name), []), {OVERSIZED: 1}


def many_lines(name: str, dice: random.Random) -> tuple[Record, Mapping[str, int]]:
    """A record of more lines than there are places in one; packed it is small enough for a broker."""
    return (name.encode() + b"\n1" * (1 << 20), MANY), {OVERSIZED: 1}


DOSES: tuple[Dose, ...] = (
    rubbish,
    nothing,
    damaged_in_the_middle,
    no_known_kind,
    no_known_form,
    another_version,
    huge,
    many_lines,
)


class Poisoner:
    """Writes poison into a town's topic, each kind in turn, and knows what has to come of it."""

    def __init__(self, town: Town, dice: random.Random) -> None:
        self._other, self._dice = Other(town, dice, compression="gzip"), dice
        self._turns: Iterator[int] = count()
        self.expected: Counter[str] = Counter()
        """Dead letters, by reason."""

    def give(self) -> None:
        """Write one of each into a partition."""
        partition = self._dice.randrange(PARTITIONS)
        for dose in self._dice.sample(DOSES, len(DOSES)):
            (value, headers), letters = dose(f"poison-{next(self._turns)}", self._dice)
            self._other.send(partition, value, headers)
            self.expected.update(letters)
        self._other.flush()

    def close(self) -> None:
        """Write no more."""
        self._other.close()


def damage_a_batch(town: Town, partition: int) -> None:
    """Let a bit of what the broker has on its disk be turned over, in a batch that no worker has read yet.

    Batches before and after it are whole.
    """
    workers = [each for each in town.of("worker") if each.wanted]
    for each in workers:
        each.wanted = False
        each.kill("before a batch was damaged")
    mark = f"damaged-{time.monotonic_ns()}".encode()
    other = Other(town, random.Random(0), compression=None)
    for value in (b"{}", mark, b"{}"):
        other.send(partition, value, [])
        other.flush()
    other.close()
    _turn_over(town, partition, mark)
    for each in workers:
        each.wanted = True


def _turn_over(town: Town, partition: int, mark: bytes) -> None:
    (segment,) = (town.folder / "data" / f"{TOPIC}-{partition}").glob("*.log")
    data = segment.read_bytes()
    at = data.index(mark)
    with segment.open("r+b") as file:
        file.seek(at)
        file.write(bytes([data[at] ^ 1]))
