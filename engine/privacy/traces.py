"""Where somebody stands in events: in the log and in the dead letters, as bytes that nobody has decoded.

An event is theirs if it names an id or an address of theirs as a JSON string, or as the beginning of a series' key.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec

from engine.eventlog.base import DeadLetter, DeadLetters, EventLog
from engine.events import make_event
from engine.events.reserved import PRIVACY
from engine.privacy.whose import Whose

PAGE = 1_000
SOURCE = PRIVACY
OURS = b'"source":"forewarn/privacy"'
"""Of events that an erasure wrote itself: they tell the models whom to forget."""
Mine = Callable[[bytes], bool]


def mine(whose: Whose) -> Mine:
    r"""Return what says of an event, as bytes, whether it is somebody's.

    >>> is_mine = mine(Whose("account/acme", {"account/acme"}, {"ann@acme.example"}))
    >>> is_mine(b'{"subject": "account/acme"}'), is_mine(b'{"series": "account/acme|endpoint=/v1"}')
    (True, True)
    >>> is_mine(b'{"subject": "account/acme-2"}'), is_mine(b'{"from": "ANN@acme.example"}')
    (False, True)
    """
    ids = "|".join(re.escape(_written(each)) for each in sorted(whose.entities))
    addresses = "|".join(re.escape(_written(each)) for each in sorted(whose.addresses))
    parts = [f'"(?:{ids})["|]'] + ([f"(?i:{addresses})"] if addresses else [])
    found = re.compile("|".join(parts).encode())
    return lambda line: found.search(line) is not None and OURS not in line


def _written(text: str) -> str:
    """Return a text as JSON writes it, without its quotes."""
    return msgspec.json.encode(text).decode()[1:-1]


def events(log: EventLog, is_mine: Mine) -> Iterator[bytes]:
    """Yield somebody's events, in the log's order."""
    for partition in range(log.partitions):
        offset = log.begin(partition)
        while batches := log.read(partition, offset, PAGE):
            for batch in batches:
                yield from (line for line in batch.payload.split(b"\n") if is_mine(line))
            offset = batches[-1].offset + batches[-1].count


def letters(kept: DeadLetters, is_mine: Mine) -> list[DeadLetter]:
    """Return somebody's dead letters."""
    found: list[DeadLetter] = []
    after = ""
    while page := list(kept.list(after=after, limit=PAGE)):
        found += [letter for letter in page if is_mine(letter.payload)]
        after = page[-1].id
    return found


def erased(line: bytes, number: int) -> bytes:
    """Return what stands in the place of an event that was erased: that time had come so far, and nothing else.

    Offsets count events, so there must be one; and a replay needs to know what time it was.
    """
    return make_event("forewarn.tick", "engine/clock", {}, id=f"erased-{number}", source=SOURCE, time=_time(line))


class _Timed(msgspec.Struct):
    time: str | float | None = None


def _time(line: bytes) -> float:
    try:
        said = msgspec.json.decode(line, type=_Timed).time
        return said if isinstance(said, float) else datetime.fromisoformat(str(said)).astimezone(UTC).timestamp()
    except (msgspec.MsgspecError, ValueError):
        return 0.0
