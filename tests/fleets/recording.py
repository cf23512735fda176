"""A recorded fleet: the events of a history, and the question that is asked of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.events import make_event

HOUR, DAY = 3600.0, 86400.0


class Happened(NamedTuple):
    """One event."""

    time: float
    type: str
    subject: str
    data: Mapping[str, object]


@dataclass(frozen=True)
class Recording:
    """What happened, in order of time, and what is to be predicted."""

    name: str
    happened: list[Happened]
    begin: float
    """Epoch seconds of the first moment at which anyone is scored."""
    end: float
    """The last moment of which all is known."""
    horizon: float
    every: float
    """Seconds between two scores of a subject; 0: it is scored when a `scored` event comes."""
    events: list[str] = field(default_factory=list)
    """Event types that may tell something; `forewarn.outcome` with what = `outcome` is what is predicted."""
    signals: Mapping[str, str] = field(default_factory=dict)
    """Numeric fields and the type of event that carries them."""
    attributes: list[str] = field(default_factory=list)
    """Attributes of subjects that may tell something."""
    outcome: str = "failure"
    scored: str = ""
    """The type of event at which its subject is scored."""

    def lines(self) -> Iterable[bytes]:
        """Yield the events as lines of NDJSON."""
        for number, each in enumerate(self.happened):
            yield make_event(
                each.type, each.subject, each.data, id=f"{self.name}-{number}", source="recorded", time=each.time
            )

    def outcomes(self) -> dict[str, list[float]]:
        """Return when each subject had the outcome, each moment once."""
        found: dict[str, set[float]] = {}
        for each in self.happened:
            if each.type == "forewarn.outcome":
                found.setdefault(each.subject, set()).add(each.time)
        return {subject: sorted(times) for subject, times in found.items()}


def entity(time: float, subject: str, attributes: Mapping[str, object]) -> Happened:
    """Return who someone is."""
    return Happened(time, "forewarn.entity", subject, {"attributes": attributes})


def outcome(time: float, subject: str, what: str) -> Happened:
    """Return that the outcome came."""
    return Happened(time, "forewarn.outcome", subject, {"what": what, "value": 1})


def unreported(begin: float, end: float) -> list[Happened]:
    """Return that outcomes were not reported from `begin` to `end`."""
    return [
        Happened(begin, "forewarn.change", "fleet", {"what": "labels-missing"}),
        Happened(end, "forewarn.change", "fleet", {"what": "labels-back"}),
    ]
