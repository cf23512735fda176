"""The status page as it stands: what every part of it shows, in plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sqlmodel import Session

from engine.config.model.status import ComponentConfig, StatusConfig
from engine.errors import Permanent
from engine.status import book, uptime
from engine.status.uptime import DAY, DAYS, Day
from engine.store.models import StatusEntry, StatusUpdate

AHEAD = 30 * DAY
"""How long before a maintenance begins it is shown."""
STANDING: Mapping[str, str] = {
    "none": "operational",
    "minor": "degraded_performance",
    "major": "partial_outage",
    "critical": "major_outage",
}
"""What an impact is to a component, in the words that status pages have in common."""
GRAVITY = ("operational", "under_maintenance", *(STANDING[each] for each in ("minor", "major", "critical")))


@dataclass(frozen=True, slots=True)
class Entry:
    """An incident or maintenance and what was said of it, the latest words first."""

    row: StatusEntry
    said: Sequence[StatusUpdate]


@dataclass(frozen=True, slots=True)
class Component:
    """A component as it stands."""

    name: str
    config: ComponentConfig
    standing: str
    days: Sequence[Day]
    share: float
    """Of the last 90 days: how much of the time it worked."""


@dataclass(frozen=True, slots=True)
class Board:
    """The whole page."""

    components: Sequence[Component]
    entries: Sequence[Entry]
    """What is going on, is to come, or ended within 90 days; the latest begun first."""
    updated_at: float

    @property
    def worst(self) -> str:
        """How the worst component stands."""
        return max((each.standing for each in self.components), key=GRAVITY.index, default="operational")

    def groups(self) -> dict[str, list[Component]]:
        """Return the components by group, both in the order in which they were written."""
        found: dict[str, list[Component]] = {}
        for each in self.components:
            found.setdefault(each.config.group, []).append(each)
        return found

    def going_on(self) -> list[Entry]:
        """Return incidents that are not over."""
        return [each for each in self.entries if each.row.kind == "incident" and each.row.ended_at is None]

    def planned(self) -> list[Entry]:
        """Return maintenance that goes on or is to come, the next first."""
        found = [each for each in self.entries if each.row.kind == "maintenance" and each.row.ended_at is None]
        return sorted(found, key=lambda each: each.row.started_at)

    def over(self) -> list[Entry]:
        """Return what has ended, the latest first."""
        found = [each for each in self.entries if each.row.ended_at is not None]
        return sorted(found, key=lambda each: -(each.row.ended_at or 0.0))


def board(session: Session, status: StatusConfig, now: float) -> Board:
    """Return the page as it stands at `now` (epoch seconds)."""
    rows = [row for row in book.entries(session, now - DAYS * DAY) if row.started_at <= now + AHEAD]
    said = book.updates(session, [row.id for row in rows])
    entries = [Entry(row, said[row.id]) for row in rows]
    spans = [span for each in entries for span in uptime.spans(each.row, each.said, now)]
    components = [_component(name, each, rows, spans, now) for name, each in status.components.items()]
    return Board(components, entries, max((row.updated_at for row in rows), default=0.0))


def entry_of(session: Session, id_: str) -> Entry | None:
    """Return an entry, however old it is or far ahead; None if there is none."""
    row = session.get(StatusEntry, id_)
    return Entry(row, book.updates(session, [row.id])[row.id]) if row else None


def concerned(status: StatusConfig, detector: str, attributes: Mapping[str, object]) -> list[str]:
    """Return the components that an issue of `detector`, of an account with `attributes`, concerns.

    >>> api = ComponentConfig("API", detectors=("api-*",), attributes={"region": ("eu",)})
    >>> concerned(StatusConfig({"api": api}), "api-errors", {"region": "eu"})
    ['api']
    """
    return [name for name, each in status.components.items() if _concerns(each, detector, attributes)]


def known(status: StatusConfig | None, names: Sequence[str]) -> list[str]:
    """Return `names` once each. Raises Permanent for one that is no component, and without a status page."""
    if status is None:
        raise Permanent("there is no status page", place="status", remedy="write status.yaml")
    for name in names:
        if name not in status.components:
            raise Permanent(
                f"no component {name[:80]!r}", place="status", remedy=f"there are {', '.join(status.components)}"
            )
    return list(dict.fromkeys(names))


def _component(
    name: str, config: ComponentConfig, rows: Sequence[StatusEntry], spans: Sequence[uptime.Span], now: float
) -> Component:
    found = uptime.days(name, spans, now)
    return Component(name, config, _standing(name, rows), found, uptime.share(found, now))


def _standing(name: str, rows: Sequence[StatusEntry]) -> str:
    live = [row for row in rows if name in row.components and row.ended_at is None]
    incidents = [STANDING[row.impact] for row in live if row.kind == "incident"]
    work = ["under_maintenance" for row in live if row.state == "in_progress"]
    return max([*incidents, *work], key=GRAVITY.index, default="operational")


def _concerns(component: ComponentConfig, detector: str, attributes: Mapping[str, object]) -> bool:
    if not any(fnmatchcase(detector, glob) for glob in component.detectors):
        return False
    return all(str(attributes.get(name, "")) in values for name, values in component.attributes.items())
