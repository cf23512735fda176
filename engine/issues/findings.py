"""What a detector found, with what the engine knows of the series it found it in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from detectors.base import Signal
from engine.ids import derive


@dataclass(frozen=True, slots=True)
class Finding:
    """A signal, with what the engine knows of its series."""

    signal: Signal
    series: str
    """The series' key, e.g. `account/acme|endpoint=/v1/x`."""
    subject: str
    account: str | None
    severity: str
    points: tuple[tuple[float, float], ...] = ()
    """The last observations (epoch seconds, value), oldest first."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of the account, as they stood: what a playbook's `account.<attribute>` reads."""
    shadow: bool = False
    """Whether its detector is on trial."""

    @property
    def fingerprint(self) -> str:
        """The same for every signal about one thing that can be wrong."""
        return derive("fp", self.signal.detector, self.series)

    @property
    def id(self) -> str:
        """The id of the signal: the same in every replay.

        What goes on is told again of the same moment, when it has lasted longer: by its value that is another signal.
        """
        seen = self.signal
        again = (repr(seen.value),) if seen.state == "ongoing" else ()
        return derive("sig", seen.detector, self.series, seen.state, repr(seen.time), *again)

    @property
    def until(self) -> float:
        """The end of the window that made the signal."""
        return self.signal.time + self.signal.step

    def evidence(self) -> dict[str, Any]:
        """Return what was seen, with the last points, as plain JSON; numbers that JSON does not know become null."""
        return {**self.measured(), "points": [[at, finite(value)] for at, value in self.points]}

    def measured(self) -> dict[str, Any]:
        """Return what was seen without the points: most of them stood in the signal before."""
        seen = self.signal
        numbers = ("score", "value", "expected", "low", "high")
        return {
            **{name: finite(getattr(seen, name)) for name in numbers},
            "kind": seen.kind,
            "state": seen.state,
            "window": [seen.time, self.until],
            "explanation": seen.explanation,
            "extra": {name: finite(value) for name, value in seen.extra.items()},
            "attributes": dict(self.attributes),
        }


def finite(value: float) -> float | None:
    """Return `value`, or None where JSON has no number for it.

    >>> finite(float("inf"))
    """
    return value if isfinite(value) else None
