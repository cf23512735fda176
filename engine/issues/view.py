"""An issue as it was at one moment, and one change of it: what functions that decide are given."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple

from engine.config.model import SEVERITIES, PolicyConfig

ACTIVE = ("open", "acknowledged")
ENGINE = "engine"
"""Who changed it, where no person did."""

Kind = Literal[
    "opened",
    "severity",
    "acknowledged",
    "resolved",
    "dismissed",
    "reopened",
    "expired",
    "flapping",
    "cleared_held",
]


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of the policy that an issue's life depends on; seconds."""

    reopen_within: float
    flap_count: int
    flap_seconds: float

    @classmethod
    def of(cls, policy: PolicyConfig) -> "Rules":
        """Take the rules out of `policy`."""
        return cls(float(policy.reopen_within), policy.flap.count, policy.flap.seconds)


@dataclass(frozen=True, slots=True)
class Track:
    """What an issue's next change depends on, beside its columns; kept in the evidence under `track`."""

    last: float = 0.0
    """End of the window of the latest signal."""
    cleared: bool = False
    """Whether the latest signal was `cleared`."""
    calm_since: float | None = None
    """Of a flapping issue: since when it is held open though it cleared."""
    lower_since: float | None = None
    """Since when nothing as bad as the severity was seen."""
    lower: str = ""
    """The worst severity seen since then."""
    end: Literal["", "cleared", "operator", "dismissed", "expired"] = ""


@dataclass(frozen=True, slots=True)
class IssueView:
    """An issue as it was at one moment: `engine.store.models.Issue`, unchanging."""

    id: str
    fingerprint: str
    detector: str
    series: str
    subject: str
    account: str | None
    severity: str
    status: str
    opened_at: float
    noticed_at: float
    updated_at: float
    resolved_at: float | None = None
    """When it ended, in whatever way."""
    reopened: int = 0
    """The number of the episode."""
    flapping: bool = False
    flapped: tuple[float, ...] = ()
    shadow: bool = False
    """Of a detector on trial: nothing comes of it."""
    summary: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    track: Track = Track()

    @property
    def active(self) -> bool:
        """Whether it is open or acknowledged."""
        return self.status in ACTIVE

    @property
    def began_at(self) -> float:
        """When the current episode began (event time)."""
        return self.flapped[-1] if self.flapped else self.opened_at

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The account's attributes, as they stood at the latest signal."""
        found: Mapping[str, Any] = self.evidence.get("attributes", {})
        return found


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of one issue."""

    kind: Kind
    issue: IssueView
    """As it is after the change."""
    at: float
    """The engine's clock; of two changes of one issue the later has the greater time."""
    before: str = ""
    """The severity of `severity`, `reopened` and `flapping`, else the status, before the change."""
    after: str = ""
    """The same after the change; of `opened` the severity."""
    who: str = ENGINE
    note: str = ""
    due: float | None = None
    """Of `cleared_held`: when `settle` will resolve it, if it stays calm."""


class Moved(NamedTuple):
    """What a function here returns."""

    issue: IssueView | None
    transitions: tuple[Transition, ...] = ()


def worse(one: str, other: str) -> bool:
    """Return whether severity `one` is above `other`.

    >>> worse("high", "low"), worse("low", "low")
    (True, False)
    """
    return SEVERITIES.index(one) > SEVERITIES.index(other)


def raised(severity: str) -> str:
    """Return the severity one step up.

    >>> raised("medium"), raised("critical")
    ('high', 'critical')
    """
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


_TRACK = tuple(each.name for each in fields(Track))


def track_of(evidence: Mapping[str, Any]) -> Track:
    """Read back what `track_json` wrote."""
    return Track(**evidence.get("track", {}))


def track_json(track: Track) -> dict[str, Any]:
    """Return `track` as plain JSON."""
    return {name: getattr(track, name) for name in _TRACK}
