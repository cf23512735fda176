"""Where cohorts were over all partitions: parts come in; when enough partitions told of a window, it is told back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from detectors.across import Part, Whole, merged
from engine.events import CohortEvent, make_event
from engine.ids import derive

Told = tuple[str, float, int, int, list[float]]
"""As a partition tells of a cohort: its key, and what `Part` has."""
RECENT = 8
"""Windows after which a partition that told nothing more of a cohort is not waited for."""
SUBJECT = "engine/cohorts"
HALF = 2
"""A window is told once half of the partitions told of it, as some may be behind; and again with each that follows."""


@dataclass(slots=True)
class _Cohort:
    parts: dict[int, Part] = field(default_factory=dict)
    """By partition, of the latest window it told of."""
    step: float = 0.0
    latest: float = float("-inf")

    def hear(self, partition: int, part: Part) -> None:
        before = self.parts.get(partition)
        if before is not None and part.time > before.time:
            self.step = min(self.step or float("inf"), part.time - before.time)
        if before is None or part.time >= before.time:
            self.parts[partition] = part
        self.latest = max(self.latest, part.time)
        if self.step:
            self.parts = {at: each for at, each in self.parts.items() if self.latest - each.time <= RECENT * self.step}

    def whole(self, time: float) -> Whole | None:
        """Return where it was in a window; None while too few partitions told of it."""
        there = [part for _, part in sorted(self.parts.items()) if part.time == time]
        return merged(there) if HALF * len(there) >= len(self.parts) else None


class Cohorts:
    """Adds up what partitions tell of the cohorts of all detectors. Memory goes with cohorts and partitions.

    >>> cohorts = Cohorts()
    >>> cohorts.hear("peers", 0, [("plan=pro", 60.0, 2, 0, [1.0, 2.0])], "line-1") is not None
    True
    >>> line = cohorts.hear("peers", 1, [("plan=pro", 60.0, 1, 0, [6.0])], "line-2")
    >>> line.decode().partition('"data":')[2]
    '{"detector":"peers","cohorts":[["plan=pro",60.0,2.0,1.0,3,0]]}}'
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Cohort] = {}

    def hear(self, detector: str, partition: int, told: Sequence[Told], line: str) -> bytes | None:
        """Take the word of a partition; returns the event that tells all of them what is known now, if it is enough.

        `line` is the id of what told it: the event's is derived from it, so it comes once however often that is read.
        """
        found = [(key, *whole) for key, whole in self._wholes(detector, partition, told)]
        if not found:
            return None
        at = max(time for _, time, *_ in found)
        data = {"detector": detector, "cohorts": found}
        return make_event(CohortEvent.type, SUBJECT, data, id=derive("coh", line), source="forewarn/cohorts", time=at)

    def _wholes(self, detector: str, partition: int, told: Sequence[Told]) -> Iterator[tuple[str, Whole]]:
        for key, *part in told:
            cohort = self._known.setdefault((detector, key), _Cohort())
            latest = Part(*part)  # type: ignore[arg-type]  # a tuple without its head
            cohort.hear(partition, latest)
            whole = cohort.whole(latest.time)
            if whole is not None and whole.seen + whole.young:
                yield key, whole
