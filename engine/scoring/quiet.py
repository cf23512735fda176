"""Series that have gone quiet: when they leave memory, and how they come back as they were.

What leaves, and when, is a function of the batches of the log: at each of some moments of event time (64 in the idle
time), series without open windows whose last one was closed longer ago than that, with nothing raised and nothing that
could be told of their silence. So a replay does the same again.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from engine.cold import Away, ColdStore, Leaving
from engine.errors import Retryable

log = structlog.get_logger()
Rows = Mapping[str, NDArray[Any]]
MOMENTS = 64.0
MOST = 2_000
"""Series that leave at once, at most: the others do after the next batches, so that none of them is a pause."""


class Idle(NamedTuple):
    """When and where series go that are quiet."""

    after: float
    """Seconds of event time."""
    store: ColdStore


class Relearn(NamedTuple):
    """A declared change that has made worthless what was learned before it."""

    number: int
    detector: str
    subject: str


class Quiet:
    """What a station remembers of the series that left its memory."""

    def __init__(self, watch: str, idle: Idle) -> None:
        self._watch, self._idle = watch, idle
        self._moment = -np.inf
        self._relearned: list[Relearn] = []
        self._changes = 0

    def horizon(self, watermark: float) -> float | None:
        """Return before when a series' last window must have been closed for it to leave now; None: not now."""
        moment = np.floor(watermark / self._idle.after * MOMENTS)
        return float(watermark - self._idle.after) if moment > self._moment else None

    def leave(self, keys: Sequence[str], hashes: NDArray[np.uint64], rows: Rows) -> bool:
        """Keep the series durably; False if that cannot be done now: then they have to stay."""
        try:
            self._idle.store.put(self._watch, Leaving(keys, hashes, *packed(rows), self._changes))
        except Retryable as error:
            log.warning("quiet series stay in memory", cause=error.line())
            return False
        return True

    def done(self, watermark: float) -> None:
        """Take note that all have left that had to at this moment."""
        self._moment = float(np.floor(watermark / self._idle.after * MOMENTS))
        if not self._relearned:
            return
        try:
            least = self._idle.store.least_mark(self._watch)
        except Retryable as error:
            log.warning("declared changes stay in memory", cause=error.line())
            return
        self._relearned = [each for each in self._relearned if least is not None and each.number > least]

    def has(self, key: str) -> bool:
        """Return whether a series is away."""
        return self._idle.store.holds(self._watch, key)

    def maybe(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return which series may be away, by the hashes of their keys."""
        return self._idle.store.may_hold(self._watch, hashes)

    def back(self, keys: Sequence[str]) -> list[Away | None]:
        """Return what is kept of series that come back; None of those that were not away."""
        return self._idle.store.take(self._watch, keys)

    def relearn(self, detector: str, subject: str) -> None:
        """Take note that `detector` learns anew all that is of `subject`: those that are away when they come back."""
        self._changes += 1
        self._relearned.append(Relearn(self._changes, detector, subject))

    def erase(self, subject: str) -> None:
        """Forget that anything was declared of `subject`; its series are the store's to erase."""
        self._relearned = [each for each in self._relearned if each.subject != subject]

    def to_relearn(self, away: Away, subjects: Collection[str]) -> list[str]:
        """Return the detectors that a series, which is of `subjects`, has to be learned anew by."""
        return [each.detector for each in self._relearned if each.number > away.mark and each.subject in subjects]

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what is remembered."""
        relearned = np.frombuffer(json.dumps(self._relearned).encode(), np.uint8)
        return {"moment": np.array([self._moment]), "relearned": relearned, "changes": np.array([self._changes])}

    def load(self, state: Rows) -> None:
        """Take a state over."""
        if state:
            self._moment, self._changes = float(state["moment"][0]), int(state["changes"][0])
            self._relearned = [Relearn(*each) for each in json.loads(state["relearned"].tobytes())]


def packed(rows: Rows) -> tuple[str, NDArray[np.uint8]]:
    """Return what the bytes of each series mean, and the bytes, a row for each series."""
    flat = {name: _bytes(array) for name, array in rows.items()}
    layout = json.dumps([(name, array.shape[1]) for name, array in flat.items()])
    return layout, np.concatenate(list(flat.values()), axis=1)


def unpacked(away: Sequence[Away], like: Rows) -> Rows:
    """Return the rows of series that left with the same layout, as far as `like` has such, and of its types."""
    states = np.frombuffer(b"".join(each.state for each in away), np.uint8).reshape(len(away), -1)
    rows, at = dict[str, NDArray[Any]](), 0
    for name, size in json.loads(away[0].layout):
        if name in like and _bytes(like[name]).shape[1] == size:
            part = np.ascontiguousarray(states[:, at : at + size]).reshape(-1)
            rows[name] = part.view(like[name].dtype).reshape(len(away), *like[name].shape[1:])
        at += size
    return rows


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    size = array.dtype.itemsize * math.prod(array.shape[1:])
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(len(array), size)
