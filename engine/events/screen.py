"""What is checked of decoded events beyond their types: texts, content type, time."""

import re
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from engine.columnar.times import epochs
from engine.events.lines import Lines
from engine.events.rejects import FUTURE, MALFORMED, Reject
from engine.events.reserved import Control
from engine.events.schema import EventType

Floats = NDArray[np.float64]
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_JSON = re.compile(r"(?:application|text)/(?:[\w.!#$&^-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)


class Sifted(NamedTuple):
    """The good events of a payload in order, and the others."""

    events: Sequence[Any]
    """As decoded; reserved ones as `Control`."""
    kinds: list[type]
    """What each was decoded to."""
    numbers: NDArray[np.int32]
    times: Floats
    rejects: list[Reject]


class Screen:
    """Checks the events of some lines; `texts` are those by number."""

    def __init__(
        self,
        lines: Lines,
        texts: Mapping[int, bytes],
        arrived: float,
        future: float,
        types: Mapping[type, EventType],
    ) -> None:
        self._lines, self._raw, self._arrived, self._future = lines, texts, arrived, future
        self._reserved = {wire: kind.control for wire, kind in types.items() if kind.control}
        self._bad: dict[int, tuple[str, str]] = {}

    def sift(self, events: list[Any], kinds: list[type], numbers: NDArray[np.int32]) -> Sifted:
        """Separate good events from others, and make reserved ones what they are."""
        times = self._times(events)
        self._content_types(events)
        if self._lines.may_hold_control_characters():
            self._texts(events)
        if not self._reserved.keys().isdisjoint(set(kinds)):
            events = self._controls(events, numbers, times)
        return self._separate(events, kinds, numbers, times)

    def _refuse(self, place: int, reason: str, detail: str) -> None:
        self._bad.setdefault(place, (reason, detail))

    def _times(self, events: list[Any]) -> Floats:
        texts = [event.time for event in events]
        if None not in texts:
            times = epochs(texts)
        else:
            times = np.where([text is None for text in texts], self._arrived, epochs([text or "" for text in texts]))
        for place in np.flatnonzero(~(times <= self._arrived + self._future)).tolist():
            self._time(place, texts[place], times[place] - self._arrived)
        return times

    def _time(self, place: int, text: str | None, ahead: float) -> None:
        if np.isnan(ahead):
            self._refuse(place, MALFORMED, f"time: {text!r:.80} is no RFC 3339 date-time")
        else:
            self._refuse(
                place, FUTURE, f"time: {text} is {ahead:.0f} s after its arrival; {self._future:.0f} s are allowed"
            )

    def _content_types(self, events: list[Any]) -> None:
        others = {event.datacontenttype for event in events} - {None, "application/json"}
        wrong = {text for text in others if not _JSON.fullmatch(text)}
        if wrong:
            for place, event in enumerate(events):
                if event.datacontenttype in wrong:
                    detail = f"datacontenttype: expected application/json, got {event.datacontenttype!r:.80}"
                    self._refuse(place, MALFORMED, detail)

    def _texts(self, events: list[Any]) -> None:
        for place, event in enumerate(events):
            for name in ("id", "source", "subject"):
                found = _CONTROL.search(getattr(event, name))
                if found:
                    detail = f"{name}: control character U+{ord(found[0]):04X} at {found.start()} is not allowed"
                    self._refuse(place, MALFORMED, detail)

    def _controls(self, events: list[Any], numbers: NDArray[np.int32], times: Floats) -> list[Any]:
        return [
            self._control(place, control, event, int(numbers[place]), float(times[place]))
            if (control := self._reserved.get(type(event)))
            else event
            for place, event in enumerate(events)
        ]

    def _control(self, place: int, control: type[Control], event: Any, line: int, time: float) -> Control:
        data = structs.asdict(event.data)
        made = control(id=event.id, source=event.source, subject=event.subject, time=time, line=line, **data)
        if problem := made.problem():
            self._refuse(place, MALFORMED, problem)
        return made

    def _separate(self, events: list[Any], kinds: list[type], numbers: NDArray[np.int32], times: Floats) -> Sifted:
        if not self._bad:
            return Sifted(events, kinds, numbers, times, [])
        good = np.ones(len(events), np.bool_)
        good[list(self._bad)] = False
        rejects = [self._reject(int(numbers[place]), *self._bad[place]) for place in self._bad]
        chosen = good.tolist()
        kept = list(compress(events, chosen)), list(compress(kinds, chosen))
        return Sifted(*kept, numbers[good], times[good], rejects)

    def _reject(self, number: int, reason: str, detail: str) -> Reject:
        return Reject(number, reason, detail, self._raw[number])
