"""Everything that is said to the public: an incident or a maintenance is declared once, told of, and ended.

The state of an entry is that of its latest update; updates are only ever added to. Subscribers are told by
`engine.status.keeper`, which finds what nobody was told of yet: so a caller's transaction stays short.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session, col, select

from engine.errors import Permanent
from engine.ids import derive
from engine.status import public
from engine.store.database import insert_ignore
from engine.store.models import StatusEntry, StatusUpdate

Impact = Literal["none", "minor", "major", "critical"]
IMPACTS: tuple[Impact, ...] = ("none", "minor", "major", "critical")
INCIDENT = ("investigating", "identified", "monitoring", "resolved")
MAINTENANCE = ("scheduled", "in_progress", "completed", "cancelled")
ENDS = ("resolved", "completed", "cancelled")
LONGEST = 30 * 86400.0
"""Seconds a maintenance window may last."""


@dataclass(frozen=True, slots=True)
class Window:
    """When a maintenance is, in epoch seconds, and what is to be expected of it."""

    starts_at: float
    ends_at: float
    impact: str = "minor"


def declare(
    session: Session,
    *,
    key: str,
    title: str,
    components: Sequence[str],
    impact: str,
    text: str,
    now: float,
    who: str,
) -> StatusEntry:
    """Declare an incident; the same `key` again changes nothing and returns the entry there is; without one it is new.

    `components` are names in status.yaml, which the caller has looked at; `who` stays internal. Raises Permanent for
    an impact that is none, and for words that are not for the public (`engine.status.public`).
    """
    key = key or derive("own", "incident", title, text, who, repr(now))
    if (known := of_key(session, key)) is not None:
        return known
    entry = StatusEntry(
        id=derive("ste", key),
        key=key,
        kind="incident",
        title=public.title(session, title),
        state="investigating",
        impact=_impact(impact),
        components=list(components),
        who=who,
        started_at=now,
        updated_at=now,
    )
    return _added(session, entry, public.words(session, text))


def maintain(
    session: Session,
    *,
    key: str,
    title: str,
    components: Sequence[str],
    window: Window,
    text: str,
    now: float,
    who: str,
) -> StatusEntry:
    """Announce a maintenance; the same `key` again changes nothing. It begins and ends by the clock.

    Raises Permanent for a window that is over, empty or too long, and as `declare`.
    """
    key = key or derive("own", "maintenance", title, text, who, repr(now))
    if (known := of_key(session, key)) is not None:
        return known
    _check(window, now)
    entry = StatusEntry(
        id=derive("ste", key),
        key=key,
        kind="maintenance",
        title=public.title(session, title),
        state="scheduled",
        impact=_impact(window.impact),
        components=list(components),
        who=who,
        started_at=window.starts_at,
        ends_at=window.ends_at,
        updated_at=now,
    )
    return _added(session, entry, public.words(session, text))


def update(
    session: Session,
    entry: str,
    *,
    text: str,
    now: float,
    who: str,
    state: str = "",
    impact: str = "",
    components: Sequence[str] | None = None,
) -> StatusEntry:
    """Say something new of an entry, given by its id or key; what is not given stays as it is.

    What has ended can be told more of, but is not opened again. Raises Permanent for an entry that is not there, for
    a state it cannot take, and as `declare`.
    """
    row = find(session, entry)
    if row.ended_at is not None and (state or impact or components is not None):
        raise Permanent(f"{row.id} is {row.state}", place="status", remedy="declare another one")
    row.state = _state(row, state)
    row.impact = _impact(impact) if impact else row.impact
    row.components = row.components if components is None else list(components)
    if row.state in ENDS and row.ended_at is None:
        row.ended_at = now
    row.updated_at = now
    session.add(row)
    _say(session, row, public.words(session, text), who, now)
    return row


def resolve(session: Session, entry: str, *, text: str, now: float, who: str) -> StatusEntry:
    """End an incident, or complete a maintenance; one that has ended stays as it is."""
    row = find(session, entry)
    if row.ended_at is not None:
        return row
    end = "resolved" if row.kind == "incident" else "completed"
    return update(session, row.id, text=text, now=now, who=who, state=end)


def find(session: Session, entry: str) -> StatusEntry:
    """Return the entry of an id or key. Raises Permanent if there is none."""
    row = of_key(session, entry) or session.get(StatusEntry, entry)
    if row is None:
        raise Permanent(f"there is no entry {entry[:80]!r}", place="status", remedy="see `forewarn status list`")
    return row


def of_key(session: Session, key: str) -> StatusEntry | None:
    """Return the entry that was declared with a key."""
    return session.exec(select(StatusEntry).where(StatusEntry.key == key)).first()


def entries(session: Session, since: float, limit: int = 500) -> Sequence[StatusEntry]:
    """Return what is going on, is to come, or ended after `since`, the latest begun first."""
    recent = (col(StatusEntry.ended_at).is_(None)) | (col(StatusEntry.ended_at) > since)
    order = col(StatusEntry.started_at).desc(), col(StatusEntry.id)
    return session.exec(select(StatusEntry).where(recent).order_by(*order).limit(limit)).all()


def updates(session: Session, entries: Sequence[str]) -> dict[str, list[StatusUpdate]]:
    """Return what was said of each of `entries`, the latest words first."""
    found: dict[str, list[StatusUpdate]] = {entry: [] for entry in entries}
    order = col(StatusUpdate.at).desc(), col(StatusUpdate.id)
    for row in session.exec(select(StatusUpdate).where(col(StatusUpdate.entry).in_(entries)).order_by(*order)):
        found[row.entry].append(row)
    return found


def _added(session: Session, entry: StatusEntry, text: str) -> StatusEntry:
    """Add an entry and its first words; where somebody else was first, return theirs."""
    if insert_ignore(session, StatusEntry, [entry]):
        _say(session, entry, text, entry.who, entry.updated_at)
    return find(session, entry.key)


def _say(session: Session, entry: StatusEntry, text: str, who: str, now: float) -> None:
    said = StatusUpdate(
        id=derive("stu", entry.id, entry.state, text, repr(now)),
        entry=entry.id,
        at=now,
        state=entry.state,
        impact=entry.impact,
        components=list(entry.components),
        text=text,
        who=who,
    )
    session.merge(said)
    session.flush()


def _state(row: StatusEntry, wanted: str) -> str:
    allowed = INCIDENT if row.kind == "incident" else MAINTENANCE
    if wanted and wanted not in allowed:
        raise Permanent(f"{row.kind}s are never {wanted!r}", place="status", remedy=f"write {', '.join(allowed)}")
    return wanted or row.state


def _impact(wanted: str) -> str:
    if wanted not in IMPACTS:
        raise Permanent(f"no impact {wanted!r}", place="status", remedy=f"write {', '.join(IMPACTS)}")
    return wanted


def _check(window: Window, now: float) -> None:
    if not window.starts_at < window.ends_at or window.ends_at <= now:
        raise Permanent("the maintenance is over before it begins", place="status", remedy="give it a later end")
    if window.ends_at - window.starts_at > LONGEST:
        raise Permanent(f"a maintenance lasts at most {LONGEST / 86400:.0f} days", place="status")
