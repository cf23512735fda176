"""A watch over other detectors: their signals become the observations of a composite."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Growing
from detectors.base import Ints, Observations
from engine.columnar.index import SeriesIndex
from engine.config.model import DetectorConfig, Watch
from engine.issues.findings import Finding
from engine.measures.keys import escape, split_key, subject_of
from engine.scoring.station import Raised, Station, Surroundings, within

_WAITING = np.dtype([("until", "<f8"), ("series", "<i4"), ("channel", "<i2"), ("raised", "<i2"), ("member", "<i4")])

NOBODY = -1
"""In place of the number of a member's series that was erased."""


class Relay(Station):
    """Turns findings of the detectors it watches into rows: the member's number, and 1 raised or 0 over.

    What is found waits until the watermark has reached it, and is then taken in order of time, so the result does not
    depend on how the log is cut into batches.
    """

    def __init__(self, name: str, watch: Watch, detectors: Iterable[DetectorConfig], around: Surroundings) -> None:
        super().__init__(name, watch, detectors, around)
        self.members = watch.signals
        self._by = watch.by or ("account",)
        self._index = SeriesIndex()
        self._waiting: NDArray[Any] = np.zeros(0, _WAITING)
        self._heard: list[tuple[float, int, int, int, int]] = []
        self._latest = Growing(np.float64)
        self._named = SeriesIndex()
        self._open: dict[tuple[int, int], set[int]] = {}

    @property
    def index(self) -> SeriesIndex:
        """Its own: of what `by` makes of a finding."""
        return self._index

    def hear(self, findings: Iterable[Finding]) -> None:
        """Take note of what was found, if it is of a member."""
        for finding in findings:
            signal = finding.signal
            if signal.detector in self.members and (key := self._key(finding)):
                number = int(self._index.lookup([key])[0])
                state = 0 if signal.state == "cleared" else 1
                member = int(self._named.lookup([finding.series])[0])
                self._heard.append((finding.until, number, self.members.index(signal.detector), state, member))

    def advance(self, watermark: float) -> Raised:
        """Let the composites see all that happened up to `watermark`, and that time has passed."""
        if self._heard:
            self._waiting = np.concatenate([self._waiting, np.array(self._heard, _WAITING)])
            self._heard = []
        due = self._waiting["until"] <= watermark
        if due.any():
            rows = np.sort(self._waiting[due], order=("until", "series", "channel", "raised", "member"))
            self._waiting = self._waiting[~due]
            yield from self._feed(self._observations(rows), self.monitors)
        yield from self.tick(watermark)

    def erase(self, subject: str, watermark: float) -> None:
        """Forget series of `subject` here and at the detectors that are watched: what these had raised is over."""
        super().erase(subject, watermark)
        gone = {number for number in self._named.numbers().tolist() if subject_of(self._named.key(number)) == subject}
        self._waiting = self._waiting[~np.isin(self._waiting["member"], list(gone))]
        self._heard = [each for each in self._heard if each[-1] not in gone]
        for (series, channel), members in self._open.items():
            if members & gone and not members - gone:
                self._heard.append((watermark, series, channel, 0, NOBODY))
            members.difference_update(gone)
        self._named.remove(np.array(sorted(gone), np.int32))

    def _forget(self, series: Ints, watermark: float) -> None:
        self._waiting = self._waiting[~np.isin(self._waiting["series"], series)]
        self._heard = [each for each in self._heard if each[1] not in series]
        self._open = {at: members for at, members in self._open.items() if at[0] not in series}
        self._latest.reserve(len(self._index))
        self._latest.array[series] = 0.0
        self._index.remove(series)

    def _observations(self, rows: NDArray[Any]) -> Observations:
        """Return rows whose times never decrease within a series, though a replayed member may tell of the past."""
        self._latest.reserve(len(self._index))
        time, raised = rows["until"] - self.watch.every, rows["raised"].copy()
        for place, (_, series, channel, state, member) in enumerate(rows.tolist()):
            time[place] = self._latest.array[series] = max(time[place], self._latest.array[series])
            raised[place] = self._any_open((series, channel), member, raised=state == 1)
        return Observations.of(rows["series"], time, raised, channel=rows["channel"])

    def _any_open(self, at: tuple[int, int], member: int, *, raised: bool) -> bool:
        """Take note that a series of a member is raised or over; return whether any of that member's is raised."""
        known = self._open.setdefault(at, set())
        (known.add if raised else known.discard)(member)
        if not known:
            del self._open[at]
        return bool(known)

    def _key(self, finding: Finding) -> str:
        parts = [_component(name, finding) for name in self._by]
        return "" if None in parts else "|".join(escape(parts))

    def _parts(self) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        waiting = np.concatenate([self._waiting, np.array(self._heard, _WAITING)])
        raised = [(*at, member) for at, members in sorted(self._open.items()) for member in sorted(members)]
        own = {
            "waiting": waiting,
            "latest": self._latest.array[: len(self._index)],
            "open": np.array(raised, np.int32).reshape(-1, 3),
        }
        return {"index": self._index.state(), "parts": self._named.state(), "relay": own}

    def _parts_of(self, series: Ints) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        new = np.full(len(self._index), -1, np.int32)
        new[series] = np.arange(len(series))
        index = SeriesIndex()
        index.lookup([self._index.key(number) for number in series.tolist()])
        own = self._parts()["relay"]
        waiting, opened = (rows[new[rows_of] >= 0] for rows, rows_of in _numbered(own))
        waiting["series"], opened[:, 0] = new[waiting["series"]], new[opened[:, 0]]
        return {
            "index": index.state(),
            "relay": {"waiting": waiting, "latest": own["latest"][series], "open": opened},
        }

    def _load_parts(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        own = within(arrays, "relay")
        self._index.load(within(arrays, "index"))
        self._named.load(within(arrays, "parts"))
        self._open = {}
        for series, channel, member in own["open"].tolist():
            self._open.setdefault((series, channel), set()).add(member)
        self._latest.fill(own["latest"])
        self._waiting, self._heard = own["waiting"].copy(), []


def _numbered(own: Mapping[str, NDArray[Any]]) -> Iterator[tuple[NDArray[Any], Ints]]:
    """Yield the rows that name a series, with the numbers that they name."""
    yield own["waiting"], own["waiting"]["series"]
    yield own["open"], own["open"][:, 0]


def _component(name: str, finding: Finding) -> str | None:
    """Return what `by: name` is of a finding: its account, its subject, or that part of its series' key."""
    if name == "account":
        return finding.account
    if name == "subject":
        return finding.subject or None
    heads = f"{name}/", f"{name}="
    return next((part for part in split_key(finding.series) if part.startswith(heads)), None)
