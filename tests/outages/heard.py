"""Understanding what processes say to PostgreSQL and to Kafka: the moments at which they leave a trace."""

import threading
from collections import deque
from collections.abc import Callable

Moment = Callable[[str], bool]
"""Takes note of a moment of a process; returns whether that process still lives after it."""
REQUESTS = {0: "produce", 1: "fetch", 8: "offsets", 11: "join", 13: "leave", 14: "sync"}
"""Of Kafka (https://kafka.apache.org/protocol#protocol_api_keys), by their keys: those that are waited for here."""


class Transactions:
    """Hears a connection to PostgreSQL: its commits. Implements `Ear`."""

    def __init__(self, moment: Moment) -> None:
        self._moment, self._committing = moment, False

    def asked(self, data: bytes) -> bool:
        """Take note of a commit that is asked for."""
        if not _is_commit(data):
            return True
        self._committing = True
        return self._moment("commit, asked")

    def answered(self, data: bytes) -> bool:
        """Take note of one that was made."""
        made, self._committing = self._committing, False
        return self._moment("commit, made") if made else True


def _is_commit(data: bytes) -> bool:
    r"""Say whether a simple query that commits is in it.

    >>> _is_commit(b"Q\x00\x00\x00\x0bCOMMIT\x00")
    True
    """
    return b"COMMIT\x00" in data


class Requests:
    """Hears a connection to a broker of Kafka: its requests, by the lengths before them. Implements `Ear`."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._out, self._back = _Frames(), _Frames()
        self._waiting: deque[str] = deque()
        self._lock = threading.Lock()

    def asked(self, data: bytes) -> bool:
        """Take note of requests that begin in it."""
        names = [REQUESTS.get(int.from_bytes(head[:2]), "") for head in self._out.heads(data)]
        with self._lock:
            self._waiting.extend(names)
        return all(self._moment(f"{name}, asked") for name in names if name)

    def answered(self, data: bytes) -> bool:
        """Take note of answers that begin in it: a broker answers in the order in which it was asked."""
        with self._lock:
            names = [self._waiting.popleft() for _ in self._back.heads(data) if self._waiting]
        return all(self._moment(f"{name}, answered") for name in names if name)


class _Frames:
    """Finds where messages begin that each have their length, of four bytes, before them."""

    def __init__(self) -> None:
        self._held, self._skip = b"", 0

    def heads(self, data: bytes) -> list[bytes]:
        """Return the first two bytes of each message that begins in what came."""
        found = []
        self._held += data
        while len(self._held) >= self._skip + 6:
            at = self._skip
            found.append(self._held[at + 4 : at + 6])
            self._held, self._skip = self._held[at:], 4 + int.from_bytes(self._held[at : at + 4])
        passed = min(self._skip, len(self._held))
        self._held, self._skip = self._held[passed:], self._skip - passed
        return found
